//! The place where things are measured: a server, somewhere for files, processes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zkt::plan::scope::{self, Trim};
use zkt::zookeeper::live::{self, FetchOptions};
use zkt::zookeeper::session::{Options, Session, Wait};

use crate::child::{Starter, Usage};
use crate::floor::{self, READING, Script, WRITING, Wire};
use crate::server::{Server, Setup};
use crate::subject::{Node, Subject};
use crate::table::Figure;
use crate::trees;

/// As ZooKeeper is run in earnest, with memory enough for the largest tree.
const FOR_MEASURING: Setup = Setup {
    java: &["-Xms1g", "-Xmx4g"],
    config: "",
};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// How often each thing is measured.
    pub(crate) rounds: usize,
    /// How many nodes a server is warmed up with, and how often; otherwise all use the same one.
    pub(crate) warm_up: Option<(usize, usize)>,
}

pub(crate) struct Lab {
    pub(crate) effort: Effort,
    pub(crate) server: Server,
    starter: Starter,
    folder: TempDir,
}

impl Lab {
    /// Starts a server, and warms it up.
    pub(crate) fn new(effort: Effort) -> Self {
        Self::with(effort, FOR_MEASURING)
    }

    /// The same with a server that is run in another way.
    pub(crate) fn with(effort: Effort, setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder of its own");
        let starter = Starter::new(Path::new(env!("CARGO_BIN_EXE_zkt")), folder.path());
        let lab = Self {
            effort,
            server: Server::start_as(setup),
            starter,
            folder,
        };
        lab.warm_up();
        lab
    }

    /// The same with another server, and nothing left of what the old one wrote.
    pub(crate) fn renewed(self) -> Self {
        let effort = self.effort;
        if effort.warm_up.is_none() {
            return self;
        }
        drop(self);
        Self::new(effort)
    }

    /// A server that has not compiled its code yet is several times slower.
    fn warm_up(&self) {
        let Some((nodes, rounds)) = self.effort.warm_up else {
            return;
        };
        let subject = self.subject("warm-up", &trees::mixed(nodes, "warm", 0));
        let chroot = self.chroot("warm-up");
        for _ in 0..rounds {
            self.floor(&floor::create(&chroot, &subject.nodes, WRITING));
            for _ in 0..5 {
                self.floor(&floor::read(&chroot, &subject.nodes, READING));
            }
            self.floor(&floor::set(&chroot, &subject.nodes, WRITING));
            self.floor(&floor::delete(&chroot, &subject.nodes, WRITING));
        }
    }

    /// A file to be written.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The tree of a text.
    pub(crate) fn subject(&self, name: &str, text: &str) -> Subject {
        let file = self.file(&format!("{name}.zkt"));
        std::fs::write(&file, text).expect("a file of its own");
        Subject::read(&file)
    }

    /// A new node on the server.
    pub(crate) fn chroot(&self, name: &str) -> String {
        let path = format!("/{name}");
        self.floor(&floor::create("", &[Node::empty(&path)], WRITING));
        path
    }

    /// Removes a tree from the server, and the chroot that it stands below.
    pub(crate) fn clear(&self, chroot: &str, subject: &Subject) {
        self.floor(&floor::delete(chroot, &subject.nodes, WRITING));
        self.floor(&floor::delete("", &[Node::empty(chroot)], WRITING));
    }

    /// What the floor takes, on a connection that stands already.
    pub(crate) fn floor(&self, script: &Script) -> Duration {
        Wire::connect(self.server.port()).run(script)
    }

    /// The connection string of a chroot.
    pub(crate) fn hosts(&self, chroot: &str) -> String {
        self.server.address() + chroot
    }

    /// What a run of zkt takes.
    pub(crate) fn zkt(&mut self, arguments: &[&str]) -> Usage {
        self.starter.run(arguments, None)
    }

    /// A run of zkt that writes its standard output to a file.
    pub(crate) fn zkt_to(&mut self, arguments: &[&str], file: &Path) {
        self.starter.run(arguments, Some(file));
    }

    /// A run of zkt that must say `claim` on its standard output.
    pub(crate) fn zkt_says(&mut self, arguments: &[&str], claim: &str) {
        let file = self.file("stdout");
        self.zkt_to(arguments, &file);
        let said = std::fs::read_to_string(&file).expect("what it said");
        let end = said.lines().last().unwrap_or_default();
        assert!(
            said.lines().any(|line| line.contains(claim)),
            "zkt {} does not say {claim:?}; it ends with {end:?}",
            arguments.join(" ")
        );
    }

    /// What the reading stage of a plan takes, on a session that stands already.
    pub(crate) fn fetch(&self, subject: &Subject, chroot: &str) -> Duration {
        // As the command runs it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let options = Options {
            hosts: self.hosts(chroot),
            session_timeout: Duration::from_secs(10),
            request_timeout: None,
            max_request: zkt::model::request::MAX_REQUEST,
            wait: Wait::No,
            credentials: Vec::new(),
            sasl: None,
            tls: zkt::Tls::default(),
        };
        runtime.block_on(async {
            let session = Session::connect(&options).await.expect("a session");
            let start = Instant::now();
            let wants = scope::of(&subject.tree, Trim::None);
            let options = FetchOptions::default();
            let live = live::fetch(&session, &wants, &options, &mut |_| {}).await;
            let took = start.elapsed();
            assert_eq!(live.expect("a tree").len(), subject.nodes.len());
            session.close().await;
            took
        })
    }
}

/// The runs of one thing.
#[derive(Debug, Default)]
pub(crate) struct Runs(Vec<f64>);

impl Runs {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64());
    }

    pub(crate) fn add_number(&mut self, number: f64) {
        self.0.push(number);
    }

    pub(crate) fn figure(&self) -> Figure {
        Figure::of(&self.0)
    }
}

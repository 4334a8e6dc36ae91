//! `zkt serve` beside ZooKeeper without fsync: it is to be the bottleneck of no test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::floor::{self, Pace, READING, Script, WRITING, Wire};
use crate::lab::{Lab, Runs};
use crate::server::Setup;
use crate::subject::Node;
use crate::table::{Figure, Goal, Row, Section, Unit};
use crate::trees;

/// As for measuring otherwise, but nothing waits for the disk.
pub(crate) const WITHOUT_FSYNC: Setup = Setup {
    java: &["-Xms1g", "-Xmx4g", "-Dzookeeper.forceSync=no"],
    config: "forceSync=no\n",
};

/// One operation in each request, as most clients send them.
const SINGLY: Pace = Pace {
    operations: 1,
    window: 100,
    ..READING
};

/// How long it may be from the start of the process to its first reply.
const FIRST_REPLY: Duration = Duration::from_millis(20);

/// How often that is measured.
const STARTS: usize = 20;

/// A running `zkt serve`.
struct Serving {
    child: Child,
    port: u16,
}

impl Serving {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_zkt"))
            .args(["serve", "--listen", ":0", "--quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut address = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        let read = BufReader::new(stdout).read_line(&mut address);
        read.expect("an address");
        let port = address.trim_end().rsplit(':').next().map(str::parse);
        let port = port.and_then(Result::ok).expect("a port");
        Self { child, port }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// With a lab whose server is run [`WITHOUT_FSYNC`].
pub(crate) fn measure(lab: &Lab, nodes: usize) -> Section {
    let serving = Serving::start();
    let ports = [lab.server.port(), serving.port];
    let subject = lab.subject("served", &trees::mixed(nodes, "served", 1));
    let chroot = "/served";
    for port in ports {
        run(port, &floor::create("", &[Node::empty(chroot)], WRITING));
    }
    let delete = floor::delete(chroot, &subject.nodes, WRITING);
    let mut rows = Vec::new();
    for (how, writing, reading) in [
        ("in batches", WRITING, READING),
        ("one a request", SINGLY, SINGLY),
    ] {
        let create = floor::create(chroot, &subject.nodes, writing);
        let read = floor::read(chroot, &subject.nodes, reading);
        let (mut created, mut was_read) = ([Runs::new(), Runs::new()], [Runs::new(), Runs::new()]);
        for _ in 0..lab.effort.rounds {
            for (at, port) in ports.into_iter().enumerate() {
                created[at].add(run(port, &create));
                was_read[at].add(run(port, &read));
                run(port, &delete);
            }
        }
        for (what, [real, embedded]) in [("creating", created), ("reading", was_read)] {
            rows.push(Row {
                what: format!("{what}, {how}"),
                unit: Unit::Seconds,
                against: real.figure(),
                zkt: embedded.figure(),
                goal: Goal::AtMost(1.0),
            });
        }
    }
    rows.push(first_reply());
    Section {
        name: "the embedded server".to_owned(),
        about: format!("{}, against ZooKeeper without fsync", subject.about()),
        rows,
    }
}

fn run(port: u16, script: &Script) -> Duration {
    Wire::connect(port).run(script)
}

/// From the start of the process to the answer to its first request, with a session between them.
fn first_reply() -> Row {
    let create = floor::create("", &[Node::empty("/first")], WRITING);
    let mut replied = Runs::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        let serving = Serving::start();
        run(serving.port, &create);
        replied.add(start.elapsed());
    }
    Row {
        what: "start to first reply: the goal".to_owned(),
        unit: Unit::Seconds,
        against: Figure::computed(FIRST_REPLY.as_secs_f64()),
        zkt: replied.figure(),
        goal: Goal::AtMost(1.0),
    }
}

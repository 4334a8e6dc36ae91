//! Several real servers on the loopback interface that elect a leader, with a relay on each way between two of
//! them, and what befalls servers.

mod links;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) use links::Gate;
use links::Links;

use super::process::{end, four_letters, free_port, supervised};

/// Long enough for any election on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Servers that find a loss soon, with little memory, and do not wait for the disk.
const JAVA: &[&str] = &[
    "-Xmx160m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dzookeeper.forceSync=no",
    // Asks again sooner whether there is a leader.
    "-Dzookeeper.fastleader.maxNotificationInterval=1000",
];

/// Whether a server votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Voter,
    Observer,
}

/// An ensemble; its servers end with it.
pub(crate) struct Quorum {
    members: Vec<Member>,
    links: Links,
}

struct Member {
    directory: PathBuf,
    java: Vec<&'static str>,
    port: u16,
    supervisor: Option<Child>,
}

impl Quorum {
    /// Starts servers in these roles, with options of Java beyond the usual ones, and waits until all serve.
    pub(crate) fn start(roles: &[Role], java: &[&'static str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        crate::watchdog::watch();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("zkt-quorum-{}-{count}", std::process::id());
        let peers: Vec<_> = roles.iter().map(|_| (free_port(), free_port())).collect();
        let links = Links::between(&peers);
        let member = |index: usize| {
            let directory = std::env::temp_dir().join(format!("{name}-{}", index + 1));
            fs::create_dir_all(directory.join("data")).unwrap();
            fs::write(directory.join("data/myid"), (index + 1).to_string()).unwrap();
            let port = free_port();
            let mut config = format!(
                "dataDir={}/data\nclientPortAddress=127.0.0.1\nclientPort={port}\ntickTime=500\n\
                 initLimit=5\nsyncLimit=4\nminSessionTimeout=500\nmaxSessionTimeout=60000\n\
                 maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=*\n\
                 forceSync=no\npreAllocSize=1024\n",
                directory.display()
            );
            if roles[index] == Role::Observer {
                config += "peerType=observer\n";
            }
            for (other, role) in roles.iter().enumerate() {
                let (quorum, election) = links.doors(index, other).unwrap_or(peers[index]);
                let ending = match role {
                    Role::Voter => "",
                    Role::Observer => ":observer",
                };
                let number = other + 1;
                _ = writeln!(
                    config,
                    "server.{number}=127.0.0.1:{quorum}:{election}{ending}"
                );
            }
            fs::write(directory.join("zoo.cfg"), config).unwrap();
            Member {
                directory,
                java: [JAVA, java].concat(),
                port,
                supervisor: None,
            }
        };
        let members = (0..roles.len()).map(member).collect();
        let mut quorum = Self { members, links };
        for index in 0..roles.len() {
            quorum.restart(index);
        }
        quorum.becomes_whole();
        quorum
    }

    /// Starts three that vote.
    pub(crate) fn of_three() -> Self {
        Self::start(&[Role::Voter; 3], &[])
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        self.members.iter().map(|member| member.port)
    }

    /// `127.0.0.1:PORT` of one.
    pub(crate) fn address(&self, index: usize) -> String {
        format!("127.0.0.1:{}", self.members[index].port)
    }

    /// The servers, as connection strings have them.
    pub(crate) fn hosts(&self) -> String {
        let ports = self.ports().map(|port| format!("127.0.0.1:{port}"));
        ports.collect::<Vec<_>>().join(",")
    }

    /// What a server says it is: `leader`, `follower`, `observer`, `read-only`. `None` if it does not serve.
    pub(crate) fn mode(&self, index: usize) -> Option<String> {
        let answer = four_letters(self.members[index].port, "srvr")?;
        let mode = answer
            .lines()
            .find_map(|line| line.strip_prefix("Mode: "))?;
        Some(mode.to_owned())
    }

    /// The server that leads the others, as soon as there is one.
    pub(crate) fn leader(&self) -> usize {
        let leads = |index: &usize| self.mode(*index).as_deref() == Some("leader");
        self.until("there is no leader", || (0..self.members.len()).find(leads))
    }

    /// Waits until one server leads, and all others serve with it.
    pub(crate) fn becomes_whole(&self) {
        self.until("not all serve", || {
            let modes = (0..self.members.len()).map(|index| self.mode(index));
            let modes: Vec<_> = modes.collect::<Option<_>>()?;
            let leaders = modes.iter().filter(|mode| *mode == "leader").count();
            let readers = modes.iter().filter(|mode| *mode == "read-only").count();
            (leaders == 1 && readers == 0).then_some(())
        });
    }

    /// Waits until a server says that it is this; `None` stands for one that does not serve.
    pub(crate) fn becomes(&self, index: usize, mode: Option<&str>) {
        let what = format!("server {} is not {mode:?}", index + 1);
        self.until(&what, || {
            (self.mode(index).as_deref() == mode).then_some(())
        });
    }

    fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}:\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The end of what each server said.
    fn logs(&self) -> String {
        let end = |member: &Member| {
            let text = fs::read_to_string(member.directory.join("log")).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(40)..].join("\n");
            format!("--- {}\n{last}\n", member.directory.display())
        };
        self.members.iter().map(end).collect()
    }

    /// Kills a server at once, and keeps its data.
    pub(crate) fn kill(&mut self, index: usize) {
        if let Some(supervisor) = self.members[index].supervisor.take() {
            end(supervisor, "keep\n");
        }
    }

    /// Starts a server that was killed, and does not wait for it.
    pub(crate) fn restart(&mut self, index: usize) {
        let member = &mut self.members[index];
        assert!(member.supervisor.is_none(), "the server is running");
        member.supervisor = Some(supervised(&member.directory, &member.java));
    }

    /// What becomes of everything between one server and the others.
    pub(crate) fn set_apart(&self, index: usize, gate: Gate) {
        self.links.set(index, gate);
    }

    /// From now on, the server can write to no file, as on a full disk.
    pub(crate) fn fill_disk(&self, index: usize) {
        self.limit_files(index, "0");
    }

    /// The disk has space again.
    ///
    /// A server whose disk was full ends, or it stays and serves nobody: an operator starts it again.
    pub(crate) fn free_disk(&mut self, index: usize) {
        self.kill(index);
        self.restart(index);
    }

    /// Only root may go beyond the hard limit, so that one stays.
    fn limit_files(&self, index: usize, bytes: &str) {
        let pid = fs::read_to_string(self.members[index].directory.join("pid")).unwrap();
        let limited = Command::new("prlimit")
            .args(["--pid", pid.trim(), &format!("--fsize={bytes}:")])
            .status();
        assert!(limited.unwrap().success(), "prlimit is of util-linux");
    }
}

impl Drop for Quorum {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        for index in 0..self.members.len() {
            self.kill(index);
            let _ = fs::remove_dir_all(&self.members[index].directory);
        }
    }
}

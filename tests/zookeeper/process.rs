//! A real ZooKeeper for tests and benchmarks, with a class path from the environment, and to be killed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const MISSING: &str = "\
this needs ZooKeeper and Java: apt-get install -y zookeeper, or set ZKT_TEST_ZOOKEEPER_CLASSPATH to \
the jars of a ZooKeeper release; `make test-embedded` runs the tests that need neither";

/// Java runs below a shell that kills it as soon as the shell's standard input ends. The other end
/// of that pipe is held by the test process, so the server goes however the test process goes.
const SUPERVISOR: &str = r#"
trap '' HUP INT TERM
dir=$1; shift
"$@" </dev/null >"$dir/log" 2>&1 &
pid=$!
echo $pid >"$dir/pid"
word=
read -r word
kill -9 $pid
wait $pid 2>/dev/null
[ "$word" = keep ] || rm -rf "$dir"
"#;

/// How a server is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// What Java is told.
    pub(crate) java: &'static [&'static str],
    /// Lines of the configuration beyond those that every server here has.
    pub(crate) config: &'static str,
}

/// The shortest and the longest session timeout.
pub(crate) const SESSION_TIMEOUTS: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(60));

/// It starts fast, takes little memory, and does not wait for the disk.
pub(crate) const FOR_TESTS: Setup = Setup {
    java: &[
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dzookeeper.forceSync=no",
    ],
    config: "forceSync=no\npreAllocSize=4096\n",
};

/// A ZooKeeper server.
pub(crate) struct Server {
    setup: Setup,
    port: u16,
    directory: PathBuf,
    supervisor: Option<Child>,
}

impl Server {
    /// Starts a private server.
    pub(crate) fn start() -> Self {
        Self::start_as(FOR_TESTS)
    }

    /// Starts a private server that is run in another way.
    pub(crate) fn start_as(setup: Setup) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "zkt-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut server = Self {
            setup,
            port: free_port(),
            directory,
            supervisor: None,
        };
        server.restart();
        server
    }

    /// Starts the server again after [`Server::kill`], at the same port with the same data.
    pub(crate) fn restart(&mut self) {
        assert!(self.supervisor.is_none(), "the server is running");
        let directory = self.directory.display();
        let (shortest, longest) = SESSION_TIMEOUTS;
        let text = format!(
            "dataDir={directory}/data\nclientPortAddress=127.0.0.1\nclientPort={}\ntickTime=2000\n\
             minSessionTimeout={}\nmaxSessionTimeout={}\nmaxClientCnxns=0\n\
             admin.enableServer=false\n4lw.commands.whitelist=*\nextendedTypesEnabled=true\n{}",
            self.port,
            shortest.as_millis(),
            longest.as_millis(),
            self.setup.config
        );
        fs::write(self.directory.join("zoo.cfg"), text).unwrap();
        self.supervisor = Some(supervised(&self.directory, self.setup.java));
        self.await_ready();
    }

    fn await_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let log = self.directory.join("log");
        // It answers `ruok` before it takes sessions, so that is not the question.
        while !four_letters(self.port, "srvr").is_some_and(|answer| answer.contains("Mode: ")) {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let failed = ["not found", "Could not find or load", "exiting abnormally"];
            if failed.iter().any(|mark| text.contains(mark)) || Instant::now() > deadline {
                panic!("{MISSING}; the server does not start: {text}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server at once, as `kill -9` does, and keeps its data.
    pub(crate) fn kill(&mut self) {
        self.end("keep\n");
    }

    fn end(&mut self, word: &str) {
        if let Some(supervisor) = self.supervisor.take() {
            end(supervisor, word);
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port on the loopback interface.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("");
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Starts Java with the configuration `zoo.cfg` in this folder. Its log is `log` there, the number of its process
/// `pid`.
pub(crate) fn supervised(directory: &Path, java: &[&str]) -> Child {
    let mut command = Command::new("sh");
    command
        .args(["-c", SUPERVISOR, "zkt-test-zookeeper"])
        .arg(directory);
    command
        .arg("java")
        .args(java.iter().map(|word| as_packaged(word)));
    command.arg("-Dzookeeper.extendedTypesEnabled=true");
    command.args(["-Dzookeeper.admin.enableServer=false", "-cp", &class_path()]);
    command.arg(main_class()).arg(directory.join("zoo.cfg"));
    // In a group of its own, ^C at the terminal reaches only the test process.
    command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{MISSING}: {error}"))
}

/// Kills the server below this supervisor, as `kill -9` does; after the word `keep` its folder stays.
pub(crate) fn end(mut supervisor: Child, word: &str) {
    if let Some(mut stdin) = supervisor.stdin.take() {
        let _ = stdin.write_all(word.as_bytes());
    }
    let _ = supervisor.wait();
}

/// What the server at a port answers to one of its administrative commands.
pub(crate) fn four_letters(port: u16, word: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(word.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A port that no server listens on now, outside the range of outgoing connections, so that it
/// stays free while a server is down.
pub(crate) fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let n = std::process::id() * 37 + COUNT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (n % 12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub(crate) fn class_path() -> String {
    if let Ok(path) = std::env::var("ZKT_TEST_ZOOKEEPER_CLASSPATH") {
        return path;
    }
    // The manifest of Debian's zookeeper.jar names all that it needs.
    let jar = "/usr/share/java/zookeeper.jar";
    assert!(Path::new(jar).exists(), "{MISSING}");
    // But for some of Netty's.
    let netty = ["codec", "resolver", "transport-native-unix-common"];
    let netty = netty.map(|name| format!("/usr/share/java/netty-{name}.jar"));
    [&[jar.to_owned()], &netty[..]].concat().join(":")
}

/// A text with ZooKeeper's classes as the server has them: inside another project's jar their package is another
/// one.
pub(crate) fn as_packaged(text: &str) -> String {
    let (main, usual) = (main_class(), "org.apache.zookeeper.");
    text.replace(usual, main.split_inclusive(usual).next().unwrap_or(usual))
}

/// The class that is started; that of a server inside another project's jar has another name.
fn main_class() -> String {
    let usual = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    std::env::var("ZKT_TEST_ZOOKEEPER_MAIN").unwrap_or_else(|_| usual.to_owned())
}

//! The binary as people and scripts see it: stdout, stderr, exit code, and what then stands.

mod apply;
mod audit;
mod commits;
mod completion;
mod config;
mod connect;
mod drift;
mod examples;
mod fence;
mod files;
mod handover;
mod interactive;
mod keeper;
mod laws;
mod moved;
mod nodes;
mod offline;
mod owner;
mod picture;
mod pipelines;
mod plan;
mod policy;
mod read;
mod review;
mod reviewed;
mod rights;
mod sasl;
mod saved;
mod scripts;
mod secrets;
pub(crate) mod serve;
pub(crate) mod service;
mod silence;
mod sizes;
mod team;
mod tls;
pub(crate) mod watch;

use std::fmt;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use zkt::model::acl::Acl;
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::zookeeper::live;
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, Client, CreateMode};

use crate::server;

/// A folder, and a place on the shared server where there is one.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) hosts: String,
}

/// How a command ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Without a server; what needs one anyway finds a port that nobody listens on.
    pub(crate) fn offline() -> Self {
        crate::watchdog::watch();
        Self {
            folder: tempfile::tempdir().unwrap(),
            hosts: "127.0.0.1:1".to_owned(),
        }
    }

    /// On a server of its own.
    pub(crate) fn at(hosts: &str) -> Self {
        Self {
            hosts: hosts.to_owned(),
            ..Self::offline()
        }
    }

    /// With a node of its own on the shared server.
    pub(crate) async fn new(name: &str) -> Self {
        let server = server::shared();
        let hosts = server.address() + &server.chroot(name).await;
        Self {
            hosts,
            ..Self::offline()
        }
    }

    /// The same node through another door.
    pub(crate) fn through(&self, address: &str) -> String {
        let hosts = self.hosts.rsplit("://").next().unwrap();
        let (_, chroot) = hosts.split_once('/').unwrap();
        format!("{address}/{chroot}")
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.hosts).await.unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// With the files of a case in `fixtures/cases` in its folder.
    pub(crate) fn case(&self, name: &str) -> &Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/cases");
        for entry in fs::read_dir(folder.join(name)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, self.path("").join(path.file_name().unwrap())).unwrap();
        }
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A command in this folder, connected to this place, its words told by blanks.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkt"));
        command.args(words.split_whitespace());
        self.prepare(&mut command);
        command
    }

    pub(crate) fn prepare(&self, command: &mut Command) {
        for name in [
            "ZC_ZK_CONNECTION_STRING",
            "ZKT_AUTH",
            "ZKT_KERBEROS",
            "ZKT_KERBEROS_HOST",
            "ZKT_KERBEROS_SERVICE",
            "ZKT_SASL_PASSWORD",
            "ZKT_SASL_PASSWORD_FILE",
            "ZKT_SASL_USER",
            "ZKT_TLS",
            "ZKT_TLS_CA",
            "ZKT_TLS_CERT",
            "ZKT_TLS_KEY",
            "ZKT_TLS_PASSWORD",
            "ZKT_TLS_PASSWORD_FILE",
            "ZKT_TLS_CA_PASSWORD",
            "ZKT_TLS_CA_PASSWORD_FILE",
            "ZKT_TLS_SERVER_NAME",
            "ZKT_TLS_INSECURE_SKIP_VERIFY",
            "GITHUB_WORKSPACE",
            "ZKT_CONTEXT",
            "ZKT_CONFIG",
            "CI",
            "NO_COLOR",
            "RUST_LOG",
        ] {
            command.env_remove(name);
        }
        command
            .current_dir(self.folder.path())
            .env("ZKT_CONNECT", &self.hosts)
            .env("COLUMNS", "100")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    pub(crate) fn run(&self, words: &str) -> Run {
        self.finish(self.command(words).spawn().unwrap())
    }

    /// With the servers that a `zkt.toml` names.
    pub(crate) fn run_by_file(&self, words: &str) -> Run {
        let mut command = self.command(words);
        command.env_remove("ZKT_CONNECT");
        self.finish(command.spawn().unwrap())
    }

    /// Makes a named pipe.
    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }

    /// With text on standard input.
    pub(crate) fn run_with(&self, words: &str, input: &str) -> Run {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        self.finish(child)
    }

    /// The end of a command, with this place's own names replaced.
    pub(crate) fn finish(&self, child: Child) -> Run {
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            let folder = self.folder.path().display().to_string();
            text.replace(&self.hosts, "SERVER").replace(&folder, "DIR")
        };
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// All nodes with their data, versions, and where not open, ACLs; this place itself left out.
    pub(crate) async fn nodes(&self) -> String {
        self.tree(|path, node| {
            let acl = node.acl.clone().unwrap_or_default();
            let acl = if *acl == Acl::open() {
                String::new()
            } else {
                format!(" {acl}")
            };
            let data = String::from_utf8_lossy(&node.data);
            format!("{path} {data:?} v{}{acl}\n", node.version.get())
        })
        .await
    }

    /// All nodes byte for byte, with the transaction that wrote each last.
    pub(crate) async fn exactly(&self) -> String {
        self.tree(|path, node| {
            let (version, acl) = (node.version.get(), node.acl_version.get());
            format!("{path} {:?} {version} {acl} {}\n", node.data, node.mzxid)
        })
        .await
    }

    async fn tree(&self, line: impl Fn(&ZPath, &zkt::model::node::LiveNode) -> String) -> String {
        let session = Session::connect(&server::options(&self.hosts))
            .await
            .unwrap();
        let tree = live::read_subtree(&session, &ZPath::root(), true, &mut |_| {})
            .await
            .unwrap();
        session.close().await;
        let nodes = tree.iter().filter(|(path, _)| !path.is_root());
        nodes
            .map(|(path, live)| match live {
                Live::Read(node) => line(path, node),
                _ => format!("{path} unreadable\n"),
            })
            .collect()
    }
}

pub(crate) async fn create(client: &Client, path: &str, data: impl AsRef<[u8]>) {
    create_as(client, path, data, CreateMode::Persistent).await;
}

pub(crate) async fn create_as(
    client: &Client,
    path: &str,
    data: impl AsRef<[u8]>,
    mode: CreateMode,
) {
    let options = mode.with_acls(Acls::anyone_all());
    client.create(path, data.as_ref(), &options).await.unwrap();
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stdout)?;
        if !self.stderr.is_empty() {
            write!(f, "--- stderr\n{}", self.stderr)?;
        }
        writeln!(f, "--- exit {}", self.code)
    }
}

impl Run {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// With the times replaced at which nodes were written.
    pub(crate) fn undated(mut self) -> Self {
        let before = "(data last written ";
        let parts = self.stderr.split(before).enumerate();
        let undated = parts.map(|(i, part)| match part.split_once('Z') {
            Some((time, rest)) if i > 0 && time.len() == "2026-11-29T00:41:20".len() => {
                format!("{before}TIME{rest}")
            }
            _ => part.to_owned(),
        });
        self.stderr = undated.collect();
        self
    }

    pub(crate) fn last(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    /// What stands on stdout, one JSON value a line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn everything(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill")
        .args(["-s", name, &id])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Whether a file is executable by its owner, readable by others, and so on.
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A command that sees a terminal, made by script(1).
struct Terminal {
    child: Child,
    seen: String,
}

impl Terminal {
    pub(crate) fn start(place: &Place, words: &str) -> Self {
        let mut command = Command::new("script");
        command.arg("-qec");
        command.arg(format!("{} {words}", env!("CARGO_BIN_EXE_zkt")));
        command.arg("/dev/null");
        place.prepare(&mut command);
        command.env("NO_COLOR", "1").stdin(Stdio::piped());
        Self {
            child: command.spawn().unwrap(),
            seen: String::new(),
        }
    }

    /// Reads until a text has come, which is then not found again.
    fn until(&mut self, text: &str) -> String {
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut buffer = [0; 4096];
        loop {
            if let Some(at) = self.seen.find(text) {
                return self.seen.drain(..at + text.len()).collect();
            }
            let count = stdout.read(&mut buffer).unwrap();
            assert!(count > 0, "{text:?} does not come: {}", self.seen);
            let piece = String::from_utf8_lossy(&buffer[..count]);
            self.seen.push_str(&piece.replace('\r', ""));
        }
    }

    fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
    }

    /// The rest of what it says, and the exit code.
    fn end(mut self) -> (String, i32) {
        let mut rest = Vec::new();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_end(&mut rest).unwrap();
        let rest = String::from_utf8_lossy(&rest).replace('\r', "");
        let status = self.child.wait().unwrap();
        (self.seen + &rest, status.code().unwrap())
    }
}

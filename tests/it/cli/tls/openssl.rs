//! Servers of OpenSSL with what is too weak or too old: what is said then.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::Place;

/// Keys and certificates: of version 1, with a short key, with an old signature, with an extension that nobody knows.
const KEYS: &str = r#"
set -eu
exec 2>&1
key() { # NAME BITS
    openssl req -newkey rsa:$2 -nodes -keyout $1.key -out $1.csr -subj /CN=$1
}
sign() { # NAME OPTIONS
    name=$1; shift
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $name.pem -days 100 "$@"
}
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 100 -subj /CN=authority
echo subjectAltName=IP:127.0.0.1 >names
key good 2048; sign good -extfile names
key short 1024; sign short -extfile names
key sha1 2048; sign sha1 -extfile names -sha1
key first 2048; sign first
(cat names; echo 1.2.3.4=critical,DER:05:00) >unknown
key strange 2048; sign strange -extfile unknown
"#;

/// A server of OpenSSL, which ends when it is dropped.
struct Server {
    child: Child,
    /// What it says has to go somewhere.
    _said: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    /// With the key and the certificate of this name.
    fn start(place: &Place, name: &str, words: &str) -> Self {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0"]);
        command.args(["-cert", &format!("{name}.pem"), "-key"]);
        command.arg(format!("{name}.key"));
        command.args(["-cipher", "DEFAULT@SECLEVEL=0"]);
        command.args(words.split_whitespace());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null());
        command.current_dir(place.path(""));
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "no openssl s_server");
            let address = line.strip_prefix("ACCEPT ");
            if let Some((_, port)) = address.and_then(|address| address.trim().rsplit_once(':')) {
                break port.parse().unwrap();
            }
        };
        Self {
            child,
            _said: said,
            port,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[test]
fn what_is_too_weak_or_too_old_is_said_in_words() {
    let place = Place::at("127.0.0.1:1");
    let mut keys = Command::new("bash");
    let keys = keys.args(["-c", KEYS]).current_dir(place.path(""));
    let keys = keys.output().unwrap();
    let said = String::from_utf8_lossy(&keys.stdout);
    assert!(keys.status.success(), "{said}");
    for (name, words, expected) in [
        (
            "first",
            "",
            "its certificate is not accepted: it is of an old version of X.509, and only version 3 is accepted",
        ),
        (
            "short",
            "",
            "its certificate is not accepted: its key has 1024 bits, and RSA keys need at least 2048",
        ),
        (
            "sha1",
            "",
            "its certificate is not accepted: it is signed in a way that is not accepted (SHA-1?)",
        ),
        (
            "strange",
            "",
            "its certificate is not accepted: unsupported critical extension",
        ),
        ("good", "-tls1", "it has neither TLS 1.2 nor TLS 1.3"),
        ("good", "-tls1_1", "it has neither TLS 1.2 nor TLS 1.3"),
        (
            "good",
            "-tls1_2 -cipher AES128-SHA:@SECLEVEL=0",
            "it has no TLS cipher or signature in common with this client",
        ),
    ] {
        let server = Server::start(&place, name, words);
        let hosts = format!("tcp+tls://127.0.0.1:{}", server.port);
        let run = place
            .run(&format!("ls --tls-ca ca.pem -c {hosts}"))
            .expect(1);
        let expected = format!("error: cannot reach a ZooKeeper server at {hosts}/: {expected}\n");
        assert_eq!(run.stderr, expected, "{name}");
    }
    let sound = std::fs::read_to_string(place.path("good.key")).unwrap();
    let damaged = sound
        .lines()
        .enumerate()
        .map(|(number, line)| match number {
            5 => line.chars().rev().collect::<String>() + "\n",
            _ => format!("{line}\n"),
        });
    place.file("damaged.key", damaged.collect::<String>());
    // No server is asked.
    for (words, expected) in [
        (
            "--tls-ca ca.key",
            "ca.key: it holds a private key, and no certificate",
        ),
        (
            "--tls-cert short.pem --tls-key short.key",
            "short.key: the key cannot be used: it cannot be read, or is of a kind that is not taken (RSA with 2048 to \
             4096 bits, ECDSA with P-256 or P-384, and Ed25519 are)",
        ),
        (
            "--tls-cert good.pem --tls-key damaged.key",
            "damaged.key: the key cannot be used: it cannot be read, or is of a kind that is not taken (RSA with 2048 to \
             4096 bits, ECDSA with P-256 or P-384, and Ed25519 are)",
        ),
        (
            "--tls-cert first.pem --tls-key first.key",
            "first.pem: the certificate cannot be used: it is of an old version of X.509, and only version 3 is accepted",
        ),
        (
            "--tls-cert good.pem --tls-key first.key",
            "the key of first.key is not that of the certificate of good.pem",
        ),
    ] {
        let run = place.run(&format!("ls --tls {words}")).expect(1);
        let said = run.stderr.lines().next().unwrap_or_default();
        assert_eq!(said, format!("error: TLS: {expected}"));
    }
}

//! Commands that authenticate by Kerberos, with a KDC and real servers of their own: `make test-kerberos`.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cli::{Place, Run};
use crate::real::netty::NETTY;
use crate::real::process::{FOR_TESTS, Server, Setup, free_port};
use crate::tls::{Authority, Door};

/// The KDC ends with the shell's standard input, so it goes however the test goes.
const SUPERVISOR: &str = r#"
PATH=$PATH:/usr/sbin:/sbin
set -eu
{
    kdb5_util create -s -r ZKT.TEST -P master
    for name in zookeeper/localhost ops; do
        kadmin.local -r ZKT.TEST -q "addprinc -randkey $name"
        kadmin.local -r ZKT.TEST -q "ktadd -k $1/${name%/*}.keytab $name"
    done
} >"$1/log" 2>&1 </dev/null
krb5kdc -n -r ZKT.TEST >>"$1/log" 2>&1 </dev/null &
pid=$!
read -r word || true
kill -9 $pid
"#;

/// The realm `ZKT.TEST` with a KDC, a server `zookeeper/localhost` and a user `ops`.
struct Kdc {
    folder: TempDir,
    supervisor: Child,
}

impl Kdc {
    fn start() -> Self {
        crate::watchdog::watch();
        let folder = tempfile::tempdir().unwrap();
        let (at, port) = (folder.path().display(), free_port());
        let file =
            |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        file(
            "krb5.conf",
            format!(
                "[libdefaults]\n default_realm = ZKT.TEST\n dns_lookup_kdc = false\n\
                 dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n\
                 [realms]\n ZKT.TEST = {{\n kdc = 127.0.0.1:{port}\n }}\n"
            ),
        );
        file(
            "kdc.conf",
            format!(
                "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
                 [realms]\n ZKT.TEST = {{\n database_name = {at}/principal\n key_stash_file = {at}/stash\n \
                 acl_file = {at}/acl\n }}\n"
            ),
        );
        let mut supervisor = Command::new("sh");
        supervisor
            .args(["-c", SUPERVISOR, "zkt-test-kdc"])
            .arg(folder.path());
        supervisor.env("KRB5_CONFIG", folder.path().join("krb5.conf"));
        supervisor.env("KRB5_KDC_PROFILE", folder.path().join("kdc.conf"));
        let mut supervisor = supervisor.stdin(Stdio::piped()).spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = supervisor.try_wait().unwrap() {
                let log = std::fs::read_to_string(folder.path().join("log"));
                panic!(
                    "no KDC (make setup-kerberos): {status}: {}",
                    log.unwrap_or_default()
                );
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Self { folder, supervisor }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gets a ticket for `ops` into a cache.
    fn ticket(&self, cache: &str) -> String {
        let cache = format!("FILE:{}", self.path(cache).display());
        let mut kinit = Command::new("kinit");
        kinit
            .args(["-c", &cache, "-k", "-t"])
            .arg(self.path("ops.keytab"));
        let status = kinit
            .arg("ops")
            .env("KRB5_CONFIG", self.path("krb5.conf"))
            .status();
        assert!(status.unwrap().success());
        cache
    }

    /// A server that is `zookeeper/localhost`.
    fn server(&self, setup: Setup) -> Server {
        let jaas = self.path("jaas.conf");
        let text = format!(
            "Server {{\n com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true \
             useTicketCache=false keyTab=\"{}\" principal=\"zookeeper/localhost@ZKT.TEST\";\n}};\n",
            self.path("zookeeper.keytab").display()
        );
        std::fs::write(&jaas, text).unwrap();
        let words = [
            format!("-Djava.security.krb5.conf={}", self.path("krb5.conf").display()),
            format!("-Djava.security.auth.login.config={}", jaas.display()),
            "-Dzookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
                .to_owned(),
            "-Dzookeeper.sessionRequireClientSASLAuth=true".to_owned(),
        ];
        let mut java = setup.java.to_vec();
        java.extend(words.map(|word| &*word.leak()));
        let java = java.leak();
        Server::start_as(Setup { java, ..setup })
    }

    fn run(&self, place: &Place, words: &str, variables: &[(&str, &str)]) -> Run {
        let mut command = place.command(words);
        command.env("KRB5_CONFIG", self.path("krb5.conf"));
        command
            .env_remove("KRB5_CLIENT_KTNAME")
            .envs(variables.iter().copied());
        place.finish(command.spawn().unwrap())
    }
}

impl Drop for Kdc {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.supervisor.stdin.take() {
            _ = stdin.write_all(b"end\n");
        }
        _ = self.supervisor.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_ticket_or_a_keytab_is_enough() {
    let kdc = Kdc::start();
    let cache = kdc.ticket("cache");
    let keytab = kdc.path("ops.keytab").display().to_string();
    let tickets = [("KRB5CCNAME", &*cache)];
    for setup in [FOR_TESTS, NETTY] {
        let server = kdc.server(setup);
        let place = Place::at(&format!("localhost:{}", server.port()));
        place.file(
            "a.zkt",
            "/a\n  @acl auth::cdrwa\n  x = 1\n/b\n  @acl sasl:ops@ZKT.TEST:cdrwa\n",
        );
        kdc.run(&place, "apply -y a.zkt --kerberos", &tickets)
            .expect(0);
        let same = "plan --detailed-exitcode a.zkt --kerberos";
        kdc.run(&place, same, &tickets).expect(0);
        let run = kdc.run(&place, "audit / --kerberos", &tickets).expect(0);
        assert!(run.stdout.contains("sasl:ops@ZKT.TEST:cdrwa"), "{run}");
        for _ in 0..5 {
            let by_keytab = [("KRB5CCNAME", "MEMORY:"), ("KRB5_CLIENT_KTNAME", &*keytab)];
            let run = kdc.run(
                &place,
                "get /a x",
                &[&by_keytab[..], &[("ZKT_KERBEROS", "yes")]].concat(),
            );
            assert_eq!(run.expect(0).stdout, "1\n");
        }
        // Through a port of TLS with another name, which the principal has not.
        let authority = Authority::new();
        let door = Door::open(server.port(), authority.server(&["127.0.0.1"], None)).await;
        place.file("ca.pem", authority.pem());
        let words = format!(
            "get /a x -c tcp+tls://{} --tls-ca ca.pem --kerberos --kerberos-host localhost",
            door.address()
        );
        kdc.run(&place, &words, &tickets).expect(0);
    }
}

/// It takes what comes, on UDP and TCP, and says nothing.
#[test]
fn a_kdc_that_does_not_answer_is_named() {
    let kdc = Kdc::start();
    let (silent, port) = loop {
        let stream = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = stream.local_addr().unwrap().port();
        if let Ok(datagrams) = UdpSocket::bind(("127.0.0.1", port)) {
            break ((stream, datagrams), port);
        }
    };
    let conf = std::fs::read_to_string(kdc.path("krb5.conf")).unwrap();
    let others = conf.lines().map(|line| match line.trim_start() {
        line if line.starts_with("kdc = ") => format!("kdc = 127.0.0.1:{port}\n"),
        line => format!("{line}\n"),
    });
    std::fs::write(kdc.path("krb5.conf"), others.collect::<String>()).unwrap();
    let server = zkt::server::Server::start().unwrap();
    let place = Place::at(&format!("localhost:{}", server.address().port()));
    let keytab = kdc.path("ops.keytab").display().to_string();
    let by_keytab = [("KRB5CCNAME", "MEMORY:"), ("KRB5_CLIENT_KTNAME", &*keytab)];
    // Within 0.48 of the session timeout, the realm is found out.
    for wait in ["", " --wait=12s"] {
        let words = format!("ls --kerberos --session-timeout 10s{wait}");
        let run = kdc.run(&place, &words, &by_keytab).expect(1);
        let expected = "error: SASL (GSSAPI) with SERVER fails: no KDC of the realm ZKT.TEST answers\n\
                        hint: krb5.conf";
        assert!(run.stderr.starts_with(expected), "{run}");
    }
    drop(silent);
}

/// Stands in front of a server, and puts other tokens into its replies to SASL.
struct Forger {
    port: u16,
    /// Which reply gets which token; `None` is null.
    forged: Arc<Mutex<Vec<(usize, Option<&'static [u8]>)>>>,
}

impl Forger {
    async fn before(target: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let forged: Arc<Mutex<Vec<_>>> = Arc::default();
        let now = forged.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let forged = now.lock().unwrap().clone();
                tokio::spawn(Self::pass(client, target, forged));
            }
        });
        Self { port, forged }
    }

    async fn pass(
        client: tokio::net::TcpStream,
        target: u16,
        forged: Vec<(usize, Option<&'static [u8]>)>,
    ) -> std::io::Result<()> {
        let server = tokio::net::TcpStream::connect(("127.0.0.1", target)).await?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        // The first frame is the connect reply.
        for number in 0.. {
            let mut frame = vec![0; from_server.read_i32().await?.try_into().unwrap()];
            from_server.read_exact(&mut frame).await?;
            if let Some((_, token)) = forged.iter().find(|(forged, _)| *forged == number) {
                let length = token.map_or(-1, |token| token.len() as i32);
                frame.truncate(16);
                frame.extend(length.to_be_bytes());
                frame.extend_from_slice(token.unwrap_or_default());
            }
            to_client.write_i32(frame.len() as i32).await?;
            to_client.write_all(&frame).await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_does_not_prove_who_it_is_is_none() {
    let kdc = Kdc::start();
    let cache = kdc.ticket("cache");
    let tickets = [("KRB5CCNAME", &*cache)];
    let server = kdc.server(FOR_TESTS);
    let forger = Forger::before(server.port()).await;
    let place = Place::at(&format!("localhost:{}", forger.port));
    let none_offered =
        "it offers no SASL, or refuses the ticket and would let the session in as nobody";
    let no_proof = "it does not prove who it is, so it may be another server than it seems";
    let all_null = [1, 2, 3].map(|reply| (reply, None));
    for (forged, expected) in [
        (&all_null[..], none_offered),
        (&[(1, None)], none_offered),
        (&[(1, Some(&b""[..]))], no_proof),
        (&[(1, Some(b"proof"))], no_proof),
        (&[(2, None)], no_proof),
        (&[(2, Some(b""))], no_proof),
        (&[(2, Some(&[1, 0, 0, 0]))], no_proof),
        (&[(3, Some(b"more"))], "it goes on where SASL ends"),
    ] {
        *forger.forged.lock().unwrap() = forged.to_vec();
        let run = kdc.run(&place, "ls --kerberos", &tickets).expect(1);
        assert!(run.stderr.contains(expected), "{forged:?}: {run}");
    }
    // So a real one ends, and some others.
    for last in [None, Some(&b""[..])] {
        *forger.forged.lock().unwrap() = vec![(3, last)];
        kdc.run(&place, "ls --kerberos", &tickets).expect(0);
    }
}

#[test]
fn what_fails_is_said_with_what_to_do() {
    let kdc = Kdc::start();
    let cache = kdc.ticket("cache");
    let tickets = [("KRB5CCNAME", &*cache)];
    let server = kdc.server(FOR_TESTS);
    let place = Place::at(&format!("localhost:{}", server.port()));
    place.file("password", "secret\n");
    let none = format!("FILE:{}", kdc.path("none").display());
    let users = zkt::server::Server::builder().sasl_user("ops", "secret");
    let users = users.start().unwrap();
    let plain = zkt::server::Server::start().unwrap();
    let to = |server: &zkt::server::Server| {
        format!("ls --kerberos -c localhost:{}", server.address().port())
    };
    let (to_users, to_plain) = (to(&users), to(&plain));
    let other_host = "ls --kerberos --kerberos-host elsewhere";
    for (words, cache, expected, hint) in [
        (
            "ls --kerberos",
            &none,
            "No Kerberos credentials available",
            "kinit",
        ),
        (
            other_host,
            &cache,
            "zookeeper/elsewhere@ZKT.TEST not found",
            "--kerberos-host",
        ),
        (
            "ls --kerberos --kerberos-service a@b",
            &cache,
            "\"a@b\" is no part",
            "",
        ),
        (
            "ls --sasl-user ops --sasl-password-file password",
            &cache,
            "it does not take this mechanism",
            "--kerberos",
        ),
        (
            "ls",
            &cache,
            "demands that clients authenticate",
            "--sasl-user",
        ),
        (
            &to_users,
            &cache,
            "refuses the ticket, or takes no Kerberos",
            "--sasl-user",
        ),
        (&to_plain, &cache, "it offers no SASL", "--kerberos"),
    ] {
        let run = kdc.run(&place, words, &[("KRB5CCNAME", cache)]).expect(1);
        assert!(
            run.stderr.contains(expected) && run.stderr.contains(hint),
            "{words}: {run}"
        );
    }
    let run = kdc
        .run(
            &place,
            "ls",
            &[
                tickets[0],
                ("ZKT_KERBEROS", "true"),
                ("ZKT_SASL_USER", "ops"),
            ],
        )
        .expect(1);
    assert!(run.stderr.contains("leave one of them out"), "{run}");
}

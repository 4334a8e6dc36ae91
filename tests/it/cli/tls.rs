//! Commands through TLS: flags, variables and contexts, and what they say if it fails.

mod openssl;

use super::Place;
use super::watch::Watching;
use crate::server::shared;
use crate::tls::{Authority, Door, Own};

/// A place behind a door with TLS that demands certificates, with the files for it.
async fn place(name: &str) -> (Place, Door, Authority) {
    let authority = Authority::new();
    let server = authority.server(&["127.0.0.1"], Some(&authority));
    let door = Door::open(shared().port(), server).await;
    let plain = Place::new(name).await;
    let place = Place {
        hosts: format!("tcp+tls://{}", plain.through(&door.address())),
        ..plain
    };
    let own: Own = authority.certify(&["me"]);
    place
        .file("ca.pem", authority.pem())
        .file("cert.pem", own.certificate())
        .file("key.pem", own.key())
        .file("a.zkt", "/a\n  x = 1\n");
    (place, door, authority)
}

const FLAGS: &str = "--tls-ca ca.pem --tls-cert cert.pem --tls-key key.pem";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn flags_variables_and_contexts_say_the_same() {
    let (place, _door, _) = place("tls-ways").await;
    let run = place.run(&format!("apply -y a.zkt {FLAGS}")).expect(0);
    // The server is named as it was given.
    assert!(
        run.stdout.starts_with("zkt apply: SERVER <- a.zkt\n"),
        "{run}"
    );
    let mut command = place.command("plan a.zkt --detailed-exitcode");
    command
        .env("ZKT_TLS_CA", "ca.pem")
        .env("ZKT_TLS_CERT", "cert.pem")
        .env("ZKT_TLS_KEY", "key.pem");
    place.finish(command.spawn().unwrap()).expect(0);
    // A flag wins over a variable.
    let mut command = place.command(&format!("ls {FLAGS}"));
    command.env("ZKT_TLS_CA", "nosuch");
    assert_eq!(
        place.finish(command.spawn().unwrap()).expect(0).stdout,
        "/\n/a\n"
    );
    let hosts = place.hosts.strip_prefix("tcp+tls://").unwrap();
    let context = format!(
        "[context.prod]\nconnect = '{hosts}'\ntls = true\ntls-ca = 'ca.pem'\ntls-cert = 'cert.pem'\n\
         tls-key = 'key.pem'\n"
    );
    std::fs::create_dir(place.path("below")).unwrap();
    place.file("zkt.toml", context);
    let mut command = place.command("ls --context prod");
    // Files are found from the place of zkt.toml.
    command
        .env_remove("ZKT_CONNECT")
        .current_dir(place.path("below"));
    command.args(["--config", "../zkt.toml"]);
    place.finish(command.spawn().unwrap()).expect(0);
    let mut command = place.command("config --context prod --tls-server-name zk");
    command
        .env("ZKT_TLS_PASSWORD", "sesame")
        .env("ZKT_TLS_CA", "x.pem");
    let run = place.finish(command.spawn().unwrap()).expect(0);
    let rows = run.stdout.lines().filter(|line| line.starts_with("tls"));
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @"
    tls                true                                                                   zkt.toml:3
    tls-ca             x.pem                                                                  ZKT_TLS_CA, not zkt.toml:4
    tls-cert           cert.pem                                                               zkt.toml:5
    tls-key            key.pem                                                                zkt.toml:6
    tls-password-file  (not shown)                                                            ZKT_TLS_PASSWORD
    tls-server-name    zk                                                                     --tls-server-name
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_fails_is_said_with_what_to_do() {
    let (place, door, authority) = place("tls-failures").await;
    insta::assert_snapshot!(place.run("ls --tls-ca ca.pem"), @"
    --- stderr
    error: cannot reach a ZooKeeper server at SERVER: it demands a certificate of the client, and none is given
    hint: --tls-cert FILE and --tls-key FILE give the certificate and its key
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("ls"), @"
    --- stderr
    error: cannot reach a ZooKeeper server at SERVER: its certificate is of an authority that is not trusted
    hint: --tls-ca FILE says whom to trust: the authority's certificate, or the server's own if it is self-signed
    --- exit 1
    ");
    let plain = place.through(&shared().address());
    insta::assert_snapshot!(place.run(&format!("ls --tls --tls-ca ca.pem -c {plain}")).stderr.replace(&plain, "PLAIN"), @"
    error: cannot reach a ZooKeeper server at PLAIN: it speaks no TLS: it answers as ZooKeeper without TLS does
    hint: without --tls, or with tcp:// before it, zkt speaks to it as it is; TLS has a port of its own, the secureClientPort
    ");
    insta::assert_snapshot!(place.run(&format!("ls --tls-ca ca.pem -c {plain}")).stderr, @"
    error: TLS: there are options of TLS, but no server that speaks it
    hint: --tls speaks TLS with all servers, tcp+tls://HOST with one; tcp://HOST says that it is spoken to without
    ");
    let meant = format!("tcp://{plain}");
    place.run(&format!("ls -c {meant}")).expect(0);
    for flag in ["--tls", "--tls-ca ca.pem", "--tls-insecure-skip-verify"] {
        let run = place.run(&format!("ls {flag} -c {meant}")).expect(1);
        let flag = flag.split(' ').next().unwrap();
        let said = format!(
            "error: {flag} has no effect: tcp:// stands before each server\n\
             hint: tcp+tls://HOST, or only HOST with --tls, speaks TLS\n"
        );
        assert!(run.stderr.ends_with(&said), "{run}");
    }
    // A variable may be meant for other servers.
    let mut command = place.command(&format!("ls -c {meant}"));
    command.env("ZKT_TLS", "true").env("ZKT_TLS_CA", "ca.pem");
    place.finish(command.spawn().unwrap()).expect(0);
    let bare = place.through(&door.address());
    insta::assert_snapshot!(place.run(&format!("ls -c {bare}")).stderr.replace(&bare, "BARE"), @"
    error: cannot reach a ZooKeeper server at BARE: it speaks TLS
    hint: --tls speaks TLS with it, or tcp+tls:// before the server
    ");
    insta::assert_snapshot!(place.run("ls -c tls://zk1:2281").stderr, @r#"
    error: "tls://zk1:2281" is no list of servers: expected tcp:// or tcp+tls:// before a server, or neither, without tls://
    "#);
    door.present(authority.server(&["zk1.example"], None));
    insta::assert_snapshot!(place.run("ls --tls-ca ca.pem").stderr, @"
    error: cannot reach a ZooKeeper server at SERVER: its certificate is for zk1.example, not for 127.0.0.1
    hint: --tls-server-name NAME says which of its names to expect
    ");
    place
        .run("ls --tls-ca ca.pem --tls-server-name zk1.example")
        .expect(0);
    insta::assert_snapshot!(place.run("ls --tls-insecure-skip-verify"), @"
    /
    --- stderr
    warning: no certificate of a server is verified (tls-insecure-skip-verify): whoever is on the way can read and change everything
    --- exit 0
    ");
    let red = place
        .run("ls --tls-insecure-skip-verify --color always")
        .stderr;
    assert!(red.starts_with("\u{1b}[1m\u{1b}[31mwarning: "), "{red:?}");
    place.file("key.pem", "hello");
    insta::assert_snapshot!(place.run(&format!("ls {FLAGS}")).stderr, @"
    error: TLS: key.pem: expected PEM, PKCS#12 or a Java key store, found something else
    ");
    place.file("key.pem", [0xce, 0xce, 0xce, 0xce, 0]);
    insta::assert_snapshot!(place.run(&format!("ls {FLAGS}")).stderr, @"
    error: TLS: key.pem: expected PEM, PKCS#12 or a Java key store, found a key store of the kind JCEKS
    hint: keytool -importkeystore -srckeystore key.pem -srcstoretype JCEKS -destkeystore key.pem.p12 -deststoretype PKCS12 converts it
    ");
    insta::assert_snapshot!(place.run("ls --tls-ca ca.pem -c tcp+tls://bücher.example").stderr, @"
    error: cannot reach a ZooKeeper server at tcp+tls://bücher.example/: \"bücher.example\" is no name that a certificate can have
    hint: certificates have such names in ASCII, as in xn--bcher-kva.example
    ");
    insta::assert_snapshot!(place.run("ls --tls-ca ca.pem --tls-server-name bücher.example").stderr, @"
    error: TLS: \"bücher.example\" is no name of a server
    hint: certificates have such names in ASCII, as in xn--bcher-kva.example
    ");
    // The part of an address behind the percent sign is in no certificate.
    let run = place.run("ls --tls-ca ca.pem -c tcp+tls://[::1%lo]:1");
    assert!(!run.expect(1).stderr.contains("no name that a certificate"));
    let mut command = place.command("ls");
    command.env("ZKT_TLS", "sesame");
    insta::assert_snapshot!(place.finish(command.spawn().unwrap()).stderr, @"
    error: ZKT_TLS: expected true or false
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_that_is_only_found_says_not_whom_to_trust() {
    let (place, _door, _) = place("tls-trust").await;
    let run = |context: &str, words: &str| {
        place.file(
            "zkt.toml",
            format!("default-context = 'x'\n[context.x]\n{context}\n"),
        );
        place.run(words)
    };
    let skips = "tls-insecure-skip-verify = true";
    insta::assert_snapshot!(run(skips, &format!("ls {FLAGS}")).expect(1).stderr, @"
    warning: no certificate of a server is verified (tls-insecure-skip-verify): whoever is on the way can read and change everything
    error: context x (zkt.toml:3) says with tls-insecure-skip-verify which servers are the right ones, and that file was only found: they get no credentials
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it
    ");
    run(skips, &format!("ls {FLAGS} --config zkt.toml")).expect(0);
    run("tls-insecure-skip-verify = false", &format!("ls {FLAGS}")).expect(0);
    insta::assert_snapshot!(run("tls-key = '/etc/shadow'", "ls --tls-ca ca.pem").expect(1).stderr, @"
    error: context x (zkt.toml:3) gives /etc/shadow as tls-key, outside of its repository, and that file was only found: it is not read
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it; --tls-key FILE names another one
    ");
    // A certificate is a credential.
    let connect = format!("connect = '{}'", place.hosts);
    place.file(
        "zkt.toml",
        format!("default-context = 'x'\n[context.x]\n{connect}\n"),
    );
    insta::assert_snapshot!(place.run_by_file(&format!("ls {FLAGS}")).expect(1).stderr, @"
    error: context x (zkt.toml:3) names the servers, and that file was only found: they get no credentials
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it; -c HOSTS names servers
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_watch_goes_on_through_a_rotation() {
    let (place, door, _) = place("tls-watch").await;
    let mut watching = Watching::start(&place, &format!("a.zkt {FLAGS} -v --poll 100ms"));
    watching.says(&["reconciled", "applied"]).await;
    let new = Authority::new();
    let own = new.certify(&["me"]);
    place
        .file("ca.pem", new.pem())
        .file("cert.pem", own.certificate())
        .file("key.pem", own.key());
    door.present(new.server(&["127.0.0.1"], Some(&new)));
    door.cut();
    watching
        .says(&["the files of TLS have changed: they are read again"])
        .await;
    // So short a loss may pass unseen by the watch itself.
    watching.says(&["succeeds to establish session"]).await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    // Ports of the tunnel are for nobody to see.
    let port = door.address();
    for line in log.lines().filter(|line| line.contains("127.0.0.1:")) {
        assert!(line.contains(&port), "{line}");
    }
}

//! Commands that authenticate by SASL: flags, variables and contexts, and what they say if it fails.

use std::process::{Command, Stdio};

use zkt::server::Server;

use super::watch::Watching;
use super::{Place, Run};

/// A server with users, whatever the other tests run on, and a folder with their passwords.
fn place(requires: bool) -> (Server, Place) {
    let builder = Server::builder().sasl_user("ops", "secret");
    let builder = builder.sasl_user("dev", "hunter2").require_sasl(requires);
    let server = builder.start().unwrap();
    let place = Place::at(&server.connect_string());
    place
        .file("ops", "secret\n")
        .file("dev", "hunter2\n")
        .file("wrong", "hunter3\n");
    (server, place)
}

const OPS: &str = "--sasl-user ops --sasl-password-file ops";
const DEV: &str = "--sasl-user dev --sasl-password-file dev";

fn run_as(place: &Place, words: &str, variables: &[(&str, &str)]) -> Run {
    let mut command = place.command(words);
    command.envs(variables.iter().copied());
    place.finish(command.spawn().unwrap())
}

#[test]
fn flags_variables_and_contexts_say_the_same() {
    let (_server, place) = place(true);
    place.run(&format!("ls {OPS}")).expect(0);
    let user = ("ZKT_SASL_USER", "ops");
    run_as(&place, "ls", &[user, ("ZKT_SASL_PASSWORD", "secret")]).expect(0);
    run_as(&place, "ls", &[user, ("ZKT_SASL_PASSWORD_FILE", "ops")]).expect(0);
    // A flag wins over a variable.
    let wrong = [("ZKT_SASL_USER", "dev"), ("ZKT_SASL_PASSWORD", "hunter3")];
    run_as(&place, &format!("ls {OPS}"), &wrong).expect(0);
    let other = "ls --sasl-user ops --sasl-password-env MY_PASSWORD";
    run_as(&place, other, &[("MY_PASSWORD", "secret")]).expect(0);
    place
        .run_with(
            "ls --sasl-user ops --sasl-password-file -",
            "secret\nmore\n",
        )
        .expect(0);
    let context = "[context.file]\nsasl-user = 'ops'\nsasl-password-file = 'ops'\n\
                   [context.env]\nsasl-user = 'ops'\nsasl-password-env = 'MY_PASSWORD'\n";
    place.file("zkt.toml", context);
    place.run("ls --context file").expect(0);
    run_as(&place, "ls --context env", &[("MY_PASSWORD", "secret")]).expect(0);
    // Another way to the password on the command line wins as well.
    place
        .run("ls --context env --sasl-password-file ops")
        .expect(0);
    let run = run_as(
        &place,
        "config --context file --sasl-user dev",
        &[("ZKT_SASL_PASSWORD", "hunter2")],
    );
    let rows = run.stdout.lines().filter(|line| line.starts_with("sasl"));
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @"
    sasl-user           dev                                                                    --sasl-user, not zkt.toml:2
    sasl-password-file  (not shown)                                                            ZKT_SASL_PASSWORD, not zkt.toml:3
    sasl-password-env   (not shown)                                                            ZKT_SASL_PASSWORD
    ");
}

/// A build may lack Kerberos: what `zkt config` lists tells who it would be, and a server who it is.
#[test]
fn a_user_and_kerberos_give_way_to_each_other_by_where_they_are_said() {
    let (_server, place) = place(true);
    let context = "[context.user]\nsasl-user = 'ops'\nsasl-password-file = 'ops'\n\
                   [context.ticket]\nkerberos = true\n\
                   [context.both]\nsasl-user = 'ops'\nkerberos = true\n";
    place.file("zkt.toml", context);
    let user = ("ZKT_SASL_USER", "ops");
    let password = ("ZKT_SASL_PASSWORD", "secret");
    let ticket = ("ZKT_KERBEROS", "1");
    // A user on the command line, and one of a variable.
    place.run(&format!("ls --context ticket {OPS}")).expect(0);
    run_as(&place, &format!("ls {OPS}"), &[ticket]).expect(0);
    run_as(&place, "ls --context ticket", &[user, password]).expect(0);
    // A variable that says no leaves the context its user.
    run_as(&place, "ls --context user", &[("ZKT_KERBEROS", "0")]).expect(0);
    let both = "there is a user, and Kerberos is asked for";
    let run = place.run("ls --context both");
    assert!(run.stderr.contains(both), "{}", run.stderr);
    let run = run_as(&place, "ls", &[user, ticket]);
    assert!(run.stderr.contains(both), "{}", run.stderr);
    for (words, variables) in [
        ("ls --kerberos --context user", &[][..]),
        ("ls --kerberos", &[user]),
        ("ls --context user", &[ticket]),
    ] {
        let run = run_as(&place, words, variables);
        // There is no ticket, or no Kerberos at all.
        assert_ne!(run.code, 0);
        assert!(!run.stderr.contains(both), "{}", run.stderr);
        assert!(
            run.stderr.contains("Kerberos") || run.stderr.contains("GSSAPI"),
            "{}",
            run.stderr
        );
    }
    let listed = |words: &str, variables: &[(&str, &str)]| {
        let run = run_as(&place, words, variables);
        let lines = run.stdout.lines().map(str::split_whitespace);
        let mut lines = lines.map(|words| words.collect::<Vec<_>>().join(" "));
        lines
            .find(|line| line.starts_with("kerberos ") || line.starts_with("sasl-user "))
            .unwrap_or_default()
    };
    assert_eq!(
        listed("config --context user --kerberos", &[]),
        "sasl-user - --kerberos, not zkt.toml:2"
    );
    assert_eq!(
        listed("config --context user", &[ticket]),
        "sasl-user - ZKT_KERBEROS, not zkt.toml:2"
    );
}

#[test]
fn what_fails_is_said_with_what_to_do() {
    let (_server, place) = place(false);
    insta::assert_snapshot!(place.run("ls --sasl-user ops --sasl-password-file wrong"), @r#"
    --- stderr
    error: SASL (DIGEST-MD5) with SERVER fails: the user is unknown there, or the password is wrong
    hint: the server's JAAS file names its users, as in user_NAME="PASSWORD"
    --- exit 1
    "#);
    insta::assert_snapshot!(place.run("ls --sasl-user nobody --sasl-password-file ops --wait").stderr, @r#"
    error: SASL (DIGEST-MD5) with SERVER fails: the user is unknown there, or the password is wrong
    hint: the server's JAAS file names its users, as in user_NAME="PASSWORD"
    "#);
    insta::assert_snapshot!(place.run("ls --sasl-user ops").stderr, @"
    error: SASL: there is a user, and no password
    hint: --sasl-password-file FILE or ZKT_SASL_PASSWORD gives it
    ");
    insta::assert_snapshot!(place.run("ls --sasl-user ops --sasl-password-env MY_PASSWORD").stderr, @"
    error: SASL: the variable MY_PASSWORD has no password
    hint: --sasl-password-file FILE or ZKT_SASL_PASSWORD gives it
    ");
    insta::assert_snapshot!(place.run("ls --sasl-password-file ops").stderr, @"
    error: SASL: there is a password, and no user
    hint: --sasl-user NAME or ZKT_SASL_USER names the user
    ");
    insta::assert_snapshot!(place.run("ls --sasl-user ops --sasl-password-file nosuch").stderr, @"
    error: SASL: nosuch: No such file or directory
    hint: --sasl-password-file FILE or ZKT_SASL_PASSWORD gives the password
    ");
    insta::assert_snapshot!(place.run_with("ls --sasl-user ops --sasl-password-file -", "\n").stderr, @"
    error: SASL: standard input: its first line has no password
    ");
    insta::assert_snapshot!(place.run_with("plan - --sasl-user ops --sasl-password-file -", "/a\n").stderr, @"
    error: standard input is a layer, and cannot hold a password, too
    hint: --sasl-password-file FILE or ZKT_SASL_PASSWORD gives the password
    ");
    insta::assert_snapshot!(place.run("ls --auth sasl:ops:secret").stderr, @"
    error: --auth: sasl is no scheme of credentials
    hint: --sasl-user NAME authenticates by SASL, with --sasl-password-file FILE
    ");
    let plain = Server::start().unwrap();
    let run = place.run(&format!("ls {OPS} -c {}", plain.connect_string()));
    insta::assert_snapshot!(run.stderr.replace(&plain.connect_string(), "PLAIN"), @"
    error: SASL (DIGEST-MD5) with PLAIN fails: it offers no SASL
    hint: without --sasl-user or --kerberos, zkt connects as nobody; the server takes users of SASL if its JAAS file has a section Server (java.security.auth.login.config)
    ");
    let keeper = Server::builder().dialect(zkt::server::Dialect::Keeper);
    let keeper = keeper.start().unwrap();
    let run = place.run(&format!("ls {OPS} -c {}", keeper.connect_string()));
    insta::assert_snapshot!(run.stderr.replace(&keeper.connect_string(), "KEEPER"), @"
    error: SASL (DIGEST-MD5) with KEEPER fails: it closes the connection where SASL begins, so it may know none
    hint: without --sasl-user or --kerberos, zkt connects as nobody; ClickHouse Keeper has no SASL, but --auth digest:…
    ");
    let (_strict, place) = self::place(true);
    insta::assert_snapshot!(place.run("ls").stderr, @"
    error: SERVER/ demands that clients authenticate, and this one does not
    hint: --sasl-user NAME authenticates by SASL, with --sasl-password-file FILE or ZKT_SASL_PASSWORD
    ");
    insta::assert_snapshot!(place.run("ls --auth digest:a:b").stderr, @"
    error: SERVER/ demands that clients authenticate otherwise than by digest
    hint: --sasl-user NAME authenticates by SASL, with --sasl-password-file FILE or ZKT_SASL_PASSWORD
    ");
}

#[test]
fn a_file_that_is_only_found_names_no_foreign_secret() {
    let (_server, place) = place(true);
    let run = |context: &str, words: &str| {
        let context = format!("default-context = 'x'\n[context.x]\nsasl-user = 'ops'\n{context}\n");
        place.file("zkt.toml", context);
        run_as(&place, words, &[("MY_PASSWORD", "secret")])
    };
    run("sasl-password-file = 'ops'", "ls").expect(0);
    insta::assert_snapshot!(run("sasl-password-file = '/etc/shadow'", "ls").expect(1).stderr, @"
    error: context x (zkt.toml:4) gives /etc/shadow as sasl-password-file, outside of its repository, and that file was only found: it is not read
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it; --sasl-password-file FILE names another one
    ");
    insta::assert_snapshot!(run("sasl-password-env = 'MY_PASSWORD'", "ls").expect(1).stderr, @"
    error: context x (zkt.toml:4) takes a password from the variable MY_PASSWORD, and that file was only found: it is not read
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it; ZKT_SASL_PASSWORD holds one, too
    ");
    run("sasl-password-env = 'MY_PASSWORD'", "ls --config zkt.toml").expect(0);
    insta::assert_snapshot!(run("sasl-password = 'secret'", "ls").expect(1).stderr, @"
    error: sasl-password may not stand in a file
     --> zkt.toml:4:1
      |
    4 | sasl-password = (secret)
      | ^^^^^^^^^^^^^
      |
      = help: sasl-password-file names a file with the password, sasl-password-env a variable; it does not belong in one that others read
    ");
    // A user is a credential.
    let connect = format!("connect = '{}'\nsasl-password-file = 'ops'", place.hosts);
    run(&connect, "ls");
    insta::assert_snapshot!(place.run_by_file("ls").expect(1).stderr, @"
    error: context x (zkt.toml:4) names the servers, and that file was only found: they get no credentials
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it; -c HOSTS names servers
    ");
}

#[test]
fn rights_are_those_of_the_user() {
    let (_server, place) = place(false);
    place.file(
        "a.zkt",
        "/a\n  @acl sasl:ops:cdrwa sasl:dev:r\n  x = 1\n/b\n  @acl auth::cdrwa\n  x = 1\n",
    );
    insta::assert_snapshot!(place.run(&format!("apply -y a.zkt {OPS}")).expect(0), @"
    zkt apply: SERVER/ <- a.zkt

      + /a                                               a.zkt:1
          acl: sasl:ops:cdrwa sasl:dev:r
          x = 1
      + /b                                               a.zkt:4
          acl: auth (ops)
          x = 1

    Plan: 2 to add, 0 to update, 0 to link, 0 to trim.
    Done: 2 added, 0 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
    // What is stored for `auth::` is no difference.
    place
        .run(&format!("plan --detailed-exitcode a.zkt {OPS}"))
        .expect(0);
    insta::assert_snapshot!(place.run(&format!("export /b --acl {OPS}")).expect(0).stdout, @"
    /b
      @acl sasl:ops:cdrwa
      x = 1
    ");
    insta::assert_snapshot!(place.run(&format!("audit / {OPS}")).expect(0).stdout, @"
    zkt audit: / on SERVER/

    world:anyone:cdrwa                                                        1 node
      open: everybody may write, create, delete, administer
      /

    sasl:dev:r sasl:ops:cdrwa                                                 1 node
      /a

    sasl:ops:cdrwa                                                            1 node
      /b

    Who may administer:
      2 nodes  sasl:ops
      1 node   world:anyone

    Audit: 3 nodes: 1 open.
    ");
    place.file("a.zkt", "/a\n  @acl sasl:ops:cdrwa sasl:dev:r\n  x = 2\n");
    insta::assert_snapshot!(place.run(&format!("plan --check-rights a.zkt {DEV}")).expect(3), @"
    zkt plan: SERVER/ <- a.zkt

      ~ /a
          x = 1 -> 2

    refused: /a: its ACL gives this session no write right, which the plan needs there; --force tries it nevertheless

    Rights: 1 node checked, some are missing at 1 node.

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    --- exit 3
    ");
    insta::assert_snapshot!(place.run(&format!("get /b {DEV}")).expect(1).stderr, @"
    error: /b: not authorized
    hint: rights come from --auth or --sasl-user, and from the ACLs of a node and its parent
    ");
    place.file("c.zkt", "/c\n  @acl sasl:ops:cdrwa\n");
    // That the user is this one, is proven: no password is doubted.
    insta::assert_snapshot!(place.run(&format!("apply -y c.zkt {DEV}")), @"
    zkt apply: SERVER/ <- c.zkt

      + /c                                               c.zkt:1
          acl: sasl:ops:cdrwa

    warning: /c: no ACL that is declared or seen names an identity of the applier (dev); check whether it is the right user [unknown-applier]

    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.
    Done: 1 added, 0 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_watch_makes_a_new_session_while_the_password_is_gone() {
    let (server, place) = place(true);
    place.file("a.zkt", "/a\n  x = 1\n");
    let mut watching = Watching::start(&place, &format!("a.zkt --interval 1h {OPS}"));
    watching.says(&["reconciled", "applied"]).await;
    std::fs::remove_file(place.path("ops")).unwrap();
    for _ in 0..3 {
        assert_eq!(server.expire_all(), 1);
        watching.says(&["the session has ended"]).await;
        watching.says(&["reconciled", "in sync"]).await;
    }
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    let warnings = log
        .lines()
        .filter(|line| line.contains("SASL cannot be used now"));
    assert_eq!(warnings.count(), 1, "{log}");
}

/// What others see of a process.
fn seen(pid: u32) -> String {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).into_owned()
}

#[test]
fn others_see_no_password_in_any_output() {
    let (_server, place) = place(true);
    place.file("a.zkt", "/a\n  x = 1\n");
    let mut command = place.command("watch a.zkt -vv --sasl-user ops");
    command
        .env("ZKT_SASL_PASSWORD", "secret")
        .stdout(Stdio::null());
    let child = command.spawn().unwrap();
    let pid = child.id();
    while place.run(&format!("get /a x {OPS}")).stdout != "1\n" {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(seen(pid).contains("ops") && !seen(pid).contains("secret"));
    let stopped = Command::new("kill").arg(pid.to_string()).status();
    assert!(stopped.unwrap().success());
    let run = place.finish(child).expect(0);
    assert!(!run.stderr.contains("secret"), "{run}");
    let wrong = run_as(
        &place,
        "ls -vvv --sasl-user ops",
        &[("ZKT_SASL_PASSWORD", "hunter3")],
    );
    assert!(!wrong.expect(1).stderr.contains("hunter3"));
}

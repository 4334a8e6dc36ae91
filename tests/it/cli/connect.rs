//! How the binary connects, as whom, and what it says where it cannot.

use std::time::{Duration, Instant};

use crate::relay::{Mode, Relay};
use crate::server::{free_port, shared};

use super::{Place, create};

#[test]
fn nobody_listens() {
    let place = Place {
        hosts: format!("127.0.0.1:{}", free_port()),
        ..Place::offline()
    };
    insta::assert_snapshot!(place.run("ls"), @"
    --- stderr
    error: cannot reach a ZooKeeper server at SERVER/: the connection is refused
    hint: is the server running? -c HOSTS names another one, --wait waits for it
    --- exit 1
    ");
    place.run("ls --wait 300ms").expect(1);
    place.file("a.zkt", "/a\n");
    place.run("plan a.zkt").expect(1);
    place.run("apply -y a.zkt").expect(1);
    place.run("diff live a.zkt").expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_silent_server() {
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Stall);
    let place = Place {
        hosts: relay.address(),
        ..Place::offline()
    };
    let started = Instant::now();
    let run = place.run("ls --session-timeout 1s").expect(1);
    let error = "error: cannot reach a ZooKeeper server at SERVER/: ";
    assert!(run.stderr.starts_with(error), "{run}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn waiting_for_a_server() {
    let place = Place::new("wait").await;
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Refuse);
    let hosts = place.through(&relay.address());
    let child = place
        .command(&format!("ls --wait -c {hosts}"))
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    relay.set(Mode::Forward);
    assert_eq!(place.finish(child).expect(0).stdout, "/\n");
}

#[test]
fn wrong_words() {
    let place = Place::offline();
    for (words, error) in [
        (
            "ls -c h:70000",
            r#""h:70000" is no list of servers: expected a port from 1 to 65535, found "70000""#,
        ),
        ("ls -c ,", r#""," is no list of servers: a host is empty"#),
        (
            "ls -c h/a/../b",
            r#""h/a/../b" is no list of servers: the chroot is no path: "#,
        ),
        (
            "ls -c zk://me:sesame@h:2181/a",
            r#""zk://…@h:2181/a" is no list of servers: expected tcp:// or tcp+tls:// before a server, or neither, without zk://"#,
        ),
        (
            "ls -c h/a,i/a",
            r#""h/a,i/a" is no list of servers: the chroot stands once, behind the last server, "#,
        ),
        ("ls x", r#"PATH "x": expected an absolute path, found "x""#),
        (
            "ls --auth sesame",
            "--auth: expected SCHEME:CREDENTIALS\nhint: as in digest:user:password",
        ),
        ("ls --auth-file nosuch", "nosuch: No such file or directory"),
        ("export --name a/b", r#"--name "a/b": "#),
        (
            "plan --path x a.zkt",
            r#"--path "x": expected an absolute path, found "x""#,
        ),
        ("plan --target [ a.zkt", r#"--target "["#),
    ] {
        let run = place.run(words).expect(1);
        let expected = format!("error: {error}");
        assert!(run.stderr.starts_with(&expected), "{words}: {}", run.stderr);
        assert!(!run.stderr.contains("sesame"), "{}", run.stderr);
    }
}

#[test]
fn commands_and_options_of_other_tools() {
    let place = Place::offline();
    for words in [
        "apply -auto-approve a.zkt",
        "apply --auto-approve a.zkt",
        "plan -out=x a.zkt",
        "plan -target=/a a.zkt",
        "plan -var x=1 a.zkt",
        "apply -destroy a.zkt",
        "plan -refresh=false a.zkt",
        "plan -detailed-exitcode a.zkt",
    ] {
        let run = place.run(words).expect(1);
        let option = words.split([' ', '=']).nth(1).unwrap();
        let expected = format!("\nhint: {option} is an option of Terraform; ");
        assert!(run.stderr.contains(&expected), "{words}: {run}");
    }
    for (words, hint) in [
        ("validate a.zkt", "zkt check LAYER… does it"),
        ("apply -n a.zkt", "zkt plan shows what zkt apply would do"),
        ("ls --json /", "here it is --format json"),
        ("fmt --json a.zkt", "zkt fmt prints no JSON"),
    ] {
        let run = place.run(words).expect(1);
        assert!(
            run.stderr.contains(&format!("\nhint: {hint}")),
            "{words}: {run}"
        );
    }
    let run = place.run("plan --nonsense a.zkt").expect(1);
    assert!(!run.stderr.contains("hint:"), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_missing_chroot_and_wrong_credentials() {
    let place = Place::new("refusals").await;
    let hosts = format!("{}/no/such", place.hosts);
    insta::assert_snapshot!(place.run(&format!("ls -c {hosts}")).stderr.replace(&shared().address(), "ADDRESS").replace(&place.hosts[place.hosts.find('/').unwrap()..], "/CHROOT"), @"
    error: the chroot /CHROOT/no/such does not exist on ADDRESS
    hint: connect without the chroot to create it: a tree says where it lives with /a/b/c
    ");
    insta::assert_snapshot!(place.run("ls --auth nonsense:hunter2"), @"
    --- stderr
    error: SERVER refuses the credentials (an unknown scheme)
    hint: credentials are SCHEME:CREDENTIALS; a user and a password are digest:USER:PASSWORD
    --- exit 1
    ");
    // These read before they know.
    place.file("a.zkt", "/a\n  /b\n");
    for command in ["plan", "apply -y"] {
        let run = place.run(&format!("{command} -c {hosts} a.zkt")).expect(1);
        assert!(
            run.stderr.contains("/no/such does not exist on "),
            "{}",
            run.stderr
        );
        let words = format!("{command} --auth nonsense:hunter2 a.zkt");
        let run = place.run(&words).expect(1);
        assert!(
            run.stderr
                .contains(" refuses the credentials (an unknown scheme)"),
            "{}",
            run.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_flag_comes_before_the_environment() {
    let place = Place::new("precedence").await;
    let dead = format!("127.0.0.1:{}", free_port());
    let run = |flag: &str, ours: &str, theirs: &str| {
        let mut command = place.command(&format!("ls {flag}"));
        command
            .env("ZKT_CONNECT", ours)
            .env("ZC_ZK_CONNECTION_STRING", theirs);
        place.finish(command.spawn().unwrap()).code
    };
    let live = &place.hosts;
    assert_eq!(run(&format!("-c {live}"), &dead, &dead), 0);
    assert_eq!(run(&format!("-c {dead}"), live, live), 1);
    assert_eq!(run("", live, &dead), 0);
    assert_eq!(run("", &dead, live), 1);
    assert_eq!(run("", "", live), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn credentials_come_from_flags_files_or_the_environment() {
    let place = Place::new("credentials").await;
    place.file("a.zkt", "/a\n  @acl auth::cdrwa\n  x = 1\n");
    let secret = "digest:ops:hunter2";
    place
        .run(&format!("apply -y --auth {secret} a.zkt"))
        .expect(0);
    insta::assert_snapshot!(place.nodes().await, @"/a unreadable");
    place.file("b.zkt", "/a\n  x = 2\n");
    insta::assert_snapshot!(place.run("plan b.zkt"), @"
    --- stderr
    error: not authorized to read /a
    hint: --auth, --auth-file or --sasl-user gives credentials
    --- exit 1
    ");
    place.file("auth", format!("# ops\n\n  {secret}\n"));
    let mut from_environment = place.command("plan b.zkt");
    from_environment.env("ZKT_AUTH", secret);
    let runs = [
        place.run(&format!("plan --auth {secret} b.zkt")),
        place.run("plan --auth-file auth b.zkt"),
        place.finish(from_environment.spawn().unwrap()),
        place.run("plan -vvv --auth-file auth b.zkt"),
        place.run("plan -vvv --log-format json --auth-file auth b.zkt"),
    ];
    for run in runs {
        let run = run.expect(0);
        assert!(run.stdout.contains("x = 1 -> 2"), "{run}");
        assert!(!run.everything().contains("hunter2"), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn logs_are_lines_of_json_on_stderr() {
    let place = Place::new("logs").await;
    let run = place.run("ls -v --log-format json").expect(0);
    assert_eq!(run.stdout, "/\n");
    let lines: Vec<serde_json::Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines
            .iter()
            .any(|line| line["fields"]["message"] == "read the live tree"),
        "{lines:?}"
    );
    assert_eq!(place.run("ls -q").expect(0).stderr, "");
    place.run("ls -q -v").expect(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_session_timeout_of_a_second_will_do() {
    let place = Place::new("short").await;
    create(&place.client().await, "/a", "").await;
    let run = place.run("ls --session-timeout 1s").expect(0);
    assert_eq!(run.stdout, "/\n/a\n");
}

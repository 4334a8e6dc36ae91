//! `get`, `set`, `resolve`, `ln` and `rm`.

use zkt::server::{Fault, Matching, RequestKind};
use zookeeper_client::{Acl, Acls, AuthId, CreateMode, Permission};

use super::watch::live::embedded;
use super::{Place, Terminal, create, create_as};
use crate::relay::{Mode, Relay};

async fn tree(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    let cms = r#"{"threads =>":"/foo","type":"z4m cms","main ->":"/foo/main","n":[1,"a"]}"#;
    create(&client, "/cms", cms).await;
    create(&client, "/foo", r#"{"threads":3,"secret":"1234"}"#).await;
    create(&client, "/foo/main", b"\xff\x00").await;
    place
}

/// It would look like a node without properties.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn get_says_that_it_may_not_read() {
    let place = Place::new("get-unreadable").await;
    let client = place.client().await;
    let closed = [Acl::new(Permission::ADMIN, AuthId::anyone())];
    let options = CreateMode::Persistent.with_acls(Acls::new(&closed));
    client.create("/shut", b"{}", &options).await.unwrap();
    let refused = "--- stderr\nerror: /shut: not authorized";
    for words in [
        "/shut",
        "/shut x",
        "--format json /shut",
        "--raw /shut",
        "--watch /shut",
    ] {
        let run = place.run(&format!("get {words}"));
        assert_eq!(run.code, 1, "{words}: {run}");
        assert!(run.to_string().starts_with(refused), "{words}: {run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn paths_begin_with_a_slash() {
    let place = tree("no-slash").await;
    for words in ["set foo x=1", "resolve foo", "get foo", "rm foo"] {
        let run = place.run(words);
        assert_eq!(run.code, 1, "{words}: {run}");
        assert!(
            run.stderr.contains("slash") || run.stderr.contains("absolute"),
            "{run}"
        );
    }
    insta::assert_snapshot!(place.run("set foo x=1"), @r#"
    --- stderr
    error: PATH "foo" does not start with a slash
    hint: /foo is the path from the root on
    --- exit 1
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn get() {
    let place = tree("get").await;
    insta::assert_snapshot!(place.run("get /cms"), @r#"
    main -> /foo/main
    n = [1, 'a']
    threads = 3
    type = 'z4m cms'
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("get /cms threads"), @"
    3
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("get /cms type"), @"
    z4m cms
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("get --format json /cms"), @r#"
    {"format_version":"1.2","path":"/cms","properties":{"main ->":"/foo/main","n":[1,"a"],"threads":3,"type":"z4m cms"},"real_path":"/cms"}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("get --format json /cms n"), @r#"
    {"format_version":"1.2","name":"n","path":"/cms","value":[1,"a"]}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("get --raw /foo"), @r#"{"threads":3,"secret":"1234"}--- exit 0"#);
    insta::assert_snapshot!(place.run("get /foo nosuch"), @"
    --- stderr
    error: /foo has no property nosuch
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("get /nosuch"), @"
    --- stderr
    error: /nosuch does not exist
    --- exit 1
    ");
    place.run("set /foo threads-").expect(0);
    insta::assert_snapshot!(place.run("get /cms"), @"
    main -> /foo/main
    n = [1, 'a']
    threads => /foo
    type = 'z4m cms'
    --- stderr
    error: the property link threads leads nowhere: /foo has no property threads
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("get /cms threads"), @"
    --- stderr
    error: the property link threads of /cms leads nowhere: /foo has no property threads
    --- exit 1
    ");
}

/// What zc.zk's `zookeeper_set_property` did.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn set() {
    let place = tree("set").await;
    place
        .run("set /foo threads=4 debug=True comment='ok'")
        .expect(0);
    insta::assert_snapshot!(place.run("get /foo"), @"
    comment = 'ok'
    debug = True
    secret = '1234'
    threads = 4
    --- exit 0
    ");
    place.run("set /foo debug- comment- x=a=b").expect(0);
    insta::assert_snapshot!(place.run("get --raw /foo"), @r#"{"secret":"1234","threads":4,"x":"a=b"}--- exit 0"#);
    insta::assert_snapshot!(place.run("set /foo novalue"), @r#"
    --- stderr
    error: expected NAME=VALUE or NAME-, found "novalue"
    --- exit 1
    "#);
    insta::assert_snapshot!(place.run("set /cms/main x=1"), @"
    --- stderr
    error: /foo/main holds bytes that are no text, and so has no properties to update
    hint: --replace puts the properties in the place of that data
    --- exit 1
    ");
    let mut link = place.command("set /foo");
    let link = link.arg("limit => /nosuch");
    let run = place.finish(link.spawn().unwrap());
    insta::assert_snapshot!(run, @"
    --- stderr
    error: the property link limit of /foo leads nowhere: /nosuch does not exist
    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn set_says_what_creates_a_node() {
    let place = tree("set-missing").await;
    insta::assert_snapshot!(place.run("set /new/node x=1"), @"
    --- stderr
    error: /new does not exist
    hint: set changes nodes, and apply creates them: declare /new/node in a FILE, and zkt apply FILE
    --- exit 1
    ");
    // A context may trim, or lead elsewhere.
    place.file(
        "zkt.toml",
        "default-context = 'prod'\n[context.prod]\nowner = 'team'\ntrim = 'owned'\n",
    );
    insta::assert_snapshot!(place.run("set /new/node x=1"), @"
    --- stderr
    context prod of zkt.toml, its default
    error: /new does not exist
    hint: set changes nodes, and apply creates them: declare /new/node in the layers of the context prod, and apply those
    --- exit 1
    ");
    let mut outside = place.command("set /new/node x=1");
    let outside = outside.args(["--context", ""]);
    insta::assert_snapshot!(place.finish(outside.spawn().unwrap()), @"
    --- stderr
    error: /new does not exist
    hint: set changes nodes, and apply creates them: declare /new/node in a FILE, and zkt apply FILE --context ''
    --- exit 1
    ");
    place.file("zkt.toml", "");
    place.run_with("apply -y -", "/new/node\n").expect(0);
    place.run("set /new/node x=1").expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn resolve_and_ln() {
    let place = tree("resolve").await;
    assert_eq!(
        place.run("resolve /cms/main").expect(0).stdout,
        "/foo/main\n"
    );
    assert_eq!(
        place.run("resolve /foo/./main/../main").expect(0).stdout,
        "/foo/main\n"
    );
    insta::assert_snapshot!(place.run("resolve /cms/other"), @"
    --- stderr
    error: /cms/other does not exist
    --- exit 1
    ");
    place.run("ln /foo/main /foo/m2").expect(0);
    assert_eq!(place.run("resolve /foo/m2").expect(0).stdout, "/foo/main\n");
    place.run("ln ../foo /cms/").expect(0);
    assert_eq!(
        place.run("resolve /cms/foo/m2").expect(0).stdout,
        "/foo/main\n"
    );
    insta::assert_snapshot!(place.run("ln /nowhere /cms/soon"), @"
    --- stderr
    warning: /cms/soon leads nowhere yet: /nowhere does not exist
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("ln /cms /foo/main"), @"
    --- stderr
    error: /foo/main exists, and a node hides a link of its name
    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rm() {
    let place = tree("rm").await;
    let client = place.client().await;
    create_as(&client, "/foo/e", "{}", CreateMode::Ephemeral).await;
    insta::assert_snapshot!(place.run("rm -n /foo"), @"
    would delete /foo/main
    kept /foo/e (ephemeral)
    kept /foo (holds an ephemeral node)
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("rm /foo"), @"
    deleted /foo/main
    kept /foo/e (ephemeral)
    kept /foo (holds an ephemeral node)
    --- stderr
    error: /foo was not deleted
    hint: --force deletes ephemeral nodes, too
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("rm --force /foo"), @"
    deleted /foo/e
    deleted /foo
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("rm /foo"), @"
    --- stderr
    error: /foo does not exist
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("rm /"), @"
    --- stderr
    error: / is everything; name what is to go
    --- exit 3
    ");
}

const DELETE_THREE: &str = "Delete these 3 nodes? Only 'yes' is taken for a yes: ";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rm_asks_on_a_terminal() {
    let place = tree("rm-ask").await;
    let client = place.client().await;
    create(&client, "/foo/x", "").await;
    let mut terminal = Terminal::start(&place, "rm /foo");
    insta::assert_snapshot!(terminal.until(DELETE_THREE), @"
      /foo
      /foo/main
      /foo/x
    Delete these 3 nodes? Only 'yes' is taken for a yes:
    ");
    terminal.say("no");
    let (rest, code) = terminal.end();
    assert_eq!((rest.as_str(), code), ("no\nnothing was deleted\n", 1));

    let mut terminal = Terminal::start(&place, "rm /foo");
    terminal.until(DELETE_THREE);
    // The same number of nodes, and another one in a place.
    client.delete("/foo/x", None).await.unwrap();
    create(&client, "/foo/x", "").await;
    client.set_data("/foo/main", b"newer", None).await.unwrap();
    terminal.say("yes");
    assert!(
        terminal
            .until(DELETE_THREE)
            .contains("other nodes have come since")
    );
    client.delete("/foo/x", None).await.unwrap();
    terminal.say("yes");
    let (rest, code) = terminal.end();
    assert_eq!(
        (rest.as_str(), code),
        ("yes\ndeleted /foo/main\ndeleted /foo\n", 0)
    );

    let (text, code) = Terminal::start(&place, "rm -y /cms").end();
    assert_eq!((text.as_str(), code), ("deleted /cms\n", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn rm_reports_all_that_is_gone_though_replies_are_lost() {
    let (server, place) = embedded();
    let client = place.client().await;
    for path in ["/a", "/a/b", "/a/c"] {
        create(&client, path, "").await;
    }
    let delete = Matching::kind(RequestKind::Delete).path("/a/b");
    let lost = server.handle().inject(delete, Fault::LoseReply);
    let run = place.run("rm /a").expect(0);
    assert!(lost.has_struck());
    let mut lines: Vec<&str> = run.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["deleted /a", "deleted /a/b", "deleted /a/c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm_reports_what_an_interrupt_leaves() {
    let (server, place) = embedded();
    let client = place.client().await;
    for path in ["/a", "/a/b", "/a/c"] {
        create(&client, path, "").await;
    }
    // More than what is in flight together.
    for i in 0..300 {
        create(&client, &format!("/a/b/n{i:03}"), "").await;
    }
    let relay = Relay::to(server.handle().address().port()).await;
    relay.set(Mode::HoldDelete);
    let child = place
        .command(&format!("rm /a -c {}", relay.address()))
        .spawn()
        .unwrap();
    relay.holds_a_write().await;
    super::signal(&child, "INT");
    let run = place.finish(child).expect(5);
    assert_eq!(run.stderr, "error: interrupted\n");
    let count = |word: &str| {
        run.stdout
            .lines()
            .filter(|line| line.starts_with(word))
            .count()
    };
    let (deleted, unknown, left) = (count("deleted "), count("unknown "), count("left "));
    assert_eq!((deleted, unknown + left), (0, 303));
    assert!(unknown > 0 && left > 0, "{unknown} {left}");
    assert_eq!(place.nodes().await.lines().count(), 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm_tries_again_when_somebody_creates_below() {
    let (server, place) = embedded();
    let client = place.client().await;
    create(&client, "/a", "").await;
    create(&client, "/a/b", "").await;
    let relay = Relay::to(server.handle().address().port()).await;
    relay.set(Mode::HoldDelete);
    let child = place
        .command(&format!("rm /a -c {}", relay.address()))
        .spawn()
        .unwrap();
    relay.holds_a_write().await;
    create(&client, "/a/b/new", "").await;
    relay.set(Mode::Forward);
    let run = place.finish(child).expect(0);
    assert_eq!(run.stdout, "deleted /a/b/new\ndeleted /a/b\ndeleted /a\n");
}

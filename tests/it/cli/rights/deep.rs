//! `@acl deep`: undeclared nodes below are held to the ACL, too.

use std::time::{Duration, Instant};

use zkt::server::{ErrorCode, Fault, Matching, RequestKind};
use zookeeper_client::{Acls, AuthId, Client, CreateMode, Permission};

use super::{Place, names_identities};
use crate::cli::watch::Watching;
use crate::cli::{self, create};

/// Held: everybody may do all but write.
const DEEP: &str = "/a\n  @acl deep world:anyone:cdra\n";
const HELD: Permission = Permission::ALL;

/// What everybody may do with a node.
async fn rights(client: &Client, path: &str) -> String {
    let (acl, _) = client
        .get_acl(path)
        .await
        .unwrap_or_else(|why| panic!("{path}: {why}"));
    let letters = [
        (Permission::CREATE, 'c'),
        (Permission::DELETE, 'd'),
        (Permission::READ, 'r'),
        (Permission::WRITE, 'w'),
        (Permission::ADMIN, 'a'),
    ];
    let all = acl.iter().map(zookeeper_client::Acl::permission);
    let all = all.fold(Permission::NONE, |all, one| all | one);
    let has = letters.iter().filter(|(right, _)| all.has(*right));
    has.map(|(_, letter)| *letter).collect()
}

/// Gives everybody these rights.
async fn set(client: &Client, path: &str, rights: Permission) {
    let acl = [zookeeper_client::Acl::new(rights, AuthId::anyone())];
    client.set_acl(path, &acl, None).await.unwrap();
}

/// Waits until everybody has just these rights.
async fn until(client: &Client, path: &str, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let found = rights(client, path).await;
        if found == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{path}: {found}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The paths of the actions of a plan, each with the name of the action.
fn actions(run: &cli::Run) -> Vec<String> {
    let plan = &run.json()[0];
    let actions = plan["actions"].as_array().unwrap().iter();
    let shown = actions.map(|one| format!("{} {}", one["action"], one["path"]).replace('"', ""));
    shown.collect()
}

/// Undeclared nodes get the ACL, and are looked at each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_deep_acl_holds_for_undeclared_nodes() {
    let place = Place::new("rights-deep").await;
    let client = place.client().await;
    for path in ["/a", "/a/old", "/a/old/sub", "/a/own", "/a/own/sub"] {
        create(&client, path, "{}").await;
    }
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    client.create("/a/old/here", b"", &ephemeral).await.unwrap();
    place.file(
        "a.zkt",
        "/a\n  @acl deep world:anyone:r auth::cdrwa\n  /own\n    @acl world:anyone:cdrwa\n",
    );
    let run = |words: &str| place.run(&format!("{words} --auth digest:ops:secret a.zkt"));
    insta::assert_snapshot!(run("plan"), @"
    zkt plan: SERVER <- a.zkt

      ~ /a
        - acl: world:anyone:cdrwa
        + acl: world:anyone:r
        + acl: auth (ops)
      ~ /a/old
          acl: as /a
      ~ /a/old/sub
          acl: as /a

    Extra, left alone without --trim:
      /a/old
      /a/own/sub

    Plan: 0 to add, 3 to update, 0 to link, 0 to trim.
    --- exit 0
    ");
    run("apply -y").expect(0);
    assert!(run("plan").expect(0).last().starts_with("No changes"));
    insta::assert_snapshot!(place.nodes().await, @r#"
    /a "{}" v0 world:anyone:r digest:ops:x:cdrwa
    /a/old "{}" v0 world:anyone:r digest:ops:x:cdrwa
    /a/old/here "" v0
    /a/old/sub "{}" v0 world:anyone:r digest:ops:x:cdrwa
    /a/own "{}" v0
    /a/own/sub "{}" v0
    "#);

    // Others create more, and open what was closed.
    client.auth("digest", b"ops:secret").await.unwrap();
    create(&client, "/a/old/new", "{}").await;
    let open = [zookeeper_client::Acl::new(
        Permission::ALL,
        AuthId::anyone(),
    )];
    client.set_acl("/a/old/sub", &open, None).await.unwrap();
    let plan = run("plan --format json").expect(0);
    let actions = plan.json()[0]["actions"].clone();
    let actions = actions.as_array().unwrap().iter();
    let paths: Vec<&str> = actions
        .map(|action| action["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["/a/old/new", "/a/old/sub"]);
    run("plan -o plan.json").expect(0);
    place
        .run("apply -y --auth digest:ops:secret --plan plan.json")
        .expect(0);
    assert!(run("plan").expect(0).last().starts_with("No changes"));

    // A session that may not administer them is refused before it writes.
    client.set_acl("/a/old/sub", &open, None).await.unwrap();
    let shut = [zookeeper_client::Acl::new(
        Permission::READ,
        AuthId::anyone(),
    )];
    client.set_acl("/a/old/new", &shut, None).await.unwrap();
    if names_identities(&place).await {
        let refused = run("apply -y").expect(3);
        let why = "/a/old/new: its ACL gives this session no admin right";
        assert!(refused.stdout.contains(why), "{refused}");
    } else {
        let refused = run("apply -y").expect(5);
        let why = "error: /a/old/new: not authorized\n";
        assert!(refused.stderr.contains(why), "{refused}");
    }
}

/// However many and large they are, of nodes that are held to an ACL none is read with its data.
#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_what_is_held_is_not_read() {
    let server = zkt::server::Server::builder().start().unwrap();
    let place = Place::at(&server.connect_string());
    let client = place.client().await;
    grow(&place, &client).await;
    let reads = || [RequestKind::GetData, RequestKind::MultiRead].map(|kind| server.requests(kind));
    let cost = |words: &str| {
        let before = reads();
        place.run(&format!("{words} a.zkt")).expect(0);
        let after = reads();
        [after[0] - before[0], after[1] - before[1]]
    };
    let few = cost("plan");
    let few_owned = cost("plan --trim owned --owner ops");
    for i in 0..600 {
        create(&client, &format!("/a/b/c/n{i}"), vec![b'x'; 10_000]).await;
    }
    assert_eq!(cost("plan"), few);
    assert_eq!(cost("plan --trim owned --owner ops"), few_owned);
    place.run("apply -y a.zkt").expect(0);
    let applied = cost("apply -y");
    assert_eq!(cost("apply -y"), applied);
    assert_eq!(applied, few);
    assert_eq!(rights(&client, "/a/b/c/n7").await, "cdra");
}

/// Three nodes, of which the first one's ACL is declared for all.
async fn grow(place: &Place, client: &Client) {
    for path in ["/a", "/a/b", "/a/b/c"] {
        create(client, path, "{}").await;
    }
    place.file("a.zkt", DEEP);
}

/// A watch that holds them to it.
async fn watched(place: &Place) -> (Client, Watching) {
    let client = place.client().await;
    grow(place, &client).await;
    let mut watching = Watching::start(place, "a.zkt --interval 1h");
    until(&client, "/a/b/c", "cdra").await;
    watching.says(&["reconciled", "applied"]).await;
    (client, watching)
}

/// A node that comes later fires an event, and a foreign `setAcl` none: the timer finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_holds_what_comes_later() {
    let place = Place::new("deep-watch").await;
    let (client, watching) = watched(&place).await;
    create(&client, "/a/b/new", "{}").await;
    create(&client, "/a/b/new/below", "{}").await;
    until(&client, "/a/b/new", "cdra").await;
    until(&client, "/a/b/new/below", "cdra").await;
    // One that goes and comes back, with what is below.
    client.delete("/a/b/new/below", None).await.unwrap();
    client.delete("/a/b/new", None).await.unwrap();
    create(&client, "/a/b/new", "{}").await;
    until(&client, "/a/b/new", "cdra").await;
    watching.stop();

    let watching = Watching::start(&place, "a.zkt --interval 200ms");
    set(&client, "/a/b/c", HELD).await;
    until(&client, "/a/b/c", "cdra").await;
    watching.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_is_held_at_its_new_place() {
    let place = Place::new("deep-moved").await;
    let client = place.client().await;
    for path in ["/a", "/a/old", "/a/old/own", "/a/old/other", "/a/beside"] {
        create(&client, path, "{}").await;
    }
    let moved = format!("{DEEP}  /new\n    @moved from '/a/old'\n    @keep\n    /own\n");
    place.file("a.zkt", moved);
    let run = place.run("plan --format json a.zkt").expect(0);
    let expected = [
        "add /a/new",
        "add /a/new/other",
        "add /a/new/own",
        "update /a",
        "update /a/beside",
        "trim /a/old/own",
        "trim /a/old/other",
        "trim /a/old",
    ];
    assert_eq!(actions(&run), expected);
    place.run("apply -y a.zkt").expect(0);
    let after = place.run("plan --format json a.zkt").expect(0);
    for path in ["/a", "/a/new", "/a/new/own", "/a/beside"] {
        assert_eq!(rights(&client, path).await, "cdra", "{path}");
    }
    // What nobody declares keeps its ACL while it moves, and is held then.
    let left = actions(&after);
    assert!(
        left.iter().all(|one| one == "update /a/new/other"),
        "{left:?}"
    );
    place.run("apply -y a.zkt").expect(0);
    assert_eq!(rights(&client, "/a/new/other").await, "cdra");
    assert!(
        place
            .run("plan a.zkt")
            .expect(0)
            .last()
            .starts_with("No changes")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_trims_is_not_held() {
    let place = Place::new("deep-owner").await;
    let client = place.client().await;
    place.file("a.zkt", "/a\n  /own\n    /below\n  /stays\n");
    place.run("apply -y --owner ops a.zkt").expect(0);
    create(&client, "/a/stays/foreign", "{}").await;
    create(&client, "/a/foreign", "{}").await;
    create(&client, "/a/foreign/below", "{}").await;
    place.file("a.zkt", DEEP);
    let run = place.run("plan --owner ops --trim owned --format json a.zkt");
    let expected = [
        "update /a",
        "update /a/foreign",
        "update /a/foreign/below",
        "update /a/stays",
        "update /a/stays/foreign",
        "trim /a/own/below",
        "trim /a/own",
    ];
    let run = run.expect(0);
    assert_eq!(actions(&run), expected);
    let reason = run.json()[0]["kept"].to_string();
    assert!(reason.contains("/a/stays"), "{reason}");
    place
        .run("apply -y --owner ops --trim owned a.zkt")
        .expect(0);
    let again = place.run("plan --owner ops --trim owned a.zkt").expect(0);
    assert!(again.last().starts_with("No changes"), "{again}");
    assert_eq!(rights(&client, "/a/stays/foreign").await, "cdra");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_directives_are_about_something_else() {
    let place = Place::new("deep-directives").await;
    let client = place.client().await;
    for path in [
        "/a",
        "/a/kept",
        "/a/kept/x",
        "/a/safe",
        "/a/safe/x",
        "/a/some",
        "/a/some/x",
    ] {
        create(&client, path, r#"{"p":1}"#).await;
    }
    let more = "  /kept\n    @keep\n  /safe\n    @protect\n    p = 1\n  /some\n    @ignore p\n";
    place.file("a.zkt", format!("{DEEP}  @keep properties\n{more}"));
    place.run("apply -y a.zkt").expect(0);
    for path in [
        "/a/kept",
        "/a/kept/x",
        "/a/safe",
        "/a/safe/x",
        "/a/some",
        "/a/some/x",
    ] {
        assert_eq!(rights(&client, path).await, "cdra", "{path}");
        assert_eq!(
            client.get_data(path).await.unwrap().0,
            br#"{"p":1}"#,
            "{path}"
        );
    }
    assert!(
        place
            .run("plan a.zkt")
            .expect(0)
            .last()
            .starts_with("No changes")
    );
    // With trims, only what is kept is held.
    set(&client, "/a/kept/x", HELD).await;
    set(&client, "/a/some/x", HELD).await;
    let run = place
        .run("plan -t --exclude /a/safe --format json a.zkt")
        .expect(0);
    assert_eq!(actions(&run), ["update /a/kept/x", "trim /a/some/x"]);
}

/// Links lead to what is held as to any other node, though it was read without its data.
#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_what_is_held() {
    let place = Place::new("deep-links").await;
    let client = place.client().await;
    create(&client, "/a", "{}").await;
    create(&client, "/a/b", r#"{"p":1,"on ->":"c"}"#).await;
    create(&client, "/a/b/c", "{}").await;
    let links = "/l\n  to -> /a/b/c\n  far -> /a/b/on\n  value => /a/b p\n";
    place.file("a.zkt", format!("{DEEP}{links}"));
    place.run("plan --strict --extras hide a.zkt").expect(0);
    let wrong = "/l\n  to -> /a/b/none\n  value => /a/b q\n";
    place.file("a.zkt", format!("{DEEP}{wrong}"));
    let run = place.run("plan a.zkt").expect(0);
    let warned = run.stdout.matches("warning: /l").count();
    assert_eq!(warned, 2, "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_and_ephemeral_nodes_are_left_alone() {
    let place = Place::new("deep-left").await;
    let client = place.client().await;
    place.file("b.zkt", "/b\n");
    create(&client, "/a", "{}").await;
    create(&client, "/a/zk", "{}").await;
    place
        .run("apply -y --owner ops --owner-path /a/zk/records b.zkt")
        .expect(0);
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    client.create("/a/here", b"", &ephemeral).await.unwrap();
    place.file("a.zkt", DEEP);
    let run = place.run("plan --format json a.zkt").expect(0);
    let held = actions(&run);
    assert!(held.contains(&"update /a/zk".to_owned()), "{held:?}");
    let left = ["/a/zk/records/ops", "/a/here"];
    let touched = held
        .iter()
        .any(|one| left.iter().any(|path| one.contains(path)));
    assert!(!touched, "{held:?}");

    // A watch reads a record again whenever its owner applies, and sees others begin.
    let mut watching = Watching::start(&place, "a.zkt --interval 1h");
    until(&client, "/a/zk", "cdra").await;
    watching.says(&["reconciled", "applied"]).await;
    place.file("c.zkt", "/c\n");
    let apply = |owner: &str, file: &str| {
        let words = format!("apply -y --owner {owner} --owner-path /a/zk/records {file}");
        place.run(&words).expect(0);
    };
    apply("ops", "b.zkt");
    apply("late", "c.zkt");
    create(&client, "/a/last", "{}").await;
    until(&client, "/a/last", "cdra").await;
    place.file("b.zkt", "/b\n  p = 1\n");
    place.file("c.zkt", "/c\n  p = 1\n");
    apply("ops", "b.zkt");
    apply("late", "c.zkt");
    create(&client, "/a/latest", "{}").await;
    until(&client, "/a/latest", "cdra").await;
    let (_, log) = watching.stop();
    for owner in ["ops", "late"] {
        let head = format!("/a/zk/records/{owner}");
        assert!(!log.contains(&head), "{log}");
        assert_eq!(rights(&client, &head).await, "cdrwa");
        let below = client.list_children(&head).await.unwrap();
        assert!(!below.is_empty());
        for name in below {
            assert_eq!(rights(&client, &format!("{head}/{name}")).await, "cdrwa");
        }
    }
}

/// An apply may have stopped before it wrote more than the head, and what may not be read may be one.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_only_began_or_may_not_be_read_are_left_alone() {
    let place = Place::new("deep-begun").await;
    let client = place.client().await;
    let head = r#"{"zkt_record":1,"shards":[],"applied":null,"begun":null}"#;
    for path in ["/a", "/a/other"] {
        create(&client, path, "{}").await;
    }
    create(&client, "/a/like", r#"{"what":"no record, but as long"}"#).await;
    for path in ["/a/begun", "/a/shut", "/a/shut-empty"] {
        create(&client, path, head).await;
    }
    create(&client, "/a/shut/s0000000001-0-0000", "").await;
    set(&client, "/a/shut", Permission::ADMIN).await;
    let hidden = Permission::ADMIN | Permission::CREATE;
    set(&client, "/a/shut-empty", hidden).await;
    place.file("a.zkt", DEEP);
    let run = place.run("plan --format json a.zkt").expect(0);
    let expected = ["update /a", "update /a/like", "update /a/other"];
    assert_eq!(actions(&run), expected);

    let mut watching = Watching::start(&place, "a.zkt --interval 1h");
    until(&client, "/a/other", "cdra").await;
    watching.says(&["reconciled", "applied"]).await;
    client
        .set_data("/a/begun", head.as_bytes(), None)
        .await
        .unwrap();
    create(&client, "/a/begun/s0000000001-0-0000", "").await;
    create(&client, "/a/shut-empty/s0000000001-0-0000", "").await;
    create(&client, "/a/new", head).await;
    create(&client, "/a/last", "{}").await;
    until(&client, "/a/last", "cdra").await;
    watching.stop();
    for path in ["/a/begun", "/a/begun/s0000000001-0-0000", "/a/new"] {
        assert_eq!(rights(&client, path).await, "cdrwa", "{path}");
    }
    for (path, kept) in [("/a/shut", "a"), ("/a/shut-empty", "ca")] {
        assert_eq!(rights(&client, path).await, kept, "{path}");
        let part = format!("{path}/s0000000001-0-0000");
        assert_eq!(rights(&client, &part).await, "cdrwa", "{part}");
    }
}

/// What a watch opens, or no longer has in its files, it reads down to the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_reads_below_what_it_could_not_list() {
    let place = Place::new("deep-watch-below").await;
    let client = place.client().await;
    for path in [
        "/a",
        "/a/shut",
        "/a/shut/in",
        "/a/shut/in/deep",
        "/a/own",
        "/a/own/x",
        "/a/own/x/y",
    ] {
        create(&client, path, "{}").await;
    }
    set(&client, "/a/shut", Permission::ADMIN).await;
    let own = format!("{DEEP}  /own\n    @acl world:anyone:cdrwa\n");
    place.file("a.zkt", own);
    let watching = Watching::start(&place, "a.zkt --interval 1h");
    until(&client, "/a/shut/in", "cdra").await;
    until(&client, "/a/shut/in/deep", "cdra").await;
    assert_eq!(rights(&client, "/a/own/x").await, "cdrwa");
    place.file("a.zkt", DEEP);
    until(&client, "/a/own", "cdra").await;
    until(&client, "/a/own/x", "cdra").await;
    until(&client, "/a/own/x/y", "cdra").await;
    let (_, log) = watching.stop();
    assert!(!log.contains("no ADMIN right"), "{log}");
}

/// A node whose children are gone could be listed.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_says_nothing_of_nodes_without_children() {
    let place = Place::new("deep-watch-empty").await;
    let (client, watching) = watched(&place).await;
    client.delete("/a/b/c", None).await.unwrap();
    create(&client, "/a/last", "{}").await;
    until(&client, "/a/last", "cdra").await;
    // The whole tree is planned again, from what is known of it.
    place.file("a.zkt", format!("{DEEP}  /more\n"));
    while client.check_stat("/a/more").await.unwrap().is_none() {
        assert!(!watching.log().contains("not compared"));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until(&client, "/a/more", "cdra").await;
    let (_, log) = watching.stop();
    assert!(!log.contains("not compared"), "{log}");
}

/// A node that goes between look and write is looked at again, and a saved plan stops before it writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_may_go_before_it_is_written() {
    let server = zkt::server::Server::builder().start().unwrap();
    let place = Place::at(&server.connect_string());
    let client = place.client().await;
    grow(&place, &client).await;
    place.run("plan -o plan.json a.zkt").expect(0);
    let gone = Fault::Answer(ErrorCode::NoNode);
    let struck = server.inject(Matching::kind(RequestKind::SetAcl).path("/a/b/c"), gone);
    place.run("apply -y a.zkt").expect(0);
    assert_eq!(struck.struck(), 1);
    assert_eq!(rights(&client, "/a/b/c").await, "cdra");

    for path in ["/a", "/a/b", "/a/b/c"] {
        set(&client, path, HELD).await;
    }
    place.run("plan -o plan.json a.zkt").expect(0);
    client.delete("/a/b/c", None).await.unwrap();
    let before = place.nodes().await;
    place.run("apply -y --plan plan.json").expect(4);
    assert_eq!(place.nodes().await, before);
    create(&client, "/a/b/c", "{}").await;
    place.run("apply -y --plan plan.json").expect(4);
    place.run("plan -o plan.json a.zkt").expect(0);
    place.run("apply -y --plan plan.json").expect(0);
    assert_eq!(rights(&client, "/a/b/c").await, "cdra");
}

/// What is below a node that the session may administer, and not list, is not compared, and that is said.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_listed_is_said() {
    let place = Place::new("deep-unlisted").await;
    let client = place.client().await;
    for path in ["/a", "/a/shut", "/a/shut/in"] {
        create(&client, path, "{}").await;
    }
    set(&client, "/a/shut", Permission::ADMIN).await;
    place.file("a.zkt", DEEP);
    let run = place.run("plan a.zkt").expect(0);
    let why = "not compared: the ACLs below 1 node (no READ right)";
    assert!(run.stdout.contains(why), "{run}");
    place.run("apply -y a.zkt").expect(0);
    assert_eq!(rights(&client, "/a/shut").await, "cdra");
    let run = place.run("plan --format json a.zkt").expect(0);
    assert_eq!(actions(&run), ["update /a/shut/in"]);
}

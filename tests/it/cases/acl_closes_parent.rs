//! ACLs that would keep their applier from what the plan has to do, or lock it out.

use std::fmt::Write as _;
use std::time::Duration;

use zookeeper_client::{Acls, CreateMode, Error};

use crate::cli::Place;
use crate::relay::{Mode, Relay, Way};
use crate::server;

const TREE: &str = include_str!("../fixtures/cases/acl-closes-parent/tree.zkt");
const TREE2: &str = include_str!("../fixtures/cases/acl-closes-parent/tree2.zkt");
const OPS: &str = "--auth digest:ops:secret";

/// More than one request of nodes; the last subtree closes itself to its creator.
fn big() -> String {
    let mut text = "/aclbig\n".to_owned();
    for i in 0..6 {
        _ = writeln!(text, "  /n{i}\n    x = '{}'", "y".repeat(400_000));
    }
    text + "  /z\n    @acl world:anyone:r\n    /child\n      x = 1\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_lock_its_applier_out_is_refused() {
    let place = Place::new("case-acl-refused").await;
    place.file("t.zkt", TREE).file("t2.zkt", TREE2);
    place.file("big.zkt", big());
    for (words, why) in [
        ("t.zkt", "refused: /acl1: @acl gives this session no admin"),
        ("--force t.zkt", "refused: /acl1: @acl does not let this"),
        ("big.zkt", "refused: /aclbig/z: @acl gives this session no"),
        ("--force big.zkt", "refused: /aclbig/z: @acl does not let"),
        ("t2.zkt", "refused: /acl2: @acl auth:: stands for"),
    ] {
        let run = place.run(&format!("apply --yes {words}")).expect(3);
        assert!(run.stdout.contains(why), "{run}");
    }
    let run = place.run(&format!("apply --yes {OPS} t.zkt")).expect(3);
    assert!(
        run.stdout.contains("--force allows that (t.zkt:2:3)"),
        "{run}"
    );
    assert_eq!(place.nodes().await, "");
}

/// A node whose ACL is as declared, and does not allow what the plan has to do there.
#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_reported_before_the_first_write() {
    let place = Place::new("case-acl-rights").await;
    let acl = "  @acl world:anyone:ra\n";
    place
        .file("a.zkt", format!("/a\n{acl}  x = 1\n"))
        .file("b.zkt", format!("/new\n/a\n{acl}  x = 2\n  /child\n"));
    place.run("apply --yes a.zkt").expect(0);
    let before = place.nodes().await;
    let run = place.run("apply --yes b.zkt").expect(3);
    let why = "refused: /a: its ACL gives this session no write and no create right, which the plan \
               needs there; --force tries it nevertheless";
    assert!(run.stdout.contains(why), "{run}");
    assert_eq!(place.nodes().await, before);
    let run = place.run("apply --yes --force b.zkt").expect(1);
    let told = "error: /a/child: not authorized\nhint: it takes the create right at /a; ";
    assert!(run.stderr.starts_with(told), "{run}");
    place.run("watch --once b.zkt").expect(5);
    assert!(place.nodes().await.contains("/new "));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_closes_itself_is_created_whole() {
    let place = Place::new("case-acl-created").await;
    place.file("t.zkt", TREE).file("t2.zkt", TREE2);
    place.file("big.zkt", big());
    // The right to change an ACL is kept, that to create children is not.
    place.file("w.zkt", "/w\n  @acl auth::ra\n  l -> ../acl2\n  /child\n");
    for words in ["--force t.zkt", "t2.zkt", "--force big.zkt", "w.zkt"] {
        place.run(&format!("apply --yes {OPS} {words}")).expect(0);
        let again = place.run(&format!("plan --strict {OPS} {words}")).expect(0);
        assert!(again.last().starts_with("No changes"), "{again}");
    }
    let nodes = place.nodes().await;
    let small = nodes.lines().filter(|line| line.len() < 1000);
    let small: Vec<&str> = small.collect();
    assert_eq!(
        small,
        [
            r#"/acl1 "{}" v0 world:anyone:r"#,
            r#"/acl1/child "{\"x\":1}" v0 world:anyone:r"#,
            r#"/acl2 "{}" v0 world:anyone:r digest:ops:x:cdrwa"#,
            r#"/acl2/child "{\"x\":1}" v0 world:anyone:r digest:ops:x:cdrwa"#,
            r#"/aclbig "{}" v0"#,
            r#"/aclbig/z "{}" v0 world:anyone:r"#,
            r#"/aclbig/z/child "{\"x\":1}" v0 world:anyone:r"#,
            "/w unreadable",
        ]
    );
}

/// Nodes that were created for the session alone and never got their ACL.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_plan_finishes_what_was_cut_off() {
    let place = Place::new("case-acl-cut").await;
    place
        .file(
            "cut.zkt",
            "/acl1\n  @acl auth::cdrwa\n/w\n  @acl auth::cdrwa\n",
        )
        .file("t.zkt", format!("{TREE}/w\n  @acl auth::ra\n  /child\n"));
    place.run(&format!("apply --yes {OPS} cut.zkt")).expect(0);
    let run = place.run(&format!("apply --yes --force {OPS} t.zkt"));
    assert_eq!(
        run.expect(0).last(),
        "Done: 2 added, 2 updated, 0 linked, 0 trimmed."
    );
    let again = place.run(&format!("plan --strict {OPS} t.zkt")).expect(0);
    assert!(again.last().starts_with("No changes"), "{again}");
}

/// An existing node that the session may not use until the plan has changed its ACL.
#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_opened_first_is() {
    let place = Place::new("case-acl-opened").await;
    place
        .file("shut.zkt", "/p\n  @acl auth::ra\n  x = 1\n  /old\n")
        .file(
            "open.zkt",
            "/p\n  @acl auth::cdrwa world:anyone:r\n  x = 2\n  l -> ../p/new\n  /new\n    y = 1\n",
        );
    place.run(&format!("apply --yes {OPS} shut.zkt")).expect(0);
    place
        .run(&format!("apply --yes --trim --force {OPS} open.zkt"))
        .expect(0);
    let again = place.run(&format!("plan --strict --trim {OPS} open.zkt"));
    assert!(again.expect(0).last().starts_with("No changes"));
    assert!(!place.nodes().await.contains("old"));
}

/// One right is only in the ACL that the node has, the other only in the declared one.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_order_allows_is_refused() {
    let place = Place::new("case-acl-two-steps").await;
    place
        .file("a.zkt", "/p\n  @acl auth::wra\n  x = 1\n")
        .file("b.zkt", "/p\n  @acl auth::cra\n  x = 2\n  /new\n");
    place.run(&format!("apply --yes {OPS} a.zkt")).expect(0);
    let before = place.nodes().await;
    let run = place.run(&format!("apply --yes {OPS} b.zkt")).expect(3);
    let why = "refused: /p: neither its ACL nor the declared one lets this session do all that \
               the plan has to do there; apply it in two steps, first with an @acl that does \
               (b.zkt:2:3)";
    assert!(run.stdout.contains(why), "{run}");
    assert_eq!(place.nodes().await, before);
}

/// In a plan of several requests links come later, when this session may not write them.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_identity_links_are_created_at_once() {
    let place = Place::new("case-acl-links").await;
    let text = "/linked\n  @acl world:anyone:cdra\n  l -> ../target\n/target\n";
    place.file(
        "t.zkt",
        big().replace("  /z\n    @acl world:anyone:r\n", "  /z\n") + text,
    );
    place.run("apply --yes t.zkt").expect(0);
    let again = place.run("plan --strict t.zkt").expect(0);
    assert!(again.last().starts_with("No changes"), "{again}");
}

/// Cut off between its requests, an apply leaves nothing that others may use, and the next one goes
/// on from there.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_under_way_nobody_else_gets_in() {
    let place = Place::new("case-acl-window").await;
    let closed = big().replace("/aclbig\n", "/aclbig\n  @acl auth::ra\n");
    let closed = closed.replace("  /z\n    @acl world:anyone:r\n", "  /z\n");
    place.file("t.zkt", closed);
    let relay = Relay::to(server::shared().port()).await;
    relay.set(Mode::CutAfter(Way::Request, 1_200_000));
    relay.then(Mode::Refuse);
    let through = place.through(&relay.address());
    let mut child = place
        .command(&format!("apply --yes {OPS} -c {through} t.zkt"))
        .spawn()
        .unwrap();
    let owner = place.client().await;
    owner.auth("digest", b"ops:secret").await.unwrap();
    while owner.get_data("/aclbig/n0").await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(owner.get_data("/aclbig/z/child").await.is_err());
    let nobody = place.client().await;
    for path in ["/aclbig", "/aclbig/n0"] {
        let read = nobody.get_data(path).await;
        assert_eq!(read.unwrap_err(), Error::NoAuth, "{path}");
        let listed = nobody.list_children(path).await;
        assert_eq!(listed.unwrap_err(), Error::NoAuth, "{path}");
        let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let made = nobody.create(&format!("{path}/evil"), b"", &open).await;
        assert_eq!(made.unwrap_err(), Error::NoAuth, "{path}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.run(&format!("apply --yes {OPS} t.zkt")).expect(0);
    let again = place.run(&format!("plan --strict {OPS} t.zkt")).expect(0);
    assert!(again.last().starts_with("No changes"), "{again}");
    let made = nobody.get_data("/aclbig").await;
    assert_eq!(made.unwrap_err(), Error::NoAuth);
}

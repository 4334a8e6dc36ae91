//! ACLs that would keep their applier from what the plan has to do, or lock it out.

use std::fmt::Write as _;

use crate::cli::Place;

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

//! ACLs that a server does not show whole to a session without the ADMIN right.

use zkt::export::base64;

use crate::cli::{Place, Run};

const OWNER: &str = "--auth digest:a:b";
const TREE: &str = "\
/aclo
  @acl auth::cdrwa world:anyone:r
  x = 1
  /open
    @acl world:anyone:cdrwa
  /other
    @acl world:anyone:rwa
    /mine
      @acl auth::cdrwa world:anyone:r
";

async fn place(name: &str) -> Place {
    let place = Place::new(name).await;
    place.case("export-acl-masked").file("a.zkt", TREE);
    place.run(&format!("apply -y {OWNER} a.zkt")).expect(0);
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_is_no_acl() {
    let place = place("case-acl-masked").await;
    place.file("out.zkt", "as it was");
    for words in ["", "--format json", "-o out.zkt", "-o new.zkt", "-q"] {
        let run = place.run(&format!("export --acl {words} /aclo")).expect(1);
        assert_eq!(run.stdout, "", "{run}");
        let why = "error: the server masks the ACL of /aclo, /aclo/other/mine: that takes the \
                   ADMIN right\nhint: --auth may give it; --skip-unreadable leaves such ACLs out\n";
        assert_eq!(run.stderr, why);
    }
    assert_eq!(place.read("out.zkt"), "as it was");
    assert!(!place.path("new.zkt").exists());

    let skip = "export --acl --skip-unreadable /aclo";
    let run = place.run(skip).expect(0);
    let text = "\
/aclo
  # masked by the server for want of the ADMIN right: @acl digest:a:x:cdrwa world:anyone:r
  x = 1
  /open
    @acl world:anyone:cdrwa
  /other
    @acl world:anyone:rwa
    /mine
      # masked by the server for want of the ADMIN right: @acl digest:a:x:cdrwa world:anyone:r
";
    assert_eq!(run.stdout, text);
    let warning = "warning: left out, as the server masks them: the ACLs of /aclo, \
                   /aclo/other/mine; applied elsewhere, these nodes get the ACL around them, or an \
                   open one\n";
    assert_eq!(run.stderr, warning);
    place.file("skipped.zkt", text);
    place.run("check --strict skipped.zkt").expect(0);
    let json = place.run(&format!("{skip} --format json")).expect(0);
    assert_eq!(json.stderr, warning);
    assert_eq!(json.stdout.matches("\"acl_masked\": true").count(), 2);
    assert!(!json.stdout.contains(":x:"), "{json}");

    // Whoever has the right gets a text that changes nothing.
    let run = place.run(&format!("export --acl {OWNER} -o whole.zkt /aclo"));
    assert_eq!(run.expect(0).stderr, "");
    let run = place.run(&format!("plan --strict {OWNER} whole.zkt"));
    assert!(run.expect(0).last().starts_with("No changes"));
}

/// What an older zkt exported, and what somebody wrote who did not know what a digest is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_digest_is_refused_and_not_shown() {
    let place = place("case-acl-no-digest").await;
    let before = place.nodes().await;
    let masked = "exported-without-admin.zkt";
    let words = [
        format!("check {masked}"),
        format!("plan {OWNER} {masked}"),
        format!("apply -y --force {OWNER} {masked}"),
    ];
    for words in words {
        let run = place.run(&words);
        assert_ne!(run.code, 0, "{run}");
        let why = "the digest of the user \"a\" is no hash: that is the base64 of 20 bytes";
        let hint = "a server shows x in its place to a session without the ADMIN right";
        assert!(run.everything().contains(why), "{run}");
        assert!(run.everything().contains(hint), "{run}");
        assert!(run.everything().contains("zkt:2:8"), "{run}");
    }
    assert_eq!(place.nodes().await, before);

    let ops = " of the user \"ops\"";
    let of_bytes = |count| {
        format!(
            "digest:ops:{}:r",
            base64(&b"hunter2hunter2hunter2"[..count])
        )
    };
    for (entry, user) in [
        ("digest:ops:hunter2:cdrwa".to_owned(), ops),
        ("digest:ops:hunter2:hunter2:r".to_owned(), ops),
        ("digest:hunter2:r".to_owned(), ""),
        (of_bytes(19), ops),
        (of_bytes(21), ops),
    ] {
        place.file("b.zkt", format!("/b\n  @acl world:anyone:r {entry}\n"));
        let words = ["check b.zkt", "check --format json b.zkt"];
        let [text, json]: [Run; 2] = words.map(|words| place.run(words));
        let why = format!("the digest{user} is no hash");
        assert!(text.everything().contains(&why), "{text}");
        assert!(text.everything().contains("b.zkt:2:23"), "{text}");
        assert!(text.everything().contains("openssl sha1"), "{text}");
        let told = serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap();
        let error = &told["errors"][0];
        assert!(
            error["message"].as_str().unwrap().starts_with(&why),
            "{json}"
        );
        assert_eq!(error["source"], "b.zkt:2:23");
        for run in [text, json] {
            assert_ne!(run.code, 0, "{run}");
            assert!(!run.everything().contains("hunter2"), "{run}");
            assert!(!run.everything().contains("aHVudGVy"), "{run}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_without_acls_counts_them() {
    let place = place("case-acl-counted").await;
    let note = "note: 3 nodes have ACLs other than open, left out here; --acl exports ACLs\n";
    for words in ["export", "export --format json", "export -o out.zkt"] {
        let run = place.run(words).expect(0);
        assert_eq!(run.stderr, note);
        assert!(!run.stdout.contains("anyone"), "{run}");
    }
    assert_eq!(place.run("export -q").expect(0).stderr, "");
    assert_eq!(place.run("export /aclo/open").expect(0).stderr, "");
    let one = "note: 1 node has an ACL other than open, left out here; --acl exports ACLs\n";
    assert_eq!(place.run("export /aclo/other/mine").expect(0).stderr, one);
    // More than what is in flight at once, and than a run of nodes that is written together.
    let mut text = "/many\n".to_owned();
    for i in 0..700 {
        let acl = if i % 2 == 0 {
            "world:anyone:r"
        } else {
            "world:anyone:cdrwa"
        };
        text += &format!("  /n{i}\n    @acl {acl}\n");
    }
    place.file("many.zkt", text);
    place.run("apply -y --force many.zkt").expect(0);
    let many = place.run("export /many").expect(0);
    assert!(
        many.stderr.starts_with("note: 350 nodes have ACLs"),
        "{many}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_nodes_are_left_out_where_that_is_asked_for() {
    let place = Place::new("case-skip-unreadable").await;
    place.file(
        "a.zkt",
        "/a\n  x = 1\n  /shut\n    @acl ip:10.255.255.1:cdrwa\n",
    );
    place.run("apply -y a.zkt").expect(0);
    place.run("export -o out.zkt").expect(1);
    assert!(!place.path("out.zkt").exists());
    let run = place.run("export --skip-unreadable -o out.zkt").expect(0);
    let warning = "warning: left out, as they may not be read: /a/shut\n";
    assert_eq!(run.stderr, warning);
    assert_eq!(place.read("out.zkt"), "/a\n  x = 1\n");
    // There is no tree without its topmost node.
    let run = place.run("export --skip-unreadable /a/shut").expect(1);
    assert!(
        run.stderr
            .starts_with("error: not authorized to read /a/shut\n"),
        "{run}"
    );
}

//! Invisible characters in bare names are errors that show them.

use super::super::cli::{Place, create};

#[test]
fn a_name_with_an_invisible_character_is_an_error_that_shows_it() {
    let place = Place::offline();
    place.case("invisible");
    let shown = |file: &str| {
        let run = place.run(&format!("check {file}")).expect(1);
        run.stderr.replace(['\u{a0}', '\u{200b}'], "~")
    };
    insta::assert_snapshot!(shown("nbsp-before-equals.zkt"), @r#"
    error: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
     --> nbsp-before-equals.zkt:2:4
      |
    2 |   x~= 1
      |    ^
      |
      = help: take it out; where it is meant, write "x\u00a0"
    "#);
    insta::assert_snapshot!(shown("nbsp.zkt"), @r#"
    error: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
     --> nbsp.zkt:2:1
      |
    2 | ~~x = 1
      | ^
      |
      = help: take it out; where it is meant, write "\u00a0\u00a0x"
    "#);
    insta::assert_snapshot!(shown("zwsp-prop.zkt"), @r#"
    error: found the invisible character U+200B ZERO WIDTH SPACE outside of quotes
     --> zwsp-prop.zkt:2:4
      |
    2 |   x~ = 1
      |    ^
      |
      = help: take it out; where it is meant, write "x\u200b"
    "#);
    place.run("fmt --check zwsp-prop.zkt").expect(1);
}

/// What stands on a server with such a name is written in quotes, and read back.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_export_quotes_such_names() {
    let place = Place::new("case-invisible").await;
    let client = place.client().await;
    let name = "a\u{200b}\u{890}";
    let data = format!("{{\"{name}\u{110bd}\":1,\"{name} ->\":\"/{name}\",\"type\":\"t\u{a0}\"}}");
    create(&client, &format!("/{name}"), data).await;
    let export = place.run("export").expect(0).stdout;
    assert!(export.is_ascii(), "{export}");
    place.file("export.zkt", &export);
    let run = place.run("plan export.zkt").expect(0);
    assert_eq!(run.last(), "No changes: 1 node is as declared.");
}

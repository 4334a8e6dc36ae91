//! `show`, and `diff` between layers.

use crate::cli::Place;

#[test]
fn text_with_nuls_is_binary_data() {
    let place = Place::offline();
    place.file("a.zkt", "/a\n  @files 'a'\n");
    place.file("b.zkt", "/a\n  @files 'b'\n");
    place
        .file("a/x", "x\0".repeat(200))
        .file("b/x", "y\0".repeat(200));
    let changed = "- @data (400 bytes, sha256 HASH) + @data (400 bytes, sha256 HASH)";
    let text = place.run("diff a.zkt b.zkt").expect(1).stdout;
    let words = text.split_whitespace().map(|word| {
        let is_hash = word.trim_end_matches(')').len() == 64;
        if is_hash { "HASH)" } else { word }
    });
    let text = words.collect::<Vec<_>>().join(" ");
    assert!(text.contains(changed), "{text}");
}

#[test]
fn each_side_of_a_diff_may_have_several_layers() {
    let place = Place::offline();
    place
        .file("base.zkt", "/a\n  x = 1\n  y = 1\n")
        .file("test.zkt", "/a\n  x = 2\n")
        .file("prod.zkt", "/a\n  x = 3\n  /b\n");
    insta::assert_snapshot!(place.run("diff --old base.zkt test.zkt --new base.zkt prod.zkt"), @"
    zkt diff: base.zkt test.zkt <- base.zkt prod.zkt

      + /a/b                                             prod.zkt:3
      ~ /a
          x = 2 -> 3

    Plan: 1 to add, 1 to update, 0 to link, 0 to trim.
    --- exit 1
    ");
    let one = place.run("diff test.zkt prod.zkt");
    let same = place.run("diff --old test.zkt --new prod.zkt");
    assert_eq!(one.to_string(), same.to_string());
    insta::assert_snapshot!(place.run("diff -q base.zkt prod.zkt"), @"
    Plan: 1 to add, 1 to update, 0 to link, 0 to trim.
    --- exit 1
    ");
    let refused = [
        "diff --old live base.zkt --new prod.zkt",
        "diff --old live --new live",
        "diff --old - --new base.zkt -",
        "diff --old base.zkt",
        "diff base.zkt --new prod.zkt",
        "diff base.zkt",
    ];
    for words in refused {
        place.run(words).expect(2);
    }
}

#[test]
fn show_merges() {
    let place = Place::offline();
    place
        .file("base.zkt", "/a : t\n  x = 1\n  y = {'b': 1e400, 'a': [True, None]}\n  /c/d\n    l -> ../e\n")
        .file("prod.zkt", "/a\n  @acl world:anyone:r\n  x = 'it\\'s'\n  @secret y\n  /raw\n    @data base64 '/wA='\n");
    insta::assert_snapshot!(place.run("show base.zkt prod.zkt"), @r"
    /a : t
      @secret y
      @acl world:anyone:r
      x = 'it\'s'
      y = {'a': [True, None], 'b': 1e+400}
      /c/d
        l -> ../e
      /raw
        @data base64 '/wA='
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("show --format json base.zkt prod.zkt"), @r#"
    {"properties": {}, "children": {
     "a": {"properties": {"type":"t","x":"it's","y":{"a":[true,null],"b":1e+400}}, "acl": ["world:anyone:r"], "children": {
      "c": {"properties": {}, "acl": ["world:anyone:r"], "children": {
       "d": {"properties": {"l ->":"../e"}, "acl": ["world:anyone:r"], "children": {}}}},
      "raw": {"properties": {}, "data": {"base64": "/wA="}, "acl": ["world:anyone:r"], "children": {}}}}}}
    --- exit 0
    "#);
}

#[test]
fn diff_between_layers() {
    let place = Place::offline();
    place
        .file(
            "old.zkt",
            "/a : t\n  x = 1\n  /gone\n    /deeper\n/b\n  l -> /a\n",
        )
        .file("new.zkt", "/a : u\n  x = 2\n  /new\n/b\n  l -> /a/new\n");
    insta::assert_snapshot!(place.run("diff old.zkt new.zkt"), @"
    zkt diff: old.zkt <- new.zkt

      + /a/new                                           new.zkt:3
      ~ /a
          type = 't' -> 'u'
          x = 1 -> 2
      @ /b
          l -> /a/new  (was /a)
      - /a/gone                                          (2 nodes)

    Plan: 1 to add, 1 to update, 1 to link, 2 to trim.
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("diff old.zkt old.zkt"), @"
    zkt diff: old.zkt <- old.zkt

    No changes: 4 nodes are as declared.
    --- exit 0
    ");
    assert_eq!(
        place
            .run("diff --format json new.zkt old.zkt")
            .expect(1)
            .json()[0]["summary"]["trim"],
        1
    );
    place
        .file("protected.zkt", "/a\n  /gone\n    @protect\n")
        .file("without.zkt", "/a\n");
    insta::assert_snapshot!(place.run("diff protected.zkt without.zkt"), @"
    zkt diff: protected.zkt <- without.zkt

      - /a/gone                                          (1 node)

    refused: /a/gone may not be trimmed: it is protected (@protect) (protected.zkt:3:5)

    Plan: 0 to add, 0 to update, 0 to link, 1 to trim.
    --- exit 3
    ");
}

#[test]
fn diff_hides_what_either_side_hides() {
    let place = Place::offline();
    place
        .file(
            "old.zkt",
            "/a\n  @secret pw\n  pw = 'hunter2'\n  token = 'hunter3'\n",
        )
        .file(
            "new.zkt",
            "/a\n  @secret token\n  pw = 'hunter4'\n  token = 'hunter5'\n",
        );
    let runs = [
        place.run("diff old.zkt new.zkt"),
        place.run("diff --format json new.zkt old.zkt"),
    ];
    for run in runs {
        assert!(!run.everything().contains("hunter"), "{run}");
        assert_eq!(run.expect(1).stdout.matches("(secret)").count(), 4);
    }
}

#[test]
fn a_warning_does_not_show_a_secret_link() {
    let place = Place::offline();
    place.file(
        "a.zkt",
        "/a\n  @secret l\n  l -> /a/hunter2\n  l => /a/hunter2 x\n",
    );
    insta::assert_snapshot!(place.run("check a.zkt"), @"
    ok: 1 node in 1 file
    --- stderr
    warning: /a: link l -> (secret) leads nowhere (a.zkt:3:3) [dangling-link]
    warning: /a: link l => (secret) leads nowhere (a.zkt:4:3) [dangling-link]
    --- exit 0
    ");
    let json = place.run("check --format json a.zkt").expect(0);
    assert!(!json.stdout.contains("hunter"), "{json}");
}

#[test]
fn diff_ends_errors_with_two_wherever_its_word_stands() {
    let place = Place::offline();
    place.run("-q diff nosuch1 nosuch2").expect(2);
    place.run("--color never diff nosuch1 nosuch2").expect(2);
    place.run("-q diff --no-such-option a b").expect(2);
    place.run("-q check diff").expect(1);
}

#[test]
fn a_subtree_that_changed_its_place_is_shown_as_moved() {
    let place = Place::offline();
    let tree = |name: &str| format!("/lb\n  /{name}\n    threads = 4\n    /pool\n      size = 2\n");
    place
        .file("old.zkt", tree("cms") + "/gone\n")
        .file("new.zkt", tree("content"));
    let run = place.run("diff old.zkt new.zkt").expect(1);
    assert!(
        run.stdout.contains("  > /lb/cms -> /lb/content") && run.stdout.contains("(2 nodes)"),
        "{run}"
    );
    assert!(!run.stdout.contains("threads"), "{run}");
    let hint = "warning: /lb/content: it is what /lb/cms was; apply moves the live nodes with the line \
                @moved from '/lb/cms', and creates new ones without it (new.zkt:2:3) [undeclared-move]";
    assert!(run.everything().contains(hint), "{run}");
    // No apply removes it.
    let note = "note: an apply leaves top-level nodes that are not declared, here\n  \
                /gone; --trim owned removes those of its owner\n";
    assert_eq!(run.stderr.matches("note: ").count(), 1, "{run}");
    assert!(run.stderr.contains(note), "{run}");
    let json = place
        .run("diff --format json old.zkt new.zkt")
        .expect(1)
        .json();
    assert_eq!(json[0]["moves"][0]["from"], "/lb/cms");
    let markdown = place
        .run("diff --format markdown old.zkt new.zkt")
        .expect(1);
    assert!(
        markdown.stdout.contains("/lb/cms -> /lb/content"),
        "{markdown}"
    );
    // A comment is read without stderr.
    let stays = "<summary>Trimmed here, and left alone by an apply without --trim owned: 1 node</summary>\n\n\
                 ```text\n/gone\n```\n";
    assert!(markdown.stdout.contains(stays), "{markdown}");
    // What was exported has no line for @moved.
    let export = place.run("show --format json new.zkt").expect(0).stdout;
    place.file("new.json", export);
    let run = place.run("diff old.zkt new.json").expect(1);
    assert!(run.stdout.contains("  > /lb/cms -> /lb/content"), "{run}");
    assert!(!run.everything().contains("@moved"), "{run}");
}

//! Whole texts: their size, their encoding, and all of their errors.

use zkt::Memory;

use crate::trees;

use super::layers;

#[test]
fn how_many_nodes_a_text_has_is_estimated() {
    let estimate = zkt::syntax::parser::estimate_nodes;
    assert_eq!(estimate("/a\n  x = '/b' # /c\n\t/d\n"), 2);
    // Enough, so that nothing has to move, and not far too many.
    for nodes in [100, 10_000, 100_000] {
        let node = |i: usize| format!("/n{i}\n  p = '/{i}'\n{}", "  #\n".repeat(i % 7));
        let text: String = (0..nodes).map(node).collect();
        let estimated = estimate(&text);
        assert!(
            (nodes..=nodes * 3 / 2).contains(&estimated),
            "{estimated} of {nodes}"
        );
    }
}

/// A file with many nodes is parsed on one thread and lowered on another: what it says, and which
/// of its mistakes are told in which order, does not depend on it.
#[test]
fn a_large_file_says_what_a_small_one_says() {
    let nodes = |from: usize| -> String {
        let lines = (from..from + 3000).map(|i| format!("/n{i}\n  p = {i}\n"));
        lines.collect()
    };
    let comments = "#\n".repeat(6000);
    let declare = |before: &str, text: &str, after: &str| {
        let text = format!("{before}{text}{after}");
        let files: &[(&str, &[u8])] = &[
            ("l/a.zkt", text.as_bytes()),
            ("l/i/sound", b"/inner\n  up -> ..\n"),
            ("l/i/wrong", b"/inner\n  x = [\n  y = 1\n  y = 2\n"),
            ("l/blob", b"\x00\xff"),
        ];
        let declared = trees::declare_layers(&["l/a.zkt"], &files.iter().copied().collect(), "/");
        declared.map(|trees::DeclaredTree { mut tree, sources }| {
            tree.retain(|path, _| !path.as_str().starts_with("/n"));
            let place = |span| sources.locate(span).to_string();
            let origins = tree.iter().map(|(_, node)| node.origin.map(place));
            (trees::show(&tree), origins.collect::<Vec<_>>())
        })
    };
    for (text, is_sound) in [
        (
            "/b\n  x = 1\n  @include 'i/sound'\n  /c\n    @data file 'blob'\n/d\n  y = 2\n",
            true,
        ),
        (
            "/b\n  x = [1,\n    2]\n  /c\n    /d\n/e/f\n  x = 'is \\'it\\' so'\n",
            true,
        ),
        (
            "/b\n  x = \n  @include 'i/wrong'\n  x = 1\n  x = 2\n/b\n    y = [\n  @data file 'none'\n",
            false,
        ),
        (
            "/b\n  @include 'i/none'\n  @data file 'i/wrong'\n  a = 1\n b = 2\n  @acl none\n",
            false,
        ),
    ] {
        let small = declare(&comments, text, &comments);
        assert_eq!(small.is_ok(), is_sound, "{small:?}");
        assert_eq!(declare(&nodes(0), text, &nodes(3000)), small, "{text}");
    }
}

#[test]
fn what_is_no_text_is_an_error() {
    let files = Memory::from([
        ("a.zkt", &b"/a\n  \xc3\xa9 = '\xff'\n"[..]),
        ("b.zkt", b"\xff\xfe/\0a\0"),
    ]);
    let errors = trees::declare_layers(&["a.zkt", "b.zkt"], &files, "/").expect_err("no text");
    insta::assert_snapshot!(errors.join("\n"), @r#"
    a.zkt:2:8: expected UTF-8 text, found the byte 0xff
    b.zkt:1:1: expected UTF-8 text, found the byte 0xff
    "#);
}

#[test]
fn every_error_of_every_file_is_reported_at_once() {
    check_layers!(["a.zkt", "b.zkt"], [("a.zkt", "/a\n  x = word\n  y = 1\n  y = 2\n"), ("b.zkt", "/..\n/b\n  @nothing\n")], @r#"
    a.zkt:2:7: expected a value, found the bare word word
      hint: text needs quotes: 'word'
    a.zkt:4:3: the property y is declared twice in one layer
      a.zkt:3:3: first here
      hint: a later layer may replace it; one layer says it once
    b.zkt:1:2: a node name may not be ".."
    b.zkt:3:3: there is no directive @nothing
      hint: the directives are @keep, @ignore, @protect, @ephemeral, @secret, @acl, @data, @include, @files and @moved; a property of this name is @nothing = VALUE
    "#);
}

#[test]
fn nodes_and_properties_remember_where_they_come_from() {
    let files = [
        ("a.zkt", &b"/a/b\n  x = 1\n  y = 1\n"[..]),
        ("b.zkt", b"/a\n  /b\n    y = 2\n"),
    ];
    let declared =
        trees::declare_layers(&["a.zkt", "b.zkt"], &files.iter().copied().collect(), "/")
            .expect("no error");
    let place = |span: Option<zkt::syntax::place::Span>| {
        declared.sources.locate(span.expect("a place")).to_string()
    };
    let node = |path: &str| declared.tree.get(&trees::path(path)).expect("declared");
    assert_eq!(place(node("/a").origin), "b.zkt:1:1");
    assert_eq!(place(node("/a/b").origin), "b.zkt:2:3");
    assert_eq!(place(node("/a/b").origin_of("x")), "a.zkt:2:3");
    assert_eq!(place(node("/a/b").origin_of("y")), "b.zkt:3:5");
}

#[test]
fn what_would_take_memory_without_a_limit_is_an_error() {
    let deep = "/a".repeat(4097);
    check!(&deep, @"1:8194: the path is deeper than 4096 nodes");
    // Each file includes the next one twice.
    let names: Vec<String> = (0..16).map(|i| format!("d/{i}.zkt")).collect();
    let texts: Vec<String> = (0..16)
        .map(|i| {
            format!(
                "/a\n  @include '{}.zkt'\n/b\n  @include '{}.zkt'\n",
                i + 1,
                i + 1
            )
        })
        .collect();
    let mut files: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_str))
        .collect();
    files.push(("d/16.zkt", "/end\n"));
    let errors = layers(&["d/0.zkt"], &files);
    assert!(errors.contains("more than 10000 includes"), "{errors}");
}

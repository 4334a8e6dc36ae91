//! Mistakes that have a hint of their own.

use crate::language::check;

#[test]
fn no_bare_text_holds_what_nobody_sees() {
    check!("/a\u{a0}b\n", @r#"
    1:3: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
      hint: take it out; where it is meant, write "a\u00a0b"
    "#);
    check!("/a/b\u{200b}/c : t\n", @r#"
    1:5: found the invisible character U+200B ZERO WIDTH SPACE outside of quotes
      hint: take it out; where it is meant, write "b\u200b"
    "#);
    check!("/a : t\u{a0}\n", @r#"
    1:7: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
      hint: take it out; where it is meant, write type = 't\u00a0'
    "#);
    check!("/a :\u{a0}t\n", @r#"
    1:5: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
      hint: take it out; where it is meant, write type = '\u00a0t'
    "#);
    check!("/a\n  l -> /b\u{feff}\n", @r#"
    2:10: found the invisible character U+FEFF ZERO WIDTH NO-BREAK SPACE outside of quotes
      hint: take it out; where it is meant, write the property that the link is stored as: "… ->" = '/b\ufeff'
    "#);
    check!("/a\n  l => .. x\u{2060}\n", @r#"
    2:12: found the invisible character U+2060 WORD JOINER outside of quotes
      hint: take it out; where it is meant, write the property that the link is stored as: "… ->" = '.. x\u2060'
    "#);
    check!("/a\n  @secret pass\u{ad}word\n", @r#"
    2:15: found the invisible character U+00AD SOFT HYPHEN outside of quotes
      hint: take it out; where it is meant, write "pass\u00adword"
    "#);
    check!("/a\n  @secret\u{a0}x\n", @"
    2:10: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
      hint: take it out
    ");
}

#[test]
fn no_blank_between_words_is_one_that_nobody_sees() {
    check!("/a\n  @acl world:anyone:r\u{a0}\n", @r#"
    2:22: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
      hint: take it out; where it is meant, write "world:anyone:r\u00a0"
    "#);
    check!("/a\n\u{2003}x = 1\n", @r#"
    2:1: found the invisible character U+2003 EM SPACE outside of quotes
      hint: take it out; where it is meant, write "\u2003x"
    "#);
    check!("/a\n  x =\u{a0}1\n", @"
    2:6: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
      hint: take it out
    ");
    check!("/a\n  x = 'a\u{a0}b'\u{a0}# c\n", @"
    2:12: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
      hint: take it out
    ");
    check!("/a\n  x = [1,\u{a0}\n    2]\n", @"
    2:10: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes
      hint: take it out
    ");
    check!("/a\n  x = 1\n\u{feff}/b\n", @"
    3:1: found the invisible character U+FEFF ZERO WIDTH NO-BREAK SPACE outside of quotes
      hint: take it out
    ");
    // Where something else is wrong, that is what is told.
    check!("/a\n  x = a\u{a0}b\n", @r#"
    2:7: expected a value, found the bare word a b
      hint: text needs quotes: 'a\u00a0b'
    "#);
    check!("/a\n  x = 'a\u{a0}b\n", @"2:7: the quote `'` is not closed");
    // Quotes and comments may hold anything.
    check!("/\"a\u{a0}b\" # \u{200b}\n  \"x\u{200b}\" = 'a\u{a0}b' # \u{a0}\n", @r#"
    /"a\u00a0b"
      "x\u200b" = 'a\u00a0b'
    "#);
}

#[test]
fn hints_for_those_who_write_another_language() {
    check!("cms : z4m\n", @"
    1:5: expected ->, = or =>, found `:`
      hint: a node's line starts with a slash: /cms : …
    ");
    check!("cms\n  x = 1\n", @"
    1:4: expected ->, = or =>, found the end of the line
      hint: a node's line starts with a slash: /cms; a property has a value: cms = …
    ");
    check!("/a\n  cms:\n    x: 3\n", @"
    2:7: expected ->, = or =>, found the end of the line
      hint: a node's line starts with a slash: /cms
    3:8: expected ->, = or =>, found `3`
      hint: a property has an equals sign: x = …
    ");
    check!("/a\n  x : 'y'\n", @"
    2:5: expected ->, = or =>, found `:`
      hint: a property has an equals sign: x = …
    ");
    check!("/a\n  password: hunter2\n", @"2:13: expected ->, = or =>, found (secret)");
    check!("/a\n  url: http://h/?a=b\n", @"
    2:8: expected ->, = or =>, found `http://h/?a=b`
      hint: a node's line starts with a slash: /url : …; a property has an equals sign: url = …
    ");
    check!("/a\n  - x\n", @"
    2:5: expected ->, = or =>, found `x`
      hint: a list is a value, as in x = ['a', 'b']; nodes have a line each: /name
    ");
    check!("/a\n  - x = 1\n", @"
    2:5: expected ->, = or =>, found `x`
      hint: a list is a value, as in x = ['a', 'b']; nodes have a line each: /name
    ");
    check!("/a\n  ]\n", @"
    2:4: expected ->, = or =>, found the end of the line
      hint: no brackets stand around what a node holds: it is indented below the node's line
    ");
}

/// Lines as people write them who know other languages, each with its only hint.
#[test]
fn hints_for_what_newcomers_type() {
    let comment = "a comment starts with a number sign: # …";
    let brackets =
        "no brackets stand around what a node holds: it is indented below the node's line";
    let tree = "a file is one tree: leave this line out";
    let cases = [
        ("x = “a b”", "text needs straight quotes: 'a b'"),
        ("x = ‘a’  # c", "text needs straight quotes: 'a'"),
        ("x = “a", "text needs straight quotes: 'a'"),
        ("x = [1, “a”]", "text needs straight quotes: 'a'"),
        ("x = 'a' “b”", "quotes are straight: ' or \""),
        ("@data “a”", "quotes are straight: ' or \""),
        ("@files conf", "quote it: @files 'conf'"),
        ("@files conf *.xml", "quote it: @files 'conf'"),
        ("@include a.zkt  # x", "quote it: @include 'a.zkt'"),
        ("@data file a.bin", "quote it: @data file 'a.bin'"),
        ("@moved from /old", "quote it: @moved from '/old'"),
        (
            "“a b” = 1",
            "a name that holds blanks is written in double quotes: \"a b\" = …",
        ),
        ("// a comment", comment),
        (
            "//comment",
            "one slash stands before each name; a comment starts with a number sign: # …",
        ),
        ("/b // it's b", comment),
        ("@keep // all", comment),
        ("x -> /b // a link", comment),
        ("x = 1 // it's one", comment),
        ("x = 'http://h' // c", comment),
        ("x = [1] // c", comment),
        ("---", tree),
        ("...", tree),
        ("x == 3", "a property has one equals sign"),
        ("x := 3", "a property has an equals sign: x = …"),
        ("x: 3", "a property has an equals sign: x = …"),
        ("\"x\": 3,", "a property has an equals sign: x = …"),
        ("\"a b\" : {", "a node's line starts with a slash: /\"a b\""),
        ("{", brackets),
        ("},", brackets),
        ("/b {", brackets),
        ("x = TRUE", "write True, or 'TRUE' for text"),
        ("x = no", "write False, or 'no' for text"),
        ("x = [nil]", "write None, or 'nil' for text"),
    ];
    let hints = cases.map(|(text, _)| {
        let told = check(&format!("/a\n  {text}\n"));
        let hints = told
            .lines()
            .filter_map(|line| line.strip_prefix("  hint: "));
        (text, hints.collect::<Vec<_>>().join("; "))
    });
    let expected = cases.map(|(text, hint)| (text, hint.to_owned()));
    assert_eq!(hints, expected);
    check!("/a\n  x == 3\n  y = 1 // one\n  token == hunter2\n", @"
    2:6: expected a value, found `=`
      hint: a property has one equals sign
    3:9: expected the end of the line, found `//`
      hint: a comment starts with a number sign: # …
    4:10: expected a value, found (secret)
    ");
}

#[test]
fn an_open_bracket_before_an_open_quote() {
    check!("/a\n  x = [1, 2\n  y = 'it's'\n  z = 3\n", @"
    3:12: the quote `'` is not closed
      2:7: `[` is not closed before it, either
    ");
    check!("/a\n  x = {'a': [\n  1], 'b': (2\n  y = 'it's'\n", @"
    4:12: the quote `'` is not closed
      2:7: `{` is not closed before it, either
    ");
    check!("/a\n  x = ['abc]\n", @"2:8: the quote `'` is not closed");
}

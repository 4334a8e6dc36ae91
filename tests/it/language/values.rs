//! Literals, strings, and values over several lines.

use super::value;

#[test]
fn literals() {
    for (text, json) in [
        ("4", "4"),
        ("-1.5", "-1.5"),
        ("+ 7", "7"),
        ("--1", "1"),
        ("0x1f", "31"),
        ("0o17", "15"),
        ("017", "15"),
        ("0b11", "3"),
        ("1_000", "1000"),
        ("10L", "10"),
        ("0xffL", "255"),
        (".5", "0.5"),
        ("5.", "5.0"),
        ("1e3", "1e+3"),
        ("1_0.2_5e-0_3", "10.25e-03"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        (
            "0.1000000000000000055511151231257827",
            "0.1000000000000000055511151231257827",
        ),
        ("1e999", "1e+999"),
        ("-0", "-0"),
        ("True", "true"),
        ("true", "true"),
        ("False", "false"),
        ("None", "null"),
        ("null", "null"),
        ("[]", "[]"),
        ("[1, 'a', None,]", "[1,\"a\",null]"),
        ("(1, 2)", "[1,2]"),
        ("(1,)", "[1]"),
        ("(1)", "1"),
        ("()", "[]"),
        ("1, 2", "[1,2]"),
        ("1,", "[1]"),
        ("{}", "{}"),
        ("{'a': {'b': (1, [2])},}", "{\"a\":{\"b\":[1,[2]]}}"),
        ("{'a': 1, 'a': 2}", "{\"a\":2}"),
        ("'a'  # a comment", "\"a\""),
        ("'a # b'", "\"a # b\""),
        ("[1]# a comment", "[1]"),
    ] {
        assert_eq!(value(text), json, "{text}");
    }
}

#[test]
fn strings() {
    for (text, meant) in [
        (r"'single'", "single"),
        (r#""double""#, "double"),
        (r"''", ""),
        (r#"'it\'s "so"'"#, "it's \"so\""),
        (r"'a' 'b' u'c'", "abc"),
        (r#"'a'"b""#, "ab"),
        (r"u'\u00e9'", "é"),
        (r"'\u00e9'", "é"),
        (r"'é'", "é"),
        (r"'\xc3\xa9'", "é"),
        (r"u'\xe9'", "é"),
        (
            r"'\x41\101\n\t\\\a\b\f\v\r'",
            "AA\n\t\\\u{7}\u{8}\u{c}\u{b}\r",
        ),
        (r"'\q'", "\\q"),
        (r"r'\n\q'", "\\n\\q"),
        (r"R'\''", "\\'"),
        (r"ur'\u00e9\n'", "é\\n"),
        (r"'\U0001f600'", "😀"),
        (r"u'\ud83d\ude00'", "😀"),
        (r"'\N{BULLET}'", "•"),
        ("'''a\nb'''", "a\nb"),
        ("\"\"\"a\r\n'b'\n\"\"\"", "a\n'b'\n"),
        ("'''a\\\nb'''", "ab"),
    ] {
        assert_eq!(
            value(text),
            serde_json::Value::from(meant).to_string(),
            "{text}"
        );
    }
}

#[test]
fn values_over_several_lines() {
    check!("/n\n  l = [\n1,  # one\n\n    2]\n  d = {\n    'a': '''x\n  y''',\n  }\n  s = '''\n/not a node\n'''  # end\n  x = 1\n", @r#"
    /n
      d = {'a': 'x\n  y'}
      l = [1, 2]
      s = '\n/not a node\n'
      x = 1
    "#);
    check!("/n\n  s = ('a'\n       'b')\n", @r#"
    /n
      s = 'ab'
    "#);
    check!("/n\n  @data base64 '''\n    aGVs\n    bG8=\n  '''\n", @r#"
    /n
      @data 'hello'
    "#);
}

#[test]
fn values_that_would_need_python() {
    for (text, expect) in [
        ("1+1", "write 2"),
        ("2 ** 10", "write 1024"),
        ("-7 // 2", "write -4"),
        ("-7 % 3", "write 2"),
        ("60 * 60 * 24", "write 86400"),
        ("(1 + 2) * 3", "write 9"),
        ("'a' + 'b'", "write 'ab'"),
        ("9 ** 9 ** 9", "write the value that it stands for"),
        ("1 // 0", "write the value that it stands for"),
        ("os.environ['x']", "write the value that it stands for"),
        (
            "[i for i in range(3)]",
            "write the value that it stands for",
        ),
        ("lambda: 1", "write the value that it stands for"),
        ("'a'.upper()", "write the value that it stands for"),
        ("f'x'", "write the value that it stands for"),
        ("dict(a=1)", "write the value that it stands for"),
        ("not True", "write the value that it stands for"),
    ] {
        let told = value(text);
        let (error, hint) = told
            .split_once("\n  hint: ")
            .unwrap_or_else(|| panic!("{text}: {told}"));
        assert!(
            error.ends_with(
                "expected a literal value, found an expression; zkt never evaluates code"
            ),
            "{text}: {told}"
        );
        assert_eq!(hint, expect, "{text}");
    }
}

#[test]
fn values_that_json_cannot_hold() {
    for text in ["nan", "inf", "b'x'", "{1, 2}", "1j", "{1: 2}", "{'a': NaN}"] {
        let told = value(text);
        assert!(
            told.contains("cannot be stored: JSON has no such value"),
            "{text}: {told}"
        );
    }
    insta::assert_snapshot!(value("b'x'"), @r#"
    2:7: a bytes value cannot be stored: JSON has no such value
      hint: text is written without the prefix, raw bytes with @data base64
    "#);
    insta::assert_snapshot!(value("{1, 2}"), @r#"
    2:7: a set cannot be stored: JSON has no such value
      hint: write a list: [1, 2]
    "#);
    insta::assert_snapshot!(value("{None: 1}"), @r#"
    2:8: a dict with a key that is no string cannot be stored: JSON has no such value
      hint: put the key in quotes
    "#);
}

#[test]
fn values_that_are_wrong() {
    insta::assert_snapshot!(value(""), @"2:6: expected a value, found the end of the line");
    insta::assert_snapshot!(value("# nothing"), @"2:7: expected a value, found the end of the line");
    insta::assert_snapshot!(value("word"), @r#"
    2:7: expected a value, found the bare word word
      hint: text needs quotes: 'word'
    "#);
    insta::assert_snapshot!(value("two words"), @r#"
    2:7: expected a value, found the bare word two words
      hint: text needs quotes: 'two words'
    "#);
    insta::assert_snapshot!(value("1.2.3.4"), @r#"
    2:7: 1.2.3.4 is no number
      hint: text needs quotes: '1.2.3.4'
    "#);
    insta::assert_snapshot!(value("12abc"), @r#"
    2:7: 12abc is no number
      hint: text needs quotes: '12abc'
    "#);
    insta::assert_snapshot!(value("09"), @r#"
    2:7: 09 is no number
      hint: text needs quotes: '09'
    "#);
    insta::assert_snapshot!(value("1__0"), @r#"
    2:7: 1__0 is no number
      hint: text needs quotes: '1__0'
    "#);
    insta::assert_snapshot!(value("'open"), @"2:7: the quote `'` is not closed");
    insta::assert_snapshot!(value("\"open"), @r#"2:7: the quote `"` is not closed"#);
    insta::assert_snapshot!(value("'''open"), @"2:7: the quote `'''` is not closed");
    insta::assert_snapshot!(value("[1, 2"), @"2:7: the bracket `[` is not closed");
    insta::assert_snapshot!(value("[1 2]"), @"2:10: expected a comma, found `2]`");
    insta::assert_snapshot!(value("[1, word]"), @r#"
    2:11: expected a value, found the bare word word
      hint: text needs quotes: 'word'
    "#);
    insta::assert_snapshot!(value("{'a' 1}"), @"2:12: expected a colon or a string, found `1}`");
    insta::assert_snapshot!(value("[,]"), @"2:8: expected a value, found `,]`");
    insta::assert_snapshot!(value("1 2"), @r#"
    2:7: expected a value, found the bare word 1 2
      hint: text needs quotes: '1 2'
    "#);
    insta::assert_snapshot!(value("'a' b"), @"2:11: expected a comma, a string or the end of the line, found `b`");
    insta::assert_snapshot!(value("= 1"), @r"
    2:7: expected a value, found `=`
      hint: a property has one equals sign
    ");
    insta::assert_snapshot!(value("]"), @"2:7: expected a value, found `]`");
    insta::assert_snapshot!(value(&"[".repeat(101)), @"2:107: brackets are nested deeper than 100");
    assert_eq!(
        value(&format!("{}{}", "[".repeat(100), "]".repeat(100))).len(),
        200
    );
}

#[test]
fn strings_that_are_wrong() {
    insta::assert_snapshot!(value(r"'\x4'"), @r#"2:7: the escape \x4 is not complete, or stands for no character"#);
    insta::assert_snapshot!(value(r"'\N{NO SUCH CHARACTER}'"), @r#"2:7: the escape \N{NO SUCH CHARACTER} is not complete, or stands for no character"#);
    insta::assert_snapshot!(value(r"'\N{-BULLET}'"), @r#"2:7: the escape \N{-BULLET} is not complete, or stands for no character"#);
    insta::assert_snapshot!(value(r"'\ud83d'"), @r#"2:7: \ud83d is half of a surrogate pair, which no text can hold"#);
    insta::assert_snapshot!(value(r"'\xff'"), @r#"
    2:7: \xff stands for a byte here, and the bytes of this string are not UTF-8 text
      hint: for the character write \u00e9 and the like; for raw bytes use @data base64
    "#);
    insta::assert_snapshot!(value("'\0'"), @"2:8: expected text, found a NUL character");
    insta::assert_snapshot!(value("'$serde_json::private::Number'"), @r#"
    2:7: a text that holds $serde_json::private:: cannot be stored: JSON has no such value
      hint: choose another text
    "#);
}

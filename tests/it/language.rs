//! The tree language, case by case: what a text declares, or what is said to be wrong with it.

use zkt::Memory;

use crate::trees;

/// The declared tree in canonical text, or every error with its place, related places and hint.
fn check(text: &str) -> String {
    match trees::declare_at(text.as_bytes(), "/") {
        Ok(declared) => trees::show(&declared.tree),
        Err(errors) => errors.join("\n"),
    }
}

/// The stored value of a property that is written so, or the first error.
fn value(text: &str) -> String {
    match trees::declare_at(format!("/n\n  v = {text}\n").as_bytes(), "/") {
        Ok(declared) => {
            let node = declared.tree.get(&trees::path("/n")).expect("/n");
            node.properties()["v"].to_string()
        }
        Err(errors) => errors.join("\n"),
    }
}

/// Several files, read as these layers.
fn layers(names: &[&str], files: &[(&str, &str)]) -> String {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    match trees::declare_layers(names, &files.iter().copied().collect(), "/") {
        Ok(declared) => trees::show(&declared.tree),
        Err(errors) => errors.join("\n"),
    }
}

macro_rules! check {
    ($text:expr, @$expect:literal) => {
        insta::assert_snapshot!(check($text), @$expect)
    };
}

macro_rules! check_layers {
    ($names:expr, $files:expr, @$expect:literal) => {
        insta::assert_snapshot!(layers(&$names, &$files), @$expect)
    };
}

// ---- values

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
    insta::assert_snapshot!(value("= 1"), @"2:7: expected a value, found `=`");
    insta::assert_snapshot!(value("]"), @"2:7: expected a value, found `]`");
    insta::assert_snapshot!(value(&"[".repeat(101)), @"2:107: brackets are nested deeper than 100");
    assert_eq!(
        value(&format!("{}{}", "[".repeat(100), "]".repeat(100))).len(),
        200
    );
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

// ---- lines

#[test]
fn names() {
    check!("/\"my node\"\n  \"a = b\" = 1\n  \"\" = 2\n  \"q\\\"\" -> /x\n/192.168.0.42:8080\n/a-b_c.d#e\n/é\n  \"/s\" = 1\n  \"#\" = 2\n  \"@keep\" = 3\n  @k = 4\n  'q' = 5\n", @r##"
    /192.168.0.42:8080
    /a-b_c.d#e
    /"my node"
      "" = 2
      "a = b" = 1
      q" -> /x
    /é
      "#" = 2
      'q' = 5
      "/s" = 1
      "@k" = 4
      "@keep" = 3
    "##);
    check!("/\"a\\u0020b\"/\"c/d\"\n", @"1:13: a node name may not hold a slash");
    check!("/a b\n", @r#"
    1:4: expected the end of the line, found `b`
      hint: a name that holds blanks is written in double quotes: /"my node"
    "#);
    check!("/\"open\n", @r#"/"\"open""#);
    check!("/\"a\\q\"\n", @"1:2: expected a JSON string in double quotes: invalid escape at line 1 column 4");
    check!("/.\n/a/../b\n/a//b\n/\n", @r#"
    1:2: a node name may not be "."
    2:4: a node name may not be ".."
    3:3: a node name may not be empty
    4:1: a node name may not be empty
    "#);
    check!("/a\u{1}\n/\u{e000}\n", @r#"
    1:2: ZooKeeper refuses the character U+0001 in a node name
    2:2: ZooKeeper refuses the character U+E000 in a node name
    "#);
    check!("/zookeeper\n/zookeeper/quota\n/a/zookeeper\n", @r#"
    1:2: /zookeeper belongs to ZooKeeper itself and cannot be declared
    2:2: /zookeeper belongs to ZooKeeper itself and cannot be declared
    "#);
}

#[test]
fn types() {
    check!("/a : t\n/b: two words  \n/c :t\n/d:t u\n/e : 'q'\n/f : \"x # y\"\n/g : t # comment\n/h : x#y\n/10.0.0.1:80\n/i:t\n", @r#"
    /10.0.0.1:80
    /a : t
    /b : two words
    /c : t
    /d : t u
    /e : 'q'
    /f : "x # y"
    /g : t
    /h : x#y
    /i:t
    "#);
    check!("/10.0.0.1:80/\"my node\" : t\n", @r#"/10.0.0.1:80/"my node" : t"#);
    check!("/a :\n/b : # nothing\n", @r#"
    1:5: expected a type, found the end of the line
    2:6: expected a type, found `#`
    "#);
    check!("/a\n  type = 't'\n/b\n  type = ''\n/c\n  type = 5\n/d\n  type = ' x'\n", @r#"
    /a : t
    /b
      type = ''
    /c
      type = 5
    /d
      type = ' x'
    "#);
    check!("/a : t\n  type = 'u'\n", @r#"
    2:3: the type is declared twice in one layer
      1:6: first here
      hint: a later layer may replace it; one layer says it once
    "#);
}

#[test]
fn links() {
    check!("/a\n  l -> /b\n  m->../c\n  p => /b x\n  q=>b\n  d -> a=>b  # comment\n  l = 1\n", @r#"
    /a
      l = 1
      d -> a=>b
      l -> /b
      m -> ../c
      p => /b x
      q => b
    "#);
    // zc.zk exports property links as the properties that they are stored as.
    check!("/a\n  p => = u'/b x'\n  q =>= u\"it's\"\n  r=>='..'  # c\n  s => = u'/\\xe9'\n  \"t u\" =>\t= u'.. t'\n  v => = 5\n  w => = None\n  x => = u'a b c'\n  y => = z\n  z => =z\n", @r#"
    /a
      p => /b x
      q => it's
      r => ..
      s => /é
      "t u" => .. t
      "v =>" = 5
      "w =>" = None
      "x =>" = 'a b c'
      "y =>" = '= z'
      "z =>" = '=z'
    "#);
    check!("/a\n  p => = u'/b\n  q => = u'/b' x\n  r => = u'\\ud83d'\n  s => = u'/b'\n  s => /c\n", @r"
    2:11: expected a string, found `'/b`
    3:16: expected a comma, a string or the end of the line, found `x`
    4:10: \ud83d is half of a surrogate pair, which no text can hold
    6:3: the link s => is declared twice in one layer
      5:3: first here
      hint: a later layer may replace it; one layer says it once
    ");
    check!("/a\n  l -> two words\n  p => a b c\n  q ->\n  r => # nothing\n  two words -> /x\n", @r#"
    2:12: expected the end of the line, found `words`
      hint: a link to a path with blanks is written as the property it is stored as: "l ->" = 'two words'
    3:12: expected the end of the line, found `c`
    4:7: expected a path, found the end of the line
    5:8: expected a path and perhaps a property's name, found `#`
    6:7: expected ->, = or =>, found `words`
      hint: a name that holds blanks is written in double quotes: "two words" -> …
    "#);
    // The first operator ends the name.
    check!("/a\n  two words = 'x -> y'\n  @secret a=(b\n", @r#"
    2:7: expected ->, = or =>, found `words`
      hint: a name that holds blanks is written in double quotes: "two words" = …
    "#);
    check!("/a -> /b\n/c = 1\n", @r#"
    1:4: expected the end of the line, found `->`
      hint: a line that starts with a slash is a node; properties and links are named without one
    2:4: expected the end of the line, found `=`
      hint: a line that starts with a slash is a node; properties and links are named without one
    "#);
    check!("/a\n  b ->= 1\n  x='y -> z'\n  u='a => b'\n", @r#"
    2:9: expected the end of the line, found `1`
      hint: a link to a path with blanks is written as the property it is stored as: "b ->" = '= 1'
    "#);
}

#[test]
fn paths_that_are_passed_through() {
    check!("/a/b/c : t\n  x = 1\n/a/b\n  y = 2\n/a/d\n", @r#"
    /a/b
      y = 2
      /c : t
        x = 1
    /a/d
    "#);
    check!("/a/b\n/a\n  /b\n    x = 1\n", @r#"
    /a
      /b
        x = 1
    "#);
    check!("/a\n  /b\n  /b\n/a\n", @r#"
    3:3: the node /a/b is declared twice in one place
      2:3: first here
      hint: put the contents of both under one of them
    4:1: the node /a is declared twice in one place
      1:1: first here
      hint: put the contents of both under one of them
    "#);
    check!("/a/b\n/a/b\n", @r#"
    2:1: the node /a/b is declared twice in one place
      1:1: first here
      hint: put the contents of both under one of them
    "#);
}

#[test]
fn indentation() {
    check!("/a\n\t/b\n\t\tx = 1\n\t/c\n", @r#"
    /a
      /b
        x = 1
      /c
    "#);
    check!("/a\n    /b\n  /c\n", @r#"
    3:3: the indentation meets no level that is open
      hint: indent the line exactly as the lines beside it
    "#);
    check!("/a\n\t/b\n        /c\n", @r#"
    3:9: the indentation mixes tabs and spaces so that it cannot be compared with the lines above
      hint: indent the line exactly as the lines beside it
    "#);
    check!("/a\n  x = 1\n    /b\n  l -> /x\n    y = 1\n  @keep\n    /c\n", @r#"
    3:5: only a node has contents, but this is indented under a property
    5:5: only a node has contents, but this is indented under a link
    7:5: only a node has contents, but this is indented under a directive
    "#);
    check!("x = 1\nl -> /a\n@keep\n  /a\n", @r#"
    1:1: a property must stand in a node, and none is open here
    2:1: a link must stand in a node, and none is open here
    3:1: a directive must stand in a node, and none is open here
    "#);
    check!("  /a\n    /b\n  /c\n", @r#"
    /a
      /b
    /c
    "#);
    check!("  /a\n/b\n", @r#"
    2:1: the indentation meets no level that is open
      hint: indent the line exactly as the lines beside it
    "#);
}

#[test]
fn line_ends_marks_and_blanks() {
    check!("/a\r \n  l -> /b\r \r\n  x = 1\r\r\n  m -> /b\rc\n/\"b\"\r \n", @"4:11: expected the end of the line, found `c`");
    check!("\u{feff}/a  \r\n  x = 1\t\r\n\r\n  /b \r\n", @r#"
    /a
      x = 1
      /b
    "#);
    check!("/a\n  x = 'no end'", @r#"
    /a
      x = 'no end'
    "#);
    check!("\n\n# only\n", @"-: the layer declares no node");
    check!("/\"a\\u00a0b\"\n", @r#"/"a\u00a0b""#);
}

#[test]
fn properties_and_directives_stand_in_nodes() {
    check!("/a\n  x = 1\n  x = 2\n  x -> /b\n  y => /b\n  y => /c\n", @r#"
    3:3: the property x is declared twice in one layer
      2:3: first here
      hint: a later layer may replace it; one layer says it once
    6:3: the link y => is declared twice in one layer
      5:3: first here
      hint: a later layer may replace it; one layer says it once
    "#);
    check!("/a\n  word\n  = 1\n  two words = 1\n  /b = 1\n", @r#"
    2:7: expected ->, = or =>, found the end of the line
      hint: a node's line starts with a slash: /word; a property has a value: word = …
    3:3: expected a name or the end of the line, found `=`
    4:7: expected ->, = or =>, found `words`
      hint: a name that holds blanks is written in double quotes: "two words" = …
    5:6: expected the end of the line, found `=`
      hint: a line that starts with a slash is a node; properties and links are named without one
    "#);
}

// ---- directives

#[test]
fn directives() {
    check!("/a\n  @keep\n  @ignore a* \"b c\"  # why\n  @protect\n  @secret\n  @acl world:anyone:r digest:ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa ip:10.0.0.0/8:r \"auth::cdrwa\"\n/b\n  @keep children\n/c\n  @keep properties\n  @secret x\n", @r#"
    /a
      @protect
      @keep
      @ignore a* "b c"
      @secret
      @acl world:anyone:r digest:ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa ip:10.0.0.0/8:r auth::cdrwa
    /b
      @keep children
    /c
      @keep properties
      @secret x
    "#);
    check!("/a\n  @kep\n  @keep all\n  @ignore\n  @protect now\n  @acl\n  @data\n  @include\n", @r#"
    2:3: there is no directive @kep
      hint: the directives are @keep, @ignore, @protect, @ephemeral, @secret, @acl, @data and @include; a property of this name is @kep = VALUE
    3:9: expected children, properties or the end of the line, found `all`
    4:10: expected the name of a property, found the end of the line
    5:12: expected the end of the line, found `now`
    6:7: expected an entry of the form scheme:id:perms, found the end of the line
    7:8: expected a string or the word base64 or file, found the end of the line
    8:11: expected a string, found the end of the line
    "#);
    check!("/a\n  @keep\n  @keep children\n  @ignore a\n  @ignore b\n", @r#"
    3:3: the directive @keep stands twice in one node
      2:3: first here
      hint: say it once, with all that it is to cover
    5:3: the directive @ignore stands twice in one node
      4:3: first here
      hint: say it once, with all that it is to cover
    "#);
    check!("/a\n  @acl world:anyone\n/b\n  @acl world:all:r\n/c\n  @acl digest:x:y:rr\n/d\n  @acl ip:1:q auth:me:r\n", @r#"
    2:8: expected an entry of the form scheme:id:perms, found "world:anyone"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    4:8: the scheme world takes the id "anyone", found "all"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    6:8: expected permissions out of the letters cdrwa, each once, found "rr"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    8:8: expected permissions out of the letters cdrwa, each once, found "q"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    8:15: the scheme auth takes the id "", found "me"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    "#);
    check!("/a\n  @ignore [a\n  @secret {\n", @r#"
    2:11: error parsing glob '[a': unclosed character class; missing ']'
    3:11: error parsing glob '{': unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
    "#);
    check!("/a\n  @data = 1\n  @keepx = 2\n  @keep -> /x\n", @r#"
    2:9: expected the rest of the directive, found `=`
      hint: a property of this name is written in double quotes: "@data" = …
    4:9: expected the rest of the directive, found `->`
      hint: a property of this name is written in double quotes: "@keep" -> …
    "#);
}

#[test]
fn acls_reach_down_to_the_next_one() {
    let declared = trees::declare(
        "/a\n  @acl world:anyone:r\n  /b\n    /c\n      @acl auth::cdrwa\n      /d\n/e\n",
    );
    let acls = declared.tree.iter().map(|(path, node)| {
        format!(
            "{path} {}",
            node.acl
                .as_ref()
                .map_or("none".to_owned(), ToString::to_string)
        )
    });
    insta::assert_snapshot!(acls.collect::<Vec<_>>().join("\n"), @r#"
    /a world:anyone:r
    /a/b world:anyone:r
    /a/b/c auth::cdrwa
    /a/b/c/d auth::cdrwa
    /e none
    "#);
}

#[test]
fn data() {
    check!("/a\n  @data 'text\\n'\n/b\n  @data base64 '/w =='\n/c\n  @data ''\n", @r#"
    /a
      @data 'text\n'
    /b
      @data base64 '/w=='
    /c
      @data ''
    "#);
    check!("/a\n  @data base64 '!'\n/b\n  @data 'x'\n  y = 1\n/c : t\n  @data 'x'\n/d\n  @data 'x'\n  @data 'y'\n", @"
    2:16: expected base64, found something else: invalid symbol 33, offset 0
    4:3: a node holds either @data or properties, and this one declares both
      5:3: a property is declared here
    7:3: a node holds either @data or properties, and this one declares both
      6:6: a property is declared here
    10:3: the directive @data stands twice in one node
      9:3: first here
      hint: say it once, with all that it is to cover
    ");
    check!("/a\n  @data base32 'x'\n/b\n  @data x\n", @r#"
    2:9: expected a string or the word base64 or file, found `base32`
    4:9: expected a string or the word base64 or file, found `x`
    "#);
    // A node that is as declared needs no request, so its size is no mistake of the text.
    let large = format!("/a\n  x = '{}'\n", "x".repeat(1_048_100));
    let tree = zkt::ZooKeeper::parse_tree(&large).unwrap();
    let errors = zkt::declare::lower::oversized(&tree, zkt::zookeeper::session::MAX_REQUEST);
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        ["the node needs 1048622 bytes, and ZooKeeper takes at most 1,048,575 in a request"]
    );
    assert!(zkt::declare::lower::oversized(&tree, 1_048_622).is_empty());
    let files = [
        (
            "d/a.zkt",
            "/a\n  @data file '../raw.bin'\n/b\n  @data file 'none'\n",
        ),
        ("raw.bin", "{raw}\n"),
    ];
    check_layers!(["d/a.zkt"], files, @"d/a.zkt:4:14: d/none: there is no such file");
    check_layers!(["d/a.zkt"], [("d/a.zkt", "/a\n  @data file '../raw.bin'\n"), files[1]], @r#"
    /a
      @data '{raw}\n'
    "#);
}

#[test]
fn includes() {
    let base = (
        "d/base.zkt",
        "/a\n  x = 1\n  @include 'sub/inner.zkt'\n  /b\n",
    );
    check_layers!(["d/base.zkt"], [base, ("d/sub/inner.zkt", "/c\n  @include '../other.zkt'\n/b/e\n"), ("d/other.zkt", "/d : t\n")], @r#"
    /a
      x = 1
      /b
        /e
      /c
        /d : t
    "#);
    check_layers!(["d/base.zkt"], [base], @"d/base.zkt:3:12: d/sub/inner.zkt: there is no such file");
    check_layers!(["d/base.zkt"], [base, ("d/sub/inner.zkt", "/c\n  @include '../base.zkt'\n")], @"d/sub/inner.zkt:2:12: d/sub/../base.zkt includes itself");
    check_layers!(["d/base.zkt"], [base, ("d/sub/inner.zkt", "/b\n  x = [\n")], @"d/sub/inner.zkt:2:7: the bracket `[` is not closed");
    check_layers!(["d/base.zkt"], [base, ("d/sub/inner.zkt", "x = 1\n")], @"d/sub/inner.zkt:1:1: a property must stand in a node, and none is open here");
    check!("@include 'x'\n", @"1:1: a directive must stand in a node, and none is open here");
    let twice = (
        "twice.zkt",
        "/a\n  @include 'i.zkt'\n/b\n  @include 'i.zkt'\n",
    );
    check_layers!(["twice.zkt"], [twice, ("i.zkt", "/x\n")], @r#"
    /a
      /x
    /b
      /x
    "#);
}

// ---- several files

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
fn a_layer_may_be_a_directory() {
    let files = [
        ("d/b.zkt", "/b\n"),
        ("d/a.zkt", "/a\n"),
        ("d/sub/c.zkt", "/a\n  /c\n"),
        ("d/.hidden/x.zkt", "/x\n"),
        ("d/.x.zkt", "/x\n"),
        ("d/readme.md", "no tree"),
    ];
    check_layers!(["d"], files, @r#"
    /a
      /c
    /b
    "#);
    check_layers!(["d/sub/c.zkt", "d/b.zkt"], files, @r#"
    /a
      /c
    /b
    "#);
    check_layers!(["none", "d/none.zkt"], files, @r#"
    none: there is no such file
    d/none.zkt: there is no such file
    "#);
    check_layers!(["d", "-", "-"], [files[0], ("-", "/stdin\n")], @"standard input (-) can be one layer only");
}

#[test]
fn files_of_a_layer_may_share_nodes_and_nothing_else() {
    check_layers!(["d"], [("d/a.zkt", "/a : t\n  x = 1\n"), ("d/b.zkt", "/a\n  y = 2\n  @keep\n")], @r#"
    /a : t
      @keep
      x = 1
      y = 2
    "#);
    check_layers!(
        ["d"],
        [
            ("d/a.zkt", "/a : t\n  x = 1\n  l -> /b\n  p => /b\n  @keep\n"),
            ("d/b.zkt", "/a : t\n  x = 1\n  l -> /b\n  p => /b\n  @keep\n"),
        ],
        @r#"
        d/b.zkt:1:6: the type is declared twice in one layer
          d/a.zkt:1:6: first here
          hint: a later layer may replace it; one layer says it once
        d/b.zkt:2:3: the property x is declared twice in one layer
          d/a.zkt:2:3: first here
          hint: a later layer may replace it; one layer says it once
        d/b.zkt:3:3: the link l -> is declared twice in one layer
          d/a.zkt:3:3: first here
          hint: a later layer may replace it; one layer says it once
        d/b.zkt:4:3: the link p => is declared twice in one layer
          d/a.zkt:4:3: first here
          hint: a later layer may replace it; one layer says it once
        d/b.zkt:5:3: the directive @keep stands twice in one node
          d/a.zkt:5:3: first here
          hint: say it once, with all that it is to cover
        "#
    );
    check_layers!(["d"], [("d/a.zkt", "/a\n  @data 'x'\n"), ("d/b.zkt", "/a\n  y = 2\n")], @r#"
    d/a.zkt:2:3: a node holds either @data or properties, and this one declares both
      d/b.zkt:2:3: a property is declared here
    "#);
}

#[test]
fn a_later_layer_lies_over_the_earlier_ones() {
    let base = (
        "base.zkt",
        "/a : t\n  x = 1\n  y = 1\n  l -> /b\n  p => /b q\n  @ignore m\n  @acl world:anyone:r\n  /kept\n/raw\n  @data 'x'\n/through/c\n",
    );
    check_layers!(["base.zkt", "prod.zkt"], [base, ("prod.zkt", "/a : u\n  x = 2\n  l -> /c\n  p => /d\n  @ignore n\n  @acl auth::cdrwa\n  /new\n/raw\n  z = 1\n/through\n  w = 1\n")], @r#"
    /a : u
      @ignore n
      @acl auth::cdrwa
      x = 2
      y = 1
      l -> /c
      p => /d
      /kept
      /new
    /raw
      z = 1
    /through
      w = 1
      /c
    "#);
    check_layers!(["base.zkt", "prod.zkt"], [base, ("prod.zkt", "/a\n  @data 'raw'\n  @keep children\n/raw\n")], @r#"
    /a
      @keep children
      @ignore m
      @acl world:anyone:r
      @data 'raw'
      /kept
    /raw
      @data 'x'
    /through/c
    "#);
    check_layers!(["prod.zkt", "base.zkt"], [base, ("prod.zkt", "/a\n  y = 5\n  z = 6\n")], @r#"
    /a : t
      @ignore m
      @acl world:anyone:r
      x = 1
      y = 1
      z = 6
      l -> /b
      p => /b q
      /kept
    /raw
      @data 'x'
    /through/c
    "#);
    check_layers!(["base.zkt", "base.zkt"], [("base.zkt", "/a\n  x = 1\n")], @r#"
    /a
      x = 1
    "#);
}

#[test]
fn a_layer_without_a_node_is_an_error() {
    check_layers!(["empty.zkt", "comments.zkt", "d"], [("empty.zkt", ""), ("comments.zkt", "# none\n"), ("d/x.md", "")], @r#"
    empty.zkt: the layer declares no node
    comments.zkt: the layer declares no node
    d: there is no .zkt file in this directory, nor in one below it
    "#);
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
fn every_error_of_every_file_is_told_at_once() {
    check_layers!(["a.zkt", "b.zkt"], [("a.zkt", "/a\n  x = word\n  y = 1\n  y = 2\n"), ("b.zkt", "/..\n/b\n  @nothing\n")], @r#"
    a.zkt:2:7: expected a value, found the bare word word
      hint: text needs quotes: 'word'
    a.zkt:4:3: the property y is declared twice in one layer
      a.zkt:3:3: first here
      hint: a later layer may replace it; one layer says it once
    b.zkt:1:2: a node name may not be ".."
    b.zkt:3:3: there is no directive @nothing
      hint: the directives are @keep, @ignore, @protect, @ephemeral, @secret, @acl, @data and @include; a property of this name is @nothing = VALUE
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
    check!("/a\n  ]\n", @"2:4: expected ->, = or =>, found the end of the line");
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

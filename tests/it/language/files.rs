//! `@files`: directories that are subtrees.

use zkt::Memory;
use zkt::model::node::Content;

use crate::trees;

const CONF: [(&str, &str); 9] = [
    ("t/conf/solr.xml", "<solr/>\r\n"),
    ("t/conf/lang/stopwords_de.txt", "der\ndie\n"),
    ("t/conf/lang/stopwords_en.txt", ""),
    ("t/conf/lang/.keep", ""),
    ("t/conf/lang/@self", "{\"x\":1}"),
    ("t/conf/.hidden/a.xml", "hidden"),
    ("t/conf/.env", "env"),
    ("t/conf/my file", "blank"),
    ("t/conf/empty/.gitkeep", ""),
];

fn files(text: &str) -> Vec<(&str, &str)> {
    CONF.into_iter().chain([("t/a.zkt", text)]).collect()
}

#[test]
fn a_directory_is_a_subtree() {
    check_layers!(["t/a.zkt"], files("/c\n  @files 'conf'\n  /x\n    y = 1\n"), @r#"
    /c
      @data ''
      /empty
        @data ''
      /lang
        @data '{"x":1}'
        /stopwords_de.txt
          @data 'der\ndie\n'
        /stopwords_en.txt
          @data ''
      /"my file"
        @data 'blank'
      /solr.xml
        @data '<solr/>\r\n'
      /x
        y = 1
    "#);
    let text = files("/c\n  @files 'conf'\n");
    let tree = trees::declare_layers(&["t/a.zkt"], &text.into_iter().collect(), "/").unwrap();
    let (_, node) = tree
        .tree
        .iter()
        .find(|(path, _)| path.name() == "solr.xml")
        .unwrap();
    assert!(matches!(&node.content, Content::Raw { bytes, .. } if **bytes == *b"<solr/>\r\n"));
}

/// The nodes that globs take.
fn taken(globs: &str) -> String {
    let text = format!("/c\n  @files 'conf' {globs}\n");
    let memory: Memory = files(&text).into_iter().collect();
    match trees::declare_layers(&["t/a.zkt"], &memory, "/") {
        Ok(declared) => {
            let paths = declared.tree.iter().skip(1);
            let paths = paths.map(|(path, _)| path.as_str().replacen("/c/", "", 1));
            paths.collect::<Vec<_>>().join(", ")
        }
        Err(errors) => errors.join("\n"),
    }
}

#[test]
fn the_last_glob_that_matches_decides() {
    const LANG: &str = "lang, lang/stopwords_de.txt, lang/stopwords_en.txt";
    let all = format!("empty, {LANG}, my file, solr.xml");
    for (globs, nodes) in [
        ("", &*all),
        ("*", &all),
        ("**/*  # all", &all),
        ("*.xml", "solr.xml"),
        ("*.txt", LANG),
        ("lang", LANG),
        ("/lang/", LANG),
        ("lang/*_en.txt", "lang, lang/stopwords_en.txt"),
        ("*_en.txt *.xml", "lang, lang/stopwords_en.txt, solr.xml"),
        ("'my file'", "my file"),
        ("\"my file\" '[e]mpty'", "empty, my file"),
        (
            "!empty !'my file'",
            "lang, lang/stopwords_de.txt, lang/stopwords_en.txt, solr.xml",
        ),
        ("!lang !*.xml", "empty, my file"),
        ("!lang lang/*_de.txt", "lang, lang/stopwords_de.txt"),
        (
            "* !lang lang/*_de.txt",
            "empty, lang, lang/stopwords_de.txt, my file, solr.xml",
        ),
        ("!''", &all),
        (".env", ".env"),
        ("* .env", &format!(".env, {all}")),
        (".hidden", ".hidden, .hidden/a.xml"),
        (".hidden/*.xml", ".hidden, .hidden/a.xml"),
        ("*/.keep", "lang, lang/.keep"),
        (
            "* .*",
            ".env, .hidden, .hidden/a.xml, empty, empty/.gitkeep, lang, lang/.keep, \
             lang/stopwords_de.txt, lang/stopwords_en.txt, my file, solr.xml",
        ),
    ] {
        assert_eq!(taken(globs), nodes, "{globs}");
    }
}

#[test]
fn a_glob_that_takes_nothing_is_a_mistake() {
    for globs in [
        "a.xml",
        "'!solr.xml'",
        "stopwords_de.txt/",
        "x/y",
        "''",
        "*.txt !lang",
    ] {
        let said = taken(globs);
        assert!(said.contains("takes no file of this directory"), "{said}");
    }
    insta::assert_snapshot!(taken("'!solr.xml'"), @"
    t/a.zkt:2:17: t/conf: the glob !solr.xml takes no file of this directory
      hint: in quotes an exclamation mark belongs to the name; to leave files out, write it before the quotes: !'…'
    ");
    insta::assert_snapshot!(taken("x/y"), @"
    t/a.zkt:2:17: t/conf: the glob x/y takes no file of this directory
      hint: a glob with a slash starts at the directory; **/ before it matches at any depth
    ");
    insta::assert_snapshot!(taken("["), @"t/a.zkt:2:17: error parsing glob '[': unclosed character class; missing ']'");
}

#[test]
fn what_is_wrong_with_a_directory() {
    check_layers!(["t/a.zkt"], files("/a\n  @files\n/b\n  @files conf\n/c\n  @files 'conf' !\n/d\n  @files 'co' 'nf'x\n/e\n  @files 'conf\n/f\n  @files = 1\n"), @r#"
    t/a.zkt:2:9: expected a directory in quotes, found the end of the line
    t/a.zkt:4:10: expected a string, found `conf`
      hint: quote it: @files 'conf'
    t/a.zkt:6:18: expected a glob or a string, found the end of the line
    t/a.zkt:8:19: expected the end of the line, found `x`
    t/a.zkt:10:10: expected a string, found `'conf`
    t/a.zkt:12:10: expected the rest of the directive, found `=`
      hint: a property of this name is written in double quotes: "@files" = …
    "#);
    check_layers!(["t/a.zkt"], files("/a\n  @files 'none'\n/b\n  @files 'conf/solr.xml'\n/c\n  @files 'conf' [\n/d\n  @files 'conf/empty'\n/e\n  @files 'conf' !*\n"), @"
    t/a.zkt:2:10: t/none: there is no such file
    t/a.zkt:4:10: t/conf/solr.xml: it is no directory
    t/a.zkt:6:17: error parsing glob '[': unclosed character class; missing ']'
    t/a.zkt:8:10: t/conf/empty: there is no file in this directory for a node
    t/a.zkt:10:10: t/conf: there is no file in this directory for a node
    ");
    check_layers!(["t/a.zkt"], files("/a\n  x = 1\n  @files 'conf/lang'\n/b\n  @data 'x'\n  @files 'conf/lang'\n/c\n  @files 'conf'\n  /solr.xml : t\n  /lang\n    @secret\n  @files 'conf' *.xml\n"), @"
    t/a.zkt:3:3: t/conf/lang/@self holds the data of /a, which is declared, too
      t/a.zkt:2:3: its data is declared here
      hint: leave the file out with a glob: !NAME; or declare the node in a later layer
    t/a.zkt:6:3: t/conf/lang/@self holds the data of /b, which is declared, too
      t/a.zkt:5:3: its data is declared here
      hint: leave the file out with a glob: !NAME; or declare the node in a later layer
    t/a.zkt:8:3: t/conf/solr.xml holds the data of /c/solr.xml, which is declared, too
      t/a.zkt:9:15: its data is declared here
      hint: leave the file out with a glob: !NAME; or declare the node in a later layer
    t/a.zkt:12:3: t/conf/solr.xml holds the data of /c/solr.xml, which is declared, too
      t/a.zkt:9:15: its data is declared here
      hint: leave the file out with a glob: !NAME; or declare the node in a later layer
    ");
    let bad = [
        ("t/a.zkt", "/a\n  @files 'd'\n"),
        ("t/d/\u{1f600}", ""),
        ("t/d/x/@self/y", ""),
    ];
    check_layers!(["t/a.zkt"], bad, @"
    t/a.zkt:2:10: t/d/x/@self: a file of this name holds the bytes of the directory around it, and this is a directory
    t/a.zkt:2:10: t/d/😀: its name cannot name a node: ZooKeeper refuses the character U+1F600 in a node name
    ");
    check!("@files 'x'\n", @"1:1: a directive must stand in a node, and none is open here");
    check!("/a\n  @files 'x'\n", @"2:10: x: there is no such file");
}

#[test]
fn later_layers_lie_over_files_and_files_over_earlier_ones() {
    let over = [(
        "b.zkt",
        "/c : t\n  /solr.xml\n    x = 1\n  /lang\n    y = 1\n    /stopwords_en.txt\n      @data 'the'\n  /more\n",
    )];
    let layers = || {
        files("/c\n  @files 'conf' !'my file'\n")
            .into_iter()
            .chain(over)
            .collect::<Vec<_>>()
    };
    check_layers!(["t/a.zkt", "b.zkt"], layers(), @r#"
    /c : t
      /empty
        @data ''
      /lang
        y = 1
        /stopwords_de.txt
          @data 'der\ndie\n'
        /stopwords_en.txt
          @data 'the'
      /more
      /solr.xml
        x = 1
    "#);
    check_layers!(["b.zkt", "t/a.zkt"], layers(), @r#"
    /c : t
      /empty
        @data ''
      /lang
        @data '{"x":1}'
        /stopwords_de.txt
          @data 'der\ndie\n'
        /stopwords_en.txt
          @data ''
      /more
      /solr.xml
        @data '<solr/>\r\n'
    "#);
}

#[test]
fn a_secret_beside_files_covers_them() {
    check_layers!(["t/a.zkt"], files("/c\n  @files 'conf' *.xml 'my file'\n  @secret *.xml\n/d\n  @secret\n  @files 'conf' *_de.txt\n  /lang\n    @secret x\n"), @r#"
    /c
      @secret *.xml
      @data ''
      /"my file"
        @data 'blank'
      /solr.xml
        @secret
        @data '<solr/>\r\n'
    /d
      @secret
      @data ''
      /lang
        @secret
        @data '{"x":1}'
        /stopwords_de.txt
          @secret
          @data 'der\ndie\n'
    "#);
}

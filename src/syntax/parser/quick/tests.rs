use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::syntax::ast::Statement;
use crate::syntax::parser::{self, Parser};
use crate::syntax::scanner::LogicalLine;
use crate::syntax::scanner::lenient::{LenientKind, LenientLine, after_operator};
use crate::syntax::scanner::table::{DIRECTIVES, Kind, directive_of};
use crate::syntax::source::Sources;

/// The lines and findings of a text, read with or without the fast path.
fn parse(text: &str, quick: bool) -> String {
    let sources = Sources::default();
    let id = sources.add("x.zkt", text.to_owned()).unwrap();
    let mut parser = Parser::new(&sources.get(id).text, id, true);
    parser.quick &= quick;
    while parser.step() {}
    parser.levels.finish();
    format!("{:#?} {}", parser.levels.lines, parser.findings.all())
}

fn is_quick(line: &str) -> bool {
    let sources = Sources::default();
    let id = sources.add("x.zkt", line.to_owned()).unwrap();
    super::read(&LogicalLine::at(line, 0), 0, id).is_some()
}

/// Lines that are read without the grammar.
const PLAIN: [&str; 28] = [
    "/cms\n",
    "  /10.0.0.1",
    "/cms : z4m cms\n",
    "  x = 'it is # no = comment'",
    " \t\n",
    "",
    "\tx = \"a\" \t",
    "x=1",
    "y = -0.5",
    "z = [1, 'a', [], {'k': None},]",
    "l -> /b/c",
    "p => .. threads",
    "q=>/x:1\r\n",
    "x = True\r\n",
    "# c",
    "  # c é\u{a0}",
    "/a # c",
    "/a : a b # c",
    "x = 1 # c",
    "x = 'a'\t# 'c' \r\n",
    "x -> /b # c",
    "x = 'é'",
    "x = ''",
    "x = 'a\\n'",
    "x = 'it\\'s \\\\'",
    "x = u'a'",
    "x = U\"caf\\xe9 \\u4e2d\"",
    "x = [u'a\\x20', 'caf\\xc3\\xa9']",
];

#[test]
fn reads_the_common_lines() {
    for line in PLAIN {
        assert!(is_quick(line), "{line:?}");
        assert_eq!(
            parse(&format!("/a\n  /b\n{line}"), true),
            parse(&format!("/a\n  /b\n{line}"), false)
        );
    }
}

/// Lines that are left to the grammar.
const OTHER: [&str; 42] = [
    "/a b",
    "/a/b",
    "/a:b",
    "/a : #t",
    "/a : \"t\"",
    "/a#c",
    "/a : t#c",
    "x = 'a'# c",
    "x = 'a' 'b'",
    "x = ''''''",
    "x = 01",
    "x = 1.",
    "x = 1e5",
    "x = 1L",
    "x = 'a\\",
    "x = 'a\\'",
    "x = 'a\\xe9'",
    "x = u'\\x'",
    "x = '$serde_json::private\\x3a:'",
    "x = r'a'",
    "x = ur'a'",
    "x = u 'a'",
    "x = 1# c",
    "x = (1,)",
    "x = 1, 2",
    "x = [1 2]",
    "x = 'a'b",
    "@keep",
    "@acl deep world:anyone:r",
    "\"a\" = 1",
    "x -> a b",
    "x => a b c",
    "x = [",
    "x = 1 \r \n",
    "x = 'a\rb'",
    "x = --1",
    "x = nan",
    "x y = 1",
    "x = ",
    "x",
    "/",
    "x ->",
];

#[test]
fn leaves_the_rest_to_the_grammar() {
    for line in OTHER {
        assert!(!is_quick(line), "{line:?}");
    }
}

/// The texts of fixtures and examples, of the corpus where it is at hand, and of the tests above.
fn texts() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = PLAIN.iter().chain(&OTHER);
    let mut texts: Vec<String> = lines.map(|line| format!("/a\n  /b\n{line}")).collect();
    for folder in [
        "tests/it/fixtures/valid",
        "tests/it/fixtures/invalid",
        "examples",
    ] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "zkt") {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(texts.len() > PLAIN.len() + OTHER.len() + 50);
    if let Ok(corpus) = std::fs::read_to_string(root.join("../shared/corpus/parse.jsonl")) {
        for line in corpus.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            texts.extend(case["text"].as_str().map(str::to_owned));
        }
    }
    texts
}

/// Holds the lenient reading of a line to that of the grammar.
fn check_lenient(line: &LogicalLine<'_>) {
    let lenient = LenientLine::new(line.first);
    let agrees = match line.kind {
        Kind::Blank => matches!(lenient.kind, LenientKind::Blank | LenientKind::Comment),
        Kind::Node => lenient.kind == LenientKind::Node,
        Kind::Directive(directive) => lenient.kind == LenientKind::Directive(directive),
        Kind::Property | Kind::Link | Kind::PropertyLink => {
            after_operator(line.first, line.name_end) == line.value
                && lenient.kind == LenientKind::Entry
        }
        Kind::Unknown => false,
    };
    assert!(agrees, "{lenient:?}");
    assert!(
        line.kind == Kind::Blank || lenient.indent == line.indent,
        "{lenient:?}"
    );
}

/// Holds the fast path, and what the scanner says of each line, to the grammar.
fn check(text: &str) {
    assert_eq!(parse(text, true), parse(text, false), "{text:?}");
    let sources = Sources::default();
    let id = sources.add("x.zkt", text.to_owned()).unwrap();
    let text = &sources.get(id).text;
    for line in parser::parse(&sources, id).0.lines {
        let at = line.span.range().start;
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let scanned = LogicalLine::at(text, start);
        let kind = match &line.statement {
            Statement::Invalid => continue,
            Statement::Blank => Kind::Blank,
            Statement::Node(_) => Kind::Node,
            // It may be a property link that is written as it is stored.
            Statement::Property { name, .. } if name.text.ends_with(" =>") => scanned.kind,
            Statement::Property { .. } => Kind::Property,
            Statement::Link { .. } => Kind::Link,
            Statement::PropertyLink { .. } => Kind::PropertyLink,
            Statement::Directive(directive) => {
                Kind::Directive(directive_of(directive.word()).unwrap())
            }
        };
        assert_eq!(scanned.kind, kind, "{line:?} of {text:?}");
        assert_eq!(scanned.indent, at - start, "{line:?} of {text:?}");
        check_lenient(&scanned);
    }
}

#[test]
fn the_grammar_and_the_table_have_the_same_directives() {
    let grammar = include_str!("../../../../grammar/zkt.pest");
    let rules = grammar.lines().filter(|line| line.contains("= ${ \"@"));
    let rules = rules.filter_map(|line| line.split('"').nth(1));
    let rules: BTreeSet<String> = rules.map(str::to_owned).collect();
    let known = grammar
        .lines()
        .find(|line| line.starts_with("known_directive"));
    let known = known.unwrap().split('"').skip(3).step_by(2);
    let known: BTreeSet<String> = known
        .take(rules.len())
        .map(|word| format!("@{word}"))
        .collect();
    let table = DIRECTIVES.iter().map(|directive| directive.word.to_owned());
    let table: BTreeSet<String> = table.collect();
    assert_eq!(rules, table);
    assert_eq!(known, table);
}

#[test]
fn says_of_whole_files_what_the_grammar_says() {
    for text in texts() {
        check(&text);
    }
}

/// As in a file whose lines end in carriage returns alone.
#[test]
fn says_of_carriage_returns_what_the_grammar_says() {
    for text in [
        "\r  # inside\n/a\n",
        " \r\r # inside\r\n",
        "\r\n",
        "\r",
        "\r x = 1\n",
        "\r/a\n",
    ] {
        check(text);
    }
}

/// Where to change a text, how many characters to take out, and what to put in.
fn change() -> impl Strategy<Value = (Index, usize, String)> {
    let piece = r#"[ \t\n]{0,3}|['"\[{(\])},:#/@=\\\r\x0b]|->|=>|'''|\\[xunU0'"]|[ux]?'|@(keep|data|acl|files) ?| : ?|é|\u{a0}"#;
    (any::<Index>(), 0..4_usize, piece)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn says_of_changed_files_what_the_grammar_says(
        file in any::<Index>(),
        window in any::<Index>(),
        changes in proptest::collection::vec(change(), 1..4),
    ) {
        static TEXTS: LazyLock<Vec<String>> = LazyLock::new(texts);
        let lines: Vec<&str> = file.get(&TEXTS).split_inclusive('\n').collect();
        let lines = lines.iter().skip(window.index(lines.len().max(1))).take(8);
        let mut text: Vec<char> = lines.flat_map(|line| line.chars()).collect();
        for (at, length, piece) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, piece.chars());
        }
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn says_what_the_grammar_says(
        lines in proptest::collection::vec(
            r#"[ \t]{0,3}(/?[a-z0-9_.:@-]{0,4}[ \t]?(=|->|=>|:)?[ \t]?|)(u?['"][a-zé# ,=]{0,3}['"]|[uU]?['"](\\[xunU0\\'"]|[0-9a-fé'"]){0,7}['"]|[\[{'",:}\] 0-9.eLxa-]{0,9}|True|null|/[a-z/.]{1,5}( [a-z]{1,2})?)[ \t]?(# ?c)?\r?"#,
            1..5,
        ),
    ) {
        check(&lines.join("\n"));
    }
}

use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;

use zkt::declare::files::{Disk, Root};
use zkt::syntax::format::format;
use zkt::syntax::place::Located as _;
use zkt::syntax::source::Sources;
use zkt::{declare, syntax::parser};

use super::choices::Choices;
use super::law;
use crate::trees;

/// Texts whose damaged copies are worth trying.
const SEEDS: [&str; 6] = [
    "/lb : ipvs\n  /pools\n    /cms\n      # why\n      address = '1.2.3.4:80'  # fixed\n      providers -> /cms/providers\n",
    "/a/b/\"c d\" : \"x # y\"\n  x = [1, {'k': (0x1f, None,)}, '''a\n b''']\n  \"a = b\" => /c d\n",
    "/n\n\t@keep children\n\t@ignore a* \"b c\"\n\t@acl world:anyone:r auth::cdrwa\n\t@secret\n\t@protect\n",
    "/n\r\n  @data base64 '/w=='\r\n/m\r\n  @data 'é\\xe9\\u00e9\\N{BULLET}'\r\n",
    "/n\n  x = 1 + 2 ** 3 // 4\n  y = os.environ['x']\n  z = [i for i in (1, 2)]\n  é = u'\\ud83d\\ude00' r'\\' \n",
    "\u{feff}/é\n  x = {\n    # inside\n    'a': 1,\n  }\n\n\n  y = \"\"\"\n\"\"\"\n",
];

const PIECES: [&str; 34] = [
    "'",
    "\"",
    "'''",
    "\"\"\"",
    "\\",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "#",
    "=",
    "->",
    "=>",
    ":",
    "/",
    "@",
    "\n",
    "\r",
    "\t",
    " ",
    "\0",
    "é",
    "😀",
    "\u{85}",
    "\u{feff}",
    "@data ",
    "0x",
    "\\u00",
    "\u{1b}",
    "\u{1b}[1m",
    "\r\n",
    "r'\\'",
];

fn damaged(choices: &mut Choices) -> String {
    let mut text: Vec<char> = choices.of(&SEEDS).chars().collect();
    for _ in 0..1 + choices.below(6) {
        let at = (choices.below(256) * 256 + choices.below(256)) % (text.len() + 1);
        let end = (at + choices.below(8)).min(text.len());
        let piece = match choices.below(3) {
            0 => String::new(),
            1 => choices.of(&PIECES).to_owned(),
            _ => choices.text(4),
        };
        text.splice(at..end, piece.chars());
    }
    text.into_iter().collect()
}

/// Parses a text; every place that comes of it must be inside the text, at whole characters.
fn try_text(text: &str) {
    let sources = Sources::default();
    let id = sources.add("x.zkt", text.to_owned()).expect("small");
    let (document, errors) = parser::parse(&sources, id);
    let kept = &sources.get(id).text;
    let inside = |range: Range<usize>| {
        assert!(
            kept.get(range.clone()).is_some(),
            "{range:?} is no place in {kept:?}"
        );
    };
    for error in &errors {
        inside(error.span().range());
        assert!(!error.to_string().is_empty());
        error.hint();
    }
    for line in &document.lines {
        inside(line.span.range());
        line.comment
            .into_iter()
            .for_each(|span| inside(span.range()));
    }
    if errors.is_empty() {
        let once = format(&document, &sources);
        let again = Sources::default();
        let id = again.add("x.zkt", once.clone()).expect("small");
        let (document, errors) = parser::parse(&again, id);
        assert_eq!(errors, [], "{text:?} is formatted to\n{once}");
        assert_eq!(format(&document, &again), once, "{text:?}");
        let tree = |text: &str| {
            let declared = trees::declare_at(text.as_bytes(), "/");
            declared.map(|declared| trees::show(&declared.tree)).ok()
        };
        if let Some(before) = tree(text) {
            assert_eq!(
                tree(&once),
                Some(before),
                "{text:?} is formatted to\n{once}"
            );
        }
    }
    match trees::declare_at(text.as_bytes(), "/") {
        Ok(declared) => {
            let shown = trees::show(&declared.tree);
            trees::declare_at(shown.as_bytes(), "/")
                .unwrap_or_else(|errors| panic!("{errors:?}\n{shown}"));
        }
        Err(told) => assert!(!told.is_empty()),
    }
}

#[test]
fn no_damage_to_a_text_makes_the_parser_panic() {
    law(
        5000,
        |choices| try_text(&damaged(choices)),
        |choices| format!("{:?}", damaged(choices)),
    );
}

/// The files of `fixtures/valid` and `examples`, each with a few bytes changed.
fn mutated(choices: &mut Choices) -> Vec<u8> {
    static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = ["tests/it/fixtures/valid", "examples"].map(|folder| root.join(folder));
        let files = folders.map(|folder| {
            declare::tree_files(&folder, &Root::everything(), &Disk::default()).expect("readable")
        });
        let read = |file| std::fs::read(file).expect("readable");
        files.into_iter().flatten().map(read).collect()
    });
    let mut bytes = FILES[choices.below(256) % FILES.len()].clone();
    for _ in 0..1 + choices.below(3) {
        let at = (choices.below(256) * 256 + choices.below(256)) % (bytes.len() + 1);
        let end = (at + choices.below(3)).min(bytes.len());
        let byte = match choices.below(2) {
            0 => u8::try_from(choices.below(256)).unwrap_or(b' '),
            _ => choices.of(b"\x1b\x00\r\n\t\x0b\x7f '\"\\#=:/->@[](){},0rum"),
        };
        let replacement = vec![byte; choices.below(3)];
        bytes.splice(at..end, replacement);
    }
    bytes
}

#[test]
fn a_mutated_file_is_an_error_or_formatting_leaves_its_tree() {
    law(
        1500,
        |choices| {
            if let Ok(text) = String::from_utf8(mutated(choices)) {
                try_text(&text);
            }
        },
        |choices| format!("{:?}", String::from_utf8_lossy(&mutated(choices))),
    );
}

#[test]
fn no_text_makes_the_parser_panic() {
    law(
        2000,
        |choices| try_text(&choices.text(40)),
        |choices| format!("{:?}", choices.text(40)),
    );
}

#[test]
fn no_bytes_make_the_loader_panic() {
    law(
        1000,
        |choices| {
            let bytes = choices.rest();
            if let (Err(errors), Err(_)) =
                (trees::declare_at(bytes, "/"), std::str::from_utf8(bytes))
            {
                assert!(errors[0].contains("expected UTF-8 text"), "{errors:?}");
            }
        },
        |choices| format!("{:?}", choices.rest()),
    );
}

//! Ten thousand levels of whatever has levels: nothing may overflow the stack of a thread.

use zkt::export;
use zkt::model::node::{Live, LiveNode};
use zkt::model::record::Head;
use zkt::model::tree::Tree;
use zkt::model::value::{Data, Encoded, beyond_json, entries, equal, kind_of_text};
use zkt::plan::saved::SavedPlan;
use zkt::{Filter, Layers, Memory, Options, Problems, Trim, ZPath, load};

const LEVELS: usize = 10_000;

/// What opens a level and what closes it, around what is innermost.
fn nested(open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(LEVELS), close.repeat(LEVELS))
}

/// The first thing that is wrong with a text.
fn wrong(text: &str) -> String {
    let problems = zkt::declare(text).expect_err("it is too deep");
    let first = problems.iter().next().unwrap();
    first.to_string()
}

#[test]
fn brackets_in_values() {
    let pairs = [
        ("[", "]"),
        ("(", ",)"),
        ("(", ")"),
        ("{'a':", "}"),
        ("[(", ",)]"),
        ("[{'a':", "}]"),
        ("[\n", "\n]"),
    ];
    for (open, close) in pairs {
        let unclosed = open.repeat(LEVELS);
        let closed = ["", "1", "'a'"].map(|inner| nested(open, inner, close));
        for value in closed.iter().chain([&unclosed]) {
            let problems = zkt::declare(&format!("/a\n  x = {value}\n")).unwrap_err();
            let mut told = problems.iter().map(ToString::to_string);
            assert!(
                told.any(|told| told == "brackets are nested deeper than 100"),
                "{open}"
            );
        }
        // Nobody has opened these.
        _ = wrong(&format!("/a\n  x = {}\n", close.repeat(LEVELS)));
    }
}

#[test]
fn what_repeats_in_values() {
    for sign in [
        "-", "+", "~", "not ", "1 + ", "1 ** ", "a.", "a[", "f(", "lambda: ", "1 if ", "u", "rb",
    ] {
        _ = zkt::declare(&format!("/a\n  x = {}1\n", sign.repeat(LEVELS)));
    }
    _ = zkt::declare(&format!("/a\n  x = {}1\n", "1 ** ".repeat(5 * LEVELS)));
    for piece in ["'a' ", "'''a''' ", "\"\" "] {
        let source = zkt::declare(&format!("/a\n  x = {}\n", piece.repeat(LEVELS))).unwrap();
        assert_eq!(source.tree().len(), 1);
    }
}

#[test]
fn names_of_a_path() {
    let told = "the path is deeper than 4096 nodes";
    let path = "/a".repeat(LEVELS);
    assert_eq!(wrong(&path), told);
    assert_eq!(wrong(&format!("/x\n  {path}\n")), told);
    _ = wrong(&format!("/a\n  @moved from '{path}'\n"));
    let links = format!("/a\n  x -> {path}\n  y => {path} z\n");
    zkt::declare(&links).unwrap();
    let path = ZPath::parse(&path).unwrap();
    assert_eq!((path.depth(), path.prefixes().count()), (LEVELS, LEVELS));
}

#[test]
fn nodes_below_each_other() {
    let text: String = (0..LEVELS)
        .map(|level| format!("{}/a\n", " ".repeat(level)))
        .collect();
    assert_eq!(wrong(&text), "the path is deeper than 4096 nodes");
}

#[test]
fn globs() {
    let directives = ["@ignore", "@secret", "@files 'd'"];
    let directives =
        directives.map(|directive| [LEVELS, 300, 100].map(|levels| (directive, levels)));
    let directives = directives.concat();
    for (open, close) in [
        ("{", "}"),
        ("{a,", "}"),
        ("[", "]"),
        ("[!", "]"),
        ("*", ""),
        ("**/", ""),
        ("\\", ""),
        ("?", ""),
    ] {
        for &(directive, levels) in &directives {
            let glob = format!("{}x{}", open.repeat(levels), close.repeat(levels));
            let text = format!("/a\n  {directive} \"{}\"\n", glob.replace('\\', "\\\\"));
            let files = Memory::from([("a", text.as_str()), ("d/x", "")]);
            let loaded = load(Layers::new(["a"]).files(&files));
            if levels > 100 && open.starts_with('{') {
                let told = loaded.expect_err("it is too deep").to_string();
                assert!(
                    told.ends_with("the braces of the glob are nested deeper than 100"),
                    "{told}"
                );
            }
            _ = Filter::new(std::slice::from_ref(&glob), &[]);
        }
    }
}

/// One that is too large for its regular expression, which globset's matchers take for a bug.
#[test]
fn long_globs() {
    let text = format!("/a\n  @files 'd' \"{}\"\n", "[!a]".repeat(20 * LEVELS));
    let files = Memory::from([("a", text.as_str()), ("d/x", "")]);
    assert!(load(Layers::new(["a"]).files(&files)).is_err());
}

#[test]
fn files_that_include_each_other() {
    let chain = |last: &str| -> Memory {
        let file = |at: usize| {
            let text = match at + 1 {
                LEVELS => last.to_owned(),
                next => format!("@include '{next}'\n"),
            };
            (at.to_string(), text)
        };
        (0..LEVELS).map(file).collect()
    };
    let loaded = |memory: &Memory| load(Layers::new(["0"]).files(memory));
    let told = |problems: Problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    match loaded(&chain("/a\n")) {
        Ok(source) => assert_eq!(source.tree().len(), 1),
        Err(problems) => assert_eq!(told(problems).len(), 1),
    }
    let problems = loaded(&chain("@include '0'\n")).unwrap_err();
    assert_eq!(told(problems).len(), 1);
}

#[test]
fn json_of_values() {
    for (open, inner, close) in [
        ("[", "", "]"),
        ("{\"a\":", "1", "}"),
        ("[{\"a\":", "NaN", "}]"),
        ("[", "", ""),
        ("{\"a\":", "", ""),
        ("{\"zkt\":", "1", "}"),
        ("{\"children\":{\"a\":", "{}", "}}"),
    ] {
        let json = nested(open, inner, close);
        for text in [
            json.clone(),
            format!("{{\"x\":{json}}}"),
            format!("{{\"x\":{json},\"y\":NaN}}"),
        ] {
            let data = Data::decode(text.as_bytes());
            let encoded = Encoded::from(data.clone());
            assert_eq!(encoded.decode(), data);
            _ = (
                beyond_json(text.as_bytes()),
                entries(text.as_bytes()).count(),
            );
            _ = data.encode_over(text.as_bytes(), |_| true);
            _ = kind_of_text(&text);
            for (_, value) in encoded.select(|_| true) {
                assert!(equal(&value, &value));
            }
            assert!(Head::from_json(text.as_bytes()).is_err());
            _ = export::parse_json(text.as_bytes(), &ZPath::root());
        }
    }
}

#[test]
fn saved_plans() {
    let value = nested("[", "", "]");
    let object = nested("{\"a\":", "1", "}");
    for text in [
        value.clone(),
        object.clone(),
        format!("{{\"zkt_plan\":{value}}}"),
        format!("{{\"zkt_plan\":5,\"origin\":{object}}}"),
        format!("{{\"zkt_plan\":5,\"x\":{value}}}"),
        "{\"zkt_plan\":5,\"plan\":{\"actions\":[{\"act\":{".to_owned() + &object,
    ] {
        let error = SavedPlan::from_json(text.as_bytes()).unwrap_err();
        assert!(!error.to_string().is_empty());
    }
}

/// A server holds trees that are deeper than any that zkt declares.
#[test]
fn live_trees() {
    let deepest = ZPath::parse(&"/a".repeat(LEVELS)).unwrap();
    let node = |path: ZPath| (path, Live::Read(LiveNode::with_data(b"{\"x\":1}".to_vec())));
    let live: Tree<Live> = deepest.prefixes().map(node).collect();
    assert_eq!(live.len(), LEVELS);
    let exported = export::declare(&live, &ZPath::root(), &export::Options::default());
    let mut written = Vec::new();
    export::write_text(&exported, &mut written).unwrap();
    export::write_json(&exported, &mut written).unwrap();
    assert!(written.len() > LEVELS);
    // What is declared is removed, as far as it may be.
    let source = zkt::declare("/b\n").unwrap();
    let options = Options {
        trim: Trim::All,
        ..Options::default()
    };
    let plan = zkt::compare(&source, &source, &options);
    assert_eq!(plan.actions, []);
}

//! Four times as much of something takes about four times as much, in memory asked for; where `ZKT_FUZZ_SECONDS`
//! gives time, in time of the processor, too, and of what is put together at random.

use std::time::Instant;

use zkt::model::value::Data;
use zkt::plan::saved::SavedPlan;
use zkt::{Layers, Memory, Options, Trim, load};

use crate::engine::{Work, processor};
use crate::{measured, texts};

/// What is repeated, in a text that says how often.
type Shape = (&'static str, fn(usize) -> String);

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

const TEXTS: &[Shape] = &[
    ("nodes", |n| lines(n, |i| format!("/n{i}\n"))),
    ("nodes of one name", |n| "/n\n".repeat(n)),
    ("children", |n| {
        format!("/a\n{}", lines(n, |i| format!("  /n{i}\n    x = 1\n")))
    }),
    ("properties", |n| {
        format!("/a\n{}", lines(n, |i| format!("  p{i} = {i}\n")))
    }),
    ("properties of one name", |n| {
        format!("/a\n{}", "  p = 1\n".repeat(n))
    }),
    ("links to one node", |n| {
        format!(
            "/b\n{}/a\n{}",
            lines(n, |i| format!("  p{i} = 1\n")),
            lines(n, |i| format!("  l{i} => /b p{i}\n"))
        )
    }),
    ("links", |n| {
        format!("/a\n{}", lines(n, |i| format!("  l{i} -> /n{i}\n")))
    }),
    ("items", |n| format!("/a\n  x = [{}]\n", "1, ".repeat(n))),
    ("lines of items", |n| {
        format!("/a\n  x = [\n{}  ]\n", "    'a',  # why\n".repeat(n))
    }),
    ("pairs", |n| {
        format!("/a\n  x = {{{}}}\n", lines(n, |i| format!("'k{i}': {i}, ")))
    }),
    ("pairs of one key", |n| {
        format!("/a\n  x = {{{}}}\n", "'k': 1, ".repeat(n))
    }),
    ("strings side by side", |n| {
        format!("/a\n  x = {}\n", "'a' \"b\" ".repeat(n))
    }),
    ("escapes", |n| {
        format!("/a\n  x = '{}'\n", "\\u00e9\\n\\'".repeat(n))
    }),
    ("names of characters", |n| {
        format!("/a\n  x = u'{}'\n", "\\N{BULLET}".repeat(n))
    }),
    ("a long string", |n| {
        format!("/a\n  x = '''{}'''\n", "line\n".repeat(n))
    }),
    ("an unclosed string", |n| {
        format!("/a\n  x = '''{}\n", "line ' \"\n".repeat(n))
    }),
    ("unclosed strings", |n| {
        "/a\n  x = '''\n\"\"\" [\n".repeat(n)
    }),
    ("unclosed brackets", |n| "/a\n  x = [\n".repeat(n)),
    ("quotes", |n| format!("/a\n  x = {}\n", "'\"".repeat(n))),
    ("signs", |n| format!("/a\n  x = {}1\n", "- ".repeat(n))),
    ("digits", |n| {
        format!("/a\n  x = {}\n", "7".repeat(n.min(9000)))
    }),
    ("hexadecimal digits", |n| {
        format!("/a\n  x = 0x{}\n", "f".repeat(n.min(9000)))
    }),
    ("comments", |n| "# why\n".repeat(n) + "/a\n"),
    ("remarks", |n| "# zkt: allow none\n".repeat(n) + "/a\n"),
    ("blank lines", |n| "\n".repeat(n) + "/a\n"),
    ("carriage returns", |n| "\r".repeat(n) + "/a\n"),
    ("blanks", |n| format!("/a{}\n", " ".repeat(n))),
    ("a wrong line", |n| format!("/a\n  {}\n", "x ".repeat(n))),
    ("wrong lines", |n| "what is this\n".repeat(n)),
    ("globs", |n| {
        format!("/a\n  @ignore {}\n", lines(n, |i| format!("a{i}* ")))
    }),
    ("secrets", |n| {
        format!("/a\n  @secret {}\n", lines(n, |i| format!("s{i} ")))
    }),
    ("secret lines", |n| {
        lines(n, |i| {
            format!("/n{i}\n  password = 'x{i}'\n  @secret p{i}\n")
        })
    }),
    ("entries", |n| {
        format!(
            "/a\n  @acl {}\n",
            lines(n, |i| format!("ip:10.{}.{}.1:r ", i >> 8 & 255, i & 255))
        )
    }),
    ("lists of entries", |n| {
        lines(n, |i| {
            format!("/n{i}\n  @acl digest:u{i}:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:r\n")
        })
    }),
    ("data", |n| {
        format!("/a\n  @data base64 '{}'\n", "AAAA".repeat(n))
    }),
    ("moves", |n| {
        lines(n, |i| format!("/n{i}\n  @moved from '/o{i}'\n"))
    }),
    ("moves from one place", |n| {
        lines(n, |i| format!("/n{i}\n  @moved from '/o'\n"))
    }),
    ("includes", |n| {
        format!("/a\n{}", "  @include 'b'\n".repeat(n))
    }),
    ("includes of what is not there", |n| {
        format!("/a\n{}", lines(n, |i| format!("  @include 'c{i}'\n")))
    }),
    ("directories", |n| {
        lines(n, |i| format!("/n{i}\n  @files 'd'\n"))
    }),
    ("names that look alike", |n| {
        lines(n, |i| format!("/a{}\n", "\u{301}".repeat(i % 7)))
    }),
    ("marks of one letter", |n| {
        format!("/a{}\n", "\u{301}".repeat(n))
    }),
    ("invisible characters", |n| {
        format!("/a\n  x = '{}'\n", "\u{200d}\u{202e}".repeat(n))
    }),
];

/// All that becomes of a text: parsed, formatted, declared, compared with another.
fn declare(text: &str) {
    texts::one(text.as_bytes());
    let files = Memory::from([
        ("a", text),
        ("b", "z = 1\n"),
        ("d/x", ""),
        ("d/y/z", "text"),
    ]);
    match load(Layers::new(["a"]).files(&files)) {
        Ok(source) => {
            let other = zkt::declare("/other\n").unwrap();
            let options = Options {
                trim: Trim::All,
                ..Options::default()
            };
            _ = (
                zkt::compare(&source, &other, &options),
                zkt::compare(&other, &source, &options),
            );
            let mut written = Vec::new();
            zkt::export::write_text(source.tree(), &mut written).unwrap();
        }
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}

const JSON: &[Shape] = &[
    ("items", |n| format!("{{\"x\":[{}1]}}", "1,".repeat(n))),
    ("names", |n| {
        format!("{{{}\"x\":1}}", lines(n, |i| format!("\"k{i}\":{i},")))
    }),
    ("one name", |n| {
        format!("{{{}\"x\":NaN}}", "\"k\":1,".repeat(n))
    }),
    ("links to one node", |n| {
        format!(
            "/b\n{}/a\n{}",
            lines(n, |i| format!("  p{i} = 1\n")),
            lines(n, |i| format!("  l{i} => /b p{i}\n"))
        )
    }),
    ("links", |n| {
        format!(
            "{{{}\"x\":1}}",
            lines(n, |i| format!("\"k{i} ->\":\"/a\","))
        )
    }),
    ("no numbers", |n| {
        format!("{{\"x\":[{}1]}}", "NaN,".repeat(n))
    }),
    ("halves of pairs", |n| {
        format!("{{\"x\":\"{}\"}}", "\\ud800".repeat(n))
    }),
    ("digits", |n| format!("{{\"x\":{}}}", "7".repeat(n))),
    ("digits of a fraction", |n| {
        format!("{{\"x\":0.{}1}}", "0".repeat(n))
    }),
    ("brackets", |n| format!("{{\"x\":{}", "[".repeat(n))),
    ("braces", |n| "{".repeat(n) + &"}".repeat(n)),
    ("byte-order marks", |n| "\u{feff}".repeat(n) + "{\"x\":1}"),
    ("blanks", |n| "{\"x\":1".to_owned() + &" \n".repeat(n) + "}"),
    ("text", |n| "line\r\n".repeat(n)),
];

fn decode(json: &str) {
    crate::values::one(json.as_bytes());
    let (a, b) = (Data::decode(json.as_bytes()), Data::decode(json.as_bytes()));
    assert_eq!(a, b);
    assert!(SavedPlan::from_json(json.as_bytes()).is_err());
}

struct Cost {
    work: Work,
    nanoseconds: u64,
}

fn cost(text: &str, run: fn(&str)) -> Cost {
    let before = processor();
    let work = measured(&mut || run(text));
    let spent = processor()
        .zip(before)
        .map(|(after, before)| after - before);
    Cost {
        work,
        nanoseconds: spent.unwrap_or(0),
    }
}

/// What grows faster than it should, in words.
fn grows(what: &str, text: &dyn Fn(usize) -> String, run: fn(&str), timed: bool) -> Option<String> {
    const SMALL: usize = 150;
    let [small, large] = [SMALL, 4 * SMALL].map(|n| cost(&text(n), run));
    for (unit, small, large, least) in [
        ("bytes", small.work.in_all, large.work.in_all, 1 << 20),
        ("allocations", small.work.count, large.work.count, 2000),
    ] {
        if large > small * 6 + least {
            return Some(format!(
                "{what}: {small} {unit}, and {large} for four times as many"
            ));
        }
    }
    if !timed {
        return None;
    }
    // Whatever is quadratic is seen where there are many, and a machine's hiccups are not.
    let times = || [2000, 8000].map(|n| cost(&text(n), run).nanoseconds);
    let is_quadratic = |[small, large]: [u64; 2]| large > small * 9 + 50_000_000;
    let first = times();
    if !what.contains("many times") {
        println!(
            "growth: {what}: {} ms, {} ms",
            first[0] / 1_000_000,
            first[1] / 1_000_000
        );
    }
    if !is_quadratic(first) || !is_quadratic(times()) || !is_quadratic(times()) {
        return None;
    }
    Some(format!(
        "{what}: {} ms, and {} for four times as many",
        first[0] / 1_000_000,
        first[1] / 1_000_000
    ))
}

#[test]
fn fuzzed() {
    let seconds = std::env::var("ZKT_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let begun = Instant::now();
    let mut found = Vec::new();
    for (shapes, run) in [(TEXTS, declare as fn(&str)), (JSON, decode)] {
        for (what, text) in shapes {
            found.extend(grows(what, text, run, seconds.is_some()));
        }
    }
    assert_eq!(found, [""; 0]);
    // Something before, something many times, and something behind.
    let frames = [
        "",
        "/a\n  x = ",
        "/a\n  x = '''",
        "/a\n  ",
        "/a\n  x = [",
        "/",
        "/a\n  @ignore ",
        "# ",
    ];
    let mut random = fastrand::Rng::new();
    let mut tried = 0;
    while seconds.is_some_and(|seconds| begun.elapsed().as_secs() < seconds) {
        let mut word = || random.choice(texts::WORDS).copied().unwrap_or_default();
        let piece = [word(), word()].concat();
        let end = word();
        let before = random.choice(frames).unwrap_or_default();
        let text = |n: usize| format!("{before}{}{end}\n", piece.repeat(n));
        let what = format!("{before:?}, {piece:?} many times, {end:?}");
        assert_eq!(grows(&what, &text, declare, true), None);
        tried += 1;
    }
    if seconds.is_some() {
        println!("growth: {tried} texts put together at random");
    }
}

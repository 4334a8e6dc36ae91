//! Inputs that nobody meant well, to what only the command line has; see `tests/fuzz`.

#[path = "../../../tests/fuzz/engine.rs"]
#[allow(dead_code, reason = "some is for the other targets")]
pub(crate) mod engine;

use std::io::Write as _;

use zkt::syntax::place::Located;
use zkt::{Layers, Memory, Options, Plan, Source};
use zkt::{export, graph};

use crate::render::{
    Bounds, Mode, Remark, Subject, TextOptions, json_line, plan_json, plan_markdown, plan_text,
};
use crate::{declare, diagnostics, render};
use engine::{Bounds as Limits, Line, Target, Traits, Work, fuzz, steering};

/// The allocator of the command line does not count; the same texts are measured in `tests/fuzz`.
pub(crate) fn unmeasured(work: &mut dyn FnMut()) -> Work {
    work();
    Work::default()
}

pub(crate) const UNBOUND: Limits = Limits {
    at_once: Line(0, 0),
    in_all: Line(0, 0),
};

const TARGET: Target = Target {
    name: "terminal",
    words: &[
        BRIGHT,
        "\u{1b}]0;title\u{7}",
        "\u{9b}95m",
        "\u{9b}2J",
        "\u{1b}c",
        "\u{7f}",
        "\u{8}",
        "\r",
        "\u{85}",
        "\u{202e}",
        "\u{2066}",
        "\u{2028}",
        "\u{feff}",
        "\u{e0001}",
        "\\x1b[95m",
        "\\u009b",
        "\\r",
        "\\x7f",
        "'",
        "\"",
        "\n",
        "  x = 1\n",
        "/a\n",
        "/b : t\n",
        "  @secret x\n",
        "  @acl world:anyone:r\n",
        "  @data '",
        "  @data base64 '/w=='\n",
        "  l -> /",
        "  @ignore ",
        "  @include '",
        "  @moved from '",
        "  @protect\n",
        "password = '",
        "'''a\n",
        "b'''\n",
        " = ",
        ": ",
        "[",
        "{",
        "}",
        "]",
        ",",
        "\n--- \n",
        "é",
        "😀",
        "中",
    ],
    longest: 4 << 10,
    cases: 400,
    bounds: UNBOUND,
};

/// zkt never writes this colour: where it is found, it came from the input.
const BRIGHT: &str = "\u{1b}[95m";

/// Fails where a text for a terminal holds what steers it, other than colours.
fn check(what: &str, text: &str) {
    assert!(
        !text.contains(BRIGHT),
        "{what} holds a sequence of the input:\n{text:?}"
    );
    let plain = anstream::adapter::strip_str(text).to_string();
    // Stripping may take more than colours away.
    let mut without = String::new();
    let mut pieces = text.split("\u{1b}[");
    without.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_digit() && c != ';');
        let after = end.filter(|end| piece[*end..].starts_with('m'));
        without.push_str(after.map_or("\u{1b}", |end| &piece[end + 1..]));
    }
    if let Some(steering) = steering(&without) {
        panic!("{what} holds {steering}:\n{text:?}");
    }
    assert_eq!(plain, without, "{what}");
}

fn load(text: &str, traits: &mut Traits) -> Option<Source> {
    let name = "\u{1b}[95mname\u{9b}95m";
    let files = Memory::from([(name, text), ("b", "/x\n\u{1b}[95m\n")]);
    let problems = match zkt::load(Layers::new([name]).files(&files)) {
        Ok(source) => return Some(source),
        Err(problems) => problems,
    };
    let worded: Vec<_> = problems.iter().map(declare::Worded).collect();
    let mut out = Vec::new();
    let mut located: Vec<&dyn Located> = Vec::new();
    for problem in &worded {
        match problem.0.located() {
            Some(_) => located.push(problem),
            None => writeln!(out, "{}", diagnostics::safe_lines(&problem.to_string())).unwrap(),
        }
        traits.note_message(&problem.to_string());
    }
    if !located.is_empty() {
        diagnostics::write_errors(&located, problems.texts(), 80, &mut out).unwrap();
        check("a log", &diagnostics::drawn(located[0], problems.texts()));
    }
    check("an error", &String::from_utf8(out).unwrap());
    let remarks = declare::remarks(&problems);
    annotations(&remarks);
    let comment = render::failure_markdown(&remarks, &subject(&Bounds::default()));
    check("a comment", &comment);
    for problem in declare::json(&problems) {
        check("JSON", &json_line(&problem));
    }
    None
}

fn subject(bounds: &Bounds) -> Subject<'_> {
    Subject {
        title: "zkt plan",
        old: ("on", &[]),
        new: ("from", &[]),
        bounds,
        stays: &[],
    }
}

fn annotations(remarks: &[Remark]) {
    let mut out = Vec::new();
    render::write_annotations(
        "zkt plan",
        remarks,
        &render::Root::of_environment(),
        &mut out,
    )
    .unwrap();
    check("an annotation", &String::from_utf8(out).unwrap());
}

fn plan(plan: &Plan, traits: &mut Traits) {
    let bounds = Bounds::default();
    for (width, colors) in [(80, true), (30, true), (80, false)] {
        let options = TextOptions {
            title: "zkt plan",
            server: "zk1:2181/\u{1b}[95m",
            sources: &["\u{1b}[95m".to_owned()],
            bounds: &bounds,
            mode: Mode::Plan,
            width,
            extras: true,
            brief: false,
            colors,
        };
        let mut out = Vec::new();
        plan_text(plan, &options, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        check("a plan", &text);
        traits.note_size("plan", text.lines().count());
    }
    let comment = plan_markdown(plan, &subject(&bounds), None);
    check("the comment of a plan", &comment);
    check("the JSON of a plan", &json_line(&plan_json(plan)));
    annotations(&Remark::of_plan(plan));
    for action in &plan.actions {
        traits.note(action.name());
    }
    for warning in &plan.warnings {
        traits.note_message(&warning.message);
    }
}

/// The old tree, and behind a mark the new one.
fn one(input: &[u8]) -> Traits {
    let mut traits = Traits::default();
    let text = String::from_utf8_lossy(input);
    let (old, new) = text.split_once("\n--- \n").unwrap_or(("/a\n", &text));
    let (old, new) = (load(old, &mut traits), load(new, &mut traits));
    for source in [&old, &new].into_iter().flatten() {
        let graph = graph::graph(source.tree());
        let drawn = [
            graph::dot(&graph),
            graph::mermaid(&graph),
            graph::svg(&graph),
        ];
        drawn.iter().for_each(|drawn| check("a graph", drawn));
        let mut written = Vec::new();
        export::write_json(source.tree(), &mut written).unwrap();
        export::write_text(source.tree(), &mut written).unwrap();
        check("a tree", &String::from_utf8(written).unwrap());
    }
    if let (Some(old), Some(new)) = (old, new) {
        let options = Options {
            trim: zkt::Trim::All,
            ..Options::default()
        };
        for (old, new) in [(&old, &new), (&new, &old)] {
            plan(&zkt::compare(old, new, &options), &mut traits);
        }
    }
    traits
}

#[test]
fn terminal() {
    let seeds = [
        "/a\n  x = 'a\\x1b[95m'\n  y = '''a\nb\u{1b}[95m'''\n/b : t\n  @data 'raw\\x9b'\n\n--- \n/a\n  x = 'b\\r'\n  @acl ip:10.0.0.1:r\n/c\n  @data base64 '/w=='\n  @moved from '/b'\n",
        "/a\n  \"n\u{1b}[95m\" = [1, {'k': 'v'}]\n  l -> /nowhere\n  p => /b x\n\n--- \n/a\n  @keep\n  x = 1\n",
    ];
    let seeds = seeds.map(|seed| seed.as_bytes().to_vec());
    fuzz(&TARGET, seeds.to_vec(), unmeasured, one);
}

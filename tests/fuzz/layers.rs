//! Layers of several files: includes, data files, and what they declare together.

use zkt::export::write_text;
use zkt::{Layers, Memory, Options, Problems, Source, Trim, ZPath, load};

use crate::engine::{Bounds, Line, Target, Traits, fuzz};
use crate::texts::WORDS;

pub(crate) const TARGET: Target = Target {
    name: "layers",
    words: WORDS,
    longest: 8 << 10,
    cases: 2000,
    bounds: Bounds {
        at_once: Line(4 << 20, 20_000),
        in_all: Line(16 << 20, 100_000),
    },
};

/// What stands before each file but the first.
const MARK: &str = "\n--- ";

/// The files of an input: the first is `a`, and each other one is named behind its mark. The last file
/// that is named `z` is a second layer.
fn files(text: &str) -> Memory {
    let mut pieces = text.split(MARK);
    let first = ("a", pieces.next().unwrap_or_default());
    let others = pieces.map(|piece| piece.split_once('\n').unwrap_or((piece, "")));
    let files = std::iter::once(first).chain(others);
    let named = files.filter(|(name, _)| !name.is_empty());
    named.collect()
}

fn show(source: &Source) -> String {
    let mut text = Vec::new();
    write_text(source.tree(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn problems(problems: &Problems, traits: &mut Traits) {
    let mut count = 0;
    for problem in problems {
        count += 1;
        let message = problem.to_string();
        assert!(!message.is_empty());
        traits.note_message(&message);
        if let Some(located) = problem.located() {
            let texts = problems.texts();
            let spans = located.related().into_iter().map(|(span, _)| span);
            for span in spans.chain([located.span()]) {
                let range = span.range();
                assert!(texts.get(span.source).text.get(range).is_some());
                assert!(texts.locate(span).line > 0);
            }
            traits.note(located.hint().is_some());
        }
    }
    assert!(count > 0, "there is nothing wrong, and no source either");
}

pub(crate) fn one(bytes: &[u8]) -> Traits {
    let mut traits = Traits::default();
    let text = String::from_utf8_lossy(bytes);
    let memory = files(&text);
    let has_second = text.contains("\n--- z\n");
    let mut names = vec![vec!["a"]];
    if has_second {
        names.extend([vec!["z"], vec!["a", "z"]]);
    }
    let mut sources = Vec::new();
    for layers in names {
        match load(Layers::new(layers).files(&memory)) {
            Err(wrong) => problems(&wrong, &mut traits),
            Ok(source) => {
                let shown = show(&source);
                let again = zkt::declare(&shown).unwrap_or_else(|wrong| panic!("{wrong}\n{shown}"));
                assert_eq!(show(&again), shown);
                let paths = |source: &Source| -> Vec<ZPath> {
                    source.tree().iter().map(|(path, _)| path.clone()).collect()
                };
                assert_eq!(paths(&again), paths(&source), "{shown}");
                for ((path, a), (_, b)) in source.tree().iter().zip(again.tree()) {
                    assert_eq!(a.bytes(), b.bytes(), "{path}");
                    traits.note((
                        format!("{:?}", std::mem::discriminant(&a.standing)),
                        a.keep_children,
                        a.protect,
                        a.acl.is_some(),
                    ));
                }
                traits.note_size("nodes", source.tree().len());
                sources.push(source);
            }
        }
    }
    for old in &sources {
        for new in &sources {
            let options = Options {
                trim: Trim::All,
                ..Options::default()
            };
            let plan = zkt::compare(old, new, &options);
            if std::ptr::eq(old, new) {
                assert_eq!(plan.actions, []);
            }
            for action in &plan.actions {
                traits.note(action.name());
            }
            for warning in &plan.warnings {
                traits.note_message(&warning.message);
            }
            for refusal in &plan.refusals {
                traits.note_message(&refusal.to_string());
            }
        }
    }
    traits
}

#[test]
fn fuzzed() {
    fuzz(&TARGET, crate::trees(), crate::measured, one);
}

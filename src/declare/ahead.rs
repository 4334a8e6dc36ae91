//! Parsing on one thread what another one lowers. Both take about as long, so that a large file is
//! read in little more than half the time.

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;

use crate::syntax::ast::Line;
use crate::syntax::parser::Statements;

/// How many lines are handed over at a time.
const RUN: usize = 256;

/// How many of these runs may wait to be lowered.
const RUNS_AHEAD: usize = 16;

/// The number of nodes from which on a second thread pays.
const WORTH_A_THREAD: usize = 2048;

/// Calls `lower` with the lines of a text, in order, some at a time. `nodes` is an estimate of the
/// nodes in the text.
pub(super) fn runs(statements: &mut Statements<'_>, nodes: usize, lower: impl FnMut(&[Line<'_>])) {
    if nodes < WORTH_A_THREAD {
        in_turn(statements, lower);
    } else {
        at_once(statements, lower);
    }
}

/// Parses a run, lowers it, parses the next.
fn in_turn(statements: &mut Statements<'_>, mut lower: impl FnMut(&[Line<'_>])) {
    let mut lines = Vec::new();
    loop {
        statements.next_run(&mut lines, RUN);
        if lines.is_empty() {
            return;
        }
        lower(&lines);
    }
}

/// Parses on a thread of its own. A panic on either thread reaches the caller.
fn at_once<'s>(statements: &mut Statements<'s>, mut lower: impl FnMut(&[Line<'_>])) {
    let (sender, runs) = mpsc::sync_channel::<Vec<Line<'s>>>(RUNS_AHEAD);
    // The parser gets its buffers back: the allocator is slow to reuse what another thread frees.
    let (give_back, used) = mpsc::channel();
    thread::scope(|scope| {
        let parse = scope.spawn(move || {
            loop {
                let mut lines = used.try_recv().unwrap_or_default();
                statements.next_run(&mut lines, RUN);
                if lines.is_empty() || sender.send(lines).is_err() {
                    return;
                }
            }
        });
        for lines in runs {
            lower(&lines);
            _ = give_back.send(lines);
        }
        if let Err(panic) = parse.join() {
            resume_unwind(panic);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parser;
    use crate::syntax::source::Sources;

    /// All that a way to parse says of a text.
    fn said(text: &str, runs: fn(&mut Statements<'_>, &mut Vec<String>)) -> Vec<String> {
        let sources = Sources::default();
        let source = sources.add("x.zkt", text.to_owned()).unwrap();
        let mut statements = Statements::new(&sources, source);
        let mut said = Vec::new();
        runs(&mut statements, &mut said);
        let doubts = statements.take_doubts();
        said.extend(doubts.iter().map(|doubt| format!("{doubt:?}")));
        let errors: Vec<parser::Error> = statements.into_errors();
        said.extend(errors.iter().map(|error| format!("{error:?}")));
        said
    }

    fn note(said: &mut Vec<String>, lines: &[Line<'_>]) {
        said.extend(lines.iter().map(|line| format!("{line:?}")));
    }

    #[test]
    fn both_ways_hand_on_the_same_lines() {
        let mut random = fastrand::Rng::with_seed(7);
        let lines = [
            "/a\n",
            "  x = 1\n",
            "  /b\n",
            "    y = [1,\n      2]\n",
            "# c\n",
            "what\n",
        ];
        for count in [0, 1, RUN - 1, RUN, RUN + 1, RUN * (RUNS_AHEAD + 3)] {
            let text: String = (0..count)
                .map(|_| lines[random.usize(0..lines.len())])
                .collect();
            let in_turn = said(&text, |statements, said| {
                in_turn(statements, |lines| note(said, lines));
            });
            let at_once = said(&text, |statements, said| {
                at_once(statements, |lines| note(said, lines));
            });
            assert_eq!(in_turn, at_once, "{count} lines");
        }
    }

    #[test]
    #[should_panic(expected = "while lowering")]
    fn a_panic_goes_on_and_ends_the_other_thread() {
        let text = "/a\n".repeat(RUN * RUNS_AHEAD * 2);
        said(&text, |statements, _| {
            at_once(statements, |_| panic!("while lowering"));
        });
    }
}

//! Old and new values as lines of a diff: nested values by key, text by line, binary data by its
//! hash.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use similar::{DiffOp, DiffTag, TextDiff};
use zkt::model::plan::ChangeValue;
use zkt::syntax::spelling::hexadecimal;

use super::block::{Block, Mark};
use crate::render::change::{length, text as text_of, whole};
use crate::render::difference::{LONGEST_DIFF, Side, pair, shares};
use crate::render::list::count;
use crate::render::nested::{Difference, differences};
use crate::render::value::{escaped_line, printable, shortened};

/// How many lines around a change are shown.
const CONTEXT: usize = 3;
/// How long two texts are compared; after that, more of them counts as changed.
const LIMIT: Duration = Duration::from_millis(500);

/// A value that changes, under what stands in front of it: `x =`.
pub(super) fn push_changed(block: &mut Block, left: &str, old: &ChangeValue, new: &ChangeValue) {
    if let (Some(old), Some(new)) = (text_of(old), text_of(new))
        && (old.contains('\n') || new.contains('\n'))
    {
        return push_text(block, left, old, new);
    }
    if let (ChangeValue::Json(old), ChangeValue::Json(new)) = (old, new)
        && let Some(found) = differences(old, new)
    {
        return push_nested(block, left.trim_end_matches(" ="), &found);
    }
    if is_binary(old) || is_binary(new) {
        push_value(block, Mark::Old, left, old);
        return push_value(block, Mark::New, left, new);
    }
    let pair = pair(&whole(old), &whole(new));
    for (mark, side, value) in [(Mark::Old, pair.old, old), (Mark::New, pair.new, new)] {
        block.line(mark, &format!("{left} {}", with_length(&side, value)));
    }
}

/// A value that comes or goes.
pub(super) fn push_value(block: &mut Block, mark: Mark, left: &str, value: &ChangeValue) {
    match (value, text_of(value)) {
        (_, Some(text)) if text.contains('\n') => {
            let lines: Vec<&str> = text.lines().collect();
            block.line(mark, &format!("{left} ({})", count(lines.len(), "line")));
            for line in lines.iter().take(LONGEST_DIFF) {
                push_line(block, mark, &plain(line));
            }
            push_more(block, lines.len().saturating_sub(LONGEST_DIFF));
        }
        (ChangeValue::Raw(bytes), None) => {
            let hash = hexadecimal(&Sha256::digest(bytes));
            let bytes = count(bytes.len(), "byte");
            block.line(mark, &format!("{left} (binary, {bytes}, sha256 {hash})"));
        }
        (value, _) => {
            let (length, unit) = length(value);
            let value = shortened(&whole(value), length, unit);
            block.line(mark, &format!("{left} {value}"));
        }
    }
}

fn is_binary(value: &ChangeValue) -> bool {
    matches!(value, ChangeValue::Raw(_)) && text_of(value).is_none()
}

/// A side with the length of the whole, if some of it is left out.
fn with_length(side: &Side, value: &ChangeValue) -> String {
    let text = uncoloured(side);
    let (length, unit) = length(value);
    match side.shortened {
        true => format!("{text} ({length} {unit})"),
        false => text,
    }
}

fn uncoloured(side: &Side) -> String {
    anstream::adapter::strip_str(&side.text).to_string()
}

/// The keys below which something changed.
fn push_nested(block: &mut Block, name: &str, found: &[Difference<'_>]) {
    for Difference { path, old, new } in found {
        let path = printable(path);
        let dot = if path.starts_with('[') { "" } else { "." };
        let left = format!("{name}{dot}{path} =");
        let json = |value: &Value| ChangeValue::Json(value.clone());
        match (old.map(json), new.map(json)) {
            (Some(old), Some(new)) => push_changed(block, &left, &old, &new),
            (None, Some(new)) => push_value(block, Mark::New, &left, &new),
            (Some(old), None) => push_value(block, Mark::Old, &left, &old),
            (None, None) => {}
        }
    }
}

/// The lines of a text that changed, with some around them.
fn push_text(block: &mut Block, left: &str, old: &str, new: &str) {
    let (from, to) = (old.lines().count(), new.lines().count());
    let lines = match from == to {
        true => count(to, "line"),
        false => format!("{} -> {}", count(from, "line"), count(to, "line")),
    };
    block.line(Mark::Changed, &format!("{left} ({lines})"));
    let mut config = TextDiff::configure();
    let diff = config.timeout(LIMIT).diff_lines(old, new);
    let mut shown = Shown {
        ends_alike: old.ends_with('\n') == new.ends_with('\n'),
        lines: 0,
        unshown: 0,
    };
    for group in diff.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let span = |start: usize, end: usize| format!("{},{}", start + 1, end - start);
        let from = span(first.old_range().start, last.old_range().end);
        let to = span(first.new_range().start, last.new_range().end);
        if shown.lines < LONGEST_DIFF {
            block.hunk(&format!("@@ -{from} +{to} @@"));
        }
        for op in &group {
            shown.push(block, &diff, op);
        }
    }
    push_more(
        block,
        shown.lines.saturating_sub(LONGEST_DIFF) + shown.unshown,
    );
}

/// How much of a diff has been shown.
struct Shown {
    /// Whether both texts or none end with a line end.
    ends_alike: bool,
    lines: usize,
    /// Lines that were left out to leave room for the other side.
    unshown: usize,
}

impl Shown {
    fn push(&mut self, block: &mut Block, diff: &TextDiff<'_, '_, str>, op: &DiffOp) {
        let old: Vec<&str> = op.old_range().filter_map(|i| diff.old_slice(i)).collect();
        let new: Vec<&str> = op.new_range().filter_map(|i| diff.new_slice(i)).collect();
        if op.tag() == DiffTag::Equal {
            old.iter()
                .for_each(|line| self.line(block, Mark::Same, &plain(line), line));
            return;
        }
        let room = LONGEST_DIFF.saturating_sub(self.lines);
        let (of_old, of_new) = shares(old.len(), new.len(), room);
        let is_paired = old.len() == new.len();
        self.unshown += old.len() - of_old + new.len() - of_new;
        let (old, new) = (&old[..of_old], &new[..of_new]);
        let (before, after): (Vec<String>, Vec<String>) = if is_paired && of_old == of_new {
            let pairs = old.iter().zip(new).map(|(old, new)| {
                let pair = pair(&escaped(old), &escaped(new));
                (uncoloured(&pair.old), uncoloured(&pair.new))
            });
            pairs.unzip()
        } else {
            let plain = |lines: &[&str]| lines.iter().map(|line| plain(line)).collect();
            (plain(old), plain(new))
        };
        for (text, line) in before.iter().zip(old) {
            self.line(block, Mark::Old, text, line);
        }
        for (text, line) in after.iter().zip(new) {
            self.line(block, Mark::New, text, line);
        }
    }

    fn line(&mut self, block: &mut Block, mark: Mark, text: &str, line: &str) {
        self.lines += 1;
        if self.lines > LONGEST_DIFF {
            return;
        }
        push_line(block, mark, text);
        if !self.ends_alike && !line.ends_with('\n') {
            block.line(Mark::Same, "\\ no newline at the end");
        }
    }
}

/// A bar stands before each line: none can look like a command to what reads a log.
fn push_line(block: &mut Block, mark: Mark, text: &str) {
    block.line(mark, &format!("| {text}"));
}

fn push_more(block: &mut Block, more: usize) {
    match more {
        0 => {}
        more => block.line(Mark::Same, &format!("({})", count(more, "more line"))),
    }
}

fn escaped(line: &str) -> String {
    escaped_line(line.strip_suffix('\n').unwrap_or(line))
}

fn plain(line: &str) -> String {
    let line = escaped(line);
    let length = line.chars().count();
    shortened(&line, length, "characters")
}

//! Where an old and a new value differ.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anstyle::Style;
use similar::{Algorithm, DiffOp, DiffTag, TextDiff, capture_diff_slices_deadline};

use super::style::{DIM, NEW, OLD, emphasis};
use super::value::{LONGEST, atoms, cut, escaped_line};

/// Of what both sides share, more characters than these are left out.
const LONGEST_SHARED: usize = 60;
/// How much is shown of what lies between the first difference and the last, in characters.
const LONGEST_COMPARED: usize = 400;
/// How long two literals are compared; after that, more of them counts as changed.
const LIMIT: Duration = Duration::from_millis(100);
/// Beyond so many lines a diff is broken off.
pub(super) const LONGEST_DIFF: usize = 40;
const CONTEXT_LINES: usize = 2;

/// The two sides of a change, coloured.
pub(super) struct Pair {
    pub(super) old: Side,
    pub(super) new: Side,
}

/// One side, and whether something of it is left out.
pub(super) struct Side {
    pub(super) text: String,
    pub(super) shortened: bool,
}

/// Compares two literals: what they share is shortened first, so that what differs stays in sight.
pub(super) fn pair(old: &str, new: &str) -> Pair {
    let (old, new): (Vec<&str>, Vec<&str>) = (atoms(old).collect(), atoms(new).collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - start;
    let backwards = old.iter().rev().zip(new.iter().rev());
    let end = backwards.take(most).take_while(|(a, b)| a == b).count();
    let (before, old_middle) = old[..old.len() - end].split_at(start);
    let (new_middle, after) = new[start..].split_at(new.len() - end - start);

    let longest = old_middle.len().max(new_middle.len());
    let Compared {
        parts: (old_parts, new_parts),
        unshown,
    } = parts(old_middle, new_middle, longest <= LONGEST_COMPARED);
    // Only the quotes are shared: then there is nothing to point out.
    let alike = start + end > 2
        || old_parts
            .iter()
            .chain(&new_parts)
            .any(|(differs, _)| !differs);
    let before = cut(before, LONGEST_SHARED, 20, 30);
    let after = cut(after, LONGEST_SHARED, 30, 20);
    let shortened = start > LONGEST_SHARED || end > LONGEST_SHARED;
    let draw = |parts: Parts, style: Style, middle: usize| {
        let emphasis = if alike { emphasis(style) } else { style };
        let around = |text: &str| vec![(false, text.to_owned())];
        let note = match unshown {
            0 => String::new(),
            1 => "…(1 more difference is not shown)…".to_owned(),
            more => format!("…({more} more differences are not shown)…"),
        };
        let text = [around(&before), parts, around(&note), around(&after)]
            .into_iter()
            .flatten()
            .filter(|(_, part)| !part.is_empty())
            .map(|(differs, part)| {
                let style = if differs { emphasis } else { style };
                format!("{style}{part}{style:#}")
            })
            .collect();
        let shortened = shortened || longest > LONGEST_COMPARED && middle > LONGEST;
        Side { text, shortened }
    };
    Pair {
        old: draw(old_parts, OLD, old_middle.len()),
        new: draw(new_parts, NEW, new_middle.len()),
    }
}

type Parts = Vec<(bool, String)>;

/// Both sides in parts, each with whether it differs.
struct Compared {
    parts: (Parts, Parts),
    /// How many differences are in neither.
    unshown: usize,
}

/// Compares word by word. Unless `whole`, what is equal is shortened, and so is a long difference; what comes
/// after the first few hundred characters is only counted.
fn parts(old: &[&str], new: &[&str], whole: bool) -> Compared {
    let (old, new) = (words(old), words(new));
    let deadline = Some(Instant::now() + LIMIT);
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &old, &new, deadline);
    let mut parts = (Parts::new(), Parts::new());
    let (mut room, mut unshown) = (LONGEST_COMPARED, 0);
    for op in ops {
        let differs = op.tag() != DiffTag::Equal;
        if room == 0 && !whole {
            unshown += usize::from(differs);
            continue;
        }
        let mut longest = 0;
        let mut shown = |words: &[String]| {
            let text = words.concat();
            if whole {
                return text;
            }
            let all: Vec<&str> = atoms(&text).collect();
            let text = match differs {
                true => cut(&all, LONGEST, 100, 40),
                false => cut(&all, LONGEST_SHARED, 20, 30),
            };
            longest = longest.max(text.chars().count());
            text
        };
        let (from, to) = (shown(&old[op.old_range()]), shown(&new[op.new_range()]));
        room = room.saturating_sub(longest);
        for (side, text) in [(&mut parts.0, from), (&mut parts.1, to)] {
            if !text.is_empty() {
                side.push((differs, text));
            }
        }
    }
    Compared { parts, unshown }
}

fn words(atoms: &[&str]) -> Vec<String> {
    let in_word = |atom: &str| atom.chars().all(|c| c.is_alphanumeric() || c == '_');
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for atom in atoms {
        match words.last_mut() {
            Some(word) if open && in_word(atom) => word.push_str(atom),
            _ => words.push((*atom).to_owned()),
        }
        open = in_word(atom);
    }
    words
}

/// Whether a change of these texts is shown line by line.
pub(super) fn is_by_line(old: &str, new: &str) -> bool {
    let has_lines = |text: &str| text.trim_end_matches('\n').contains('\n');
    has_lines(old) && has_lines(new)
}

/// Writes the lines that differ, each after `indent`, with a little around them.
pub(super) fn write_lines(
    old: &str,
    new: &str,
    indent: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut config = TextDiff::configure();
    let diff = config
        .timeout(Duration::from_millis(500))
        .diff_lines(old, new);
    let mut lines = Lines::default();
    for group in diff.grouped_ops(CONTEXT_LINES) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let span = |start: usize, end: usize| format!("{},{}", start + 1, end - start);
        let from = span(first.old_range().start, last.old_range().end);
        let to = span(first.new_range().start, last.new_range().end);
        lines.push(|| format!("{DIM}@@ -{from} +{to} @@{DIM:#}"));
        group.iter().for_each(|op| hunk(&diff, op, &mut lines));
    }
    for line in &lines.shown {
        writeln!(out, "{indent}{line}")?;
    }
    match lines.more {
        0 => Ok(()),
        1 => writeln!(out, "{indent}{DIM}(1 more line of this diff){DIM:#}"),
        more => writeln!(out, "{indent}{DIM}({more} more lines of this diff){DIM:#}"),
    }
}

/// Lines of a diff, as many as are shown.
#[derive(Default)]
struct Lines {
    shown: Vec<String>,
    more: usize,
}

impl Lines {
    fn room(&self) -> usize {
        LONGEST_DIFF.saturating_sub(self.shown.len())
    }

    fn push(&mut self, line: impl FnOnce() -> String) {
        match self.room() {
            0 => self.more += 1,
            _ => self.shown.push(line()),
        }
    }
}

/// How many lines of each side are shown where there is room for so many: the new side has half of it.
pub(super) fn shares(old: usize, new: usize, room: usize) -> (usize, usize) {
    let of_old = old.min((room / 2).max(room.saturating_sub(new)));
    (of_old, new.min(room.saturating_sub(of_old)))
}

fn hunk(diff: &TextDiff<'_, '_, str>, op: &DiffOp, lines: &mut Lines) {
    let old: Vec<&str> = op.old_range().filter_map(|i| diff.old_slice(i)).collect();
    let new: Vec<&str> = op.new_range().filter_map(|i| diff.new_slice(i)).collect();
    let show = |line: &str| escaped_line(line.strip_suffix('\n').unwrap_or(line));
    let plain = |line: &str| {
        let line = show(line);
        cut(&atoms(&line).collect::<Vec<_>>(), LONGEST, 100, 40)
    };
    let push = |lines: &mut Lines, text: String, line: &str| {
        lines.push(|| text);
        if !line.ends_with('\n') {
            lines.push(|| format!("{DIM}\\ no newline at the end{DIM:#}"));
        }
    };
    if op.tag() == DiffTag::Equal {
        for line in &old {
            push(lines, format!("  {}", plain(line)), line);
        }
        return;
    }
    let (of_old, of_new) = shares(old.len(), new.len(), lines.room());
    lines.more += old.len() - of_old + new.len() - of_new;
    let is_paired = old.len() == new.len();
    let pairs = old.iter().zip(&new).take(of_old.max(of_new));
    let pairs = pairs.map(|(old, new)| pair(&show(old), &show(new)));
    let pairs: Vec<Pair> = pairs.filter(|_| is_paired).collect();
    for (i, line) in old[..of_old].iter().enumerate() {
        let text = match pairs.get(i) {
            Some(pair) => format!("{OLD}-{OLD:#} {}", pair.old.text),
            None => format!("{OLD}- {}{OLD:#}", plain(line)),
        };
        push(lines, text, line);
    }
    for (i, line) in new[..of_new].iter().enumerate() {
        let text = match pairs.get(i) {
            Some(pair) => format!("{NEW}+{NEW:#} {}", pair.new.text),
            None => format!("{NEW}+ {}{NEW:#}", plain(line)),
        };
        push(lines, text, line);
    }
}

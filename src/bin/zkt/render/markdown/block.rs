//! One action as lines of a diff.

use super::quoted::one_line;
use crate::render::list::count;

/// Of an action with more bytes the last lines are left out.
const LONGEST: usize = 16 << 10;
/// What belongs to an action stands below it.
const INDENT: &str = "    ";

/// What a line of a diff says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is new.
    New,
    /// It goes.
    Old,
    /// Something below it changes.
    Changed,
    /// It stays, or says what the lines after it are.
    Same,
}

impl Mark {
    fn symbol(self) -> char {
        match self {
            Self::New => '+',
            Self::Old => '-',
            Self::Changed => '!',
            Self::Same => ' ',
        }
    }
}

/// The lines of one action.
#[derive(Debug, Default)]
pub(super) struct Block {
    text: String,
    left_out: usize,
}

impl Block {
    /// The line of the node.
    pub(super) fn head(&mut self, mark: Mark, text: &str) {
        self.push(&format!("{} {}", mark.symbol(), one_line(text)));
    }

    /// A line about something in the node.
    pub(super) fn line(&mut self, mark: Mark, text: &str) {
        self.push(&format!("{} {INDENT}{}", mark.symbol(), one_line(text)));
    }

    /// Where the next lines of a text are.
    pub(super) fn hunk(&mut self, text: &str) {
        self.push(text);
    }

    fn push(&mut self, line: &str) {
        if self.left_out > 0 || self.text.len() + line.len() > LONGEST {
            self.left_out += 1;
            return;
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// The lines, and how many are left out.
    pub(super) fn finish(mut self) -> String {
        if self.left_out > 0 {
            let more = count(self.left_out, "more line");
            self.text
                .push_str(&format!("  {INDENT}({more} of this node)\n"));
        }
        self.text
    }
}

//! The first lines of actions, and the column of what stands to their right.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add, Plan};

use crate::render::change::{new_type, stored_properties};
use crate::render::style::{ADD, BOLD, DIM, LINK, TRIM, UPDATE};
use crate::render::subtrees::{node_count, topmost_trims};
use crate::render::value::{path_text, printable};

/// Where the right column starts unless long lines push it.
const COLUMN: usize = 53;
const NARROWEST: usize = 30;

/// The right column of a plan's text, and what lines start and end with.
pub(super) struct Layout {
    column: usize,
    pub(super) marks: &'static Marks,
}

impl Layout {
    /// A column that as many lines as possible of this plan can keep.
    pub(super) fn of(plan: &Plan, width: usize, colors: bool) -> Self {
        let (mut left, mut right) = (0, 0);
        // Most nodes come from the same source as the one before.
        let mut source: (Option<&Arc<str>>, usize) = (None, 0);
        for action in &plan.actions {
            let Action::Add(add) = action else { continue };
            let Some(origin) = &add.origin else { continue };
            let digits = origin.line.checked_ilog10().unwrap_or_default() as usize + 1;
            if !source
                .0
                .is_some_and(|last| Arc::ptr_eq(last, &origin.source))
            {
                source = (Some(&origin.source), columns(&printable(&origin.source)));
            }
            right = right.max(source.1 + 1 + digits);
            // Beyond the place where the right column has to start, nothing changes it.
            if left + 2 < width.saturating_sub(right) {
                let object = add.data.to_object();
                let kind = new_type(add, &stored_properties(add, &object)).unwrap_or_default();
                let heading = Heading {
                    kind: &kind,
                    ..Heading::of("", &add.path)
                };
                left = left.max(heading.columns());
            }
        }
        for (top, nodes) in topmost_trims(plan) {
            left = left.max(4 + path_text(top).width());
            right = right.max(node_count(nodes).width());
        }
        let fitting = width.saturating_sub(right);
        let column = COLUMN
            .min(fitting.max(NARROWEST))
            .max(fitting.min(left + 2));
        let marks = if colors { &*MARKS } else { &*PLAIN_MARKS };
        Self { column, marks }
    }
}

/// The first line of an action.
pub(super) struct Heading<'a> {
    /// The mark before the path.
    pub(super) mark: &'a str,
    pub(super) path: Cow<'a, str>,
    /// The type with its colon.
    pub(super) kind: &'a str,
}

impl<'a> Heading<'a> {
    pub(super) fn of(mark: &'a str, path: &'a ZPath) -> Self {
        let path = path_text(path);
        let kind = "";
        Self { mark, path, kind }
    }

    /// How many columns it takes.
    fn columns(&self) -> usize {
        4 + columns(&self.path) + columns(self.kind)
    }
}

/// The marks of the kinds of actions, and the ends of colours.
pub(super) struct Marks {
    pub(super) add: String,
    pub(super) update: String,
    pub(super) link: String,
    pub(super) moved: String,
    pub(super) trim: String,
    dim: String,
    plain: String,
}

static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let mark = |symbol: char, style: Style| format!("  {style}{symbol}{style:#} {BOLD}");
    Marks {
        add: mark('+', ADD),
        update: mark('~', UPDATE),
        link: mark('@', LINK),
        moved: mark('>', LINK),
        trim: mark('-', TRIM),
        dim: format!("{DIM}"),
        plain: format!("{DIM:#}"),
    }
});

static PLAIN_MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let plain = |mark: &String| anstream::adapter::strip_str(mark).to_string();
    Marks {
        add: plain(&MARKS.add),
        update: plain(&MARKS.update),
        link: plain(&MARKS.link),
        moved: plain(&MARKS.moved),
        trim: plain(&MARKS.trim),
        dim: String::new(),
        plain: String::new(),
    }
});

/// Where a new node is declared: a file and a line of it.
pub(super) fn location(add: &Add) -> Option<String> {
    let origin = add.origin.as_ref()?;
    let source = printable(&origin.source);
    let mut text = String::with_capacity(source.len() + 8);
    text.push_str(&source);
    _ = write!(text, ":{}", origin.line);
    Some(text)
}

pub(super) fn push_heading(
    lines: &mut String,
    heading: &Heading<'_>,
    note: Option<&str>,
    layout: &Layout,
) {
    lines.push_str(heading.mark);
    lines.push_str(&heading.path);
    lines.push_str(heading.kind);
    lines.push_str(&layout.marks.plain);
    if let Some(note) = note {
        let gap = layout.column.saturating_sub(heading.columns()).max(2);
        lines.extend(std::iter::repeat_n(' ', gap));
        lines.push_str(&layout.marks.dim);
        lines.push_str(note);
        lines.push_str(&layout.marks.plain);
    }
    lines.push('\n');
}

/// How many columns a text takes.
fn columns(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

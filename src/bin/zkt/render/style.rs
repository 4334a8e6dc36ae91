//! The colours of a plan.

use anstyle::{AnsiColor, Effects, Style};

pub(super) const ADD: Style = AnsiColor::Green.on_default();
pub(super) const UPDATE: Style = AnsiColor::Yellow.on_default();
pub(super) const LINK: Style = AnsiColor::Cyan.on_default();
pub(super) const TRIM: Style = AnsiColor::Red.on_default();
pub(super) const OLD: Style = AnsiColor::Red.on_default();
pub(super) const NEW: Style = AnsiColor::Green.on_default();
pub(super) const DIM: Style = Style::new().effects(Effects::DIMMED);
pub(crate) const BOLD: Style = Style::new().effects(Effects::BOLD);
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
pub(crate) const REFUSED: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// The parts in which the old and the new value differ.
pub(super) fn emphasis(base: Style) -> Style {
    base.effects(Effects::BOLD.insert(Effects::UNDERLINE))
}

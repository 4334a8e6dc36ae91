//! A plan as people and programs read it.

mod change;
mod difference;
mod exposed;
mod json;
mod list;
mod nested;
mod style;
mod text;
mod value;

pub(crate) use exposed::exposed;
pub(crate) use json::{action_json, plan_json, warning_json};
pub(crate) use list::{count, named, write_first};
pub(crate) use text::{Mode, TextOptions, plan_text, summary_line, write_warnings};
pub(crate) use value::path_text;
pub(crate) use zkt::export::FORMAT_VERSION;

/// Printed in place of a value that is never shown.
pub(crate) const SECRET: &str = "(secret)";

#[cfg(test)]
mod tests;

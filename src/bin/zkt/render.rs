//! A plan as people and programs read it.

mod acls;
mod bounds;
mod change;
mod claims;
mod difference;
mod exposed;
mod found;
mod github;
mod json;
mod list;
mod markdown;
mod nested;
mod place;
mod remark;
mod rights;
mod sarif;
mod style;
mod subtrees;
mod text;
mod value;

pub(crate) use bounds::Bounds;
pub(crate) use exposed::exposed;
pub(crate) use found::{found_json, write_found};
pub(crate) use github::{write_annotations, write_notice, write_plan};
pub(crate) use json::{
    action_json, json_line, not_compared_json, plan_json, summary_json, warning_json,
};
pub(crate) use list::{count, named, nodes_have, write_first};
pub(crate) use markdown::{Subject, failure_markdown, plan_markdown};
pub(crate) use place::Root;
pub(crate) use remark::Remark;
pub(crate) use sarif::{Finding, Found, sarif};
pub(crate) use style::{BOLD, REFUSED, WARNING};
pub(crate) use text::{Mode, TextOptions, plan_text, summary_line, write_warnings};
pub(crate) use value::{path_text, time_text};
pub(crate) use zkt::export::FORMAT_VERSION;
pub(crate) use zkt::syntax::parser::HIDDEN;

#[cfg(test)]
mod tests;

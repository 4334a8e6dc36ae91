//! Layers that are something else than tree text.

use std::path::Path;

use serde_json::Value;

use crate::declare::problem::Foreign;

/// What a file is that is surely no tree text, if it is.
pub(super) fn foreign(path: &Path, bytes: &[u8]) -> Option<Foreign> {
    let start = bytes.trim_ascii_start();
    if start.starts_with(b"{") {
        // No line of a tree starts with a bracket.
        let Value::Object(members) = serde_json::from_slice(start).ok()? else {
            return None;
        };
        let has = |name: &str| members.contains_key(name);
        return Some(if has("zkt_plan") {
            Foreign::SavedPlan
        } else if has("children") && has("properties") {
            Foreign::Export
        } else {
            Foreign::Json
        });
    }
    let is_named = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    // Who names tree text so means it.
    (is_named && !start.starts_with(b"/")).then_some(Foreign::Toml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tree_text_is_known() {
        let of = |name: &str, text: &str| foreign(Path::new(name), text.as_bytes());
        let export = "\n{\"properties\": {}, \"children\": {}}\n";
        assert_eq!(of("a.zkt", export), Some(Foreign::Export));
        assert_eq!(of("-", "{\"zkt_plan\": 2}"), Some(Foreign::SavedPlan));
        assert_eq!(of("a.json", "{\"a\": 1}"), Some(Foreign::Json));
        assert_eq!(of("zkt.toml", "[lints]\n"), Some(Foreign::Toml));
        assert_eq!(of("a.toml", "/a\n  x = 1\n"), None);
        assert_eq!(of("a.zkt", "{\"a\": \n"), None);
        assert_eq!(of("a.zkt", "/a\n"), None);
    }
}

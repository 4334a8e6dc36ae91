//! Describes text that is no JSON object, for people.

use serde_json::Value;

use crate::syntax::characters::is_space;

/// What a text seems to be: `XML`, `a list in JSON`, `nearly JSON: trailing comma at line 1 column
/// 8`. The description quotes nothing of the text: it may be a secret.
#[must_use]
pub fn kind_of_text(text: &str) -> String {
    let text = text.trim_matches(is_space);
    match text.chars().next() {
        Some('<') if text.starts_with("<!DOCTYPE") || text.starts_with("<html") => "HTML".into(),
        Some('<') => "XML".into(),
        Some('{') => match serde_json::from_str::<Value>(text) {
            Err(error) => format!("nearly JSON: {error}"),
            Ok(_) => "JSON".into(),
        },
        _ => kind_of_lines(text).to_owned(),
    }
}

fn kind_of_lines(text: &str) -> &'static str {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(_)) => return "a list in JSON",
        Ok(Value::String(_)) => return "a string in JSON",
        Ok(Value::Number(_)) => return "a number",
        Ok(_) => return "a constant in JSON",
        Err(_) => {}
    }
    if text.starts_with("---") || text.starts_with("%YAML") {
        return "YAML";
    }
    let lines = text.lines().map(str::trim);
    let mut lines =
        lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '!', ';', '[']));
    if lines.all(|line| line.contains('=')) {
        return "lines of NAME=VALUE";
    }
    "no JSON"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_named() {
        for (text, kind) in [
            ("<?xml version=\"1.0\"?>\n<a/>", "XML"),
            ("<!DOCTYPE html><p>", "HTML"),
            (
                "{\"a\": 1,}",
                "nearly JSON: trailing comma at line 1 column 9",
            ),
            ("[1]", "a list in JSON"),
            ("\"x\"", "a string in JSON"),
            ("10", "a number"),
            ("null", "a constant in JSON"),
            ("# c\na=1\nb = 2\n", "lines of NAME=VALUE"),
            ("---\na: 1", "YAML"),
            ("hello\nworld", "no JSON"),
        ] {
            assert_eq!(kind_of_text(text), kind, "{text:?}");
        }
    }
}

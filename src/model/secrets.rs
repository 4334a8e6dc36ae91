//! What may be secret of values that no file declares, and what looks secret of those that one does.

use std::borrow::Cow;

use serde_json::Value;

use crate::model::node::Secret;
use crate::syntax::names::{Globs, looks_secret, may_hold_secret, secret_value};

/// The names of secrets: those of all `@secret` lines, and those that look so.
///
/// A file says nothing of a live value that it does not declare. Whether that may be shown is judged
/// by names: its own, those inside of it, and those in texts, as in `password=…`.
#[derive(Debug, Clone, Default)]
pub struct SecretNames(Secret);

impl SecretNames {
    /// `patterns` are those of all `@secret` lines.
    pub fn new<'n>(patterns: impl IntoIterator<Item = &'n String>) -> Self {
        // A line that is about all properties of its node tells no name.
        let names = |pattern: &&String| !pattern.chars().all(|c| matches!(c, '*' | '?'));
        let patterns: Vec<String> = patterns.into_iter().filter(names).cloned().collect();
        Self(match patterns.is_empty() {
            true => Secret::Nothing,
            // Each pattern was compiled before. If one were bad all the same, everything is hidden.
            false => Globs::new(patterns).map_or(Secret::Everything, Secret::Properties),
        })
    }

    /// Whether an `@secret` line has this name.
    #[must_use]
    pub fn are_lines_for(&self, name: &str) -> bool {
        self.0.covers(name)
    }

    /// Whether what has this name may be secret.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        looks_secret(name) || self.0.covers(name)
    }

    /// Whether a property may be secret, or a part of its value.
    #[must_use]
    pub fn has_property(&self, name: &str, value: &Value) -> bool {
        self.has(name) || self.are_in(value)
    }

    /// Whether a part of a value may be secret.
    #[must_use]
    pub fn are_in(&self, value: &Value) -> bool {
        self.are_removed(value, &Value::Null)
    }

    /// Whether a text may hold a secret: `password=…`, `<token>…`, a private key, a URL with a password.
    #[must_use]
    pub fn are_in_text(&self, text: &str) -> bool {
        self.are_removed_from_text(text, "")
    }

    /// Whether the old value may have a secret in it that the new one, which a file declares, lacks.
    #[must_use]
    pub fn are_removed(&self, old: &Value, new: &Value) -> bool {
        match old {
            Value::Object(old) => old.iter().any(|(name, old)| match new.get(name) {
                Some(new) => self.are_removed(old, new),
                None => self.has_property(name, old),
            }),
            Value::Array(old) => old.iter().enumerate().any(|(at, old)| {
                let new = new.get(at).unwrap_or(&Value::Null);
                self.are_removed(old, new)
            }),
            Value::String(old) => self.are_removed_from_text(old, new.as_str().unwrap_or_default()),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// The same for texts.
    #[must_use]
    pub fn are_removed_from_text(&self, old: &str, new: &str) -> bool {
        let (old, new) = (unescaped(old), unescaped(new));
        let value = secret_value(&old);
        value.is_some() && value != secret_value(&new)
            || self
                .words(&old)
                .any(|word| !self.words(&new).any(|other| other == word))
    }

    /// The names of secrets in a text that gives values to names.
    fn words<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let is_inside = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c) || !c.is_ascii();
        let text = if text.contains(['=', ':', '<']) {
            text
        } else {
            ""
        };
        text.split(move |c| !is_inside(c))
            .filter(|word| !word.is_empty() && self.has(word))
    }
}

/// A text in which `\\u0077` is the character that it stands for in JSON: text may be JSON that is cut off.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return text.into();
    }
    let mut parts = text.split("\\u");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..4)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match code.and_then(char::from_u32) {
            Some(c) => {
                all.push(c);
                all += &part[4..];
            }
            None => {
                all += "\\u";
                all += part;
            }
        }
    }
    all.into()
}

/// What of a declared value looks secret, for people: `password, the name of a secret`, or what it is. The
/// value may hold it anywhere. One that is empty, true or false is none, nor is one that stands for another.
#[must_use]
pub fn plain_secret(value: &Value) -> Option<String> {
    match value {
        Value::Object(map) => map.iter().find_map(|(name, value)| {
            let is_secret = looks_secret(name) && !is_harmless(value);
            is_secret
                .then(|| named(name))
                .or_else(|| plain_secret(value))
        }),
        Value::Array(items) => items.iter().find_map(plain_secret),
        Value::String(text) => plain_secret_in_text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// As [`plain_secret`], of a text: `db.password=…`, `"token": …`, `<secret>…`, or a secret without a name.
#[must_use]
pub fn plain_secret_in_text(text: &str) -> Option<String> {
    let value = || secret_value(text).map(|value| value.to_string());
    given(text).map(named).or_else(value)
}

fn named(name: &str) -> String {
    format!("{name}, the name of a secret")
}

/// The name of a secret to which a text gives a value: `db.password=…`, `"token": …`, `<secret>…`.
fn given(text: &str) -> Option<&str> {
    let suspect = |line: &&str| may_hold_secret(line.as_bytes());
    text.lines().filter(suspect).find_map(|line| {
        line.match_indices(['=', ':', '>']).find_map(|(at, _)| {
            let before = line[..at].trim_end_matches(['"', '\'', ' ', '\t']);
            let is_outside =
                |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-.".contains(c);
            let name = before.rsplit(is_outside).next().unwrap_or_default();
            let value = line[at + 1..].trim_matches(['"', '\'', ' ', '\t', ',', ';']);
            // `$` and `{{` stand for a value that comes from elsewhere, and `</` for none.
            let is_value = !matches!(value, "" | "true" | "false" | "null")
                && !["$", "{", "[", "<", "=", ":"]
                    .iter()
                    .any(|start| value.starts_with(start));
            (is_value && looks_secret(name)).then_some(name)
        })
    })
}

/// Whether a value under the name of a secret is none.
#[must_use]
pub fn is_harmless(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_tell_what_may_be_secret() {
        let patterns = ["pin".to_owned(), "dsn*".to_owned(), "*".to_owned()];
        let names = SecretNames::new(&patterns);
        for value in [
            json!({"password": "x"}),
            json!({"db": [{"pin": "4711"}]}),
            json!(["http://h/?token=x"]),
            json!("a=1\ndb.password = x"),
            json!("pin: 4711"),
            json!("<dsn1>x</dsn1>"),
            json!("-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
            json!({"db": "postgres://app:x@h/db"}),
            json!("{\"pass\\u0077ord\": \"x\""),
        ] {
            assert!(names.are_in(&value), "{value}");
        }
        for value in [
            json!({"spin": 1, "x": [null]}),
            json!("a=1"),
            json!("token"),
            json!("-----BEGIN CERTIFICATE-----\nMIIE"),
            json!("postgres://app@h/db, http://h:80/x@y"),
        ] {
            assert!(!names.are_in(&value), "{value}");
        }
    }

    #[test]
    fn what_is_declared_in_plain_is_not_removed() {
        let names = SecretNames::default();
        let old = json!({"db": {"password": "x", "port": 1}});
        for (new, is_removed) in [
            (json!({"db": {"password": "y"}}), false),
            (json!({"db": {"port": 1}}), true),
            (json!({"db": [1]}), true),
            (json!({}), true),
        ] {
            assert_eq!(names.are_removed(&old, &new), is_removed, "{new}");
        }
        assert!(names.are_removed_from_text("a.token=1\nb.token=2", "a.token=1"));
        assert!(!names.are_removed_from_text("a.token=1\nx=2", "a.token=3"));
    }
}

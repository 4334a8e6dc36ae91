//! `NAME=VALUE` on the command line.

use serde_json::Value;
use zkt::model::path::ZPath;
use zkt::services;
use zkt::syntax::names::{is_storable_name, split_link};

use crate::exit::Failure;

/// A property and its new value. `None` removes it.
pub(crate) type Assignment = (String, Option<Value>);

pub(crate) fn parse_all(words: &[String]) -> Result<Vec<Assignment>, Failure> {
    words.iter().map(|word| parse(word)).collect()
}

/// As [`parse_all`], but no property can be removed.
pub(crate) fn parse_values(words: &[String]) -> Result<Vec<(String, Value)>, Failure> {
    let assigned = words.iter().map(|word| match parse(word)? {
        (name, Some(value)) => Ok((name, value)),
        (_, None) => Err(Failure::new(format!("expected NAME=VALUE, found {word:?}"))),
    });
    assigned.collect()
}

fn parse(word: &str) -> Result<Assignment, Failure> {
    if let Some(name) = word.strip_suffix('-')
        && (!name.contains('=') || split_link(name).is_some())
    {
        return named(name, word, None);
    }
    for operator in [" -> ", " => "] {
        if let Some((name, target)) = word.split_once(operator)
            && !name.contains('=')
        {
            let stored = format!("{}{}", name.trim_end(), operator.trim_end());
            return named(&stored, word, Some(Value::from(target.trim())));
        }
    }
    let Some((name, text)) = word.split_once('=') else {
        return Err(Failure::new(format!(
            "expected NAME=VALUE or NAME-, found {word:?}"
        )));
    };
    named(name.trim(), word, Some(value(text)?))
}

fn named(name: &str, word: &str, value: Option<Value>) -> Result<Assignment, Failure> {
    if name.is_empty() || !is_storable_name(name) {
        return Err(Failure::new(format!(
            "{word:?}: {name:?} cannot name a property"
        )));
    }
    Ok((name.to_owned(), value))
}

/// A literal as in tree files, or the text itself.
fn value(text: &str) -> Result<Value, Failure> {
    let text = text.trim();
    let tree = services::parse_tree(&format!("/node\n  value = {text}\n"));
    let is_one_line = !text.contains(['\n', '\r']);
    match tree {
        Ok(tree) if is_one_line && !text.is_empty() => {
            let node = tree.get(&ZPath::root().join("node"));
            let value = node.and_then(|node| node.properties().remove("value"));
            Ok(value.unwrap_or_else(|| Value::from(text)))
        }
        Err(error) if text.starts_with(['\'', '"', '[', '{']) => {
            Err(Failure::new(format!("{text}: {error}"))
                .hint("what starts with a quote or a bracket must be a literal"))
        }
        _ => Ok(Value::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(word: &str, name: &str, value: Option<Value>) {
        assert_eq!(parse(word).unwrap(), (name.to_owned(), value));
    }

    #[test]
    fn words_are_assignments() {
        check("threads=4", "threads", Some(json!(4)));
        check("debug=True", "debug", Some(json!(true)));
        check("x=null", "x", Some(json!(null)));
        check("comment=ok", "comment", Some(json!("ok")));
        check("comment='ok then'", "comment", Some(json!("ok then")));
        check("address=10.0.0.1:80", "address", Some(json!("10.0.0.1:80")));
        check("a=b=c", "a", Some(json!("b=c")));
        check("empty=", "empty", Some(json!("")));
        check("list=[1, 'b']", "list", Some(json!([1, "b"])));
        check("minus=-", "minus", Some(json!("-")));
        check("threads-", "threads", None);
        check("main ->-", "main ->", None);
        check("threads =>-", "threads =>", None);
        check("main -> /a/b", "main ->", Some(json!("/a/b")));
        check("t => /a b", "t =>", Some(json!("/a b")));
        check("text=a -> b", "text", Some(json!("a -> b")));
        for word in ["threads", "=1", "x='a", "x=[1"] {
            assert!(parse(word).is_err(), "{word}");
        }
    }
}

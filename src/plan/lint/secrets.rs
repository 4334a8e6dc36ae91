//! Secrets that no `@secret` covers.
//!
//! Most nodes have none. That is seen by the bytes of their data; only a suspect node is decoded.

use super::found::Found;
use crate::model::lint::Lint;
use crate::model::node::{Content, Declared, DeclaredProperties, Secret};
use crate::model::path::ZPath;
use crate::model::plan::About;
use crate::model::secrets::{is_harmless, plain_secret, plain_secret_in_text};
use crate::model::tree::Tree;
use crate::model::value::{TYPE, entries};
use crate::syntax::names::{looks_secret, may_hold_secret, split_link};
use crate::syntax::spelling::property_name;

/// Checks the data of all nodes.
pub(super) fn check(declared: &Tree<Declared>, found: &mut Found<'_>) {
    if !found.heeds(Lint::PlainSecret) {
        return;
    }
    for (path, node) in declared {
        let is_suspect = || may_hold_secret(node.bytes());
        match (&node.content, &node.secret) {
            (_, Secret::Everything) => {}
            (Content::Properties(properties), secret) if is_suspect() => {
                in_properties(path, properties, secret, found);
            }
            // Any `@secret` hides data that has no properties.
            (Content::Raw { bytes, .. }, Secret::Nothing) if !bytes.is_empty() => {
                let is_named = looks_secret(path.name());
                if is_named || is_suspect() {
                    in_data(path, node, is_named, found);
                }
            }
            (Content::Properties(_) | Content::Raw { .. }, _) => {}
        }
    }
}

fn in_properties(
    path: &ZPath,
    properties: &DeclaredProperties,
    secret: &Secret,
    found: &mut Found<'_>,
) {
    let object = properties.encoded().to_object();
    for (entry, origin) in entries(&object).zip(properties.origins()) {
        let is_plain = entry.name != TYPE && split_link(&entry.name).is_none();
        if !is_plain || secret.covers(&entry.name) {
            continue;
        }
        let name = property_name(&entry.name);
        let is_secret = looks_secret(&entry.name);
        if !is_secret && !may_hold_secret(entry.value.as_bytes()) {
            continue;
        }
        let value = serde_json::from_str(entry.value).unwrap_or_default();
        let message = if is_secret && !is_harmless(&value) {
            format!("{name} has the name of a secret, and no `@secret {name}` hides its value")
        } else if let Some(inner) = plain_secret(&value) {
            format!("{name} holds {inner}, and no `@secret {name}` hides it")
        } else {
            continue;
        };
        let lint = (Lint::PlainSecret, About::Node);
        found.push(lint, path, Some(*origin), message);
    }
}

fn in_data(path: &ZPath, node: &Declared, is_named: bool, found: &mut Found<'_>) {
    let message = if is_named {
        "the node has the name of a secret, and no `@secret` hides its data".to_owned()
    } else {
        let text = std::str::from_utf8(node.bytes());
        let Some(inner) = text.ok().and_then(plain_secret_in_text) else {
            return;
        };
        format!("the data holds {inner}, and no `@secret` hides it")
    };
    let origin = match &node.content {
        Content::Raw { origin, .. } => *origin,
        Content::Properties(_) => node.origin,
    };
    found.push((Lint::PlainSecret, About::Node), path, origin, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_secret_is_looked_at() {
        for name in [
            "password",
            "DB_PASSWD",
            "passphrase",
            "Secret",
            "x.token",
            "credentials",
            "tls.private_key",
            "private-key",
            "PrivateKey",
            "api_key",
            "pass\u{200b}word",
        ] {
            assert!(
                looks_secret(name) && may_hold_secret(name.as_bytes()),
                "{name}"
            );
        }
        assert!(!may_hold_secret(b"threads"));
    }

    #[test]
    fn texts_that_give_a_secret_are_told_from_others() {
        for text in [
            "password=x",
            "a=1\nspring.datasource.password = x",
            "{\"api_key\": \"x\"}",
            "<token>x</token>",
            "<property name=\"password\">x</property>",
            "jdbc:x://h/?password=x",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "amqp://app:x@h:5672/v, amqp://h2",
        ] {
            assert!(plain_secret_in_text(text).is_some(), "{text}");
        }
        for text in [
            "password=",
            "password=${PASSWORD}",
            "password:\n  from: env",
            "\"token\": null,",
            "<token></token>",
            "how a token is made: read on",
            "<tokenizer class=\"solr.StandardTokenizerFactory\"/>",
            "password",
            "amqp://app:${PASSWORD}@h",
            "amqp://app:@h amqp://app@h http://h:80/a@b",
            "-----BEGIN PUBLIC KEY-----",
        ] {
            assert_eq!(plain_secret_in_text(text), None, "{text}");
        }
    }
}

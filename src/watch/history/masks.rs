//! Which values of live nodes are not recorded.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::declare;
use crate::export::declare_node;
use crate::model::node::{Content, Declared, LiveNode, Secret};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::model::value::{Data, Properties};
use crate::syntax::names::{Globs, looks_secret, split_link};

/// What the files say of secrets, now or before: what was masked stays masked when its line goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Masks(BTreeMap<ZPath, Mask>);

#[derive(Debug, Clone, Default)]
struct Mask {
    everything: bool,
    globs: Vec<Globs>,
}

impl Masks {
    /// Takes in what files declare. Returns the paths for which that is news.
    pub(super) fn add(&mut self, declared: &Tree<Declared>) -> BTreeSet<ZPath> {
        let mut news = BTreeSet::new();
        for (path, node) in declared {
            let is_new = match &node.secret {
                Secret::Nothing => false,
                Secret::Everything => {
                    let mask = self.0.entry(path.clone()).or_default();
                    !std::mem::replace(&mut mask.everything, true)
                }
                Secret::Properties(globs) => {
                    let mask = self.0.entry(path.clone()).or_default();
                    let is_known = |known: &Globs| known.patterns() == globs.patterns();
                    let is_new = !mask.globs.iter().any(is_known);
                    if is_new {
                        mask.globs.push(globs.clone());
                    }
                    is_new
                }
            };
            if is_new {
                news.insert(path.clone());
            }
        }
        news
    }

    /// Takes in the recorded text of a node: what an earlier process masked stays masked. Names that look
    /// like those of secrets need no mask.
    pub(super) fn add_recorded(&mut self, path: &ZPath, text: &str) {
        if !text.contains("@ignore") && !text.contains("@keep") {
            return;
        }
        let is_whole = |node: &Declared| node.keep_properties && !looks_secret(path.name());
        let declared = declare::declare(text);
        let node = declared
            .as_ref()
            .ok()
            .and_then(|source| source.tree().get(path));
        let patterns = match node {
            Some(node) if !is_whole(node) => node.ignore.patterns().to_vec(),
            // What cannot be read may be a mask as well.
            _ => {
                self.0.entry(path.clone()).or_default().everything = true;
                return;
            }
        };
        let patterns = patterns.into_iter().filter(|name| !looks_secret(name));
        let Ok(globs) = Globs::new(patterns.collect()) else {
            self.0.entry(path.clone()).or_default().everything = true;
            return;
        };
        let mask = self.0.get(path);
        let is_known = |known: &Globs| known.patterns() == globs.patterns();
        if globs.patterns().is_empty() || mask.is_some_and(|mask| mask.globs.iter().any(is_known)) {
            return;
        }
        self.0.entry(path.clone()).or_default().globs.push(globs);
    }

    fn covers(&self, path: &ZPath, name: &str) -> bool {
        let mask = self.0.get(path);
        let base = split_link(name).map_or(name, |(base, _)| base);
        looks_secret(base)
            || mask.is_some_and(|mask| {
                let mut globs = mask.globs.iter();
                mask.everything || globs.any(|globs| globs.matches(base) || globs.matches(name))
            })
    }

    /// The declaration of a live node, without what is secret of it: such properties are `@ignore`d, and
    /// of a node that is secret whole nothing is said.
    pub(super) fn declare(&self, path: &ZPath, live: &LiveNode) -> Declared {
        let mut node = declare_node(live);
        let mask = self.0.get(path);
        let is_whole = looks_secret(path.name()) || mask.is_some_and(|mask| mask.everything);
        let is_object = matches!(node.content, Content::Properties(_))
            && matches!(Data::decode(&live.data), Data::Properties(_));
        // Nobody can tell which part of other data `@secret NAME` is about.
        let is_text = || mask.is_some() || may_hold_secret(&String::from_utf8_lossy(&live.data));
        if is_whole || (!is_object && is_text()) {
            node.content = Content::default();
            node.keep_properties = true;
            return node;
        }
        if let Content::Properties(_) = &node.content {
            let properties = node.properties();
            let is_secret =
                |(name, value): &(&String, &Value)| self.covers(path, name) || holds_secret(value);
            let masked: Vec<&String> = properties
                .iter()
                .filter(is_secret)
                .map(|(name, _)| name)
                .collect();
            if masked.is_empty() {
                return node;
            }
            let patterns = masked.iter().map(|name| escaped(name)).collect();
            let kept: Properties = properties
                .iter()
                .filter(|(name, _)| !masked.contains(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            match Globs::new(patterns) {
                Ok(globs) => node.ignore = globs,
                Err(_) => node.keep_properties = true,
            }
            node.content = Content::Properties(kept.into());
        }
        node
    }
}

/// Whether a value has a secret in it: under a name of its own, or in a text.
fn holds_secret(value: &Value) -> bool {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) if may_hold_secret(text) => return true,
            Value::Array(items) => waiting.extend(items),
            Value::Object(map) => {
                if map.keys().any(|name| looks_secret(name)) {
                    return true;
                }
                waiting.extend(map.values());
            }
            _ => {}
        }
    }
    false
}

/// Whether a text looks as if it gave a secret: `password=…`, `<token>…`.
fn may_hold_secret(text: &str) -> bool {
    text.contains(['=', ':', '<']) && looks_secret(text)
}

/// A pattern that matches just this name.
fn escaped(name: &str) -> String {
    let mut pattern = String::new();
    for c in name.chars() {
        if "*?[]{}\\!".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

//! Which values of live nodes are not recorded.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::declare;
use crate::export::declare_node;
use crate::model::node::{Content, Declared, LiveNode, Secret};
use crate::model::path::ZPath;
use crate::model::secrets::SecretNames;
use crate::model::tree::Tree;
use crate::model::value::{Data, Properties};
use crate::syntax::names::{Globs, looks_secret, split_link};

/// What the files say of secrets, now or before: what was masked stays masked when its line goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Masks {
    nodes: BTreeMap<ZPath, Secret>,
    /// The patterns of all `@secret` lines: a node that no file declares may have such properties, too.
    patterns: BTreeSet<String>,
    names: SecretNames,
}

/// The nodes of which more is secret now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Masked {
    /// Any may be one: there are new names of secrets.
    Everywhere,
    Nodes(BTreeSet<ZPath>),
}

impl Masks {
    /// Takes in what files declare.
    pub(super) fn add(&mut self, declared: &Tree<Declared>) -> Masked {
        let mut news = BTreeSet::new();
        let known = self.patterns.len();
        for (path, node) in declared {
            if let Secret::Properties(globs) = &node.secret {
                self.patterns.extend(globs.patterns().iter().cloned());
            }
            if self.hide(path, &node.secret) {
                news.insert(path.clone());
            }
        }
        if self.patterns.len() == known {
            return Masked::Nodes(news);
        }
        self.names = SecretNames::new(&self.patterns);
        Masked::Everywhere
    }

    /// Hides more of a node. Returns `false` if it was hidden before.
    fn hide(&mut self, path: &ZPath, more: &Secret) -> bool {
        let known = self.nodes.get(path);
        let is_new = match (more, known) {
            (Secret::Nothing, _) | (_, Some(Secret::Everything)) => false,
            (Secret::Properties(more), Some(Secret::Properties(known))) => {
                let mut more = more.patterns().iter();
                more.any(|pattern| !known.patterns().contains(pattern))
            }
            (Secret::Everything | Secret::Properties(_), _) => true,
        };
        if is_new {
            let both = known.cloned().unwrap_or_default().and(more);
            self.nodes.insert(path.clone(), both);
        }
        is_new
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
        let masked = match node {
            Some(node) if !is_whole(node) => {
                let patterns = node.ignore.patterns().iter();
                let patterns: Vec<String> = patterns
                    .filter(|name| !looks_secret(name))
                    .cloned()
                    .collect();
                match patterns.is_empty() {
                    true => Secret::Nothing,
                    false => Globs::new(patterns).map_or(Secret::Everything, Secret::Properties),
                }
            }
            // What cannot be read may be a mask as well.
            _ => Secret::Everything,
        };
        self.hide(path, &masked);
    }

    /// The declaration of a live node, without what is secret of it: such properties are `@ignore`d, and
    /// of a node that is secret whole nothing is said.
    pub(super) fn declare(&self, path: &ZPath, live: &LiveNode) -> Declared {
        let mut node = declare_node(live);
        let mask = self.nodes.get(path);
        let is_whole = self.names.has(path.name()) || matches!(mask, Some(Secret::Everything));
        let is_object = matches!(node.content, Content::Properties(_))
            && matches!(Data::decode(&live.data), Data::Properties(_));
        // Nobody can tell which part of other data `@secret NAME` is about.
        let is_text =
            || mask.is_some() || self.names.are_in_text(&String::from_utf8_lossy(&live.data));
        if is_whole || (!is_object && is_text()) {
            node.content = Content::default();
            node.keep_properties = true;
            return node;
        }
        if let Content::Properties(_) = &node.content {
            let properties = node.properties();
            let is_secret = |(name, value): &(&String, &Value)| {
                let base = split_link(name).map_or(name.as_str(), |(base, _)| base);
                self.names.has_property(base, value) || mask.is_some_and(|mask| mask.covers(name))
            };
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

//! Names of properties that people do not tell apart.
//!
//! Most nodes are fine. That is seen by how the names are written in the files; only a suspect node is
//! decoded.

use std::collections::{BTreeMap, HashMap, HashSet};

use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization as _;

use super::found::Found;
use super::names::{alike, case_only};
use crate::model::lint::Lint;
use crate::model::node::{Content, Declared, DeclaredProperties};
use crate::model::path::ZPath;
use crate::model::plan::About;
use crate::model::tree::Tree;
use crate::model::value::entries;
use crate::syntax::place::SourceId;
use crate::syntax::source::Sources;

/// Up to this number, each name is compared with each other.
const FEW: usize = 24;

type Names<'a> = SmallVec<[&'a str; FEW]>;

/// Checks the properties of all nodes.
pub(super) fn check(declared: &Tree<Declared>, found: &mut Found<'_>) {
    let mut written = Written::of(found.sources);
    let heeds_case = found.heeds(Lint::CaseOnlyDifference);
    for (path, node) in declared {
        let Content::Properties(properties) = &node.content else {
            continue;
        };
        if !node.bytes().is_ascii() {
            look_alike(path, properties, found);
        }
        if heeds_case && may_differ_in_case(&written.names(properties)) {
            differ_in_case(path, properties, found);
        }
    }
}

/// Names as they are written: a quoted one with its quotes, and in the place of `type` what stands
/// behind the colon.
struct Written<'a> {
    sources: &'a Sources,
    last: Option<(SourceId, &'a str)>,
}

impl<'a> Written<'a> {
    fn of(sources: &'a Sources) -> Self {
        Self {
            sources,
            last: None,
        }
    }

    fn names(&mut self, properties: &DeclaredProperties) -> Names<'a> {
        let name = |span: &crate::syntax::place::Span| {
            let text = match self.last {
                Some((source, text)) if source == span.source => text,
                _ => {
                    let text = self.sources.get(span.source).text.as_str();
                    self.last = Some((span.source, text));
                    text
                }
            };
            &text[span.range()]
        };
        properties.origins().iter().map(name).collect()
    }
}

/// Two properties of one node whose names look alike.
fn look_alike(path: &ZPath, properties: &DeclaredProperties, found: &mut Found<'_>) {
    let object = properties.encoded().to_object();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (i, entry) in entries(&object).enumerate() {
        let key: String = entry.name.nfc().collect();
        if let Some(other) = seen.get(&key) {
            let message = alike("properties", &entry.name, other);
            let origin = properties.origins().get(i).copied();
            found.push((Lint::LookAlikeNames, About::Node), path, origin, message);
        } else {
            seen.insert(key, entry.name.to_string());
        }
    }
}

fn may_differ_in_case(names: &Names<'_>) -> bool {
    if names.len() > FEW {
        let folded = names.iter().map(|name| name.to_ascii_lowercase());
        return folded.collect::<HashSet<String>>().len() < names.len();
    }
    let is_pair = |a: &str, b: &str| a.len() == b.len() && a.eq_ignore_ascii_case(b) && a != b;
    let mut rest = names.iter().enumerate();
    rest.any(|(at, a)| names[at + 1..].iter().any(|b| is_pair(a, b)))
}

/// Two properties of one node whose names differ in case only.
fn differ_in_case(path: &ZPath, properties: &DeclaredProperties, found: &mut Found<'_>) {
    let object = properties.encoded().to_object();
    let mut seen: HashMap<String, String> = HashMap::new();
    for (entry, origin) in entries(&object).zip(properties.origins()) {
        let key = entry.name.to_ascii_lowercase();
        if let Some(other) = seen.get(&key) {
            let message = case_only("properties", &entry.name, other);
            let lint = (Lint::CaseOnlyDifference, About::Node);
            found.push(lint, path, Some(*origin), message);
        } else {
            seen.insert(key, entry.name.into_owned());
        }
    }
}

//! Whether the links of a tree, as it would stand after a plan, lead anywhere.

mod afterwards;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::join;
use crate::model::lint::{Level, Lint};
use crate::model::node::{Content, Declared, Live, targets_of};
use crate::model::path::ZPath;
use crate::model::plan::{About, Action, KeptReason, Move, Plan, Warning};
use crate::model::tree::Tree;
use crate::model::value::Encoded;
use crate::syntax::names::{LinkKind, split_link, split_property_link};
use crate::syntax::parser::HIDDEN;
use crate::syntax::source::Sources;
use afterwards::{Afterwards, Counterparts, Indexes};
pub use afterwards::{Checked, LookedUp};

/// A declared tree and the live one, indexed for looking up targets of links. Building
/// it takes a while if many nodes have links; a plan can be made meanwhile.
pub struct Trees<'a> {
    nodes: &'a [(ZPath, Declared)],
    /// `None` if no node has links.
    indexes: Option<Indexes<'a>>,
}

impl<'a> Trees<'a> {
    /// Looks at all nodes once.
    #[must_use]
    pub fn new(declared: &'a Tree<Declared>, live: &'a Tree<Live>) -> Self {
        let has_links = declared.iter().any(|(_, node)| may_have_links(node));
        Self {
            nodes: declared.as_slice(),
            indexes: has_links.then(|| Indexes {
                declared: declared.index(),
                live: Counterparts::of(declared, live),
            }),
        }
    }
}

/// Whether a node declares links, or leaves live ones as they are.
fn may_have_links(node: &Declared) -> bool {
    match &node.content {
        Content::Properties(properties) => {
            properties.has_links() || node.keep_properties || !node.ignore.is_empty()
        }
        Content::Raw { .. } => false,
    }
}

/// Checks the links of the declared nodes against the tree as it would stand after `plan`.
///
/// Without a server nothing can be looked up: what may stand there besides the declared nodes is
/// unknown, and a link to it is taken to be right.
#[must_use]
pub fn check(
    trees: &Trees<'_>,
    plan: &Plan,
    looked_up: Option<&LookedUp>,
    sources: &Sources,
) -> Checked {
    let back = links_back(trees.nodes, plan);
    let Some(indexes) = &trees.indexes else {
        return Checked {
            warnings: back,
            ..Checked::default()
        };
    };
    let trims = plan.actions.iter().filter_map(|action| match action {
        Action::Trim(trim) => Some(&trim.path),
        _ => None,
    });
    let blocked = plan
        .kept
        .iter()
        .filter(|kept| kept.reason == KeptReason::BelowEphemeral);
    let view = Afterwards {
        nodes: trees.nodes,
        indexes,
        looked_up,
        gone: trims.chain(blocked.map(|kept| &kept.path)).collect(),
        moved: moved(plan),
        decoded: RefCell::default(),
        met_secret: Cell::default(),
    };
    let mut checked = view.check(sources);
    checked.warnings.extend(back);
    checked
}

/// Links that a move carries along undeclared, and that lead to where it moves them from.
fn links_back(nodes: &[(ZPath, Declared)], plan: &Plan) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let moves: HashMap<&ZPath, &Move> = plan.moves.iter().map(|moved| (&moved.to, moved)).collect();
    for (new, data) in moved(plan) {
        let of_new = new.prefixes().filter_map(|path| moves.get(&path));
        let Some(moved) = of_new.last() else {
            continue;
        };
        let place = nodes.binary_search_by(|(path, _)| path.cmp(new));
        let declared = place.ok().map(|place| &nodes[place].1);
        let declares = |name: &str| match declared.map(|node| &node.content) {
            Some(Content::Properties(properties)) => properties.contains(name),
            Some(Content::Raw { .. }) | None => false,
        };
        for (name, target) in targets_of(data.decode().into_properties()) {
            let Some((base, kind)) = split_link(&name) else {
                continue;
            };
            let Some(target) = target.filter(|_| !declares(&name)) else {
                continue;
            };
            let path = match kind {
                LinkKind::Symbolic => &*target,
                LinkKind::Property => split_property_link(&target).0,
            };
            if !join(new, path).is_ok_and(|path| path.is_within(&moved.from)) {
                continue;
            }
            let is_secret = declared.is_some_and(|node| node.secret.covers(&name));
            let shown = if is_secret { HIDDEN } else { &target };
            warnings.push(Warning {
                path: new.clone(),
                lint: Lint::LinkToOldPlace,
                level: Level::Warn,
                about: About::Trees,
                message: format!(
                    "link {base} {} {shown} leads to the old place of {}",
                    kind.operator(),
                    moved.to
                ),
                origin: moved.origin.clone(),
            });
        }
    }
    warnings.sort_by(|one, other| (&one.path, &one.message).cmp(&(&other.path, &other.message)));
    warnings
}

/// The new nodes of a plan that come from another place, with what they are to hold.
fn moved(plan: &Plan) -> HashMap<&ZPath, &Encoded> {
    let nodes = plan.moved_nodes();
    let adds = plan.actions.iter().filter_map(|action| match action {
        Action::Add(add) if nodes.contains_key(&add.path) => Some((&add.path, &add.data)),
        _ => None,
    });
    adds.collect()
}

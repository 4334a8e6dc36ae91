//! The trees as they are once a plan is carried out, and where their links lead then.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};

use foldhash::fast::RandomState;
use serde_json::Value;

use crate::model::lint::{Level, Lint};
use crate::model::node::{
    Content, Declared, DeclaredProperties, Live, Standing, Targets, targets_of,
};
use crate::model::path::{self, ZPath};
use crate::model::plan::{About, Warning};
use crate::model::tree::{Index, Side, Tree};
use crate::model::value::{Encoded, Properties};
use crate::plan::links::{Error, Lookup, Nodes, join, property, resolve};
use crate::plan::planner::desired_data;
use crate::syntax::names::{LinkKind, split_link, split_property_link};
use crate::syntax::source::Sources;

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Links that dangle, loop, are hidden, or lead to a missing property.
    pub warnings: Vec<Warning>,
    /// Nodes that must be read before the check can go on.
    pub unknown: BTreeSet<ZPath>,
}

/// Nodes that were looked up because links lead to them.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// The paths that were asked for.
    pub asked: BTreeSet<ZPath>,
    /// The ones that exist.
    pub nodes: Tree<Live>,
}

/// A node as it is declared and as it lives, by path.
pub(super) struct Indexes<'a> {
    pub(super) declared: Index<'a, Declared>,
    pub(super) live: Counterparts<'a>,
}

/// The message for a link whose target is secret: any cause could reveal the target.
fn secret_message(stored: &str) -> String {
    let (name, operator) =
        split_link(stored).map_or((stored, ""), |(name, kind)| (name, kind.operator()));
    format!("link {name} {operator} (secret) leads nowhere")
}

/// The message for a link that goes on through a secret one: where that leads could be read from any cause.
fn through_secret_message(stored: &str, target: &str) -> String {
    let (name, operator) =
        split_link(stored).map_or((stored, ""), |(name, kind)| (name, kind.operator()));
    format!("link {name} {operator} {target} leads nowhere: a link on the way is secret")
}

enum Problem {
    Warning(Lint, String),
    Unknown(Vec<ZPath>),
}

/// The live nodes, as they stand beside the declared ones: most are declared, and need no index
/// of their own.
pub(super) struct Counterparts<'a> {
    /// For each declared node the live one.
    of_declared: Vec<Option<&'a Live>>,
    undeclared: HashMap<&'a ZPath, &'a Live, RandomState>,
}

impl<'a> Counterparts<'a> {
    pub(super) fn of(declared: &Tree<Declared>, live: &'a Tree<Live>) -> Self {
        let mut of_declared = Vec::with_capacity(declared.len());
        let mut undeclared = HashMap::default();
        for side in declared.join(live) {
            match side {
                Side::Left(_) => of_declared.push(None),
                Side::Right((path, node)) => _ = undeclared.insert(path, node),
                Side::Both(_, (_, node)) => of_declared.push(Some(node)),
            }
        }
        Self {
            of_declared,
            undeclared,
        }
    }
}

/// The trees as they are once the plan is carried out.
pub(super) struct Afterwards<'a> {
    pub(super) nodes: &'a [(ZPath, Declared)],
    pub(super) indexes: &'a Indexes<'a>,
    pub(super) looked_up: Option<&'a LookedUp>,
    /// Nodes that the plan removes, and nodes that it cannot create.
    pub(super) gone: HashSet<&'a ZPath>,
    /// New nodes that are moved there, with what they are to hold.
    pub(super) moved: HashMap<&'a ZPath, &'a Encoded>,
    /// The properties of nodes with many: to find one in the data is to look through it.
    pub(super) decoded: RefCell<HashMap<ZPath, Properties>>,
    /// Whether a secret link was followed since this was last set back.
    pub(super) met_secret: Cell<bool>,
}

/// So many properties are looked through each time.
const FEW: usize = 32;

/// A declared node at its place, and as it lives.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a ZPath,
    node: &'a Declared,
    live: Option<&'a Live>,
}

/// Whether a node's properties are just those that are declared.
fn is_whole(node: &Declared) -> bool {
    node.is_declared() && node.ignore.is_empty() && !node.keep_properties
}

/// The links of a declared node, live ones that stay included.
fn links(at: Place<'_>) -> Targets<'_> {
    match &at.node.content {
        Content::Properties(properties) if is_whole(at.node) => properties.targets(),
        Content::Properties(_) => {
            targets_of(desired_data(at.node, at.live.and_then(Live::node)).into_properties())
        }
        Content::Raw { .. } => Vec::new(),
    }
}

impl<'a> Afterwards<'a> {
    /// A node as it is declared and as it lives.
    fn both(&self, path: &ZPath) -> (Option<&'a Declared>, Option<&'a Live>) {
        let Indexes { declared, live } = self.indexes;
        match declared.place(path) {
            Some(place) => (Some(&self.nodes[place].1), live.of_declared[place]),
            None => (None, live.undeclared.get(path).copied()),
        }
    }

    /// Checks the links of the declared nodes in this range.
    pub(super) fn check(&self, sources: &Sources) -> Checked {
        let mut checked = Checked::default();
        for ((path, node), live) in self.nodes.iter().zip(&self.indexes.live.of_declared) {
            if !node.is_declared() || self.gone.contains(path) {
                continue;
            }
            let at = Place {
                path,
                node,
                live: *live,
            };
            let mut origins = node.origins();
            for (name, target) in links(at) {
                self.met_secret.set(false);
                match self.check_link(at, &name, target.as_deref()) {
                    Ok(()) => {}
                    Err(Problem::Unknown(paths)) => checked.unknown.extend(paths),
                    Err(Problem::Warning(lint, message)) => {
                        let (lint, message) = match &target {
                            _ if node.secret.covers(&name) => {
                                (Lint::DanglingLink, secret_message(&name))
                            }
                            Some(target) if self.met_secret.get() => {
                                (Lint::DanglingLink, through_secret_message(&name, target))
                            }
                            _ => (lint, message),
                        };
                        checked.warnings.push(Warning {
                            path: path.clone(),
                            lint,
                            level: Level::Warn,
                            about: About::Trees,
                            message,
                            origin: origins.of(&name).map(|span| sources.locate(span)),
                        });
                    }
                }
            }
        }
        checked
    }

    fn check_link(&self, at: Place<'_>, stored: &str, target: Option<&str>) -> Result<(), Problem> {
        let Some((name, kind)) = split_link(stored) else {
            return Ok(());
        };
        let shown = || format!("link {name} {}", kind.operator());
        let Some(target) = target else {
            let message = format!("{} holds no path", shown());
            return Err(Problem::Warning(Lint::DanglingLink, message));
        };
        let dangling = |message| Problem::Warning(Lint::DanglingLink, message);
        let circular = |message| Problem::Warning(Lint::CircularLink, message);
        let problem = |error| match error {
            Error::Unknown(paths) => Problem::Unknown(paths),
            Error::Missing(missing) => dangling(format!(
                "{} {target} dangles: {missing} does not exist",
                shown()
            )),
            Error::Loop(steps) => circular(format!(
                "{} {target} loops: {}",
                shown(),
                steps.join(" -> ")
            )),
            error => dangling(format!("{} {target} leads nowhere: {error}", shown())),
        };
        match kind {
            LinkKind::Symbolic => {
                // No node can have this name, so none hides it.
                if path::check_name(name).is_err() {
                    let target = join(at.path, target).map_err(problem)?;
                    return resolve(self, &target).map(drop).map_err(problem);
                }
                let child = at.path.join(name);
                match self.child_exists(&child, at) {
                    Lookup::Known(()) => {
                        let message =
                            format!("{} {target} is hidden by the child {child}", shown());
                        return Err(Problem::Warning(Lint::HiddenLink, message));
                    }
                    Lookup::Unknown => return Err(Problem::Unknown(vec![child])),
                    Lookup::Missing => {}
                }
                // Fast path: most targets are nodes that no other link leads to.
                if join(at.path, target).is_ok_and(|target| self.stands(&target)) {
                    return Ok(());
                }
                // Through the link's own name, so that a circle back to it is seen.
                resolve(self, &child).map(drop).map_err(problem)
            }
            LinkKind::Property => {
                let (path, linked) = split_property_link(target);
                let path = join(at.path, path).map_err(problem)?;
                let linked = linked.unwrap_or(name);
                if self.declares(&path, linked) {
                    return Ok(());
                }
                property(self, &path, linked).map(drop).map_err(problem)
            }
        }
    }

    /// Whether there is a node at a path, as far as that is known without its parent.
    fn exists_itself(&self, path: &ZPath) -> Option<Lookup<()>> {
        if self.gone.contains(path) {
            return Some(Lookup::Missing);
        }
        if self.moved.contains_key(path) {
            return Some(Lookup::Known(()));
        }
        let (declared, live) = self.both(path);
        let declared = declared
            .is_some_and(|node| !matches!(node.standing, Standing::Outside { needed: false, .. }));
        if path.is_root() || declared || live.is_some() {
            return Some(Lookup::Known(()));
        }
        let looked_up = self.looked_up(path)?;
        Some(match looked_up {
            Lookup::Known(_) => Lookup::Known(()),
            _ => Lookup::Missing,
        })
    }

    fn stands(&self, path: &ZPath) -> bool {
        self.exists_itself(path) == Some(Lookup::Known(()))
    }

    /// Whether there is a child of a node that is not gone.
    fn child_exists(&self, child: &ZPath, parent: Place<'_>) -> Lookup<()> {
        self.exists_itself(child).unwrap_or_else(|| {
            if self.knows_children(Some(parent.node), parent.live) {
                Lookup::Missing
            } else {
                Lookup::Unknown
            }
        })
    }

    /// Whether a node that is compared whole declares a property.
    fn declares(&self, path: &ZPath, name: &str) -> bool {
        let declared = self.both(path).0.filter(|node| is_whole(node));
        declared.is_some_and(|node| match &node.content {
            Content::Properties(properties) => {
                let has = match properties.len() <= FEW {
                    true => properties.contains(name),
                    false => self.with_decoded(path, properties, |all| all.contains_key(name)),
                };
                has && !self.gone.contains(path)
            }
            Content::Raw { .. } => false,
        })
    }

    /// Looks at the properties of a declared node, which are decoded once.
    fn with_decoded<T>(
        &self,
        path: &ZPath,
        properties: &DeclaredProperties,
        look: impl FnOnce(&Properties) -> T,
    ) -> T {
        let mut decoded = self.decoded.borrow_mut();
        if let Some(properties) = decoded.get(path) {
            return look(properties);
        }
        look(decoded.entry(path.clone()).or_insert(properties.decode()))
    }

    /// Whether all children of a node are among the declared and the live nodes.
    fn knows_children(&self, declared: Option<&Declared>, live: Option<&Live>) -> bool {
        let lists_children = |node: &Declared| node.is_declared() && !node.keep_children;
        match (declared, live) {
            // A node that the plan creates has no other children, unless it was not looked up.
            (Some(node), None) => self.looked_up.is_some() || lists_children(node),
            (Some(node), Some(live)) => live.node().is_some() && lists_children(node),
            (None, Some(live)) => live.node().is_some(),
            (None, None) => false,
        }
    }

    /// The answer for a node that was looked up. Returns `None` if it was not.
    fn looked_up(&self, path: &ZPath) -> Option<Lookup<&Live>> {
        let looked_up = self.looked_up?;
        let found = || {
            looked_up
                .nodes
                .get(path)
                .map_or(Lookup::Missing, Lookup::Known)
        };
        looked_up.asked.contains(path).then(found)
    }
}

impl Nodes for Afterwards<'_> {
    fn exists(&self, path: &ZPath) -> Lookup<()> {
        self.exists_itself(path).unwrap_or_else(|| {
            let is_known = |parent: &ZPath| {
                let (declared, live) = self.both(parent);
                self.gone.contains(parent) || self.knows_children(declared, live)
            };
            if path.parent().as_ref().is_some_and(is_known) {
                Lookup::Missing
            } else {
                Lookup::Unknown
            }
        })
    }

    fn property(&self, path: &ZPath, name: &str) -> Lookup<Option<Value>> {
        let found = self.property_itself(path, name);
        let covers = |node: &Declared| node.secret.covers(name);
        if matches!(found, Lookup::Known(Some(_)))
            && split_link(name).is_some()
            && self.both(path).0.is_some_and(covers)
        {
            self.met_secret.set(true);
        }
        found
    }
}

impl Afterwards<'_> {
    fn property_itself(&self, path: &ZPath, name: &str) -> Lookup<Option<Value>> {
        if self.gone.contains(path) {
            return Lookup::Missing;
        }
        if let Some(data) = self.moved.get(path) {
            return Lookup::Known(data.get(name));
        }
        let (declared, live) = self.both(path);
        if let Some(node) = declared.filter(|node| is_whole(node))
            && let Content::Properties(properties) = &node.content
        {
            let value = match properties.len() <= FEW {
                true => properties.get(name),
                false => self.with_decoded(path, properties, |all| all.get(name).cloned()),
            };
            return Lookup::Known(value);
        }
        let looked_up = self.looked_up(path);
        // Of some nodes more was looked up than was read for the plan.
        let more = match looked_up {
            Some(Lookup::Known(live)) => Some(live),
            _ => None,
        };
        let live = live.filter(|live| live.node().is_some()).or(more).or(live);
        let of_live = |live: &Live| match live.node() {
            Some(live) => {
                let properties = crate::model::value::Data::decode(&live.data).into_properties();
                Lookup::Known(properties.get(name).cloned())
            }
            // Nodes that may not be read cannot be checked.
            None => Lookup::Unknown,
        };
        match (declared, live) {
            (Some(node), live) if node.is_declared() || live.is_none() => {
                let data = desired_data(node, live.and_then(Live::node));
                Lookup::Known(data.into_properties().remove(name))
            }
            (_, Some(live)) => of_live(live),
            (_, None) if looked_up == Some(Lookup::Missing) => Lookup::Missing,
            (_, None) => Lookup::Unknown,
        }
    }
}

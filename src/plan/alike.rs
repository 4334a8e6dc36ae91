//! Subtrees that two trees have at different places, where no `@moved` says that they were moved.
//!
//! A subtree that one tree loses and one that the other gains are the same if their names below, data and
//! ACLs are. If most children of a node moved so, the node itself did. What may hold a secret is never
//! compared: that two secrets are the same is nobody's business.

mod node;
mod parents;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use self::node::Node;
use crate::model::acl::Acl;
use crate::model::lint::{Level, Lint};
use crate::model::node::{Declared, Live, Secret};
use crate::model::path::ZPath;
use crate::model::plan::{About, Action, Move, Plan, Warning};
use crate::model::secrets::SecretNames;
use crate::model::tree::Tree;
use crate::model::value::{Data, Encoded};
use crate::syntax::place::Location;
use crate::syntax::spelling::string_literal;

/// What is known of the tree that the plan starts from.
#[derive(Debug, Clone, Copy)]
pub struct Old<'a> {
    /// As it is declared.
    pub declared: &'a Tree<Declared>,
    /// As if it were live.
    pub live: &'a Tree<Live>,
    /// What is secret by its name.
    pub secret_names: &'a SecretNames,
}

/// Makes a move of each subtree that a plan adds at one place and trims at another, and warns of it: without
/// `@moved` an apply does not keep what is live there.
pub fn mark_moves(plan: &mut Plan, old: Old<'_>) {
    let links = links(plan);
    let (new, gone) = (added(plan, &links, old.secret_names), trimmed(plan, old));
    let found = parents::join(pairs(&new, &gone), &new, &gone);
    if found.is_empty() {
        return;
    }
    let adds = plan.actions.iter().filter_map(|action| match action {
        Action::Add(add) => Some((add.path.clone(), add.origin.clone())),
        _ => None,
    });
    let mut origins: HashMap<ZPath, Option<Location>> = adds.collect();
    let moves = found.into_iter().map(|pair| Move {
        origin: origins.remove(&pair.to).flatten(),
        from: pair.from,
        to: pair.to,
        changes: BTreeMap::new(),
        dropped: pair.dropped,
    });
    let moves: Vec<Move> = moves.collect();
    plan.warnings.extend(warnings(&moves, &plan.path));
    plan.moves.extend(moves);
    // A moved node is created as it is to be, with its links.
    let moved: BTreeSet<ZPath> = plan.moved_nodes().into_keys().collect();
    plan.actions.retain_mut(|action| match action {
        Action::Add(add) if moved.contains(&add.path) => {
            if let Some(data) = links.get(&add.path) {
                add.data = data.clone();
            }
            true
        }
        Action::Link(link) => !moved.contains(&link.path),
        _ => true,
    });
}

/// One warning a move; one for all where many nodes went from one parent to another.
fn warnings(moves: &[Move], place: &ZPath) -> Vec<Warning> {
    let mut by_parents: BTreeMap<_, Vec<&Move>> = BTreeMap::new();
    // What is live, or was exported, has no line to write it at.
    for moved in moves.iter().filter(|moved| moved.origin.is_some()) {
        let parents = (moved.from.parent(), moved.to.parent());
        by_parents.entry(parents).or_default().push(moved);
    }
    let mut warnings = Vec::new();
    for ((of, at), moves) in by_parents {
        let shown = if moves.len() > MANY { 1 } else { moves.len() };
        let (shown, more) = moves.split_at(shown);
        for moved in shown {
            let from = &moved.from;
            let part = if moved.dropped.is_empty() {
                ""
            } else {
                "most of "
            };
            let line = string_literal(from.moved(place, &ZPath::root()).as_str());
            let message = match (more.len(), &of, &at) {
                (more @ 1.., Some(of), Some(at)) => format!(
                    "{part}it is what {from} was, and {more} more below {at} were below {of}; apply moves the \
                     live nodes with lines like @moved from {line}, and creates new ones without them"
                ),
                _ => format!(
                    "{part}it is what {from} was; apply moves the live nodes with the line @moved from \
                     {line}, and creates new ones without it"
                ),
            };
            warnings.push(Warning {
                path: moved.to.clone(),
                lint: Lint::UndeclaredMove,
                level: Level::Warn,
                about: About::Trees,
                message,
                origin: moved.origin.clone(),
            });
        }
    }
    warnings.sort_by(|one, other| one.path.cmp(&other.path));
    warnings
}

/// How many moves from one parent to another have a warning each.
const MANY: usize = 5;

/// The data of new nodes with their links.
fn links(plan: &Plan) -> HashMap<ZPath, Encoded> {
    let links = plan.actions.iter().filter_map(|action| match action {
        Action::Link(link) if link.expected_version.is_none() => {
            Some((link.path.clone(), link.data.clone()))
        }
        _ => None,
    });
    links.collect()
}

/// The new nodes in path order, without those that the plan moves already.
fn added<'a>(
    plan: &'a Plan,
    links: &'a HashMap<ZPath, Encoded>,
    names: &SecretNames,
) -> Vec<Node<'a>> {
    let moved = plan.moved_nodes();
    let nodes = plan.actions.iter().filter_map(|action| match action {
        Action::Add(add) if !moved.contains_key(&add.path) => {
            let data = links.get(&add.path).unwrap_or(&add.data).as_bytes();
            Some(Node {
                path: &add.path,
                data,
                acl: add.acl.as_deref().filter(|acl| **acl != Acl::open()),
                may_be_secret: !matches!(add.secret.0, Secret::Nothing)
                    || may_hold_secret(names, &add.path, data),
            })
        }
        _ => None,
    });
    sorted(nodes)
}

/// The nodes that go, in path order, without those that the plan moves already.
fn trimmed<'a>(plan: &'a Plan, old: Old<'a>) -> Vec<Node<'a>> {
    let moved = plan.moved_nodes();
    let moved: BTreeSet<&ZPath> = moved.into_values().collect();
    let nodes = plan.actions.iter().filter_map(|action| match action {
        Action::Trim(trim) if !moved.contains(&trim.path) => {
            let node = old.live.get(&trim.path)?.node()?;
            let declared = old.declared.get(&trim.path);
            let acl = node.acl.as_ref().map(Arc::as_ref);
            let is_declared_so =
                declared.is_some_and(|node| !matches!(node.secret, Secret::Nothing));
            Some(Node {
                path: &trim.path,
                data: &node.data,
                acl: acl.filter(|acl| **acl != Acl::open()),
                may_be_secret: is_declared_so
                    || may_hold_secret(old.secret_names, &trim.path, &node.data),
            })
        }
        _ => None,
    });
    sorted(nodes)
}

fn sorted<'a>(nodes: impl Iterator<Item = Node<'a>>) -> Vec<Node<'a>> {
    let mut nodes: Vec<Node<'a>> = nodes.collect();
    nodes.sort_by(|one, other| one.path.cmp(other.path));
    nodes
}

fn may_hold_secret(names: &SecretNames, path: &ZPath, data: &[u8]) -> bool {
    match Data::decode(data) {
        Data::Properties(properties) => {
            let mut properties = properties.iter();
            properties
                .any(|(name, value)| names.are_lines_for(name) || names.has_property(name, value))
        }
        Data::Text(_) | Data::Binary(_) => {
            let text = String::from_utf8_lossy(data);
            names.has(path.name()) || names.are_in_text(&text)
        }
    }
}

/// What there is to know of the subtree of a node.
#[derive(Clone, Copy)]
struct Subtree {
    hash: u64,
    nodes: usize,
    has_data: bool,
    may_be_secret: bool,
}

impl Subtree {
    /// Whether it is of a kind that says which subtree it is.
    fn is_comparable(&self) -> bool {
        self.has_data && !self.may_be_secret
    }
}

/// The subtree of each node, from nodes in path order.
fn subtrees(nodes: &[Node<'_>], hasher: &RandomState) -> Vec<Subtree> {
    let mut found: Vec<Subtree> = Vec::with_capacity(nodes.len());
    // The children of nodes that are still to come, the nearest last.
    let mut open: Vec<(&ZPath, Subtree)> = Vec::new();
    for node in nodes.iter().rev() {
        let mut whole = Subtree {
            hash: 0,
            nodes: 1,
            has_data: !node.data.is_empty() && node.data != b"{}",
            may_be_secret: node.may_be_secret,
        };
        let mut children = Vec::new();
        while let Some((path, child)) = open.pop_if(|(path, _)| path.is_within(node.path)) {
            whole.nodes += child.nodes;
            whole.has_data |= child.has_data;
            whole.may_be_secret |= child.may_be_secret;
            children.push((path.name(), child.hash));
        }
        let acl = node.acl.map(Acl::to_string);
        whole.hash = hasher.hash_one((node.data, acl, children));
        open.push((node.path, whole));
        found.push(whole);
    }
    found.reverse();
    found
}

/// Subtrees that go, by what they hold; with a name only those of that name, in path order.
type ByHash<'a> = HashMap<(u64, Option<&'a str>), VecDeque<usize>>;

/// The places of equal subtrees, old and new. Of several that go, one with the same name is taken, else the
/// first by path; a node alone counts only where it keeps its name.
fn pairs(new: &[Node<'_>], old: &[Node<'_>]) -> Vec<(ZPath, ZPath)> {
    let hasher = RandomState::new();
    let (new_subtrees, old_subtrees) = (subtrees(new, &hasher), subtrees(old, &hasher));
    let mut by_hash: ByHash<'_> = HashMap::new();
    for (at, subtree) in old_subtrees.iter().enumerate() {
        if subtree.is_comparable() {
            for name in [Some(old[at].path.name()), None] {
                by_hash
                    .entry((subtree.hash, name))
                    .or_default()
                    .push_back(at);
            }
        }
    }
    let mut taken = Taken::default();
    let mut pairs = Vec::new();
    let mut at = 0;
    while let (Some(node), Some(subtree)) = (new.get(at), new_subtrees.get(at)) {
        let mut keys = vec![(subtree.hash, Some(node.path.name()))];
        if subtree.nodes > 1 {
            keys.push((subtree.hash, None));
        }
        let mut find = |key| taken.first(by_hash.get_mut(&key)?, old);
        let found = keys.into_iter().find_map(&mut find);
        let found = found.filter(|_| subtree.is_comparable());
        let found = found.filter(|from| {
            let (ours, theirs) = (&new[at..], &old[*from..]);
            let mut nodes = ours.iter().zip(theirs).take(subtree.nodes);
            nodes.all(|(one, other)| one.is_like(node.path, other, theirs[0].path))
        });
        at += match found {
            Some(from) => {
                let from = old[from].path;
                taken.0.insert(from);
                pairs.push((from.clone(), node.path.clone()));
                subtree.nodes
            }
            None => 1,
        };
    }
    pairs
}

/// The tops of old subtrees that have their pair.
#[derive(Default)]
struct Taken<'a>(BTreeSet<&'a ZPath>);

impl<'a> Taken<'a> {
    /// The first subtree of which no part is taken. What is taken stays so.
    fn first(&self, queue: &mut VecDeque<usize>, old: &[Node<'a>]) -> Option<usize> {
        while let Some(at) = queue.front() {
            if !self.overlaps(old[*at].path) {
                return Some(*at);
            }
            queue.pop_front();
        }
        None
    }

    fn overlaps(&self, path: &ZPath) -> bool {
        let mut below = self.0.range::<&ZPath, _>(path..);
        below.next().is_some_and(|taken| taken.is_within(path))
            || path.prefixes().any(|above| self.0.contains(&above))
    }
}

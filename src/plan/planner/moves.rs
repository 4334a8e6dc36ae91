//! Moves: the old subtree as if it stood at the new place.
//!
//! What the new place is to hold follows from a comparison of what is declared there with the old live
//! subtree. Then the old nodes count as gone, and what the new place is to hold as declared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::compare::Fit;
use super::policy::Policy;
use super::stages::Stages;
use super::{compare, protection};
use crate::model::acl::Acl;
use crate::model::lint::{Level, Lint};
use crate::model::node::{
    AclVersion, Content, DataVersion, Declared, DeclaredProperties, Live, LiveNode, Secret,
    Standing,
};
use crate::model::path::ZPath;
use crate::model::plan::{About, Action, Change, Move, MoveProblem, Plan, Refusal, Trim, Warning};
use crate::model::record;
use crate::model::tree::Tree;
use crate::model::value::Encoded;
use crate::plan::scope;
use crate::syntax::names::Globs;
use crate::syntax::place::Location;

/// The moves of a plan.
#[derive(Default)]
pub(super) struct Moves {
    /// Those that are to be done.
    pub(super) moves: Vec<Move>,
    /// What moved nodes are to hold, by their new path.
    pub(super) contents: HashMap<ZPath, Contents>,
    /// The trims of nodes that are moved.
    pub(super) trims: Vec<Trim>,
    /// The trims of nodes that are not: undeclared ones.
    pub(super) dropped: Vec<Trim>,
    /// The old nodes that have an ACL.
    pub(super) acls: Vec<(ZPath, Arc<Acl>)>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) warnings: Vec<Warning>,
}

impl Moves {
    /// Tells the plan what is known before the trees are compared.
    pub(super) fn begin(&mut self, plan: &mut Plan) {
        plan.examined += self.trims.len() + self.dropped.len();
        plan.refusals.append(&mut self.refusals);
        plan.warnings.append(&mut self.warnings);
    }

    /// How many children leave each node because they are moved, or go with what is moved.
    pub(super) fn gone_below(&self) -> HashMap<ZPath, usize> {
        let mut gone = HashMap::new();
        for trim in self.trims.iter().chain(&self.dropped) {
            if let Some(parent) = trim.path.parent() {
                *gone.entry(parent).or_default() += 1;
            }
        }
        gone
    }

    /// Takes over what moves trim for good. What moved nodes hold is no loss, and follows at the end.
    pub(super) fn drop_undeclared(&mut self, stages: &mut Stages) {
        stages
            .trims
            .extend(self.dropped.drain(..).map(Action::Trim));
        sort(&mut stages.trims);
    }

    /// Takes over the trims of the nodes that are moved, and refuses moves of which something could
    /// not be added.
    pub(super) fn end(&mut self, stages: &mut Stages, plan: &mut Plan) {
        if self.moves.is_empty() {
            return;
        }
        stages.trims.extend(self.trims.drain(..).map(Action::Trim));
        sort(&mut stages.trims);
        for moved in &self.moves {
            let mut left = self.contents.keys();
            if let Some(path) = left.find(|path| path.is_within(&moved.to)) {
                plan.refusals.push(Refusal::Move {
                    from: moved.from.clone(),
                    to: moved.to.clone(),
                    why: MoveProblem::Stays(path.clone()),
                    origin: moved.origin.clone(),
                });
            }
        }
        plan.moves = std::mem::take(&mut self.moves);
    }
}

fn sort(trims: &mut [Action]) {
    trims.sort_by(|one, other| one.path().cmp(other.path()));
}

/// What a moved node is to hold.
pub(super) struct Contents {
    /// Links included.
    pub(super) data: Encoded,
    /// All of it where nobody declares it.
    pub(super) secret: Secret,
}

/// The trees of a plan with moves.
pub(super) struct Trees {
    /// What the new places are to hold is declared in it.
    pub(super) declared: Tree<Declared>,
    /// It is without the old places.
    pub(super) live: Tree<Live>,
    pub(super) moves: Moves,
}

/// Looks for moves that are to be done. Returns `None` if there is none: all old places are gone, or
/// were never there.
pub(super) fn pending(
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
) -> Option<Trees> {
    let places = declared.iter().filter_map(|(to, node)| {
        let from = node.moved_from.as_ref()?;
        live.get(from)?;
        Some(Place { from, to, node })
    });
    let places: Vec<Place<'_>> = places.collect();
    if places.is_empty() {
        return None;
    }
    let mut moving = Moving {
        declared,
        live,
        policy,
        nodes: Vec::new(),
        moves: Moves::default(),
    };
    let mut gone: BTreeSet<&ZPath> = BTreeSet::new();
    for place in &places {
        let is_inner = |path: &ZPath| {
            let mut others = places.iter();
            others.any(|other| {
                other.from != place.from
                    && other.from.is_within(place.from)
                    && path.is_within(other.from)
            })
        };
        let old = live.subtree(place.from).iter();
        let old: Vec<&(ZPath, Live)> = old.filter(|(path, _)| !is_inner(path)).collect();
        if moving.is_left_out(place, &old) {
            continue;
        }
        gone.extend(old.iter().map(|(path, _)| path));
        moving.heed_protection(place.from);
        if let Err(why) = moving.subtree(place, &old) {
            moving.refuse(place, why);
        }
    }
    let Moving {
        nodes, mut moves, ..
    } = moving;
    moves.trims.sort_by(|a, b| a.path.cmp(&b.path));
    let mut declared_after = declared.clone();
    declared_after.merge(nodes);
    let mut live_after = live.clone();
    live_after.retain(|path, _| !gone.contains(path));
    Some(Trees {
        declared: declared_after,
        live: live_after,
        moves,
    })
}

/// A declared move whose old place is there.
struct Place<'a> {
    from: &'a ZPath,
    to: &'a ZPath,
    node: &'a Declared,
}

struct Moving<'a> {
    declared: &'a Tree<Declared>,
    live: &'a Tree<Live>,
    policy: &'a Policy<'a>,
    /// Nodes as they count as declared.
    nodes: Vec<(ZPath, Declared)>,
    moves: Moves,
}

/// What becomes of an old node at its new place.
enum Becomes {
    /// It is to be added there, or is there as it is to be.
    Carried,
    /// It is not declared there, and undeclared nodes are trimmed.
    Dropped,
}

/// What a node is to hold at its new place.
struct Wanted {
    data: Encoded,
    changes: Vec<Change>,
}

impl Moving<'_> {
    /// Whether the plan is not about this move, so that both places stay as they are.
    fn is_left_out(&mut self, place: &Place<'_>, old: &[&(ZPath, Live)]) -> bool {
        let Place { from, to, node } = place;
        if let Standing::Outside { needed: false, .. } = node.standing {
            let covers = |(path, _): &&(ZPath, Live)| self.policy.filter.covers(path);
            if self.policy.trim == scope::Trim::All && old.iter().any(covers) {
                self.refuse(place, MoveProblem::OutOfScope((*to).clone()));
            }
            return true;
        }
        let created = |path: &ZPath| {
            self.live
                .get(path)?
                .node()?
                .zxids()
                .map(|seen| seen.created)
        };
        let is_younger = created(from)
            .zip(created(to))
            .is_some_and(|(old, new)| old > new);
        if is_younger {
            self.moves.warnings.push(Warning {
                path: (*to).clone(),
                lint: Lint::OldPlaceTaken,
                level: Level::Warn,
                about: About::Trees,
                message: format!(
                    "it was moved from {from}, and a newer node is there; that is left alone: \
                     delete it, or the line @moved"
                ),
                origin: self.origin(place),
            });
        }
        is_younger
    }

    fn subtree(&mut self, place: &Place<'_>, old: &[&(ZPath, Live)]) -> Result<(), MoveProblem> {
        let Place { from, to, node } = place;
        let filter = &self.policy.filter;
        if !node.is_declared() {
            return Err(MoveProblem::OutOfScope((*to).clone()));
        }
        let mut changes = BTreeMap::new();
        let mut dropped = BTreeSet::new();
        let (mut trims, mut trims_of_dropped, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
        let mut contents = HashMap::new();
        for (path, live) in old {
            let new = path.moved(from, to);
            let outside = [path, &new].into_iter().find(|path| !filter.covers(path));
            if let Some(outside) = outside {
                return Err(MoveProblem::OutOfScope(outside.clone()));
            }
            let live = movable(path, live)?;
            let trim = Trim {
                path: path.clone(),
                expected_version: live.version,
                seen: live.zxids(),
            };
            match self.becomes(&new, to) {
                Becomes::Dropped => {
                    dropped.insert(path.clone());
                    trims_of_dropped.push(trim);
                    continue;
                }
                Becomes::Carried => trims.push(trim),
            }
            let (wanted, count_as) = self.node((path, live), &new)?;
            // Also of a node that is there already, where a move was cut short.
            if !wanted.changes.is_empty() {
                changes.insert(new.clone(), wanted.changes);
            }
            if self.live.get(&new).is_none() {
                let (data, secret) = (wanted.data, self.secret(&new));
                contents.insert(new.clone(), Contents { data, secret });
            }
            nodes.extend(count_as.map(|node| (new, node)));
        }
        let acls = old
            .iter()
            .filter_map(|(path, live)| Some((path.clone(), live.node()?.acl.clone()?)));
        self.moves.acls.extend(acls);
        self.moves.moves.push(Move {
            from: (*from).clone(),
            to: (*to).clone(),
            changes,
            dropped,
            origin: self.origin(place),
        });
        self.nodes.extend(nodes);
        self.moves.contents.extend(contents);
        self.moves.trims.extend(trims);
        self.moves.dropped.extend(trims_of_dropped);
        Ok(())
    }

    /// What of a moved node is hidden.
    fn secret(&self, new: &ZPath) -> Secret {
        match self.declared.get(new) {
            Some(node) if node.is_declared() && !node.keep_properties && node.ignore.is_empty() => {
                node.secret.clone()
            }
            _ => Secret::Everything,
        }
    }

    /// What becomes of the old node that would be at `new`.
    fn becomes(&self, new: &ZPath, to: &ZPath) -> Becomes {
        if self.policy.trim != scope::Trim::All || self.declared.get(new).is_some() {
            return Becomes::Carried;
        }
        let mut above = new.parent();
        while let Some(at) = above.filter(|at| at.is_within(to)) {
            if let Some(node) = self.declared.get(&at) {
                let stays = node.keep_children || node.is_passed_through();
                return match stays {
                    true => Becomes::Carried,
                    false => Becomes::Dropped,
                };
            }
            above = at.parent();
        }
        Becomes::Carried
    }

    /// What an old node is to hold at its new place, and as what it counts as declared there; `None`
    /// as what is declared.
    fn node(
        &self,
        (old, live): (&ZPath, &LiveNode),
        new: &ZPath,
    ) -> Result<(Wanted, Option<Declared>), MoveProblem> {
        let node = self.declared.get(new).filter(|node| node.is_declared());
        if node.is_some_and(|node| node.ephemeral && !self.policy.allow_ephemeral) {
            return Err(MoveProblem::Stays(new.clone()));
        }
        if node.is_none() && self.policy.owner.is_some() {
            return Err(MoveProblem::Claimed(old.clone()));
        }
        let acl = match node.and_then(|node| node.acl.clone()) {
            Some(declared) => Some(declared),
            None => {
                let acl = live.acl.clone().filter(|acl| !acl.is_masked());
                let acl = acl.ok_or_else(|| MoveProblem::Acl(old.clone()))?;
                (*acl != Acl::open()).then_some(acl)
            }
        };
        let wanted = self.wanted(new, node, live);
        let there = match self.live.get(new) {
            None => {
                let node = node.cloned().unwrap_or_default();
                return Ok((wanted, Some(Declared { acl, ..node })));
            }
            Some(Live::Read(there)) if !there.ephemeral => there,
            Some(_) => return Err(MoveProblem::Unreadable(new.clone())),
        };
        let differs = || MoveProblem::Differs {
            old: old.clone(),
            new: new.clone(),
        };
        let has_data = same(&wanted.data, &self.wanted(new, node, there).data);
        let has_acl = node.is_some_and(|node| node.acl.is_some())
            || there.acl.as_deref() == Some(acl.as_deref().unwrap_or(&Acl::open()));
        if has_data && has_acl {
            return Ok((wanted, None));
        }
        // A move that was cut short has created the node as the old one was then.
        let is_as_created = there.version == DataVersion::NEW && there.czxid != 0;
        let copied = self.policy.copies.get(new);
        let is_our_copy = copied.is_some_and(|data| data.as_bytes() == there.data);
        let is_older = is_our_copy || live.mzxid > there.czxid;
        let may_write = has_data || is_as_created && is_older;
        let may_close = has_acl || there.acl_version == AclVersion::NEW && there.czxid != 0;
        if !may_write || !may_close {
            return Err(differs());
        }
        let acl = acl.unwrap_or_else(|| Arc::new(Acl::open()));
        let node = Declared {
            content: stored(wanted.data.as_bytes()),
            keep_properties: false,
            ignore: Globs::default(),
            acl: Some(acl),
            secret: node.map_or(Secret::Everything, |node| node.secret.clone()),
            standing: Standing::Declared,
            ..node.cloned().unwrap_or_default()
        };
        Ok((wanted, Some(node)))
    }

    /// What a node is to hold that stands at `path`, or is to.
    fn wanted(&self, path: &ZPath, node: Option<&Declared>, live: &LiveNode) -> Wanted {
        let as_it_is = || Wanted {
            data: encoded(&live.data),
            changes: Vec::new(),
        };
        let Some(node) = node else {
            return as_it_is();
        };
        let Fit::Comparable(node) = Fit::of(node, live, self.policy.replace) else {
            return as_it_is();
        };
        let compared = compare::compare(path, &node, live, node.acl.clone(), self.policy);
        let (mut data, mut changes) = (None, Vec::new());
        if let Some(update) = compared.update {
            data = update.data;
            changes = update.changes;
        }
        if let Some(link) = compared.link {
            data = Some(link.data);
            changes.extend(link.changes);
        }
        Wanted {
            data: data.unwrap_or_else(|| encoded(&live.data)),
            changes,
        }
    }

    /// Refuses what `@protect` covers.
    fn heed_protection(&mut self, from: &ZPath) {
        let parent = from.parent().unwrap_or_else(ZPath::root);
        let refusal = protection::refusal(from, &parent, self.declared, self.policy);
        self.moves.refusals.extend(refusal);
    }

    fn origin(&self, place: &Place<'_>) -> Option<Location> {
        let span = place.node.directives.get("@moved");
        span.map(|span| self.policy.sources.locate(*span))
    }

    fn refuse(&mut self, place: &Place<'_>, why: MoveProblem) {
        self.moves.refusals.push(Refusal::Move {
            from: place.from.clone(),
            to: place.to.clone(),
            why,
            origin: self.origin(place),
        });
    }
}

/// What was read of a node that may stand elsewhere.
fn movable<'l>(path: &ZPath, live: &'l Live) -> Result<&'l LiveNode, MoveProblem> {
    match live.node() {
        None => Err(MoveProblem::Unreadable(path.clone())),
        Some(node) if node.ephemeral => Err(MoveProblem::Ephemeral(path.clone())),
        Some(node) if record::is_part(&node.data) => Err(MoveProblem::Record(path.clone())),
        Some(node) => Ok(node),
    }
}

/// Whether two nodes hold the same.
fn same(a: &Encoded, b: &Encoded) -> bool {
    a.as_bytes() == b.as_bytes()
}

/// Live data as it is stored.
fn encoded(data: &[u8]) -> Encoded {
    match stored(data) {
        Content::Properties(properties) => properties.encoded().clone(),
        Content::Raw { bytes, .. } => Encoded::raw(bytes),
    }
}

/// Live data as if it were declared, byte for byte.
fn stored(data: &[u8]) -> Content {
    match DeclaredProperties::stored(data) {
        Some(properties) if properties.encoded().as_bytes() == data => {
            Content::Properties(properties)
        }
        _ => Content::Raw {
            bytes: data.into(),
            origin: None,
        },
    }
}

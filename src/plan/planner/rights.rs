//! The effect of a plan's ACLs on the session that executes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashSet;

use super::needs::{KnownAcl, judge as judge_rights, needed, of_actions};
use super::policy::Policy;
use super::stages::Stages;
use crate::model::acl::{Acl, AclEntry, Allowed, AuthId, Identities, Permissions};
use crate::model::lint::{Level, Lint};
use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::model::plan::{
    ACL_CHANGE, About, Action, Add, Change, Needs, Plan, Refusal, Update, Warning,
};
use crate::model::tree::Tree;
use crate::syntax::place::{Location, Span};

/// Whether a plan needs the session's identities: if any ACL is declared, or moved with its node.
#[must_use]
pub fn needs_identities(declared: &Tree<Declared>) -> bool {
    declared
        .iter()
        .any(|(_, node)| node.acl.is_some() || node.moved_from.is_some())
}

/// Facts about ACLs, for warnings.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The first node whose ACL could not be compared, and how many there are.
    not_compared: Option<(ZPath, usize)>,
    /// The first node below which nothing could be compared, and how many there are.
    not_listed: Option<(ZPath, usize)>,
    declared: Identified,
    live: Identified,
}

/// The identities that ACLs name.
#[derive(Debug, Default)]
struct Identified {
    /// The first node whose ACL names anybody.
    first: Option<ZPath>,
    /// Whether any of them names an identity of the session.
    applier: bool,
}

impl Identified {
    fn note(&mut self, path: &ZPath, acl: &Acl, applier: &Identities) {
        let names = |entry: &&AclEntry| !matches!(entry.who.scheme.as_str(), "world" | "ip");
        for entry in acl.entries.iter().filter(names) {
            self.applier |= entry.who.scheme == "auth" || applier.stand_in(entry);
            self.first.get_or_insert_with(|| path.clone());
        }
    }
}

impl Seen {
    pub(super) fn not_compared(&mut self, path: &ZPath) {
        let (_, count) = self.not_compared.get_or_insert_with(|| (path.clone(), 0));
        *count += 1;
    }

    pub(super) fn not_listed(&mut self, path: &ZPath) {
        let (_, count) = self.not_listed.get_or_insert_with(|| (path.clone(), 0));
        *count += 1;
    }

    pub(super) fn declared(&mut self, path: &ZPath, acl: &Acl, applier: &Identities) {
        self.declared.note(path, acl, applier);
    }

    pub(super) fn live(&mut self, path: &ZPath, acl: &Acl, applier: &Identities) {
        self.live.note(path, acl, applier);
    }

    pub(super) fn warnings(self, applier: &Identities) -> Vec<Warning> {
        let warning = |lint, path, message| Warning {
            path,
            lint,
            level: Level::Warn,
            about: About::Trees,
            message,
            origin: None,
        };
        let mut warnings = Vec::new();
        // Live ACLs say more than declared ones: `auth::` stands for any session.
        let named = match &self.live.first {
            Some(_) => self.live,
            None => self.declared,
        };
        let is_known = !applier.is_super && !applier.may_be_more && !applier.stored.is_empty();
        if let Some(path) = named.first.filter(|_| is_known && !named.applier) {
            let names: Vec<&str> = applier.users().collect();
            let names = names.join(", ");
            // Others than digests are not taken unproven.
            let is_digest = |who: &AuthId| who.scheme == "digest";
            let check = match applier.stored.iter().any(is_digest) {
                true => "a server takes any password, so check user and password",
                false => "check whether it is the right user",
            };
            let message = format!(
                "no ACL that is declared or seen names an identity of the applier ({names}); {check}"
            );
            warnings.push(warning(Lint::UnknownApplier, path, message));
        }
        if let Some((path, count)) = self.not_compared {
            let nodes = if count == 1 { "node" } else { "nodes" };
            let message = format!("not compared: the ACL of {count} {nodes} (no ADMIN right)");
            warnings.push(warning(Lint::UnseenAcl, path, message));
        }
        if let Some((path, count)) = self.not_listed {
            let nodes = if count == 1 { "node" } else { "nodes" };
            let message = format!("not compared: the ACLs below {count} {nodes} (no READ right)");
            warnings.push(warning(Lint::UnseenAcl, path, message));
        }
        warnings
    }
}

/// Live ACLs that may deny the session something.
#[derive(Debug, Default)]
pub(super) struct Closed(BTreeMap<ZPath, Arc<Acl>>);

impl Closed {
    /// What a plan does at a node.
    const NEEDS: [Permissions; 4] = [
        Permissions::CREATE,
        Permissions::WRITE,
        Permissions::DELETE,
        Permissions::ADMIN,
    ];

    pub(super) fn note(&mut self, path: &ZPath, acl: &Arc<Acl>, applier: &Identities) {
        let is_open = |need| applier.may(acl, need) == Allowed::Yes;
        if !Self::NEEDS.into_iter().all(is_open) {
            self.0.insert(path.clone(), acl.clone());
        }
    }

    /// Finds the ACL changes without which the rest of the plan is not allowed, and puts them first
    /// among the updates, each apart from its node's data. Returns the first node where such a
    /// change would take what the rest needs as well.
    pub(super) fn open(
        &self,
        stages: &mut Stages,
        applier: &Identities,
        opened: &mut BTreeSet<ZPath>,
    ) -> Option<ZPath> {
        if self.0.is_empty() {
            return None;
        }
        let needs = self.needs(stages);
        let mut contradiction = None;
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for action in std::mem::take(&mut stages.updates) {
            let Action::Update(update) = action else {
                rest.push(action);
                continue;
            };
            let (before, needs) = (self.0.get(&update.path), needs.get(&update.path));
            let (Some(before), Some(needs), Some((_, after))) = (before, needs, &update.acl) else {
                rest.push(Action::Update(update));
                continue;
            };
            let gives = |acl: &Acl, allowed| {
                let needs = needs.iter();
                let given = needs.filter(move |need| applier.may(acl, **need) == allowed);
                given.count()
            };
            let is_enough = |acl| gives(acl, Allowed::Yes) == needs.len();
            if is_enough(before) || gives(after, Allowed::Yes) == 0 {
                rest.push(Action::Update(update));
            } else if is_enough(after) {
                opened.insert(update.path.clone());
                let (opener, others) = split(update);
                first.push(Action::Update(opener));
                rest.extend(others.map(Action::Update));
            } else {
                let is_short = |acl| gives(acl, Allowed::No) > 0;
                if is_short(before) && is_short(after) {
                    contradiction.get_or_insert_with(|| update.path.clone());
                }
                rest.push(Action::Update(update));
            }
        }
        first.append(&mut rest);
        stages.updates = first;
        contradiction
    }

    /// Refuses what the plan has to do at nodes whose ACL surely does not allow it.
    pub(super) fn missing(&self, plan: &Plan, applier: &Identities) -> Option<Refusal> {
        if self.0.is_empty() {
            return None;
        }
        let acl_of = |path: &ZPath| match self.0.get(path) {
            Some(acl) => KnownAcl::Shown(acl),
            None => KnownAcl::Unread,
        };
        let nodes = judge_rights(&needed(plan), acl_of, applier).missing;
        (!nodes.is_empty()).then_some(Refusal::NoRight { nodes })
    }

    /// The rights that the plan takes at these nodes, but for those to change their ACLs.
    fn needs(&self, stages: &Stages) -> BTreeMap<ZPath, Vec<Permissions>> {
        let Stages {
            adds,
            updates,
            links,
            trims,
        } = stages;
        let needed = of_actions([adds, updates, links, trims].into_iter().flatten());
        let closed = needed
            .into_iter()
            .filter(|(path, _)| self.0.contains_key(path));
        let but_admin = |rights: Permissions| {
            let rights = rights.each();
            rights
                .filter(|right| *right != Permissions::ADMIN)
                .collect()
        };
        let needs = closed.map(|(path, rights)| (path, but_admin(rights)));
        needs
            .filter(|(_, needs): &(_, Vec<_>)| !needs.is_empty())
            .collect()
    }
}

/// An update of the ACL alone, and one of the data if there is any.
fn split(update: Update) -> (Update, Option<Update>) {
    let (acl, others): (Vec<Change>, Vec<Change>) = update
        .changes
        .iter()
        .cloned()
        .partition(|change| change.name == ACL_CHANGE);
    let rest = update.data.is_some().then(|| Update {
        acl: None,
        changes: others,
        ..update.clone()
    });
    let opener = Update {
        data: None,
        changes: acl,
        ..update
    };
    (opener, rest)
}

/// A new node that the session could neither be given for itself at first, nor write later, is
/// created with its links.
pub(super) fn link_at_once(stages: &mut Stages, applier: &Identities) {
    if !applier.stored.is_empty() {
        return;
    }
    let Stages { adds, links, .. } = stages;
    links.retain(|action| {
        let Action::Link(link) = action else {
            return true;
        };
        let at = adds.binary_search_by(|add| add.path().cmp(&link.path));
        let Some(Action::Add(add)) = at.ok().and_then(|at| adds.get_mut(at)) else {
            return true;
        };
        let writes = |acl: &Arc<Acl>| applier.may(acl, Permissions::WRITE) == Allowed::Yes;
        let can_wait = add.acl.as_ref().is_none_or(writes);
        if !can_wait {
            add.data = link.data.clone();
        }
        can_wait
    });
}

/// Finds the new nodes that must be created for the session alone at first, and refuses what would
/// lock it out, or cannot be done without an identity.
pub(super) fn judge(
    stages: &Stages,
    declared: &Tree<Declared>,
    policy: &Policy<'_>,
    applier: &Identities,
    plan: &mut Plan,
) {
    plan.access.users = applier.users().map(str::to_owned).collect();
    let uncreatable = guard(stages, applier, &mut plan.access.guarded);
    let locked = locked(stages, applier);
    let origin = |path: &ZPath| origin(path, declared, policy);
    if let Some(path) = locked.first().filter(|_| !policy.may_lock_out) {
        plan.refusals.push(Refusal::LocksOut {
            path: (*path).clone(),
            nodes: locked.len(),
            origin: origin(path),
        });
    }
    if let Some(path) = uncreatable {
        plan.refusals.push(Refusal::NoCreator {
            path: path.clone(),
            origin: origin(path),
        });
    }
}

/// The new nodes that have an ACL, with it, and whether they have children.
fn with_acl(stages: &Stages) -> impl Iterator<Item = (&ZPath, &Acl, bool)> {
    let adds = stages.adds.iter().enumerate();
    adds.filter_map(|(i, action)| {
        let Action::Add(Add {
            path,
            acl: Some(acl),
            ..
        }) = action
        else {
            return None;
        };
        // Children follow in path order, and all children of a new node are new.
        let next = stages.adds.get(i + 1).map(Action::path);
        let has_children = next.is_some_and(|next| next.is_within(path));
        Some((path, &**acl, has_children))
    })
}

/// Takes note of the new nodes that are created for the session alone. Returns the first one that would
/// have to be, where the session has no identity.
fn guard<'s>(
    stages: &'s Stages,
    applier: &Identities,
    guarded: &mut BTreeMap<ZPath, Needs>,
) -> Option<&'s ZPath> {
    let linked: HashSet<&ZPath> = stages.links.iter().map(Action::path).collect();
    let can_guard = !applier.stored.is_empty();
    let mut uncreatable = None;
    for (path, acl, has_children) in with_acl(stages) {
        let creates = has_children.then(|| applier.may(acl, Permissions::CREATE));
        match creates {
            Some(Allowed::No | Allowed::Unknown) if can_guard => {
                guarded.insert(path.clone(), Needs::Children);
            }
            Some(Allowed::No) if applier.are_none() => {
                uncreatable.get_or_insert(path);
            }
            _ if can_guard
                && linked.contains(path)
                && applier.may(acl, Permissions::WRITE) != Allowed::Yes =>
            {
                guarded.insert(path.clone(), Needs::Links);
            }
            _ => {}
        }
    }
    uncreatable
}

/// The nodes that the session could not change again, by path: updated ones, and new ones that have
/// children.
fn locked<'s>(stages: &'s Stages, applier: &Identities) -> Vec<&'s ZPath> {
    let added = with_acl(stages).filter(|(_, _, has_children)| *has_children);
    let added = added.map(|(path, acl, _)| (path, acl));
    let updated = stages.updates.iter().filter_map(|action| match action {
        Action::Update(update) => {
            let (_, acl) = update.acl.as_ref()?;
            Some((&update.path, &**acl))
        }
        _ => None,
    });
    let locked = added.chain(updated);
    let locked = locked.filter(|(_, acl)| locks_out(acl, applier));
    let mut locked: Vec<&ZPath> = locked.map(|(path, _)| path).collect();
    locked.sort();
    locked
}

/// Whether the ACL certainly removes the right to change the node again. An ACL for nobody is
/// refused for that reason.
fn locks_out(acl: &Acl, applier: &Identities) -> bool {
    let stands_for_nobody = acl.needs_identity() && applier.are_none();
    !stands_for_nobody && applier.may(acl, Permissions::ADMIN) == Allowed::No
}

/// Where the ACL of a node is declared: there, or above.
pub(super) fn origin(
    path: &ZPath,
    declared: &Tree<Declared>,
    policy: &Policy<'_>,
) -> Option<Location> {
    directive(path, declared).map(|span| policy.sources.locate(span))
}

/// The `@acl` that holds for a node, which need not be declared itself.
pub(super) fn directive(path: &ZPath, declared: &Tree<Declared>) -> Option<Span> {
    let mut at = Some(path.clone());
    while let Some(path) = at {
        let node = declared.get(&path);
        if let Some(span) = node.and_then(|node| node.directives.get("@acl")) {
            return Some(*span);
        }
        at = path.parent();
    }
    None
}

//! What the ACLs of a plan mean for the session that is to execute it.

use foldhash::HashSet;

use super::{Policy, Stages};
use crate::acl::{Acl, AclEntry, Allowed, Identities, Permissions};
use crate::node::Declared;
use crate::path::ZPath;
use crate::plan::{About, Action, Add, Needs, Plan, Refusal, Warning};
use crate::source::Location;
use crate::tree::Tree;

/// What was seen of ACLs, for warnings.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The first node whose ACL could not be compared, and how many there are.
    not_compared: Option<(ZPath, usize)>,
    declared: Named,
    live: Named,
}

/// Whom ACLs name.
#[derive(Debug, Default)]
struct Named {
    /// The first node whose ACL names anybody.
    first: Option<ZPath>,
    /// Whether any of them names an identity of the session.
    applier: bool,
}

impl Named {
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

    pub(super) fn declared(&mut self, path: &ZPath, acl: &Acl, applier: &Identities) {
        self.declared.note(path, acl, applier);
    }

    pub(super) fn live(&mut self, path: &ZPath, acl: &Acl, applier: &Identities) {
        self.live.note(path, acl, applier);
    }

    pub(super) fn warnings(self, applier: &Identities) -> Vec<Warning> {
        let warning = |path, message| Warning {
            path,
            about: About::Trees,
            message,
            origin: None,
        };
        let mut warnings = Vec::new();
        // Live ACLs tell more than declared ones: `auth::` is whoever asks.
        let named = match &self.live.first {
            Some(_) => self.live,
            None => self.declared,
        };
        let is_known = !applier.is_super && !applier.may_be_more && !applier.stored.is_empty();
        if let Some(path) = named.first.filter(|_| is_known && !named.applier) {
            let names: Vec<&str> = applier.users().collect();
            let names = names.join(", ");
            let message = format!(
                "no ACL that is declared or seen names an identity of the applier ({names}); \
                 a server takes any password, so check user and password"
            );
            warnings.push(warning(path, message));
        }
        if let Some((path, count)) = self.not_compared {
            let nodes = if count == 1 { "node" } else { "nodes" };
            let message = format!("not compared: the ACL of {count} {nodes} (no ADMIN right)");
            warnings.push(warning(path, message));
        }
        warnings
    }
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
    let linked: HashSet<&ZPath> = stages.links.iter().map(Action::path).collect();
    let mut locked: Vec<&ZPath> = Vec::new();
    let mut uncreatable = None;
    for (i, action) in stages.adds.iter().enumerate() {
        let Action::Add(Add {
            path,
            acl: Some(acl),
            ..
        }) = action
        else {
            continue;
        };
        // Children come next in path order, and all of a new node's are new.
        let next = stages.adds.get(i + 1).map(Action::path);
        let has_children = next.is_some_and(|next| next.is_within(path));
        if has_children && locks_out(acl, applier) {
            locked.push(path);
        }
        let creates = has_children.then(|| applier.may(acl, Permissions::CREATE));
        let can_guard = !applier.stored.is_empty();
        match creates {
            Some(Allowed::No | Allowed::Unknown) if can_guard => {
                plan.access.guarded.insert(path.clone(), Needs::Children);
            }
            Some(Allowed::No) if applier.are_none() => {
                uncreatable.get_or_insert(path);
            }
            _ if can_guard
                && linked.contains(path)
                && applier.may(acl, Permissions::WRITE) != Allowed::Yes =>
            {
                plan.access.guarded.insert(path.clone(), Needs::Links);
            }
            _ => {}
        }
    }
    for action in &stages.updates {
        if let Action::Update(update) = action
            && let Some((_, acl)) = &update.acl
            && locks_out(acl, applier)
        {
            locked.push(&update.path);
        }
    }
    let origin = |path: &ZPath| origin(path, declared, policy);
    locked.sort();
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

/// Whether the ACL surely takes the right to change the node again. One that stands for nobody is
/// refused as such.
fn locks_out(acl: &Acl, applier: &Identities) -> bool {
    let stands_for_nobody = acl.needs_identity() && applier.are_none();
    !stands_for_nobody && applier.may(acl, Permissions::ADMIN) == Allowed::No
}

/// Where the ACL of a node is declared: there, or above.
fn origin(path: &ZPath, declared: &Tree<Declared>, policy: &Policy<'_>) -> Option<Location> {
    let mut at = Some(path.clone());
    while let Some(path) = at {
        let node = declared.get(&path)?;
        if let Some(span) = node.directives.get("@acl") {
            return Some(policy.sources.locate(*span));
        }
        at = path.parent();
    }
    None
}

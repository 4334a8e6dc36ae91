//! The rights that a plan takes at nodes that are there already, and whether a session has them.

use std::collections::BTreeMap;

use crate::model::acl::{Acl, Allowed, Identities, Permissions};
use crate::model::path::ZPath;
use crate::model::plan::{Action, CheckedRights, NodeRights, Plan, Refusal};

/// What is known of a node's ACL.
#[derive(Debug, Clone, Copy)]
pub enum KnownAcl<'a> {
    /// This is it.
    Shown(&'a Acl),
    /// The session may neither read nor administer the node, so the server does not show it.
    Hidden,
    /// It was not read, or the node is gone. Nothing is said of it.
    Unread,
}

/// The rights that a plan takes at nodes that are there already. To create a node takes CREATE at its
/// parent, to delete one DELETE at its parent, to set data WRITE, to set an ACL ADMIN.
///
/// What is done below a node that the plan opens first, and to it, is allowed by its new ACL. Such a node
/// only takes ADMIN.
#[must_use]
pub fn needed(plan: &Plan) -> BTreeMap<ZPath, Permissions> {
    let mut needed = of_actions(&plan.actions);
    // The rights that these nodes lack are refused already, as `TwoSteps`.
    let twice = plan.refusals.iter().filter_map(|refusal| match refusal {
        Refusal::TwoSteps { path, .. } => Some(path),
        _ => None,
    });
    for path in plan.access.opened.iter().chain(twice) {
        if let Some(rights) = needed.get_mut(path) {
            *rights = Permissions::ADMIN;
        }
    }
    needed
}

/// The rights that the actions of a plan at one node take, those at its parent included.
#[cfg(feature = "watch")]
pub(crate) fn needed_at(plan: &Plan, path: &ZPath) -> BTreeMap<ZPath, Permissions> {
    of_actions(plan.actions.iter().filter(|action| action.path() == path))
}

/// The rights that actions take, whatever they open. Adds come in path order.
pub(super) fn of_actions<'a>(
    actions: impl IntoIterator<Item = &'a Action>,
) -> BTreeMap<ZPath, Permissions> {
    let mut needed: BTreeMap<ZPath, Permissions> = BTreeMap::new();
    let mut need = |path: ZPath, right: Permissions| {
        let rights = needed.entry(path).or_default();
        *rights = rights.union(right);
    };
    // The new nodes above the last one.
    let mut above: Vec<&ZPath> = Vec::new();
    // Siblings follow one another.
    let mut last: Option<(&str, Permissions)> = None;
    for action in actions {
        let path = action.path();
        let (of_parent, right) = match action {
            Action::Add(_) => {
                while above.last().is_some_and(|top| !path.is_within(top)) {
                    above.pop();
                }
                let parent = above.last().map(|top| top.as_str());
                let is_new = parent.is_some() && parent == path.parent_str();
                above.push(path);
                if is_new {
                    continue;
                }
                (true, Permissions::CREATE)
            }
            Action::Trim(_) => (true, Permissions::DELETE),
            Action::Link(link) if link.expected_version.is_none() => continue,
            Action::Link(_) => (false, Permissions::WRITE),
            Action::Update(update) => {
                if update.acl.is_some() {
                    need(path.clone(), Permissions::ADMIN);
                }
                if update.data.is_none() {
                    continue;
                }
                (false, Permissions::WRITE)
            }
        };
        if !of_parent {
            need(path.clone(), right);
            continue;
        }
        let parent = path.parent_str().map(|parent| (parent, right));
        if parent.is_some() && parent != last {
            last = parent;
            if let Some(parent) = path.parent() {
                need(parent, right);
            }
        }
    }
    needed
}

/// Whether a session has these rights. What cannot be told is not taken for missing.
#[must_use]
pub fn judge<'a>(
    needed: &BTreeMap<ZPath, Permissions>,
    acl_of: impl Fn(&ZPath) -> KnownAcl<'a>,
    applier: &Identities,
) -> CheckedRights {
    let mut checked = CheckedRights::default();
    for (path, rights) in needed {
        let allowed = |right: Permissions| match acl_of(path) {
            KnownAcl::Shown(acl) => allows(acl, right, applier),
            // The server shows an ACL to those who may read it, and to those who may administer it.
            KnownAcl::Hidden if matches!(right, Permissions::READ | Permissions::ADMIN) => {
                Allowed::No
            }
            KnownAcl::Hidden => Allowed::Unknown,
            KnownAcl::Unread => Allowed::Yes,
        };
        checked.nodes += usize::from(!matches!(acl_of(path), KnownAcl::Unread));
        for (which, list) in [
            (Allowed::No, &mut checked.missing),
            (Allowed::Unknown, &mut checked.unknown),
        ] {
            let rights = rights.each().filter(|right| allowed(*right) == which);
            let rights: Vec<Permissions> = rights.collect();
            if !rights.is_empty() {
                let path = path.clone();
                list.push(NodeRights { path, rights });
            }
        }
    }
    checked
}

/// Whether an ACL that the server has shown gives a session this right.
fn allows(acl: &Acl, right: Permissions, applier: &Identities) -> Allowed {
    let is_denied = |right| applier.may(acl, right) == Allowed::No;
    // ZooKeeper shows a hash only to those who may administer the node: so this session may, for a reason
    // that is not known here.
    let is_privileged = || !applier.sees_hashes && acl.shows_hash();
    let contradicts = || is_privileged() && is_denied(Permissions::ADMIN);
    match applier.may(acl, right) {
        Allowed::No if applier.may_be_more || contradicts() => Allowed::Unknown,
        allowed => allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::acl::{AclEntry, AuthId};
    use crate::plan::planner::{self, Policy};
    use crate::plan::scope::Trim;

    fn path(text: &str) -> ZPath {
        ZPath::parse(text).unwrap()
    }

    fn plan(old: &str, new: &str) -> Plan {
        let declared = |text| crate::declare::declare(text).unwrap().into_parts();
        let ((old, _), (new, sources)) = (declared(old), declared(new));
        let policy = Policy {
            trim: Trim::All,
            ..Policy::new(&sources)
        };
        planner::plan(&new, &planner::as_live(&old), &policy)
    }

    fn shown(needed: &BTreeMap<ZPath, Permissions>) -> String {
        let nodes = needed
            .iter()
            .map(|(path, rights)| format!("{path} {rights}"));
        nodes.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_plan_takes_rights_at_nodes_that_are_there() {
        let old = "/p\n  x = 1\n  /gone\n    /a\n    /b\n/q\n  l -> ../p\n/same\n  /old\n";
        let new = "/p\n  x = 2\n  /new\n    l -> ../../q\n    /deep\n      /deeper\n  /new2\n\
                   /q\n  l -> ../p/new\n/same\n  /old\n/top\n";
        let needed = needed(&plan(old, new));
        assert_eq!(shown(&needed), "/ c; /p cdw; /p/gone d; /q w");
        assert!(super::needed(&plan(old, old)).is_empty());
    }

    #[test]
    fn an_acl_takes_admin_and_data_is_written_under_the_old_one() {
        let old = "/a\n  @acl world:anyone:r\n  x = 1\n/b\n  @acl world:anyone:r\n";
        let new = "/a\n  @acl auth::cdrwa\n  x = 2\n/b\n  @acl auth::cdrwa\n";
        let mut plan = plan(old, new);
        assert_eq!(shown(&needed(&plan)), "/a wa; /b a");
        plan.access.opened.insert(path("/a"));
        assert_eq!(shown(&needed(&plan)), "/a a; /b a");
    }

    /// What is said of `cdrwa` at a node with this ACL: what is missing, and what cannot be told.
    fn judged(acl: KnownAcl<'_>, session: &Identities) -> (String, String) {
        let needed = BTreeMap::from([(path("/a"), Permissions::ALL)]);
        let checked = judge(&needed, |_| acl, session);
        let letters = |nodes: &[NodeRights]| {
            let rights = nodes.iter().flat_map(|node| node.rights.clone());
            rights
                .fold(Permissions::default(), Permissions::union)
                .to_string()
        };
        (letters(&checked.missing), letters(&checked.unknown))
    }

    #[test]
    fn only_what_is_surely_missing_is() {
        let who = |scheme: &str, id: &str| AuthId {
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        };
        let ops: Identities = vec![who("digest", "ops:h"), who("ip", "10.1.2.3")].into();
        let old_server = Identities {
            may_be_more: true,
            ..ops.clone()
        };
        let on_keeper = Identities {
            sees_hashes: true,
            ..ops.clone()
        };
        let superuser: Identities = vec![who("super", "")].into();
        for (acl, session, missing, unknown) in [
            ("world:anyone:r", &ops, "cdwa", ""),
            ("world:anyone:r digest:ops:h:cdrwa", &ops, "", ""),
            ("ip:10.0.0.0/8:rw", &ops, "cda", ""),
            ("ip:11.0.0.0/8:rw", &ops, "cdrwa", ""),
            // Masked: another user's, and perhaps this one's with another password.
            ("digest:dev:x:cdrwa", &ops, "cdrwa", ""),
            ("digest:ops:x:rw", &ops, "cda", "rw"),
            // Who sees a hash may administer the node, so zkt does not know why.
            ("digest:dev:other:rw", &ops, "", "cdrwa"),
            ("digest:dev:other:rw", &on_keeper, "cdrwa", ""),
            ("digest:ops:x:rw", &on_keeper, "cdrwa", ""),
            ("custom:somebody:rw", &ops, "cda", "rw"),
            ("sasl:somebody:rw", &ops, "cdrwa", ""),
            // A server before 3.7 does not say who is its super user.
            ("world:anyone:r", &old_server, "", "cdwa"),
            ("digest:dev:x:cdrwa", &superuser, "", ""),
        ] {
            let entries = acl.split(' ').map(|text| AclEntry::parse(text).unwrap());
            let entries = entries.collect();
            let parsed = Acl { entries };
            let judged = judged(KnownAcl::Shown(&parsed), session);
            assert_eq!(judged, (missing.to_owned(), unknown.to_owned()), "{acl}");
        }
        let hidden = judged(KnownAcl::Hidden, &ops);
        assert_eq!(hidden, ("ra".to_owned(), "cdw".to_owned()));
        let unread = judged(KnownAcl::Unread, &ops);
        assert_eq!(unread, (String::new(), String::new()));
    }
}

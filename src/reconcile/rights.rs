//! Whether the session may do all that a plan does, before the first write.

use super::Error;
use super::check::unreadable;
use crate::model::acl::{Identities, Permissions};
use crate::model::node::{Declared, Live};
use crate::model::path::ZPath;
use crate::model::plan::{CheckedRights, NodeRights, Plan, Refusal};
use crate::model::tree::Tree;
use crate::plan::planner::{self, KnownAcl};
#[cfg(feature = "watch")]
use crate::zookeeper::executor::Stop;
use crate::zookeeper::live::{self, SeenAcl};
#[cfg(feature = "watch")]
use crate::zookeeper::session::ClientError;
use crate::zookeeper::session::Session;

/// How much is found out of the rights that a plan takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RightsCheck {
    /// What the ACLs say that were read to be compared.
    AsRead,
    /// All that is to be written, too. A plan that lacks rights is refused.
    Required,
    /// As `Required`, and the plan says what was found.
    Reported,
    /// As `Reported`, and a plan is refused only that lacks the right to read: without it there is none.
    OnlyReported,
}

impl RightsCheck {
    /// Whether the ACLs of nodes are read that a plan writes.
    pub(super) fn are_checked(self) -> bool {
        self != Self::AsRead
    }

    fn are_reported(self) -> bool {
        matches!(self, Self::Reported | Self::OnlyReported)
    }
}

/// What was read for a plan.
pub(super) struct Read<'a> {
    pub(super) declared: &'a Tree<Declared>,
    pub(super) live: &'a Tree<Live>,
    /// Whom the server knows the session as, where somebody asked.
    pub(super) identities: Option<&'a Identities>,
    /// The node of the owner's record, which is written first.
    pub(super) record: Option<ZPath>,
}

/// Refuses a plan that takes rights which the session surely lacks, those to read included. Reads the ACLs
/// of the nodes that the plan writes, and of the parents of those that it creates and deletes, as far as
/// they were not read before.
///
/// # Errors
/// Those of the connection. [`live::Error::Unreadable`] where nothing but the right to read is missing, and
/// nobody wants a report.
pub(super) async fn check(
    session: &Session,
    read: &Read<'_>,
    rights: RightsCheck,
    plan: &mut Plan,
) -> Result<(), Error> {
    if !rights.are_checked() {
        return Ok(());
    }
    let mut checked = checked(session, read, plan).await?;
    if checked.missing.is_empty() && !rights.are_reported() {
        super::check::require_readable(read.declared, read.live)?;
    }
    let hidden = unreadable(read.declared, read.live);
    for path in hidden.cloned().collect::<Vec<_>>() {
        let missing = &mut checked.missing;
        match missing.binary_search_by(|node| node.path.cmp(&path)) {
            Ok(at) => missing[at].rights.insert(0, Permissions::READ),
            Err(at) => {
                let rights = vec![Permissions::READ];
                missing.insert(at, NodeRights { path, rights });
            }
        }
    }
    let mut nodes = checked.missing.clone();
    if rights == RightsCheck::OnlyReported {
        nodes.retain(|node| node.rights.contains(&Permissions::READ));
    }
    if !nodes.is_empty() {
        plan.refusals.push(Refusal::NoRight { nodes });
    }
    if rights.are_reported() {
        plan.access.rights = Some(checked);
    }
    Ok(())
}

/// The rights that it takes to write the record of an owner, and at which node that is there.
async fn of_record(session: &Session, head: &ZPath) -> Result<(ZPath, Permissions), Error> {
    let above: Vec<ZPath> = head.prefixes().filter(|path| !path.is_root()).collect();
    let found = live::lookup(session, &above).await?;
    if found.get(head).is_some() {
        // Its journals and shards come and go.
        let rights = [Permissions::WRITE, Permissions::CREATE, Permissions::DELETE];
        let all = Permissions::default();
        return Ok((
            head.clone(),
            rights.into_iter().fold(all, Permissions::union),
        ));
    }
    let last = above.iter().filter(|path| found.get(path).is_some()).max();
    let last = last.cloned().unwrap_or_else(ZPath::root);
    Ok((last, Permissions::CREATE))
}

/// Whether the session has the rights to write what the plan writes.
async fn checked(session: &Session, read: &Read<'_>, plan: &Plan) -> Result<CheckedRights, Error> {
    let mut needed = planner::needed_rights(plan);
    let is_written = !plan.is_empty() || plan.claims.are_asked_for();
    if let Some(head) = read.record.as_ref().filter(|_| is_written) {
        let (path, rights) = of_record(session, head).await?;
        let all = needed.entry(path).or_default();
        *all = all.union(rights);
    }
    let known = |path: &ZPath| {
        let node = read.live.get(path).and_then(Live::outline);
        node.and_then(|node| node.acl.as_deref())
    };
    let unknown: Vec<&ZPath> = needed.keys().filter(|path| known(path).is_none()).collect();
    let seen = live::lookup_acls(session, unknown.iter().copied(), |_| {}).await?;
    let acl_of = |path: &ZPath| match known(path) {
        Some(acl) => KnownAcl::Shown(acl),
        None => match unknown.binary_search(&path).map(|at| &seen[at]) {
            Ok(SeenAcl::Shown(acl)) => KnownAcl::Shown(acl),
            Ok(SeenAcl::Hidden) => KnownAcl::Hidden,
            // Whoever deleted it is in conflict with the plan.
            Ok(SeenAcl::Gone) | Err(_) => KnownAcl::Unread,
        },
    };
    if let Some(identities) = read.identities {
        return Ok(planner::judge_rights(&needed, acl_of, identities));
    }
    // Most often everybody may do all, and nobody need ask whom the server knows the session as: servers
    // before 3.7 drop the connection on that.
    let anybody = Identities {
        may_be_more: true,
        ..Identities::default()
    };
    let checked = planner::judge_rights(&needed, acl_of, &anybody);
    if checked.missing.is_empty() && checked.unknown.is_empty() {
        return Ok(checked);
    }
    let identities = session.who().await?;
    Ok(planner::judge_rights(&needed, acl_of, &identities))
}

/// The rights that the session lacks at a node and its parent, where the server has refused for want of
/// some. Where no ACL tells which, all are named that the plan needs there.
#[cfg(feature = "watch")]
pub(crate) fn lacking(
    stop: &Stop,
    plan: &Plan,
    live: Option<&Tree<Live>>,
    applier: Option<&Identities>,
) -> Option<String> {
    let Stop::Failed {
        path,
        reason: ClientError::NoAuth,
        ..
    } = stop
    else {
        return None;
    };
    let needed = planner::needed_at(plan, path);
    let acl_of = |path: &ZPath| {
        let node = live.and_then(|live| live.get(path)).and_then(Live::outline);
        let acl = node.and_then(|node| node.acl.as_deref());
        acl.map_or(KnownAcl::Unread, KnownAcl::Shown)
    };
    let judged = applier.map(|applier| planner::judge_rights(&needed, acl_of, applier));
    let missing = judged.map(|checked| checked.missing).unwrap_or_default();
    let all = needed.into_iter().map(|(path, rights)| NodeRights {
        path,
        rights: rights.each().collect(),
    });
    let lacking = match missing.is_empty() {
        true => all.collect(),
        false => missing,
    };
    let lacking = lacking.iter().map(|NodeRights { path, rights }| {
        let names: Vec<&str> = rights.iter().map(|right| right.name()).collect();
        format!("no {} right at {path}", names.join(" or "))
    });
    Some(lacking.collect::<Vec<_>>().join(", "))
}

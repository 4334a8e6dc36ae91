//! Whether an action is one that was reviewed.

use crate::model::plan::{Action, Change, Update};

/// Whether an action of a fresh plan is one that was reviewed, or the part of it that is left.
/// `fewer` says that another action at the node is done, so that its version is a later one.
pub(super) fn agrees(saved: &Action, now: &Action, fewer: bool) -> bool {
    match (saved, now) {
        // A node that is moved.
        (Action::Add(saved), Action::Add(now)) => {
            (&saved.data, saved.raw, &saved.acl) == (&now.data, now.raw, &now.acl)
        }
        (Action::Update(saved), Action::Update(now)) => {
            let target = |update: &Update| update.acl.as_ref().map(|(_, acl)| acl.clone());
            let later = fewer
                || saved.data.is_some() && now.data.is_none()
                || saved.acl.is_some() && now.acl.is_none();
            let is_found = saved.expected_version == now.expected_version && saved.seen == now.seen;
            (later || is_found)
                && (now.data.is_none() || now.data == saved.data)
                && (now.acl.is_none() || target(now) == target(saved))
                && changes_agree(&saved.changes, &now.changes, later)
        }
        (Action::Link(saved), Action::Link(now)) => {
            let is_found = saved.expected_version == now.expected_version && saved.seen == now.seen;
            (fewer || is_found)
                && saved.data == now.data
                && changes_agree(&saved.changes, &now.changes, fewer)
        }
        _ => false,
    }
}

/// Whether changes are those that were reviewed, or with `some` some of them.
fn changes_agree(saved: &[Change], now: &[Change], some: bool) -> bool {
    let is_same = |saved: &Change, now: &Change| {
        (&saved.name, &saved.old, &saved.new) == (&now.name, &now.old, &now.new)
    };
    let is_known = |now: &Change| saved.iter().any(|saved| is_same(saved, now));
    (some || saved.len() == now.len()) && now.iter().all(is_known)
}

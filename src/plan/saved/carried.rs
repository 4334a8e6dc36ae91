//! Whether what is moved arrives as it was, but for the changes that the plan shows.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::look::{Fresh, Moved, MovedNodes, Open, data_of};
use super::masked::is_placeholder;
use crate::model::acl::{Acl, Agreement, Identities};
use crate::model::node::{Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::plan::{ACL_CHANGE, Action, Change, ChangeValue, DATA_CHANGE, MovesFrom, Plan};
use crate::model::tree::Tree;
use crate::model::value::{self, Data, Properties};

/// What is known where a plan is carried out.
pub(super) struct Now<'a> {
    pub(super) live: &'a Tree<Live>,
    pub(super) identities: &'a Identities,
    pub(super) fresh: Option<&'a Fresh<'a>>,
}

/// The old places of moved nodes, and what is shown as changed of them, by the new places.
type Carried<'p> = BTreeMap<ZPath, (&'p ZPath, &'p [Change])>;

/// The nodes of moves that would be lost, or arrive as something else than the plan shows. `left` are the
/// actions that are not done yet, and nothing is said of an old node that is `moved` itself.
pub(super) fn lost(plan: &Plan, (left, moved): (&Open, &MovedNodes), now: &Now<'_>) -> MovedNodes {
    let known: HashSet<&ZPath> = moved.iter().map(|(path, _)| path).collect();
    let mut by_path: HashMap<&ZPath, Vec<&Action>> = HashMap::new();
    for (_, action) in left {
        by_path.entry(action.path()).or_default().push(action);
    }
    // A plan that was made now shows the same, where it moves these nodes, too.
    let planned = now.fresh.map(|fresh| carried(&fresh.shown));
    let planned = planned.unwrap_or_default();
    let problem = |(new, (old, changes)): (ZPath, (&ZPath, &[Change]))| {
        let actions = by_path.get(&new).map_or(&[][..], Vec::as_slice);
        match now.live.get(old) {
            _ if known.contains(old) => None,
            // It was moved already, or there was never anything to move.
            None => (!actions.is_empty()).then(|| (old.clone(), Moved::Missing)),
            Some(Live::Read(node)) => {
                let planned = planned.get(&new);
                let is_other = planned.is_some_and(|planned| !is_same(*planned, (old, changes)));
                let problem = match is_other {
                    true => Some(Moved::Contradicted),
                    false => now.problem((&new, node), actions, changes),
                };
                problem.map(|why| (new, why))
            }
            Some(_) => Some((old.clone(), Moved::Unreadable)),
        }
    };
    carried(plan).into_iter().filter_map(problem).collect()
}

fn carried(plan: &Plan) -> Carried<'_> {
    let moves = MovesFrom::new(plan);
    let moved = plan.moved_trims().into_iter();
    let moved = moved.map(|(new, trim)| {
        let changes = moves
            .of(&trim.path)
            .and_then(|moved| moved.changes.get(&new));
        (new, (&trim.path, changes.map_or(&[][..], Vec::as_slice)))
    });
    moved.collect()
}

/// Whether the same node is moved with the same changes.
fn is_same((one, of_one): (&ZPath, &[Change]), (other, of_other): (&ZPath, &[Change])) -> bool {
    let is_same = |(one, other): (&Change, &Change)| {
        (&one.name, &one.old, &one.new, one.secret)
            == (&other.name, &other.old, &other.new, other.secret)
    };
    one == other && of_one.len() == of_other.len() && of_one.iter().zip(of_other).all(is_same)
}

impl Now<'_> {
    fn problem(
        &self,
        (new, old): (&ZPath, &LiveNode),
        actions: &[&Action],
        changes: &[Change],
    ) -> Option<Moved> {
        let written = actions.iter().rev().find_map(|action| data_of(action));
        let after = match (written, self.live.get(new)) {
            (Some(data), _) => data.as_bytes(),
            (None, Some(Live::Read(node))) => &node.data,
            (None, Some(_)) => return Some(Moved::Unreadable),
            (None, None) => return Some(Moved::Missing),
        };
        let is_shown = explain(changes, &old.data, after) && self.has_acl(old, actions, changes);
        (!is_shown).then_some(Moved::Contradicted)
    }

    /// Whether a node that is still to be created gets the ACL of the old one, or the one that is shown.
    fn has_acl(&self, old: &LiveNode, actions: &[&Action], changes: &[Change]) -> bool {
        let add = actions.iter().find_map(|action| match action {
            Action::Add(add) => Some(add),
            Action::Update(_) | Action::Link(_) | Action::Trim(_) => None,
        });
        let Some(add) = add else { return true };
        let open = Acl::open();
        let acl = add.acl.as_deref().unwrap_or(&open);
        let shown = changes.iter().find_map(|change| match &change.new {
            Some(ChangeValue::Acl(shown)) if change.name == ACL_CHANGE => Some(shown),
            _ => None,
        });
        match (shown, &old.acl) {
            (Some(shown), _) => acl == shown,
            (None, Some(live)) => {
                let stored = acl.stored_by(&self.identities.stored);
                stored.compare(live, self.identities) != Agreement::Different
            }
            (None, None) => false,
        }
    }
}

/// Whether changes are all that differs between old data and new.
fn explain(changes: &[Change], before: &[u8], after: &[u8]) -> bool {
    let mut changes = changes.iter().filter(|change| !is_acl(change)).peekable();
    if changes.peek().is_none() {
        return before == after;
    }
    let properties = |data: &[u8]| match Data::decode(data) {
        Data::Binary(_) => Properties::new(),
        data => data.into_properties(),
    };
    let (old, new) = (properties(before), properties(after));
    let mut shown = Vec::new();
    for change in changes {
        if change.name == DATA_CHANGE && (is_raw(change) || change.secret) {
            let is_old = is_side(change, change.old.as_ref(), before);
            return is_old && is_side(change, change.new.as_ref(), after);
        }
        let is_old = is_value(change, change.old.as_ref(), old.get(&change.name));
        if !is_old || !is_value(change, change.new.as_ref(), new.get(&change.name)) {
            return false;
        }
        shown.push(&change.name);
    }
    let names = old.keys().chain(new.keys());
    let same = |name: &String| match (old.get(name), new.get(name)) {
        (Some(one), Some(other)) => value::equal(one, other),
        _ => false,
    };
    names
        .into_iter()
        .all(|name| shown.contains(&name) || same(name))
}

fn is_acl(change: &Change) -> bool {
    change.name == ACL_CHANGE && matches!(change.new, Some(ChangeValue::Acl(_)))
}

fn is_raw(change: &Change) -> bool {
    let mut values = [&change.old, &change.new].into_iter().flatten();
    values.any(|value| matches!(value, ChangeValue::Raw(_)))
}

/// Whether `data` can be this side of a change of raw data. A missing side fits all data: the changes of
/// properties say what it is.
fn is_side(change: &Change, shown: Option<&ChangeValue>, data: &[u8]) -> bool {
    match shown {
        Some(ChangeValue::Raw(bytes)) => bytes == data,
        None => true,
        shown => change.secret && is_placeholder(shown),
    }
}

/// Whether a side of a change is this property.
fn is_value(
    change: &Change,
    shown: Option<&ChangeValue>,
    found: Option<&serde_json::Value>,
) -> bool {
    match (shown, found) {
        (None, found) => found.is_none(),
        (Some(_), None) => false,
        (Some(shown), Some(_)) if change.secret && is_placeholder(Some(shown)) => true,
        (Some(ChangeValue::Json(shown)), Some(found)) => value::equal(shown, found),
        (Some(ChangeValue::Beyond(_)), Some(_)) => true,
        (Some(ChangeValue::Raw(_) | ChangeValue::Acl(_)), Some(_)) => false,
    }
}

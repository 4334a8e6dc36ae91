//! The actions of a plan as blocks of a diff.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use zkt::model::acl::Acl;
use zkt::model::node::Secret;
use zkt::model::path::ZPath;
use zkt::model::plan::{
    ACL_CHANGE, Action, Add, Change, ChangeValue, DATA_CHANGE, Move, MovesFrom, Plan, Summary,
};
use zkt::model::value::{Entry, TYPE, writing_order};
use zkt::syntax::names::split_link;
use zkt::syntax::place::Location;

use super::block::{Block, Mark};
use super::values::{push_changed, push_value};
use crate::render::HIDDEN;
use crate::render::acls::Acls;
use crate::render::change::{
    acl_entry, acl_text, hides_raw_data, is_directive, new_acl, new_type, stored_properties, whole,
};
use crate::render::subtrees::{is_moved, node_count, topmost_trims};
use crate::render::value::{assignment, link_target, path_text};

/// Actions that are shown together: one, or all trims of a subtree.
pub(super) struct Shown {
    pub(super) lines: String,
    /// What they are.
    pub(super) actions: Summary,
}

/// What a plan does, in its order; of trims only the topmost, in the end. Blocks are made as they are
/// asked for: few of a large plan fit in a comment.
pub(super) fn shown(plan: &Plan) -> impl Iterator<Item = Shown> {
    let mut acls = Acls::of(plan);
    let nodes = plan.moved_nodes();
    let mut of_moves = actions_of_moves(plan, &nodes);
    let moves: Vec<Shown> = plan
        .moves
        .iter()
        .map(|moved| {
            let of_move = of_moves.remove(&moved.from).unwrap_or_default();
            push_move(moved, of_move, &mut acls)
        })
        .collect();
    let actions = plan.actions.iter().filter_map(move |action| {
        if is_moved(action, &nodes) {
            return None;
        }
        Some(Shown {
            lines: lines(action, &mut acls)?,
            actions: Summary::of([action]),
        })
    });
    let actions = moves.into_iter().chain(actions);
    actions.chain(topmost_trims(plan).into_iter().map(|(top, nodes)| {
        let mut block = Block::default();
        let below = if nodes == 1 {
            String::new()
        } else {
            format!("  {}", node_count(nodes))
        };
        block.head(Mark::Old, &format!("{}{below}", path_text(top)));
        Shown {
            lines: block.finish(),
            actions: Summary {
                trim: nodes,
                ..Summary::default()
            },
        }
    }))
}

/// What belongs to each move, by its old place.
fn actions_of_moves<'a>(
    plan: &'a Plan,
    nodes: &BTreeMap<ZPath, &ZPath>,
) -> HashMap<&'a ZPath, Summary> {
    let moves = MovesFrom::new(plan);
    let mut found: HashMap<&ZPath, Summary> = HashMap::new();
    for action in &plan.actions {
        let moved = match action {
            Action::Add(add) => nodes.get(&add.path).and_then(|old| moves.of(old)),
            Action::Trim(trim) => moves
                .of(&trim.path)
                .filter(|moved| !moved.dropped.contains(&trim.path)),
            Action::Update(_) | Action::Link(_) => None,
        };
        if let Some(moved) = moved {
            *found.entry(&moved.from).or_default() += Summary::of([action]);
        }
    }
    found
}

/// A subtree that is moved, with what changes in it.
fn push_move<'a>(moved: &'a Move, of_move: Summary, acls: &mut Acls<'a>) -> Shown {
    let mut block = Block::default();
    let (from, to) = (path_text(&moved.from), path_text(&moved.to));
    // Each node comes at one place and goes at the other.
    let number = node_count(of_move.trim);
    let place = place(moved.origin.as_ref());
    block.head(Mark::Changed, &format!("{from} -> {to}  {number}{place}"));
    for (path, changes) in &moved.changes {
        if *path != moved.to {
            push_head(&mut block, path, "", None);
        }
        for change in changes {
            match new_acl(change).and_then(|acl| acls.shown_at(path, acl)) {
                Some(above) => {
                    let above = path_text(above);
                    block.line(Mark::Changed, &format!("acl: as {above}"));
                }
                None => push_change(&mut block, change, acls.users),
            }
        }
    }
    Shown {
        actions: of_move,
        lines: block.finish(),
    }
}

/// One action, or `None` if it is a trim.
fn lines<'a>(action: &'a Action, acls: &mut Acls<'a>) -> Option<String> {
    let mut block = Block::default();
    match action {
        Action::Add(add) => push_add(&mut block, add, acls),
        Action::Update(update) => {
            push_head(&mut block, &update.path, "", action.origin());
            for change in &update.changes {
                let acl = new_acl(change);
                match acl.and_then(|acl| acls.shown_at(&update.path, acl)) {
                    Some(above) => {
                        let above = path_text(above);
                        block.line(Mark::Changed, &format!("acl: as {above}"));
                    }
                    None => push_change(&mut block, change, acls.users),
                }
            }
        }
        Action::Link(link) => {
            push_head(&mut block, &link.path, "  (links)", action.origin());
            for change in &link.changes {
                push_change(&mut block, change, acls.users);
            }
        }
        Action::Trim(_) => return None,
    }
    Some(block.finish())
}

fn push_head(block: &mut Block, path: &ZPath, what: &str, origin: Option<&Location>) {
    let head = format!("{}{what}{}", path_text(path), place(origin));
    block.head(Mark::Changed, &head);
}

/// Where a node is declared, as a comment.
fn place(origin: Option<&Location>) -> String {
    origin.map_or_else(String::new, |origin| {
        format!("  # {}:{}", origin.source, origin.line)
    })
}

fn push_add<'a>(block: &mut Block, add: &'a Add, acls: &mut Acls<'a>) {
    let object = add.data.to_object();
    let mut properties = stored_properties(add, &object);
    let kind = new_type(add, &properties);
    let (path, of) = (path_text(&add.path), kind.as_deref().unwrap_or_default());
    let head = format!("{path}{of}{}", place(add.origin.as_ref()));
    block.head(Mark::New, &head);
    if let Some(acl) = add.acl.as_deref()
        && acls.shown_at(&add.path, acl).is_none()
    {
        block.line(Mark::New, &format!("acl: {}", acl_text(acl, acls.users)));
    }
    if matches!(add.secret.0, Secret::Everything) || add.raw && hides_raw_data(add) {
        return block.line(Mark::New, &format!("{DATA_CHANGE} {HIDDEN}"));
    }
    if add.raw {
        let data = ChangeValue::Raw(add.data.as_bytes().to_vec());
        return push_value(block, Mark::New, DATA_CHANGE, &data);
    }
    properties.sort_by(|a, b| writing_order(&a.name, &b.name));
    for Entry { name, value, .. } in properties {
        if kind.is_some() && name == TYPE {
            continue;
        }
        let (left, link) = assignment(&name);
        let value = serde_json::from_str::<Value>(value);
        if add.secret.0.covers(&name) {
            block.line(Mark::New, &format!("{left} {HIDDEN}"));
        } else if link.is_some() {
            let target = link_target(&value.unwrap_or_default());
            block.line(Mark::New, &format!("{left} {target}"));
        } else {
            push_value(
                block,
                Mark::New,
                &left,
                &ChangeValue::Json(value.unwrap_or_default()),
            );
        }
    }
}

/// One changed property, link, data or ACL.
fn push_change(block: &mut Block, change: &Change, users: &[String]) {
    let is_directive = is_directive(change);
    if is_directive && change.name == ACL_CHANGE {
        return match (change.secret, &change.old, &change.new) {
            (false, old, Some(ChangeValue::Acl(new))) => {
                let old = match old {
                    Some(ChangeValue::Acl(acl)) => acl.clone(),
                    _ => Acl::default(),
                };
                push_acl(block, &old, new, users);
            }
            _ => block.line(Mark::Changed, &format!("acl: {HIDDEN}")),
        };
    }
    let left = match change.name.as_str() {
        DATA_CHANGE if is_directive => Cow::Borrowed(DATA_CHANGE),
        name => Cow::Owned(assignment(name).0),
    };
    let is_link = !is_directive && split_link(&change.name).is_some();
    match (&change.old, &change.new) {
        (Some(old), Some(new)) if !is_link && !change.secret => {
            push_changed(block, &left, old, new);
        }
        (old, new) => {
            for (mark, value) in [(Mark::Old, old), (Mark::New, new)] {
                match value {
                    None => {}
                    Some(_) if change.secret => block.line(mark, &format!("{left} {HIDDEN}")),
                    Some(value) if is_link => {
                        block.line(mark, &format!("{left} {}", target(value)));
                    }
                    Some(value) => push_value(block, mark, &left, value),
                }
            }
        }
    }
}

fn target(value: &ChangeValue) -> String {
    match value {
        ChangeValue::Json(value) => link_target(value),
        value => whole(value),
    }
}

fn push_acl(block: &mut Block, old: &Acl, new: &Acl, users: &[String]) {
    let has: BTreeSet<_> = new.entries.iter().collect();
    let had: BTreeSet<_> = old.entries.iter().collect();
    for entry in old.entries.iter().filter(|entry| !has.contains(entry)) {
        block.line(Mark::Old, &format!("acl: {}", acl_entry(entry, users)));
    }
    for entry in &new.entries {
        let mark = if had.contains(entry) {
            Mark::Same
        } else {
            Mark::New
        };
        block.line(mark, &format!("acl: {}", acl_entry(entry, users)));
    }
}

//! A plan as JSON.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};
use zkt::model::acl::Acl;
use zkt::model::node::{Secret, Zxids};
use zkt::model::path::ZPath;
use zkt::model::plan::{
    Action, Add, Change, ChangeValue, Fingerprint, Move, NodeRights, NotCompared, Objection, Plan,
    Refusal, Summary, Warning,
};
use zkt::syntax::place::Location;
use zkt::syntax::spelling::{clipped, visible_json};

use super::change::{hides_raw_data, raw_json};
use super::claims::claims_json;
use super::{FORMAT_VERSION, HIDDEN};
use crate::words;

/// How many actions of each kind there are, and how many nodes are as declared.
pub(crate) fn summary_json(summary: Summary) -> Value {
    let Summary {
        add,
        update,
        link,
        trim,
        unchanged,
    } = summary;
    json!({"add": add, "update": update, "link": link, "trim": trim, "unchanged": unchanged})
}

/// The whole plan; secret values are the string `(secret)`.
pub(crate) fn plan_json(plan: &Plan) -> Value {
    let kept = plan
        .kept
        .iter()
        .map(|kept| json!({ "path": kept.path.as_str(), "reason": words::kept(&kept.reason) }));
    let warnings = plan.warnings.iter().map(warning_json);
    let mut object = json!({
        "format_version": FORMAT_VERSION,
        "path": plan.path.as_str(),
        "actions": actions_json(plan),
        "extras": plan.extras.iter().map(ZPath::as_str).collect::<Vec<_>>(),
        "kept": kept.collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
        "refusals": plan.refusals.iter().map(refusal_json).collect::<Vec<_>>(),
        "summary": summary_json(plan.summary()),
    });
    if !plan.moves.is_empty() {
        object["moves"] = plan.moves.iter().map(move_json).collect();
    }
    if !plan.not_compared.is_empty() {
        object["not_compared"] = plan.not_compared.iter().map(not_compared_json).collect();
    }
    if let Some(fingerprints) = &plan.fingerprints {
        let value = |((path, name), of): (&(ZPath, String), &Fingerprint)| json!({ "path": path.as_str(), "name": name, "old": of.old, "new": of.new });
        object["fingerprints"] = fingerprints.values.iter().map(value).collect();
    }
    if !plan.objections.is_empty() {
        object["policy"] = plan.objections.iter().map(objection_json).collect();
    }
    if !plan.claims.is_empty() {
        object["claims"] = claims_json(&plan.claims);
    }
    // Whom `auth::` in the ACLs stands for.
    if !plan.access.users.is_empty() {
        object["users"] = plan.access.users.clone().into();
    }
    if let Some(checked) = &plan.access.rights {
        object["rights"] = json!({
            "nodes": checked.nodes,
            "missing": rights_json(&checked.missing),
            "unknown": rights_json(&checked.unknown),
        });
    }
    object
}

/// A value on one line, with what nobody sees in it escaped.
pub(crate) fn json_line(value: &Value) -> String {
    visible_json(value.to_string())
}

/// The actions of a plan; those of a move name the other place, and nothing that is only carried along.
fn actions_json(plan: &Plan) -> Vec<Value> {
    let moved = plan.moved_nodes();
    let new: BTreeMap<&ZPath, &ZPath> = moved.iter().map(|(new, old)| (*old, new)).collect();
    let changes = plan.moves.iter().flat_map(|moved| &moved.changes);
    let changes: HashMap<&ZPath, _> = changes.collect();
    let action = |action: &Action| {
        let mut object = action_json(action);
        match action {
            Action::Add(add) if moved.contains_key(&add.path) => {
                if let Value::Object(members) = &mut object {
                    members.remove("properties");
                    members.remove("data");
                }
                object["from"] = moved[&add.path].as_str().into();
                object["changes"] = changes
                    .get(&add.path)
                    .map_or(json!([]), |all| changes_json(all));
            }
            Action::Trim(trim) => {
                if let Some(new) = new.get(&trim.path) {
                    object["to"] = new.as_str().into();
                }
            }
            _ => {}
        }
        object
    };
    plan.actions.iter().map(action).collect()
}

fn move_json(moved: &Move) -> Value {
    let object = json!({ "from": moved.from.as_str(), "to": moved.to.as_str() });
    with_source(object, moved.origin.as_ref())
}

/// One action of a plan.
pub(crate) fn action_json(action: &Action) -> Value {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("action", action.name().into());
    set("path", action.path().as_str().into());
    let origin = match action {
        Action::Add(add) => {
            let (key, value) = contents(add);
            set(key, value);
            if let Some(acl) = &add.acl {
                set("acl", acl_json(acl));
            }
            add.origin.as_ref()
        }
        Action::Update(update) => {
            set("version", update.expected_version.get().into());
            set_zxids(update.seen, &mut set);
            if let Some((version, _)) = &update.acl {
                set("acl_version", version.get().into());
            }
            set("changes", changes_json(&update.changes));
            update.origin.as_ref()
        }
        Action::Link(link) => {
            if let Some(version) = link.expected_version {
                set("version", version.get().into());
            }
            set_zxids(link.seen, &mut set);
            set("changes", changes_json(&link.changes));
            link.origin.as_ref()
        }
        Action::Trim(trim) => {
            set("version", trim.expected_version.get().into());
            set_zxids(trim.seen, &mut set);
            None
        }
    };
    with_source(Value::Object(object), origin)
}

fn set_zxids(seen: Option<Zxids>, set: &mut impl FnMut(&str, Value) -> Option<Value>) {
    if let Some(Zxids { created, modified }) = seen {
        set("czxid", created.into());
        set("mzxid", modified.into());
    }
}

fn contents(add: &Add) -> (&'static str, Value) {
    match add.properties() {
        _ if matches!(add.secret.0, Secret::Everything) => ("data", HIDDEN.into()),
        Some(properties) => {
            let entries = properties.into_iter().map(|(name, value)| {
                let hidden = add.secret.0.covers(&name);
                (name, if hidden { HIDDEN.into() } else { value })
            });
            ("properties", Value::Object(entries.collect()))
        }
        None if hides_raw_data(add) => ("data", HIDDEN.into()),
        None => ("data", raw_json(add.data.as_bytes())),
    }
}

pub(super) fn changes_json(changes: &[Change]) -> Value {
    changes.iter().map(change_json).collect()
}

fn change_json(change: &Change) -> Value {
    let value = |value: &Option<ChangeValue>| match value {
        None => Value::Null,
        Some(_) if change.secret => HIDDEN.into(),
        Some(ChangeValue::Json(value)) => value.clone(),
        Some(ChangeValue::Beyond(text)) => text.as_str().into(),
        Some(ChangeValue::Raw(bytes)) => raw_json(bytes),
        Some(ChangeValue::Acl(acl)) => acl_json(acl),
    };
    let old = value(&change.old);
    let object = match &change.new {
        None => json!({ "op": "remove", "name": change.name, "old": old }),
        new => json!({ "op": "set", "name": change.name, "old": old, "new": value(new) }),
    };
    with_source(object, change.origin.as_ref())
}

fn acl_json(acl: &Acl) -> Value {
    acl.entries
        .iter()
        .map(|entry| Value::String(entry.to_string()))
        .collect()
}

/// One warning.
pub(crate) fn warning_json(warning: &Warning) -> Value {
    let object = json!({
        "path": warning.path.as_str(),
        "message": clipped(&warning.message),
        "lint": warning.lint.name(),
        "level": warning.level.name(),
    });
    with_source(object, warning.origin.as_ref())
}

/// What a rule of a policy says; of its nodes only the first are listed.
fn objection_json(objection: &Objection) -> Value {
    let paths = objection.paths.iter().map(ZPath::as_str);
    let object = json!({
        "rule": objection.rule,
        "effect": objection.effect.name(),
        "message": objection.message,
        "nodes": objection.nodes,
        "paths": paths.collect::<Vec<_>>(),
    });
    with_source(object, objection.origin.as_ref())
}

pub(crate) fn not_compared_json(lacking: &NotCompared) -> Value {
    let object = json!({
        "path": lacking.path.as_str(),
        "name": lacking.name,
        "from": lacking.from,
        "reason": lacking.why,
    });
    with_source(object, lacking.origin.as_ref())
}

fn refusal_json(refusal: &Refusal) -> Value {
    let mut object = json!({ "message": words::refusal(refusal) });
    if let Refusal::NoRight { nodes } = refusal {
        object["missing"] = rights_json(nodes);
    }
    with_source(object, refusal.origin())
}

/// Rights, by node.
fn rights_json(nodes: &[NodeRights]) -> Value {
    let nodes = nodes.iter().map(|node| {
        let rights: Vec<&str> = node.rights.iter().map(|right| right.name()).collect();
        json!({ "path": node.path.as_str(), "rights": rights })
    });
    nodes.collect()
}

fn with_source(mut object: Value, origin: Option<&Location>) -> Value {
    if let Some(origin) = origin {
        object["source"] = origin.to_string().into();
    }
    object
}

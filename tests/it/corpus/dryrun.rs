use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::Value;
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, KeptReason, MaxTrim, Plan};
use zkt::model::value::{self, Data};
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::{Filter, Trim};
use zkt::syntax::names::split_link;

use super::{Departure, Verdict, check, first, live_tree};
use crate::ensemble::Ensemble;
use crate::trees;

#[test]
fn plans_say_and_do_what_dry_runs_said_and_did() {
    check("dryrun.jsonl", DEPARTURES, |case| {
        let before = live_tree(case, case["before"].as_str().expect("a text"));
        let before = Ensemble::of(&before.expect("a tree"));
        let at = match ZPath::parse_lenient(case["path"].as_str().expect("a path")) {
            Ok(at) => at,
            Err(_) if case["dry_error"].is_object() => return Verdict::Same,
            Err(error) => return Verdict::Other(error.to_string()),
        };
        let after = case["after"].as_str().expect("a tree");
        let declared = match trees::declare_at(after.as_bytes(), at.as_str()) {
            Ok(declared) => declared,
            Err(errors) => return Verdict::Other(first(&errors)),
        };
        let policy = Policy {
            path: at,
            trim: if case["trim"] == true {
                Trim::All
            } else {
                Trim::None
            },
            max_trim: MaxTrim::Unlimited,
            filter: Filter::default(),
            ..Policy::new(&declared.sources)
        };
        let live = before.fetch(&declared.tree, policy.trim);
        let mut plan = planner::plan(&declared.tree, &live, &policy);
        if case["trim"] == false {
            plan.extras.clear();
        }
        assert_eq!(plan.refusals, [], "no guard was asked for");
        let recorded: BTreeSet<String> = case["lines"]
            .as_array()
            .expect("lines")
            .iter()
            .filter_map(|line| translate(line.as_str().expect("a line")))
            .collect();
        let ours = lines(&plan, &declared.tree, &live);
        let done = before.after(&plan).expect("a legal plan");
        let again = planner::plan(&declared.tree, &done.everything(), &policy);
        assert!(again.is_empty(), "{again:?}");
        let different = differences(&done, &case["final_data"]);
        // zc.zk wrote nodes that were as they should be; zkt never does.
        for path in case["rewritten_unchanged"].as_array().into_iter().flatten() {
            let Ok(path) = ZPath::parse(path.as_str().expect("a path")) else {
                continue;
            };
            if let (Some(before), Some(after)) = (before.nodes.get(&path), done.nodes.get(&path)) {
                assert!(
                    before.version == after.version || different.contains(path.as_str()),
                    "{path} is rewritten"
                );
            }
        }
        if ours == recorded && different.is_empty() {
            Verdict::Same
        } else {
            let ours: Vec<String> = ours.into_iter().collect();
            Verdict::Other(format!(
                "{}; data differs: {:?}",
                ours.join(", "),
                different
            ))
        }
    });
}

/// A line of zc.zk's dry run, less how it spells values and what it deletes below a topmost node.
fn translate(line: &str) -> Option<String> {
    if let Some(path) = line.strip_prefix("would delete ") {
        return Some(format!("trim {}", path.trim_end_matches('.')));
    }
    if let Some(path) = line.strip_prefix("extra path not trimmed: ") {
        return Some(format!("extra {path}"));
    }
    if let Some(path) = line.strip_prefix("add /") {
        return Some(format!("add /{path}"));
    }
    if let Some(line) = line.strip_prefix("wouldn't delete ") {
        return Some(format!(
            "kept {}",
            line.strip_suffix(" because it's ephemeral.")?
        ));
    }
    if let Some(path) = line.strip_suffix(" not deleted due to ephemeral descendent.") {
        return Some(format!("holds {path}"));
    }
    for (verb, ours) in [(" add property ", "add"), (" remove property ", "remove")] {
        if let Some((path, rest)) = line.split_once(verb) {
            let (name, _) = rest.split_once(" = ")?;
            return Some(format!("{path} {ours} {name}"));
        }
    }
    for (verb, ours) in [(" add link ", "add"), (" remove link ", "remove")] {
        if let Some((path, rest)) = line.split_once(verb) {
            let operator = if rest.contains(" => ") { " =>" } else { " ->" };
            let (name, _) = rest.split_once(operator)?;
            return Some(format!("{path} {ours} {name}{operator}"));
        }
    }
    let (subject, _) = line.split_once(" change from ")?;
    Some(match subject.strip_suffix(" link") {
        Some(subject) => {
            let (path, name) = subject.rsplit_once(' ')?;
            format!("{path} change {name} ->")
        }
        None => {
            let (path, name) = subject.rsplit_once(' ')?;
            format!("{path} change {name}")
        }
    })
}

/// A plan in the same words: of new and of trimmed subtrees only the topmost node.
fn lines(
    plan: &Plan,
    declared: &zkt::model::tree::Tree<zkt::model::node::Declared>,
    live: &zkt::model::tree::Tree<Live>,
) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mut added: BTreeSet<&ZPath> = BTreeSet::new();
    for action in &plan.actions {
        let path = action.path();
        let changes = match action {
            Action::Add(_) => {
                if !path.parent().is_some_and(|parent| added.contains(&parent)) {
                    lines.insert(format!("add {path}"));
                }
                added.insert(path);
                continue;
            }
            Action::Trim(_) => {
                lines.insert(format!("trim {path}"));
                continue;
            }
            Action::Update(update) => &update.changes,
            Action::Link(_) if added.contains(path) => continue,
            Action::Link(link) => &link.changes,
        };
        for change in changes {
            let verb = match (&change.old, &change.new) {
                (None, _) => "add",
                (_, None) => "remove",
                _ => "change",
            };
            lines.insert(format!("{path} {verb} {}", change.name));
            assert_eq!(
                split_link(&change.name).is_some(),
                matches!(action, Action::Link(_))
            );
        }
    }
    lines.extend(plan.extras.iter().map(|path| format!("extra {path}")));
    for kept in &plan.kept {
        let word = match kept.reason {
            KeptReason::Ephemeral if declared.get(&kept.path).is_some() => continue,
            KeptReason::HoldsEphemeral => "holds",
            _ => "kept",
        };
        assert!(live.get(&kept.path).is_some(), "{kept:?}");
        lines.insert(format!("{word} {}", kept.path));
    }
    lines
}

/// The paths whose data is not what zc.zk left there.
fn differences(done: &Ensemble, recorded: &Value) -> BTreeSet<String> {
    let recorded: BTreeMap<&str, Vec<u8>> = recorded
        .as_object()
        .expect("data by path")
        .iter()
        .map(|(path, data)| {
            let data = match data.as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => base64::engine::general_purpose::STANDARD
                    .decode(data["b64"].as_str().expect("base64"))
                    .expect("base64"),
            };
            (path.as_str(), data)
        })
        .collect();
    let ours: BTreeMap<&str, Vec<u8>> = done
        .nodes
        .iter()
        .filter(|(path, _)| !path.as_str().starts_with("/zookeeper"))
        .map(|(path, node)| (path.as_str(), node.data.clone()))
        .collect();
    let paths = ours
        .keys()
        .chain(recorded.keys())
        .copied()
        .collect::<BTreeSet<_>>();
    let same = |path: &&str| match (ours.get(path), recorded.get(path)) {
        (Some(a), Some(b)) => match (Data::decode(a), Data::decode(b)) {
            (Data::Properties(a), Data::Properties(b)) => value::equal_properties(&a, &b),
            _ => a == b,
        },
        _ => false,
    };
    paths
        .into_iter()
        .filter(|path| !same(path))
        .map(str::to_owned)
        .collect()
}

const DEPARTURES: &[Departure] = &[
    (
        "prop-0-to-false",
        "Data is equal as JSON, where 0 is not false; Python says it is.",
        r#"/n change x; data differs: {}"#,
    ),
    (
        "prop-link-nonascii-change",
        "Text is UTF-8 throughout; zc.zk failed.",
        r#"/n change l ->; data differs: {}"#,
    ),
    (
        "raw-json-inf",
        "1e999 keeps its exact value; zc.zk took it for infinity.",
        r#"/n change a; data differs: {"/n"}"#,
    ),
    (
        "node-nonascii-new",
        "Node names may be non-ASCII; zc.zk lost its connection.",
        r#"add /a/é; data differs: {"/a/é"}"#,
    ),
    (
        "node-nonascii-top",
        "Node names may be non-ASCII; zc.zk lost its connection.",
        r#"/é change x; data differs: {"/é"}"#,
    ),
    (
        "node-trailing-slash",
        "A node name may not be empty.",
        r#"1:3: a node name may not be empty"#,
    ),
    (
        "node-zookeeper",
        "`/zookeeper` can be neither declared nor trimmed.",
        r#"1:2: /zookeeper belongs to ZooKeeper itself and cannot be declared"#,
    ),
    (
        "path-nonascii-extra",
        "Node names may be non-ASCII; zc.zk lost its connection.",
        r#"/é/n add x, extra /é/n/o; data differs: {"/é/n"}"#,
    ),
    (
        "eph-kept-node-trim",
        "An ephemeral node that is not trimmed is listed under `kept`.",
        r#"kept /s/providers/1.2.3.4:80, kept /s/providers/1.2.3.5:80; data differs: {}"#,
    ),
    (
        "eph-in-trimmed-deep-trim",
        "An undeclared subtree that holds an ephemeral node is kept whole; zc.zk deletes its persistent siblings.",
        r#"holds /s/old, kept /s/old/providers/a:1; data differs: {"/s/old/x"}"#,
    ),
    (
        "prop-nonascii-bytes-change-as-unicode",
        "Text is UTF-8 throughout; zc.zk failed.",
        r#"/n change x; data differs: {}"#,
    ),
    (
        "path-nonascii-extra-as-unicode",
        "Node names may be non-ASCII; zc.zk failed.",
        r#"/é/n add x, extra /é/n/o; data differs: {"/é/n"}"#,
    ),
];

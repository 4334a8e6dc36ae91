//! Two trees and the plan between them, as text.

use std::fmt::Write as _;

use zkt::model::acl::AuthId;
use zkt::model::node::Live;
use zkt::model::plan::{Action, Change, ChangeValue, MaxTrim, Plan};
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::{Filter, Trim};

use crate::ensemble::Ensemble;
use crate::trees::{self, path};

/// What a plan is made from; both trees are texts.
struct Case<'c> {
    declared: &'c str,
    live: Tree<Live>,
    at: &'c str,
    trim: Trim,
    target: &'c [&'c str],
    exclude: &'c [&'c str],
    max_trim: MaxTrim,
    identities: Option<&'c [(&'c str, &'c str)]>,
}

/// Nothing is trimmed unless that is said.
fn case<'c>(declared: &'c str, live: &str) -> Case<'c> {
    let (live, at, trim) = (trees::live(live), "/", Trim::None);
    Case {
        declared,
        live,
        at,
        trim,
        target: &[],
        exclude: &[],
        max_trim: MaxTrim::Unlimited,
        identities: None,
    }
}

impl<'c> Case<'c> {
    fn trim(self) -> Self {
        Self {
            trim: Trim::All,
            ..self
        }
    }

    fn at(self, at: &'c str) -> Self {
        Self { at, ..self }
    }

    fn max_trim(self, max_trim: MaxTrim) -> Self {
        Self { max_trim, ..self }
    }

    fn target(self, target: &'c [&'c str]) -> Self {
        Self { target, ..self }
    }

    fn exclude(self, exclude: &'c [&'c str]) -> Self {
        Self { exclude, ..self }
    }

    fn identities(self, identities: &'c [(&'c str, &'c str)]) -> Self {
        Self {
            identities: Some(identities),
            ..self
        }
    }

    fn with(mut self, at: &str, change: impl FnOnce(&mut zkt::model::node::LiveNode)) -> Self {
        match self.live.get_mut(&path(at)) {
            Some(Live::Read(node)) => change(node),
            other => panic!("{at} is {other:?}"),
        }
        self
    }

    fn ephemeral(self, at: &str) -> Self {
        self.with(at, |node| node.ephemeral = true)
    }

    fn raw(self, at: &str, data: &[u8]) -> Self {
        self.with(at, |node| node.data = data.to_vec())
    }

    fn unreadable(mut self, at: &str) -> Self {
        *self.live.get_mut(&path(at)).expect("a live node") = Live::Unreadable;
        self
    }

    /// As it is shown.
    fn plan(self) -> String {
        shown(&self.made())
    }

    fn made(self) -> Plan {
        let declared = trees::declare_at(self.declared.as_bytes(), self.at);
        let mut declared = declared.unwrap_or_else(|errors| panic!("{}", errors.join("\n")));
        let strings = |globs: &[&str]| {
            globs
                .iter()
                .map(|glob| (*glob).to_owned())
                .collect::<Vec<_>>()
        };
        let filter = Filter::new(&strings(self.target), &strings(self.exclude)).expect("globs");
        filter.apply(&mut declared.tree);
        let who = |(scheme, id): &(&str, &str)| AuthId {
            scheme: (*scheme).to_owned(),
            id: (*id).to_owned(),
        };
        let policy = Policy {
            path: path(self.at),
            trim: self.trim,
            filter,
            max_trim: self.max_trim,
            identities: self
                .identities
                .map(|identities| identities.iter().map(who).collect()),
            ..Policy::new(&declared.sources)
        };
        let plan = planner::plan(&declared.tree, &self.live, &policy);
        let after = Ensemble::of(&self.live).after(&plan);
        assert!(
            after.is_ok() || self.live.iter().any(|(_, live)| live.node().is_none()),
            "{after:?}"
        );
        plan
    }
}

fn shown(plan: &Plan) -> String {
    let mut text = String::new();
    let place = |origin: &Option<zkt::syntax::place::Location>| match origin {
        Some(location) => format!("  ({}:{})", location.line, location.column),
        None => String::new(),
    };
    for action in &plan.actions {
        let path = action.path();
        let name = action.name();
        match action {
            Action::Add(add) => {
                let data = String::from_utf8_lossy(add.data.as_bytes()).into_owned();
                let raw = if add.raw { " raw" } else { "" };
                let acl = add
                    .acl
                    .as_ref()
                    .map(|acl| format!(" @acl {acl}"))
                    .unwrap_or_default();
                _ = writeln!(text, "{name} {path}{raw} {data}{acl}{}", place(&add.origin));
            }
            Action::Update(update) => {
                let version = update.expected_version.get();
                let acl = update
                    .acl
                    .as_ref()
                    .map(|(version, _)| format!(" acl v{}", version.get()));
                let data = if update.data.is_some() {
                    ""
                } else {
                    " no data"
                };
                _ = writeln!(
                    text,
                    "{name} {path} v{version}{}{data}{}",
                    acl.unwrap_or_default(),
                    place(&update.origin)
                );
                update
                    .changes
                    .iter()
                    .for_each(|change| text.push_str(&change_text(change)));
            }
            Action::Link(link) => {
                let version = link
                    .expected_version
                    .map_or("new".to_owned(), |v| format!("v{}", v.get()));
                _ = writeln!(text, "{name} {path} {version}{}", place(&link.origin));
                link.changes
                    .iter()
                    .for_each(|change| text.push_str(&change_text(change)));
            }
            Action::Trim(trim) => {
                _ = writeln!(text, "{name} {path} v{}", trim.expected_version.get());
            }
        }
    }
    plan.extras
        .iter()
        .for_each(|path| _ = writeln!(text, "extra {path}"));
    plan.kept
        .iter()
        .for_each(|kept| _ = writeln!(text, "kept {}: {}", kept.path, kept.reason));
    plan.not_compared
        .iter()
        .for_each(|lacking| _ = writeln!(text, "not compared {}: {lacking}", lacking.path));
    plan.refusals
        .iter()
        .for_each(|refusal| _ = writeln!(text, "refused: {refusal}"));
    _ = write!(
        text,
        "unchanged {}, examined {}",
        plan.unchanged, plan.examined
    );
    text
}

fn change_text(change: &Change) -> String {
    let value = |value: &Option<ChangeValue>| match value {
        None => "nothing".to_owned(),
        Some(ChangeValue::Json(value)) => value.to_string(),
        Some(ChangeValue::Beyond(text)) => text.clone(),
        Some(ChangeValue::Raw(bytes)) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Some(ChangeValue::Acl(acl)) => acl.to_string(),
    };
    let secret = if change.secret { " (secret)" } else { "" };
    let at = change
        .origin
        .as_ref()
        .map(|at| format!("  ({}:{})", at.line, at.column))
        .unwrap_or_default();
    format!(
        "  {}: {} -> {}{secret}{at}\n",
        change.name,
        value(&change.old),
        value(&change.new)
    )
}

macro_rules! check_plan {
    ($case:expr, @$expect:literal) => {
        insta::assert_snapshot!($case.plan(), @$expect)
    };
}

mod acls;
mod actions;
mod alike;
mod data;
mod directives;
mod moves;
mod outside;
mod scope;

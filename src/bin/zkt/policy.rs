//! Policies: rules of a team, each with an expression in CEL that is asked about every action of a plan.

mod file;
mod limits;
mod patterns;
mod roomy;
mod rule;
mod value;

use cel::Context;
use serde_json::{Value, json};
use zkt::model::plan::{Action, Effect, Objection, Plan};
use zkt::reconcile::Reviewer;

use crate::args::PolicyArgs;
use crate::exit::Failure;
use crate::render::{action_json, summary_json};
use roomy::on_large_stack;
use rule::Rule;

/// How many nodes an objection lists.
const LISTED: usize = 20;

/// What the policies of the arguments have against a plan; `None` without a policy.
pub(crate) fn reviewer(args: &PolicyArgs) -> Result<Option<Reviewer>, Failure> {
    let mut rules: Vec<Rule> = Vec::new();
    for path in &args.files {
        let more = on_large_stack(|| file::read(path, &rules))?;
        rules.extend(more);
    }
    let asks = |name: &str| {
        let mut asking = rules.iter().filter(|rule| rule.effect == Effect::Ask);
        asking.any(|rule| rule.name == name)
    };
    if let Some(name) = args.approved.iter().find(|name| !asks(name)) {
        let failure = Failure::new(format!("--approve {name}: no rule of that name asks"));
        let hint = match args.files.is_empty() {
            true => "--policy FILE names the rules",
            false => "it stands before the message, as in: rule NAME asks first",
        };
        return Err(failure.hint(hint));
    }
    if rules.is_empty() {
        return Ok(None);
    }
    let (context, approved) = (args.context.clone(), args.approved.clone());
    let review = move |plan: &Plan| {
        let mut objections = on_large_stack(|| review(&rules, plan, &context));
        objections.retain(|objection| {
            objection.effect != Effect::Ask || !approved.contains(&objection.rule)
        });
        objections
    };
    Ok(Some(Reviewer::new(args.asks, review)))
}

/// Asks each rule about each action.
fn review(rules: &[Rule], plan: &Plan, context: &str) -> Vec<Objection> {
    let mut root = Context::default();
    patterns::add_matches(&mut root);
    root.add_variable_from_value("plan", value::of(&plan_value(plan, context)));
    let mut found: Vec<Found<'_>> = rules.iter().map(Found::of).collect();
    for action in &plan.actions {
        let mut scope = root.new_inner_scope();
        scope.add_variable_from_value("action", value::of(&action_json(action)));
        for (rule, found) in rules.iter().zip(&mut found) {
            match rule.holds(&scope) {
                Ok(false) => {}
                Ok(true) => found.matches.push(action),
                Err(error) => {
                    found.failures.push(action);
                    found.error.get_or_insert(error);
                }
            }
        }
    }
    found.iter().flat_map(Found::objections).collect()
}

/// What rules see of the plan as a whole.
fn plan_value(plan: &Plan, context: &str) -> Value {
    json!({
        "path": plan.path.as_str(),
        "context": context,
        "summary": summary_json(plan.summary()),
    })
}

/// What one rule found.
struct Found<'p> {
    rule: &'p Rule,
    matches: Vec<&'p Action>,
    /// The actions about which it cannot say anything, and why not about the first.
    failures: Vec<&'p Action>,
    error: Option<String>,
}

impl<'p> Found<'p> {
    fn of(rule: &'p Rule) -> Self {
        Self {
            rule,
            matches: Vec::new(),
            failures: Vec::new(),
            error: None,
        }
    }

    /// A rule that cannot be asked may be one that denies, so it does.
    fn objections(&self) -> impl Iterator<Item = Objection> {
        let Self {
            rule,
            matches,
            failures,
            error,
        } = self;
        let failed = error.as_ref().map(|error| {
            let message = format!("{}: it cannot be evaluated: {error}", rule.place);
            objection(rule, Effect::Deny, message, failures)
        });
        let objects = matches.len() > rule.more_than;
        let met = objects.then(|| objection(rule, rule.effect, rule.message.clone(), matches));
        failed.into_iter().chain(met)
    }
}

fn objection(rule: &Rule, effect: Effect, message: String, actions: &[&Action]) -> Objection {
    let mut paths: Vec<_> = actions.iter().map(|action| action.path()).collect();
    // A node may have an update and a link.
    paths.sort();
    paths.dedup();
    Objection {
        rule: rule.name.clone(),
        effect,
        message,
        nodes: paths.len(),
        paths: paths.into_iter().take(LISTED).cloned().collect(),
        origin: actions.iter().find_map(|action| action.origin()).cloned(),
    }
}

#[cfg(test)]
mod tests;

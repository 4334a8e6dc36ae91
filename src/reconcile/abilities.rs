//! Whether the server can do all that a plan does, before the first write.

use super::Options;
use crate::model::plan::{Action, Add, Plan, Refusal};
use crate::zookeeper::session::Session;

/// Refuses a plan that needs new nodes where the server cannot create them in batches. For an owner, each
/// batch creates one in its record.
pub(super) fn check(session: &Session, options: &Options, plan: &mut Plan) {
    let dialect = session.dialect();
    if dialect.creates() {
        return;
    }
    let server = dialect.to_string();
    let mut adds = plan.actions.iter().filter_map(|action| match action {
        Action::Add(add) => Some(add),
        _ => None,
    });
    let refusal = match adds.next() {
        Some(Add { path, origin, .. }) => Refusal::NoCreation {
            path: path.clone(),
            nodes: 1 + adds.count(),
            server,
            origin: origin.clone(),
        },
        None if options.owner.is_some() && writes(plan) => Refusal::NoRecord { server },
        None => return,
    };
    plan.refusals.push(refusal);
}

/// Whether the plan writes anything, be it only in the record of its owner.
fn writes(plan: &Plan) -> bool {
    !(plan.is_empty() && plan.claims.is_empty() && plan.record.is_empty())
}

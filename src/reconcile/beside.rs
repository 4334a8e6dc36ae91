//! A plan on two threads.

use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use crate::model::node::{Declared, Live};
use crate::model::plan::Plan;
use crate::model::tree::Tree;
use crate::plan::planner::{self, Policy};

/// Least number of declared nodes for a second thread. The doubts about 100,000 nodes take a third of the
/// time of their plan.
const MANY: usize = 10_000;

/// As [`planner::plan`], with the same answer.
pub(super) fn plan(declared: &Tree<Declared>, live: &Tree<Live>, policy: &Policy<'_>) -> Plan {
    if declared.len() < MANY {
        return planner::plan(declared, live, policy);
    }
    let doubts = || planner::doubts(declared, policy);
    thread::scope(|scope| {
        let looking = thread::Builder::new().spawn_scoped(scope, doubts);
        let found = || match looking.map(ScopedJoinHandle::join) {
            Ok(Ok(found)) => found,
            Ok(Err(panic)) => resume_unwind(panic),
            // There is no other thread to be had.
            Err(_) => doubts(),
        };
        planner::plan_with(declared, live, policy, found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::declare;
    use crate::model::lint::{Level, Lint};

    #[test]
    fn a_plan_is_the_same_on_one_thread_and_on_two() {
        let nodes = (0..MANY).map(|number| format!("/n{number}\n  token{number} = 'x'\n"));
        let source = declare(&nodes.collect::<String>()).unwrap();
        let tree = source.tree();
        let mut policy = Policy::new(source.texts());
        policy.levels.set(Lint::PlainSecret, Level::Deny);
        let one = planner::plan(tree, &Tree::default(), &policy);
        assert_eq!((one.actions.len(), one.warnings.len()), (MANY, MANY));
        assert_eq!(plan(tree, &Tree::default(), &policy), one);
    }
}

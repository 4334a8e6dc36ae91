//! What holds for every tree, text and plan, tried on thousands of them.

mod choices;
mod commits;
mod copies;
mod documents;
mod files;
mod flights;
mod moves;
mod naive;
mod plans;
mod saved;
mod texts;

use proptest::prelude::{ProptestConfig, any};
use proptest::test_runner::TestError;

use choices::Choices;

/// Runs a law on random choices, `ZKT_LAWS` times as many as usual; a failure shrinks to few and
/// small ones.
fn law(cases: u32, holds: impl Fn(&mut Choices), show: impl Fn(&mut Choices) -> String) {
    shrinking_law(cases, 4000, holds, show);
}

/// The same with so many attempts to shrink.
fn shrinking_law(
    cases: u32,
    shrinks: u32,
    holds: impl Fn(&mut Choices),
    show: impl Fn(&mut Choices) -> String,
) {
    let factor =
        std::env::var("ZKT_LAWS").map_or(1, |factor| factor.parse().expect("ZKT_LAWS is a number"));
    crate::watchdog::watch();
    let cases = cases * factor;
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: shrinks,
        ..Default::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let bytes = proptest::collection::vec(any::<u8>(), 0..400);
    let run = runner.run(&bytes, |bytes| {
        holds(&mut Choices::new(&bytes));
        Ok(())
    });
    match run {
        Ok(()) => {}
        Err(TestError::Fail(reason, bytes)) => {
            panic!("{reason}\n{}", show(&mut Choices::new(&bytes)))
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

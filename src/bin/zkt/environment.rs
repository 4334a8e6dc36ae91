//! Variables of the environment.

use std::env;

/// A variable that is set to nothing counts as not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

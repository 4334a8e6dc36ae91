//! Cases that went wrong once; the inputs of each are in `fixtures/cases`.

mod discover_env_too_big;
mod two_watchers;

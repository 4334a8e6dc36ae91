//! Cases that went wrong once; the inputs of each are in `fixtures/cases`.

mod discover_env_too_big;
mod empty_bytes;
mod reads_outside;
mod two_watchers;
mod zero_length_file;

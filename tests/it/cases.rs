//! Cases that went wrong once; the inputs of each are in `fixtures/cases`.

mod two_watchers;

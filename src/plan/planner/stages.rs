//! The actions of a plan while it is made.

use crate::model::plan::Action;

/// Actions by kind, each in path order.
#[derive(Default)]
pub(super) struct Stages {
    pub(super) adds: Vec<Action>,
    pub(super) updates: Vec<Action>,
    pub(super) links: Vec<Action>,
    pub(super) trims: Vec<Action>,
}

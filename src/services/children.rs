//! A live view of a node's children.

mod reading;
mod snapshot;

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::board::{Changes, Reaction};
use super::core::Core;
use super::error::Error;
use super::view::{self, View};
use crate::model::path::ZPath;

pub use snapshot::{Child, Children, ChildrenChange};

use reading::Reader;

/// A live view of a node's children.
pub type ChildrenView = View<Children>;

impl ChildrenView {
    pub(crate) async fn open(core: &Core, path: &str) -> Result<Self, Error> {
        view::open::<Reader>(core, path).await
    }

    /// The node behind all links, now. `None` if there is no such node.
    #[must_use]
    pub fn real_path(&self) -> Option<ZPath> {
        self.snapshot().real_path().cloned()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshot().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshot().is_empty()
    }

    /// The names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.snapshot().names().map(str::to_owned).collect()
    }

    /// One child. Returns `None` if there is no such child.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Child>> {
        self.snapshot().get(name).cloned()
    }

    /// The properties of one child as a type of the caller's. Returns `None` if there is no such child.
    ///
    /// # Errors
    /// [`Error::Type`].
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Option<Result<T, Error>> {
        self.get(name).map(|child| child.get_as())
    }

    /// The changes from now on.
    #[must_use]
    pub fn changes(&self) -> Changes<Children> {
        self.stream()
    }

    /// Calls a function at once, and after each change, with what there is then. It is called on the
    /// view's task, and must not block. It is not called any more after it has returned an error or
    /// panicked, which is logged, or [`ControlFlow::Break`](std::ops::ControlFlow::Break).
    pub fn on_change<R: Reaction>(
        &self,
        callback: impl FnMut(&Arc<Children>) -> R + Send + 'static,
    ) -> &Self {
        self.board().on_change(callback);
        self
    }
}

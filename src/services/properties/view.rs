//! The view itself: reading, updating, watching.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{NodeProperties, Reader, read_all};
use crate::model::path::ZPath;
use crate::model::value::Properties;
use crate::services::board::{Changes, Reaction};
use crate::services::core::Core;
use crate::services::error::{Error, parse};
use crate::services::resolving::Known;
use crate::services::view::{self, Subject as _, View, wanted};

/// A live view of a node's properties. Changes in the nodes that property links lead to are changes of
/// the properties.
pub type PropertiesView = View<NodeProperties>;

/// The properties at a path as they are now.
async fn read_once(core: &Core, path: &str) -> Result<NodeProperties, Error> {
    let wanted = wanted(path)?;
    let mut known = Known::default();
    let read = core.answer(&mut known, |nodes| read_all(nodes, &wanted));
    let properties = read.await?.map_err(Error::of_link)?;
    Reader::check(&properties)?;
    Ok(properties)
}

impl PropertiesView {
    pub(crate) async fn open(core: &Core, path: &str) -> Result<Self, Error> {
        view::open::<Reader>(core, path).await
    }

    /// A view that watches nothing.
    pub(crate) async fn once(core: &Core, path: &str) -> Result<Self, Error> {
        Ok(Self::still(core, path, read_once(core, path).await?))
    }

    /// The node behind all links, now. `None` if there is no such node.
    #[must_use]
    pub fn real_path(&self) -> Option<ZPath> {
        self.snapshot().real_path.clone()
    }

    /// How many are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshot().len()
    }

    /// Whether none is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshot().is_empty()
    }

    /// The value of a property, or what a property link leads to. Returns `None` if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        self.snapshot().get(name).cloned()
    }

    /// A property as a type of the caller's. Returns `None` if there is no such property.
    ///
    /// # Errors
    /// Those of [`NodeProperties::get_as`].
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Option<Result<T, Error>> {
        self.snapshot().get_as(name)
    }

    /// All properties as a type of the caller's.
    ///
    /// # Errors
    /// Those of [`NodeProperties::to`].
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.snapshot().to()
    }

    /// The changes from now on.
    ///
    /// # Errors
    /// [`Error::NotWatched`].
    pub fn changes(&self) -> Result<Changes<NodeProperties>, Error> {
        self.require_watched()?;
        Ok(self.stream())
    }

    /// Calls a function at once, and after each change, with what there is then. It is called on the
    /// view's task, and must not block. It is not called any more after it has returned an error or
    /// panicked, which is logged, or [`ControlFlow::Break`](std::ops::ControlFlow::Break).
    ///
    /// # Errors
    /// [`Error::NotWatched`].
    pub fn on_change<R: Reaction>(
        &self,
        callback: impl FnMut(&Arc<NodeProperties>) -> R + Send + 'static,
    ) -> Result<&Self, Error> {
        self.require_watched()?;
        self.board().on_change(callback);
        Ok(self)
    }

    fn require_watched(&self) -> Result<(), Error> {
        if self.is_watched() {
            Ok(())
        } else {
            Err(Error::NotWatched)
        }
    }

    /// Sets one property; the others stay.
    ///
    /// # Errors
    /// Those of [`PropertiesView::update`].
    ///
    /// # Cancellation safety
    /// As [`PropertiesView::update`].
    pub async fn set_one(&self, name: &str, value: impl Into<Value>) -> Result<(), Error> {
        self.update([(name.to_owned(), value.into())]).await
    }

    /// Sets some properties of the node behind all links; the others stay, also those that somebody
    /// else sets at the same time. When this returns, the view shows them.
    ///
    /// # Errors
    /// [`Error::NoNode`] where the node was deleted, [`Error::BadPropertyLink`] with nothing written,
    /// and those of [`ZooKeeper::update`](crate::ZooKeeper::update).
    ///
    /// # Cancellation safety
    /// When the future is dropped, the update may have happened or not.
    pub async fn update(
        &self,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<(), Error> {
        let changes: Properties = properties.into_iter().collect();
        self.rewrite(move |properties| properties.extend(changes.clone()))
            .await
    }

    /// Replaces the properties: those that this view shows and that are not given are removed. Ones
    /// that somebody else has set since stay.
    ///
    /// # Errors and cancellation safety
    /// As [`PropertiesView::update`].
    pub async fn set(
        &self,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<(), Error> {
        let new: Properties = properties.into_iter().collect();
        let seen = self.snapshot();
        self.rewrite(move |properties| {
            properties.retain(|name, _| !seen.stored.contains_key(name));
            properties.extend(new.clone());
        })
        .await
    }

    async fn rewrite(&self, change: impl Fn(&mut Properties) + Send + Sync) -> Result<(), Error> {
        let Some(real) = self.real_path() else {
            return Err(Error::NoNode(parse(self.path())?));
        };
        let mut sequence = self.board().sequence();
        let (stat, _) = self.core().rewrite(&real, change).await?;
        if !self.is_watched() {
            let now = read_once(self.core(), self.path()).await?;
            self.board().show(now);
            return Ok(());
        }
        let shown = async {
            loop {
                sequence.borrow_and_update();
                let now = self.snapshot();
                if now.mzxid >= stat.mzxid || now.real_path.as_ref() != Some(&real) {
                    return;
                }
                if sequence.changed().await.is_err() {
                    return;
                }
            }
        };
        // It is written, whether or not the view can be read again.
        _ = tokio::time::timeout(self.core().session_timeout(), shown).await;
        Ok(())
    }
}

//! What a view depends on: nodes that are watched, and so known.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::core::Core;
use super::error::Error;
use super::hub::{Hub, Interest, Signal, Subscription};
use super::resolving::{Asked, Known, Touched};
use crate::model::path::ZPath;
use crate::plan::links;

/// Nodes that answers came from. All of them are watched, so that a question need read only what
/// has changed since the last one.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    known: Known,
    subscriptions: BTreeMap<ZPath, Subscription>,
}

impl Dependencies {
    /// Takes note of what has happened.
    pub(crate) fn forget(&mut self, signal: &Signal) {
        match signal {
            Signal::Touched(path) => self.known.forget(path),
            Signal::Again(_) => self.known.clear(),
        }
    }

    /// Whether a node, or that it has no child of some name, is something an answer came from.
    pub(crate) fn hold(&self, path: &ZPath) -> bool {
        self.subscriptions.contains_key(path)
    }

    /// Answers a question, reading and watching what it takes.
    pub(crate) async fn answer<T>(
        &mut self,
        core: &Core,
        hub: &Hub,
        sender: &mpsc::UnboundedSender<Signal>,
        path: &ZPath,
        question: impl Fn(&Asked<'_>) -> Result<T, links::Error>,
    ) -> Result<Result<T, links::Error>, Error> {
        // Most paths are real.
        if !self.known.is_known(path) {
            core.learn(&mut self.known, vec![path.clone()]).await?;
        }
        loop {
            let (answer, touched) = self.known.ask(&question);
            if let Err(links::Error::Unknown(paths)) = answer {
                core.learn(&mut self.known, paths).await?;
                continue;
            }
            let is_new = |path: &&ZPath| !self.subscriptions.contains_key(*path);
            let new: Touched = touched.iter().filter(is_new).cloned().collect();
            if new.is_empty() {
                self.subscriptions.retain(|path, _| touched.contains(path));
                let mut watched = touched;
                watched.insert(path.clone());
                self.known.retain(&watched);
                return Ok(answer);
            }
            // Read these again: what is cached is older than the watch.
            for path in new {
                let subscription = hub.subscribe(&path, Interest::Node, sender).await;
                let subscription = subscription.map_err(|_| Error::Closed)?;
                self.known.forget(&path);
                self.subscriptions.insert(path, subscription);
            }
        }
    }
}

//! The task of a view of properties.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{NodeProperties, read_all, unresolved};
use crate::model::path::ZPath;
use crate::services::board::{Board, Keep};
use crate::services::dependencies::Dependencies;
use crate::services::error::Error;
use crate::services::handle::ZooKeeper;
use crate::services::resolving::Asked;
use crate::services::supervision::Connection;

/// Keeps a view up to date.
pub(super) struct Keeper {
    pub(super) zookeeper: ZooKeeper,
    pub(super) board: Arc<Board<NodeProperties>>,
    pub(super) path: ZPath,
    /// Who waits for the first snapshot.
    pub(super) first: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Keep for Keeper {
    type Snapshot = NodeProperties;

    async fn keep(&mut self, connection: &Connection) -> Error {
        match self.follow(connection).await {
            Ok(never) => match never {},
            Err(error) => {
                if (!error.is_temporary() || error.is_timeout())
                    && let Some(first) = self.first.take()
                {
                    _ = first.send(Err(error.clone()));
                }
                error
            }
        }
    }
}

impl Keeper {
    async fn follow(&mut self, connection: &Connection) -> Result<Infallible, Error> {
        let (sender, mut signals) = mpsc::unbounded_channel();
        let mut dependencies = Dependencies::default();
        loop {
            let path = self.path.clone();
            let question = |nodes: &Asked<'_>| read_all(nodes, &path);
            let hub = &connection.hub;
            let answer = dependencies.answer(&self.zookeeper, hub, &sender, &path, question);
            match answer.await? {
                Ok(properties) => {
                    if let Some(first) = self.first.take() {
                        let readable = properties.clone().readable();
                        self.show(properties);
                        _ = first.send(readable.map(|_| ()));
                    } else {
                        self.show(properties);
                    }
                }
                Err(error) => {
                    if let Some(first) = self.first.take() {
                        _ = first.send(Err(unresolved(error)));
                    }
                    self.show(NodeProperties::none());
                }
            }
            let first = signals.recv().await.ok_or(Error::Closed)?;
            dependencies.forget(&first);
            while let Ok(signal) = signals.try_recv() {
                dependencies.forget(&signal);
            }
        }
    }

    fn show(&mut self, mut properties: NodeProperties) {
        let before = self.board.snapshot();
        properties.sequence = before.sequence + 1;
        // Who waits for a write to show waits for its number, also where nothing else differs.
        let is_written = properties.mzxid != before.mzxid;
        let now = Arc::new(properties);
        match before.change_to(&now) {
            Some(change) => self.board.publish(&now, change),
            None if is_written => self.board.refresh(now),
            None => {}
        }
    }
}

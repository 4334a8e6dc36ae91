//! The task of a registration: whatever happens, it makes the nodes as they are to be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::node::{Node, Ours, Outcome};
use super::{Inner, RegistrationState, Shown};
use crate::model::acl::Acl;
use crate::model::path::ZPath;
use crate::services::error::Error;
use crate::services::handle::ZooKeeper;
use crate::services::health::HealthCheck;
use crate::services::hub::{Interest, Signal};
use crate::services::lock;
use crate::services::supervision::Connection;

/// How long until what could not be done is tried again, if nothing happens before.
const RETRY: Duration = Duration::from_secs(2);

/// How long until it is tried again where the connection was lost or the nodes do not keep still.
const SOON: Duration = Duration::from_millis(50);

pub(super) struct Keeper {
    zookeeper: ZooKeeper,
    inner: Arc<Inner>,
    /// The node of the service, as it was given.
    path: ZPath,
    acl: Acl,
    nodes: Vec<Node>,
    /// Up to which change of what is wanted the nodes have been written.
    written: Option<u64>,
    health: watch::Receiver<bool>,
}

impl Keeper {
    pub(super) fn new(zookeeper: ZooKeeper, inner: Arc<Inner>, path: ZPath, acl: Acl) -> Self {
        Self {
            zookeeper,
            inner,
            path,
            acl,
            nodes: Vec::new(),
            written: None,
            health: watch::channel(true).1,
        }
    }

    /// Runs until the registration is closed or the handle is.
    pub(super) async fn run(mut self, check: Option<HealthCheck>) {
        let mut checking = None;
        if let Some(check) = check {
            let (sender, health) = watch::channel(false);
            self.health = health;
            checking = Some(tokio::spawn(check.watch(sender)));
        }
        let zookeeper = self.zookeeper.clone();
        let line = &zookeeper.shared.line;
        let inner = self.inner.clone();
        loop {
            let mut wanted = inner.wanted.subscribe();
            let connection = tokio::select! {
                biased;
                connection = line.next_connection() => connection,
                // What it has registered is gone with the last session, or will be.
                _ = wanted.wait_for(|wanted| wanted.closing) => None,
            };
            let Some(connection) = connection else {
                break;
            };
            let is_over = tokio::select! {
                () = self.keep(&connection) => true,
                () = line.gone(&connection) => false,
            };
            if is_over {
                break;
            }
            self.show(RegistrationState::Pending, BTreeMap::new());
        }
        if let Some(checking) = checking {
            checking.abort();
        }
        self.release();
        self.show(RegistrationState::Closed, BTreeMap::new());
    }

    /// Keeps the nodes on one session; returns when the registration is over.
    async fn keep(&mut self, connection: &Connection) {
        let mut wanted = self.inner.wanted.subscribe();
        let mut health = self.health.clone();
        let (sender, mut signals) = mpsc::unbounded_channel();
        let mut watched = BTreeMap::new();
        let mut is_lost = true;
        let mut is_checked = true;
        loop {
            let now = wanted.borrow_and_update().clone();
            let is_well = *health.borrow_and_update();
            let mut retry = None;
            if is_lost && !now.closing {
                // A link may lead elsewhere by now.
                match self.locate(connection).await {
                    Ok(()) => is_lost = false,
                    // It may be one that is just being closed.
                    Err(Error::Taken { path, owner }) => {
                        retry = Some(SOON);
                        let state = RegistrationState::Waiting { owner };
                        self.show(state, [(path, Some(owner))].into());
                    }
                    Err(error) if error.is_temporary() => retry = Some(SOON),
                    Err(error) => {
                        retry = Some(RETRY);
                        self.show(RegistrationState::Refused(error), BTreeMap::new());
                    }
                }
                watched.retain(|path, _| self.nodes.iter().any(|node| node.path == *path));
                for node in &self.nodes {
                    if !watched.contains_key(&node.path) {
                        let hub = &connection.hub;
                        let watch = hub.subscribe(&node.path, Interest::Node, &sender).await;
                        let Ok(watch) = watch else {
                            // The session is over, and this future soon.
                            return std::future::pending().await;
                        };
                        watched.insert(node.path.clone(), watch);
                    }
                }
            }
            if retry.is_none() {
                retry = self.settle(connection, &now, is_well).await;
            }
            if now.closing && (retry != Some(SOON)) {
                return;
            }
            let pause = async {
                match retry {
                    Some(pause) => sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            is_lost |= tokio::select! {
                _ = wanted.changed() => false,
                changed = health.changed(), if is_checked => {
                    // A check that panicked has ended: what it said last holds.
                    is_checked = changed.is_ok();
                    false
                }
                signal = signals.recv() => drain(signal, &mut signals),
                () = pause => true,
            };
        }
    }

    /// Finds the nodes, which links may have moved.
    async fn locate(&mut self, connection: &Connection) -> Result<(), Error> {
        let real = self.zookeeper.resolve_path(&self.path).await?;
        let is_here = |node: &Node| node.path.parent().as_ref() == Some(&real);
        if !self.nodes.is_empty() && self.nodes.iter().all(is_here) {
            return Ok(());
        }
        let paths: Vec<ZPath> = self
            .inner
            .names
            .iter()
            .map(|name| real.join(name))
            .collect();
        let past = self.zookeeper.shared.line.past();
        let ours = Ours {
            session: &connection.session,
            past: &past,
        };
        for node in &mut self.nodes {
            if node.leave(connection.session.client(), &ours).await == Outcome::Again {
                let path = node.path.clone();
                let source = zookeeper_client::Error::ConnectionLoss;
                return Err(Error::Lost { path, source });
            }
        }
        self.release();
        let mut taken = lock(&self.zookeeper.shared.registered);
        if let Some(path) = paths.iter().find(|path| taken.contains(*path)) {
            let owner = self.zookeeper.session_id().unwrap_or_default();
            let path = path.clone();
            return Err(Error::Taken { path, owner });
        }
        taken.extend(paths.iter().cloned());
        drop(taken);
        self.nodes = paths.into_iter().map(Node::new).collect();
        self.written = None;
        Ok(())
    }

    /// Others of this handle may register these nodes again.
    fn release(&mut self) {
        let mut taken = lock(&self.zookeeper.shared.registered);
        for node in self.nodes.drain(..) {
            taken.remove(&node.path);
        }
    }

    /// Makes all nodes as they are to be, and tells when to do so again, if nothing happens before.
    async fn settle(
        &mut self,
        connection: &Connection,
        now: &super::Wanted,
        is_well: bool,
    ) -> Option<Duration> {
        let client = connection.session.client();
        let past = self.zookeeper.shared.line.past();
        let ours = Ours {
            session: &connection.session,
            past: &past,
        };
        let stands = is_well && !now.closing;
        let is_new = self.written != Some(now.revision);
        let mut owners = BTreeMap::new();
        let (mut taken, mut refused, mut again) = (None, None, false);
        for node in &mut self.nodes {
            let outcome = if stands {
                let properties = &now.properties;
                node.stand(client, &ours, properties, &self.acl, is_new)
                    .await
            } else {
                node.leave(client, &ours).await
            };
            let mut owner = None;
            match outcome {
                Outcome::Done => {}
                Outcome::Adopted(properties) => {
                    // Other nodes of this registration get them, too.
                    self.inner.wanted.send_if_modified(|wanted| {
                        let is_current = wanted.revision == now.revision;
                        if is_current {
                            wanted.properties = properties;
                            wanted.revision += 1;
                        }
                        is_current
                    });
                }
                Outcome::Taken(by) => {
                    owner = Some(by);
                    taken.get_or_insert(by);
                }
                Outcome::Refused(error) => _ = refused.get_or_insert(error),
                Outcome::Again => again = true,
            }
            owners.insert(node.path.clone(), owner);
        }
        if again {
            self.show(RegistrationState::Pending, owners);
            return Some(SOON);
        }
        self.written = Some(now.revision);
        let (state, retry) = match (refused, taken) {
            (Some(error), _) => (RegistrationState::Refused(error), Some(RETRY)),
            (None, Some(owner)) => (RegistrationState::Waiting { owner }, Some(RETRY)),
            (None, None) if now.closing => return None,
            (None, None) if is_well => (RegistrationState::Registered, None),
            (None, None) => (RegistrationState::Withheld, None),
        };
        self.show(state, owners);
        retry
    }

    fn show(&self, state: RegistrationState, nodes: BTreeMap<ZPath, Option<i64>>) {
        let revision = self.written.unwrap_or_default();
        self.inner.shown.send_modify(|shown| {
            if shown.state != state {
                tracing::info!(path = self.inner.path, ?state, "the registration");
            }
            // Where the nodes are is known also while they cannot be reached.
            let nodes = if nodes.is_empty() {
                std::mem::take(&mut shown.nodes)
            } else {
                nodes
            };
            *shown = Shown {
                state,
                revision,
                nodes,
            };
        });
    }
}

/// Takes all signals that there are.
fn drain(_: Option<Signal>, signals: &mut mpsc::UnboundedReceiver<Signal>) -> bool {
    while signals.try_recv().is_ok() {}
    true
}

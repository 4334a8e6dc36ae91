//! The task of a registration: whatever happens, it makes the nodes as they are to be.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::node::{Content, Node, NodeFate, Ours};
use super::{Inner, RegistrationState, Registrations, Shown, Wanted};
use crate::model::acl::Acl;
use crate::model::path::ZPath;
use crate::services::core::Core;
use crate::services::error::Error;
use crate::services::health::HealthCheck;
use crate::services::hub::{Interest, Signal, Subscription};
use crate::services::supervision::Connected;
use crate::zookeeper::session::ClientError;

/// Pause before a failed step is tried again, unless something happens before.
const RETRY: Duration = Duration::from_secs(2);

/// Pause before a step is tried again after a lost connection, or while others change the nodes.
const SOON: Duration = Duration::from_millis(50);

pub(super) struct RegistrationTask {
    core: Core,
    registrations: Arc<Registrations>,
    inner: Arc<Inner>,
    /// The node of the service, as it was given.
    path: ZPath,
    acl: Acl,
    nodes: Vec<Node>,
    /// Up to which change of what is wanted the nodes have been written.
    written: Option<u64>,
    health: watch::Receiver<bool>,
}

/// What is to become of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Stand,
    /// The health check fails.
    Withhold,
    Close,
}

/// Whether it is known where the nodes belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Known,
    /// A link may lead elsewhere by now, or a node was touched.
    Unsure,
}

impl RegistrationTask {
    pub(super) fn new(
        core: Core,
        registrations: Arc<Registrations>,
        inner: Arc<Inner>,
        path: ZPath,
        acl: Acl,
    ) -> Self {
        Self {
            core,
            registrations,
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
        let core = self.core.clone();
        let line = core.line();
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
            tokio::select! {
                () = self.keep(&connection) => break,
                () = line.gone(&connection) => {}
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
    async fn keep(&mut self, connection: &Connected) {
        let mut wanted = self.inner.wanted.subscribe();
        let mut health = self.health.clone();
        let (sender, mut signals) = mpsc::unbounded_channel();
        let mut watched = BTreeMap::new();
        let mut place = Place::Unsure;
        loop {
            let now = wanted.borrow_and_update().clone();
            let goal = match *health.borrow_and_update() {
                _ if now.closing => Goal::Close,
                true => Goal::Stand,
                false => Goal::Withhold,
            };
            let mut retry = None;
            if place == Place::Unsure && goal != Goal::Close {
                retry = self.find(connection).await;
                if retry.is_none() {
                    place = Place::Known;
                }
                self.watch(connection, &mut watched, &sender).await;
            }
            if retry.is_none() {
                retry = self.settle(connection, &now, goal).await;
            }
            if goal == Goal::Close && retry != Some(SOON) {
                return;
            }
            let pause = async {
                match retry {
                    Some(pause) => sleep(pause).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                _ = wanted.changed() => {}
                () = changed(&mut health) => {}
                _ = signals.recv() => {
                    while signals.try_recv().is_ok() {}
                    place = Place::Unsure;
                }
                () = pause => place = Place::Unsure,
            }
        }
    }

    /// Finds the nodes, and shows why they are not found. Returns when to try again in that case.
    async fn find(&mut self, connection: &Connected) -> Option<Duration> {
        match self.locate(connection).await {
            Ok(()) => None,
            // It may be one that is just being closed.
            Err(Error::Taken { path, owner }) => {
                let state = RegistrationState::Waiting { owner };
                self.show(state, [(path, Some(owner))].into());
                Some(SOON)
            }
            Err(error) if error.is_temporary() => Some(SOON),
            Err(error) => {
                self.show(RegistrationState::Refused(error), BTreeMap::new());
                Some(RETRY)
            }
        }
    }

    /// Watches the nodes, and no others.
    async fn watch(
        &self,
        connection: &Connected,
        watched: &mut BTreeMap<ZPath, Subscription>,
        sender: &mpsc::UnboundedSender<Signal>,
    ) {
        watched.retain(|path, _| self.nodes.iter().any(|node| node.path == *path));
        for node in &self.nodes {
            if !watched.contains_key(&node.path) {
                let hub = &connection.hub;
                let watch = hub.subscribe(&node.path, Interest::Node, sender).await;
                let Ok(watch) = watch else {
                    // The session is over, and this future soon.
                    return pending().await;
                };
                watched.insert(node.path.clone(), watch);
            }
        }
    }

    /// Finds the nodes, which links may have moved.
    async fn locate(&mut self, connection: &Connected) -> Result<(), Error> {
        let real = self.core.resolve_path(&self.path).await?;
        let is_here = |node: &Node| node.path.parent().as_ref() == Some(&real);
        if !self.nodes.is_empty() && self.nodes.iter().all(is_here) {
            return Ok(());
        }
        let names = self.inner.names.iter();
        let paths: Vec<ZPath> = names.map(|name| real.join(name)).collect();
        let past = self.core.line().past();
        let ours = Ours {
            session: &connection.session,
            past: &past,
        };
        for node in &mut self.nodes {
            if node.leave(&ours).await == NodeFate::Again {
                let path = node.path.clone();
                let reason = ClientError::ConnectionLoss;
                return Err(Error::Lost { path, reason });
            }
        }
        self.release();
        if let Err(path) = self.registrations.take(&paths) {
            let owner = self.core.session_id().unwrap_or_default();
            return Err(Error::Taken { path, owner });
        }
        self.nodes = paths.into_iter().map(Node::new).collect();
        self.written = None;
        Ok(())
    }

    /// Others of this handle may register these nodes again.
    fn release(&mut self) {
        for node in self.nodes.drain(..) {
            self.registrations.release(&node.path);
        }
    }

    /// Makes all nodes as they are to be. Returns when to do so again if nothing happens before.
    async fn settle(
        &mut self,
        connection: &Connected,
        now: &Wanted,
        goal: Goal,
    ) -> Option<Duration> {
        let past = self.core.line().past();
        let ours = Ours {
            session: &connection.session,
            past: &past,
        };
        let content = Content {
            properties: &now.properties,
            acl: &self.acl,
            is_new: self.written != Some(now.revision),
        };
        let mut owners = BTreeMap::new();
        let (mut taken, mut refused, mut again) = (None, None, false);
        for node in &mut self.nodes {
            let outcome = match goal {
                Goal::Stand => node.stand(&ours, &content).await,
                Goal::Withhold | Goal::Close => node.leave(&ours).await,
            };
            let mut owner = None;
            match outcome {
                NodeFate::Done => {}
                NodeFate::Adopted(properties) => self.inner.adopt(properties, now.revision),
                NodeFate::Taken(by) => {
                    owner = Some(by);
                    taken.get_or_insert(by);
                }
                NodeFate::Refused(error) => _ = refused.get_or_insert(error),
                NodeFate::Again => again = true,
            }
            owners.insert(node.path.clone(), owner);
        }
        if again {
            self.show(RegistrationState::Pending, owners);
            return Some(SOON);
        }
        self.written = Some(now.revision);
        let (state, retry) = match (refused, taken, goal) {
            (Some(error), ..) => (RegistrationState::Refused(error), Some(RETRY)),
            (None, Some(owner), _) => (RegistrationState::Waiting { owner }, Some(RETRY)),
            (None, None, Goal::Close) => return None,
            (None, None, Goal::Stand) => (RegistrationState::Registered, None),
            (None, None, Goal::Withhold) => (RegistrationState::Withheld, None),
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

/// Waits for another verdict. A check that panicked has ended: what it said last holds.
async fn changed(health: &mut watch::Receiver<bool>) {
    if health.changed().await.is_err() {
        pending::<()>().await;
    }
}

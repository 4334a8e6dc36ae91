//! All of the server's state, and every change of it, one after the other.
//!
//! All of it is behind one lock, so there is one order of all requests. A reply is written to its
//! client's outbox under the lock, and so is every event, so a client sees the events of a change
//! before it can read the changed data, and all clients see changes in the same order.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use super::acl::{self, Acl};
use super::change::{Asker, Change, Draft};
use super::code::ErrorCode;
use super::dialect::{Dialect, Difference};
use super::faults::Faults;
use super::identity::Identities;
use super::node::{Moment, Stat};
use super::outbox::Outbox;
use super::reply;
use super::request::{Create, RequestKind, Write};
use super::sasl::{Dialogue, Users};
use super::sessions::Sessions;
use super::tree::{Tree, split};
use super::watches::{ConnectionId, NodeEvent, Reach, Watches};

/// Bytes that may wait for a client that does not read. Beyond that it is cut off.
const LONGEST_OUTBOX: usize = 64 << 20;

/// The numbers of transactions.
#[derive(Debug, Default)]
pub(crate) struct Zxids {
    /// The last one that was given out.
    pub(crate) issued: i64,
    /// The last one that was executed; replies carry it.
    pub(crate) processed: i64,
}

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    requests: HashMap<RequestKind, u64>,
}

impl Counts {
    pub(crate) fn count(&mut self, kind: RequestKind) {
        *self.requests.entry(kind).or_default() += 1;
    }

    pub(crate) fn requests(&self, kind: RequestKind) -> u64 {
        self.requests.get(&kind).copied().unwrap_or_default()
    }
}

/// One client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: SocketAddr,
    pub(crate) identities: Identities,
    pub(crate) sasl: Dialogue,
    /// `None` until the first packet.
    pub(crate) session: Option<i64>,
    /// The session timeout as this connection negotiated it, in milliseconds.
    pub(crate) timeout: i32,
    pub(crate) knows_read_only: bool,
    pub(crate) outbox: Outbox,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Notified when the outbox has bytes, or the connection is cut.
    pub(crate) wake: Arc<Notify>,
}

/// Which of the tables of watches.
#[derive(Debug, Clone, Copy)]
enum Side {
    Data,
    Children,
}

/// The server's state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) tree: Tree,
    pub(crate) sessions: Sessions,
    pub(crate) watches: Watches,
    pub(crate) faults: Faults,
    pub(crate) connections: HashMap<ConnectionId, Client>,
    pub(crate) zxids: Zxids,
    pub(crate) counts: Counts,
    pub(crate) exists_needs_read: bool,
    pub(crate) users: Users,
    pub(crate) dialect: Dialect,
    /// The nodes of the start, each with its data and its ACL.
    pub(crate) initial: Vec<(String, Vec<u8>, Vec<Acl>)>,
    started: Instant,
    last_connection: ConnectionId,
    /// The connection whose requests are being executed. It needs no wake-up.
    pub(crate) current: Option<ConnectionId>,
}

impl State {
    #[cfg(test)]
    pub(crate) fn new(tick: u64, timeouts: (i32, i32)) -> Self {
        Self::of(Dialect::ZooKeeper, tick, timeouts)
    }

    pub(crate) fn of(dialect: Dialect, tick: u64, timeouts: (i32, i32)) -> Self {
        let sessions = match dialect.has(Difference::NoResumption) {
            true => Sessions::counted(tick, timeouts),
            false => Sessions::new(tick, timeouts, wall_clock()),
        };
        Self {
            tree: Tree::of(dialect),
            sessions,
            watches: Watches::default(),
            faults: Faults::default(),
            connections: HashMap::new(),
            zxids: Zxids::default(),
            counts: Counts::default(),
            exists_needs_read: false,
            users: Users::default(),
            dialect,
            initial: Vec::new(),
            started: Instant::now(),
            last_connection: 0,
            current: None,
        }
    }

    /// Milliseconds since the start.
    pub(crate) fn uptime(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn connect(&mut self, peer: SocketAddr, wake: Arc<Notify>) -> ConnectionId {
        self.last_connection += 1;
        let connection = Client {
            peer,
            identities: match self.dialect.has(Difference::FewSchemes) {
                true => Identities::none(),
                false => Identities::of_address(peer),
            },
            sasl: Dialogue::default(),
            session: None,
            timeout: 0,
            knows_read_only: false,
            outbox: Outbox::default(),
            received: 0,
            sent: 0,
            wake,
        };
        self.connections.insert(self.last_connection, connection);
        self.last_connection
    }

    /// Ends a connection at once; its session lives on.
    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else {
            return;
        };
        connection.wake.notify_one();
        self.watches.remove_connection(id);
        if let Some(session) = connection.session {
            self.sessions.detach(session, id);
            tracing::info!("connection of session 0x{session:x} closed");
        }
    }

    /// Ends a connection after its outbox is sent.
    pub(crate) fn close_after_sending(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.outbox.closing = true;
            connection.wake.notify_one();
        }
    }

    /// The number and the time of a new transaction, which counts as executed.
    pub(crate) fn next_moment(&mut self) -> Moment {
        self.zxids.issued += 1;
        self.zxids.processed = self.zxids.issued;
        Moment {
            zxid: self.zxids.issued,
            time: wall_clock(),
        }
    }

    /// Ends a session and deletes its ephemeral nodes in one transaction.
    pub(crate) fn end_session(&mut self, session: i64) {
        let moment = self.next_moment();
        self.sessions.remove(session);
        for path in self.tree.ephemerals_of(session) {
            self.apply(Change::Delete { path }, moment);
        }
        self.tree.forget_session(session);
    }

    /// As [`State::end_session`], but the server ends it: the connection ends, too.
    pub(crate) fn expire_session(&mut self, session: i64) -> bool {
        let Some(connection) = self.sessions.get(session).map(|found| found.connection) else {
            return false;
        };
        tracing::info!("session 0x{session:x} expired");
        self.end_session(session);
        if let Some(connection) = connection {
            self.disconnect(connection);
        }
        true
    }

    /// Expires every session that is due.
    pub(crate) fn expire_sessions(&mut self) {
        if self.faults.is_paused {
            return;
        }
        for session in self.sessions.expired(self.uptime()) {
            self.expire_session(session);
        }
    }

    /// Deletes empty containers that had children, and nodes whose time to live has passed.
    pub(crate) fn delete_dead_nodes(&mut self) {
        if self.faults.is_paused {
            return;
        }
        for path in self.tree.dead(wall_clock()) {
            let moment = self.next_moment();
            self.apply(Change::Delete { path }, moment);
        }
    }

    /// Makes a change that passed its checks, and sends events to those who watch. Returns the stat of
    /// the node that was written, or `None` if there is none.
    pub(crate) fn apply(&mut self, change: Change, moment: Moment) -> Option<Stat> {
        match change {
            Change::Create { path, node } => {
                let (stat, parent_acl) = self.tree.create(&path, &node, moment)?;
                self.notify_above(&path, NodeEvent::Created);
                let watchers = self.trigger(Side::Data, &path, NodeEvent::Created);
                self.notify(&watchers, NodeEvent::Created, &path, &node.acl);
                self.notify_parent(&path, &parent_acl);
                Some(stat)
            }
            Change::Delete { path } => {
                let (acl, parent_acl) = self.tree.delete(&path, moment.zxid)?;
                self.notify_above(&path, NodeEvent::Deleted);
                let watchers = self.trigger(Side::Data, &path, NodeEvent::Deleted);
                self.notify(&watchers, NodeEvent::Deleted, &path, &acl);
                let mut more = self.trigger(Side::Children, &path, NodeEvent::Deleted);
                more.retain(|connection| !watchers.contains(connection));
                self.notify(&more, NodeEvent::Deleted, &path, &acl);
                self.notify_parent(&path, &parent_acl);
                None
            }
            Change::SetData {
                path,
                data,
                version,
            } => {
                let (stat, acl) = self.tree.set_data(&path, data, version, moment)?;
                self.notify_above(&path, NodeEvent::DataChanged);
                let watchers = self.trigger(Side::Data, &path, NodeEvent::DataChanged);
                self.notify(&watchers, NodeEvent::DataChanged, &path, &acl);
                Some(stat)
            }
            Change::SetAcl { path, acl, version } => self.tree.set_acl(&path, acl, version),
            Change::Check => None,
        }
    }

    fn notify_parent(&mut self, path: &str, acl: &acl::List) {
        let parent = match split(path).0 {
            "" => "/",
            parent => parent,
        };
        let event = NodeEvent::ChildrenChanged;
        let watchers = self.trigger(Side::Children, parent, event);
        self.notify(&watchers, event, parent, acl);
    }

    /// The connections that get an event with this path.
    fn trigger(&mut self, side: Side, path: &str, event: NodeEvent) -> BTreeSet<ConnectionId> {
        let reach = match self.dialect.has(Difference::WatchPaths) {
            true => Reach::Here,
            false => Reach::Above,
        };
        let table = match side {
            Side::Data => &mut self.watches.data,
            Side::Children => &mut self.watches.children,
        };
        table.trigger(path, event, reach)
    }

    /// As ClickHouse Keeper, tells each recursive watch at a node or above it, with its own path.
    fn notify_above(&mut self, path: &str, event: NodeEvent) {
        if self.dialect.has(Difference::WatchPaths) {
            for (watched, id) in self.watches.data.recursive(path) {
                self.send(id, |out| reply::put_event(out, event, &watched));
            }
        }
    }

    /// Sends an event to those who may read the node.
    fn notify(
        &mut self,
        watchers: &BTreeSet<ConnectionId>,
        event: NodeEvent,
        path: &str,
        acl: &[Acl],
    ) {
        for &id in watchers {
            let connection = self.connections.get(&id);
            let may_read = connection.is_some_and(|connection| {
                self.dialect.has(Difference::EventsForAll)
                    || acl::allows(acl, acl::permission::READ, &connection.identities)
            });
            if may_read {
                self.send(id, |out| reply::put_event(out, event, path));
            }
        }
    }

    /// Puts one frame into a connection's outbox.
    pub(crate) fn send(&mut self, id: ConnectionId, frame: impl FnOnce(&mut Vec<u8>)) {
        let delay = self.faults.delay();
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        frame(connection.outbox.bytes());
        if !delay.is_zero() {
            connection.outbox.delay(delay, Instant::now());
        }
        connection.sent += 1;
        self.counts.sent += 1;
        if self.current == Some(id) {
            return;
        }
        connection.wake.notify_one();
        // Unread requests bound the replies. Nothing bounds the events.
        if connection.outbox.len() > LONGEST_OUTBOX {
            tracing::warn!("a client does not read its events: its connection is closed");
            self.disconnect(id);
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Nodes that exist from the start.
impl State {
    /// Creates a node without checking the permissions of its parent.
    pub(crate) fn plant(&mut self, path: &str, data: &[u8], acl: &[Acl]) -> Result<(), ErrorCode> {
        let write = Write::Create(Create {
            path: Some(path.into()),
            data: Some(data),
            acl: Some(acl.iter().map(acl::Entry::of).collect()),
            flags: 0,
            ttl: -1,
            kind: RequestKind::Create,
        });
        let asker = Asker {
            session: 0,
            identities: &Identities::of_server(),
        };
        let change = Draft::of_one(&self.tree).check(&write, &asker)?;
        let moment = self.next_moment();
        self.apply(change, moment);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

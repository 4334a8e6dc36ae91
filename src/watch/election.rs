//! Which of several replicas writes: the one whose ephemeral sequential node is the first.
//!
//! The node goes with its session. Each batch of the leader checks it in the same request, so who
//! was deposed without knowing it writes nothing any more.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use zookeeper_client::{Acls, AddWatchMode, CreateMode, Error as Refusal, EventType, SessionState};

use crate::model::path::{self, ZPath};
use crate::zookeeper::live;
use crate::zookeeper::session::{PersistentWatcher, Session, is_fatal, is_outcome_unknown};

/// Why a name does not do for an election.
pub type NameError = path::Error;

/// Where all elections are held.
pub(super) fn top() -> ZPath {
    ZPath::root().join("zkt-elections")
}

/// A replica's part in the election of a name.
pub(super) struct Election {
    folder: ZPath,
    member: Option<ZPath>,
    watcher: Option<PersistentWatcher>,
    /// Whether the connection was lost since the watch was added.
    stale: bool,
    leads: bool,
}

impl Election {
    /// In the election of this name, which is a valid name of a node.
    pub(super) fn new(name: &str) -> Self {
        Self {
            folder: top().join(name),
            member: None,
            watcher: None,
            stale: true,
            leads: false,
        }
    }

    /// The node that a leader's batches check.
    pub(super) fn guard(&self) -> Option<ZPath> {
        self.member.clone()
    }

    /// Whether this replica leads, where nothing has happened since it stood for election.
    pub(super) fn standing(&self) -> Option<bool> {
        let stands = self.member.is_some() && self.watcher.is_some() && !self.stale;
        stands.then_some(self.leads)
    }

    /// The session has ended, and the membership with it.
    pub(super) fn forget(&mut self) {
        self.member = None;
        self.watcher = None;
        self.stale = true;
        self.leads = false;
    }

    /// Waits until members may have come or gone. For ever where no session stands for election.
    pub(super) async fn changed(&mut self) {
        let Self { watcher, stale, .. } = self;
        poll_fn(|context| {
            let mut seen = false;
            while let Some(listening) = watcher {
                let Poll::Ready(event) = pin!(listening.changed()).poll(context) else {
                    break;
                };
                seen = true;
                if event.event_type == EventType::Session {
                    *stale = true;
                    match event.session_state {
                        SessionState::SyncConnected | SessionState::ConnectedReadOnly => {}
                        // Nothing can be asked before the connection is back.
                        SessionState::Disconnected => seen = false,
                        // The client panics when it is asked again.
                        _ => *watcher = None,
                    }
                }
            }
            if seen { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Stands for election where that was not done yet, and tells whether this replica leads.
    pub(super) async fn campaign(&mut self, session: &Session) -> Result<bool, live::Error> {
        let client = session.client();
        let failed = |source| lost(session, &self.folder, source);
        if self.stale || self.watcher.is_none() {
            let mode = AddWatchMode::PersistentRecursive;
            let watch = client.watch(self.folder.as_str(), mode).await;
            // The old watcher goes only when the new one is there.
            self.watcher = match watch {
                Ok(watcher) => Some(watcher),
                // A server before 3.6: the timer finds changes.
                Err(Refusal::Unimplemented) => None,
                Err(source) => return Err(failed(source)),
            };
            self.stale = false;
        }
        let mine = format!("member-{}-", client.session_id());
        let mut created = false;
        loop {
            let names = match client.list_children(self.folder.as_str()).await {
                Ok(names) => names,
                Err(Refusal::NoNode) => {
                    for path in self.folder.prefixes() {
                        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
                        match client.create(path.as_str(), b"", &options).await {
                            Ok(_) | Err(Refusal::NodeExists) => {}
                            Err(source) => return Err(failed(source)),
                        }
                    }
                    continue;
                }
                Err(source) => return Err(failed(source)),
            };
            // By the number at the end: a connection that was lost may have left two of mine.
            let first = |names: &mut dyn Iterator<Item = &String>| {
                names
                    .filter_map(|name| Some((number(name)?, name.clone())))
                    .min()
            };
            let leader = first(&mut names.iter());
            match first(&mut names.iter().filter(|name| name.starts_with(&mine))) {
                Some(member) => {
                    self.member = Some(self.folder.join(&member.1));
                    self.leads = leader.is_some_and(|leader| leader == member);
                    return Ok(self.leads);
                }
                None if created => {
                    let source = Refusal::SessionExpired;
                    return Err(failed(source));
                }
                None => {
                    let path = self.folder.join(&mine);
                    let options = CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
                    match client.create(path.as_str(), b"", &options).await {
                        Ok(_) => created = true,
                        Err(source) => return Err(failed(source)),
                    }
                }
            }
        }
    }
}

/// The number that the server gave a member; none for a node that is no member.
fn number(name: &str) -> Option<i64> {
    let rest = name.strip_prefix("member-")?;
    rest.rsplit_once('-')?.1.parse().ok()
}

fn lost(session: &Session, path: &ZPath, source: Refusal) -> live::Error {
    let (path, hosts) = (path.clone(), session.hosts());
    if is_fatal(&source) {
        live::Error::SessionEnded {
            path,
            hosts,
            source,
        }
    } else if is_outcome_unknown(&source) {
        live::Error::Connection {
            path,
            hosts,
            source,
        }
    } else {
        live::Error::Server { path, source }
    }
}

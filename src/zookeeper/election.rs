//! Which of several replicas writes: the one whose ephemeral sequential node is the first.
//!
//! The node goes with its session. Each batch of the leader checks it in the same request, so who
//! was deposed without knowing it writes nothing any more.

use std::future::poll_fn;
use std::task::Poll;

use zookeeper_client::{Acls, CreateMode, Error as ClientError};

use crate::model::path::ZPath;
use crate::zookeeper::live::{self, Reach, WatchNews, Watches};
use crate::zookeeper::session::{Client, Session};

/// Where all elections are held.
pub(crate) fn top() -> ZPath {
    ZPath::root().join("zkt-elections")
}

/// A replica's part in the election of a name.
pub(crate) struct Election {
    folder: ZPath,
    /// Watches for members that come and go.
    watches: Watches,
    /// `None` before this replica stood for election.
    seat: Option<Seat>,
}

/// A replica among the others.
struct Seat {
    member: ZPath,
    role: Role,
}

/// What a replica is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It writes.
    Leads,
    /// Another one writes.
    Follows,
}

impl Election {
    /// In the election of this name, which is a valid name of a node.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            folder: top().join(name),
            watches: Watches::none(),
            seat: None,
        }
    }

    /// The node that a leader's batches check.
    pub(crate) fn guard(&self) -> Option<ZPath> {
        self.seat.as_ref().map(|seat| seat.member.clone())
    }

    /// This replica's role. Returns `None` if members may have come or gone since it stood for election.
    pub(crate) fn role(&self) -> Option<Role> {
        let seat = self.seat.as_ref()?;
        matches!(self.watches, Watches::Alive(_)).then_some(seat.role)
    }

    /// This replica's role when it last stood for election, if it has.
    pub(crate) fn last_role(&self) -> Role {
        self.seat.as_ref().map_or(Role::Follows, |seat| seat.role)
    }

    /// The session has ended, and the membership with it.
    pub(crate) fn forget(&mut self) {
        self.watches = Watches::none();
        self.seat = None;
    }

    /// Waits until members may have come or gone. For ever where no session stands for election.
    pub(crate) async fn changed(&mut self) {
        poll_fn(|context| {
            let mut seen = false;
            while let Poll::Ready(news) = self.watches.poll_next(context) {
                // Nothing can be asked before the connection is back.
                seen = news != WatchNews::Disconnected;
            }
            if seen { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Stands for election unless it does already. Returns this replica's role.
    pub(crate) async fn campaign(&mut self, session: &Session) -> Result<Role, live::Error> {
        if self.watches.are_lost() {
            // Servers before 3.6 have no watches: the timer finds changes.
            self.watches = Watches::add(session, [(&self.folder, Reach::Subtree)]).await?;
        }
        let client = session.client();
        let failed = |reason| live::Error::of(session, &self.folder, reason);
        let mine = format!("member-{}-", client.session_id());
        let mut created = false;
        loop {
            let names = match client.list_children(self.folder.as_str()).await {
                Ok(names) => names,
                Err(ClientError::NoNode) => {
                    create_all(client, &self.folder).await.map_err(failed)?;
                    continue;
                }
                Err(reason) => return Err(failed(reason)),
            };
            // By the number at the end: a connection that was lost may have left two of mine.
            let leader = first(names.iter());
            let own = first(names.iter().filter(|name| name.starts_with(&mine)));
            if let Some(own) = own {
                let role = if leader == Some(own) {
                    Role::Leads
                } else {
                    Role::Follows
                };
                let member = self.folder.join(own.1);
                self.seat = Some(Seat { member, role });
                return Ok(role);
            }
            if created {
                return Err(failed(ClientError::SessionExpired));
            }
            let path = self.folder.join(&mine);
            let options = CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
            let member = client.create(path.as_str(), b"", &options).await;
            member.map_err(failed)?;
            created = true;
        }
    }
}

/// Creates a node and those above it, as far as they do not exist.
async fn create_all(client: &Client, path: &ZPath) -> Result<(), ClientError> {
    for path in path.prefixes() {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        match client.create(path.as_str(), b"", &options).await {
            Ok(_) | Err(ClientError::NodeExists) => {}
            Err(reason) => return Err(reason),
        }
    }
    Ok(())
}

/// The member that came first.
fn first<'n>(names: impl Iterator<Item = &'n String>) -> Option<(i64, &'n String)> {
    names.filter_map(|name| Some((number(name)?, name))).min()
}

/// The number that the server gave a member. Returns `None` if the node is no member.
fn number(name: &str) -> Option<i64> {
    let rest = name.strip_prefix("member-")?;
    rest.rsplit_once('-')?.1.parse().ok()
}

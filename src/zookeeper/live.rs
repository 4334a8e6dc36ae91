//! The live tree, read by scope: the cost follows what is wanted, not what the ensemble holds.

use zookeeper_client::Error as ClientError;

use crate::model::node::Live;
use crate::model::path::{ZPath, and_more};
use crate::model::tree::Tree;
use crate::plan::scope::{Children, Want};
use crate::zookeeper::session::{Session, described, is_fatal, is_outcome_unknown};

use self::reader::{Answer, Ask, Reader};
use self::walk::Top;

mod acls;
mod ahead;
mod difference;
mod kinds;
mod mirror;
mod reader;
pub(crate) mod stats;
mod walk;
mod wants;
mod watches;

pub use acls::count_closed;
pub use ahead::{ReadAhead, read_ahead};
pub(crate) use kinds::{Kind, of as kinds};
pub use mirror::{Found, Mirror, News};
pub(crate) use watches::warn_of_old_server;
#[cfg(feature = "watch")]
pub(crate) use watches::{Heard, Reach, Watches};

/// Why the live tree could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The connection was lost too often.
    #[error(
        "{path}: the connection to {hosts} was lost while reading ({})",
        described(reason)
    )]
    Connection {
        /// The node, or the first of those that were being read.
        path: ZPath,
        /// The servers and the chroot.
        hosts: String,
        /// The error of the last attempt.
        reason: ClientError,
    },
    /// The session is dead, and its requests are lost.
    #[error(
        "{path}: the session with {hosts} ended while reading ({})",
        described(reason)
    )]
    SessionEnded {
        /// The node, or the first of those that were being read.
        path: ZPath,
        /// The servers and the chroot.
        hosts: String,
        /// Why it ended.
        reason: ClientError,
    },
    /// The server answered with an error.
    #[error("{path}: {}", described(reason))]
    Server {
        /// The node, or the first of those that were being read.
        path: ZPath,
        /// The error.
        reason: ClientError,
    },
    /// Nodes that must be read may not be.
    #[error("not authorized to read {first}{}", and_more(" ", *.more))]
    Unreadable {
        /// The first of them.
        first: ZPath,
        /// How many others.
        more: usize,
    },
    /// The version is -1, which would mean "any" in a write.
    #[error("{path}: the server tells its version as -1, so a write to it cannot be guarded")]
    Version {
        /// The node.
        path: ZPath,
    },
    /// A child has a name that ZooKeeper itself would refuse.
    #[error("{parent}: it has a child with the name {name:?}, which is none")]
    Name {
        /// The parent.
        parent: ZPath,
        /// The child's name.
        name: String,
    },
}

impl Error {
    /// The error of a request about this path.
    pub(crate) fn of(session: &Session, path: &ZPath, reason: ClientError) -> Self {
        let (path, hosts) = (path.clone(), session.hosts());
        if is_fatal(&reason) {
            Self::SessionEnded {
                path,
                hosts,
                reason,
            }
        } else if is_outcome_unknown(&reason) {
            Self::Connection {
                path,
                hosts,
                reason,
            }
        } else {
            Self::Server { path, reason }
        }
    }

    /// The error for these nodes, which may not be read. Returns `None` if there are none.
    pub fn unreadable<'a>(mut paths: impl Iterator<Item = &'a ZPath>) -> Option<Self> {
        Some(Self::Unreadable {
            first: paths.next()?.clone(),
            more: paths.count(),
        })
    }
}

/// Limits for requests. The defaults suit a server with little memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOptions {
    /// How many nodes a batch may have at most.
    pub batch_cap: usize,
    /// How many nodes the first batch has, when their size is unknown.
    pub first_batch: usize,
    /// How many batches are in flight at most.
    pub window: usize,
    /// Bytes that the reply to a batch should not exceed. An oversized multi-read can take the
    /// server's memory.
    pub reply_target: usize,
    /// Bytes that a request may have; the server refuses more than 1,048,575.
    pub request_limit: usize,
    /// How many ACLs are asked for at once.
    pub acl_window: usize,
    /// How often a batch is asked again after its connection was lost.
    pub retries: usize,
    /// Whether to use multi-reads. Servers before 3.6 have none, which is found out without this.
    pub multi_read: bool,
    /// Whether nodes are read by whose version no write can be guarded. Otherwise one is
    /// [`Error::Version`].
    pub unguarded: bool,
}

impl FetchOptions {
    /// For those who write nothing.
    #[must_use]
    pub fn read_only() -> Self {
        Self {
            unguarded: true,
            ..Self::default()
        }
    }
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            batch_cap: 512,
            first_batch: 32,
            window: 8,
            reply_target: 1 << 20,
            request_limit: 512 << 10,
            acl_window: 256,
            retries: 3,
            multi_read: true,
            unguarded: false,
        }
    }
}

/// Reads what `wants` asks for, which is sorted by path without duplicates, as
/// [`scope::of`](crate::plan::scope::of) makes it.
///
/// A wanted node that does not exist is absent. Undeclared children, those not wanted by
/// themselves, are [`Live::Listed`] under [`Children::List`]; under [`Children::Subtree`] they
/// are read with all below them. A node that the session may not read is [`Live::Unreadable`].
/// A node that goes away while the tree is read is absent with all below it. `/zookeeper` of the
/// ensemble is neither listed nor read unless it is wanted; below a chroot it is a node like any.
///
/// The tree is not a snapshot: the versions of its nodes are what a write can rely on. It is at
/// least as recent as the call.
///
/// `progress` is called after each batch, with the number of nodes read so far.
///
/// # Errors
/// Lost connections are restored and what was lost is read again, [`FetchOptions::retries`] times
/// for each batch, before it is an [`Error::Connection`].
///
/// # Cancellation safety
/// Reading changes nothing; answers to requests in flight are dropped.
pub async fn fetch(
    session: &Session,
    wants: &[Want],
    options: &FetchOptions,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Tree<Live>, Error> {
    fetch_after(session, ReadAhead::default(), wants, options, progress).await
}

/// As [`fetch`], but what was read ahead is not read again.
///
/// # Errors and cancellation safety
/// As [`fetch`].
pub async fn fetch_after(
    session: &Session,
    ahead: ReadAhead,
    wants: &[Want],
    options: &FetchOptions,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Tree<Live>, Error> {
    let mut reader = Reader::new(session, options, progress);
    if ahead.is_empty() {
        reader.start_sync();
    }
    let nodes = read_wanted(&mut reader, wants, ahead).await?;
    collect(session, wants, nodes, options, &mut reader).await
}

/// Reads the node `top` and all below it, with their ACLs where `acl` says so. Without a node
/// there the tree is empty. Otherwise as [`fetch`].
pub async fn read_subtree(
    session: &Session,
    top: &ZPath,
    acl: bool,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Tree<Live>, Error> {
    let options = FetchOptions::read_only();
    let mut reader = Reader::new(session, &options, progress);
    let nodes = walk_subtree(&mut reader, top, |_, live| live).await?;
    let mut tree = Tree::from_sorted(nodes);
    if acl {
        acls::read(session, &mut tree, |_| true, &options, &mut reader).await?;
    }
    Ok(tree)
}

/// As [`read_subtree`], without ACLs, for those who need not wait until all is read: `make` is
/// called with each node as soon as it was read, in no order, and what it makes of the nodes comes
/// back in path order.
///
/// With a node whose children may not be listed it is called once more, and then that counts; what
/// was made of a node that went away meanwhile does not come back.
///
/// # Errors and cancellation safety
/// As [`fetch`].
pub async fn map_subtree<T: Send>(
    session: &Session,
    top: &ZPath,
    make: impl FnMut(&ZPath, Live) -> T + Send,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Vec<(ZPath, T)>, Error> {
    let options = FetchOptions::read_only();
    let mut reader = Reader::new(session, &options, progress);
    walk_subtree(&mut reader, top, make).await
}

async fn walk_subtree<T>(
    reader: &mut Reader<'_>,
    top: &ZPath,
    mut make: impl FnMut(&ZPath, Live) -> T,
) -> Result<Vec<(ZPath, T)>, Error> {
    reader.start_sync();
    let mut live = None;
    let receive = |_, answer| {
        live = live_of(answer);
        Ok(0)
    };
    reader.read(&[(top, Ask::Data)], receive).await?;
    let top = live.map(|live| Top {
        path: top.clone(),
        deep: true,
        children: children_of(&live),
        made: Some(make(top, live)),
    });
    let system = system(reader.session());
    let is_known = |path: &ZPath| Some(path) == system.as_ref();
    Ok(walk::read(reader, top, is_known, make).await?.nodes)
}

/// ZooKeeper's own node. `None` below a chroot, where it is a node like any other.
fn system(session: &Session) -> Option<ZPath> {
    let is_root = session.chroot().is_root();
    is_root.then(|| ZPath::root().join("zookeeper"))
}

/// Reads these nodes only, in any order. Missing nodes are absent from the result. Otherwise as
/// [`fetch`].
pub async fn lookup(session: &Session, paths: &[ZPath]) -> Result<Tree<Live>, Error> {
    let want = |path: &ZPath| Want {
        path: path.clone(),
        children: Children::Skip,
        acl: false,
    };
    let mut wants: Vec<Want> = paths.iter().map(want).collect();
    wants.sort_by(|a, b| a.path.cmp(&b.path));
    wants.dedup_by(|a, b| a.path == b.path);
    fetch(session, &wants, &FetchOptions::default(), &mut |_| {}).await
}

/// Reads what is wanted besides the wanted `nodes` themselves, and makes a tree of both.
async fn collect(
    session: &Session,
    wants: &[Want],
    nodes: Vec<(ZPath, Live)>,
    options: &FetchOptions,
    reader: &mut Reader<'_>,
) -> Result<Tree<Live>, Error> {
    let want_at = |path: &ZPath| wants::find(wants, path);
    let system = system(session).filter(|system| want_at(system).is_none());

    let is_known = |path: &ZPath| want_at(path).is_some() || Some(path) == system.as_ref();
    let tops = tops(wants, &nodes, system.is_some());
    let below = walk::read(reader, tops, is_known, |_, live| live).await?;
    let mut tree = if below.nodes.is_empty() {
        Tree::from_sorted(nodes)
    } else {
        // The tree keeps the later of two nodes at one path.
        nodes.into_iter().chain(below.nodes).collect()
    };
    drop_subtrees(&mut tree, &below.gone);
    if wants.iter().any(|want| want.acl) {
        let wanted = |path: &ZPath| want_at(path).is_some_and(|want| want.acl);
        acls::read(session, &mut tree, wanted, options, reader).await?;
    }
    Ok(tree)
}

/// Reads those of the wanted nodes themselves that were not read ahead, all in one go. What is
/// below a node that turned out to be missing is not asked for any more.
async fn read_wanted(
    reader: &mut Reader<'_>,
    wants: &[Want],
    ahead: ReadAhead,
) -> Result<Vec<(ZPath, Live)>, Error> {
    let below = |i: usize| -> usize {
        i + wants[i..].partition_point(|want| want.path.is_within(&wants[i].path))
    };
    let mut nodes = Vec::with_capacity(wants.len());
    // Those that were not read ahead, by their place among the wanted.
    let mut unread: Vec<usize> = Vec::new();
    let mut missing_until = 0;
    let mut ahead = ahead.into_sorted().peekable();
    for (i, want) in wants.iter().enumerate() {
        // Nobody wants these.
        while ahead.next_if(|(path, _)| *path < want.path).is_some() {}
        match ahead.next_if(|(path, _)| *path == want.path) {
            _ if i < missing_until => {}
            None => unread.push(i),
            Some((_, None)) => missing_until = below(i),
            Some((path, Some(live))) => nodes.push((path, live)),
        }
    }
    drop(ahead);
    let were_ahead = nodes.len();
    let asks: Vec<_> = unread
        .iter()
        .map(|&i| (&wants[i].path, Ask::Data))
        .collect();
    let mut missing: Vec<ZPath> = Vec::new();
    let mut missing_until = 0;
    let receive = |ask: usize, answer| {
        let i = unread[ask];
        // Skip descendants of a missing node: it may have been created after we found it missing.
        if i >= missing_until {
            match live_of(answer) {
                Some(live) => nodes.push((wants[i].path.clone(), live)),
                None => {
                    missing_until = below(i);
                    missing.push(wants[i].path.clone());
                }
            }
        }
        Ok(unread.partition_point(|&i| i < missing_until))
    };
    reader.read(&asks, receive).await?;
    if were_ahead > 0 && !unread.is_empty() {
        nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
        nodes.retain(|(path, _)| !missing.iter().any(|top| path.is_within(top)));
    }
    Ok(nodes)
}

/// The wanted nodes that have children beyond those that are wanted.
fn tops(wants: &[Want], nodes: &[(ZPath, Live)], hides_system: bool) -> Vec<Top<Live>> {
    // How many children of each node are known, counted along the path from the top.
    let mut known = vec![0; nodes.len()];
    let mut above: Vec<usize> = Vec::new();
    for (i, (path, _)) in nodes.iter().enumerate() {
        while above
            .last()
            .is_some_and(|&top| !path.is_within(&nodes[top].0))
        {
            above.pop();
        }
        if let Some(&top) = above
            .last()
            .filter(|&&top| path.parent_str() == Some(nodes[top].0.as_str()))
        {
            known[top] += 1;
        }
        above.push(i);
    }
    let mut tops = Vec::new();
    let mut wants = wants.iter();
    for ((path, live), mut known) in nodes.iter().zip(known) {
        let Some(want) = wants.find(|want| want.path == *path) else {
            continue;
        };
        let children = children_of(live);
        known += usize::from(hides_system && path.is_root());
        if want.children != Children::Skip && children > known {
            tops.push(Top {
                path: path.clone(),
                made: None,
                deep: want.children == Children::Subtree,
                children,
            });
        }
    }
    tops
}

fn children_of(live: &Live) -> usize {
    live.node().map_or(0, |node| node.children as usize)
}

/// The node in an answer. Returns `None` if there is none.
fn live_of(answer: Answer) -> Option<Live> {
    match answer {
        Answer::Node(node) => Some(Live::Read(node)),
        Answer::NoAuth => Some(Live::Unreadable),
        Answer::Missing | Answer::Children(_) => None,
    }
}

/// Drops nodes that went away while the tree was read, with all below them.
fn drop_subtrees(tree: &mut Tree<Live>, tops: &[ZPath]) {
    if tops.is_empty() {
        return;
    }
    let mut keep = vec![true; tree.len()];
    for top in tops {
        keep[tree.subtree_range(top)].fill(false);
    }
    let mut keep = keep.into_iter();
    tree.retain(|_, _| keep.next().unwrap_or(true));
}

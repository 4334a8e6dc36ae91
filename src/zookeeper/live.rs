//! The live tree, read by scope: the cost follows what is wanted, not what the ensemble holds.

use std::collections::BTreeSet;

use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::record;
use crate::model::tree::{Side, Tree, join_by};
use crate::plan::scope::{Children, Want};
use crate::zookeeper::session::Session;

use self::acl_walk::{Step, outline};
use self::acls::drop_subtrees;
use self::ahead::Read;
use self::reader::{Ask, Reader, live_of};
use self::walk::{Top, children_of};

mod acl_walk;
mod acls;
mod ahead;
mod difference;
mod error;
#[cfg(feature = "watch")]
mod history;
mod kinds;
mod mirror;
mod options;
mod reader;
pub(crate) mod stats;
mod walk;
mod wants;
mod watches;

pub use acl_walk::{SubtreeAcls, walk_acls};
pub use acls::{SeenAcl, closed, lookup_acls};
pub use ahead::{ReadAhead, read_ahead};
pub use error::Error;
#[cfg(feature = "watch")]
pub(crate) use history::{last_child_change, read_acls};
pub(crate) use kinds::{Kind, of as kinds};
pub use mirror::{Found, Mirror, News};
pub use options::FetchOptions;
pub(crate) use watches::warn_of_old_server;
#[cfg(feature = "watch")]
pub(crate) use watches::{Reach, WatchNews, Watches};

/// Reads what `wants` asks for, which is sorted by path without duplicates, as
/// [`scope::of`](crate::plan::scope::of) makes it.
///
/// A wanted node that does not exist is absent. Undeclared children, those not wanted by
/// themselves, are [`Live::Listed`] under [`Children::List`]; under [`Children::Subtree`] they
/// are read with all below them, under [`Children::Acls`] so, too, but [`Live::WithoutData`], or
/// [`Live::Unlisted`]. There the head of an owner's record is [`Live::Read`], and nothing below it is read.
/// A node that the session may not read is [`Live::Unreadable`].
/// A node that goes away while the tree is read is absent with all below it. `/zookeeper` of the
/// ensemble, or ClickHouse Keeper's `/keeper`, is neither listed nor read unless it is wanted; below a
/// chroot it is a node like any.
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
/// there the tree is empty. What owners keep at `/zkt` is left out, unless `top` is part of it, and so are
/// their records elsewhere. Otherwise as [`fetch`].
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
    let nodes = tree.iter();
    let heads = nodes.filter(|(path, live)| *path != *top && record::is_head_node(live));
    let heads: Vec<ZPath> = heads.map(|(path, _)| path.clone()).collect();
    drop_subtrees(&mut tree, &heads);
    if acl {
        acls::read(session, &mut tree, |_| true, &options, &mut reader).await?;
    }
    Ok(tree)
}

/// As [`read_subtree`], without ACLs, and with the records of owners that stand elsewhere than at `/zkt`.
pub(crate) async fn read_subtree_with_records(
    session: &Session,
    top: &ZPath,
) -> Result<Tree<Live>, Error> {
    let options = FetchOptions::read_only();
    let mut progress = |_| {};
    let mut reader = Reader::new(session, &options, &mut progress);
    let nodes = walk_subtree(&mut reader, top, |_, live| live).await?;
    Ok(Tree::from_sorted(nodes))
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
    mut make: impl FnMut(&ZPath, Live) -> T + Send,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Vec<(ZPath, T)>, Error> {
    let options = FetchOptions::read_only();
    let mut reader = Reader::new(session, &options, progress);
    let mut heads = BTreeSet::new();
    let make = |path: &ZPath, live: Live| {
        if path != top && record::is_head_node(&live) {
            heads.insert(path.clone());
        }
        make(path, live)
    };
    let mut made = walk_subtree(&mut reader, top, make).await?;
    if !heads.is_empty() {
        let of_record = |path: &ZPath| path.prefixes().any(|above| heads.contains(&above));
        made.retain(|(path, _)| !of_record(path));
    }
    Ok(made)
}

async fn walk_subtree<T>(
    reader: &mut Reader<'_>,
    top: &ZPath,
    mut make: impl FnMut(&ZPath, Live) -> T,
) -> Result<Vec<(ZPath, T)>, Error> {
    reader.start_sync();
    let is_within_records = record::is_reserved(top);
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
    let system = reader.session().system();
    let is_known = |path: &ZPath| {
        let is_record = !is_within_records && record::is_reserved(path);
        is_record || Some(path) == system.as_ref()
    };
    Ok(walk::read(reader, top, is_known, make).await?.nodes)
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
    let system = session.system().filter(|system| want_at(system).is_none());

    let is_known = |path: &ZPath| want_at(path).is_some() || Some(path) == system.as_ref();
    let tops = tops(wants, &nodes, system.is_some());
    let (held, tops): (Vec<_>, Vec<_>) = tops
        .into_iter()
        .partition(|top| want_at(&top.path).is_some_and(|want| want.children == Children::Acls));
    let below = walk::read(reader, tops, is_known, |_, live| live).await?;
    let steps = held.into_iter().map(|top| Step::Below(top.path));
    let held = outline(session, steps, is_known, options, reader).await?;
    let mut tree = if below.nodes.is_empty() && held.nodes.is_empty() {
        Tree::from_sorted(nodes)
    } else {
        // The tree keeps the later of two nodes at one path.
        let below = below.nodes.into_iter().chain(held.nodes);
        nodes.into_iter().chain(below).collect()
    };
    drop_subtrees(&mut tree, &below.gone);
    drop_subtrees(&mut tree, &held.gone);
    if wants.iter().any(|want| want.acl) {
        let wanted = |path: &ZPath| match want_at(path) {
            Some(want) => want.acl,
            None => wants::beyond(wants, path) == Children::Whole,
        };
        acls::read(session, &mut tree, wanted, options, reader).await?;
    }
    Ok(tree)
}

/// Reads those of the wanted nodes themselves that were not read ahead, all in one go. What is
/// below a node that turned out to be missing is not asked for any more.
async fn read_wanted(
    reader: &mut Reader<'_>,
    wants: &[Want],
    mut ahead: ReadAhead,
) -> Result<Vec<(ZPath, Live)>, Error> {
    let below = |i: usize| -> usize {
        i + wants[i..].partition_point(|want| want.path.is_within(&wants[i].path))
    };
    let mut nodes = Vec::with_capacity(wants.len());
    // Those that were not read ahead, by their place among the wanted.
    let mut unread: Vec<usize> = Vec::new();
    let mut missing_until = 0;
    let order = |(_, want): &(usize, &Want), (path, _): &Read| want.path.cmp(path);
    for side in join_by(wants.iter().enumerate(), ahead.take_sorted(), order) {
        match side {
            // Nobody wants it.
            Side::Right(_) => {}
            Side::Left((i, _)) | Side::Both((i, _), _) if i < missing_until => {}
            Side::Left((i, want)) | Side::Both((i, want), _)
                if ahead.missing.covers(&want.path) =>
            {
                missing_until = below(i);
            }
            Side::Left((i, _)) => unread.push(i),
            Side::Both(_, (path, live)) => nodes.push((path, live)),
        }
    }
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
    let counted = nodes.iter().zip(known);
    for side in join_by(wants, counted, |want, ((path, _), _)| want.path.cmp(path)) {
        let Side::Both(want, ((path, live), mut known)) = side else {
            continue;
        };
        let children = children_of(live);
        known += usize::from(hides_system && path.is_root());
        if want.children != Children::Skip && children > known {
            tops.push(Top {
                path: path.clone(),
                made: None,
                deep: want.children >= Children::Subtree,
                children,
            });
        }
    }
    tops
}

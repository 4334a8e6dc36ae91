//! Finding out whether writes happened whose answer was lost.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout_at};
use zookeeper_client::Error as Refusal;

use super::batch::{AclChange, Operation, Write};
use super::chain::Knot;
use crate::model::node::{DataVersion, Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::zookeeper::live;
use crate::zookeeper::session::{Session, Wait, acl, is_fatal, is_outcome_unknown};

/// What the live tree says of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// It is as the write leaves it.
    After,
    /// It is as the write would have to find it.
    Before,
    /// Neither, or it cannot be seen.
    Unclear,
}

/// What a look at the live tree tells of batches that come one after the other.
pub(super) struct Found {
    /// How many of them stand for sure, and how many at most.
    pub(super) standing: Range<usize>,
    /// Whether no other of them can be committed any more, even if it was not sent yet.
    pub(super) for_good: bool,
}

/// How many of these atomic batches were committed, each of which commits only if the one before it
/// did. What those of a chain do with markers is told in `knots`.
pub(super) async fn batches(
    session: &Session,
    batches: &[&[Operation<'_>]],
    knots: &[Knot],
    deadline: Instant,
) -> Found {
    let look = async {
        let fresh = fresh_where_dead(session, deadline).await?;
        let active = fresh.as_ref().unwrap_or(session);
        let found = look_at_batches(active, batches, knots, fresh.is_none()).await;
        close(fresh).await;
        found
    };
    let found = timeout_at(deadline.into(), look).await.ok().flatten();
    found.unwrap_or(Found {
        standing: 0..batches.len(),
        for_good: false,
    })
}

async fn look_at_batches(
    session: &Session,
    batches: &[&[Operation<'_>]],
    knots: &[Knot],
    same_session: bool,
) -> Option<Found> {
    let marker = take(session, knots).await;
    if let Marker::Taken(count) = marker {
        return Some(Found {
            standing: count..count,
            for_good: true,
        });
    }
    let paths: Vec<ZPath> = batches
        .iter()
        .flat_map(|operations| operations.iter())
        .map(|operation| operation.path.clone())
        .collect();
    let tree = live::lookup(session, &paths).await.ok()?;
    let mut standing = judge_all(batches, &tree);
    // Markers go with their session too, so what follows from there being none needs the same one.
    if marker == Marker::Gone && same_session {
        let all = batches.len();
        match knots {
            [Knot { before: None, .. }, ..] if standing.start == 0 => standing = 0..0,
            [.., Knot { after: None, .. }] if standing.end == all => standing = all..all,
            _ => {}
        }
    }
    Some(Found {
        standing,
        for_good: false,
    })
}

/// What a look for the marker of a chain found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    /// That of this many batches. It was deleted, and so no other batch can be committed any more.
    Taken(usize),
    Gone,
    Unknown,
}

async fn take(session: &Session, knots: &[Knot]) -> Marker {
    let before = knots.first().and_then(|knot| knot.before.as_ref());
    let markers = std::iter::once(before).chain(knots.iter().map(|knot| knot.after.as_ref()));
    let markers = markers
        .enumerate()
        .filter_map(|(count, marker)| Some((count, marker?)));
    let expected = Some(DataVersion::NEW.get());
    let mut gone = Marker::Gone;
    loop {
        // All are sent at once. A batch that is still on its way can only put a later marker in the
        // place of one, and that one is asked for later.
        let removals: Vec<_> = markers
            .clone()
            .map(|(count, marker)| (count, session.client().delete(marker.as_str(), expected)))
            .collect();
        let (mut taken, mut lost) = (None, false);
        for (count, removal) in removals {
            match removal.await {
                Ok(()) => taken = Some(count),
                Err(Refusal::NoNode) => {}
                Err(error) if is_outcome_unknown(&error) && !is_fatal(&error) => lost = true,
                Err(_) => return Marker::Unknown,
            }
        }
        match taken {
            Some(count) => return Marker::Taken(count),
            None if !lost => return gone,
            // What was lost may have been done.
            None => gone = Marker::Unknown,
        }
    }
}

/// Whether each of these ACL changes was made; none where it cannot be told.
pub(super) async fn acls(
    session: &Session,
    changes: &[&AclChange<'_>],
    deadline: Instant,
) -> Vec<Option<bool>> {
    let look = async {
        let fresh = fresh_where_dead(session, deadline).await?;
        let active = fresh.as_ref().unwrap_or(session);
        let found = look_at_acls(active, changes).await;
        close(fresh).await;
        found
    };
    let found = timeout_at(deadline.into(), look).await.ok().flatten();
    found.unwrap_or_else(|| vec![None; changes.len()])
}

async fn look_at_acls(session: &Session, changes: &[&AclChange<'_>]) -> Option<Vec<Option<bool>>> {
    session.client().sync("/").await.ok()?;
    let identities = session.identities().await.ok()?;
    let mut found = Vec::with_capacity(changes.len());
    for change in changes {
        found.push(match session.client().get_acl(change.path.as_str()).await {
            Ok((_, stat)) if stat.aversion == change.expected.get() => Some(false),
            // Made by us or by nobody: only from the version that we expect does this one follow.
            Ok((entries, stat)) if stat.aversion == change.expected.next().get() => {
                let stored = change.acl.stored_by(&identities);
                Some(stored.agrees_with(&acl::from_client(&entries)))
            }
            _ => None,
        });
    }
    Some(found)
}

/// A new session where the old one is dead. Then the old one's requests can take effect no more;
/// otherwise they are done before what the same session asks next.
async fn fresh_where_dead(session: &Session, deadline: Instant) -> Option<Option<Session>> {
    loop {
        let sync = session.client().sync("/");
        return match timeout_at(deadline.into(), sync).await {
            Ok(Err(error)) if is_fatal(&error) => {
                let left = deadline.saturating_duration_since(Instant::now());
                session.another(Wait::For(left)).await.ok().map(Some)
            }
            // It is lost, or late: the session may still come back, or end.
            Ok(Err(error)) if is_outcome_unknown(&error) => {
                sleep(Duration::from_millis(20)).await;
                continue;
            }
            Ok(Err(_)) | Err(_) => None,
            Ok(Ok(())) => Some(None),
        };
    }
}

async fn close(fresh: Option<Session>) {
    if let Some(fresh) = fresh {
        fresh.close().await;
    }
}

/// How many batches stand, for sure and at most, by the evidence of each.
fn judge_all(batches: &[&[Operation<'_>]], tree: &Tree<Live>) -> Range<usize> {
    let mut writes: HashMap<&ZPath, usize> = HashMap::new();
    for operation in batches.iter().flat_map(|operations| operations.iter()) {
        *writes.entry(operation.path).or_default() += 1;
    }
    let mut written_later: HashSet<&ZPath> = HashSet::new();
    let mut standing = 0..batches.len();
    for (i, operations) in batches.iter().enumerate().rev() {
        // A node shows only the last write. One that was created and deleted is as it was.
        let conceals = |operation: &Operation<'_>| {
            let deleted = matches!(operation.write, Write::Delete { .. });
            written_later.contains(operation.path) || deleted && writes[&operation.path] > 1
        };
        let telling: Vec<&Operation<'_>> = operations.iter().filter(|o| !conceals(o)).collect();
        match judge(&telling, tree) {
            Some(true) => standing.start = standing.start.max(i + 1),
            Some(false) => standing.end = i,
            None => {}
        }
        written_later.extend(operations.iter().map(|operation| operation.path));
    }
    if standing.start > standing.end {
        return 0..batches.len();
    }
    standing
}

/// Weighs the evidence of a batch that happened entirely or not at all.
fn judge(operations: &[&Operation<'_>], tree: &Tree<Live>) -> Option<bool> {
    let mut writes: HashMap<&ZPath, usize> = HashMap::new();
    for operation in operations {
        *writes.entry(operation.path).or_default() += 1;
    }
    let mut zxid = None;
    let (mut after, mut before) = (0, 0);
    // A node that is written twice shows only the last of it.
    for operation in operations
        .iter()
        .filter(|operation| writes[&operation.path] == 1)
    {
        let (evidence, at) = weigh(operation, tree.get(operation.path));
        match evidence {
            Evidence::After => after += 1,
            Evidence::Before => before += 1,
            Evidence::Unclear => {}
        }
        // All writes of a batch share one zxid: nodes that differ in it were not written by it.
        if let (Evidence::After, Some(at)) = (evidence, at)
            && *zxid.get_or_insert(at) != at
        {
            return None;
        }
    }
    match (after, before) {
        (1.., 0) => Some(true),
        (0, 1..) => Some(false),
        _ => None,
    }
}

/// What a node says of one write, and the zxid of the write it shows.
fn weigh(operation: &Operation<'_>, live: Option<&Live>) -> (Evidence, Option<i64>) {
    let write = &operation.write;
    let node: &LiveNode = match live {
        None => {
            let evidence = match write {
                Write::Create { .. } => Evidence::Before,
                Write::Delete { .. } => Evidence::After,
                Write::Set { .. } => Evidence::Unclear,
            };
            return (evidence, None);
        }
        Some(Live::Read(node)) => node,
        Some(Live::Listed | Live::Unreadable) => return (Evidence::Unclear, None),
    };
    let version = node.version.get();
    let is_another = operation
        .seen
        .is_some_and(|seen| node.czxid != seen.created);
    let evidence = match write {
        // It tells nothing of the one that was there before.
        Write::Set { .. } | Write::Delete { .. } if is_another => Evidence::Unclear,
        Write::Create { data, .. }
            if version == DataVersion::NEW.get() && node.data == data.as_bytes() =>
        {
            Evidence::After
        }
        Write::Create { .. } => Evidence::Unclear,
        Write::Set { expected, .. } if version == expected.get() => Evidence::Before,
        Write::Set { expected, data } if version == expected.next().get() => {
            // Another writer took the version that this write needed.
            if node.data == data.as_bytes() {
                Evidence::After
            } else {
                Evidence::Before
            }
        }
        Write::Set { .. } => Evidence::Unclear,
        Write::Delete { expected } if version == expected.get() => Evidence::Before,
        Write::Delete { .. } => Evidence::Unclear,
    };
    (evidence, Some(node.mzxid))
}

#[cfg(test)]
mod tests {
    use super::super::batch::kept;
    use super::*;
    use crate::model::value::Encoded;

    fn operation(path: &str, write: Write<'static>) -> Operation<'static> {
        Operation {
            path: kept(ZPath::parse(path).unwrap()),
            write,
            seen: None,
            action: 0,
        }
    }

    fn create(path: &str) -> Operation<'static> {
        operation(
            path,
            Write::Create {
                data: kept(Encoded::raw(b"ours".as_slice().into())),
                acl: None,
            },
        )
    }

    fn set(path: &str, expected: i32) -> Operation<'static> {
        let expected = DataVersion::new(expected).unwrap();
        operation(
            path,
            Write::Set {
                data: kept(Encoded::raw(b"ours".as_slice().into())),
                expected,
            },
        )
    }

    fn delete(path: &str, expected: i32) -> Operation<'static> {
        let expected = DataVersion::new(expected).unwrap();
        operation(path, Write::Delete { expected })
    }

    /// Live nodes as path, data, version and zxid.
    fn tree(live: &[(&str, &str, i32, i64)]) -> Tree<Live> {
        let node = |&(path, data, version, mzxid): &(&str, &str, i32, i64)| {
            let node = LiveNode::with_data(data.as_bytes().to_vec());
            let version = DataVersion::new(version).unwrap();
            let live = Live::Read(LiveNode {
                version,
                mzxid,
                ..node
            });
            (ZPath::parse(path).unwrap(), live)
        };
        live.iter().map(node).collect()
    }

    fn check(operations: &[Operation<'_>], live: &[(&str, &str, i32, i64)], expect: Option<bool>) {
        let tree = tree(live);
        let operations: Vec<&Operation<'_>> = operations.iter().collect();
        assert_eq!(judge(&operations, &tree), expect, "{operations:?} {live:?}");
    }

    #[test]
    fn one_write_is_told_by_its_node() {
        check(&[create("/a")], &[], Some(false));
        check(&[create("/a")], &[("/a", "ours", 0, 9)], Some(true));
        check(&[create("/a")], &[("/a", "theirs", 0, 9)], None);
        check(&[create("/a")], &[("/a", "ours", 1, 9)], None);
        check(&[set("/a", 4)], &[("/a", "old", 4, 9)], Some(false));
        check(&[set("/a", 4)], &[("/a", "ours", 5, 9)], Some(true));
        check(&[set("/a", 4)], &[("/a", "theirs", 5, 9)], Some(false));
        check(&[set("/a", 4)], &[("/a", "ours", 6, 9)], None);
        check(&[set("/a", 4)], &[], None);
        check(&[delete("/a", 4)], &[], Some(true));
        check(&[delete("/a", 4)], &[("/a", "old", 4, 9)], Some(false));
        check(&[delete("/a", 4)], &[("/a", "old", 0, 9)], None);
    }

    #[test]
    fn one_clear_node_tells_of_the_batch() {
        let batch = [create("/a"), set("/b", 4), delete("/c", 0)];
        check(
            &batch,
            &[("/a", "ours", 0, 9), ("/b", "theirs", 7, 12)],
            Some(true),
        );
        check(
            &batch,
            &[("/b", "theirs", 7, 12), ("/c", "old", 0, 3)],
            Some(false),
        );
    }

    #[test]
    fn contradictions_tell_nothing() {
        check(&[create("/a"), create("/b")], &[("/a", "ours", 0, 9)], None);
        let two_zxids = [("/a", "ours", 0, 9), ("/b", "ours", 0, 10)];
        check(&[create("/a"), create("/b")], &two_zxids, None);
        check(&[create("/a"), delete("/a", 0)], &[], None);
    }

    /// Batches of a chain, nodes as above, and how many of the batches stand.
    fn check_all(
        batches: &[&[Operation<'_>]],
        live: &[(&str, &str, i32, i64)],
        expect: Range<usize>,
    ) {
        assert_eq!(
            judge_all(batches, &tree(live)),
            expect,
            "{batches:?} {live:?}"
        );
    }

    #[test]
    fn the_first_batch_that_was_not_committed_is_the_first_that_shows_it() {
        let batches: [&[Operation<'_>]; 3] = [&[create("/a")], &[set("/b", 4)], &[delete("/c", 1)]];
        let (a, b) = (("/a", "ours", 0, 9), ("/b", "ours", 5, 10));
        let (old_b, c) = (("/b", "old", 4, 3), ("/c", "old", 1, 2));
        check_all(&batches, &[old_b, c], 0..0);
        check_all(&batches, &[a, old_b, c], 1..1);
        check_all(&batches, &[a, b, c], 2..2);
        check_all(&batches, &[a, b], 3..3);
        // What one of them does not show, another one does.
        let unclear = ("/b", "theirs", 9, 20);
        check_all(&batches, &[a, unclear], 3..3);
        check_all(&batches, &[a, unclear, c], 1..2);
        check_all(&batches, &[unclear, c], 0..0);
        // The last without the first cannot be.
        check_all(&batches, &[old_b], 0..3);
    }

    #[test]
    fn a_node_that_several_batches_write_shows_only_the_last() {
        let batches: [&[Operation<'_>]; 3] = [
            &[create("/a"), create("/b")],
            &[set("/a", 0)],
            &[set("/a", 1), delete("/b", 0)],
        ];
        check_all(&batches, &[], 0..3);
        check_all(&batches, &[("/a", "ours", 2, 9)], 3..3);
        check_all(
            &batches,
            &[("/a", "ours", 1, 9), ("/b", "ours", 0, 8)],
            0..2,
        );
        let created_and_deleted: [&[Operation<'_>]; 2] = [&[create("/a")], &[delete("/a", 0)]];
        check_all(&created_and_deleted, &[], 0..2);
    }
}

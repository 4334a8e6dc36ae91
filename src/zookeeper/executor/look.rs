//! Finding out whether writes happened whose answer was lost.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout_at};

use super::above;
use super::batch::{AclChange, Operation, Which, Write};
use super::report::BatchFate;
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
    /// It is not there: it was not created, or was and is deleted again.
    Missing,
    /// Neither, or it cannot be seen.
    Unclear,
}

/// What became of these atomic batches of one stage, which were sent after the transaction `before`.
pub(super) async fn batches(
    session: &Session,
    batches: &[&[Operation<'_>]],
    before: i64,
    deadline: Instant,
) -> Vec<BatchFate> {
    let look = async {
        let active = alive(session, deadline).await?;
        let found = look_at_batches(active.get(), batches, before).await;
        active.close().await;
        found
    };
    let found = timeout_at(deadline.into(), look).await.ok().flatten();
    found.unwrap_or_else(|| vec![BatchFate::Unknown; batches.len()])
}

async fn look_at_batches(
    session: &Session,
    batches: &[&[Operation<'_>]],
    before: i64,
) -> Option<Vec<BatchFate>> {
    let operations = batches.iter().flat_map(|operations| operations.iter());
    let paths: Vec<ZPath> = operations.map(|operation| operation.path.clone()).collect();
    let tree = live::lookup(session, &paths).await.ok()?;
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        outcomes.push(match judge(batch, &tree) {
            Verdict::Is(outcome) => outcome,
            Verdict::Missing(path) if above::was_never_there(session, path, before).await => {
                BatchFate::NotCommitted
            }
            Verdict::Missing(_) => BatchFate::Unknown,
        });
    }
    Some(outcomes)
}

/// What became of each of these ACL changes.
pub(super) async fn acls(
    session: &Session,
    changes: &[&AclChange<'_>],
    deadline: Instant,
) -> Vec<BatchFate> {
    let look = async {
        let active = alive(session, deadline).await?;
        let found = look_at_acls(active.get(), changes).await;
        active.close().await;
        found
    };
    let found = timeout_at(deadline.into(), look).await.ok().flatten();
    found.unwrap_or_else(|| vec![BatchFate::Unknown; changes.len()])
}

async fn look_at_acls(session: &Session, changes: &[&AclChange<'_>]) -> Option<Vec<BatchFate>> {
    session.client().sync("/").await.ok()?;
    let identities = session.identities().await.ok()?;
    let mut found = Vec::with_capacity(changes.len());
    for change in changes {
        found.push(match session.client().get_acl(change.path.as_str()).await {
            Ok((_, stat)) if stat.aversion == change.expected.get() => BatchFate::NotCommitted,
            // Made by us or by nobody: only from the version that we expect does this one follow.
            Ok((entries, stat)) if stat.aversion == change.expected.next().get() => {
                let stored = change.acl.stored_by(&identities);
                if stored.agrees_with(&acl::from_client(&entries)) {
                    BatchFate::Committed
                } else {
                    BatchFate::NotCommitted
                }
            }
            _ => BatchFate::Unknown,
        });
    }
    Some(found)
}

/// The session to look with.
enum Active<'s> {
    Same(&'s Session),
    /// The other one is dead.
    Fresh(Session),
}

impl Active<'_> {
    fn get(&self) -> &Session {
        match self {
            Self::Same(session) => session,
            Self::Fresh(session) => session,
        }
    }

    async fn close(self) {
        match self {
            Self::Same(_) => {}
            Self::Fresh(session) => session.close().await,
        }
    }
}

/// A new session where the old one is dead. Then the old one's requests can take effect no more;
/// otherwise they are done before what the same session asks next. Returns `None` if there is no
/// connection until the deadline.
async fn alive(session: &Session, deadline: Instant) -> Option<Active<'_>> {
    loop {
        let sync = session.client().sync("/");
        return match timeout_at(deadline.into(), sync).await {
            Ok(Err(error)) if is_fatal(&error) => {
                let left = deadline.saturating_duration_since(Instant::now());
                let fresh = session.another(Wait::For(left)).await;
                fresh.ok().map(Active::Fresh)
            }
            // It is lost, or late: the session may still come back, or end.
            Ok(Err(error)) if is_outcome_unknown(&error) => {
                sleep(Duration::from_millis(20)).await;
                continue;
            }
            Ok(Err(_)) | Err(_) => None,
            Ok(Ok(())) => Some(Active::Same(session)),
        };
    }
}

/// What the nodes of a batch prove about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict<'p> {
    Is(BatchFate),
    /// It was not committed, unless this node was deleted again.
    Missing(&'p ZPath),
}

/// Weighs the evidence of a batch that happened entirely or not at all.
fn judge<'p>(operations: &[Operation<'p>], tree: &Tree<Live>) -> Verdict<'p> {
    let mut writes: HashMap<&ZPath, usize> = HashMap::new();
    for operation in operations {
        *writes.entry(operation.path).or_default() += 1;
    }
    let mut zxid = None;
    let (mut after, mut before, mut missing) = (0, 0, None);
    // A node that is written twice shows only the last of it.
    for operation in operations
        .iter()
        .filter(|operation| writes[&operation.path] == 1)
    {
        let (evidence, at) = weigh(operation, tree.get(operation.path));
        match evidence {
            Evidence::After => after += 1,
            Evidence::Before => before += 1,
            Evidence::Missing => missing = missing.or(Some(operation.path)),
            Evidence::Unclear => {}
        }
        // All writes of a batch share one zxid: nodes that differ in it were not written by it.
        if let (Evidence::After, Some(at)) = (evidence, at)
            && *zxid.get_or_insert(at) != at
        {
            return Verdict::Is(BatchFate::Unknown);
        }
    }
    match (after, before, missing) {
        (1.., 0, None) => Verdict::Is(BatchFate::Committed),
        (0, 1.., _) => Verdict::Is(BatchFate::NotCommitted),
        (0, 0, Some(path)) => Verdict::Missing(path),
        _ => Verdict::Is(BatchFate::Unknown),
    }
}

/// Judges from a node whether one write was committed. Returns the evidence and the zxid of the
/// node's last write.
fn weigh(operation: &Operation<'_>, live: Option<&Live>) -> (Evidence, Option<i64>) {
    let write = &operation.write;
    let node: &LiveNode = match live {
        None => {
            let evidence = match write {
                Write::Create { .. } => Evidence::Missing,
                Write::Delete { .. } => Evidence::After,
                Write::Set { .. } | Write::Check { .. } => Evidence::Unclear,
            };
            return (evidence, None);
        }
        Some(Live::Read(node)) => node,
        Some(_) => return (Evidence::Unclear, None),
    };
    let version = node.version.get();
    let is_another = match operation.node {
        Which::Seen(seen) | Which::Written(seen) => {
            seen.is_some_and(|seen| node.czxid != seen.created)
        }
        Which::Created => false,
    };
    let evidence = match write {
        // The node was replaced, so nothing is known about the old one.
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
        Write::Delete { .. } | Write::Check { .. } => Evidence::Unclear,
    };
    (evidence, Some(node.mzxid))
}

#[cfg(test)]
mod tests {
    use super::super::batch::kept;
    use super::*;
    use crate::model::value::Encoded;
    use BatchFate::{Committed, NotCommitted, Unknown};

    impl From<BatchFate> for Verdict<'_> {
        fn from(outcome: BatchFate) -> Self {
            Self::Is(outcome)
        }
    }

    fn operation(path: &str, write: Write<'static>) -> Operation<'static> {
        Operation {
            path: kept(ZPath::parse(path).unwrap()),
            write,
            node: Which::Seen(None),
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

    fn check<'p>(
        operations: &[Operation<'p>],
        live: &[(&str, &str, i32, i64)],
        expect: impl Into<Verdict<'p>>,
    ) {
        let (tree, expect) = (tree(live), expect.into());
        assert_eq!(judge(operations, &tree), expect, "{operations:?} {live:?}");
    }

    #[test]
    fn one_write_is_told_by_its_node() {
        let new = create("/a");
        check(&[new], &[], Verdict::Missing(new.path));
        check(&[create("/a")], &[("/a", "ours", 0, 9)], Committed);
        check(&[create("/a")], &[("/a", "theirs", 0, 9)], Unknown);
        check(&[create("/a")], &[("/a", "ours", 1, 9)], Unknown);
        check(&[set("/a", 4)], &[("/a", "old", 4, 9)], NotCommitted);
        check(&[set("/a", 4)], &[("/a", "ours", 5, 9)], Committed);
        check(&[set("/a", 4)], &[("/a", "theirs", 5, 9)], NotCommitted);
        check(&[set("/a", 4)], &[("/a", "ours", 6, 9)], Unknown);
        check(&[set("/a", 4)], &[], Unknown);
        check(&[delete("/a", 4)], &[], Committed);
        check(&[delete("/a", 4)], &[("/a", "old", 4, 9)], NotCommitted);
        check(&[delete("/a", 4)], &[("/a", "old", 0, 9)], Unknown);
    }

    #[test]
    fn one_clear_node_tells_of_the_batch() {
        let batch = [create("/a"), set("/b", 4), delete("/c", 0)];
        check(
            &batch,
            &[("/a", "ours", 0, 9), ("/b", "theirs", 7, 12)],
            Committed,
        );
        check(
            &batch,
            &[("/b", "theirs", 7, 12), ("/c", "old", 0, 3)],
            NotCommitted,
        );
        check(&batch, &[("/b", "theirs", 7, 12)], Unknown);
        let new = [create("/a"), create("/b")];
        check(&new, &[], Verdict::Missing(new[0].path));
    }

    #[test]
    fn contradictions_tell_nothing() {
        check(
            &[create("/a"), create("/b")],
            &[("/a", "ours", 0, 9)],
            Unknown,
        );
        let two_zxids = [("/a", "ours", 0, 9), ("/b", "ours", 0, 10)];
        check(&[create("/a"), create("/b")], &two_zxids, Unknown);
        check(&[create("/a"), delete("/a", 0)], &[], Unknown);
    }
}

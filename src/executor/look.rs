//! Finding out whether writes happened whose answer was lost.

use std::collections::HashMap;
use std::time::Instant;

use tokio::time::timeout_at;

use super::batch::{AclChange, Operation, Write};
use crate::live;
use crate::node::{DataVersion, Live, LiveNode};
use crate::path::ZPath;
use crate::session::{Session, Wait, acl, is_fatal, is_outcome_unknown};
use crate::tree::Tree;

/// What the live tree says of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// It is as the write leaves it.
    After,
    /// It is as the write would have to find it.
    Before,
    /// Neither, or it cannot be seen.
    Unclear,
}

/// Whether an atomic batch was committed; none where it cannot be told.
pub(super) async fn batch(
    session: &Session,
    operations: &[Operation],
    deadline: Instant,
) -> Option<bool> {
    let paths: Vec<ZPath> = operations
        .iter()
        .map(|operation| operation.path.clone())
        .collect();
    let look = async {
        let fresh = fresh_where_dead(session, deadline).await?;
        let tree = live::lookup(fresh.as_ref().unwrap_or(session), &paths)
            .await
            .ok();
        close(fresh).await;
        tree
    };
    let tree = timeout_at(deadline.into(), look).await.ok()??;
    judge(operations, &tree)
}

/// Whether each of these ACL changes was made; none where it cannot be told.
pub(super) async fn acls(
    session: &Session,
    changes: &[&AclChange],
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

async fn look_at_acls(session: &Session, changes: &[&AclChange]) -> Option<Vec<Option<bool>>> {
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
    let sync = session.client().sync("/");
    match timeout_at(deadline.into(), sync).await {
        Ok(Err(error)) if is_fatal(&error) => {
            let left = deadline.saturating_duration_since(Instant::now());
            session.another(Wait::For(left)).await.ok().map(Some)
        }
        // Reading has retries of its own for a sync that was lost.
        Ok(Err(error)) if !is_outcome_unknown(&error) => None,
        Ok(_) => Some(None),
        Err(_) => None,
    }
}

async fn close(fresh: Option<Session>) {
    if let Some(fresh) = fresh {
        fresh.close().await;
    }
}

/// Weighs the evidence of a batch that happened entirely or not at all.
pub(super) fn judge(operations: &[Operation], tree: &Tree<Live>) -> Option<bool> {
    let mut writes: HashMap<&ZPath, usize> = HashMap::new();
    for operation in operations {
        *writes.entry(&operation.path).or_default() += 1;
    }
    let mut zxid = None;
    let (mut after, mut before) = (0, 0);
    // A node that is written twice shows only the last of it.
    for operation in operations
        .iter()
        .filter(|operation| writes[&operation.path] == 1)
    {
        let (evidence, at) = weigh(&operation.write, tree.get(&operation.path));
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
fn weigh(write: &Write, live: Option<&Live>) -> (Evidence, Option<i64>) {
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
    let evidence = match write {
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
    use super::*;
    use crate::value::Encoded;

    fn operation(path: &str, write: Write) -> Operation {
        Operation {
            path: ZPath::parse(path).unwrap(),
            write,
            action: 0,
        }
    }

    fn create(path: &str) -> Operation {
        operation(
            path,
            Write::Create {
                data: Encoded::raw(b"ours".as_slice().into()),
                acl: None,
            },
        )
    }

    fn set(path: &str, expected: i32) -> Operation {
        let expected = DataVersion::new(expected).unwrap();
        operation(
            path,
            Write::Set {
                data: Encoded::raw(b"ours".as_slice().into()),
                expected,
            },
        )
    }

    fn delete(path: &str, expected: i32) -> Operation {
        let expected = DataVersion::new(expected).unwrap();
        operation(path, Write::Delete { expected })
    }

    /// Live nodes as path, data, version and zxid.
    fn check(operations: &[Operation], live: &[(&str, &str, i32, i64)], expect: Option<bool>) {
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
        let tree: Tree<Live> = live.iter().map(node).collect();
        assert_eq!(judge(operations, &tree), expect, "{operations:?} {live:?}");
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
}

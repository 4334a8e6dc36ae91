//! Whether a node that is missing can have been there: the nodes above it show whether one of their
//! children was deleted.

use zookeeper_client::Stat;

use crate::model::path::ZPath;
use crate::zookeeper::session::{Dialect, Session};

/// How many of the children of the ensemble's root nobody created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// One, as in ZooKeeper.
    ZooKeeper,
    /// That is not known.
    Other,
}

/// Whether a node that is missing was never there after the transaction `before`. Returns `false` also
/// if the nodes above it do not prove it.
///
/// ClickHouse Keeper does not count as ZooKeeper does: writing a child counts in `cversion`, too, and
/// deleting one does not move `pzxid`. So less is proved there, and nothing wrongly: a creation counts
/// in both.
pub(super) async fn was_never_there(session: &Session, path: &ZPath, before: i64) -> bool {
    let mut above: Vec<ZPath> = path.prefixes().collect();
    // The node itself.
    above.pop();
    above.insert(0, ZPath::root());
    // From the bottom up: if a node was replaced before it was read, the one above shows it.
    let asked = above.iter().rev();
    let asked = asked.map(|path| session.client().check_stat(path.as_str()));
    let asked: Vec<_> = asked.collect();
    let mut stats = Vec::with_capacity(asked.len());
    for answer in asked {
        match answer.await {
            Ok(Some(stat)) => stats.push(stat),
            // It may have been above the node.
            Ok(None) => stats.clear(),
            Err(_) => return false,
        }
    }
    let root = match session.dialect() {
        Dialect::ZooKeeper => Root::ZooKeeper,
        _ => Root::Other,
    };
    is_proof(&stats, before, root)
}

/// Whether these nodes, each below the next, prove that no node was deleted below the first after the
/// transaction `before`.
fn is_proof(above: &[Stat], before: i64, root: Root) -> bool {
    // Those below the first that was there before are new, and must be the first at their place.
    let Some(old) = above.iter().position(|stat| stat.czxid <= before) else {
        return false;
    };
    if old == 0 && above[0].pzxid <= before {
        return true;
    }
    above[..=old]
        .iter()
        .all(|stat| has_lost_no_child(stat, root))
}

/// Whether no child was ever deleted: `cversion` counts creations and deletions. The root of a ZooKeeper
/// ensemble, whose czxid is 0, has a child that nobody created, and began at -1.
fn has_lost_no_child(stat: &Stat, root: Root) -> bool {
    let first = match (stat.czxid, root) {
        (0, Root::ZooKeeper) => 2,
        (0, Root::Other) => return false,
        _ => 0,
    };
    stat.cversion.checked_add(first) == Some(stat.num_children)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node by czxid, pzxid, cversion and number of children.
    fn stat((czxid, pzxid, cversion, num_children): (i64, i64, i32, i32)) -> Stat {
        Stat {
            czxid,
            mzxid: czxid,
            ctime: 0,
            mtime: 0,
            version: 0,
            cversion,
            aversion: 0,
            ephemeral_owner: 0,
            data_length: 0,
            num_children,
            pzxid,
        }
    }

    fn check(above: &[(i64, i64, i32, i32)], expect: bool) {
        check_at(Root::ZooKeeper, above, expect);
    }

    fn check_at(root: Root, above: &[(i64, i64, i32, i32)], expect: bool) {
        let stats: Vec<Stat> = above.iter().copied().map(stat).collect();
        assert_eq!(is_proof(&stats, 100, root), expect, "{above:?}");
    }

    #[test]
    fn only_nodes_that_lost_no_child_prove_that_none_was_there() {
        // No child came or went since.
        check(&[(7, 90, 5, 1)], true);
        // Children came; one may have gone, too.
        check(&[(7, 110, 5, 5)], true);
        check(&[(7, 110, 6, 4)], false);
        // The root of the ensemble.
        check(&[(0, 90, 5, 1)], true);
        check(&[(0, 110, 1, 3)], true);
        check(&[(0, 110, 3, 3)], false);
        // A new node in an old one.
        check(&[(105, 110, 2, 2), (7, 105, 3, 3)], true);
        check(&[(105, 110, 4, 2), (7, 105, 3, 3)], false);
        check(&[(105, 110, 2, 2), (7, 105, 5, 3)], false);
        check(&[(105, 105, 0, 0), (0, 105, 3, 3)], false);
        // Nothing of before.
        check(&[(105, 110, 2, 2)], false);
        check(&[], false);
    }

    #[test]
    fn where_keeper_counts_a_creation_that_was_undone_is_never_denied() {
        // By what each child went through: creations, writes and deletions count, and only the
        // creations move pzxid.
        for (created, written, deleted) in [(1, 0, 1), (3, 0, 1), (3, 2, 1), (3, 1, 3)] {
            let node = (7, 105, created + written + deleted, created - deleted);
            check_at(Root::Other, &[node], false);
            // The root has had any number of children from the beginning.
            for at_first in 0..6 {
                let root = (0, 105, node.2, node.3 + at_first);
                check_at(Root::Other, &[root], false);
            }
        }
        // None came since; or some did, and none was written or went.
        check_at(Root::Other, &[(7, 90, 9, 2)], true);
        check_at(Root::Other, &[(7, 105, 3, 3)], true);
        check_at(Root::Other, &[(0, 90, 4, 6)], true);
    }
}

use super::super::batch::{AclChange, kept};
use super::*;
use crate::model::acl::AclEntry;
use crate::model::node::{AclVersion, DataVersion};
use crate::model::value::Encoded;

/// A stage of operations such as `create /a`, `create /a digest:ops:HASH:cdrwa`, `set /a`,
/// `delete /a` and `acl /a`, with commas between.
fn stage(text: &str, bytes: usize) -> Stage<'static> {
    let mut changes = Vec::new();
    let mut operations = Vec::new();
    for (action, line) in text.split(", ").enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        let path = kept(ZPath::parse(words[1]).unwrap());
        let acl = |words: &[&str]| {
            let entries = words.iter().map(|entry| AclEntry::parse(entry).unwrap());
            let entries: Vec<AclEntry> = entries.collect();
            (!entries.is_empty()).then(|| kept(Acl { entries }))
        };
        let data = kept(Encoded::raw([].into()));
        let expected = DataVersion::NEW;
        let write = match words[0] {
            "create" => Write::Create {
                data,
                acl: acl(&words[2..]),
            },
            "set" => Write::Set { data, expected },
            "delete" => Write::Delete { expected },
            _ => {
                changes.push(AclChange {
                    path,
                    acl: kept(Acl::open()),
                    expected: AclVersion::NEW,
                    seen: None,
                    action,
                });
                continue;
            }
        };
        operations.push(Operation {
            path,
            write,
            seen: None,
            action,
        });
    }
    let work = if changes.is_empty() {
        Work::Atomic(operations)
    } else {
        Work::Acls(changes)
    };
    Stage {
        work,
        actions: 0..1,
        bytes,
    }
}

/// What `find` makes of stages of 500 bytes, or of as many as follow a `|`.
fn check(stages: &[&str], expect: &str) {
    let stages: Vec<Stage<'_>> = stages
        .iter()
        .map(|text| match text.split_once(" | ") {
            Some((text, bytes)) => stage(text, bytes.parse().unwrap()),
            None => stage(text, 500),
        })
        .collect();
    let shown = |chain: Chain| format!("{:?} {}", chain.batches, chain.home);
    let found: Vec<String> = find(&stages, 0, 1000).into_iter().map(shown).collect();
    assert_eq!(found.join(", "), expect);
}

#[test]
fn markers_are_below_the_first_node_that_the_first_batch_creates() {
    check(
        &["create /a/b, create /c", "create /d", "set /e", "delete /f"],
        "0..4 /a/b",
    );
    check(&["set /x, create /a", "set /b", "set /c"], "0..3 /a");
}

#[test]
fn fewer_than_three_batches_are_no_chain() {
    check(&[], "");
    check(&["create /a"], "");
    check(&["create /a", "create /b"], "");
}

#[test]
fn a_chain_begins_where_a_node_is_created() {
    check(&["set /a", "set /b", "delete /c", "delete /d"], "");
    check(
        &["set /a", "set /b", "create /c", "set /d", "set /e"],
        "2..5 /c",
    );
    check(&["set /a", "set /b", "set /c", "create /d", "set /e"], "");
}

#[test]
fn a_chain_ends_before_acl_changes() {
    check(&["create /a", "set /b", "set /c", "acl /d"], "0..3 /a");
    check(&["create /a", "set /b", "acl /c"], "");
}

/// It could not be deleted while a marker is there.
#[test]
fn markers_are_not_below_a_node_that_the_plan_deletes_again() {
    check(
        &["create /a, create /b", "set /c", "set /d", "delete /a"],
        "0..4 /b",
    );
    check(
        &[
            "create /a",
            "set /c, create /e",
            "set /d",
            "set /d",
            "delete /a",
        ],
        "1..5 /e",
    );
}

#[test]
fn markers_are_where_who_may_create_may_delete() {
    let home = |acl: &str| {
        let first = format!("create /a{acl}");
        let stages = [first.as_str(), "set /x", "set /y"].map(|text| stage(text, 500));
        !find(&stages, 0, 1000).is_empty()
    };
    assert!(home(""));
    for open in [
        " world:anyone:cd",
        " digest:ops:HASH:cdrwa",
        " world:anyone:r digest:ops:HASH:cdrwa",
    ] {
        assert!(home(open), "{open}");
    }
    for closed in [
        " world:anyone:r",
        " world:anyone:crwa",
        " world:anyone:drwa",
        " world:anyone:c digest:ops:HASH:cdrwa",
    ] {
        assert!(!home(closed), "{closed}");
    }
}

#[test]
fn each_batch_takes_the_marker_of_the_one_before() {
    let stages = ["set /x", "create /a", "set /b", "set /c", "set /d"];
    let stages = stages.map(|text| stage(text, 500));
    let chains = find(&stages, 0, 1000);
    let knots: Vec<Knot> = (1..5).map(|batch| chains[0].knot(batch)).collect();
    assert_eq!(knots[0].before, None);
    for pair in knots.windows(2) {
        let marker = pair[0].after.as_ref().unwrap();
        assert!(marker.as_str().starts_with("/a/zkt-applying-"), "{marker}");
        assert_eq!(pair[1].before.as_ref(), Some(marker));
    }
    assert_eq!(knots[3].after, None);
    let names: HashSet<String> = find(&stages, 0, 1000)
        .iter()
        .chain(&chains)
        .flat_map(|chain| (1..4).map(|batch| chain.marker(batch).to_string()))
        .collect();
    assert_eq!(names.len(), 6, "no two markers have the same name");
}

#[test]
fn the_bytes_of_markers_count() {
    let stages = ["create /a", "set /b", "set /c"].map(|text| stage(text, 500));
    let chains = find(&stages, 5, 1000);
    let path = 4 + 5 + "/a/zkt-applying-0123456789abcdef".len();
    let bytes = |batch| chains[0].knot(batch).bytes(5);
    let (created, deleted) = (9 + path + 4 + 27 + 4, 9 + path + 4);
    assert_eq!(bytes(0), created);
    assert_eq!(bytes(1), deleted + created);
    assert_eq!(bytes(2), deleted);
}

#[test]
fn a_request_that_has_no_room_for_its_markers_is_in_no_chain() {
    // A marker takes 80 bytes to create and 49 to delete.
    check(
        &["create /a | 920", "set /b | 871", "set /c | 951"],
        "0..3 /a",
    );
    check(&["create /a | 921", "set /b", "set /c"], "");
    check(&["create /a", "set /b | 872", "set /c", "set /d"], "");
    check(&["create /a", "set /b", "set /c | 952"], "");
    check(
        &["create /a", "set /b", "set /c", "set /d | 952", "set /e"],
        "0..3 /a",
    );
    check(
        &[
            "create /a",
            "set /b | 1000",
            "create /c",
            "set /d",
            "set /e",
        ],
        "2..5 /c",
    );
    check(
        &[
            "create /a",
            "set /b",
            "set /c",
            "set /d | 1000",
            "create /e",
            "set /f",
            "set /g",
            "create /h",
        ],
        "0..3 /a, 4..8 /e",
    );
}

//! Every check of every write, its order, and what operations of a transaction see of each other.

use super::super::acl::{Acl, Entry};
use super::super::node::Moment;
use super::*;

const NOW: Moment = Moment { zxid: 9, time: 9 };

/// A tree with nodes for everybody, and some that only `u:p` may touch.
fn tree() -> Tree {
    let mut tree = Tree::new();
    let mut add = |path: &str, kind, acl: acl::List| {
        let node = NewNode {
            data: None,
            acl,
            kind,
            parent_cversion: -1,
        };
        assert!(tree.create(path, &node, NOW).is_some(), "{path}");
    };
    let open = || acl::List::from([Acl::open()]);
    let closed = || acl::List::from([Acl::new(permission::ALL, "digest", "u:hash")]);
    add("/a", NodeKind::Persistent, open());
    add("/a/b", NodeKind::Persistent, open());
    add("/e", NodeKind::Ephemeral(7), open());
    add("/closed", NodeKind::Persistent, closed());
    add("/closed/x", NodeKind::Persistent, open());
    tree
}

fn anyone() -> Identities {
    Identities::of_address("127.0.0.1:1".parse().unwrap())
}

fn check_in(draft: &mut Draft<'_>, write: &Write<'_>) -> Result<Change, ErrorCode> {
    let identities = anyone();
    let asker = Asker {
        session: 7,
        identities: &identities,
    };
    draft.check(write, &asker)
}

fn check(write: &Write<'_>) -> Result<Change, ErrorCode> {
    check_in(&mut Draft::of_one(&tree()), write)
}

fn error(write: &Write<'_>) -> ErrorCode {
    check(write).unwrap_err()
}

fn create(path: &str, flags: i32) -> Write<'_> {
    Write::Create(Create {
        path: Some(path.into()),
        data: Some(b"x"),
        acl: Some(vec![Entry::of(&OPEN)]),
        flags,
        ttl: -1,
        kind: RequestKind::Create,
    })
}

static OPEN: std::sync::LazyLock<Acl> = std::sync::LazyLock::new(Acl::open);

fn delete(path: &str, version: i32) -> Write<'_> {
    Write::Delete {
        path: Some(path.into()),
        version,
    }
}

fn set(path: &str, version: i32) -> Write<'_> {
    Write::SetData {
        path: Some(path.into()),
        data: None,
        version,
    }
}

fn check_version(path: &str, version: i32) -> Write<'_> {
    Write::Check {
        path: Some(path.into()),
        version,
    }
}

#[test]
fn a_creation_names_the_first_thing_that_is_wrong_with_it() {
    use ErrorCode::{
        BadArguments, InvalidAcl, NoAuth, NoChildrenForEphemerals, NoNode, NodeExists,
    };
    assert_eq!(error(&create("/no/x", 9)), BadArguments);
    assert_eq!(error(&create("no", 0)), BadArguments);
    let without_acl = |path: &'static str| {
        let Write::Create(create) = create(path, 0) else {
            unreachable!()
        };
        Write::Create(Create {
            acl: None,
            ..create
        })
    };
    assert_eq!(error(&without_acl("/no/x")), InvalidAcl);
    assert_eq!(error(&create("/no/x", 0)), NoNode);
    assert_eq!(error(&create("/closed/x", 0)), NoAuth);
    assert_eq!(error(&create("/a//", 0)), NoNode);
    assert_eq!(error(&create("/a/..", 0)), BadArguments);
    assert_eq!(error(&create("/a/b", 0)), NodeExists);
    assert_eq!(error(&create("/e/x", 0)), NoChildrenForEphemerals);
    assert!(check(&create("/a/c", 0)).is_ok());
}

#[test]
fn a_deletion_names_the_first_thing_that_is_wrong_with_it() {
    use ErrorCode::{BadArguments, BadVersion, NoAuth, NoNode, NotEmpty};
    for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
        assert_eq!(error(&delete(path, 5)), BadArguments, "{path}");
    }
    assert_eq!(error(&delete("/no/x", 5)), NoNode);
    assert_eq!(error(&delete("/closed/no", 5)), NoAuth);
    assert_eq!(error(&delete("/a/no", 5)), NoNode);
    assert_eq!(error(&delete("/a", 5)), BadVersion);
    assert_eq!(error(&delete("/a", 0)), NotEmpty);
    // The parent's ACL decides.
    assert!(check(&delete("/closed", -1)).is_err_and(|error| error == NotEmpty));
    assert!(check(&delete("/a/b", 0)).is_ok());
}

#[test]
fn versions_count_on_and_wrap() {
    assert_eq!(next_version(4, -1), Ok(5));
    assert_eq!(next_version(4, 4), Ok(5));
    assert_eq!(next_version(4, 3), Err(ErrorCode::BadVersion));
    assert_eq!(next_version(i32::MAX, -1), Ok(i32::MIN));
    assert_eq!(next_version(-2, -2), Ok(-1));
}

#[test]
fn names_are_numbered_by_the_children_there_ever_were() {
    let named = |flags| match check(&create("/a/n-", flags)) {
        Ok(Change::Create { path, node }) => (path, node.kind),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        named(2),
        ("/a/n-0000000001".to_owned(), NodeKind::Persistent)
    );
    assert_eq!(
        named(3),
        ("/a/n-0000000001".to_owned(), NodeKind::Ephemeral(7))
    );
    let mut tree = tree();
    let new = NewNode {
        data: None,
        acl: Arc::clone(tree.open_acl()),
        kind: NodeKind::Persistent,
        parent_cversion: i32::MAX,
    };
    tree.create("/a/last", &new, NOW);
    let mut draft = Draft::of_several(&tree);
    for number in ["2147483647", "-2147483648", "-2147483647"] {
        let Ok(Change::Create { path, .. }) = check_in(&mut draft, &create("/a/n-", 2)) else {
            panic!("{number}")
        };
        assert_eq!(path, format!("/a/n-{number}"));
    }
}

#[test]
fn operations_of_a_transaction_see_what_those_before_them_did() {
    use ErrorCode::{BadVersion, NoNode, NodeExists, NotEmpty};
    let tree = tree();
    let draft = &mut Draft::of_several(&tree);
    let failed = |draft: &mut Draft<'_>, write: &Write<'_>| check_in(draft, write).unwrap_err();
    check_in(draft, &create("/new", 0)).unwrap();
    check_in(draft, &create("/new/child", 0)).unwrap();
    assert_eq!(failed(draft, &create("/new", 0)), NodeExists);
    assert_eq!(failed(draft, &delete("/new", 0)), NotEmpty);
    check_in(draft, &set("/new", 0)).unwrap();
    assert_eq!(failed(draft, &set("/new", 0)), BadVersion);
    check_in(draft, &check_version("/new", 1)).unwrap();
    check_in(draft, &delete("/new/child", 0)).unwrap();
    assert_eq!(failed(draft, &check_version("/new/child", -1)), NoNode);
    check_in(draft, &delete("/new", 1)).unwrap();
    check_in(draft, &create("/new", 0)).unwrap();
    // A child that goes makes its parent empty, and leaves its numbers behind.
    check_in(draft, &delete("/a/b", 0)).unwrap();
    let numbered = check_in(draft, &create("/a/n", 2)).unwrap();
    assert!(matches!(numbered, Change::Create { path, .. } if path == "/a/n0000000001"));
    check_in(draft, &delete("/a/n0000000001", 0)).unwrap();
    check_in(draft, &delete("/a", 0)).unwrap();
    // Nothing of it has been carried out.
    assert!(tree.get("/a/b").is_some() && tree.get("/new").is_none());
}

#[test]
fn an_ephemeral_node_of_a_transaction_has_no_children() {
    let tree = tree();
    let draft = &mut Draft::of_several(&tree);
    check_in(draft, &create("/new", 1)).unwrap();
    let child = check_in(draft, &create("/new/x", 0)).unwrap_err();
    assert_eq!(child, ErrorCode::NoChildrenForEphemerals);
}

#[test]
fn each_write_needs_its_permission() {
    for (bits, write, allowed) in [
        (permission::WRITE, set("/x", 0), true),
        (permission::ALL - permission::WRITE, set("/x", 0), false),
        (permission::READ, check_version("/x", 0), true),
        (
            permission::ALL - permission::READ,
            check_version("/x", 0),
            false,
        ),
        (permission::CREATE, create("/x/y", 0), true),
        (
            permission::ALL - permission::CREATE,
            create("/x/y", 0),
            false,
        ),
        (permission::DELETE, delete("/x/z", 0), true),
        (
            permission::ALL - permission::DELETE,
            delete("/x/z", 0),
            false,
        ),
    ] {
        let mut tree = Tree::new();
        for (path, permissions) in [("/x", bits), ("/x/z", permission::ALL)] {
            let node = NewNode {
                data: None,
                acl: [Acl::new(permissions, "world", "anyone")].into(),
                kind: NodeKind::Persistent,
                parent_cversion: -1,
            };
            tree.create(path, &node, NOW);
        }
        let result = check_in(&mut Draft::of_one(&tree), &write);
        match allowed {
            true => assert!(result.is_ok(), "{write:?}"),
            false => assert_eq!(result.unwrap_err(), ErrorCode::NoAuth, "{write:?}"),
        }
    }
}

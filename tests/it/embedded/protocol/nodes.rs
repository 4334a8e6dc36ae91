//! Creating, writing and deleting nodes; permissions.

use zkt::server::{ErrorCode, NodeKind};

use crate::embedded::raw::{Body, PING, Raw, create, path_and_watch};

use super::{
    AUTH, CHECK, CREATE, CREATE_CONTAINER, CREATE_TTL, CREATE2, DELETE, DELETE_CONTAINER, EXISTS,
    GET_ACL, GET_ALL_CHILDREN_NUMBER, GET_CHILDREN, GET_DATA, MULTI, RECONFIG, SET_ACL, SET_DATA,
    SYNC, WHO_AM_I, auth, path, started, versioned,
};

#[test]
fn writes_take_a_transaction_number_even_when_they_fail() {
    let (server, mut raw) = started();
    assert_eq!(raw.request(CREATE, &create("/a", b"x", 0)).zxid, 2);
    assert_eq!(raw.request(CREATE, &create("/a", b"x", 0)).zxid, 3);
    assert_eq!(raw.request(GET_DATA, &path_and_watch("/no", false)).zxid, 3);
    assert_eq!(raw.request(SET_DATA, &Body::new()).zxid, 4);
    assert_eq!(raw.request(PING, &Body::new()).zxid, 4);
    // This one takes a number, but is not carried out.
    let null = Body::new().operation(DELETE).null().int(0).end();
    let reply = raw.request(MULTI, &null);
    assert_eq!(
        (reply.zxid, reply.error),
        (4, Some(ErrorCode::MarshallingError))
    );
    assert_eq!(reply.body, Body::new().end().0);
    assert_eq!(raw.request(RECONFIG, &Body::new()).zxid, 4);
    let config = Body::new().null().null().null().long(-1);
    let reply = raw.request(RECONFIG, &config);
    assert_eq!(
        (reply.zxid, reply.error),
        (6, Some(ErrorCode::ReconfigDisabled))
    );
    assert_eq!(server.node("/a").unwrap().stat.czxid, 2);
}

#[test]
fn paths_are_checked_as_zookeeper_checks_them() {
    use ErrorCode::{BadArguments, MarshallingError, NoNode, NodeExists};
    let (_server, mut raw) = started();
    raw.ok(CREATE, &create("/a", b"", 0));
    for (path, error) in [
        ("", BadArguments),
        ("a", BadArguments),
        ("a/b", NoNode),
        ("/", NodeExists),
        ("/a/", BadArguments),
        ("//a", BadArguments),
        ("/b/", NoNode),
        ("/a/.", BadArguments),
        ("/a/..", BadArguments),
        ("/a/\u{1}", BadArguments),
        ("/a\0", BadArguments),
        ("/a/\u{e000}", BadArguments),
        ("/a/😀", BadArguments),
        ("/no/b", NoNode),
    ] {
        assert_eq!(
            raw.error(CREATE, &create(path, b"", 0)),
            error,
            "create {path:?}"
        );
    }
    for (path, error) in [
        ("", BadArguments),
        ("/", BadArguments),
        ("/zookeeper", BadArguments),
        ("/zookeeper/config", BadArguments),
        ("/zookeeper/quota", BadArguments),
        ("/a/", NoNode),
        ("/b", NoNode),
    ] {
        assert_eq!(
            raw.error(DELETE, &versioned(path, -1)),
            error,
            "delete {path:?}"
        );
    }
    assert_eq!(
        raw.error(EXISTS, &path_and_watch("/a\0", false)),
        BadArguments
    );
    assert_eq!(raw.error(GET_DATA, &path_and_watch("/a/", false)), NoNode);
    // The empty path is the root.
    assert_eq!(
        raw.ok(GET_DATA, &path_and_watch("", false)),
        raw.ok(GET_DATA, &path_and_watch("/", false))
    );
    let null = Body::new().null();
    assert_eq!(
        raw.error(GET_DATA, &null.clone().bool(false)),
        MarshallingError
    );
    assert_eq!(raw.error(DELETE, &null.clone().int(0)), MarshallingError);
    assert_eq!(
        raw.error(SET_DATA, &null.clone().null().int(0)),
        BadArguments
    );
    assert_eq!(raw.ok(SYNC, &null), null.0);
    assert_eq!(raw.ok(SYNC, &path("/nowhere")), path("/nowhere").0);
    let numbered = raw.ok(CREATE, &create("/", b"", 2));
    assert_eq!(numbered, path("/0000000001").0);
}

#[test]
fn flags_and_kinds_of_creation() {
    use ErrorCode::{BadArguments, NoChildrenForEphemerals};
    let (server, mut raw) = started();
    let ttl = |path: &str, flags, ttl| Body(create(path, b"", flags).long(ttl).0);
    raw.ok(CREATE, &create("/flag-only", b"", 4));
    raw.ok(CREATE_CONTAINER, &create("/container", b"", 4));
    raw.ok(CREATE_TTL, &ttl("/ttl", 5, 5000));
    raw.ok(CREATE2, &create("/ephemeral", b"", 1));
    raw.ok(CREATE_TTL, &ttl("/ttl-", 6, 1));
    let kind = |path| server.node(path).unwrap().kind;
    assert_eq!(kind("/flag-only"), NodeKind::Persistent);
    assert_eq!(kind("/container"), NodeKind::Container);
    assert_eq!(kind("/ttl"), NodeKind::Ttl(5000));
    assert_eq!(kind("/ephemeral"), NodeKind::Ephemeral(raw.session));
    assert_eq!(kind("/ttl-0000000004"), NodeKind::Ttl(1));
    for (flags, time) in [(5, 0), (5, -1), (5, 1 << 40), (0, 0)] {
        assert_eq!(
            raw.error(CREATE_TTL, &ttl("/x", flags, time)),
            BadArguments,
            "{flags} {time}"
        );
    }
    for flags in [5, 7, -1] {
        assert_eq!(
            raw.error(CREATE, &create("/x", b"", flags)),
            BadArguments,
            "{flags}"
        );
    }
    assert_eq!(
        raw.error(CREATE, &create("/ephemeral/x", b"", 0)),
        NoChildrenForEphemerals
    );
    raw.ok(CREATE, &create("/ttl/x", b"", 0));
    assert_eq!(
        raw.error(DELETE, &versioned("/ttl", -1)),
        ErrorCode::NotEmpty
    );
    assert_eq!(
        raw.error(DELETE_CONTAINER, &path("/container")),
        BadArguments
    );
}

#[test]
fn versions_guard_writes() {
    let (server, mut raw) = started();
    raw.ok(CREATE, &create("/a", b"", 0));
    let set = |version| path("/a").null().int(version);
    assert_eq!(raw.error(SET_DATA, &set(1)), ErrorCode::BadVersion);
    raw.ok(SET_DATA, &set(0));
    raw.ok(SET_DATA, &set(-1));
    assert_eq!(
        raw.error(DELETE, &versioned("/a", 1)),
        ErrorCode::BadVersion
    );
    assert_eq!(raw.error(CHECK, &versioned("/a", 1)), ErrorCode::BadVersion);
    let stat = server.node("/a").unwrap().stat;
    assert_eq!((stat.version, stat.data_length), (2, 0));
    // Null data stays null.
    assert_eq!(
        raw.ok(GET_DATA, &path_and_watch("/a", false))[..4],
        [0xff; 4]
    );
    let acl = |version| path("/a").acl(&[(1, "world", "anyone")]).int(version);
    assert_eq!(raw.error(SET_ACL, &acl(1)), ErrorCode::BadVersion);
    raw.ok(SET_ACL, &acl(0));
    assert_eq!(raw.error(SET_ACL, &acl(1)), ErrorCode::NoAuth);
    let stat = server.node("/a").unwrap().stat;
    assert_eq!((stat.aversion, stat.version, stat.mzxid), (1, 2, 5));
    raw.ok(DELETE, &versioned("/a", 2));
}

#[test]
fn a_check_that_holds_is_not_answered() {
    let (_server, mut raw) = started();
    raw.ok(CREATE, &create("/a", b"", 0));
    let frame = Body::new().int(50).int(CHECK).text("/a").int(0);
    raw.send(&frame.0);
    // ZooKeeper fails to write that reply, too; the next one is there.
    assert_eq!(raw.events(), []);
}

#[test]
fn permissions() {
    use ErrorCode::{AuthFailed, InvalidAcl, NoAuth};
    let (server, mut anyone) = started();
    let mut owner = Raw::connect(server.address());
    let reply = owner.request(AUTH, &auth("u:p"));
    assert_eq!((reply.zxid, reply.error), (0, None));
    let who = Body::new()
        .int(2)
        .text("ip")
        .text("127.0.0.1")
        .text("digest")
        .text("u");
    assert_eq!(owner.ok(WHO_AM_I, &Body::new()), who.0);

    let with =
        |path: &str, acl: &[(i32, &str, &str)]| Body::new().text(path).null().acl(acl).int(0);
    assert_eq!(
        anyone.error(CREATE, &with("/x", &[(31, "auth", "")])),
        InvalidAcl
    );
    assert_eq!(anyone.error(CREATE, &with("/x", &[])), InvalidAcl);
    assert_eq!(
        anyone.error(CREATE, &with("/x", &[(31, "sasl", "me")])),
        InvalidAcl
    );
    owner.ok(
        CREATE,
        &with("/own", &[(31, "auth", ""), (1, "ip", "127.0.0.0/24")]),
    );
    owner.ok(CREATE, &create("/own/x", b"", 0));
    let acl = &server.node("/own").unwrap().acl;
    assert_eq!(
        (&*acl[0].scheme, acl[0].permissions, acl.len()),
        ("digest", 31, 2)
    );
    let id = acl[0].id.clone();

    // The ip may read, and nothing else.
    anyone.ok(GET_DATA, &path_and_watch("/own", false));
    assert_eq!(anyone.error(SET_DATA, &path("/own").null().int(-1)), NoAuth);
    assert_eq!(anyone.error(CREATE, &create("/own/y", b"", 0)), NoAuth);
    assert_eq!(anyone.error(DELETE, &versioned("/own/x", -1)), NoAuth);
    let open = path("/own").acl(&[(31, "world", "anyone")]).int(-1);
    assert_eq!(anyone.error(SET_ACL, &open), NoAuth);
    // And it is shown no hash.
    let shown = Body::new().acl(&[(31, "digest", "u:x"), (1, "ip", "127.0.0.0/24")]);
    assert!(anyone.ok(GET_ACL, &path("/own")).starts_with(&shown.0));
    let shown = Body::new().acl(&[(31, "digest", &id), (1, "ip", "127.0.0.0/24")]);
    assert!(owner.ok(GET_ACL, &path("/own")).starts_with(&shown.0));

    owner.ok(SET_ACL, &path("/own").acl(&[(31, "auth", "")]).int(-1));
    for opcode in [GET_DATA, GET_CHILDREN] {
        assert_eq!(anyone.error(opcode, &path_and_watch("/own", false)), NoAuth);
    }
    assert_eq!(anyone.error(GET_ACL, &path("/own")), NoAuth);
    assert_eq!(anyone.error(GET_ALL_CHILDREN_NUMBER, &path("/own")), NoAuth);
    // Whether it exists is no secret.
    anyone.ok(EXISTS, &path_and_watch("/own", false));

    let nobody = Body::new().int(0).text("nobody").text("x");
    assert_eq!(anyone.error(AUTH, &nobody), AuthFailed);
    assert_eq!(anyone.receive(), None);
}

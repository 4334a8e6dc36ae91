//! The protocol, byte by byte: what ZooKeeper 3.8 answers, the odd answers included.

use std::io::{Read as _, Write as _};

use zkt::server::{ErrorCode, NodeKind, Server};

use super::raw::{
    Body, CHANGED, CHILDREN, CREATED, DELETED, PING, Raw, create, opcodes, path_and_watch, texts,
};

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const EXISTS: i32 = 3;
const GET_DATA: i32 = 4;
const SET_DATA: i32 = 5;
const GET_ACL: i32 = 6;
const SET_ACL: i32 = 7;
const GET_CHILDREN: i32 = 8;
const SYNC: i32 = 9;
const CHECK: i32 = 13;
const MULTI: i32 = 14;
const CREATE2: i32 = 15;
const RECONFIG: i32 = 16;
const CHECK_WATCHES: i32 = 17;
const REMOVE_WATCHES: i32 = 18;
const CREATE_CONTAINER: i32 = 19;
const DELETE_CONTAINER: i32 = 20;
const CREATE_TTL: i32 = 21;
const MULTI_READ: i32 = 22;
const AUTH: i32 = 100;
const SET_WATCHES: i32 = 101;
const SASL: i32 = 102;
const GET_EPHEMERALS: i32 = 103;
const GET_ALL_CHILDREN_NUMBER: i32 = 104;
const ADD_WATCH: i32 = 106;
const WHO_AM_I: i32 = 107;
const CLOSE_SESSION: i32 = -11;

fn started() -> (Server, Raw) {
    let server = Server::start().unwrap();
    let raw = Raw::connect(server.address());
    (server, raw)
}

fn path(path: &str) -> Body {
    Body::new().text(path)
}

fn versioned(path: &str, version: i32) -> Body {
    self::path(path).int(version)
}

fn auth(credentials: &str) -> Body {
    Body::new().int(0).text("digest").text(credentials)
}

fn event(kind: i32, path: &str) -> (i32, String) {
    (kind, path.to_owned())
}

#[test]
fn a_session_is_negotiated() {
    let server = Server::start().unwrap();
    let raw = Raw::connect(server.address());
    assert_eq!(raw.timeout, 10_000);
    assert_eq!(raw.session >> 56, 1);
    assert_eq!(server.last_zxid(), 1);

    let mut old = Raw::silent(server.address());
    let hello = Body::new().int(0).long(0).int(1).long(0).bytes(&[0; 16]);
    old.write_all(&Body::new().bytes(&hello.0).0).unwrap();
    let mut frame = [0; 40];
    old.read_exact(&mut frame).unwrap();
    // A client of old sends no last byte, and gets none; the timeout is the shortest there is.
    assert_eq!(&frame[..12], b"\0\0\0\x24\0\0\0\0\0\0\x0f\xa0");
}

#[test]
fn a_session_comes_back_with_its_password() {
    let (server, mut first) = started();
    first.ok(CREATE, &create("/e", b"", 1));
    let (session, password) = (first.session, first.password.clone());
    let mut second = Raw::attach(server.address(), session, &password, 0).unwrap();
    assert_eq!(second.session, session);
    assert_eq!(second.password, password);
    // The old connection is closed, the session is one.
    assert_eq!(first.receive(), None);
    assert_eq!(server.sessions().len(), 1);
    let ephemerals = second.ok(GET_EPHEMERALS, &path("/"));
    assert_eq!(texts(&ephemerals), ["/e"]);

    let zxid = server.last_zxid();
    let stranger = Raw::attach(server.address(), session, &[7; 16], 0).unwrap();
    assert_eq!((stranger.session, stranger.timeout), (0, 0));
    assert_eq!(stranger.password, [0; 16]);
    // A wrong password costs the session its connection, not its life.
    assert_eq!(second.receive(), None);
    assert_eq!(server.last_zxid(), zxid);
    assert!(server.sessions()[0].peer.is_none());
    let third = Raw::attach(server.address(), session, &password, zxid).unwrap();
    assert_eq!(third.session, session);
    // Who has seen more than this server must not be served by it.
    assert!(Raw::attach(server.address(), session, &password, zxid + 1).is_none());
}

#[test]
fn closing_a_session_deletes_its_nodes_and_ends_the_connection() {
    let (server, mut one) = started();
    let mut other = Raw::connect(server.address());
    for name in ["/q", "/a", "/b"] {
        one.ok(CREATE, &create(name, b"", 1));
        other.ok(EXISTS, &path_and_watch(name, true));
    }
    other.ok(GET_CHILDREN, &path_and_watch("/", true));
    let reply = one.request(CLOSE_SESSION, &Body::new());
    assert_eq!((reply.xid, reply.error), (4, None));
    assert_eq!(reply.zxid, server.last_zxid());
    assert_eq!(one.receive(), None);
    // In the order of Java's hash table.
    assert_eq!(
        other.events(),
        [
            event(DELETED, "/q"),
            event(CHILDREN, "/"),
            event(DELETED, "/a"),
            event(DELETED, "/b"),
        ]
    );
    assert!(server.ephemerals().is_empty());
    assert_eq!(server.sessions().len(), 1);
    let root = server.node("/").unwrap().stat;
    assert_eq!((root.pzxid, root.num_children), (server.last_zxid(), 1));
}

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
fn transactions_are_all_or_nothing() {
    let (server, mut raw) = started();
    raw.ok(CREATE, &create("/a", b"", 0));
    let mut other = Raw::connect(server.address());
    other.ok(EXISTS, &path_and_watch("/a", true));
    let operation = |body: Body, opcode: i32, operation: Body| {
        let mut body = body.operation(opcode);
        body.0.extend(operation.0);
        body
    };
    let changes = operation(Body::new(), CREATE, create("/a/n-", b"", 2));
    let changes = operation(changes, CREATE, create("/a/n-", b"", 2));
    let changes = operation(changes, SET_DATA, path("/a").text("x").int(0));
    let fails = operation(changes.clone(), DELETE, versioned("/a", 1));
    let fails = operation(fails, CHECK, versioned("/a", 1)).end();
    let reply = raw.request(MULTI, &fails);
    assert_eq!(reply.error, None);
    let results = Body::new()
        .failed(0)
        .failed(0)
        .failed(0)
        .failed(-111)
        .failed(-2);
    assert_eq!(reply.body, results.end().0);
    assert_eq!(other.events(), []);
    assert_eq!(server.node("/a").unwrap().stat.cversion, 0);

    let works = operation(changes, CREATE2, create("/a/c", b"", 0));
    let works = operation(works, CREATE_CONTAINER, create("/a/d", b"", 4));
    let works = operation(works, DELETE, versioned("/a/n-0000000000", 0));
    let works = operation(works, CHECK, versioned("/a", 1)).end();
    let reply = raw.request(MULTI, &works);
    assert_eq!(reply.zxid, server.last_zxid());
    let stat = |path: &str| raw_stat(&server, path);
    let expected = Body::new()
        .int(1)
        .bool(false)
        .int(0)
        .text("/a/n-0000000000")
        .int(1)
        .bool(false)
        .int(0)
        .text("/a/n-0000000001");
    assert!(reply.body.starts_with(&expected.0));
    // `create2` comes back as `create`, without the stat; a container with it.
    let mut end = Body::new()
        .int(1)
        .bool(false)
        .int(0)
        .text("/a/c")
        .int(15)
        .bool(false)
        .int(0)
        .text("/a/d");
    end.0.extend(stat("/a/d"));
    let end = end
        .int(2)
        .bool(false)
        .int(0)
        .int(13)
        .bool(false)
        .int(0)
        .end();
    assert!(reply.body.ends_with(&end.0));
    assert_eq!(other.events(), [event(CHANGED, "/a")]);
    let node = server.node("/a").unwrap().stat;
    assert_eq!(
        (node.pzxid, node.num_children, node.version),
        (reply.zxid, 3, 1)
    );
    assert_eq!(raw.ok(MULTI, &Body::new().end()), Body::new().end().0);
    for bad in [
        Body::new(),
        operation(Body::new(), GET_DATA, path_and_watch("/a", false)).end(),
        operation(Body::new(), SET_ACL, path("/a").acl(&[]).int(0)).end(),
        operation(Body::new(), CREATE, create("/ttl", b"", 5)).end(),
        operation(Body::new(), 99, Body::new()).end(),
    ] {
        assert_eq!(
            raw.error(MULTI, &bad),
            ErrorCode::MarshallingError,
            "{bad:?}"
        );
    }
}

fn raw_stat(server: &Server, path: &str) -> Vec<u8> {
    let stat = server.node(path).unwrap().stat;
    Body::new()
        .long(stat.czxid)
        .long(stat.mzxid)
        .long(stat.ctime)
        .long(stat.mtime)
        .int(stat.version)
        .int(stat.cversion)
        .int(stat.aversion)
        .long(stat.ephemeral_owner)
        .int(stat.data_length)
        .int(stat.num_children)
        .long(stat.pzxid)
        .0
}

#[test]
fn several_reads_in_one() {
    let (server, mut raw) = started();
    raw.ok(CREATE, &create("/a", b"x", 0));
    raw.ok(CREATE, &create("/a/b", b"", 0));
    let read = |body: Body, opcode, path: &str| body.operation(opcode).text(path).bool(false);
    let reads = read(Body::new(), GET_DATA, "/a");
    let reads = read(reads, GET_CHILDREN, "/no");
    let reads = read(reads, GET_CHILDREN, "/a").end();
    let mut expected = Body::new().int(4).bool(false).int(0).text("x");
    expected.0.extend(raw_stat(&server, "/a"));
    let expected = expected
        .failed(-101)
        .int(8)
        .bool(false)
        .int(0)
        .int(1)
        .text("b")
        .end();
    assert_eq!(raw.ok(MULTI_READ, &reads), expected.0);
    // What fails to be read ends the rest, and what was read comes with the error.
    let broken = read(Body::new(), GET_CHILDREN, "/a")
        .operation(GET_DATA)
        .null()
        .bool(false);
    let reply = raw.request(MULTI_READ, &read(broken, GET_CHILDREN, "/a").end());
    assert_eq!(reply.error, Some(ErrorCode::MarshallingError));
    let first = Body::new().int(8).bool(false).int(0).int(1).text("b");
    assert_eq!(reply.body, first.end().0);
    let write = Body::new().operation(DELETE).text("/a/b").int(0).end();
    assert_eq!(raw.error(MULTI_READ, &write), ErrorCode::MarshallingError);
    assert!(server.node("/a/b").is_some());
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

#[test]
fn one_shot_watches() {
    let (server, mut raw) = started();
    let mut watcher = Raw::connect(server.address());
    assert_eq!(
        watcher.error(EXISTS, &path_and_watch("/a", true)),
        ErrorCode::NoNode
    );
    assert_eq!(
        watcher.error(GET_DATA, &path_and_watch("/b", true)),
        ErrorCode::NoNode
    );
    watcher.ok(GET_CHILDREN, &path_and_watch("/", true));
    raw.ok(CREATE, &create("/a", b"", 0));
    raw.ok(CREATE, &create("/b", b"", 0));
    assert_eq!(
        watcher.events(),
        [event(CREATED, "/a"), event(CHILDREN, "/")]
    );

    watcher.ok(GET_DATA, &path_and_watch("/a", true));
    watcher.ok(GET_CHILDREN, &path_and_watch("/a", true));
    raw.ok(SET_DATA, &path("/a").null().int(-1));
    raw.ok(SET_DATA, &path("/a").null().int(-1));
    assert_eq!(watcher.events(), [event(CHANGED, "/a")]);
    watcher.ok(EXISTS, &path_and_watch("/a", true));
    raw.ok(DELETE, &versioned("/a", -1));
    // Both its watches fire, but it hears of the deletion once.
    assert_eq!(watcher.events(), [event(DELETED, "/a")]);
}

#[test]
fn one_hears_of_its_own_change_before_the_reply() {
    let (_server, mut raw) = started();
    raw.ok(GET_CHILDREN, &path_and_watch("/", true));
    let reply = raw.request(CREATE, &create("/a", b"", 0));
    assert_eq!(reply.events, [event(CHILDREN, "/")]);
}

#[test]
fn persistent_watches() {
    let (server, mut raw) = started();
    raw.ok(CREATE, &create("/a", b"", 0));
    let (mut one, mut all) = (
        Raw::connect(server.address()),
        Raw::connect(server.address()),
    );
    assert_eq!(one.ok(ADD_WATCH, &path("/a").int(0)), [0; 4]);
    all.ok(ADD_WATCH, &path("/a").int(1));
    assert_eq!(
        all.error(ADD_WATCH, &path("/a").int(2)),
        ErrorCode::MarshallingError
    );
    for _ in 0..2 {
        raw.ok(CREATE, &create("/a/b", b"", 0));
        raw.ok(SET_DATA, &path("/a/b").null().int(-1));
        raw.ok(SET_DATA, &path("/a").null().int(-1));
        raw.ok(DELETE, &versioned("/a/b", -1));
        assert_eq!(
            one.events(),
            [
                event(CHILDREN, "/a"),
                event(CHANGED, "/a"),
                event(CHILDREN, "/a")
            ]
        );
        assert_eq!(
            all.events(),
            [
                event(CREATED, "/a/b"),
                event(CHANGED, "/a/b"),
                event(CHANGED, "/a"),
                event(DELETED, "/a/b")
            ]
        );
    }
    let any = |path: &str| self::path(path).int(3);
    one.ok(CHECK_WATCHES, &any("/a"));
    assert_eq!(one.error(CHECK_WATCHES, &any("/b")), ErrorCode::NoWatcher);
    one.ok(REMOVE_WATCHES, &any("/a"));
    assert_eq!(one.error(REMOVE_WATCHES, &any("/a")), ErrorCode::NoWatcher);
    assert_eq!(
        one.error(REMOVE_WATCHES, &path("/a").int(9)),
        ErrorCode::MarshallingError
    );
    raw.ok(DELETE, &versioned("/a", -1));
    assert_eq!(one.events(), []);
    assert_eq!(all.events(), [event(DELETED, "/a")]);
}

#[test]
fn no_event_tells_of_what_may_not_be_read() {
    let (server, mut owner) = started();
    owner.ok(AUTH, &auth("u:p"));
    let mut watcher = Raw::connect(server.address());
    watcher.ok(ADD_WATCH, &path("/").int(1));
    let own = Body::new()
        .text("/own")
        .null()
        .acl(&[(31, "auth", "")])
        .int(0);
    owner.ok(CREATE, &own);
    owner.ok(CREATE, &create("/own/open", b"", 0));
    owner.ok(SET_DATA, &path("/own").null().int(-1));
    owner.ok(DELETE, &versioned("/own/open", -1));
    owner.ok(DELETE, &versioned("/own", -1));
    let open = [event(CREATED, "/own/open"), event(DELETED, "/own/open")];
    assert_eq!(watcher.events(), open);
}

#[test]
fn watches_are_set_again_by_what_was_seen() {
    let (server, mut raw) = started();
    for name in ["/old", "/new", "/parent"] {
        raw.ok(CREATE, &create(name, b"", 0));
    }
    let seen = server.last_zxid();
    raw.ok(SET_DATA, &path("/new").null().int(-1));
    raw.ok(CREATE, &create("/parent/x", b"", 0));
    let paths = |body: Body, paths: &[&str]| {
        let body = body.int(i32::try_from(paths.len()).unwrap());
        paths.iter().fold(body, |body, path| body.text(path))
    };
    let data = paths(Body::new().long(seen), &["/old", "/new", "/gone"]);
    let exists = paths(data, &["/old", "/never"]);
    let mut back = Raw::connect(server.address());
    let reply = back.request(SET_WATCHES, &paths(exists, &["/old", "/parent", "/gone"]));
    assert_eq!((reply.error, reply.body), (None, vec![]));
    assert_eq!(
        reply.events,
        [
            event(CHANGED, "/new"),
            event(DELETED, "/gone"),
            event(CREATED, "/old"),
            event(CHILDREN, "/parent"),
            event(DELETED, "/gone"),
        ]
    );
    raw.ok(CREATE, &create("/never", b"", 0));
    raw.ok(CREATE, &create("/old/x", b"", 0));
    raw.ok(SET_DATA, &path("/old").null().int(-1));
    raw.ok(SET_DATA, &path("/new").null().int(-1));
    assert_eq!(
        back.events(),
        [
            event(CREATED, "/never"),
            event(CHILDREN, "/old"),
            event(CHANGED, "/old")
        ]
    );
    let null = Body::new().long(0).null().null().null();
    assert_eq!(back.error(SET_WATCHES, &null), ErrorCode::MarshallingError);
}

#[test]
fn what_the_server_does_not_know_ends_the_connection() {
    let (server, _raw) = started();
    let known = opcodes();
    for opcode in -20..120 {
        if known.contains(&opcode) {
            continue;
        }
        let mut raw = Raw::connect(server.address());
        let reply = raw.request(opcode, &Body::new());
        assert_eq!((reply.xid, reply.zxid), (1, -1));
        assert_eq!(reply.error, Some(ErrorCode::Unimplemented), "{opcode}");
        assert_eq!(raw.receive(), None);
    }
    let mut raw = Raw::connect(server.address());
    let reply = raw.request(SASL, &Body::new().text("token"));
    assert_eq!((reply.error, reply.body), (None, Body::new().null().0));
}

#[test]
fn four_letter_words() {
    let (server, mut raw) = started();
    raw.ok(CREATE, &create("/a", b"abc", 1));
    let ask = |word: &str| {
        let mut stream = Raw::silent(server.address());
        stream.write_all(word.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert_eq!(ask("ruok"), "imok");
    assert_eq!(ask("ruok\n"), "imok");
    assert_eq!(ask("isro"), "rw");
    let server_text = ask("srvr");
    for line in ["Mode: standalone", "Zxid: 0x2", "Node count: 6"] {
        assert!(server_text.lines().any(|l| l == line), "{server_text}");
    }
    let monitor = ask("mntr");
    for line in [
        "zk_ephemerals_count\t1",
        "zk_global_sessions\t1",
        "zk_znode_count\t6",
    ] {
        assert!(monitor.lines().any(|l| l == line), "{monitor}");
    }
    assert!(ask("cons").contains(&format!("sid=0x{:x}", raw.session)));
    // In the middle of a connection, they are lengths of frames, and too large.
    raw.send_raw(b"ruok");
    assert_eq!(raw.receive(), None);
}

//! Several operations in one request.

use zkt::server::{ErrorCode, Server};

use crate::embedded::raw::{Body, CHANGED, Raw, create, path_and_watch};

use super::{
    CHECK, CREATE, CREATE_CONTAINER, CREATE2, DELETE, EXISTS, GET_CHILDREN, GET_DATA, MULTI,
    MULTI_READ, SET_ACL, SET_DATA, event, path, started, versioned,
};

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

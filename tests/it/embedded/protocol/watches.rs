//! Watches and their events.

use zkt::server::ErrorCode;

use crate::embedded::raw::{
    Body, CHANGED, CHILDREN, CREATED, DELETED, Raw, create, path_and_watch,
};

use super::{
    ADD_WATCH, AUTH, CHECK_WATCHES, CREATE, DELETE, EXISTS, GET_CHILDREN, GET_DATA, REMOVE_WATCHES,
    SET_DATA, SET_WATCHES, auth, event, path, started, versioned,
};

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
fn no_event_shows_what_may_not_be_read() {
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

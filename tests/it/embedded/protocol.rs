//! The protocol, byte by byte: what ZooKeeper 3.8 answers, the odd answers included.

mod keeper;
mod multi;
mod nodes;
mod sessions;
mod watches;

use std::io::{Read as _, Write as _};

use zkt::server::Server;

use super::raw::{Body, Raw, create};

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

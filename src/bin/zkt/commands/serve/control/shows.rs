//! Sessions and nodes in JSON.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use zkt::server::{Acl, NodeKind, NodeView, SessionView, permission};

/// A session's number as ZooKeeper's logs write it: programs that read all numbers as floats would lose its
/// last digits.
pub(super) fn id(session: i64) -> String {
    format!("0x{session:x}")
}

pub(super) fn session(view: &SessionView) -> Value {
    let identities = view.identities.iter();
    let identities: Vec<String> = identities
        .map(|(scheme, id)| format!("{scheme}:{id}"))
        .collect();
    json!({
        "id": id(view.id),
        "timeout_ms": view.timeout,
        "peer": view.peer.map(|peer| peer.to_string()),
        "identities": identities,
        "ephemerals": view.ephemerals,
    })
}

pub(super) fn node(view: &NodeView) -> Value {
    let stat = &view.stat;
    let mut shown = json!({
        "path": view.path,
        "kind": match view.kind {
            NodeKind::Persistent => "persistent",
            NodeKind::Ephemeral(_) => "ephemeral",
            NodeKind::Container => "container",
            NodeKind::Ttl(_) => "ttl",
        },
        "acl": view.acl.iter().map(acl).collect::<Vec<_>>(),
        "version": stat.version,
        "cversion": stat.cversion,
        "aversion": stat.aversion,
        "czxid": stat.czxid,
        "mzxid": stat.mzxid,
        "pzxid": stat.pzxid,
        "ctime": stat.ctime,
        "mtime": stat.mtime,
        "children": stat.num_children,
    });
    match std::str::from_utf8(&view.data) {
        Ok(text) => shown["data"] = text.into(),
        Err(_) => shown["data_base64"] = BASE64_STANDARD.encode(&view.data).into(),
    }
    match view.kind {
        NodeKind::Ephemeral(session) => shown["session"] = id(session).into(),
        NodeKind::Ttl(ttl) => shown["ttl_ms"] = ttl.into(),
        NodeKind::Persistent | NodeKind::Container => {}
    }
    shown
}

/// As trees are written: `world:anyone:cdrwa`.
fn acl(acl: &Acl) -> String {
    let letters = [
        (permission::CREATE, 'c'),
        (permission::DELETE, 'd'),
        (permission::READ, 'r'),
        (permission::WRITE, 'w'),
        (permission::ADMIN, 'a'),
    ];
    let letters = letters
        .into_iter()
        .filter(|(bit, _)| acl.permissions & bit != 0);
    let letters: String = letters.map(|(_, letter)| letter).collect();
    format!("{}:{}:{letters}", acl.scheme, acl.id)
}

//! What the server sends: headers, stats, lists, events.

use super::acl::Acl;
use super::code::ErrorCode;
use super::node::Stat;
use super::watches::NodeEvent;
use super::wire::{Write as _, put_frame};

/// The transaction number in replies that have none.
pub(crate) const NO_ZXID: i64 = -1;

/// `KeeperState.SyncConnected`.
const CONNECTED: i32 = 3;

pub(crate) fn put_reply(
    out: &mut Vec<u8>,
    xid: i32,
    zxid: i64,
    error: Option<ErrorCode>,
    body: &[u8],
) {
    put_frame(out, |frame| {
        frame.put_int(xid);
        frame.put_long(zxid);
        frame.put_int(error.map_or(0, ErrorCode::number));
        frame.extend_from_slice(body);
    });
}

pub(crate) fn put_event(out: &mut Vec<u8>, event: NodeEvent, path: &str) {
    put_frame(out, |frame| {
        frame.put_int(-1);
        frame.put_long(NO_ZXID);
        frame.put_int(0);
        frame.put_int(event as i32);
        frame.put_int(CONNECTED);
        frame.put_text(path);
    });
}

/// The answer to the first packet of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connected<'a> {
    /// 0 where there is no such session.
    pub(crate) timeout: i32,
    pub(crate) session: i64,
    pub(crate) password: &'a [u8],
    /// Whether the client reads the last byte.
    pub(crate) knows_read_only: bool,
    pub(crate) is_read_only: bool,
}

pub(crate) fn put_connected(out: &mut Vec<u8>, connected: Connected<'_>) {
    put_frame(out, |frame| {
        frame.put_int(0);
        frame.put_int(connected.timeout);
        frame.put_long(connected.session);
        frame.put_buffer(Some(connected.password));
        if connected.knows_read_only {
            frame.put_bool(connected.is_read_only);
        }
    });
}

pub(crate) fn put_stat(out: &mut Vec<u8>, stat: &Stat) {
    out.put_long(stat.czxid);
    out.put_long(stat.mzxid);
    out.put_long(stat.ctime);
    out.put_long(stat.mtime);
    out.put_int(stat.version);
    out.put_int(stat.cversion);
    out.put_int(stat.aversion);
    out.put_long(stat.ephemeral_owner);
    out.put_int(stat.data_length);
    out.put_int(stat.num_children);
    out.put_long(stat.pzxid);
}

pub(crate) fn put_acl(out: &mut Vec<u8>, list: &[Acl]) {
    out.put_count(list.len());
    for acl in list {
        out.put_int(acl.permissions);
        out.put_text(&acl.scheme);
        out.put_text(&acl.id);
    }
}

pub(crate) fn put_texts<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    let start = out.len();
    out.put_int(0);
    let mut count = 0;
    for text in texts {
        out.put_text(text);
        count += 1;
    }
    out[start..start + 4].copy_from_slice(&i32::to_be_bytes(count));
}

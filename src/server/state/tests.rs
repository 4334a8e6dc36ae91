//! Changes, who gets events of them, and the ends of connections and sessions.

use super::super::caller::Caller;
use super::super::node::{NewNode, NodeKind};
use super::super::watches::Mode;
use super::super::wire::Write as _;
use super::*;

fn state() -> State {
    State::new(100, (200, 2000))
}

fn connected(state: &mut State) -> ConnectionId {
    state.connect("127.0.0.1:9".parse().unwrap(), Arc::default())
}

fn with_session(state: &mut State) -> (ConnectionId, i64) {
    let id = connected(state);
    let session = state.sessions.create(200, id, 0);
    state.connections.get_mut(&id).unwrap().session = Some(session);
    (id, session)
}

fn outbox(state: &mut State, id: ConnectionId) -> usize {
    state.connections.get_mut(&id).unwrap().outbox.len()
}

fn event_length(path: &str) -> usize {
    let mut out = Vec::new();
    reply::put_event(&mut out, NodeEvent::Created, path);
    out.len()
}

#[test]
fn nodes_can_be_planted_wherever_their_parents_are() {
    let mut state = state();
    let closed = [Acl::new(0, "world", "anyone")];
    state.plant("/a", b"1", &closed).unwrap();
    state.plant("/a/b", b"2", &[Acl::open()]).unwrap();
    assert_eq!(state.plant("/x/y", b"", &closed), Err(ErrorCode::NoNode));
    assert_eq!(state.plant("/a", b"", &closed), Err(ErrorCode::NodeExists));
    assert_eq!(state.tree.get("/a/b").unwrap().czxid, 2);
    assert_eq!(state.zxids.processed, 2);
}

#[test]
fn a_deleted_node_with_two_watches_of_a_session_is_reported_once() {
    let mut state = state();
    state.plant("/a", b"", &[Acl::open()]).unwrap();
    let (both, one) = (connected(&mut state), connected(&mut state));
    state.watches.data.add("/a", both, Mode::OneShot);
    state.watches.children.add("/a", both, Mode::OneShot);
    state.watches.children.add("/a", one, Mode::OneShot);
    let moment = state.next_moment();
    let path = "/a".to_owned();
    state.apply(Change::Delete { path }, moment);
    assert_eq!(outbox(&mut state, both), event_length("/a"));
    assert_eq!(outbox(&mut state, one), event_length("/a"));
    assert_eq!(state.watches.len(), 0);
}

#[test]
fn the_end_of_a_session_is_one_transaction() {
    let mut state = state();
    let (id, session) = with_session(&mut state);
    let watcher = connected(&mut state);
    state
        .watches
        .add_persistent("/", watcher, Mode::PersistentRecursive);
    for path in ["/a", "/b"] {
        let moment = state.next_moment();
        let node = NewNode {
            data: None,
            acl: state.tree.open_acl().clone(),
            kind: NodeKind::Ephemeral(session),
            parent_cversion: -1,
        };
        let path = path.to_owned();
        state.apply(Change::Create { path, node }, moment);
    }
    let before = (state.zxids.processed, outbox(&mut state, watcher));
    assert!(state.expire_session(session));
    assert_eq!(state.zxids.processed, before.0 + 1);
    assert_eq!(
        outbox(&mut state, watcher),
        before.1 + 2 * event_length("/a")
    );
    assert_eq!(state.tree.ephemeral_count(), 0);
    assert!(!state.connections.contains_key(&id));
    assert!(!state.expire_session(session));
}

#[test]
fn a_connection_takes_its_watches_along_and_leaves_its_session() {
    let mut state = state();
    let (id, session) = with_session(&mut state);
    state.watches.data.add("/", id, Mode::OneShot);
    state.disconnect(id);
    state.disconnect(id);
    assert_eq!(state.watches.len(), 0);
    assert_eq!(state.sessions.get(session).unwrap().connection, None);
}

#[test]
fn who_does_not_read_its_events_is_cut_off() {
    let mut state = state();
    let path = format!("/{}", "x".repeat(1 << 19));
    state.plant(&path, b"", &[Acl::open()]).unwrap();
    let (lazy, _) = with_session(&mut state);
    state
        .watches
        .add_persistent("/", lazy, Mode::PersistentRecursive);
    let events = LONGEST_OUTBOX / path.len() + 1;
    for _ in 0..events {
        assert!(state.connections.contains_key(&lazy));
        let moment = state.next_moment();
        let change = Change::SetData {
            path: path.clone(),
            data: None,
            version: 0,
        };
        state.apply(change, moment);
    }
    assert!(!state.connections.contains_key(&lazy));
    assert_eq!(state.sessions.len(), 1);
}

#[test]
fn who_reads_too_much_at_once_is_cut_off() {
    let mut state = state();
    state.plant("/a", &[7; 1000], &[Acl::open()]).unwrap();
    let (id, session) = with_session(&mut state);
    let caller = Caller {
        connection: id,
        session,
    };
    let read = |state: &mut State, count: usize| {
        let mut frame = Vec::new();
        frame.put_int(1);
        frame.put_int(22);
        for _ in 0..count {
            frame.put_int(4);
            frame.put_bool(false);
            frame.put_int(-1);
            frame.put_text("/a");
            frame.put_bool(false);
        }
        frame.put_int(-1);
        frame.put_bool(true);
        frame.put_int(-1);
        state.receive(caller, &frame, &mut Vec::new()).unwrap();
        let connection = &state.connections[&id];
        (connection.outbox.len(), connection.outbox.closing)
    };
    let (reply, closing) = read(&mut state, 100);
    assert!(reply > 100_000 && !closing);
    assert_eq!(read(&mut state, 10_000), (reply, true));
}

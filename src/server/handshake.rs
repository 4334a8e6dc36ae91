//! The first packet of a connection: opens a session or resumes one.

use super::caller::Caller;
use super::dialect::Difference;
use super::faults::{Fault, Subject};
use super::reply::{Connected, put_connected};
use super::request::{Connect, RequestKind};
use super::sessions::PASSWORD_BYTES;
use super::state::State;
use super::watches::ConnectionId;
use super::wire::Malformed;

/// Gives a connection its session.
///
/// # Errors
///
/// The connection is to be closed without an answer.
pub(crate) fn shake_hands(
    state: &mut State,
    id: ConnectionId,
    frame: &[u8],
) -> Result<(), Malformed> {
    let connect = Connect::read(frame)?;
    let kind = RequestKind::CreateSession;
    state.counts.count(kind);
    let fault = state.faults.strike(&Subject {
        kind,
        session: connect.session,
        paths: &[],
    });
    if fault == Some(Fault::LoseRequest) {
        return Err(Malformed);
    }
    let resumes = !state.dialect.has(Difference::NoResumption);
    if resumes && connect.last_zxid_seen > state.zxids.processed {
        // The client comes from another server.
        tracing::info!(
            "client refused: it has seen transaction 0x{:x}, the last one here is 0x{:x}",
            connect.last_zxid_seen,
            state.zxids.processed
        );
        return Err(Malformed);
    }
    let timeout = state.sessions.negotiate(connect.timeout);
    let session = match fault {
        Some(Fault::Answer(_)) => None,
        _ => open_or_resume(state, id, &connect, timeout),
    };
    let Some(connection) = state.connections.get_mut(&id) else {
        return Ok(());
    };
    connection.timeout = timeout;
    // ClickHouse Keeper sends no last byte.
    connection.knows_read_only = connect.read_only.is_some() && resumes;
    // Without a session, further packets are ignored, as after the end of one.
    connection.session = Some(session.unwrap_or(connect.session));
    if fault == Some(Fault::LoseReply) {
        return Err(Malformed);
    }
    match session {
        Some(session) => {
            if connect.session != 0 {
                tracing::info!("session 0x{session:x} is back, timeout {timeout} ms");
            }
            let caller = Caller {
                connection: id,
                session,
            };
            greet(state, caller);
        }
        None => dismiss(state, id, &connect),
    }
    Ok(())
}

/// Returns the session that the connection gets, or `None` if it asks for one that is expired,
/// unknown, or has another password.
fn open_or_resume(
    state: &mut State,
    id: ConnectionId,
    connect: &Connect<'_>,
    timeout: i32,
) -> Option<i64> {
    let now = state.uptime();
    if connect.session == 0 || state.dialect.has(Difference::NoResumption) {
        state.next_moment();
        let session = state.sessions.create(timeout, id, now);
        tracing::info!("session 0x{session:x} established, timeout {timeout} ms");
        return Some(session);
    }
    // ZooKeeper ends the old connection before it looks at the password.
    let old = state.sessions.get(connect.session);
    if let Some(old) = old.and_then(|session| session.connection) {
        state.disconnect(old);
    }
    let (session, password) = (connect.session, connect.password);
    let is_attached = state.sessions.attach(session, password, timeout, id, now);
    is_attached.then_some(session)
}

/// Answers that there is no such session, and closes the connection.
fn dismiss(state: &mut State, id: ConnectionId, connect: &Connect<'_>) {
    tracing::info!("session 0x{:x} is not known, or expired", connect.session);
    state.send(id, |out| {
        put_connected(
            out,
            Connected {
                timeout: 0,
                session: 0,
                password: &[0; PASSWORD_BYTES],
                knows_read_only: connect.read_only.is_some(),
                is_read_only: false,
            },
        );
    });
    state.close_after_sending(id);
}

/// Sends a client the number of its session.
pub(crate) fn greet(state: &mut State, caller: Caller) {
    let Some(connection) = state.connections.get(&caller.connection) else {
        return;
    };
    let (timeout, knows_read_only) = (connection.timeout, connection.knows_read_only);
    let password = state.sessions.password(caller.session);
    let is_read_only = state.faults.is_read_only;
    state.send(caller.connection, |out| {
        put_connected(
            out,
            Connected {
                timeout,
                session: caller.session,
                password: &password,
                knows_read_only,
                is_read_only,
            },
        );
    });
}

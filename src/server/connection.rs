//! One client's connection: bytes in, frames to the state, bytes out.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::caller::Caller;
use super::handshake::shake_hands;
use super::outbox::Due;
use super::state::State;
use super::stream::Stream;
use super::watches::ConnectionId;
use super::wire::{Frame, Malformed, next_frame};
use super::words;

/// The state that all connections and the handle share. Never await while holding the lock.
pub(crate) type Shared = Arc<Mutex<State>>;

/// A panic under the lock is a bug, but it must not stop the other connections.
pub(crate) fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a client may take to send its first packet.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a client may read nothing. Its session expires meanwhile, as nothing
/// more is read from it; this limit is for connections without a session.
const LONGEST_STALL: Duration = Duration::from_secs(60);

/// Requests wait while so many bytes of replies are unsent.
const ENOUGH: usize = 1 << 20;

/// How many bytes are read at once.
const CHUNK: usize = 32 << 10;

/// Buffers that have grown larger are not kept.
const LARGEST_KEPT: usize = 256 << 10;

/// Serves one client until it leaves or is cut off.
pub(crate) async fn serve(mut stream: Stream, shared: Shared) {
    let Ok(peer) = stream.peer() else {
        return;
    };
    let wake = Arc::new(Notify::new());
    let id = lock(&shared).connect(peer, Arc::clone(&wake));
    let registration = Registration { shared, id };
    if converse(&mut stream, &registration, &wake).await {
        stream.shut_down().await;
    }
}

/// Removes the connection from the state, however its task ends.
struct Registration {
    shared: Shared,
    id: ConnectionId,
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.shared).disconnect(self.id);
    }
}

#[derive(Debug, Default)]
struct Buffers {
    input: Vec<u8>,
    output: Vec<u8>,
    scratch: Vec<u8>,
}

/// Whether everything has been sent, so that the connection can be closed.
async fn converse(stream: &mut Stream, registration: &Registration, wake: &Notify) -> bool {
    let Registration { shared, id } = registration;
    let mut patience = tokio::time::Instant::now() + PATIENCE;
    let mut buffers = Buffers::default();
    loop {
        let turn = take_turn(&mut lock(shared), *id, &mut buffers);
        if !buffers.output.is_empty() {
            if !send(stream, &buffers.output, registration, wake).await {
                return false;
            }
            buffers.output.clear();
            continue;
        }
        let (until, may_read) = match turn {
            Turn::Gone => return false,
            Turn::Closing => return true,
            Turn::Paused => {
                patience = tokio::time::Instant::now() + PATIENCE;
                (None, false)
            }
            Turn::Strangers if patience <= tokio::time::Instant::now() => return false,
            Turn::Strangers => (Some(patience), true),
            Turn::Wait { until, may_read } => (until.map(tokio::time::Instant::from), may_read),
        };
        if may_read {
            match receive(stream, &mut buffers.input) {
                Received::Bytes => {
                    // A client that sends without pause must not starve the others.
                    tokio::task::yield_now().await;
                    continue;
                }
                Received::Nothing => {}
                Received::End => return false,
            }
        }
        buffers.release();
        tokio::select! {
            () = wake.notified() => {}
            ready = stream.readable(), if may_read => {
                if ready.is_err() {
                    return false;
                }
            }
            () = sleep_until(until), if until.is_some() => {}
        }
    }
}

async fn sleep_until(until: Option<tokio::time::Instant>) {
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
}

enum Received {
    Bytes,
    Nothing,
    End,
}

fn receive(stream: &mut Stream, input: &mut Vec<u8>) -> Received {
    let missing = match next_frame(input) {
        Frame::Part(missing) => missing,
        _ => 0,
    };
    input.reserve(missing.max(CHUNK));
    match stream.try_read(input) {
        Ok(0) => Received::End,
        Ok(_) => Received::Bytes,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
        Err(_) => Received::End,
    }
}

/// `false` if the connection has ended.
async fn send(
    stream: &mut Stream,
    mut bytes: &[u8],
    registration: &Registration,
    wake: &Notify,
) -> bool {
    while !bytes.is_empty() || stream.is_holding() {
        match stream.try_write(bytes) {
            Ok(0) if !bytes.is_empty() => return false,
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::select! {
                    ready = stream.writable() => {
                        if ready.is_err() {
                            return false;
                        }
                    }
                    () = tokio::time::sleep(LONGEST_STALL) => return false,
                    () = wake.notified() => {
                        // More to send, which the next turn finds, or the connection has ended.
                        let state = lock(&registration.shared);
                        if !state.connections.contains_key(&registration.id) {
                            return false;
                        }
                    }
                }
            }
            Err(_) => return false,
        }
    }
    true
}

impl Buffers {
    /// Idle connections hold little memory: there may be many.
    fn release(&mut self) {
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        for buffer in [&mut self.output, &mut self.scratch] {
            if buffer.capacity() > LARGEST_KEPT {
                *buffer = Vec::new();
            }
        }
    }
}

/// What the connection does after a turn.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// The connection was cut off.
    Gone,
    /// Nothing more will be sent or read.
    Closing,
    /// The server stands still.
    Paused,
    /// The client has not yet said who it is.
    Strangers,
    /// Nothing to do until more is read, or until this time.
    Wait {
        until: Option<Instant>,
        may_read: bool,
    },
}

/// Executes the requests that the input holds, and takes what is to be sent into the output.
fn take_turn(state: &mut State, id: ConnectionId, buffers: &mut Buffers) -> Turn {
    let Buffers {
        input,
        output,
        scratch,
    } = buffers;
    if state.faults.is_paused && state.connections.contains_key(&id) {
        return Turn::Paused;
    }
    state.current = Some(id);
    let mut used = 0;
    while let Some(connection) = state.connections.get(&id) {
        if connection.outbox.closing || connection.outbox.len() >= ENOUGH {
            break;
        }
        let rest = &input[used..];
        if connection.session.is_none() && words::answer(state, id, rest) {
            break;
        }
        match next_frame(rest) {
            Frame::Whole(frame) => {
                used += 4 + frame.len();
                if execute(state, id, frame, scratch).is_err() {
                    state.close_after_sending(id);
                }
            }
            Frame::Part(_) => break,
            Frame::Oversized(length) => {
                tracing::warn!("a client sent a frame of {length} bytes: its connection is closed");
                state.close_after_sending(id);
            }
        }
    }
    state.current = None;
    input.drain(..used);
    let Some(connection) = state.connections.get_mut(&id) else {
        return Turn::Gone;
    };
    let due = connection.outbox.take(Instant::now(), output);
    let waiting = connection.outbox.len();
    match due {
        Due::Now if waiting == 0 && connection.outbox.closing => Turn::Closing,
        Due::Now if connection.session.is_none() => Turn::Strangers,
        Due::Now => Turn::Wait {
            until: None,
            may_read: true,
        },
        Due::At(until) => Turn::Wait {
            until: Some(until),
            may_read: waiting < ENOUGH && !connection.outbox.closing,
        },
    }
}

fn execute(
    state: &mut State,
    id: ConnectionId,
    frame: &[u8],
    scratch: &mut Vec<u8>,
) -> Result<(), Malformed> {
    state.counts.received += 1;
    let Some(connection) = state.connections.get_mut(&id) else {
        return Ok(());
    };
    connection.received += 1;
    let session = connection.session;
    match session {
        None if state.turns_away(frame) => {
            tracing::info!("client refused: it writes, too, and the server is read-only");
            Err(Malformed)
        }
        None => shake_hands(state, id, frame),
        Some(session) => {
            let caller = Caller {
                connection: id,
                session,
            };
            state.receive(caller, frame, scratch)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn pair() -> (TcpStream, Stream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        (client.unwrap(), Stream::plain(accepted.unwrap().0))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_says_who_it_is_is_cut_off() {
        let shared: Shared = Arc::new(Mutex::new(State::new(2000, (4000, 40_000))));
        let (client, server) = pair().await;
        client.try_write(b"\0\0\0").unwrap();
        let start = tokio::time::Instant::now();
        serve(server, Arc::clone(&shared)).await;
        assert!(start.elapsed() >= PATIENCE);
        assert!(lock(&shared).connections.is_empty());
    }

    #[tokio::test]
    async fn a_connection_that_is_cut_ends() {
        let shared: Shared = Arc::new(Mutex::new(State::new(2000, (4000, 40_000))));
        let (_client, server) = pair().await;
        let task = tokio::spawn(serve(server, Arc::clone(&shared)));
        while lock(&shared).connections.is_empty() {
            tokio::task::yield_now().await;
        }
        lock(&shared).disconnect(1);
        task.await.unwrap();
    }
}

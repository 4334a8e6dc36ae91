//! A TCP relay in front of a server, for tests of what goes wrong in between.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the relay does with what passes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes everything on.
    Forward,
    /// Passes everything on after this pause.
    Delay(Duration),
    /// Holds everything back, in both directions.
    Stall,
    /// Passes requests on and swallows the replies.
    Swallow,
    /// Closes the connection on the next request, which does not get through; then forwards.
    CutBeforeRequest,
    /// Passes the next request on, and closes the connection when its reply comes; then forwards.
    CutBeforeReply,
    /// As [`Mode::CutBeforeReply`], and then refuses every connection.
    CutBeforeReplyForGood,
    /// Passes the next request to write one node on, and closes the connection when its reply
    /// comes; then refuses every connection.
    CutBeforeSetReplyForGood,
    /// Passes so many more bytes on this way, and closes the connection; then does as it was told
    /// by [`Relay::then`].
    CutAfter(Way, usize),
    /// Swallows what comes next in reply, and then forwards.
    SwallowOnce,
    /// Passes so many more frames on this way, pings not counted, and swallows the one after; then
    /// forwards.
    SwallowFrame(Way, usize),
    /// Passes so many more frames on this way, swallows so many after them, and closes the connection;
    /// then forwards.
    LoseFrames(Way, usize, usize),
    /// Passes so many more replies on, and only the header of the one after; then forwards.
    ShortenReply(usize),
    /// Answers connect requests, credentials and pings, and swallows all other replies.
    Mute,
    /// Closes every new connection at once.
    Refuse,
    /// Holds the next batch of writes back until the mode changes; see [`Relay::holds_a_write`].
    HoldWrite,
    /// Passes so many batches of writes on, and holds the next one back as [`Mode::HoldWrite`] does.
    HoldWriteAfter(usize),
    /// Passes so many batches of writes on, and swallows all others; see [`Relay::swallows_writes`].
    SwallowWritesAfter(usize),
    /// Holds deletions outside of batches back, as [`Mode::HoldWrite`] does batches.
    HoldDelete,
    /// Passes the next batch of writes on, and closes the connection when its reply comes; then
    /// forwards.
    CutBeforeWriteReply,
}

/// The relay; it ends when it is dropped.
pub(crate) struct Relay {
    port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    mode: Mutex<Mode>,
    /// What comes after a cut.
    then: Mutex<Option<Mode>>,
    /// Counts the cuts: a connection that was made before the last one is closed.
    cuts: watch::Sender<u64>,
    /// Counts the batches of writes that were held back.
    held: watch::Sender<u64>,
    /// What has come since [`Relay::record`].
    recorded: Mutex<Option<Vec<Frame>>>,
}

/// A request or a reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) way: Way,
    /// Shared by a request and its reply.
    pub(crate) number: i32,
    /// Of a request.
    pub(crate) kind: Option<i32>,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Request,
    Reply,
}

impl Relay {
    /// Relays to a port on this machine.
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            mode: Mutex::new(Mode::Forward),
            then: Mutex::new(None),
            cuts: watch::Sender::new(0),
            held: watch::Sender::new(0),
            recorded: Mutex::new(None),
        });
        let shared = state.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if shared.mode() == Mode::Refuse {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else {
                    continue;
                };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                tokio::spawn(relay(shared.clone(), client, server));
            }
        });
        Self {
            port,
            state,
            accepting,
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on.
    pub(crate) fn set(&self, mode: Mode) {
        self.state.set(mode);
    }

    /// What to do after [`Mode::CutAfter`], once; otherwise it forwards.
    pub(crate) fn then(&self, mode: Mode) {
        *self.state.then.lock().unwrap() = Some(mode);
    }

    /// Waits until the mode is [`Mode::Refuse`], as [`Relay::then`] may have it after a cut.
    pub(crate) async fn refuses(&self) {
        while self.state.mode() != Mode::Refuse {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Closes every connection; new ones are as the mode says.
    pub(crate) fn cut(&self) {
        self.state.cut();
    }

    /// Waits until [`Mode::HoldWrite`] holds a batch, which is let through by the next mode.
    pub(crate) async fn holds_a_write(&self) {
        let mut held = self.state.held.subscribe();
        held.wait_for(|held| *held > 0).await.unwrap();
        self.state.held.send_replace(0);
    }

    /// Waits until [`Mode::SwallowWritesAfter`] has swallowed so many batches.
    pub(crate) async fn swallows_writes(&self, count: u64) {
        let mut held = self.state.held.subscribe();
        held.wait_for(|held| *held >= count).await.unwrap();
    }

    /// Records every request and reply from now on.
    pub(crate) fn record(&self) {
        *self.state.recorded.lock().unwrap() = Some(Vec::new());
    }

    /// What was recorded, each request before it is passed on, each reply as well.
    pub(crate) fn recorded(&self) -> Vec<Frame> {
        let recorded = self.state.recorded.lock().unwrap().take();
        recorded.unwrap_or_default()
    }

    /// A way to change the mode from a callback.
    pub(crate) fn switch(&self) -> impl Fn(Mode) + Send + Sync + use<> {
        let state = self.state.clone();
        move |mode| state.set(mode)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.state.cut();
    }
}

impl State {
    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Records the frames that are whole, and takes them out of `bytes`.
    fn record(&self, way: Way, bytes: &mut Vec<u8>) {
        for frame in frames(bytes) {
            let word = |at: usize| {
                frame
                    .get(at..at + 4)?
                    .try_into()
                    .ok()
                    .map(i32::from_be_bytes)
            };
            if let (Some(number), Some(recorded)) = (word(4), &mut *self.recorded.lock().unwrap()) {
                let kind = word(8).filter(|_| way == Way::Request);
                recorded.push(Frame { way, number, kind });
            }
        }
    }
}

impl Mode {
    fn is_about_frames(self) -> bool {
        matches!(
            self,
            Self::SwallowFrame(..)
                | Self::SwallowWritesAfter(_)
                | Self::LoseFrames(..)
                | Self::ShortenReply(_)
                | Self::Mute
        )
    }
}

impl State {
    /// Takes all whole frames out of `buffer`; what of them is to be passed on.
    fn filter(&self, way: Way, buffer: &mut Vec<u8>) -> Vec<u8> {
        let mut passed = Vec::new();
        while let Some(length) = buffer.first_chunk::<4>() {
            let end = 4 + u32::from_be_bytes(*length) as usize;
            if buffer.len() < end {
                break;
            }
            let frame: Vec<u8> = buffer.drain(..end).collect();
            let number = frame[4..].first_chunk::<4>().copied();
            // Of pings, of credentials, and the protocol's version in a connect reply.
            let is_upkeep =
                number.is_none_or(|number| [-2, -4, 0].contains(&i32::from_be_bytes(number)));
            match self.mode() {
                _ if is_upkeep => passed.extend(frame),
                Mode::Mute if way == Way::Reply => {}
                Mode::SwallowFrame(swallowed, 0) if swallowed == way => self.set(Mode::Forward),
                Mode::SwallowFrame(swallowed, left) if swallowed == way => {
                    self.set(Mode::SwallowFrame(swallowed, left - 1));
                    passed.extend(frame);
                }
                Mode::SwallowWritesAfter(left)
                    if way == Way::Request && is_of_kind(&frame, MULTI) =>
                {
                    match left.checked_sub(1) {
                        Some(left) => {
                            self.set(Mode::SwallowWritesAfter(left));
                            passed.extend(frame);
                        }
                        None => self.held.send_modify(|held| *held += 1),
                    }
                }
                Mode::LoseFrames(lost, 0, left) if lost == way => {
                    self.set(Mode::LoseFrames(lost, 0, left - 1));
                    if left == 1 {
                        self.set(Mode::Forward);
                        self.cut();
                        break;
                    }
                }
                Mode::LoseFrames(lost, left, then) if lost == way => {
                    self.set(Mode::LoseFrames(lost, left - 1, then));
                    passed.extend(frame);
                }
                Mode::ShortenReply(0) if way == Way::Reply => {
                    self.set(Mode::Forward);
                    passed.extend(16_u32.to_be_bytes());
                    passed.extend(&frame[4..20]);
                }
                Mode::ShortenReply(left) if way == Way::Reply => {
                    self.set(Mode::ShortenReply(left - 1));
                    passed.extend(frame);
                }
                _ => passed.extend(frame),
            }
        }
        if !self.mode().is_about_frames() {
            passed.append(buffer);
        }
        passed
    }
}

async fn relay(state: Arc<State>, client: TcpStream, server: TcpStream) {
    let mut cuts = state.cuts.subscribe();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(&state, Way::Request, from_client, to_server) => {}
        () = pump(&state, Way::Reply, from_server, to_client) => {}
        _ = cuts.changed() => {}
    }
}

async fn pump(state: &State, way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut chunk = vec![0; 64 << 10];
    let (mut buffer, mut unrecorded) = (Vec::new(), Vec::new());
    loop {
        let Ok(count @ 1..) = from.read(&mut chunk).await else {
            return;
        };
        unrecorded.extend_from_slice(&chunk[..count]);
        state.record(way, &mut unrecorded);
        buffer.extend_from_slice(&chunk[..count]);
        if state.mode().is_about_frames() {
            let passed = state.filter(way, &mut buffer);
            if to.write_all(&passed).await.is_err() {
                return;
            }
            continue;
        }
        if let Mode::Delay(pause) = state.mode() {
            tokio::time::sleep(pause).await;
        }
        for piece in pieces(way, &mut buffer) {
            if !pass(state, way, &piece, &mut to).await {
                return;
            }
        }
    }
}

/// Takes out of `buffer` what can be passed on: replies as they came, requests frame by frame, so
/// that each is looked at.
fn pieces(way: Way, buffer: &mut Vec<u8>) -> Vec<Vec<u8>> {
    if way == Way::Reply {
        return vec![std::mem::take(buffer)];
    }
    frames(buffer)
}

/// Takes the whole frames out of `buffer`.
fn frames(buffer: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(length) = buffer.first_chunk::<4>() {
        let end = 4 + u32::from_be_bytes(*length) as usize;
        if buffer.len() < end {
            break;
        }
        frames.push(buffer.drain(..end).collect());
    }
    frames
}

/// Passes a request or a part of a reply on as the mode says. Returns whether the connection goes
/// on.
async fn pass(state: &State, way: Way, piece: &[u8], to: &mut OwnedWriteHalf) -> bool {
    let writes = way == Way::Request && is_of_kind(piece, MULTI);
    if let (true, Mode::HoldWriteAfter(left)) = (writes, state.mode()) {
        state.set(match left {
            0 => Mode::HoldWrite,
            _ => Mode::HoldWriteAfter(left - 1),
        });
    }
    let deletes = way == Way::Request && is_of_kind(piece, DELETE);
    let sets = way == Way::Request && is_of_kind(piece, SET_DATA);
    if sets && state.mode() == Mode::CutBeforeSetReplyForGood {
        state.set(Mode::CutBeforeReplyForGood);
    }
    let holds = match state.mode() {
        Mode::HoldWrite => writes,
        Mode::HoldDelete => deletes,
        _ => false,
    };
    if holds {
        state.held.send_modify(|held| *held += 1);
    }
    loop {
        match (state.mode(), way) {
            (Mode::HoldWrite, Way::Request) if writes => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (Mode::HoldDelete, Way::Request) if deletes => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (Mode::CutBeforeWriteReply, Way::Request) if writes => {
                state.set(Mode::CutBeforeReply);
                break;
            }
            (Mode::Stall, _) => tokio::time::sleep(Duration::from_millis(5)).await,
            (Mode::CutBeforeRequest, Way::Request) | (Mode::CutBeforeReply, Way::Reply) => {
                state.set(Mode::Forward);
                return false;
            }
            (Mode::CutBeforeReplyForGood, Way::Reply) => {
                state.set(Mode::Refuse);
                return false;
            }
            (Mode::CutAfter(cut, bytes), _) if cut == way => match bytes.checked_sub(piece.len()) {
                Some(left) => break state.set(Mode::CutAfter(cut, left)),
                None => {
                    let then = state.then.lock().unwrap().take();
                    state.set(then.unwrap_or(Mode::Forward));
                    _ = to.write_all(&piece[..bytes]).await;
                    return false;
                }
            },
            _ => break,
        }
    }
    if (state.mode(), way) == (Mode::SwallowOnce, Way::Reply) {
        state.set(Mode::Forward);
        return true;
    }
    if (state.mode(), way) == (Mode::Swallow, Way::Reply) {
        return true;
    }
    to.write_all(piece).await.is_ok()
}

const DELETE: i32 = 2;
pub(crate) const EXISTS: i32 = 3;
const SET_DATA: i32 = 5;
/// A batch of writes.
pub(crate) const MULTI: i32 = 14;

/// Whether a request is of this kind: that comes after its length and its number.
fn is_of_kind(request: &[u8], kind: i32) -> bool {
    request.get(8..12) == Some(&kind.to_be_bytes()[..])
}

/// Two requests that arrive in one read are two.
#[tokio::test]
async fn each_request_of_a_read_is_looked_at() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let relay = Relay::to(listener.local_addr().unwrap().port()).await;
    relay.set(Mode::HoldWriteAfter(1));
    let request = |kind: i32| [8_i32, 1, kind].map(i32::to_be_bytes).concat();
    let sent = [SET_DATA, MULTI, DELETE, MULTI].map(request).concat();
    let mut client = TcpStream::connect(relay.address()).await.unwrap();
    client.write_all(&sent).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    relay.holds_a_write().await;
    let mut passed = [0; 36];
    server.read_exact(&mut passed).await.unwrap();
    assert_eq!(passed, sent[..36]);
    assert!(server.try_read(&mut passed).is_err());
    relay.set(Mode::Forward);
    server.read_exact(&mut passed[..12]).await.unwrap();
    assert_eq!(passed[..12], sent[36..]);
}

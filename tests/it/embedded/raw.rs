//! A client that sends what it is told, byte by byte, and shows what it gets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use zkt::server::{ErrorCode, RequestKind};

/// The body of a request, or of a reply that is expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Body(pub(crate) Vec<u8>);

impl Body {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn bool(mut self, value: bool) -> Self {
        self.0.push(u8::from(value));
        self
    }

    pub(crate) fn int(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, value: i64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut body = self.int(i32::try_from(bytes.len()).unwrap());
        body.0.extend(bytes);
        body
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// A null string, buffer or vector.
    pub(crate) fn null(self) -> Self {
        self.int(-1)
    }

    pub(crate) fn acl(self, entries: &[(i32, &str, &str)]) -> Self {
        let body = self.int(i32::try_from(entries.len()).unwrap());
        entries
            .iter()
            .fold(body, |body, (permissions, scheme, id)| {
                body.int(*permissions).text(scheme).text(id)
            })
    }

    /// The start of one operation of a transaction, or of its result.
    pub(crate) fn operation(self, opcode: i32) -> Self {
        self.int(opcode).bool(false).int(-1)
    }

    /// The result of an operation that failed.
    pub(crate) fn failed(self, error: i32) -> Self {
        self.int(-1).bool(false).int(error).int(error)
    }

    pub(crate) fn end(self) -> Self {
        self.int(-1).bool(true).int(-1)
    }
}

/// The body of a `create`, and of the others but `createTTL`.
pub(crate) fn create(path: &str, data: &[u8], flags: i32) -> Body {
    let body = Body::new().text(path).bytes(data);
    body.acl(&[(31, "world", "anyone")]).int(flags)
}

/// The body of `exists`, `getData`, `getChildren` and `getChildren2`.
pub(crate) fn path_and_watch(path: &str, watch: bool) -> Body {
    Body::new().text(path).bool(watch)
}

/// A reply, and the events that came before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) events: Vec<(i32, String)>,
    pub(crate) xid: i32,
    pub(crate) zxid: i64,
    pub(crate) error: Option<ErrorCode>,
    pub(crate) body: Vec<u8>,
}

/// What is asked for where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The client.
#[derive(Debug)]
pub(crate) struct Raw {
    stream: TcpStream,
    pub(crate) session: i64,
    pub(crate) password: Vec<u8>,
    pub(crate) timeout: i32,
    xid: i32,
}

impl Raw {
    /// Connected, but nothing said yet.
    pub(crate) fn silent(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        // A test that waits for what does not come fails.
        crate::watchdog::watch();
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A new session is asked for, and not waited for.
    pub(crate) fn connect_blindly(address: SocketAddr) -> TcpStream {
        let mut stream = Self::silent(address);
        let hello = Body::new().int(0).long(0).int(10_000).long(0);
        let hello = hello.bytes(&[0; 16]).bool(false);
        stream.write_all(&Body::new().bytes(&hello.0).0).unwrap();
        stream
    }

    /// With a new session.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::connect_for(address, TIMEOUT)
    }

    /// With a new session that lasts so long without a sign of life.
    pub(crate) fn connect_for(address: SocketAddr, timeout: Duration) -> Self {
        let raw = Self::shake_hands(address, timeout, 0, &[0; 16], 0).unwrap();
        assert_ne!(raw.session, 0);
        raw
    }

    /// With a session that there is; none where the server only closes the connection.
    pub(crate) fn attach(
        address: SocketAddr,
        session: i64,
        password: &[u8],
        last_zxid: i64,
    ) -> Option<Self> {
        Self::shake_hands(address, TIMEOUT, session, password, last_zxid)
    }

    fn shake_hands(
        address: SocketAddr,
        timeout: Duration,
        session: i64,
        password: &[u8],
        last_zxid: i64,
    ) -> Option<Self> {
        let mut raw = Self {
            stream: Self::silent(address),
            session: 0,
            password: Vec::new(),
            timeout: 0,
            xid: 0,
        };
        let timeout = i32::try_from(timeout.as_millis()).unwrap();
        let hello = Body::new().int(0).long(last_zxid);
        let hello = hello.int(timeout).long(session);
        raw.send(&hello.bytes(password).bool(false).0);
        let frame = raw.receive()?;
        // ClickHouse Keeper does not say whether it only reads.
        assert!(matches!(frame.get(36..), Some([] | [0])), "{frame:?}");
        assert_eq!(frame[..4], [0; 4]);
        raw.timeout = i32::from_be_bytes(frame[4..8].try_into().unwrap());
        raw.session = i64::from_be_bytes(frame[8..16].try_into().unwrap());
        raw.password = frame[20..36].to_vec();
        Some(raw)
    }

    pub(crate) fn send(&mut self, frame: &[u8]) {
        self.send_raw(&Body::new().bytes(frame).0);
    }

    /// The server may have closed the connection already; then nothing is received.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        _ = self.stream.write_all(bytes);
    }

    /// The next frame; none at the end of the connection.
    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.read(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.read(&mut frame)?;
        Some(frame)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing came within a minute")
            }
            Err(_) => None,
        }
    }

    /// Sends a request, and waits for its reply. None where the connection ends instead.
    pub(crate) fn try_request(&mut self, opcode: i32, body: &Body) -> Option<Reply> {
        self.xid += 1;
        let mut frame = Body::new().int(self.xid).int(opcode);
        frame.0.extend(&body.0);
        self.send(&frame.0);
        self.reply()
    }

    pub(crate) fn request(&mut self, opcode: i32, body: &Body) -> Reply {
        self.try_request(opcode, body).unwrap()
    }

    /// A request that is to fail.
    pub(crate) fn error(&mut self, opcode: i32, body: &Body) -> ErrorCode {
        self.request(opcode, body).error.unwrap()
    }

    /// A request that is to succeed.
    pub(crate) fn ok(&mut self, opcode: i32, body: &Body) -> Vec<u8> {
        let reply = self.request(opcode, body);
        assert_eq!(reply.error, None);
        reply.body
    }

    /// The events that have been sent, with the reply to a ping.
    pub(crate) fn events(&mut self) -> Vec<(i32, String)> {
        let reply = self.request(PING, &Body::new());
        assert_eq!((reply.xid, reply.error), (-2, None));
        reply.events
    }

    pub(crate) fn reply(&mut self) -> Option<Reply> {
        let mut events = Vec::new();
        loop {
            let frame = self.receive()?;
            let xid = i32::from_be_bytes(frame[..4].try_into().unwrap());
            let zxid = i64::from_be_bytes(frame[4..12].try_into().unwrap());
            let error = i32::from_be_bytes(frame[12..16].try_into().unwrap());
            if xid != -1 {
                return Some(Reply {
                    events,
                    xid,
                    zxid,
                    error: (error != 0).then(|| ErrorCode::from_number(error).unwrap()),
                    body: frame[16..].to_vec(),
                });
            }
            assert_eq!((zxid, error), (-1, 0));
            assert_eq!(&frame[20..24], &[0, 0, 0, 3]);
            let kind = i32::from_be_bytes(frame[16..20].try_into().unwrap());
            events.push((kind, String::from_utf8(frame[28..].to_vec()).unwrap()));
        }
    }
}

pub(crate) const PING: i32 = 11;
pub(crate) const CREATED: i32 = 1;
pub(crate) const DELETED: i32 = 2;
pub(crate) const CHANGED: i32 = 3;
pub(crate) const CHILDREN: i32 = 4;

/// The vector of strings that a body starts with.
pub(crate) fn texts(body: &[u8]) -> Vec<String> {
    let int = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 4;
    let text = |_| {
        let length = int(at);
        let text = &body[at + 4..at + 4 + length];
        at += 4 + length;
        String::from_utf8(text.to_vec()).unwrap()
    };
    (0..int(0)).map(text).collect()
}

/// Every operation code that the server knows.
pub(crate) fn opcodes() -> Vec<i32> {
    let known = |name: &str| RequestKind::ALL.iter().any(|kind| kind.name() == name);
    let codes = [
        ("createSession", -10),
        ("closeSession", -11),
        ("create", 1),
        ("delete", 2),
        ("exists", 3),
        ("getData", 4),
        ("setData", 5),
        ("getACL", 6),
        ("setACL", 7),
        ("getChildren", 8),
        ("sync", 9),
        ("ping", 11),
        ("getChildren2", 12),
        ("check", 13),
        ("multi", 14),
        ("create2", 15),
        ("reconfig", 16),
        ("checkWatches", 17),
        ("removeWatches", 18),
        ("createContainer", 19),
        ("deleteContainer", 20),
        ("createTTL", 21),
        ("multiRead", 22),
        ("auth", 100),
        ("setWatches", 101),
        ("sasl", 102),
        ("getEphemerals", 103),
        ("getAllChildrenNumber", 104),
        ("setWatches2", 105),
        ("addWatch", 106),
        ("whoAmI", 107),
    ];
    assert_eq!(codes.len(), RequestKind::ALL.len());
    assert!(codes.iter().all(|(name, _)| known(name)));
    codes.map(|(_, code)| code).to_vec()
}

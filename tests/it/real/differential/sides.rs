//! One server, and its clients.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use super::answers::{Answer, SILENCE, mask, receive};
use super::steps::{CLIENTS, Greeting, Password, Request, Session, Step};
use crate::embedded::raw::{Body, PING, Raw};
use crate::server::four_letters;

const CLOSE: i32 = -11;
const AUTH: i32 = 100;
const SET_WATCHES: [i32; 2] = [101, 105];

/// One client's connection.
struct Client {
    stream: TcpStream,
    session: i64,
    password: Vec<u8>,
    xid: i32,
    ended: bool,
}

/// One server, and its clients.
pub(super) struct Side {
    address: SocketAddr,
    clients: Vec<Client>,
    /// All sessions that there were, with their passwords.
    sessions: Vec<(i64, Vec<u8>)>,
    last_zxid: i64,
    started: i64,
}

impl Side {
    pub(super) fn new(address: SocketAddr) -> Self {
        let mut side = Self {
            address,
            clients: Vec::new(),
            sessions: Vec::new(),
            last_zxid: 0,
            started: milliseconds() - 1000,
        };
        for _ in 0..CLIENTS {
            let (client, _) = side.connect();
            side.clients.push(client);
        }
        side
    }

    pub(super) fn step(&mut self, step: &Step) -> Vec<Answer> {
        match step {
            Step::Send { client, requests } => self.send(*client, requests),
            Step::Close { client } => {
                let mut answers = self.close(*client);
                answers.extend(self.renew(*client));
                answers
            }
            Step::Return { client, cut } => self.come_back(*client, *cut),
            Step::Greet(greeting) => self.greet(greeting),
        }
    }

    /// What a client was sent since it was last asked; a client without a connection starts anew.
    pub(super) fn events(&mut self, client: usize) -> Vec<Answer> {
        let ping = Request {
            opcode: PING,
            since: None,
            body: Body::new(),
        };
        let mut answers = self.send(client, &[ping]);
        if self.clients[client].ended {
            answers.extend(self.renew(client));
        }
        answers
    }

    /// All that comes up to the last reply.
    pub(super) fn send(&mut self, client: usize, requests: &[Request]) -> Vec<Answer> {
        let last_zxid = self.last_zxid;
        let client = &mut self.clients[client];
        let mut bytes = Vec::new();
        for request in requests {
            client.xid += 1;
            let xid = match request.opcode {
                PING => -2,
                AUTH => -4,
                opcode if SET_WATCHES.contains(&opcode) => -8,
                _ => client.xid,
            };
            let mut frame = Body::new().int(xid).int(request.opcode);
            if let Some(since) = request.since {
                frame = frame.long(last_zxid - since);
            }
            frame.0.extend(&request.body.0);
            bytes.extend(Body::new().bytes(&frame.0).0);
        }
        _ = client.stream.write_all(&bytes);
        let mut answers = Vec::new();
        let mut replies = 0;
        while replies < requests.len() {
            let answer = receive(&mut client.stream);
            match &answer {
                Answer::Frame(frame) if frame.starts_with(&[0xff; 4]) => {}
                Answer::Frame(frame) => {
                    replies += 1;
                    let zxid = frame.get(4..12).map(|zxid| zxid.try_into().unwrap());
                    let zxid = zxid.map_or(0, i64::from_be_bytes);
                    self.last_zxid = self.last_zxid.max(zxid);
                }
                Answer::End | Answer::Silence => {
                    client.ended = true;
                    answers.push(answer);
                    break;
                }
            }
            answers.push(answer);
        }
        self.masked(answers)
    }

    /// The client ends its session.
    fn close(&mut self, client: usize) -> Vec<Answer> {
        let close = Request {
            opcode: CLOSE,
            since: None,
            body: Body::new(),
        };
        let mut answers = self.send(client, &[close]);
        if !self.clients[client].ended {
            answers.push(receive(&mut self.clients[client].stream));
        }
        answers
    }

    /// A new session for a client, whatever becomes of the one that it had.
    fn renew(&mut self, client: usize) -> Vec<Answer> {
        let (new, answers) = self.connect();
        self.clients[client] = new;
        answers
    }

    fn connect(&mut self) -> (Client, Vec<Answer>) {
        let (client, answers) = self.hello(&first_packet(0, 45_000, 0, &[0; 16]).bool(false));
        assert!(!client.ended, "no session: {answers:?}");
        (client, answers)
    }

    fn come_back(&mut self, client: usize, cut: bool) -> Vec<Answer> {
        let Client {
            session,
            password,
            stream,
            xid,
            ..
        } = &self.clients[client];
        if cut {
            _ = stream.shutdown(std::net::Shutdown::Both);
        }
        let xid = *xid;
        let hello = first_packet(self.last_zxid, 45_000, *session, password);
        let (mut new, answers) = self.hello(&hello.bool(false));
        new.xid = xid;
        self.clients[client] = new;
        answers
    }

    fn greet(&mut self, greeting: &Greeting) -> Vec<Answer> {
        let (session, right) = match greeting.session {
            Session::New => (0, vec![0; 16]),
            Session::Before(back) => {
                let count = self.sessions.len();
                self.sessions[count - 1 - back % count].clone()
            }
            Session::Unknown => (0x1234_5678_9abc, vec![7; 16]),
        };
        let seen = greeting.ahead.map_or(0, |ahead| self.last_zxid + ahead);
        let hello = match greeting.password {
            Password::Right => first_packet(seen, greeting.timeout, session, &right),
            Password::Wrong => first_packet(seen, greeting.timeout, session, &[9; 16]),
            Password::Short => first_packet(seen, greeting.timeout, session, &right[..5]),
            Password::Null => {
                let mut packet = first_packet(seen, greeting.timeout, session, b"");
                packet.0.truncate(packet.0.len() - 4);
                packet.null()
            }
        };
        let hello = match greeting.read_only {
            Some(read_only) => hello.bool(read_only),
            None => hello,
        };
        let (client, mut answers) = self.hello(&hello);
        self.clients.push(client);
        answers.extend(self.close(CLIENTS));
        self.clients.truncate(CLIENTS);
        answers
    }

    /// Sends a first packet on a new connection.
    fn hello(&mut self, packet: &Body) -> (Client, Vec<Answer>) {
        let mut stream = Raw::silent(self.address);
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        _ = stream.write_all(&Body::new().bytes(&packet.0).0);
        let mut client = Client {
            stream,
            session: 0,
            password: Vec::new(),
            xid: 0,
            ended: false,
        };
        let mut answer = receive(&mut client.stream);
        if let Answer::Frame(frame) = &mut answer
            && frame.len() >= 36
        {
            client.session = i64::from_be_bytes(frame[8..16].try_into().unwrap());
            client.password = frame[20..36].to_vec();
            let known = (client.session, client.password.clone());
            if client.session != 0 {
                if !self.sessions.contains(&known) {
                    self.sessions.push(known);
                }
                frame[20..36].fill(b'*');
            }
        }
        client.ended = !matches!(answer, Answer::Frame(_));
        (client, self.masked(vec![answer]))
    }

    /// Takes out the numbers of sessions and the clocks.
    fn masked(&self, mut answers: Vec<Answer>) -> Vec<Answer> {
        let clock = self.started..milliseconds() + 1000;
        let session = |number| {
            let at = self.sessions.iter().position(|(id, _)| *id == number)?;
            Some((SESSION + at as u64).to_be_bytes())
        };
        for answer in &mut answers {
            if let Answer::Frame(frame) = answer {
                // Sessions have their numbers from clocks, and their bytes look like some.
                mask(frame, session);
                mask(frame, |number| {
                    clock.contains(&number).then_some(*b"the time")
                });
            }
        }
        answers
    }

    /// Of the numbers that `mntr` tells, those that are no clocks and count no packets.
    pub(super) fn counts(&self) -> Vec<String> {
        let text = four_letters(self.address.port(), "mntr").unwrap();
        let names = [
            "znode_count",
            "ephemerals_count",
            "watch_count",
            "approximate_data_size",
            "global_sessions",
            "num_alive_connections",
        ];
        let told = |name: &&str| {
            let start = format!("zk_{name}\t");
            let line = text.lines().find(|line| line.starts_with(&start));
            line.unwrap_or_else(|| panic!("no {name}: {text}"))
                .to_owned()
        };
        names.iter().map(told).collect()
    }
}

/// Stands for a session's number, with its place among all sessions below it.
const SESSION: u64 = u64::from_be_bytes(*b"session\0");

fn first_packet(seen: i64, timeout: i32, session: i64, password: &[u8]) -> Body {
    let body = Body::new().int(0).long(seen).int(timeout).long(session);
    body.bytes(password)
}

fn milliseconds() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(time.as_millis()).unwrap()
}

//! Random requests, as bytes.

use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::steps::{CLIENTS, Greeting, Password, Request, Session, Step};
use crate::embedded::raw::{Body, PING};

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const SET_DATA: i32 = 5;
const SET_ACL: i32 = 7;
const CHECK: i32 = 13;
const CREATE2: i32 = 15;
const CREATE_CONTAINER: i32 = 19;
const CREATE_TTL: i32 = 21;

/// Those that are drawn more often stand more often.
const OPCODES: [i32; 47] = [
    1, 1, 1, 1, 15, 15, 19, 21, 2, 2, 2, 5, 5, 5, 7, 3, 3, 4, 4, 8, 8, 12, 12, 6, 6, 14, 14, 14,
    22, 22, 9, 13, 17, 18, 106, 106, 101, 105, 103, 104, 107, 100, 100, 11, 20, 16, 16,
];

/// What is sent alone: `auth`, as ZooKeeper obeys it before the requests in front of it; and what it
/// shows to requests behind it only when it has been carried out, so that it is a matter of luck what
/// they see: a new ACL, and whether a container or a node with a time to live is ephemeral.
const ALONE: [i32; 4] = [100, SET_ACL, CREATE_CONTAINER, CREATE_TTL];

/// How many of the entries of ACLs, the last ones, have a null. In a transaction, ZooKeeper fails on them
/// with an exception of Java's, as on the flags of a time to live in a record without one. It undoes what
/// the operations before it would have done only when the transaction has been through all its steps:
/// until then, requests behind it see their nodes and the numbers that they took. So neither is sent
/// together with others.
const NULLS: usize = 3;

/// Few names, so that requests meet.
const NAMES: [&str; 4] = ["a", "b", "c", "q"];
const RARE_NAMES: [&str; 3] = ["zz", "é", "n-1"];

const ODD_PATHS: [&str; 16] = [
    "",
    "x",
    "/a/",
    "//a",
    "/a//b",
    "/a/.",
    "/..",
    "/a\0",
    "/zookeeper",
    "/zookeeper/config",
    "/zookeeper/quota",
    "/\u{e000}",
    "/\u{200b}",
    "/a/../b",
    "/😀",
    "/zookeeper/a",
];

/// What `u:p` and `v:p` become in an ACL.
const DIGESTS: [&str; 2] = [
    "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=",
    "v:RylFHZNG40p+EX2Hf0QUdmqEStY=",
];

/// Nobody's version: both servers answer a `check` only where it fails.
const NO_VERSION: i32 = i32::MAX;

/// Where everything random comes from.
pub(super) struct Dice {
    rng: TestRng,
    /// Other requests are sent together with the next one.
    together: bool,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            rng: TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
            together: false,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.rng.random_range(0..limit)
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(super) fn step(&mut self) -> Step {
        let client = self.below(CLIENTS);
        let kind = self.below(100);
        self.together = (3..13).contains(&kind);
        match kind {
            0 => Step::Close { client },
            1 => Step::Return {
                client,
                cut: self.once_in(2),
            },
            2 => Step::Greet(self.greeting()),
            3..13 => {
                let count = 2 + self.below(6);
                let mut requests: Vec<Request> = (0..count).map(|_| self.request()).collect();
                requests.retain(|request| !ALONE.contains(&request.opcode));
                Step::Send { client, requests }
            }
            _ => Step::Send {
                client,
                requests: vec![self.request()],
            },
        }
    }

    fn greeting(&mut self) -> Greeting {
        let session = match self.below(3) {
            0 => Session::New,
            1 => Session::Before(self.below(12)),
            _ => Session::Unknown,
        };
        Greeting {
            session,
            password: self.of(&[
                Password::Right,
                Password::Right,
                Password::Wrong,
                Password::Short,
                Password::Null,
            ]),
            timeout: self.of(&[0, -1, 1, 45_000, i32::MAX, i32::MIN]),
            ahead: self.of(&[None, None, Some(0), Some(-1), Some(1)]),
            read_only: self.of(&[None, Some(false), Some(true)]),
        }
    }

    fn request(&mut self) -> Request {
        let opcode = self.of(&OPCODES);
        let mut since = None;
        let body = match opcode {
            CREATE | CREATE2 | CREATE_CONTAINER | CREATE_TTL => self.create(opcode, true),
            DELETE => self.path_and_version(),
            3 | 4 | 8 | 12 => {
                let watch = self.below(5) < 2;
                self.path().bool(watch)
            }
            SET_DATA => self.set_data(),
            SET_ACL => {
                let (path, acl) = (self.path(), self.acl());
                join(path, &acl).int(self.of(&[-1, -1, 0, 1]))
            }
            CHECK => self.path().int(NO_VERSION),
            14 => {
                let count = self.of(&[0, 1, 2, 2, 3, 5]);
                let body = (0..count).fold(Body::new(), |body, _| self.write_operation(body));
                body.end()
            }
            16 => Body::new().null().null().null().long(-1),
            17 | 18 => self.path().int(self.of(&[1, 2, 3, 3, 0, 4])),
            22 => {
                let count = self.below(4);
                let body = (0..count).fold(Body::new(), |body, _| {
                    let body = body.operation(self.of(&[4, 8]));
                    let watch = self.once_in(2);
                    join(body, &self.path()).bool(watch)
                });
                body.end()
            }
            100 => {
                let credentials = self.of(&["u:p", "v:p", "w:p", "u:q", "u", ""]);
                let scheme = match self.below(20) {
                    0 => "nobody",
                    1 => "ip",
                    _ => "digest",
                };
                Body::new().int(0).text(scheme).text(credentials)
            }
            101 | 105 => {
                since = Some(self.of(&[0, 5, 50]));
                let lists = if opcode == 101 { 3 } else { 5 };
                (0..lists).fold(Body::new(), |body, list| {
                    let count = self.below(3);
                    let body = body.int(i32::try_from(count).unwrap());
                    (0..count).fold(body, |body, _| {
                        let path = match list {
                            0..3 => self.path(),
                            _ => self.path_but_null(),
                        };
                        join(body, &path)
                    })
                })
            }
            103 => match self.of(&[Some("/"), Some(""), Some("/a"), Some("/a/b"), None]) {
                Some(prefix) => Body::new().text(prefix),
                None => Body::new().null(),
            },
            106 => {
                let path = self.path_but_null();
                path.int(self.of(&[0, 0, 1, 1, 1, 2]))
            }
            // 6, 9, 20, 104
            PING | 107 => Body::new(),
            _ => self.path(),
        };
        Request {
            opcode,
            since,
            body,
        }
    }

    fn path(&mut self) -> Body {
        match self.below(100) {
            0 | 1 => return Body::new().text("/"),
            2 => return Body::new().text(self.of(&ODD_PATHS)),
            3 => return Body::new().null(),
            _ => {}
        }
        let depth = self.of(&[1, 1, 2, 2, 3]);
        let path: String = (0..depth)
            .map(|_| {
                let name = match self.once_in(8) {
                    true => self.of(&RARE_NAMES),
                    false => self.of(&NAMES),
                };
                format!("/{name}")
            })
            .collect();
        Body::new().text(&path)
    }

    fn path_but_null(&mut self) -> Body {
        let null = Body::new().null();
        Some(self.path())
            .filter(|path| *path != null)
            .unwrap_or_else(|| Body::new().text("/a"))
    }

    fn version(&mut self) -> i32 {
        self.of(&[-1, -1, -1, 0, 0, 1, 2, 3])
    }

    fn data(&mut self) -> Body {
        match self.below(5) {
            0 => Body::new().null(),
            1 => Body::new().bytes(&vec![0; self.below(300)]),
            _ => Body::new().text(self.of(&["", "x", "hello"])),
        }
    }

    fn acl(&mut self) -> Body {
        const COMMON: usize = 7;
        let entries = [
            ("world", "anyone"),
            ("auth", ""),
            ("digest", DIGESTS[0]),
            ("digest", DIGESTS[1]),
            ("ip", "127.0.0.1"),
            ("ip", "127.0.0.0/8"),
            ("ip", "10.0.0.0/8"),
            ("ip", "nope"),
            ("digest", "x"),
            ("sasl", "x"),
            ("world", "x"),
            ("super", ""),
            ("x509", "CN=a"),
            ("ip", NULL),
            ("digest", NULL),
            (NULL, "x"),
        ];
        let text = |body: Body, text: &str| match text {
            NULL => body.null(),
            text => body.text(text),
        };
        if self.below(4) < 3 {
            return Body::new().acl(&[(31, "world", "anyone")]);
        }
        let count = self.of(&[0, 1, 1, 1, 2, 3]);
        (0..count).fold(Body::new().int(count), |body, _| {
            let all = match self.together {
                false => entries.len(),
                true => entries.len() - NULLS,
            };
            let known = self.of(&[COMMON, COMMON, COMMON, all]);
            let permissions = self.of(&[31, 31, 1, 2, 4, 8, 16, 3, 15, 0, 17]);
            let (scheme, id) = entries[self.below(known)];
            text(text(body.int(permissions), scheme), id)
        })
    }

    fn create(&mut self, opcode: i32, alone: bool) -> Body {
        let flags = match (opcode, alone) {
            (CREATE_CONTAINER, true) => self.of(&[4, 4, 0, 1, 2]),
            (CREATE_TTL, true) => self.of(&[5, 6, 5, 0, 1, 4]),
            _ if self.together && !alone => self.of(&[0, 0, 0, 0, 1, 1, 2, 3, 4, 7, -1]),
            _ => self.of(&[0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, -1]),
        };
        let (path, data, acl) = (self.path(), self.data(), self.acl());
        let body = join(join(path, &data), &acl).int(flags);
        match (opcode, matches!(flags, 5 | 6)) {
            (CREATE_TTL, true) => {
                body.long(self.of(&[1_000_000, 5_000_000, -1, 0, 1 << 40, (1 << 40) - 1]))
            }
            (CREATE_TTL, false) if alone => body.long(self.of(&[0, 1000])),
            (CREATE_TTL, false) => body.long(self.of(&[-1, 0, 1000])),
            _ => body,
        }
    }

    fn path_and_version(&mut self) -> Body {
        let path = self.path();
        path.int(self.version())
    }

    fn set_data(&mut self) -> Body {
        let (path, data) = (self.path(), self.data());
        join(path, &data).int(self.version())
    }

    fn write_operation(&mut self, body: Body) -> Body {
        let opcode = match self.together {
            false => self.of(&[1, 1, 1, 15, 19, 21, 2, 2, 5, 5, 13, 13]),
            true => self.of(&[1, 15, 2, 5, 13]),
        };
        let operation = match opcode {
            DELETE | CHECK => self.path_and_version(),
            SET_DATA => self.set_data(),
            _ => self.create(opcode, false),
        };
        join(body.operation(opcode), &operation)
    }
}

/// Stands for a null string.
const NULL: &str = "\0null";

pub(super) fn join(mut body: Body, rest: &Body) -> Body {
    body.0.extend(&rest.0);
    body
}

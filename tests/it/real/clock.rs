//! What comes about by itself, on both servers: sessions expire, containers and nodes with a time to
//! live go.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use zkt::server::Server as Embedded;

use super::process::{SESSION_TIMEOUTS, Server as Real, Setup};
use crate::embedded::raw::{Body, Raw, create, path_and_watch};

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const GET_CHILDREN2: i32 = 12;
const CREATE_CONTAINER: i32 = 19;
const CREATE_TTL: i32 = 21;
const ADD_WATCH: i32 = 106;
const EPHEMERAL: i32 = 1;
const CONTAINER: i32 = 4;
const WITH_TTL: i32 = 5;

/// How often both look for containers and nodes that are to go.
const CHECK: Duration = Duration::from_millis(200);
const IMPATIENT: Setup = Setup {
    java: &[
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dzookeeper.forceSync=no",
        "-Dznode.container.checkIntervalMs=200",
        "-Dznode.container.maxPerMinute=100000",
    ],
    config: "forceSync=no\npreAllocSize=4096\ntickTime=100\n",
};

/// What somebody saw who watched everything.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    events: Vec<(i32, String)>,
    /// Of the transactions, and of the changes of the children of `/`.
    counts: Vec<(i64, i32)>,
}

#[test]
fn what_comes_about_by_itself_is_the_same() {
    let real = Real::start_as(IMPATIENT);
    let embedded = Embedded::builder()
        .tick_time(Duration::from_millis(100))
        .session_timeouts(SESSION_TIMEOUTS.0, SESSION_TIMEOUTS.1)
        .container_check(CHECK)
        .start()
        .unwrap();
    let addresses = [real.address().parse().unwrap(), embedded.address()];
    let [real, embedded] = std::thread::scope(|scope| {
        let watching = addresses.map(|address| scope.spawn(move || watch(address)));
        watching.map(|thread| thread.join().unwrap())
    });
    assert_eq!(embedded, real);
    assert_eq!(real.counts.len(), 3);
}

fn watch(address: SocketAddr) -> Seen {
    let mut watcher = Raw::connect(address);
    watcher.ok(ADD_WATCH, &Body::new().text("/").int(1));
    let mut seen = Seen {
        events: Vec::new(),
        counts: Vec::new(),
    };

    // Long enough for what follows on any machine.
    let mut silent = Raw::connect_for(address, Duration::from_secs(3));
    for name in ["/e-one", "/e-two", "/e-three", "/e-four", "/e-five"] {
        silent.ok(CREATE, &create(name, b"", EPHEMERAL));
    }
    // Its connection stands, but nothing more is heard of it.
    seen.until(&mut watcher, 10);
    assert_eq!(silent.receive(), None);

    // Of its own changes it hears with the replies.
    watcher.ok(CREATE_CONTAINER, &create("/c", b"", CONTAINER));
    watcher.ok(CREATE, &create("/c/x", b"", 0));
    watcher.ok(DELETE, &Body::new().text("/c/x").int(-1));
    seen.until(&mut watcher, 11);

    watcher.ok(CREATE_TTL, &create("/t", b"", WITH_TTL).long(300));
    seen.until(&mut watcher, 12);
    seen
}

impl Seen {
    /// Waits until so many events have come.
    fn until(&mut self, watcher: &mut Raw, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.events.len() < count {
            assert!(Instant::now() < deadline, "{self:?}");
            std::thread::sleep(Duration::from_millis(10));
            self.events.extend(watcher.events());
        }
        let reply = watcher.request(GET_CHILDREN2, &path_and_watch("/", false));
        let stat = &reply.body[reply.body.len() - 68..];
        let cversion = i32::from_be_bytes(stat[36..40].try_into().unwrap());
        self.counts.push((reply.zxid, cversion));
    }
}

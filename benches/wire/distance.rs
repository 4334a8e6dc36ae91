//! A plan over a long way: what it takes is the way there and back once for each level of the tree,
//! and what the bytes take.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::floor::{self, WRITING};
use crate::lab::{Lab, Runs};
use crate::subject::Subject;
use crate::table::{Figure, Goal, Row, Section, Unit};

const ROUND_TRIP: Duration = Duration::from_millis(20);

/// `plan` with nothing to do, with the server this far away.
pub(crate) fn measure(lab: &mut Lab, subject: &Subject) -> Section {
    let chroot = lab.chroot("distant");
    lab.floor(&floor::create(&chroot, &subject.nodes, WRITING));
    let port = relay(lab.server.port(), ROUND_TRIP / 2);
    let (near, far) = (lab.hosts(&chroot), format!("127.0.0.1:{port}{chroot}"));
    let layer = subject.layer.display().to_string();
    let (near, far) = (["plan", "-c", &near, &layer], ["plan", "-c", &far, &layer]);
    lab.zkt_says(&far, "No changes: ");
    let (mut nearby, mut distant) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds {
        nearby.add(lab.zkt(&near).wall);
        distant.add(lab.zkt(&far).wall);
    }
    lab.clear(&chroot, subject);
    let trips = ROUND_TRIP.as_secs_f64() * subject.levels() as f64;
    let against = Figure::computed(nearby.figure().median + trips);
    Section {
        name: format!("{} ms away", ROUND_TRIP.as_millis()),
        about: format!("{}, {} levels", subject.about(), subject.levels()),
        rows: vec![Row {
            what: "plan: a trip a level, and as nearby".to_owned(),
            unit: Unit::Seconds,
            against,
            zkt: distant.figure(),
            goal: Goal::AtMost(1.0),
        }],
    }
}

/// Starts a relay where every byte arrives `pause` after it was sent, and as many may be on their
/// way as one likes; returns its port. It relays until this process ends.
fn relay(target: u16, pause: Duration) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", target)))
            else {
                continue;
            };
            let (Ok(to_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else {
                continue;
            };
            pass(client, to_server, pause);
            pass(server, to_client, pause);
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream, pause: Duration) {
    let (sender, receiver) = channel::<(Instant, Vec<u8>)>();
    _ = to.set_nodelay(true);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let due = Instant::now() + pause;
            if sender.send((due, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        _ = to.shutdown(std::net::Shutdown::Both);
    });
}

//! More addresses than one string of the environment holds.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use zkt::server::{Acl, Server};

use crate::cli::Place;

/// A server with so many providers, named as a fleet of that size would be.
fn fleet(count: usize) -> Server {
    let mut server = Server::builder().node("/fleet", b"", &[Acl::open()]);
    for n in 0..count {
        let path = format!("/fleet/10.20.{}.{}:18080", n / 250, n % 250);
        server = server.node(&path, b"{}", &[Acl::open()]);
    }
    server.start().unwrap()
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What the command gets: lines on stdin, words in the variable; and what stderr says.
fn handed_over(count: usize) -> (String, String) {
    let server = fleet(count);
    let place = Place::offline();
    let mut command = place.command("discover /fleet --exec");
    command
        .arg("{ wc -l; echo ${ZKT_ADDRESSES+set} $(echo $ZKT_ADDRESSES | wc -w); } > new; mv new told")
        .env("ZKT_CONNECT", server.connect_string())
        // One that is inherited is of another list.
        .env("ZKT_ADDRESSES", "stale:1")
        .stderr(Stdio::from(std::fs::File::create(place.path("stderr")).unwrap()));
    let _running = Killed(command.spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    while !place.path("told").exists() {
        assert!(Instant::now() < deadline, "{}", place.read("stderr"));
        std::thread::sleep(Duration::from_millis(5));
    }
    (place.read("told"), place.read("stderr"))
}

#[test]
fn the_variable_holds_what_the_system_takes() {
    let nothing = String::new();
    assert_eq!(handed_over(7000), ("7000\nset 7000\n".to_owned(), nothing));
}

#[test]
fn beyond_that_a_warning_says_so_and_stdin_has_all() {
    let warning = "warning: 7500 addresses are too long for the environment: ZKT_ADDRESSES is not \
                   set, the command gets all of them on stdin\n";
    assert_eq!(
        handed_over(7500),
        ("7500\n0\n".to_owned(), warning.to_owned())
    );
}

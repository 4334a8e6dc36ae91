//! Servers that do not answer, lose a frame, or answer what cannot be read.

use std::time::{Duration, Instant};

use crate::relay::{Mode, Relay, Way};
use crate::server::shared;

use super::{Place, create};

/// Far more than the request timeouts of these tests, for slow machines.
const SOON: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_command_waits_for_ever() {
    let place = Place::new("mute").await;
    create(&place.client().await, "/a", "{}").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Mute);
    let hosts = place.through(&relay.address());
    let commands = [
        "plan a.zkt",
        "apply -y a.zkt",
        "diff live a.zkt",
        "watch --once a.zkt",
        "export",
        "ls",
        "get /a",
        "set /a x=1",
        "resolve /a",
        "ln /a /b",
        "rm /a",
        "graph --live",
        "register /a h:1",
        "register /a h:1 -- sleep 600",
        "discover /a",
        "discover --watch /a",
    ];
    let started = Instant::now();
    let running = commands.map(|command| {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let words = format!("{verb} --request-timeout 500ms -c {hosts} {rest}");
        (command, place.command(&words).spawn().unwrap())
    });
    for (command, child) in running {
        let run = place.finish(child);
        assert!([1, 2].contains(&run.code), "{command}: {run}");
        assert!(run.stderr.contains("error: "), "{command}: {run}");
        let words = [
            "no answer within",
            "there is no answer",
            "no ZooKeeper server answered",
        ];
        let is_told = words.iter().any(|words| run.stderr.contains(words));
        assert!(is_told, "{command}: {run}");
    }
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_service_gets_over_any_reply_that_is_too_short() {
    let place = Place::new("short-service").await;
    let client = place.client().await;
    create(&client, "/svc", "{}").await;
    create(&client, "/svc/h:1", "{}").await;
    let relay = Relay::to(shared().port()).await;
    let hosts = place.through(&relay.address());
    // The first one is about the chroot: one that is too short says that there is none.
    for frame in 1..6 {
        relay.set(Mode::ShortenReply(frame));
        let words = format!("discover --request-timeout 1s -c {hosts} /svc");
        let run = place.finish(place.command(&words).spawn().unwrap());
        assert_eq!(run.expect(0).stdout, "h:1\n", "{frame}");
        relay.set(Mode::ShortenReply(frame));
        let words = format!("register --request-timeout 1s -c {hosts} /svc h:2 -- true");
        let run = place.finish(place.command(&words).spawn().unwrap());
        assert!(!run.stderr.contains("panicked"), "{frame}: {run}");
        run.expect(0);
    }
}

/// Applies through a relay that does this once, and checks what is told against what stands.
async fn apply_through(mode: Mode) {
    let place = Place::new("lossy").await;
    place.file("a.zkt", "/a\n  x = 1\n  /b\n");
    let relay = Relay::to(shared().port()).await;
    relay.set(mode);
    let hosts = place.through(&relay.address());
    let words = format!("apply -y --request-timeout 1s -c {hosts} a.zkt");
    let run = place.finish(place.command(&words).spawn().unwrap());
    assert!(!run.stderr.contains("panicked"), "{mode:?}: {run}");
    assert_ne!(run.code, 101, "{mode:?}: {run}");
    if run.code == 0 {
        let shown = place.nodes().await;
        assert!(shown.contains("/a/b"), "{mode:?}: {run}{shown}");
    } else {
        assert!(run.stderr.contains("error: "), "{mode:?}: {run}");
    }
    place.run("apply -y a.zkt").expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_one_frame_may_be_swallowed() {
    let started = Instant::now();
    for way in [Way::Request, Way::Reply] {
        for frame in 0..5 {
            apply_through(Mode::SwallowFrame(way, frame)).await;
        }
    }
    assert!(started.elapsed() < 2 * SOON, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_one_reply_may_be_too_short() {
    for frame in 0..5 {
        apply_through(Mode::ShortenReply(frame)).await;
    }
    let place = Place::new("short-reply").await;
    create(&place.client().await, "/a", "{}").await;
    let relay = Relay::to(shared().port()).await;
    let hosts = place.through(&relay.address());
    for command in ["get /a", "set /a x=1", "ls", "rm -n /a", "export"] {
        for frame in 0..4 {
            relay.set(Mode::ShortenReply(frame));
            let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
            let words = format!("{verb} --request-timeout 1s -c {hosts} {rest}");
            let run = place.finish(place.command(&words).spawn().unwrap());
            assert!(!run.stderr.contains("panicked"), "{command} {frame}: {run}");
            assert!([0, 1].contains(&run.code), "{command} {frame}: {run}");
        }
    }
}

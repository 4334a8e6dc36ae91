//! A server that comes back after an outage.

use std::time::{Duration, Instant};

use zkt::declare::files::Disk;
use zkt::model::path::ZPath;
use zkt::plan::scope::Filter;
use zkt::{reconcile, watch, zookeeper::session};

use super::super::Place;
use super::status::{ask, listening};
use super::{Watching, becomes};
use crate::relay::{Mode, Relay};
use crate::server::{options, shared};

/// What a watch of `a.zkt` does whose own attempts never come again in the time that a test takes.
fn patient(place: &Place, session: session::Options) -> watch::Options {
    let hour = Duration::from_secs(60 * 60);
    watch::Options {
        layers: watch::WatchedLayers {
            names: vec![place.path("a.zkt").display().to_string()],
            place: ZPath::root(),
            allow_empty: false,
            filter: Filter::default(),
            wording: watch::Wording::default(),
            files: Disk::default(),
            secrets: zkt::SecretSources::none(),
            below_chroot: true,
        },
        session,
        mode: watch::Mode::Enforce,
        plan: reconcile::Options {
            retries: 0,
            ..reconcile::Options::default()
        },
        pace: watch::Pace {
            interval: hour,
            first_backoff: hour,
            longest_backoff: hour,
            ..watch::Pace::default()
        },
        poll: None,
        elect: None,
        history: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_back_as_soon_as_the_server_is() {
    let place = Place::new("back").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Refuse);
    let options = patient(&place, options(&place.through(&relay.address())));
    let (_commands, mut received) = tokio::sync::mpsc::channel(1);
    let shown = tokio::sync::watch::Sender::new(watch::State::new());
    let mut states = shown.subscribe();
    let running = watch::run(options, &mut received, &shown);
    let returning = async {
        let failed = states.wait_for(|state| !state.history.is_empty());
        drop(failed.await.unwrap());
        relay.set(Mode::Forward);
        becomes(&place.client().await, "/a", Some("{\"x\":1}")).await;
    };
    tokio::select! {
        () = running => panic!("it has ended"),
        () = returning => {}
    }
}

/// Only a server that could not be reached ends the wait when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn other_failures_wait_their_time() {
    let place = Place::new("back-missing").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let missing = format!("127.0.0.1:{}/there-is-no-such-chroot", shared().port());
    let options = patient(&place, options(&missing));
    let (_commands, mut received) = tokio::sync::mpsc::channel(1);
    let shown = tokio::sync::watch::Sender::new(watch::State::new());
    let mut states = shown.subscribe();
    let running = watch::run(options, &mut received, &shown);
    let turning = async {
        let failed = states.wait_for(|state| !state.history.is_empty());
        let mut turned = failed.await.unwrap().turned;
        for _ in 0..3 {
            let next = states.wait_for(|state| state.turned > turned).await;
            let state = next.unwrap();
            assert_eq!(state.history.len(), 1);
            turned = state.turned;
        }
    };
    tokio::select! {
        () = running => panic!("it has ended"),
        () = turning => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_does_not_answer_is_reported_and_outlived() {
    let place = Place::new("mute-watch").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Mute);
    let hosts = place.through(&relay.address());
    let words = format!("--request-timeout 300ms -c {hosts} a.zkt");
    let mut watching = Watching::start(&place, &words);
    let told = watching.says(&["no answer"]).await;
    assert!(
        told.contains("request timeout") || told.contains("there is no answer"),
        "{told}"
    );
    relay.set(Mode::Forward);
    becomes(&place.client().await, "/a", Some("{\"x\":1}")).await;
    assert_eq!(watching.stop().0, Some(0));
}

/// Waits until this is told: what is shown follows the line of the log.
pub(super) async fn until_told(address: &str, path: &str, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, told) = ask(address, "GET", path);
        if told.contains(what) {
            return;
        }
        assert!(Instant::now() < deadline, "{told}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Why there is no connection is said, in the log, on the page and to probes.
#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_an_outage_is_said() {
    let place = Place::new("outage").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(shared().port()).await;
    let hosts = place.through(&relay.address());
    let words = format!("-c {hosts} a.zkt --interval 1h");
    let (mut watching, address) = listening(&place, &words).await;
    watching.says(&["reconciled", "applied"]).await;
    relay.set(Mode::Refuse);
    relay.cut();
    let line = watching.says(&["WARN", "no server makes a session"]).await;
    let server = relay.address();
    assert!(
        line.contains(&format!(
            "{server}: it accepts the connection and closes it"
        )),
        "{line}"
    );
    let why = format!("the connection is lost: {server}: it accepts");
    for path in ["/status", "/readyz"] {
        until_told(&address, path, &why).await;
    }
    relay.set(Mode::Forward);
    watching.says(&["connected again"]).await;
    until_told(&address, "/readyz", "ok").await;
    assert_eq!(watching.count(&["no server makes a session"]), 1);
}

/// Nothing was ever reached: the line of the reconcile says why, and so does the probe.
#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_no_session_is_said() {
    let place = Place::at("127.0.0.1:1");
    place.file("a.zkt", "/a\n");
    let words = "a.zkt --interval 1h --session-timeout 4s";
    let (mut watching, address) = listening(&place, words).await;
    let refused = "127.0.0.1:1/: the connection is refused";
    watching.says(&["cannot reconcile", refused]).await;
    let why = format!("there is no session: cannot reach a ZooKeeper server at {refused}");
    until_told(&address, "/readyz", &why).await;
}

/// A server that hangs is told from one that is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_said() {
    let place = Place::new("hangs").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(shared().port()).await;
    let hosts = place.through(&relay.address());
    let words = format!("-c {hosts} a.zkt --interval 1h --session-timeout 40s");
    let (mut watching, address) = listening(&place, &words).await;
    watching.says(&["reconciled"]).await;
    relay.set(Mode::Stall);
    relay.cut();
    let server = relay.address();
    let silent = "it accepts the connection, but does not answer";
    let why = format!("the connection is lost: {server}: {silent}");
    until_told(&address, "/readyz", &why).await;
    assert_eq!(watching.stop().0, Some(0));
}

/// What is shown of the servers changes between the attempts to connect.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_reason_is_shown_before_the_next_attempt() {
    let place = Place::new("other-reason").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Refuse);
    let options = patient(&place, options(&place.through(&relay.address())));
    let (_commands, mut received) = tokio::sync::mpsc::channel(1);
    let shown = tokio::sync::watch::Sender::new(watch::State::new());
    let mut states = shown.subscribe();
    let running = watch::run(options, &mut received, &shown);
    let telling = async {
        let failed = states.wait_for(|state| !state.history.is_empty());
        let before = failed.await.unwrap().outage.clone().unwrap();
        relay.set(Mode::Stall);
        let new = states.wait_for(|state| state.outage.as_ref() != Some(&before));
        let new = new.await.unwrap().clone();
        (before, new)
    };
    let told = tokio::time::timeout(Duration::from_secs(60), async {
        tokio::select! {
            () = running => panic!("it has ended"),
            told = telling => told,
        }
    });
    let (before, new) = told.await.expect("a new reason");
    assert_eq!(new.history.len(), 1);
    let (start, closes) = before.split_once(": ").unwrap();
    assert_eq!(
        closes,
        "it accepts the connection and closes it (no quorum, or a TLS port?)"
    );
    let silent = format!("{start}: it accepts the connection, but does not answer");
    assert_eq!(new.outage, Some(silent));
}

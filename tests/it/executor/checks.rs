//! Batches of one stage whose nodes are checked before: each after its own check, checks and writes
//! together in flight.

use std::time::Duration;

use zkt::model::plan::Action;
use zkt::zookeeper::executor::{Event, Report, Stop, execute};
use zkt::zookeeper::session::{Options, Session};
use zookeeper_client::Client;

use super::flight::flight;
use super::{as_seen, batch_fates, create, done, fates, plan, run, shown, stop, update};
use crate::relay::{EXISTS, Frame, MULTI, Mode, Relay, Way};
use crate::server::{options, shared};

/// Nodes that are to be updated, through a relay.
struct Updates {
    relay: Relay,
    session: Session,
    direct: Session,
    other: Client,
    actions: Vec<Action>,
}

impl Updates {
    async fn new(count: usize) -> Self {
        Self::within(Duration::from_secs(60), count).await
    }

    /// With this limit on each request.
    async fn within(limit: Duration, count: usize) -> Self {
        let server = shared();
        let place = server.chroot("checks").await;
        let relay = Relay::to(server.port()).await;
        let through = Options {
            request_timeout: Some(limit),
            ..options(&(relay.address() + &place))
        };
        let hosts = server.address() + &place;
        let session = Session::connect(&through).await.unwrap();
        let direct = Session::connect(&options(&hosts)).await.unwrap();
        let other = Client::connect(&hosts).await.unwrap();
        let paths: Vec<String> = (0..count).map(|i| format!("/n{i:02}")).collect();
        for path in &paths {
            create(&other, path, "old").await;
        }
        let updates = paths.iter().map(|path| update(path, 0, Some("ours"), None));
        let actions = as_seen(&direct, updates.collect()).await;
        Self {
            relay,
            session,
            direct,
            other,
            actions,
        }
    }

    async fn run(&self, window: usize) -> Report {
        run(&self.session, self.actions.clone(), &flight(1, window)).await
    }

    /// Runs, with the relay in this mode from the start of the batch on.
    async fn run_with(&self, window: usize, mode: Mode, from: usize) -> Report {
        let switch = self.relay.switch();
        let mut events = |event: &Event| {
            if matches!(event, Event::Starting(batch) if batch.index == from) {
                switch(mode);
            }
        };
        let plan = plan(self.actions.clone());
        execute(&self.session, &plan, &flight(1, window), &mut events).await
    }

    /// What stands, as fates.
    async fn standing(&self) -> String {
        let shown = shown(&self.direct).await;
        let letter = |line: &str| if line.contains("\"ours\"") { '+' } else { '-' };
        shown.lines().map(letter).collect()
    }
}

/// The order of the requests does not depend on when answers come: the check of a batch is right
/// behind the write in whose place it comes.
#[tokio::test]
async fn a_batch_is_sent_after_its_own_check_and_checks_overlap_with_writes() {
    let count = 6;
    for window in 1..=4 {
        let updates = Updates::new(count).await;
        updates.relay.record();
        let report = updates.run(window).await;
        assert_eq!((stop(&report), done(&report)), (String::new(), count));
        let frames = updates.relay.recorded();
        let requests: String = frames.iter().filter_map(|frame| letter(frame)).collect();
        let expected = "c".repeat(window) + &"wc".repeat(count - window) + &"w".repeat(window);
        assert_eq!(requests, expected);
        let answered = |kind: &str, before: usize| {
            let asked = frames.iter().filter(|frame| letter(frame) == Some(kind));
            let mut numbers = asked.map(|frame| frame.number);
            let frames = &frames[..before];
            let is_answered = |number| {
                frames
                    .iter()
                    .any(|frame| (frame.way, frame.number) == (Way::Reply, number))
            };
            numbers
                .position(|number| !is_answered(number))
                .unwrap_or(count)
        };
        let writes = frames.iter().enumerate();
        let writes = writes.filter(|(_, frame)| letter(frame) == Some("w"));
        for (batch, (at, _)) in writes.enumerate() {
            assert!(answered("c", at) > batch, "{window} {batch} {frames:?}");
            assert!(
                answered("w", at) + window > batch,
                "{window} {batch} {frames:?}"
            );
        }
    }
}

/// A check of one node, or a write of one batch.
fn letter(frame: &Frame) -> Option<&'static str> {
    match frame.kind? {
        EXISTS => Some("c"),
        MULTI => Some("w"),
        _ => None,
    }
}

/// What is in flight is done, and nothing after the node that was replaced meanwhile.
#[tokio::test]
async fn a_node_that_is_replaced_while_batches_before_it_are_in_flight_is_not_written() {
    for window in 1..=4 {
        let updates = Updates::new(8).await;
        let at = format!("/n{window:02}");
        updates.relay.set(Mode::HoldWrite);
        let replace = async {
            updates.relay.holds_a_write().await;
            updates.other.delete(&at, None).await.unwrap();
            create(&updates.other, &at, "theirs").await;
            updates.relay.set(Mode::Forward);
        };
        let (report, ()) = tokio::join!(updates.run(window), replace);
        assert_eq!(
            stop(&report),
            format!("{at}: it was deleted and created again meanwhile")
        );
        let expected = format!("{:-<8}", "+".repeat(window));
        assert_eq!(batch_fates(&report), "+".repeat(window));
        assert_eq!(fates(&report), expected);
        assert_eq!(updates.standing().await, expected);
    }
}

/// A connection that is lost before anything was sent costs nothing but time.
#[tokio::test]
async fn checks_that_are_lost_are_made_again() {
    for mode in [Mode::CutBeforeRequest, Mode::CutBeforeReply] {
        let updates = Updates::new(8).await;
        updates.relay.set(mode);
        let report = updates.run(3).await;
        assert_eq!((stop(&report), done(&report)), (String::new(), 8));
    }
}

/// The check that is lost is made again and says nothing against its batch, but a write was lost with
/// it.
#[tokio::test]
async fn after_a_check_that_is_lost_with_a_write_nothing_more_is_sent() {
    let updates = Updates::new(8).await;
    // What is answered: two checks and a write, then the third check and the second write.
    let mode = Mode::LoseFrames(Way::Reply, 3, 2);
    updates.relay.set(mode);
    let report = updates.run(2).await;
    assert!(
        matches!(
            report.stop,
            Some(Stop::Disconnected {
                in_flight: 1,
                committed: true,
                ..
            })
        ),
        "{report:?}"
    );
    assert_eq!(fates(&report), "++------");
    assert_eq!(updates.standing().await, "++------");
}

/// What is in flight with a check that is never answered is waited for.
#[tokio::test]
async fn after_a_check_that_fails_nothing_more_is_sent() {
    let updates = Updates::within(Duration::from_secs(3), 8).await;
    updates.relay.set(Mode::SwallowFrame(Way::Reply, 3));
    let report = updates.run(2).await;
    assert!(
        matches!(report.stop, Some(Stop::Disconnected { in_flight: 0, .. })),
        "{report:?}"
    );
    assert_eq!(batch_fates(&report), "++");
    assert_eq!(fates(&report), "++------");
    assert_eq!(updates.standing().await, "++------");
}

/// A cut that no write is in flight with is made up for.
#[tokio::test]
async fn a_cut_among_checks_and_writes_is_reported_truthfully() {
    for mode in [Mode::CutBeforeRequest, Mode::CutBeforeReply] {
        for from in 0..4 {
            let updates = Updates::new(8).await;
            let report = updates.run_with(3, mode, from).await;
            assert!(
                matches!(report.stop, None | Some(Stop::Disconnected { .. })),
                "{report:?}"
            );
            assert_eq!(fates(&report), updates.standing().await, "{report:?}");
        }
    }
}

/// Were each check and each write waited for by itself, it would take far more than the limit.
#[tokio::test]
async fn a_server_that_falls_silent_among_checks_and_writes_is_waited_for_once() {
    let updates = Updates::within(Duration::from_secs(3), 200).await;
    let running = updates.run_with(50, Mode::Mute, 3);
    let limit = Duration::from_secs(60);
    let report = tokio::time::timeout(limit, running).await.unwrap();
    assert!(
        matches!(report.stop, Some(Stop::Uncertain { .. })),
        "{report:?}"
    );
}

//! Lost connections and silent servers: what the report says of each batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zkt::model::node::DataVersion;
use zkt::model::plan::{Action, Trim};
use zkt::zookeeper::executor::{Event, ExecuteOptions, Fate, Report, Stop, execute};
use zkt::zookeeper::session::{Options, Session};
use zookeeper_client::Client;

use crate::relay::{Mode, Relay};
use crate::server::{options, shared};

use super::flight::Spy;
use super::{add, batch_fates, fates, one_at_a_time, path, plan, shown, split};

/// Runs three batches of two through a relay that misbehaves on the second one.
async fn run_through(mode: Mode, session_timeout: Duration) -> (Report, String) {
    let server = shared();
    let place = server.chroot("relayed").await;
    let relay = Relay::to(server.port()).await;
    let through = Options {
        session_timeout,
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&through).await.unwrap();
    let switch = relay.switch();
    let mut events = |event: &Event| match event {
        Event::Starting(batch) if batch.index == 1 => switch(mode),
        _ => {}
    };
    let actions = (0..6)
        .map(|i| add(&format!("/n{i}"), &i.to_string()))
        .collect();
    let quick = ExecuteOptions {
        recovery: Duration::from_secs(2),
        ..one_at_a_time(2)
    };
    let report = execute(&session, &plan(actions), &quick, &mut events).await;
    let direct = Session::connect(&options(&(server.address() + &place)))
        .await
        .unwrap();
    (report, shown(&direct).await)
}

#[tokio::test]
async fn a_connection_cut_before_the_commit_is_reported_truthfully() {
    let (report, shown) = run_through(Mode::CutBeforeRequest, Duration::from_secs(10)).await;
    assert!(
        matches!(
            report.stop,
            Some(Stop::Disconnected {
                committed: false,
                ..
            })
        ),
        "{report:?}"
    );
    assert_eq!(fates(&report), "++----");
    assert_eq!(batch_fates(&report), "+-");
    assert_eq!(shown.lines().count(), 2);
}

#[tokio::test]
async fn a_connection_cut_after_the_commit_is_reported_truthfully() {
    let (report, shown) = run_through(Mode::CutBeforeReply, Duration::from_secs(10)).await;
    assert!(
        matches!(
            report.stop,
            Some(Stop::Disconnected {
                committed: true,
                ..
            })
        ),
        "{report:?}"
    );
    assert_eq!(fates(&report), "++++--");
    assert_eq!(batch_fates(&report), "++");
    assert_eq!(shown.lines().count(), 4);
}

/// What is missing may have been created and deleted again.
#[tokio::test]
async fn a_lost_creation_that_was_undone_is_unknown() {
    let server = shared();
    let place = server.chroot("undone").await;
    let relay = Relay::to(server.port()).await;
    let through = options(&(relay.address() + &place));
    let session = Session::connect(&through).await.unwrap();
    let hosts = server.address() + &place;
    let other = Client::connect(&hosts).await.unwrap();
    let mut spy = Spy::on(&hosts).await;
    let switch = relay.switch();
    let mut events = |event: &Event| match event {
        Event::Starting(batch) if batch.index == 1 => switch(Mode::CutBeforeReplyForGood),
        _ => {}
    };
    let undo = async {
        for name in ["/n0", "/n1", "/n2", "/n3"] {
            spy.sees(name).await;
        }
        other.delete("/n2", None).await.unwrap();
        other.delete("/n3", None).await.unwrap();
        relay.set(Mode::Forward);
    };
    let actions = (0..6).map(|i| add(&format!("/n{i}"), "ours")).collect();
    let (plan, options) = (plan(actions), one_at_a_time(2));
    let running = execute(&session, &plan, &options, &mut events);
    let (report, ()) = tokio::join!(running, undo);
    assert!(
        matches!(report.stop, Some(Stop::Uncertain { .. })),
        "{report:?}"
    );
    assert_eq!(fates(&report), "++??--");
}

#[tokio::test]
async fn swallowed_replies_are_noticed_and_reported_truthfully() {
    // The relay swallows all replies for good, so that nothing can be found out.
    let started = Instant::now();
    let (report, shown) = run_through(Mode::Swallow, Duration::from_secs(1)).await;
    assert!(
        matches!(report.stop, Some(Stop::Uncertain { .. })),
        "{report:?}"
    );
    assert_eq!(fates(&report), "++??--");
    assert_eq!(shown.lines().count(), 4);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn without_a_server_to_ask_it_is_uncertain() {
    let started = Instant::now();
    let (report, shown) = run_through(Mode::CutBeforeReplyForGood, Duration::from_secs(10)).await;
    let Some(Stop::Uncertain { actions, .. }) = &report.stop else {
        panic!("{report:?}")
    };
    assert_eq!(*actions, 2..4);
    assert_eq!(shown.lines().count(), 4);
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// A look of an hour, which the session's request timeout bounds: the timeout of the test is far from
/// both.
#[tokio::test]
async fn the_look_for_what_happened_keeps_to_the_request_timeout() {
    let server = shared();
    let place = server.chroot("bounded-look").await;
    let relay = Relay::to(server.port()).await;
    let through = Options {
        request_timeout: Some(Duration::from_secs(1)),
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&through).await.unwrap();
    let switch = relay.switch();
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(_)) {
            switch(Mode::CutBeforeReplyForGood);
        }
    };
    let patient = ExecuteOptions {
        recovery: Duration::from_secs(3600),
        ..one_at_a_time(2)
    };
    let plan = plan(vec![add("/a", "1")]);
    let executing = execute(&session, &plan, &patient, &mut events);
    let limit = Duration::from_secs(120);
    let report = tokio::time::timeout(limit, executing).await.unwrap();
    assert!(
        matches!(report.stop, Some(Stop::Uncertain { .. })),
        "{report:?}"
    );
}

/// The looks at many nodes share one deadline: were each asked for a few times by itself, it would take
/// far more than the limit.
#[tokio::test]
async fn lost_connections_before_a_batch_have_one_deadline() {
    let server = shared();
    let place = server.chroot("lost-looks").await;
    let relay = Relay::to(server.port()).await;
    let session = Session::connect(&options(&(relay.address() + &place)))
        .await
        .unwrap();
    let plan = plan(trims_of_unseen_nodes());
    let short = ExecuteOptions {
        recovery: Duration::from_secs(1),
        ..ExecuteOptions::default()
    };
    let mut events = |_: &Event| {};
    let cut = async {
        loop {
            relay.set(Mode::CutBeforeReply);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let limit = Duration::from_secs(120);
    let executing = tokio::time::timeout(limit, execute(&session, &plan, &short, &mut events));
    let report = tokio::select! {
        report = executing => report.unwrap(),
        () = cut => unreachable!(),
    };
    assert!(
        matches!(report.stop, Some(Stop::Disconnected { in_flight: 0, .. })),
        "{report:?}"
    );
    assert!(report.fates.iter().all(|fate| *fate == Fate::NotDone));
}

fn trims_of_unseen_nodes() -> Vec<Action> {
    let seen = Some(zkt::model::node::Zxids {
        created: 1,
        modified: 1,
    });
    let trim = |i| {
        Action::Trim(Trim {
            path: path(&format!("/n{i:04}")),
            expected_version: DataVersion::NEW,
            seen,
        })
    };
    (0..2000).map(trim).collect()
}

/// One silence ends the look at all nodes that are to be written: were each waited for by itself, it
/// would take far more than the limit.
#[tokio::test]
async fn a_silent_server_is_waited_for_once_before_a_batch() {
    let server = shared();
    let place = server.chroot("silent-look").await;
    let relay = Relay::to(server.port()).await;
    let through = Options {
        session_timeout: Duration::from_secs(40),
        request_timeout: Some(Duration::from_secs(1)),
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&through).await.unwrap();
    relay.set(Mode::Mute);
    let plan = plan(trims_of_unseen_nodes());
    let (options, mut events) = (ExecuteOptions::default(), |_: &Event| {});
    let executing = execute(&session, &plan, &options, &mut events);
    let limit = Duration::from_secs(120);
    let report = tokio::time::timeout(limit, executing).await.unwrap();
    assert!(
        matches!(report.stop, Some(Stop::Disconnected { .. })),
        "{report:?}"
    );
    assert!(report.fates.iter().all(|fate| *fate == Fate::NotDone));
}

#[tokio::test]
async fn a_loss_that_outlasts_the_session_is_reported_truthfully() {
    let server = shared();
    let place = server.chroot("outlast").await;
    let relay = Relay::to(server.port()).await;
    let short = Options {
        session_timeout: Duration::from_secs(1),
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&short).await.unwrap();
    let switch = Arc::new(relay.switch());
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(_)) {
            switch(Mode::CutBeforeReplyForGood);
            let switch = switch.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(3)).await;
                switch(Mode::Forward);
            });
        }
    };
    let report = execute(
        &session,
        &plan(vec![add("/a", "1")]),
        &split(1),
        &mut events,
    )
    .await;
    assert!(session.is_dead());
    assert!(
        matches!(
            report.stop,
            Some(Stop::Disconnected {
                committed: true,
                ..
            })
        ),
        "{report:?}"
    );
    assert_eq!(fates(&report), "+");
}

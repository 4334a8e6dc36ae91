//! Plans whose server is killed while they are executed, and comes back with what it had written.

use std::time::Duration;

use zkt::model::plan::Action;
use zkt::zookeeper::executor::{Event, Fate, Stop, execute};
use zkt::zookeeper::session::Session;

use super::process::Server;
use crate::executor::flight::flight;
use crate::executor::{add, done, fates, one_at_a_time, plan, run_all, shown};
use crate::relay::{Mode, Relay};
use crate::server::options;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_midway_is_reported_truthfully() {
    let server = Server::start();
    let session = Session::connect(&options(&server.address())).await.unwrap();
    let actions: Vec<Action> = (0..10).map(|i| add(&format!("/n{i}"), "data")).collect();
    let plan = plan(actions.clone());
    let mut restarting = None;
    let mut running = Some(server);
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(batch) if batch.index == 2) {
            let mut server = running.take().unwrap();
            server.kill();
            restarting = Some(std::thread::spawn(move || {
                server.restart();
                server
            }));
        }
    };
    let report = execute(&session, &plan, &one_at_a_time(2), &mut events).await;
    let server = restarting.unwrap().join().unwrap();
    // A request that is made after the loss was noticed waits until the server is back.
    match &report.stop {
        None => assert_eq!(fates(&report), "++++++++++"),
        Some(Stop::Disconnected {
            committed: false, ..
        }) => assert_eq!(fates(&report), "++++------"),
        Some(stop) => panic!("{stop}"),
    }
    let session = Session::connect(&options(&server.address())).await.unwrap();
    let done = done(&report);
    assert_eq!(shown(&session).await.lines().count(), done);
    let report = run_all(&session, actions[done..].to_vec()).await;
    assert_eq!(report.stop, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_before_the_server_was_killed_stands() {
    let mut server = Server::start();
    let relay = Relay::to(server.port()).await;
    let session = Session::connect(&options(&relay.address())).await.unwrap();
    let switch = relay.switch();
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(batch) if batch.index == 2) {
            switch(Mode::CutBeforeReplyForGood);
        }
    };
    let plan = plan((0..10).map(|i| add(&format!("/n{i}"), "data")).collect());
    let restart = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        tokio::task::block_in_place(|| {
            server.kill();
            server.restart();
        });
        relay.set(Mode::Forward);
    };
    let limits = one_at_a_time(2);
    let (report, ()) = tokio::join!(execute(&session, &plan, &limits, &mut events), restart);
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
    assert_eq!(fates(&report), "++++++----");
    assert_eq!(shown(&session).await.lines().count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_with_several_in_flight_is_reported_truthfully() {
    let mut server = Some(Server::start());
    for index in [2, 4, 7] {
        let mut running = server.take();
        let address = running.as_ref().unwrap().address();
        let session = Session::connect(&options(&address)).await.unwrap();
        let actions: Vec<Action> = (0..20)
            .map(|i| add(&format!("/k{index}-{i:02}"), "data"))
            .collect();
        let plan = plan(actions.clone());
        let mut restarting = None;
        let mut events = |event: &Event| {
            if matches!(event, Event::Starting(batch) if batch.index == index)
                && let Some(mut server) = running.take()
            {
                server.kill();
                restarting = Some(std::thread::spawn(move || {
                    server.restart();
                    server
                }));
            }
        };
        let report = execute(&session, &plan, &flight(2, 4), &mut events).await;
        let restarted = restarting.unwrap().join().unwrap();
        assert!(!fates(&report).contains('?'), "{report:?}");
        let session = Session::connect(&options(&address)).await.unwrap();
        let shown = shown(&session).await;
        let nodes = shown
            .lines()
            .filter(|line| line.starts_with(&format!("/k{index}-")));
        let done = |fate: &Fate| *fate == Fate::Done;
        let count = report.fates.iter().filter(|fate| done(fate)).count();
        assert_eq!(nodes.count(), count, "{report:?}\n{shown}");
        let left = actions.iter().zip(&report.fates);
        let left = left.filter(|(_, fate)| !done(fate));
        let left = left.map(|(action, _)| action.clone()).collect();
        let rest = run_all(&session, left).await;
        assert_eq!(rest.stop, None);
        server = Some(restarted);
    }
}

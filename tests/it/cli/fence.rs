//! Two applies of one owner at the same time.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout};

use super::Place;
use super::apply::{held_after, large};
use super::owner::claims;
use crate::relay::{Mode, Relay};
use crate::server::shared;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_second_apply_fences_the_first_off() {
    let place = Place::new("owner-fence").await;
    place.file("a.zkt", large()).file("b.zkt", "/b\n");
    // One batch came through.
    let (relay, child) = held_after(2, &place, "apply -y --owner team a.zkt").await;
    place.run("apply -y --owner team b.zkt").expect(0);
    relay.set(Mode::Forward);
    let run = place.finish(child).expect(4);
    let (first, _) = run.stderr.split_once(", by ").unwrap();
    assert!(
        first.starts_with("error: another apply of the owner team has begun at 20"),
        "{run}"
    );
    assert!(
        run.stderr.contains("\nhint: nothing was written since"),
        "{run}"
    );
    // What the first had written before is in the record.
    place.run("apply -y --owner team a.zkt").expect(0);
    let found = claims(&place, "team").await;
    assert!(
        !found.contains("Adopted") && found.contains("/a/n3 Created"),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_apply_that_loses_its_connection_does_not_go_on_past_one_that_has_ended() {
    let place = Place::new("fence-loss").await;
    place.file("a.zkt", large()).file("b.zkt", "/b\n");
    place.run("apply -y --owner team b.zkt").expect(0);
    let (relay, child) = held_after(1, &place, "apply -y --owner team a.zkt").await;
    place.file("b.zkt", "/b\n  x = 1\n");
    place.run("apply -y --owner team b.zkt").expect(0);
    relay.cut();
    relay.set(Mode::Forward);
    let run = place.finish(child).expect(4);
    assert!(
        run.stderr
            .contains("error: another apply of the owner team has begun at 20"),
        "{run}"
    );
}

/// Waits until an apply that has nothing to write has said so, and has asked the server twice after that:
/// whether another apply is under way, or, if it disturbs that one, for the right to write.
/// Returns the rest of its output.
async fn asks_after_its_plan(relay: &Relay, child: &mut Child) -> BufReader<ChildStdout> {
    const PING: i32 = 11;
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = output.by_ref().lines();
    assert!(said.any(|line| line.unwrap().starts_with("No changes")));
    let mut asked = 0;
    while asked < 2 {
        relay.record();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let frames = relay.recorded();
        let kinds = frames.iter().filter_map(|frame| frame.kind);
        asked += kinds.filter(|kind| *kind != PING).count();
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
    }
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_apply_that_has_nothing_to_write_disturbs_no_other() {
    let place = Place::new("owner-idle").await;
    place.file("a.zkt", "/a\n");
    place.run("apply -y --owner team a.zkt").expect(0);
    for (is_dead, files) in [(false, "/a\n/c\n"), (true, "/a\n/c\n/d\n")] {
        place.file("a.zkt", files);
        // All of its plan stands, and its record does not say so yet.
        let (relay, first) = held_after(1, &place, "apply -y --owner team a.zkt").await;
        let to_second = Relay::to(shared().port()).await;
        let hosts = place.through(&to_second.address());
        let mut second = place.command(&format!("apply -y --owner team a.zkt -c {hosts}"));
        let mut second = second.spawn().unwrap();
        if is_dead {
            // It takes over from one that gets no further, and that one has nothing left to do.
            place.finish(second).expect(0);
            relay.set(Mode::Forward);
            place.finish(first).expect(0);
        } else {
            let output = asks_after_its_plan(&to_second, &mut second).await;
            relay.set(Mode::Forward);
            let first = place.finish(first).expect(0);
            assert!(!first.stderr.contains("planning again"), "{first}");
            place.finish(second).expect(0);
            drop(output);
        }
        let expected: String = files
            .lines()
            .map(|path| format!("{path} Created\n"))
            .collect();
        assert_eq!(claims(&place, "team").await, expected);
    }
}

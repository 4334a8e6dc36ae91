//! `apply`: what it writes, what it says, and how it ends where something is in its way.

mod conflicts;
mod interrupts;
mod lints;
mod output;
mod writes;

use std::time::Duration;

use tokio::time::timeout;

use crate::relay::{Mode, Relay};
use crate::server::shared;

use super::Place;

/// A relay that holds the first write, and an apply that has planned.
async fn held(place: &Place, words: &str) -> (Relay, std::process::Child) {
    held_after(0, place, words).await
}

/// The same, where so many writes pass before.
pub(super) async fn held_after(
    writes: usize,
    place: &Place,
    words: &str,
) -> (Relay, std::process::Child) {
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::HoldWriteAfter(writes));
    let hosts = place.through(&relay.address());
    let child = place
        .command(&format!("{words} -c {hosts}"))
        .spawn()
        .unwrap();
    let child = while_it_runs(relay.holds_a_write(), place, child).await;
    (relay, child)
}

/// Runs zkt until so many batches are in flight together, after so many that were committed. Those in
/// flight get nowhere.
pub(super) async fn in_flight_after(
    (writes, in_flight): (usize, u64),
    place: &Place,
    words: &str,
) -> (Relay, std::process::Child) {
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::SwallowWritesAfter(writes));
    let hosts = place.through(&relay.address());
    let mut command = place.command(&format!("{words} -c {hosts}"));
    let child = command.spawn().unwrap();
    let child = while_it_runs(relay.swallows_writes(in_flight), place, child).await;
    (relay, child)
}

/// Waits for something that this zkt brings about. One that has ended will not.
async fn while_it_runs(
    awaited: impl Future<Output = ()>,
    place: &Place,
    mut child: std::process::Child,
) -> std::process::Child {
    let mut awaited = std::pin::pin!(awaited);
    while timeout(Duration::from_millis(50), &mut awaited)
        .await
        .is_err()
    {
        let has_ended = child.try_wait().unwrap().is_some();
        assert!(!has_ended, "too early: {}", place.finish(child));
    }
    child
}

/// A tree that takes four batches, with little to show.
pub(super) fn large() -> String {
    let large = "x".repeat(400_000);
    let nodes = (0..4).map(|i| format!("  /n{i}\n    @secret x\n    x = '{large}'\n"));
    format!("/a\n{}", nodes.collect::<String>())
}

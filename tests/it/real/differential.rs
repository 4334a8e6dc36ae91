//! The embedded server beside the real one: whatever several sessions ask for, both answer alike.
//!
//! Both servers start empty and get the same requests, byte for byte. Replies, error codes, stats
//! and events are compared as they come; only numbers of sessions, passwords and clocks are taken
//! out of them before. So the two also count transactions alike, from the first to the last.
//!
//! Not asked for, as the embedded server does without: quotas and the super user. Nor are a `check`
//! that holds, which no server answers; a `createTTL` with flags for no time to live and a negative
//! one, which ends ZooKeeper 3.8.0; and a persistent watch on a null path, which it takes.

mod answers;
mod pair;
mod requests;
mod sides;
mod steps;

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

use pair::{Difference, Pair};
use requests::{Dice, join};
use steps::{Request, Step};

use crate::embedded::raw::{Body, create};

/// How many steps a round has; each round has two new servers.
const STEPS: usize = 2000;

/// How often a sequence that fails is tried again with less in it. Each attempt starts servers.
const ATTEMPTS: usize = 150;

/// `ZKT_LAWS` times as many rounds as usual; `ZKT_SEED` repeats one that failed.
#[test]
fn random_requests_are_answered_alike() {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().expect("a number"))
    };
    if let Some(seed) = number("ZKT_SEED") {
        return round(seed);
    }
    for _ in 0..number("ZKT_LAWS").unwrap_or(1) {
        round(RandomState::new().hash_one(0));
    }
}

/// What the first operations of a transaction would have done is forgotten with the transaction, also
/// where a later one cannot be read. Requests that follow without waiting may see it on the real server.
#[test]
fn a_transaction_that_breaks_off_takes_no_number() {
    let null_id = Body::new().int(1).int(31).text("ip").null();
    let breaking_off = [
        join(Body::new().text("/b").text(""), &null_id).int(0),
        create("/b", b"", 5),
    ];
    for breaking_off in breaking_off {
        let multi = [create("/a", b"", 2), breaking_off]
            .iter()
            .fold(Body::new(), |body, operation| {
                join(body.operation(1), operation)
            });
        let send = |opcode, body| Step::Send {
            client: 0,
            requests: vec![Request {
                opcode,
                since: None,
                body,
            }],
        };
        let steps = [send(14, multi.end()), send(1, create("/a", b"", 2))];
        if let Some(difference) = play(&steps) {
            panic!("{}", difference.text);
        }
    }
}

fn round(seed: u64) {
    let mut dice = Dice::new(seed);
    let steps: Vec<Step> = (0..STEPS).map(|_| dice.step()).collect();
    let Some(difference) = play(&steps) else {
        return;
    };
    let (steps, difference) = reduced(&steps, difference);
    let mut story = String::new();
    for step in &steps {
        _ = writeln!(story, "  {step}");
    }
    panic!(
        "the servers differ, again with ZKT_SEED={seed}; this is enough:\n{story}{}",
        difference.text
    );
}

/// The first difference, if there is any.
fn play(steps: &[Step]) -> Option<Difference> {
    let mut pair = Pair::start();
    let first = |(at, step)| {
        let text = pair.step(step).err()?;
        Some(Difference { at, text })
    };
    let difference = steps.iter().enumerate().find_map(first);
    difference.or_else(|| {
        let text = pair.end().err()?;
        let at = steps.len().saturating_sub(1);
        Some(Difference { at, text })
    })
}

/// Leaves out what the difference does not need, in ever smaller pieces.
fn reduced(steps: &[Step], mut difference: Difference) -> (Vec<Step>, Difference) {
    let mut kept = steps[..=difference.at].to_vec();
    let mut attempts = 0;
    let mut piece = kept.len().div_ceil(2);
    while piece > 0 {
        // From the end: what comes late needs what came before it.
        let mut end = kept.len();
        while end > 0 && attempts < ATTEMPTS {
            let start = end.saturating_sub(piece);
            let mut fewer = kept.clone();
            fewer.drain(start..end);
            attempts += 1;
            if let Some(found) = play(&fewer) {
                kept = fewer;
                kept.truncate(found.at + 1);
                difference = found;
            }
            end = start.min(kept.len());
        }
        piece /= 2;
    }
    // Then requests of those that are sent together.
    for at in 0..kept.len() {
        let mut request = 0;
        while let Some(step) = kept.get(at).and_then(|step| step.without(request)) {
            if attempts >= ATTEMPTS {
                break;
            }
            let mut fewer = kept.clone();
            fewer[at] = step;
            attempts += 1;
            match play(&fewer) {
                Some(found) => (kept, difference) = (fewer, found),
                None => request += 1,
            }
        }
    }
    (kept, difference)
}

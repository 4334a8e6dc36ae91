//! A clock that stands still but for what a test says.

use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A schedule after its first reconcile, and the time.
fn started() -> (Schedule, Instant) {
    let now = Instant::now();
    let mut schedule = Schedule::new(Pace::default(), 7, now);
    assert_eq!(schedule.due(now), Some(Cause::Start.into()));
    schedule.succeeded(now);
    (schedule, now + ms(1000))
}

fn causes(schedule: &mut Schedule, now: Instant) -> String {
    schedule
        .due(now)
        .map_or_else(|| "-".to_owned(), |c| c.to_string())
}

#[test]
fn files_are_waited_for_until_they_are_quiet() {
    let (mut schedule, now) = started();
    for i in 0..5 {
        schedule.note(Cause::Files, now + ms(i * 100));
    }
    let last = now + ms(400);
    assert_eq!(causes(&mut schedule, last + ms(199)), "-");
    assert_eq!(schedule.next(last), last + ms(200));
    assert_eq!(causes(&mut schedule, last + ms(200)), "files");
    schedule.succeeded(last + ms(200));
    assert_eq!(causes(&mut schedule, last + ms(5000)), "-");
}

#[test]
fn files_that_are_never_quiet_are_waited_for_two_seconds() {
    let (mut schedule, now) = started();
    let mut at = now;
    while at < now + ms(2000) {
        schedule.note(Cause::Files, at);
        assert_eq!(causes(&mut schedule, at), "-");
        at += ms(100);
    }
    assert_eq!(causes(&mut schedule, at), "files");
}

#[test]
fn the_live_tree_is_not_waited_for_but_gives_time_to_breathe() {
    let (mut schedule, now) = started();
    schedule.note(Cause::Live, now);
    assert_eq!(causes(&mut schedule, now), "live");
    schedule.succeeded(now + ms(3));
    schedule.note(Cause::Live, now + ms(4));
    assert_eq!(causes(&mut schedule, now + ms(12)), "-");
    assert_eq!(causes(&mut schedule, now + ms(13)), "live");
}

#[test]
fn what_is_known_is_dealt_with_together() {
    let (mut schedule, now) = started();
    schedule.note(Cause::Files, now);
    schedule.note(Cause::Live, now);
    assert_eq!(causes(&mut schedule, now), "files+live");
    assert_eq!(causes(&mut schedule, now + ms(300)), "-");
}

#[test]
fn the_timer_has_jitter_and_comes_again_and_again() {
    let (mut schedule, mut now) = started();
    now -= ms(1000);
    let mut gaps = Vec::new();
    for _ in 0..100 {
        let next = schedule.next(now);
        gaps.push((next - now).as_millis());
        assert_eq!(causes(&mut schedule, next), "timer");
        schedule.succeeded(next);
        now = next;
    }
    assert!(gaps.iter().all(|gap| (54_000..=66_000).contains(gap)));
    gaps.sort_unstable();
    assert!(gaps[99] - gaps[0] > 8_000, "{gaps:?}");
}

#[test]
fn failures_back_off_up_to_a_minute() {
    let (mut schedule, mut now) = started();
    let mut waits = Vec::new();
    for _ in 0..40 {
        let wait = schedule.failed(now);
        assert_eq!(schedule.next(now), now + wait);
        waits.push(wait);
        // Neither the live tree nor the timer shortens it.
        schedule.note(Cause::Live, now);
        assert_eq!(causes(&mut schedule, now + wait - ms(1)), "-");
        now += wait;
        assert!(
            schedule
                .due(now)
                .is_some_and(|causes| causes.has(Cause::Retry))
        );
    }
    for (i, wait) in waits.iter().enumerate() {
        let full = ms(500 * (1 << i.min(16))).min(ms(60_000));
        assert!(*wait >= full / 2 && *wait <= full, "{i}: {wait:?}");
    }
    schedule.succeeded(now);
    assert_eq!(schedule.failures(), 0);
    assert!(schedule.failed(now) <= ms(500));
}

#[test]
fn newer_files_a_new_session_and_people_end_the_wait_after_a_failure() {
    for (cause, wait) in [
        (Cause::Files, 200),
        (Cause::Session, 0),
        (Cause::Asked, 0),
        (Cause::Elected, 0),
    ] {
        let (mut schedule, now) = started();
        for _ in 0..10 {
            schedule.failed(now);
        }
        schedule.note(cause, now);
        assert_eq!(schedule.next(now), now + ms(wait));
        let causes = schedule.due(now + ms(wait)).unwrap();
        assert!(causes.has(cause) && causes.has(Cause::Retry), "{causes}");
    }
}

#[tokio::test(start_paused = true)]
async fn sleeping_until_the_next_moment_finds_it_due() {
    let (mut schedule, _) = started();
    let mut seen = Vec::new();
    schedule.note(Cause::Files, Instant::now());
    for _ in 0..3 {
        tokio::time::sleep_until(schedule.next(Instant::now())).await;
        seen.push(schedule.due(Instant::now()).unwrap().to_string());
        schedule.failed(Instant::now());
    }
    assert_eq!(seen, ["files", "retry", "retry"]);
}

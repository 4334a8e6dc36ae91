use super::*;
use crate::model::node::DataVersion;
use crate::model::plan::{HiddenValues, Trim};
use crate::model::value::Encoded;

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

fn add(text: &str) -> Action {
    Action::Add(crate::model::plan::Add {
        path: path(text),
        data: Encoded::object(b"{}"),
        raw: false,
        acl: None,
        secret: HiddenValues::default(),
        origin: None,
    })
}

fn trim(text: &str) -> Action {
    Action::Trim(Trim {
        path: path(text),
        expected_version: DataVersion::new(0).unwrap(),
        seen: None,
    })
}

fn plan(actions: Vec<Action>) -> Plan {
    Plan {
        actions,
        ..Plan::empty(ZPath::root())
    }
}

fn held() -> Held {
    Held::new(Duration::from_millis(500), Duration::from_secs(60))
}

fn split(held: &mut Held, plan: &Plan, now: Instant) -> String {
    let found = held.split(plan, &BTreeSet::new(), now).iter();
    let found: Vec<&str> = found.map(ZPath::as_str).collect();
    found.join(" ")
}

/// Repairs a node as often as it may be for so long, and somebody changes it back at once each time.
fn fight(held: &mut Held, start: Instant, seconds: u64) -> Vec<u64> {
    let fought = plan(vec![add("/a")]);
    let mut now = start;
    let mut repairs = Vec::new();
    while now < start + Duration::from_secs(seconds) {
        if split(held, &fought, now).is_empty() {
            held.repaired(&path("/a"), now);
            repairs.push((now - start).as_millis() as u64);
        }
        now += Duration::from_millis(10);
    }
    repairs
}

#[test]
fn a_node_that_is_changed_back_is_repaired_later_and_later_up_to_the_interval() {
    let mut held = held();
    let start = Instant::now();
    let repairs = fight(&mut held, start, 600);
    assert_eq!(repairs[..9], [0, 10, 20, 30, 40, 540, 1540, 3540, 7540]);
    let last: Vec<u64> = repairs.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(last[last.len() - 3..], [60_000; 3]);
    assert_eq!(held.nodes()[0].reason, HeldReason::Contended);

    // Once it was left alone for long enough it is like any other.
    let now = start + Duration::from_secs(800);
    assert_eq!(split(&mut held, &plan(Vec::new()), now), "");
    assert_eq!(split(&mut held, &plan(Vec::new()), now), "");
    assert_eq!(held.nodes(), []);
    assert_eq!(fight(&mut held, now, 1)[..6], [0, 10, 20, 30, 40, 540]);
}

#[test]
fn what_is_edited_now_and_then_is_repaired_at_once() {
    let mut held = held();
    let start = Instant::now();
    let edited = plan(vec![add("/a")]);
    for round in 0..100 {
        let now = start + Duration::from_secs(round * 61);
        assert_eq!(split(&mut held, &edited, now), "", "{round}");
        held.repaired(&path("/a"), now);
        assert_eq!(held.nodes(), []);
    }
}

#[test]
fn what_depends_on_a_node_waits_with_it_and_nothing_else_does() {
    let mut held = held();
    let now = Instant::now();
    held.refused(&path("/a/b"), "no".to_owned(), now);
    held.refused(&path("/t/u/v"), "no".to_owned(), now);
    let plan = plan(vec![
        add("/a"),
        add("/a/b"),
        add("/a/b-"),
        add("/a/b/c"),
        add("/a/b/c/d"),
        trim("/t/u/v"),
        trim("/t/u/w"),
        trim("/t/u"),
        trim("/t"),
        trim("/s"),
    ]);
    let waiting = "/a/b /a/b/c /a/b/c/d /t /t/u /t/u/v";
    assert_eq!(split(&mut held, &plan, now), waiting);
    assert_eq!(held.refusal(), Some(("no".to_owned(), 1)));
    assert_eq!(held.next(), Some(now + Duration::from_millis(500)));
    // Somebody wants to see it done.
    held.lift(now);
    assert_eq!(split(&mut held, &plan, now), "");
}

#[test]
fn what_was_refused_and_is_as_declared_is_forgotten() {
    let mut held = held();
    let now = Instant::now();
    for i in 0..3 {
        let now = now + Duration::from_secs(i * 100);
        held.refused(&path("/a"), "no".to_owned(), now);
    }
    assert_eq!(held.nodes()[0].times, 3);
    split(&mut held, &plan(Vec::new()), now);
    assert_eq!(held.nodes(), []);
}

#[test]
fn a_fight_that_only_the_other_side_holds_back_is_named_once_too() {
    let mut held = held();
    let start = Instant::now();
    let fought = plan(vec![add("/a")]);
    let mut warned = Vec::new();
    // The other side waits just as long as this one would, so this one never has to.
    for second in [0, 1, 2, 3, 4, 5, 7, 11, 19, 35] {
        let now = start + Duration::from_secs(second);
        assert_eq!(split(&mut held, &fought, now), "", "{second}");
        held.repaired(&path("/a"), now);
        split(&mut held, &plan(Vec::new()), now);
        warned.push(held.nodes[&path("/a")].warned);
    }
    assert_eq!(warned, [[false; 5], [true; 5]].concat());
}

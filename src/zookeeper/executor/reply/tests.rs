use super::*;
use crate::model::node::DataVersion;
use crate::model::path::ZPath;

use super::super::batch::{Work, Write, kept};

fn operations(batch: usize) -> Vec<Operation<'static>> {
    let operation = |i: usize| Operation {
        path: kept(ZPath::parse(&format!("/n{}", batch * 2 + i)).unwrap()),
        write: Write::Delete {
            expected: DataVersion::NEW,
        },
        seen: None,
        action: batch * 2 + i,
    };
    vec![operation(0), operation(1)]
}

/// What a batch does with markers, by whether it is the first or the last one.
fn knot(first: bool, last: bool) -> Knot {
    let marker = |name| ZPath::parse(name).unwrap();
    Knot {
        before: (!first).then(|| marker("/n0/before")),
        after: (!last).then(|| marker("/n0/after")),
    }
}

/// The reply to a batch as a letter: `c`ommitted, `r`efused, refused as a `w`hole, `u`ntied, un`m`arked, `l`ost, or none (`-`).
fn letter(reply: &Reply) -> char {
    match reply {
        Reply::Committed => 'c',
        Reply::Refused { in_order: true, .. } => 'r',
        Reply::Refused { .. } => 'w',
        Reply::Untied(_) => 'u',
        Reply::Unmarked(_) => 'm',
        Reply::Lost(_) => 'l',
        Reply::Unanswered => '-',
    }
}

fn reply(letter: char, batch: usize) -> Reply {
    let operations = operations(batch);
    let failed = |index| MultiWriteError::OperationFailed {
        index,
        source: Refusal::BadVersion,
    };
    let request = |source| MultiWriteError::RequestFailed { source };
    let knot = knot(letter == 'm', false);
    let from = |error| Reply::from_error(error, &operations, Some(&knot), None);
    match letter {
        'c' => Reply::Committed,
        'r' => from(failed(1)),
        'w' => from(request(Refusal::Throttled)),
        'u' => from(failed(0)),
        'm' => from(failed(2)),
        'l' => from(request(Refusal::ConnectionLoss)),
        _ => Reply::Unanswered,
    }
}

#[test]
fn an_error_is_told_of_the_operation_that_it_is_about() {
    let operations = operations(1);
    let at = |knot: Option<Knot>, index| {
        let source = Refusal::NodeExists;
        let error = MultiWriteError::OperationFailed { index, source };
        let reply = Reply::from_error(error, &operations, knot.as_ref(), None);
        match &reply {
            Reply::Refused {
                stop: Stop::Conflict { path, action, .. },
                ..
            }
            | Reply::Untied(Stop::Conflict { path, action, .. })
            | Reply::Unmarked(Stop::Conflict { path, action, .. }) => {
                format!("{} {path} {action}", letter(&reply))
            }
            _ => panic!("{reply:?}"),
        }
    };
    assert_eq!(at(None, 0), "r /n2 2");
    assert_eq!(at(None, 1), "r /n3 3");
    let first = || Some(knot(true, false));
    assert_eq!(at(first(), 0), "r /n2 2");
    assert_eq!(at(first(), 1), "r /n3 3");
    assert_eq!(at(first(), 2), "m /n0/after 2");
    for last in [false, true] {
        let other = || Some(knot(false, last));
        assert_eq!(at(other(), 0), "u /n0/before 2");
        assert_eq!(at(other(), 1), "r /n2 2");
        assert_eq!(at(other(), 2), "r /n3 3");
    }
    assert_eq!(at(Some(knot(false, false)), 3), "r /n0/after 2");
}

/// What follows from replies alone: how many stand, each batch's fate, and why it ended.
fn check(replies: &str, expect_standing: Range<usize>, expect_fates: &str, expect_end: &str) {
    let replies: Vec<Reply> = (0..)
        .zip(replies.chars())
        .map(|(i, l)| reply(l, i))
        .collect();
    let standing = standing(&replies);
    assert_eq!(standing, expect_standing, "{replies:?}");
    settled(&replies, &standing, expect_fates, expect_end);
}

/// The same where this many stand.
fn settled(replies: &[Reply], standing: &Range<usize>, expect_fates: &str, expect_end: &str) {
    let stages: Vec<Stage<'_>> = (0..replies.len())
        .map(|batch| Stage {
            work: Work::Atomic(operations(batch)),
            actions: batch * 2..batch * 2 + 2,
            bytes: 0,
        })
        .collect();
    let fates = fates(replies, standing);
    let shown: String = fates
        .iter()
        .map(|fate| fate.map_or('?', |fate| if fate { '+' } else { '-' }))
        .collect();
    assert_eq!(shown, expect_fates, "{replies:?}");
    let end = match end(&stages, replies, &fates) {
        None => String::new(),
        Some(End::Unmarked(stop)) => format!("unmarked: {stop}"),
        Some(End::Stopped(Stop::Uncertain { actions, .. })) => format!("uncertain {actions:?}"),
        Some(End::Stopped(Stop::Disconnected {
            in_flight,
            committed,
            ..
        })) => format!("disconnected {in_flight} {committed}"),
        Some(End::Stopped(stop)) => stop.to_string(),
    };
    assert_eq!(end, expect_end, "{replies:?}");
}

#[test]
fn all_committed_is_no_end() {
    check("", 0..0, "", "");
    check("ccc", 3..3, "+++", "");
}

#[test]
fn a_batch_refused_in_the_middle_tells_of_all_others() {
    let changed = "/n2: it was changed meanwhile";
    check("cruu", 1..1, "+---", changed);
    check(
        "cwuu",
        1..1,
        "+---",
        "/n2: request was throttled due to server heavy loading",
    );
    // It was found in order, so the one before it was committed.
    check("lruu", 1..1, "+---", changed);
    check("-r", 1..1, "+-", changed);
    // One that follows it can only have failed.
    check("crul", 1..1, "+---", changed);
    check("crll", 1..1, "+---", changed);
}

#[test]
fn a_marker_that_is_not_there_is_a_reason_only_where_there_is_no_other() {
    check("cuu", 1..1, "+--", "/n0/before: it was changed meanwhile");
    check(
        "m",
        0..0,
        "-",
        "unmarked: /n0/after: it was changed meanwhile",
    );
    check("clu", 1..2, "+?-", "uncertain 2..4");
}

#[test]
fn a_batch_that_was_committed_tells_that_those_before_were() {
    check("clc", 3..3, "+++", "disconnected 1 true");
    check("cllcl", 4..5, "++++?", "uncertain 8..10");
    check("cllcu", 4..4, "++++-", "disconnected 2 true");
    check("l-c", 3..3, "+++", "disconnected 2 true");
}

#[test]
fn a_request_that_was_refused_as_a_whole_says_nothing_of_the_one_before() {
    check("lw", 0..1, "?-", "uncertain 0..2");
    let replies = [reply('l', 0), reply('w', 1)];
    settled(
        &replies,
        &(0..0),
        "--",
        "/n2: request was throttled due to server heavy loading",
    );
    settled(
        &replies,
        &(1..1),
        "+-",
        "/n2: request was throttled due to server heavy loading",
    );
}

#[test]
fn what_a_look_found_tells_of_the_lost() {
    let replies = ['c', 'l', 'l', '-'].map(|letter| reply(letter, 0));
    settled(&replies, &(1..1), "+---", "disconnected 3 false");
    settled(&replies, &(3..3), "+++-", "disconnected 3 false");
    settled(&replies, &(4..4), "++++", "disconnected 3 true");
    settled(&replies, &(2..4), "++??", "uncertain 4..8");
    settled(&replies, &(2..3), "++?-", "uncertain 4..6");
}

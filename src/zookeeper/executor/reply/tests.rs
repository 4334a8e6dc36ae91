use super::*;
use crate::model::node::DataVersion;
use crate::model::path::ZPath;
use crate::zookeeper::executor::ExecuteOptions;

use super::super::batch::{Which, Work, Write, kept};

fn operations(batch: usize) -> Vec<Operation<'static>> {
    let operation = |i: usize| Operation {
        path: kept(ZPath::parse(&format!("/n{}", batch * 2 + i)).unwrap()),
        write: Write::Delete {
            expected: DataVersion::NEW,
        },
        node: Which::Seen(None),
        action: batch * 2 + i,
    };
    vec![operation(0), operation(1)]
}

fn failed(index: usize, source: ClientError) -> MultiWriteError {
    MultiWriteError::OperationFailed { index, source }
}

fn request(source: ClientError) -> MultiWriteError {
    MultiWriteError::RequestFailed { source }
}

/// The reply to a batch by a letter: `c`ommitted, `r`efused, `d`isconnected before it was sent, or
/// `l`ost.
fn reply(letter: char, batch: usize) -> Reply {
    let from = |error| Reply::from_error(error, &operations(batch), &Guards::default());
    match letter {
        'c' => Reply::Committed,
        'r' => from(failed(1, ClientError::BadVersion)),
        'd' => Reply::Refused(Stop::Disconnected {
            in_flight: 0,
            committed: false,
            reason: ClientError::ConnectionLoss,
        }),
        'l' => from(request(ClientError::ConnectionLoss)),
        _ => panic!("{letter}"),
    }
}

#[test]
fn an_error_is_told_of_the_operation_that_it_is_about() {
    let operations = operations(1);
    let guard = ZPath::parse("/guard").unwrap();
    let check = |guard: Option<&ZPath>, error: MultiWriteError, expect: &str| {
        let options = ExecuteOptions {
            guard: guard.cloned(),
            ..ExecuteOptions::default()
        };
        let guards = Guards::of(&operations, &options);
        let shown = match Reply::from_error(error, &operations, &guards) {
            Reply::Refused(Stop::Conflict { path, action, .. }) => format!("{path} {action}"),
            Reply::Refused(stop) => stop.to_string(),
            reply => format!("{reply:?}"),
        };
        assert_eq!(shown, expect);
    };
    check(None, failed(0, ClientError::NodeExists), "/n2 2");
    check(None, failed(1, ClientError::NodeExists), "/n3 3");
    let gone = "/guard is gone, and with it the right to write";
    check(Some(&guard), failed(0, ClientError::NoNode), gone);
    check(Some(&guard), failed(0, ClientError::BadVersion), gone);
    let closed = "/guard: not authorized; without it nothing is written";
    check(Some(&guard), failed(0, ClientError::NoAuth), closed);
    check(Some(&guard), failed(1, ClientError::NoNode), "/n2 2");
    check(Some(&guard), failed(2, ClientError::NoNode), "/n3 3");
    let throttled = "/n2: request was throttled due to server heavy loading";
    check(None, request(ClientError::Throttled), throttled);
    check(
        None,
        request(ClientError::ConnectionLoss),
        "Lost(ConnectionLoss)",
    );
}

/// Why it ended, by the reply to each batch and what became of it: `+`, `-` or `?`.
fn check(replies: &str, outcomes: &str, expect: &str) {
    let replies: Vec<Reply> = (0..)
        .zip(replies.chars())
        .map(|(i, letter)| reply(letter, i))
        .collect();
    let outcome = |letter| match letter {
        '+' => BatchFate::Committed,
        '-' => BatchFate::NotCommitted,
        _ => BatchFate::Unknown,
    };
    let outcomes: Vec<BatchFate> = outcomes.chars().map(outcome).collect();
    let batch = |batch: usize| Packed {
        work: Work::Atomic(operations(batch)),
        stage: 0,
        actions: batch * 2..batch * 2 + 2,
        bytes: 0,
    };
    let batches: Vec<Packed<'_>> = (0..replies.len()).map(batch).collect();
    let end = match end(&batches, &replies, &outcomes) {
        None => String::new(),
        Some(Stop::Uncertain { actions, .. }) => format!("uncertain {actions:?}"),
        Some(Stop::Disconnected {
            in_flight,
            committed,
            ..
        }) => format!("disconnected {in_flight} {committed}"),
        Some(stop) => stop.to_string(),
    };
    assert_eq!(end, expect, "{replies:?}");
}

#[test]
fn all_committed_is_no_end() {
    check("", "", "");
    check("ccc", "+++", "");
}

#[test]
fn the_first_that_was_not_committed_is_the_reason() {
    let changed = "/n3: it was changed meanwhile";
    check("cr", "+-", changed);
    check("crcr", "+-+-", changed);
    check("crl", "+-+", changed);
    check("crl", "+-?", changed);
    // Nodes that the first was to create may be missing to the second.
    check("lr", "--", "disconnected 1 false");
    check("lr", "+-", changed);
    check("lr", "?-", "uncertain 0..2");
}

#[test]
fn what_was_lost_is_told_as_a_whole() {
    check("cl", "++", "disconnected 1 true");
    check("cllc", "+-++", "disconnected 2 false");
    check("clll", "++++", "disconnected 3 true");
    check("clll", "+-??", "uncertain 4..8");
    check("clcl", "+?+?", "uncertain 2..8");
    check("cd", "+-", "disconnected 0 false");
    check("ld", "+-", "disconnected 1 true");
}

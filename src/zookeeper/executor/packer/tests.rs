use std::sync::Arc;

use super::*;
use crate::model::plan::{Add, HiddenValues, Link, Trim, Update};
use crate::model::value::Data;

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

fn version(number: i32) -> DataVersion {
    DataVersion::new(number).unwrap()
}

fn add(at: &str, data: &str) -> Action {
    let data = Data::Text(data.to_owned());
    let secret = HiddenValues::default();
    Action::Add(Add {
        path: path(at),
        raw: false,
        data: data.into(),
        acl: None,
        secret,
        origin: None,
    })
}

fn update(at: &str, expected: i32, data: Option<&str>, acl: Option<i32>) -> Action {
    Action::Update(Update {
        path: path(at),
        expected_version: version(expected),
        seen: None,
        data: data.map(|data| Data::Text(data.to_owned()).into()),
        acl: acl.map(|version| (AclVersion::new(version).unwrap(), Arc::new(Acl::open()))),
        changes: Vec::new(),
        origin: None,
    })
}

fn link(at: &str, expected: Option<i32>, data: &str) -> Action {
    let data = Data::Text(data.to_owned());
    let expected_version = expected.map(version);
    Action::Link(Link {
        path: path(at),
        expected_version,
        seen: None,
        data: data.into(),
        changes: Vec::new(),
        origin: None,
    })
}

fn trim(at: &str, expected: i32) -> Action {
    Action::Trim(Trim {
        path: path(at),
        expected_version: version(expected),
        seen: None,
    })
}

fn shown(actions: Vec<Action>, options: &ExecuteOptions) -> String {
    let plan = Plan {
        actions,
        ..Plan::empty(ZPath::root())
    };
    shown_plan(&plan, options)
}

fn shown_plan(plan: &Plan, options: &ExecuteOptions) -> String {
    let batches = match pack(plan, 0, options) {
        Ok(batches) => batches,
        Err(error) => return format!("{error:?}"),
    };
    let mut text = String::new();
    for batch in batches {
        text += &format!(
            "stage {}, actions {:?}, {} bytes\n",
            batch.stage, batch.actions, batch.bytes
        );
        match batch.work {
            Work::Atomic(operations) => {
                for Operation {
                    path,
                    write,
                    action,
                    ..
                } in operations
                {
                    let data = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
                    text += &match write {
                        Write::Create { data: d, .. } => {
                            format!("  create {path} {:?}", data(d.as_bytes()))
                        }
                        Write::Set { data: d, expected } => {
                            format!(
                                "  set {path} {:?} at {}",
                                data(d.as_bytes()),
                                expected.get()
                            )
                        }
                        Write::Delete { expected } => {
                            format!("  delete {path} at {}", expected.get())
                        }
                        Write::Check { expected } => {
                            format!("  check {path} at {}", expected.get())
                        }
                    };
                    text += &format!(" ({action})\n");
                }
            }
            Work::Acls(changes) => {
                for AclChange {
                    path,
                    expected,
                    action,
                    ..
                } in changes
                {
                    text += &format!("  set acl {path} at {} ({action})\n", expected.get());
                }
            }
        }
    }
    text
}

fn split(bytes: usize, operations: usize) -> ExecuteOptions {
    ExecuteOptions {
        whole_plan_bytes: 0,
        batch_bytes: bytes,
        batch_operations: operations,
        ..ExecuteOptions::default()
    }
}

#[test]
fn a_plan_that_fits_is_one_batch_with_links_fused() {
    let actions = vec![
        add("/a", "1"),
        add("/a/b", "2"),
        update("/c", 4, Some("3"), None),
        link("/a", None, "1 linked"),
        link("/c", Some(4), "3 linked"),
        link("/d", Some(7), "4 linked"),
        trim("/e/f", 1),
        trim("/e", 2),
    ];
    insta::assert_snapshot!(shown(actions, &ExecuteOptions::default()), @r#"
    stage 1, actions 0..8, 230 bytes
      create /a "1 linked" (0)
      create /a/b "2" (1)
      set /c "3 linked" at 4 (2)
      set /d "4 linked" at 7 (5)
      delete /e/f at 1 (6)
      delete /e at 2 (7)
    "#);
}

#[test]
fn a_write_of_a_node_written_in_an_earlier_batch_finds_that_ones_version() {
    let actions = vec![
        add("/a", "1"),
        update("/c", 4, Some("3"), None),
        link("/a", None, "1 linked"),
        link("/c", Some(4), "3 linked"),
        trim("/c", 4),
    ];
    insta::assert_snapshot!(shown(actions, &split(1000, 1)), @r#"
    stage 1, actions 0..1, 68 bytes
      create /a "1" (0)
    stage 2, actions 1..2, 41 bytes
      set /c "3" at 4 (1)
    stage 3, actions 2..3, 48 bytes
      set /a "1 linked" at 0 (2)
    stage 3, actions 3..4, 48 bytes
      set /c "3 linked" at 5 (3)
    stage 4, actions 4..5, 36 bytes
      delete /c at 6 (4)
    "#);
}

/// A write that may find what an earlier one has made does not go out together with it.
#[test]
fn a_node_that_is_written_twice_begins_a_stage() {
    let actions = vec![
        link("/a", Some(4), "1"),
        link("/b", Some(4), "1"),
        link("/a", Some(4), "2"),
        link("/c", Some(4), &"x".repeat(60)),
        link("/c", Some(4), &"x".repeat(90)),
    ];
    insta::assert_snapshot!(shown(actions, &split(100, 1)), @r#"
    stage 1, actions 0..1, 41 bytes
      set /a "1" at 4 (0)
    stage 1, actions 1..2, 41 bytes
      set /b "1" at 4 (1)
    stage 2, actions 2..3, 41 bytes
      set /a "2" at 5 (2)
    stage 2, actions 3..4, 100 bytes
      set /c "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" at 4 (3)
    stage 3, actions 4..5, 130 bytes
      set /c "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" at 5 (4)
    "#);
}

#[test]
fn acls_follow_the_data_of_a_run_of_updates() {
    let actions = vec![
        add("/a", "1"),
        update("/c", 4, Some("3"), Some(2)),
        update("/d", 4, None, Some(3)),
        update("/e", 4, Some("5"), None),
        link("/c", Some(4), "3 linked"),
        update("/f", 0, None, Some(0)),
    ];
    insta::assert_snapshot!(shown(actions, &ExecuteOptions::default()), @r#"
    stage 1, actions 0..5, 123 bytes
      create /a "1" (0)
      set /c "3 linked" at 4 (1)
      set /e "5" at 4 (3)
    stage 2, actions 1..6, 135 bytes
      set acl /f at 0 (5)
      set acl /d at 3 (2)
      set acl /c at 2 (1)
    "#);
}

#[test]
fn a_fused_link_that_does_not_fit_gets_a_batch_of_its_own() {
    let actions = vec![
        add("/a", ""),
        link("/a", None, &"x".repeat(60)),
        link("/a", None, "y"),
    ];
    insta::assert_snapshot!(shown(actions, &split(80, 10)), @r#"
    stage 1, actions 0..1, 67 bytes
      create /a "" (0)
    stage 2, actions 1..3, 41 bytes
      set /a "y" at 0 (1)
    "#);
}

#[test]
fn an_operation_that_no_request_can_hold_is_refused() {
    let options = ExecuteOptions {
        request_limit: 100,
        ..ExecuteOptions::default()
    };
    // 17 for the multi, 9 + 4 + 2 + 4 + 4 for the set.
    let fits = update("/a", 0, Some(&"x".repeat(60)), None);
    let one_more = update("/b", 0, Some(&"x".repeat(61)), None);
    insta::assert_snapshot!(shown(vec![fits, one_more], &options), @r#"
    TooLarge { path: /b, action: 1, bytes: 101 }
    "#);
}

#[test]
fn batches_are_bounded_and_cover_the_plan_in_order() {
    let actions: Vec<Action> = (0..500)
        .map(|i| add(&format!("/n{i}"), &"x".repeat(i * 7 % 90)))
        .collect();
    let plan = Plan {
        actions,
        ..Plan::empty(ZPath::root())
    };
    let batches = pack(&plan, 11, &split(1000, 9)).unwrap();
    let mut next = 0;
    for batch in &batches {
        assert_eq!(batch.actions.start, next);
        next = batch.actions.end;
        assert!(batch.bytes <= 1000 && batch.writes().len() <= 9);
        let Work::Atomic(operations) = &batch.work else {
            panic!("no ACLs here")
        };
        let bytes = |o: &Operation<'_>| match &o.write {
            Write::Create { data, .. } => {
                9 + 4 + 11 + o.path.as_str().len() + 4 + data.as_bytes().len() + 27 + 4
            }
            _ => panic!("only creates here"),
        };
        assert_eq!(
            batch.bytes,
            17 + operations.iter().map(bytes).sum::<usize>()
        );
    }
    assert_eq!(next, 500);
}

#[test]
fn what_is_copied_is_checked_at_the_old_place() {
    let plan = Plan {
        actions: vec![
            add("/new", "a"),
            add("/new/kid", "b"),
            add("/other", "c"),
            trim("/old/kid", 3),
            trim("/old", 2),
        ],
        moves: vec![crate::model::plan::Move {
            from: path("/old"),
            to: path("/new"),
            changes: std::collections::BTreeMap::new(),
            dropped: std::collections::BTreeSet::new(),
            origin: None,
        }],
        ..Plan::empty(ZPath::root())
    };
    let split = ExecuteOptions {
        whole_plan_bytes: 0,
        batch_operations: 3,
        ..ExecuteOptions::default()
    };
    insta::assert_snapshot!(shown_plan(&plan, &split), @r#"
    stage 1, actions 0..1, 91 bytes
      check /old at 2 (0)
      create /new "a" (0)
    stage 1, actions 1..3, 154 bytes
      check /old/kid at 3 (1)
      create /new/kid "b" (1)
      create /other "c" (2)
    stage 2, actions 3..5, 63 bytes
      delete /old/kid at 3 (3)
      delete /old at 2 (4)
    "#);
    // A node whose request has no room for the check is not copied.
    let tight = ExecuteOptions {
        request_limit: 90,
        ..split.clone()
    };
    let too_large = shown_plan(&plan, &tight);
    assert!(
        too_large.starts_with("TooLarge") && too_large.contains("bytes: 91"),
        "{too_large}"
    );
    // In one batch the trims are the checks.
    insta::assert_snapshot!(shown_plan(&plan, &ExecuteOptions::default()), @r#"
    stage 1, actions 0..5, 228 bytes
      create /new "a" (0)
      create /new/kid "b" (1)
      create /other "c" (2)
      delete /old/kid at 3 (3)
      delete /old at 2 (4)
    "#);
}

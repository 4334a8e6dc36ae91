//! Writing ACLs, and writing under them.

use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add};
use zkt::zookeeper::executor::{BatchKind, Event, ExecuteOptions, Fate, Stop, execute};
use zkt::zookeeper::live;
use zkt::zookeeper::session::Session;
use zookeeper_client::{Client, Error as ClientError};

use crate::relay::{Mode, Relay};
use crate::server::{options, options_as, session, shared};

use super::{acl, add, create, done, fates, link, path, plan, run, run_all, shown, stop, update};

#[tokio::test]
async fn acls_of_new_nodes_and_of_old_ones() {
    let (hosts, _) = session("acls").await;
    let session = Session::connect(&options_as(&hosts, "ops:secret"))
        .await
        .unwrap();
    let client = Client::connect(&hosts).await.unwrap();
    for node in ["/a", "/b", "/c"] {
        create(&client, node, "old").await;
    }
    let open = acl("world:anyone:r auth::cdrwa");
    let Action::Add(new) = add("/new", "1") else {
        unreachable!()
    };
    let actions = vec![
        Action::Add(Add {
            acl: Some(acl("world:anyone:rc")),
            ..new
        }),
        update("/a", 0, Some("new"), Some((0, open.clone()))),
        update("/b", 0, None, Some((0, open.clone()))),
        update("/c", 0, Some("new"), None),
        link("/a", Some(0), "newer"),
    ];
    let report = run_all(&session, actions).await;
    assert_eq!(stop(&report), "");
    assert_eq!(done(&report), 5);
    let kinds: Vec<_> = report
        .batches
        .iter()
        .map(|(b, _)| (b.kind, b.actions.clone()))
        .collect();
    let (atomic, acls) = (BatchKind::Atomic, BatchKind::Acls);
    assert_eq!(kinds, [(atomic, 0..5), (acls, 1..3)]);
    let identity = session.identities().await.unwrap().remove(0).id;
    insta::assert_snapshot!(shown(&session).await.replace(&identity, "ops:HASH"), @r#"
    /a "newer" at 1 world:anyone:r digest:ops:HASH:cdrwa
    /b "old" at 0 world:anyone:r digest:ops:HASH:cdrwa
    /c "new" at 1
    /new "1" at 0 world:anyone:cr
    "#);

    // The data is set, then the first ACL is not as expected; the second one is never sent.
    let one = ExecuteOptions {
        acl_window: 1,
        ..ExecuteOptions::default()
    };
    let actions = vec![
        update("/a", 1, Some("newest"), Some((1, open.clone()))),
        update("/b", 0, None, Some((0, open.clone()))),
        update("/c", 1, Some("newest"), None),
    ];
    let report = run(&session, actions, &one).await;
    insta::assert_snapshot!(stop(&report), @"/b: it was changed meanwhile");
    assert_eq!(fates(&report), "d-+");

    let nobody = acl("nonsense:x:r");
    let report = run_all(&session, vec![update("/b", 0, None, Some((1, nobody)))]).await;
    insta::assert_snapshot!(stop(&report), @"/b: the server refuses the ACL entry nonsense:(secret):r: it does not know the scheme, or takes no such id");
    assert_eq!(fates(&report), "-");
}

#[tokio::test]
async fn what_the_server_refuses_is_reported() {
    let (hosts, _) = session("refused").await;
    let ops = Session::connect(&options_as(&hosts, "ops:secret"))
        .await
        .unwrap();
    let Action::Add(closed) = add("/closed", "1") else {
        unreachable!()
    };
    let closed = Action::Add(Add {
        acl: Some(acl("world:anyone:r auth::cdrwa")),
        ..closed
    });
    assert_eq!(run_all(&ops, vec![closed]).await.stop, None);
    let anyone = Session::connect(&options(&hosts)).await.unwrap();
    let report = run_all(&anyone, vec![add("/a", ""), add("/closed/x", "")]).await;
    let (path, reason) = (path("/closed/x"), ClientError::NoAuth);
    assert_eq!(
        report.stop,
        Some(Stop::Failed {
            path,
            action: 1,
            reason
        })
    );
    insta::assert_snapshot!(shown(&ops).await.lines().count(), @"1");
}

#[tokio::test]
async fn acl_changes_cut_midway_are_reported_one_by_one() {
    for mode in [Mode::CutBeforeRequest, Mode::CutBeforeReply] {
        let server = shared();
        let place = server.chroot("acl-cut").await;
        let relay = Relay::to(server.port()).await;
        let session = Session::connect(&options(&(relay.address() + &place)))
            .await
            .unwrap();
        let direct = Session::connect(&options(&(server.address() + &place)))
            .await
            .unwrap();
        let nodes: Vec<String> = (0..40).map(|i| format!("/n{i:02}")).collect();
        let report = run_all(&direct, nodes.iter().map(|n| add(n, "")).collect()).await;
        assert_eq!(report.stop, None);
        let read = acl("world:anyone:ra");
        let actions = nodes
            .iter()
            .map(|n| update(n, 0, None, Some((0, read.clone()))))
            .collect();
        let switch = relay.switch();
        let mut events = |event: &Event| {
            if matches!(event, Event::Starting(_)) {
                switch(mode);
            }
        };
        let few = ExecuteOptions {
            acl_window: 10,
            ..ExecuteOptions::default()
        };
        let report = execute(&session, &plan(actions), &few, &mut events).await;
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
        let tree = live::read_subtree(&direct, &ZPath::root(), true, &mut |_| {})
            .await
            .unwrap();
        for (node, fate) in nodes.iter().zip(&report.fates) {
            let live = tree.get(&path(node)).unwrap().node().unwrap();
            assert_eq!(
                live.acl.as_deref() == Some(&*read),
                *fate == Fate::Done,
                "{node} {report:?}"
            );
        }
        assert!(done(&report) < 40);
    }
}

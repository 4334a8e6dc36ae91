//! Nodes that were deleted and created again are not the ones that the plan saw.

use zkt::model::path::ZPath;
use zkt::model::plan::{Access, Action, Add, Needs, Plan};
use zkt::zookeeper::executor::{Batch, BatchKind, Conflict, Event, ExecuteOptions, Stop, execute};
use zkt::zookeeper::live;
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, AuthId, Client, CreateMode, Permission};

use crate::relay::{Mode, Relay};
use crate::server::{options, options_as, session, shared};

use super::{
    acl, add, as_seen, batch_fates, create, fates, link, path, plan, run, shown, split, stop, trim,
    update,
};

/// A node that was deleted and created again has the version that was seen, and the same ACL's.
#[tokio::test]
async fn another_node_in_a_place_is_not_the_one_that_was_seen() {
    let (hosts, session) = session("replaced").await;
    let client = Client::connect(&hosts).await.unwrap();
    let read = acl("world:anyone:r");
    let kinds = [
        update("/a", 0, Some("ours"), None),
        update("/a", 0, None, Some((0, read))),
        link("/a", Some(0), "ours"),
        trim("/a", 0),
    ];
    for (i, action) in kinds.into_iter().enumerate() {
        create(&client, "/a", "theirs").await;
        let actions = as_seen(&session, vec![add(&format!("/n{i}"), ""), action]).await;
        client.delete("/a", None).await.unwrap();
        create(&client, "/a", "theirs").await;
        // No batch can hold an ACL; all else is one batch, or several, of which the first is committed.
        let is_acl = matches!(&actions[1], Action::Update(update) if update.acl.is_some());
        let whole = if is_acl { "+-" } else { "--" };
        for (options, expected) in [(ExecuteOptions::default(), whole), (split(1), "+-")] {
            let report = run(&session, actions.clone(), &options).await;
            assert_eq!(
                report.stop,
                Some(Stop::Conflict {
                    path: path("/a"),
                    action: 1,
                    reason: Conflict::Replaced
                })
            );
            assert_eq!(fates(&report), expected);
            if expected == "+-" {
                client.delete(&format!("/n{i}"), None).await.unwrap();
            }
            let left = shown(&session).await;
            assert_eq!(left, "/a \"theirs\" at 0\n");
        }
        client.delete("/a", None).await.unwrap();
    }
}

/// A new node that gets its ACL in the end may be another one by then.
#[tokio::test]
async fn a_node_in_the_place_of_a_new_one_keeps_its_acl() {
    let server = shared();
    let place = server.chroot("created").await;
    let relay = Relay::to(server.port()).await;
    let through = options_as(&(relay.address() + &place), "ops:secret");
    let session = Session::connect(&through).await.unwrap();
    let other = Client::connect(&(server.address() + &place)).await.unwrap();
    let Action::Add(closed) = add("/a", "ours") else {
        unreachable!()
    };
    let closed = Action::Add(Add {
        acl: Some(acl("world:anyone:r")),
        ..closed
    });
    let guarded = Plan {
        access: Access {
            guarded: [(path("/a"), Needs::Children)].into(),
            ..Access::default()
        },
        ..plan(vec![closed])
    };
    let switch = relay.switch();
    let is_acls = |batch: &Batch| batch.kind == BatchKind::Acls;
    let (tell, wait) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(batch) if is_acls(batch)) {
            switch(Mode::Stall);
            tell.take().unwrap().send(()).unwrap();
        }
    };
    let replace = async {
        wait.await.unwrap();
        other.delete("/a", None).await.unwrap();
        create(&other, "/a", "theirs").await;
        relay.set(Mode::Forward);
    };
    let options = ExecuteOptions::default();
    let running = execute(&session, &guarded, &options, &mut events);
    let (report, ()) = tokio::join!(running, replace);
    assert_eq!(
        report.stop,
        Some(Stop::Conflict {
            path: path("/a"),
            action: 0,
            reason: Conflict::Replaced
        })
    );
    assert_eq!(
        (fates(&report), batch_fates(&report)),
        ("d".into(), "+-".into())
    );
    assert_eq!(shown(&session).await, "/a \"theirs\" at 0\n");
}

/// A new node that is linked in a later batch may be another one by then, of the same version.
#[tokio::test]
async fn a_node_in_the_place_of_a_new_one_keeps_its_data() {
    let server = shared();
    let place = server.chroot("linked").await;
    let relay = Relay::to(server.port()).await;
    let through = options(&(relay.address() + &place));
    let session = Session::connect(&through).await.unwrap();
    let other = Client::connect(&(server.address() + &place)).await.unwrap();
    let (tell, wait) = tokio::sync::oneshot::channel();
    let (switch, mut tell) = (relay.switch(), Some(tell));
    let mut events = |event: &Event| {
        if matches!(event, Event::Committed(batch) if batch.index == 1) {
            switch(Mode::Stall);
            tell.take().unwrap().send(()).unwrap();
        }
    };
    let replace = async {
        wait.await.unwrap();
        other.delete("/a", None).await.unwrap();
        create(&other, "/a", "theirs").await;
        relay.set(Mode::Forward);
    };
    let plan = plan(vec![add("/a", "1"), add("/b", "1"), link("/a", None, "2")]);
    let options = split(1);
    let running = execute(&session, &plan, &options, &mut events);
    let (report, ()) = tokio::join!(running, replace);
    assert_eq!(
        stop(&report),
        "/a: it was deleted and created again meanwhile"
    );
    assert_eq!(fates(&report), "++-");
    assert_eq!(shown(&session).await, "/a \"theirs\" at 0\n/b \"1\" at 0\n");
}

/// Many new nodes are looked at in batches before they are linked, and large ones one by one, where the
/// session is known to be answered batched reads. `theirs` is what stands in the place of one: nothing,
/// or another node with this ACL.
async fn check_many_linked(at: usize, theirs: Option<Acls<'_>>, reason: Conflict) {
    let server = shared();
    let place = server.chroot("many-linked").await;
    let relay = Relay::to(server.port()).await;
    let through = options(&(relay.address() + &place));
    let session = Session::connect(&through).await.unwrap();
    let other = Client::connect(&(server.address() + &place)).await.unwrap();
    live::lookup(&session, &[ZPath::root()]).await.unwrap();
    let (tell, wait) = tokio::sync::oneshot::channel();
    let (switch, mut tell) = (relay.switch(), Some(tell));
    let mut events = |event: &Event| {
        if matches!(event, Event::Committed(batch) if batch.index == 1) {
            switch(Mode::Stall);
            tell.take().unwrap().send(()).unwrap();
        }
    };
    let name = |i: usize| format!("/n{i:03}");
    let replace = async {
        wait.await.unwrap();
        other.delete(&name(at), None).await.unwrap();
        if let Some(acls) = theirs {
            let options = CreateMode::Persistent.with_acls(acls);
            other.create(&name(at), b"theirs", &options).await.unwrap();
        }
        relay.set(Mode::Forward);
    };
    let data = |i| match i {
        LARGE => "x".repeat(2000),
        _ => "1".to_owned(),
    };
    let mut actions: Vec<Action> = (0..600).map(|i| add(&name(i), &data(i))).collect();
    actions.extend((0..600).map(|i| link(&name(i), None, "2")));
    let (plan, options) = (plan(actions), split(300));
    let running = execute(&session, &plan, &options, &mut events);
    let (report, ()) = tokio::join!(running, replace);
    assert_eq!(
        report.stop,
        Some(Stop::Conflict {
            path: path(&name(at)),
            action: 600 + at,
            reason
        })
    );
    let linked = at / 300 * 300;
    let stand = "+".repeat(600 + linked);
    assert_eq!(fates(&report), format!("{stand:-<1200}"));
    let left = shown(&session).await;
    let ours = left.lines().filter(|line| line.ends_with("\"2\" at 1"));
    assert_eq!(ours.count(), linked);
}

/// The node that is too large to be read for its stat.
const LARGE: usize = 310;

#[tokio::test]
async fn a_node_in_the_place_of_one_of_many_new_ones_keeps_its_data() {
    let closed = [zookeeper_client::Acl::new(
        Permission::DELETE,
        AuthId::anyone(),
    )];
    for at in [0, 299, 599, LARGE] {
        check_many_linked(at, Some(Acls::anyone_all()), Conflict::Replaced).await;
    }
    check_many_linked(450, Some(Acls::new(&closed)), Conflict::Replaced).await;
    check_many_linked(450, None, Conflict::Missing).await;
}

/// Newer servers tell no stat of a node that may not be read.
#[tokio::test]
async fn a_new_node_that_may_only_be_written_is_linked() {
    let server = zkt::server::Server::builder().exists_needs_read(true);
    let server = server.start().unwrap();
    let hosts = server.connect_string();
    for has_read in [false, true] {
        let session = Session::connect(&options(&hosts)).await.unwrap();
        if has_read {
            live::lookup(&session, &[ZPath::root()]).await.unwrap();
        }
        let names = ["/a", "/b"].map(|name| format!("{name}{has_read}"));
        let mut actions = names.each_ref().map(|name| add(name, "1")).to_vec();
        let Action::Add(closed) = &mut actions[1] else {
            unreachable!()
        };
        closed.acl = Some(acl("world:anyone:w"));
        actions.extend(names.each_ref().map(|name| link(name, None, "2")));
        let report = run(&session, actions, &split(2)).await;
        assert_eq!(
            (stop(&report), fates(&report)),
            (String::new(), "++++".into())
        );
    }
}

/// What the execution has written itself is no surprise to it.
#[tokio::test]
async fn the_node_that_was_seen_may_be_written_several_times() {
    let (hosts, session) = session("seen").await;
    let client = Client::connect(&hosts).await.unwrap();
    create(&client, "/a", "old").await;
    create(&client, "/b", "old").await;
    let actions = vec![
        update("/a", 0, Some("new"), Some((0, acl("world:anyone:rw")))),
        update("/b", 0, Some("new"), None),
        link("/a", Some(0), "new ->"),
        trim("/b", 0),
    ];
    let actions = as_seen(&session, actions).await;
    let report = run(&session, actions, &split(1)).await;
    assert_eq!(
        (stop(&report), fates(&report)),
        (String::new(), "++++".into())
    );
    let left = shown(&session).await;
    assert_eq!(left, "/a \"new ->\" at 2 world:anyone:rw\n");
}

//! Registrations: never lost, never doubled, never somebody else's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use zkt::ZooKeeper;
use zkt::model::acl::Acl;
use zkt::services::{Address, Error, HealthCheck, RegistrationState};

use super::{Place, as_json, create, eventually, object, tests};

tests!(
    a_registration_comes_and_goes,
    updates_in_place,
    a_strangers_node_is_waited_for,
    our_older_process_is_replaced,
    a_node_that_is_taken_away_comes_back,
    what_no_request_can_carry_is_refused_before_it_is_sent,
    links_and_the_root,
    health,
    leaving,
    a_given_client,
);

const NODE: &str = "/svc/10.0.0.1:80";

async fn service(place: &Place) -> ZooKeeper {
    let zk = place.connect().await;
    create(&zk, "/svc", json!({})).await;
    zk
}

async fn owner(zk: &ZooKeeper) -> Option<i64> {
    zk.exists(NODE)
        .await
        .unwrap()
        .map(|stat| stat.ephemeral_owner)
}

async fn properties(zk: &ZooKeeper) -> serde_json::Value {
    as_json(zk.get_properties(NODE).await.unwrap())
}

/// Waits until a question to the server has this answer.
macro_rules! until {
    ($question:expr, $answer:expr) => {{
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let answer = $question;
            if answer == $answer {
                break;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "still {answer:?} after a minute"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }};
}

mod faults;

async fn a_registration_comes_and_goes(place: &Place) {
    let zk = service(place).await;
    let registration = zk.register("/svc", ("10.0.0.1", 80)).await.unwrap();
    assert_eq!(registration.state(), RegistrationState::Registered);
    assert_eq!(properties(&zk).await, json!({"pid": std::process::id()}));
    assert_eq!(owner(&zk).await, zk.session_id());
    let views = zk.registrations();
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].nodes[0].as_str(), NODE);
    assert_eq!(views[0].properties, registration.properties());
    // Nobody registers the same twice, not even on the same session.
    let again = zk
        .register("/svc", "10.0.0.1:80")
        .patience(Duration::from_millis(50));
    let again = again.await.unwrap_err();
    assert!(matches!(again, Error::Taken { owner, .. } if Some(owner) == zk.session_id()));
    registration.close().await;
    assert_eq!(owner(&zk).await, None);
    assert_eq!(zk.registrations(), []);
    let registration = zk.register("/svc", "10.0.0.1:80").pid(false).await.unwrap();
    assert_eq!(properties(&zk).await, json!({}));
    drop(registration);
    until!(owner(&zk).await, None);
    let missing = zk.register("/nosuch", "10.0.0.1:80").await.unwrap_err();
    assert_eq!(missing.to_string(), "/nosuch does not exist");
    for address in ["a/b", "a", "a:0", "a:65536", ":0", "0.0.0.0:80"] {
        let error = zk.register("/svc", address).await.unwrap_err();
        assert!(matches!(error, Error::Address { .. }), "{address}: {error}");
    }
    let name = zk
        .register("/svc", Address::name("worker 7"))
        .await
        .unwrap();
    assert_eq!(name.view().names, ["worker 7"]);
    name.close().await;
    let v6 = zk.register("/svc", ("::1", 80)).await.unwrap();
    assert_eq!(v6.view().names, ["[::1]:80"]);
    // The session takes its registrations with it.
    let other = place.connect().await;
    zk.close().await;
    assert_eq!(v6.state(), RegistrationState::Closed);
    until!(
        other.get_children("/svc").await.unwrap(),
        Vec::<String>::new()
    );
}

async fn updates_in_place(place: &Place) {
    let zk = service(place).await;
    let view = zk.children("/svc").await.unwrap();
    for acl in [None, Some(Acl::open())] {
        let mut register = zk
            .register("/svc", "10.0.0.1:80")
            .pid(false)
            .property("a", 1);
        if let Some(acl) = &acl {
            register = register.acl(acl.clone());
        }
        let registration = register.await.unwrap();
        eventually(|| view.len() == 1).await;
        let mut changes = view.changes();
        registration.update(object(json!({"b": 2}))).await.unwrap();
        assert_eq!(properties(&zk).await, json!({"a": 1, "b": 2}));
        registration.set_weight(0.5).await.unwrap();
        registration.set_enabled(false).await.unwrap();
        registration.set(object(json!({"c": 3}))).await.unwrap();
        assert_eq!(properties(&zk).await, json!({"c": 3}));
        // It was never seen missing.
        let mut seen = changes.next().await.unwrap();
        while seen
            .snapshot
            .get("10.0.0.1:80")
            .unwrap()
            .properties()
            .get("c")
            != Some(&json!(3))
        {
            assert_eq!((seen.added.len(), seen.removed.len()), (0, 0));
            seen = changes.next().await.unwrap();
        }
        if acl.is_some() {
            // What somebody who may has written is kept.
            zk.update(NODE, object(json!({"by hand": true})))
                .await
                .unwrap();
            eventually(|| registration.properties().contains_key("by hand")).await;
            if let Some(server) = &place.server {
                server.expire(zk.session_id().unwrap());
                // Neither may be missing: for a moment, there is no session.
                let is_ours = |owner: Option<i64>| owner.is_some() && owner == zk.session_id();
                until!(is_ours(owner(&zk).await), true);
                assert_eq!(properties(&zk).await, json!({"by hand": true, "c": 3}));
            }
        }
        registration.close().await;
        eventually(|| view.is_empty()).await;
    }
}

async fn a_strangers_node_is_waited_for(place: &Place) {
    let zk = service(place).await;
    let stranger = place.connect().await;
    let theirs = stranger
        .register("/svc", "10.0.0.1:80")
        .property("who", "they")
        .await
        .unwrap();
    let short = zk
        .register("/svc", "10.0.0.1:80")
        .patience(Duration::from_millis(50));
    let taken = short.await.unwrap_err();
    let expected = stranger.session_id().unwrap();
    assert!(
        matches!(taken, Error::Taken { owner, .. } if owner == expected),
        "{taken}"
    );
    // Giving up has changed nothing.
    assert_eq!(owner(&zk).await, Some(expected));
    let waiting = tokio::spawn(zk.register("/svc", "10.0.0.1:80").into_future());
    eventually(|| {
        let states: Vec<_> = zk
            .registrations()
            .into_iter()
            .map(|view| view.state)
            .collect();
        states == [RegistrationState::Waiting { owner: expected }]
    })
    .await;
    assert_eq!(owner(&zk).await, Some(expected));
    theirs.close().await;
    let ours = waiting.await.unwrap().unwrap();
    assert_eq!(owner(&zk).await, zk.session_id());
    ours.close().await;
    // A node that is not ephemeral never goes by itself: nobody waits for that.
    create(&zk, NODE, json!({})).await;
    let error = zk.register("/svc", "10.0.0.1:80").await.unwrap_err();
    assert!(
        matches!(&error, Error::Persistent(path) if path.as_str() == NODE),
        "{error}"
    );
    assert_eq!(owner(&zk).await, Some(0));
}

/// The process is started again before the server has given up its old session.
async fn our_older_process_is_replaced(place: &Place) {
    for session_timeout in [Duration::from_secs(4), Duration::from_secs(40)] {
        let connect = || {
            let builder = ZooKeeper::builder().hosts(place.hosts.as_str());
            builder.session_timeout(session_timeout).connect()
        };
        let old = connect().await.unwrap();
        if old.exists("/svc").await.unwrap().is_none() {
            create(&old, "/svc", json!({})).await;
        }
        let before = old
            .register("/svc", "10.0.0.1:80")
            .instance("i-1")
            .await
            .unwrap();
        let witness = connect().await.unwrap();
        let view = witness.children("/svc").await.unwrap();
        let mut changes = view.changes();
        let new = connect().await.unwrap();
        let stranger = new.register("/svc", "10.0.0.1:80").instance("i-2");
        let stranger = stranger
            .patience(Duration::from_millis(20))
            .await
            .unwrap_err();
        assert!(matches!(stranger, Error::Taken { .. }), "{stranger}");
        let now = new
            .register("/svc", "10.0.0.1:80")
            .instance("i-1")
            .await
            .unwrap();
        assert_eq!(owner(&witness).await, new.session_id());
        let change = changes.next().await.unwrap();
        assert_eq!((change.updated.len(), change.removed.len()), (1, 0));
        // The older one sees that it has been replaced, and does not fight.
        let by = new.session_id().unwrap();
        let mut state = before.state();
        while state != (RegistrationState::Waiting { owner: by }) {
            state = before.changed_from(&state).await;
        }
        assert_eq!(now.state(), RegistrationState::Registered);
        // When the old session ends, the new node stays.
        old.close().await;
        assert_eq!(owner(&witness).await, new.session_id());
        now.close().await;
        assert_eq!(owner(&witness).await, None);
    }
}

async fn a_node_that_is_taken_away_comes_back(place: &Place) {
    let zk = service(place).await;
    let registration = zk.register("/svc", "10.0.0.1:80").await.unwrap();
    let other = place.connect().await;
    let czxid = other.exists(NODE).await.unwrap().unwrap().czxid;
    other.delete(NODE, None).await.unwrap();
    until!(
        other
            .exists(NODE)
            .await
            .unwrap()
            .is_some_and(|stat| stat.czxid > czxid),
        true
    );
    assert_eq!(owner(&other).await, zk.session_id());
    // So does the service's own node, which is an error meanwhile.
    let removal = zkt::services::Removal {
        force: true,
        ..Default::default()
    };
    while other.exists("/svc").await.unwrap().is_some() {
        _ = other.delete_recursive("/svc", removal).await;
    }
    eventually(|| {
        matches!(
            registration.state(),
            RegistrationState::Refused(Error::NoNode(_))
        )
    })
    .await;
    create(&other, "/svc", json!({})).await;
    until!(owner(&other).await, zk.session_id());
}

async fn what_no_request_can_carry_is_refused_before_it_is_sent(place: &Place) {
    service(place).await;
    let builder = ZooKeeper::builder().hosts(place.hosts.as_str());
    let zk = builder.max_request(1000).connect().await.unwrap();
    let large = "x".repeat(1000);
    let properties = object(json!({"large": large}));
    let register = zk
        .register("/svc", "10.0.0.1:80")
        .properties(properties.clone());
    let refused = register.await.unwrap_err();
    assert!(
        matches!(refused, Error::TooLarge { limit: 1000, .. }),
        "{refused}"
    );
    assert!(zk.exists(NODE).await.unwrap().is_none());
    // An update leaves what stands.
    let registration = zk.register("/svc", "10.0.0.1:81").await.unwrap();
    let session = zk.session_id();
    let refused = registration.set(properties).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge { .. }), "{refused}");
    let stat = zk.exists("/svc/10.0.0.1:81").await.unwrap().unwrap();
    assert_eq!((stat.version, zk.session_id()), (0, session));
}

async fn links_and_the_root(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/real", json!({})).await;
    create(&zk, "/a", json!({"svc ->": "/real"})).await;
    let linked = zk.register("/a/svc", "10.0.0.1:80").await.unwrap();
    assert_eq!(linked.view().nodes[0].as_str(), "/real/10.0.0.1:80");
    // The link is turned, and the node goes: it comes back where the link leads by now.
    create(&zk, "/other", json!({})).await;
    zk.update("/a", object(json!({"svc ->": "/other"})))
        .await
        .unwrap();
    zk.delete("/real/10.0.0.1:80", None).await.unwrap();
    eventually(|| linked.view().nodes[0].as_str() == "/other/10.0.0.1:80").await;
    until!(zk.get_children("/other").await.unwrap(), ["10.0.0.1:80"]);
    let root = zk.register("/", "10.0.0.1:80").await.unwrap();
    assert!(zk.is_ephemeral("/10.0.0.1:80").await.unwrap());
    root.close().await;
    linked.close().await;
    assert_eq!(zk.get_children("/real").await.unwrap(), [""; 0]);
    assert_eq!(zk.get_children("/other").await.unwrap(), [""; 0]);
}

async fn health(place: &Place) {
    let zk = service(place).await;
    let is_well = Arc::new(AtomicBool::new(false));
    let asked = is_well.clone();
    let check = HealthCheck::call(move || {
        let answer = asked.load(Ordering::SeqCst);
        async move { answer }
    });
    let check = check.interval(Duration::from_millis(5)).failures(2);
    let registration = zk
        .register("/svc", "10.0.0.1:80")
        .health(check)
        .await
        .unwrap();
    assert_eq!(registration.state(), RegistrationState::Withheld);
    assert_eq!(owner(&zk).await, None);
    for _ in 0..3 {
        is_well.store(true, Ordering::SeqCst);
        until!(owner(&zk).await, zk.session_id());
        eventually(|| registration.state() == RegistrationState::Registered).await;
        is_well.store(false, Ordering::SeqCst);
        until!(owner(&zk).await, None);
        eventually(|| registration.state() == RegistrationState::Withheld).await;
    }
}

async fn leaving(place: &Place) {
    let zk = service(place).await;
    let registration = zk.register("/svc", "10.0.0.1:80").pid(false).await.unwrap();
    let draining = tokio::spawn(registration.drain(Duration::from_secs(3600)));
    until!(
        zk.get_properties(NODE).await.ok().map(as_json),
        Some(json!({"draining": true}))
    );
    // Who does not wait leaves at once.
    draining.abort();
    until!(owner(&zk).await, None);
    let registration = zk.register("/svc", "10.0.0.1:80").await.unwrap();
    registration.drain(Duration::from_millis(1)).await;
    assert_eq!(owner(&zk).await, None);
}

async fn a_given_client(place: &Place) {
    let client = zookeeper_client::Client::connect(&place.hosts)
        .await
        .unwrap();
    let zk = ZooKeeper::from_client(client.clone());
    create(&zk, "/svc", json!({})).await;
    let registration = zk.register("/svc", "10.0.0.1:80").await.unwrap();
    assert!(client.check_stat(NODE).await.unwrap().is_some());
    // The session lives on, and so the node must be deleted.
    zk.close().await;
    assert_eq!(client.check_stat(NODE).await.unwrap(), None);
    assert_eq!(registration.state(), RegistrationState::Closed);
}

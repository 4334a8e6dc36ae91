//! Consumers: the addresses of a service, and one of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use zkt::ZooKeeper;
use zkt::services::{Held, Registration, Strategy};

use super::{Place, appear, create, eventually, object, tests};

tests!(addresses_follow_registrations, pickers);

async fn service(place: &Place) -> ZooKeeper {
    let zk = place.connect().await;
    create(&zk, "/svc", json!({})).await;
    zk
}

async fn register(zk: &ZooKeeper, address: &str, properties: serde_json::Value) -> Registration {
    let register = zk.register("/svc", address).properties(object(properties));
    register.await.unwrap()
}

async fn addresses_follow_registrations(place: &Place) {
    let zk = service(place).await;
    let discovery = zk.discover("/svc", Duration::ZERO).await.unwrap();
    assert_eq!(discovery.addresses(), [""; 0]);
    let mut changes = discovery.changes();
    let one = register(&zk, "a:1", json!({"weight": 2})).await;
    let change = changes.next().await.unwrap();
    let endpoint = &change.added[0];
    assert_eq!(
        (endpoint.address(), endpoint.weight(), endpoint.is_usable()),
        ("a:1", 2.0, true)
    );
    one.set_enabled(false).await.unwrap();
    let change = changes.next().await.unwrap();
    assert!(!change.updated[0].is_enabled());
    let two = register(&zk, "b:2", json!({})).await;
    assert_eq!(changes.next().await.unwrap().added[0].address(), "b:2");
    one.close().await;
    two.close().await;
    eventually(|| discovery.snapshot().is_empty()).await;
    assert_eq!(discovery.snapshot().held(), None);
}

async fn pickers(place: &Place) {
    let zk = service(place).await;
    let mut registrations = Vec::new();
    for (address, properties) in [
        ("a:1", json!({"weight": 3})),
        ("b:1", json!({})),
        ("c:1", json!({"weight": 0})),
        ("d:1", json!({"enabled": false})),
        ("e:1", json!({"draining": true})),
    ] {
        registrations.push(register(&zk, address, properties).await);
    }
    let discovery = zk.discover("/svc", Duration::ZERO).await.unwrap();
    let count = |strategy, times: usize| {
        let picker = discovery.picker(strategy);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..times {
            *counts
                .entry(picker.pick().unwrap().address().to_owned())
                .or_default() += 1;
        }
        counts
    };
    let even: BTreeMap<String, usize> = [("a:1".into(), 5), ("b:1".into(), 5)].into();
    assert_eq!(count(Strategy::RoundRobin, 10), even);
    assert_eq!(count(Strategy::Sticky, 10).len(), 1);
    let random = count(Strategy::Random, 4000);
    assert!(random["a:1"] > 1700 && random["b:1"] > 1700, "{random:?}");
    let weighted = count(Strategy::Weighted, 4000);
    assert!(
        weighted["a:1"] > 2700 && weighted["b:1"] > 800,
        "{weighted:?}"
    );

    // What fails is out for a while, and if all are out, all are in.
    let picker = discovery
        .picker(Strategy::RoundRobin)
        .ejection(Duration::from_secs(3600));
    picker.failed("a:1");
    assert!((0..10).all(|_| picker.pick().unwrap().address() == "b:1"));
    picker.failed("b:1");
    assert_eq!(
        (0..2)
            .filter(|_| picker.pick().unwrap().address() == "a:1")
            .count(),
        1
    );
    picker.worked("a:1");
    assert!((0..10).all(|_| picker.pick().unwrap().address() == "a:1"));
    let brief = discovery
        .picker(Strategy::RoundRobin)
        .ejection(Duration::ZERO);
    brief.failed("a:1");
    assert_eq!(
        (0..2)
            .filter(|_| brief.pick().unwrap().address() == "a:1")
            .count(),
        1
    );

    // A key keeps its address when others go.
    let keys: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let picker = discovery.picker(Strategy::Random);
    let pick = |key: &String| picker.pick_for(key).unwrap().address().to_owned();
    let before: Vec<String> = keys.iter().map(pick).collect();
    assert!(before.contains(&"a:1".to_owned()) && before.contains(&"b:1".to_owned()));
    registrations[2].set_weight(1.0).await.unwrap();
    eventually(|| discovery.snapshot().get("c:1").unwrap().is_usable()).await;
    let after: Vec<String> = keys.iter().map(pick).collect();
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(old, new)| old == new || new == "c:1")
    );
    assert!(after.contains(&"c:1".to_owned()));
    // Where nobody stays, those that are leaving are better than nobody.
    for registration in registrations.drain(..4) {
        registration.close().await;
    }
    eventually(|| discovery.addresses() == ["e:1"]).await;
    assert_eq!(picker.pick().unwrap().address(), "e:1");
    drop(registrations);
    eventually(|| discovery.snapshot().is_empty()).await;
    assert!(picker.pick().is_none() && picker.pick_for("key").is_none());
}

/// What is no address reaches nobody who asks for addresses, and does not count as one.
#[tokio::test]
async fn what_is_no_address_is_left_out() {
    let place = Place::embedded();
    let zk = service(&place).await;
    let evil = "1.2.3.4:80 ; server evil";
    appear(&zk, &format!("/svc/{evil}")).await;
    let discovery = zk
        .discover("/svc", Duration::from_secs(3600))
        .await
        .unwrap();
    let picker = discovery.picker(Strategy::Random);
    assert!(discovery.snapshot().is_empty() && picker.pick().is_none());
    assert_eq!(
        picker.pick_for("key").map(|one| one.address().to_owned()),
        None
    );
    let one = register(&zk, "a:1", json!({})).await;
    eventually(|| discovery.addresses() == ["a:1"]).await;
    let names = || -> Vec<String> {
        let snapshot = discovery.snapshot();
        snapshot
            .left_out()
            .iter()
            .map(|one| one.name.clone())
            .collect()
    };
    assert_eq!(names(), [evil]);
    appear(&zk, "/svc/b").await;
    eventually(|| names() == [evil, "b"]).await;
    assert_eq!(discovery.addresses(), ["a:1"]);
    assert!(discovery.snapshot().get(evil).is_none());
    // Though they are there, all addresses have vanished.
    one.close().await;
    eventually(|| discovery.snapshot().held() == Some(Held::Vanished)).await;
    assert_eq!(discovery.addresses(), ["a:1"]);
}

/// When all vanish at once, the last ones are kept for the window, and it is said so.
#[tokio::test]
async fn the_last_good_addresses_are_kept() {
    let place = Place::embedded();
    let server = place.server.as_ref().unwrap();
    let (zk, provider) = (service(&place).await, place.connect().await);
    let kept = zk
        .discover("/svc", Duration::from_secs(3600))
        .await
        .unwrap();
    let brief = zk
        .discover("/svc", Duration::from_millis(300))
        .await
        .unwrap();
    let one = register(&provider, "a:1", json!({})).await;
    let two = register(&provider, "b:1", json!({})).await;
    let both = ["a:1", "b:1"];
    eventually(|| kept.addresses() == both && brief.addresses() == both).await;
    one.close().await;
    // One of several is just gone.
    eventually(|| kept.addresses() == ["b:1"]).await;
    assert_eq!(kept.snapshot().held(), None);
    eventually(|| brief.addresses() == ["b:1"]).await;
    let mut changes = brief.changes();
    two.close().await;
    eventually(|| kept.snapshot().held() == Some(Held::Vanished)).await;
    assert_eq!(kept.addresses(), ["b:1"]);
    let held = loop {
        let change = changes.next().await.unwrap();
        if change.snapshot.held().is_some() {
            break change;
        }
    };
    assert_eq!((held.removed.len(), held.snapshot.len()), (0, 1));
    let gone = changes.next().await.unwrap();
    assert_eq!((gone.removed.len(), gone.snapshot.held()), (1, None));
    // They come back.
    let again = register(&provider, "c:1", json!({})).await;
    eventually(|| kept.addresses() == ["c:1"] && kept.snapshot().held().is_none()).await;
    // Nobody knows what is true while there is no server.
    server.refuse_connections(Duration::from_secs(3600));
    server.cut_all();
    eventually(|| kept.snapshot().held() == Some(Held::Disconnected)).await;
    assert_eq!(kept.addresses(), ["c:1"]);
    server.accept_connections();
    eventually(|| kept.snapshot().held().is_none()).await;
    assert_eq!(kept.addresses(), ["c:1"]);
    drop(again);
}

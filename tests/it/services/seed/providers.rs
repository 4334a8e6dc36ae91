//! Registering servers, and finding them.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use zkt::ZooKeeper;
use zkt::services::Error;

use crate::services::{Place, as_json, create, eventually, object, tests};

use super::fooservice;

tests!(
    instantiating_a_zookeeper_helper,
    register_a_server_providing_a_service,
    get_the_addresses_of_service_providers,
    registering_a_server_with_a_blank_hostname,
    server_registration_events,
    zookeeper_session_management,
    get_service_configuration_data,
    updating_node_properties,
    getting_property_data_without_tracking_changes,
);

async fn instantiating_a_zookeeper_helper(place: &Place) {
    let zk = place.connect().await;
    assert!(zk.exists("/").await.unwrap().is_some());
    let client = zookeeper_client::Client::connect(&place.hosts)
        .await
        .unwrap();
    let borrowed = ZooKeeper::from_client(client.clone());
    create(&borrowed, "/a", json!({})).await;
    assert!(zk.exists("/a").await.unwrap().is_some());
    borrowed.close().await;
    borrowed.close().await;
    assert_eq!(borrowed.exists("/").await, Err(Error::Closed));
    // Who gave the client keeps it.
    client.check_stat("/a").await.unwrap().unwrap();
    zk.close().await;
    zk.close().await;
    assert_eq!(zk.exists("/").await, Err(Error::Closed));
}

async fn register_a_server_providing_a_service(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({})).await;
    create(&zk, "/fooservice/providers", json!({})).await;
    let address = ("192.168.0.42", 8080);
    let registration = zk.register("/fooservice/providers", address).await.unwrap();
    let node = "/fooservice/providers/192.168.0.42:8080";
    let data = as_json(zk.get_properties(node).await.unwrap());
    assert_eq!(data, json!({"pid": std::process::id()}));
    assert!(zk.is_ephemeral(node).await.unwrap());
    // It is read-only.
    assert!(matches!(
        zk.set(node, b"{}", None).await,
        Err(Error::NoPermission(_))
    ));
    drop(registration);
    let more = zk
        .register("/fooservice/providers", address)
        .property("color", "red");
    let _guard = more.await.unwrap();
    assert_eq!(
        zk.get_properties(node).await.unwrap()["color"],
        json!("red")
    );
}

async fn get_the_addresses_of_service_providers(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({})).await;
    let _first = zk
        .register("/fooservice", ("192.168.0.42", 8080))
        .await
        .unwrap();
    let addresses = zk.children("/fooservice").await.unwrap();
    assert_eq!(addresses.names(), ["192.168.0.42:8080"]);
    let _second = zk
        .register("/fooservice", ("192.168.0.42", 8081))
        .await
        .unwrap();
    eventually(|| addresses.names() == ["192.168.0.42:8080", "192.168.0.42:8081"]).await;
    assert_eq!(addresses.len(), 2);
    let told: Arc<Mutex<Vec<usize>>> = Arc::default();
    let sink = told.clone();
    addresses.on_change(move |now: &Arc<zkt::services::Children>| {
        sink.lock().unwrap().push(now.len());
    });
    assert_eq!(*told.lock().unwrap(), [2]);
    let _third = zk
        .register("/fooservice", ("192.168.0.42", 8082))
        .await
        .unwrap();
    eventually(|| *told.lock().unwrap() == [2, 3]).await;
}

async fn registering_a_server_with_a_blank_hostname(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({})).await;
    let registration = zk.register("/fooservice", ("", 8080)).await.unwrap();
    let names = zk.get_children("/fooservice").await.unwrap();
    assert!(!names.is_empty());
    assert!(
        names.iter().all(|name| name.ends_with(":8080")),
        "{names:?}"
    );
    assert_eq!(registration.view().nodes.len(), names.len());
    registration.close().await;
    assert_eq!(zk.get_children("/fooservice").await.unwrap(), [""; 0]);
    let both = zk
        .register("/fooservice", ":8080")
        .ipv6(true)
        .await
        .unwrap();
    let bracketed = |name: &String| name.matches(':').count() == 1 || name.starts_with('[');
    assert!(both.view().names.iter().all(bracketed));
}

async fn server_registration_events(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({})).await;
    zk.on_register(|server| {
        assert_eq!(
            (server.path, server.names),
            ("/fooservice", &["h:1".to_owned()][..])
        );
        server.properties.insert("version".to_owned(), json!("1.2"));
    });
    let _guard = zk.register("/fooservice", "h:1").pid(false).await.unwrap();
    assert_eq!(
        as_json(zk.get_properties("/fooservice/h:1").await.unwrap()),
        json!({"version": "1.2"})
    );
}

async fn zookeeper_session_management(place: &Place) {
    let Some(server) = &place.server else {
        // Only the embedded server can be told to end a session.
        let zk = place.connect().await;
        let _guard = zk.register("/", "h:1").await.unwrap();
        let view = zk.children("/").await.unwrap();
        assert_eq!(view.names(), ["h:1"]);
        return;
    };
    let zk = place.connect().await;
    create(&zk, "/a", json!({"x": 1})).await;
    let (children, properties) = (
        zk.children("/a").await.unwrap(),
        zk.properties("/a").await.unwrap(),
    );
    let _guard = zk.register("/a", "h:1").await.unwrap();
    assert!(server.expire(zk.session_id().unwrap()));
    eventually(|| {
        let session = zk.session_id().unwrap_or_default();
        server.ephemerals() == [("/a/h:1".to_owned(), session)]
    })
    .await;
    zk.set("/a", b"{\"x\":2}", None).await.unwrap();
    eventually(|| properties.get("x") == Some(json!(2)) && children.names() == ["h:1"]).await;
}

async fn get_service_configuration_data(place: &Place) {
    let zk = place.connect().await;
    let foomain = json!({"database": "/databases/foomain", "threads": 1, "favorite_color": "red"});
    create(&zk, "/fooservice", foomain.clone()).await;
    let data = zk.properties("/fooservice").await.unwrap();
    assert_eq!(data.get("database"), Some(json!("/databases/foomain")));
    assert_eq!(data.get_as::<u32>("threads").unwrap().unwrap(), 1);
    assert_eq!(as_json(data.snapshot().stored().clone()), foomain);
    let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
    let sink = seen.clone();
    let callback = move |now: &Arc<zkt::services::NodeProperties>| {
        sink.lock().unwrap().push(as_json(now.stored().clone()));
    };
    data.on_change(callback).unwrap();
    assert_eq!(*seen.lock().unwrap(), [foomain]);
    zk.set("/fooservice", b"{\"threads\":2}", None)
        .await
        .unwrap();
    eventually(|| seen.lock().unwrap().len() == 2).await;
    assert_eq!(seen.lock().unwrap()[1], json!({"threads": 2}));
}

async fn updating_node_properties(place: &Place) {
    let zk = place.connect().await;
    create(
        &zk,
        "/fooservice",
        json!({"threads": 1, "favorite_color": "red"}),
    )
    .await;
    let data = zk.properties("/fooservice").await.unwrap();
    let thread_info = object(json!({"threads": 2, "secret": "123"}));
    data.update(thread_info).await.unwrap();
    let stored = || as_json(data.snapshot().stored().clone());
    assert_eq!(
        stored(),
        json!({"threads": 2, "favorite_color": "red", "secret": "123"})
    );
    data.set_one("threads", 1).await.unwrap();
    assert_eq!(
        stored(),
        json!({"threads": 1, "favorite_color": "red", "secret": "123"})
    );
    data.set(object(json!({"threads": 3, "secret": "1234"})))
        .await
        .unwrap();
    assert_eq!(stored(), json!({"threads": 3, "secret": "1234"}));
    let (data, _) = zk.get("/fooservice").await.unwrap();
    assert_eq!(
        String::from_utf8(data).unwrap(),
        r#"{"secret":"1234","threads":3}"#
    );
}

async fn getting_property_data_without_tracking_changes(place: &Place) {
    let zk = fooservice(place).await;
    let watched = zk.properties("/fooservice").await.unwrap();
    let p2 = zk.properties_once("/fooservice").await.unwrap();
    let names: Vec<String> = p2.snapshot().stored().keys().cloned().collect();
    assert_eq!(names, ["secret", "threads"]);
    assert!(matches!(p2.on_change(|_| ()), Err(Error::NotWatched)));
    p2.set_one("threads", 2).await.unwrap();
    assert_eq!(p2.get("threads"), Some(json!(2)));
    eventually(|| watched.get("threads") == Some(json!(2))).await;
    p2.update(object(json!({"threads": 3}))).await.unwrap();
    eventually(|| watched.get("threads") == Some(json!(3))).await;
}

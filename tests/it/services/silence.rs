//! Servers that do not answer, and clients whose task has died.

use std::time::Duration;

use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use zkt::ZooKeeper;
use zkt::services::{ConnectionState, Error, NewNode, RegistrationState, Removal, Removed};
use zookeeper_client::Client;

use super::{Place, create, eventually};
use crate::relay::{Mode, Relay};

/// A client whose task lives on a runtime of its own. When that is shut down, the task is as dead as
/// after a panic, and as silent.
async fn mortal(place: &Place) -> (Runtime, Client) {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let hosts = place.hosts.clone();
    let client = runtime.spawn(async move { Client::connect(&hosts).await });
    let client = client.await.unwrap().unwrap();
    (runtime, client)
}

/// Ends the task, and returns when it is gone: before that it may still answer.
async fn kill(runtime: Runtime) {
    let end = move || runtime.shutdown_timeout(Duration::from_secs(60));
    tokio::task::spawn_blocking(end).await.unwrap();
}

#[tokio::test]
async fn a_session_whose_client_has_died_is_replaced() {
    let place = Place::embedded();
    let (runtime, client) = mortal(&place).await;
    let builder = ZooKeeper::builder().hosts(&place.hosts).client(client);
    let zk = builder.connect().await.unwrap();
    create(&zk, "/svc", json!({})).await;
    let registration = zk.register("/svc", "a:1").await.unwrap();
    let view = zk.children("/svc").await.unwrap();
    let first = zk.session_id();
    kill(runtime).await;
    // Nobody asks the server anything: the watches notice.
    eventually(|| zk.session_id().is_some_and(|id| Some(id) != first)).await;
    eventually(|| registration.state() == RegistrationState::Registered).await;
    let owner = async || {
        zk.exists("/svc/a:1")
            .await
            .unwrap()
            .unwrap()
            .ephemeral_owner
    };
    while Some(owner().await) != zk.session_id() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    create(&zk, "/svc/b:2", json!({})).await;
    eventually(|| view.len() == 2).await;
}

#[tokio::test]
async fn a_request_notices_that_the_client_has_died() {
    let place = Place::embedded();
    let (runtime, client) = mortal(&place).await;
    let builder = ZooKeeper::builder().hosts(&place.hosts);
    let zk = builder.client(client.clone()).connect().await.unwrap();
    let given = ZooKeeper::from_client(client);
    let first = zk.session_id();
    kill(runtime).await;
    assert!(zk.exists("/").await.unwrap().is_some());
    assert_ne!(zk.session_id(), first);
    // Nobody can replace the session of this one.
    let error = given.create("/a", b"", &NewNode::default()).await;
    let error = error.unwrap_err().to_string();
    let words = "the session is lost by a fault in the client library";
    assert!(error.contains(words), "{error}");
    eventually(|| given.state() == ConnectionState::Closed).await;
}

#[tokio::test]
async fn a_deletion_ends_with_the_first_request_that_is_not_answered() {
    let place = Place::embedded();
    let zk = place.connect().await;
    let new = NewNode::default();
    for i in 0..600 {
        let path = format!("/a/{i}");
        zk.create_recursive(&path, b"", &new).await.unwrap();
    }
    let port = place.hosts.rsplit(':').next().unwrap();
    let relay = Relay::to(port.parse().unwrap()).await;
    let builder = ZooKeeper::builder().hosts(relay.address());
    let builder = builder.request_timeout(Duration::from_millis(200));
    let behind = builder.connect().await.unwrap();
    relay.set(Mode::HoldDelete);
    let mut removed = Removed::default();
    let deleted = behind.delete_recursive_into("/a", Removal::default(), &mut removed);
    let error = deleted.await.unwrap_err();
    assert!(matches!(error, Error::Uncertain { .. }), "{error}");
    let accounted = removed.unknown.len() + removed.left.len() + removed.deleted.len();
    assert_eq!(accounted, 601);
    // So many are sent at once.
    assert_eq!(removed.unknown.len(), 256);
}

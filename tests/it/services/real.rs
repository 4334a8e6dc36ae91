//! Real servers that are killed and come back with what they had written.

use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};
use zkt::ZooKeeper;

use super::{create, eventually, object};
use crate::real::process::Server;

/// Kills the server, waits, and starts it again; what waits for it goes on meanwhile.
async fn restart(mut server: Server, pause: Duration) -> Server {
    let restarting = tokio::task::spawn_blocking(move || {
        server.kill();
        std::thread::sleep(pause);
        server.restart();
        server
    });
    restarting.await.unwrap()
}

/// Whatever becomes of its session, a service stands once, by its own session, with its newest
/// properties, and its views show what is.
async fn outlives(session_timeout: Duration, pause: Duration) {
    let mut server = Server::start();
    let hosts = server.address();
    let builder = ZooKeeper::builder().hosts(hosts.as_str());
    let zk = builder.session_timeout(session_timeout).connect().await;
    let zk = zk.unwrap();
    create(&zk, "/svc", json!({})).await;
    create(&zk, "/config", json!({"x": 0})).await;
    let registration = zk.register("/svc", ("10.0.0.1", 80)).await.unwrap();
    let (children, config) = (zk.children("/svc").await, zk.properties("/config").await);
    let (children, config) = (children.unwrap(), config.unwrap());

    for round in 1..4 {
        let update = registration.update(object(json!({"round": round})));
        let (updated, restarted) = tokio::join!(update, restart(server, pause));
        server = restarted;
        // Where it could not be told in time, it will be written all the same.
        drop(updated);
        // It looks on, so nothing may befall its own session.
        let builder = ZooKeeper::builder().hosts(hosts.as_str());
        let other = builder.session_timeout(Duration::from_secs(60));
        let other = other.connect().await.unwrap();
        other
            .update("/config", object(json!({"x": round})))
            .await
            .unwrap();
        eventually(|| config.get("x") == Some(json!(round))).await;
        let stands = async {
            loop {
                let path = "/svc/10.0.0.1:80";
                let stat = other.exists(path).await.unwrap();
                let owner = stat.map(|stat| stat.ephemeral_owner);
                if owner.is_some() && owner == zk.session_id() {
                    let properties = other.get_properties(path).await.unwrap();
                    if properties.get("round") == Some(&json!(round)) {
                        return;
                    }
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let stands = timeout(Duration::from_secs(60), stands).await;
        stands.expect("the registration stands");
        let shows = || {
            let snapshot = children.snapshot();
            let child = snapshot.get("10.0.0.1:80");
            let properties = child.map(|child| child.properties());
            // Until it hears of the update, it shows the node as it was.
            let shown = properties.and_then(|properties| properties.get("round"));
            let is_shown = shown == Some(&json!(round));
            assert!(!is_shown || snapshot.names().eq(["10.0.0.1:80"]));
            is_shown
        };
        eventually(shows).await;
        other.close().await;
    }
    registration.close().await;
    eventually(|| children.is_empty()).await;
    zk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_outlive_servers() {
    outlives(Duration::from_secs(30), Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_outlive_servers_and_sessions() {
    outlives(Duration::from_secs(4), Duration::from_secs(6)).await;
}

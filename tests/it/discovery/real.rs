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
    let connect = async || {
        let builder = ZooKeeper::builder().hosts(hosts.as_str());
        let builder = builder.session_timeout(session_timeout);
        builder.connect().await.unwrap()
    };
    let zk = connect().await;
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
        let other = connect().await;
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
                    if properties["round"] == json!(round) {
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
            child.is_some_and(|child| child.properties()["round"] == json!(round))
        };
        eventually(shows).await;
        assert_eq!(children.names(), ["10.0.0.1:80"]);
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
    outlives(Duration::from_secs(1), Duration::from_secs(3)).await;
}

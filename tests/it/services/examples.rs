//! What `examples/` shows, at work.

#[expect(dead_code, reason = "an example is a program")]
#[path = "../../../examples/config.rs"]
mod config;
#[expect(dead_code, reason = "an example is a program")]
#[path = "../../../examples/discover.rs"]
mod discover;
#[expect(dead_code, reason = "an example is a program")]
#[path = "../../../examples/register.rs"]
mod register;

use std::time::Duration;

use serde_json::json;
use zkt::services::Strategy;

use super::{Place, create, eventually, object};

#[tokio::test]
async fn examples() {
    let place = Place::embedded();
    let zk = place.connect().await;
    create(&zk, "/cms", json!({"threads =>": "/defaults"})).await;
    create(&zk, "/defaults", json!({"threads": 3})).await;
    create(&zk, "/cms/providers", json!({})).await;

    let properties = zk.properties("/cms").await.unwrap();
    let database = None;
    let expected = config::Config {
        threads: 3,
        database,
    };
    assert_eq!(config::config(&properties).unwrap(), expected);
    zk.update("/defaults", object(json!({"threads": 4})))
        .await
        .unwrap();
    eventually(|| config::config(&properties).unwrap().threads == 4).await;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let good = listener.local_addr().unwrap().to_string();
    let service = zk.discover("/cms/providers", Duration::ZERO).await.unwrap();
    let picker = service.picker(Strategy::RoundRobin);
    assert_eq!(discover::request(&picker).await, None);
    // Nobody listens on port 1.
    for address in [good.as_str(), "127.0.0.1:1"] {
        let registration = register::register(&zk, "/cms/providers", address)
            .await
            .unwrap();
        std::mem::forget(registration);
    }
    eventually(|| service.addresses().len() == 2).await;
    while discover::request(&picker).await.as_deref() != Some("127.0.0.1:1") {}
    for _ in 0..4 {
        assert_eq!(discover::request(&picker).await.as_ref(), Some(&good));
    }
}

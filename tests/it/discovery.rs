//! The library that services use, against the real server and the embedded one.

mod consumers;
mod many;
mod nodes;
mod registrations;
mod seed;
mod views;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use zkt::ZooKeeper;
use zkt::discovery::NewNode;
use zkt::server::Server;

/// A place of its own on a server of either kind.
pub(crate) struct Place {
    pub(crate) hosts: String,
    /// Where the server is the embedded one.
    pub(crate) server: Option<Server>,
}

impl Place {
    pub(crate) fn embedded() -> Self {
        let server = Server::start().unwrap();
        Self {
            hosts: server.connect_string(),
            server: Some(server),
        }
    }

    pub(crate) async fn real(name: &str) -> Self {
        let server = crate::server::shared();
        let hosts = server.address() + &server.chroot(&name.replace('_', "-")).await;
        Self {
            hosts,
            server: None,
        }
    }

    pub(crate) async fn connect(&self) -> ZooKeeper {
        ZooKeeper::connect(self.hosts.as_str()).await.unwrap()
    }
}

/// Makes a test of each function that takes a [`Place`]: one against each kind of server.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::discovery::Place::embedded()).await;
            })*
        }
        mod real {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::discovery::Place::real(stringify!($name)).await).await;
            })*
        }
    };
}
pub(crate) use on_both;

/// Waits for what comes about by itself, for as long as even a slow machine may take.
#[track_caller]
pub(crate) fn eventually(what: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let wait = async {
            while !what() {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let came = timeout(Duration::from_secs(60), wait).await;
        assert!(
            came.is_ok(),
            "it did not come about within a minute: {caller}"
        );
    }
}

pub(crate) async fn create(zookeeper: &ZooKeeper, path: &str, properties: Value) {
    let data = properties.to_string();
    let new = NewNode::default();
    zookeeper.create(path, data.as_bytes(), &new).await.unwrap();
}

/// An empty ephemeral node.
pub(crate) async fn appear(zookeeper: &ZooKeeper, path: &str) {
    let new = NewNode {
        ephemeral: true,
        ..NewNode::default()
    };
    zookeeper
        .create(path, b"{\"pid\":9999}", &new)
        .await
        .unwrap();
}

pub(crate) fn object(value: Value) -> Vec<(String, Value)> {
    match value {
        Value::Object(map) => map.into_iter().collect(),
        other => panic!("{other} is no object"),
    }
}

pub(crate) fn as_json(properties: zkt::value::Properties) -> Value {
    json!(properties)
}

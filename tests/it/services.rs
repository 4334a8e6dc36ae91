//! The library that services use.

mod consumers;
mod examples;
mod kazoo;
mod many;
mod nodes;
mod real;
mod registrations;
mod seed;
mod silence;
mod views;

use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};
use zkt::ZooKeeper;
use zkt::server::{Dialect, Server};
use zkt::services::NewNode;

/// A place of its own on a server.
pub(crate) struct Place {
    pub(crate) hosts: String,
    /// Where the server is the embedded one.
    pub(crate) server: Option<Server>,
}

impl Place {
    pub(crate) fn embedded() -> Self {
        crate::watchdog::watch();
        let server = Server::start().unwrap();
        Self {
            hosts: server.connect_string(),
            server: Some(server),
        }
    }

    /// On a server with the ways of ClickHouse Keeper.
    pub(crate) fn keeper() -> Self {
        crate::watchdog::watch();
        let server = Server::builder().dialect(Dialect::Keeper).start().unwrap();
        Self {
            hosts: server.connect_string(),
            server: Some(server),
        }
    }

    /// On a server of the kind that the tests run against.
    pub(crate) async fn new(name: &str) -> Self {
        if !crate::server::is_real() {
            return Self::embedded();
        }
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

/// Makes two tests of each function that takes a [`Place`], on ZooKeeper and on ClickHouse Keeper.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        mod at {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::services::Place::new(stringify!($name)).await).await;
            })*
        }

        mod at_keeper {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::services::Place::keeper()).await;
            })*
        }
    };
}
pub(crate) use tests;

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

pub(crate) fn as_json(properties: zkt::model::value::Properties) -> Value {
    Value::Object(properties.into_iter().collect())
}

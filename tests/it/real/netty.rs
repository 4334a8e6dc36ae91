//! Credentials on servers with Netty, which may answer them before the connect request.

use std::time::Duration;

use zkt::zookeeper::session::Session;

use super::process::{FOR_TESTS, Server, Setup};
use crate::relay::Relay;
use crate::server::options_as;

/// As for other tests, with Netty.
pub(crate) const NETTY: Setup = Setup {
    java: &[
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dzookeeper.forceSync=no",
        "-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
    ],
    ..FOR_TESTS
};

#[tokio::test]
async fn credentials_are_taken_every_time() {
    for setup in [NETTY, FOR_TESTS] {
        let server = Server::start_as(setup);
        let options = options_as(&server.address(), "ops:secret");
        for time in 0..200 {
            let session = Session::connect(&options).await;
            let session = session.unwrap_or_else(|error| panic!("{time}: {error}"));
            session.close().await;
        }
    }
}

/// Cuts the connection of a session again and again: each time it comes back as `ops`.
pub(crate) async fn assert_comes_back(session: &Session, relay: &Relay) {
    for _ in 0..20 {
        relay.cut();
        let identities = loop {
            match session.identities().await {
                Ok(identities) => break identities,
                Err(_) => assert!(!session.is_dead()),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(
            identities.iter().any(|who| who.user() == "ops"),
            "{identities:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_was_lost_comes_back_with_its_credentials() {
    let server = Server::start_as(NETTY);
    let relay = Relay::to(server.port()).await;
    let session = Session::connect(&options_as(&relay.address(), "ops:secret")).await;
    let session = session.unwrap();
    assert_comes_back(&session, &relay).await;
}

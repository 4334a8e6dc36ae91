//! Lost requests, expired sessions and restarts at every moment of a registration.

use std::time::Duration;

use serde_json::json;
use zkt::ZooKeeper;
use zkt::model::acl::Acl;
use zkt::server::{ErrorCode, Fault, Matching, RequestKind, Server};
use zkt::services::{ConnectionState, NewNode, Registration, RegistrationState};

use crate::services::{Place, create, eventually, object};

use super::{NODE, properties, service};

fn server(place: &Place) -> &Server {
    place.server.as_ref().unwrap()
}

/// The node stands, belongs to the current session, and there is just one.
async fn is_registered(place: &Place, zk: &ZooKeeper) {
    let mut states = zk.states();
    let limit = Duration::from_secs(60);
    let connected = states.wait_for(|state| *state == ConnectionState::Connected);
    tokio::time::timeout(limit, connected)
        .await
        .unwrap()
        .unwrap();
    eventually(|| {
        let session = zk.session_id().unwrap_or_default();
        server(place).ephemerals() == [(NODE.to_owned(), session)]
    })
    .await;
}

/// Every request of registering, updating and leaving is lost, before and after it was done.
#[tokio::test]
async fn no_lost_request_loses_or_doubles_a_registration() {
    let kinds = [
        RequestKind::GetData,
        RequestKind::Create,
        RequestKind::Create2,
        RequestKind::AddWatch,
        RequestKind::SetData,
        RequestKind::Multi,
        RequestKind::Exists,
    ];
    for fault in [Fault::LoseRequest, Fault::LoseReply] {
        for kind in kinds {
            for acl in [None, Some(Acl::open())] {
                let place = Place::embedded();
                let zk = service(&place).await;
                let strike = || server(&place).inject(Matching::kind(kind).below("/svc"), fault);
                strike();
                let mut register = zk.register("/svc", "10.0.0.1:80").pid(false);
                if let Some(acl) = acl {
                    register = register.acl(acl);
                }
                let registration = register.await.unwrap();
                is_registered(&place, &zk).await;
                strike();
                registration.update(object(json!({"n": 1}))).await.unwrap();
                is_registered(&place, &zk).await;
                assert_eq!(properties(&zk).await, json!({"n": 1}), "{kind:?} {fault:?}");
                server(&place).clear_faults();
                let delete = server(&place).inject(Matching::kind(RequestKind::Delete), fault);
                registration.close().await;
                assert!(delete.has_struck());
                assert_eq!(server(&place).ephemerals(), []);
            }
        }
    }
}

/// The session is over at every moment of a registration's life.
#[tokio::test]
async fn expiries_are_survived_with_the_newest_data() {
    let place = Place::embedded();
    let zk = service(&place).await;
    let registration = zk.register("/svc", "10.0.0.1:80").pid(false).await.unwrap();
    for round in 0..20 {
        if let Some(session) = zk.session_id() {
            server(&place).expire(session);
        }
        if round % 2 == 0 {
            is_registered(&place, &zk).await;
        }
        registration
            .update(object(json!({"round": round})))
            .await
            .unwrap();
        is_registered(&place, &zk).await;
        until!(properties(&zk).await, json!({"round": round}));
    }
    registration.close().await;
    assert_eq!(server(&place).ephemerals(), []);
}

/// The client is told that its session is over, but the server still has it, with the node: the
/// trap that NodeExists is. Later the old session ends.
#[tokio::test]
async fn the_node_of_an_older_session_is_no_success() {
    let place = Place::embedded();
    let zk = service(&place).await;
    let registration = zk.register("/svc", "10.0.0.1:80").await.unwrap();
    let old = zk.session_id().unwrap();
    let matching = Matching::kind(RequestKind::CreateSession).session(old);
    server(&place).inject(matching, Fault::Answer(ErrorCode::SessionExpired));
    server(&place).cut(old);
    eventually(|| zk.session_id().is_some_and(|session| session != old)).await;
    assert!(
        server(&place)
            .sessions()
            .iter()
            .any(|session| session.id == old)
    );
    is_registered(&place, &zk).await;
    assert!(server(&place).expire(old));
    is_registered(&place, &zk).await;
    eventually(|| registration.state() == RegistrationState::Registered).await;
}

/// A process that is killed leaves a node which vanishes when nobody expects it any more.
#[tokio::test]
async fn after_a_fast_restart_the_old_node_is_outlasted() {
    let place = Place::embedded();
    let zk = service(&place).await;
    let ephemeral = NewNode {
        ephemeral: true,
        ..NewNode::default()
    };
    let dead = place.connect().await;
    dead.create(NODE, b"{\"pid\":1}", &ephemeral).await.unwrap();
    let session = dead.session_id().unwrap();
    let waiting = tokio::spawn(zk.register("/svc", "10.0.0.1:80").into_future());
    eventually(|| {
        let waits = |view: zkt::services::RegistrationView| {
            view.state == RegistrationState::Waiting { owner: session }
        };
        zk.registrations().into_iter().any(waits)
    })
    .await;
    server(&place).expire(session);
    let registration: Registration = waiting.await.unwrap().unwrap();
    is_registered(&place, &zk).await;
    assert_eq!(registration.state(), RegistrationState::Registered);
}

/// A server that is restarted has forgotten everything: the service's node, too.
#[tokio::test]
async fn a_server_is_restarted() {
    let mut place = Place::embedded();
    let address = server(&place).address();
    let zk = ZooKeeper::builder()
        .hosts(place.hosts.as_str())
        .session_timeout(Duration::from_secs(4))
        .connect()
        .await
        .unwrap();
    create(&zk, "/svc", json!({})).await;
    let registration = zk.register("/svc", "10.0.0.1:80").pid(false).await.unwrap();
    let view = zk.children("/svc").await.unwrap();
    place.server.take().unwrap().stop();
    eventually(|| zk.state() != ConnectionState::Connected).await;
    let open = zkt::server::Acl::new(31, "world", "anyone");
    let again = Server::builder()
        .address(address)
        .node("/svc", b"{}", &[open]);
    place.server = Some(again.start().unwrap());
    is_registered(&place, &zk).await;
    eventually(|| registration.state() == RegistrationState::Registered).await;
    eventually(|| view.names() == ["10.0.0.1:80"]).await;
}

/// Nothing waits for a server that does not come back.
#[tokio::test]
async fn a_registration_ends_without_a_server() {
    let mut place = Place::embedded();
    let zk = ZooKeeper::builder()
        .hosts(place.hosts.as_str())
        .session_timeout(Duration::from_secs(4))
        .connect()
        .await
        .unwrap();
    create(&zk, "/svc", json!({})).await;
    let one = zk.register("/svc", "10.0.0.1:80").await.unwrap();
    let two = zk.register("/svc", "10.0.0.2:80").await.unwrap();
    place.server.take().unwrap().stop();
    eventually(|| zk.state() != ConnectionState::Connected).await;
    // It is tried as long as the session may live.
    one.close().await;
    assert!(two.update(object(json!({"x": 1}))).await.is_err());
    eventually(|| zk.state() == ConnectionState::Connecting).await;
    two.close().await;
    eventually(|| zk.registrations().is_empty()).await;
    let three = zk.register("/svc", "10.0.0.3:80").await;
    assert!(three.unwrap_err().is_temporary());
    zk.close().await;
}

//! What a test can do to the embedded server's clients.

use std::time::{Duration, Instant};

use zkt::server::{ErrorCode, Fault, Matching, RequestKind, Server};
use zookeeper_client as zk;
use zookeeper_client::{Acls, Client, CreateMode, CreateOptions, SessionState};

use super::eventually;
use super::raw::{Body, PING, Raw, create, path_and_watch};

fn persistent() -> CreateOptions<'static> {
    CreateMode::Persistent.with_acls(Acls::anyone_all())
}

async fn connect(server: &Server) -> Client {
    Client::connect(&server.connect_string()).await.unwrap()
}

#[tokio::test]
async fn a_session_that_is_expired_is_over() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    client.create("/e", b"", &ephemeral).await.unwrap();
    let session = server.sessions()[0].id;
    let mut states = client.state_watcher();
    assert!(server.expire(session));
    assert!(!server.expire(session));
    assert!(server.node("/e").is_none());
    while states.changed().await != SessionState::Expired {}
    assert_eq!(client.get_data("/").await, Err(zk::Error::SessionExpired));
    assert_eq!(server.expire_all(), 0);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    client.create("/a", b"", &persistent()).await.unwrap();
    let (_, watcher) = client.check_and_watch_stat("/a").await.unwrap();
    let session = server.sessions()[0].id;
    let mut states = client.state_watcher();
    assert!(server.cut(session));
    // By the time that it is looked at, the state may be what it was before.
    states.changed().await;
    client.set_data("/a", b"", None).await.unwrap();
    assert_eq!(server.sessions()[0].id, session);
    // The watch came back with the client.
    assert_eq!(watcher.changed().await.path, "/a");
    assert_eq!(server.cut_all(), 1);
    assert!(!server.cut(session + 1));
}

#[tokio::test]
async fn connections_can_be_refused_for_a_while() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    server.refuse_connections(Duration::from_secs(3600));
    // Who is connected stays so.
    client.create("/a", b"", &persistent()).await.unwrap();
    assert!(Raw::attach(server.address(), 0, &[0; 16], 0).is_none());
    let mut states = client.state_watcher();
    server.cut_all();
    assert_eq!(states.changed().await, SessionState::Disconnected);
    server.accept_connections();
    client.get_data("/a").await.unwrap();
    server.refuse_connections(Duration::MAX);
    assert!(Raw::attach(server.address(), 0, &[0; 16], 0).is_none());
    server.refuse_connections(Duration::from_millis(1));
    eventually(|| Raw::attach(server.address(), 0, &[0; 16], 0).is_some());
}

#[tokio::test]
async fn replies_can_be_late() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    let delay = Duration::from_millis(100);
    server.delay_replies(delay);
    let start = Instant::now();
    let create = client.create("/a", b"", &persistent());
    let read = client.get_data("/a");
    // Only the reply is late, not the execution.
    let executed = tokio::task::spawn_blocking({
        let server = server.handle();
        move || eventually(|| server.node("/a").is_some())
    });
    executed.await.unwrap();
    create.await.unwrap();
    read.await.unwrap();
    assert!(start.elapsed() >= delay);
    server.clear_faults();
    client.get_data("/a").await.unwrap();
}

#[test]
fn late_replies_keep_their_order() {
    let server = Server::start().unwrap();
    let mut raw = Raw::connect(server.address());
    server.delay_replies(Duration::from_millis(20));
    for n in 0..100 {
        let mut frame = Body::new().int(n).int(1);
        frame.0.extend(create("/n-", b"", 2).0);
        raw.send(&frame.0);
    }
    server.delay_replies(Duration::ZERO);
    for n in 0..100 {
        assert_eq!(raw.reply().unwrap().xid, n);
    }
}

#[tokio::test]
async fn both_faces_of_a_lost_connection() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    let lost =
        |error: &zk::Error| matches!(error, zk::Error::ConnectionLoss | zk::Error::Custom(_));
    let after = server.inject(Matching::any().path("/after"), Fault::LoseReply);
    let before = server.inject(Matching::any().path("/before"), Fault::LoseRequest);
    client.create("/other", b"", &persistent()).await.unwrap();
    assert!(!after.has_struck());
    let error = client
        .create("/after", b"", &persistent())
        .await
        .unwrap_err();
    assert!(lost(&error), "{error}");
    assert!(after.has_struck());
    assert!(server.node("/after").is_some());
    assert!(!before.has_struck());
    let error = client
        .create("/before", b"", &persistent())
        .await
        .unwrap_err();
    assert!(lost(&error), "{error}");
    assert!(before.has_struck());
    assert!(server.node("/before").is_none());
    // Each struck once.
    client.create("/before", b"", &persistent()).await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_of_a_transaction_is_found_by_any_of_its_paths() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    let matching = Matching::kind(RequestKind::Multi).below("/a/b");
    let injection = server.inject(matching, Fault::LoseReply);
    let mut writer = client.new_multi_writer();
    writer.add_create("/a", b"", &persistent()).unwrap();
    writer.add_create("/a/b", b"", &persistent()).unwrap();
    writer.add_create("/a/b/c", b"", &persistent()).unwrap();
    writer.commit().await.unwrap_err();
    assert!(injection.has_struck());
    assert!(server.node("/a/b/c").is_some());
}

#[tokio::test]
async fn an_error_in_place_of_the_answer() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    let matching = Matching::kind(RequestKind::SetData).session(server.sessions()[0].id);
    server.inject(matching, Fault::Answer(ErrorCode::BadVersion));
    client.create("/a", b"", &persistent()).await.unwrap();
    let failed = client.set_data("/a", b"x", None).await;
    assert_eq!(failed, Err(zk::Error::BadVersion));
    assert_eq!(server.node("/a").unwrap().stat.version, 0);
    client.set_data("/a", b"x", None).await.unwrap();
    let zxid = server.last_zxid();
    server.inject(Matching::any(), Fault::Answer(ErrorCode::NoAuth));
    assert_eq!(client.get_data("/a").await, Err(zk::Error::NoAuth));
    assert_eq!(server.last_zxid(), zxid);
    server.inject(Matching::any(), Fault::Answer(ErrorCode::NoAuth));
    server.clear_faults();
    client.get_data("/a").await.unwrap();
}

#[test]
fn what_was_answered_before_a_fault_still_arrives() {
    let server = Server::start().unwrap();
    let mut raw = Raw::connect(server.address());
    server.inject(Matching::any().path("/lost"), Fault::LoseReply);
    let mut bytes = Vec::new();
    for (xid, path) in [(1, "/first"), (2, "/lost"), (3, "/never")] {
        let mut frame = Body::new().int(xid).int(1);
        frame.0.extend(create(path, b"", 0).0);
        bytes.extend(Body::new().bytes(&frame.0).0);
    }
    raw.send_raw(&bytes);
    assert_eq!(raw.reply().unwrap().xid, 1);
    assert_eq!(raw.receive(), None);
    let there = |path: &str| server.node(path).is_some();
    assert_eq!(
        ["/first", "/lost", "/never"].map(there),
        [true, true, false]
    );
}

#[test]
fn requests_are_counted() {
    let server = Server::start().unwrap();
    let mut raw = Raw::connect(server.address());
    for _ in 0..3 {
        raw.request(4, &path_and_watch("/", false));
    }
    raw.request(PING, &Body::new());
    assert_eq!(server.requests(RequestKind::CreateSession), 1);
    assert_eq!(server.requests(RequestKind::GetData), 3);
    assert_eq!(server.requests(RequestKind::Ping), 1);
    assert_eq!(server.requests(RequestKind::Create), 0);
}

#[test]
fn the_start_of_a_connection_can_be_struck() {
    let server = Server::start().unwrap();
    let raw = Raw::connect(server.address());
    let (session, password) = (raw.session, raw.password.clone());
    let back = || Raw::attach(server.address(), session, &password, 0);
    let strike = |fault| {
        let matching = Matching::kind(RequestKind::CreateSession);
        server.inject(matching.session(session), fault);
    };
    strike(Fault::Answer(ErrorCode::SessionExpired));
    assert_eq!(back().unwrap().session, 0);
    // It was said to be over, but is not.
    assert_eq!(back().unwrap().session, session);
    strike(Fault::LoseRequest);
    assert!(back().is_none());
    strike(Fault::LoseReply);
    assert!(back().is_none());
    assert_eq!(back().unwrap().session, session);
    server.inject(Matching::kind(RequestKind::CreateSession), Fault::LoseReply);
    assert!(Raw::attach(server.address(), 0, &[0; 16], 0).is_none());
    // The session that nobody knows of is there until its time is over.
    assert_eq!(server.sessions().len(), 2);
}

//! The embedded server with a client library.

use std::time::Duration;

use zkt::server::{Acl, Error, ErrorCode, NodeKind, RequestKind, Server, permission};
use zookeeper_client as zk;
use zookeeper_client::{Acls, AddWatchMode, Client, CreateMode, CreateOptions, EventType};

use super::eventually;

fn open(mode: CreateMode) -> CreateOptions<'static> {
    mode.with_acls(Acls::anyone_all())
}

async fn connect(server: &Server) -> Client {
    Client::connect(&server.connect_string()).await.unwrap()
}

#[tokio::test]
async fn nodes_are_created_read_written_and_deleted() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    let (stat, _) = client
        .create("/a", b"one", &open(CreateMode::Persistent))
        .await
        .unwrap();
    assert_eq!((stat.version, stat.data_length), (0, 3));
    let stat = client.set_data("/a", b"two", Some(0)).await.unwrap();
    assert_eq!(stat.version, 1);
    let (data, read) = client.get_data("/a").await.unwrap();
    assert_eq!((&*data, read), (&b"two"[..], stat));
    let (_, sequence) = client
        .create("/a/n-", b"", &open(CreateMode::EphemeralSequential))
        .await
        .unwrap();
    assert_eq!(sequence.into_i64(), 0);
    let (children, stat) = client.get_children("/a").await.unwrap();
    assert_eq!(
        (children, stat.cversion),
        (vec!["n-0000000000".to_owned()], 1)
    );
    assert_eq!(client.delete("/a", None).await, Err(zk::Error::NotEmpty));
    assert_eq!(
        client.list_ephemerals("/").await.unwrap(),
        ["/a/n-0000000000"]
    );
    assert_eq!(client.count_descendants_number("/").await.unwrap(), 5);
    client.delete("/a/n-0000000000", None).await.unwrap();
    client.delete("/a", Some(1)).await.unwrap();
    assert_eq!(client.check_stat("/a").await.unwrap(), None);
    assert_eq!(server.tree().len(), 4);
}

#[tokio::test]
async fn a_client_that_goes_takes_its_ephemeral_nodes_along() {
    let server = Server::start().unwrap();
    let (one, other) = (connect(&server).await, connect(&server).await);
    one.create("/e", b"", &open(CreateMode::Ephemeral))
        .await
        .unwrap();
    let (_, watcher) = other.check_and_watch_stat("/e").await.unwrap();
    let [first, _] = &server.sessions()[..] else {
        panic!("{:?}", server.sessions())
    };
    assert_eq!(server.ephemerals(), [("/e".to_owned(), first.id)]);
    assert_eq!(first.ephemerals, ["/e"]);
    drop(one);
    let event = watcher.changed().await;
    assert_eq!(
        (event.event_type, &*event.path),
        (EventType::NodeDeleted, "/e")
    );
    assert_eq!(server.sessions().len(), 1);
}

#[tokio::test]
async fn a_transaction_fails_where_its_operation_fails() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    let persistent = open(CreateMode::Persistent);
    let mut writer = client.new_multi_writer();
    writer.add_create("/a", b"", &persistent).unwrap();
    writer.add_create("/a/b", b"", &persistent).unwrap();
    writer.add_set_data("/a", b"x", Some(0)).unwrap();
    assert_eq!(writer.commit().await.unwrap().len(), 3);
    let mut writer = client.new_multi_writer();
    writer.add_delete("/a/b", None).unwrap();
    writer.add_check_version("/a", 0).unwrap();
    let error = writer.commit().await.unwrap_err();
    assert_eq!(
        error,
        zk::MultiWriteError::OperationFailed {
            index: 1,
            source: zk::Error::BadVersion
        }
    );
    assert!(server.node("/a/b").is_some());
    let mut reader = client.new_multi_reader();
    reader.add_get_data("/a").unwrap();
    reader.add_get_data("/no").unwrap();
    let results = reader.commit().await.unwrap();
    assert!(matches!(&results[0], zk::MultiReadResult::Data { data, .. } if data == b"x"));
    assert!(matches!(
        &results[1],
        zk::MultiReadResult::Error {
            err: zk::Error::NoNode
        }
    ));
}

#[tokio::test]
async fn persistent_watches_and_the_order_of_events() {
    let server = Server::start().unwrap();
    let (client, writer) = (connect(&server).await, connect(&server).await);
    let mut watcher = client
        .watch("/", AddWatchMode::PersistentRecursive)
        .await
        .unwrap();
    for n in 0..100 {
        let path = format!("/{n}");
        let persistent = open(CreateMode::Persistent);
        writer.create(&path, b"", &persistent).await.unwrap();
        // The event is there before the data can be seen.
        let (data, _) = client.get_data(&path).await.unwrap();
        assert_eq!(data, b"");
        let event = watcher.changed().await;
        assert_eq!(
            (event.event_type, event.path),
            (EventType::NodeCreated, path)
        );
    }
}

#[tokio::test]
async fn who_may_what() {
    let server = Server::start().unwrap();
    let (owner, other) = (connect(&server).await, connect(&server).await);
    owner.auth("digest", b"u:p").await.unwrap();
    let own = CreateMode::Persistent.with_acls(Acls::creator_all());
    owner.create("/own", b"", &own).await.unwrap();
    assert_eq!(other.get_data("/own").await, Err(zk::Error::NoAuth));
    other.auth("digest", b"u:p").await.unwrap();
    other.get_data("/own").await.unwrap();
    let users = other.list_auth_users().await.unwrap();
    assert!(
        users
            .iter()
            .any(|user| user.scheme() == "digest" && user.user() == "u")
    );
}

#[tokio::test]
async fn containers_and_nodes_with_a_time_to_live_are_deleted() {
    let server = Server::builder()
        .container_check(Duration::from_millis(5))
        .start()
        .unwrap();
    let client = connect(&server).await;
    client
        .create("/c", b"", &open(CreateMode::Container))
        .await
        .unwrap();
    let ttl = open(CreateMode::Persistent).with_ttl(Duration::from_millis(20));
    let (_, watcher) = client.check_and_watch_stat("/t").await.unwrap();
    client.create("/t", b"", &ttl).await.unwrap();
    assert_eq!(server.node("/c").unwrap().kind, NodeKind::Container);
    watcher.changed().await;
    if let (Some(_), watcher) = client.check_and_watch_stat("/t").await.unwrap() {
        let event = watcher.changed().await;
        assert_eq!(
            (event.event_type, &*event.path),
            (EventType::NodeDeleted, "/t")
        );
    }
    // A container that never had a child stays.
    assert!(server.node("/c").is_some());
    let (_, watcher) = client.check_and_watch_stat("/c").await.unwrap();
    client
        .create("/c/x", b"", &open(CreateMode::Persistent))
        .await
        .unwrap();
    client.delete("/c/x", None).await.unwrap();
    let event = watcher.changed().await;
    assert_eq!(
        (event.event_type, &*event.path),
        (EventType::NodeDeleted, "/c")
    );
}

#[tokio::test]
async fn sessions_expire_when_they_send_nothing() {
    let server = Server::builder()
        .tick_time(Duration::from_millis(10))
        .start()
        .unwrap();
    let raw = super::raw::Raw::connect(server.address());
    // Ten seconds were asked for, 20 ticks are the most that is granted.
    assert_eq!(raw.timeout, 200);
    eventually(|| server.sessions().is_empty());
    assert_eq!(server.last_zxid(), 2);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_client_stays_as_long_as_it_pings() {
    let server = Server::builder()
        .tick_time(Duration::from_millis(20))
        .session_timeouts(Duration::from_millis(500), Duration::from_millis(500))
        .start()
        .unwrap();
    let client = connect(&server).await;
    client
        .create("/e", b"", &open(CreateMode::Ephemeral))
        .await
        .unwrap();
    let pings = tokio::task::spawn_blocking({
        let server = server.handle();
        move || eventually(|| server.requests(RequestKind::Ping) >= 5)
    });
    pings.await.unwrap();
    assert!(client.check_stat("/e").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_stop_the_server() {
    let server = Server::start().unwrap();
    let client = connect(&server).await;
    client
        .create("/a", b"", &open(CreateMode::Persistent))
        .await
        .unwrap();
    assert!(server.node("/a").is_some());
}

#[tokio::test]
async fn nodes_can_be_there_from_the_start() {
    let closed = [Acl::new(permission::READ, "world", "anyone")];
    let server = Server::builder()
        .node("/a", b"1", &closed)
        .node("/a/b", b"2", &[Acl::open()])
        .start()
        .unwrap();
    let client = connect(&server).await;
    assert_eq!(client.get_data("/a/b").await.unwrap().0, b"2");
    assert_eq!(
        client.set_data("/a", b"", None).await,
        Err(zk::Error::NoAuth)
    );
    assert_eq!(server.node("/a").unwrap().acl, closed);

    for (path, acl, expected) in [
        ("/x/y", Acl::open(), ErrorCode::NoNode),
        ("/a", Acl::open(), ErrorCode::NodeExists),
        ("/x/", Acl::open(), ErrorCode::NoNode),
        ("//", Acl::open(), ErrorCode::BadArguments),
        ("/x", Acl::new(31, "auth", ""), ErrorCode::InvalidAcl),
    ] {
        let builder = Server::builder().node("/a", b"", &[Acl::open()]);
        let error = builder.node(path, b"", &[acl]).start().unwrap_err();
        let Error::Node { code, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(code, expected, "{path}");
    }
}

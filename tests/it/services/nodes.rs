//! Single nodes, and what becomes of a request when the connection is lost.

use serde_json::json;
use zkt::ZooKeeper;
use zkt::model::acl::{Acl, AclEntry};
use zkt::model::plan::Refusal;
use zkt::reconcile::Why;
use zkt::server::{ErrorCode, Fault, Matching, RequestKind};
use zkt::services::{ConnectionState, Error, Import, NewNode, Removal};

use super::{Place, as_json, create, eventually, object, tests};

tests!(
    shortcuts,
    two_writers_of_one_node,
    an_import_that_ends_early_reports_what_stands
);

async fn shortcuts(place: &Place) {
    let zk = place.connect().await;
    let new = NewNode::default();
    zk.create_recursive("/a/b/c", b"x", &new).await.unwrap();
    zk.create_recursive("/a/b/c", b"y", &new).await.unwrap();
    assert_eq!(zk.get("/a/b/c").await.unwrap().0, b"x");
    assert_eq!(
        zk.create("/a", b"", &new).await.unwrap_err().to_string(),
        "/a exists already"
    );
    let error = zk.create("/x/y", b"", &new).await.unwrap_err();
    assert_eq!(error.to_string(), "/x does not exist");
    assert_eq!(
        zk.delete("/a", None).await.unwrap_err().to_string(),
        "/a has children"
    );
    let stat = zk.set("//a/", b"{}", Some(0)).await.unwrap();
    assert_eq!(stat.version, 1);
    let error = zk.set("/a", b"", Some(0)).await.unwrap_err();
    assert_eq!(error.to_string(), "/a was changed meanwhile");
    assert!(!zk.is_ephemeral("/a").await.unwrap());
    assert!(matches!(
        zk.is_ephemeral("/nosuch").await,
        Err(Error::NoNode(_))
    ));
    assert!(matches!(zk.exists("a").await, Err(Error::Path { .. })));
    assert!(matches!(zk.get("/nosuch").await, Err(Error::NoNode(_))));
    // Bytes that are no text have no properties, and are not written over.
    zk.set("/a", b"\xff", None).await.unwrap();
    assert!(zk.get_properties("/a").await.unwrap().is_empty());
    let update = zk.update("/a", object(json!({"x": 1}))).await;
    assert_eq!(
        update,
        Err(Error::Binary(zkt::model::path::ZPath::parse("/a").unwrap()))
    );
    let entry = AclEntry::parse("world:anyone:r").unwrap();
    let shut = NewNode {
        acl: Acl {
            entries: vec![entry],
        },
        ephemeral: true,
    };
    zk.create("/shut", b"{}", &shut).await.unwrap();
    assert!(zk.is_ephemeral("/shut").await.unwrap());
    let update = zk
        .update("/shut", object(json!({"x": 1})))
        .await
        .unwrap_err();
    assert_eq!(update.to_string(), "/shut: not authorized");
    zk.sync().await.unwrap();
}

/// None of them loses what another one wrote.
async fn two_writers_of_one_node(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/a", json!({"start": 0})).await;
    let writers = (0..8).map(|writer| {
        let zk = zk.clone();
        tokio::spawn(async move {
            for n in 0..10 {
                let one = [(format!("{writer}-{n}"), json!(n))];
                zk.update("/a", one).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(zk.get_properties("/a").await.unwrap().len(), 81);
}

/// The update is read again, and not done twice.
#[tokio::test]
async fn an_update_whose_connection_is_lost() {
    let place = Place::embedded();
    let server = place.server.as_ref().unwrap();
    let zk = place.connect().await;
    create(&zk, "/a", json!({})).await;
    for (n, fault) in [Fault::LoseReply, Fault::LoseRequest]
        .into_iter()
        .enumerate()
    {
        let injected = server.inject(Matching::kind(RequestKind::SetData), fault);
        zk.update("/a", [(format!("x{n}"), json!(1))])
            .await
            .unwrap();
        assert!(injected.has_struck());
    }
    assert_eq!(
        as_json(zk.get_properties("/a").await.unwrap()),
        json!({"x0": 1, "x1": 1})
    );
    assert_eq!(server.node("/a").unwrap().stat.version, 2);
    // Reads are simply done again.
    server.inject(Matching::kind(RequestKind::GetData), Fault::LoseReply);
    zk.get("/a").await.unwrap();
    server.inject(Matching::kind(RequestKind::Create), Fault::LoseReply);
    server.inject(Matching::kind(RequestKind::Create2), Fault::LoseReply);
    let uncertain = zk.create("/b", b"", &NewNode::default()).await;
    assert!(
        matches!(uncertain, Err(Error::Uncertain { .. })),
        "{uncertain:?}"
    );
}

#[tokio::test]
async fn a_deletion_whose_connection_is_lost_goes_on() {
    let place = Place::embedded();
    let server = place.server.as_ref().unwrap();
    let zk = place.connect().await;
    zk.import_tree(
        "/a\n  /b\n    /c\n  /d\n",
        &zkt::services::Import::default(),
    )
    .await
    .unwrap();
    server.inject(
        Matching::kind(RequestKind::Delete).path("/a/b"),
        Fault::LoseReply,
    );
    server.inject(
        Matching::kind(RequestKind::Delete).path("/a"),
        Fault::Answer(ErrorCode::NotEmpty),
    );
    zk.delete_recursive("/a", Removal::default()).await.unwrap();
    assert!(server.node("/a").is_none());
}

#[tokio::test]
async fn an_expired_session_is_replaced() {
    let place = Place::embedded();
    let server = place.server.as_ref().unwrap();
    let zk = place.connect().await;
    let first = zk.session_id().unwrap();
    assert!(server.expire(first));
    // What is between the two sessions may be too short to be seen.
    eventually(|| zk.session_id().is_some_and(|id| id != first)).await;
    let connected = |state: &ConnectionState| *state == ConnectionState::Connected;
    zk.states().wait_for(connected).await.unwrap();
    zk.exists("/").await.unwrap();
    // A client that was given is not replaced.
    let client = zookeeper_client::Client::connect(&place.hosts)
        .await
        .unwrap();
    let borrowed = ZooKeeper::from_client(client);
    server.expire(borrowed.session_id().unwrap());
    borrowed
        .states()
        .wait_for(|state| state.is_over())
        .await
        .unwrap();
    assert_eq!(borrowed.exists("/").await, Err(Error::Closed));
}

/// Nothing waits for ever.
#[tokio::test]
async fn an_outage_ends_every_wait() {
    let mut place = Place::embedded();
    let zk = ZooKeeper::builder()
        .hosts(place.hosts.as_str())
        .session_timeout(std::time::Duration::from_secs(4))
        .connect()
        .await
        .unwrap();
    create(&zk, "/a", json!({})).await;
    let view = zk.children("/a").await.unwrap();
    let mut changes = view.changes();
    drop(place.server.take());
    eventually(|| zk.state() == ConnectionState::Suspended).await;
    let error = zk.get("/a").await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    zk.close().await;
    assert_eq!(zk.state(), ConnectionState::Closed);
    assert!(changes.next().await.is_none());
}

/// More than a request holds, and last what the server refuses.
async fn an_import_that_ends_early_reports_what_stands(place: &Place) {
    let zk = place.connect().await;
    // Its ACL is not shown, so nobody can tell beforehand that it does not let the session create.
    let closed = "/z\n  @acl world:anyone:w\n";
    zk.import_tree(closed, &Import::default()).await.unwrap();
    let many: String = (0..1200)
        .map(|i| format!("  /n{i}\n    x = '{}'\n", "x".repeat(1000)))
        .collect();
    let text = format!("/a\n{many}/z/refused\n");
    let error = zk.import_tree(&text, &Import::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "/z/refused: not authorized");
    let Error::Import(unfinished) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(&unfinished.why, Why::Stopped(stop) if stop.is_unauthorized()));
    let outcome = &unfinished.outcome;
    let (name, first) = &outcome.stands[0];
    assert_eq!((*name, first.as_str()), ("add", "/a"));
    let (name, last) = outcome.not_done.last().unwrap();
    assert_eq!((*name, last.as_str()), ("add", "/z/refused"));
    assert_eq!(outcome.stands.len() + outcome.not_done.len(), 1202);
    let (_, left) = outcome.not_done.first().unwrap();
    assert!(zk.exists(left.as_str()).await.unwrap().is_none());
    // What may not be carried out at all is told in the same way.
    let locked = "/b\n  @acl world:anyone:r\n  /c\n";
    let error = zk
        .import_tree(locked, &Import::default())
        .await
        .unwrap_err();
    let Error::Import(unfinished) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(
        &unfinished.why,
        Why::Refused(Refusal::LocksOut { .. })
    ));
    assert!(!unfinished.outcome.wrote());
}

/// As `zkt plan` has it: what cannot be compared is no success, and links are looked after. ClickHouse Keeper
/// does not take these ACLs.
#[tokio::test]
async fn an_import_hides_nothing() {
    let place = Place::new("an_import_hides_nothing").await;
    let zk = place.connect().await;
    zk.import_tree(
        "/shut\n  @acl ip:10.255.255.1:cdrwa\n/open\n",
        &Import::default(),
    )
    .await
    .unwrap();
    let dry_run = Import {
        dry_run: true,
        ..Import::default()
    };
    for import in [Import::default(), dry_run.clone()] {
        let imported = zk
            .import_tree("/open\n  x = 1\n/shut\n  x = 1\n", &import)
            .await;
        let error = imported.unwrap_err();
        assert!(matches!(&error, Error::Live(_)), "{error:?}");
        assert_eq!(error.to_string(), "not authorized to read /shut");
    }
    let text = "/open\n  l -> ../nosuch\n  p => x ../open\n";
    for import in [dry_run, Import::default()] {
        let imported = zk.import_tree(text, &import).await.unwrap();
        let warnings = imported.plan.warnings.iter();
        let warned: Vec<&str> = warnings.map(|warning| warning.path.as_str()).collect();
        assert_eq!(warned, ["/open", "/open"], "{:?}", imported.plan.warnings);
    }
}

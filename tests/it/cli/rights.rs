//! What a plan says of ACLs, to whom it may be said.

use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, AuthId, CreateMode, Permission};

use super::Place;
use crate::server::options_as;

/// Whether the server tells whom a session is known as: those before 3.7 do not, and there nobody can
/// say that the session is not in an ACL.
async fn names_identities(place: &Place) -> bool {
    let options = options_as(&place.hosts, "ops:new");
    let session = Session::connect(&options).await.unwrap();
    !session.who().await.unwrap().may_be_more
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_compared_is_said() {
    let place = Place::new("rights-compared").await;
    place.file(
        "a.zkt",
        "/p\n  @acl auth::cdrwa world:anyone:r\n  /a\n  /b\n    /c\n",
    );
    let as_ops = |words: &str| place.run(&format!("{words} --auth digest:ops:right a.zkt"));
    insta::assert_snapshot!(as_ops("apply -y").expect(0), @"
    zkt apply: SERVER <- a.zkt

      + /p                                               a.zkt:1
          acl: auth (ops) world:anyone:r
      + /p/a                                             a.zkt:3
      + /p/b                                             a.zkt:4
      + /p/b/c                                           a.zkt:5

    Plan: 4 to add, 0 to update, 0 to link, 0 to trim.
    Done: 4 added, 0 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
    insta::assert_snapshot!(as_ops("plan --strict").expect(0), @"
    zkt plan: SERVER <- a.zkt

    No changes: 4 nodes are as declared.
    --- exit 0
    ");
    let wrong = "--auth digest:ops:wrong a.zkt";
    insta::assert_snapshot!(place.run(&format!("plan {wrong}")), @"
    zkt plan: SERVER <- a.zkt

    warning: /p: not compared: the ACL of 4 nodes (no ADMIN right) [unseen-acl]

    No changes: 4 nodes are as declared.
    --- exit 0
    ");
    place.run(&format!("plan --strict {wrong}")).expect(3);
    let nobody = place.run("plan --auth digest:opz:right a.zkt");
    let why = "warning: /p: no ACL that is declared or seen names an identity of the applier (opz)";
    let tells = names_identities(&place).await;
    assert_eq!(nobody.stdout.contains(why), tells, "{nobody}");
}

/// Neither the hash of the session's own password nor that of an earlier one.
#[tokio::test(flavor = "multi_thread")]
async fn no_hash_of_ones_own_password_is_shown() {
    let place = Place::new("rights-hash").await;
    place
        .file("a.zkt", "/p\n  @acl auth::cdrwa world:anyone:cdrwa\n  /a\n")
        .file("b.zkt", "/p\n  @acl auth::cdrwa\n  /a\n  /new\n");
    let apply = "apply -y --auth digest:ops:old a.zkt";
    place.run(apply).expect(0);
    for format in ["text", "json"] {
        let plan = format!("plan --format {format} --auth digest:ops:new b.zkt");
        let run = place.run(&plan).expect(0);
        assert!(!run.everything().contains("=:"), "{run}");
    }
    let mut run = place.run("plan --auth digest:ops:new b.zkt");
    let nobody = "warning: /p: no ACL that is declared or seen names an identity of the applier \
                  (ops); a server takes any password, so check user and password [unknown-applier]\n\n";
    let tells = names_identities(&place).await;
    assert_eq!(run.stdout.contains(nobody), tells, "{run}");
    run.stdout = run.stdout.replace(nobody, "");
    insta::assert_snapshot!(run, @"
    zkt plan: SERVER <- b.zkt

      + /p/new                                           b.zkt:4
          acl: auth (ops)
      ~ /p
        - acl: digest:ops:x:cdrwa
        - acl: world:anyone:cdrwa
        + acl: auth (ops)
      ~ /p/a
          acl: as /p

    Plan: 1 to add, 2 to update, 0 to link, 0 to trim.
    --- exit 0
    ");
}

/// From 3.7.3, 3.8.4 and 3.9.2 on servers answer `exists` only to those who may read the node.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_not_be_read_is_not_taken_for_missing() {
    let newer = zkt::server::Server::builder().exists_needs_read(true);
    let newer = newer.start().unwrap();
    for place in [
        Place::new("unreadable").await,
        Place::at(&newer.connect_string()),
    ] {
        let client = place.client().await;
        super::create(&client, "/top", "{}").await;
        let writable = Permission::CREATE | Permission::WRITE | Permission::DELETE;
        let closed = [zookeeper_client::Acl::new(writable, AuthId::anyone())];
        let closed = CreateMode::Persistent.with_acls(Acls::new(&closed));
        client.create("/top/closed", b"{}", &closed).await.unwrap();
        super::create(&client, "/top/closed/in", "{\"x\":1}").await;

        let (address, above) = place.hosts.split_once('/').unwrap_or((&place.hosts, ""));
        let below = format!("{address}/{above}/top/closed").replace("//", "/");
        let run = place.run(&format!("get /in x -c {below}")).expect(0);
        assert_eq!(run.stdout, "1\n");

        place.file("b.zkt", "/b\n  x = 1\n");
        place.run("apply -y --path /top/closed b.zkt").expect(0);
        place.run("get /top/closed/b x").expect(0);

        let hidden = place.run("ln /top /top/closed").expect(1);
        let why = "/top/closed exists, and a node hides a link of its name";
        assert!(hidden.stderr.contains(why), "{hidden}");

        let stays = place.run("rm -y /top/closed").expect(1);
        assert!(
            stays.stdout.contains("kept /top/closed (not authorized)"),
            "{stays}"
        );

        let zookeeper = zkt::ZooKeeper::connect(&place.hosts).await.unwrap();
        let new = zkt::services::NewNode::default();
        let made = zookeeper.create_recursive("/top/closed/c/d", b"", &new);
        made.await.unwrap();
        let import = zkt::services::Import {
            path: Some("/top/closed".to_owned()),
            ..Default::default()
        };
        zookeeper.import_tree("/e\n", &import).await.unwrap();
        let mut walk = zookeeper.walk("/top", false).unwrap();
        let mut seen = Vec::new();
        while let Some(step) = walk.next().await.unwrap() {
            seen.push(step.path.to_string());
        }
        assert_eq!(seen, ["/top", "/top/closed"]);
        zookeeper.close().await;
    }
}

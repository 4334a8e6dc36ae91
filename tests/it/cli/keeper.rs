//! ClickHouse Keeper in the place of ZooKeeper: the same commands, and the same that they say.

use zkt::server::{Dialect, Fault, Matching, RequestKind, Server};
use zkt::zookeeper::session::{Abilities, Dialect as Kind, Session};
use zookeeper_client::{Acl, AuthId, CreateMode, Permission};

use super::watch::{Watching, becomes};
use super::{Place, create, create_as};
use crate::embedded::raw::{self, Raw};
use crate::server::{client, options, options_as};

fn place_on(dialect: Dialect) -> (Place, Server) {
    let server = Server::builder().dialect(dialect).start().unwrap();
    (Place::at(&server.connect_string()), server)
}

const KEEPER: Dialect = Dialect::Keeper;

/// Creates a node by the request that every server knows.
fn create_plainly(server: &Server, path: &str) {
    let create = raw::create(path, b"{}", 0);
    Raw::connect(server.address()).ok(1, &create);
}

const TREE: &str = "\
/app
  threads = 3
  db -> /db
  /providers
  /old
    x = 1
/db
  @data 'raw'
/shut
  @acl auth::cdrwa world:anyone:r
";
const CHANGED: &str = "\
/app
  threads = 4
  db -> /db
  /new
    @moved from '/app/old'
    x = 1
/db
  @data 'other'
/shut
  @acl auth::cdrwa
";

/// A life of a tree: what each command says and how it ends.
fn life(place: &Place) -> String {
    place.file("a.zkt", TREE).file("b.zkt", CHANGED);
    place.file("own.zkt", "/own/a\n  x = 1\n/own/b\n");
    place.file("own2.zkt", "/own/a\n  x = 2\n");
    let auth = "--auth digest:u:p";
    let words = [
        "plan a.zkt --auth digest:u:p --detailed-exitcode",
        "apply -y a.zkt --auth digest:u:p",
        "plan a.zkt --auth digest:u:p --detailed-exitcode",
        "plan b.zkt --auth digest:u:p --trim all",
        "apply -y b.zkt --auth digest:u:p --trim all",
        "plan b.zkt --auth digest:u:p --detailed-exitcode",
        "apply -y own.zkt --owner shop",
        "apply -y own2.zkt --owner shop --trim owned",
        "plan own2.zkt --owner shop --detailed-exitcode",
        "export / --auth digest:u:p --acl",
        "ls /",
        "get /app",
        "set /app threads=5",
        "plan b.zkt --auth digest:u:p --detailed-exitcode",
        "rm --yes /app",
        "ls /",
    ];
    let run = |words: &&str| format!("$ zkt {words}\n{}", place.run(words).undated());
    let said: String = words.iter().map(run).collect();
    assert!(said.contains(auth));
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_life_of_a_tree_is_the_same_on_both() {
    let (zookeeper, _server) = place_on(Dialect::ZooKeeper);
    let (keeper, server) = place_on(KEEPER);
    let expected = life(&zookeeper);
    let said = life(&keeper);
    assert_eq!(said, expected);
    assert!(said.contains("Done: 5 added, "), "{said}");
    assert!(said.contains("> /app/old -> /app/new"), "{said}");
    assert!(said.contains("acl:") && said.contains("Done: "), "{said}");
    // Nobody is asked what closes the connection, and no session is made again and again.
    for kind in [RequestKind::MultiRead, RequestKind::WhoAmI] {
        assert_eq!(server.requests(kind), 0, "{kind:?}");
    }
    let commands = said.matches("$ zkt ").count() as u64;
    assert!(server.requests(RequestKind::CreateSession) <= commands);
}

#[tokio::test]
async fn a_server_is_known_by_its_sessions() {
    let with = |watches, creates| {
        let mut abilities = Abilities::default();
        (abilities.watches, abilities.creates) = (watches, creates);
        Kind::Keeper(abilities)
    };
    for (dialect, expected, sessions) in [
        (Dialect::ZooKeeper, Kind::ZooKeeper, 1),
        (Dialect::Keeper, with(true, true), 1),
        // Nodes are created there by a request that the client must be told to use.
        (Dialect::Keeper24, with(false, false), 2),
    ] {
        let (_, server) = place_on(dialect);
        let hosts = server.connect_string();
        let session = Session::connect(&options(&hosts)).await.unwrap();
        assert_eq!(session.dialect(), expected);
        let reads = server.requests(RequestKind::GetData);
        // ZooKeeper is not asked anything.
        assert_eq!(reads == 0, expected == Kind::ZooKeeper);
        session.close().await;
        assert_eq!(server.requests(RequestKind::CreateSession), sessions);
        // Nor below a chroot, where the nodes that tell are not seen.
        create_plainly(&server, "/below");
        let below = options_as(&format!("{hosts}/below"), "u:p");
        let session = Session::connect(&below).await.unwrap();
        assert_eq!(session.dialect(), expected);
        let users = session.identities().await.unwrap();
        let digests = users.iter().filter(|user| user.scheme == "digest").count();
        assert_eq!(digests, 1, "{users:?}");
        session.close().await;
    }
}

#[tokio::test]
async fn what_belongs_to_keeper_is_left_alone() {
    let (place, server) = place_on(KEEPER);
    place.file("a.zkt", "/a\n");
    place.run("apply -y a.zkt --trim all").expect(0);
    place.run("rm --yes /a").expect(0);
    let names: Vec<String> = server.tree().into_iter().map(|node| node.path).collect();
    assert_eq!(
        names,
        [
            "/",
            "/keeper",
            "/keeper/api_version",
            "/keeper/feature_flags"
        ]
    );
    place.file("own.zkt", "/keeper/mine\n");
    let of_keeper = "error: /keeper belongs to ClickHouse Keeper itself and cannot be declared\n";
    for words in ["plan own.zkt", "plan a.zkt --path /keeper"] {
        assert_eq!(place.run(words).expect(1).stderr, of_keeper);
    }
    place.file("ip.zkt", "/a\n  @acl ip:127.0.0.1:cdrwa world:anyone:r\n");
    insta::assert_snapshot!(place.run("plan ip.zkt"), @"
    --- stderr
    error: /a: ClickHouse Keeper has no ACLs of the scheme ip, only of world, digest and auth
    hint: ClickHouse Keeper would drop the entry without a word
    --- exit 1
    ");
    // Nor does a watch write it.
    for (file, what) in [
        ("own.zkt", "belongs to ClickHouse Keeper"),
        ("ip.zkt", "the scheme ip"),
    ] {
        let run = place.run(&format!("watch --once {file}"));
        assert_ne!(run.code, 0, "{run}");
        assert!(run.stderr.contains(what), "{run}");
    }
    assert_eq!(server.requests(RequestKind::SetAcl), 0);
    // On ZooKeeper, it is a node like any.
    let (place, _server) = place_on(Dialect::ZooKeeper);
    place.file("own.zkt", "/keeper/mine\n");
    place.run("apply -y own.zkt").expect(0);
    let listed = place.run("ls /").expect(0);
    assert_eq!(listed.stdout, "/\n/keeper\n/keeper/mine\n");
}

/// Keeper shows hashes to everybody, so whose entries they are is known.
#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_found_before_the_first_write() {
    let (place, server) = place_on(KEEPER);
    place.file("p.zkt", "/p\n  @acl auth::cdrwa world:anyone:r\n");
    let as_ops = "--auth digest:ops:secret";
    place.run(&format!("apply -y p.zkt {as_ops}")).expect(0);
    place.file("a.zkt", "/new\n/p\n  /below\n");
    let batches = server.requests(RequestKind::Multi);
    for words in ["plan --check-rights", "apply -y"] {
        let run = place.run(&format!("{words} a.zkt")).expect(3);
        let why = "refused: /p: its ACL gives this session no create right";
        assert!(run.stdout.contains(why), "{run}");
    }
    assert_eq!(server.requests(RequestKind::Multi), batches);
    insta::assert_snapshot!(place.run("audit /p"), @"
    zkt audit: /p on SERVER/

    digest:ops:cdrwa world:anyone:r                                           1 node
      /p

    Who may administer:
      1 node   digest:ops

    Audit: 1 node, nothing found.
    --- exit 0
    ");
    // The server's super user has this name, and the server does not say who that is.
    let as_super = "--auth digest:super:secret";
    let run = place
        .run(&format!("plan --check-rights a.zkt {as_super}"))
        .expect(0);
    let why = "Rights: 2 nodes checked, it cannot be told at 1 node.\n  /p  (create)\n";
    assert!(run.stdout.contains(why), "{run}");
    place.file(
        "ops.zkt",
        "/ops\n  @acl digest:ops:w4PIv8/Wzcq4qj4/MfEQ8pvUSS4=:cdrwa\n  /in\n",
    );
    place.run(&format!("plan ops.zkt {as_super}")).expect(0);
    let run = place.run("plan ops.zkt --auth digest:dev:secret").expect(3);
    assert!(
        run.stdout.contains("gives this session no admin right"),
        "{run}"
    );
    place.run(&format!("apply -y a.zkt {as_ops}")).expect(0);
}

/// The server does not say what a client has that somebody else made.
#[tokio::test]
async fn the_identities_of_a_borrowed_client_are_not_denied() {
    let (place, server) = place_on(KEEPER);
    create_plainly(&server, "/a");
    let client = client(&place.hosts).await;
    client.auth("digest", b"ops:secret").await.unwrap();
    let ops = AuthId::new("digest", "ops:w4PIv8/Wzcq4qj4/MfEQ8pvUSS4=");
    let acl = [Acl::new(Permission::READ | Permission::WRITE, ops)];
    client.set_acl("/a", &acl, None).await.unwrap();
    let zookeeper = zkt::ZooKeeper::from_client(client);
    let import = zkt::services::Import::default();
    let done = zookeeper.import_tree("/a\n  x = 1\n", &import).await;
    done.unwrap();
    zookeeper.close().await;
}

/// Batches may not create nodes there; the rest works.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_keeper_reads_and_updates() {
    let (place, server) = place_on(Dialect::Keeper24);
    let client = client(&place.hosts).await;
    create_plainly(&server, "/a");
    create_plainly(&server, "/a/extra");
    place.file("a.zkt", "/a\n  x = 1\n");
    place.run("apply -y a.zkt --trim all").expect(0);
    assert_eq!(client.get_data("/a").await.unwrap().0, b"{\"x\":1}");
    assert_eq!(client.list_children("/a").await.unwrap(), [""; 0]);
    place.file("more.zkt", "/a\n  x = 2\n/b\n");
    insta::assert_snapshot!(place.run("apply -y more.zkt"), @"
    zkt apply: SERVER/ <- more.zkt

      + /b                                               more.zkt:3
      ~ /a
          x = 1 -> 2

    refused: /b: this ClickHouse Keeper cannot create nodes in batches (create2); ClickHouse Keeper 25.12 can, with create_with_stats (more.zkt:3:1)

    Plan: 1 to add, 1 to update, 0 to link, 0 to trim.
    --- exit 3
    ");
    place.run("plan more.zkt").expect(3);
    place.run("plan -o plan.json more.zkt").expect(3);
    // A watch does not plan for the server. It tries, and writes nothing either.
    let once = place.run("watch --once more.zkt");
    assert_ne!(once.code, 0, "{once}");
    assert!(once.stderr.contains("/b: the server is too old"), "{once}");
    let own = place.run("apply -y --owner shop a.zkt --adopt").expect(3);
    let why =
        "refused: this ClickHouse Keeper cannot create nodes in batches (create2), so it keeps no";
    assert!(own.stdout.contains(why), "{own}");
    let own = place.run("watch --once --owner shop more.zkt");
    assert_ne!(own.code, 0, "{own}");
    assert!(
        own.stderr
            .contains("the owner's record could not be written"),
        "{own}"
    );
    // Nothing of it was written.
    assert_eq!(client.get_data("/a").await.unwrap().0, b"{\"x\":1}");
    // Changes are found by the timer.
    let mut watching = Watching::start(&place, "a.zkt --interval 1s");
    watching.says(&["cannot watch"]).await;
    watching.says(&["reconciled"]).await;
    client.set_data("/a", b"{\"x\":7}", None).await.unwrap();
    becomes(&client, "/a", Some("{\"x\":1}")).await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(server.requests(RequestKind::AddWatch), 0);
}

/// ACLs that open nodes to the rest of a plan come before everything else.
#[tokio::test(flavor = "multi_thread")]
async fn where_no_node_can_be_created_no_acl_is_changed_for_it() {
    let (place, server) = place_on(Dialect::Keeper24);
    let client = client(&place.hosts).await;
    client.auth("digest", b"ops:secret").await.unwrap();
    create_plainly(&server, "/a");
    let rights = Permission::READ | Permission::ADMIN;
    let ops = AuthId::new("digest", "ops:w4PIv8/Wzcq4qj4/MfEQ8pvUSS4=");
    let acl = [Acl::new(rights, ops)];
    client.set_acl("/a", &acl, None).await.unwrap();
    place.file("a.zkt", "/a\n  @acl auth::cdrwa\n  /b\n  /c\n");
    let run = place
        .run("apply -y a.zkt --auth digest:ops:secret")
        .expect(3);
    assert!(
        run.stdout.contains("refused: /a/b and 1 more node: "),
        "{run}"
    );
    assert_eq!(client.get_acl("/a").await.unwrap().0, acl);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_changes_are_repaired_by_events() {
    let (place, server) = place_on(KEEPER);
    place.file("a.zkt", super::watch::live::TREE);
    let client = client(&place.hosts).await;
    let mut watching = Watching::start(&place, "a.zkt --interval 1h");
    watching.says(&["reconciled", "applied"]).await;
    client.set_data("/a", b"{\"x\":2}", None).await.unwrap();
    watching.says(&["\"cause\":\"live\"", "applied"]).await;
    becomes(&client, "/a", Some("{\"x\":1}")).await;
    client.delete("/a/b/c", None).await.unwrap();
    client.delete("/a/b", None).await.unwrap();
    becomes(&client, "/a/b/c", Some("{\"z\":3}")).await;
    // Nothing is declared of these.
    create(&client, "/keep/own", "").await;
    create(&client, "/a/extra", "").await;
    // Another session comes, and its watches with it.
    let own = client.session_id().0;
    let sessions = server.sessions().into_iter().map(|session| session.id);
    sessions
        .filter(|session| *session != own)
        .for_each(|session| {
            server.cut(session);
        });
    client.set_data("/a/b/c", b"{}", None).await.unwrap();
    becomes(&client, "/a/b/c", Some("{\"z\":3}")).await;
    client.set_data("/a/b/c", b"{\"z\":4}", None).await.unwrap();
    becomes(&client, "/a/b/c", Some("{\"z\":3}")).await;
    assert!(client.check_stat("/a/extra").await.unwrap().is_some());
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("no event had told"), "{log}");
}

/// The answer is lost, and with it the session: what stands is found out with another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_lost_answer_is_found_out() {
    for fault in [Fault::LoseReply, Fault::LoseRequest] {
        let (place, server) = place_on(KEEPER);
        place.file("a.zkt", "/a\n  x = 1\n  /b\n");
        let lost = server.inject(Matching::kind(RequestKind::Multi), fault);
        let run = place.run("apply -y a.zkt").expect(0);
        assert!(lost.has_struck());
        assert!(run.last().starts_with("Done: "), "{run}");
        place.run("plan a.zkt --detailed-exitcode").expect(0);
        place.file("a.zkt", "/a\n  x = 2\n");
        let lost = server.inject(Matching::kind(RequestKind::Multi), fault);
        place.run("apply -y a.zkt --trim all").expect(0);
        assert!(lost.has_struck());
        place
            .run("plan a.zkt --trim all --detailed-exitcode")
            .expect(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_registered_and_found() {
    for dialect in [KEEPER, Dialect::Keeper24] {
        let (place, server) = place_on(dialect);
        create_plainly(&server, "/svc");
        let mut command = place.command("register /svc 10.0.0.1:80 weight=2 -- sleep 60");
        let mut child = command.spawn().unwrap();
        let ephemerals = || server.ephemerals();
        while ephemerals().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let found = place.run("discover /svc").expect(0);
        assert!(found.stdout.contains("10.0.0.1:80"), "{found}");
        let [(path, session)] = &ephemerals()[..] else {
            panic!("one is registered");
        };
        // The connection is lost, and the session with it.
        server.cut(*session);
        loop {
            match &ephemerals()[..] {
                [(now, owner)] if now == path && owner != session => break,
                _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        }
        server.expire(*session);
        assert_eq!(ephemerals().len(), 1, "{dialect:?}");
        super::signal(&child, "TERM");
        child.wait().unwrap();
        // It is taken away before the session ends, to whose end there is no answer.
        assert_eq!(ephemerals(), [], "{dialect:?}");
    }
}

#[tokio::test]
async fn a_client_of_the_tests_leaves_without_a_word() {
    let (_, server) = place_on(KEEPER);
    let client = client(&server.connect_string()).await;
    create_as(&client, "/e", "", CreateMode::Ephemeral).await;
    drop(client);
    while server
        .sessions()
        .iter()
        .any(|session| session.peer.is_some())
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.requests(RequestKind::CreateSession), 1);
}

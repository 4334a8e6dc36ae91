//! What a plan says of ACLs, to whom it may be said.

mod deep;

use zkt::server::RequestKind;
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, AuthId, Client, CreateMode, Permission};

use super::Place;
use crate::server::options_as;

/// Creates a node that everybody may do just this with.
async fn create_for(client: &Client, path: &str, data: &str, rights: Permission) {
    let acl = [zookeeper_client::Acl::new(rights, AuthId::anyone())];
    let options = CreateMode::Persistent.with_acls(Acls::new(&acl));
    client
        .create(path, data.as_bytes(), &options)
        .await
        .unwrap();
}

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

/// Nodes of which no ACL is declared: of those nobody else reads the ACL.
async fn closed(place: &Place) {
    let client = place.client().await;
    let open = Permission::READ | Permission::ADMIN;
    create_for(&client, "/p", "{\"x\":1}", open).await;
    create_for(&client, "/q", "{}", Permission::ALL).await;
    super::create(&client, "/q/old", "{}").await;
    let kept = Permission::READ | Permission::CREATE | Permission::ADMIN;
    let acl = [zookeeper_client::Acl::new(kept, AuthId::anyone())];
    client.set_acl("/q", &acl, None).await.unwrap();
    place.file("a.zkt", "/new\n/p\n  x = 2\n  /child\n/q\n  /more\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_missing_rights_are_listed_before_the_first_write() {
    let place = Place::new("rights-missing").await;
    closed(&place).await;
    let before = place.nodes().await;
    insta::assert_snapshot!(place.run("apply -y -t a.zkt"), @"
    zkt apply: SERVER <- a.zkt
      trim all

      + /new                                             a.zkt:1
      + /p/child                                         a.zkt:4
      + /q/more                                          a.zkt:6
      ~ /p
          x = 1 -> 2
      - /q/old                                           (1 node)

    refused: rights are missing at 2 nodes; --force tries it nevertheless
      /p  (write, create)
      /q  (delete)

    Plan: 3 to add, 1 to update, 0 to link, 1 to trim.
    --- exit 3
    ");
    assert_eq!(place.nodes().await, before);
    // Reading is all that a plan takes.
    place.run("plan -t a.zkt").expect(0);
    let run = place.run("plan -t --check-rights --format json a.zkt");
    let plan = &run.expect(3).json()[0];
    let missing = serde_json::json!([
        {"path": "/p", "rights": ["write", "create"]},
        {"path": "/q", "rights": ["delete"]},
    ]);
    assert_eq!(plan["refusals"][0]["missing"], missing);
    assert_eq!(plan["rights"]["missing"], missing);
    assert_eq!(plan["rights"]["nodes"], 3);
    let run = place.run("plan -t --check-rights --format markdown a.zkt");
    assert!(run.expect(3).stdout.contains("/p  (write, create)"));
    insta::assert_snapshot!(place.run("plan --target /q/** --check-rights a.zkt"), @"
    zkt plan: SERVER <- a.zkt
      target /q/**

      + /q/more                                          a.zkt:6

    Extra, left alone without --trim:
      /q/old

    Rights: 1 node checked, none is missing.

    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.
    --- exit 0
    ");

    place.run("plan -t -o plan.json a.zkt").expect(0);
    let run = place.run("apply -y --plan plan.json").expect(3);
    assert!(run.stdout.contains("  /q  (delete)"), "{run}");
    assert_eq!(place.nodes().await, before);

    for words in ["--plan plan.json", "-t a.zkt"] {
        let run = place.run(&format!("apply -y --force {words}")).expect(1);
        let why = "error: /p/child: not authorized\n";
        assert!(run.stderr.starts_with(why), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_listed_with_the_rest() {
    let place = Place::new("rights-read").await;
    closed(&place).await;
    let client = place.client().await;
    let hidden = Permission::WRITE | Permission::CREATE;
    create_for(&client, "/z", "{}", hidden).await;
    place.file("z.zkt", "/z\n  x = 1\n");
    insta::assert_snapshot!(place.run("apply -y a.zkt z.zkt"), @"
    zkt apply: SERVER <- a.zkt z.zkt

      + /new                                             a.zkt:1
      + /p/child                                         a.zkt:4
      + /q/more                                          a.zkt:6
      ~ /p
          x = 1 -> 2

    Extra, left alone without --trim:
      /q/old

    Kept as they are:
      /z  (not authorized to read it or a node below it)

    refused: rights are missing at 2 nodes; --auth, --auth-file or --sasl-user gives credentials
      /p  (write, create)
      /z  (read)

    Plan: 3 to add, 1 to update, 0 to link, 0 to trim.
    --- exit 3
    ");
    // Nothing else is missing.
    let run = place.run("apply -y z.zkt").expect(1);
    assert!(run.stderr.starts_with("error: not authorized to read /z\n"));
    let run = place.run("plan --check-rights z.zkt").expect(3);
    let why = "refused: /z: its ACL gives this session no read right";
    assert!(run.stdout.contains(why), "{run}");
    // Without READ the server does not show the ACL either.
    place.file("in.zkt", "/in\n");
    let run = place.run("plan --check-rights --path /z in.zkt").expect(0);
    let why = "Rights: 1 node checked, it cannot be told at 1 node.\n  /z  (create)\n";
    assert!(run.stdout.contains(why), "{run}");
    place.run("apply -y --path /z in.zkt").expect(0);
}

/// A list is bounded for people, and whole for programs.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_nodes_the_first_are_named() {
    let place = Place::new("rights-many").await;
    let client = place.client().await;
    let mut text = String::new();
    for i in 0..25 {
        create_for(&client, &format!("/n{i:02}"), "{}", Permission::READ).await;
        text += &format!("/n{i:02}\n  x = 1\n");
    }
    place.file("a.zkt", text);
    let run = place.run("apply -y a.zkt").expect(3);
    assert!(
        run.stdout.contains("  /n09  (write)\n  … and 15 more\n"),
        "{run}"
    );
    assert!(!run.stdout.contains("/n10  (write)"), "{run}");
    let run = place.run("apply -y --format json a.zkt").expect(3);
    let refusal = &run.json()[0]["refusals"][0];
    assert_eq!(refusal["missing"].as_array().unwrap().len(), 25);
    assert!(refusal["message"].as_str().unwrap().len() < 500);
}

/// However many nodes there are below it, of a parent one ACL is read, and nobody is asked for the
/// session's identities where everybody may do all.
#[tokio::test(flavor = "multi_thread")]
async fn of_each_parent_one_acl_is_read() {
    let server = zkt::server::Server::builder().start().unwrap();
    let place = Place::at(&server.connect_string());
    super::create(&place.client().await, "/top", "{}").await;
    let nodes = |count: usize| -> String {
        let nodes = (0..count).map(|i| format!("  /n{i}\n    /below\n"));
        nodes.collect()
    };
    place.file("a.zkt", format!("/top\n{}", nodes(2000)));
    let asked = || [RequestKind::GetAcl, RequestKind::WhoAmI].map(|kind| server.requests(kind));
    let before = asked();
    place.run("apply -y a.zkt").expect(0);
    assert_eq!(asked(), [before[0] + 1, before[1]]);
    // Nothing is written, so nothing is to be known.
    place.run("apply -y a.zkt").expect(0);
    assert_eq!(asked(), [before[0] + 1, before[1]]);
}

/// What a client has that somebody else made, only the server knows.
#[tokio::test(flavor = "multi_thread")]
async fn the_identities_of_a_borrowed_client_are_not_denied() {
    let place = Place::new("rights-borrowed").await;
    let client = place.client().await;
    let digest = "ops:w4PIv8/Wzcq4qj4/MfEQ8pvUSS4=";
    let rights = Permission::READ | Permission::WRITE;
    let acl = [zookeeper_client::Acl::new(
        rights,
        AuthId::new("digest", digest),
    )];
    let options = CreateMode::Persistent.with_acls(Acls::new(&acl));
    client.create("/a", b"{}", &options).await.unwrap();
    client.auth("digest", b"ops:secret").await.unwrap();
    let zookeeper = zkt::ZooKeeper::from_client(client);
    let import = zkt::services::Import::default();
    zookeeper
        .import_tree("/a\n  x = 1\n", &import)
        .await
        .unwrap();
    zookeeper.close().await;
}

/// With `--force` the rights that are missing are told, and keep nothing from being planned.
#[tokio::test(flavor = "multi_thread")]
async fn with_force_missing_rights_are_only_told() {
    let place = Place::new("rights-force").await;
    closed(&place).await;
    let run = place.run("plan -t --check-rights --force a.zkt").expect(0);
    let told = "Rights: 3 nodes checked, some are missing at 2 nodes.\n\
                Missing; apply --force tries anyway:\n  \
                /p  (write, create)\n  /q  (delete)\n";
    assert!(run.stdout.contains(told), "{run}");
    assert!(!run.stdout.contains("refused"), "{run}");
    let run = place.run("plan -t --check-rights --force --format json a.zkt");
    let plan = &run.expect(0).json()[0];
    assert_eq!(plan["rights"]["missing"].as_array().unwrap().len(), 2);
    assert!(
        plan.get("refusals")
            .is_none_or(|all| all.as_array().is_none_or(Vec::is_empty))
    );
    let run = place.run("plan -t --check-rights --force --format markdown a.zkt");
    let run = run.expect(0);
    assert!(run.stdout.contains("/q  (delete)"), "{run}");

    // What cannot be read cannot be compared, whoever tries it.
    let client = place.client().await;
    create_for(&client, "/z", "{}", Permission::WRITE).await;
    place.file("z.zkt", "/z\n  x = 1\n");
    let run = place
        .run("plan -t --check-rights --force a.zkt z.zkt")
        .expect(3);
    assert!(
        run.stdout
            .contains("refused: /z: its ACL gives this session no read right"),
        "{run}"
    );
    assert!(!run.stdout.contains("--force tries it"), "{run}");
    assert!(run.stdout.contains("  /q  (delete)\n"), "{run}");
}

/// Before all else an apply for an owner writes the owner's record.
#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_an_owner_takes_rights_too() {
    let place = Place::new("rights-record").await;
    let client = place.client().await;
    create_for(
        &client,
        "/closed",
        "{}",
        Permission::READ | Permission::ADMIN,
    )
    .await;
    place.file("a.zkt", "/a\n");
    let before = place.nodes().await;
    let why = "refused: /closed: its ACL gives this session no create right";
    for at in ["/closed", "/closed/deeper"] {
        for words in ["plan --check-rights", "apply -y"] {
            let words = format!("{words} --owner ops --owner-path {at} a.zkt");
            let run = place.run(&words).expect(3);
            assert!(run.stdout.contains(why), "{run}");
        }
    }
    assert_eq!(place.nodes().await, before);
    create_for(&client, "/open", "{}", Permission::ALL).await;
    let ops = "--owner ops --owner-path /open/records";
    place.run(&format!("apply -y {ops} a.zkt")).expect(0);
    place.file("a.zkt", "/a\n  x = 1\n");
    let run = place.run(&format!("plan --check-rights {ops} a.zkt"));
    assert!(
        run.expect(0)
            .stdout
            .contains("Rights: 2 nodes checked, none is missing.")
    );
    place.run(&format!("apply -y {ops} a.zkt")).expect(0);
}

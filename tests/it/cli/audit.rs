//! `zkt audit`: the rights of a live subtree.

use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

use super::Place;

/// The hashes of `ops:secret` and `dev:secret`, as the server computes them.
const OPS: &str = "ops:w4PIv8/Wzcq4qj4/MfEQ8pvUSS4=";
const DEV: &str = "dev:k+qqJ8dGTA7SMVOWSq77zLvhWEM=";

async fn create(client: &Client, path: &str, acl: &[Acl]) {
    let options = CreateMode::Persistent.with_acls(Acls::new(acl));
    client.create(path, b"{}", &options).await.unwrap();
}

fn digest(who: &str, rights: Permission) -> Acl {
    Acl::new(rights, AuthId::new("digest", who))
}

fn anyone(rights: Permission) -> Acl {
    Acl::new(rights, AuthId::anyone())
}

/// A subtree with something of everything.
async fn tree(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    client.auth("digest", b"ops:secret").await.unwrap();
    let ops = [digest(OPS, Permission::ALL), anyone(Permission::READ)];
    create(&client, "/svc", &ops).await;
    for i in 0..8 {
        create(&client, &format!("/svc/n{i}"), &ops).await;
        create(&client, &format!("/svc/n{i}/in"), &ops).await;
    }
    create(&client, "/svc/n1/open", &[anyone(Permission::ALL)]).await;
    create(&client, "/svc/n1/open/below", &[anyone(Permission::ALL)]).await;
    create(&client, "/svc/stuck", &[anyone(Permission::READ)]).await;
    let dev = [
        digest(DEV, Permission::READ),
        digest(OPS, Permission::ADMIN),
    ];
    create(&client, "/svc/dev", &dev).await;
    create(&client, "/svc/shut", &[digest(DEV, Permission::ALL)]).await;
    place
}

const AS_OPS: &str = "--auth digest:ops:secret";

#[tokio::test(flavor = "multi_thread")]
async fn a_subtree_is_grouped_by_its_acls() {
    let place = tree("audit-groups").await;
    let run = place
        .run(&format!("audit /svc {AS_OPS} --known digest:ops"))
        .expect(0);
    let widest = run.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest.unwrap() <= 80, "{run}");
    assert!(!run.everything().contains('='), "{run}");
    insta::assert_snapshot!(run, @"
    zkt audit: /svc on SERVER

    world:anyone:cdrwa                                                       2 nodes
      open: everybody may write, create, delete, administer
      /svc/n1/open  (2 nodes)

    world:anyone:r                                                            1 node
      no-admin: nobody may administer them, but the server's super user
      /svc/stuck

    digest:dev:r digest:ops:a                                                 1 node
      unknown: digest:dev
      /svc/dev

    ACL not shown                                                             1 node
      hidden: this session may neither read nor administer them
      /svc/shut

    digest:ops:cdrwa world:anyone:r                                         17 nodes
      /svc  (17 nodes)

    Who may administer:
      18 nodes  digest:ops
       2 nodes  world:anyone
       1 node   nobody
       1 node   (not shown)

    Audit: 22 nodes: 2 open, 1 no-admin, 1 unknown, 1 hidden.
    --- exit 0
    ");
    let brief = place.run(&format!("audit -q /svc {AS_OPS}")).expect(0);
    insta::assert_snapshot!(brief, @"
    Audit: 22 nodes: 2 open, 1 no-admin, 1 hidden.
    --- exit 0
    ");
    // A session without the right ADMIN sees masks.
    let nobody = place.run("audit /svc/n0").expect(0);
    insta::assert_snapshot!(nobody, @"
    zkt audit: /svc/n0 on SERVER

    digest:ops:cdrwa world:anyone:r                                          2 nodes
      (the server hides the hashes: this session has no admin right)
      /svc/n0  (2 nodes)

    Who may administer:
      2 nodes  digest:ops

    Audit: 2 nodes, nothing found.
    --- exit 0
    ");
}

/// What cannot be looked at may be anything: a gate does not pass for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_listed_counts_as_hidden() {
    let place = Place::new("audit-unlisted").await;
    let client = place.client().await;
    client.auth("digest", b"ops:secret").await.unwrap();
    create(&client, "/svc", &[digest(OPS, Permission::ALL)]).await;
    for name in ["/svc/a", "/svc/b"] {
        create(&client, name, &[anyone(Permission::ALL)]).await;
    }
    client
        .set_acl("/svc", &[digest(OPS, Permission::ADMIN)], None)
        .await
        .unwrap();
    let words = format!("audit /svc {AS_OPS} --fail-on open --fail-on hidden");
    insta::assert_snapshot!(place.run(&words).expect(3), @"
    zkt audit: /svc on SERVER

    digest:ops:a                                                              1 node
      /svc

    children not listed                                                       1 node
      hidden: this session may not read them, so what is below is not known
      /svc

    Who may administer:
      1 node   digest:ops

    failed: --fail-on hidden
    Audit: 1 node: 1 hidden.
    --- exit 3
    ");
    let run = place.run(&format!("{words} --format json")).expect(3);
    let report = &run.json()[0];
    assert_eq!(report["found"]["hidden"], 1);
    assert_eq!(report["unlisted"], serde_json::json!(["/svc"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_for_programs_has_all() {
    let place = tree("audit-json").await;
    let words = format!("audit /svc {AS_OPS} --format json --fail-on open --fail-on no-admin");
    let report = &place.run(&words).expect(3).json()[0];
    let found = serde_json::json!({"open": 2, "no-admin": 1, "unknown": 0, "hidden": 1});
    assert_eq!(report["found"], found);
    assert_eq!(report["failed"], serde_json::json!(["open", "no-admin"]));
    assert_eq!(report["nodes"], 22);
    let open = serde_json::json!({
        "acl": ["world:anyone:cdrwa"],
        "nodes": 2,
        "findings": ["open"],
        "open": ["write", "create", "delete", "admin"],
        "admins": ["world:anyone"],
        "unknown": [],
        "masked": false,
        "tops": [{"path": "/svc/n1/open", "nodes": 2}],
    });
    assert_eq!(report["groups"][0], open);
    let admins = serde_json::json!([
        {"who": "digest:ops", "nodes": 18},
        {"who": "world:anyone", "nodes": 2},
    ]);
    assert_eq!(report["admins"], admins);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_declared_is_known() {
    let place = tree("audit-known").await;
    place.file("a.zkt", format!("/x\n  @acl digest:{DEV}:r\n"));
    let audit = |words: &str| place.run(&format!("audit /svc {AS_OPS} --fail-on unknown {words}"));
    audit("--known-from a.zkt").expect(0);
    let run = audit("--known digest:qa").expect(3);
    assert!(run.stdout.contains("  unknown: digest:dev\n"), "{run}");
    assert!(run.stdout.contains("failed: --fail-on unknown\n"), "{run}");
    insta::assert_snapshot!(audit(""), @"
    --- stderr
    error: --fail-on unknown: nobody is known
    hint: --known WHO or --known-from LAYER says who is
    --- exit 1
    ");
    insta::assert_snapshot!(audit("--known ops"), @"
    --- stderr
    error: invalid value 'ops' for '--known <WHO>': expected SCHEME:ID, as in digest:ops or sasl:alice

    For more information, try '--help'.
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("audit /nowhere"), @"
    --- stderr
    error: /nowhere does not exist on SERVER
    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_zookeepers_own_is_asked_for() {
    let server = zkt::server::Server::builder().start().unwrap();
    let place = Place::at(&server.connect_string());
    place.file("a.zkt", "/a\n");
    place.run("apply -y --owner shop a.zkt").expect(0);
    let all = place.run("audit /").expect(0);
    assert!(!all.stdout.contains("/zookeeper"), "{all}");
    // The records of owners are looked at as any node.
    assert!(all.last().starts_with("Audit: 5 nodes"), "{all}");
    let own = place.run("audit /zookeeper").expect(0);
    assert!(own.stdout.contains("/zookeeper  ("), "{own}");
}

/// Where each node has an ACL of its own, the first are shown, and the others are counted.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_acls_the_first_are_shown() {
    let place = Place::new("audit-many").await;
    let client = place.client().await;
    create(&client, "/svc", &[anyone(Permission::ALL)]).await;
    for i in 0..50 {
        let host = AuthId::new("ip", &format!("10.0.0.{i}"));
        let own = Acl::new(Permission::ALL, host);
        let acl = [own, anyone(Permission::READ)];
        create(&client, &format!("/svc/n{i:02}"), &acl).await;
    }
    let run = place.run("audit /svc --known digest:ops").expect(0);
    assert_eq!(run.stdout.matches("  unknown: ip:").count(), 19, "{run}");
    let counted = "\n… and 31 more ACLs of 31 nodes: 31 unknown\n  \
                   (--format json has all of them)\n";
    assert!(run.stdout.contains(counted), "{run}");
    assert!(
        run.last()
            .starts_with("Audit: 51 nodes: 1 open, 50 unknown."),
        "{run}"
    );
    let run = place
        .run("audit /svc --known digest:ops --format json")
        .expect(0);
    assert_eq!(run.json()[0]["groups"].as_array().unwrap().len(), 51);
}

//! What a plan keeps, refuses, or cannot read.

use zookeeper_client::CreateMode;

use crate::cli::{Place, create, create_as};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_kept() {
    let place = Place::new("plan-kept").await;
    let client = place.client().await;
    for path in [
        "/svc",
        "/svc/old",
        "/svc/old/p",
        "/svc/older",
        "/svc/kept",
        "/svc/kept/x",
    ] {
        create(&client, path, "").await;
    }
    create_as(&client, "/svc/old/p/10.0.0.1:80", "", CreateMode::Ephemeral).await;
    create_as(&client, "/svc/me", r#"{"x":1}"#, CreateMode::Ephemeral).await;
    place.file(
        "a.zkt",
        "/svc\n  /me\n    x = 2\n    /below\n  /kept\n    @keep\n",
    );
    insta::assert_snapshot!(place.run("plan -t a.zkt"), @"
    zkt plan: SERVER <- a.zkt
      trim all

      - /svc/older                                       (1 node)

    Kept as they are:
      /svc/me  (ephemeral)
      /svc/me/below  (cannot exist below an ephemeral node)
      /svc/old  (holds an ephemeral node)
      /svc/old/p/10.0.0.1:80  (ephemeral)

    Plan: 0 to add, 0 to update, 0 to link, 1 to trim.
    --- exit 0
    ");
    let json = place.run("plan -t --format json a.zkt").expect(0).json();
    insta::assert_snapshot!(json[0]["kept"], @r#"[{"path":"/svc/me","reason":"ephemeral"},{"path":"/svc/me/below","reason":"cannot exist below an ephemeral node"},{"path":"/svc/old","reason":"holds an ephemeral node"},{"path":"/svc/old/p/10.0.0.1:80","reason":"ephemeral"}]"#);
    place.run("apply -y -t a.zkt").expect(0);
    let left = place.run("ls /svc").expect(0).stdout;
    insta::assert_snapshot!(left, @"
    /svc
    /svc/kept
    /svc/kept/x
    /svc/me
    /svc/old
    /svc/old/p
    /svc/old/p/10.0.0.1:80
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn guards() {
    let place = Place::new("plan-guards").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    for i in 0..9 {
        create(&client, &format!("/a/old{i}"), "").await;
    }
    place
        .file("a.zkt", "/a\n")
        .file("link.zkt", "/a\n  l -> /nowhere\n");
    let run = place.run("plan -t a.zkt").expect(3);
    assert!(
        run.stdout
            .contains("refused: 9 of the 10 nodes at and below /a"),
        "{run}"
    );
    create(&client, "/a/old9", "").await;
    insta::assert_snapshot!(place.run("plan -t a.zkt"), @"
    zkt plan: SERVER <- a.zkt
      trim all

      - /a/old0                                          (1 node)
      - /a/old1                                          (1 node)
      - /a/old2                                          (1 node)
      - /a/old3                                          (1 node)
      - /a/old4                                          (1 node)
      - /a/old5                                          (1 node)
      - /a/old6                                          (1 node)
      - /a/old7                                          (1 node)
      - /a/old8                                          (1 node)
      - /a/old9                                          (1 node)

    refused: 10 of 11 nodes would be trimmed, more than the trim limit of 30%; --max-trim or --force allows more

    Plan: 0 to add, 0 to update, 0 to link, 10 to trim.
    --- exit 3
    ");
    place.run("plan -t --force a.zkt").expect(0);
    place.run("plan -t --max-trim 10 a.zkt").expect(0);
    place.run("plan -t --max-trim 95% a.zkt").expect(0);
    place.run("plan -t --max-trim 9 a.zkt").expect(3);
    place.run("plan -t --max-trim 0 a.zkt").expect(3);
    let json = place
        .run("plan -t --max-trim 50% --format json a.zkt")
        .expect(3)
        .json();
    insta::assert_snapshot!(json[0]["refusals"], @r#"[{"message":"10 of 11 nodes would be trimmed, more than the trim limit of 50%; --max-trim or --force allows more"}]"#);
    insta::assert_snapshot!(place.run("plan --strict link.zkt --extras hide"), @"
    zkt plan: SERVER <- link.zkt
      extras hide

      @ /a
          l -> /nowhere

    warning: /a: link l -> /nowhere dangles: /nowhere does not exist (link.zkt:2:3) [dangling-link]

    refused: warnings and extra nodes are not allowed, and there is 1 warning; --strict or strict in zkt.toml forbids them

    Plan: 0 to add, 0 to update, 1 to link, 0 to trim.
    --- exit 3
    ");
    place
        .run("apply -y --strict --extras hide link.zkt")
        .expect(3);
    let before = place.exactly().await;
    insta::assert_snapshot!(place.run("apply -y -t a.zkt"), @"
    zkt apply: SERVER <- a.zkt
      trim all

      - /a/old0                                          (1 node)
      - /a/old1                                          (1 node)
      - /a/old2                                          (1 node)
      - /a/old3                                          (1 node)
      - /a/old4                                          (1 node)
      - /a/old5                                          (1 node)
      - /a/old6                                          (1 node)
      - /a/old7                                          (1 node)
      - /a/old8                                          (1 node)
      - /a/old9                                          (1 node)

    refused: 10 of 11 nodes would be trimmed, more than the trim limit of 30%; --max-trim or --force allows more

    Plan: 0 to add, 0 to update, 0 to link, 10 to trim.
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("apply -y -t --format json a.zkt").json()[0]["refusals"], @r#"[{"message":"10 of 11 nodes would be trimmed, more than the trim limit of 30%; --max-trim or --force allows more"}]"#);
    assert_eq!(place.exactly().await, before);
    place.run("apply -y -t --force a.zkt").expect(0);
    assert_eq!(place.nodes().await, "/a \"\" v0\n");
}

/// What goes by itself is nobody's to declare, and no reason to refuse.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_ephemeral_extra_is_kept() {
    let place = Place::new("plan-ephemeral-extra").await;
    let client = place.client().await;
    place.file("a.zkt", "/a\n  /declared\n");
    place.run("apply -y a.zkt").expect(0);
    for name in ["z:1", "b:1"] {
        create_as(&client, &format!("/a/{name}"), "{}", CreateMode::Ephemeral).await;
    }
    insta::assert_snapshot!(place.run("plan --strict a.zkt"), @"
    zkt plan: SERVER <- a.zkt

    Kept as they are:
      /a/b:1  (ephemeral)
      /a/z:1  (ephemeral)

    No changes: 2 nodes are as declared.
    --- exit 0
    ");
    create(&client, "/a/extra", "").await;
    insta::assert_snapshot!(place.run("plan --strict a.zkt"), @"
    zkt plan: SERVER <- a.zkt

    Extra, left alone without --trim:
      /a/extra

    Kept as they are:
      /a/b:1  (ephemeral)
      /a/z:1  (ephemeral)

    refused: warnings and extra nodes are not allowed, and there is 1 extra node; --strict or strict in zkt.toml forbids them

    No changes: 2 nodes are as declared.
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("plan --strict -q a.zkt"), @"
    refused: warnings and extra nodes are not allowed, and there is 1 extra node; --strict or strict in zkt.toml forbids them
    No changes: 2 nodes are as declared.
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("plan -q a.zkt"), @"
    No changes: 2 nodes are as declared.
    --- exit 0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_may_not_be_read() {
    let place = Place::new("plan-unreadable").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    place.file(
        "lock.zkt",
        "/a\n  /locked\n    @acl digest:u:WtGjfkcdVMTnZhfV7KHJ0t0mtNw=:cdrwa\n    x = 1\n  /open\n",
    );
    place.run("apply -y lock.zkt").expect(0);
    place
        .file("a.zkt", "/a\n  /locked\n    x = 2\n")
        .file("other.zkt", "/a\n  /open\n");
    insta::assert_snapshot!(place.run("plan a.zkt"), @"
    --- stderr
    error: not authorized to read /a/locked
    hint: --auth, --auth-file or --sasl-user gives credentials
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("diff a.zkt live"), @"
    --- stderr
    error: not authorized to read /a/locked
    hint: --auth, --auth-file or --sasl-user gives credentials
    --- exit 2
    ");
    insta::assert_snapshot!(place.run("plan -t other.zkt"), @"
    zkt plan: SERVER <- other.zkt
      trim all

    Kept as they are:
      /a/locked  (not authorized to read it or a node below it)

    No changes: 2 nodes are as declared.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("ls -l /a/locked"), @"
    (not authorized to read)                        /a/locked
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("export /a"), @"
    /a
      @data ''
      /open
    --- stderr
    error: not authorized to read /a/locked
    hint: --auth, --auth-file or --sasl-user gives credentials
    --- exit 1
    ");
}

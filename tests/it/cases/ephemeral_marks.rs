//! An export with ephemeral nodes, applied, made them permanent.

use zookeeper_client::CreateMode;

use super::super::cli::{Place, create, create_as};

const EXPORT: &str = "\
/svc
  @data ''
  /10.0.0.1:80
    @ephemeral
    pid = 1
  /10.0.0.2:80
    @ephemeral
    @data ''
";

async fn exported(name: &str) -> (Place, zookeeper_client::Client) {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/svc", "").await;
    let ephemeral = CreateMode::Ephemeral;
    create_as(&client, "/svc/10.0.0.1:80", r#"{"pid":1}"#, ephemeral).await;
    create_as(&client, "/svc/10.0.0.2:80", "", ephemeral).await;
    (place, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn they_are_marked_and_stay_with_their_sessions() {
    let (place, client) = exported("marks").await;
    assert_eq!(place.run("export -e").expect(0).stdout, EXPORT);
    place.file("a.zkt", EXPORT);
    place.run("fmt --check a.zkt").expect(0);
    place.run("check --strict a.zkt").expect(0);
    assert_eq!(place.run("show a.zkt").expect(0).stdout, EXPORT);
    insta::assert_snapshot!(place.run("plan --trim a.zkt"), @"
    zkt plan: SERVER <- a.zkt
      trim all

    Kept as they are:
      /svc/10.0.0.1:80  (ephemeral)
      /svc/10.0.0.2:80  (ephemeral)

    No changes: 1 node is as declared.
    --- exit 0
    ");
    drop(client);

    let copy = Place::new("marks-copy").await;
    copy.file("a.zkt", EXPORT);
    insta::assert_snapshot!(copy.run("apply -y a.zkt"), @"
    zkt apply: SERVER <- a.zkt

      + /svc                                             a.zkt:1
          @data ''

    Kept as they are:
      /svc/10.0.0.1:80  (@ephemeral: its session creates it, or --allow-ephemeral)
      /svc/10.0.0.2:80  (@ephemeral: its session creates it, or --allow-ephemeral)

    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.
    Done: 1 added, 0 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
    copy.run("watch --once --trim a.zkt").expect(0);
    assert_eq!(copy.run("ls /svc").expect(0).stdout, "/svc\n");
    copy.run("apply -y --allow-ephemeral a.zkt").expect(0);
    let run = copy.run("plan --allow-ephemeral --trim a.zkt").expect(0);
    assert_eq!(run.last(), "No changes: 3 nodes are as declared.");
    let text = EXPORT.replace("    @ephemeral\n", "");
    assert_eq!(copy.run("export -e").expect(0).stdout, text);
    insta::assert_snapshot!(copy.run("plan --trim a.zkt"), @"
    zkt plan: SERVER <- a.zkt
      trim all

    Kept as they are:
      /svc/10.0.0.1:80  (@ephemeral: its session creates it, or --allow-ephemeral)
      /svc/10.0.0.2:80  (@ephemeral: its session creates it, or --allow-ephemeral)

    No changes: 1 node is as declared.
    --- exit 0
    ");
}

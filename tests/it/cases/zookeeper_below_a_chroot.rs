//! Only the root of a server has the reserved `/zookeeper`; below a chroot it is a node like any.

use super::super::cli::{Place, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_chroot_with_a_node_of_that_name_is_copied() {
    let place = Place::new("zookeeper-chroot").await;
    let client = place.client().await;
    create(&client, "/zookeeper", r#"{"x":1}"#).await;
    create(&client, "/zookeeper/quota", "text").await;
    let text = place.run("export").expect(0).stdout;
    assert!(text.starts_with("/zookeeper\n  x = 1\n"), "{text}");
    place.file("a.zkt", &text);
    let run = place.run("plan a.zkt").expect(0);
    assert_eq!(run.last(), "No changes: 2 nodes are as declared.");
    assert_eq!(place.run("show a.zkt").expect(0).stdout, text);
    insta::assert_snapshot!(place.run("check a.zkt"), @"
    ok: 2 nodes in 1 file
    --- stderr
    warning: /zookeeper: it belongs to ZooKeeper itself, unless there is a chroot (a.zkt:1:1) [system-node]
    --- exit 0
    ");

    let copy = Place::new("zookeeper-chroot-copy").await;
    copy.file("a.zkt", &text);
    copy.run("apply -y a.zkt").expect(0);
    assert_eq!(copy.run("export").expect(0).stdout, text);
    copy.file("b.zkt", "/zookeeper\n");
    copy.run("watch --once --trim b.zkt").expect(0);
    assert_eq!(copy.run("export").expect(0).stdout, "/zookeeper\n");
    insta::assert_snapshot!(copy.run("diff a.zkt b.zkt"), @"
    zkt diff: a.zkt <- b.zkt

      ~ /zookeeper
        - x = 1
      - /zookeeper/quota                                 (1 node)

    Plan: 0 to add, 1 to update, 0 to link, 1 to trim.
    --- exit 1
    ");
    copy.file("c.zkt", "/other\n");
    insta::assert_snapshot!(copy.run("diff b.zkt c.zkt"), @"
    zkt diff: b.zkt <- c.zkt

      + /other                                           c.zkt:1
      - /zookeeper                                       (1 node)

    Plan: 1 to add, 0 to update, 0 to link, 1 to trim.
    --- stderr
    note: an apply leaves top-level nodes that are not declared, here
      /zookeeper; --trim owned removes those of its owner
    --- exit 1
    ");
}

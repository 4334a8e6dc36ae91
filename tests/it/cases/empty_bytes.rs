//! A node without bytes, exported and applied elsewhere, became one with the bytes `{}`.

use super::super::cli::{Place, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_without_bytes_stays_without_in_a_copy() {
    let place = Place::new("empty-bytes").await;
    let client = place.client().await;
    create(&client, "/eb1", "").await;
    create(&client, "/blank", " \n").await;
    let text = place.run("export").expect(0).stdout;
    assert_eq!(text, "/blank\n  @data ' \\n'\n/eb1\n  @data ''\n");
    place.file("copy.zkt", text);
    let run = place.run("plan copy.zkt").expect(0);
    assert_eq!(run.last(), "No changes: 2 nodes are as declared.");

    let copy = Place::new("empty-bytes-copy").await;
    copy.file("copy.zkt", place.read("copy.zkt"));
    copy.run("apply -y copy.zkt").expect(0);
    assert_eq!(copy.run("get --raw /eb1").expect(0).stdout, "");
    assert_eq!(copy.run("get --raw /blank").expect(0).stdout, " \n");
}

/// Declared without properties it may hold nothing, blanks or `{}`: they decode alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_that_is_declared_plainly_may_hold_nothing() {
    let place = Place::new("empty-bytes-plain").await;
    place.case("empty-bytes");
    create(&place.client().await, "/eb2", "").await;
    let run = place.run("plan plain.zkt").expect(0);
    assert_eq!(run.last(), "No changes: 1 node is as declared.");
    place.run("apply -y raw.zkt").expect(0);
    assert_eq!(place.run("get --raw /eb1").expect(0).stdout, "");
}

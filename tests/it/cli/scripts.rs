//! What zc.zk's scripts did, by the headings of its documentation.

use zookeeper_client::CreateMode;

use super::{Place, create, create_as};

async fn fooservice(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/fooservice", r#"{"secret":"1234","threads":3}"#).await;
    create(&client, "/fooservice/providers", "{}").await;
    for port in 8080..=8082 {
        let path = format!("/fooservice/providers/192.168.0.42:{port}");
        create_as(&client, &path, r#"{"pid":9999}"#, CreateMode::Ephemeral).await;
    }
    std::mem::forget(client);
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn zookeeper_export_script() {
    let place = fooservice("export-script").await;
    insta::assert_snapshot!(place.run("export -e /fooservice"), @"
    /fooservice
      secret = '1234'
      threads = 3
      /providers
        /192.168.0.42:8080
          @ephemeral
          pid = 9999
        /192.168.0.42:8081
          @ephemeral
          pid = 9999
        /192.168.0.42:8082
          @ephemeral
          pid = 9999
    --- exit 0
    ");
    place.run("export /fooservice -oo").expect(0);
    assert_eq!(
        place.read("o"),
        "/fooservice\n  secret = '1234'\n  threads = 3\n  /providers\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn zookeeper_import_script() {
    let place = fooservice("import-script").await;
    place.file("mytree.txt", "/provision\n  /node1\n  /node2\n");
    place
        .run("apply -y --path /fooservice mytree.txt")
        .expect(0);
    let listed = place.run("ls --no-ephemeral /fooservice").expect(0).stdout;
    assert!(
        listed.ends_with("/provision\n/fooservice/provision/node1\n/fooservice/provision/node2\n")
    );
    let plan = place
        .run_with("plan --path /fooservice -", "/x\n/y")
        .expect(0);
    assert!(plan.stdout.contains("+ /fooservice/x") && plan.stdout.contains("+ /fooservice/y"));
    let plan = place.run_with("plan -", "/x\n/y").expect(0);
    assert!(plan.stdout.contains("+ /x") && plan.stdout.contains("+ /y"));
    // Unlike zc.zk, zkt asks whether to trim most of a node's subtree is meant.
    place
        .run_with("plan -t --path /fooservice -", "/provision\n/y")
        .expect(3);
    let trim = place
        .run_with("plan -t --force --path /fooservice -", "/provision\n/y")
        .expect(0);
    assert_eq!(
        trim.last(),
        "Plan: 1 to add, 0 to update, 0 to link, 2 to trim."
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn property_update_script() {
    let place = fooservice("property-script").await;
    place
        .run("set /fooservice threads=4 debug=True comment='ok'")
        .expect(0);
    insta::assert_snapshot!(place.run("get /fooservice"), @"
    comment = 'ok'
    debug = True
    secret = '1234'
    threads = 4
    --- exit 0
    ");
}

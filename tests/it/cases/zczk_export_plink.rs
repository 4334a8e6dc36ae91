//! zc.zk exports a property link as the property that it is stored as: `threads => = u'..'`.

use super::super::cli::{Place, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_export_of_a_live_link_changes_nothing() {
    let place = Place::new("zczk-over-live").await;
    place.case("zczk-export-plink");
    let client = place.client().await;
    create(&client, "/mig", r#"{"threads":3}"#).await;
    create(&client, "/mig/app", r#"{"threads =>":".."}"#).await;
    let run = place.run("plan over-live.zkt").expect(0);
    assert_eq!(run.last(), "No changes: 2 nodes are as declared.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_link_is_what_it_was_meant_to_be() {
    let place = Place::new("zczk-meant").await;
    place.case("zczk-export-plink");
    place.run("apply -y refused.zkt").expect(0);
    assert_eq!(place.run("get /app").expect(0).stdout, "threads = 3\n");
    insta::assert_snapshot!(place.run("show silent.zkt"), @"
    /app
      same => ..
    --- exit 0
    ");
    place.run("fmt silent.zkt").expect(0);
    assert_eq!(place.read("silent.zkt"), "/app\n  same => ..\n");
}

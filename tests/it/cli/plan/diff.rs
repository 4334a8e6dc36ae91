//! `diff` with the live tree.

use super::super::Place;
use super::example;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn diff_with_the_live_tree() {
    let place = example("diff-live").await;
    insta::assert_snapshot!(place.run("diff live cms.zkt"), @"
    zkt diff: live SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3
      ~ /lb/pools/cms
          address = '1.2.3.4:80' -> '1.2.3.5:80'
        - x = 1
      @ /lb/pools/cms
          providers -> /cms/providers
      - /lb/pools/retail                                 (3 nodes)

    Plan: 2 to add, 1 to update, 1 to link, 3 to trim.
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("diff cms.zkt live"), @"
    zkt diff: cms.zkt <- live SERVER

      + /lb/pools/retail
      + /lb/pools/retail/a
      + /lb/pools/retail/b
      ~ /lb/pools/cms
          address = '1.2.3.5:80' -> '1.2.3.4:80'
        + x = 1
      @ /lb/pools/cms
        - providers -> /cms/providers
      - /cms                                             (2 nodes)

    Plan: 3 to add, 1 to update, 1 to link, 2 to trim.
    --- exit 1
    ");
    place.run("apply -y -t cms.zkt").expect(0);
    insta::assert_snapshot!(place.run("diff live cms.zkt"), @"
    zkt diff: live SERVER <- cms.zkt

    No changes: 5 nodes are as declared.
    --- exit 0
    ");
    place.run("diff cms.zkt live").expect(0);
    place.run("diff nosuch live").expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_moved_in_the_live_tree_is_shown_and_is_no_slip() {
    let place = Place::new("diff-live-moved").await;
    let tree = |name: &str| format!("/lb\n  /{name}\n    threads = 4\n    /pool\n      size = 2\n");
    place
        .file("old.zkt", tree("cms"))
        .file("live.zkt", tree("content"));
    place.run("apply -y live.zkt").expect(0);
    // Nobody writes a line into a live node.
    insta::assert_snapshot!(place.run("diff old.zkt live"), @"
    zkt diff: old.zkt <- live SERVER

      > /lb/cms -> /lb/content                           (2 nodes)

    Plan: 2 to add, 0 to update, 0 to link, 2 to trim.
    --- exit 1
    ");
    // What an apply of the files does.
    insta::assert_snapshot!(place.run("diff live old.zkt"), @"
    zkt diff: live SERVER <- old.zkt

      + /lb/cms                                          old.zkt:2
          threads = 4
      + /lb/cms/pool                                     old.zkt:4
          size = 2
      - /lb/content                                      (2 nodes)

    Plan: 2 to add, 0 to update, 0 to link, 2 to trim.
    --- exit 1
    ");
}

//! The actions of a plan, as people and programs see them.

use crate::cli::{Place, create};

use super::{CMS, example};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn into_an_empty_tree() {
    let place = Place::new("plan-empty").await;
    place.file("cms.zkt", CMS);
    insta::assert_snapshot!(place.run("plan cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3
      + /lb : ipvs                                       cms.zkt:4
      + /lb/pools                                        cms.zkt:5
      + /lb/pools/cms                                    cms.zkt:6
          address = '1.2.3.5:80'
      @ /lb/pools/cms
          providers -> /cms/providers

    Plan: 5 to add, 0 to update, 1 to link, 0 to trim.
    --- exit 0
    ");
    place.run("plan --detailed-exitcode cms.zkt").expect(2);
    assert_eq!(place.nodes().await, "");
    place.run("apply -y cms.zkt").expect(0);
    insta::assert_snapshot!(place.run("plan --detailed-exitcode cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

    No changes: 5 nodes are as declared.
    --- exit 0
    ");
    let run = place.run_with("plan -", CMS).expect(0);
    assert!(
        run.stdout.starts_with("zkt plan: SERVER <- <stdin>\n"),
        "{run}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_kind_of_action() {
    let place = example("plan-kinds").await;
    insta::assert_snapshot!(place.run("plan -t cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt
      trim all

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
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("plan cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3
      ~ /lb/pools/cms
          address = '1.2.3.4:80' -> '1.2.3.5:80'
        - x = 1
      @ /lb/pools/cms
          providers -> /cms/providers

    Extra, left alone without --trim:
      /lb/pools/retail

    Plan: 2 to add, 1 to update, 1 to link, 0 to trim.
    --- exit 0
    ");
    let mut json = place.run("plan -t --format json cms.zkt").expect(0).json();
    for action in json[0]["actions"].as_array_mut().unwrap() {
        let action = action.as_object_mut().unwrap();
        let zxids = ["czxid", "mzxid"].map(|name| action.remove(name));
        // What is there already is told by which transactions made it.
        let [Some(created), Some(modified)] = zxids.map(|zxid| zxid?.as_i64()) else {
            assert_eq!(action["action"], "add");
            continue;
        };
        assert!(0 < created && created <= modified);
        assert_eq!(created == modified, action["version"] == 0);
    }
    let checksum = json[0].as_object_mut().unwrap().remove("checksum");
    assert_eq!(checksum.unwrap().as_str().unwrap().len(), 64);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json[0]).unwrap(), @r#"
    {
      "actions": [
        {
          "action": "add",
          "path": "/cms",
          "properties": {
            "threads": 3,
            "type": "z4m cms"
          },
          "source": "cms.zkt:1:1"
        },
        {
          "action": "add",
          "path": "/cms/providers",
          "properties": {},
          "source": "cms.zkt:3:3"
        },
        {
          "action": "update",
          "changes": [
            {
              "name": "address",
              "new": "1.2.3.5:80",
              "old": "1.2.3.4:80",
              "op": "set",
              "source": "cms.zkt:7:7"
            },
            {
              "name": "x",
              "old": 1,
              "op": "remove"
            }
          ],
          "path": "/lb/pools/cms",
          "source": "cms.zkt:6:5",
          "version": 1
        },
        {
          "action": "link",
          "changes": [
            {
              "name": "providers ->",
              "new": "/cms/providers",
              "old": null,
              "op": "set",
              "source": "cms.zkt:8:7"
            }
          ],
          "path": "/lb/pools/cms",
          "source": "cms.zkt:6:5",
          "version": 1
        },
        {
          "action": "trim",
          "path": "/lb/pools/retail/b",
          "version": 0
        },
        {
          "action": "trim",
          "path": "/lb/pools/retail/a",
          "version": 0
        },
        {
          "action": "trim",
          "path": "/lb/pools/retail",
          "version": 0
        }
      ],
      "bounds": {
        "context": null,
        "file": null,
        "options": {
          "trim": [
            "all"
          ]
        }
      },
      "extras": [],
      "format_version": "1.2",
      "kept": [],
      "path": "/",
      "refusals": [],
      "summary": {
        "add": 2,
        "link": 1,
        "trim": 3,
        "unchanged": 2,
        "update": 1
      },
      "warnings": []
    }
    "#);
    let coloured = place.run("--color always plan -t cms.zkt").expect(0).stdout;
    insta::assert_snapshot!(coloured.replace('\u{1b}', "␛"), @"
    ␛[1mzkt plan␛[0m: SERVER <- cms.zkt
      trim all

      ␛[32m+␛[0m ␛[1m/cms : z4m cms␛[0m                                   ␛[2mcms.zkt:1␛[0m
          threads = 3
      ␛[32m+␛[0m ␛[1m/cms/providers␛[0m                                   ␛[2mcms.zkt:3␛[0m
      ␛[33m~␛[0m ␛[1m/lb/pools/cms␛[0m
          address = ␛[31m'1.2.3.␛[0m␛[1m␛[4m␛[31m4␛[0m␛[31m:80'␛[0m -> ␛[32m'1.2.3.␛[0m␛[1m␛[4m␛[32m5␛[0m␛[32m:80'␛[0m
        ␛[31m-␛[0m x = ␛[31m1␛[0m
      ␛[36m@␛[0m ␛[1m/lb/pools/cms␛[0m
          providers -> ␛[32m/cms/providers␛[0m
      ␛[31m-␛[0m ␛[1m/lb/pools/retail␛[0m                                 ␛[2m(3 nodes)␛[0m

    Plan: 2 to add, 1 to update, 1 to link, 3 to trim.
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn target_exclude_and_extras() {
    let place = example("plan-target").await;
    insta::assert_snapshot!(place.run("plan --target /cms/** cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt
      target /cms/**

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3

    Plan: 2 to add, 0 to update, 0 to link, 0 to trim.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("plan -t --exclude /lb/pools/* cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt
      exclude /lb/pools/*, trim all

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3

    Plan: 2 to add, 0 to update, 0 to link, 0 to trim.
    --- exit 0
    ");
    let hidden = place.run("plan --extras hide cms.zkt").expect(0).stdout;
    assert!(!hidden.contains("retail"), "{hidden}");
    place.run("plan --strict --extras hide cms.zkt").expect(0);
    insta::assert_snapshot!(place.run("plan --strict --target /lb cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt
      target /lb

    No changes within /lb: 1 node is as declared.
    --- exit 0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn below_a_path() {
    let place = Place::new("plan-path").await;
    let client = place.client().await;
    create(&client, "/deep", "").await;
    create(&client, "/deep/er", "mine").await;
    place.file("a.zkt", "/a\n  l -> /deep/er\n");
    insta::assert_snapshot!(place.run("plan --path /deep/er/ a.zkt"), @"
    zkt plan: SERVER <- a.zkt
      path /deep/er

      + /deep/er/a                                       a.zkt:1
      @ /deep/er/a
          l -> /deep/er

    Plan: 1 to add, 0 to update, 1 to link, 0 to trim.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("plan --path /deep/no a.zkt"), @"
    --- stderr
    error: --path /deep/no does not exist on SERVER
    hint: a tree that brings its own place says /deep/no/… itself
    --- exit 1
    ");
    place.run("apply -y --path /deep/er a.zkt").expect(0);
    insta::assert_snapshot!(place.nodes().await, @r#"
    /deep "" v0
    /deep/er "mine" v0
    /deep/er/a "{\"l ->\":\"/deep/er\"}" v0
    "#);
    let inside = format!("{}/deep", place.hosts);
    insta::assert_snapshot!(place.run(&format!("plan -c {inside} --path /er a.zkt")), @"
    zkt plan: SERVER/deep <- a.zkt
      path /er

    warning: /er/a: link l -> /deep/er dangles: /deep does not exist (a.zkt:2:3) [dangling-link]

    No changes: 1 node is as declared.
    --- exit 0
    ");
}

//! Importing, exporting, walking, drawing and deleting trees.

use std::sync::{Arc, Mutex};

use serde_json::json;
use zkt::ZooKeeper;
use zkt::services::{Error, Import, Removal, SparedReason};

use crate::services::{Place, as_json, create, eventually, tests};

use super::{TREE, fooservice, import};

tests!(
    tree_definition_format_import_and_export,
    recursive_deletion,
    node_deletion,
    iterating_over_a_tree,
);

async fn tree_definition_format_import_and_export(place: &Place) {
    let zk = fooservice(place).await;
    import(&zk, TREE, "/").await;
    let text = zk.export_tree("/", false, None).await.unwrap();
    insta::allow_duplicates! {
    insta::assert_snapshot!(text, @"
    /cms : z4m cms
      threads = 3
      /databases
        /main
          /providers
      /providers
    /fooservice
      secret = '1234'
      threads = 3
      /providers
    /lb : ipvs
      /pools
        /cms
          address = '1.2.3.4:80'
          providers -> /cms/providers
        /retail
          address = '1.2.3.5:80'
          providers -> /cms/providers
    /retail : z4m retail
      threads = 1
      /databases
        main -> /cms/databases/main
        /ugc
          /providers
      /providers
    ");
    }
    let text = zk.export_tree("/fooservice", true, None).await.unwrap();
    insta::allow_duplicates! {
    insta::assert_snapshot!(text, @"
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
    ");
    }
    let mut printed = Vec::new();
    zk.print_tree("/fooservice", &mut printed).await.unwrap();
    assert!(
        String::from_utf8(printed)
            .unwrap()
            .ends_with("8082\n      @ephemeral\n      pid = 9999\n")
    );

    let retail = TREE.find("    /retail").unwrap()..TREE.find("/cms : z4m").unwrap();
    let without = TREE
        .replace(&TREE[retail], "")
        .replace("threads = 3", "threads = 4");
    let without = &without[..without.find("/retail : z4m").unwrap()];
    let imported = zk.import_tree(without, &Import::default()).await.unwrap();
    let extras: Vec<&str> = imported
        .plan
        .extras
        .iter()
        .map(zkt::model::path::ZPath::as_str)
        .collect();
    assert_eq!(extras, ["/lb/pools/retail"]);
    let trim = Import {
        trim: true,
        ..Import::default()
    };
    let dry_run = Import {
        dry_run: true,
        ..trim.clone()
    };
    for _ in 0..2 {
        let imported = zk.import_tree(without, &dry_run).await.unwrap();
        let actions: Vec<String> = imported
            .plan
            .actions
            .iter()
            .map(|action| format!("{} {}", action.name(), action.path()))
            .collect();
        assert_eq!(actions, ["trim /lb/pools/retail"]);
    }
    zk.import_tree(without, &trim).await.unwrap();
    assert_eq!(zk.get_children("/lb/pools").await.unwrap(), ["cms"]);
    // Top-level nodes stay, and what holds ephemeral nodes.
    assert!(zk.exists("/retail").await.unwrap().is_some());
    assert_eq!(
        zk.get_children("/fooservice/providers")
            .await
            .unwrap()
            .len(),
        3
    );
}

async fn recursive_deletion(place: &Place) {
    let zk = fooservice(place).await;
    import(&zk, TREE, "/").await;
    zk.delete_recursive("/retail", Removal::default())
        .await
        .unwrap();
    assert_eq!(zk.exists("/retail").await.unwrap(), None);
    let kept = |removed: zkt::services::Removed| -> Vec<(String, SparedReason)> {
        let kept = removed.spared.into_iter();
        kept.map(|kept| (kept.path.to_string(), kept.reason))
            .collect()
    };
    let removed = zk
        .delete_recursive("/fooservice", Removal::default())
        .await
        .unwrap();
    assert_eq!(removed.deleted, []);
    let provider = "/fooservice/providers/192.168.0.42";
    assert_eq!(
        kept(removed),
        [
            (format!("{provider}:8082"), SparedReason::Ephemeral),
            (format!("{provider}:8081"), SparedReason::Ephemeral),
            (format!("{provider}:8080"), SparedReason::Ephemeral),
            (
                "/fooservice/providers".to_owned(),
                SparedReason::HoldsEphemeral
            ),
            ("/fooservice".to_owned(), SparedReason::HoldsEphemeral),
        ]
    );
    let ignore = Removal {
        ignore_if_ephemeral: true,
        ..Removal::default()
    };
    let one = format!("{provider}:8080");
    assert_eq!(kept(zk.delete_recursive(&one, ignore).await.unwrap()), []);
    assert_eq!(
        kept(zk.delete_recursive("/fooservice", ignore).await.unwrap()).len(),
        5
    );
    let forced = Removal {
        force: true,
        ..Removal::default()
    };
    let dry_run = Removal {
        dry_run: true,
        ..forced
    };
    let would = zk.delete_recursive("/fooservice", dry_run).await.unwrap();
    assert_eq!(would.deleted.len(), 5);
    assert!(zk.exists(&one).await.unwrap().is_some());
    assert_eq!(
        zk.delete_recursive("/fooservice", forced).await.unwrap(),
        would
    );
    assert_eq!(zk.exists("/fooservice").await.unwrap(), None);
    let none = zk.delete_recursive("/fooservice", forced).await;
    assert!(matches!(none, Err(Error::NoNode(path)) if path.as_str() == "/fooservice"));
}

async fn node_deletion(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/a", json!({"x": 1})).await;
    create(&zk, "/a/b", json!({})).await;
    let (children, properties) = (
        zk.children("/a").await.unwrap(),
        zk.properties("/a").await.unwrap(),
    );
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    children.on_change(move |now: &Arc<zkt::services::Children>| {
        sink.lock().unwrap().push((now.is_deleted(), now.len()));
    });
    zk.delete_recursive("/a", Removal::default()).await.unwrap();
    eventually(|| children.snapshot().is_deleted() && properties.snapshot().is_deleted()).await;
    assert!(children.is_empty() && properties.is_empty());
    assert_eq!(told.lock().unwrap().last(), Some(&(true, 0)));
    assert!(matches!(
        properties.set_one("x", 2).await,
        Err(Error::NoNode(_))
    ));
    // It lives again when the node does.
    create(&zk, "/a", json!({"x": 3})).await;
    eventually(|| properties.get("x") == Some(json!(3))).await;
    create(&zk, "/a/c", json!({})).await;
    eventually(|| children.names() == ["c"]).await;
    assert!(matches!(
        zk.children("/nosuch").await,
        Err(Error::NoNode(_))
    ));
    assert!(matches!(
        zk.properties("/nosuch").await,
        Err(Error::NoNode(_))
    ));
    assert!(matches!(
        zk.properties_once("/nosuch").await,
        Err(Error::NoNode(_))
    ));
}

async fn iterating_over_a_tree(place: &Place) {
    let zk = fooservice(place).await;
    create(&zk, "/fooservice/provision", json!({})).await;
    create(&zk, "/fooservice/provision/node1", json!({})).await;
    create(&zk, "/fooservice/provision/node2", json!({})).await;
    let all = |top: &str, ephemeral: bool| {
        let mut walk = zk.walk(top, ephemeral).unwrap();
        async move {
            let mut paths = Vec::new();
            while let Some(step) = walk.next().await.unwrap() {
                paths.push(step.path.to_string());
            }
            paths
        }
    };
    let without = [
        "",
        "/providers",
        "/provision",
        "/provision/node1",
        "/provision/node2",
    ];
    let without = without.map(|rest| format!("/fooservice{rest}"));
    let with = all("/fooservice", true).await;
    assert_eq!(with.len(), 8);
    assert_eq!(with[2], "/fooservice/providers/192.168.0.42:8080");
    assert_eq!(all("/fooservice", false).await, without);
    assert_eq!(all("/nosuch", true).await, [""; 0]);
    let everything = all("/", true).await;
    assert_eq!(everything[..2], ["/", "/fooservice"]);

    let mut walk = zk.walk("/fooservice", true).unwrap();
    let step = walk.next().await.unwrap().unwrap();
    assert_eq!(*step.children, ["providers", "provision"]);
    step.children.remove(0);
    let mut rest = Vec::new();
    while let Some(step) = walk.next().await.unwrap() {
        rest.push(step.path.name().to_owned());
    }
    assert_eq!(rest, ["provision", "node1", "node2"]);

    let mut walk = zk.walk("/fooservice", true).unwrap();
    let mut seen = Vec::new();
    while let Some(step) = walk.next().await.unwrap() {
        let path = step.path.to_string();
        if step.children.contains(&"provision".to_owned()) {
            let provision = format!("{path}/provision");
            zk.delete_recursive(&provision, Removal::default())
                .await
                .unwrap();
        }
        seen.push(path);
    }
    assert_eq!(seen, with[..5]);
}

#[test]
fn graph_analysis() {
    let tree = ZooKeeper::parse_tree(TREE).unwrap();
    let top: Vec<&str> = tree
        .iter()
        .filter(|(path, _)| path.depth() == 1)
        .map(|(path, _)| path.name())
        .collect();
    assert_eq!(top, ["cms", "lb", "retail"]);
    let lb = tree
        .get(&zkt::model::path::ZPath::parse("/lb").unwrap())
        .unwrap();
    assert_eq!(as_json(lb.properties()), json!({"type": "ipvs"}));
    let graph = zkt::graph::graph(&tree);
    let name = |place: usize| graph.nodes[place].path.as_str();
    let uses: Vec<(&str, &str)> = graph
        .edges
        .iter()
        .map(|edge| (name(edge.from), name(edge.to)))
        .collect();
    let expected = [
        ("/lb/pools/cms", "/cms"),
        ("/lb/pools/retail", "/cms"),
        ("/retail", "/cms/databases/main"),
    ];
    assert_eq!(uses, expected);
    assert!(matches!(
        ZooKeeper::parse_tree("/a\n  x = 1+1\n"),
        Err(Error::Problems(_))
    ));
}

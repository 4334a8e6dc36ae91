//! Links between nodes, and between properties.

use serde_json::json;
use zkt::services::{Error, Removal};

use crate::services::{Place, appear, as_json, create, eventually, object, tests};

use super::{TREE, import};

tests!(symbolic_links, relative_symbolic_links, property_links,);

async fn symbolic_links(place: &Place) {
    let zk = place.connect().await;
    import(&zk, TREE, "/").await;
    let real = |path: &str| {
        let (zk, path) = (zk.clone(), path.to_owned());
        async move { zk.resolve(&path).await.unwrap().to_string() }
    };
    assert_eq!(real("/lb/pools/cms/providers").await, "/cms/providers");
    appear(&zk, "/cms/providers/1.2.3.4:5").await;
    let provider = "/lb/pools/cms/providers/1.2.3.4:5";
    assert_eq!(real(provider).await, "/cms/providers/1.2.3.4:5");

    let main_children = zk.children("/cms/databases/main").await.unwrap();
    let main_properties = zk.properties("/cms/databases/main").await.unwrap();
    assert_eq!(main_children.path(), "/cms/databases/main");
    assert_eq!(
        main_children.real_path().unwrap().as_str(),
        "/cms/databases/main"
    );
    assert_eq!(
        main_properties.real_path().unwrap().as_str(),
        "/cms/databases/main"
    );

    let export = zk
        .export_tree("/cms/databases/main", false, Some("cms"))
        .await
        .unwrap();
    assert_eq!(export, "/cms\n  /providers\n");
    create(&zk, "/databases", json!({})).await;
    import(&zk, &export, "/databases").await;
    let hidden = zk.ln("/databases/cms", "/cms/databases/main").await;
    assert!(matches!(hidden, Err(Error::NodeExists(_))));
    zk.update(
        "/cms/databases",
        [("main ->".to_owned(), json!("/databases/cms"))],
    )
    .await
    .unwrap();
    zk.delete_recursive("/cms/databases/main", Removal::default())
        .await
        .unwrap();
    let moved = |path: Option<zkt::model::path::ZPath>| {
        path.is_some_and(|p| p.as_str() == "/databases/cms")
    };
    eventually(|| moved(main_children.real_path()) && moved(main_properties.real_path())).await;
    assert_eq!(main_children.path(), "/cms/databases/main");
    eventually(|| main_children.names() == ["providers"]).await;
    zk.delete("/databases/cms/providers", None).await.unwrap();
    eventually(|| main_children.is_empty()).await;
    assert!(main_properties.is_empty());
    let there = zk.properties("/databases/cms").await.unwrap();
    there.set(object(json!({"a": 1}))).await.unwrap();
    eventually(|| main_properties.get("a") == Some(json!(1))).await;
    // `ln` says where it is to be in either way.
    zk.delete_recursive("/cms/databases", Removal::default())
        .await
        .unwrap();
    create(&zk, "/cms/databases", json!({})).await;
    assert_eq!(
        zk.ln("/databases/cms", "/cms/databases/")
            .await
            .unwrap()
            .as_str(),
        "/cms/databases/cms"
    );
    zk.ln("../providers", "/cms/databases/p").await.unwrap();
    assert_eq!(real("/cms/databases/p").await, "/cms/providers");
    assert_eq!(
        as_json(zk.get_properties("/cms/databases").await.unwrap()),
        json!({"cms ->": "/databases/cms", "p ->": "../providers"})
    );
}

async fn relative_symbolic_links(place: &Place) {
    let zk = place.connect().await;
    import(
        &zk,
        "/a\n  /b\n    l -> c\n    l2 -> ../c\n    /c\n  /c\n",
        "/",
    )
    .await;
    assert_eq!(zk.resolve("/a/b/l").await.unwrap().as_str(), "/a/b/c");
    assert_eq!(zk.resolve("/a/b/l2").await.unwrap().as_str(), "/a/c");
    zk.delete_recursive("/a", Removal::default()).await.unwrap();
    assert!(matches!(zk.resolve("/a/b/l").await, Err(Error::NoNode(_))));
}

async fn property_links(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({"secret": "1234", "threads": 3})).await;
    let source =
        "/cms : z4m cms\n  threads => /fooservice threads\n  /databases\n    /main\n  /providers\n";
    import(&zk, source, "/").await;
    let properties = zk.properties("/cms").await.unwrap();
    assert_eq!(
        properties.get("threads =>"),
        Some(json!("/fooservice threads"))
    );
    assert_eq!(properties.get("threads"), Some(json!(3)));
    import(&zk, "/cms\n  threads => /fooservice\n", "/").await;
    eventually(|| properties.get("threads =>") == Some(json!("/fooservice"))).await;
    assert_eq!(properties.get("threads"), Some(json!(3)));
    // What is behind the link belongs to the properties.
    let mut changes = properties.changes().unwrap();
    zk.update("/fooservice", [("threads".to_owned(), json!(4))])
        .await
        .unwrap();
    let change = changes.next().await.unwrap();
    assert_eq!(change.updated, ["threads"]);
    assert_eq!(properties.get("threads"), Some(json!(4)));
    // Each bad link is an error of its own.
    zk.delete("/fooservice", None).await.unwrap();
    eventually(|| properties.get("threads").is_none()).await;
    let snapshot = properties.snapshot();
    assert!(snapshot.look("threads").unwrap().is_err());
    assert!(snapshot.get_as::<u32>("threads").unwrap().is_err());
    assert!(snapshot.look("type").is_none());
    let bad = properties.set_one("x =>", "/nosuch").await;
    assert!(matches!(bad, Err(Error::BadPropertyLink { name, .. }) if name == "x"));
    let circle = properties
        .update(object(json!({"x =>": "/cms y", "y =>": "/cms x"})))
        .await;
    assert!(matches!(circle, Err(Error::BadPropertyLink { .. })));
    assert_eq!(
        as_json(zk.get_properties("/cms").await.unwrap()),
        json!({"threads =>": "/fooservice"})
    );
    properties
        .update(object(json!({"x =>": "/cms y", "y": 1})))
        .await
        .unwrap();
    assert_eq!(properties.get("x"), Some(json!(1)));
}

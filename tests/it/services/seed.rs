//! What zc.zk's own documentation shows, by its headings.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use zkt::ZooKeeper;
use zkt::services::{Error, Import, Reason, Removal};

use super::{Place, appear, as_json, create, eventually, object, tests};

const TREE: &str = "\
/lb : ipvs
  /pools
    /cms
      # The address is fixed because it's
      # exposed externally
      address = '1.2.3.4:80'
      providers -> /cms/providers
    /retail
      address = '1.2.3.5:80'
      providers -> /cms/providers

/cms : z4m cms
  threads = 3
  /providers
  /databases
    /main
      /providers

/retail : z4m retail
  threads = 1
  /providers
  /databases
    main -> /cms/databases/main
    /ugc
      /providers
";

tests!(
    instantiating_a_zookeeper_helper,
    register_a_server_providing_a_service,
    get_the_addresses_of_service_providers,
    registering_a_server_with_a_blank_hostname,
    server_registration_events,
    zookeeper_session_management,
    get_service_configuration_data,
    updating_node_properties,
    getting_property_data_without_tracking_changes,
    tree_definition_format_import_and_export,
    recursive_deletion,
    symbolic_links,
    relative_symbolic_links,
    property_links,
    node_deletion,
    iterating_over_a_tree,
);

async fn fooservice(place: &Place) -> ZooKeeper {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({"secret": "1234", "threads": 3})).await;
    create(&zk, "/fooservice/providers", json!({})).await;
    for port in 8080..=8082 {
        appear(&zk, &format!("/fooservice/providers/192.168.0.42:{port}")).await;
    }
    zk
}

async fn import(zk: &ZooKeeper, text: &str, path: &str) {
    let path = Some(path.to_owned());
    let import = Import {
        path,
        ..Import::default()
    };
    zk.import_tree(text, &import).await.unwrap();
}

async fn instantiating_a_zookeeper_helper(place: &Place) {
    let zk = place.connect().await;
    assert!(zk.exists("/").await.unwrap().is_some());
    let client = zookeeper_client::Client::connect(&place.hosts)
        .await
        .unwrap();
    let borrowed = ZooKeeper::from_client(client.clone());
    create(&borrowed, "/a", json!({})).await;
    assert!(zk.exists("/a").await.unwrap().is_some());
    borrowed.close().await;
    borrowed.close().await;
    assert_eq!(borrowed.exists("/").await, Err(Error::Closed));
    // Who gave the client keeps it.
    client.check_stat("/a").await.unwrap().unwrap();
    zk.close().await;
    zk.close().await;
    assert_eq!(zk.exists("/").await, Err(Error::Closed));
}

async fn register_a_server_providing_a_service(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({})).await;
    create(&zk, "/fooservice/providers", json!({})).await;
    let address = ("192.168.0.42", 8080);
    let registration = zk.register("/fooservice/providers", address).await.unwrap();
    let node = "/fooservice/providers/192.168.0.42:8080";
    let data = as_json(zk.get_properties(node).await.unwrap());
    assert_eq!(data, json!({"pid": std::process::id()}));
    assert!(zk.is_ephemeral(node).await.unwrap());
    // It is read-only.
    assert!(matches!(
        zk.set(node, b"{}", None).await,
        Err(Error::NoPermission(_))
    ));
    drop(registration);
    let more = zk
        .register("/fooservice/providers", address)
        .property("color", "red");
    let _guard = more.await.unwrap();
    assert_eq!(
        zk.get_properties(node).await.unwrap()["color"],
        json!("red")
    );
}

async fn get_the_addresses_of_service_providers(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({})).await;
    let _first = zk
        .register("/fooservice", ("192.168.0.42", 8080))
        .await
        .unwrap();
    let addresses = zk.children("/fooservice").await.unwrap();
    assert_eq!(addresses.names(), ["192.168.0.42:8080"]);
    let _second = zk
        .register("/fooservice", ("192.168.0.42", 8081))
        .await
        .unwrap();
    eventually(|| addresses.names() == ["192.168.0.42:8080", "192.168.0.42:8081"]).await;
    assert_eq!(addresses.len(), 2);
    let told: Arc<Mutex<Vec<usize>>> = Arc::default();
    let sink = told.clone();
    addresses.on_change(move |now: &Arc<zkt::services::Children>| {
        sink.lock().unwrap().push(now.len());
    });
    assert_eq!(*told.lock().unwrap(), [2]);
    let _third = zk
        .register("/fooservice", ("192.168.0.42", 8082))
        .await
        .unwrap();
    eventually(|| *told.lock().unwrap() == [2, 3]).await;
}

async fn registering_a_server_with_a_blank_hostname(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({})).await;
    let registration = zk.register("/fooservice", ("", 8080)).await.unwrap();
    let names = zk.get_children("/fooservice").await.unwrap();
    assert!(!names.is_empty());
    assert!(
        names.iter().all(|name| name.ends_with(":8080")),
        "{names:?}"
    );
    assert_eq!(registration.view().nodes.len(), names.len());
    registration.close().await;
    assert_eq!(zk.get_children("/fooservice").await.unwrap(), [""; 0]);
    let both = zk
        .register("/fooservice", ":8080")
        .ipv6(true)
        .await
        .unwrap();
    let bracketed = |name: &String| name.matches(':').count() == 1 || name.starts_with('[');
    assert!(both.view().names.iter().all(bracketed));
}

async fn server_registration_events(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/fooservice", json!({})).await;
    zk.on_register(|server| {
        assert_eq!(
            (server.path, server.names),
            ("/fooservice", &["h:1".to_owned()][..])
        );
        server.properties.insert("version".to_owned(), json!("1.2"));
    });
    let _guard = zk.register("/fooservice", "h:1").pid(false).await.unwrap();
    assert_eq!(
        as_json(zk.get_properties("/fooservice/h:1").await.unwrap()),
        json!({"version": "1.2"})
    );
}

async fn zookeeper_session_management(place: &Place) {
    let Some(server) = &place.server else {
        // Only the embedded server can be told to end a session.
        let zk = place.connect().await;
        let _guard = zk.register("/", "h:1").await.unwrap();
        let view = zk.children("/").await.unwrap();
        assert_eq!(view.names(), ["h:1"]);
        return;
    };
    let zk = place.connect().await;
    create(&zk, "/a", json!({"x": 1})).await;
    let (children, properties) = (
        zk.children("/a").await.unwrap(),
        zk.properties("/a").await.unwrap(),
    );
    let _guard = zk.register("/a", "h:1").await.unwrap();
    assert!(server.expire(zk.session_id().unwrap()));
    eventually(|| {
        let session = zk.session_id().unwrap_or_default();
        server.ephemerals() == [("/a/h:1".to_owned(), session)]
    })
    .await;
    zk.set("/a", b"{\"x\":2}", None).await.unwrap();
    eventually(|| properties.get("x") == Some(json!(2)) && children.names() == ["h:1"]).await;
}

async fn get_service_configuration_data(place: &Place) {
    let zk = place.connect().await;
    let foomain = json!({"database": "/databases/foomain", "threads": 1, "favorite_color": "red"});
    create(&zk, "/fooservice", foomain.clone()).await;
    let data = zk.properties("/fooservice").await.unwrap();
    assert_eq!(data.get("database"), Some(json!("/databases/foomain")));
    assert_eq!(data.get_as::<u32>("threads").unwrap().unwrap(), 1);
    assert_eq!(as_json(data.snapshot().stored().clone()), foomain);
    let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
    let sink = seen.clone();
    let callback = move |now: &Arc<zkt::services::NodeProperties>| {
        sink.lock().unwrap().push(as_json(now.stored().clone()));
    };
    data.on_change(callback).unwrap();
    assert_eq!(*seen.lock().unwrap(), [foomain]);
    zk.set("/fooservice", b"{\"threads\":2}", None)
        .await
        .unwrap();
    eventually(|| seen.lock().unwrap().len() == 2).await;
    assert_eq!(seen.lock().unwrap()[1], json!({"threads": 2}));
}

async fn updating_node_properties(place: &Place) {
    let zk = place.connect().await;
    create(
        &zk,
        "/fooservice",
        json!({"threads": 1, "favorite_color": "red"}),
    )
    .await;
    let data = zk.properties("/fooservice").await.unwrap();
    let thread_info = object(json!({"threads": 2, "secret": "123"}));
    data.update(thread_info).await.unwrap();
    let stored = || as_json(data.snapshot().stored().clone());
    assert_eq!(
        stored(),
        json!({"threads": 2, "favorite_color": "red", "secret": "123"})
    );
    data.set_one("threads", 1).await.unwrap();
    assert_eq!(
        stored(),
        json!({"threads": 1, "favorite_color": "red", "secret": "123"})
    );
    data.set(object(json!({"threads": 3, "secret": "1234"})))
        .await
        .unwrap();
    assert_eq!(stored(), json!({"threads": 3, "secret": "1234"}));
    let (data, _) = zk.get("/fooservice").await.unwrap();
    assert_eq!(
        String::from_utf8(data).unwrap(),
        r#"{"secret":"1234","threads":3}"#
    );
}

async fn getting_property_data_without_tracking_changes(place: &Place) {
    let zk = fooservice(place).await;
    let watched = zk.properties("/fooservice").await.unwrap();
    let p2 = zk.properties_once("/fooservice").await.unwrap();
    let names: Vec<String> = p2.snapshot().stored().keys().cloned().collect();
    assert_eq!(names, ["secret", "threads"]);
    assert!(matches!(p2.on_change(|_| ()), Err(Error::NotWatched)));
    p2.set_one("threads", 2).await.unwrap();
    assert_eq!(p2.get("threads"), Some(json!(2)));
    eventually(|| watched.get("threads") == Some(json!(2))).await;
    p2.update(object(json!({"threads": 3}))).await.unwrap();
    eventually(|| watched.get("threads") == Some(json!(3))).await;
}

async fn tree_definition_format_import_and_export(place: &Place) {
    let zk = fooservice(place).await;
    import(&zk, TREE, "/").await;
    let text = zk.export_tree("/", false, None).await.unwrap();
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
    let text = zk.export_tree("/fooservice", true, None).await.unwrap();
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
    let kept = |removed: zkt::services::Removed| -> Vec<(String, Reason)> {
        let kept = removed.kept.into_iter();
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
            (format!("{provider}:8082"), Reason::Ephemeral),
            (format!("{provider}:8081"), Reason::Ephemeral),
            (format!("{provider}:8080"), Reason::Ephemeral),
            ("/fooservice/providers".to_owned(), Reason::HoldsEphemeral),
            ("/fooservice".to_owned(), Reason::HoldsEphemeral),
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
        Err(Error::Text(_))
    ));
}

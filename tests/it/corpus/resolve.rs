use serde_json::Value;
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::model::value::Data;
use zkt::plan::links::{self, Lookup, Nodes};

use super::{Departure, Verdict, check, live_tree};

/// A live tree, of which everything is known.
struct Whole(Tree<Live>);

impl Nodes for Whole {
    fn exists(&self, path: &ZPath) -> Lookup<()> {
        if path.is_root() || self.0.get(path).is_some() {
            Lookup::Known(())
        } else {
            Lookup::Missing
        }
    }

    fn property(&self, path: &ZPath, name: &str) -> Lookup<Option<Value>> {
        match self.0.get(path).and_then(Live::node) {
            Some(node) => Lookup::Known(Data::decode(&node.data).into_properties().remove(name)),
            None if path.is_root() => Lookup::Known(None),
            None => Lookup::Missing,
        }
    }
}

#[test]
fn links_lead_where_they_led() {
    check("resolve.jsonl", DEPARTURES, |case| {
        let text = case["tree"].as_str().expect("a tree");
        let nodes = Whole(live_tree(case, text).expect("a tree"));
        let answer = |path: &str| {
            let path = links::join(&ZPath::root(), path)?;
            match case["name"].as_str() {
                None => links::resolve(&nodes, &path).map(|path| Value::from(path.as_str())),
                Some(name) => links::property(&nodes, &path, name),
            }
        };
        judge(case, answer)
    });
}

/// The same, of a server's nodes.
#[test]
fn links_of_live_nodes_lead_where_they_led() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    check("resolve.jsonl", DEPARTURES, |case| {
        let text = case["tree"].as_str().expect("a tree");
        let open = zkt::server::Acl::new(31, "world", "anyone");
        let mut server = zkt::server::Server::builder();
        // Every server has these nodes.
        let (root, system) = (ZPath::root(), ZPath::root().join("zookeeper"));
        let is_own = |path: &ZPath| *path == root || path.is_within(&system);
        let tree = live_tree(case, text).expect("a tree");
        for (path, live) in tree.iter().filter(|(path, _)| !is_own(path)) {
            let node = live.node().expect("a node that was read");
            server = server.node(path.as_str(), &node.data, std::slice::from_ref(&open));
        }
        let server = server.start().unwrap();
        if let Some(root) = tree.get(&root).and_then(zkt::model::node::Live::node) {
            runtime.block_on(async {
                let hosts = server.connect_string();
                let client = zookeeper_client::Client::connect(&hosts).await.unwrap();
                client.set_data("/", &root.data, None).await.unwrap();
            });
        }
        let answer = |path: &str| {
            runtime.block_on(async {
                let zookeeper = zkt::ZooKeeper::connect(server.connect_string())
                    .await
                    .unwrap();
                let answer = ask(&zookeeper, path, case["name"].as_str()).await;
                zookeeper.close().await;
                answer
            })
        };
        judge(case, answer)
    });
}

async fn ask(
    zookeeper: &zkt::ZooKeeper,
    path: &str,
    name: Option<&str>,
) -> Result<Value, links::Error> {
    let of_link = |error| match error {
        zkt::services::Error::NoNode(path) => links::Error::Missing(path),
        zkt::services::Error::Link(error) => error,
        error => panic!("{error}"),
    };
    let Some(name) = name else {
        let real = zookeeper.resolve(path).await.map_err(of_link)?;
        return Ok(Value::from(real.as_str()));
    };
    let properties = zookeeper.properties_once(path).await.map_err(of_link)?;
    let snapshot = properties.snapshot();
    match snapshot.look(name) {
        Some(value) => value.cloned().map_err(Clone::clone),
        None => Err(links::Error::NoProperty {
            path: ZPath::root(),
            name: name.to_owned(),
        }),
    }
}

fn judge(case: &Value, answer: impl Fn(&str) -> Result<Value, links::Error>) -> Verdict {
    let path = case["path"].as_str().expect("a path");
    let kind = case["error"]["type"].as_str();
    if !path.starts_with('/') {
        return if kind.is_some() {
            Verdict::Same
        } else {
            Verdict::Other("refused".to_owned())
        };
    }
    match (answer(path), kind) {
        (Ok(answer), None) if zkt::model::value::equal(&answer, &case["result"]) => Verdict::Same,
        (Err(links::Error::Loop(_)), Some("LinkLoop")) => Verdict::Same,
        (Err(links::Error::Missing(_)), Some("NoNodeError")) => Verdict::Same,
        (Err(links::Error::NoProperty { .. }), Some("KeyError")) => Verdict::Same,
        (
            Err(links::Error::Path { .. } | links::Error::NoPath { .. }),
            Some("ValueError" | "TypeError"),
        ) => Verdict::Same,
        // What was wrong behind a property link stands only in the text of zc.zk's error.
        (Err(_), Some("BadPropertyLink")) => Verdict::Same,
        (Err(links::Error::NoPath { .. }), Some("AttributeError")) => Verdict::Same,
        (Ok(answer), _) => Verdict::Other(answer.to_string()),
        (Err(error), _) => Verdict::Other(error.to_string()),
    }
}

const DEPARTURES: &[Departure] = &[
    (
        "resolve-top-22",
        "A path has one spelling, without empty names.",
        r#""/""#,
    ),
    (
        "resolve-rel-65",
        "The top node is `/`, where zc.zk has an empty path.",
        r#""/""#,
    ),
    (
        "resolve-rel-73",
        "A path has one spelling, without empty names.",
        r#""/a/c/y""#,
    ),
    (
        "resolve-rel-74",
        "A path has one spelling, without empty names.",
        r#""/a/c""#,
    ),
    (
        "resolve-hid-107",
        "The top node is `/`, where zc.zk has an empty path.",
        r#""/""#,
    ),
    (
        "property-same-node-twice-168",
        "A chain that meets a node twice under different names is no loop.",
        r#"5"#,
    ),
    (
        "property-self-176",
        "A chain that meets a node twice under different names is no loop.",
        r#"7"#,
    ),
    (
        "property-raw-lst-232",
        "One bad link does not hide a node's other properties.",
        r#"1"#,
    ),
    (
        "property-raw-lst-233",
        "One bad link does not hide a node's other properties.",
        r#"1"#,
    ),
    (
        "property-raw-obj-235",
        "One bad link does not hide a node's other properties.",
        r#"1"#,
    ),
    (
        "property-same-node-chain-242",
        "A chain that meets a node twice under different names is no loop.",
        r#"1"#,
    ),
];

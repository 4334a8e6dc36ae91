//! What holds whatever the trees are, on the real server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use zookeeper_client::{CreateMode, Error};

use super::{Place, create, create_as};

/// The same numbers in every run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Tree text with so many nodes below `/top`; two trees share many of their paths.
fn random_tree(random: &mut Random, nodes: usize) -> String {
    let mut lines = vec!["/top".to_owned()];
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    for _ in 0..nodes {
        let depth = 1 + random.below(open.len().min(8));
        open.truncate(depth);
        let name = loop {
            let name = format!(
                "{}{}",
                random.pick(&["n", "é", "a-", "a."]),
                random.below(10_000)
            );
            if !open[depth - 1].contains(&name) {
                break name;
            }
        };
        open[depth - 1].push(name.clone());
        open.push(Vec::new());
        let indent = "  ".repeat(depth);
        let kind = random.pick(&["", " : t", " : u v"]);
        lines.push(format!("{indent}/{name}{kind}"));
        for property in ["p", "q", "r"] {
            match random.below(6) {
                0 => lines.push(format!("{indent}  {property} = {}", random.below(3))),
                1 => lines.push(format!(
                    "{indent}  {property} = ['{}', None]",
                    random.below(2)
                )),
                2 => lines.push(format!("{indent}  {property} -> /top")),
                _ => {}
            }
        }
    }
    lines.join("\n") + "\n"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn applying_a_large_tree_converges() {
    let place = Place::new("law-large").await;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    place
        .file("old.zkt", random_tree(&mut random, 2500))
        .file("new.zkt", random_tree(&mut random, 5000));
    for tree in ["old.zkt", "new.zkt", "old.zkt"] {
        place.run(&format!("apply -y -t --force {tree}")).expect(0);
        place
            .run(&format!("plan -t --detailed-exitcode {tree}"))
            .expect(0);
        place.run(&format!("diff live {tree}")).expect(0);
        place.run(&format!("diff {tree} live")).expect(0);
        let shown = place.run(&format!("show {tree}")).expect(0).stdout;
        assert!(place.run("export /top").expect(0).stdout == shown, "{tree}");
    }
    let before = place.exactly().await;
    place.run("apply -y -t old.zkt").expect(0);
    assert!(
        place.exactly().await == before,
        "an apply without changes wrote"
    );
}

/// Data that a live node may hold, whoever wrote it.
const DATA: [&[u8]; 24] = [
    b"",
    b" \n",
    b"{}",
    b"text",
    b"\xff\x00\xfe",
    b"\xef\xbb\xbf{}",
    b"{\"string_value\":\"x\"}",
    b"{\"string_value\":\"\"}",
    b"{\"string_value\":\"{}\"}",
    b"{\"string_value\":1,\"b\":2}",
    b" { \"a\" : 1 , \"a\" : 2 } ",
    b"{\"n\":123456789012345678901234567890.123456789012345678901234567890e400}",
    b"{\"n\":[1.0,1e0,-0,0.10,1E+2]}",
    b"{\"type\":\"\",\"x\":null}",
    b"{\"type\":1}",
    b"{\"type\":\" t # u \"}",
    b"{\"l ->\":\"/a\",\"l\":1,\"l =>\":\"../x y\"}",
    b"{\"l ->\":\"\",\"m ->\":[1],\"n =>\":\"a b c\"}",
    b"{\" ->\":\"x\",\"=>\":\"y\",\"\":\"z\",\"a b\":{\"c\":[[],{}]}}",
    b"{\"/x\":1,\"#y\":2,\"@z\":3,\"a = b\":4,\"\xe2\x80\xae\":\"\\u0000\\ud800\\udc00\"}",
    b"{\"x\":\"\\ud800\"}",
    b"{broken}",
    b"[1, 2]",
    b"'quoted' # \\ \"both\"\ttab\r\nline",
];

const NAMES: [&str; 14] = [
    "a",
    "é",
    "a b",
    " ",
    "a:",
    ":",
    "#a",
    "\"q\"",
    "a = b",
    "@x",
    "日本",
    "...",
    "a -> b",
    "\u{202e}x",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn importing_an_export_is_no_change() {
    let place = Place::new("law-export").await;
    let client = place.client().await;
    let mut random = Random(42);
    let mut parents = vec![String::new()];
    for (i, data) in DATA.iter().chain(&DATA).chain(&DATA).enumerate() {
        let path = loop {
            let name = random.pick(&NAMES);
            let path = format!("{}/{name}", random.pick(&parents));
            if !parents.contains(&path) {
                break path;
            }
        };
        create(&client, &path, data).await;
        if i % 3 == 0 {
            client.set_data(&path, data, None).await.unwrap();
        }
        parents.push(path);
    }
    let before = place.exactly().await;
    assert_eq!(before.lines().count(), 3 * DATA.len());
    place.run("export -o live.zkt").expect(0);
    for words in [
        "plan -t --detailed-exitcode live.zkt",
        "apply -y -t live.zkt",
        "diff live live.zkt",
        "diff live.zkt live",
    ] {
        let run = place.run(words).expect(0);
        assert_eq!(
            run.last(),
            format!("No changes: {} nodes are as declared.", 3 * DATA.len()),
            "{run}"
        );
    }
    assert_eq!(place.exactly().await, before);
    assert_eq!(place.run("fmt --check live.zkt").expect(0).everything(), "");
    assert_eq!(
        place.run("show live.zkt").expect(0).stdout,
        place.read("live.zkt")
    );

    // In an empty place it makes the same tree, by value.
    let other = Place::new("law-import").await;
    other.file("live.zkt", place.read("live.zkt"));
    other.run("apply -y live.zkt").expect(0);
    assert_eq!(other.run("export").expect(0).stdout, place.read("live.zkt"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ephemeral_nodes_and_what_holds_them_stay() {
    let place = Place::new("law-ephemeral").await;
    let client = place.client().await;
    create(&client, "/svc", "").await;
    let mut random = Random(7);
    let mut parents = vec!["/svc".to_owned()];
    for i in 0..120 {
        let path = format!("{}/n{i}", random.pick(&parents));
        if random.below(5) == 0 {
            create_as(&client, &path, "{}", CreateMode::Ephemeral).await;
        } else {
            create(&client, &path, "").await;
            parents.push(path);
        }
    }
    let all = place.nodes().await;
    let json = place
        .run("ls --format json /svc")
        .expect(0)
        .json()
        .remove(0);
    let nodes = json["nodes"].as_array().unwrap();
    let ephemeral: Vec<&str> = nodes
        .iter()
        .filter(|node| node["ephemeral"] == true)
        .map(|node| node["path"].as_str().unwrap())
        .collect();
    assert!(ephemeral.len() > 10);
    place.file("a.zkt", "/svc\n");
    place.run("apply -y -t --force a.zkt").expect(0);
    // Of a topmost undeclared subtree stays all or nothing.
    let stays = |path: &str| {
        let top: String = path.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        path == "/svc"
            || ephemeral
                .iter()
                .any(|e| *e == top || e.starts_with(&format!("{top}/")))
    };
    let expected: String = all
        .lines()
        .filter(|line| stays(line.split(' ').next().unwrap()))
        .map(|line| line.to_owned() + "\n")
        .collect();
    assert!(expected.len() < all.len());
    assert_eq!(place.nodes().await, expected);
}

/// Another writer counts up in a property that the tree ignores, and takes nodes away that the
/// tree declares: not one of its counts may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_racing_writer_is_never_overwritten() {
    let place = Place::new("law-race").await;
    let client = place.client().await;
    create(&client, "/a", r#"{"count":0,"x":0}"#).await;
    let stop = Arc::new(AtomicBool::new(false));
    let counted = Arc::new(AtomicU64::new(0));
    let writer = tokio::spawn({
        let (stop, counted) = (stop.clone(), counted.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                let (data, stat) = client.get_data("/a").await.unwrap();
                let mut value: serde_json::Value = serde_json::from_slice(&data).unwrap();
                value["count"] = (value["count"].as_u64().unwrap() + 1).into();
                let data = serde_json::to_vec(&value).unwrap();
                match client.set_data("/a", &data, Some(stat.version)).await {
                    Ok(_) => _ = counted.fetch_add(1, Ordering::Relaxed),
                    Err(Error::BadVersion) => {}
                    Err(error) => panic!("{error}"),
                }
                _ = client.delete("/a/b", None).await;
            }
        }
    });
    let (mut applied, mut conflicts) = (0, 0);
    for x in 1..=40 {
        place.file(
            "a.zkt",
            format!("/a\n  @ignore count\n  x = {x}\n  /b\n    y = {x}\n"),
        );
        let run = place.run("apply -y --retries 1 a.zkt");
        match run.code {
            0 => applied += 1,
            4 => conflicts += 1,
            _ => panic!("{run}"),
        }
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    let counted = counted.load(Ordering::Relaxed);
    assert!(counted > 0 && applied + conflicts == 40);
    place.run("apply -y a.zkt").expect(0);
    let a = place.run("export /a").expect(0).stdout;
    assert_eq!(
        a,
        format!("/a\n  count = {counted}\n  x = 40\n  /b\n    y = 40\n")
    );
}

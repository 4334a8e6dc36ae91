//! Reading the live tree: the fast reader against a slow and obvious one, and its corners.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use zkt::model::acl::{Acl, AclEntry, Permissions};
use zkt::model::node::{AclVersion, DataVersion, Live, LiveNode};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::scope::{Children, Want};
use zkt::zookeeper::live::{self, Error, FetchOptions};
use zkt::zookeeper::session::{Options, Session};
use zookeeper_client::{
    Acl as ClientAcl, Acls, AuthId, Client, CreateMode, Error as ClientError, Permission,
};

use crate::relay::{Mode, Relay};
use crate::server::{Server, options, options_as, session, shared};

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

fn want(text: &str, children: Children) -> Want {
    Want {
        path: path(text),
        children,
        acl: false,
    }
}

async fn create(client: &Client, path: &str, data: &[u8]) {
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client
        .create(path, data, &options)
        .await
        .unwrap_or_else(|e| panic!("{path}: {e}"));
}

async fn client(hosts: &str) -> Client {
    Client::connect(hosts).await.unwrap()
}

async fn fetch(session: &Session, wants: &[Want]) -> Tree<Live> {
    live::fetch(session, wants, &FetchOptions::default(), &mut |_| {})
        .await
        .unwrap()
}

/// One line for each node.
fn shown(tree: &Tree<Live>) -> String {
    let line = |(path, live): &(ZPath, Live)| match live {
        Live::Listed => format!("{path} listed\n"),
        Live::Unreadable => format!("{path} unreadable\n"),
        Live::Read(node) => format!(
            "{path} {:?}{}{}\n",
            String::from_utf8_lossy(&node.data),
            if node.ephemeral { " ephemeral" } else { "" },
            node.acl
                .as_ref()
                .map(|acl| format!(" {acl}"))
                .unwrap_or_default()
        ),
    };
    tree.iter().map(line).collect()
}

/// The specification: one node after the other, in the words of the documentation.
async fn fetch_slowly(client: &Client, wants: &[Want]) -> Tree<Live> {
    let mut tree = BTreeMap::new();
    for want in wants {
        let Some(live) = read_one(client, &want.path, want.acl).await else {
            continue;
        };
        let is_read = live.node().is_some();
        tree.insert(want.path.clone(), live);
        if !is_read || want.children == Children::Skip {
            continue;
        }
        let mut below = vec![want.path.clone()];
        while let Some(parent) = below.pop() {
            for name in client.list_children(parent.as_str()).await.unwrap() {
                let child = parent.join(&name);
                if wants.iter().any(|want| want.path == child) {
                    continue;
                }
                if want.children == Children::List {
                    tree.insert(child, Live::Listed);
                    continue;
                }
                if let Some(live) = read_one(client, &child, false).await {
                    if live.node().is_some() {
                        below.push(child.clone());
                    }
                    tree.insert(child, live);
                }
            }
        }
    }
    tree.into_iter().collect()
}

async fn read_one(client: &Client, path: &ZPath, acl: bool) -> Option<Live> {
    let (data, stat) = match client.get_data(path.as_str()).await {
        Ok(found) => found,
        Err(ClientError::NoNode) => return None,
        Err(ClientError::NoAuth) => return Some(Live::Unreadable),
        Err(error) => panic!("{path}: {error}"),
    };
    let acl = match client.get_acl(path.as_str()).await {
        Ok((entries, _)) if acl => Some(Acl {
            entries: entries.iter().map(entry).collect(),
        }),
        _ => None,
    };
    Some(Live::Read(LiveNode {
        data,
        version: DataVersion::new(stat.version).unwrap(),
        acl_version: AclVersion::new(stat.aversion).unwrap(),
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        mtime: stat.mtime,
        ephemeral: stat.ephemeral_owner != 0,
        children: stat.num_children as u32,
        acl: acl.map(Into::into),
    }))
}

fn entry(entry: &ClientAcl) -> AclEntry {
    let letters = [
        ("c", Permission::CREATE),
        ("d", Permission::DELETE),
        ("r", Permission::READ),
    ]
    .into_iter()
    .chain([("w", Permission::WRITE), ("a", Permission::ADMIN)]);
    let letters: String = letters
        .filter(|(_, one)| entry.permission().has(*one))
        .map(|(letter, _)| letter)
        .collect();
    AclEntry {
        who: zkt::model::acl::AuthId {
            scheme: entry.scheme().into(),
            id: entry.id().into(),
        },
        permissions: Permissions::parse(&letters).unwrap(),
    }
}

/// How a node of a random tree is created.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Open,
    Ephemeral,
    Unreadable,
}

fn random_path() -> impl Strategy<Value = ZPath> {
    let name = prop::sample::select(vec!["a", "a-", "b", "é", "x y", "zookeeper", "0"]);
    prop::collection::vec(name, 1..5).prop_map(|names| path(&format!("/{}", names.join("/"))))
}

fn random_nodes() -> impl Strategy<Value = BTreeMap<ZPath, (Vec<u8>, Kind)>> {
    let kind = prop_oneof![
        8 => Just(Kind::Open), 1 => Just(Kind::Ephemeral), 1 => Just(Kind::Unreadable)
    ];
    let data = prop::collection::vec(any::<u8>(), 0..300);
    prop::collection::btree_map(random_path(), (data, kind), 0..40)
}

fn random_wants() -> impl Strategy<Value = Vec<Want>> {
    let children = prop::sample::select(vec![Children::Skip, Children::List, Children::Subtree]);
    let wants = prop::collection::btree_map(random_path(), (children, any::<bool>()), 0..12);
    wants.prop_map(|wants| {
        let mut closed = BTreeMap::new();
        for (path, how) in wants {
            for above in path.prefixes() {
                closed.entry(above).or_insert((Children::Skip, false));
            }
            closed.insert(path, how);
        }
        let want = |(path, (children, acl))| Want {
            path,
            children,
            acl,
        };
        closed.into_iter().map(want).collect()
    })
}

fn tiny() -> impl Strategy<Value = FetchOptions> {
    (
        1..4_usize,
        1..3_usize,
        1..4_usize,
        1..600_usize,
        any::<bool>(),
    )
        .prop_map(
            |(batch_cap, first_batch, window, reply_target, multi_read)| FetchOptions {
                batch_cap,
                first_batch,
                window,
                reply_target,
                request_limit: 200,
                acl_window: window,
                retries: 0,
                multi_read,
                unguarded: false,
            },
        )
}

async fn plant(client: &Client, nodes: &BTreeMap<ZPath, (Vec<u8>, Kind)>) {
    let hidden = [
        ClientAcl::new(Permission::CREATE | Permission::DELETE, AuthId::anyone()),
        ClientAcl::new(Permission::ALL, AuthId::new("digest", "nobody:x")),
    ];
    for (path, (data, kind)) in nodes {
        for above in path.prefixes().filter(|above| above != path) {
            let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
            // Below an ephemeral node, nothing more grows.
            let _ = client.create(above.as_str(), b"", &options).await;
        }
        let options = match kind {
            Kind::Open => CreateMode::Persistent.with_acls(Acls::anyone_all()),
            Kind::Ephemeral => CreateMode::Ephemeral.with_acls(Acls::anyone_all()),
            Kind::Unreadable => CreateMode::Persistent.with_acls(Acls::new(&hidden)),
        };
        let _ = client.create(path.as_str(), data, &options).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_fast_reader_reads_what_the_slow_one_reads(
        nodes in random_nodes(), wants in random_wants(), options in tiny(),
        early in prop::collection::vec((random_path(), any::<bool>()), 0..12),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (fast, after, slow) = runtime.block_on(async {
            let (hosts, session) = session("random").await;
            let client = client(&hosts).await;
            plant(&client, &nodes).await;
            let fast = live::fetch(&session, &wants, &options, &mut |_| {}).await.unwrap();
            // Some of what is wanted is known early, and other nodes, in an order of their own.
            let (sender, mut paths) = tokio::sync::mpsc::unbounded_channel();
            for (i, (path, own)) in early.iter().enumerate() {
                let path = if *own { path } else { wants.get(i).map_or(path, |want| &want.path) };
                sender.send(vec![path.clone()]).unwrap();
            }
            drop(sender);
            let ahead = live::read_ahead(&session, &mut paths, &options, &mut |_| {}).await;
            let ahead = ahead.unwrap();
            let after = live::fetch_after(&session, ahead, &wants, &options, &mut |_| {}).await;
            (fast, after.unwrap(), fetch_slowly(&client, &wants).await)
        });
        prop_assert_eq!(shown(&fast), shown(&slow));
        prop_assert_eq!(&fast, &slow);
        prop_assert_eq!(shown(&after), shown(&slow));
        prop_assert_eq!(after, slow);
    }
}

/// What changes between reading ahead and the rest may be seen as it was or as it is, but no node
/// without the one above it.
#[tokio::test]
async fn a_node_that_goes_or_comes_after_reading_ahead_leaves_a_whole_tree() {
    let (hosts, session) = session("ahead").await;
    let client = client(&hosts).await;
    for node in ["/a", "/a/b", "/a/b/c"] {
        create(&client, node, node.as_bytes()).await;
    }
    let wants = ["/a", "/a/b", "/a/b/c", "/n", "/n/o", "/n/p"];
    let wants = wants.map(|text| want(text, Children::List));
    let (sender, mut paths) = tokio::sync::mpsc::unbounded_channel();
    let early = [0, 2, 3, 4].map(|i| wants[i].path.clone());
    sender.send(early.to_vec()).unwrap();
    drop(sender);
    let options = FetchOptions::default();
    let ahead = live::read_ahead(&session, &mut paths, &options, &mut |_| {}).await;
    for gone in ["/a/b/c", "/a/b"] {
        client.delete(gone, None).await.unwrap();
    }
    for new in ["/n", "/n/o", "/n/p"] {
        create(&client, new, b"").await;
    }
    let ahead = ahead.unwrap();
    let after = live::fetch_after(&session, ahead, &wants, &options, &mut |_| {}).await;
    insta::assert_snapshot!(shown(&after.unwrap()), @r#"/a "/a""#);
}

#[tokio::test]
async fn skip_list_and_subtree() {
    let (hosts, session) = session("children").await;
    let client = client(&hosts).await;
    for node in ["/a", "/a/b", "/a/b/c", "/a/d", "/a/d/e"] {
        create(&client, node, node.as_bytes()).await;
    }
    let declared = want("/a/b", Children::Skip);
    let read =
        async |children| shown(&fetch(&session, &[want("/a", children), declared.clone()]).await);
    insta::assert_snapshot!(read(Children::Skip).await, @r#"
    /a "/a"
    /a/b "/a/b"
    "#);
    insta::assert_snapshot!(read(Children::List).await, @r#"
    /a "/a"
    /a/b "/a/b"
    /a/d listed
    "#);
    insta::assert_snapshot!(read(Children::Subtree).await, @r#"
    /a "/a"
    /a/b "/a/b"
    /a/d "/a/d"
    /a/d/e "/a/d/e"
    "#);
}

#[tokio::test]
async fn missing_nodes_are_absent() {
    let (hosts, session) = session("missing").await;
    create(&client(&hosts).await, "/a", b"").await;
    let wants = ["/a", "/a/x", "/a/x/y", "/b"].map(|text| want(text, Children::List));
    insta::assert_snapshot!(shown(&fetch(&session, &wants).await), @r#"/a """#);
    let none = live::read_subtree(&session, &path("/nothing"), true, &mut |_| {})
        .await
        .unwrap();
    assert!(none.is_empty());
    let some = live::lookup(&session, &[path("/b"), path("/a"), path("/a")])
        .await
        .unwrap();
    assert_eq!(some.len(), 1);
}

#[tokio::test]
async fn odd_names_and_binary_data() {
    let (hosts, session) = session("odd").await;
    let client = client(&hosts).await;
    let names = [
        "/ ",
        "/...",
        "/a b",
        "/a-",
        "/a",
        "/é\u{300}",
        "/%2F",
        "/zookeeper",
        "/\u{d7ff}",
    ];
    for name in names {
        create(&client, name, &[0, 255, 254]).await;
    }
    create(&client, "/a/x", b"").await;
    let tree = live::read_subtree(&session, &ZPath::root(), false, &mut |_| {})
        .await
        .unwrap();
    let paths: Vec<&str> = tree.iter().map(|(path, _)| path.as_str()).collect();
    let mut expected = names.to_vec();
    expected.extend(["/", "/a/x"]);
    expected.sort_by(|a, b| zkt::model::path::compare(a, b));
    assert_eq!(paths, expected);
    assert_eq!(
        tree.get(&path("/é\u{300}")).unwrap().node().unwrap().data,
        [0, 255, 254]
    );
}

#[tokio::test]
async fn what_is_made_of_nodes_comes_back_in_path_order() {
    let (hosts, session) = session("made").await;
    let client = client(&hosts).await;
    let names = ["/b", "/a", "/a-", "/a/z", "/a/y", "/a/y/x", "/zookeeper"];
    for name in names {
        create(&client, name, b"").await;
    }
    let mut met = Vec::new();
    let make = |path: &ZPath, live: Live| {
        assert!(live.node().is_some());
        met.push(path.to_string());
        met.len()
    };
    let made = live::map_subtree(&session, &ZPath::root(), make, &mut |_| {})
        .await
        .unwrap();
    let paths: Vec<&str> = made.iter().map(|(path, _)| path.as_str()).collect();
    let expected = "/ /a /a/y /a/y/x /a/z /a- /b /zookeeper";
    assert_eq!(paths.join(" "), expected);
    for (path, number) in &made {
        assert_eq!(*path.as_str(), met[number - 1]);
    }
    assert_eq!(met.len(), made.len());
    let none = live::map_subtree(&session, &path("/b/c"), |_, _| (), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn ephemeral_nodes_are_marked() {
    let (hosts, session) = session("ephemeral").await;
    let client = client(&hosts).await;
    let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    client.create("/e", b"", &options).await.unwrap();
    let tree = fetch(&session, &[want("/", Children::Subtree)]).await;
    insta::assert_snapshot!(shown(&tree), @r#"
    / ""
    /e "" ephemeral
    "#);
}

#[tokio::test]
async fn acls_and_what_may_not_be_read() {
    let (hosts, owner) = session("acls").await;
    let client = client(&hosts).await;
    client.auth("digest", b"ops:secret").await.unwrap();
    create(&client, "/open", b"").await;
    let closed = [ClientAcl::new(Permission::ALL, AuthId::authed())];
    let guarded = [
        ClientAcl::new(Permission::READ, AuthId::anyone()),
        ClientAcl::new(Permission::ALL, AuthId::authed()),
    ];
    let make = CreateMode::Persistent;
    client
        .create("/closed", b"1", &make.with_acls(Acls::new(&closed)))
        .await
        .unwrap();
    client
        .create("/closed/below", b"2", &make.with_acls(Acls::anyone_all()))
        .await
        .unwrap();
    client
        .create("/guarded", b"3", &make.with_acls(Acls::new(&guarded)))
        .await
        .unwrap();
    client.set_acl("/guarded", &guarded, None).await.unwrap();

    let read = async |session: &Session| {
        live::read_subtree(session, &ZPath::root(), true, &mut |_| {})
            .await
            .unwrap()
    };
    let tree = read(&owner).await;
    insta::assert_snapshot!(shown(&tree), @r#"
    / "" world:anyone:cdrwa
    /closed unreadable
    /guarded "3" world:anyone:r digest:ops:x:cdrwa
    /open "" world:anyone:cdrwa
    "#);
    let node = tree.get(&path("/guarded")).unwrap().node().unwrap();
    assert_eq!(Some(node.acl_version), AclVersion::new(1));

    let ops = Session::connect(&options_as(&hosts, "ops:secret"))
        .await
        .unwrap();
    let stored = ops.identities().await.unwrap().remove(0);
    let shown = shown(&read(&ops).await).replace(&stored.id, "ops:HASH");
    insta::assert_snapshot!(shown, @r#"
    / "" world:anyone:cdrwa
    /closed "1" digest:ops:HASH:cdrwa
    /closed/below "2" world:anyone:cdrwa
    /guarded "3" world:anyone:r digest:ops:HASH:cdrwa
    /open "" world:anyone:cdrwa
    "#);

    // What is wanted below an unreadable node is read all the same.
    let wants = ["/closed", "/closed/below"].map(|text| want(text, Children::Subtree));
    let paths: Vec<String> = fetch(&owner, &wants)
        .await
        .iter()
        .map(|(path, _)| path.to_string())
        .collect();
    assert_eq!(paths, ["/closed", "/closed/below"]);
}

#[tokio::test]
async fn the_ensembles_own_nodes_are_hidden_at_its_root_only() {
    let server = Server::start();
    let root = Session::connect(&options(&server.address())).await.unwrap();
    let all = live::read_subtree(&root, &ZPath::root(), false, &mut |_| {})
        .await
        .unwrap();
    insta::assert_snapshot!(shown(&all), @r#"/ """#);
    let listed = fetch(&root, &[want("/", Children::List)]).await;
    insta::assert_snapshot!(shown(&listed), @r#"/ """#);
    let wants = [
        want("/", Children::List),
        want("/zookeeper", Children::List),
    ];
    insta::assert_snapshot!(shown(&fetch(&root, &wants).await), @r#"
    / ""
    /zookeeper ""
    /zookeeper/config listed
    /zookeeper/quota listed
    "#);
}

#[tokio::test]
async fn large_nodes_come_in_small_batches() {
    let (hosts, session) = session("large").await;
    let client = client(&hosts).await;
    let data = vec![b'x'; 200_000];
    for i in 0..60 {
        create(&client, &format!("/n{i:02}"), &data).await;
    }
    let mut steps = Vec::new();
    let mut progress = |nodes| steps.push(nodes);
    let tree = live::read_subtree(&session, &ZPath::root(), false, &mut progress)
        .await
        .unwrap();
    assert_eq!(tree.len(), 61);
    // The root, the names, the first batch while nothing is known, then five to a mebibyte.
    assert_eq!(steps, [1, 1, 33, 38, 43, 48, 53, 58, 61]);
}

#[tokio::test]
async fn cuts_while_reading_are_made_good() {
    let server = shared();
    let place = server.chroot("cuts").await;
    let direct = client(&(server.address() + &place)).await;
    for i in 0..300 {
        create(&direct, &format!("/n{i:03}"), b"data").await;
    }
    let relay = Relay::to(server.port()).await;
    let session = Session::connect(&options(&(relay.address() + &place)))
        .await
        .unwrap();
    let small = FetchOptions {
        batch_cap: 5,
        first_batch: 5,
        ..FetchOptions::default()
    };
    let switch = relay.switch();
    let mut calls = 0;
    let mut progress = |_| {
        calls += 1;
        match calls % 10 {
            3 => switch(Mode::CutBeforeReply),
            7 => switch(Mode::CutBeforeRequest),
            _ => {}
        }
    };
    let wants = [want("/", Children::Subtree)];
    let tree = live::fetch(&session, &wants, &small, &mut progress)
        .await
        .unwrap();
    assert_eq!(tree.len(), 301);
    assert!(calls > 50, "{calls}");
}

#[tokio::test]
async fn a_server_that_stays_away_is_an_error() {
    let server = shared();
    let place = server.chroot("away").await;
    let relay = Relay::to(server.port()).await;
    let short = Options {
        session_timeout: Duration::from_millis(700),
        // The end of the session comes first.
        request_timeout: Some(Duration::from_secs(60)),
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&short).await.unwrap();
    relay.set(Mode::Refuse);
    relay.cut();
    let started = Instant::now();
    let error = live::lookup(&session, &[path("/a")]).await.unwrap_err();
    assert!(matches!(error, Error::SessionEnded { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn nodes_that_vanish_while_reading_are_absent_with_all_below() {
    let (hosts, session) = session("vanish").await;
    let client = client(&hosts).await;
    for i in 0..40 {
        create(&client, &format!("/n{i:02}"), b"").await;
        create(&client, &format!("/n{i:02}/x"), b"").await;
    }
    // A writer that takes subtrees away and puts them back, as fast as it can.
    let writer = tokio::spawn(async move {
        for round in 0.. {
            let top = format!("/n{:02}", round * 7 % 40);
            client.delete(&format!("{top}/x"), None).await.unwrap();
            client.delete(&top, None).await.unwrap();
            create(&client, &top, b"").await;
            create(&client, &format!("{top}/x"), b"").await;
        }
    });
    let small = FetchOptions {
        batch_cap: 3,
        first_batch: 3,
        ..FetchOptions::default()
    };
    let mut wants = vec![want("/", Children::Subtree)];
    wants.extend((0..20).map(|i| want(&format!("/n{i:02}"), Children::Subtree)));
    for _ in 0..60 {
        let tree = live::fetch(&session, &wants, &small, &mut |_| {})
            .await
            .unwrap();
        assert_eq!(tree.orphan(&ZPath::root()), None);
    }
    writer.abort();
}

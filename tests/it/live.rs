//! Reading the live tree: the fast reader against a slow and obvious one, and its corners.

mod losses;
mod oracle;

use std::sync::Arc;

use zkt::model::node::{AclVersion, Live};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::scope::{Children, Want};
use zkt::zookeeper::live::{self, FetchOptions};
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acl as ClientAcl, Acls, AuthId, Client, CreateMode, Permission};

use crate::server::{Server, options, options_as, session};

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
        Live::WithoutData(node) | Live::Unlisted(node) => {
            assert!(node.data.is_empty(), "{path}");
            let acl = node.acl.as_ref().expect("what is read besides the data");
            let ephemeral = if node.ephemeral { " ephemeral" } else { "" };
            format!("{path} without data{ephemeral} {acl}\n")
        }
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

/// Of the nodes below it, no data is read: only that of what looks like the record of an owner.
#[tokio::test]
async fn acls_are_read_without_data() {
    let (hosts, session) = session("acls-below").await;
    let client = client(&hosts).await;
    for node in [
        "/a",
        "/a/b",
        "/a/b/c",
        "/a/d",
        "/a/r",
        "/a/r/s0-1",
        "/a/r/s0-1/x",
    ] {
        create(&client, node, node.as_bytes()).await;
    }
    client
        .set_data("/a/r", b"{\"zkt_record\":1}", None)
        .await
        .unwrap();
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    client.create("/a/d/e", b"e", &ephemeral).await.unwrap();
    let acl = [ClientAcl::new(Permission::READ, AuthId::anyone())];
    client.set_acl("/a/b/c", &acl, None).await.unwrap();
    let wants = [want("/a", Children::Acls), want("/a/b", Children::Skip)];
    insta::assert_snapshot!(shown(&fetch(&session, &wants).await), @r#"
    /a "/a"
    /a/b "/a/b"
    /a/d without data world:anyone:cdrwa
    /a/d/e without data ephemeral world:anyone:cdrwa
    /a/r "{\"zkt_record\":1}"
    "#);
    insta::assert_snapshot!(shown(&fetch(&session, &wants[..1]).await), @r#"
    /a "/a"
    /a/b without data world:anyone:cdrwa
    /a/b/c without data world:anyone:r
    /a/d without data world:anyone:cdrwa
    /a/d/e without data ephemeral world:anyone:cdrwa
    /a/r "{\"zkt_record\":1}"
    "#);
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
    let tree = read(&ops).await;
    // Most nodes have one of a few ACLs, and share it.
    let acl = |text: &str| {
        let node = tree.get(&path(text)).unwrap().node().unwrap();
        node.acl.clone().unwrap()
    };
    assert!(Arc::ptr_eq(&acl("/open"), &acl("/closed/below")));
    let shown = shown(&tree).replace(&stored.id, "ops:HASH");
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

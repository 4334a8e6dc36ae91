//! The fast reader reads what a slow and obvious one reads, in random trees.

use std::collections::BTreeMap;

use proptest::prelude::*;
use zkt::model::acl::{Acl, AclEntry, Permissions};
use zkt::model::node::{AclVersion, DataVersion, Live, LiveNode};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::scope::{Children, Want};
use zkt::zookeeper::live::{self, FetchOptions};
use zookeeper_client::{
    Acl as ClientAcl, Acls, AuthId, Client, CreateMode, Error as ClientError, Permission,
};

use crate::server::{client, keeper, session_on, shared};

use super::{path, shown};

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
        // ClickHouse Keeper's way of saying that everybody may do everything.
        Ok((entries, _)) if acl && entries.is_empty() => Some(Acl::open()),
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
        ctime: stat.ctime,
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
        is_keeper in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (fast, after, slow) = runtime.block_on(async {
            let server = if is_keeper { keeper() } else { shared() };
            let (hosts, session) = session_on(server, "random").await;
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

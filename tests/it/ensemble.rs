//! ZooKeeper in memory, as strict as the real one about what an operation needs.

use std::collections::BTreeMap;

use zkt::model::acl::Acl;
use zkt::model::node::{AclVersion, DataVersion, Declared, Live, LiveNode};
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Plan};
use zkt::model::tree::Tree;
use zkt::model::value::Data;
use zkt::plan::scope::{self, Children};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Znode {
    pub(crate) data: Vec<u8>,
    pub(crate) version: i32,
    pub(crate) acl: Acl,
    pub(crate) acl_version: i32,
    pub(crate) ephemeral: bool,
}

impl Znode {
    pub(crate) fn new(data: Vec<u8>) -> Self {
        Self {
            data,
            version: 0,
            acl: Acl::open(),
            acl_version: 0,
            ephemeral: false,
        }
    }
}

/// All nodes but `/`, which is always there.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ensemble {
    pub(crate) nodes: BTreeMap<ZPath, Znode>,
}

impl Ensemble {
    /// The nodes of a live tree.
    pub(crate) fn of(tree: &Tree<Live>) -> Self {
        let znode = |node: &LiveNode| Znode {
            data: node.data.clone(),
            version: node.version.get(),
            acl: node.acl.as_deref().cloned().unwrap_or_else(Acl::open),
            acl_version: node.acl_version.get(),
            ephemeral: node.ephemeral,
        };
        let nodes = tree
            .iter()
            .filter_map(|(path, live)| Some((path.clone(), znode(live.node()?))));
        Self {
            nodes: nodes.collect(),
        }
    }

    pub(crate) fn children<'a>(&'a self, path: &'a ZPath) -> impl Iterator<Item = &'a ZPath> {
        self.nodes
            .keys()
            .filter(move |child| child.parent().as_ref() == Some(path))
    }

    fn live(&self, path: &ZPath, acl: bool) -> Live {
        let znode = &self.nodes[path];
        let mut node = LiveNode::with_data(znode.data.clone());
        node.version = DataVersion::new(znode.version).expect("no version is -1");
        node.acl_version = AclVersion::new(znode.acl_version).expect("no version is -1");
        // As if each write were a transaction of its own.
        (node.czxid, node.mzxid) = (1, 1 + i64::from(znode.version));
        node.ephemeral = znode.ephemeral;
        node.children = self.children(path).count() as u32;
        node.acl = acl.then(|| znode.acl.clone().into());
        Live::Read(node)
    }

    /// Everything there is.
    pub(crate) fn everything(&self) -> Tree<Live> {
        self.nodes
            .keys()
            .map(|path| (path.clone(), self.live(path, true)))
            .collect()
    }

    /// What a plan of `declared` reads, and no more.
    pub(crate) fn fetch(&self, declared: &Tree<Declared>, trim: scope::Trim) -> Tree<Live> {
        let mut found: BTreeMap<ZPath, Live> = BTreeMap::new();
        for want in scope::of(declared, trim) {
            let below = self
                .nodes
                .keys()
                .filter(|path| path.is_within(&want.path) && **path != want.path);
            for path in below {
                match want.children {
                    Children::Subtree | Children::Whole => {
                        let acl = want.children == Children::Whole;
                        found
                            .entry(path.clone())
                            .or_insert_with(|| self.live(path, acl));
                    }
                    Children::Acls => {
                        let live = match self.live(path, true) {
                            Live::Read(node) => Live::WithoutData(LiveNode {
                                data: Vec::new(),
                                ..node
                            }),
                            live => live,
                        };
                        found.entry(path.clone()).or_insert(live);
                    }
                    Children::List if path.parent().as_ref() == Some(&want.path) => {
                        found.entry(path.clone()).or_insert(Live::Listed);
                    }
                    Children::List | Children::Skip => {}
                }
            }
            if self.nodes.contains_key(&want.path) {
                found.insert(want.path.clone(), self.live(&want.path, want.acl));
            }
        }
        found.into_iter().collect()
    }

    /// Does one action of a plan that was made when the ensemble was `seen`, or says what the
    /// server would refuse.
    pub(crate) fn act(&mut self, action: &Action, seen: &Self) -> Result<(), String> {
        let path = action.path();
        let expect = |expected: Option<i32>| match (seen.nodes.get(path), expected) {
            (Some(node), Some(expected)) if node.version == expected => Ok(()),
            (None, None) => Ok(()),
            (node, expected) => Err(format!(
                "{path}: the plan saw {:?}, the action names {expected:?}",
                node.map(|n| n.version)
            )),
        };
        match action {
            Action::Add(add) => {
                if self.nodes.contains_key(path) {
                    return Err(format!("{path} exists"));
                }
                let parent = path.parent().ok_or("/ cannot be created")?;
                match self.nodes.get(&parent) {
                    None if !parent.is_root() => return Err(format!("{path} has no parent")),
                    Some(parent) if parent.ephemeral => {
                        return Err(format!("{path} below an ephemeral node"));
                    }
                    _ => {}
                }
                let mut node = Znode::new(add.data.as_bytes().to_vec());
                if let Some(acl) = &add.acl {
                    node.acl = (**acl).clone();
                }
                self.nodes.insert(path.clone(), node);
            }
            Action::Update(update) => {
                expect(Some(update.expected_version.get()))?;
                if update.data.is_none() && update.acl.is_none() {
                    return Err(format!("{path}: an update of nothing"));
                }
                let node = self
                    .nodes
                    .get_mut(path)
                    .ok_or_else(|| format!("{path} does not exist"))?;
                if let Some(data) = &update.data {
                    node.data = data.as_bytes().to_vec();
                    node.version += 1;
                }
                if let Some((version, acl)) = &update.acl {
                    if node.acl_version != version.get() {
                        return Err(format!("{path}: another ACL version"));
                    }
                    node.acl = (**acl).clone();
                    node.acl_version += 1;
                }
            }
            Action::Link(link) => {
                expect(link.expected_version.map(DataVersion::get))?;
                let node = self
                    .nodes
                    .get_mut(path)
                    .ok_or_else(|| format!("{path} does not exist"))?;
                node.data = link.data.as_bytes().to_vec();
                node.version += 1;
            }
            Action::Trim(trim) => {
                expect(Some(trim.expected_version.get()))?;
                if self.children(path).next().is_some() {
                    return Err(format!("{path} has children"));
                }
                let node = self
                    .nodes
                    .remove(path)
                    .ok_or_else(|| format!("{path} does not exist"))?;
                if node.ephemeral {
                    return Err(format!("{path} is ephemeral"));
                }
            }
        }
        Ok(())
    }

    /// The ensemble after a plan, every step of which must be legal.
    pub(crate) fn after(&self, plan: &Plan) -> Result<Self, String> {
        let mut after = self.clone();
        for action in &plan.actions {
            after.act(action, self)?;
        }
        Ok(after)
    }

    pub(crate) fn data(&self, path: &ZPath) -> Data {
        Data::decode(&self.nodes[path].data)
    }
}

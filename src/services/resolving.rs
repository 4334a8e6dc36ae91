//! Following links in a tree that is read as far as that needs.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::core::Core;
use super::error::Error;
use crate::model::path::ZPath;
use crate::model::value::{Data, Properties};
use crate::plan::links::{self, Lookup, Nodes};
use crate::zookeeper::session::ClientError;

/// A node as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) properties: Properties,
    pub(crate) version: i32,
    pub(crate) mzxid: i64,
}

impl Node {
    /// A node that the session may not read: it is there, and that is all that can be said.
    fn unreadable() -> Self {
        Self {
            properties: Properties::new(),
            version: -1,
            mzxid: 0,
        }
    }

    /// Whether the session may read it.
    pub(crate) fn is_readable(&self) -> bool {
        self.version >= 0
    }
}

/// Nodes as they were read, or that they do not exist.
#[derive(Debug, Default)]
pub(crate) struct Known {
    nodes: HashMap<ZPath, Option<Node>>,
}

/// The nodes that an answer depends on.
pub(crate) type Touched = BTreeSet<ZPath>;

impl Known {
    pub(crate) fn insert(&mut self, path: ZPath, node: Option<Node>) {
        self.nodes.insert(path, node);
    }

    pub(crate) fn is_known(&self, path: &ZPath) -> bool {
        self.nodes.contains_key(path)
    }

    /// Nothing is known any more of a node and what is below it.
    pub(crate) fn forget(&mut self, top: &ZPath) {
        self.nodes.retain(|path, _| !path.is_within(top));
    }

    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
    }

    /// Keeps only what events of watches on these nodes keep current: the nodes, that their ancestors
    /// exist, and that some of their children do not.
    pub(crate) fn retain(&mut self, watched: &Touched) {
        self.nodes.retain(|path, _| {
            watched.iter().any(|one| one.is_within(path))
                || path
                    .parent()
                    .is_some_and(|parent| watched.contains(&parent))
        });
    }

    /// Answers a question as far as the known nodes allow. Also returns the nodes on whose properties,
    /// or absence, the answer depends.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&Asked<'_>) -> Result<T, links::Error>,
    ) -> (Result<T, links::Error>, Touched) {
        let asked = Asked {
            known: self,
            touched: RefCell::default(),
        };
        let answer = question(&asked);
        (answer, asked.touched.into_inner())
    }
}

/// A question to what is known.
pub(crate) struct Asked<'k> {
    known: &'k Known,
    touched: RefCell<Touched>,
}

impl Nodes for Asked<'_> {
    fn exists(&self, path: &ZPath) -> Lookup<()> {
        match self.known.nodes.get(path) {
            Some(Some(_)) => Lookup::Known(()),
            Some(None) => Lookup::Missing,
            None if path.is_root() => Lookup::Known(()),
            None => Lookup::Unknown,
        }
    }

    fn property(&self, path: &ZPath, name: &str) -> Lookup<Option<Value>> {
        match self.known.nodes.get(path) {
            Some(node) => {
                self.touched.borrow_mut().insert(path.clone());
                match node {
                    Some(node) => Lookup::Known(node.properties.get(name).cloned()),
                    None => Lookup::Missing,
                }
            }
            None => Lookup::Unknown,
        }
    }
}

impl Asked<'_> {
    /// The answer depends on this node.
    pub(crate) fn touch(&self, path: &ZPath) -> Result<&Node, links::Error> {
        match self.known.nodes.get(path) {
            Some(Some(node)) => {
                self.touched.borrow_mut().insert(path.clone());
                Ok(node)
            }
            Some(None) => Err(links::Error::Missing(path.clone())),
            None => Err(links::Error::Unknown(vec![path.clone()])),
        }
    }
}

impl Core {
    /// Reads nodes, all at once, with `None` for each that does not exist.
    pub(crate) async fn look(&self, paths: &[ZPath]) -> Result<Vec<Option<Node>>, Error> {
        let root = ZPath::root();
        let first = paths.first().unwrap_or(&root);
        let read = self.read(first, |client| {
            let requests: Vec<_> = paths
                .iter()
                .map(|path| client.get_data(path.as_str()))
                .collect();
            async move {
                let mut nodes = Vec::with_capacity(requests.len());
                for request in requests {
                    nodes.push(match request.await {
                        Ok((data, stat)) => Some(Node {
                            properties: Data::decode(&data).into_properties(),
                            version: stat.version,
                            mzxid: stat.mzxid,
                        }),
                        Err(ClientError::NoNode) => None,
                        Err(ClientError::NoAuth) => Some(Node::unreadable()),
                        Err(error) => return Err(error),
                    });
                }
                Ok(nodes)
            }
        });
        read.await
    }

    /// Reads nodes that a question needs.
    pub(crate) async fn learn(&self, known: &mut Known, paths: Vec<ZPath>) -> Result<(), Error> {
        let nodes = self.look(&paths).await?;
        for (path, node) in paths.into_iter().zip(nodes) {
            known.insert(path, node);
        }
        Ok(())
    }

    /// Answers a question, reading what it takes.
    pub(crate) async fn answer<T>(
        &self,
        known: &mut Known,
        question: impl Fn(&Asked<'_>) -> Result<T, links::Error>,
    ) -> Result<Result<T, links::Error>, Error> {
        loop {
            match known.ask(&question).0 {
                Err(links::Error::Unknown(paths)) => {
                    self.learn(known, paths).await?;
                }
                answer => return Ok(answer),
            }
        }
    }

    /// The real path for a path that may lead through links.
    pub(crate) async fn resolve_path(&self, path: &ZPath) -> Result<ZPath, Error> {
        let mut known = Known::default();
        // Most paths are real.
        self.learn(&mut known, vec![path.clone()]).await?;
        let answer = self.answer(&mut known, |nodes| links::resolve(nodes, path));
        answer.await?.map_err(Error::of_link)
    }
}

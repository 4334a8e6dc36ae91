//! Reading again what may have changed, and no more.

use std::collections::{BTreeMap, BTreeSet};

use super::super::acl_walk::{Below, Step, outline};
use super::super::difference::{is_same, with_stat};
use super::super::reader::Reader;
use super::super::stats::{self, Known};
use super::super::{Error, ReadAhead, collect, read_wanted, wants};
use super::Mirror;
use crate::model::node::{Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::record;
use crate::plan::scope::{Children, Want};
use crate::zookeeper::session::{ClientError, Session};

/// What to ask to read nodes again.
struct Again {
    wants: Vec<Want>,
    /// Undeclared nodes that are only listed.
    listed: BTreeSet<ZPath>,
    /// Those that are held to an ACL.
    held: Vec<Step>,
}

impl Mirror {
    /// The large wanted nodes that are as they are known: for those their stat is asked, not their
    /// data. To ask a small one is not cheaper than to read it along with many others.
    pub(super) async fn unmoved(&self, session: &Session) -> Result<ReadAhead, Error> {
        let nodes = self.tree.iter().filter_map(|(path, live)| {
            let node = live.node()?;
            stats::is_large(node.data.len()).then_some((path, node))
        });
        let large = nodes.filter(|(path, _)| wants::find(&self.wants, path).is_some());
        let large: Vec<_> = large.collect();
        let mut unmoved = Vec::new();
        let mut sync = Some(session.client().sync("/"));
        for large in large.chunks(self.options.acl_window.max(1)) {
            let sized = |&(path, node): &(_, &LiveNode)| Known {
                path,
                bytes: Some(node.data.len()),
            };
            let asked = stats::ask(session, &large.iter().map(sized).collect::<Vec<_>>());
            if let Some(sync) = sync.take() {
                sync.await
                    .map_err(|source| Error::of(session, &ZPath::root(), source))?;
            }
            for asked in asked {
                for (i, stat) in asked.answers().await {
                    let (path, node) = large[i];
                    let stat = match stat {
                        // It was readable. It is read like the small ones, which shows that it is not any more.
                        Err(ClientError::NoAuth) => continue,
                        stat => stat.map_err(|source| Error::of(session, path, source))?,
                    };
                    if let Some(stat) = stat
                        && let Some(node) = with_stat(node, &stat)
                    {
                        unmoved.push((path.clone(), Live::Read(node)));
                    }
                }
            }
        }
        Ok(unmoved.into())
    }

    /// What to ask to read these nodes again.
    fn ask_again(&self, paths: &BTreeSet<ZPath>) -> Again {
        let mut wants: BTreeMap<ZPath, Want> = BTreeMap::new();
        let (mut listed, mut held) = (BTreeSet::new(), BTreeMap::new());
        let want = |path: &ZPath, children, acl| Want {
            path: path.clone(),
            children,
            acl,
        };
        for path in paths {
            if let Some(known) = wants::find(&self.wants, path) {
                wants.insert(path.clone(), want(path, Children::Skip, known.acl));
                // The nodes above a watched one are not watched, but may have gone with it.
                if self.roots.contains(path) {
                    for above in path.prefixes() {
                        if let Some(known) = wants::find(&self.wants, &above) {
                            let again = want(&above, Children::Skip, known.acl);
                            wants.entry(above).or_insert(again);
                        }
                    }
                }
                continue;
            }
            match wants::beyond(&self.wants, path) {
                Children::Skip => {}
                Children::List => {
                    listed.insert(path.clone());
                    wants.insert(path.clone(), want(path, Children::Skip, false));
                }
                Children::Acls => self.hold_again(path, &mut held),
                children @ (Children::Subtree | Children::Whole) => {
                    let is_known = matches!(self.tree.get(path), Some(Live::Read(_)));
                    let deep = if is_known { Children::Skip } else { children };
                    let acl = children == Children::Whole;
                    wants.insert(path.clone(), want(path, deep, acl));
                }
            }
        }
        Again {
            wants: wants.into_values().collect(),
            listed,
            held: held
                .into_iter()
                .map(|(path, has_part)| self.step(path, has_part))
                .collect(),
        }
    }

    /// What to ask to read an undeclared node again that is held to an ACL, each with whether a part of a
    /// record may have come below it. Nothing, if it stands below one that nothing is read below.
    fn hold_again(&self, path: &ZPath, held: &mut BTreeMap<ZPath, bool>) {
        let undeclared = |at: &ZPath| wants::find(&self.wants, at).is_none();
        let mut above = path.parent();
        let mut way = Vec::new();
        while let Some(at) = above.filter(undeclared) {
            above = at.parent();
            way.push(at);
        }
        for at in way.iter().rev() {
            match self.tree.get(at) {
                Some(Live::WithoutData(_)) => {}
                // It is read first, with all below it.
                None => {
                    held.entry(at.clone()).or_default();
                    return;
                }
                // The head of a record, or none that can be listed. What is only now held to an ACL is
                // itself among the nodes to be read again, with all below it.
                Some(_) => return,
            }
        }
        held.entry(path.clone()).or_default();
        let name = path.name();
        if let Some(parent) = way.first()
            && (record::is_shard_name(name) || record::is_journal_name(name))
        {
            held.insert(parent.clone(), true);
        }
    }

    fn step(&self, path: ZPath, has_part: bool) -> Step {
        let below = match self.tree.get(&path) {
            Some(Live::WithoutData(node)) if self.tree.subtree_range(&path).len() > 1 => {
                Below::Known(node.acl_version)
            }
            _ => Below::Unknown,
        };
        Step::Acl {
            path,
            below,
            has_part,
        }
    }

    /// Leaves nothing below the nodes that are held to an ACL and below which nothing is read.
    fn close(&self, held: &BTreeMap<ZPath, Live>, news: &mut BTreeMap<ZPath, Option<Live>>) {
        for (top, live) in held {
            if matches!(live, Live::WithoutData(_)) {
                continue;
            }
            let is_below = |path: &ZPath| {
                path != top && path.is_within(top) && wants::find(&self.wants, path).is_none()
            };
            let known = self.tree.subtree(top).iter().map(|(path, _)| path);
            let read = news.keys();
            let below: Vec<ZPath> = known
                .chain(read)
                .filter(|path| is_below(path))
                .cloned()
                .collect();
            news.extend(below.into_iter().map(|path| (path, None)));
        }
    }

    /// Reads some nodes again. Returns which of them differ from what was known.
    pub(super) async fn read_again(
        &mut self,
        session: &Session,
        paths: &BTreeSet<ZPath>,
    ) -> Result<Vec<ZPath>, Error> {
        let Again {
            wants,
            listed,
            held,
        } = self.ask_again(paths);
        // The server that sent the event answers with no older state, so it need not catch up first.
        let (mut progress, options) = (|_: usize| {}, self.options.clone());
        let mut reader = Reader::new(session, &options, &mut progress);
        let nodes = read_wanted(&mut reader, &wants, ReadAhead::default()).await?;
        let found = collect(session, &wants, nodes, &options, &mut reader).await?;
        let is_known = |path: &ZPath| wants::find(&self.wants, path).is_some();
        let held = outline(session, held, is_known, &options, &mut reader).await?;
        // What is not found is gone, or nobody wants it.
        let asked = wants.into_iter().map(|want| want.path);
        let asked = asked.chain(paths.iter().cloned());
        let mut news: BTreeMap<ZPath, Option<Live>> = asked.map(|path| (path, None)).collect();
        for (path, live) in found {
            let live = if listed.contains(&path) {
                Live::Listed
            } else {
                live
            };
            news.insert(path, Some(live));
        }
        // The later of two states of a node counts.
        let nodes: BTreeMap<ZPath, Live> = held.nodes.into_iter().collect();
        let states = nodes.iter();
        news.extend(states.map(|(path, live)| (path.clone(), Some(live.clone()))));
        self.close(&nodes, &mut news);
        news.extend(held.gone.into_iter().map(|path| (path, None)));
        let changed: Vec<ZPath> = news
            .iter()
            .filter(|(path, live)| !is_same(self.tree.get(path), live.as_ref()))
            .map(|(path, _)| path.clone())
            .collect();
        self.replace(news);
        Ok(changed)
    }
}

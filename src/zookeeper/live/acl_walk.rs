//! Reading the ACLs of subtrees, and nothing else of them.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use super::acls::{Answer, Shared, answer, answered};
use super::reader::{Ask, Pending, Reader, live_node, live_of};
use super::{Error, FetchOptions};
use crate::model::acl::Acl;
use crate::model::acl::audit::NodeAcl;
use crate::model::node::{AclVersion, Live, LiveNode};
use crate::model::path::{ZPath, check_name};
use crate::model::record;
use crate::zookeeper::session::{ClientError, RawAcl, Session, Stat};

/// The ACLs of a subtree.
#[derive(Debug, Default)]
pub struct SubtreeAcls {
    /// The nodes in path order, each with its ACL if the session may see it. Empty if there is no such
    /// subtree.
    pub nodes: Vec<NodeAcl>,
    /// Nodes whose children the session may not list, though it sees their ACL, in path order.
    pub unlisted: Vec<ZPath>,
}

/// Reads the ACL of the node `top` and of all below it: one request a node, and one more where it has
/// children, a bounded number in flight. `/zookeeper` of the ensemble is left out, unless `top` is in it.
/// Nodes that go away meanwhile are left out. `progress` is called with the number of nodes read so far.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub async fn walk_acls(
    session: &Session,
    top: &ZPath,
    progress: impl FnMut(usize),
) -> Result<SubtreeAcls, Error> {
    let options = FetchOptions::read_only();
    let mut unheard = |_| {};
    let mut reader = Reader::new(session, &options, &mut unheard);
    reader.start_sync();
    reader.finish_sync().await?;
    let system = session.system();
    let top = Step::Acl {
        path: top.clone(),
        below: Below::Unknown,
        has_part: false,
    };
    let mut walk = Walk::new(session, &options, [top], progress);
    walk.leaves_records = false;
    let is_left = |path: &ZPath| Some(path) == system.as_ref();
    let mut found = walk.run(&mut reader, is_left).await?;
    let gone: BTreeSet<ZPath> = found.gone.into_iter().collect();
    found.nodes.retain(|(path, _)| !gone.contains(path));
    found.nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
    found.unlisted.sort();
    let acl_of = |(path, seen): (ZPath, Option<Outline>)| (path, seen.map(|seen| seen.acl));
    Ok(SubtreeAcls {
        nodes: found.nodes.into_iter().map(acl_of).collect(),
        unlisted: found.unlisted,
    })
}

/// What was read without its data.
pub(super) struct Outlines {
    pub(super) nodes: Vec<(ZPath, Live)>,
    /// Nodes that were deleted meanwhile, with all below them.
    pub(super) gone: Vec<ZPath>,
}

/// A node without children is read with its data if that is no longer than this, and may be the head of a
/// record whose owner stopped as soon as it was created: such a head names no shards, and is short.
const LONGEST_NEW_HEAD: usize = 4096;

/// Reads what the steps ask for, without nodes that are `is_known` and what is below them. Of a record of
/// an owner only its own node is read, with the data that shows what it is. What may be one, but may not be
/// read, is [`Live::Unreadable`].
pub(super) async fn outline(
    session: &Session,
    steps: impl IntoIterator<Item = Step>,
    is_known: impl Fn(&ZPath) -> bool,
    options: &FetchOptions,
    reader: &mut Reader<'_>,
) -> Result<Outlines, Error> {
    let walk = Walk::new(session, options, steps, |_| {});
    let mut found = walk.run(reader, is_known).await?;
    let unlisted: HashSet<ZPath> = found.unlisted.into_iter().collect();
    let mut nodes = Vec::with_capacity(found.nodes.len());
    let mut doubtful = Vec::new();
    for (path, seen) in found.nodes {
        let live = match seen {
            None => Live::Unreadable,
            Some(seen) if unlisted.contains(&path) && seen.may_be_head() => Live::Unreadable,
            Some(seen) => {
                if seen.is_doubtful {
                    doubtful.push(path.clone());
                }
                let Outline { acl, stat, .. } = seen;
                let node = live_node(Vec::new(), &stat, options.unguarded);
                let mut node = node.ok_or_else(|| Error::Version { path: path.clone() })?;
                node.acl = Some(acl);
                match unlisted.contains(&path) {
                    true => Live::Unlisted(node),
                    false => Live::WithoutData(node),
                }
            }
        };
        nodes.push((path, live));
    }
    let heads = found.heads.into_iter();
    // The tree keeps the later of two nodes at one path.
    nodes.extend(heads.map(|(path, head)| (path, Live::Read(head))));
    let asks: Vec<_> = doubtful.iter().map(|path| (path, Ask::Data)).collect();
    let receive = |i: usize, answer| {
        match live_of(answer) {
            Some(Live::Read(node)) if !record::is_head(&node.data) => {}
            Some(live) => nodes.push((doubtful[i].clone(), live)),
            None => found.gone.push(doubtful[i].clone()),
        }
        Ok(0)
    };
    reader.read(&asks, receive).await?;
    Ok(Outlines {
        nodes,
        gone: found.gone,
    })
}

/// What is to be read.
pub(super) enum Step {
    /// The ACL of a node, and those of all below it that are not known.
    Acl {
        path: ZPath,
        below: Below,
        /// Whether something below it has become known that is named like a part of a record.
        has_part: bool,
    },
    /// The ACLs of all below a node.
    Below(ZPath),
}

/// What is known of the nodes below one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    Unknown,
    /// All, as long as the node's ACL has this version.
    Known(AclVersion),
}

/// What was asked of a node.
enum Asked<'s> {
    Acl(ZPath, (Below, bool), Pending<'s, (Vec<RawAcl>, Stat)>),
    Children(ZPath, bool, Pending<'s, Vec<String>>),
    /// Whether it is the node of a record. It has these children.
    Data(ZPath, Vec<String>, Pending<'s, (Vec<u8>, Stat)>),
}

/// What is known of a node whose ACL is shown.
struct Outline {
    acl: Arc<Acl>,
    stat: Stat,
    /// Whether its data has yet to show that it is no head of a record.
    is_doubtful: bool,
}

impl Outline {
    fn may_be_head(&self) -> bool {
        record::may_be_head(bytes(&self.stat))
    }
}

/// How long a node's data is.
fn bytes(stat: &Stat) -> usize {
    usize::try_from(stat.data_length).unwrap_or(0)
}

#[derive(Default)]
struct Seen {
    nodes: Vec<(ZPath, Option<Outline>)>,
    unlisted: Vec<ZPath>,
    gone: Vec<ZPath>,
    heads: Vec<(ZPath, LiveNode)>,
}

struct Walk<'s, P> {
    session: &'s Session,
    options: &'s FetchOptions,
    leaves_records: bool,
    progress: P,
    waiting: VecDeque<Step>,
    /// The nodes that are asked for by themselves.
    asked: HashSet<ZPath>,
    in_flight: VecDeque<Asked<'s>>,
    shared: Shared,
    found: Seen,
}

impl<'s, P: FnMut(usize)> Walk<'s, P> {
    fn new(
        session: &'s Session,
        options: &'s FetchOptions,
        steps: impl IntoIterator<Item = Step>,
        progress: P,
    ) -> Self {
        let waiting: VecDeque<Step> = steps.into_iter().collect();
        let asked = waiting.iter().filter_map(|step| match step {
            Step::Acl { path, .. } => Some(path.clone()),
            Step::Below(_) => None,
        });
        Self {
            session,
            options,
            leaves_records: true,
            progress,
            asked: asked.collect(),
            waiting,
            in_flight: VecDeque::new(),
            shared: Shared::default(),
            found: Seen::default(),
        }
    }

    async fn run(
        mut self,
        reader: &mut Reader<'_>,
        is_left: impl Fn(&ZPath) -> bool,
    ) -> Result<Seen, Error> {
        loop {
            while self.in_flight.len() < self.options.acl_window.max(1) {
                let Some(step) = self.waiting.pop_front() else {
                    break;
                };
                self.ask(step);
            }
            match self.in_flight.pop_front() {
                Some(Asked::Acl(path, known, pending)) => {
                    let client = self.session.client();
                    let answer = answer(client, reader, &path, pending.await).await?;
                    self.take_acl(path, known, answer);
                }
                Some(Asked::Children(path, is_top, pending)) => {
                    let again = || self.session.client().list_children(path.as_str());
                    let answer = answered(reader, &path, pending.await, again).await?;
                    self.take_children(path, is_top, answer, &is_left)?;
                }
                Some(Asked::Data(path, names, pending)) => {
                    let head = head(self.session, &path, pending.await, reader, self.options);
                    match head.await? {
                        Some(head) => self.found.heads.push((path, head)),
                        None => self.descend(&path, names, &is_left)?,
                    }
                }
                None => return Ok(self.found),
            }
        }
    }

    fn ask(&mut self, step: Step) {
        let client = self.session.client();
        self.in_flight.push_back(match step {
            Step::Acl {
                path,
                below,
                has_part,
            } => {
                let pending = Box::pin(client.get_acl(path.as_str()));
                Asked::Acl(path, (below, has_part), pending)
            }
            Step::Below(path) => {
                let pending = Box::pin(client.list_children(path.as_str()));
                Asked::Children(path, true, pending)
            }
        });
    }

    fn take_acl(
        &mut self,
        path: ZPath,
        (below, has_part): (Below, bool),
        answer: Answer<(Acl, Stat)>,
    ) {
        let seen = match answer {
            Answer::Gone => {
                self.found.gone.push(path);
                return;
            }
            Answer::Hidden => None,
            Answer::Shown((acl, stat)) => {
                let is_as_known = match below {
                    Below::Unknown => false,
                    Below::Known(version) => version.get() == stat.aversion,
                };
                let is_known = is_as_known || stat.num_children == 0;
                if !is_known {
                    let client = self.session.client();
                    let pending = Box::pin(client.list_children(path.as_str()));
                    let asked = Asked::Children(path.clone(), false, pending);
                    self.in_flight.push_back(asked);
                }
                let acl = self.shared.take(acl);
                // Otherwise the names of its children say whether it may be one.
                let is_open =
                    is_known && stat.ephemeral_owner == 0 && record::may_be_head(bytes(&stat));
                let is_short = bytes(&stat) <= LONGEST_NEW_HEAD;
                Some(Outline {
                    is_doubtful: self.leaves_records && is_open && (is_short || has_part),
                    acl,
                    stat,
                })
            }
        };
        self.found.nodes.push((path, seen));
        (self.progress)(self.found.nodes.len());
    }

    fn take_children(
        &mut self,
        path: ZPath,
        is_top: bool,
        answer: Answer<Vec<String>>,
        is_left: &impl Fn(&ZPath) -> bool,
    ) -> Result<(), Error> {
        let names = match answer {
            Answer::Shown(names) => names,
            Answer::Hidden => {
                self.found.unlisted.push(path);
                return Ok(());
            }
            Answer::Gone => {
                self.found.gone.push(path);
                return Ok(());
            }
        };
        let is_of_record =
            |name: &String| record::is_shard_name(name) || record::is_journal_name(name);
        if self.leaves_records && !is_top && names.iter().any(is_of_record) {
            let pending = Box::pin(self.session.client().get_data(path.as_str()));
            let asked = Asked::Data(path, names, pending);
            self.in_flight.push_back(asked);
            return Ok(());
        }
        self.descend(&path, names, is_left)
    }

    fn descend(
        &mut self,
        parent: &ZPath,
        names: Vec<String>,
        is_left: &impl Fn(&ZPath) -> bool,
    ) -> Result<(), Error> {
        for name in names {
            if check_name(&name).is_err() {
                let parent = parent.clone();
                return Err(Error::Name { parent, name });
            }
            let path = parent.join(&name);
            if !is_left(&path) && !self.asked.contains(&path) {
                self.waiting.push_back(Step::Acl {
                    path,
                    below: Below::Unknown,
                    has_part: false,
                });
            }
        }
        Ok(())
    }
}

/// Returns the node if it is that of a record. What is gone, or may not be read, is none.
async fn head(
    session: &Session,
    path: &ZPath,
    result: Result<(Vec<u8>, Stat), ClientError>,
    reader: &mut Reader<'_>,
    options: &FetchOptions,
) -> Result<Option<LiveNode>, Error> {
    let again = || session.client().get_data(path.as_str());
    Ok(match answered(reader, path, result, again).await? {
        Answer::Shown((data, stat)) if record::is_head(&data) => {
            live_node(data, &stat, options.unguarded)
        }
        Answer::Shown(_) | Answer::Hidden | Answer::Gone => None,
    })
}

//! Reading what is below nodes, whose names are not known before: names and nodes in one stream,
//! not level by level.

use std::collections::VecDeque;
use std::ops::Range;

use super::reader::{Answer, Answers, Ask, Pending, Reader};
use super::{Error, live_of};
use crate::node::Live;
use crate::path::{ZPath, check_name};

/// A node whose children are to be listed.
pub(super) struct Listing {
    pub path: ZPath,
    /// Whether its undeclared children are read too.
    pub deep: bool,
    /// How many children it had.
    pub children: usize,
}

/// What was found below the listed nodes.
pub(super) struct Below {
    /// For each of the listed nodes in turn what is below it, in path order.
    pub nodes: Vec<(ZPath, Live)>,
    /// Nodes that went away after they were read; nothing below them stands any more.
    pub gone: Vec<ZPath>,
}

/// Lists the children of nodes, and reads those and all below them where `deep` says so; without
/// those that `is_known` and what is below them. A listed node is only found itself where it may
/// not be listed.
pub(super) async fn read(
    reader: &mut Reader<'_>,
    tops: Vec<Listing>,
    is_known: impl Fn(&ZPath) -> bool,
) -> Result<Below, Error> {
    let listed = tops.len();
    let mut walk = Walk::default();
    for Listing {
        path,
        deep,
        children,
    } in tops
    {
        let ask = Ask::Children(children);
        walk.waiting.push_back((walk.nodes.len(), ask));
        walk.add(path, None, deep);
    }
    let mut in_flight: VecDeque<(Batch, Pending<'_, Answers>)> = VecDeque::new();
    // These nodes may be of another size than those that were read before.
    reader.window = 1;
    loop {
        while in_flight.len() < reader.window && !walk.waiting.is_empty() {
            // A small request is made only where few are in flight whose answers would add to it.
            if walk.waiting.len() < reader.cap && in_flight.len() * 2 >= reader.window.max(2) {
                break;
            }
            in_flight.push_back(walk.submit(reader));
        }
        let Some((batch, pending)) = in_flight.pop_front() else {
            return Ok(walk.below(listed));
        };
        let asks: Vec<_> = walk.asks(&batch).collect();
        let answers = reader.settle(&asks, pending).await?;
        for (asked, answer) in batch.into_iter().zip(answers) {
            walk.receive(asked, answer, &is_known)?;
        }
    }
}

/// What is asked at once, and of which nodes.
type Batch = Vec<(usize, Ask)>;

#[derive(Default)]
struct Walk {
    /// The listed nodes and, behind them, the children of each in one run; each by its path, and
    /// with what was read of it.
    nodes: Vec<(ZPath, Option<Live>)>,
    /// For each node its place in the tree.
    places: Vec<Place>,
    /// What is still to be asked, and of which nodes.
    waiting: VecDeque<(usize, Ask)>,
    gone: Vec<ZPath>,
}

struct Place {
    /// Whether its children are read.
    deep: bool,
    /// Where its children stand.
    children: Range<usize>,
}

impl Walk {
    fn add(&mut self, path: ZPath, live: Option<Live>, deep: bool) {
        let children = 0..0;
        self.nodes.push((path, live));
        self.places.push(Place { deep, children });
    }

    fn asks(&self, batch: &[(usize, Ask)]) -> impl Iterator<Item = (&ZPath, Ask)> {
        let ask = |&(node, ask): &(usize, Ask)| (&self.nodes[node].0, ask);
        batch.iter().map(ask)
    }

    /// Asks for the first of what is waiting, as much as a request should hold.
    fn submit<'a>(&mut self, reader: &Reader<'a>) -> (Batch, Pending<'a, Answers>) {
        let size = reader.cap.min(self.waiting.len());
        let mut batch: Vec<_> = self.waiting.drain(..size).collect();
        let asks: Vec<_> = self.asks(&batch).collect();
        let end = reader.end_of_batch(&asks, 0);
        let pending = reader.submit(&asks[..end]);
        for ask in batch.drain(end..).rev() {
            self.waiting.push_front(ask);
        }
        (batch, pending)
    }

    fn receive(
        &mut self,
        (node, ask): (usize, Ask),
        answer: Answer,
        is_known: &impl Fn(&ZPath) -> bool,
    ) -> Result<(), Error> {
        let (path, live) = &mut self.nodes[node];
        match (ask, answer) {
            (Ask::Children(_), Answer::Children(names)) => self.list(node, names, is_known)?,
            (Ask::Children(_), Answer::NoAuth) => *live = Some(Live::Unreadable),
            (Ask::Children(_), _) => {
                *live = None;
                self.gone.push(path.clone());
            }
            (Ask::Data, answer) => {
                *live = live_of(path, answer)?;
                let read = live.as_ref().and_then(Live::node);
                let children = read.map_or(0, |read| read.children as usize);
                if children > 0 {
                    self.waiting.push_back((node, Ask::Children(children)));
                }
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        parent: usize,
        mut names: Vec<String>,
        is_known: &impl Fn(&ZPath) -> bool,
    ) -> Result<(), Error> {
        names.sort_unstable();
        let path = self.nodes[parent].0.clone();
        let deep = self.places[parent].deep;
        let first = self.nodes.len();
        for name in names {
            if check_name(&name).is_err() {
                return Err(Error::Name { parent: path, name });
            }
            let child = path.join(&name);
            if is_known(&child) {
                continue;
            }
            if deep {
                self.waiting.push_back((self.nodes.len(), Ask::Data));
            }
            self.add(child, (!deep).then_some(Live::Listed), deep);
        }
        self.places[parent].children = first..self.nodes.len();
        Ok(())
    }

    /// What was found from the first nodes, which were the listed ones, on.
    fn below(mut self, listed: usize) -> Below {
        // Where each node goes.
        let mut order = vec![0; self.nodes.len()];
        let mut rank = 0;
        for top in 0..listed {
            let mut rest = vec![top];
            while let Some(node) = rest.pop() {
                order[node] = rank;
                rank += 1;
                rest.extend(self.places[node].children.clone().rev());
            }
        }
        for node in 0..order.len() {
            while order[node] != node {
                let to = order[node];
                self.nodes.swap(node, to);
                order.swap(node, to);
            }
        }
        let nodes = self.nodes.into_iter();
        let nodes = nodes.filter_map(|(path, live)| Some((path, live?)));
        Below {
            nodes: nodes.collect(),
            gone: self.gone,
        }
    }
}

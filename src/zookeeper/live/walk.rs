//! Reading what is below nodes, whose names are not known before: names and nodes in one stream,
//! not level by level.

use std::collections::VecDeque;
use std::ops::Range;

use super::Error;
use super::reader::{Answer, Answers, Ask, Pending, Reader, live_of};
use crate::model::node::Live;
use crate::model::path::{ZPath, check_name};

/// A small request is sent only if fewer are in flight: their answers would add
/// to it.
const SMALL_IN_FLIGHT: usize = 2;

/// A node to start from, which was read before.
pub(super) struct Top<T> {
    pub path: ZPath,
    /// The value made from it, if it is to be returned itself.
    pub made: Option<T>,
    /// Whether its undeclared children are read too, and all below them.
    pub deep: bool,
    /// How many children it had.
    pub children: usize,
}

/// What was found.
pub(super) struct Found<T> {
    /// For each top in turn, and for what is below it, in path order, what was made of it.
    pub nodes: Vec<(ZPath, T)>,
    /// Nodes that were deleted after they were read, with everything below them.
    pub gone: Vec<ZPath>,
}

/// Reads what is below the tops, without nodes that are `is_known` and what is below them.
///
/// `make` is called with each node as soon as it was read; with one that turns out later not to be
/// listable once more, and then that counts, also of a top.
pub(super) async fn read<T>(
    reader: &mut Reader<'_>,
    tops: impl IntoIterator<Item = Top<T>>,
    is_known: impl Fn(&ZPath) -> bool,
    make: impl FnMut(&ZPath, Live) -> T,
) -> Result<Found<T>, Error> {
    let mut walk = Walk {
        nodes: Vec::new(),
        places: Vec::new(),
        waiting: VecDeque::new(),
        gone: Vec::new(),
        make,
    };
    for top in tops {
        if top.children > 0 {
            let ask = Ask::Children(top.children);
            walk.waiting.push_back((walk.nodes.len(), ask));
        }
        walk.add(top.path, top.made, top.deep);
    }
    let tops = walk.nodes.len();
    let mut in_flight: VecDeque<(Batch, Pending<'_, Answers>)> = VecDeque::new();
    // These nodes may be of another size than those that were read before.
    reader.window = 1;
    loop {
        while in_flight.len() < reader.window && !walk.waiting.is_empty() {
            let few = (reader.window / 2).clamp(1, SMALL_IN_FLIGHT);
            if walk.waiting.len() < reader.cap && in_flight.len() >= few {
                break;
            }
            in_flight.push_back(walk.submit(reader));
        }
        let Some((batch, pending)) = in_flight.pop_front() else {
            return Ok(walk.found(tops));
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

struct Walk<T, F> {
    /// The tops and, behind them, the children of each in one run; each by its path, and
    /// with what was made of it.
    nodes: Vec<(ZPath, Option<T>)>,
    /// For each node its place in the tree.
    places: Vec<Place>,
    /// Requests that are still to be sent, and their nodes.
    waiting: VecDeque<(usize, Ask)>,
    gone: Vec<ZPath>,
    make: F,
}

struct Place {
    /// Whether its children are read.
    deep: bool,
    /// Where its children stand.
    children: Range<usize>,
}

impl<T, F: FnMut(&ZPath, Live) -> T> Walk<T, F> {
    fn add(&mut self, path: ZPath, made: Option<T>, deep: bool) {
        let children = 0..0;
        self.nodes.push((path, made));
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
        let (path, made) = &mut self.nodes[node];
        match (ask, answer) {
            (Ask::Children(_), Answer::Children(names)) => self.list(node, names, is_known)?,
            (Ask::Children(_), Answer::NoAuth) => {
                *made = Some((self.make)(path, Live::Unreadable));
            }
            (Ask::Children(_), _) => {
                *made = None;
                self.gone.push(path.clone());
            }
            (Ask::Data, answer) => {
                let live = live_of(answer);
                let children = live.as_ref().map_or(0, children_of);
                *made = live.map(|live| (self.make)(path, live));
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
            let made = (!deep).then(|| (self.make)(&child, Live::Listed));
            self.add(child, made, deep);
        }
        self.places[parent].children = first..self.nodes.len();
        Ok(())
    }

    /// What was found from the first nodes, which are the tops, on.
    fn found(mut self, tops: usize) -> Found<T> {
        // Where each node goes.
        let mut order = vec![0; self.nodes.len()];
        let mut rank = 0;
        for top in 0..tops {
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
        let nodes = nodes.filter_map(|(path, made)| Some((path, made?)));
        Found {
            nodes: nodes.collect(),
            gone: self.gone,
        }
    }
}

pub(super) fn children_of(live: &Live) -> usize {
    live.node().map_or(0, |node| node.children as usize)
}

//! Reading nodes before all of them are known: while files are still parsed.

use std::collections::{HashSet, VecDeque};

use foldhash::fast::RandomState;
use tokio::sync::mpsc::UnboundedReceiver;
use zookeeper_client::Error as ClientError;

use super::reader::{Answers, Ask, Pending, Reader, live_of};
use super::{Error, FetchOptions};
use crate::model::node::Live;
use crate::model::path::{ZPath, is_within};
use crate::zookeeper::session::Session;

/// Nodes that were read before they were needed. Empty by default.
#[derive(Debug, Default)]
pub struct ReadAhead {
    nodes: Vec<Read>,
    /// Those that turned out to be missing, with all that is below them.
    pub(super) missing: Tops,
}

/// A node that was read.
pub(super) type Read = (ZPath, Live);

impl From<Vec<Read>> for ReadAhead {
    fn from(nodes: Vec<Read>) -> Self {
        let missing = Tops::default();
        Self { nodes, missing }
    }
}

impl ReadAhead {
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.missing.is_empty()
    }

    /// The nodes in path order. Mostly they were read in it.
    pub(super) fn take_sorted(&mut self) -> impl Iterator<Item = Read> + use<> {
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
        nodes.into_iter()
    }
}

/// Reads the data of nodes as their paths come in, each once, until no more will come. What is
/// read is for [`fetch_after`](super::fetch_after); it is at least as recent as this call.
///
/// A path that comes below one that turned out to be missing is not asked for any more.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub async fn read_ahead(
    session: &Session,
    paths: &mut UnboundedReceiver<Vec<ZPath>>,
    options: &FetchOptions,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<ReadAhead, Error> {
    let mut reader = Reader::new(session, options, progress);
    reader.start_sync();
    let mut reading = Reading {
        reader,
        read: ReadAhead::default(),
        asked: Tops::default(),
        waiting: VecDeque::new(),
        in_flight: VecDeque::new(),
    };
    let mut open = true;
    loop {
        // A request is worth more than a few nodes while more may come.
        let enough = if open { reading.reader.cap } else { 1 };
        while reading.waiting.len() >= enough && reading.in_flight.len() < reading.reader.window {
            reading.send();
        }
        let answered = tokio::select! {
            result = answer(&mut reading.in_flight), if !reading.in_flight.is_empty() => result,
            more = paths.recv(), if open => {
                open = more.is_some();
                reading.waiting.extend(more.into_iter().flatten());
                continue;
            }
            else => return Ok(reading.read),
        };
        reading.receive(answered).await?;
    }
}

/// What was read, what is on its way, and what is still to be asked for.
struct Reading<'a> {
    reader: Reader<'a>,
    read: ReadAhead,
    /// Those in flight. Where some nodes are missing, what is below one of these may be, too.
    asked: Tops,
    /// Those that are still to be asked for.
    waiting: VecDeque<ZPath>,
    in_flight: VecDeque<Batch<'a>>,
}

impl Reading<'_> {
    /// Asks for as many of those that wait as one request holds.
    fn send(&mut self) {
        let cap = self.reader.cap;
        let mut paths = Vec::with_capacity(cap);
        let mut deferred = Vec::new();
        while paths.len() < cap
            && let Some(path) = self.waiting.pop_front()
        {
            if self.read.missing.covers(&path) {
                continue;
            }
            if self.asked.covers(&path) {
                deferred.push(path);
            } else {
                if !self.read.missing.is_empty() {
                    self.asked.add(&path);
                }
                paths.push(path);
            }
        }
        if paths.is_empty() {
            // What they wait for is in flight.
            match self.in_flight.back_mut() {
                Some(batch) => batch.deferred.append(&mut deferred),
                None => self.asked = Tops::default(),
            }
            self.waiting.extend(deferred);
            return;
        }
        let asks = asks(&paths);
        let end = self.reader.end_of_batch(&asks, 0);
        let pending = self.reader.submit(&asks[..end]);
        for path in paths.drain(end..).rev() {
            self.asked.remove(&path);
            self.waiting.push_front(path);
        }
        self.in_flight.push_back(Batch {
            paths,
            deferred,
            pending,
        });
    }

    /// Takes in what was answered to the first request in flight.
    async fn receive(&mut self, answered: Result<Answers, ClientError>) -> Result<(), Error> {
        // What is asked behind the sync is answered behind it, too.
        if !self.reader.finish_sync().await? {
            for batch in &mut self.in_flight {
                batch.pending = self.reader.submit(&asks(&batch.paths));
            }
            return Ok(());
        }
        let Some(batch) = self.in_flight.pop_front() else {
            return Ok(());
        };
        let pending = Box::pin(std::future::ready(answered));
        let answers = self.reader.settle(&asks(&batch.paths), pending).await?;
        for (path, answer) in batch.paths.into_iter().zip(answers) {
            self.asked.remove(&path);
            match live_of(answer) {
                Some(live) => self.read.nodes.push((path, live)),
                None => self.read.missing.add(&path),
            }
        }
        for path in batch.deferred.into_iter().rev() {
            self.waiting.push_front(path);
        }
        Ok(())
    }
}

/// Nodes that were asked for, and the answer that is to come.
struct Batch<'a> {
    paths: Vec<ZPath>,
    /// What is not asked for before this is answered.
    deferred: Vec<ZPath>,
    pending: Pending<'a, Answers>,
}

/// The answer to the first batch; without one it never comes.
async fn answer(in_flight: &mut VecDeque<Batch<'_>>) -> Result<Answers, ClientError> {
    match in_flight.front_mut() {
        Some(batch) => batch.pending.as_mut().await,
        None => std::future::pending().await,
    }
}

fn asks(paths: &[ZPath]) -> Vec<(&ZPath, Ask)> {
    paths.iter().map(|path| (path, Ask::Data)).collect()
}

/// Some nodes, none of them below another one.
#[derive(Debug, Default)]
pub(super) struct Tops {
    paths: HashSet<String, RandomState>,
    /// The one that covered a path last: nodes that come one after the other are often below the
    /// same one.
    last: String,
}

impl Tops {
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn add(&mut self, path: &ZPath) {
        if !self.covers(path) {
            self.paths.insert(path.as_str().to_owned());
        }
    }

    fn remove(&mut self, path: &ZPath) {
        if !self.is_empty() && self.paths.remove(path.as_str()) {
            self.last.clear();
        }
    }

    /// Whether a node is one of them or below one.
    pub(super) fn covers(&mut self, path: &ZPath) -> bool {
        if self.is_empty() {
            return false;
        }
        let text = path.as_str();
        if !self.last.is_empty() && is_within(text, &self.last) {
            return true;
        }
        let ends = memchr::memchr_iter(b'/', text.as_bytes()).skip(1);
        let mut above = ends.chain([text.len()]).map(|end| &text[..end]);
        let top = above.find(|top| self.paths.contains(*top));
        if let Some(top) = top {
            top.clone_into(&mut self.last);
        }
        top.is_some()
    }
}

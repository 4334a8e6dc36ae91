//! Reading many nodes in batches, several in flight, each bounded by the expected size of its
//! reply.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::time::Instant;

use zookeeper_client::{Error as ClientError, MultiReadResult, Stat};

use super::{Error, FetchOptions};
use crate::model::node::{AclVersion, DataVersion, Live, LiveNode};
use crate::model::path::ZPath;
use crate::zookeeper::session::{Client, Session, is_fatal, is_outcome_unknown};

/// What to read of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Its data and stat.
    Data,
    /// The names of its children; about so many.
    Children(usize),
}

/// The answer about a node.
pub(super) enum Answer {
    Node(LiveNode),
    Children(Vec<String>),
    Missing,
    NoAuth,
}

/// The answers to one request, as they arrive.
pub(super) type Answers = Vec<MultiReadResult>;
pub(super) type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, ClientError>> + Send + 'a>>;

/// Expected bytes of a child's name in a reply, its length included.
const NAME_BYTES: usize = 40;
/// Bytes of an answer beyond data or names: header, lengths, stat.
pub(super) const ANSWER_BYTES: usize = 96;
/// Bytes of an operation in a request beyond its path.
pub(super) const ASK_BYTES: usize = 14;

/// How often a request failed, and when it first did.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    count: usize,
    first: Option<Instant>,
}

pub(super) struct Reader<'a> {
    session: &'a Session,
    client: &'a Client,
    options: &'a FetchOptions,
    progress: &'a mut (dyn FnMut(usize) + Send),
    read: usize,
    sync: Option<Pending<'a, ()>>,
    multi_read: bool,
    /// How many batches may be in flight, growing as they are answered.
    pub(super) window: usize,
    /// How many nodes a batch may have, growing as their size becomes known.
    pub(super) cap: usize,
    /// Recent size of a node's data in replies, in bytes.
    average: usize,
    largest: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        session: &'a Session,
        options: &'a FetchOptions,
        progress: &'a mut (dyn FnMut(usize) + Send),
    ) -> Self {
        Self {
            session,
            client: session.client(),
            options,
            progress,
            read: 0,
            sync: None,
            multi_read: options.multi_read && session.dialect().reads_batches(),
            window: 1,
            cap: options.first_batch.min(options.batch_cap).max(1),
            average: 0,
            largest: 0,
        }
    }

    pub(super) fn session(&self) -> &'a Session {
        self.session
    }

    /// Makes the server that this session talks to catch up with the leader before it answers what
    /// is asked next: it takes the requests of a session in their order.
    pub(super) fn start_sync(&mut self) {
        self.sync = Some(Box::pin(self.client.sync("/")));
    }

    /// Waits for a sync that was started. Returns `false` if it was lost and had to be repeated, so
    /// that what was asked behind it may have been answered by a server that has not caught up.
    pub(super) async fn finish_sync(&mut self) -> Result<bool, Error> {
        let Some(mut sync) = self.sync.take() else {
            return Ok(true);
        };
        let mut attempts = Attempts::default();
        while let Err(error) = sync.await {
            self.check_retry(&ZPath::root(), &mut attempts, error)?;
            sync = Box::pin(self.client.sync("/"));
        }
        Ok(attempts.count == 0)
    }

    /// Asks all of `asks` and hands each answer on in order, with its index. What is handed back
    /// is the index before which nothing more needs to be asked: 0 to skip nothing.
    pub(super) async fn read(
        &mut self,
        asks: &[(&ZPath, Ask)],
        mut receive: impl FnMut(usize, Answer) -> Result<usize, Error>,
    ) -> Result<(), Error> {
        // A request is sent when it is made, so the queue only remembers the order of the answers.
        let mut in_flight: VecDeque<(Range<usize>, Pending<'a, Answers>)> = VecDeque::new();
        let mut next = 0;
        loop {
            while next < asks.len() && in_flight.len() < self.window {
                let batch = next..self.end_of_batch(asks, next);
                next = batch.end;
                in_flight.push_back((batch.clone(), self.submit(&asks[batch])));
            }
            if !self.finish_sync().await? {
                in_flight.clear();
                next = 0;
                continue;
            }
            let Some((batch, pending)) = in_flight.pop_front() else {
                return Ok(());
            };
            let answers = self.settle(&asks[batch.clone()], pending).await?;
            for (i, answer) in batch.zip(answers) {
                next = next.max(receive(i, answer)?);
            }
        }
    }

    pub(super) fn end_of_batch(&self, asks: &[(&ZPath, Ask)], start: usize) -> usize {
        let options = self.options;
        // One small node among large ones must not lead to a batch that is too large.
        let data_bytes = ANSWER_BYTES + self.average.max(self.largest / 4);
        let (mut request, mut reply) = (0, 0);
        for (i, (path, ask)) in asks.iter().enumerate().skip(start) {
            request += ASK_BYTES + self.session.chroot_len() + path.as_str().len();
            reply += match ask {
                Ask::Data => data_bytes,
                Ask::Children(count) => ANSWER_BYTES + count * NAME_BYTES,
            };
            let full = request > options.request_limit || reply > options.reply_target;
            if i > start && (full || i - start >= self.cap) {
                return i;
            }
        }
        asks.len()
    }

    pub(super) fn submit(&self, asks: &[(&ZPath, Ask)]) -> Pending<'a, Answers> {
        let client = self.client;
        if self.multi_read {
            let mut reader = client.new_multi_reader();
            for (path, ask) in asks {
                let added = match ask {
                    Ask::Data => reader.add_get_data(path.as_str()),
                    Ask::Children(_) => reader.add_get_children(path.as_str()),
                };
                if let Err(error) = added {
                    return Box::pin(std::future::ready(Err(error)));
                }
            }
            return Box::pin(reader.commit());
        }
        let singles: Vec<_> = asks
            .iter()
            .map(|(path, ask)| single(client, path, *ask))
            .collect();
        Box::pin(async move {
            let mut answers = Vec::with_capacity(singles.len());
            for single in singles {
                answers.push(match single.await {
                    Err(err) if is_outcome_unknown(&err) => return Err(err),
                    Err(err) => MultiReadResult::Error { err },
                    Ok(answer) => answer,
                });
            }
            Ok(answers)
        })
    }

    /// Waits for a batch, asking it again where its connection was lost.
    pub(super) async fn settle(
        &mut self,
        asks: &[(&ZPath, Ask)],
        mut pending: Pending<'a, Answers>,
    ) -> Result<Vec<Answer>, Error> {
        let mut attempts = Attempts::default();
        loop {
            match pending.await {
                Ok(results) if results.len() == asks.len() => return self.receive(asks, results),
                Ok(_) => {
                    let reason = ClientError::UnexpectedError("too few answers".to_owned());
                    return Err(Error::Server {
                        path: asks[0].0.clone(),
                        reason,
                    });
                }
                // Servers before 3.6 also close the connection after this answer: batches that
                // are in flight behind this one come back as lost and are asked again, singly.
                Err(ClientError::Unimplemented) if self.multi_read => self.multi_read = false,
                Err(error) => self.check_retry(asks[0].0, &mut attempts, error)?,
            }
            pending = self.submit(asks);
        }
    }

    /// Learns from the answers to a batch what the next ones may hold.
    fn receive(&mut self, asks: &[(&ZPath, Ask)], results: Answers) -> Result<Vec<Answer>, Error> {
        let mut answers = Vec::with_capacity(results.len());
        let (mut bytes, mut largest, mut nodes) = (0_usize, 0, 0);
        for (result, (path, ask)) in results.into_iter().zip(asks) {
            if let MultiReadResult::Data { data, .. } = &result {
                (bytes, largest) = (bytes + data.len(), largest.max(data.len()));
                nodes += 1;
            }
            answers.push(answer_of(path, result, self.options.unguarded)?);
            self.read += usize::from(*ask == Ask::Data);
        }
        if let Some(average) = bytes.checked_div(nodes) {
            self.average = if self.average == 0 {
                average
            } else {
                (self.average * 3 + average) / 4
            };
            if nodes * 2 >= self.cap {
                self.cap = (self.cap * 4).min(self.options.batch_cap.max(1));
            }
            self.largest = largest.max(self.largest - self.largest / 8);
        }
        self.window = (self.window * 2).min(self.options.window.max(1));
        (self.progress)(self.read);
        Ok(answers)
    }

    /// Whether what failed may be asked again: reads may, a bounded number of times, and until the
    /// first failure is a request timeout ago.
    pub(super) fn check_retry(
        &self,
        path: &ZPath,
        attempts: &mut Attempts,
        reason: ClientError,
    ) -> Result<(), Error> {
        let may_pass = is_outcome_unknown(&reason) && !is_fatal(&reason);
        let first = *attempts.first.get_or_insert_with(Instant::now);
        let is_late = attempts.count > 0 && first.elapsed() >= self.client.limit();
        if !may_pass || is_late || attempts.count == self.options.retries {
            return Err(Error::of(self.session, path, reason));
        }
        attempts.count += 1;
        Ok(())
    }
}

/// What a server says of one node.
fn answer_of(path: &ZPath, result: MultiReadResult, unguarded: bool) -> Result<Answer, Error> {
    let reason = match result {
        MultiReadResult::Data { data, stat } => {
            let node = live_node(data, &stat, unguarded);
            let version = || Error::Version { path: path.clone() };
            return node.map(Answer::Node).ok_or_else(version);
        }
        MultiReadResult::Children { children } => return Ok(Answer::Children(children)),
        MultiReadResult::Error { err } => match err {
            ClientError::NoNode => return Ok(Answer::Missing),
            ClientError::NoAuth => return Ok(Answer::NoAuth),
            reason => reason,
        },
        _ => ClientError::UnexpectedError("an answer of an unknown kind".to_owned()),
    };
    let path = path.clone();
    Err(Error::Server { path, reason })
}

/// Returns `None` if the node has a version that no write could be guarded by, unless such nodes
/// are read, too.
pub(super) fn live_node(data: Vec<u8>, stat: &Stat, unguarded: bool) -> Option<LiveNode> {
    let version = DataVersion::new(stat.version);
    let acl_version = AclVersion::new(stat.aversion);
    Some(LiveNode {
        data,
        version: version.or(unguarded.then_some(DataVersion::UNGUARDED))?,
        acl_version: acl_version.or(unguarded.then_some(AclVersion::UNGUARDED))?,
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        ctime: stat.ctime,
        mtime: stat.mtime,
        ephemeral: stat.ephemeral_owner != 0,
        children: u32::try_from(stat.num_children).unwrap_or(0),
        acl: None,
    })
}

fn single(
    client: &Client,
    path: &ZPath,
    ask: Ask,
) -> Pin<Box<dyn Future<Output = Result<MultiReadResult, ClientError>> + Send>> {
    match ask {
        Ask::Data => {
            let answer = client.get_data(path.as_str());
            Box::pin(async move {
                let (data, stat) = answer.await?;
                Ok(MultiReadResult::Data { data, stat })
            })
        }
        Ask::Children(_) => {
            let answer = client.get_children(path.as_str());
            Box::pin(async move {
                let (children, _) = answer.await?;
                Ok(MultiReadResult::Children { children })
            })
        }
    }
}

/// The node in an answer. Returns `None` if there is none.
pub(super) fn live_of(answer: Answer) -> Option<Live> {
    match answer {
        Answer::Node(node) => Some(Live::Read(node)),
        Answer::NoAuth => Some(Live::Unreadable),
        Answer::Missing | Answer::Children(_) => None,
    }
}

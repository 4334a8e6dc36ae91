//! The stats of many nodes: those of small nodes are read in batches along with their data, since
//! ZooKeeper has no batch of stats; those of large nodes one by one.

use std::pin::Pin;

use zookeeper_client::{Error as ClientError, MultiReadResult, Stat};

use super::FetchOptions;
use super::reader::{ANSWER_BYTES, ASK_BYTES};
use crate::model::path::ZPath;
use crate::zookeeper::session::{Client, Session, is_outcome_unknown};

/// Up to so many bytes of data, it is cheaper to read a node along with many others than to ask for
/// its stat.
const SMALL: usize = 1024;

/// Whether the data of a node is too large to be read for its stat.
pub(crate) fn is_large(bytes: usize) -> bool {
    bytes > SMALL
}

/// A node, and the bytes that its data has as far as is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'p> {
    pub(crate) path: &'p ZPath,
    pub(crate) bytes: Option<usize>,
}

/// The stat of a node; `None` if it does not exist.
pub(crate) type Answer = Result<Option<Stat>, ClientError>;

/// One request for some of the nodes.
pub(crate) struct Asked<'a> {
    /// Their places among those that are asked for.
    pub(crate) nodes: Vec<usize>,
    pending: Pin<Box<dyn Future<Output = Vec<Answer>> + Send + 'a>>,
}

impl Asked<'_> {
    /// Waits for the answers, each with the place of its node.
    pub(crate) async fn answers(self) -> impl Iterator<Item = (usize, Answer)> {
        let answers = self.pending.await;
        self.nodes.into_iter().zip(answers)
    }
}

/// Asks for the stats of these nodes, all at once. Batches are sent only if the server is known to
/// answer them. A node that may not be read may still have a stat, so it is asked for by itself.
pub(crate) fn ask<'a>(session: &'a Session, nodes: &[Known<'a>]) -> Vec<Asked<'a>> {
    let client = session.client();
    let is_small = |node: &Known<'_>| {
        client.reads_batches() && node.bytes.is_some_and(|bytes| !is_large(bytes))
    };
    let options = FetchOptions::default();
    let mut asked = Vec::new();
    let mut batch = Batch::default();
    for (i, node) in nodes.iter().enumerate() {
        if !is_small(node) {
            let stat = client.check_stat(node.path.as_str());
            asked.push(Asked {
                nodes: vec![i],
                pending: Box::pin(async move { vec![stat.await] }),
            });
            continue;
        }
        let request = ASK_BYTES + session.chroot_len() + node.path.as_str().len();
        let reply = ANSWER_BYTES + node.bytes.unwrap_or_default();
        let fits = batch.nodes.len() < options.batch_cap
            && batch.request + request <= options.request_limit
            && batch.reply + reply <= options.reply_target;
        if !fits {
            asked.extend(std::mem::take(&mut batch).send(client));
        }
        batch.nodes.push(i);
        batch.paths.push(node.path);
        batch.request += request;
        batch.reply += reply;
    }
    asked.extend(batch.send(client));
    asked
}

/// Small nodes that are read together.
#[derive(Default)]
struct Batch<'a> {
    nodes: Vec<usize>,
    paths: Vec<&'a ZPath>,
    /// Bytes of the request, and about as many of the reply.
    request: usize,
    reply: usize,
}

impl<'a> Batch<'a> {
    fn send(self, client: &'a Client) -> Option<Asked<'a>> {
        let Self { nodes, paths, .. } = self;
        if nodes.is_empty() {
            return None;
        }
        let mut reader = client.new_multi_reader();
        let mut added = paths.iter().map(|path| reader.add_get_data(path.as_str()));
        let added = added.try_for_each(|added| added);
        let pending = added.map(|()| reader.commit());
        let pending = async move {
            let answer = match pending {
                Ok(pending) => pending.await,
                Err(error) => Err(error),
            };
            answers(client, &paths, answer).await
        };
        let pending = Box::pin(pending);
        Some(Asked { nodes, pending })
    }
}

/// Returns the answers of a batch for its nodes. Asks one by one for those that it does not answer.
async fn answers(
    client: &Client,
    paths: &[&ZPath],
    answer: Result<Vec<MultiReadResult>, ClientError>,
) -> Vec<Answer> {
    let results = match answer {
        Ok(results) if results.len() == paths.len() => results,
        Err(error) if is_outcome_unknown(&error) => return vec![Err(error); paths.len()],
        Ok(_) | Err(_) => Vec::new(),
    };
    let stat = |result| match result {
        MultiReadResult::Data { stat, .. } => Ok(Some(stat)),
        MultiReadResult::Error {
            err: ClientError::NoNode,
        } => Ok(None),
        _ => Err(()),
    };
    let results = results.into_iter().map(stat);
    let results = results.chain(std::iter::repeat(Err(())));
    // All of them are asked for before the first answer is waited for.
    let alone = |path: &ZPath| client.check_stat(path.as_str());
    let answers = paths.iter().zip(results);
    let answers = answers.map(|(path, answer)| answer.map_err(|()| Box::pin(alone(path))));
    let mut all = Vec::with_capacity(paths.len());
    for answer in answers.collect::<Vec<_>>() {
        all.push(match answer {
            Ok(stat) => Ok(stat),
            Err(alone) => alone.await,
        });
    }
    all
}

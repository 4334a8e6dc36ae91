//! What every batch holds besides its operations: checks without which nothing is written, and the journal
//! of an owner.

use zookeeper_client::{Acls, CreateMode, Error as ClientError};

use super::ExecuteOptions;
use super::batch::{Operation, Which, Write};
use super::report::Stop;
use crate::model::acl::Acl;
use crate::model::node::DataVersion;
use crate::model::path::ZPath;
use crate::model::record::{Note, encode_journal, journal_bytes};
use crate::model::request;
use crate::zookeeper::record;
use crate::zookeeper::session::{Client, MultiWriter, acl, is_outcome_unknown};

/// What one batch holds besides its operations, in this order.
#[derive(Debug, Clone, Default)]
pub(super) struct Guards(Vec<Guard>);

#[derive(Debug, Clone)]
enum Guard {
    /// A node without which nothing is written.
    Node(ZPath),
    /// The node of the owner's record, and its version.
    Head(ZPath, DataVersion),
    /// The node of another owner's record, or the one above all records, and its version: in a newer one
    /// another owner may have taken what is trimmed.
    Other(ZPath, DataVersion),
    /// What the batch does, for the owner's record.
    Journal {
        path: ZPath,
        data: Vec<u8>,
        acl: Acl,
    },
}

impl Guards {
    /// For a batch of these operations.
    pub(super) fn of(operations: &[Operation<'_>], options: &ExecuteOptions) -> Self {
        let hold = options.hold.as_ref();
        let journal = hold.and_then(|hold| {
            let notes = operations.iter().filter_map(|operation| {
                let created = match operation.node {
                    Which::Seen(seen) | Which::Written(seen) => seen.map(|seen| seen.created),
                    Which::Created => None,
                };
                let note = match (operation.write, created) {
                    (Write::Create { .. }, _) => Note::Created,
                    (Write::Set { .. }, None) => Note::SetNew,
                    (Write::Set { .. }, Some(created)) => {
                        let claim = hold.claim(operation.path);
                        Note::Set { created, claim }
                    }
                    (Write::Delete { .. } | Write::Check { .. }, _) => return None,
                };
                Some((operation.path, note))
            });
            let notes: Vec<_> = notes.collect();
            (!notes.is_empty()).then(|| Guard::Journal {
                path: hold.journal(),
                data: encode_journal(notes),
                acl: hold.acl.clone(),
            })
        });
        let node = options.guard.clone().map(Guard::Node);
        let head = hold.map(|hold| Guard::Head(hold.head.clone(), hold.version));
        let trims = |operation: &Operation<'_>| matches!(operation.write, Write::Delete { .. });
        let has_trims = operations.iter().any(trims);
        let others = hold.iter().filter(|_| has_trims);
        let others = others.flat_map(|hold| hold.checked_by_trims());
        let others = others.map(|(other, version)| Guard::Other(other, version));
        let all = [node, head, journal].into_iter().flatten();
        Self(all.chain(others).collect())
    }

    /// Whether one of them creates a node.
    pub(super) fn create(&self) -> bool {
        let creates = |guard: &Guard| matches!(guard, Guard::Journal { .. });
        self.0.iter().any(creates)
    }

    /// Adds them to a batch that is empty.
    pub(super) fn add(&self, writer: &mut MultiWriter<'_>) -> Result<(), ClientError> {
        for guard in &self.0 {
            match guard {
                Guard::Node(node) => {
                    writer.add_check_version(node.as_str(), DataVersion::NEW.get())?;
                }
                Guard::Head(head, version) | Guard::Other(head, version) => {
                    writer.add_check_version(head.as_str(), version.get())?;
                }
                Guard::Journal { path, data, acl } => {
                    let entries = acl::to_client(acl);
                    let options = CreateMode::Persistent.with_acls(Acls::new(&entries));
                    writer.add_create(path.as_str(), data, &options)?;
                }
            }
        }
        Ok(())
    }

    /// What the refusal of the batch's operation at an index means, where it is one of these; otherwise the
    /// index among the others.
    pub(super) fn refusal(&self, index: usize, reason: &ClientError) -> Result<usize, Stop> {
        Err(match self.0.get(index) {
            None => return Ok(index - self.0.len()),
            Some(Guard::Node(node)) => Stop::of_guard(node, reason.clone()),
            Some(Guard::Head(head, _)) => of_head(head, reason.clone()),
            Some(Guard::Other(other, _)) => self.of_other(other, reason.clone()),
            Some(Guard::Journal { path, .. }) => refused(path, reason.clone()),
        })
    }

    /// What the server's refusal to check another owner's record means, or the node above all records.
    fn of_other(&self, other: &ZPath, reason: ClientError) -> Stop {
        let mut guards = self.0.iter();
        let is_place = guards.any(
            |guard| matches!(guard, Guard::Head(head, _) if head.parent().as_ref() == Some(other)),
        );
        let path = other.clone();
        match reason {
            ClientError::NoNode | ClientError::BadVersion => Stop::Record {
                reason: match is_place {
                    true => record::Error::PlaceMoved { place: path },
                    false => record::Error::OtherMoved { head: path },
                },
            },
            reason => refused(other, reason),
        }
    }
}

/// The bytes that they take up in every batch.
pub(super) fn bytes(options: &ExecuteOptions, chroot_len: usize) -> usize {
    let check = |path: &ZPath| request::Write::Version.batched(path, chroot_len);
    let guard = options.guard.as_ref().map_or(0, check);
    let hold = options.hold.as_ref();
    let journal = hold.map_or(0, |hold| {
        let (data, acl) = (journal_bytes(None), Some(&hold.acl));
        let create = request::Write::Create { data, acl };
        let others = hold.checked_by_trims();
        let others: usize = others.map(|(other, _)| check(&other)).sum();
        others + check(&hold.head) + create.batched(&hold.longest_journal(), chroot_len)
    });
    guard + journal
}

/// The bytes that an operation takes up in the journal of its batch.
pub(super) fn noted_bytes(write: &Write<'_>, path: &ZPath, options: &ExecuteOptions) -> usize {
    match (&options.hold, write) {
        (None, _) | (_, Write::Delete { .. } | Write::Check { .. }) => 0,
        (Some(_), Write::Create { .. } | Write::Set { .. }) => journal_bytes(Some(path)),
    }
}

/// Looks whether the checks hold, where no batch can check them.
pub(super) async fn look(client: &Client, options: &ExecuteOptions) -> Option<Stop> {
    let guard = options.guard.iter().map(|guard| (guard, DataVersion::NEW));
    let hold = options.hold.iter().map(|hold| (&hold.head, hold.version));
    for (i, (node, version)) in guard.chain(hold).enumerate() {
        let of = match i == 0 && options.guard.is_some() {
            true => Stop::of_guard,
            false => of_head,
        };
        match client.check_stat(node.as_str()).await {
            Ok(Some(stat)) if stat.version == version.get() => {}
            Ok(_) => return Some(of(node, ClientError::BadVersion)),
            Err(reason) if is_outcome_unknown(&reason) => {
                return Some(Stop::Disconnected {
                    in_flight: 0,
                    committed: false,
                    reason,
                });
            }
            Err(reason) => return Some(of(node, reason)),
        }
    }
    None
}

/// What the server's refusal to check the owner's record means.
fn of_head(head: &ZPath, reason: ClientError) -> Stop {
    match reason {
        ClientError::NoNode | ClientError::BadVersion => Stop::Record {
            reason: record::Error::Fenced {
                head: head.clone(),
                begun: None,
            },
        },
        reason => refused(head, reason),
    }
}

fn refused(path: &ZPath, reason: ClientError) -> Stop {
    let path = path.clone();
    Stop::Record {
        reason: record::Error::Refused { path, reason },
    }
}

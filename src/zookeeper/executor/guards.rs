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
pub(super) struct Guards {
    guard: Option<ZPath>,
    /// The node of the owner's record, and its version.
    head: Option<(ZPath, DataVersion)>,
    journal: Option<Journal>,
}

#[derive(Debug, Clone)]
struct Journal {
    path: ZPath,
    data: Vec<u8>,
    acl: Acl,
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
                        let claim = hold.claim;
                        Note::Set { created, claim }
                    }
                    (Write::Delete { .. } | Write::Check { .. }, _) => return None,
                };
                Some((operation.path, note))
            });
            let notes: Vec<_> = notes.collect();
            (!notes.is_empty()).then(|| Journal {
                path: hold.journal(),
                data: encode_journal(notes),
                acl: hold.acl.clone(),
            })
        });
        Self {
            guard: options.guard.clone(),
            head: hold.map(|hold| (hold.head.clone(), hold.version)),
            journal,
        }
    }

    /// How many operations they are.
    fn len(&self) -> usize {
        let checks = usize::from(self.guard.is_some()) + usize::from(self.head.is_some());
        checks + usize::from(self.journal.is_some())
    }

    /// Adds them to a batch that is empty.
    pub(super) fn add(&self, writer: &mut MultiWriter<'_>) -> Result<(), ClientError> {
        if let Some(guard) = &self.guard {
            writer.add_check_version(guard.as_str(), DataVersion::NEW.get())?;
        }
        if let Some((head, version)) = &self.head {
            writer.add_check_version(head.as_str(), version.get())?;
        }
        if let Some(Journal { path, data, acl }) = &self.journal {
            let entries = acl::to_client(acl);
            let options = CreateMode::Persistent.with_acls(Acls::new(&entries));
            writer.add_create(path.as_str(), data, &options)?;
        }
        Ok(())
    }

    /// What the refusal of the batch's operation at an index means, where it is one of these; otherwise the
    /// index among the others.
    pub(super) fn refusal(&self, index: usize, reason: &ClientError) -> Result<usize, Stop> {
        if index >= self.len() {
            return Ok(index - self.len());
        }
        Err(match (&self.guard, &self.head, &self.journal) {
            (Some(guard), _, _) if index == 0 => Stop::of_guard(guard, reason.clone()),
            (guard, Some((head, _)), _) if index == usize::from(guard.is_some()) => {
                of_head(head, reason.clone())
            }
            (.., Some(journal)) => refused(&journal.path, reason.clone()),
            (Some(node), ..) | (None, Some((node, _)), None) => refused(node, reason.clone()),
            (None, None, None) => return Ok(index),
        })
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
        check(&hold.head) + create.batched(&hold.longest_journal(), chroot_len)
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

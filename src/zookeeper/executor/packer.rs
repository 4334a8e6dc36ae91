//! Lowering a plan to operations and packing them into batches, without a server.

use std::collections::BTreeMap;
use std::mem::Discriminant;
use std::ops::Range;

use foldhash::{HashMap, HashSet};

use super::ExecuteOptions;
use super::batch::{AclChange, Operation, Packed, TooLarge, Which, Work, Write};
use super::guards;
use crate::model::acl::Acl;
use crate::model::node::{AclVersion, DataVersion, Zxids};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Add, Needs, Plan, Trim, Update};
use crate::model::request;
use crate::model::value::Encoded;

/// Packs the plan: into one batch where it fits, else into several of the batch limits. The bytes
/// that the chroot adds to each path are `chroot_len`.
pub(super) fn pack<'p>(
    plan: &'p Plan,
    chroot_len: usize,
    options: &ExecuteOptions,
) -> Result<Vec<Packed<'p>>, TooLarge> {
    let largest = options.request_limit;
    let base = request::BATCH + guards::bytes(options, chroot_len);
    let whole = Limits {
        whole: true,
        bytes: options.whole_plan_bytes.min(largest),
        operations: usize::MAX,
        request: largest,
    };
    let actions = plan.actions.iter();
    let again = actions.filter(|action| !matches!(action, Action::Add(_)));
    let again = again.map(Action::path).collect();
    let moved = plan.moved_trims();
    let nodes = (&again, &moved);
    let packer = |limits| Packer::new((options, chroot_len), base, limits, nodes);
    if let Some(batches) = packer(whole).pack(plan)? {
        return Ok(batches);
    }
    let bytes = options.batch_bytes.min(largest);
    let split = Limits {
        whole: false,
        bytes,
        operations: options.batch_operations.max(1),
        request: largest,
    };
    let packed = packer(split).pack(plan)?;
    Ok(packed.unwrap_or_default())
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Whether the plan is to be one batch.
    whole: bool,
    /// Request bytes of a batch with more than one operation.
    bytes: usize,
    operations: usize,
    /// Request bytes of a batch with one.
    request: usize,
}

struct Packer<'p, 'a> {
    options: &'a ExecuteOptions,
    chroot_len: usize,
    /// Bytes of a batch beyond those of its operations.
    base: usize,
    limits: Limits,
    overflowed: bool,
    batches: Vec<Packed<'p>>,
    /// The stage that is being filled; that of the ACL changes that come first is 0.
    stage: usize,
    /// The kind of the stage's actions.
    kind: Option<Discriminant<Action>>,
    /// The batch that is being filled.
    operations: Vec<Operation<'p>>,
    bytes: usize,
    actions: Range<usize>,
    /// The nodes that an action changes or removes: only of these it matters what was written.
    again: &'a HashSet<&'p ZPath>,
    /// The trims of nodes that are moved, by their new path.
    moved: &'a BTreeMap<ZPath, &'p Trim>,
    /// Where in the batch each of them is created or set.
    at: HashMap<&'p ZPath, usize>,
    /// The version of each of them that this plan has written so far, after the write, and in which
    /// stage.
    versions: HashMap<&'p ZPath, (DataVersion, usize)>,
    /// The ACL changes, which all come last.
    changes: Vec<AclChange<'p>>,
    changes_bytes: usize,
    /// The ACL changes without which the rest is not allowed, which come first.
    openers: Vec<AclChange<'p>>,
    openers_bytes: usize,
}

impl<'p, 'a> Packer<'p, 'a> {
    fn new(
        (options, chroot_len): (&'a ExecuteOptions, usize),
        base: usize,
        limits: Limits,
        (again, moved): (&'a HashSet<&'p ZPath>, &'a BTreeMap<ZPath, &'p Trim>),
    ) -> Self {
        Self {
            options,
            chroot_len,
            base,
            limits,
            overflowed: false,
            batches: Vec::new(),
            stage: 1,
            kind: None,
            operations: Vec::new(),
            bytes: base,
            actions: 0..0,
            again,
            moved,
            at: HashMap::default(),
            versions: HashMap::default(),
            changes: Vec::new(),
            changes_bytes: 0,
            openers: Vec::new(),
            openers_bytes: 0,
        }
    }

    /// Returns `None` if the plan was to be one batch and is too large for it.
    fn pack(mut self, plan: &'p Plan) -> Result<Option<Vec<Packed<'p>>>, TooLarge> {
        for (action, step) in plan.actions.iter().enumerate() {
            let kind = std::mem::discriminant(step);
            if !self.limits.whole && self.kind.replace(kind).is_some_and(|last| last != kind) {
                self.close_stage();
            }
            match step {
                Action::Add(add) => {
                    self.push_add(action, add, plan.access.guarded.get(&add.path))?;
                }
                Action::Update(update) => {
                    self.push_update(action, update, plan.access.opens(update))?;
                }
                Action::Link(link) => {
                    let seen = (link.expected_version, link.seen);
                    self.push_set(action, &link.path, &link.data, seen)?;
                }
                Action::Trim(trim) => self.push_trim(action, trim)?,
            }
            if self.limits.whole && self.overflowed {
                return Ok(None);
            }
        }
        self.close_batch();
        self.close_acls();
        self.close_openers();
        Ok(Some(self.batches))
    }

    /// A creation. Where the node is guarded, its declared ACL is set later.
    fn push_add(
        &mut self,
        action: usize,
        add: &'p Add,
        guarded: Option<&Needs>,
    ) -> Result<(), TooLarge> {
        // Links become part of a creation where the plan is one batch.
        let is_guarded = match guarded {
            Some(Needs::Children) => true,
            Some(Needs::Links) => !self.limits.whole,
            None => false,
        };
        let (data, declared) = (&add.data, add.acl.as_deref());
        let later = declared.filter(|_| is_guarded);
        let acl = later.map_or(declared, |_| Some(Acl::session_alone()));
        let write = Write::Create { data, acl };
        self.push(action, &add.path, write, Which::Seen(None))?;
        let Some(acl) = later else {
            return Ok(());
        };
        let change = AclChange {
            path: &add.path,
            acl,
            expected: AclVersion::NEW,
            node: Which::Created,
            action,
        };
        self.push_acl(change, false)
    }

    /// New data, a new ACL, or both.
    fn push_update(
        &mut self,
        action: usize,
        update: &'p Update,
        opens: bool,
    ) -> Result<(), TooLarge> {
        if let Some(data) = &update.data {
            let expected = Some(update.expected_version);
            self.push_set(action, &update.path, data, (expected, update.seen))?;
        }
        let Some((expected, acl)) = &update.acl else {
            return Ok(());
        };
        let change = AclChange {
            path: &update.path,
            acl,
            expected: *expected,
            node: Which::Written(update.seen),
            action,
        };
        self.push_acl(change, opens)
    }

    fn push_trim(&mut self, action: usize, trim: &'p Trim) -> Result<(), TooLarge> {
        let written = self.written(&trim.path);
        let node = written.map_or(Which::Seen(trim.seen), |_| Which::Written(trim.seen));
        let expected = written.unwrap_or(trim.expected_version);
        self.push(action, &trim.path, Write::Delete { expected }, node)
    }

    /// A set of a node's data, which replaces that of an earlier write in the same batch.
    fn push_set(
        &mut self,
        action: usize,
        path: &'p ZPath,
        data: &'p Encoded,
        (version, zxids): (Option<DataVersion>, Option<Zxids>),
    ) -> Result<(), TooLarge> {
        if let Some(&at) = self.at.get(path)
            && let Write::Create { data: old, .. } | Write::Set { data: old, .. } =
                &mut self.operations[at].write
        {
            let bytes = self.bytes - old.as_bytes().len() + data.as_bytes().len();
            if bytes <= self.limits.bytes {
                *old = data;
                self.bytes = bytes;
                self.actions.end = action + 1;
                return Ok(());
            }
            self.overflowed = true;
            self.close_stage();
        }
        let written = self.written(path);
        let node = match version {
            Some(_) => written.map_or(Which::Seen(zxids), |_| Which::Written(zxids)),
            None => Which::Created,
        };
        let expected = written.or(version).unwrap_or(DataVersion::NEW);
        self.push(action, path, Write::Set { data, expected }, node)
    }

    /// The version of a node after this plan has written it. What is written again waits for the
    /// write before: were that refused, another writer could have made the version.
    fn written(&mut self, path: &ZPath) -> Option<DataVersion> {
        let (version, stage) = *self.versions.get(path)?;
        if stage == self.stage && !self.at.contains_key(path) {
            self.close_stage();
        }
        Some(version)
    }

    fn push(
        &mut self,
        action: usize,
        path: &'p ZPath,
        write: Write<'p>,
        node: Which,
    ) -> Result<(), TooLarge> {
        let noted = guards::noted_bytes(&write, path, self.options);
        let check = self.check_of_old(path, &write, action);
        let checked = check.as_ref().map_or(0, |(_, bytes)| *bytes);
        let bytes = write.size().batched(path, self.chroot_len) + noted + checked;
        if self.base + bytes > self.limits.request {
            let bytes = self.base + bytes;
            return Err(TooLarge {
                path: path.clone(),
                action,
                bytes,
            });
        }
        let operations = self.operations.len() + usize::from(check.is_some());
        let fits = self.bytes + bytes <= self.limits.bytes && operations < self.limits.operations;
        if !fits {
            self.overflowed = true;
            self.close_batch();
        }
        if self.operations.is_empty() {
            self.actions = action..action;
        }
        self.operations.extend(check.map(|(check, _)| check));
        match &write {
            Write::Create { .. } if self.again.contains(path) => {
                self.at.insert(path, self.operations.len());
                let version = (DataVersion::NEW, self.stage);
                self.versions.insert(path, version);
            }
            Write::Create { .. } => {}
            Write::Set { expected, .. } => {
                self.at.insert(path, self.operations.len());
                let version = (expected.next(), self.stage);
                self.versions.insert(path, version);
            }
            Write::Delete { .. } => _ = self.at.remove(path),
            Write::Check { .. } => {}
        }
        self.operations.push(Operation {
            path,
            write,
            node,
            action,
        });
        self.bytes += bytes;
        self.actions.end = action + 1;
        Ok(())
    }

    /// That the old node of a moved one is as the plan saw it, with the bytes that the check takes up: what
    /// was copied is never older than what a next plan finds there. One batch with all of the plan trims the
    /// old node, which is the same check.
    fn check_of_old(
        &self,
        path: &ZPath,
        write: &Write<'_>,
        action: usize,
    ) -> Option<(Operation<'p>, usize)> {
        let copies = matches!(write, Write::Create { .. } | Write::Set { .. });
        let old = self.moved.get(path);
        let old = old.filter(|_| copies && !self.limits.whole)?;
        let check = Operation {
            path: &old.path,
            write: Write::Check {
                expected: old.expected_version,
            },
            node: Which::Seen(old.seen),
            action,
        };
        let bytes = check.write.size().batched(&old.path, self.chroot_len);
        Some((check, bytes))
    }

    fn push_acl(&mut self, change: AclChange<'p>, opens: bool) -> Result<(), TooLarge> {
        let bytes = request::Write::SetAcl(change.acl).alone(change.path, self.chroot_len);
        if bytes > self.limits.request {
            return Err(TooLarge {
                path: change.path.clone(),
                action: change.action,
                bytes,
            });
        }
        let (changes, total) = match opens {
            true => (&mut self.openers, &mut self.openers_bytes),
            false => (&mut self.changes, &mut self.changes_bytes),
        };
        *total += bytes;
        changes.push(change);
        Ok(())
    }

    /// Puts the ACL changes that the rest needs in front of it, parents first.
    fn close_openers(&mut self) {
        let actions = self.openers.iter().map(|change| change.action);
        if let (Some(first), Some(last)) = (actions.clone().min(), actions.max()) {
            let mut changes = std::mem::take(&mut self.openers);
            changes.sort_by(|one, other| one.path.cmp(other.path));
            let openers = Packed {
                work: Work::Acls(changes),
                stage: 0,
                actions: first..last + 1,
                bytes: self.openers_bytes,
            };
            self.batches.insert(0, openers);
        }
    }

    /// Puts the ACL changes behind everything else: one of them may take away the rights that
    /// the rest of the plan needs. Children come before parents, so that what is open to the
    /// session alone stays so until all below it is as declared.
    fn close_acls(&mut self) {
        let actions = self.changes.iter().map(|change| change.action);
        if let (Some(first), Some(last)) = (actions.clone().min(), actions.max()) {
            let mut changes = std::mem::take(&mut self.changes);
            changes.sort_by(|one, other| other.path.cmp(one.path));
            let bytes = std::mem::take(&mut self.changes_bytes);
            self.batches.push(Packed {
                work: Work::Acls(changes),
                stage: self.stage + 1,
                actions: first..last + 1,
                bytes,
            });
        }
    }

    fn close_stage(&mut self) {
        self.close_batch();
        self.stage += 1;
    }

    fn close_batch(&mut self) {
        let bytes = std::mem::replace(&mut self.bytes, self.base);
        self.at.clear();
        let operations = std::mem::take(&mut self.operations);
        if !operations.is_empty() {
            let (work, actions) = (Work::Atomic(operations), self.actions.clone());
            self.batches.push(Packed {
                work,
                stage: self.stage,
                actions,
                bytes,
            });
        }
    }
}

#[cfg(test)]
mod tests;

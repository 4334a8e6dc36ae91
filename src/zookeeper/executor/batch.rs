//! What is sent: operations, and batches of them.

use std::ops::Range;

use crate::model::acl::Acl;
use crate::model::node::{AclVersion, DataVersion, Zxids};
use crate::model::path::ZPath;
use crate::model::request;
use crate::model::value::Encoded;

/// One write of one node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Operation<'p> {
    pub(super) path: &'p ZPath,
    pub(super) write: Write<'p>,
    /// Which node it must find.
    pub(super) node: Which,
    /// The action it comes from.
    pub(super) action: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Write<'p> {
    Create {
        data: &'p Encoded,
        acl: Option<&'p Acl>,
    },
    Set {
        data: &'p Encoded,
        expected: DataVersion,
    },
    Delete {
        expected: DataVersion,
    },
    /// Changes nothing: another write of the same batch depends on the node.
    Check {
        expected: DataVersion,
    },
}

impl Write<'_> {
    /// What counts for its size.
    pub(super) fn size(&self) -> request::Write<'_> {
        match self {
            Self::Create { data, acl } => {
                let data = data.as_bytes().len();
                request::Write::Create { data, acl: *acl }
            }
            Self::Set { data, .. } => {
                let data = data.as_bytes().len();
                request::Write::Set { data }
            }
            Self::Delete { .. } | Self::Check { .. } => request::Write::Version,
        }
    }

    /// The bytes of data that it leaves.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Create { data, .. } | Self::Set { data, .. } => data.as_bytes().len(),
            Self::Delete { .. } | Self::Check { .. } => 0,
        }
    }
}

/// One change of an ACL, which no multi can hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AclChange<'p> {
    pub(super) path: &'p ZPath,
    pub(super) acl: &'p Acl,
    pub(super) expected: AclVersion,
    pub(super) node: Which,
    pub(super) action: usize,
}

/// Which node a write must find; `None` if the plan does not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Which {
    /// The one that the plan saw, with the data that it saw.
    Seen(Option<Zxids>),
    /// The one that the plan saw; its data may be newer, since this execution may have written it.
    Written(Option<Zxids>),
    /// The one that this execution creates.
    Created,
}

/// What is done at once.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work<'p> {
    /// One multi: entirely or not at all.
    Atomic(Vec<Operation<'p>>),
    /// ACL changes, each by itself.
    Acls(Vec<AclChange<'p>>),
}

/// One request's worth of the plan, or a run of ACL changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Packed<'p> {
    pub(super) work: Work<'p>,
    /// The stage that it belongs to. Batches of one stage do not depend on each other, but for parents
    /// that come before their children, or after them where they are deleted.
    pub(super) stage: usize,
    /// The actions that it carries out, wholly or in part.
    pub(super) actions: Range<usize>,
    /// Size of the request, or of all ACL changes together.
    pub(super) bytes: usize,
}

impl<'p> Packed<'p> {
    /// Operations of one atomic batch. Returns an empty slice if the batch changes ACLs.
    pub(super) fn writes(&self) -> &[Operation<'p>] {
        match &self.work {
            Work::Atomic(operations) => operations,
            Work::Acls(_) => &[],
        }
    }

    /// ACL changes, sent one by one. Returns an empty slice if the batch is atomic.
    pub(super) fn acls(&self) -> &[AclChange<'p>] {
        match &self.work {
            Work::Atomic(_) => &[],
            Work::Acls(changes) => changes,
        }
    }
}

/// An operation that no request can hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TooLarge {
    pub(super) path: ZPath,
    pub(super) action: usize,
    pub(super) bytes: usize,
}

/// Something for operations that belong to no plan.
#[cfg(test)]
pub(super) fn kept<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

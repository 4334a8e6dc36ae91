//! Which version of a node, and which node.

/// The version of a node's data, as a write must find it.
///
/// It cannot be -1, which means "any version" to ZooKeeper: no write of zkt is unguarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct DataVersion(i32);

/// The version of a node's ACL, as a change must find it; never -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AclVersion(i32);

macro_rules! version {
    ($name:ident) => {
        impl $name {
            /// The version of a node just created.
            pub const NEW: Self = Self(0);

            /// From a stat. Returns `None` for -1.
            #[must_use]
            pub fn new(version: i32) -> Option<Self> {
                (version != -1).then_some(Self(version))
            }

            /// The version -1, by which no write can be guarded: a node of ZooKeeper's own has it.
            /// Only those who write nothing read such nodes.
            pub const UNGUARDED: Self = Self(-1);

            /// The number, for a request. [`Self::UNGUARDED`] gives one that no node has.
            #[must_use]
            pub fn get(self) -> i32 {
                match self.0 {
                    -1 => i32::MIN,
                    version => version,
                }
            }

            /// Returns the number as the server reports it.
            #[must_use]
            pub fn reported(self) -> i32 {
                self.0
            }

            /// The version after one more write.
            #[must_use]
            pub fn next(self) -> Self {
                Self(match self.0.wrapping_add(1) {
                    -1 => 0,
                    next => next,
                })
            }
        }
    };
}

version!(DataVersion);
version!(AclVersion);

/// The transactions that created a node and that last wrote its data.
///
/// A version alone does not identify a node: after a node is deleted and created again, its version
/// is 0 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zxids {
    /// The creation.
    pub created: i64,
    /// The last write of its data.
    pub modified: i64,
}

//! Checks a requested write and returns the change that it makes. Changes nothing itself.

use std::collections::HashMap;
use std::sync::Arc;

use super::acl::{self, permission};
use super::code::ErrorCode;
use super::dialect::{Difference, KEEPER};
use super::identity::Identities;
use super::node::{NewNode, NodeKind};
use super::request::{Create, RequestKind, Write};
use super::tree::{Tree, split};
use crate::model::path;

/// The longest time to live, in milliseconds.
const LONGEST_TTL: i64 = (1 << 40) - 1;

/// A write that passed its checks.
#[derive(Debug)]
pub(crate) enum Change {
    Create {
        path: String,
        node: NewNode,
    },
    Delete {
        path: String,
    },
    SetData {
        path: String,
        data: Option<Arc<[u8]>>,
        version: i32,
    },
    SetAcl {
        path: String,
        acl: acl::List,
        version: i32,
    },
    Check,
}

/// Who asks.
pub(crate) struct Asker<'a> {
    pub(crate) session: i64,
    pub(crate) identities: &'a Identities,
}

/// The facts about a node that the checks need.
#[derive(Debug, Clone)]
struct Record {
    acl: acl::List,
    kind: NodeKind,
    version: i32,
    cversion: i32,
    aversion: i32,
    children: usize,
}

/// The tree as the operations of a transaction so far would leave it.
pub(crate) struct Draft<'a> {
    tree: &'a Tree,
    /// `None` for a single write: nothing has to be remembered.
    changed: Option<HashMap<String, Option<Record>>>,
}

impl<'a> Draft<'a> {
    /// For one write.
    pub(crate) fn of_one(tree: &'a Tree) -> Self {
        Self {
            tree,
            changed: None,
        }
    }

    /// For several.
    pub(crate) fn of_several(tree: &'a Tree) -> Self {
        Self {
            tree,
            changed: Some(HashMap::new()),
        }
    }

    fn record(&self, path: &str) -> Result<Record, ErrorCode> {
        if let Some(changed) = &self.changed
            && let Some(record) = changed.get(path)
        {
            return record.clone().ok_or(ErrorCode::NoNode);
        }
        let node = self.tree.get(path).ok_or(ErrorCode::NoNode)?;
        Ok(Record {
            acl: Arc::clone(&node.acl),
            kind: node.kind,
            version: node.version,
            cversion: node.cversion,
            aversion: node.aversion,
            children: node.child_count(),
        })
    }

    /// Nobody writes what is ClickHouse Keeper's own, or checks it.
    fn writable<'p>(&self, path: &'p str) -> Result<&'p str, ErrorCode> {
        let is_own = self.tree.dialect().has(Difference::OwnNodes) && path::is_within(path, KEEPER);
        (!is_own).then_some(path).ok_or(ErrorCode::BadArguments)
    }

    fn fix_up(
        &self,
        entries: Option<&[acl::Entry<'_>]>,
        asker: &Asker<'_>,
    ) -> Result<acl::List, ErrorCode> {
        let open = self.tree.open_acl();
        match self.tree.dialect().has(Difference::FewSchemes) {
            true => acl::fix_up_as_keeper(entries, asker.identities, open),
            false => acl::fix_up(entries, asker.identities, open, self.tree.knows_sasl()),
        }
    }

    fn put(&mut self, path: &str, record: Option<Record>) {
        if let Some(changed) = &mut self.changed {
            changed.insert(path.to_owned(), record);
        }
    }

    /// Checks a write, in the order in which ZooKeeper checks, and remembers what it would do.
    pub(crate) fn check(
        &mut self,
        write: &Write<'_>,
        asker: &Asker<'_>,
    ) -> Result<Change, ErrorCode> {
        match write {
            Write::Create(create) => self.create(create, asker),
            Write::Delete { path, version } => {
                let path = path.as_deref().ok_or(ErrorCode::MarshallingError)?;
                self.delete(path, *version, asker)
            }
            Write::SetData {
                path,
                data,
                version,
            } => {
                let path = self.writable(valid(path.as_deref())?)?;
                let mut record = self.record(path)?;
                permit(&record, permission::WRITE, asker)?;
                record.version = next_version(record.version, *version)?;
                let version = record.version;
                self.put(path, Some(record));
                Ok(Change::SetData {
                    path: path.to_owned(),
                    data: data.map(Arc::from),
                    version,
                })
            }
            Write::SetAcl { path, acl, version } => {
                let path = self.writable(valid(path.as_deref())?)?;
                let acl = self.fix_up(acl.as_deref(), asker)?;
                let record = self.record(path)?;
                permit(&record, permission::ADMIN, asker)?;
                Ok(Change::SetAcl {
                    path: path.to_owned(),
                    acl,
                    version: next_version(record.aversion, *version)?,
                })
            }
            Write::Check { path, version } => {
                let record = self.record(self.writable(valid(path.as_deref())?)?)?;
                permit(&record, permission::READ, asker)?;
                next_version(record.version, *version)?;
                Ok(Change::Check)
            }
        }
    }

    fn create(&mut self, create: &Create<'_>, asker: &Asker<'_>) -> Result<Change, ErrorCode> {
        let mode = Mode::of(create)?;
        let path = create.path.as_deref().ok_or(ErrorCode::MarshallingError)?;
        let parent_path = parent(path)?;
        let acl = self.fix_up(create.acl.as_deref(), asker)?;
        let mut parent = self.record(parent_path)?;
        permit(&parent, permission::CREATE, asker)?;
        let path = if mode.sequential {
            format!("{path}{:010}", parent.cversion)
        } else {
            path.to_owned()
        };
        self.writable(valid(Some(&path))?)?;
        if self.record(&path).is_ok() {
            return Err(ErrorCode::NodeExists);
        }
        if matches!(parent.kind, NodeKind::Ephemeral(_)) {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        parent.cversion = parent.cversion.wrapping_add(1);
        parent.children += 1;
        let parent_cversion = parent.cversion;
        self.put(parent_path, Some(parent));
        let record = Record {
            acl: Arc::clone(&acl),
            kind: mode.seen_kind(create.ttl, asker.session),
            version: 0,
            cversion: 0,
            aversion: 0,
            children: 0,
        };
        self.put(&path, Some(record));
        let node = NewNode {
            data: create.data.map(Arc::from),
            acl,
            kind: mode.made_kind(create, asker.session)?,
            parent_cversion,
        };
        Ok(Change::Create { path, node })
    }

    fn delete(&mut self, path: &str, version: i32, asker: &Asker<'_>) -> Result<Change, ErrorCode> {
        let parent_path = parent(path)?;
        if self.tree.is_reserved(path) {
            return Err(ErrorCode::BadArguments);
        }
        self.writable(path)?;
        let mut parent = self.record(parent_path)?;
        permit(&parent, permission::DELETE, asker)?;
        let record = self.record(path)?;
        next_version(record.version, version)?;
        if record.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        parent.children = parent.children.saturating_sub(1);
        self.put(parent_path, Some(parent));
        self.put(path, None);
        Ok(Change::Delete {
            path: path.to_owned(),
        })
    }
}

/// What the flags of a creation ask for.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a property of ZooKeeper's own"
)]
struct Mode {
    ephemeral: bool,
    sequential: bool,
    container: bool,
    ttl: bool,
}

impl Mode {
    fn of(create: &Create<'_>) -> Result<Self, ErrorCode> {
        let (ephemeral, sequential, container, ttl) = match create.flags {
            0 => (false, false, false, false),
            1 => (true, false, false, false),
            2 => (false, true, false, false),
            3 => (true, true, false, false),
            4 => (false, false, true, false),
            5 => (false, false, false, true),
            6 => (false, true, false, true),
            _ => return Err(ErrorCode::BadArguments),
        };
        let fits = if ttl {
            (1..=LONGEST_TTL).contains(&create.ttl)
        } else {
            create.ttl < 0
        };
        if !fits {
            return Err(ErrorCode::BadArguments);
        }
        Ok(Self {
            ephemeral,
            sequential,
            container,
            ttl,
        })
    }

    /// The kind that later operations of the same transaction see: that of its flags.
    fn seen_kind(&self, ttl: i64, session: i64) -> NodeKind {
        match self {
            Self {
                container: true, ..
            } => NodeKind::Container,
            Self { ttl: true, .. } => NodeKind::Ttl(ttl),
            Self {
                ephemeral: true, ..
            } => NodeKind::Ephemeral(session),
            _ => NodeKind::Persistent,
        }
    }

    /// The kind that the node gets: that of the request comes before that of its flags.
    fn made_kind(&self, create: &Create<'_>, session: i64) -> Result<NodeKind, ErrorCode> {
        match create.kind {
            RequestKind::CreateContainer => Ok(NodeKind::Container),
            RequestKind::CreateTtl if create.ttl > 0 => Ok(NodeKind::Ttl(create.ttl)),
            // ZooKeeper itself crashes on this one.
            RequestKind::CreateTtl => Err(ErrorCode::BadArguments),
            _ if self.ephemeral => Ok(NodeKind::Ephemeral(session)),
            _ => Ok(NodeKind::Persistent),
        }
    }
}

fn permit(record: &Record, wanted: i32, asker: &Asker<'_>) -> Result<(), ErrorCode> {
    if acl::allows(&record.acl, wanted, asker.identities) {
        Ok(())
    } else {
        Err(ErrorCode::NoAuth)
    }
}

/// The version after a write that expects `expected`, where -1 expects any.
fn next_version(current: i32, expected: i32) -> Result<i32, ErrorCode> {
    if expected != -1 && expected != current {
        return Err(ErrorCode::BadVersion);
    }
    Ok(current.wrapping_add(1))
}

fn parent(path: &str) -> Result<&str, ErrorCode> {
    if path.contains('\0') || !path.contains('/') {
        return Err(ErrorCode::BadArguments);
    }
    Ok(split(path).0)
}

fn valid(path: Option<&str>) -> Result<&str, ErrorCode> {
    let path = path.ok_or(ErrorCode::BadArguments)?;
    let is_valid = match path.strip_prefix('/') {
        None => false,
        Some("") => true,
        Some(names) => names.split('/').all(|name| path::check_name(name).is_ok()),
    };
    if is_valid {
        Ok(path)
    } else {
        Err(ErrorCode::BadArguments)
    }
}

#[cfg(test)]
mod tests;

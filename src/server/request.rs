//! Requests: their kinds, and what each brings.

use super::acl::Entry;
use super::code::ErrorCode;
use super::wire::{Malformed, Reader, Text};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $opcode:literal, $word:literal;)*) => {
        /// What a request asks for, by the names that ZooKeeper gives to its operations.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum RequestKind {
            $($(#[$doc])* $name,)*
        }

        impl RequestKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind with a name as ZooKeeper writes it.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }

            /// The kind with an operation code of the wire.
            pub(crate) fn from_opcode(opcode: i32) -> Option<Self> {
                match opcode {
                    $($opcode => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name as ZooKeeper writes it, as in `getChildren2`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// Opens a session. The first packet of a connection counts as this, too.
    CreateSession = -10, "createSession";
    /// The client ends its session.
    CloseSession = -11, "closeSession";
    /// A node is created.
    Create = 1, "create";
    /// A node is deleted.
    Delete = 2, "delete";
    /// A node's stat is read.
    Exists = 3, "exists";
    /// A node's data is read.
    GetData = 4, "getData";
    /// A node's data is written.
    SetData = 5, "setData";
    /// A node's ACL is read.
    GetAcl = 6, "getACL";
    /// A node's ACL is written.
    SetAcl = 7, "setACL";
    /// The names of a node's children are read.
    GetChildren = 8, "getChildren";
    /// Waits until this server has caught up with the leader.
    Sync = 9, "sync";
    /// A sign of life.
    Ping = 11, "ping";
    /// The names of a node's children are read, and its stat.
    GetChildren2 = 12, "getChildren2";
    /// A node's version is checked.
    Check = 13, "check";
    /// Several writes, all or nothing.
    Multi = 14, "multi";
    /// A node is created, and its stat read.
    Create2 = 15, "create2";
    /// The ensemble's members are changed.
    Reconfig = 16, "reconfig";
    /// A watch is asked after.
    CheckWatches = 17, "checkWatches";
    /// Watches are removed.
    RemoveWatches = 18, "removeWatches";
    /// A container is created.
    CreateContainer = 19, "createContainer";
    /// A container is deleted, by the server itself.
    DeleteContainer = 20, "deleteContainer";
    /// A node with a time to live is created.
    CreateTtl = 21, "createTTL";
    /// Several reads.
    MultiRead = 22, "multiRead";
    /// The session shows credentials.
    Auth = 100, "auth";
    /// A client that reconnects sets its watches again.
    SetWatches = 101, "setWatches";
    /// A step of a SASL dialogue.
    Sasl = 102, "sasl";
    /// The ephemeral nodes of the session are listed.
    GetEphemerals = 103, "getEphemerals";
    /// The nodes below a node are counted.
    GetAllChildrenNumber = 104, "getAllChildrenNumber";
    /// As [`RequestKind::SetWatches`], with persistent watches.
    SetWatches2 = 105, "setWatches2";
    /// A persistent watch is set.
    AddWatch = 106, "addWatch";
    /// The session's identities are read.
    WhoAmI = 107, "whoAmI";
}

/// Every request but the first of a connection starts with this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) xid: i32,
    pub(crate) opcode: i32,
}

impl Header {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            xid: reader.int()?,
            opcode: reader.int()?,
        })
    }
}

/// The first packet of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connect<'a> {
    pub(crate) last_zxid_seen: i64,
    pub(crate) timeout: i32,
    pub(crate) session: i64,
    pub(crate) password: Option<&'a [u8]>,
    /// Clients before 3.4 do not send it, and do not read the server's answer to it.
    pub(crate) read_only: Option<bool>,
}

impl<'a> Connect<'a> {
    pub(crate) fn read(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(frame);
        let _protocol_version = reader.int()?;
        Ok(Self {
            last_zxid_seen: reader.long()?,
            timeout: reader.int()?,
            session: reader.long()?,
            password: reader.buffer()?,
            read_only: reader.bool().ok(),
        })
    }
}

/// A path, and whether to watch it.
#[derive(Debug)]
pub(crate) struct PathAndWatch<'a> {
    pub(crate) path: Text<'a>,
    pub(crate) watch: bool,
}

impl<'a> PathAndWatch<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            path: reader.text()?,
            watch: reader.bool()?,
        })
    }
}

/// How a node is to be created.
#[derive(Debug)]
pub(crate) struct Create<'a> {
    pub(crate) path: Text<'a>,
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) acl: Option<Vec<Entry<'a>>>,
    pub(crate) flags: i32,
    /// In milliseconds; -1 in requests that name none.
    pub(crate) ttl: i64,
    /// Which of the requests to create it is.
    pub(crate) kind: RequestKind,
}

impl<'a> Create<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, kind: RequestKind) -> Result<Self, Malformed> {
        Ok(Self {
            path: reader.text()?,
            data: reader.buffer()?,
            acl: reader.vector(Entry::read)?,
            flags: reader.int()?,
            ttl: match kind {
                RequestKind::CreateTtl => reader.long()?,
                _ => -1,
            },
            kind,
        })
    }
}

/// One write, alone or in a transaction.
#[derive(Debug)]
pub(crate) enum Write<'a> {
    Create(Create<'a>),
    Delete {
        path: Text<'a>,
        version: i32,
    },
    SetData {
        path: Text<'a>,
        data: Option<&'a [u8]>,
        version: i32,
    },
    SetAcl {
        path: Text<'a>,
        acl: Option<Vec<Entry<'a>>>,
        version: i32,
    },
    Check {
        path: Text<'a>,
        version: i32,
    },
}

impl<'a> Write<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, kind: RequestKind) -> Result<Self, Malformed> {
        Ok(match kind {
            RequestKind::Create
            | RequestKind::Create2
            | RequestKind::CreateContainer
            | RequestKind::CreateTtl => Self::Create(Create::read(reader, kind)?),
            RequestKind::Delete => Self::Delete {
                path: reader.text()?,
                version: reader.int()?,
            },
            RequestKind::SetData => Self::SetData {
                path: reader.text()?,
                data: reader.buffer()?,
                version: reader.int()?,
            },
            RequestKind::SetAcl => Self::SetAcl {
                path: reader.text()?,
                acl: reader.vector(Entry::read)?,
                version: reader.int()?,
            },
            RequestKind::Check => Self::Check {
                path: reader.text()?,
                version: reader.int()?,
            },
            _ => return Err(Malformed),
        })
    }

    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Create(Create { path, .. })
            | Self::Delete { path, .. }
            | Self::SetData { path, .. }
            | Self::SetAcl { path, .. }
            | Self::Check { path, .. } => path.as_deref(),
        }
    }
}

/// The watches that a client lists when it reconnects.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Watches<'a> {
    pub(crate) relative_zxid: i64,
    pub(crate) data: Vec<Text<'a>>,
    pub(crate) exists: Vec<Text<'a>>,
    pub(crate) children: Vec<Text<'a>>,
    pub(crate) persistent: Vec<Text<'a>>,
    pub(crate) recursive: Vec<Text<'a>>,
}

impl<'a> Watches<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, kind: RequestKind) -> Result<Self, Malformed> {
        let paths = |reader: &mut Reader<'a>| reader.vector(Reader::text)?.ok_or(Malformed);
        let mut watches = Self {
            relative_zxid: reader.long()?,
            data: paths(reader)?,
            exists: paths(reader)?,
            children: paths(reader)?,
            ..Self::default()
        };
        if kind == RequestKind::SetWatches2 {
            watches.persistent = paths(reader)?;
            watches.recursive = paths(reader)?;
        }
        Ok(watches)
    }
}

/// A path that must not be null: ZooKeeper fails to read such a request.
pub(crate) fn named<'a>(path: &'a Text<'_>) -> Result<&'a str, ErrorCode> {
    path.as_deref().ok_or(ErrorCode::MarshallingError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::wire::Write as _;

    #[test]
    fn the_first_packet_may_lack_its_last_byte() {
        let mut frame = Vec::new();
        frame.put_int(0);
        frame.put_long(7);
        frame.put_int(10_000);
        frame.put_long(0);
        frame.put_buffer(Some(&[0; 16]));
        assert_eq!(Connect::read(&frame).unwrap().read_only, None);
        frame.put_bool(true);
        let connect = Connect::read(&frame).unwrap();
        assert_eq!((connect.last_zxid_seen, connect.timeout), (7, 10_000));
        assert_eq!(connect.read_only, Some(true));
        for end in 0..frame.len() - 1 {
            assert!(end == 44 || Connect::read(&frame[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn opcodes_and_names_differ() {
        for opcode in -20..200 {
            if let Some(kind) = RequestKind::from_opcode(opcode) {
                let same = RequestKind::ALL.iter().filter(|k| k.name() == kind.name());
                assert_eq!(same.count(), 1, "{opcode}");
            }
        }
        assert_eq!(RequestKind::from_opcode(10), None);
        assert_eq!(RequestKind::from_opcode(0), None);
    }
}

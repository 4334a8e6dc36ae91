//! What can go wrong between a service and ZooKeeper.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::declare::Problems;
use crate::model::path::{self, ZPath};
use crate::reconcile::{self, Outcome, Unfinished, Why};
use crate::zookeeper::session::{self, ClientError, described, is_fatal, is_outcome_unknown};
use crate::{plan::links, zookeeper::live};

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no session, and a new one cannot be made.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The handle was closed.
    #[error("the ZooKeeper handle is closed")]
    Closed,
    /// No server answered in this time.
    #[error("no ZooKeeper server answered for {0:?}")]
    Unavailable(Duration),
    /// A text is no path.
    #[error("{text:?} is no path: {reason}")]
    Path {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: path::Error,
    },
    /// The node does not exist.
    #[error("{0} does not exist")]
    NoNode(ZPath),
    /// What the handle sees as `/` belongs to ZooKeeper itself.
    #[error("/zookeeper belongs to ZooKeeper itself and cannot be declared")]
    Reserved,
    /// The node exists already.
    #[error("{0} exists already")]
    NodeExists(ZPath),
    /// The node has children.
    #[error("{0} has children")]
    NotEmpty(ZPath),
    /// The node was changed by somebody else meanwhile.
    #[error("{0} was changed meanwhile")]
    Conflict(ZPath),
    /// Writing the node takes a larger request than the servers take.
    #[error("{path}: writing it takes a request of {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// The node.
        path: ZPath,
        /// The bytes that it takes.
        bytes: usize,
        /// The bytes that a request may have.
        limit: usize,
    },
    /// The node's ACL, or that of its parent, does not allow it.
    #[error("{0}: not authorized")]
    NoPermission(ZPath),
    /// The server refused for another reason.
    #[error("{path}: {}", described(reason))]
    Refused {
        /// The node.
        path: ZPath,
        /// What the server said.
        reason: ClientError,
    },
    /// The connection was lost: the write may have happened, or not.
    #[error(
        "{path}: the connection was lost, and nobody knows what became of the write ({})",
        described(reason)
    )]
    Uncertain {
        /// The node.
        path: ZPath,
        /// What the request ended with.
        reason: ClientError,
    },
    /// The connection was lost, again and again, while reading.
    #[error(
        "{path}: the connection was lost while reading ({})",
        described(reason)
    )]
    Lost {
        /// The node.
        path: ZPath,
        /// What the last attempt ended with.
        reason: ClientError,
    },
    /// A link leads nowhere.
    #[error(transparent)]
    Link(#[from] links::Error),
    /// A property link would lead nowhere; nothing was written.
    #[error("the property link {name} of {path} leads nowhere: {reason}")]
    BadPropertyLink {
        /// The node.
        path: ZPath,
        /// The property, without the operator.
        name: String,
        /// What is wrong with it.
        reason: links::Error,
    },
    /// The data of the node are no properties, so that an update would destroy them.
    #[error("{0} holds bytes that are no text, and so has no properties to update")]
    Binary(ZPath),
    /// The data of the node is text, which as a property among others would not be that text any
    /// more.
    #[error("the data of {path} is text ({kind}), and so has no properties to update")]
    TextData {
        /// The node.
        path: ZPath,
        /// What the text seems to be.
        kind: String,
    },
    /// The node belongs to the record of an owner.
    #[error("{0} belongs to the record of an owner, and only applies for that owner write it")]
    Record(ZPath),
    /// Many nodes could not be read.
    #[error(transparent)]
    Live(#[from] live::Error),
    /// A tree text is wrong. `Display` shows the first of the problems.
    #[error("{}", first(.0))]
    Problems(Foreign<Problems>),
    /// A tree could not be written out.
    #[error("{0}")]
    Write(Foreign<io::Error>),
    /// A tree could not be imported whole: why, and what stands nevertheless.
    #[error(transparent)]
    Import(Box<Unfinished>),
    /// A value does not have the type that was asked for.
    #[error("{name}: {reason}")]
    Type {
        /// The property, or the node.
        name: String,
        /// What serde says.
        reason: Foreign<serde_json::Error>,
    },
    /// Callbacks need a view that watches.
    #[error("callbacks cannot be set without watching")]
    NotWatched,
    /// The text is not an address.
    #[error("{address:?} is no address to register: {reason}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: AddressError,
    },
    /// The node of a registration exists, but no session owns it: it never goes by itself.
    #[error(
        "{0} is a persistent node, which no registration made and which does not go by itself: delete it, or register elsewhere"
    )]
    Persistent(ZPath),
    /// The node of a registration belongs to somebody else, who did not go away in time.
    #[error("{path} is registered by another session, 0x{owner:x}")]
    Taken {
        /// The node.
        path: ZPath,
        /// The session that it belongs to.
        owner: i64,
    },
}

fn first(problems: &Problems) -> String {
    let first = problems.iter().next();
    first.map_or_else(String::new, |first| problems.line(first))
}

impl From<reconcile::Error> for Error {
    fn from(error: reconcile::Error) -> Self {
        match error {
            reconcile::Error::NoPlace { path, .. } => Self::NoNode(path),
            reconcile::Error::Session(error) => Self::Session(error),
            reconcile::Error::Live(error) => Self::Live(error),
            reconcile::Error::Reserved => Self::Reserved,
            error @ (reconcile::Error::Saved(_)
            | reconcile::Error::OfKeeper
            | reconcile::Error::Scheme { .. }
            | reconcile::Error::Record(_)
            | reconcile::Error::RecordPlace { .. }
            | reconcile::Error::PlaceInRecord { .. }) => Self::Import(Box::new(Unfinished {
                why: Why::Plan(error),
                outcome: Outcome::default(),
            })),
        }
    }
}

impl From<Unfinished> for Error {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished.why {
            Why::Plan(error) if !unfinished.outcome.wrote() => error.into(),
            _ => Self::Import(Box::new(unfinished)),
        }
    }
}

impl Error {
    /// What a request about a node ended with.
    pub(crate) fn of(path: &ZPath, error: ClientError) -> Self {
        let path = path.clone();
        match error {
            ClientError::NoNode => Self::NoNode(path),
            ClientError::NodeExists => Self::NodeExists(path),
            ClientError::NotEmpty => Self::NotEmpty(path),
            ClientError::BadVersion => Self::Conflict(path),
            ClientError::NoAuth => Self::NoPermission(path),
            reason => Self::Refused { path, reason },
        }
    }

    /// What following links ended with.
    pub(crate) fn of_link(error: links::Error) -> Self {
        match error {
            links::Error::Missing(path) => Self::NoNode(path),
            error => Self::Link(error),
        }
    }

    /// What a write ended with.
    pub(crate) fn of_write(path: &ZPath, reason: ClientError) -> Self {
        if is_outcome_unknown(&reason) {
            let path = path.clone();
            return Self::Uncertain { path, reason };
        }
        Self::of(path, reason)
    }

    /// Whether it has to do with the connection, so that trying again may help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Uncertain { .. } | Self::Lost { .. } => true,
            Self::Live(error) => matches!(
                error,
                live::Error::Connection { .. } | live::Error::SessionEnded { .. }
            ),
            Self::Refused { reason, .. } => is_outcome_unknown(reason) || is_fatal(reason),
            _ => false,
        }
    }
}

impl Error {
    /// Whether a request was not answered in time. Others would not be, either.
    pub(crate) fn is_timeout(&self) -> bool {
        match self {
            Self::Lost { reason, .. } | Self::Uncertain { reason, .. } => {
                *reason == ClientError::Timeout
            }
            Self::Live(live::Error::Connection { reason, .. }) => *reason == ClientError::Timeout,
            _ => false,
        }
    }
}

/// A value as a type of the caller's.
pub(crate) fn typed<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::Type {
        name: name.to_owned(),
        reason: error.into(),
    })
}

/// A path as a person writes it.
pub(crate) fn parse(text: &str) -> Result<ZPath, Error> {
    ZPath::parse_lenient(text).map_err(|reason| Error::Path {
        text: text.to_owned(),
        reason,
    })
}

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no port.
    #[error("it has no port; write HOST:PORT")]
    NoPort,
    /// The port is not a number from 1 to 65535.
    #[error("the port is no number from 1 to 65535")]
    Port,
    /// There is no host.
    #[error("it has no host; write HOST:PORT")]
    NoHost,
    /// An IPv6 address lacks its brackets.
    #[error("an IPv6 address stands in brackets, as in [2001:db8::1]:80")]
    Brackets,
    /// Brackets hold something else.
    #[error("what stands in brackets is no IPv6 address")]
    Ipv6,
    /// The host ends in a number, as an IPv4 address does.
    #[error("the host is neither a name nor an IPv4 address")]
    Ipv4,
    /// Nobody else can reach it.
    #[error("{0} stands for all addresses of a machine, and nobody else can reach it")]
    Unspecified(IpAddr),
    /// The host is no name.
    #[error("a host name has letters, digits, '-', '_' and dots only, and up to 63 between dots")]
    Host,
    /// It cannot name a node.
    #[error("{0}")]
    Name(path::Error),
    /// The addresses of this machine cannot be read.
    #[error("{0}")]
    System(Foreign<io::Error>),
}

/// An error that is not zkt's own. Clones share it; two are equal if they say the same.
#[derive(Debug)]
pub struct Foreign<E>(Arc<E>);

impl<E> Clone for Foreign<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> From<E> for Foreign<E> {
    fn from(error: E) -> Self {
        Self(Arc::new(error))
    }
}

impl<E> Deref for Foreign<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

impl<E: fmt::Display> fmt::Display for Foreign<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Display> PartialEq for Foreign<E> {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl<E: fmt::Display> Eq for Foreign<E> {}

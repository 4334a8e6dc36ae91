//! Why nodes are left as they are, and why a plan may not be executed.

use std::fmt;

use super::lacking::NotCompared;
use super::moved::MoveProblem;
use super::objection::Objection;
use super::rights::{self, NodeRights};
use crate::model::path::{ZPath, and_more};
use crate::syntax::place::Location;
use crate::syntax::spelling::grouped;

/// Why a node stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeptReason {
    /// It is ephemeral.
    #[error("ephemeral")]
    Ephemeral,
    /// `@ephemeral` says that a session creates it.
    #[error("@ephemeral: its session creates it")]
    Marked,
    /// A node below it is ephemeral, so the whole subtree stays.
    #[error("holds an ephemeral node")]
    HoldsEphemeral,
    /// It is declared below an ephemeral node, which can have no children.
    #[error("cannot exist below an ephemeral node")]
    BelowEphemeral,
    /// The session may not read it, or something below it.
    #[error("not authorized to read it or a node below it")]
    Unreadable,
    /// Its data is not UTF-8, and `@keep` or `@ignore` say that some of it stays.
    #[error("its data is not UTF-8, so @keep and @ignore cannot tell what of it stays")]
    Binary,
    /// It, or something below it, is outside of the plan's targets or excluded.
    #[error("holds a node that is outside of the plan's targets, or excluded")]
    OutOfScope,
    /// It belongs to the record of an owner, or holds one.
    #[error("{head} is the record of an owner")]
    Record {
        /// The record's node.
        head: ZPath,
    },
    /// It is the owner's and not declared, but somebody else wrote it.
    #[error("somebody else has changed it since its owner wrote it")]
    Changed,
    /// It is the owner's and not declared, but perhaps another owner's as well.
    #[error("the owner {other}, whose record cannot be read, may have it, too")]
    PerhapsOfOther {
        /// The other owner.
        other: String,
    },
    /// It is the owner's and not declared, but something below it stays.
    #[error("{} stays", child.as_ref().map_or("a node below it", |child| child.as_str()))]
    Holds {
        /// The first child that stays, where it is known.
        child: Option<ZPath>,
    },
}

/// Why a plan may not be executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A trim of a protected node, or below one.
    #[error("{path} may not be trimmed{}", by(path, protected))]
    Protected {
        /// The topmost node that would go.
        path: ZPath,
        /// The node with the directive.
        protected: ZPath,
        /// Where the directive stands.
        origin: Option<Location>,
    },
    /// More trims than the guard allows.
    #[error("{trims} of {examined} nodes would be trimmed, more than the trim limit of {limit}")]
    TooManyTrims {
        /// How many trims the plan has.
        trims: usize,
        /// How many nodes it looked at.
        examined: usize,
        /// The limit as it was given.
        limit: MaxTrim,
    },
    /// Most of what is declared or live below some top-level nodes would go: more often files are
    /// missing than that this is meant.
    #[error(
        "{trims} of the {nodes} nodes at and below {} would be trimmed, more than half of them",
        first_of(tops)
    )]
    MostTrimmed {
        /// How many trims the plan has.
        trims: usize,
        /// How many nodes are declared or live there.
        nodes: usize,
        /// The topmost declared nodes below which something is trimmed.
        tops: Vec<ZPath>,
    },
    /// A new ACL names the session's own identity, which the session does not have.
    #[error("{path}: @acl auth:: stands for the session's own identity, and it has none")]
    NoIdentity {
        /// The first such node.
        path: ZPath,
    },
    /// Text that is to stay beside declared properties.
    #[error(
        "{path}: its data is text ({kind}), which has no properties that @keep or @ignore could \
         leave"
    )]
    Text {
        /// The node.
        path: ZPath,
        /// What the text seems to be.
        kind: String,
        /// Where the directive stands.
        origin: Option<Location>,
    },
    /// A node that is too large for a request.
    #[error(
        "{path}: writing it takes a request of {bytes} bytes, more than the request limit \
         of {}, which may be as high as the servers' jute.maxbuffer",
        grouped(*limit)
    )]
    TooLarge {
        /// The node.
        path: ZPath,
        /// The bytes that it takes.
        bytes: usize,
        /// The bytes that a request may have.
        limit: usize,
        /// Where it is declared.
        origin: Option<Location>,
    },
    /// An ACL that takes from the session the right to change the node again.
    #[error(
        "{path}{}: @acl gives this session no admin right, so it could not change {} again",
        and_more(" ", *nodes - 1),
        if *nodes == 1 { "the node" } else { "them" }
    )]
    LocksOut {
        /// The first such node.
        path: ZPath,
        /// How many there are.
        nodes: usize,
        /// Where the ACL is declared.
        origin: Option<Location>,
    },
    /// Nodes whose ACLs do not let the session do what the plan has to do there.
    #[error("{}", rights::missing(nodes))]
    NoRight {
        /// The nodes, by path, each with what is missing; never empty.
        nodes: Vec<NodeRights>,
    },
    /// New nodes must be created for the session alone, and it has no identity.
    #[error(
        "{path}: @acl does not let this session create what is below it; \
         that takes an identity of its own at first, and it has none"
    )]
    NoCreator {
        /// The first such node.
        path: ZPath,
        /// Where the ACL is declared.
        origin: Option<Location>,
    },
    /// A node whose ACL allows some of what is to be done there, and the declared one the rest.
    #[error(
        "{path}: neither its ACL nor the declared one lets this session do all that the plan has to \
         do there; apply it in two steps, first with an @acl that does"
    )]
    TwoSteps {
        /// The first such node.
        path: ZPath,
        /// Where the ACL is declared.
        origin: Option<Location>,
    },
    /// New nodes on a server that cannot create them.
    #[error(
        "{path}{}: this {server} cannot create nodes in batches (create2)",
        and_more(" ", *nodes - 1)
    )]
    NoCreation {
        /// The first new node.
        path: ZPath,
        /// How many there are.
        nodes: usize,
        /// What kind of server it is.
        server: String,
        /// Where the first one is declared.
        origin: Option<Location>,
    },
    /// An owner on a server where no record can be kept.
    #[error(
        "this {server} cannot create nodes in batches (create2), so it keeps no owner's record"
    )]
    NoRecord {
        /// What kind of server it is.
        server: String,
    },
    /// Warnings of lints that are denied.
    #[error("{} denied: {}", number(*count), lints.join(", "))]
    Denied {
        /// The names of the lints.
        lints: Vec<&'static str>,
        /// How many warnings of them there are.
        count: usize,
        /// The first line with one.
        origin: Option<Location>,
    },
    /// A subtree that may not be moved.
    #[error("{to} may not be moved from {from}: {why}")]
    Move {
        /// The old place.
        from: ZPath,
        /// The new place.
        to: ZPath,
        /// What is in the way.
        why: MoveProblem,
        /// Where the move is declared.
        origin: Option<Location>,
    },
    /// A declared node in the place of an owner's record.
    #[error("{path} cannot be declared: the record of an owner stands there")]
    OnRecord {
        /// The node.
        path: ZPath,
        /// Where it is declared.
        origin: Option<Location>,
    },
    /// A declared node that would look like an owner's record.
    #[error("{path} cannot be declared: its data is that of an owner's record")]
    LikeRecord {
        /// The node.
        path: ZPath,
        /// Where it is declared.
        origin: Option<Location>,
    },
    /// A secret value from outside that cannot be had.
    #[error("{}: there is no value for {_0}", _0.path)]
    NoSecret(NotCompared),
    /// What a rule of a policy denies, or asks a person about where none can be asked.
    #[error("{0}")]
    Objection(Objection),
    /// Warnings where none are allowed.
    #[error("warnings and extra nodes are not allowed, and there {}", are(*warnings, *extras))]
    Strict {
        /// How many warnings.
        warnings: usize,
        /// How many extra nodes.
        extras: usize,
    },
}

fn by(path: &ZPath, protected: &ZPath) -> String {
    if path == protected {
        ": it is protected (@protect)".to_owned()
    } else {
        format!(": {protected} is protected (@protect)")
    }
}

fn first_of(paths: &[ZPath]) -> String {
    match paths {
        [] => String::new(),
        [path] => path.to_string(),
        [path, rest @ ..] => format!("{path} and {} more", rest.len()),
    }
}

fn number(count: usize) -> String {
    if count == 1 {
        "1 warning is".to_owned()
    } else {
        format!("{count} warnings are")
    }
}

/// `is 1 warning`, `are 2 warnings and 1 extra node`.
fn are(warnings: usize, extras: usize) -> String {
    let part = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {one}s")),
    };
    let parts = [part(warnings, "warning"), part(extras, "extra node")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let is = if warnings + extras == 1 { "is" } else { "are" };
    format!("{is} {}", parts.join(" and "))
}

/// How many trims a plan may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxTrim {
    /// At most so many.
    Count(usize),
    /// At most so many of a hundred nodes that the plan looked at.
    Percent(u32),
    /// 30 % of the nodes looked at, counted from 10 trims on; and from the first trim on half of
    /// what is declared or live below the top-level nodes where something is trimmed.
    Default,
    /// Any number.
    Unlimited,
}

impl MaxTrim {
    /// Whether a plan with so many trims passes. For [`MaxTrim::Default`], this is its first rule
    /// only.
    #[must_use]
    pub fn allows(self, trims: usize, examined: usize) -> bool {
        let within = |percent: u32| trims * 100 <= examined * percent as usize;
        match self {
            Self::Count(limit) => trims <= limit,
            Self::Percent(percent) => within(percent),
            Self::Default => trims < 10 || within(30),
            Self::Unlimited => true,
        }
    }
}

impl Refusal {
    /// The line of a tree file that causes it.
    #[must_use]
    pub fn origin(&self) -> Option<&Location> {
        match self {
            Self::Protected { origin, .. }
            | Self::Text { origin, .. }
            | Self::TooLarge { origin, .. }
            | Self::LocksOut { origin, .. }
            | Self::NoCreator { origin, .. }
            | Self::Denied { origin, .. }
            | Self::Move { origin, .. }
            | Self::OnRecord { origin, .. }
            | Self::LikeRecord { origin, .. }
            | Self::NoCreation { origin, .. }
            | Self::TwoSteps { origin, .. } => origin.as_ref(),
            Self::Objection(objection) => objection.origin.as_ref(),
            Self::NoSecret(lacking) => lacking.origin.as_ref(),
            Self::MostTrimmed { .. }
            | Self::TooManyTrims { .. }
            | Self::NoIdentity { .. }
            | Self::NoRight { .. }
            | Self::NoRecord { .. }
            | Self::Strict { .. } => None,
        }
    }
}

impl fmt::Display for MaxTrim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(limit) => write!(f, "{limit}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Default => f.write_str("30%"),
            Self::Unlimited => f.write_str("any number"),
        }
    }
}

//! What kind of server a session is with, and what it can.
//!
//! ClickHouse Keeper and RaftKeeper speak ZooKeeper's protocol, and leave some of it out. A request that
//! they do not know is not answered: Keeper closes the connection, and with it the session ends, as it
//! resumes none; RaftKeeper is silent. So it is asked first what they can, and nobody else is asked:
//! their sessions are numbered from 1 on, while those of ZooKeeper begin with the time.

use std::fmt;

use zookeeper_client as zk;

use super::ClientError;
use super::error::is_outcome_unknown;

/// What kind of server a session is with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// Apache ZooKeeper.
    #[default]
    ZooKeeper,
    /// ClickHouse Keeper, with what it can.
    Keeper(Abilities),
    /// RaftKeeper, or a ClickHouse Keeper from before there was `/keeper`.
    RaftKeeper,
}

/// What a ClickHouse Keeper can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Abilities {
    /// Whether it has persistent watches (`PERSISTENT_WATCHES`).
    pub watches: bool,
    /// Whether it knows the request by which zookeeper-client creates nodes, `create2`
    /// (`CREATE_WITH_STATS`).
    pub creates: bool,
}

/// Sessions of ZooKeeper have higher numbers: they hold the time in milliseconds, from their 17th bit on.
const FIRST_OF_ZOOKEEPER: i64 = 1 << 32;

/// Those of Keeper's own nodes that tell of it.
pub(super) const FLAGS: &str = "/keeper/feature_flags";
pub(super) const VERSION: &str = "/keeper/api_version";
/// A node that every ZooKeeper has, and none of the others.
pub(super) const OF_ZOOKEEPER: &str = "/zookeeper/quota";

/// What a server answers that is asked what it is.
pub(super) struct Answers {
    /// Keeper's feature flags.
    pub(super) flags: Result<Vec<u8>, ClientError>,
    /// Whether it tells the version of Keeper that it is.
    pub(super) version: Result<(), ClientError>,
    /// Whether it has the node of ZooKeeper's own.
    pub(super) is_zookeeper: Result<bool, ClientError>,
}

/// Numbers of feature flags, as in Keeper's `KeeperFeatureFlags.h`.
const PERSISTENT_WATCHES: usize = 7;
const CREATE_WITH_STATS: usize = 8;

impl Dialect {
    /// Whether the server of a session may be another one than ZooKeeper.
    fn is_to_be_asked(client: &zk::Client) -> bool {
        (1..FIRST_OF_ZOOKEEPER).contains(&client.session_id().0)
    }

    /// What can be said without a request: the least that the server may be able to.
    pub(super) fn guess(client: &zk::Client) -> Self {
        match Self::is_to_be_asked(client) {
            true => Self::Keeper(Abilities::default()),
            false => Self::ZooKeeper,
        }
    }

    /// What such a server is by its answers.
    ///
    /// # Errors
    /// Some were lost.
    pub(super) fn from_answers(answers: Answers) -> Result<Self, ClientError> {
        let Answers {
            flags,
            version,
            is_zookeeper,
        } = answers;
        if let Ok(flags) = flags {
            return Ok(Self::Keeper(Abilities::from_flags(&flags)));
        }
        let lost = [
            flags.err(),
            version.clone().err(),
            is_zookeeper.clone().err(),
        ];
        let mut lost = lost.into_iter().flatten();
        if let Some(lost) = lost.find(is_outcome_unknown) {
            return Err(lost);
        }
        Ok(match (version, is_zookeeper) {
            // Machine and server were started a moment ago.
            (Err(ClientError::NoNode), Ok(true)) => Self::ZooKeeper,
            (Err(ClientError::NoNode), _) => Self::RaftKeeper,
            // A Keeper from before `/keeper/feature_flags`.
            _ => Self::Keeper(Abilities::default()),
        })
    }

    /// Whether a batch of reads can be decoded: in a reply of Keeper, a failed one has no body, which
    /// zookeeper-client takes for data (ClickHouse#58747).
    pub(crate) fn reads_batches(self) -> bool {
        self == Self::ZooKeeper
    }

    /// Whether it tells who a session is (`whoAmI`).
    pub(crate) fn tells_users(self) -> bool {
        self == Self::ZooKeeper
    }

    /// Whether it masks the hashes in ACLs for sessions without the right ADMIN. Keeper shows them to
    /// everybody who may see the ACL; what RaftKeeper does is not known.
    pub(crate) fn masks_hashes(self) -> bool {
        !matches!(self, Self::Keeper(_))
    }

    /// Whether it may have persistent watches. ZooKeeper answers where it has none.
    pub(crate) fn watches(self) -> bool {
        match self {
            Self::ZooKeeper => true,
            Self::Keeper(abilities) => abilities.watches,
            Self::RaftKeeper => false,
        }
    }

    /// Whether events of recursive watches say which node has changed. Those of Keeper have the path of
    /// the watch (ClickHouse#115475).
    pub(crate) fn names_changed_nodes(self) -> bool {
        self == Self::ZooKeeper
    }

    /// Whether batches may create nodes.
    pub(crate) fn creates(self) -> bool {
        match self {
            Self::ZooKeeper => true,
            Self::Keeper(abilities) => abilities.creates,
            Self::RaftKeeper => false,
        }
    }

    /// Whether a session outlives its connection. Keeper gives a client that comes back another one.
    pub(crate) fn resumes_sessions(self) -> bool {
        self == Self::ZooKeeper
    }

    /// Whether ACLs may name a scheme. Keeper drops the entries of others.
    pub(crate) fn knows_scheme(self, scheme: &str) -> bool {
        self == Self::ZooKeeper || matches!(scheme, "world" | "auth" | "digest")
    }

    /// The child of the ensemble's root that belongs to the server itself.
    pub(crate) fn system(self) -> &'static str {
        match self {
            Self::ZooKeeper | Self::RaftKeeper => "zookeeper",
            Self::Keeper(_) => "keeper",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZooKeeper => "ZooKeeper",
            Self::Keeper(_) => "ClickHouse Keeper",
            Self::RaftKeeper => "RaftKeeper",
        })
    }
}

impl Abilities {
    /// Each flag is a bit, the first one the highest of the first byte.
    fn from_flags(flags: &[u8]) -> Self {
        let has = |flag: usize| {
            let byte = flags.get(flag / 8).copied().unwrap_or_default();
            byte & (0x80 >> (flag % 8)) != 0
        };
        Self {
            watches: has(PERSISTENT_WATCHES),
            creates: has(CREATE_WITH_STATS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_from_the_highest_bit_on() {
        let check = |flags: &[u8], watches, creates| {
            let expected = Abilities { watches, creates };
            assert_eq!(Abilities::from_flags(flags), expected, "{flags:?}");
        };
        check(&[], false, false);
        // As of versions 23, 24 and 26.
        check(&[0b1100_0000], false, false);
        check(&[0b1111_0000], false, false);
        check(&[0b1111_1111, 0b1110_0000], true, true);
        check(&[0b1111_1111], true, false);
        check(&[0b1111_1110, 0b1000_0000], false, true);
    }

    #[test]
    fn a_server_is_known_by_its_answers() {
        let none = || ClientError::NoNode;
        let check = |flags, version, is_zookeeper, expected| {
            let answers = Answers {
                flags,
                version,
                is_zookeeper,
            };
            assert_eq!(Dialect::from_answers(answers), expected);
        };
        let least = Dialect::Keeper(Abilities::default());
        let newest = Dialect::Keeper(Abilities {
            watches: true,
            creates: true,
        });
        check(Ok(vec![0xff, 0xe0]), Ok(()), Ok(false), Ok(newest));
        check(Ok(vec![0xf0]), Ok(()), Ok(false), Ok(least));
        check(Err(none()), Ok(()), Ok(false), Ok(least));
        check(Err(none()), Err(none()), Ok(false), Ok(Dialect::RaftKeeper));
        check(Err(none()), Err(none()), Ok(true), Ok(Dialect::ZooKeeper));
        check(
            Err(ClientError::NoAuth),
            Err(ClientError::NoAuth),
            Ok(false),
            Ok(least),
        );
        let lost = || ClientError::ConnectionLoss;
        check(Err(lost()), Err(none()), Ok(true), Err(lost()));
        check(Err(none()), Err(lost()), Ok(true), Err(lost()));
        check(Err(none()), Err(none()), Err(lost()), Err(lost()));
        assert!(newest.watches() && newest.creates());
        assert!(!newest.reads_batches() && !newest.resumes_sessions());
    }
}

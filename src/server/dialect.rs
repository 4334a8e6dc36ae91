//! Dialects of the protocol: what servers that speak it do otherwise than Apache ZooKeeper.

use super::request::RequestKind;

/// Whose ways a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// Those of Apache ZooKeeper 3.8.
    #[default]
    ZooKeeper,
    /// Those of ClickHouse Keeper 26, with the feature flags `PERSISTENT_WATCHES` and
    /// `CREATE_WITH_STATS`.
    Keeper,
    /// Those of ClickHouse Keeper 24, which has neither persistent watches nor `create2`.
    Keeper24,
}

macro_rules! differences {
    ($($(#[$doc:meta])* $name:ident: $summary:literal, $source:literal;)*) => {
        /// One thing that ClickHouse Keeper does otherwise than ZooKeeper.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Difference {
            $($(#[$doc])* $name,)*
        }

        impl Difference {
            /// All that the dialects reproduce.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What Keeper does.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$name => $summary,)*
                }
            }

            /// Where that is known from: a file of ClickHouse, an issue (`#`) there, or both.
            #[must_use]
            pub fn source(self) -> &'static str {
                match self {
                    $(Self::$name => $source,)*
                }
            }
        }
    };
}

differences! {
    /// In `multiRead`.
    BareErrors: "a failed read in a batch of reads is a header with its own type and the error, and nothing more",
        "#58747, ZooKeeperMultiResponse::writeImpl";
    /// Of persistent recursive watches.
    WatchPaths: "an event of a recursive watch has the path of the watch, and one comes for each watch above",
        "#115475, KeeperStorage::processWatchesImpl";
    /// Without a look at ACLs.
    EventsForAll: "events come to sessions that may not read the node, too",
        "KeeperStorage::processWatchesImpl";
    /// In the stat of the parent.
    CountsWrites: "writing a node counts in its parent's `cversion`",
        "#115457, KeeperStorageImpl.cpp";
    /// In the stat of the parent.
    ForgetsDeletions: "deleting a node does not move its parent's `pzxid`",
        "#115457, KeeperStorageImpl.cpp";
    /// `/keeper`, `/keeper/api_version` and `/keeper/feature_flags`.
    OwnNodes: "`/keeper` is there instead of `/zookeeper`: readable, never writable, its children not counted",
        "KeeperConstants.h, KeeperStorage::initializeSystemNodes";
    /// A client that comes back gets a new session; the ephemeral nodes of the old one go with its
    /// timeout.
    NoResumption: "a client that comes back is given a new session, and no password, and sessions count from 1",
        "KeeperTCPHandler::receiveHandshake";
    /// Neither for getting nor for losing it.
    SilentClose: "the end of a session is not answered: the connection is closed",
        "KeeperTCPHandler::runImpl";
    /// Such as `whoAmI`, `getEphemerals` and `getAllChildrenNumber`.
    ClosesOnUnknown: "the connection is closed on requests that it does not know or has no feature flag for, without an answer",
        "KeeperTCPHandler::receiveRequest, ZooKeeperConstants.h, #55594";
    /// `getACL` says so.
    NoAclIsOpen: "an open node has no ACL: `getACL` answers an empty list, and one is taken for open",
        "ACLMap::convertNumber, fixupACL in KeeperStorageImpl.cpp";
    /// Others are dropped.
    FewSchemes: "ACLs hold `world` and `digest`; others are dropped, and nobody is known by an address",
        "fixupACL in KeeperStorageImpl.cpp";
    /// Which must have exactly one colon.
    DigestOnly: "credentials other than `digest` with one colon are refused, and the connection stays",
        "preprocess of ZooKeeperAuthRequest in KeeperStorageImpl.cpp";
    /// Also to those without ADMIN.
    HashesShown: "`getACL` shows the hashes of digests to those who may only read, too",
        "processLocal of ZooKeeperGetACLRequest in KeeperStorageImpl.cpp";
    /// ZooKeeper answers with the path alone (ZOOKEEPER-4026).
    StatsInBatches: "`create2` in a transaction answers with the stat",
        "#90741, process of ZooKeeperCreateRequest in KeeperStorageImpl.cpp";
    /// As everything else.
    AnswersChecks: "a `check` outside of a transaction is answered",
        "processLocal of ZooKeeperCheckRequest in KeeperStorageImpl.cpp";
    /// The options of the server may set other bounds.
    LongSessions: "session timeouts are 10 s to 100 s",
        "ZooKeeperConstants.h";
    /// `srvr`, `stat`.
    OwnName: "the four-letter words call it ClickHouse Keeper",
        "FourLetterCommand.cpp";
}

/// What Keeper 26 can beyond Keeper 24.
const SINCE_25_12: [RequestKind; 5] = [
    RequestKind::Create2,
    RequestKind::CheckWatches,
    RequestKind::RemoveWatches,
    RequestKind::SetWatches2,
    RequestKind::AddWatch,
];

/// What no Keeper can that the dialects are of.
const NEVER: [RequestKind; 6] = [
    RequestKind::CreateSession,
    RequestKind::DeleteContainer,
    RequestKind::Sasl,
    RequestKind::GetEphemerals,
    RequestKind::GetAllChildrenNumber,
    RequestKind::WhoAmI,
];

impl Dialect {
    /// Its name, as `zkt serve --dialect` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ZooKeeper => "zookeeper",
            Self::Keeper => "keeper",
            Self::Keeper24 => "keeper-24",
        }
    }

    /// Whether it differs from ZooKeeper in this.
    #[must_use]
    pub fn has(self, difference: Difference) -> bool {
        match self {
            Self::ZooKeeper => false,
            Self::Keeper => true,
            // It has none of what this is about.
            Self::Keeper24 => !matches!(
                difference,
                Difference::WatchPaths | Difference::StatsInBatches
            ),
        }
    }

    /// Whether it knows a request. ZooKeeper answers those that it does not know.
    pub(crate) fn knows(self, kind: Option<RequestKind>) -> bool {
        let Some(kind) = kind else {
            return !self.has(Difference::ClosesOnUnknown);
        };
        match self {
            Self::ZooKeeper => true,
            Self::Keeper => !NEVER.contains(&kind),
            Self::Keeper24 => {
                let newer = [
                    RequestKind::SetWatches,
                    RequestKind::CreateContainer,
                    RequestKind::CreateTtl,
                ];
                !NEVER.contains(&kind) && !SINCE_25_12.contains(&kind) && !newer.contains(&kind)
            }
        }
    }

    /// The nodes that are always there, each with its data; those above them first.
    pub(crate) fn own_nodes(self) -> &'static [(&'static str, &'static [u8])] {
        match self {
            Self::ZooKeeper => &[
                ("/", b""),
                ("/zookeeper", b""),
                ("/zookeeper/quota", b""),
                ("/zookeeper/config", b""),
            ],
            // Of each flag a bit, the first one the highest of the first byte (KeeperFeatureFlags.h). As
            // a number, the version is that of clients before there were flags: 2, batches of reads.
            Self::Keeper => &[
                ("/", b""),
                (KEEPER, b""),
                ("/keeper/api_version", b"2"),
                ("/keeper/feature_flags", &[0b1111_1111, 0b1110_0000]),
            ],
            Self::Keeper24 => &[
                ("/", b""),
                (KEEPER, b""),
                ("/keeper/api_version", b"2"),
                ("/keeper/feature_flags", &[0b1111_0000]),
            ],
        }
    }
}

/// Where Keeper keeps what belongs to itself.
pub(crate) const KEEPER: &str = "/keeper";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_one_of_some_dialect_and_none_of_zookeepers() {
        for &difference in Difference::ALL {
            assert!(Dialect::Keeper.has(difference), "{difference:?}");
            assert!(!Dialect::ZooKeeper.has(difference), "{difference:?}");
        }
    }

    #[test]
    fn each_dialect_knows_its_requests() {
        for &kind in RequestKind::ALL {
            assert!(Dialect::ZooKeeper.knows(Some(kind)));
            let older = Dialect::Keeper24.knows(Some(kind));
            assert!(!older || Dialect::Keeper.knows(Some(kind)), "{kind:?}");
        }
        assert!(Dialect::Keeper24.knows(Some(RequestKind::MultiRead)));
        assert!(!Dialect::Keeper24.knows(Some(RequestKind::Create2)));
        assert!(!Dialect::Keeper.knows(Some(RequestKind::WhoAmI)));
        assert!(Dialect::ZooKeeper.knows(None) && !Dialect::Keeper.knows(None));
    }
}

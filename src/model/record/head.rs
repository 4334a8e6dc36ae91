//! The node of a record itself: what it consists of, and who applied last.

use serde::{Deserialize, Serialize};

use super::codec::Broken;

/// The version of the head's format.
const FORMAT: u32 = 1;

/// The key that stands first in each head, of whatever version.
const KEY: &[u8] = b"\"zkt_record\"";

/// Whether this is the data of a head, of any version, sound or not.
#[must_use]
pub fn is_head(data: &[u8]) -> bool {
    let object = data.trim_ascii_start().strip_prefix(b"{");
    object.is_some_and(|object| object.trim_ascii_start().starts_with(KEY))
}

/// Whether data of this length may be that of a head.
#[must_use]
pub fn may_be_head(length: usize) -> bool {
    length > KEY.len()
}

/// The node of a record. Its version is what fences appliers: whoever applies sets it first, and each
/// batch checks that it is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    zkt_record: u32,
    /// The names of the nodes below that hold the entries, in order. What else there is was left by an
    /// apply that did not end, or is a journal.
    pub shards: Vec<String>,
    /// The last apply that ended.
    pub applied: Option<Applied>,
    /// The apply that is at work, or did not end.
    pub begun: Option<Begun>,
}

/// An apply that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// Identifies this apply.
    pub run: String,
    /// When it ended, in UTC: `2026-11-28T12:00:00Z`.
    pub at: String,
    /// Who applied: `user@host`.
    pub by: String,
    /// What of the declared tree was applied: a commit, where that is known.
    pub revision: Option<String>,
    /// The checksum of the last plan that was carried out.
    pub plan: Option<String>,
}

/// An apply that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// Identifies this apply.
    pub run: String,
    /// When it began.
    pub at: String,
    /// Who applies.
    pub by: String,
}

/// Only the version of a head, whatever else it has.
#[derive(Deserialize)]
struct Version {
    zkt_record: u32,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            zkt_record: FORMAT,
            shards: Vec::new(),
            applied: None,
            begun: None,
        }
    }
}

impl Head {
    /// The node's data.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the node's data.
    ///
    /// # Errors
    /// It is no head, a damaged one, or of another version.
    pub fn from_json(data: &[u8]) -> Result<Self, Broken> {
        let damaged = |why: &str| Broken::damaged(why);
        let unread = |error: serde_json::Error| match is_head(data) {
            true => damaged(&error.to_string()),
            false => Broken::Foreign(error.to_string()),
        };
        let Version { zkt_record } = serde_json::from_slice(data).map_err(unread)?;
        if zkt_record != FORMAT {
            return Err(Broken::Format { found: zkt_record });
        }
        let head = serde_json::from_slice::<Self>(data);
        let head = head.map_err(|why| damaged(&why.to_string()))?;
        match head.shards.iter().find(|name| !is_shard_name(name)) {
            Some(name) => Err(damaged(&format!("{name:?} names no shard"))),
            None => Ok(head),
        }
    }

    /// The apply that began last, as far as the head says.
    #[must_use]
    pub fn last(&self) -> Option<Begun> {
        let applied = self.applied.as_ref().map(|applied| Begun {
            run: applied.run.clone(),
            at: applied.at.clone(),
            by: applied.by.clone(),
        });
        self.begun.clone().or(applied)
    }

    /// A shard among the nodes below that the head should name: without it the record says too little.
    ///
    /// An apply that stopped leaves shards that nobody names, too. But they were written after it began,
    /// and before it ended: `begun` is there until one ends, and the shards that are named came all at
    /// once.
    #[must_use]
    pub fn unnamed<'n>(&self, below: &'n [String]) -> Option<&'n str> {
        let is_of = |name: &str, named: &String| {
            let batch = |name: &str| name.rsplit_once('-').map(|(batch, _)| batch.to_owned());
            batch(name) == batch(named)
        };
        let may_be_left = |name: &str| match self.shards.first() {
            Some(named) => !is_of(name, named),
            None => self.begun.is_some(),
        };
        let mut shards = below.iter().map(String::as_str);
        shards.find(|name| {
            let is_named = || self.shards.iter().any(|named| named == name);
            is_shard_name(name) && !is_named() && !may_be_left(name)
        })
    }
}

impl Broken {
    /// The same of a head, with the names of the nodes below it. What has shards or journals is no node of
    /// somebody else's, whatever it holds.
    #[must_use]
    pub fn of_head(self, below: &[String]) -> Self {
        let is_part = |name: &String| is_shard_name(name) || is_journal_name(name);
        match self {
            Self::Foreign(why) if below.iter().any(is_part) => Self::Damaged(why),
            broken => broken,
        }
    }
}

/// The name of a shard that an apply writes whose hold has this version.
#[must_use]
pub fn shard_name(version: i32, attempt: usize, number: usize) -> String {
    format!("s{version:010}-{attempt}-{number:04}")
}

/// Whether a node below a head may be a shard.
#[must_use]
pub fn is_shard_name(name: &str) -> bool {
    is_numbered(name, 's')
}

/// Whether a node below a head may be a journal.
#[must_use]
pub fn is_journal_name(name: &str) -> bool {
    is_numbered(name, 'j')
}

fn is_numbered(name: &str, kind: char) -> bool {
    let is_number = |c: char| c.is_ascii_digit() || c == '-';
    let number = name.strip_prefix(kind);
    number.is_some_and(|number| !number.is_empty() && number.chars().all(is_number))
}

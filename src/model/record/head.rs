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
    /// It is no head, or of another version.
    pub fn from_json(data: &[u8]) -> Result<Self, Broken> {
        let foreign = |error: serde_json::Error| Broken::Foreign(error.to_string());
        let Version { zkt_record } = serde_json::from_slice(data).map_err(foreign)?;
        if zkt_record != FORMAT {
            return Err(Broken::Format { found: zkt_record });
        }
        serde_json::from_slice(data).map_err(|why| Broken::damaged(&why.to_string()))
    }
}

//! Why a file of SOPS gives no value.
//!
//! What a line names may be any file of the machine. So nothing that stands in the file is in a message but for whom
//! it is encrypted, and that only if it looks like it.

/// Why a file of SOPS gives no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SopsError {
    /// It is not what SOPS writes.
    #[error("it is no file of SOPS: {}{what}", in_line(*.line))]
    Malformed {
        /// What is wrong, without anything of the file.
        what: &'static str,
        /// In which line, from 1 on, where that is known.
        line: Option<usize>,
    },
    /// No key of age is here.
    #[error("it is encrypted for {}, and there is no age key here ({})", recipients.join(", "), looked.join(", "))]
    NoKey {
        /// For whom it is encrypted.
        recipients: Vec<String>,
        /// Where keys were looked for.
        looked: Vec<String>,
    },
    /// It is for other keys of age.
    #[error("it is encrypted for {}, and no age key here is one of those", recipients.join(", "))]
    OtherKey {
        /// For whom it is encrypted.
        recipients: Vec<String>,
    },
    /// It is for keys of another kind only.
    #[error("it is encrypted for {} only, and zkt decrypts what is for keys of age", recipients.join(", "))]
    NotForAge {
        /// For whom it is encrypted.
        recipients: Vec<String>,
    },
    /// Its key is in parts, for groups of recipients.
    #[error("its key is shared out among groups of recipients, which zkt does not put together")]
    KeyGroups,
    /// A value is not what SOPS has written there.
    #[error("a value in it was changed without the key, or belongs to another place")]
    Changed,
    /// The values together are not what SOPS has written.
    #[error("its checksum (MAC) is wrong: a value was changed, added or removed without the key")]
    Mac,
    /// There is no such value.
    #[error("it has no value {0}")]
    NoValue(String),
    /// There is a map or a list, or nothing.
    #[error("{0} is {1}, and not a value")]
    NotOne(String, &'static str),
    /// A value that anybody can have put there.
    #[error(
        "the value of {0} is not encrypted, and its checksum (MAC) is over encrypted values only"
    )]
    NotEncrypted(String),
}

fn in_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}

impl SopsError {
    /// What is wrong with the file as a whole.
    pub(super) fn malformed(what: &'static str) -> Self {
        Self::Malformed { what, line: None }
    }

    /// What is wrong with a line of it.
    pub(super) fn in_line(line: usize, what: &'static str) -> Self {
        let line = Some(line);
        Self::Malformed { what, line }
    }

    /// Whether somebody else may have the key.
    pub(in super::super) fn is_lack(&self) -> bool {
        matches!(
            self,
            Self::NoKey { .. } | Self::OtherKey { .. } | Self::NotForAge { .. } | Self::KeyGroups
        )
    }
}

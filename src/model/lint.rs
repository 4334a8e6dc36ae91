//! Lints: what warnings are about, by name, and how serious each is.

mod table;

use std::fmt;

use table::TABLE;

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lint {
    /// A link that leads to nothing.
    DanglingLink,
    /// A link that leads back to itself.
    CircularLink,
    /// A link that a child of the same name hides.
    HiddenLink,
    /// An address that two services have.
    RepeatedAddress,
    /// A service without `providers`.
    ServiceWithoutProviders,
    /// A type that looks like a value.
    LiteralType,
    /// Two names that differ in case only.
    CaseOnlyDifference,
    /// Two names that look alike.
    LookAlikeNames,
    /// A secret that no `@secret` covers.
    PlainSecret,
    /// A new name in a later layer, near one of an earlier layer.
    OverlayTypo,
    /// Any other new name in a later layer.
    OverlayAddition,
    /// A number with a leading zero.
    LeadingZero,
    /// A list by a comma.
    TrailingComma,
    /// A node of ZooKeeper's own.
    SystemNode,
    /// Live data that is no JSON.
    OddData,
    /// No ACL names the one who applies.
    UnknownApplier,
    /// ACLs that were not read.
    UnseenAcl,
    /// A node that another owner has.
    OtherOwner,
    /// A link that is carried along by a move, to where it was moved from.
    LinkToOldPlace,
    /// A new node at a place that a node was moved from.
    OldPlaceTaken,
    /// A subtree that changed its place without a line that says so.
    UndeclaredMove,
    /// A comment for zkt that says nothing.
    UnknownLint,
    /// A comment for zkt that changes nothing.
    UnusedAllow,
}

/// How serious a lint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing is said.
    Allow,
    /// It is a warning.
    Warn,
    /// It is an error.
    Deny,
}

/// What there is to know of a lint. Texts are wrapped at 79 columns.
#[derive(Debug)]
pub struct About {
    lint: Lint,
    /// In lower case, with hyphens.
    pub name: &'static str,
    /// The level where nobody says another one.
    pub level: Level,
    /// One sentence.
    pub summary: &'static str,
    /// Why it exists.
    pub why: &'static str,
    /// Tree text that it warns of. Empty if only a server shows it.
    pub example: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Lint {
    /// All lints, in the order in which they are listed.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|about| about.lint)
    }

    /// The lint with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|lint| lint.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// What there is to know of it.
    #[must_use]
    pub fn about(self) -> &'static About {
        &TABLE[self as usize]
    }

    /// Whether the tree files alone decide it.
    #[must_use]
    pub fn is_of_files(self) -> bool {
        !matches!(
            self,
            Self::DanglingLink
                | Self::CircularLink
                | Self::HiddenLink
                | Self::OddData
                | Self::UnknownApplier
                | Self::UnseenAcl
                | Self::OtherOwner
                | Self::LinkToOldPlace
                | Self::OldPlaceTaken
                | Self::UndeclaredMove
        )
    }
}

impl Level {
    /// As a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The level of each lint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels([Level; TABLE.len()]);

impl Default for Levels {
    fn default() -> Self {
        Self(TABLE.each_ref().map(|about| about.level))
    }
}

impl Levels {
    /// The level of a lint.
    #[must_use]
    pub fn of(&self, lint: Lint) -> Level {
        self.0[lint as usize]
    }

    /// Whether a lint is a warning or an error.
    #[must_use]
    pub fn heeds(&self, lint: Lint) -> bool {
        self.of(lint) != Level::Allow
    }

    /// Whether any lint is an error.
    #[must_use]
    pub fn deny_any(&self) -> bool {
        self.0.contains(&Level::Deny)
    }

    /// Sets the level of a lint.
    pub fn set(&mut self, lint: Lint, level: Level) {
        self.0[lint as usize] = level;
    }

    /// Sets the level of all lints.
    pub fn set_all(&mut self, level: Level) {
        self.0 = [level; TABLE.len()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lint_has_its_row() {
        for (row, about) in TABLE.iter().enumerate() {
            assert_eq!(about.lint as usize, row, "{}", about.name);
            let found = Lint::named(about.name);
            assert_eq!(found, Some(about.lint), "a name stands for one lint");
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(about.name.chars().all(is_plain), "{}", about.name);
            for text in [about.summary, about.why, about.remedy] {
                assert!(text.ends_with('.') && !text.contains("--"), "{text}");
                assert!(text.lines().all(|line| line.chars().count() < 80), "{text}");
            }
        }
    }
}

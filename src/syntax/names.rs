//! Names of properties: which can be stored, which stand for links, which say that their value is a
//! secret, and patterns of them.

use std::sync::{Arc, LazyLock};

use aho_corasick::AhoCorasick;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::syntax::characters::is_visible;

/// `serde_json` passes numbers of any precision through a map with this key, so an object that
/// really has it would be misread.
pub(crate) const NUMBER_TOKEN: &str = "$serde_json::private::";

/// Whether a property of this name can be written to a node and read back.
#[must_use]
pub fn is_storable_name(name: &str) -> bool {
    name.len() < NUMBER_TOKEN.len() || !name.contains(NUMBER_TOKEN)
}

/// Which kind of link, if any, the name of a property stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// `"x ->"`: a symbolic link to a node.
    Symbolic,
    /// `"x =>"`: a link to a property.
    Property,
}

impl LinkKind {
    /// The operator: `->` or `=>`.
    #[must_use]
    pub fn operator(self) -> &'static str {
        match self {
            Self::Symbolic => "->",
            Self::Property => "=>",
        }
    }
}

/// Splits the name under which a link is stored: `"x ->"` into `x` and its kind.
#[must_use]
pub fn split_link(name: &str) -> Option<(&str, LinkKind)> {
    if let Some(base) = name.strip_suffix(" ->") {
        Some((base, LinkKind::Symbolic))
    } else {
        name.strip_suffix(" =>")
            .map(|base| (base, LinkKind::Property))
    }
}

/// Splits the value of a property link, `"path"` or `"path property"`, at its blanks.
#[must_use]
pub fn split_property_link(target: &str) -> (&str, Option<&str>) {
    let target = target.trim();
    match target.split_once(char::is_whitespace) {
        Some((path, property)) => (path, Some(property.trim_start())),
        None => (target, None),
    }
}

/// Why a pattern is no glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GlobError(globset::Error);

impl GlobError {
    pub(crate) fn of(error: globset::Error) -> Self {
        Self(error)
    }
}

/// Patterns for property names, with `*`, `?` and `[…]`.
#[derive(Debug, Clone, Default)]
pub struct Globs(Option<Arc<(Vec<String>, GlobSet)>>);

impl Globs {
    /// Compiles patterns; the first bad one is the error.
    pub fn new(patterns: Vec<String>) -> Result<Self, GlobError> {
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            let glob = GlobBuilder::new(pattern).literal_separator(false).build();
            set.add(glob.map_err(GlobError::of)?);
        }
        let set = set.build().map_err(GlobError::of)?;
        Ok(Self(Some(Arc::new((patterns, set)))))
    }

    /// Whether any pattern matches the whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|globs| globs.1.is_match(name))
    }

    /// Whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns().is_empty()
    }

    /// The patterns as they were written.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |globs| &globs.0)
    }
}

/// Whether a name says that its value is a secret, declared as one or not: `password`,
/// `API_TOKEN`, `tls.private_key`.
///
/// For values whose `@secret` line is unknown: in a broken file, or removed with the property.
#[must_use]
pub fn looks_secret(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "credential",
        "private_key",
        "private-key",
        "privatekey",
        "api_key",
        "api-key",
        "apikey",
    ];
    let visible = name.chars().filter(|c| is_visible(*c));
    let name: String = visible.flat_map(char::to_lowercase).collect();
    // A tokenizer takes text apart.
    let name = name.replace("tokeniz", "");
    WORDS.iter().any(|word| name.contains(word))
}

/// Whether a text may hold a name that [looks secret](looks_secret), escaped or not. Most texts do not,
/// which is seen without a look at their names.
#[must_use]
pub fn may_hold_secret(text: &[u8]) -> bool {
    // Each such name has one of these.
    static PARTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let mut parts = AhoCorasick::builder();
        let parts = parts.ascii_case_insensitive(true);
        parts.build(["pass", "secret", "token", "cred", "key"]).ok()
    });
    let has_part = || PARTS.as_ref().is_none_or(|parts| parts.is_match(text));
    // Invisible characters may stand in between, and escapes.
    !text.is_ascii() || memchr::memchr(b'\\', text).is_some() || has_part()
}

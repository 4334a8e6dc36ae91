//! Names of properties: which can be stored, which stand for links, which say that their value is a
//! secret, and patterns of them.

use std::sync::{Arc, LazyLock};

use aho_corasick::AhoCorasick;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

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
#[error(transparent)]
pub struct GlobError(WrongGlob);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum WrongGlob {
    #[error("{0}")]
    Malformed(globset::Error),
    #[error("the braces of the glob are nested deeper than {DEEPEST_BRACES}")]
    TooDeep,
}

/// How deep the braces of a glob may be nested: globset recurses, and its regular expressions have a limit
/// of their own.
const DEEPEST_BRACES: usize = 100;

impl GlobError {
    pub(crate) fn of(error: globset::Error) -> Self {
        Self(WrongGlob::Malformed(error))
    }
}

/// Reads a glob. Whether a `*` matches a `/` in `pattern`, the caller says.
pub(crate) fn glob(pattern: &str, literal_separator: bool) -> Result<Glob, GlobError> {
    // Escaped ones and those in classes count, too: nobody writes so many.
    let mut depth = 0_usize;
    for byte in pattern.bytes() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_BRACES {
            return Err(GlobError(WrongGlob::TooDeep));
        }
    }
    let mut glob = GlobBuilder::new(pattern);
    let glob = glob
        .literal_separator(literal_separator)
        .backslash_escape(true);
    glob.build().map_err(GlobError::of)
}

/// Patterns for property names, with `*`, `?` and `[…]`.
#[derive(Debug, Clone, Default)]
pub struct Globs(Option<Arc<(Vec<String>, GlobSet)>>);

impl Globs {
    /// Compiles patterns; the first bad one is the error.
    pub fn new(patterns: Vec<String>) -> Result<Self, GlobError> {
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            set.add(glob(pattern, false)?);
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

/// The pattern that matches this name alone.
pub(crate) fn exact_glob(name: &str) -> String {
    // In patterns a backslash takes its meaning from the next character.
    globset::escape(&name.replace('\\', r"\\"))
}

/// Whether a pattern is a name that it alone matches.
pub(crate) fn is_exact(pattern: &str) -> bool {
    exact_glob(pattern) == pattern
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

/// What of a text is a secret whatever its name is: a private key in PEM, or a URL with a password.
#[must_use]
pub fn secret_value(text: &str) -> Option<SecretValue> {
    if is_private_key(text) {
        return Some(SecretValue::PrivateKey);
    }
    url_password(text).map(|_| SecretValue::Url)
}

/// A secret that has no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretValue {
    /// `-----BEGIN PRIVATE KEY-----`.
    PrivateKey,
    /// `postgres://app:letmein@db/app`.
    Url,
}

impl std::fmt::Display for SecretValue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::PrivateKey => "a private key",
            Self::Url => "a URL with a password",
        })
    }
}

/// Whether a text holds the first line of a private key: `RSA`, `EC`, `OPENSSH`, `ENCRYPTED` or other words
/// may stand before its name.
fn is_private_key(text: &str) -> bool {
    let mut starts = text.match_indices("-----BEGIN ");
    starts.any(|(at, start)| {
        let label = text[at + start.len()..].split("-----").next();
        label.is_some_and(|label| label.len() < 64 && label.contains("PRIVATE KEY"))
    })
}

/// Where the first password of a URL in a text is: `scheme://user:password@host`. One that starts with `$`,
/// `{`, `<` or `*` stands for another.
pub(in crate::syntax) fn url_password(text: &str) -> Option<std::ops::Range<usize>> {
    text.match_indices("://").find_map(|(at, slashes)| {
        let has_scheme = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let start = at + slashes.len();
        let is_end = |c: char| c.is_whitespace() || "/?#\"'`<>\\".contains(c);
        let rest = &text[start..];
        let authority = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let (user, _) = authority.rsplit_once('@')?;
        let colon = user.find(':')?;
        let password = &user[colon + 1..];
        let stands_for_it = password.starts_with(['$', '{', '<', '*']);
        let is_password = has_scheme && !password.is_empty() && !stands_for_it;
        is_password.then_some(start + colon + 1..start + user.len())
    })
}

/// Whether git takes the name of a file for its own, on some system: `.git` in any case, with characters that
/// macOS ignores, or with what Windows cuts off or takes for it.
#[must_use]
pub fn is_git_name(name: &str) -> bool {
    let name: String = name.chars().filter(|c| !is_ignored_in_names(*c)).collect();
    let name = name.split([':', '\\']).next().unwrap_or_default();
    let name = name.trim_end_matches([' ', '.']);
    [".git", "git~1"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
}

/// Whether a file system of macOS takes names with and without a character for one.
#[must_use]
pub fn is_ignored_in_names(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Whether a text may hold a name that [looks secret](looks_secret), escaped or not, or a [secret
/// value](secret_value). Most texts do not, which is seen without a look at their names.
#[must_use]
pub fn may_hold_secret(text: &[u8]) -> bool {
    // Each such name has one of these.
    static PARTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let mut parts = AhoCorasick::builder();
        let parts = parts.ascii_case_insensitive(true);
        parts.build(["pass", "secret", "token", "cred", "key"]).ok()
    });
    let has_part = || PARTS.as_ref().is_none_or(|parts| parts.is_match(text));
    let has_url =
        || memchr::memchr(b'@', text).is_some() && memchr::memmem::find(text, b"://").is_some();
    // Invisible characters may stand in between, and escapes.
    !text.is_ascii() || memchr::memchr(b'\\', text).is_some() || has_part() || has_url()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_braces_of_a_glob_are_not_nested_without_end() {
        let nested = |levels: usize| format!("{}x{}", "{".repeat(levels), "}".repeat(levels));
        assert!(glob(&nested(DEEPEST_BRACES), true).is_ok());
        let side_by_side = "{a,b}".repeat(1000);
        assert!(glob(&side_by_side, true).is_ok());
        let told = "the braces of the glob are nested deeper than 100";
        for levels in [DEEPEST_BRACES + 1, 10_000] {
            let error = Globs::new(vec![nested(levels)]).unwrap_err();
            assert_eq!(error.to_string(), told);
        }
    }

    #[test]
    fn names_that_git_takes_for_its_own_are_told_from_others() {
        for name in [
            ".git",
            ".GiT",
            "git~1",
            "GIT~1",
            ".g\u{200c}it",
            ".git .",
            ".git::$INDEX_ALLOCATION",
            ".git\\config",
        ] {
            assert!(is_git_name(name), "{name}");
        }
        for name in [".gitignore", "git", ".github", "git~2", "a.git", "..git"] {
            assert!(!is_git_name(name), "{name}");
        }
    }
}

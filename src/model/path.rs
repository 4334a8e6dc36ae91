//! Absolute, validated ZooKeeper paths, ordered by component.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Why a text is no path or no node name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is empty.
    #[error("a path may not be empty")]
    Empty,
    /// The text does not start with a slash.
    #[error("expected an absolute path, found {0:?}")]
    Relative(String),
    /// Two slashes in a row, or one at the end.
    #[error("a node name may not be empty")]
    EmptyName,
    /// `.` or `..` as a node name.
    #[error("a node name may not be {0:?}")]
    DotName(String),
    /// A slash inside one node's name.
    #[error("a node name may not hold a slash")]
    Slash,
    /// A character that ZooKeeper refuses in a path.
    #[error("ZooKeeper refuses the character U+{:04X} in a node name", u32::from(*.0))]
    Character(char),
}

/// Checks that `name` can name a node.
///
/// The refused characters are those of ZooKeeper's `PathUtils.validatePath`: control characters,
/// U+F8FF and the rest of the private use area, U+FFF0 to U+FFFF, and everything outside the
/// basic multilingual plane (its two UTF-16 surrogates fall into the refused range).
pub fn check_name(name: &str) -> Result<(), Error> {
    match name {
        "" => return Err(Error::EmptyName),
        "." | ".." => return Err(Error::DotName(name.to_owned())),
        _ => {}
    }
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'/';
    if name.bytes().all(is_plain) {
        return Ok(());
    }
    match name.chars().find(|&c| c == '/' || is_refused(c)) {
        None => Ok(()),
        Some('/') => Err(Error::Slash),
        Some(c) => Err(Error::Character(c)),
    }
}

fn is_refused(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..)
}

/// What belongs to ZooKeeper itself at the root of an ensemble, with all below it.
pub(crate) const OF_ZOOKEEPER: &str = "/zookeeper";

/// Whether a node belongs to ZooKeeper itself. Below a chroot there is none.
pub(crate) fn is_of_zookeeper(path: &ZPath, below_chroot: bool) -> bool {
    !below_chroot && is_within(path.as_str(), OF_ZOOKEEPER)
}

/// An absolute path of a node: `/` or `/a/b`, each name valid.
///
/// Paths are ordered by component, not by byte: `/a`, `/a/x`, `/a-`. So a sorted sequence holds
/// every subtree as one contiguous run that starts with its topmost node. Copies share the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ZPath(Arc<str>);

impl ZPath {
    /// The path `/`.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// Reads a path, strictly: no empty name, no trailing slash.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(Error::Relative(text.to_owned()));
        };
        if !rest.is_empty() {
            rest.split('/').try_for_each(check_name)?;
        }
        Ok(Self(text.into()))
    }

    /// Reads a path as a person types it: repeated and trailing slashes do not count.
    pub fn parse_lenient(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        if !text.starts_with('/') {
            return Err(Error::Relative(text.to_owned()));
        }
        let mut path = Self::root();
        for name in text.split('/').filter(|name| !name.is_empty()) {
            check_name(name)?;
            path = path.join(name);
        }
        Ok(path)
    }

    /// The path of the child `name`, which must be a valid name.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        debug_assert_eq!(check_name(name), Ok(()));
        let base = if self.is_root() { "" } else { &self.0 };
        let mut text = String::with_capacity(base.len() + 1 + name.len());
        text.push_str(base);
        text.push('/');
        text.push_str(name);
        Self(text.into())
    }

    /// The path of these names, from the top down, which must be valid.
    pub(crate) fn of_names(names: &[&str]) -> Self {
        if names.is_empty() {
            return Self::root();
        }
        let length = names.iter().map(|name| 1 + name.len()).sum();
        let mut text = String::with_capacity(length);
        for name in names {
            text.push('/');
            text.push_str(name);
        }
        Self::from_valid(&text)
    }

    /// The path that a text spells. The text must be a valid path.
    pub(crate) fn from_valid(text: &str) -> Self {
        debug_assert!(Self::parse(text).is_ok());
        Self(text.into())
    }

    /// Whether this is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last name. Empty for `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        let start = memchr::memrchr(b'/', self.0.as_bytes()).map_or(0, |slash| slash + 1);
        &self.0[start..]
    }

    /// The parent's path. Returns `None` for `/`.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.parent_str().map(|text| Self(text.into()))
    }

    /// The parent's path as text. Returns `None` for `/`.
    #[must_use]
    pub fn parent_str(&self) -> Option<&str> {
        if self.is_root() {
            return None;
        }
        let slash = memchr::memrchr(b'/', self.0.as_bytes())?;
        Some(if slash == 0 { "/" } else { &self.0[..slash] })
    }

    /// The names from the top down. `/` has none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// The number of names: 0 for `/`.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.names().count()
    }

    /// Whether this is `top` itself or below it.
    #[must_use]
    pub fn is_within(&self, top: &Self) -> bool {
        is_within(&self.0, &top.0)
    }

    /// Where this path, which is within `from`, stands when that is moved to `to`.
    #[must_use]
    pub fn moved(&self, from: &Self, to: &Self) -> Self {
        if from == to {
            return self.clone();
        }
        let own = |path: &Self| if path.is_root() { 0 } else { path.0.len() };
        let rest = if self.is_root() {
            ""
        } else {
            &self.0[own(from)..]
        };
        match (to.is_root(), rest.is_empty()) {
            (_, true) => to.clone(),
            (true, false) => Self(rest.into()),
            (false, false) => Self(format!("{}{rest}", to.0).into()),
        }
    }

    /// This path and everything above it, from the top down, without `/`.
    pub fn prefixes(&self) -> impl Iterator<Item = Self> + '_ {
        let ends = self
            .0
            .match_indices('/')
            .map(|(i, _)| i)
            .skip(1)
            .chain([self.0.len()]);
        ends.filter(|_| !self.is_root())
            .map(|end| Self(self.0[..end].into()))
    }
}

impl Ord for ZPath {
    fn cmp(&self, other: &Self) -> Ordering {
        // Fast path: a live node that is declared usually shares its path with the declared one.
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for ZPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether the text of a path is that of `top`, or of a path below it.
pub(crate) fn is_within(path: &str, top: &str) -> bool {
    top == "/"
        || path
            .strip_prefix(top)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Orders the texts of two paths by component.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    // The slash sorts before every character that a name may hold.
    let key = |byte: u8| if byte == b'/' { 0 } else { byte };
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let at = first_difference(a, b);
    match (a.get(at), b.get(at)) {
        (Some(&a), Some(&b)) => key(a).cmp(&key(b)),
        _ => a.len().cmp(&b.len()),
    }
}

/// Compared paths usually share a long prefix: skip it in words of eight bytes.
fn first_difference(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = 16;
    let words = a.chunks_exact(WORD).zip(b.chunks_exact(WORD));
    let start = words.take_while(|(a, b)| a == b).count() * WORD;
    let bytes = a[start..].iter().zip(&b[start..]);
    start + bytes.take_while(|(a, b)| a == b).count()
}

impl fmt::Display for ZPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ZPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The words "and 2 more nodes" behind a separator. Returns an empty text if there are no others.
pub(crate) fn and_more(separator: &str, others: usize) -> String {
    match others {
        0 => String::new(),
        1 => format!("{separator}and 1 more node"),
        others => format!("{separator}and {others} more nodes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ZPath {
        ZPath::parse(text).unwrap()
    }

    #[test]
    fn order_is_by_component() {
        let sorted = ["/", "/a", "/a/x", "/a/x/y", "/a-", "/a-/x", "/b", "/é"];
        for pair in sorted.windows(2) {
            assert!(path(pair[0]) < path(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn order_agrees_with_the_order_of_name_lists() {
        let texts = [
            "/", "/a", "/a/b", "/a.b", "/a b", "/a!/x", "/a/!", "/ab", "/a/b/c", "/é/x",
        ];
        for a in texts {
            for b in texts {
                let by_names = path(a).names().map(str::to_owned).collect::<Vec<_>>();
                let by_names = by_names.cmp(&path(b).names().map(str::to_owned).collect());
                assert_eq!(path(a).cmp(&path(b)), by_names, "{a} {b}");
            }
        }
    }

    #[test]
    fn refuses_what_zookeeper_refuses() {
        for (text, error) in [
            ("", Error::Empty),
            ("a", Error::Relative("a".into())),
            ("//", Error::EmptyName),
            ("/a/", Error::EmptyName),
            ("/a/./b", Error::DotName(".".into())),
            ("/..", Error::DotName("..".into())),
            ("/a\0", Error::Character('\0')),
            ("/\u{85}", Error::Character('\u{85}')),
            ("/\u{e000}", Error::Character('\u{e000}')),
            ("/\u{ffff}", Error::Character('\u{ffff}')),
            ("/😀", Error::Character('😀')),
        ] {
            assert_eq!(ZPath::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn lenient_paths_collapse_slashes() {
        assert_eq!(ZPath::parse_lenient("//a//b/"), Ok(path("/a/b")));
        assert_eq!(ZPath::parse_lenient("//"), Ok(ZPath::root()));
        assert_eq!(
            ZPath::parse_lenient("/a/../b"),
            Err(Error::DotName("..".into()))
        );
    }

    #[test]
    fn parents_and_prefixes() {
        assert_eq!(path("/a/b").parent(), Some(path("/a")));
        assert_eq!(path("/a").parent(), Some(ZPath::root()));
        assert_eq!(ZPath::root().parent(), None);
        assert_eq!(
            path("/a/b").prefixes().collect::<Vec<_>>(),
            [path("/a"), path("/a/b")]
        );
        assert_eq!(ZPath::root().prefixes().count(), 0);
        assert!(path("/a/b").is_within(&path("/a")));
        assert!(!path("/ab").is_within(&path("/a")));
        assert!(path("/a").is_within(&ZPath::root()));
    }
}

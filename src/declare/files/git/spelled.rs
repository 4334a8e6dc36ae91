//! How a path in a commit is spelled.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// What the name of a layer in a commit begins with.
pub(super) const SCHEME: &str = "git:";

/// A path in a commit, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelled<'p> {
    /// All up to the path: `git:main:`.
    before: &'p [u8],
    /// What git is asked for.
    pub(super) revision: &'p str,
    /// Where it is in the commit; as for git, one that begins with `./` or `../` starts at the working
    /// directory, any other at the repository's top.
    pub(super) path: &'p Path,
}

impl<'p> Spelled<'p> {
    /// Returns `None` for a path on the disk. A revision may hold colons in braces, as in
    /// `HEAD^{/fix: it}`.
    pub(super) fn of(path: &'p Path) -> Option<Self> {
        let bytes = path.as_os_str().as_bytes();
        let rest = bytes.strip_prefix(SCHEME.as_bytes())?;
        let mut depth = 0_usize;
        let colon = rest.iter().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            *byte == b':' && depth == 0
        })?;
        Some(Self {
            before: &bytes[..SCHEME.len() + colon + 1],
            revision: std::str::from_utf8(&rest[..colon]).ok()?,
            path: Path::new(OsStr::from_bytes(&rest[colon + 1..])),
        })
    }

    /// The same revision at the top of its repository.
    pub(super) fn at_top(self) -> Self {
        let path = Path::new("");
        Self { path, ..self }
    }

    /// What has a name in this directory.
    pub(super) fn join(self, name: &[u8]) -> PathBuf {
        let directory = self.path.as_os_str().as_bytes();
        let slash: &[u8] = match directory.last() {
            None | Some(b'/') => b"",
            Some(_) => b"/",
        };
        let joined = [self.before, directory, slash, name].concat();
        PathBuf::from(OsStr::from_bytes(&joined))
    }

    /// What a file refers to: in the same commit, whatever it is.
    pub(super) fn beside(self, named: &str) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let path = folder.join(named);
        let mut components = path.components();
        let path = match components.clone().next() {
            // At the top of the commit, not in the working directory.
            Some(Component::CurDir) if folder.as_os_str().is_empty() => {
                components.next();
                components.as_path().to_owned()
            }
            // Out of the commit.
            Some(Component::ParentDir) if folder.as_os_str().is_empty() => {
                Path::new("/").join(&path)
            }
            _ => path,
        };
        self.at_top().join(path.as_os_str().as_bytes())
    }
}

/// A path on the disk that is not taken for one in a commit.
pub(super) fn on_disk(path: PathBuf) -> PathBuf {
    if Spelled::of(&path).is_some() {
        return Path::new(".").join(path);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_commit_is_split_where_git_splits_it() {
        let split = |text: &'static str| {
            let spelled = Spelled::of(Path::new(text))?;
            Some((spelled.revision, spelled.path.to_str().unwrap()))
        };
        assert_eq!(split("git:main:trees"), Some(("main", "trees")));
        assert_eq!(split("git:feature/x:a.zkt"), Some(("feature/x", "a.zkt")));
        assert_eq!(split("git:HEAD:"), Some(("HEAD", "")));
        assert_eq!(split("git:HEAD~1:a:b"), Some(("HEAD~1", "a:b")));
        assert_eq!(
            split("git:HEAD^{/fix: it}:./a"),
            Some(("HEAD^{/fix: it}", "./a"))
        );
        assert_eq!(
            split("git:main@{1 day ago}:a"),
            Some(("main@{1 day ago}", "a"))
        );
        for disk in ["git:main", "trees/a", "./git:main:trees", "-"] {
            assert_eq!(split(disk), None, "{disk}");
        }
    }

    #[test]
    fn what_a_file_refers_to_is_in_the_same_commit() {
        for (file, named, path) in [
            ("git:m:t/a.zkt", "b.zkt", "git:m:t/b.zkt"),
            ("git:m:t/a.zkt", "../b.zkt", "git:m:t/../b.zkt"),
            ("git:m:a.zkt", "b.zkt", "git:m:b.zkt"),
            ("git:m:a.zkt", "./b.zkt", "git:m:b.zkt"),
            ("git:m:a.zkt", "../b.zkt", "git:m:/../b.zkt"),
            ("git:m:./a.zkt", "../b.zkt", "git:m:./../b.zkt"),
            ("git:m:t/a.zkt", "/etc/b", "git:m:/etc/b"),
            ("git:f/x:a.zkt", "git:o:b", "git:f/x:git:o:b"),
        ] {
            let spelled = Spelled::of(Path::new(file)).unwrap();
            assert_eq!(spelled.beside(named), Path::new(path), "{file} {named}");
        }
        let disk = on_disk("git:m:a.zkt".into());
        assert_eq!(disk, Path::new("./git:m:a.zkt"));
    }
}

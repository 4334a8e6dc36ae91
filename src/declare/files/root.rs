//! Which files a layer may consist of.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::Error;

/// Directories whose files describe the machine and its processes, or are devices.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A file system in memory: below `/dev`, but its files are ordinary ones.
const SHARED_MEMORY: &str = "/dev/shm";

/// Where all files of a layer must lie: layers come from people who may change tree files, but may
/// not read whatever the process can that plans them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Root {
    /// Real paths, the layer's own first. `None` allows everything.
    directories: Option<Arc<[Box<Path>]>>,
    /// The layer itself, if it is a pipe or an open file that was named on purpose.
    stream: Option<Arc<Path>>,
    /// Files that are not read wherever they lie.
    withheld: Arc<[Withheld]>,
}

/// A file that is never read as data, by whatever path: it holds a credential of who reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Withheld {
    /// Where it was given, perhaps through symbolic links. If it is a directory, each file that lies in it is meant.
    pub path: PathBuf,
    /// What it was given as, for people: `--auth-file`.
    pub what: String,
}

impl Root {
    /// No bounds: for files that are not on a disk.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            directories: None,
            stream: None,
            withheld: Arc::default(),
        }
    }

    /// These directories, the layer's own first, each without symbolic links in its path.
    pub(super) fn new(directories: impl IntoIterator<Item = impl Into<Box<Path>>>) -> Self {
        Self {
            directories: Some(directories.into_iter().map(Into::into).collect()),
            stream: None,
            withheld: Arc::default(),
        }
    }

    /// Everything on the disk but what the system shows there, and git's own files.
    #[must_use]
    pub fn disk() -> Self {
        Self::new([Path::new("/")])
    }

    /// Nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::new([] as [&Path; 0])
    }

    /// The same, and these directories; without bounds it stays so.
    #[must_use]
    pub fn and(&self, more: impl IntoIterator<Item = PathBuf>) -> Self {
        let own = self.directories.as_ref().map(|own| {
            let own = own.iter().cloned();
            let more = more.into_iter().map(PathBuf::into_boxed_path);
            own.chain(more).collect()
        });
        Self {
            directories: own,
            ..self.clone()
        }
    }

    /// The same without these files.
    #[must_use]
    pub fn without(self, withheld: &[Withheld]) -> Self {
        match withheld {
            [] => self,
            withheld => Self {
                withheld: withheld.into(),
                ..self
            },
        }
    }

    /// Whether a file that was opened may be read.
    ///
    /// # Errors
    /// [`Error::Withheld`].
    pub(super) fn admit_file(&self, opened: &Metadata) -> Result<(), Error> {
        let is_it = |one: &&Withheld| {
            let Ok(found) = fs::metadata(&one.path) else {
                return false;
            };
            if !found.is_dir() {
                return is_same(&found, opened);
            }
            let entries = fs::read_dir(&one.path).into_iter().flatten().flatten();
            let mut files = entries.filter_map(|entry| fs::metadata(entry.path()).ok());
            files.any(|found| is_same(&found, opened))
        };
        match self.withheld.iter().find(is_it) {
            Some(one) => Err(Error::Withheld {
                what: one.what.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether there are no bounds.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.directories.is_none()
    }

    /// The same, and this pipe or open file wherever it leads.
    pub(super) fn with_stream(self, path: &Path) -> Self {
        Self {
            stream: Some(path.into()),
            ..self
        }
    }

    /// Whether a path is the pipe or open file that was named as the layer.
    pub(crate) fn is_stream(&self, path: &Path) -> bool {
        self.stream.as_deref() == Some(path)
    }

    /// Whether the layer may consist of what stands at a path, which has no symbolic links in it.
    ///
    /// # Errors
    /// Why not: [`Error::System`], [`Error::Git`] or [`Error::Outside`].
    pub fn admit(&self, real: &Path) -> Result<(), Error> {
        let Some(directories) = &self.directories else {
            return Ok(());
        };
        if is_system(real, directories) {
            return Err(Error::System { real: real.into() });
        }
        let mut below = directories
            .iter()
            .filter_map(|directory| real.strip_prefix(directory).ok())
            .peekable();
        let is_inside = below.peek().is_some();
        if below.any(|rest| !is_git(rest)) {
            return Ok(());
        }
        let real = real.to_owned();
        Err(if is_inside {
            Error::Git { real }
        } else {
            let root = directories.first();
            let root = root.map_or_else(Default::default, |root| root.to_path_buf());
            Error::Outside { real, root }
        })
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn is_system(real: &Path, directories: &[Box<Path>]) -> bool {
    let is_shared = real.starts_with(SHARED_MEMORY)
        && directories
            .iter()
            .any(|directory| directory.starts_with(SHARED_MEMORY));
    !is_shared && SYSTEM.iter().any(|system| real.starts_with(system))
}

/// Whether a path leads through a directory `.git`.
fn is_git(path: &Path) -> bool {
    path.components().any(|component| match component {
        Component::Normal(name) => name.eq_ignore_ascii_case(".git"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(directories: &[&str], real: &str) -> bool {
        let root = Root::new(directories.iter().map(|path| Box::from(Path::new(path))));
        root.admit(Path::new(real)).is_ok()
    }

    #[test]
    fn a_root_admits_what_is_below_it_and_nothing_of_the_system() {
        assert!(admits(&["/repo"], "/repo/a.zkt"));
        assert!(admits(&["/repo"], "/repo"));
        assert!(!admits(&["/repo"], "/repository/a.zkt"));
        assert!(!admits(&["/repo"], "/etc/hostname"));
        assert!(admits(&["/repo", "/etc"], "/etc/hostname"));
        assert!(!admits(&["/repo"], "/repo/.git/config"));
        assert!(!admits(&["/repo"], "/repo/sub/.GIT/config"));
        assert!(admits(&["/repo", "/repo/.git"], "/repo/.git/config"));
        assert!(admits(
            &["/git/.worktrees/x"],
            "/git/.worktrees/x/.gitignore"
        ));
        for system in ["/proc/self/environ", "/sys/x", "/dev/zero", "/dev/shm/x"] {
            assert!(!admits(&["/"], system), "{system}");
            assert!(!admits(&["/repo", "/", system], system) || system == "/dev/shm/x");
        }
        assert!(admits(&["/dev/shm/trees"], "/dev/shm/trees/a.zkt"));
    }
}

//! Where `zkt.toml` is found, and whether it is to be trusted.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::{getegid, geteuid};
use zkt::declare::files::reason;

use crate::bounded;
use crate::commit::InCommit;
use crate::exit::Failure;

const NAME: &str = "zkt.toml";
const LARGEST: u64 = 1 << 20;

/// A file as it was read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    /// The folder that its paths are relative to, as seen from the current directory.
    pub(crate) folder: PathBuf,
    pub(crate) text: String,
    pub(crate) reach: Reach,
    /// The commit that it was read from, if it was.
    pub(crate) revision: Option<String>,
}

/// Which files the layers of a file may be, and refer to.
#[derive(Debug, Default)]
pub(crate) enum Reach {
    /// Somebody named the file, and trusts it.
    #[default]
    Everything,
    /// The file was found: whoever may change it may not read the machine. A real path.
    Within(PathBuf),
}

impl Reach {
    /// Whether a path leads out of it, or into git's own files, which may hold a token.
    pub(super) fn excludes(&self, path: &Path) -> bool {
        let Self::Within(top) = self else {
            return false;
        };
        // It does not exist, or it is an open file without a name.
        let Ok(real) = path.canonicalize() else {
            return path.is_absolute() && !path.starts_with(top);
        };
        match real.strip_prefix(top) {
            Ok(inside) => inside.iter().any(|part| part.eq_ignore_ascii_case(".git")),
            Err(_) => true,
        }
    }
}

/// Whether a path leads to what the system makes up: the environment, open files, devices.
pub(super) fn is_made_up(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let real = [path.canonicalize().ok(), folder];
    let is_below = |path: &PathBuf| {
        ["/proc", "/sys", "/dev"]
            .iter()
            .any(|top| path.starts_with(top))
    };
    real.iter().flatten().any(is_below)
}

/// Reads the file that somebody named; they trust it.
pub(crate) fn named(path: &Path) -> Result<Found, Failure> {
    if let Some(in_commit) = path.to_str().and_then(InCommit::of) {
        return committed(path, in_commit);
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    read(path, file, Reach::Everything)
}

/// Reads a file of a commit. Its paths are those of the working tree, but for what guards a plan.
fn committed(name: &Path, in_commit: InCommit<'_>) -> Result<Found, Failure> {
    let Some(path) = in_commit.path else {
        let message = format!("{}: a file in a commit is git:REV:PATH", name.display());
        return Err(Failure::new(message));
    };
    let text = bounded::in_commit(name, LARGEST);
    let text = text.map_err(|error| Failure::new(format!("{}: {error}", name.display())))?;
    let top = match path.starts_with("./") || path.starts_with("../") {
        true => PathBuf::new(),
        false => std::iter::repeat_n("..", folders_to_top(&here()?)).collect(),
    };
    let file = top.join(path);
    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Found {
        revision: Some(in_commit.revision.to_owned()),
        ..found(name, folder, text, Reach::Everything)
    })
}

/// The current directory.
fn here() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| {
        let failure = Failure::new(format!("the current directory: {}", reason(&error)));
        failure.hint("--context '' looks for no zkt.toml")
    })
}

/// How many folders the top of the git repository lies above this one; none outside of a repository.
fn folders_to_top(here: &Path) -> usize {
    // A repository's `.git` may be a file, too.
    let is_top = |folder: &Path| folder.join(".git").symlink_metadata().is_ok();
    here.ancestors().position(is_top).unwrap_or(0)
}

/// Looks for the file in the current directory and above it, up to the top of the git repository; outside
/// of a repository in the current directory only.
///
/// # Errors
///
/// Another user than root could have written the file: it says where a tree is written.
pub(crate) fn find() -> Result<Option<Found>, Failure> {
    let here = here()?;
    let folders: Vec<&Path> = here.ancestors().take(folders_to_top(&here) + 1).collect();
    let top = folders.last().copied().unwrap_or(&here);
    let mut seen_from_here = PathBuf::new();
    for folder in &folders {
        let path = seen_from_here.join(NAME);
        match path.symlink_metadata() {
            Ok(found) => return trusted(&path, folder, &found, top).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(&path, &error)),
        }
        seen_from_here.push("..");
    }
    Ok(None)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {}", path.display(), reason(error)))
}

/// Reads a file that was found, if only this user and root can have written it.
fn trusted(path: &Path, folder: &Path, found: &Metadata, top: &Path) -> Result<Found, Failure> {
    let name = path.display();
    let refuse = |why: &str| {
        let hint = format!("if you trust it: --config {name}; if not: --context ''");
        Failure::new(format!("{name}: {why}")).hint(hint)
    };
    if found.is_symlink() {
        return Err(refuse("it is a symbolic link"));
    }
    // It may be another file by now, or a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| unreadable(path, &error))?;
    let me = Me::now();
    let opened = file.metadata().map_err(|error| unreadable(path, &error))?;
    if let Some(others) = me.others(&Owned::of(&opened)) {
        return Err(refuse(&format!(
            "{others} can write it, and it says where trees go"
        )));
    }
    let folder = folder.metadata();
    let folder = folder.map_err(|error| unreadable(path, &error))?;
    if let Some(others) = me.others_in(&Owned::of(&folder)) {
        let why = format!("{others} can replace it in its directory, and it says where trees go");
        return Err(refuse(&why));
    }
    let top = top.canonicalize();
    let top = top.map_err(|error| unreadable(path, &error))?;
    read(path, file, Reach::Within(top))
}

fn read(path: &Path, file: File, reach: Reach) -> Result<Found, Failure> {
    let metadata = file.metadata();
    let metadata = metadata.map_err(|error| unreadable(path, &error))?;
    let name = path.display();
    if metadata.is_dir() {
        return Err(Failure::new(format!("{name}: is a directory")));
    }
    let text = bounded::read(file, LARGEST);
    let text = text.map_err(|error| Failure::new(format!("{name}: {error}")))?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(found(path, folder, text, reach))
}

fn found(path: &Path, folder: PathBuf, text: String, reach: Reach) -> Found {
    Found {
        name: path.display().to_string(),
        folder,
        text,
        reach,
        revision: None,
    }
}

/// Who may write something.
struct Owned {
    user: u32,
    group: u32,
    mode: u32,
}

impl Owned {
    fn of(metadata: &Metadata) -> Self {
        Self {
            user: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode(),
        }
    }
}

/// The user who runs zkt.
struct Me {
    user: u32,
    group: u32,
    /// The user who became root with sudo.
    before_sudo: Option<u32>,
}

impl Me {
    fn now() -> Self {
        let user = geteuid();
        let sudo = std::env::var("SUDO_UID").ok().filter(|_| user.is_root());
        Self {
            user: user.as_raw(),
            group: getegid().as_raw(),
            before_sudo: sudo.and_then(|id| id.parse().ok()),
        }
    }

    /// Who else can have written a file.
    fn others(&self, owned: &Owned) -> Option<Others> {
        let is_mine = [0, self.user].contains(&owned.user) || self.before_sudo == Some(owned.user);
        // Where each user has a group of the same number, the usual umask lets that group write.
        let is_private = owned.group == self.group && owned.group == self.user;
        if !is_mine {
            Some(Others::User)
        } else if owned.mode & 0o002 != 0 {
            Some(Others::Everyone)
        } else if owned.mode & 0o020 != 0 && !is_private {
            Some(Others::Group)
        } else {
            None
        }
    }

    /// Who else can have put another file in the place of one of mine in a directory.
    fn others_in(&self, folder: &Owned) -> Option<Others> {
        let is_sticky = folder.mode & 0o1000 != 0;
        let mode = match is_sticky {
            // Only the owners of file and directory may do that.
            true => folder.mode & !0o022,
            false => folder.mode,
        };
        self.others(&Owned { mode, ..*folder })
    }
}

/// Who may write something, besides this user and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    User,
    Everyone,
    Group,
}

impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "another user",
            Self::Everyone => "every user",
            Self::Group => "a group",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Me = Me {
        user: 1000,
        group: 1000,
        before_sudo: None,
    };

    fn owned(user: u32, group: u32, mode: u32) -> Owned {
        Owned { user, group, mode }
    }

    #[test]
    fn only_this_user_and_root_may_write() {
        use Others::{Everyone, Group, User};
        for (user, group, mode, others) in [
            (1000, 100, 0o644, None),
            (0, 0, 0o644, None),
            (1001, 100, 0o644, Some(User)),
            (1000, 100, 0o646, Some(Everyone)),
            (1000, 100, 0o664, Some(Group)),
            // The group that only this user is in.
            (1000, 1000, 0o664, None),
            (0, 1000, 0o666, Some(Everyone)),
        ] {
            let found = ME.others(&owned(user, group, mode));
            assert_eq!(found, others, "{user} {group} {mode:o}");
        }
        let root = Me {
            user: 0,
            group: 0,
            before_sudo: None,
        };
        assert_eq!(root.others(&owned(1000, 1000, 0o644)), Some(User));
        let by_sudo = Me {
            before_sudo: Some(1000),
            ..root
        };
        assert_eq!(by_sudo.others(&owned(1000, 1000, 0o644)), None);
    }

    #[test]
    fn only_this_user_and_root_may_replace() {
        let folder = |user, mode| ME.others_in(&owned(user, 100, mode));
        assert_eq!(folder(1000, 0o755), None);
        assert_eq!(folder(1000, 0o777), Some(Others::Everyone));
        assert_eq!(folder(0, 0o1777), None);
        assert_eq!(folder(1001, 0o1777), Some(Others::User));
    }
}

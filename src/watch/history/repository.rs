//! The repository of a history: a bare one, which nobody else writes.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};

use super::commits::{self, Commit};
use super::text::{file_of, node_of};
use crate::model::path::ZPath;
use crate::watch::git;

/// What shows that a repository is a history. It stands beside git's own files, and is locked by whoever
/// records.
const MARKER: &str = "zkt-history";

const BRANCH: &str = "refs/heads/main";

/// Variables that would lead git elsewhere.
const FOREIGN: [&str; 10] = [
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_QUARANTINE_PATH",
];

/// How long git may take. The first commit has all nodes, and discs may be slow.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why nothing can be recorded in a directory.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It holds something else.
    #[error("{} is neither empty nor a history of zkt's", .0.display())]
    Foreign(PathBuf),
    /// It is the history of another part of a tree, or of another version.
    #[error("{} is the history of something else: {found:?}, not {expected:?}", .dir.display())]
    Other {
        /// The directory.
        dir: PathBuf,
        /// What it says of itself.
        found: String,
        /// What would be recorded.
        expected: String,
    },
    /// Others than its owner may look into it.
    #[error("others than its owner may look into {}", .0.display())]
    Shared(PathBuf),
    /// Another process records in it.
    #[error("another watch records in {}", .0.display())]
    Locked(PathBuf),
    /// It cannot be used.
    #[error("cannot record in {}: {reason}", .dir.display())]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// The repository, as long as this process records in it.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) dir: PathBuf,
    /// Locked.
    _marker: File,
}

/// What is recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// The nodes, each with its text.
    pub(super) nodes: Vec<(ZPath, String)>,
    /// The transaction up to which it is complete; `None` if nothing is recorded.
    pub(super) zxid: Option<i64>,
}

impl Repository {
    /// Opens the history in a directory, or begins it in an empty one.
    pub(super) fn open(dir: &Path, place: &ZPath) -> Result<Self, HistoryError> {
        let unusable = |error: io::Error| HistoryError::Unusable {
            dir: dir.to_owned(),
            reason: error.to_string(),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(unusable)?;
        // Git is run elsewhere.
        let dir = fs::canonicalize(dir).map_err(unusable)?;
        let expected = format!("zkt history 1 of {place}\n");
        let marker = dir.join(MARKER);
        let is_new = !marker.exists();
        if is_new {
            if fs::read_dir(&dir).map_err(unusable)?.next().is_some() {
                return Err(HistoryError::Foreign(dir));
            }
            fs::set_permissions(&dir, Permissions::from_mode(0o700)).map_err(unusable)?;
        }
        let mut options = File::options();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&marker).map_err(unusable)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(HistoryError::Locked(dir));
        }
        let mut found = String::new();
        file.read_to_string(&mut found).map_err(unusable)?;
        if found.is_empty() {
            file.write_all(expected.as_bytes()).map_err(unusable)?;
        } else if found != expected {
            return Err(HistoryError::Other {
                dir,
                found: found.trim().to_owned(),
                expected: expected.trim().to_owned(),
            });
        }
        let mode = fs::metadata(&dir).map_err(unusable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(HistoryError::Shared(dir));
        }
        let repository = Self { dir, _marker: file };
        repository
            .begin()
            .map_err(|reason| HistoryError::Unusable {
                dir: repository.dir.clone(),
                reason,
            })?;
        Ok(repository)
    }

    /// Makes the repository if it is not there yet.
    fn begin(&self) -> Result<(), String> {
        let init = ["init", "--bare", "--shared=0600", "--quiet", "--template="];
        self.run(&init, Vec::new())?;
        self.run(&["symbolic-ref", "HEAD", BRANCH], Vec::new())?;
        // Nobody else locks it: whoever did was killed.
        self.unlock()?;
        self.sweep();
        Ok(())
    }

    /// Removes what a git has left that failed or was killed: its report, and files that it had not finished.
    /// Nobody needs them, and each try on a full disk would leave more.
    fn sweep(&self) {
        let leftovers = [
            ("", "fast_import_crash_"),
            ("objects/pack", "tmp_pack_"),
            ("objects/pack", "tmp_idx_"),
        ];
        for (folder, begun) in leftovers {
            let entries = fs::read_dir(self.dir.join(folder)).into_iter().flatten();
            for entry in entries.flatten() {
                if entry.file_name().to_string_lossy().starts_with(begun) {
                    _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Removes the lock that a git has left.
    fn unlock(&self) -> Result<(), String> {
        match fs::remove_file(self.dir.join(format!("{BRANCH}.lock"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    /// What is wrong, after git has failed. The lock of one that was killed does not outlive it; that of
    /// somebody else, for which it failed, stays.
    fn failed(&self, error: git::Error) -> String {
        self.sweep();
        match error {
            git::Error::Failed(reason) => reason,
            git::Error::Killed(reason) => match self.unlock() {
                Ok(()) => reason,
                Err(error) => format!("{reason}; its lock stays: {error}"),
            },
        }
    }

    /// Git in this repository and no other, without anybody's configuration, hooks or helpers.
    fn run(&self, args: &[&str], input: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut command = Command::new("git");
        for variable in FOREIGN {
            command.env_remove(variable);
        }
        command
            .args(["--no-pager", "-c", "core.hooksPath=/dev/null"])
            .args(["-c", "core.fsmonitor=false", "-c", "gc.autoDetach=false"])
            .args(args)
            .current_dir("/")
            .env("GIT_DIR", &self.dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_DEFAULT_HASH", "sha1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C");
        git::run(command, input, PATIENCE).map_err(|error| self.failed(error))
    }

    /// Whether there is a commit.
    fn has_commits(&self) -> Result<bool, String> {
        let list = ["for-each-ref", "--format=%(refname)", BRANCH];
        let listed = self.run(&list, Vec::new())?;
        // Git leaves out what it cannot read.
        match listed.is_empty() {
            true if self.dir.join(BRANCH).exists() => Err(format!("{BRANCH} is broken")),
            is_empty => Ok(!is_empty),
        }
    }

    /// What the last commit holds.
    pub(super) fn recorded(&self) -> Result<Recorded, String> {
        if !self.has_commits()? {
            return Ok(Recorded::default());
        }
        let message = self.run(&["log", "-1", "--format=%B", BRANCH], Vec::new())?;
        let zxid = commits::zxid_of(&String::from_utf8_lossy(&message));
        let listed = self.run(&["ls-tree", "-r", "-z", "--full-tree", BRANCH], Vec::new())?;
        let entries = listed.split(|byte| *byte == 0);
        let node = |entry: &[u8]| {
            let entry = std::str::from_utf8(entry).ok()?;
            let (head, file) = entry.split_once('\t')?;
            Some((node_of(file)?, head.rsplit(' ').next()?.to_owned()))
        };
        let (paths, hashes): (Vec<_>, Vec<_>) = entries.filter_map(node).unzip();
        let texts = self.texts(&hashes)?;
        Ok(Recorded {
            nodes: paths.into_iter().zip(texts).collect(),
            zxid: Some(zxid.unwrap_or_default()),
        })
    }

    /// The texts that have these hashes.
    fn texts(&self, hashes: &[String]) -> Result<Vec<String>, String> {
        let batch = ["cat-file", "--batch=%(objectsize)"];
        let printed = self.run(&batch, (hashes.join("\n") + "\n").into_bytes())?;
        let mut rest = printed.as_slice();
        let mut next = || {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let size: usize = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
            let text = rest.get(end + 1..end + 1 + size)?;
            rest = rest.get(end + 1 + size + 1..)?;
            Some(String::from_utf8_lossy(text).into_owned())
        };
        let text = |hash| next().ok_or_else(|| format!("the object {hash} cannot be read"));
        hashes.iter().map(text).collect()
    }

    /// Makes these commits, all or none. Git keeps no copy of the files outside of its objects, so that
    /// the cost is that of what changed.
    pub(super) fn commit(&self, commits: &[Commit]) -> Result<(), String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let mut stream = Vec::new();
        for (i, commit) in commits.iter().enumerate() {
            let (at, message) = (commit.at, &commit.message);
            let length = message.len();
            let head = format!(
                "commit {BRANCH}\nauthor zkt <zkt@localhost> {at} +0000\n\
                 committer zkt <zkt@localhost> {now} +0000\ndata {length}\n{message}\n"
            );
            stream.extend_from_slice(head.as_bytes());
            if i == 0 && self.has_commits()? {
                stream.extend_from_slice(format!("from {BRANCH}^0\n").as_bytes());
            }
            for change in &commit.changes {
                let file = file_of(&change.path);
                let line = match &change.text {
                    Some(text) => format!("M 100644 inline {file}\ndata {}\n{text}\n", text.len()),
                    None => format!("D {file}\n"),
                };
                stream.extend_from_slice(line.as_bytes());
            }
        }
        // Without this word at its end, what came before does not count.
        stream.extend_from_slice(b"done\n");
        let import = ["fast-import", "--quiet", "--done", "--date-format=raw"];
        self.run(&import, stream).map(drop)
    }

    /// Packs what many commits have left, if it is time.
    pub(super) fn tidy(&self) -> Result<(), String> {
        self.run(&["gc", "--auto", "--quiet"], Vec::new()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn begun() -> (tempfile::TempDir, Repository) {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::open(dir.path(), &ZPath::root()).unwrap();
        (dir, repository)
    }

    fn add(path: &str) -> Commit {
        let path = ZPath::parse(path).unwrap();
        Commit {
            message: "add\n\nZxid: 0x11\n".to_owned(),
            at: 0,
            changes: vec![commits::Change {
                text: Some(format!("{path}\n")),
                path,
                became: commits::Became::Added,
                written: None,
            }],
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let (_dir, repository) = begun();
        assert!(repository.recorded().unwrap().nodes.is_empty());
        repository.commit(&[add("/a"), add("/b")]).unwrap();
        repository.commit(&[add("/a/b c")]).unwrap();
        let recorded = repository.recorded().unwrap();
        let nodes = recorded.nodes.iter();
        let nodes: Vec<_> = nodes.map(|(path, text)| (path.as_str(), &**text)).collect();
        assert_eq!(
            nodes,
            [("/a", "/a\n"), ("/a/b c", "/a/b c\n"), ("/b", "/b\n")]
        );
        assert_eq!(recorded.zxid, Some(0x11));
        // As after a loss of power.
        fs::write(repository.dir.join(BRANCH), "").unwrap();
        assert!(repository.recorded().is_err());
        assert!(repository.commit(&[add("/c")]).is_err());
    }

    #[test]
    fn what_a_failed_git_has_left_goes() {
        let (_dir, repository) = begun();
        repository.commit(&[add("/a")]).unwrap();
        let pack = repository.dir.join("objects/pack");
        let left = || {
            let folders = [repository.dir.as_path(), &pack];
            let entries = folders.map(|folder| fs::read_dir(folder).unwrap().flatten());
            let names = entries.into_iter().flatten().map(|entry| entry.file_name());
            let is_left = |name: &String| name.starts_with("tmp_") || name.contains("_crash_");
            names
                .filter_map(|name| name.into_string().ok())
                .filter(is_left)
                .count()
        };
        fs::create_dir_all(&pack).unwrap();
        fs::write(pack.join("tmp_pack_x"), "").unwrap();
        // It reports what it cannot do in a file of the repository.
        let bad = b"commit refs/heads/x\nnonsense\n".to_vec();
        let import = ["fast-import", "--quiet", "--done"];
        assert!(repository.run(&import, bad).is_err());
        assert_eq!(left(), 0);
        assert_eq!(repository.recorded().unwrap().nodes.len(), 1);
    }

    #[test]
    fn a_history_with_long_names_can_be_checked_out() {
        let (_dir, repository) = begun();
        let long = format!("/{}", "a".repeat(600));
        let nodes = [long.clone(), format!("{long}/b"), format!("{long}b")];
        let commits: Vec<Commit> = nodes.iter().map(|node| add(node)).collect();
        repository.commit(&commits).unwrap();
        let recorded = repository.recorded().unwrap().nodes;
        let mut recorded: Vec<_> = recorded.iter().map(|(path, _)| path.as_str()).collect();
        recorded.sort_unstable();
        assert_eq!(recorded, nodes);
        let to = tempfile::tempdir().unwrap();
        let cloned = Command::new("git")
            .args(["clone", "-q", "-b", "main"])
            .args([&repository.dir, &to.path().join("clone")])
            .output()
            .unwrap();
        assert!(cloned.status.success(), "{cloned:?}");
        let file = to
            .path()
            .join("clone")
            .join(file_of(&ZPath::parse(&nodes[1]).unwrap()));
        assert_eq!(fs::read_to_string(file).unwrap(), format!("{}\n", nodes[1]));
    }

    #[test]
    fn the_lock_of_a_git_that_was_killed_goes_and_that_of_another_stays() {
        let (_dir, repository) = begun();
        let lock = repository.dir.join(format!("{BRANCH}.lock"));
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(&lock, "").unwrap();
        let run = |words: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", words]);
            git::run(command, Vec::new(), PATIENCE).map_err(|error| repository.failed(error))
        };
        assert_eq!(run("echo no >&2; exit 1"), Err("no".to_owned()));
        assert!(lock.exists());
        assert!(run("kill -9 $$").unwrap_err().contains("signal: 9"));
        assert!(!lock.exists());
    }

    #[test]
    fn nobody_else_may_look_into_it() {
        let dir = tempfile::tempdir().unwrap();
        // Until it executes git, a process that another test has started holds the lock as well.
        let open = || loop {
            match Repository::open(dir.path(), &ZPath::root()) {
                Err(HistoryError::Locked(_)) => std::thread::yield_now(),
                opened => break opened,
            }
        };
        let set = |mode| fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
        set(0o755);
        let repository = open().unwrap();
        assert_eq!(mode_of(dir.path()), 0o700);
        repository.commit(&[add("/a")]).unwrap();
        for file in [MARKER, BRANCH, "objects"] {
            assert_eq!(mode_of(&repository.dir.join(file)) & 0o077, 0, "{file}");
        }
        drop(repository);
        open().unwrap();
        for mode in [0o750, 0o705] {
            set(mode);
            assert!(matches!(open(), Err(HistoryError::Shared(_))), "{mode:o}");
        }
    }
}

//! The newest sound tree that the files have declared.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::commit::Commits;
use super::error::Error;
use super::files::FileWatch;
use super::journal::Journal;
use super::revision::{FileState, Kept, Loaded, Reading, Revision, WatchedLayers, Wording};
use super::revision::{absolute, vanished};
use super::schedule::{Cause, Causes};
use super::settling::{self, Settling};
use super::shown::{OfFiles, Shown};
use super::writers;

/// How long files must be quiet before they are read. They are taken later.
const CALM: Duration = Duration::from_millis(60);

/// Interval in which a file that is being written is looked at again, if no event says that it is
/// closed.
const UNFINISHED: Duration = Duration::from_secs(1);

/// How often files are read again if they change while they are read.
const MOST_READINGS: usize = 4;

/// What the files declare, what that depends on, and their commit.
type Read = Result<(Loaded, Journal, Option<String>), Unfinished>;

/// What readings go by.
#[derive(Debug, Clone)]
struct Reader {
    /// Whoever reads holds it all the while, also after nobody waits for that reading any more: only threads that may
    /// block ask for it.
    reading: Arc<Mutex<Reading>>,
    commits: Arc<Mutex<Commits>>,
    /// Files are not read while they are written.
    waits: bool,
}

/// A file that somebody is writing.
#[derive(Debug)]
struct Unfinished(PathBuf);

/// The last sound tree, and what becomes of it as the files change.
pub(super) struct Newest {
    reader: Reader,
    kept: Kept,
    wording: Wording,
    /// A reading that was begun before it is due.
    begun: Option<JoinHandle<Option<Read>>>,
    /// What the last reading that came to something found.
    taken: FileState,
    awaited: Awaited,
    /// `None` if files are read only when somebody asks.
    files: Option<FileWatch>,
    settling: Settling,
}

/// Why newer files are not taken yet.
#[derive(Debug)]
enum Awaited {
    /// There are none.
    Nothing,
    /// They are to stay as they are until then.
    Rest(Instant),
    /// Somebody is writing this one.
    Close {
        path: PathBuf,
        /// When to look again; `None` once that is over.
        again: Option<Instant>,
    },
}

impl Awaited {
    /// When to look again.
    fn due(&self) -> Option<Instant> {
        match self {
            Self::Nothing => None,
            Self::Rest(due) => Some(*due),
            Self::Close { again, .. } => *again,
        }
    }

    /// It was looked at.
    fn look(&mut self) {
        match self {
            Self::Nothing => {}
            Self::Rest(_) => *self = Self::Nothing,
            Self::Close { again, .. } => *again = None,
        }
    }
}

impl Newest {
    pub(super) fn new(layers: WatchedLayers, files: Option<FileWatch>) -> Self {
        let wording = layers.wording;
        let reading = Reading::new(layers);
        Self {
            kept: reading.kept(),
            wording,
            reader: Reader {
                reading: Arc::new(Mutex::new(reading)),
                commits: Arc::default(),
                waits: files.is_some(),
            },
            begun: None,
            taken: FileState::default(),
            awaited: Awaited::Nothing,
            files,
            settling: Settling::default(),
        }
    }

    /// Waits until files may have changed.
    ///
    /// # Cancellation safety
    /// What has changed stays known.
    pub(super) async fn changed(&mut self) {
        let (files, due) = (&mut self.files, self.awaited.due());
        let hint = async {
            match files {
                Some(files) => files.changed().await,
                None => std::future::pending().await,
            }
        };
        let later = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = hint => {}
            () = later => self.awaited.look(),
        }
    }

    /// Reads files before they have been quiet for long enough. If they change again, that is begun
    /// anew.
    pub(super) fn begin_reading(&mut self) {
        if let Some(begun) = self.begun.take() {
            begun.abort();
        }
        let reader = self.reader.clone();
        self.begun = Some(tokio::spawn(async move {
            tokio::time::sleep(CALM).await;
            reader.read().await
        }));
    }

    /// Reads the files, and parses them where they differ. What that depends on is watched from then on.
    pub(super) async fn read(&mut self, causes: &Causes, shown: &mut Shown) {
        // There was no sign of a change since that reading was begun.
        let mut begun = self
            .begun
            .take()
            .filter(|_| causes.are_only(&[Cause::Files, Cause::Live]));
        // Directories that come and go while they are read are looked at again, up to a point; the
        // timer does the rest.
        for _ in 0..4 {
            let written = self.files.as_mut().and_then(FileWatch::unfinished);
            let read = match (written, begun.take()) {
                (Some(path), _) => Some(Err(Unfinished(path))),
                (None, Some(begun)) => begun.await.ok().flatten(),
                (None, None) => self.reader.clone().read().await,
            };
            let Some(read) = read else {
                shown.files(OfFiles::Unread);
                return;
            };
            let (loaded, journal, commit) = match read {
                Ok(read) => read,
                Err(Unfinished(path)) => {
                    self.note_unfinished(path, shown);
                    break;
                }
            };
            self.take(loaded, &journal, commit, shown);
            let is_other = self.follow(&journal, shown);
            match self.awaited.due() {
                // There is nothing to do before.
                Some(due) if self.taken.in_force().is_none() => sleep_until(due).await,
                _ if is_other => {}
                _ => break,
            }
        }
    }

    /// Puts what the files declare in force, unless they may change again in a moment.
    fn take(
        &mut self,
        loaded: Loaded,
        journal: &Journal,
        commit: Option<String>,
        shown: &mut Shown,
    ) {
        self.awaited = Awaited::Nothing;
        let in_force = self.taken.in_force().cloned();
        self.taken = match (loaded, in_force) {
            // Nothing was read before.
            (Loaded::Same, None) => return,
            (Loaded::Same, Some(revision)) => {
                self.settling.reset();
                FileState::Sound { revision, commit }
            }
            (Loaded::Sound(revision), in_force) => {
                let vanished = in_force
                    .as_deref()
                    .and_then(|old| vanished(old, &revision, self.wording));
                if let Some(broken) = vanished {
                    self.settling.reset();
                    FileState::Broken {
                        broken,
                        commit,
                        in_force,
                    }
                } else {
                    if let Some(due) = self.wait_for(&revision, journal, shown) {
                        self.awaited = Awaited::Rest(due);
                        return;
                    }
                    self.kept.keep(&revision, journal.clone());
                    FileState::Sound { revision, commit }
                }
            }
            (Loaded::Broken(broken), in_force) => {
                self.settling.reset();
                FileState::Broken {
                    broken,
                    commit,
                    in_force,
                }
            }
        };
        shown.files(OfFiles::Taken(self.taken.clone()));
    }

    /// Watches what was read. Returns whether a directory is watched now that was not before.
    fn follow(&mut self, journal: &Journal, shown: &mut Shown) -> bool {
        let Some(files) = &mut self.files else {
            return false;
        };
        let is_other = files.follow(journal);
        if let Some(error) = files.trouble() {
            shown.files(OfFiles::Unwatched(error));
        }
        is_other
    }

    /// When to look again whether newer files may be taken; `None` if they may be now.
    fn wait_for(
        &mut self,
        newer: &Revision,
        journal: &Journal,
        shown: &mut Shown,
    ) -> Option<Instant> {
        let files = self.files.as_ref()?;
        let in_force = self.taken.in_force();
        let youngest = match in_force {
            None => settling::youngest(journal.files(), SystemTime::now()),
            Some(_) => None,
        };
        let quiet = match youngest {
            Some(_) => settling::REMOVAL,
            None => settling::quiet(in_force.map(Arc::as_ref), newer, files.is_polled()),
        };
        let contents = format!("{} {:x}", newer.id, journal.secrets());
        let due = self.settling.wait(&contents, quiet, Instant::now());
        if let (Some(path), Some(_)) = (youngest, due) {
            shown.files(OfFiles::Young(path));
        }
        due
    }

    fn note_unfinished(&mut self, path: PathBuf, shown: &mut Shown) {
        let is_known = matches!(&self.awaited, Awaited::Close { path: last, .. } if *last == path);
        if !is_known {
            shown.files(OfFiles::Unfinished(&path));
        }
        self.awaited = Awaited::Close {
            path,
            again: Some(Instant::now() + UNFINISHED),
        };
    }

    /// The last sound tree, or why there is none yet.
    pub(super) fn sound(&self) -> Result<Arc<Revision>, Error> {
        if let Some(revision) = self.taken.in_force() {
            return Ok(revision.clone());
        }
        let broken = self.taken.broken();
        let first = broken.and_then(|broken| broken.errors.first().cloned());
        let first = first.or_else(|| match &self.awaited {
            Awaited::Nothing => None,
            Awaited::Rest(_) => Some("the files keep changing".to_owned()),
            Awaited::Close { path, .. } => Some(format!("{} is being written", path.display())),
        });
        Err(Error::Source {
            first: first.unwrap_or_default(),
            only_empty: broken.is_some_and(|broken| broken.only_empty),
        })
    }
}

impl Reader {
    /// Reads files on a thread where that may take its time.
    async fn read(self) -> Option<Read> {
        let read = move || {
            let (loaded, journal, layers) = self.read_files()?;
            // Git may take its time, too, but keeps nobody from the files.
            let texts: Vec<PathBuf> = journal.texts().map(absolute).collect();
            let commit = locked(&self.commits).of(&layers, &texts, &journal.revision(None));
            Ok((loaded, journal, commit))
        };
        tokio::task::spawn_blocking(read).await.ok()
    }

    fn read_files(&self) -> Result<(Loaded, Journal, Vec<PathBuf>), Unfinished> {
        let reading = locked(&self.reading);
        for _ in 0..MOST_READINGS {
            let (loaded, journal) = reading.read();
            if self.waits && !matches!(loaded, Loaded::Same) {
                if let Some(path) = writers::find(journal.files()) {
                    return Err(Unfinished(path));
                }
                // Its writer may have closed it after it was read.
                if !reading.is_still(&journal) {
                    continue;
                }
            }
            return Ok((loaded, journal, reading.layers()));
        }
        let (loaded, journal) = reading.read();
        Ok((loaded, journal, reading.layers()))
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::advance;

    use super::super::{Mode, Options};
    use super::*;
    use crate::reconcile;
    use crate::zookeeper::session;

    /// A file that was written long ago.
    fn old(path: &std::path::Path, text: &str) {
        fs::write(path, text).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        let hour = Duration::from_secs(3600);
        file.set_modified(SystemTime::now() - hour).unwrap();
    }

    fn shown(layers: &WatchedLayers) -> Shown {
        Shown::new(&Options {
            layers: layers.clone(),
            session: session::Options::new("127.0.0.1:1"),
            mode: Mode::Enforce,
            plan: reconcile::Options::default(),
            pace: super::super::schedule::Pace::default(),
            poll: None,
            elect: None,
            history: None,
        })
    }

    /// Else the loop would stand still with a disk.
    #[test]
    fn files_are_taken_while_a_reading_that_was_given_up_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("a.zkt");
        let layers = WatchedLayers::of(&tree);
        let (mut shown, mut newest) = (shown(&layers), Newest::new(layers, None));
        let reading = newest.reader.reading.clone();
        for text in ["/a\n", "/b\n"] {
            fs::write(&tree, text).unwrap();
            let goes_on = reading.lock().unwrap();
            let (loaded, journal) = goes_on.read();
            // Where that asked for the lock, it would not come back.
            newest.take(loaded, &journal, None, &mut shown);
            assert!(matches!(goes_on.read().0, Loaded::Same), "{text}");
        }
        let revision = newest.sound().unwrap();
        assert!(
            revision
                .source
                .tree()
                .iter()
                .any(|(path, _)| path.as_str() == "/b")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_taken_once_it_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, secret) = (folder.path().join("a.zkt"), folder.path().join("s"));
        old(&tree, "/a\n  @secret x from file 's'\n");
        old(&secret, "one");
        let layers = WatchedLayers::of(&tree);
        let mut shown = shown(&layers);
        let second = Duration::from_secs(1);
        let mut newest = Newest::new(layers, Some(FileWatch::new(Some(second))));
        for (written, later, expected) in [
            (None, Duration::ZERO, "one"),
            (Some("tw"), Duration::ZERO, "one"),
            (None, second, "one"),
            (Some("two"), Duration::ZERO, "one"),
            // The first half was there for 2 s, and the whole for 1 s only.
            (None, second, "one"),
            (None, second, "two"),
            // Gone, empty, and back: what was taken last counts.
            (Some(""), second * 5, "two"),
            (Some("two"), Duration::ZERO, "two"),
        ] {
            if let Some(text) = written {
                fs::write(&secret, text).unwrap();
            }
            advance(later).await;
            newest.read(&Cause::Timer.into(), &mut shown).await;
            let revision = newest.sound().unwrap();
            let (_, node) = revision.source.tree().iter().next().unwrap();
            assert_eq!(node.properties()["x"], expected, "{written:?} {later:?}");
        }
        assert!(shown.state().files.broken().is_none());
    }
}

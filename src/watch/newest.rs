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
use super::schedule::{Cause, Causes};
use super::settling::{self, Settling};
use super::shown::{OfFiles, Shown};
use super::source::{Broken, Layers, Outcome, Reading, Source, absolute};
use super::writers;

/// How long files must be quiet before they are read. They are taken later.
const CALM: Duration = Duration::from_millis(60);

/// Interval in which a file that is being written is looked at again, if no event tells that it is
/// closed.
const UNFINISHED: Duration = Duration::from_secs(1);

/// How often files are read again if they change while they are read.
const MOST_READINGS: usize = 4;

/// What the files declare, what that depends on, and their commit.
type Read = Result<(Outcome, Journal, Option<String>), Unfinished>;

/// What readings go by.
#[derive(Debug, Clone)]
struct Reader {
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
    /// A reading that was begun before it is due.
    begun: Option<JoinHandle<Option<Read>>>,
    good: Option<Arc<Source>>,
    /// Why the newest files are not in force.
    broken: Option<Broken>,
    /// `None` if files are read only when somebody asks.
    files: Option<FileWatch>,
    settling: Settling,
    /// When to look again whether newer files may be taken.
    again: Option<Instant>,
    /// The file that is waited for.
    unfinished: Option<PathBuf>,
}

impl Newest {
    pub(super) fn new(layers: Layers, files: Option<FileWatch>) -> Self {
        Self {
            reader: Reader {
                reading: Arc::new(Mutex::new(Reading::new(layers))),
                commits: Arc::default(),
                waits: files.is_some(),
            },
            begun: None,
            good: None,
            broken: None,
            files,
            settling: Settling::default(),
            again: None,
            unfinished: None,
        }
    }

    /// Waits until files may have changed.
    ///
    /// # Cancellation safety
    /// What has changed stays known.
    pub(super) async fn changed(&mut self) {
        let (files, again) = (&mut self.files, self.again);
        let told = async {
            match files {
                Some(files) => files.changed().await,
                None => std::future::pending().await,
            }
        };
        let later = async {
            match again {
                Some(again) => sleep_until(again).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = told => {}
            () = later => self.again = None,
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
        // Nothing has told of a change since that reading was begun.
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
            let (outcome, journal, commit) = match read {
                Ok(read) => read,
                Err(Unfinished(path)) => {
                    self.note_unfinished(path, shown);
                    break;
                }
            };
            self.unfinished = None;
            self.take(outcome, &journal, commit, shown);
            let is_other = self.follow(&journal, shown);
            match self.again {
                // There is nothing to do before.
                Some(again) if self.good.is_none() => sleep_until(again).await,
                _ if is_other => {}
                _ => break,
            }
        }
        if let Some(good) = &self.good {
            shown.files(OfFiles::InForce(good.clone()));
        }
    }

    /// Puts what the files declare in force, unless they may change again in a moment.
    fn take(
        &mut self,
        outcome: Outcome,
        journal: &Journal,
        commit: Option<String>,
        shown: &mut Shown,
    ) {
        self.again = None;
        match outcome {
            Outcome::Same => {
                self.settling.reset();
                self.note_sound(commit, shown);
            }
            Outcome::Sound(newer) => {
                self.again = self.wait_for(&newer, journal, shown);
                if self.again.is_none() {
                    locked(&self.reader.reading).keep(journal.clone());
                    self.good = Some(newer);
                    self.note_sound(commit, shown);
                }
            }
            Outcome::Broken(broken) => {
                self.settling.reset();
                self.note_broken(broken, commit, shown);
            }
        }
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
        newer: &Source,
        journal: &Journal,
        shown: &mut Shown,
    ) -> Option<Instant> {
        let files = self.files.as_ref()?;
        let youngest = match self.good {
            None => settling::youngest(journal.texts(), SystemTime::now()),
            Some(_) => None,
        };
        let quiet = match youngest {
            Some(_) => settling::REMOVAL,
            None => settling::quiet(self.good.as_deref(), newer, files.is_polled()),
        };
        let due = self.settling.wait(&newer.revision, quiet, Instant::now());
        if let (Some(path), Some(_)) = (youngest, due) {
            shown.files(OfFiles::Young(path));
        }
        due
    }

    fn note_unfinished(&mut self, path: PathBuf, shown: &mut Shown) {
        self.again = Some(Instant::now() + UNFINISHED);
        if self.unfinished.as_ref() != Some(&path) {
            shown.files(OfFiles::Unfinished(&path));
        }
        self.unfinished = Some(path);
    }

    fn note_sound(&mut self, commit: Option<String>, shown: &mut Shown) {
        self.broken = None;
        shown.files(OfFiles::Sound { commit });
    }

    fn note_broken(&mut self, broken: Broken, commit: Option<String>, shown: &mut Shown) {
        self.broken = Some(broken.clone());
        shown.files(OfFiles::Broken {
            broken,
            commit,
            in_force: self.good.as_ref().map(|good| good.revision.as_str()),
        });
    }

    /// The last sound tree, or why there is none yet.
    pub(super) fn sound(&self) -> Result<Arc<Source>, Error> {
        if let Some(good) = &self.good {
            return Ok(good.clone());
        }
        let broken = self.broken.as_ref();
        let first = broken.and_then(|broken| broken.errors.first().cloned());
        let written = self.unfinished.as_ref();
        let first = first.or(written.map(|path| format!("{} is being written", path.display())));
        let is_awaited = self.again.is_some();
        let first = first.or(is_awaited.then(|| "the files keep changing".to_owned()));
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
            let (outcome, journal, layers) = self.read_files()?;
            // Git may take its time, too, but keeps nobody from the files.
            let texts: Vec<PathBuf> = journal.texts().map(absolute).collect();
            let commit = locked(&self.commits).of(&layers, &texts, &journal.revision(None));
            Ok((outcome, journal, commit))
        };
        tokio::task::spawn_blocking(read).await.ok()
    }

    fn read_files(&self) -> Result<(Outcome, Journal, Vec<PathBuf>), Unfinished> {
        let reading = locked(&self.reading);
        for _ in 0..MOST_READINGS {
            let (outcome, journal) = reading.read();
            if self.waits && !matches!(outcome, Outcome::Same) {
                if let Some(path) = writers::find(journal.texts()) {
                    return Err(Unfinished(path));
                }
                // Its writer may have closed it after it was read.
                if !reading.is_still(&journal) {
                    continue;
                }
            }
            return Ok((outcome, journal, reading.layers()));
        }
        let (outcome, journal) = reading.read();
        Ok((outcome, journal, reading.layers()))
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

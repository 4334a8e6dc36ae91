//! What files hold, read again when they change.

use std::fmt::{self, Display};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, timeout_at};

/// How long to wait for a slow disk. Afterwards, what is known already is taken.
const PATIENCE: Duration = Duration::from_millis(500);

/// What some files hold.
pub trait Content: Send + Sync + 'static {
    /// What is read.
    type Value: Clone + Send;
    /// Why it cannot be read.
    type Error: Display;

    /// What it is, for the log: `the files of {name} have changed`.
    const NAME: &'static str;

    /// The files.
    fn files(&self) -> Vec<PathBuf>;

    /// Reads them. It may wait for a disk.
    ///
    /// # Errors
    /// They cannot be read, or are no good.
    fn read(&self) -> Result<Self::Value, Self::Error>;

    /// How long the files are not looked at after a look. Default: they are looked at each time.
    fn rest(&self) -> Duration {
        Duration::ZERO
    }

    /// How long what was read counts at most, even if no file has changed. Default: for ever.
    fn lasts(&self) -> Option<Duration> {
        None
    }
}

/// What files hold. They are read again when they change; while they are no good, or cannot be read in
/// time, what they held before counts.
pub struct Reread<C: Content>(Arc<Shared<C>>);

struct Shared<C: Content> {
    content: C,
    held: Mutex<Held<C::Value>>,
    /// Whoever looks at the files has it.
    turn: Arc<AsyncMutex<()>>,
}

struct Held<T> {
    value: T,
    /// When it was read.
    read: Instant,
    /// The files as they are in `value`, or as they were when they were no good.
    marks: Vec<Mark>,
    look: Look,
}

/// The last look at the files.
#[derive(Debug, Clone, Copy)]
enum Look {
    Begun(Instant),
    Ended(Instant),
}

/// What tells whether a file has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    Missing,
    File {
        device: u64,
        number: u64,
        size: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    },
}

impl<C: Content> Reread<C> {
    /// Reads the files, and may wait for a disk.
    ///
    /// # Errors
    /// They cannot be read, or are no good.
    pub fn read(content: C) -> Result<Self, C::Error> {
        // Marks are taken before: what changes in between is read once more.
        let marks = marks(&content);
        let value = content.read()?;
        let now = Instant::now();
        Ok(Self(Arc::new(Shared {
            content,
            held: Mutex::new(Held {
                value,
                read: now,
                marks,
                look: Look::Ended(now),
            }),
            turn: Arc::default(),
        })))
    }

    /// As [`Reread::read`], on a thread that may wait.
    ///
    /// # Errors
    /// Those of [`Reread::read`].
    ///
    /// # Cancellation safety
    /// Files are only read.
    pub async fn load(content: C) -> Result<Self, C::Error>
    where
        C::Error: Send + 'static,
    {
        match tokio::task::spawn_blocking(move || Self::read(content)).await {
            Ok(read) => read,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and this task with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// What is read.
    #[must_use]
    pub fn content(&self) -> &C {
        &self.0.content
    }

    /// What the files hold now, or held when they were last good.
    ///
    /// A disk that does not answer keeps nobody waiting for long, and no more than one thread.
    ///
    /// # Cancellation safety
    /// Files are only read.
    pub async fn current(&self) -> C::Value {
        let shared = &self.0;
        let now = Instant::now();
        let look = shared.held().look;
        let deadline = match look {
            Look::Ended(ended) if now - ended < shared.content.rest() => {
                return shared.held().value.clone();
            }
            Look::Ended(_) => now + PATIENCE,
            Look::Begun(begun) => begun + PATIENCE,
        };
        let looked = async {
            let turn = shared.turn.clone().lock_owned().await;
            shared.held().look = Look::Begun(Instant::now());
            let shared = shared.clone();
            let looking = move || {
                shared.look();
                drop(turn);
            };
            tokio::task::spawn_blocking(looking).await
        };
        _ = timeout_at(deadline, looked).await;
        shared.held().value.clone()
    }
}

impl<C: Content> Shared<C> {
    fn held(&self) -> MutexGuard<'_, Held<C::Value>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files if they have changed, or if it is time to.
    fn look(&self) {
        let ended = Ended(self);
        let marks = marks(&self.content);
        let (changed, old) = {
            let held = self.held();
            let lasts = self.content.lasts();
            let is_old = lasts.is_some_and(|lasts| held.read.elapsed() >= lasts);
            (held.marks != marks, is_old)
        };
        if !changed && !old {
            return;
        }
        let read = self.content.read();
        let mut held = self.held();
        held.marks = marks;
        held.read = Instant::now();
        match read {
            Ok(value) => {
                held.value = value;
                if changed {
                    tracing::info!("the files of {} have changed: they are read again", C::NAME);
                }
            }
            Err(error) => tracing::warn!(
                "the files of {} cannot be used now, and those of before stay in use: {error}",
                C::NAME
            ),
        }
        drop(held);
        drop(ended);
    }
}

impl<C: Content> fmt::Debug for Reread<C> {
    /// What is read may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reread").field(&C::NAME).finish()
    }
}

/// Notes the end of a look, however it ends.
struct Ended<'s, C: Content>(&'s Shared<C>);

impl<C: Content> Drop for Ended<'_, C> {
    fn drop(&mut self) {
        self.0.held().look = Look::Ended(Instant::now());
    }
}

fn marks<C: Content>(content: &C) -> Vec<Mark> {
    content.files().iter().map(|file| mark(file)).collect()
}

fn mark(file: &Path) -> Mark {
    match fs::metadata(file) {
        Ok(data) => Mark::File {
            device: data.dev(),
            number: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        },
        Err(_) => Mark::Missing,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// A number in a file. Reading it may wait until somebody says so.
    struct Number {
        file: PathBuf,
        reads: Arc<AtomicUsize>,
        waits: Mutex<Option<mpsc::Receiver<()>>>,
        rest: Duration,
        lasts: Option<Duration>,
    }

    impl Content for Number {
        type Value = u32;
        type Error = String;

        const NAME: &'static str = "a number";

        fn files(&self) -> Vec<PathBuf> {
            vec![self.file.clone()]
        }

        fn read(&self) -> Result<u32, String> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            if let Some(waits) = &*self.waits.lock().unwrap() {
                waits.recv().unwrap();
            }
            let text = fs::read_to_string(&self.file).map_err(|error| error.to_string())?;
            text.parse().map_err(|_| "it is no number".to_owned())
        }

        fn rest(&self) -> Duration {
            self.rest
        }

        fn lasts(&self) -> Option<Duration> {
            self.lasts
        }
    }

    /// A folder, and the content of a file there.
    fn number() -> (tempfile::TempDir, Number) {
        let folder = tempfile::tempdir().unwrap();
        let number = Number {
            file: folder.path().join("number"),
            reads: Arc::default(),
            waits: Mutex::default(),
            rest: Duration::ZERO,
            lasts: None,
        };
        (folder, number)
    }

    /// Replaces the file as a whole, by one with the time of the old one.
    fn replace(folder: &tempfile::TempDir, text: &str) {
        let (new, file) = (folder.path().join("new"), folder.path().join("number"));
        fs::write(&new, text).unwrap();
        let old = fs::metadata(&file).and_then(|data| data.modified());
        if let Ok(old) = old {
            fs::File::open(&new).unwrap().set_modified(old).unwrap();
        }
        fs::rename(new, file).unwrap();
    }

    #[tokio::test]
    async fn files_are_read_when_they_change_and_kept_while_they_are_no_good() {
        let (folder, number) = number();
        let reads = number.reads.clone();
        replace(&folder, "1");
        let number = Reread::read(number).unwrap();
        assert_eq!((number.current().await, number.current().await), (1, 1));
        assert_eq!(reads.load(Ordering::SeqCst), 1);
        // Neither its size nor its time says so.
        replace(&folder, "2");
        assert_eq!(number.current().await, 2);
        for bad in ["two", ""] {
            replace(&folder, bad);
            assert_eq!((number.current().await, number.current().await), (2, 2));
        }
        fs::remove_file(folder.path().join("number")).unwrap();
        assert_eq!(number.current().await, 2);
        assert_eq!(reads.load(Ordering::SeqCst), 5);
        replace(&folder, "3");
        assert_eq!(number.current().await, 3);
    }

    #[test]
    fn what_was_never_good_is_an_error() {
        let (folder, number) = number();
        replace(&folder, "x");
        assert_eq!(Reread::read(number).err().unwrap(), "it is no number");
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_does_not_answer_takes_one_thread() {
        let (folder, number) = number();
        let reads = number.reads.clone();
        replace(&folder, "1");
        let number = Reread::read(number).unwrap();
        let (answer, waits) = mpsc::channel();
        *number.content().waits.lock().unwrap() = Some(waits);
        replace(&folder, "2");
        for _ in 0..100 {
            let current = number.current();
            let waited = async {
                // The clock stands still while a thread is at work.
                tokio::task::yield_now().await;
                tokio::time::advance(PATIENCE).await;
            };
            let (current, ()) = tokio::join!(current, waited);
            assert_eq!(current, 1);
        }
        answer.send(()).unwrap();
        while number.current().await == 1 {}
        assert_eq!(number.current().await, 2);
        assert_eq!(reads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn files_are_left_alone_and_read_again_in_time() {
        let (folder, mut number) = number();
        let reads = number.reads.clone();
        let hour = Duration::from_secs(3600);
        (number.rest, number.lasts) = (Duration::from_secs(1), Some(hour));
        replace(&folder, "1");
        let number = Reread::read(number).unwrap();
        replace(&folder, "2");
        assert_eq!(number.current().await, 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(number.current().await, 2);
        for expected in [2, 3, 4] {
            assert_eq!(reads.load(Ordering::SeqCst), expected);
            tokio::time::advance(hour).await;
            assert_eq!(number.current().await, 2);
        }
    }
}

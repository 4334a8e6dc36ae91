//! The newest sound tree that the files have declared.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::error::Error;
use super::files::FileWatch;
use super::journal::Journal;
use super::schedule::{Cause, Causes};
use super::source::{Broken, Layers, Outcome, Reading, Source};
use super::state::State;

/// So long files must be quiet before they are read, though nothing is done about them yet.
const CALM: Duration = Duration::from_millis(60);

/// What the files declare, what that depends on, and their commit.
type Read = (Outcome, Journal, Option<String>);

/// The last sound tree, and what becomes of it as the files change.
pub(super) struct Newest {
    reading: Arc<Mutex<Reading>>,
    /// A reading that was begun before it is due.
    begun: Option<JoinHandle<Option<Read>>>,
    good: Option<Arc<Source>>,
    /// None where files are read only when they are asked for.
    files: Option<FileWatch>,
}

impl Newest {
    pub(super) fn new(layers: Layers, files: Option<FileWatch>) -> Self {
        Self {
            reading: Arc::new(Mutex::new(Reading::new(layers))),
            begun: None,
            good: None,
            files,
        }
    }

    /// Waits until files may have changed.
    ///
    /// # Cancellation safety
    /// What has changed stays known.
    pub(super) async fn changed(&mut self) {
        match &mut self.files {
            Some(files) => files.changed().await,
            None => std::future::pending().await,
        }
    }

    /// Reads files before they have been quiet for long enough. If they change again, that is begun
    /// anew.
    pub(super) fn begin_reading(&mut self) {
        if let Some(begun) = self.begun.take() {
            begun.abort();
        }
        let reading = self.reading.clone();
        self.begun = Some(tokio::spawn(async move {
            tokio::time::sleep(CALM).await;
            read(reading).await
        }));
    }

    /// Reads the files and parses what differs. What that depends on is watched from then on.
    pub(super) async fn read(&mut self, causes: &Causes, shown: &mut State) {
        // Nothing has told of a change since that reading was begun.
        let mut begun = self
            .begun
            .take()
            .filter(|_| causes.are_only(&[Cause::Files, Cause::Live]));
        // Directories that come and go while they are read are looked at again, up to a point; the
        // timer does the rest.
        for _ in 0..4 {
            let read = match begun.take() {
                Some(begun) => begun.await.ok().flatten(),
                None => read(self.reading.clone()).await,
            };
            let Some((outcome, journal, commit)) = read else {
                tracing::error!("reading the files came to no end");
                return;
            };
            match outcome {
                Outcome::Same => self.note_sound(shown),
                Outcome::Sound(candidate) => {
                    let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
                    self.good = Some(reading.take(*candidate));
                    drop(reading);
                    self.note_sound(shown);
                }
                Outcome::Broken(broken) => self.note_broken(broken, shown),
            }
            shown.commit = commit;
            let files = self.files.as_mut();
            if !files.is_some_and(|files| files.follow(&journal)) {
                break;
            }
        }
        shown.source.clone_from(&self.good);
    }

    fn note_sound(&self, shown: &mut State) {
        if shown.broken.take().is_some() {
            tracing::info!("the files declare a sound tree again");
        }
    }

    fn note_broken(&self, broken: Broken, shown: &mut State) {
        // The same mistakes in files that otherwise differ are no news.
        let before = shown.broken.as_ref().map(|broken| &broken.errors);
        if before != Some(&broken.errors) {
            for drawn in &broken.drawn {
                tracing::error!(revision = broken.revision, "{drawn}");
            }
            let force = self.good.as_ref().map(|good| good.revision.as_str());
            let then = match force {
                Some(_) => "the last sound one stays in force",
                None => "nothing is written before they do",
            };
            tracing::error!(
                errors = broken.errors.len(),
                in_force = force.unwrap_or("none"),
                "the files declare no sound tree; {then}"
            );
        }
        shown.broken = Some(broken);
    }

    /// The last sound tree, or why there is none yet.
    pub(super) fn sound(&self, shown: &State) -> Result<Arc<Source>, Error> {
        if let Some(good) = &self.good {
            return Ok(good.clone());
        }
        let broken = shown.broken.as_ref();
        let first = broken.and_then(|broken| broken.errors.first().cloned());
        Err(Error::Source {
            first: first.unwrap_or_default(),
            only_empty: broken.is_some_and(|broken| broken.only_empty),
        })
    }
}

/// Reads files on a thread where that may take its time.
async fn read(reading: Arc<Mutex<Reading>>) -> Option<Read> {
    let read = move || {
        let reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, journal) = reading.read();
        let commit = reading.commit(&journal);
        (outcome, journal, commit)
    };
    tokio::task::spawn_blocking(read).await.ok()
}

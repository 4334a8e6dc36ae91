//! Signs that files may have changed: from the kernel, or by reading them again and again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::journal::{Journal, Texts};
use super::revision::absolute;

/// Maximum number of symbolic links in one path, as in the kernel.
const MAX_LINKS: usize = 40;

/// The names in a directory that count.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    /// All of them; these are texts.
    All(Texts),
    These(BTreeSet<OsString>),
}

type Directories = BTreeMap<PathBuf, Names>;

/// What the kernel's events are held against.
#[derive(Default)]
struct Relevant {
    directories: Directories,
    /// Watched directories that went away: a new one may have the old one's number.
    gone: BTreeSet<PathBuf>,
    /// The real paths of the files that were read.
    texts: BTreeSet<PathBuf>,
    /// Files that were written to and not closed since, each with its last write.
    written: HashMap<PathBuf, Instant>,
}

/// How long a file that was written to and not closed is waited for after its last write: a path can
/// also be cut short without being opened.
const LONGEST_WRITE: Duration = Duration::from_secs(300);

/// Waits for signs that what was read is no longer what is there.
pub(super) struct FileWatch {
    sign: Arc<Notify>,
    relevant: Arc<Mutex<Relevant>>,
    watcher: Option<RecommendedWatcher>,
    /// The watched directories, each with its identity.
    watched: HashMap<PathBuf, Option<Identity>>,
    poll: Option<Interval>,
    /// Why not all files can be watched, until somebody asks.
    trouble: Option<notify::Error>,
}

impl FileWatch {
    /// With `poll`, or where the kernel's events cannot be had, files are read in such intervals.
    pub(super) fn new(poll: Option<Duration>) -> Self {
        let sign = Arc::new(Notify::new());
        let relevant: Arc<Mutex<Relevant>> = Arc::default();
        let mut watch = Self {
            sign: sign.clone(),
            relevant: relevant.clone(),
            watcher: None,
            watched: HashMap::new(),
            poll: None,
            trouble: None,
        };
        if let Some(pause) = poll {
            watch.start_polling(pause);
            return watch;
        }
        let on_event = move |event: notify::Result<notify::Event>| {
            let matters = match event {
                Ok(event) => {
                    let mut relevant = relevant.lock().unwrap_or_else(PoisonError::into_inner);
                    note_gone(&event, &mut relevant);
                    note_written(&event, &mut relevant, Instant::now());
                    matters(&event, &relevant.directories)
                }
                // Events were lost, perhaps.
                Err(_) => true,
            };
            if matters {
                sign.notify_one();
            }
        };
        match notify::recommended_watcher(on_event) {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(error) => watch.fall_back(error),
        }
        watch
    }

    /// Waits for a sign that files may have changed.
    ///
    /// # Cancellation safety
    /// Dropping the future loses no sign.
    pub(super) async fn changed(&mut self) {
        let polled = async {
            match &mut self.poll {
                Some(poll) => _ = poll.tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.sign.notified() => {}
            () = polled => {}
        }
    }

    /// Watches whatever the answers in this journal depend on. Returns whether a directory is watched
    /// now that was not before: no event has reported what happened in it until now.
    pub(super) fn follow(&mut self, journal: &Journal) -> bool {
        let directories = directories(journal);
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let mut grown = false;
        let mut failed = None;
        // From here on events are held against what is watched next.
        let gone = {
            let mut relevant = self.relevant.lock().unwrap_or_else(PoisonError::into_inner);
            relevant.directories.clone_from(&directories);
            relevant.texts = journal
                .files()
                .filter_map(|path| std::fs::canonicalize(path).ok())
                .collect();
            std::mem::take(&mut relevant.gone)
        };
        self.watched.retain(|path, _| {
            let stays = directories.contains_key(path);
            if !stays {
                // It may be gone already.
                _ = watcher.unwatch(path);
            }
            stays
        });
        for path in directories.keys() {
            let identity = identity(path);
            if self.watched.get(path) == Some(&identity) && !gone.contains(path) {
                continue;
            }
            // Another directory stands there now: the old watch went with the old one.
            if self.watched.remove(path).is_some() {
                _ = watcher.unwatch(path);
            }
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path.clone(), identity);
                    grown = true;
                }
                // It may have gone just now; then the directory around it has an event.
                Err(error) if path.exists() => failed = Some(error),
                Err(_) => {}
            }
        }
        if let Some(error) = failed {
            self.fall_back(error);
        }
        grown
    }

    /// A file that was written to and not closed since.
    pub(super) fn unfinished(&mut self) -> Option<PathBuf> {
        let mut relevant = self.relevant.lock().unwrap_or_else(PoisonError::into_inner);
        let written = &mut relevant.written;
        written.retain(|path, last| last.elapsed() < LONGEST_WRITE && path.exists());
        written.keys().next().cloned()
    }

    /// Whether files are read now and then.
    pub(super) fn is_polled(&self) -> bool {
        self.poll.is_some()
    }

    /// Returns why not all files can be watched, so that they are read now and then. Returns it once.
    pub(super) fn trouble(&mut self) -> Option<notify::Error> {
        self.trouble.take()
    }

    /// Without the kernel's help files are read now and then.
    fn fall_back(&mut self, error: notify::Error) {
        if self.poll.is_none() {
            self.trouble = Some(error);
            self.start_polling(Duration::from_secs(2));
        }
    }

    fn start_polling(&mut self, pause: Duration) {
        let mut poll = interval(pause);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.poll = Some(poll);
    }
}

fn note_gone(event: &notify::Event, relevant: &mut Relevant) {
    if let EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) = event.kind {
        let paths = event.paths.iter();
        let gone = paths.filter(|path| relevant.directories.contains_key(*path));
        let gone: Vec<PathBuf> = gone.cloned().collect();
        relevant.gone.extend(gone);
    }
}

/// Takes note of the files that are being written.
fn note_written(event: &notify::Event, relevant: &mut Relevant, now: Instant) {
    // Events were lost, and it is not known which.
    if event.need_rescan() {
        relevant.written.clear();
    }
    for path in &event.paths {
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) if is_text(path, relevant) => {
                relevant.written.insert(path.clone(), now);
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Remove(_) => _ = relevant.written.remove(path),
            _ => {}
        }
    }
}

/// Whether a file was read, or will be as a tree file of a directory.
fn is_text(path: &Path, relevant: &Relevant) -> bool {
    let is_new = || {
        let names = path
            .parent()
            .and_then(|parent| relevant.directories.get(parent));
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let is_text = match names {
            Some(Names::All(Texts::All)) => true,
            Some(Names::All(Texts::TreeFiles)) => name.ends_with(b".zkt"),
            Some(Names::These(_)) | None => false,
        };
        is_text && !name.starts_with(b".")
    };
    relevant.texts.contains(path) || is_new()
}

/// Whether an event can be about what was read.
fn matters(event: &notify::Event, relevant: &Directories) -> bool {
    match event.kind {
        // Reading is an event, too; only the end of writing counts.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
        EventKind::Access(_) => return false,
        _ => {}
    }
    event.need_rescan()
        || event.paths.iter().any(|path| {
            let in_its_directory = || {
                let names = relevant.get(path.parent()?)?;
                let name = path.file_name()?;
                Some(match names {
                    Names::All(_) => true,
                    Names::These(names) => names.contains(name),
                })
            };
            relevant.contains_key(path) || in_its_directory().unwrap_or(false)
        })
}

/// The directories that decide what the paths of a journal lead to, symbolic links on the way
/// included, with the names in each that count.
fn directories(journal: &Journal) -> Directories {
    let mut trail = Trail::default();
    for (path, texts) in journal.paths() {
        let real = trail.follow(&absolute(path), MAX_LINKS);
        if let (Some(texts), Some(real)) = (texts, real) {
            let names = trail.directories.entry(real);
            match names.or_insert(Names::All(texts)) {
                Names::All(there) => *there = texts.max(*there),
                these @ Names::These(_) => *these = Names::All(texts),
            }
        }
    }
    trail.directories
}

/// What is met on the way along paths.
#[derive(Default)]
struct Trail {
    directories: Directories,
    /// Where paths that were walked before lead.
    known: HashMap<PathBuf, Option<PathBuf>>,
}

impl Trail {
    /// Walks along a path as the kernel does, and notes each directory with the name that is looked
    /// up in it. Returns where the path leads, or `None` if it leads nowhere.
    fn follow(&mut self, path: &Path, links: usize) -> Option<PathBuf> {
        let mut at = PathBuf::new();
        for component in path.components() {
            match component {
                Component::Prefix(_) | Component::RootDir => at.push(component),
                Component::CurDir => {}
                Component::ParentDir => _ = at.pop(),
                Component::Normal(name) => {
                    let next = at.join(name);
                    let known = self.known.get(&next).cloned();
                    at = match known {
                        Some(known) => known?,
                        None => {
                            let real = self.step(&at, name, links);
                            self.known.insert(next, real.clone());
                            real?
                        }
                    };
                }
            }
        }
        Some(at)
    }

    fn step(&mut self, directory: &Path, name: &OsStr, links: usize) -> Option<PathBuf> {
        let names = self.directories.entry(directory.to_owned());
        match names.or_insert_with(|| Names::These(BTreeSet::new())) {
            Names::All(_) => {}
            Names::These(names) => _ = names.insert(name.to_owned()),
        }
        let next = directory.join(name);
        match std::fs::read_link(&next) {
            Ok(target) => self.follow(&directory.join(target), links.checked_sub(1)?),
            Err(_) => next.exists().then_some(next),
        }
    }
}

/// Device and inode: they differ from those of another directory that later stands at the path.
type Identity = (u64, u64);

fn identity(path: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

//! Revisions: what the files declare, and whether that is sound.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::formerly::Formerly;
use super::journal::{Journal, Recorder};
use crate::declare::{self, Disk, Problem, Problems, SecretSources, Source};
use crate::model::path::ZPath;
use crate::model::plan::{NotCompared, Refusal};
use crate::plan::scope::Filter;
use crate::syntax::source::Sources;
use crate::syntax::spelling::clipped;
use crate::zookeeper::executor::Stop;

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct WatchedLayers {
    /// Files, directories, or `-` for standard input, which is read once.
    pub names: Vec<String>,
    /// Where the top-level nodes go.
    pub place: ZPath,
    /// Whether a layer may declare nothing.
    pub allow_empty: bool,
    /// Which paths of it count.
    pub filter: Filter,
    /// How problems are worded.
    pub wording: Wording,
    /// What may be read.
    pub files: Disk,
    /// Where the values of `@secret … from` come from.
    pub secrets: SecretSources,
    /// Whether it goes below a chroot, where `/zookeeper` is a node like any.
    pub below_chroot: bool,
}

/// How problems, refusals and stops are worded. By default in the words of the library, with nothing
/// drawn.
#[derive(Debug, Clone, Copy)]
pub struct Wording {
    /// What is wrong, in a line.
    pub message: fn(&Problem) -> String,
    /// The same, drawn with the lines that it is about; only asked where it is about a place.
    pub draw: Option<fn(&Problem, &Sources) -> String>,
    /// Why a plan is refused, in a line.
    pub refusal: fn(&Refusal) -> String,
    /// Why an execution stopped, in a line.
    pub stop: fn(&Stop) -> String,
}

impl Default for Wording {
    fn default() -> Self {
        Self {
            message: Problem::to_string,
            draw: None,
            refusal: Refusal::to_string,
            stop: Stop::to_string,
        }
    }
}

/// The contents of all layers, which are sound.
#[derive(Debug)]
pub struct Revision {
    /// What they declare, as far as the filter goes.
    pub source: Source,
    /// Identifies these texts: a prefix of the hash of all of them.
    pub id: String,
    /// How many of its nodes are more than passed through.
    pub declared_nodes: usize,
}

impl Revision {
    /// The secret values from outside that could not be had.
    pub(super) fn lacking(&self) -> Vec<NotCompared> {
        let mut lacking = self.source.lacking();
        lacking.retain(|one| self.source.tree().declares(&one.path));
        lacking
    }
}

/// Why the files as they are declare no sound tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Every mistake, with its place.
    pub errors: Vec<String>,
    /// Every mistake with its place, without anything that is written there.
    pub unquoted_errors: Vec<String>,
    /// The first mistakes as they are drawn, without the places if nothing draws them.
    pub drawn: Vec<String>,
    /// Whether all that is wrong is that there is nothing declared.
    pub only_empty: bool,
    /// Whether all that is wrong is that secret values from outside cannot be had any more.
    pub only_secrets: bool,
    /// Identifies these texts.
    pub revision: String,
}

/// What the newest files declare, and of which commit they are.
#[derive(Debug, Clone, Default)]
pub enum FileState {
    /// They were not read yet.
    #[default]
    Unread,
    /// They are sound, and in force.
    Sound {
        /// What they hold.
        revision: Arc<Revision>,
        /// Their commit, with `-dirty` where they differ from it; `None` where git does not know them,
        /// or does not say.
        commit: Option<String>,
    },
    /// They declare no sound tree.
    Broken {
        /// Why not.
        broken: Broken,
        /// As of sound ones.
        commit: Option<String>,
        /// The last sound ones.
        in_force: Option<Arc<Revision>>,
    },
}

impl FileState {
    /// The revision that is in force.
    #[must_use]
    pub fn in_force(&self) -> Option<&Arc<Revision>> {
        match self {
            Self::Unread => None,
            Self::Sound { revision, .. } => Some(revision),
            Self::Broken { in_force, .. } => in_force.as_ref(),
        }
    }

    /// Why the newest files are not in force.
    #[must_use]
    pub fn broken(&self) -> Option<&Broken> {
        match self {
            Self::Unread | Self::Sound { .. } => None,
            Self::Broken { broken, .. } => Some(broken),
        }
    }

    /// The commit that the newest files are of.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Unread => None,
            Self::Sound { commit, .. } | Self::Broken { commit, .. } => commit.as_deref(),
        }
    }
}

/// Reads layers again and again, and parses them where an answer of the files differs.
#[derive(Debug)]
pub(super) struct Reading {
    layers: WatchedLayers,
    standard_input: RefCell<Option<Vec<u8>>>,
    kept: Kept,
}

/// What later readings go by. Nobody reads files while they hold it: who keeps a revision does not wait for them.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Past>>);

#[derive(Debug, Clone, Default)]
struct Past {
    /// What the last sound tree was read from.
    base: Arc<Journal>,
    formerly: Arc<Formerly>,
}

impl Kept {
    /// Takes note of what is in force, and what it was read from.
    pub(super) fn keep(&self, revision: &Revision, journal: Journal) {
        let mut past = self.locked();
        Arc::make_mut(&mut past.formerly).add(revision.source.tree());
        past.base = Arc::new(journal);
    }

    fn past(&self) -> Past {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Past> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the files declare.
#[derive(Debug)]
pub(super) enum Loaded {
    /// What the last sound tree was read from.
    Same,
    /// Something else; [`Kept::keep`] puts it in force.
    Sound(Arc<Revision>),
    /// No sound tree.
    Broken(Broken),
}

/// Of more mistakes the first are drawn.
const MOST_DRAWN: usize = 10;

impl Reading {
    pub(super) fn new(layers: WatchedLayers) -> Self {
        Self {
            layers,
            standard_input: RefCell::default(),
            kept: Kept::default(),
        }
    }

    /// Reads the files. Returns what they declare and what that depends on. It blocks.
    pub(super) fn read(&self) -> (Loaded, Journal) {
        let Past { base, formerly } = self.kept.past();
        if base.is_still(&self.layers.files) {
            return (Loaded::Same, Journal::clone(&base));
        }
        self.load(&formerly)
    }

    /// Whether the files are as they were when this was noted. It blocks.
    pub(super) fn is_still(&self, journal: &Journal) -> bool {
        journal.has_stream() || journal.is_still(&self.layers.files)
    }

    /// What it goes by.
    pub(super) fn kept(&self) -> Kept {
        self.kept.clone()
    }

    fn load(&self, formerly: &Formerly) -> (Loaded, Journal) {
        let recorder = Recorder::new(&self.layers.files, &self.standard_input);
        let layers = declare::Layers::new(&self.layers.names)
            .at(self.layers.place.clone())
            .below_chroot(self.layers.below_chroot)
            .allow_empty(self.layers.allow_empty)
            .secrets(self.layers.secrets.clone())
            .files(&recorder);
        let loaded = declare::load(layers);
        let journal = recorder.into_journal();
        let id = journal.revision(self.standard_input.borrow().as_deref());
        let source = match loaded {
            Ok(source) => source.change(|tree| {
                self.layers.filter.apply(tree);
                formerly.hide(tree);
            }),
            Err(problems) => {
                let broken = broken(&problems, id, self.layers.wording);
                return (Loaded::Broken(broken), journal);
            }
        };
        let revision = Revision {
            declared_nodes: source.tree().declared().count(),
            source,
            id,
        };
        (Loaded::Sound(Arc::new(revision)), journal)
    }

    /// Where the layers are.
    pub(super) fn layers(&self) -> Vec<PathBuf> {
        let layers = self.layers.names.iter().filter(|name| *name != "-");
        layers.map(|name| absolute(Path::new(name))).collect()
    }
}

/// Newer files whose secret values from outside are missing: those in force had them all. Returns `None` if
/// none are, or some were missing from the start.
pub(super) fn vanished(in_force: &Revision, newer: &Revision, wording: Wording) -> Option<Broken> {
    let lacking = newer.lacking();
    let is_news = !lacking.is_empty() && in_force.lacking().is_empty();
    is_news.then(|| without_secrets(&lacking, newer.id.clone(), wording))
}

/// A path that does not depend on the working directory; symbolic links stay in it.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn broken(problems: &Problems, revision: String, wording: Wording) -> Broken {
    let message = |problem: &Problem| {
        let message = (wording.message)(problem);
        let message = clipped(&message);
        match problems.place(problem) {
            Some(place) => format!("{place}: {message}"),
            None => message.into_owned(),
        }
    };
    let unquoted = |problem: &Problem| {
        let kind = match problem {
            Problem::Parse(_) => "this cannot be parsed",
            Problem::Lower(_) => "this is not allowed here, or is no value",
            Problem::Reference(_) => "the files that this names cannot be used",
            // What is about no place quotes nothing.
            _ => return message(problem),
        };
        match problems.place(problem) {
            Some(place) => format!("{place}: {kind}"),
            None => kind.to_owned(),
        }
    };
    let drawn = |problem: &Problem| match wording.draw {
        Some(draw) if problem.located().is_some() => draw(problem, problems.texts()),
        _ => message(problem),
    };
    Broken {
        errors: problems.iter().map(message).collect(),
        unquoted_errors: problems.iter().map(unquoted).collect(),
        drawn: problems.iter().map(drawn).take(MOST_DRAWN).collect(),
        only_empty: problems.only_empty(),
        only_secrets: false,
        revision,
    }
}

/// What is wrong with sound files whose secret values cannot be had.
fn without_secrets(lacking: &[NotCompared], revision: String, wording: Wording) -> Broken {
    let placed = |one: &NotCompared, text: String| match &one.origin {
        Some(place) => format!("{place}: {text}"),
        None => text,
    };
    let error = |one: &NotCompared| {
        let text = (wording.refusal)(&Refusal::NoSecret(one.clone()));
        placed(one, clipped(&text).into_owned())
    };
    let unquoted =
        |one: &NotCompared| placed(one, "a secret value from outside is missing".to_owned());
    let errors: Vec<String> = lacking.iter().map(error).collect();
    Broken {
        unquoted_errors: lacking.iter().map(unquoted).collect(),
        drawn: errors.iter().take(MOST_DRAWN).cloned().collect(),
        errors,
        only_empty: false,
        only_secrets: true,
        revision,
    }
}

#[cfg(test)]
impl WatchedLayers {
    /// One layer, and no value from outside.
    pub(super) fn of(layer: &Path) -> Self {
        Self {
            names: vec![layer.display().to_string()],
            place: ZPath::root(),
            allow_empty: false,
            filter: Filter::default(),
            wording: Wording::default(),
            files: Disk::default(),
            secrets: SecretSources::new(|_| None),
            below_chroot: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::super::settling;
    use super::*;

    fn reading(folder: &Path) -> Reading {
        Reading::new(WatchedLayers::of(folder))
    }

    fn sound(reading: &Reading) -> (Arc<Revision>, Journal) {
        match reading.read() {
            (Loaded::Sound(revision), journal) => (revision, journal),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_that_vanish_are_told_and_those_that_were_never_there_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("s");
        let tree = folder.path().join("a.zkt");
        fs::write(&tree, "/a\n  @secret x from file 's'\n").unwrap();
        let reading = reading(folder.path());
        let (lacking, _) = sound(&reading);
        fs::write(&secret, "one").unwrap();
        let (first, journal) = sound(&reading);
        assert!(vanished(&lacking, &first, Wording::default()).is_none());
        reading.kept().keep(&first, journal);
        fs::write(&secret, "").unwrap();
        let (empty, _) = sound(&reading);
        assert!(vanished(&lacking, &empty, Wording::default()).is_none());
        let broken = vanished(&first, &empty, Wording::default()).unwrap();
        let place = format!("{}:2:11", tree.display());
        let told = "/a: there is no value for x from file 's': it is empty";
        assert_eq!(broken.errors, [format!("{place}: {told}")]);
        let unquoted = format!("{place}: a secret value from outside is missing");
        assert_eq!(broken.unquoted_errors, [unquoted]);
        assert!(broken.only_secrets);
        // Back to what is in force.
        fs::write(&secret, "one").unwrap();
        assert!(matches!(reading.read().0, Loaded::Same));
    }

    #[test]
    fn a_line_that_goes_hides_the_value_of_before() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("a.zkt");
        fs::write(&tree, "/a\n  @secret x\n  x = 1\n").unwrap();
        let reading = reading(folder.path());
        let (first, journal) = sound(&reading);
        reading.kept().keep(&first, journal);
        fs::write(&tree, "/a\n  x = 2\n").unwrap();
        let (second, _) = sound(&reading);
        let (_, node) = second.source.tree().iter().next().unwrap();
        assert!(node.secret.covers("x"));
    }

    #[test]
    fn a_secret_that_changes_is_as_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("s");
        fs::write(
            folder.path().join("a.zkt"),
            "/a\n  y = 1\n  @secret x from file 's'\n",
        )
        .unwrap();
        fs::write(&secret, "one").unwrap();
        let reading = reading(folder.path());
        let (first, before) = sound(&reading);
        fs::write(&secret, "one and half of t").unwrap();
        let (second, after) = sound(&reading);
        assert_eq!(first.id, second.id);
        assert_ne!(before.secrets(), after.secrets());
        let quiet = |newer: &Revision| settling::quiet(Some(&first), newer, false);
        assert_eq!(quiet(&second), settling::REMOVAL);
        assert_eq!(quiet(&first), Duration::ZERO);
        // Only what holds the secret is waited for.
        fs::write(&secret, "one").unwrap();
        fs::write(
            folder.path().join("a.zkt"),
            "/a\n  y = 2\n  @secret x from file 's'\n",
        )
        .unwrap();
        assert_eq!(quiet(&sound(&reading).0), Duration::ZERO);
    }

    #[test]
    fn a_reading_is_the_same_as_long_as_the_files_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zkt");
        let reading = reading(folder.path());
        let write = |text: &str| fs::write(&path, text).unwrap();
        write("/a\n  x = 1\n");
        let (Loaded::Sound(first), journal) = reading.read() else {
            panic!("the first text is sound");
        };
        // Nobody has put it in force.
        assert!(matches!(reading.read().0, Loaded::Sound(_)));
        reading.kept().keep(&first, journal);
        assert!(matches!(reading.read().0, Loaded::Same));

        write("/a\n  x = 2\n");
        let (Loaded::Sound(second), journal) = reading.read() else {
            panic!("the second text is sound");
        };
        assert_ne!(first.id, second.id);
        assert!(reading.is_still(&journal));
        write("nonsense\n");
        assert!(!reading.is_still(&journal));
        let (Loaded::Broken(broken), _) = reading.read() else {
            panic!("the third text is broken");
        };
        assert_eq!(broken.errors.len(), 1);
        let unquoted = format!("{}:1:9: this cannot be parsed", path.display());
        assert_eq!(broken.unquoted_errors, [unquoted]);
        // Back to what is in force.
        write("/a\n  x = 1\n");
        assert!(matches!(reading.read().0, Loaded::Same));
        fs::write(folder.path().join("b.zkt"), "/b\n").unwrap();
        let (Loaded::Sound(more), _) = reading.read() else {
            panic!("two files are sound");
        };
        assert_eq!((first.declared_nodes, more.declared_nodes), (1, 2));
    }
}

//! The declared tree as the files have it, and the last one that was sound.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use super::journal::{Comparison, Journal, Recorder};
use super::splice::{self, Splice, Texts};
use crate::declare::files::Disk;
use crate::declare::layers::{self, Declaration};
use crate::declare::lower;
use crate::model::node::{Declared, Standing};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::plan::scope::Filter;
use crate::syntax::source::{Located, Sources};
use crate::syntax::spelling::clipped;

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct Layers {
    /// Files, directories, or `-` for standard input, which is read once.
    pub names: Vec<String>,
    /// Where the top-level nodes go.
    pub place: ZPath,
    /// Whether a layer may declare nothing.
    pub allow_empty: bool,
    /// Which paths of it count.
    pub filter: Filter,
    /// How errors are drawn for the log; without it only their places are told.
    pub draw: Option<Draw>,
    /// What may be read.
    pub files: Disk,
    /// Whether it goes below a chroot, where `/zookeeper` is a node like any.
    pub below_chroot: bool,
}

/// Draws an error with the lines that it is about.
pub type Draw = fn(&dyn Located, &Sources) -> String;

/// A sound declared tree with the texts that it came from.
#[derive(Debug)]
pub struct Source {
    /// The tree.
    pub tree: Tree<Declared>,
    /// Its texts.
    pub sources: Arc<Sources>,
    /// What tells these texts from others: a prefix of the hash of all of them.
    pub revision: String,
    /// How many of its nodes are more than passed through.
    pub standing: usize,
    /// Where it differs from another source, where that is known and holds the same nodes.
    pub(super) change: Option<Change>,
    /// How many layers there are.
    pub(super) layers: usize,
    pub(super) texts: Texts,
}

/// How a source came about from another one.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) from: Weak<Source>,
    /// Nodes that hold something else.
    pub(super) paths: Vec<ZPath>,
}

/// Why the files as they are declare no sound tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Every mistake, with its place.
    pub errors: Vec<String>,
    /// The first mistakes as they are drawn, without the places if nothing draws them.
    pub drawn: Vec<String>,
    /// Whether all that is wrong is that there is nothing declared.
    pub only_empty: bool,
    /// What tells these texts from others.
    pub revision: String,
}

/// Reads layers again and again, and parses only those files that differ.
#[derive(Debug)]
pub(super) struct Reading {
    layers: Layers,
    standard_input: RefCell<Option<Vec<u8>>>,
    /// What the last sound tree was read from.
    base: Journal,
    /// The last sound tree that was taken.
    good: Option<Arc<Source>>,
    /// Bytes of texts that `good` keeps although it does not come from them any more.
    outdated: usize,
}

/// What the files declare.
#[derive(Debug)]
pub(super) enum Outcome {
    /// What the last sound tree was read from.
    Same,
    /// Something else; to be taken by [`Reading::take`].
    Sound(Box<Candidate>),
    /// No sound tree.
    Broken(Broken),
}

/// A sound tree that is not in force yet.
#[derive(Debug)]
pub(super) struct Candidate {
    source: Arc<Source>,
    journal: Journal,
    outdated: usize,
}

/// Of more mistakes the first are drawn.
const MOST_DRAWN: usize = 10;

impl Candidate {
    pub(super) fn source(&self) -> &Source {
        &self.source
    }
}

/// More outdated texts than this are not kept for the sake of those that are still in use.
const MOST_OUTDATED: usize = 64 << 20;

impl Reading {
    pub(super) fn new(layers: Layers) -> Self {
        Self {
            layers,
            standard_input: RefCell::default(),
            base: Journal::default(),
            good: None,
            outdated: 0,
        }
    }

    /// Reads the files, and tells what they declare and what that depends on. It blocks.
    pub(super) fn read(&self) -> (Outcome, Journal) {
        let texts = match self.base.compare(&self.layers.files) {
            Comparison::Same => return (Outcome::Same, self.base.clone()),
            Comparison::Texts(texts) => texts,
            Comparison::Different => Vec::new(),
        };
        if let Some(candidate) = self.spliced(&texts) {
            let journal = candidate.journal.clone();
            return (Outcome::Sound(Box::new(candidate)), journal);
        }
        self.load()
    }

    /// Whether the files are as they were when this was noted. It blocks.
    pub(super) fn is_still(&self, journal: &Journal) -> bool {
        journal.has_stream() || matches!(journal.compare(&self.layers.files), Comparison::Same)
    }

    /// Puts a sound tree in force.
    pub(super) fn take(&mut self, candidate: Candidate) -> Arc<Source> {
        self.base = candidate.journal;
        self.outdated = candidate.outdated;
        self.good = Some(candidate.source.clone());
        candidate.source
    }

    /// The last sound tree with what these texts change, where that changes only what some nodes
    /// hold.
    fn spliced(&self, texts: &[(usize, PathBuf, Vec<u8>)]) -> Option<Candidate> {
        let good = self.good.as_ref().filter(|_| !texts.is_empty())?;
        if !self.layers.filter.is_everything() || self.outdated > MOST_OUTDATED {
            return None;
        }
        let mut journal = self.base.clone();
        let mut outdated = self.outdated;
        let mut splice = Splice::new(good, &self.layers.place);
        for (question, path, text) in texts {
            outdated += splice.replace(&path.display().to_string(), text)?;
            journal.replace(*question, text);
        }
        let (tree, paths, texts) = splice.finish();
        let source = Arc::new(Source {
            tree,
            sources: good.sources.clone(),
            revision: journal.revision(self.standard_input.borrow().as_deref()),
            standing: good.standing,
            change: Some(Change {
                from: Arc::downgrade(good),
                paths,
            }),
            layers: good.layers,
            texts,
        });
        Some(Candidate {
            source,
            journal,
            outdated,
        })
    }

    fn load(&self) -> (Outcome, Journal) {
        let recorder = Recorder::new(&self.layers.files, &self.standard_input);
        let mut declaration = layers::load(
            &self.layers.names,
            &self.layers.place,
            self.layers.allow_empty,
            &recorder,
            &mut |_| {},
        );
        if self.layers.below_chroot {
            declaration.allow_system_names();
        }
        let journal = recorder.into_journal();
        let revision = journal.revision(self.standard_input.borrow().as_deref());
        let Declaration {
            mut tree,
            sources,
            errors,
            lower_errors,
        } = declaration;
        if !errors.is_empty() || !lower_errors.is_empty() {
            let draw = self.layers.draw;
            let broken = broken(&errors, &lower_errors, &sources, revision, draw);
            return (Outcome::Broken(broken), journal);
        }
        self.layers.filter.apply(&mut tree);
        let standing = |(_, node): &&(ZPath, Declared)| node.standing == Standing::Declared;
        let source = Arc::new(Source {
            standing: tree.iter().filter(standing).count(),
            tree,
            texts: splice::texts(&sources),
            layers: self.layers.names.len(),
            sources: Arc::new(sources),
            revision,
            change: None,
        });
        let candidate = Candidate {
            source,
            journal: journal.clone(),
            outdated: 0,
        };
        (Outcome::Sound(Box::new(candidate)), journal)
    }

    /// Where the layers are.
    pub(super) fn layers(&self) -> Vec<PathBuf> {
        let layers = self.layers.names.iter().filter(|name| *name != "-");
        layers.map(|name| absolute(Path::new(name))).collect()
    }
}

/// A path that does not depend on the working directory; symbolic links stay in it.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn broken(
    errors: &[layers::Error],
    lower_errors: &[lower::Error],
    sources: &Sources,
    revision: String,
    draw: Option<Draw>,
) -> Broken {
    let located = |error: &dyn Located| {
        let place = sources.locate(error.span());
        format!("{place}: {}", clipped(&error.to_string()))
    };
    let drawn = |error: &dyn Located| match draw {
        Some(draw) => draw(error, sources),
        None => located(error),
    };
    let layers = errors.iter().map(|error| (error, error.located()));
    let told = layers.clone().map(|(error, place)| match place {
        Some(error) => located(error),
        None => clipped(&error.to_string()).into_owned(),
    });
    let shown = layers.map(|(error, place)| match place {
        Some(error) => drawn(error),
        None => clipped(&error.to_string()).into_owned(),
    });
    let lowered = lower_errors.iter().map(|error| located(error));
    let lowered_shown = lower_errors.iter().map(|error| drawn(error));
    Broken {
        errors: told.chain(lowered).collect(),
        drawn: shown.chain(lowered_shown).take(MOST_DRAWN).collect(),
        only_empty: lower_errors.is_empty() && errors.iter().all(layers::Error::is_empty),
        revision,
    }
}

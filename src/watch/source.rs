//! The declared tree as the files have it, and the last one that was sound.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::commit;
use super::journal::{Journal, Recorder};
use crate::files::Disk;
use crate::layers::{self, Declaration};
use crate::lower;
use crate::node::{Declared, Standing};
use crate::path::ZPath;
use crate::scope::Filter;
use crate::source::{Located, Sources};
use crate::tree::Tree;

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
}

/// A sound declared tree with the texts that it came from.
#[derive(Debug)]
pub struct Source {
    /// The tree.
    pub tree: Tree<Declared>,
    /// Its texts.
    pub sources: Sources,
    /// What tells these texts from others: a prefix of the hash of all of them.
    pub revision: String,
    /// The commit, where the first layer lies in a git checkout.
    pub commit: Option<String>,
    /// How many of its nodes are more than passed through.
    pub standing: usize,
}

/// Why the files as they are declare no sound tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Every mistake, with its place.
    pub errors: Vec<String>,
    /// Whether all that is wrong is that there is nothing declared.
    pub only_empty: bool,
    /// What tells these texts from others.
    pub revision: String,
}

/// Reads layers again and again, and parses them only where they differ.
#[derive(Debug)]
pub(super) struct Reading {
    layers: Layers,
    standard_input: RefCell<Option<Vec<u8>>>,
    pub(super) journal: Journal,
    /// The last sound tree.
    pub(super) good: Option<Arc<Source>>,
    /// Why the newest files have none.
    pub(super) broken: Option<Broken>,
}

impl Reading {
    pub(super) fn new(layers: Layers) -> Self {
        Self {
            layers,
            standard_input: RefCell::default(),
            journal: Journal::default(),
            good: None,
            broken: None,
        }
    }

    /// Reads the files, and says whether they differ from those that were read last. It blocks.
    pub(super) fn read(&mut self) -> bool {
        if self.journal.still_holds(&Disk) {
            return false;
        }
        self.load();
        true
    }

    fn load(&mut self) {
        let recorder = Recorder::new(&Disk, &self.standard_input);
        let declaration = layers::load(
            &self.layers.names,
            &self.layers.place,
            self.layers.allow_empty,
            &recorder,
            &mut |_| {},
        );
        self.journal = recorder.into_journal();
        let revision = self.journal.revision.clone();
        let Declaration {
            mut tree,
            sources,
            errors,
            lower_errors,
        } = declaration;
        if !errors.is_empty() || !lower_errors.is_empty() {
            self.broken = Some(broken(&errors, &lower_errors, &sources, revision));
            return;
        }
        self.layers.filter.apply(&mut tree);
        self.broken = None;
        let standing = |(_, node): &&(ZPath, Declared)| node.standing == Standing::Declared;
        self.good = Some(Arc::new(Source {
            standing: tree.iter().filter(standing).count(),
            tree,
            sources,
            revision,
            commit: self.commit(),
        }));
    }

    fn commit(&self) -> Option<String> {
        let first = self.layers.names.iter().find(|name| *name != "-")?;
        commit::of(&absolute(Path::new(first)))
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
) -> Broken {
    let located = |error: &dyn Located| format!("{}: {error}", sources.locate(error.span()));
    let told = errors.iter().map(|error| match error.located() {
        Some(error) => located(error),
        None => error.to_string(),
    });
    let lowered = lower_errors.iter().map(|error| located(error));
    let is_empty = |error: &layers::Error| matches!(error, layers::Error::Empty { .. });
    Broken {
        errors: told.chain(lowered).collect(),
        only_empty: lower_errors.is_empty() && errors.iter().all(is_empty),
        revision,
    }
}

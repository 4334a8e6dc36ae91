//! Layers to a declared tree, with everything that is wrong drawn at once.

use serde_json::{Value, json};
use zkt::declare::files::Disk;
use zkt::declare::layers::{self, Declaration};
use zkt::declare::lower;
use zkt::model::node::Declared;
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::reconcile::Source;
use zkt::syntax::source::{Located, Sources};
use zkt::syntax::spelling::clipped;

use crate::diagnostics;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// A declared tree and the texts that it came from.
pub(crate) struct DeclaredTree {
    pub(crate) tree: Tree<Declared>,
    pub(crate) sources: Sources,
}

/// Everything that is wrong with some layers.
pub(crate) struct Problems {
    layer_errors: Vec<layers::Error>,
    lower_errors: Vec<lower::Error>,
    sources: Sources,
}

/// What `/zookeeper` is where a tree goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// ZooKeeper's own: the tree goes to the root of a server.
    Reserved,
    /// A node like any: the tree goes below a chroot, or to no server.
    Ordinary,
}

impl System {
    /// What it is for this connection.
    pub(crate) fn of(connection: &zkt::zookeeper::session::Options) -> Self {
        if connection.has_chroot() {
            Self::Ordinary
        } else {
            Self::Reserved
        }
    }
}

/// Where the top-level nodes of a tree go.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) at: ZPath,
    pub(crate) system: System,
}

impl Destination {
    /// The root of a server.
    pub(crate) fn root() -> Self {
        Self {
            at: ZPath::root(),
            system: System::Reserved,
        }
    }

    /// No server, or one that is not known yet.
    pub(crate) fn nowhere() -> Self {
        Self {
            at: ZPath::root(),
            system: System::Ordinary,
        }
    }
}

/// Reads layers to the tree that they declare, its top-level nodes at their destination; `met` is told of each
/// node as early as possible.
pub(crate) fn load(
    names: &[String],
    allow_empty: bool,
    to: &Destination,
    files: &Disk,
    met: &mut dyn FnMut(&ZPath),
) -> Result<DeclaredTree, Problems> {
    let mut declaration = layers::load(names, &to.at, allow_empty, files, met);
    if to.system == System::Ordinary {
        declaration.allow_system_names();
    }
    let Declaration {
        tree,
        sources,
        errors,
        lower_errors,
    } = declaration;
    if errors.is_empty() && lower_errors.is_empty() {
        Ok(DeclaredTree { tree, sources })
    } else {
        Err(Problems {
            layer_errors: errors,
            lower_errors,
            sources,
        })
    }
}

impl DeclaredTree {
    /// What a plan is made of.
    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            tree: &self.tree,
            sources: &self.sources,
        }
    }

    /// Nodes for which a request may be too large are problems.
    pub(crate) fn require_size(self, max_request: usize) -> Result<Self, Problems> {
        let lower_errors = lower::oversized(&self.tree, max_request);
        if lower_errors.is_empty() {
            return Ok(self);
        }
        Err(Problems {
            layer_errors: Vec::new(),
            lower_errors,
            sources: self.sources,
        })
    }
}

/// As [`load`], with the problems drawn on stderr.
pub(crate) fn load_or_tell(
    names: &[String],
    allow_empty: bool,
    to: &Destination,
    files: &Disk,
    output: &Output,
) -> Result<DeclaredTree, Failure> {
    load(names, allow_empty, to, files, &mut |_| {}).map_err(|problems| problems.tell(output))
}

impl Problems {
    fn located(&self) -> Vec<&dyn Located> {
        let layers = self.layer_errors.iter().filter_map(layers::Error::located);
        layers
            .chain(self.lower_errors.iter().map(|error| error as &dyn Located))
            .collect()
    }

    fn unlocated(&self) -> impl Iterator<Item = &layers::Error> {
        self.layer_errors
            .iter()
            .filter(|error| error.located().is_none())
    }

    /// An empty source is for a guard to refuse; everything else is an error.
    pub(crate) fn exit(&self) -> Exit {
        let only_empty =
            self.lower_errors.is_empty() && self.layer_errors.iter().all(layers::Error::is_empty);
        if only_empty {
            Exit::Refused
        } else {
            Exit::Error
        }
    }

    /// Draws all of them on stderr.
    pub(crate) fn tell(&self, output: &Output) -> Failure {
        for error in self.unlocated() {
            let failure = Failure::new(error);
            output.failure(&if error.is_empty() {
                failure.hint("--allow-empty accepts it where that is meant")
            } else {
                failure
            });
        }
        let located = self.located();
        if !located.is_empty() {
            _ = diagnostics::write_errors(
                &located,
                &self.sources,
                output.width(),
                &mut output.err(),
            );
        }
        Failure::told(self.exit())
    }

    /// All of them for JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        let unlocated = self
            .unlocated()
            .map(|error| json!({"message": clipped(&error.to_string())}));
        let located = self.located();
        let located = located
            .iter()
            .map(|error| diagnostics::error_json(*error, &self.sources));
        unlocated.chain(located).collect()
    }
}

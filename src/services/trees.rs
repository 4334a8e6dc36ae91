//! Whole trees as text.

use std::io::{self, Write};
use std::sync::Arc;

use super::error::{Error, parse};
use super::handle::ZooKeeper;
use crate::declare::{self, Layers, Memory, Source};
use crate::export;
use crate::model::acl::Acl;
use crate::model::node::Declared;
use crate::model::path::{ZPath, check_name};
use crate::model::plan::{MaxTrim, Plan};
use crate::model::tree::Tree;
use crate::plan::scope::Trim;
use crate::reconcile::{self, Apply, Ended, Unfinished};
use crate::zookeeper::executor::Report;
use crate::zookeeper::live::{self, ReadAhead};

/// What an import may do. No number of trims is too large: see [`Import::trim`].
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Import {
    /// Where the top-level nodes go; it must exist. Default: `/`.
    pub path: Option<String>,
    /// Remove undeclared nodes below declared ones, but for those that hold ephemeral ones. The guard
    /// against many trims is off, unlike in [`Options`](crate::Options): check the plan of a dry run.
    pub trim: bool,
    /// The ACL of the nodes that have none in the text. Default: new nodes are open to everybody,
    /// and existing ones stay as they are.
    pub acl: Option<Acl>,
    /// Create nodes that are marked `@ephemeral`, as persistent ones.
    pub allow_ephemeral: bool,
    /// Set ACLs that take from this session the right to change a node again, too.
    pub may_lock_out: bool,
    /// Write nothing.
    pub dry_run: bool,
}

impl Import {
    fn options(&self, at: ZPath) -> reconcile::Options {
        reconcile::Options {
            path: at,
            trim: if self.trim { Trim::All } else { Trim::None },
            max_trim: MaxTrim::Unlimited,
            allow_ephemeral: self.allow_ephemeral,
            may_lock_out: self.may_lock_out,
            ..reconcile::Options::default()
        }
    }
}

/// What an import did, or would do.
#[derive(Debug)]
pub struct Imported {
    /// The plan, with undeclared nodes (`extras`), nodes that must stay (`kept`), and `warnings`: links
    /// that lead nowhere, ACLs that could not be compared.
    pub plan: Plan,
    /// What was written; `None` if there was nothing to write.
    pub report: Option<Report>,
}

/// The tree that a text declares.
///
/// # Errors
/// [`Error::Problems`].
pub fn parse_tree(text: &str) -> Result<Tree<Declared>, Error> {
    let source = declare(text, &ZPath::root(), true)?;
    Ok(source.into_parts().0)
}

fn declare(text: &str, at: &ZPath, below_chroot: bool) -> Result<Source, Error> {
    const NAME: &str = "<text>";
    let files = Memory::from([(NAME, text)]);
    let layers = Layers::new([NAME]).files(&files).at(at.clone());
    let layers = layers.allow_empty(true).below_chroot(below_chroot);
    declare::load(layers).map_err(|problems| Error::Problems(problems.into()))
}

/// # Trees
impl ZooKeeper {
    /// The tree that a text declares; no server is asked.
    ///
    /// # Errors
    /// [`Error::Problems`].
    pub fn parse_tree(text: &str) -> Result<Tree<Declared>, Error> {
        parse_tree(text)
    }

    /// Makes the tree as a text declares it: `zkt plan` and `zkt apply` in one, without a guard
    /// against many trims.
    ///
    /// # Errors
    /// [`Error::Problems`], [`Error::NoNode`] where [`Import::path`] is missing,
    /// [`Error::Live`] where a declared node may not be read, [`Error::Import`] where it
    /// stopped before all was done or may not be done, and those of the connection.
    ///
    /// # Cancellation safety
    /// As [`apply`](crate::apply()).
    pub async fn import_tree(&self, text: &str, import: &Import) -> Result<Imported, Error> {
        let at = match &import.path {
            Some(path) => parse(path)?,
            None => ZPath::root(),
        };
        let mut source = match declare(text, &at, false) {
            Err(_) if self.has_chroot().await? => declare(text, &at, true)?,
            declared => declared?,
        };
        if let Some(acl) = &import.acl {
            let acl = Arc::new(acl.clone());
            source = source.change(|tree| {
                for (_, node) in tree.iter_mut() {
                    node.acl.get_or_insert_with(|| acl.clone());
                }
            });
        }
        let options = import.options(at);
        if import.dry_run {
            let connection = self.connection().await?;
            let ahead = ReadAhead::default();
            let plan = reconcile::plan_after(&connection.session, &source, &options, ahead).await?;
            return match Unfinished::refused(&plan) {
                None => Ok(Imported { plan, report: None }),
                Some(refused) => Err(refused.into()),
            };
        }
        let mut apply = Apply::new(&source, &options, ReadAhead::default());
        loop {
            let connection = self.connection().await?;
            if let Ended::Done(plan, report) = apply.run(&connection.session).await? {
                let plan = Arc::unwrap_or_clone(plan);
                return Ok(Imported { plan, report });
            }
        }
    }

    async fn has_chroot(&self) -> Result<bool, Error> {
        let connection = self.connection().await?;
        Ok(!connection.session.chroot().is_root())
    }

    /// A live tree as tree text; `name` is another name for its topmost node.
    ///
    /// # Errors
    /// [`Error::NoNode`], [`Error::NoPermission`] where a node may not be read, a name that is none,
    /// and those of the connection.
    ///
    /// # Cancellation safety
    /// Nothing is written.
    pub async fn export_tree(
        &self,
        path: &str,
        ephemeral: bool,
        name: Option<&str>,
    ) -> Result<String, Error> {
        let top = parse(path)?;
        if let Some(name) = name {
            check_name(name).map_err(|reason| Error::Path {
                text: name.to_owned(),
                reason,
            })?;
        }
        let connection = self.connection().await?;
        let live = live::read_subtree(&connection.session, &top, false, &mut |_| {}).await?;
        if live.get(&top).is_none() {
            return Err(Error::NoNode(top));
        }
        if let Some((path, _)) = live.iter().find(|(_, node)| node.node().is_none()) {
            return Err(Error::NoPermission(path.clone()));
        }
        let options = export::Options {
            ephemeral,
            name: name.map(str::to_owned),
            exact: false,
        };
        let mut text = Vec::new();
        let tree = export::declare(&live, &top, &options);
        export::write_text(&tree, &mut text).map_err(not_written)?;
        String::from_utf8(text).map_err(|error| not_written(io::Error::other(error)))
    }

    /// Writes a live tree, ephemeral nodes included, as text.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::export_tree`], and [`Error::Write`] where `out` fails.
    ///
    /// # Cancellation safety
    /// Nothing is written to the server.
    pub async fn print_tree(&self, path: &str, out: &mut (dyn Write + Send)) -> Result<(), Error> {
        let text = self.export_tree(path, true, None).await?;
        out.write_all(text.as_bytes()).map_err(not_written)
    }
}

fn not_written(error: io::Error) -> Error {
    Error::Write(error.into())
}

//! What a plan is about: which declared nodes, and which live nodes must be read for it.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::node::{Declared, Standing};
use crate::path::ZPath;
use crate::tree::Tree;

/// One live node to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The node; it need not exist.
    pub path: ZPath,
    /// What to learn of its children beyond those that are wanted by themselves.
    pub children: Children,
    /// Whether its ACL is needed.
    pub acl: bool,
}

/// What to learn of a node's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Children {
    /// Nothing.
    Skip,
    /// Their names.
    List,
    /// Everything below the node.
    Subtree,
}

/// Whether undeclared nodes are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trim {
    /// They are listed as extra and not read any deeper.
    #[default]
    None,
    /// They are trimmed.
    All,
}

/// `--target` and `--exclude`: which paths a plan is about.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    target: Option<GlobSet>,
    exclude: Option<GlobSet>,
}

impl Filter {
    /// Compiles the globs: `*` stands for one segment or a part of it, `**` for any number of
    /// segments, none included. No target means everything.
    pub fn new(target: &[String], exclude: &[String]) -> Result<Self, globset::Error> {
        Ok(Self {
            target: compile(target)?,
            exclude: compile(exclude)?,
        })
    }

    /// Whether the plan is about this path.
    #[must_use]
    pub fn covers(&self, path: &ZPath) -> bool {
        let matches = |set: &GlobSet| set.is_match(path.as_str());
        self.target.as_ref().is_none_or(matches) && !self.exclude.as_ref().is_some_and(matches)
    }

    /// Whether the plan is about every path.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.target.is_none() && self.exclude.is_none()
    }

    /// Leaves only what the plan is about: a node outside that stands above one inside is created
    /// as declared where it is missing, and otherwise left alone.
    pub fn apply(&self, declared: &mut Tree<Declared>) {
        if self.is_everything() {
            return;
        }
        let mut needed: Vec<ZPath> = Vec::new();
        let covered: Vec<bool> = declared.iter().map(|(path, _)| self.covers(path)).collect();
        let mut keep = vec![false; covered.len()];
        // Children come after their parent, so going backwards the last needed path tells whether
        // anything below a node is needed.
        for (i, (path, _)) in declared.iter().enumerate().rev() {
            // One that is passed through stays, too: left out, it would be trimmed as undeclared.
            keep[i] = covered[i] || needed.last().is_some_and(|below| below.is_within(path));
            if keep[i] {
                needed.push(path.clone());
            }
        }
        let mut marks = covered.into_iter().zip(keep);
        declared.retain(|_, node| {
            let (covered, keep) = marks.next().expect("one mark for each node");
            if !covered {
                node.standing = Standing::PassedThrough;
            }
            keep
        });
    }
}

fn compile(globs: &[String]) -> Result<Option<GlobSet>, globset::Error> {
    if globs.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let mut add = |text: &str| -> Result<(), globset::Error> {
            set.add(GlobBuilder::new(text).literal_separator(true).build()?);
            Ok(())
        };
        add(glob)?;
        if let Some(top) = glob.strip_suffix("/**") {
            add(if top.is_empty() { "/" } else { top })?;
        }
    }
    set.build().map(Some)
}

/// The live nodes to read so that `declared` can be planned: the declared paths, the names of
/// their undeclared children, and with [`Trim::All`] the subtrees that would be trimmed.
#[must_use]
pub fn of(declared: &Tree<Declared>, trim: Trim) -> Vec<Want> {
    let want = |(path, node): &(ZPath, Declared)| Want {
        path: path.clone(),
        children: match (node.standing, trim) {
            (Standing::PassedThrough, _) => Children::Skip,
            (Standing::Declared, _) if node.keep_children => Children::Skip,
            (Standing::Declared, Trim::None) => Children::List,
            (Standing::Declared, Trim::All) => Children::Subtree,
        },
        acl: node.acl.is_some() && node.standing == Standing::Declared,
    };
    declared.iter().map(want).collect()
}

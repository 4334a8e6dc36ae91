//! The scope of a plan: its declared nodes, and the live nodes that must be read for it.

use globset::{GlobSet, GlobSetBuilder};

use crate::model::node::{Declared, Standing};
use crate::model::path::{ZPath, is_within};
use crate::model::tree::Tree;
use crate::plan::owned::Ownership;
use crate::syntax::names::{self, GlobError};

/// One live node to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The node; it need not exist.
    pub path: ZPath,
    /// What to read of its children beyond those that are wanted by themselves.
    pub children: Children,
    /// Whether its ACL is needed.
    pub acl: bool,
}

/// What to read of a node's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Children {
    /// Nothing.
    Skip,
    /// Their names.
    List,
    /// Everything below the node, with the ACLs and without the data.
    Acls,
    /// Everything below the node.
    Subtree,
    /// Everything below the node, with the ACLs.
    Whole,
}

/// Whether undeclared nodes are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trim {
    /// They are listed as extra and not read any deeper.
    #[default]
    None,
    /// Only those are trimmed that are the owner's and still are what they were, top-level nodes
    /// included. The others are listed as extra.
    Owned,
    /// They are trimmed.
    All,
}

/// Which paths a plan is about: those that a target matches and no exclusion does.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    target: Option<GlobSet>,
    exclude: Option<GlobSet>,
    /// A target may match below these paths.
    reach: Vec<String>,
}

impl Filter {
    /// Compiles the globs: `*` stands for one segment or a part of it, `**` for any number of
    /// segments, none included. No target means everything.
    pub fn new(target: &[String], exclude: &[String]) -> Result<Self, GlobError> {
        Ok(Self {
            target: compile(target)?,
            exclude: compile(exclude)?,
            reach: target.iter().map(|glob| literal_prefix(glob)).collect(),
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

    /// Keeps what the plan is about, and the nodes around it: a node outside is created as
    /// declared if something inside needs it, and otherwise left alone.
    pub fn apply(&self, declared: &mut Tree<Declared>) {
        if self.is_everything() {
            return;
        }
        let covered: Vec<bool> = declared.iter().map(|(path, _)| self.covers(path)).collect();
        // A move stays known, so that nobody takes its old place for one that is only undeclared.
        let is_moved = declared.iter().map(|(_, node)| node.moved_from.is_some());
        let mut stays: Vec<bool> = is_moved.collect();
        let mut last: Option<&ZPath> = None;
        for (i, (path, _)) in declared.iter().enumerate().rev() {
            stays[i] |= last.is_some_and(|below| below.is_within(path));
            if stays[i] {
                last = Some(path);
            }
        }
        let mut needed = vec![false; covered.len()];
        let mut last: Option<&ZPath> = None;
        // Children follow their parent, so in reverse order the last needed path shows whether
        // anything below a node is needed.
        for (i, (path, _)) in declared.iter().enumerate().rev() {
            needed[i] = covered[i] || last.is_some_and(|below| below.is_within(path));
            if needed[i] {
                last = Some(path);
            }
        }
        let mut marks = covered.into_iter().zip(needed).zip(stays);
        declared.retain(|path, node| {
            let ((covered, needed), stays) = marks.next().expect("one mark for each node");
            let excluded = self.excludes(path);
            node.standing = match node.standing {
                standing if covered => standing,
                Standing::PassedThrough if needed => Standing::PassedThrough,
                // The children of a passed-through node are not reported.
                Standing::PassedThrough => Standing::Outside {
                    needed,
                    excluded: true,
                },
                _ => Standing::Outside { needed, excluded },
            };
            // A node that is left out counts as undeclared: nothing below it may be covered.
            needed || stays || self.reaches_below(path)
        });
    }

    /// Whether this path is excluded: then nothing below it is touched either.
    #[must_use]
    pub fn excludes(&self, path: &ZPath) -> bool {
        self.exclude
            .as_ref()
            .is_some_and(|set| set.is_match(path.as_str()))
    }

    /// Whether a target may match something below a path.
    fn reaches_below(&self, path: &ZPath) -> bool {
        let path = path.as_str();
        let meets = |top: &String| is_within(top, path) || is_within(path, top);
        self.target.is_none() || self.reach.iter().any(meets)
    }
}

/// The part of a glob before anything that is not literal, in whole segments.
fn literal_prefix(glob: &str) -> String {
    let literal = glob
        .split('/')
        .take_while(|name| !name.contains(['*', '?', '[', '{', '\\']));
    let prefix = literal.collect::<Vec<_>>().join("/");
    match prefix.trim_end_matches('/') {
        "" => "/".to_owned(),
        prefix => prefix.to_owned(),
    }
}

fn compile(globs: &[String]) -> Result<Option<GlobSet>, GlobError> {
    if globs.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let mut add = |text: &str| -> Result<(), GlobError> {
            set.add(names::glob(text, true)?);
            Ok(())
        };
        add(glob)?;
        if let Some(top) = glob.strip_suffix("/**") {
            add(if top.is_empty() { "/" } else { top })?;
        }
    }
    set.build().map(Some).map_err(GlobError::of)
}

/// The live nodes to read so that `declared` can be planned: the declared paths, the names of
/// their undeclared children, with [`Trim::All`] the subtrees that would be trimmed, those that are held to
/// the ACL of a declared node, and both places of subtrees that are moved.
#[must_use]
pub fn of(declared: &Tree<Declared>, trim: Trim) -> Vec<Want> {
    let mut moved: Option<&ZPath> = None;
    let mut wants: Vec<Want> = Vec::with_capacity(declared.len());
    for (path, node) in declared {
        if node.moved_from.is_some() && !moved.is_some_and(|top| path.is_within(top)) {
            moved = Some(path);
        }
        let is_moved = moved.is_some_and(|top| path.is_within(top));
        wants.push(Want {
            path: path.clone(),
            children: match (node.standing, trim) {
                _ if is_moved => Children::Whole,
                (Standing::PassedThrough | Standing::Outside { excluded: true, .. }, _) => {
                    Children::Skip
                }
                // Also what is left alone otherwise is held to the ACL.
                _ if node.acl_is_deep && (trim != Trim::All || node.keep_children) => {
                    Children::Acls
                }
                _ if node.acl_is_deep => Children::Whole,
                _ if node.keep_children => Children::Skip,
                (_, Trim::None | Trim::Owned) => Children::List,
                (_, Trim::All) => Children::Subtree,
            },
            acl: is_moved || node.acl.is_some() && node.is_declared(),
        });
    }
    let old = declared
        .iter()
        .filter_map(|(_, node)| node.moved_from.clone());
    let old = old.map(|path| Want {
        path,
        children: Children::Whole,
        acl: true,
    });
    let declared = wants.len();
    wants.extend(old);
    if wants.len() > declared {
        // None of them is declared, and no two are the same.
        wants.sort_by(|a, b| a.path.cmp(&b.path));
    }
    wants
}

/// As [`of`], and with [`Trim::Owned`] the nodes below `place` that are the owner's.
#[must_use]
pub fn with_owned(
    declared: &Tree<Declared>,
    trim: Trim,
    (place, ownership): (&ZPath, Option<&Ownership>),
) -> Vec<Want> {
    let mut wants = of(declared, trim);
    if let (Trim::Owned, Some(ownership)) = (trim, ownership) {
        let undeclared = ownership.below(place);
        let moved = declared
            .iter()
            .filter_map(|(to, node)| Some([to, node.moved_from.as_ref()?]));
        let moved: Vec<&ZPath> = moved.flatten().collect();
        // Both places of what is moved are read whole.
        let is_read = |path: &ZPath| moved.iter().any(|place| path.is_within(place));
        let undeclared = undeclared.filter(|path| declared.get(path).is_none() && !is_read(path));
        wants.extend(undeclared.map(|path| {
            let is_held = holder(declared, path).is_some();
            Want {
                path: path.clone(),
                children: match is_held {
                    true => Children::Acls,
                    false => Children::List,
                },
                acl: is_held,
            }
        }));
        wants.sort_by(|one, other| one.path.cmp(&other.path));
    }
    wants
}

/// The declared node to whose ACL an undeclared one is held: the nearest above it, if that says
/// `@acl deep`.
#[must_use]
pub fn holder<'d>(declared: &'d Tree<Declared>, path: &ZPath) -> Option<&'d Declared> {
    let mut above = path.parent();
    while let Some(at) = above {
        if let Some(node) = declared.get(&at) {
            let is_left = matches!(
                node.standing,
                Standing::PassedThrough | Standing::Outside { excluded: true, .. }
            );
            return (node.acl_is_deep && !is_left).then_some(node);
        }
        above = at.parent();
    }
    None
}

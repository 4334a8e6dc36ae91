//! What may be wrong with a declared tree, whatever the server holds.

use crate::declare::Source;
use crate::model::path::ZPath;
use crate::model::plan::{About, Plan, Warning};
use crate::model::tree::Tree;
use crate::plan::links::{self, Trees};
use crate::plan::planner;

/// What a warning about declared nodes is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lint {
    /// A node of ZooKeeper's own.
    System,
    /// A value or a name that is probably not what is meant.
    Doubt,
    /// A link.
    Link,
}

/// Warnings about the declared nodes that need no server.
#[must_use]
pub fn lint(source: &Source) -> Vec<(Lint, Warning)> {
    let nothing = Tree::default();
    let trees = Trees::new(source.tree(), &nothing);
    let plan = Plan::empty(ZPath::root());
    let linked = links::check(&trees, &plan, None, source.texts()).warnings;
    let doubts = planner::doubts(source.tree(), source.texts());
    let system = system_warning(source).into_iter();
    let system = system.map(|warning| (Lint::System, warning));
    let doubts = doubts.into_iter().map(|warning| (Lint::Doubt, warning));
    let linked = linked.into_iter().map(|warning| (Lint::Link, warning));
    system.chain(doubts).chain(linked).collect()
}

/// Where a tree goes is not known here: to the root of a server, or below a chroot.
fn system_warning(source: &Source) -> Option<Warning> {
    let system = ZPath::root().join("zookeeper");
    let (path, node) = source.tree().subtree(&system).first()?;
    Some(Warning {
        path: path.clone(),
        about: About::Node,
        message: "it belongs to ZooKeeper itself, unless there is a chroot".to_owned(),
        origin: node.origin.map(|span| source.texts().locate(span)),
    })
}

//! What a plan may do.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::acl::Identities;
use crate::model::lint::Levels;
use crate::model::path::{ZPath, is_of_zookeeper};
use crate::model::plan::MaxTrim;
use crate::model::value::Encoded;
use crate::plan::owned::Ownership;
use crate::plan::scope::{self, Filter};
use crate::syntax::place::Location;
use crate::syntax::source::Sources;

/// What a plan may do.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Policy<'a> {
    /// Where the top-level nodes go.
    pub path: ZPath,
    /// Whether undeclared nodes are removed.
    pub trim: scope::Trim,
    /// Whether undeclared top-level nodes are, too: only where whole trees are compared.
    pub trim_top_level: bool,
    /// Which paths the plan is about.
    pub filter: Filter,
    /// How many trims it may have.
    pub max_trim: MaxTrim,
    /// Whether the trees are below a chroot, where `/zookeeper` is a node like any.
    pub below_chroot: bool,
    /// The child of the ensemble's root that belongs to the server besides `/zookeeper`: `/keeper` of a
    /// ClickHouse Keeper.
    pub system: Option<ZPath>,
    /// Whether text or binary data gives way to declared properties where `@keep` or `@ignore` say
    /// that other properties stay.
    pub replace: bool,
    /// Whether nodes that are marked `@ephemeral` are created, as persistent ones.
    pub allow_ephemeral: bool,
    /// Whether undeclared nodes that stay are listed: if not, nobody asks what kind they are of.
    pub shows_extras: bool,
    /// How many bytes a request may have.
    pub max_request: usize,
    /// The identities of the session that executes the plan. `None` if no server is
    /// asked.
    pub identities: Option<Identities>,
    /// Whether the plan may take from that session the right to change a node again.
    pub may_lock_out: bool,
    /// Whether the plan is refused where a known ACL does not let that session carry it out.
    pub requires_rights: bool,
    /// What the owner has that the plan is made for, and what others have.
    pub owner: Option<Arc<Ownership>>,
    /// Subtrees that the tree to be changed itself protects, each with the place of its directive.
    pub protected: Vec<(ZPath, Option<Location>)>,
    /// How serious each lint is.
    pub levels: Levels,
    /// What moved nodes were to hold by earlier plans of this run: they may have been created so.
    pub copies: HashMap<ZPath, Encoded>,
    /// The texts that the declared tree came from.
    pub sources: &'a Sources,
}

impl<'a> Policy<'a> {
    /// The defaults: nothing is trimmed, the plan is about everything below `/`.
    #[must_use]
    pub fn new(sources: &'a Sources) -> Self {
        Self {
            path: ZPath::root(),
            trim: scope::Trim::None,
            trim_top_level: false,
            filter: Filter::default(),
            max_trim: MaxTrim::Default,
            below_chroot: false,
            system: None,
            replace: false,
            allow_ephemeral: false,
            shows_extras: true,
            max_request: usize::MAX,
            identities: None,
            may_lock_out: false,
            requires_rights: false,
            owner: None,
            protected: Vec::new(),
            levels: Levels::default(),
            copies: HashMap::new(),
            sources,
        }
    }

    /// Whether a node belongs to the server itself. Such a node is left alone, whatever is declared.
    #[must_use]
    pub fn is_of_server(&self, path: &ZPath) -> bool {
        let system = self.system.as_ref();
        is_of_zookeeper(path, self.below_chroot) || system.is_some_and(|top| path.is_within(top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_server_depends_on_its_kind_and_on_the_chroot() {
        let sources = Sources::default();
        let path = |text: &str| ZPath::parse(text).unwrap();
        let zookeeper = Policy::new(&sources);
        let keeper = Policy {
            system: Some(path("/keeper")),
            ..Policy::new(&sources)
        };
        let below_chroot = Policy {
            below_chroot: true,
            ..Policy::new(&sources)
        };
        for (text, expected) in [
            ("/zookeeper", [true, true, false]),
            ("/zookeeper/quota", [true, true, false]),
            ("/zookeepers", [false; 3]),
            ("/keeper", [false, true, false]),
            ("/keeper/api_version", [false, true, false]),
            ("/a/zookeeper", [false; 3]),
            ("/", [false; 3]),
        ] {
            let policies = [&zookeeper, &keeper, &below_chroot];
            let found = policies.map(|policy| policy.is_of_server(&path(text)));
            assert_eq!(found, expected, "{text}");
        }
    }
}

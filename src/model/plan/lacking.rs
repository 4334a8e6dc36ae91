//! Secret values from outside that could not be had.

use std::fmt;

use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::syntax::place::Location;
use crate::syntax::source::Sources;

/// A secret value from outside that could not be had, so that it was not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCompared {
    /// The node.
    pub path: ZPath,
    /// The property, or `@data` for the node's data.
    pub name: String,
    /// Where the value comes from, as the tree file says it: `env DB_PASSWORD`.
    pub from: String,
    /// Why it could not be had.
    pub why: String,
    /// Where it is declared.
    pub origin: Option<Location>,
}

impl NotCompared {
    /// The values of a node that could not be had.
    pub(crate) fn of<'n>(
        path: &'n ZPath,
        node: &'n Declared,
        sources: &'n Sources,
    ) -> impl Iterator<Item = Self> + 'n {
        node.outside.iter().filter_map(move |(name, outside)| {
            let why = outside.lacks.as_ref()?;
            let origin = node.origin_of(name);
            Some(Self {
                path: path.clone(),
                name: name.clone(),
                from: outside.from.to_string(),
                why: why.to_string(),
                origin: origin.map(|span| sources.locate(span)),
            })
        })
    }
}

impl fmt::Display for NotCompared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name, from, why, ..
        } = self;
        write!(f, "{name} from {from}: {why}")
    }
}

//! What policies say of plans.

use std::fmt;

use crate::model::path::{ZPath, and_more};
use crate::syntax::place::Location;

/// How many nodes a message names.
const NAMED: usize = 3;

/// What a rule of a policy says of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The name of the rule.
    pub rule: String,
    /// What comes of it.
    pub effect: Effect,
    /// What it says.
    pub message: String,
    /// The first of the nodes that it is about.
    pub paths: Vec<ZPath>,
    /// How many nodes it is about.
    pub nodes: usize,
    /// Where the first of them is declared.
    pub origin: Option<Location>,
}

/// What comes of an objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The plan may not be carried out.
    Deny,
    /// A person has to agree to it.
    Ask,
    /// It is said.
    Warn,
}

impl Effect {
    /// The name of the effect.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Warn => "warn",
        }
    }
}

impl Objection {
    /// The first of the nodes, and how many more there are.
    #[must_use]
    pub fn named(&self) -> String {
        let named: Vec<&str> = self.paths.iter().take(NAMED).map(ZPath::as_str).collect();
        let more = and_more(" ", self.nodes - named.len());
        format!("{}{more}", named.join(", "))
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.effect {
            Effect::Ask => " asks first",
            Effect::Deny | Effect::Warn => "",
        };
        let (rule, message, nodes) = (&self.rule, &self.message, self.named());
        write!(f, "rule {rule}{verb}: {message}: {nodes}")
    }
}

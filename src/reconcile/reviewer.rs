//! Who else looks at a plan before it is carried out.

use std::fmt;
use std::sync::Arc;

use crate::model::plan::{Effect, Objection, Plan};

/// A function that says what policies have against a plan; by default nothing.
#[derive(Clone, Default)]
pub struct Reviewer {
    review: Option<Arc<Review>>,
    asks: Asks,
}

type Review = dyn Fn(&Plan) -> Vec<Objection> + Send + Sync;

/// What becomes of a plan about which a person is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asks {
    /// It says so, and whoever carries it out asks.
    #[default]
    Listed,
    /// It is refused, because there is nobody to ask.
    Refused,
}

impl Reviewer {
    /// Asks this function about each plan.
    pub fn new(
        asks: Asks,
        review: impl Fn(&Plan) -> Vec<Objection> + Send + Sync + 'static,
    ) -> Self {
        Self {
            review: Some(Arc::new(review)),
            asks,
        }
    }

    pub(super) fn review(&self, plan: &Plan) -> Vec<Objection> {
        self.review
            .as_ref()
            .map_or_else(Vec::new, |review| review(plan))
    }

    /// Whether an objection keeps a plan from being carried out.
    pub(super) fn refuses(&self, effect: Effect) -> bool {
        match effect {
            Effect::Deny => true,
            Effect::Ask => self.asks == Asks::Refused,
            Effect::Warn => false,
        }
    }
}

impl fmt::Debug for Reviewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.review {
            Some(_) => "Reviewer",
            None => "nobody",
        })
    }
}

//! What a loop knows between its reconciles.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::Options;
use super::super::drift::Drift;
use super::super::files::FileWatch;
use super::super::held::Held;
use super::super::newest::Newest;
use super::super::revision::Revision;
use crate::model::acl::Identities;
use crate::model::plan::Plan;
use crate::reconcile::{Tenure, Unwritable};
use crate::zookeeper::election::Election;
use crate::zookeeper::live::Mirror;
use crate::zookeeper::session::{Lookout, Session, Sessions};

/// Result of the last comparison of the two trees.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a process")]
pub(super) enum Known {
    /// Nothing: they are to be compared whether or not anything is known to have changed.
    Nothing,
    /// They were compared. That is done again, all of it, once something changes.
    Compared,
    /// They agree but for what is held back, as this plan without actions says: only what changes
    /// needs to be compared.
    Agree(Plan),
    /// Nothing, since others write on: the next reconcile is due at once.
    Moving,
}

impl Known {
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing | Self::Moving)
    }
}

/// What is known of the servers while there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reach {
    /// The last attempt did not fail for want of a server: asking one again shows nothing new.
    #[default]
    Unknown,
    /// The last attempt reached no server.
    Lost,
    /// A server makes sessions again.
    Back,
}

/// Makes the live tree as declared, again and again.
pub(in super::super) struct Reconciler {
    pub(super) options: Options,
    pub(super) newest: Newest,
    /// What new sessions are made by.
    pub(super) sessions: Sessions,
    pub(super) session: Option<Session>,
    pub(super) reach: Reach,
    /// Looks for a server while there is no connection.
    pub(super) lookout: Lookout,
    pub(super) identities: Option<Identities>,
    pub(super) mirror: Option<Mirror>,
    /// The owner's record, where there is an owner.
    pub(super) tenure: Option<Tenure>,
    /// Whether other applies of the owner go first.
    pub(super) yields: bool,
    /// When to look again whether another apply of the owner has ended.
    pub(super) yields_until: Option<Instant>,
    pub(super) election: Option<Election>,
    /// The revision that the mirror and the last plan are for.
    pub(super) revision: Option<Arc<Revision>>,
    pub(super) known: Known,
    pub(super) held: Held,
    pub(super) drift: Drift,
}

impl Reconciler {
    /// Where `watches` is not set, files are read only when they are asked for, and nobody goes first.
    pub(in super::super) fn new(mut options: Options, watches: bool) -> Self {
        options.plan.path = options.layers.place.clone();
        options.plan.filter = options.layers.filter.clone();
        options.plan.unwritable = Unwritable::Attempted;
        Self {
            newest: Newest::new(
                options.layers.clone(),
                watches.then(|| FileWatch::new(options.poll)),
            ),
            sessions: Sessions::new(options.session.clone()),
            session: None,
            reach: Reach::default(),
            lookout: Lookout::default(),
            identities: None,
            mirror: None,
            tenure: None,
            yields: watches,
            yields_until: None,
            election: options.elect.as_deref().map(Election::new),
            revision: None,
            known: Known::Nothing,
            held: Held::new(options.pace.first_backoff, options.pace.interval),
            drift: Drift::default(),
            options,
        }
    }
}

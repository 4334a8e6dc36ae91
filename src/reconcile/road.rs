//! Source, session and options: the policy, a plan, and one execution.

use std::collections::HashMap;
use std::sync::Arc;

use super::abilities;
use super::beside;
use super::contention;
use super::links;
use super::options::Agreed;
use super::owner::Owner;
#[cfg(feature = "watch")]
use super::partial;
use super::rights::{self, RightsCheck};
use super::{Error, Options, Progress, Unwritable, check};
use crate::declare::Source;
use crate::model::acl::Identities;
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::Plan;
use crate::model::tree::Tree;
use crate::model::value::Encoded;
use crate::plan::owned::Ownership;
use crate::plan::planner::{self, Policy};
use crate::plan::scope;
use crate::zookeeper::executor::{self, Event, ExecuteOptions, Ledger, Report};
use crate::zookeeper::live::{self, FetchOptions, ReadAhead};
use crate::zookeeper::session::Session;

/// A plan, and whom the server knew the session as when it was made, where that matters.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) identities: Option<Identities>,
}

/// What was before a plan, and matters to it.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// What the owner has, where there is one.
    pub(crate) ownership: Option<Arc<Ownership>>,
    /// What moved nodes were to hold by earlier plans of the same run.
    pub(crate) copies: HashMap<ZPath, Encoded>,
}

impl Past {
    /// Before the first plan of a run.
    pub(crate) fn of_owner(ownership: Option<Arc<Ownership>>) -> Self {
        Self {
            ownership,
            ..Self::default()
        }
    }
}

/// Reads the live tree and plans, after all checks.
pub(super) async fn plan(
    session: &Session,
    source: &Source,
    options: &Options,
    (ahead, past): (ReadAhead, Past),
) -> Result<Planned, Error> {
    let rights = options.rights_of_plan();
    let (planned, _) = plan_and_live(session, source, options, (ahead, past, rights)).await?;
    Ok(planned)
}

/// As [`plan`]; returns the live tree, too.
pub(super) async fn plan_and_live(
    session: &Session,
    source: &Source,
    options: &Options,
    (ahead, past, rights): (ReadAhead, Past, RightsCheck),
) -> Result<(Planned, Tree<Live>), Error> {
    check::require_chroot(session)?;
    check::require_of_server(session, source.tree())?;
    check::require_place(session, &options.path).await?;
    let road = Road::new(session, source, options, None).await?;
    let road = road.after(past);
    let owned = (&options.path, road.past.ownership.as_deref());
    let wants = scope::with_owned(source.tree(), options.trim, owned);
    let (of, observer) = (wants.len(), &options.observer);
    let mut progress = |nodes: usize| observer.notify(&Progress::Reading { nodes, of });
    progress(0);
    let fetch = FetchOptions::default();
    let live = live::fetch_after(session, ahead, &wants, &fetch, &mut progress).await?;
    observer.notify(&Progress::Read { nodes: live.len() });
    if !rights.are_checked() {
        check::require_readable(source.tree(), &live)?;
    }
    let mut policy = road.policy();
    policy.requires_rights &= !rights.are_checked();
    let mut plan = road.plan_by(&policy, &live).await?;
    let read = rights::Read {
        declared: source.tree(),
        live: &live,
        identities: road.identities.as_ref(),
        record: options.owner.as_ref().map(Owner::head),
    };
    rights::check(session, &read, rights, &mut plan).await?;
    abilities::check(session, options, &mut plan);
    let planned = Planned {
        plan,
        identities: road.identities,
    };
    Ok((planned, live))
}

/// A declared tree, and the session over which it comes to be live.
#[derive(Debug)]
pub(crate) struct Road<'a> {
    pub(super) session: &'a Session,
    pub(super) source: &'a Source,
    options: &'a Options,
    identities: Option<Identities>,
    past: Past,
}

impl<'a> Road<'a> {
    /// Asks whom the server knows the session as, where that matters and is not `known`.
    pub(crate) async fn new(
        session: &'a Session,
        source: &'a Source,
        options: &'a Options,
        known: Option<Identities>,
    ) -> Result<Self, Error> {
        let identities = match known {
            None if planner::needs_identities(source.tree()) => Some(session.who().await?),
            known => known,
        };
        Ok(Self::of(session, source, options, identities))
    }

    /// As [`Road::new`], where the identities are known, or do not matter.
    pub(crate) fn of(
        session: &'a Session,
        source: &'a Source,
        options: &'a Options,
        identities: Option<Identities>,
    ) -> Self {
        Self {
            session,
            source,
            options,
            identities,
            past: Past::default(),
        }
    }

    /// Where this was before.
    pub(crate) fn after(self, past: Past) -> Self {
        Self { past, ..self }
    }

    /// Whom the server knows the session as, where somebody asked.
    #[cfg(feature = "watch")]
    pub(crate) fn identities(&self) -> Option<&Identities> {
        self.identities.as_ref()
    }

    pub(super) fn policy(&self) -> Policy<'a> {
        Policy {
            below_chroot: !self.session.chroot().is_root(),
            system: self.session.system(),
            max_request: match self.options.unwritable {
                Unwritable::Refused => self.session.max_request(),
                Unwritable::Attempted => usize::MAX,
            },
            identities: self.identities.clone(),
            owner: self.past.ownership.clone(),
            copies: self.past.copies.clone(),
            ..self.options.policy(self.source.texts())
        }
    }

    /// Plans against live nodes that were read, and checks links, with nodes outside of both trees
    /// looked up.
    ///
    /// # Errors and cancellation safety
    /// As [`live::fetch`](crate::zookeeper::live::fetch).
    #[cfg(feature = "watch")]
    pub(crate) async fn plan(&self, live: &Tree<Live>) -> Result<Plan, Error> {
        self.plan_by(&self.policy(), live).await
    }

    async fn plan_by(&self, policy: &Policy<'_>, live: &Tree<Live>) -> Result<Plan, Error> {
        let mut plan = beside::plan(self.source.tree(), live, policy);
        links::keep_ephemeral(self.session, &mut plan, &[], policy).await?;
        let warnings = links::check(self.session, self.source, live, &plan).await?;
        plan.warnings.extend(warnings);
        self.options.judge(&mut plan, self.source);
        Ok(plan)
    }

    /// As [`Road::plan`], where the trees agreed but for what has changed since, as `before` says.
    #[cfg(feature = "watch")]
    pub(crate) async fn plan_since(
        &self,
        live: &Tree<Live>,
        before: partial::Before<'_>,
    ) -> Result<Plan, Error> {
        let policy = self.policy();
        let tree = self.source.tree();
        let has_moves = || tree.iter().any(|(_, node)| node.moved_from.is_some());
        // All warnings and extras count, a move takes both of its places, or of an owner's nodes not all
        // are declared.
        let takes_all = self.options.strict || self.options.lints.deny_any();
        let part = match takes_all || self.past.ownership.is_some() || has_moves() {
            true => None,
            false => partial::plan(self.source.tree(), live, &policy, before),
        };
        let Some(mut plan) = part else {
            return self.plan(live).await;
        };
        // An extra node that was looked up before is known not to be ephemeral.
        let known = before.unchanged_extras();
        links::keep_ephemeral(self.session, &mut plan, &known, &policy).await?;
        self.options.judge(&mut plan, self.source);
        Ok(plan)
    }

    /// Carries out a plan once, all of it or up to the first obstacle. What became of each action is in
    /// `ledger` at any time. Where its nodes are contended, that is within what was agreed to.
    ///
    /// # Cancellation safety
    /// As [`executor::execute`].
    pub(super) async fn execute(
        &self,
        plan: &Plan,
        contended: Option<Agreed>,
        limits: &ExecuteOptions,
        ledger: &mut Ledger,
        events: &mut (dyn FnMut(&Event) + Send),
    ) -> Report {
        let of = plan.actions.len();
        let mut observe = |event: &Event| {
            events(event);
            let observer = &self.options.observer;
            observer.notify(&Progress::Executing { event, of });
        };
        match contended {
            None => {
                let mut events = |event: &Event| {
                    ledger.note(event);
                    observe(event);
                };
                executor::execute(self.session, plan, limits, &mut events).await
            }
            Some(agreed) => {
                let basis = contention::Basis {
                    plan,
                    declared: self.source.tree(),
                    policy: &self.policy(),
                    agreed,
                };
                contention::execute(self.session, basis, limits, ledger, &mut observe).await
            }
        }
    }
}

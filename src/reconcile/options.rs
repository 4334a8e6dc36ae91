//! What a plan may do, and who observes progress.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::owner::Owner;
use super::reviewer::Reviewer;
use super::rights::RightsCheck;
use crate::declare::Source;
use crate::model::lint::Levels;
use crate::model::path::ZPath;
use crate::model::plan::{FingerprintKey, MaxTrim, Plan, Refusal};
use crate::plan::lint::{self, Unused};
use crate::plan::planner::Policy;
use crate::plan::saved::Mandate;
use crate::plan::scope::{Filter, Trim};
use crate::syntax::source::Sources;
use crate::zookeeper::executor::Event;

/// What a plan may do, and how often it is made anew.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Options {
    /// Where the top-level nodes go; it must exist.
    pub path: ZPath,
    /// Which paths the plan is about.
    pub filter: Filter,
    /// Whether undeclared nodes are removed.
    pub trim: Trim,
    /// How many trims a plan may have.
    pub max_trim: MaxTrim,
    /// Whether text or binary data gives way to declared properties.
    pub replace: bool,
    /// Whether nodes that are marked `@ephemeral` are created, as persistent ones.
    pub allow_ephemeral: bool,
    /// Whether a plan may take from the session the right to change a node again, and may need rights
    /// that the session does not seem to have.
    pub may_lock_out: bool,
    /// Whether [`plan()`](super::plan()) finds out if the session has all rights that the plan takes. That
    /// reads the ACLs of the nodes that the plan writes, and of the parents of those that it creates and
    /// deletes; otherwise only those ACLs count that are compared. [`apply()`](super::apply()) always finds it
    /// out; with [`may_lock_out`](Self::may_lock_out) or [`Unwritable::Attempted`], only where this is set.
    pub check_rights: bool,
    /// Whether undeclared nodes that stay are listed.
    pub extras: Extras,
    /// Whether a plan with warnings or listed extra nodes is refused.
    pub strict: bool,
    /// What policies say of a plan.
    pub reviewer: Reviewer,
    /// How serious each lint is.
    #[doc(hidden)]
    pub lints: Levels,
    /// What becomes of a node that surely cannot be written.
    pub unwritable: Unwritable,
    /// The key for fingerprints of secret values, so that those who review a plan see that one changes.
    /// Without a key there are none.
    pub fingerprints: Option<FingerprintKey>,
    /// For whom the plan is carried out. Without an owner nobody keeps a record.
    pub owner: Option<Owner>,
    /// How often a stopped execution is planned again.
    pub retries: u32,
    /// Number of conflicts after which the nodes of a plan count as contended: batches become smaller
    /// where they conflict, and each node is planned again alone right before it is written.
    pub contended_from: u32,
    /// Gets progress.
    pub observer: Observer,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: ZPath::root(),
            filter: Filter::default(),
            trim: Trim::None,
            max_trim: MaxTrim::Default,
            replace: false,
            allow_ephemeral: false,
            may_lock_out: false,
            check_rights: false,
            extras: Extras::Listed,
            strict: false,
            reviewer: Reviewer::default(),
            lints: Levels::default(),
            unwritable: Unwritable::Refused,
            fingerprints: None,
            owner: None,
            retries: 5,
            contended_from: 2,
            observer: Observer::default(),
        }
    }
}

impl Options {
    /// For whom a plan of these options is, and what it may remove.
    pub(crate) fn mandate(&self) -> Mandate<'_> {
        let owner = self.owner.as_ref();
        Mandate {
            owner: owner.map(|owner| (owner.name(), owner.place.as_str())),
            trim: self.trim == Trim::All,
            trim_owned: self.trim == Trim::Owned,
        }
    }
}

/// Whether undeclared nodes that stay are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extras {
    /// They are, less those that are ephemeral.
    #[default]
    Listed,
    /// They are not, and nobody asks what kind they are of.
    Hidden,
}

/// What becomes of a node that surely cannot be written: no request can carry it, or its ACL does not
/// let the session do what the plan has to do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unwritable {
    /// The plan is refused.
    #[default]
    Refused,
    /// The execution stops at that node alone.
    Attempted,
}

/// What the caller has agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreed {
    /// All that it takes to make the live tree as declared.
    Anything,
    /// Just this plan, so that a node that is to be trimmed stays if it has newer data.
    ThisPlan,
}

impl Options {
    /// The policy for a plan that no server is asked for.
    pub(super) fn policy<'s>(&self, sources: &'s Sources) -> Policy<'s> {
        Policy {
            path: self.path.clone(),
            trim: self.trim,
            filter: self.filter.clone(),
            max_trim: self.max_trim,
            replace: self.replace,
            allow_ephemeral: self.allow_ephemeral,
            may_lock_out: self.may_lock_out,
            shows_extras: self.extras == Extras::Listed,
            levels: self.lints,
            requires_rights: self.requires_rights(),
            ..Policy::new(sources)
        }
    }

    /// Whether a plan is refused that takes rights which the session surely lacks.
    fn requires_rights(&self) -> bool {
        self.unwritable == Unwritable::Refused && !self.may_lock_out
    }

    /// How much is found out of the rights for a plan that nobody carries out.
    pub(super) fn rights_of_plan(&self) -> RightsCheck {
        match (self.check_rights, self.requires_rights()) {
            (true, true) => RightsCheck::Reported,
            (true, false) => RightsCheck::OnlyReported,
            (false, _) => RightsCheck::AsRead,
        }
    }

    /// How much is found out of the rights before a plan is carried out.
    pub(super) fn rights_of_apply(&self) -> RightsCheck {
        match self.check_rights || self.requires_rights() {
            true => RightsCheck::Required,
            false => RightsCheck::AsRead,
        }
    }

    /// What is left to judge once a plan is made: which extras and warnings count, and for how much.
    pub(super) fn judge(&self, plan: &mut Plan, source: &Source) {
        let warnings = std::mem::take(&mut plan.warnings);
        let (tree, texts) = (source.tree(), source.texts());
        plan.warnings = lint::settle(warnings, tree, texts, &self.lints, Unused::Ignored);
        if let Some(key) = &self.fingerprints {
            plan.take_fingerprints(key);
        }
        self.review(plan);
        plan.judge(self.extras == Extras::Listed, self.strict);
    }

    /// Asks the reviewer.
    pub(super) fn review(&self, plan: &mut Plan) {
        plan.objections = self.reviewer.review(plan);
        let refused = plan.objections.iter();
        let refused = refused.filter(|objection| self.reviewer.refuses(objection.effect));
        let refused = refused.cloned().map(Refusal::Objection);
        plan.refusals.extend(refused);
    }
}

/// A function that gets progress; none by default.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Observe>>);

type Observe = dyn Fn(&Progress<'_>) + Send + Sync;

impl Observer {
    /// Sends progress to this function.
    pub fn new(observe: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    pub(super) fn notify(&self, progress: &Progress<'_>) {
        if let Some(observe) = &self.0 {
            observe(progress);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Observer",
            None => "nobody",
        })
    }
}

/// How far a plan or its execution has got.
#[derive(Debug)]
pub enum Progress<'a> {
    /// So many live nodes have been read.
    Reading {
        /// How many.
        nodes: usize,
        /// How many are declared.
        of: usize,
    },
    /// The live tree has been read.
    Read {
        /// How many nodes it has.
        nodes: usize,
    },
    /// A batch was sent, or stands.
    Executing {
        /// Which one.
        event: &'a Event,
        /// How many actions the plan has.
        of: usize,
    },
}

/// The part of a declared tree that a plan with these options is about. A tree that is narrowed already
/// stays as it is.
pub(super) fn narrowed<'s>(source: &'s Source, options: &Options) -> Cow<'s, Source> {
    if options.filter.is_everything() {
        return Cow::Borrowed(source);
    }
    Cow::Owned(source.clone().change(|tree| options.filter.apply(tree)))
}

//! The one road from a declared tree to written nodes.
//!
//! Everybody who makes a plan or carries one out comes here: `zkt plan`, `apply`, `diff` and `watch`,
//! and the library's `import_tree`. The policy and the checks before a plan are the same for all of them,
//! and so is what ends an execution. A dry run is the same road, less its last step.
//!
//! The watch differs in what it does after a stop, as `tries` says: it plans over a mirror, so that a
//! further plan costs no read; it sets a node aside that others write again and again; and after a lost
//! connection it begins anew. `zkt apply` takes the steps of `Apply` one by one, to ask a person in
//! between; `Apply::run` takes them all.
//!
//! | room | what it is |
//! | --- | --- |
//! | `options` | what a plan may do, and who observes progress |
//! | `check` | what must hold before a plan |
//! | `rights` | whether the session may do all that a plan does |
//! | `abilities` | whether the server can |
//! | `road` | the policy, a plan, one execution |
//! | `run` | plans and executions of one run, which `apply` and the watch drive |
//! | `saved` | what is left of a saved plan, and that nothing moved under it |
//! | `owner` | for whom a plan is carried out |
//! | `records` | what all owners have |
//! | `tenure` | the record of an owner, around plans and executions |
//! | `links` | what a plan must know of nodes beside those that were read for it |
//! | `lint` | warnings that need no server |
//! | `compared_secrets` | what one of two declared trees says of secrets of the other |
//! | `status` | an owner's record against the live tree |
//! | `partial` | a plan for what changed alone |
//! | `contention` | an execution whose nodes others write all the time |
//! | `tries` | when a stopped execution is planned again |
//! | `account` | what was done, what is unknown, what is left |
//! | `apply` | plans and executions until all is done |

mod abilities;
mod account;
mod apply;
mod beside;
mod check;
mod compared_secrets;
mod contention;
mod error;
mod ground;
mod links;
mod lint;
mod options;
mod owner;
#[cfg(feature = "watch")]
mod partial;
mod records;
mod reviewer;
mod rights;
mod road;
mod run;
mod saved;
mod status;
mod tenure;
mod tries;

pub use account::{Account, Course, NamedAction, Outcome};
pub use apply::{Apply, Ended, Executed, Unfinished, Why, apply};
pub use check::{require_place, require_readable};
pub use error::{Error, SavedError};
pub use lint::lint;
pub use options::{Extras, Observer, Options, Progress, Unwritable};
pub use owner::Owner;
pub use reviewer::{Asks, Reviewer};
pub use run::Verdict;
pub use saved::plan_to_save;
pub use status::{Drift, Status, status};
pub use tries::Again;

#[cfg(feature = "watch")]
pub(crate) use account::Tally;
#[cfg(feature = "watch")]
pub(crate) use check::{require_chroot, require_no_records, require_of_server, unreadable};
#[cfg(feature = "watch")]
pub(crate) use compared_secrets::hide_as;
#[cfg(feature = "watch")]
pub(crate) use options::Agreed;
#[cfg(feature = "watch")]
pub(crate) use partial::{Before, at_rest};
#[cfg(feature = "watch")]
pub(crate) use rights::lacking;
#[cfg(feature = "watch")]
pub(crate) use road::{Past, Road};
#[cfg(feature = "watch")]
pub(crate) use run::Run;
#[cfg(feature = "watch")]
pub(crate) use tenure::Tenure;
#[cfg(feature = "watch")]
pub(crate) use tries::{Aside, Look, Spent};

use options::narrowed;

use crate::declare::Source;
use crate::model::node::Live;
use crate::model::plan::Plan;
use crate::model::secrets::SecretNames;
use crate::model::tree::Tree;
use crate::plan::alike;
use crate::plan::links::{self as link_check, LookedUp, Trees};
use crate::plan::planner::{self, Policy};
use crate::plan::scope::Trim;
use crate::syntax::source::Sources;
use crate::zookeeper::live::ReadAhead;
use crate::zookeeper::session::Session;

/// Plans what makes the live tree as declared. A plan that may not be carried out is no error: see
/// [`Plan::refusals`].
///
/// # Errors
/// The node at [`Options::path`] does not exist, or the live tree could not be read.
///
/// # Cancellation safety
/// Nothing is written.
pub async fn plan(session: &Session, source: &Source, options: &Options) -> Result<Plan, Error> {
    let source = narrowed(source, options);
    plan_after(session, &source, options, ReadAhead::default()).await
}

/// As [`plan()`]. `ahead` is what was read of the live tree already.
///
/// # Errors and cancellation safety
/// As [`plan()`].
pub async fn plan_after(
    session: &Session,
    source: &Source,
    options: &Options,
    ahead: ReadAhead,
) -> Result<Plan, Error> {
    let ownership = records::ownership(session, options.owner.as_ref(), source.tree()).await?;
    let past = road::Past::of_owner(ownership);
    let planned = road::plan(session, source, options, (ahead, past)).await?;
    Ok(planned.plan)
}

/// The plan between two declared trees: the old one as if it were live. What either declares as secret is not
/// shown of the other. Top-level nodes that only the old one has are trimmed, too. A subtree that only changed
/// its place is a move, with a warning where no `@moved` says so. No server is asked, so no ACL can lock anybody out.
#[must_use]
pub fn compare(old: &Source, new: &Source, options: &Options) -> Plan {
    let (old, new) = (narrowed(old, options), narrowed(new, options));
    let new = compared_secrets::heed(&old, new);
    let policy = Policy {
        trim_top_level: true,
        // What a tree declares is never ZooKeeper's own.
        below_chroot: true,
        protected: planner::protected(old.tree(), old.texts()),
        ..options.policy(new.texts())
    };
    let mut live: Tree<Live> = planner::as_live(old.tree());
    for (_, node) in live.iter_mut() {
        if let Live::Read(node) = node {
            node.ephemeral &= !options.allow_ephemeral;
        }
    }
    let mut plan = planner::plan(new.tree(), &live, &policy);
    if options.trim == Trim::All {
        let looked_up = LookedUp::default();
        let trees = Trees::new(new.tree(), &live);
        let checked = link_check::check(&trees, &plan, Some(&looked_up), new.texts());
        plan.warnings.extend(checked.warnings);
    }
    let names = [old.texts(), new.texts()].map(Sources::secret_names);
    let secret_names = SecretNames::new(names.into_iter().flatten());
    let before = alike::Old {
        declared: old.tree(),
        live: &live,
        secret_names: &secret_names,
    };
    alike::mark_moves(&mut plan, before);
    options.judge(&mut plan, &new);
    plan
}

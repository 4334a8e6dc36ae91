//! Which declared nodes an owner takes for its own, and which of them others have.

use std::collections::BTreeMap;

use super::is_partial;
use crate::model::lint::{Level, Lint};
use crate::model::node::{Declared, LiveNode};
use crate::model::path::{ZPath, and_more};
use crate::model::plan::{About, Action, Adopted, MovesFrom, Plan, Warning};
use crate::model::record::{Claim, Entry};
use crate::plan::planner::Policy;
use crate::syntax::place::Location;

/// How a declared node compares with the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Comparison {
    /// They are equal.
    Equal,
    /// The data differs, so that a write makes it as declared.
    Data,
    /// Something beside the data differs.
    Rest,
}

/// Whose a declared node is that another owner has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holding {
    /// The other one's.
    Theirs,
    /// Both have it, or will once the plan is carried out.
    Shared,
    /// The other one's, and the plan removes it.
    Trimmed,
    /// The other one's, and the plan moves it away.
    Moved,
}

/// The owner's side of a plan while it is made.
#[derive(Default)]
pub(in super::super) struct Owner {
    /// Nodes that another owner has, and that are declared or go: the first of each owner, where the files
    /// say so, and how many.
    others: BTreeMap<(String, Holding), (ZPath, Option<Location>, usize)>,
}

/// What becomes of a claim.
struct Taken {
    claim: Claim,
    /// Whether that takes somebody to say so.
    is_told: bool,
}

impl Owner {
    /// Takes note of a declared node that is there: whether it is adopted, and whether others have it.
    pub(in super::super) fn note(
        &mut self,
        path: &ZPath,
        (node, live): (&Declared, &LiveNode),
        comparison: Comparison,
        policy: &Policy<'_>,
        plan: &mut Plan,
    ) {
        let Some(ownership) = &policy.owner else {
            return;
        };
        let other = ownership.other(path, live.czxid);
        let entry = ownership.record.of_node(path, live.czxid);
        let before = entry.map(|entry| entry.claim);
        let is_free = other.is_none() && ownership.unknown.is_empty();
        let taken = taken(before, comparison, ownership.adopts, is_free);
        if let Some(name) = other {
            let has = taken.as_ref().is_some_and(|taken| taken.claim.is_owned());
            let holding = match has {
                true => Holding::Shared,
                false => Holding::Theirs,
            };
            let locate = || node.origin.map(|span| policy.sources.locate(span));
            self.count((name, holding), path, locate);
        }
        let Some(Taken { claim, is_told }) = taken else {
            return;
        };
        if is_told {
            plan.claims.adopted.push(Adopted {
                path: path.clone(),
                from: other.map(str::to_owned),
                differs: comparison != Comparison::Equal,
            });
        } else if before.is_none() && claim.is_owned() {
            plan.claims.equal.push(path.clone());
        }
        // The batch that writes it says so.
        if comparison == Comparison::Data {
            return;
        }
        // Others may write all the time what `@keep` and `@ignore` leave to them.
        let partial = is_partial(node);
        let modified = match entry {
            Some(entry) if partial => entry.modified,
            _ => live.mzxid,
        };
        let now = Entry {
            created: live.czxid,
            modified,
            claim,
            partial,
        };
        if entry != Some(now) {
            plan.record.take.push((path.clone(), now));
        }
    }

    /// Takes note of nodes of others that go: by a trim, or from the old place of a move.
    pub(in super::super) fn note_trims(
        &mut self,
        trims: &[Action],
        policy: &Policy<'_>,
        plan: &Plan,
    ) {
        let Some(ownership) = &policy.owner else {
            return;
        };
        let moves = MovesFrom::new(plan);
        for action in trims {
            let Action::Trim(trim) = action else {
                continue;
            };
            let created = trim.seen.map(|seen| seen.created);
            let other = created.and_then(|created| ownership.other(&trim.path, created));
            let Some(name) = other else { continue };
            let moved = moves.of(&trim.path);
            let moved = moved.filter(|moved| !moved.dropped.contains(&trim.path));
            let holding = match moved {
                Some(_) => Holding::Moved,
                None => Holding::Trimmed,
            };
            let origin = || moved.and_then(|moved| moved.origin.clone());
            self.count((name, holding), &trim.path, origin);
        }
    }

    /// Counts a node of another owner; the first one is named.
    fn count(
        &mut self,
        (name, holding): (&str, Holding),
        path: &ZPath,
        origin: impl FnOnce() -> Option<Location>,
    ) {
        let others = self.others.entry((name.to_owned(), holding));
        let (_, _, count) = others.or_insert_with(|| (path.clone(), origin(), 0));
        *count += 1;
    }

    /// Warns of nodes that others have, and of others of whom nobody knows what they have.
    pub(in super::super) fn warnings(self, policy: &Policy<'_>) -> Vec<Warning> {
        let warning = |path, message, origin| Warning {
            path,
            lint: Lint::OtherOwner,
            level: Level::Warn,
            about: About::Trees,
            message,
            origin,
        };
        let others = self.others.into_iter();
        let others = others.map(|((name, holding), (path, origin, count))| {
            let it = if count == 1 { "it" } else { "them" };
            let more = and_more(" (", count - 1);
            let more = if more.is_empty() { more } else { more + ")" };
            let message = match holding {
                Holding::Theirs => format!(
                    "the owner {name} has {it}{more}, and may remove {it}: whichever applies last wins"
                ),
                Holding::Shared => format!(
                    "the owner {name} has {it}, too{more}: whichever applies last wins until one of both no \
                     longer declares {it}"
                ),
                Holding::Trimmed => {
                    format!("the owner {name} has {it}{more}, and this plan removes {it}")
                }
                Holding::Moved => {
                    format!("the owner {name} has {it}{more}, and this plan moves {it} away")
                }
            };
            warning(path, message, origin)
        });
        let ownership = policy.owner.iter();
        let unknown = ownership.flat_map(|ownership| {
            ownership.unknown.iter().map(|(name, why)| {
                let message = format!(
                    "what the owner {name} has is unknown, so nothing of it is trimmed or adopted: {why}"
                );
                warning(ownership.place.join(name), message, None)
            })
        });
        others.chain(unknown).collect()
    }
}

/// What the owner says of a declared node from then on. `None` if it says nothing of it.
fn taken(
    before: Option<Claim>,
    comparison: Comparison,
    adopts: bool,
    is_free: bool,
) -> Option<Taken> {
    let as_is = |claim| {
        Some(Taken {
            claim,
            is_told: false,
        })
    };
    match (before, comparison) {
        (Some(claim), _) if claim.is_owned() => as_is(claim),
        (None, Comparison::Equal) if is_free => as_is(Claim::Adopted),
        _ if adopts => Some(Taken {
            claim: Claim::Adopted,
            is_told: true,
        }),
        (Some(claim), _) => as_is(claim),
        (None, _) if is_free => as_is(Claim::Written),
        (None, _) => None,
    }
}

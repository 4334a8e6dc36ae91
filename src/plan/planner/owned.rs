//! What an owner has: nodes that are adopted, nodes that are gone, and nodes that are trimmed because
//! they are the owner's and no longer declared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Policy;
use crate::model::lint::{Level, Lint};
use crate::model::node::{Declared, Live, LiveNode};
use crate::model::path::{ZPath, and_more};
use crate::model::plan::{About, Action, Kept, KeptReason, Plan, Refusal, Trim, Warning};
use crate::model::record::{Claim, Entry};
use crate::model::tree::Tree;
use crate::plan::owned::Ownership;
use crate::plan::scope;
use crate::syntax::place::Location;

/// How a declared node compares with the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// They are equal.
    Equal,
    /// The data differs, so that a write makes it as declared.
    Data,
    /// Something beside the data differs.
    Rest,
}

/// The owner's side of a plan while it is made.
#[derive(Default)]
pub(super) struct Owner {
    /// Declared nodes that another owner has: the first of each owner, where it is declared, and how many.
    shared: BTreeMap<String, (ZPath, Option<Location>, usize)>,
}

impl Owner {
    /// Takes note of a declared node that is there: whether it is adopted, and whether others have it.
    pub(super) fn note(
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
        if let Some(name) = other {
            let locate = || node.origin.map(|span| policy.sources.locate(span));
            let shared = self.shared.entry(name.to_owned());
            let (_, _, count) = shared.or_insert_with(|| (path.clone(), locate(), 0));
            *count += 1;
        }
        let entry = ownership.record.of_node(path, live.czxid);
        let adopts = ownership.adopts;
        let claim = match (entry.map(|entry| entry.claim), comparison) {
            // The batch that writes it says so.
            (_, Comparison::Data) => return,
            (Some(Claim::Written), _) if adopts => Claim::Adopted,
            (Some(claim), _) => claim,
            (None, _) if adopts => Claim::Adopted,
            (None, _) if other.is_some() || !ownership.unknown.is_empty() => return,
            (None, Comparison::Equal) => Claim::Adopted,
            (None, Comparison::Rest) => Claim::Written,
        };
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

    /// Warns of declared nodes that others have, and of others of whom nobody knows what they have.
    pub(super) fn warnings(self, policy: &Policy<'_>) -> Vec<Warning> {
        let warning = |path, message, origin| Warning {
            path,
            lint: Lint::OtherOwner,
            level: Level::Warn,
            about: About::Trees,
            message,
            origin,
        };
        let shared = self.shared.into_iter();
        let shared = shared.map(|(name, (path, origin, count))| {
            let more = and_more(", and so it has ", count - 1);
            let message = format!("the owner {name} has it, too{more}: both would write it");
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
        shared.chain(unknown).collect()
    }
}

/// Whether others may write a part of a node's data.
fn is_partial(node: &Declared) -> bool {
    node.keep_properties || !node.ignore.patterns().is_empty()
}

/// Takes note of nodes that are written of which others may write a part from then on, or no part any more.
pub(super) fn note_partial(declared: &Tree<Declared>, policy: &Policy<'_>, plan: &mut Plan) {
    let Some(ownership) = &policy.owner else {
        return;
    };
    let mut partial: BTreeMap<&ZPath, bool> = BTreeMap::new();
    for path in plan.actions.iter().map(Action::path) {
        let Some(node) = declared.get(path) else {
            continue;
        };
        let before = ownership.record.get(path);
        if is_partial(node) || before.is_some_and(|entry| entry.partial) {
            partial.insert(path, is_partial(node));
        }
    }
    let partial = partial.into_iter();
    plan.record.partial = partial.map(|(path, is)| (path.clone(), is)).collect();
}

/// Takes note of nodes of the record that are gone or replaced.
pub(super) fn note_gone(
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
    plan: &mut Plan,
) {
    let Some(ownership) = &policy.owner else {
        return;
    };
    let reads_owned = policy.trim == scope::Trim::Owned;
    for (path, entry) in ownership.record.iter() {
        let is_there = match live.get(path) {
            None => false,
            Some(Live::Read(node)) => node.czxid == entry.created,
            Some(Live::Listed | Live::Unreadable) => true,
        };
        let was_read = declared.get(path).is_some()
            || reads_owned && ownership.owns_below(&policy.path, path, entry);
        if !is_there && was_read {
            plan.record.gone.push((path.clone(), entry.created));
        }
    }
}

/// The nodes that are the owner's and no longer declared, in path order, as far as they still are what
/// they were. The others are kept.
pub(super) fn trims(
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
    plan: &mut Plan,
) -> Vec<Action> {
    let Some(ownership) = policy.owner.clone() else {
        return Vec::new();
    };
    let mut trims = Trims {
        declared,
        live,
        policy,
        trimmed: BTreeMap::new(),
    };
    // Children come before their parents, which go only after them.
    let owned: Vec<&ZPath> = ownership.below(&policy.path).collect();
    for path in owned.into_iter().rev() {
        trims.judge(path, &ownership, plan);
    }
    trims.refuse(plan);
    let touched: BTreeSet<&ZPath> = trims.trimmed.keys().collect();
    let kept: BTreeSet<ZPath> = plan.kept.iter().map(|kept| kept.path.clone()).collect();
    plan.extras
        .retain(|path| !touched.contains(path) && !kept.contains(path));
    plan.kept.sort_by(|one, other| one.path.cmp(&other.path));
    trims.trimmed.into_values().collect()
}

struct Trims<'a> {
    declared: &'a Tree<Declared>,
    live: &'a Tree<Live>,
    policy: &'a Policy<'a>,
    trimmed: BTreeMap<ZPath, Action>,
}

impl Trims<'_> {
    fn judge(&mut self, path: &ZPath, ownership: &Arc<Ownership>, plan: &mut Plan) {
        if self.declared.get(path).is_some() || !self.policy.filter.covers(path) {
            return;
        }
        let parent = path.parent().and_then(|parent| self.declared.get(&parent));
        if parent.is_some_and(|parent| parent.keep_children) {
            return;
        }
        let live = self.live.get(path).and_then(Live::node);
        let Some(node) = live else { return };
        let Some(entry) = ownership.record.of_node(path, node.czxid) else {
            return;
        };
        plan.examined += 1;
        let reason = if entry.modified != node.mzxid {
            Some(KeptReason::Changed)
        } else if let Some(other) = ownership.other(path, node.czxid) {
            let other = other.to_owned();
            Some(KeptReason::OfOther { other })
        } else if let Some((other, _)) = ownership.unknown.first() {
            let other = other.clone();
            Some(KeptReason::PerhapsOfOther { other })
        } else {
            self.staying_child(path, node)
        };
        match reason {
            Some(reason) => plan.kept.push(Kept {
                path: path.clone(),
                reason,
            }),
            None => {
                let trim = Trim {
                    path: path.clone(),
                    expected_version: node.version,
                    seen: node.zxids(),
                };
                self.trimmed.insert(path.clone(), Action::Trim(trim));
            }
        }
    }

    /// Why a node stays that has more children than go.
    fn staying_child(&self, path: &ZPath, node: &LiveNode) -> Option<KeptReason> {
        let children = || {
            let below = self.live.subtree(path).iter();
            below.filter(|(below, _)| below.parent_str() == Some(path.as_str()))
        };
        let stays = |child: &&(ZPath, Live)| !self.trimmed.contains_key(&child.0);
        let goes = children().filter(|child| !stays(child)).count();
        let child = children().find(stays).map(|(child, _)| child.clone());
        (goes < node.children as usize || child.is_some()).then_some(KeptReason::Holds { child })
    }

    /// Refuses to trim below a node that is protected.
    fn refuse(&self, plan: &mut Plan) {
        for path in self.trimmed.keys() {
            let parent = path.parent();
            if parent.is_some_and(|parent| self.trimmed.contains_key(&parent)) {
                continue;
            }
            let above: Vec<ZPath> = path.prefixes().collect();
            let protected = above.into_iter().rev().find_map(|at| {
                let node = self.declared.get(&at).filter(|node| node.protect)?;
                let span = node.directives.get("@protect");
                Some((at, span.map(|span| self.policy.sources.locate(*span))))
            });
            if let Some((protected, origin)) = protected {
                plan.refusals.push(Refusal::Protected {
                    path: path.clone(),
                    protected,
                    origin,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::{Changes, Record};
    use crate::plan::planner;

    fn path(text: &str) -> ZPath {
        ZPath::parse(text).unwrap()
    }

    fn entry(created: i64, modified: i64, claim: Claim) -> Entry {
        Entry {
            created,
            modified,
            claim,
            partial: false,
        }
    }

    /// Live nodes as path, data, creation, last write and number of children; without the last three, they
    /// are listed only.
    type Node = (&'static str, &'static str, i64, i64, u32);

    fn live(nodes: &[Node]) -> Tree<Live> {
        let node = |&(text, data, czxid, mzxid, children): &Node| {
            let node = LiveNode {
                czxid,
                mzxid,
                children,
                ..LiveNode::with_data(data.as_bytes().to_vec())
            };
            let live = match czxid {
                0 => Live::Listed,
                _ => Live::Read(node),
            };
            (path(text), live)
        };
        nodes.iter().map(node).collect()
    }

    /// The plan for an owner with this record.
    fn plan(
        text: &str,
        nodes: &[Node],
        record: &[(&str, Entry)],
        change: impl Fn(&mut Ownership),
    ) -> Plan {
        let (declared, sources) = crate::declare::declare(text).unwrap().into_parts();
        let mut owned = Record::default();
        owned.extend(
            record
                .iter()
                .map(|(text, entry)| (path(text), *entry))
                .collect(),
        );
        let mut ownership = Ownership {
            place: path("/zkt"),
            record: owned,
            others: Vec::new(),
            unknown: Vec::new(),
            adopts: false,
        };
        change(&mut ownership);
        let policy = Policy {
            trim: scope::Trim::Owned,
            max_trim: crate::model::plan::MaxTrim::Unlimited,
            owner: Some(Arc::new(ownership)),
            ..Policy::new(&sources)
        };
        planner::plan(&declared, &live(nodes), &policy)
    }

    fn shown(plan: &Plan) -> Vec<String> {
        let actions = plan.actions.iter();
        let actions = actions.map(|action| format!("{} {}", action.name(), action.path()));
        let kept = plan.kept.iter();
        let kept = kept.map(|kept| format!("kept {}: {}", kept.path, kept.reason));
        let extras = plan.extras.iter().map(|path| format!("extra {path}"));
        actions.chain(kept).chain(extras).collect()
    }

    const OURS: Entry = Entry {
        created: 5,
        modified: 6,
        claim: Claim::Created,
        partial: false,
    };

    #[test]
    fn what_still_is_as_it_was_goes_children_first() {
        let nodes = [
            ("/a", "{}", 5, 6, 2),
            ("/a/theirs", "", 0, 0, 0),
            ("/a/x", "{}", 5, 6, 1),
            ("/a/x/y", "", 5, 6, 0),
            ("/top", "", 5, 6, 0),
            ("/zkt/team", "", 5, 6, 0),
        ];
        let all = ["/a", "/a/x", "/a/x/y", "/gone", "/top", "/zkt/team"];
        let record = all.map(|path| (path, OURS));
        let plan = plan("/a\n", &nodes, &record, |_| {});
        assert_eq!(
            shown(&plan),
            ["trim /top", "trim /a/x/y", "trim /a/x", "extra /a/theirs"]
        );
        assert_eq!(plan.record.gone, [(path("/gone"), 5)]);
        assert_eq!(plan.record.take, []);
    }

    #[test]
    fn what_others_have_a_part_in_stays() {
        let nodes = [
            ("/adopted", "", 5, 6, 0),
            ("/changed", "", 5, 7, 0),
            ("/closed", "", 5, 6, 1),
            ("/declared", "{}", 5, 6, 0),
            ("/holds", "", 5, 6, 2),
            ("/holds/ours", "", 5, 6, 0),
            ("/holds/theirs", "", 0, 0, 0),
            ("/replaced", "", 7, 7, 0),
            ("/shared", "", 5, 6, 0),
            ("/written", "", 5, 6, 0),
        ];
        let record = [
            ("/adopted", entry(5, 6, Claim::Adopted)),
            ("/changed", OURS),
            ("/closed", OURS),
            ("/holds", OURS),
            ("/holds/ours", OURS),
            ("/replaced", OURS),
            ("/shared", OURS),
            ("/written", entry(5, 6, Claim::Written)),
        ];
        let plan = plan("/declared\n", &nodes, &record, |ownership| {
            let mut other = Record::default();
            other.extend(vec![(path("/shared"), OURS), (path("/declared"), OURS)]);
            ownership.others.push(("other".to_owned(), other));
        });
        assert_eq!(
            shown(&plan),
            [
                "trim /holds/ours",
                "trim /adopted",
                "kept /changed: somebody else has changed it since its owner wrote it",
                "kept /closed: a node below it stays",
                "kept /holds: /holds/theirs stays",
                "kept /shared: the owner other has it, too",
            ]
        );
        assert_eq!(plan.record.gone, [(path("/replaced"), 5)]);
        // What another owner has is not adopted.
        assert_eq!(plan.record.take, []);
        let warnings: Vec<&str> = plan
            .warnings
            .iter()
            .map(|one| one.message.as_str())
            .collect();
        assert_eq!(
            warnings,
            ["the owner other has it, too: both would write it"]
        );
    }

    #[test]
    fn what_is_equal_is_adopted_and_what_differs_with_adopt() {
        let text = "/differs\n  x = 1\n/equal\n  x = 1\n/fixed\n  x = 1\n/kept\n  @keep properties\n  x = 1\n";
        let nodes = [
            ("/differs", "{\"x\":0}", 3, 3, 0),
            ("/equal", "{\"x\":1}", 3, 4, 0),
            ("/fixed", "{\"x\":1}", 5, 9, 0),
            ("/kept", "{\"x\":1,\"y\":1}", 5, 9, 0),
        ];
        let record = [("/fixed", OURS), ("/kept", OURS)];
        let adopted = |adopts: bool| {
            let plan = plan(text, &nodes, &record, |ownership| ownership.adopts = adopts);
            assert_eq!(shown(&plan), ["update /differs"]);
            plan.record.take
        };
        let partial = Entry {
            partial: true,
            ..OURS
        };
        let expected = vec![
            (path("/equal"), entry(3, 4, Claim::Adopted)),
            // A hot fix that is declared by now. What `@keep` leaves to others is theirs to write.
            (path("/fixed"), entry(5, 9, Claim::Created)),
            (path("/kept"), partial),
        ];
        assert_eq!(adopted(false), expected);
        // The batch that writes a node says what becomes of it.
        assert_eq!(adopted(true), expected);
    }

    #[test]
    fn an_owner_who_is_unknown_may_have_any_node() {
        let nodes = [("/equal", "{}", 3, 4, 0), ("/old", "{}", 5, 6, 0)];
        let made = |adopts: bool| {
            plan("/equal\n", &nodes, &[("/old", OURS)], |ownership| {
                ownership.unknown = vec![("other".to_owned(), "why".to_owned())];
                ownership.adopts = adopts;
            })
        };
        assert_eq!(
            shown(&made(false)),
            ["kept /old: the owner other, whose record cannot be read, may have it, too"]
        );
        assert_eq!(made(false).record, Changes::default());
        let warning = &made(false).warnings[0];
        assert_eq!(
            (warning.path.as_str(), warning.message.as_str()),
            (
                "/zkt/other",
                "what the owner other has is unknown, so nothing of it is trimmed or adopted: why"
            )
        );
        // To adopt what others have may be asked for.
        let adopted = entry(3, 4, Claim::Adopted);
        assert_eq!(made(true).record.take, [(path("/equal"), adopted)]);
    }

    #[test]
    fn what_is_written_says_whether_others_may_write_a_part_of_it() {
        let text = "/new\n  @keep properties\n/now\n  @ignore n\n  x = 1\n/whole\n  x = 1\n";
        let nodes = [("/now", "{}", 5, 6, 0), ("/whole", "{}", 5, 6, 0)];
        let partial = Entry {
            partial: true,
            ..OURS
        };
        let plan = plan(text, &nodes, &[("/now", OURS), ("/whole", partial)], |_| {});
        let expected = [("/new", true), ("/now", true), ("/whole", false)];
        assert_eq!(
            plan.record.partial,
            expected.map(|(text, is)| (path(text), is))
        );
    }

    #[test]
    fn what_is_protected_or_kept_by_a_declared_node_holds() {
        let nodes = [
            ("/k", "{}", 5, 6, 1),
            ("/k/x", "", 5, 6, 0),
            ("/p", "{}", 5, 6, 1),
            ("/p/x", "", 5, 6, 1),
            ("/p/x/y", "", 5, 6, 0),
        ];
        let record = ["/k/x", "/p/x", "/p/x/y"].map(|path| (path, OURS));
        let plan = plan(
            "/k\n  @keep children\n/p\n  @protect\n",
            &nodes,
            &record,
            |_| {},
        );
        let refusals: Vec<String> = plan.refusals.iter().map(Refusal::to_string).collect();
        assert_eq!(
            refusals,
            ["/p/x may not be trimmed: /p is protected (@protect)"]
        );
        assert_eq!(shown(&plan), ["trim /p/x/y", "trim /p/x"]);
    }
}

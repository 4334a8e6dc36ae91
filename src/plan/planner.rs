//! The declared tree against the live one: a pure, total function to a plan.

mod compare;
mod deep;
mod files;
mod guard;
mod kept;
mod moves;
mod needs;
mod owned;
mod policy;
mod protection;
mod removed;
mod rights;
mod size;
mod stages;
mod stand_in;
mod undeclared;

pub(crate) use compare::agreement;
pub use compare::desired_data;
pub(crate) use deep::held;
pub(crate) use files::doubts;
#[cfg(feature = "watch")]
pub(crate) use needs::needed_at;
pub use needs::{KnownAcl, judge as judge_rights, needed as needed_rights};
pub use policy::Policy;
pub use protection::protected;
pub use rights::needs_identities;
pub use stand_in::as_live;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::acl::Acl;
use crate::model::lint::{Level, Lint};
use crate::model::node::{Content, Declared, Live, LiveNode, Standing};
use crate::model::path::ZPath;
use crate::model::plan::{
    About, Action, Add, HiddenValues, Kept, KeptReason, Link, NotCompared, Plan, Refusal, Update,
    Warning,
};
use crate::model::record;
use crate::model::tree::{Side, Tree};
use crate::model::value::{self, Properties};
use crate::plan::scope;
use crate::syntax::place::Location;

use compare::Fit;
use moves::Moves;
use owned::{Comparison, Owner};
use stages::Stages;

/// Compares two trees, both ordered by path, in one pass, and returns what makes the live one as
/// declared. What may not be done becomes an entry of the plan, not an error.
///
/// | declared | live | becomes |
/// | --- | --- | --- |
/// | node | missing | add, and a link where it has links |
/// | node, moved from a place that is there | missing | add of what is there, and trims there |
/// | node | other properties or ACL | update |
/// | node | other links | link |
/// | node | ephemeral | kept |
/// | node, marked `@ephemeral` | anything | kept |
/// | passed through | missing | add |
/// | passed through | there | nothing |
/// | no | there, under a declared node | trim, or an extra where nothing is trimmed |
/// | no | there, holds an ephemeral node | kept whole |
/// | no | there, elsewhere or under `@keep` | nothing |
/// | no | there, stays, under `@acl deep`, other ACL | update |
#[must_use]
pub fn plan(declared: &Tree<Declared>, live: &Tree<Live>, policy: &Policy<'_>) -> Plan {
    plan_with(declared, live, policy, || doubts(declared, policy))
}

/// As [`plan`], with the [`doubts`] about the same nodes from elsewhere: a caller may have another thread
/// look for them. They are asked for after the comparison.
pub(crate) fn plan_with(
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
    doubts: impl FnOnce() -> Vec<Warning>,
) -> Plan {
    match moves::pending(declared, live, policy) {
        None => {
            let planner = compare_trees(declared, live, Moves::default(), policy);
            planner.finish(doubts(), (live, live))
        }
        Some(trees) => {
            let planner = compare_trees(&trees.declared, &trees.live, trees.moves, policy);
            planner.finish(doubts(), (live, &trees.live))
        }
    }
}

/// Compares the trees as they count where subtrees are moved.
fn compare_trees<'a>(
    declared: &'a Tree<Declared>,
    live: &Tree<Live>,
    moves: Moves,
    policy: &'a Policy<'a>,
) -> Planner<'a> {
    let mut planner = Planner::new(declared, policy);
    planner.begin(moves);
    // Reserve room for the nodes that are certainly missing.
    let adds = declared.len().saturating_sub(live.len());
    planner.stages.adds.reserve(adds);
    planner.compare(live);
    planner
}

struct Planner<'a> {
    policy: &'a Policy<'a>,
    declared: &'a Tree<Declared>,
    stages: Stages,
    moves: Moves,
    plan: Plan,
    /// The last declared node that is ephemeral in the live tree: nothing can stand below it.
    ephemeral: Option<ZPath>,
    /// The last declared node that is the record of an owner in the live tree.
    record: Option<ZPath>,
    lacks_identity: Option<ZPath>,
    owner: Owner,
    seen: rights::Seen,
    closed: rights::Closed,
    /// What makes the ACLs of undeclared nodes as they are to be.
    held: Vec<Update>,
}

impl<'a> Planner<'a> {
    fn new(declared: &'a Tree<Declared>, policy: &'a Policy<'a>) -> Self {
        Self {
            policy,
            declared,
            stages: Stages::default(),
            moves: Moves::default(),
            plan: Plan::empty(policy.path.clone()),
            ephemeral: None,
            record: None,
            lacks_identity: None,
            owner: Owner::default(),
            seen: rights::Seen::default(),
            closed: rights::Closed::default(),
            held: Vec::new(),
        }
    }

    /// Takes the moves that are to be done.
    fn begin(&mut self, mut moves: Moves) {
        for (path, acl) in std::mem::take(&mut moves.acls) {
            self.note_live_acl(&path, &acl);
        }
        moves.begin(&mut self.plan);
        self.moves = moves;
    }

    /// Compares declared nodes with live ones.
    fn compare(&mut self, live: &Tree<Live>) {
        // The undeclared subtree that was judged last.
        let mut judged: Option<&ZPath> = None;
        for side in self.declared.join(live) {
            match side {
                Side::Left((path, node)) => self.only_declared(path, node),
                Side::Both((path, node), (_, live)) => self.both(path, node, live),
                // Nothing is declared above the place of the top-level nodes.
                Side::Right((path, _)) if self.policy.path.is_within(path) => {}
                Side::Right((path, _)) if judged.is_some_and(|top| path.is_within(top)) => {}
                Side::Right((top, _)) => {
                    self.only_live(top, live.subtree(top));
                    self.hold(live.subtree(top));
                    judged = Some(top);
                }
            }
        }
    }

    fn only_declared(&mut self, path: &ZPath, node: &Declared) {
        if matches!(node.standing, Standing::Outside { needed: false, .. }) {
            return;
        }
        if self
            .ephemeral
            .as_ref()
            .is_some_and(|top| path.is_within(top))
        {
            self.keep(path, KeptReason::BelowEphemeral);
            return;
        }
        if node.ephemeral && !self.policy.allow_ephemeral {
            self.keep(path, KeptReason::Marked);
            self.ephemeral = Some(path.clone());
            return;
        }
        let origin = self.origin(node);
        self.refuse_likeness(path, node);
        self.note_lacking(path, node);
        let (plain, links) = match &node.content {
            Content::Properties(properties) if properties.has_links() => {
                (properties.without_links(), properties.links())
            }
            _ => (node.data(), Properties::new()),
        };
        let acl = self.checked_acl(path, node);
        let is_raw = matches!(node.content, Content::Raw { .. });
        // A moved node is created as it is to be, with its links.
        let hidden = HiddenValues(node.secret.clone());
        let (plain, links, raw, secret) = match self.moves.contents.remove(path) {
            Some(moves::Contents { data, secret }) => {
                let raw = !data.is_object();
                (data, Properties::new(), raw, HiddenValues(secret))
            }
            None => (plain, links, is_raw, hidden),
        };
        self.stages.adds.push(Action::Add(Add {
            path: path.clone(),
            data: plain,
            raw,
            acl,
            secret,
            origin: origin.clone(),
        }));
        if !links.is_empty() {
            let changes = compare::changes(
                &Properties::new(),
                &links,
                &BTreeMap::new(),
                node,
                self.policy.sources,
            );
            self.stages.links.push(Action::Link(Link {
                path: path.clone(),
                expected_version: None,
                seen: None,
                data: node.data(),
                changes,
                origin,
            }));
        }
    }

    fn both(&mut self, path: &ZPath, node: &Declared, live: &Live) {
        self.plan.examined += 1;
        if record::is_head_node(live) {
            self.record = Some(path.clone());
            if !matches!(node.standing, Standing::Outside { needed: false, .. }) {
                let (path, origin) = (path.clone(), self.origin(node));
                let refusal = Refusal::OnRecord { path, origin };
                self.plan.refusals.push(refusal);
                return;
            }
        }
        let live = match live {
            Live::Read(live) => live,
            // A passed-through node is looked at, but nothing depends on what it holds.
            _ if !node.is_declared() => return,
            Live::Unreadable | Live::Listed | Live::WithoutData(_) | Live::Unlisted(_) => {
                self.keep(path, KeptReason::Unreadable);
                return;
            }
        };
        if live.ephemeral {
            if node.is_declared() {
                self.keep(path, KeptReason::Ephemeral);
            }
            self.ephemeral = Some(path.clone());
            return;
        }
        if !node.is_declared() {
            return;
        }
        self.refuse_likeness(path, node);
        if node.ephemeral && !self.policy.allow_ephemeral {
            self.keep(path, KeptReason::Marked);
            return;
        }
        self.compare_data(path, node, live);
    }

    /// Compares a declared node with the live one, unless neither may give way to the other.
    fn compare_data(&mut self, path: &ZPath, node: &Declared, live: &LiveNode) {
        self.note_lacking(path, node);
        match Fit::of(node, live, self.policy.replace) {
            Fit::Comparable(node) => self.compare_node(path, &node, live),
            Fit::Binary => self.keep(path, KeptReason::Binary),
            Fit::Text => self.refuse_text(path, node, &live.data),
        }
    }

    fn compare_node(&mut self, path: &ZPath, node: &Declared, live: &LiveNode) {
        let acl = self.checked_acl(path, node);
        if let Some(live) = live.acl.as_ref().filter(|_| acl.is_some()) {
            self.note_live_acl(path, live);
        }
        let compared = compare::compare(path, node, live, acl, self.policy);
        // Only written nodes are checked: this reads all of the data.
        if compared.writes_data()
            && let Some(message) = compare::respelled(live)
        {
            self.plan.warnings.push(Warning {
                path: path.clone(),
                lint: Lint::OddData,
                level: Level::Warn,
                about: About::Node,
                message: message.to_owned(),
                origin: self.origin(node),
            });
        }
        if compared.acl_unseen {
            self.seen.not_compared(path);
        }
        let comparison = match (&compared.update, &compared.link) {
            (None, None) => Comparison::Equal,
            _ if compared.writes_data() => Comparison::Data,
            _ => Comparison::Rest,
        };
        if comparison == Comparison::Equal {
            self.plan.unchanged += 1;
        }
        let (sides, plan) = ((node, live), &mut self.plan);
        self.owner.note(path, sides, comparison, self.policy, plan);
        self.stages
            .updates
            .extend(compared.update.map(Action::Update));
        self.stages.links.extend(compared.link.map(Action::Link));
    }

    /// Notes which values from outside could not be had.
    fn note_lacking(&mut self, path: &ZPath, node: &Declared) {
        let lacking = NotCompared::of(path, node, self.policy.sources);
        self.plan.not_compared.extend(lacking);
    }

    /// Refuses what no plan could write again, once it stands.
    fn refuse_likeness(&mut self, path: &ZPath, node: &Declared) {
        if node.is_declared() && record::is_head(node.bytes()) {
            let (path, origin) = (path.clone(), self.origin(node));
            let refusal = Refusal::LikeRecord { path, origin };
            self.plan.refusals.push(refusal);
        }
    }

    fn refuse_text(&mut self, path: &ZPath, node: &Declared, data: &[u8]) {
        let directive = node.directives.get("@keep");
        let directive = directive.or_else(|| node.directives.get("@ignore"));
        self.plan.refusals.push(Refusal::Text {
            path: path.clone(),
            kind: value::kind_of_text(&String::from_utf8_lossy(data)),
            origin: directive.map(|span| self.policy.sources.locate(*span)),
        });
    }

    /// The declared ACL. Records it if it stands for nobody.
    fn checked_acl(&mut self, path: &ZPath, node: &Declared) -> Option<Arc<Acl>> {
        let acl = node.acl.as_ref()?;
        if let Some(identities) = &self.policy.identities {
            if acl.needs_identity() && identities.are_none() {
                self.lacks_identity.get_or_insert_with(|| path.clone());
            }
            self.seen.declared(path, acl, identities);
        }
        Some(acl.clone())
    }

    fn origin(&self, node: &Declared) -> Option<Location> {
        node.origin.map(|span| self.policy.sources.locate(span))
    }

    fn note_live_acl(&mut self, path: &ZPath, acl: &Arc<Acl>) {
        if let Some(identities) = &self.policy.identities {
            self.seen.live(path, acl, identities);
            self.closed.note(path, acl, identities);
        }
    }

    fn keep(&mut self, path: &ZPath, reason: KeptReason) {
        self.plan.kept.push(Kept {
            path: path.clone(),
            reason,
        });
    }

    /// Of the live trees the first is as it was read.
    fn finish(mut self, doubts: Vec<Warning>, (read, live): (&Tree<Live>, &Tree<Live>)) -> Plan {
        owned::note_gone(self.declared, read, self.policy, &mut self.plan);
        owned::let_go(self.declared, self.policy, &mut self.plan);
        if self.policy.trim == scope::Trim::Owned {
            let moved = self.moves.gone_below();
            let trees = (self.declared, live);
            self.stages.trims = owned::trims(trees, &moved, self.policy, &mut self.plan);
        }
        self.moves.drop_undeclared(&mut self.stages);
        let (trims, examined) = (&self.stages.trims, self.plan.examined);
        let limit = self.policy.max_trim;
        let too_many = guard::judge(trims, examined, limit, self.declared, live);
        self.plan.refusals.extend(too_many);
        // What is moved does not count.
        self.moves.end(&mut self.stages, &mut self.plan);
        deep::settle(std::mem::take(&mut self.held), &mut self.stages);
        let mut owner = std::mem::take(&mut self.owner);
        owner.note_trims(&self.stages.trims, self.policy, &self.plan);
        self.plan.warnings.extend(owner.warnings(self.policy));
        let max_request = self.policy.max_request;
        let Self {
            declared,
            mut stages,
            mut plan,
            lacks_identity,
            seen,
            closed,
            ..
        } = self;
        removed::hide(&mut stages, &mut plan.moves, declared, self.policy.sources);
        plan.warnings.extend(doubts);
        if let Some(identities) = &self.policy.identities {
            rights::link_at_once(&mut stages, identities);
            rights::judge(&stages, declared, self.policy, identities, &mut plan);
            if let Some(path) = closed.open(&mut stages, identities, &mut plan.access.opened) {
                let origin = rights::origin(&path, declared, self.policy);
                plan.refusals.push(Refusal::TwoSteps { path, origin });
            }
            plan.warnings.extend(seen.warnings(identities));
        }
        // Children first: the reverse of path order.
        stages.trims.reverse();
        plan.actions = stages.adds;
        plan.actions.append(&mut stages.updates);
        plan.actions.append(&mut stages.links);
        plan.actions.append(&mut stages.trims);
        if let Some(identities) = &self.policy.identities
            && self.policy.requires_rights
        {
            plan.refusals.extend(closed.missing(&plan, identities));
        }
        owned::note_partial(declared, self.policy, &mut plan);
        plan.refusals
            .extend(lacks_identity.map(|path| Refusal::NoIdentity { path }));
        let too_large = size::too_large(&plan, max_request);
        plan.refusals.extend(too_large);
        plan
    }
}

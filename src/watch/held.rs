//! Nodes whose repair waits: those that are changed again after each repair, and those that may not
//! be written. They wait alone; everything else is repaired at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};

/// Number of repairs in a row without a wait; each further one waits twice as long.
const FREE: u32 = 5;
/// More nodes are counted, but not named in the log.
const MOST_NAMED: usize = 10;

/// Why the repair of a node waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldReason {
    /// It is changed again after each repair.
    Contended,
    /// The server does not take the write, and says this.
    Refused(String),
}

/// A node whose repair waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldNode {
    /// The node.
    pub path: ZPath,
    /// Why.
    pub reason: HeldReason,
    /// How often it was repaired, or refused, in a row.
    pub times: u32,
}

/// Changes to report about contended nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HeldNews {
    /// The node became contended after `repairs` repairs; the retry interval grows up to `longest`.
    Contended {
        path: ZPath,
        repairs: u32,
        longest: Duration,
    },
    /// Number of further contended nodes.
    More(usize),
    /// This one is no more.
    Rested(ZPath),
}

#[derive(Debug)]
struct Entry {
    times: u32,
    /// It is not written before.
    until: Instant,
    refusal: Option<String>,
    warned: bool,
}

/// What is known of the repairs of each node, as far as it matters to the next ones.
#[derive(Debug)]
pub(super) struct Held {
    first: Duration,
    longest: Duration,
    nodes: BTreeMap<ZPath, Entry>,
    /// Those that are contended or were refused.
    marked: BTreeSet<ZPath>,
    /// What the last plan wanted to write and was not written.
    waiting: BTreeSet<ZPath>,
    /// When nodes that were left alone were forgotten last.
    swept: Instant,
    news: Vec<HeldNews>,
}

impl Held {
    /// The first wait is `first`, each further one twice as long, up to `longest`.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first: first.min(longest),
            longest,
            nodes: BTreeMap::new(),
            marked: BTreeSet::new(),
            waiting: BTreeSet::new(),
            swept: Instant::now(),
            news: Vec::new(),
        }
    }

    /// The node was repaired.
    pub(super) fn repaired(&mut self, path: &ZPath, now: Instant) {
        let entry = self.entry(path, now);
        if entry.refusal.take().is_some() {
            entry.times = 1;
            self.marked.remove(path);
            return;
        }
        let times = entry.times;
        if times >= FREE {
            self.wait(path, times - FREE, now);
        }
    }

    /// The node was written because its declaration is new.
    pub(super) fn written(&mut self, path: &ZPath) {
        if self
            .nodes
            .get(path)
            .is_some_and(|entry| entry.refusal.is_some())
        {
            self.nodes.remove(path);
            self.marked.remove(path);
        }
    }

    /// Somebody else wrote the node again and again while it was being repaired.
    pub(super) fn collided(&mut self, path: &ZPath, now: Instant) {
        let entry = self.entry(path, now);
        entry.times = entry.times.max(FREE + 1);
        let times = entry.times;
        self.wait(path, times - FREE - 1, now);
    }

    /// The server did not take the write.
    pub(super) fn refused(&mut self, path: &ZPath, why: String, now: Instant) {
        let entry = self.entry(path, now);
        if entry.refusal.is_none() {
            entry.times = 1;
        }
        entry.refusal = Some(why);
        let times = entry.times;
        self.wait(path, times - 1, now);
    }

    /// Nothing waits any longer, but what goes on then waits as long as it would have.
    pub(super) fn lift(&mut self, now: Instant) {
        for entry in self.nodes.values_mut() {
            entry.until = entry.until.min(now);
        }
    }

    /// Finds which of the paths that a plan writes must wait, with those that depend on them: nodes
    /// below one that is not added, and nodes above one that is not trimmed. What stands at or below
    /// an `unreadable` node waits, too.
    pub(super) fn split(
        &mut self,
        plan: &Plan,
        unreadable: &BTreeSet<ZPath>,
        now: Instant,
    ) -> &BTreeSet<ZPath> {
        self.forget(plan, unreadable, now);
        self.warn();
        for path in unreadable {
            if !self.waits(path, now) {
                self.refused(path, format!("not authorized to read {path}"), now);
            }
        }
        let mut held = unreadable.clone();
        let mut not_written = unreadable.clone();
        if self.nodes.is_empty() {
            self.waiting.clear();
            return &self.waiting;
        }
        for action in &plan.actions {
            let path = action.path();
            let is_below = || path.prefixes().any(|above| not_written.contains(&above));
            let depends = match action {
                Action::Trim(_) => {
                    let next = held.range::<ZPath, _>(path..).next();
                    next.is_some_and(|next| next.is_within(path)) || is_below()
                }
                _ => held.contains(path) || is_below(),
            };
            if depends || self.waits(path, now) {
                held.insert(path.clone());
                if matches!(action, Action::Add(_)) {
                    not_written.insert(path.clone());
                }
            }
        }
        self.waiting = held;
        self.warn();
        &self.waiting
    }

    /// What is new since this was asked last.
    pub(super) fn news(&mut self) -> Vec<HeldNews> {
        std::mem::take(&mut self.news)
    }

    fn waits(&self, path: &ZPath, now: Instant) -> bool {
        self.nodes.get(path).is_some_and(|entry| now < entry.until)
    }

    /// What the last plan wanted to write and was not written.
    pub(super) fn waiting(&self) -> &BTreeSet<ZPath> {
        &self.waiting
    }

    /// When the first of those that wait may be written.
    pub(super) fn next(&self) -> Option<Instant> {
        let waiting = self.waiting.iter().filter_map(|path| self.nodes.get(path));
        waiting.map(|entry| entry.until).min()
    }

    /// The nodes that are contended, or were refused the last time.
    pub(super) fn nodes(&self) -> Vec<HeldNode> {
        let marked = self.marked.iter();
        let held = marked.filter_map(|path| Some((path, self.nodes.get(path)?)));
        held.map(|(path, entry)| HeldNode {
            path: path.clone(),
            reason: match &entry.refusal {
                Some(why) => HeldReason::Refused(why.clone()),
                None => HeldReason::Contended,
            },
            times: entry.times,
        })
        .collect()
    }

    /// The first of the nodes that wait because they were refused, and how many others there are.
    pub(super) fn refusal(&self) -> Option<(String, usize)> {
        let mut refused = self.waiting.iter().filter_map(|path| {
            let entry = self.nodes.get(path)?;
            entry.refusal.clone()
        });
        let first = refused.next()?;
        Some((first, refused.count()))
    }

    /// A node's entry with one more time; of a node that was left alone for long enough, the first.
    fn entry(&mut self, path: &ZPath, now: Instant) -> &mut Entry {
        let longest = self.longest;
        let entry = self.nodes.entry(path.clone()).or_insert(Entry {
            times: 0,
            until: now,
            refusal: None,
            warned: false,
        });
        if now >= entry.until + longest && entry.refusal.is_none() && !self.waiting.contains(path) {
            entry.times = 0;
        }
        entry.times = entry.times.saturating_add(1);
        entry
    }

    fn wait(&mut self, path: &ZPath, doublings: u32, now: Instant) {
        if let Some(entry) = self.nodes.get_mut(path) {
            let factor = 2_u32.saturating_pow(doublings.min(20));
            entry.until = now + self.first.saturating_mul(factor).min(self.longest);
            if entry.refusal.is_some() || entry.times > FREE {
                self.marked.insert(path.clone());
            }
        }
    }

    /// Forgets what was refused and is as declared now, and what has been left alone for long
    /// enough.
    fn forget(&mut self, plan: &Plan, unreadable: &BTreeSet<ZPath>, now: Instant) {
        let is_swept = now >= self.swept + self.longest / 4;
        if self.marked.is_empty() && !is_swept {
            return;
        }
        let differs: BTreeSet<&ZPath> = plan.actions.iter().map(Action::path).collect();
        let (longest, waiting) = (self.longest, &self.waiting);
        let is_over = |path: &ZPath, entry: &Entry| {
            if entry.refusal.is_some() {
                return !differs.contains(path) && !unreadable.contains(path);
            }
            now >= entry.until + longest && !waiting.contains(path)
        };
        let nodes = &mut self.nodes;
        self.marked.retain(|path| {
            let goes = nodes.get(path).is_none_or(|entry| is_over(path, entry));
            if goes && nodes.remove(path).is_some_and(|entry| entry.warned) {
                self.news.push(HeldNews::Rested(path.clone()));
            }
            !goes
        });
        if is_swept {
            self.swept = now;
            nodes.retain(|path, entry| !is_over(path, entry));
        }
    }

    /// Notes each contended node once.
    fn warn(&mut self) {
        let mut named = 0;
        let mut more = 0;
        for path in self.marked.union(&self.waiting) {
            let Some(entry) = self.nodes.get_mut(path) else {
                continue;
            };
            if entry.warned || entry.refusal.is_some() || entry.times < FREE {
                continue;
            }
            entry.warned = true;
            if named == MOST_NAMED {
                more += 1;
                continue;
            }
            named += 1;
            self.news.push(HeldNews::Contended {
                path: path.clone(),
                repairs: entry.times,
                longest: self.longest,
            });
        }
        if more > 0 {
            self.news.push(HeldNews::More(more));
        }
    }
}

#[cfg(test)]
mod tests;

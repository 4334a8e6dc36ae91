//! What the log says of nodes that the server does not let this session read or write: once, and again
//! when that changes.

use std::collections::BTreeMap;

use super::super::held::{HeldNode, HeldReason};
use crate::model::path::ZPath;
use crate::syntax::spelling::printable;

/// More nodes are counted, but not named.
const MOST_NAMED: usize = 10;

/// What the log has said, by node.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<ZPath, String>);

impl Refusals {
    /// Logs which nodes are no longer refused, and, if the reconcile `fails` because of refused nodes, which ones are
    /// refused newly or for a new reason. Returns whether it logged anything.
    pub(super) fn tell(&mut self, held: &[HeldNode], fails: bool) -> bool {
        let refused = held.iter().filter_map(|node| match &node.reason {
            HeldReason::Refused(why) => Some((node.path.clone(), why.clone())),
            HeldReason::Contended => None,
        });
        let refused: BTreeMap<ZPath, String> = refused.collect();
        let over = self.0.keys().filter(|path| !refused.contains_key(*path));
        let over: Vec<ZPath> = over.cloned().collect();
        for path in &over {
            self.0.remove(path);
        }
        name(&over, |path| {
            let path = printable(path.as_str()).into_owned();
            tracing::info!(path, "is no longer refused");
        });
        if !fails {
            return !over.is_empty();
        }
        let is_new = |(path, why): &(&ZPath, &String)| self.0.get(path) != Some(why);
        let new: Vec<(&ZPath, &String)> = refused.iter().filter(is_new).collect();
        name(&new, |(_, why)| {
            tracing::warn!("{}; it is tried again later and later", printable(why));
        });
        let is_news = !over.is_empty() || !new.is_empty();
        self.0 = refused;
        is_news
    }
}

/// Says the first ones, and how many others there are.
fn name<T>(all: &[T], say: impl Fn(&T)) {
    all.iter().take(MOST_NAMED).for_each(say);
    if let more @ 1.. = all.len().saturating_sub(MOST_NAMED) {
        tracing::warn!("the same of {more} more nodes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str, why: &str, times: u32) -> HeldNode {
        HeldNode {
            path: ZPath::parse(path).unwrap(),
            reason: HeldReason::Refused(why.to_owned()),
            times,
        }
    }

    #[test]
    fn what_is_known_is_no_news() {
        let mut refusals = Refusals::default();
        let node = |why, times| [refused("/a", why, times)];
        assert!(!refusals.tell(&[], false));
        assert!(refusals.tell(&node("no write right", 1), true));
        assert!(!refusals.tell(&node("no write right", 2), true));
        assert!(refusals.tell(&node("no admin right", 3), true));
        let both = [node("no admin right", 4), [refused("/b", "no", 1)]].concat();
        assert!(refusals.tell(&both, true));
        assert!(!refusals.tell(&both, true));
        assert!(refusals.tell(&both[1..], true));
        assert!(refusals.tell(&[], false));
        assert!(!refusals.tell(&[], false));
        // After it was over, it is news again.
        assert!(refusals.tell(&both, true));
    }
}

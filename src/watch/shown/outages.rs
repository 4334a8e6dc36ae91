//! What the log has said of why no server makes sessions.

use std::collections::{BTreeMap, BTreeSet};

/// More reasons of one server are not logged in one outage: some name a time, and so never come twice.
const MOST_TOLD: usize = 8;

/// What the log has said in this outage, by server.
#[derive(Debug, Default)]
pub(super) struct Outages(BTreeMap<String, BTreeSet<String>>);

impl Outages {
    /// Takes note of each server and what is wrong with it. Returns whether there is anything in it to log.
    pub(super) fn tell(&mut self, reasons: Vec<(String, String)>) -> bool {
        let mut is_news = false;
        for (server, reason) in reasons {
            let told = self.0.entry(server).or_default();
            is_news |= told.len() < MOST_TOLD && told.insert(reason);
        }
        is_news
    }

    /// The outage is over.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(each: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(server, reason): &(&str, &str)| (server.to_owned(), reason.to_owned());
        each.iter().map(owned).collect()
    }

    #[test]
    fn a_reason_is_news_once_for_each_server_however_they_come_together() {
        let mut outages = Outages::default();
        assert!(outages.tell(reasons(&[("a", "off"), ("b", "off")])));
        assert!(outages.tell(reasons(&[("a", "mute"), ("b", "off")])));
        assert!(outages.tell(reasons(&[("a", "off"), ("b", "mute")])));
        assert!(!outages.tell(reasons(&[("a", "mute"), ("b", "mute")])));
        outages.clear();
        assert!(outages.tell(reasons(&[("a", "mute"), ("b", "mute")])));
    }

    #[test]
    fn reasons_that_are_always_new_are_not_kept_without_end() {
        let mut outages = Outages::default();
        let mut told = 0;
        for second in 0..1000 {
            let reason = format!("expired {second} s ago");
            told += usize::from(outages.tell(reasons(&[("a", &reason)])));
        }
        assert_eq!(told, MOST_TOLD);
        assert_eq!(outages.0["a"].len(), MOST_TOLD);
    }
}

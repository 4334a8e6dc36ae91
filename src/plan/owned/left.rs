//! What is left of what a saved plan says of an owner's nodes.

use std::collections::BTreeSet;

use super::Ownership;
use crate::model::path::ZPath;
use crate::model::plan::Plan;
use crate::model::record::{Claim, Entry};

impl Ownership {
    /// Leaves of a plan that was made before what still holds, and is not in the record already. Nothing
    /// is taken into the record that the plan does not show.
    pub fn keep_what_holds(&self, plan: &mut Plan) {
        let (claims, record) = (&mut plan.claims, &mut plan.record);
        let told: BTreeSet<&ZPath> = claims.adopted.iter().map(|one| &one.path).collect();
        let equal: BTreeSet<&ZPath> = claims.equal.iter().collect();
        record.take.retain(|(path, entry)| {
            let is_free = self.unknown.is_empty() && self.other(path, entry.created).is_none();
            let may_own = told.contains(path) || equal.contains(path) && is_free;
            self.is_news(path, *entry, may_own)
        });
        record.gone.retain(|(path, created)| {
            self.record.of_node(path, *created).is_some() && self.other(path, *created).is_some()
        });
        record.partial.retain(|(path, is)| {
            let entry = self.record.get(path);
            entry.is_none_or(|entry| entry.partial != *is)
        });
        let left: BTreeSet<&ZPath> = record.take.iter().map(|(path, _)| path).collect();
        let gone: BTreeSet<&ZPath> = record.gone.iter().map(|(path, _)| path).collect();
        claims.equal.retain(|path| left.contains(path));
        let has = |path: &ZPath| {
            let entry = self.record.get(path);
            entry.is_some_and(|entry| entry.claim.is_owned())
        };
        claims.adopted.retain(|one| !has(&one.path));
        claims.let_go.retain(|one| gone.contains(&one.path));
    }

    /// Whether an entry says more than the record does, and no more than it may.
    fn is_news(&self, path: &ZPath, entry: Entry, may_own: bool) -> bool {
        match self.record.get(path) {
            // A newer node is in its place.
            Some(old) if old.created > entry.created => false,
            Some(old) if old.created == entry.created => {
                let is_more = !old.claim.is_owned() && entry.claim.is_owned();
                let is_newer = entry.modified > old.modified || entry.partial != old.partial;
                (is_more || is_newer) && (may_own || !is_more)
            }
            _ => may_own || entry.claim == Claim::Written,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::plan::{Adopted, LetGo};
    use crate::model::record::Record;

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

    fn record(entries: &[(&str, Entry)]) -> Arc<Record> {
        let entries = entries.iter();
        let entries = entries.map(|(text, entry)| (path(text), *entry));
        let mut record = Record::default();
        record.extend(entries.collect());
        Arc::new(record)
    }

    #[test]
    fn of_what_was_reviewed_only_what_still_holds_and_is_shown_is_left() {
        let ours = [
            ("/done", entry(5, 6, Claim::Adopted)),
            ("/newer", entry(9, 9, Claim::Created)),
            ("/renewed", entry(5, 6, Claim::Created)),
            ("/shared", entry(5, 6, Claim::Created)),
            ("/sole", entry(5, 6, Claim::Created)),
        ];
        let theirs = [
            ("/shared", entry(5, 6, Claim::Adopted)),
            ("/taken", entry(5, 6, Claim::Adopted)),
            ("/told", entry(5, 6, Claim::Created)),
        ];
        let ownership = Ownership {
            place: path("/zkt"),
            record: record(&ours),
            others: vec![("other".to_owned(), record(&theirs))],
            unknown: Vec::new(),
            adopts: true,
        };
        let mut plan = Plan::empty(ZPath::root());
        let taken = [
            "/done", "/equal", "/hidden", "/newer", "/renewed", "/taken", "/told",
        ];
        let entries = taken.map(|text| (path(text), entry(5, 7, Claim::Adopted)));
        plan.record.take = entries.to_vec();
        plan.record.take[0].1.modified = 6;
        let equal = ["/done", "/equal", "/newer", "/taken"];
        plan.claims.equal = equal.map(path).to_vec();
        plan.claims.adopted = vec![Adopted {
            path: path("/told"),
            from: Some("other".to_owned()),
            differs: false,
        }];
        for text in ["/shared", "/sole"] {
            plan.record.gone.push((path(text), 5));
            plan.claims.let_go.push(LetGo {
                path: path(text),
                created: 5,
                to: "other".to_owned(),
            });
        }
        ownership.keep_what_holds(&mut plan);
        let left = plan.record.take.iter().map(|(path, _)| path.as_str());
        assert_eq!(left.collect::<Vec<_>>(), ["/equal", "/renewed", "/told"]);
        assert_eq!(plan.claims.equal, [path("/equal")]);
        assert_eq!(plan.claims.adopted.len(), 1);
        assert_eq!(plan.record.gone, [(path("/shared"), 5)]);
        assert_eq!(plan.claims.let_go.len(), 1);
    }
}

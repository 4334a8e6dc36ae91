//! What is left of what a saved plan says of an owner's nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::Ownership;
use crate::model::path::ZPath;
use crate::model::plan::{Action, Adopted, Plan};
use crate::model::record::{Claim, Entry};

impl Ownership {
    /// Leaves of a plan that was made before what still holds, and is not in the record already. Nothing
    /// is taken into the record that the plan does not show.
    pub fn keep_what_holds(&self, plan: &mut Plan) {
        let written = written(&plan.actions);
        let (claims, record) = (&mut plan.claims, &mut plan.record);
        let told: BTreeMap<&ZPath, Option<&str>> = claims
            .adopted
            .iter()
            .map(|one| (&one.path, one.from.as_deref()))
            .collect();
        let equal: BTreeSet<&ZPath> = claims.equal.iter().collect();
        record.take.retain(|(path, entry)| {
            let other = self.other(path, entry.created);
            let is_free = self.unknown.is_empty() && other.is_none();
            let is_told = told.get(path).is_some_and(|from| is_from(*from, other));
            let may_own = is_told || equal.contains(path) && is_free;
            self.is_news(path, *entry, may_own)
        });
        record.gone.retain(|(path, created)| {
            self.record.of_node(path, *created).is_some() && self.other(path, *created).is_some()
        });
        record.partial.retain(|(path, is)| {
            let entry = self.record.get(path);
            entry.is_none_or(|entry| entry.partial != *is)
        });
        let taken = record.take.iter();
        let left: BTreeMap<&ZPath, i64> =
            taken.map(|(path, entry)| (path, entry.created)).collect();
        let gone: BTreeSet<&ZPath> = record.gone.iter().map(|(path, _)| path).collect();
        claims.equal.retain(|path| left.contains_key(path));
        let has = |path: &ZPath, created: i64| {
            let entry = self.record.of_node(path, created);
            entry.is_some_and(|entry| entry.claim.is_owned())
        };
        claims.adopted.retain(|Adopted { path, from, .. }| {
            let created = left.get(path).or_else(|| written.get(path));
            created.is_some_and(|created| {
                let other = self.other(path, *created);
                is_from(from.as_deref(), other) && !has(path, *created)
            })
        });
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

/// Whether a node that was to be adopted from this owner, or from nobody, is no other owner's now.
fn is_from(from: Option<&str>, other: Option<&str>) -> bool {
    other.is_none() || other == from
}

/// The nodes that are written and were there before, with the transactions that created them.
fn written(actions: &[Action]) -> BTreeMap<ZPath, i64> {
    let seen = |action: &Action| match action {
        Action::Update(update) => Some((update.path.clone(), update.seen?.created)),
        Action::Link(link) => Some((link.path.clone(), link.seen?.created)),
        Action::Add(_) | Action::Trim(_) => None,
    };
    actions.iter().filter_map(seen).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::node::{DataVersion, Zxids};
    use crate::model::plan::{LetGo, Update};
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

    #[test]
    fn what_was_to_be_adopted_is_left_out_once_a_third_owner_has_it() {
        let theirs = ["/as-is", "/as-it-differs", "/from-b", "/from-c"];
        let theirs = theirs.map(|text| (text, entry(5, 6, Claim::Adopted)));
        let ownership = Ownership {
            place: path("/zkt"),
            record: record(&[("/has", entry(5, 6, Claim::Created))]),
            others: vec![("c".to_owned(), record(&theirs))],
            unknown: Vec::new(),
            adopts: true,
        };
        let mut plan = Plan::empty(ZPath::root());
        // As they are declared, and as they differ.
        let told = [
            ("/as-is", None, false),
            ("/as-it-differs", None, true),
            ("/free", None, true),
            ("/from-b", Some("b"), false),
            ("/from-c", Some("c"), false),
            ("/has", None, true),
            ("/let-go", Some("b"), false),
            ("/written-since", None, true),
        ];
        for (text, from, differs) in told {
            let adopted = Adopted {
                path: path(text),
                from: from.map(str::to_owned),
                differs,
            };
            plan.claims.adopted.push(adopted);
            if !differs {
                let taken = (path(text), entry(5, 7, Claim::Adopted));
                plan.record.take.push(taken);
            } else if text != "/written-since" {
                plan.actions.push(Action::Update(Update {
                    path: path(text),
                    expected_version: DataVersion::NEW,
                    seen: Some(Zxids {
                        created: 5,
                        modified: 7,
                    }),
                    data: None,
                    acl: None,
                    changes: Vec::new(),
                    origin: None,
                }));
            }
        }
        ownership.keep_what_holds(&mut plan);
        let taken = plan.record.take.iter().map(|(path, _)| path.as_str());
        assert_eq!(taken.collect::<Vec<_>>(), ["/from-c", "/let-go"]);
        let adopted = plan.claims.adopted.iter().map(|one| one.path.as_str());
        assert_eq!(adopted.collect::<Vec<_>>(), ["/free", "/from-c", "/let-go"]);
    }
}

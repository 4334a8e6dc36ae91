//! What of a plan concerns one node.

use crate::model::path::ZPath;
use crate::model::plan::Action;
use crate::zookeeper::executor::{Fate, Ledger};

/// What of a node is written together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All but the ACL, in batches.
    Data,
    /// The ACL, which no batch can hold.
    Acl,
}

/// One node, or the place of one, with all that the plan does to a part of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'p> {
    pub(super) path: &'p ZPath,
    pub(super) part: Part,
    pub(super) add: Option<usize>,
    pub(super) update: Option<usize>,
    pub(super) link: Option<usize>,
    pub(super) trim: Option<usize>,
    pub(super) tries: u32,
}

impl<'p> Group<'p> {
    pub(super) fn of(action: &'p Action, i: usize, part: Part) -> Self {
        let is = |name: &str| (action.name() == name).then_some(i);
        Self {
            path: action.path(),
            part,
            add: is("add"),
            update: is("update"),
            link: is("link"),
            trim: is("trim"),
            tries: 0,
        }
    }

    pub(super) fn action(&self) -> usize {
        let action = self.add.or(self.update).or(self.link).or(self.trim);
        action.unwrap_or_default()
    }

    /// Whether nothing of it is left to do.
    pub(super) fn is_settled(&self, ledger: &Ledger) -> bool {
        let mut actions = [self.add, self.update, self.link, self.trim]
            .into_iter()
            .flatten();
        actions.all(|i| match self.part {
            Part::Data => matches!(ledger.fate(i), Fate::Done | Fate::DataOnly | Fate::Needless),
            Part::Acl => matches!(ledger.fate(i), Fate::Done | Fate::Needless),
        })
    }
}

/// Groups of the same node as one, in path order.
pub(super) fn together(mut groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    groups.sort_by(|a, b| a.path.cmp(b.path));
    groups.dedup_by(|later, first| {
        let same = later.path == first.path;
        if same {
            first.add = first.add.or(later.add);
            first.update = first.update.or(later.update);
            first.link = first.link.or(later.link);
        }
        same
    });
    groups
}

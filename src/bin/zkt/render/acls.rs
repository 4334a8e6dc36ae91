//! ACLs that are the same for a subtree, printed once.

use zkt::model::acl::Acl;
use zkt::model::path::ZPath;
use zkt::model::plan::Plan;

/// ACLs already printed for ancestors.
pub(super) struct Acls<'a> {
    pub(super) users: &'a [String],
    above: Vec<(&'a ZPath, &'a Acl)>,
}

impl<'a> Acls<'a> {
    /// None is printed yet.
    pub(super) fn of(plan: &'a Plan) -> Self {
        Self {
            users: &plan.access.users,
            above: Vec::new(),
        }
    }

    /// Returns the ancestor whose line already shows this ACL, or `None` if it must be printed
    /// here.
    pub(super) fn shown_at(&mut self, path: &'a ZPath, acl: &'a Acl) -> Option<&'a ZPath> {
        while self
            .above
            .last()
            .is_some_and(|(top, _)| !path.is_within(top))
        {
            self.above.pop();
        }
        match self.above.last() {
            Some((top, above)) if *above == acl => Some(top),
            _ => {
                self.above.push((path, acl));
                None
            }
        }
    }
}

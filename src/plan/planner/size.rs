//! The requests that a plan takes, by their size.

use crate::model::plan::{Action, Plan, Refusal};
use crate::model::request::{self, Write};
use crate::syntax::place::Location;

/// The refusals of actions that take a larger request than `limit`. One that moves a node also checks the
/// old one.
pub(super) fn too_large(plan: &Plan, limit: usize) -> Vec<Refusal> {
    let moved = plan.moved_nodes();
    let too_large = plan.actions.iter().filter_map(|action| {
        let (alone, origin) = request_of(action)?;
        let old = moved.get(action.path());
        let bytes = alone + old.map_or(0, |old| Write::Version.batched(old, 0));
        (bytes > limit).then(|| Refusal::TooLarge {
            path: action.path().clone(),
            bytes,
            limit,
            origin: origin.cloned(),
        })
    });
    too_large.collect()
}

/// The bytes of a batch of this action alone, if it writes data, and where that is declared. Those that
/// a chroot adds are counted where the plan is carried out.
fn request_of(action: &Action) -> Option<(usize, Option<&Location>)> {
    let (write, path, origin) = match action {
        Action::Add(add) => {
            let (data, acl) = (add.data.as_bytes().len(), add.acl.as_deref());
            (Write::Create { data, acl }, &add.path, &add.origin)
        }
        Action::Update(update) => {
            let data = update.data.as_ref()?.as_bytes().len();
            (Write::Set { data }, &update.path, &update.origin)
        }
        Action::Link(link) => {
            let data = link.data.as_bytes().len();
            (Write::Set { data }, &link.path, &link.origin)
        }
        Action::Trim(_) => return None,
    };
    Some((request::BATCH + write.batched(path, 0), origin.as_ref()))
}

//! The requests that a plan takes, by their size.

use crate::model::plan::{Action, Refusal};
use crate::model::request::{self, Write};
use crate::syntax::place::Location;

/// The refusals of actions that take a larger request than `limit`.
pub(super) fn too_large(actions: &[Action], limit: usize) -> Vec<Refusal> {
    let too_large = actions.iter().filter_map(|action| {
        let (bytes, origin) = request_of(action)?;
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

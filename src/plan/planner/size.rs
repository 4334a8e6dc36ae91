//! The requests that a plan takes, by their size.

use crate::model::plan::{Action, Refusal};
use crate::syntax::place::Location;

/// What a request to create a node with an open ACL needs besides its path and data. One to write it
/// needs less.
const CREATE_BYTES: usize = 69;
const SET_BYTES: usize = 38;

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

/// The bytes of the request for an action that writes data, and where that is declared.
fn request_of(action: &Action) -> Option<(usize, Option<&Location>)> {
    let (overhead, path, data, origin) = match action {
        Action::Add(add) => (CREATE_BYTES, &add.path, &add.data, &add.origin),
        Action::Update(update) => {
            let data = update.data.as_ref()?;
            (SET_BYTES, &update.path, data, &update.origin)
        }
        Action::Link(link) => (SET_BYTES, &link.path, &link.data, &link.origin),
        Action::Trim(_) => return None,
    };
    let bytes = overhead + path.as_str().len() + data.as_bytes().len();
    Some((bytes, origin.as_ref()))
}

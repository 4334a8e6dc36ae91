//! The declaration of a live node, with or without the spelling of its JSON.

use super::copy::{self, declare_node, raw};
use super::respelled::{is_kept, is_respelled};
use crate::model::node::{Declared, DeclaredProperties, LiveNode};

/// As [`declare_node`]; with `exact`, JSON that would be spelled otherwise is raw data.
pub(super) fn declare(live: &LiveNode, exact: bool) -> Declared {
    if exact && is_respelled(live) {
        copy::declare(live, raw(&live.data))
    } else {
        declare_node(live)
    }
}

/// The JSON object of data that is declared with these very bytes. Returns `None` for all other
/// data.
pub(super) fn object(data: &[u8], exact: bool) -> Option<&[u8]> {
    let (object, _) = DeclaredProperties::stored_object(data)?;
    (!exact || is_kept(data)).then_some(object)
}

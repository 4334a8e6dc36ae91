//! A plan as a file: reviewed at one time, carried out at another.
//!
//! A [`SavedPlan`] holds all that it takes to carry out just the actions that were reviewed: the nodes
//! with the versions that the plan saw, what they are to hold, and where the plan goes. A secret value is
//! in it only where that was asked for; otherwise the action is [withheld](SavedPlan::is_withheld), and
//! whoever carries the plan out brings the declared tree again, which must be the one that was reviewed.
//!
//! The file is JSON of one version, [`FORMAT`]. A reader takes no file of another version, and no member
//! that it does not know: what it would leave out might be what guards a write.

mod carried;
mod checksum;
mod claims;
mod digest;
mod file;
mod footing;
mod form;
mod found;
mod ground;
mod hidden;
mod look;
mod made_of;
mod masked;
mod moved;
mod parts;
mod rest;
mod reviewed;
mod seen;
mod shown;
mod terms;
mod wants;
mod whole;
mod within;

pub use checksum::{Mandate, checksum_of};
pub use digest::declared_digest;
pub use file::{Error, FORMAT, SavedPlan};
pub use found::{Extent, Found};
pub use ground::{grounds, needs_landmark};
pub use look::{Fresh, Moved};
pub use made_of::MadeOf;
pub use rest::{NotReviewed, Rest};
pub use terms::{Origin, OwnerTerms, Secrets, Terms};

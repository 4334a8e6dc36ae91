//! What a service needs of ZooKeeper: one handle that outlives sessions, registrations that are
//! written again, and views that are always up to date.
//!
//! | module | what it is |
//! | --- | --- |
//! | `handle`, `supervision` | [`ZooKeeper`], and what keeps its session |
//! | `hub` | the watches of one session |
//! | `resolving` | following links in a tree that is read as far as that needs |
//! | `nodes`, `walk`, `removal`, `trees` | the shortcuts |
//! | `registration`, `address`, `health` | registering a service, and keeping it registered |
//! | `discover`, `picker` | a service's addresses, and one of them |
//! | `monitor`, `socket` | telling a monitor of registrations, on a local socket |
//! | `children`, `properties` | live views |
//! | `board`, `dependencies` | what views are made of: where they are shown, and what they watch |
//! | `environment` | the one variable that is read |

mod address;
mod board;
mod children;
mod dependencies;
mod discover;
mod environment;
mod error;
mod handle;
mod health;
mod hub;
#[cfg(unix)]
mod monitor;
mod nodes;
mod picker;
mod properties;
mod registration;
mod removal;
mod resolving;
#[cfg(unix)]
mod socket;
mod supervision;
mod trees;
mod walk;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use address::Address;
pub use board::{Changes, Reaction, Snapshot};
pub use children::{Child, Children, ChildrenChange, ChildrenView};
pub use discover::{Discovery, Endpoint, Endpoints, EndpointsChange, Held, LeftOut};
pub use error::Error;
pub use handle::{Builder, ZooKeeper};
pub use health::HealthCheck;
#[cfg(unix)]
pub use monitor::{Monitor, report};
pub use nodes::NewNode;
pub use picker::{Picker, Strategy};
pub use properties::{NodeProperties, PropertiesChange, PropertiesView, Property};
pub use registration::{
    DRAINING, ENABLED, INSTANCE, Register, RegisteringServer, Registration, RegistrationState,
    RegistrationView, WEIGHT,
};
pub use removal::{Kept, Reason, Removal, Removed};
pub use supervision::ConnectionState;
pub use trees::{Import, Imported, parse_tree};
pub use walk::{Step, Walk};

/// What is behind a lock stays whole whatever panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

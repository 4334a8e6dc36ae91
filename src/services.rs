//! What a service needs of ZooKeeper: one handle that outlives sessions, registrations that are
//! written again, and views that are always up to date.
//!
//! From the bottom up; a test holds that there are no circles:
//!
//! | module | what it is |
//! | --- | --- |
//! | `lock`, `environment`, `error` | what stands alone; `environment` is the one variable that is read |
//! | `address`, `health`, `socket` | what a registration needs that is no matter of ZooKeeper |
//! | `hub` | the watches of one session |
//! | `supervision`, `core` | the client core: a session that is replaced, and requests that outlive it |
//! | `resolving`, `editing` | following links and changing properties, with few reads |
//! | `board`, `dependencies`, `view` | what live views are made of: where they are shown, what they watch, and the task that does both |
//! | `children`, `properties` | the live views |
//! | `registration` | registering a service, and keeping it registered |
//! | `discover`, `picker` | a service's addresses, and one of them |
//! | `handle` | [`ZooKeeper`], in front of all this |
//! | `nodes`, `walk`, `removal`, `trees` | its shortcuts |
//! | `monitor` | reporting registrations to a monitor, on a local socket |

mod address;
mod board;
mod children;
mod core;
mod dependencies;
mod discover;
mod editing;
mod environment;
mod error;
mod handle;
mod health;
mod hub;
mod lock;
mod monitor;
mod nodes;
mod picker;
mod properties;
mod registration;
mod removal;
mod resolving;
mod socket;
mod supervision;
mod trees;
mod view;
mod walk;

pub use address::Address;
pub use board::{Changes, Reaction, Snapshot};
pub use children::{Child, Children, ChildrenChange, ChildrenView};
pub use discover::{Discovery, Endpoint, Endpoints, EndpointsChange, Held, LeftOut};
pub use error::{AddressError, Error, Foreign};
pub use handle::{Builder, ZooKeeper};
pub use health::HealthCheck;
pub use monitor::{Monitor, report};
pub use nodes::NewNode;
pub use picker::{Picker, Strategy};
pub use properties::{NodeProperties, PropertiesChange, PropertiesView, Property};
pub use registration::{
    DRAINING, ENABLED, INSTANCE, Register, RegisteringServer, Registration, RegistrationState,
    RegistrationView, WEIGHT,
};
pub use removal::{Removal, Removed, Spared, SparedReason};
pub use supervision::ConnectionState;
pub use trees::{Import, Imported, parse_tree};
pub use view::View;
pub use walk::{Step, Walk};

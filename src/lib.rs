//! zkt keeps a ZooKeeper tree as it is declared in files: it reads the files, reads the live tree,
//! plans what differs, and does just that. It also registers services and discovers them. zkt is for
//! Unix.
//!
//! What this page lists is the library, in three groups; [`action`], [`execution`] and [`error`] hold
//! what plans, reports and errors consist of. The [guide](guide::first_tree) shows how zkt
//! is used; [its last chapter](guide::building) how it is built, with the words that the code uses.
//!
//! The feature `cli` builds the command `zkt`, and `server` the [ZooKeeper server](server) for tests. Both
//! are on by default; a library needs neither: `default-features = false`. Sessions through [TLS](Tls) need the
//! feature `tls`, those that authenticate by [SASL](Sasl) the feature `sasl`, both of which `cli` has, key stores with
//! passwords the feature `keystores`, and Kerberos the feature `gssapi`.
//!
//! # Declare
//!
//! [`declare()`] takes a text, [`load()`] takes [`Layers`] of files on a [`Disk`] or in [`Memory`]. Both
//! return a [`Source`], which is sound, or all [`Problems`] by place.
//!
//! ```
//! let source = zkt::declare("/cms\n  threads = 4\n  /providers\n")?;
//! let paths: Vec<&str> = source.tree().iter().map(|(path, _)| path.as_str()).collect();
//! assert_eq!(paths, ["/cms", "/cms/providers"]);
//!
//! let problems = zkt::declare("/cms\n  threads = four\n").unwrap_err();
//! assert_eq!(problems.to_string(), "<text>:2:13: expected a value, found the bare word four");
//! # Ok::<(), zkt::Problems>(())
//! ```
//!
//! # Reconcile
//!
//! [`plan()`] compares a [`Source`] with the live tree; [`apply()`] plans and carries the [`Plan`] out,
//! within the limits of [`Options`]. Every write names the version that the plan saw. [`compare()`] plans
//! from one source to another and needs no server.
//!
//! ```
//! use zkt::Options;
//!
//! let old = zkt::declare("/cms\n  threads = 3\n")?;
//! let new = zkt::declare("/cms\n  threads = 4\n  /providers\n")?;
//! let plan = zkt::compare(&old, &new, &Options::default());
//!
//! let actions = plan.actions.iter().map(|action| format!("{} {}", action.name(), action.path()));
//! assert_eq!(actions.collect::<Vec<_>>(), ["add /cms/providers", "update /cms"]);
//! # Ok::<(), zkt::Problems>(())
//! ```
//!
//! ```no_run
//! use zkt::{Connection, Layers, Options, Session};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let source = zkt::load(Layers::new(["services.zkt"]))?;
//! let mut session = Session::connect(&Connection::new("127.0.0.1:2181")).await?;
//! let options = Options::default();
//!
//! let plan = zkt::plan(&session, &source, &options).await?;
//! println!("{} actions", plan.actions.len());
//! // This plans again, and carries out that plan: not the one above, if the live tree changed meanwhile.
//! // If the plan is refused, or stops halfway, the error says why and what was written.
//! let (plan, report) = zkt::apply(&mut session, &source, &options).await?;
//! session.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Services
//!
//! [`ZooKeeper`] is a handle that replaces its session when it ends, so that a program needs one for all
//! its life. A [`Registration`] says where a service is as long as the program lives. A [`Discovery`] finds
//! the addresses of a service and keeps them current; [`ChildrenView`] and [`PropertiesView`] do so for the
//! children and the properties of any node. A [`Picker`] chooses one address. More is in
//! [the chapter on services](guide::services).
//!
//! ```no_run
//! # use std::time::Duration;
//! use zkt::{Strategy, ZooKeeper};
//!
//! # async fn example() -> Result<(), zkt::Error> {
//! let zk = ZooKeeper::connect("zk1:2181,zk2:2181").await?;
//!
//! // The address stands until it is closed or the program ends; a new session registers it again.
//! let registration = zk.register("/cms/providers", ("10.0.0.1", 8080)).weight(2.0).await?;
//!
//! // Another program reads the addresses at any time, without waiting.
//! let cms = zk.discover("/cms/providers", Duration::ZERO).await?;
//! let picker = cms.picker(Strategy::Weighted);
//! if let Some(endpoint) = picker.pick() {
//!     println!("http://{}/", endpoint.address());
//! }
//!
//! registration.close().await;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used),
    allow(
        clippy::too_many_lines,
        reason = "tables and snapshots make tests long"
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// Declare.
#[cfg(feature = "git")]
#[cfg_attr(docsrs, doc(cfg(feature = "git")))]
pub use declare::GitFiles;
pub use declare::{
    Disk, Files, Layers, Memory, Problem, Problems, SecretSources, Source, declare, load,
};
pub use model::node::Declared;
pub use model::path::ZPath;
pub use model::tree::Tree;
pub use model::value::Properties;
pub use syntax::place::Location;

// Reconcile.
pub use model::plan::{
    Action, Effect, FingerprintKey, Kept, KeptReason, MaxTrim, NotCompared, Objection, Plan,
    Refusal, Summary, Warning,
};
pub use plan::scope::{Filter, Trim};
pub use reconcile::{
    Asks, Error as PlanError, Extras, Observer, Options, Outcome, Owner, Progress, Reviewer,
    Unfinished, Unwritable, Why, apply, compare, plan,
};
pub use zookeeper::executor::Report;
pub use zookeeper::session::{
    Abilities, Credentials, Dialect, Error as SessionError, Options as Connection, Password, Sasl,
    Session, Tls, Wait,
};

/// What the actions of a plan are.
pub mod action {
    pub use crate::model::plan::{
        Add, Adopted, Change, ChangeValue, Claims, Fingerprint, Fingerprints, LetGo, Link, Move,
        NodeRights, Trim, Update,
    };
    pub use crate::reconcile::NamedAction;
}

/// What an execution reports while it goes on, and what became of each action and batch.
pub mod execution {
    pub use crate::zookeeper::executor::{Batch, BatchKind, Event, Fate};
}

// Services.
pub use model::acl::{Acl, AclEntry, AuthId, Permissions};
pub use services::{
    Address, Builder, ChildrenView, Discovery, Endpoint, Endpoints, Error, HealthCheck, Picker,
    PropertiesView, Registration, RegistrationState, Strategy, ZooKeeper,
};
pub use zookeeper::session::{ClientError, RawClient, Stat};

/// What views, registrations and the calls of [`ZooKeeper`] take and give.
pub mod registry {
    pub use crate::services::{
        AddressError, Changes, Child, Children, ChildrenChange, ConnectionState, EndpointsChange,
        Held, Import, Imported, LeftOut, Monitor, NewNode, NodeProperties, PropertiesChange,
        Property, Reaction, Register, RegisteringServer, RegistrationView, Removal, Removed,
        Snapshot, Spared, SparedReason, Step, View, Walk,
    };
}

/// What errors are made of: why a path is none, where a link leads, what stopped an execution.
pub mod error {
    pub use crate::declare::{AllowedError, SecretError};
    pub use crate::model::acl::AclError;
    pub use crate::model::path::Error as PathError;
    pub use crate::model::plan::{KeyTooShort, MoveProblem};
    pub use crate::model::record::{Begun, Broken};
    pub use crate::plan::links::Error as LinkError;
    pub use crate::services::Foreign;
    pub use crate::syntax::names::GlobError;
    pub use crate::zookeeper::executor::{Conflict, Stop};
    pub use crate::zookeeper::live::Error as ReadError;
    pub use crate::zookeeper::record::Error as RecordError;
    pub use crate::zookeeper::session::{
        CertificateTrouble, HostsError, SaslError, SaslTrouble, TlsError, TlsTrouble, Trouble,
    };
}

#[cfg(any(doc, doctest))]
pub mod guide;

// The floors, from the bottom up. What is hidden is public for zkt's own command line and tests, and no
// part of the library's interface: it changes without notice. The words that the code uses are listed in
// `src/guide/building.md`.
#[doc(hidden)]
pub mod syntax;

#[doc(hidden)]
pub mod model;

#[doc(hidden)]
pub mod declare;

#[doc(hidden)]
pub mod plan;

#[doc(hidden)]
pub mod export;

#[doc(hidden)]
#[cfg(feature = "graph")]
pub mod graph;

#[doc(hidden)]
pub mod zookeeper;

#[doc(hidden)]
pub mod reconcile;

#[doc(hidden)]
#[cfg(feature = "watch")]
pub mod watch;

#[doc(hidden)]
pub mod services;

#[cfg(feature = "server")]
#[cfg_attr(docsrs, doc(cfg(feature = "server")))]
pub mod server;

//! zkt keeps a ZooKeeper tree as it is declared in files: it reads the files, reads the live tree,
//! plans what differs, and does just that. This library is all of zkt but its command line, which
//! lives in `src/bin/zkt/` and calls nothing that is not public here.
//!
//! # One road
//!
//! ```text
//! declare::load -> live::fetch -> planner::plan -> executor::execute
//! ```
//!
//! [`reconcile`] walks it, and nobody else: `zkt plan`, `apply`, `diff` and `watch`, and the library's
//! `import_tree`, all make their plans and carry them out there. There is no other way to a write, so what
//! a plan shows is what an apply does. [`load`] lowers files as it parses them, so that reading can begin
//! before they end.
//!
//! ```text
//! files ─ parser → ast::Line ───── lower → Tree<Declared> ─┐
//!                                              └─ scope    ├─ planner → Plan ─ executor → Report
//! ZooKeeper ──────────────────── live(scope) → Tree<Live> ─┘            └─ rendered for people
//! ```
//!
//! Two halves meet in one type. The [`plan::planner`] makes a [`model::plan::Plan`] and knows no server; the
//! [`zookeeper::executor`] consumes one and knows no declarations. Neither imports the other.
//!
//! # What always holds
//!
//! - **Planning is a pure function of two trees.** A [`model::tree::Tree`] is one sequence in path order,
//!   parents before children, so one pass over both trees finds every difference.
//! - **Policy shapes the trees, not the actions.** What is kept, ignored or out of scope is
//!   settled while trees are compared. What may not be done becomes an entry of the plan (`kept`,
//!   `extras`, `refusals`), never an error in its middle.
//! - **A plan that is carried out in part leaves a legal tree.** Adds come first, parents before
//!   children; then updates; then links; then trims, children before parents. Each of these stages
//!   begins when all of the one before is committed, and nothing is in the tree that is not declared.
//! - **Every write names the version that the plan saw.** [`model::node::DataVersion`] and
//!   [`model::node::AclVersion`] cannot say "any version". Who wrote in between is never overwritten. Which
//!   node it was is told by [`model::node::Zxids`], and looked at again right before the write.
//! - **The executor decides nothing.** It packs actions into atomic batches below ZooKeeper's
//!   request limit, stops at the first thing that is not as expected, and reports how far it got.
//! - **Reading follows the declarations.** Only the declared nodes are read, the names of their
//!   children, and the subtrees that a trim would remove; not what else the ensemble holds.
//! - **Nothing up to [`plan`](mod@plan) does I/O but [`declare::files`]**, and the library never prints, exits
//!   or looks at the environment, but for zc.zk's `ZC_ZK_CONNECTION_STRING`. Node
//!   data is logged at `trace` only, but for what the watch says of changes, less secrets.
//!
//! # Floors
//!
//! A folder imports only from folders above it; a test reads the imports.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`syntax`] | what is written, and where; no meaning |
//! | [`syntax::source`] | texts, places in them, and errors that know their place |
//! | [`syntax::acl`] | what of a written ACL entry may be a secret |
//! | [`syntax::names`] | names of properties: links, secrets, patterns |
//! | [`syntax::ast`] | what was written, line by line; no meaning |
//! | [`syntax::parser`] | text to statements, one at a time or a whole [document](syntax::ast::Document), by `grammar/zkt.pest` |
//! | [`syntax::spelling`] | how names and values are written so that reading gives them back |
//! | [`syntax::format`] | a document in its one canonical layout |
//! | [`model`] | data, and the algebra on it; no files, no I/O |
//! | [`model::path`] | absolute, valid ZooKeeper paths, ordered by component |
//! | [`model::value`] | JSON values, and a node's bytes: encoding, decoding, equality |
//! | [`model::acl`] | access control lists |
//! | [`model::node`] | declared nodes and live ones, versions |
//! | [`model::tree`] | nodes as one sorted sequence |
//! | [`model::plan`] | what is to be done, as data |
//! | [`declare`] | from files and layers to one declared tree, or to all that is wrong with them |
//! | [`declare::files`] | where texts come from: the disk, standard input, memory |
//! | [`declare::lower`] | statements to one tree of declared nodes, with every mistake found at once |
//! | [`load`] | layers to files, with what they include, and to the tree they declare |
//! | [`plan`] | from two trees to a plan: pure and total |
//! | [`plan::scope`] | which paths a plan is about, and what must be read for it |
//! | [`plan::planner`] | declared tree and live tree to a plan |
//! | [`plan::links`] | following symbolic and property links, and checking them |
//! | [`export`] | trees as text or JSON |
//! | [`graph`] | the services of a tree and who uses them, as a picture |
//! | [`zookeeper`] | the one door to ZooKeeper |
//! | [`zookeeper::session`] | the connection to ZooKeeper |
//! | [`zookeeper::live`] | reading the live tree |
//! | [`zookeeper::executor`] | executing a plan |
//! | [`reconcile`] | the one road from a declared tree to written nodes |
//! | `watch` | the loop that keeps a live tree as declared, with the feature `watch` |
//! | [`services`] | what a service needs: the handle [`ZooKeeper`], registrations, live views |
//! | `server` | a ZooKeeper server for tests, with the feature `server`; a world of its own |
//!
//! # Without a server
//!
//! Two texts, and the plan from one to the other:
//!
//! ```
//! use zkt::reconcile::{self, Options};
//!
//! # fn main() -> Result<(), zkt::Problems> {
//! let old = zkt::declare("/cms\n  threads = 3\n")?;
//! let new = zkt::declare("/cms\n  threads = 4\n  /providers\n")?;
//!
//! let options = Options::default();
//! let plan = reconcile::compare((&old).into(), (&new).into(), &options, false);
//!
//! let actions: Vec<String> =
//!     plan.actions.iter().map(|action| format!("{} {}", action.name(), action.path())).collect();
//! assert_eq!(actions, ["add /cms/providers", "update /cms"]);
//! # Ok(())
//! # }
//! ```
//!
//! # With one
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use zkt::zookeeper::session::{MAX_REQUEST, Options, Session, Wait};
//! use zkt::{Layers, reconcile};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let source = zkt::load(Layers::new(["services.zkt"]))?;
//!
//! let mut session = Session::connect(&Options {
//!     hosts: "127.0.0.1:2181".to_owned(),
//!     session_timeout: Duration::from_secs(10),
//!     request_timeout: None,
//!     max_request: MAX_REQUEST,
//!     wait: Wait::No,
//!     credentials: Vec::new(),
//! })
//! .await?;
//! let options = reconcile::Options::default();
//! // What is refused, and what stops it halfway, is an error that tells what stands.
//! let (plan, report) = reconcile::apply(&mut session, (&source).into(), &options).await?;
//! session.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Services
//!
//! The other half of this library is for services: one handle that outlives sessions. It needs
//! nothing of the above; [`services`] has more.
//!
//! ```no_run
//! # use std::time::Duration;
//! use zkt::ZooKeeper;
//! use zkt::services::Strategy;
//!
//! # async fn example() -> Result<(), zkt::services::Error> {
//! let zk = ZooKeeper::connect("zk1:2181,zk2:2181").await?;
//!
//! // A service says where it is, as long as it lives and whatever becomes of sessions.
//! let registration = zk.register("/cms/providers", ("10.0.0.1", 8080)).weight(2.0).await?;
//!
//! // Another one knows where it is at any time, without waiting.
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

#![cfg_attr(test, allow(clippy::unwrap_used))]

// In reading order; blank lines keep rustfmt from sorting across them.
pub mod syntax;

pub mod model;

pub mod declare;

pub mod plan;

pub mod export;

pub mod graph;

pub mod zookeeper;

pub mod reconcile;

pub mod services;

pub use declare::{Layers, Memory, Problem, Problems, Source, declare, load};

pub use services::ZooKeeper;

#[cfg(any(doc, doctest))]
pub mod guide;

#[cfg(feature = "watch")]
pub mod watch;

#[cfg(feature = "server")]
pub mod server;

//! What only a real ZooKeeper can show: that the embedded server is its equal, and what becomes of a
//! client whose server is killed.
//!
//! These need Java wherever the other tests find their server, and fail without. A run that is to
//! need none leaves them out by their names: `cargo test -- --skip real::`.

mod clock;
mod differential;
mod fire;
mod junit;
mod killed;
mod minority;
pub(crate) mod netty;
// Benchmarks use it, too.
#[path = "../zookeeper/process.rs"]
pub(crate) mod process;
pub(crate) mod quorum;
pub(crate) mod sasl;
mod tls;
mod versions;
mod zkcli;

//! SASL: how a session proves to a server who it is, before any of its requests.
//!
//! zookeeper-client 0.11.2 knows SASL, too, but it sends the first token right behind the connect request,
//! which servers with Netty may answer before that request; it takes a server without SASL, or one that lets
//! failed clients in, for success; its DIGEST-MD5 fails with some passwords, with some user names, and once in
//! a while with any; and its GSSAPI keeps the runtime waiting for the KDC. So a task of this side does it, where the client's bytes pass: see
//! [`tunnel`](super::tunnel).

mod error;
mod options;

#[cfg(any(feature = "gssapi", all(test, feature = "sasl")))]
mod alone;
#[cfg(feature = "sasl")]
mod dialogue;
#[cfg(feature = "sasl")]
mod digest_md5;
#[cfg(feature = "gssapi")]
mod gssapi;
#[cfg(feature = "sasl")]
mod login;
#[cfg(feature = "sasl")]
mod turn;

pub use error::{SaslError, SaslTrouble};
pub use options::Sasl;

#[cfg(feature = "sasl")]
pub(super) use dialogue::{Halt, introduce};
#[cfg(feature = "sasl")]
pub(super) use login::Login;

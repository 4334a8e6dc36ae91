//! Groups of options that several commands have; those of one command stand beside its code.

mod connection;
mod context;
mod layers;
pub(crate) mod lints;
mod output;
mod plan;
mod policy;
mod sasl;
mod tls;
pub(crate) mod values;

pub(crate) use connection::{AuthFilesOf, ServerArgs, ServersOf, Wait, Way, session_timeout, wait};
pub(crate) use context::{ContextArgs, FileSays};
pub(crate) use layers::{FileArgs, LayerArgs};
pub(crate) use lints::LintArgs;
pub(crate) use output::{CheckFormat, Color, Format, Global, LogFormat, PlanFormat, TreeFormat};
pub(crate) use plan::{Extras, OwnerArgs, PlanOptions, TrimArg, max_trim};
pub(crate) use policy::PolicyArgs;
pub(crate) use sasl::SaslArgs;
pub(crate) use tls::{SecurityOf, SecuritySays};

//! Which context of `zkt.toml` holds, and what the file says.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Which context of `zkt.toml` holds.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Context")]
pub(crate) struct ContextArgs {
    /// The context of zkt.toml to use, or '' for none [default: $ZKT_CONTEXT, else the file's
    /// default-context]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The file with the contexts [default: $ZKT_CONFIG, else zkt.toml here or above, up to the
    /// repository's top]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

/// What `zkt.toml` says of a plan or a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSays {
    pub(crate) file: String,
    /// The context that holds, if one does.
    pub(crate) context: Option<String>,
    /// Keys with their values.
    pub(crate) settings: Vec<(&'static str, Vec<String>)>,
}

//! Which policies judge a plan.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use zkt::reconcile::Asks;

/// The policies that judge a plan, and who answers them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Plan")]
pub(crate) struct PolicyArgs {
    /// Judge each action by the rules in FILE, which deny, ask or warn; may be repeated
    #[arg(long = "policy", id = "policy", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// The name of the context that holds, or nothing, which rules may ask for.
    #[arg(skip)]
    pub(crate) context: String,
    #[arg(skip)]
    pub(crate) asks: Asks,
    /// The rules whose questions are answered.
    #[arg(skip)]
    pub(crate) approved: Vec<String>,
}

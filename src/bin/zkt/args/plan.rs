//! What a plan is about, and what it may do.

use clap::{Args, ValueEnum};
use zkt::model::plan::MaxTrim;
use zkt::model::record::PLACE;

use super::{FileSays, LintArgs, PolicyArgs};

/// What a plan is about, and what it may do.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Plan")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct PlanOptions {
    /// Where the top-level nodes go; it must exist
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub(crate) path: String,
    /// Remove undeclared nodes: none; all below declared ones (also without a value); or owned, those
    /// of the owner that are as they were, wherever they are
    #[arg(short, long, value_name = "all|owned|none", num_args = 0..=1, require_equals = true,
          default_missing_value = "all", hide_possible_values = true)]
    pub(crate) trim: Option<TrimArg>,
    /// Whether undeclared nodes that are not trimmed are listed
    #[arg(
        long,
        value_name = "show|hide",
        default_value = "show",
        hide_possible_values = true
    )]
    pub(crate) extras: Extras,
    /// Plan only paths that match; * is one segment, ** any number; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) target: Vec<String>,
    /// Leave paths that match alone; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Refuse a plan with warnings or with extra nodes
    #[arg(long)]
    pub(crate) strict: bool,
    /// Refuse a plan with more trims: a number, or a percentage of the nodes looked at
    /// [default: 30%, counted from 10 trims on, and half of a top-level node's subtree]
    #[arg(long, value_name = "N|N%", value_parser = max_trim)]
    pub(crate) max_trim: Option<MaxTrim>,
    /// Trim however many nodes there are to trim, set ACLs that lock this session out, and try what it
    /// seems to have no right to
    #[arg(long)]
    pub(crate) force: bool,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Put declared properties in the place of text and binary data, also where @keep or @ignore
    /// would leave other properties
    #[arg(long)]
    pub(crate) replace: bool,
    /// Treat nodes that are marked @ephemeral as any: they are created, and stay
    #[arg(long)]
    pub(crate) allow_ephemeral: bool,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) lints: LintArgs,
    #[command(flatten)]
    pub(crate) owner: OwnerArgs,
    /// Adopt declared nodes that were there before and differ, or that another owner has
    #[arg(long)]
    pub(crate) adopt: bool,
    /// What zkt.toml says of the plan
    #[arg(skip)]
    pub(crate) of_file: Option<FileSays>,
}

/// Whose record is kept, and where.
#[derive(Debug, Clone, Args)]
pub(crate) struct OwnerArgs {
    /// Keep a record in ZooKeeper of the nodes that this owner creates and adopts
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// The node below which owners keep their records
    #[arg(long, value_name = "PATH", default_value = PLACE)]
    pub(crate) owner_path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrimArg {
    All,
    Owned,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Extras {
    Show,
    Hide,
}

pub(crate) fn max_trim(text: &str) -> Result<MaxTrim, String> {
    let error = || "expected a number of nodes, or a percentage from 0% to 100%".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent = percent.parse().map_err(|_| error())?;
            if percent > 100 {
                Err(error())
            } else {
                Ok(MaxTrim::Percent(percent))
            }
        }
        None => text.parse().map(MaxTrim::Count).map_err(|_| error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trim_limits() {
        assert_eq!(max_trim("5"), Ok(MaxTrim::Count(5)));
        assert_eq!(max_trim("5%"), Ok(MaxTrim::Percent(5)));
        assert!(max_trim("101%").is_err());
        assert!(max_trim("-1").is_err());
    }
}

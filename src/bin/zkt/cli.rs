//! The command line as clap sees it.

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use crate::args::values::duration;
use crate::args::{ContextArgs, FileArgs, Global, PlanOptions, ServerArgs};
use crate::commands::apply::ApplyArgs;
use crate::commands::audit::AuditArgs;
use crate::commands::check::CheckArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::config::ConfigArgs;
use crate::commands::diff::DiffArgs;
use crate::commands::discover::DiscoverArgs;
use crate::commands::export::ExportArgs;
use crate::commands::fmt::FmtArgs;
use crate::commands::get::GetArgs;
use crate::commands::graph::GraphArgs;
use crate::commands::ln::LnArgs;
use crate::commands::ls::LsArgs;
use crate::commands::man::ManArgs;
use crate::commands::plan::PlanArgs;
use crate::commands::register::RegisterArgs;
use crate::commands::resolve::ResolveArgs;
use crate::commands::rm::RmArgs;
#[cfg(feature = "server")]
use crate::commands::serve::ServeArgs;
use crate::commands::set::SetArgs;
use crate::commands::show::ShowArgs;
use crate::commands::status::StatusArgs;
use crate::commands::watch::WatchArgs;
use crate::config::without_layers;

/// Keeps a ZooKeeper tree as declared: .zkt files are the truth, plan shows what would change,
/// apply does exactly that.
#[derive(Debug, Parser)]
#[command(
    name = "zkt",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(CheckArgs),
    Fmt(FmtArgs),
    Show(ShowArgs),
    Diff(DiffArgs),
    Graph(GraphArgs),
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Watch(WatchArgs),
    Status(StatusArgs),
    Audit(AuditArgs),
    Export(ExportArgs),
    Ls(LsArgs),
    Get(GetArgs),
    Set(SetArgs),
    Resolve(ResolveArgs),
    Ln(LnArgs),
    Rm(RmArgs),
    Register(RegisterArgs),
    Discover(DiscoverArgs),
    #[cfg(feature = "server")]
    Serve(ServeArgs),
    Config(ConfigArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    /// Whether the command is a server, whose clients' requests are what happens.
    pub(crate) fn serves(&self) -> bool {
        #[cfg(feature = "server")]
        return matches!(self, Self::Serve(_));
        #[cfg(not(feature = "server"))]
        false
    }

    /// Whether the command runs programs, which may leave processes behind.
    pub(crate) fn runs_programs(&self) -> bool {
        match self {
            Self::Register(_) => true,
            Self::Discover(args) => args.exec.is_some(),
            Self::Watch(args) => args.on_change.is_some(),
            _ => false,
        }
    }

    /// Whether the command takes the values of `@secret … from`.
    pub(crate) fn takes_secrets(&self) -> bool {
        match self {
            Self::Plan(_) | Self::Apply(_) | Self::Watch(_) | Self::Diff(_) => true,
            #[cfg(feature = "server")]
            Self::Serve(_) => true,
            _ => false,
        }
    }

    /// Whether the command writes to the server and ends, so that a person should see where.
    pub(crate) fn writes(&self) -> bool {
        matches!(
            self,
            Self::Apply(_) | Self::Set(_) | Self::Ln(_) | Self::Rm(_)
        )
    }

    /// How it reaches servers, if it does.
    pub(crate) fn server_mut(&mut self) -> Option<&mut ServerArgs> {
        Some(match self {
            Self::Diff(args) => &mut args.server,
            Self::Graph(args) => &mut args.server,
            Self::Plan(args) => &mut args.server,
            Self::Apply(args) => &mut args.server,
            Self::Watch(args) => &mut args.server,
            Self::Status(args) => &mut args.server,
            Self::Audit(args) => &mut args.server,
            Self::Export(args) => &mut args.server,
            Self::Ls(args) => &mut args.server,
            Self::Get(args) => &mut args.server,
            Self::Set(args) => &mut args.server,
            Self::Resolve(args) => &mut args.server,
            Self::Ln(args) => &mut args.server,
            Self::Rm(args) => &mut args.server,
            Self::Register(args) => &mut args.server,
            Self::Discover(args) => &mut args.server,
            #[cfg(feature = "server")]
            Self::Serve(_) => return None,
            Self::Check(_)
            | Self::Fmt(_)
            | Self::Show(_)
            | Self::Config(_)
            | Self::Completions(_)
            | Self::Man(_) => return None,
        })
    }

    /// Which files of layers it may read, if it reads any.
    pub(crate) fn files_mut(&mut self) -> Option<&mut FileArgs> {
        Some(match self {
            Self::Check(args) => &mut args.sources.files,
            Self::Fmt(args) => &mut args.sources,
            Self::Show(args) => &mut args.sources.files,
            Self::Graph(args) => &mut args.files,
            Self::Diff(args) => &mut args.files,
            Self::Plan(args) => &mut args.sources.files,
            Self::Apply(args) => &mut args.start.sources.files,
            Self::Watch(args) => &mut args.sources.files,
            Self::Audit(args) => &mut args.files,
            #[cfg(feature = "server")]
            Self::Serve(args) => &mut args.files,
            _ => return None,
        })
    }

    /// What its plan is about, if it makes one.
    pub(crate) fn plan_mut(&mut self) -> Option<&mut PlanOptions> {
        Some(match self {
            Self::Diff(args) => &mut args.plan,
            Self::Plan(args) => &mut args.plan,
            Self::Apply(args) => &mut args.plan,
            Self::Watch(args) => &mut args.plan,
            _ => return None,
        })
    }

    /// Whether the command runs until it is stopped, and logs what it does.
    pub(crate) fn keeps_running(&self) -> bool {
        matches!(self, Self::Watch(_))
    }
}

/// The whole command.
pub(crate) fn command() -> clap::Command {
    // A saved plan says what layers would say, and an explanation needs none.
    let or = |command: clap::Command, saved: &'static str| {
        command.mut_arg("layers", |layers| {
            layers.required(false).required_unless_present(saved)
        })
    };
    Cli::command()
        .mut_subcommand("check", |check| or(or(check, "explain"), "all_contexts"))
        .mut_subcommand("plan", |plan| or(plan, "show"))
        .mut_subcommand("apply", |apply| or(apply, "saved"))
        .mut_subcommand("diff", |diff| {
            // It is about no server's nodes, so about no owner's either.
            ["owner", "owner_path", "adopt"]
                .into_iter()
                .fold(diff, |diff, name| diff.mut_arg(name, |arg| arg.hide(true)))
        })
        .mut_subcommand("config", without_layers)
}

/// The whole command as it is before it is known whether a context gives layers.
pub(crate) fn of_any_context(command: clap::Command) -> clap::Command {
    command.mut_subcommands(without_layers)
}

/// Gives options with an optional value their equals sign: in `-t x.zkt` the file is no value of
/// `-t`, in `--trim none x.zkt` the word is one.
pub(crate) fn normalize(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter().peekable();
    let mut normal: Vec<OsString> = Vec::new();
    while let Some(word) = words.next() {
        if word == "--" {
            normal.push(word);
            normal.extend(words);
            break;
        }
        let is_value = |next: &OsString| {
            next.to_str().is_some_and(|next| match word.to_str() {
                Some("-t" | "--trim") => matches!(next, "all" | "owned" | "none"),
                // A number without its unit is a mistake, which its parser reports.
                Some("--wait" | "--poll") => {
                    next.starts_with(|c: char| c.is_ascii_digit())
                        && (duration(next).is_ok() || next.parse::<f64>().is_ok())
                }
                _ => false,
            })
        };
        match words.next_if(is_value) {
            Some(value) => {
                let mut joined = word;
                joined.push("=");
                joined.push(value);
                normal.push(joined);
            }
            None => normal.push(word),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::man::pages;

    fn normal(words: &str) -> String {
        let words = normalize(words.split(' ').map(OsString::from));
        words
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn optional_values_are_told_from_layers() {
        assert_eq!(normal("zkt plan -t x.zkt"), "zkt plan -t x.zkt");
        assert_eq!(normal("zkt plan -t all x.zkt"), "zkt plan -t=all x.zkt");
        assert_eq!(normal("zkt plan --trim none x"), "zkt plan --trim=none x");
        assert_eq!(normal("zkt plan -t owned x"), "zkt plan -t=owned x");
        assert_eq!(normal("zkt plan --wait x.zkt"), "zkt plan --wait x.zkt");
        assert_eq!(
            normal("zkt plan --wait 5s x.zkt"),
            "zkt plan --wait=5s x.zkt"
        );
        assert_eq!(normal("zkt plan -- -t all"), "zkt plan -- -t all");
    }

    #[test]
    fn options_are_taken_after_arguments_everywhere() {
        for command in command().get_subcommands() {
            let mut words = vec!["zkt", command.get_name()];
            let arguments = command.get_positionals().filter(|one| !one.is_last_set());
            for argument in arguments {
                words.push(match argument.get_id().as_str() {
                    "changes" | "properties" => "x=1",
                    "shell" => "bash",
                    _ => "/a",
                });
                words.push("-v");
            }
            if command.get_arguments().any(|one| one.get_id() == "connect") {
                words.extend(["-c", "h:1"]);
            }
            let parsed = super::command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    /// A line of an example as a shell splits it.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut is_quoted = false;
        for c in line.chars() {
            match (c, words.last_mut()) {
                ('\'', _) => is_quoted = !is_quoted,
                (' ', _) if !is_quoted => words.push(String::new()),
                (c, Some(word)) => word.push(c),
                (_, None) => {}
            }
        }
        words
    }

    #[test]
    fn every_command_has_examples_that_it_takes() {
        let root = super::command();
        let names = root.get_subcommands().map(clap::Command::get_name);
        for name in names.chain([""]) {
            let examples = pages::examples(name);
            assert!(!examples.is_empty(), "zkt {name} has no example");
            for (line, _) in examples {
                let parsed = of_any_context(command())
                    .try_get_matches_from(normalize(words(line).into_iter().map(OsString::from)));
                let parsed = parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
                assert!(
                    name.is_empty() || parsed.subcommand_name() == Some(name),
                    "{line}"
                );
            }
        }
    }
}

//! The command line around the word that is completed.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{ArgMatches, FromArgMatches as _};
use clap_complete::engine::CompletionCandidate;
use tokio::time::{Instant, timeout_at};

use crate::args::{Global, OwnerArgs, ServerArgs};
use crate::cli;
use crate::config::Config;
use crate::output::Output;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The other words, and until when to answer.
#[derive(Debug)]
pub(super) struct SoFar {
    words: Vec<OsString>,
    deadline: Instant,
}

impl SoFar {
    /// The words without the one that is completed.
    pub(super) fn new(words: &[OsString], index: usize) -> Self {
        let mut words = words.to_vec();
        if index < words.len() {
            words.remove(index);
        }
        Self {
            words: cli::normalize(words),
            deadline: Instant::now() + PATIENCE,
        }
    }

    /// Awaits something as long as there is time for it. What hangs is left behind.
    pub(super) fn within<T>(&self, work: impl Future<Output = Option<T>>) -> Option<T> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .ok()?;
        let found = runtime.block_on(self.in_time(work));
        runtime.shutdown_background();
        found
    }

    /// As [`SoFar::within`], on the runtime of the caller.
    async fn in_time<T>(&self, work: impl Future<Output = Option<T>>) -> Option<T> {
        timeout_at(self.deadline, work).await.ok()?
    }

    /// What the other words mean. Returns `None` if they mean nothing, so that no server is asked which
    /// somebody did not mean.
    fn matches(&self, command: &clap::Command) -> Option<ArgMatches> {
        let parse = |words: &[OsString]| command.clone().try_get_matches_from(words);
        match parse(&self.words) {
            Ok(matches) => Some(matches),
            // The word is the value of an option, which lacks it now.
            Err(error) if error.kind() == ErrorKind::InvalidValue => {
                parse(self.words.split_last()?.1).ok()
            }
            Err(_) => None,
        }
    }

    /// How to reach the servers, with all that holds for them when the command is executed.
    pub(super) fn server(&self) -> Option<(ServerArgs, Option<OwnerArgs>)> {
        let command = unfinished(cli::command());
        let matches = self.matches(&command)?;
        let config = read_config(&matches)?;
        let mut root = config.defaults(command, &matches);
        let matches = self.matches(&root)?;
        root.build();
        let (name, given) = matches.subcommand()?;
        let verb = root.find_subcommand(name)?;
        let mut server = ServerArgs::from_arg_matches(given).ok()?;
        config.mark(&mut server, &config.settings(verb, given), given);
        server.wait = None;
        let has_owner = given.try_contains_id("owner_path").unwrap_or(false);
        let owner = has_owner.then(|| OwnerArgs::from_arg_matches(given).ok());
        Some((server, owner.flatten()))
    }

    /// The names of the contexts.
    fn contexts(&self) -> Option<Vec<String>> {
        let command = unfinished(cli::command());
        let given = self.matches(&command)?;
        let mut words = vec!["zkt".into(), "config".into(), "--context=".into()];
        if let Some(file) = given.get_one::<PathBuf>("config") {
            words.extend(["--config".into(), file.clone().into_os_string()]);
        }
        let config = read_config(&command.try_get_matches_from(words).ok()?)?;
        Some(config.contexts().map(|(name, _)| name.to_owned()).collect())
    }
}

/// The whole command as it is while arguments are missing.
fn unfinished(command: clap::Command) -> clap::Command {
    let optional = |arg: clap::Arg| match arg.is_positional() {
        true => arg
            .required(false)
            .required_unless_present(Resettable::Reset),
        false => arg.required(false).requires(Resettable::Reset),
    };
    command
        .subcommand_required(false)
        .arg_required_else_help(false)
        .mut_subcommands(|verb| verb.arg_required_else_help(false).mut_args(optional))
}

fn read_config(matches: &ArgMatches) -> Option<Config> {
    let output = Output::new(&Global::from_arg_matches(matches).ok()?);
    Config::read(matches, &output).ok()
}

/// The names of contexts that begin so.
pub(super) fn contexts(so_far: &SoFar, current: &str) -> Vec<CompletionCandidate> {
    let mut names = so_far.contexts().unwrap_or_default();
    names.retain(|name| name.starts_with(current));
    names.into_iter().map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_patience() {
        let so_far = SoFar::new(&["zkt".into(), "get".into(), "/".into()], 2);
        let started = Instant::now();
        assert_eq!(so_far.in_time(ready(Some(1))).await, Some(1));
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(so_far.in_time(pending::<Option<u8>>()).await, None);
        let taken = started.elapsed();
        // Timers tick in milliseconds.
        assert!(taken <= PATIENCE + Duration::from_millis(1), "{taken:?}");
        assert!(taken + Duration::from_millis(1) >= PATIENCE, "{taken:?}");
        // What is asked next has no second of its own.
        assert_eq!(so_far.in_time(pending::<Option<u8>>()).await, None);
        assert_eq!(started.elapsed(), taken);
    }

    #[test]
    fn the_servers_are_those_of_the_other_words() {
        for (line, index, hosts) in [
            ("zkt get /fo -c h:1", 2, Some("h:1")),
            ("zkt get -c h:1 /fo", 4, Some("h:1")),
            ("zkt set /fo -c h:1", 2, Some("h:1")),
            ("zkt plan --path /fo -c h:1", 3, None),
            ("zkt plan -c h:1 --path /fo", 5, Some("h:1")),
            ("zkt rm --nosuch -c h:1 /fo", 5, None),
            ("zkt rm -c h:1 --nosuch /fo", 5, None),
            ("zkt apply -c h:1 --owner t", 5, Some("h:1")),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let so_far = SoFar::new(&words, index);
            let server = so_far.server().and_then(|(server, _)| server.connect);
            assert_eq!(server.as_deref(), hosts, "{line}");
        }
    }
}

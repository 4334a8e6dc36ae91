//! Answers to shells that complete a command line, among them live paths and the names of contexts.
//!
//! Somebody waits at a prompt: what cannot be had in a second is left out, and nothing is said of it.

mod commit;
mod server;
mod so_far;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::sync::Arc;

use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};

use crate::cli;
use crate::exit::Exit;
use crate::output::write_now;
use crate::shells::{self, INDEX, VARIABLE};

use self::so_far::SoFar;

/// Answers a shell, if one asks.
pub(crate) fn answer() -> Option<Exit> {
    let name = std::env::var(VARIABLE)
        .ok()
        .filter(|name| !name.is_empty())?;
    let mut words = std::env::args_os().skip(1);
    // A variable by itself asks for nothing: whoever exports it still has a zkt.
    words.next().filter(|word| word == "--")?;
    let words: Vec<OsString> = words.collect();
    // The terminal belongs to the command line that somebody types.
    let silenced = File::options().write(true).open("/dev/null");
    if let Ok(nowhere) = silenced {
        _ = rustix::stdio::dup2_stderr(nowhere);
    }
    let index = std::env::var(INDEX)
        .ok()
        .and_then(|index| index.parse().ok());
    let shell = shells::named(&name).filter(|_| !words.is_empty());
    let Some(shell) = shell else {
        return Some(Exit::Error);
    };
    let index = index.unwrap_or(words.len() - 1);
    let mut command = command(SoFar::new(&words, index));
    let mut answer = Vec::new();
    let here = std::env::current_dir().ok();
    let answered = shell.write_complete(&mut command, words, here.as_deref(), &mut answer);
    // A reader that is gone has what it wanted.
    let written = String::from_utf8(answer).is_ok_and(|text| write_now(&text).is_ok());
    Some(if answered.is_ok() && written {
        Exit::Done
    } else {
        Exit::Error
    })
}

/// The whole command, with arguments that know what they may be.
fn command(so_far: SoFar) -> clap::Command {
    let so_far = Arc::new(so_far);
    let known = |arg: clap::Arg| match completer(&arg, &so_far) {
        Some(completer) => arg.add(completer),
        None => arg,
    };
    cli::command()
        .mut_args(known)
        .mut_subcommands(|verb| verb.mut_args(known))
}

type Complete = fn(&SoFar, &str) -> Vec<CompletionCandidate>;

/// What completes an argument better than clap, which knows files and possible values.
fn completer(arg: &clap::Arg, so_far: &Arc<SoFar>) -> Option<ArgValueCompleter> {
    let complete: Complete = match arg.get_id().as_str() {
        "path" | "target" | "link" | "exclude" | "owner_path" => server::paths,
        "owner" => server::owners,
        "context" => so_far::contexts,
        "layers" | "old" | "new" | "old_layers" | "new_layers" | "tree" | "known_from" => layers,
        _ => return None,
    };
    let so_far = Arc::clone(so_far);
    Some(ArgValueCompleter::new(move |current: &OsStr| {
        let complete = |current| complete(&so_far, current);
        let mut found = current.to_str().map(complete).unwrap_or_default();
        // No shell could tell them from the next candidate.
        found.retain(|one| !one.get_value().to_string_lossy().contains(char::is_control));
        found
    }))
}

/// Files, and those of commits.
fn layers(so_far: &SoFar, current: &str) -> Vec<CompletionCandidate> {
    let mut found = PathCompleter::any().complete(OsStr::new(current));
    found.extend(commit::layers(so_far, current));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_of_a_node_is_completed() {
        let words = ["zkt".into(), String::new().into()];
        let mut command = command(SoFar::new(&words, 1));
        command.build();
        let mut count = 0;
        for verb in command.get_subcommands() {
            for arg in verb.get_arguments() {
                let names = arg.get_value_names().unwrap_or_default();
                let is_of =
                    |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
                if is_of(&["PATH", "TARGET", "LINK", "GLOB", "LAYER", "OLD", "NEW"])
                    || arg.get_id() == "context"
                {
                    count += 1;
                    let id = arg.get_id();
                    assert!(
                        arg.get::<ArgValueCompleter>().is_some(),
                        "{} {id}",
                        verb.get_name()
                    );
                }
            }
        }
        assert!(count > 40, "{count}");
    }
}

//! The `zkt` command: `.zkt` files are the truth, `plan` shows what would change, `apply` does it.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used),
    allow(
        clippy::too_many_lines,
        reason = "tables and snapshots make tests long"
    )
)]

mod args;
mod assignment;
mod bounded;
mod cli;
mod commands;
mod commit;
mod completion;
mod config;
mod credentials;
mod declare;
mod diagnostics;
mod environment;
mod exit;
#[cfg(test)]
mod fuzz;
mod habits;
mod hints;
mod http;
mod init;
mod opening;
mod output;
mod owner;
mod planning;
mod policy;
mod process;
mod progress;
mod question;
mod render;
mod review;
mod sasl;
mod saved;
mod settings;
mod shells;
mod signals;
mod tls;
mod withheld;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{FromArgMatches as _, error::ErrorKind};

use args::Global;
use cli::{Cli, Command};
use commands::check::CheckArgs;
use config::{Config, Origin, Setting, Shown};
use exit::{Exit, Failure};
use output::{HINT, Output};

/// Trees are many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(exit) = completion::answer() {
        return exit.into();
    }
    let words = cli::normalize(std::env::args_os());
    let command = cli::command().color(color(&words));
    let is_diff = verb(&command, &words).is_some_and(|verb| verb == "diff");
    let exit = match parse(command, &words) {
        Ok(call) => execute(call),
        Err(exit) => exit,
    };
    // `diff` has its own meaning for 1, also where its arguments are wrong.
    if is_diff && exit == Exit::Error {
        Exit::DiffError.into()
    } else {
        exit.into()
    }
}

/// Whether help and errors of arguments are coloured, which is known before arguments are.
fn color(words: &[OsString]) -> clap::ColorChoice {
    let words = words.iter().map(|word| word.to_string_lossy());
    let words: Vec<_> = words.take_while(|word| word != "--").collect();
    let value = words.iter().enumerate().find_map(|(i, word)| {
        match word.strip_prefix("--color")?.strip_prefix('=') {
            Some(value) => Some(value.to_owned()),
            None if *word == "--color" => words.get(i + 1).map(ToString::to_string),
            None => None,
        }
    });
    match value.as_deref() {
        Some("never") => clap::ColorChoice::Never,
        Some("always") => clap::ColorChoice::Always,
        _ => clap::ColorChoice::Auto,
    }
}

/// Returns the first word that is the name of a command.
fn verb<'w>(command: &clap::Command, words: &'w [OsString]) -> Option<&'w OsString> {
    let is_verb = |word: &&OsString| {
        command
            .get_subcommands()
            .any(|verb| *verb.get_name() == **word)
    };
    words.iter().skip(1).find(is_verb)
}

/// A command with its arguments, and where they come from.
struct Call<'w> {
    words: &'w [OsString],
    cli: Cli,
    config: Config,
    settings: Vec<Setting>,
    /// Whether servers are believed without looking at their certificates.
    believes_all: bool,
}

/// Returns what to execute, or how zkt ends if there is nothing: help is asked for, or the arguments or
/// `zkt.toml` are wrong. All of that is printed.
fn parse(command: clap::Command, words: &[OsString]) -> Result<Call<'_>, Exit> {
    // What is wrong with the words is said below.
    let of_any_context = cli::of_any_context(command.clone());
    let (config, mut root) = match of_any_context.try_get_matches_from(words) {
        Ok(matches) => {
            let config = read_config(&matches)?;
            let root = config.defaults(command, &matches);
            (config, root)
        }
        Err(_) => (Config::default(), command),
    };
    let habit = habits::hint(&root, words);
    let matches = root.try_get_matches_from_mut(words);
    let parsed = matches.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (mut cli, matches) = parsed.map_err(|error| {
        _ = error.print();
        let asks = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
        if asks.contains(&error.kind()) {
            return Exit::Done;
        }
        if let Some(hint) = habit.or_else(|| config.hint(&error)) {
            anstream::eprintln!("{HINT}hint:{HINT:#} {}", diagnostics::safe_lines(&hint));
        }
        Exit::Error
    })?;
    let called = matches.subcommand();
    let settings = called.and_then(|(name, given)| {
        let verb = root.find_subcommand(name)?;
        Some(config.settings(verb, given))
    });
    let settings = settings.unwrap_or_default();
    let mut believes_all = false;
    if let (Some(server), Some((_, given))) = (cli.command.server_mut(), called) {
        config.mark(server, &settings, given);
        server.sasl.stdin_is_layer = reads_stdin(given);
        believes_all = tls::tls(server).is_ok_and(|tls| tls.insecure_skip_verify);
    }
    let withheld = withheld::of_command(&mut cli.command, &config);
    if let Some(files) = cli.command.files_mut() {
        files.withheld = withheld;
    }
    if let Some(plan) = cli.command.plan_mut() {
        plan.of_file = config.says_of_plan(&settings);
        let context = config.chosen();
        plan.policy.context = context.map_or_else(String::new, |chosen| chosen.name.clone());
    }
    if let Command::Apply(apply) = &mut cli.command {
        apply.start.of_context = config.layers();
    }
    if let Command::Check(check) = &mut cli.command {
        check.of_file = config.says_of_check(&settings);
    }
    Ok(Call {
        words,
        cli,
        config,
        settings,
        believes_all,
    })
}

/// Whether a layer is standard input.
fn reads_stdin(given: &clap::ArgMatches) -> bool {
    let ids = ["layers", "new", "new_layers", "old_layers"].into_iter();
    let mut raw = ids.filter_map(|id| given.try_get_raw(id).ok().flatten());
    raw.any(|mut words| words.any(|word| word == "-"))
}

/// Reads `zkt.toml` for the commands that heed it.
fn read_config(matches: &clap::ArgMatches) -> Result<Config, Exit> {
    let global = Global::from_arg_matches(matches);
    let output = global.map(|global| Output::new(&global));
    let output = output.map_err(|_| Exit::Error)?;
    Config::read(matches, &output).map_err(|failure| {
        output.failure(&failure);
        failure.exit
    })
}

/// Executes the command, and prints why it failed.
fn execute(call: Call<'_>) -> Exit {
    let (global, command) = (&call.cli.global, &call.cli.command);
    let output = Output::new(global);
    output::init_logging(global, command.serves(), command.keeps_running());
    let result = if init::is_first() && command.runs_programs() {
        init::run()
    } else {
        announce(&call, &output);
        run(call, &output)
    };
    result.unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit
    })
}

/// Says which context holds, since a default one is in no word of the command line.
fn announce(call: &Call<'_>, output: &Output) {
    if let Some(context) = call.config.described() {
        if call.cli.command.writes() {
            output.note(&context);
        } else {
            tracing::info!("{context}");
        }
    }
    if call.believes_all {
        let message = "no certificate of a server is verified (tls-insecure-skip-verify): whoever is on the \
                       way can read and change everything";
        match call.cli.command.keeps_running() {
            true => tracing::warn!("{message}"),
            false => output.alarm(message),
        }
    }
    let is_list = matches!(call.cli.command, Command::Config(_));
    for setting in call.settings.iter().filter(|_| !is_list) {
        let Some(place) = &setting.instead_of else {
            continue;
        };
        match (&setting.value, &setting.origin) {
            // A variable is in no word of the command line either.
            (Shown::Values(hosts), Origin::Variable(name)) if setting.key == "connect" => {
                let hosts = hosts.join(" ");
                output.note(&format!(
                    "warning: {name} names {hosts}, and wins over {place}"
                ));
            }
            _ => tracing::info!("{}: {} wins over {place}", setting.key, setting.origin),
        }
    }
}

fn run(call: Call<'_>, output: &Output) -> Result<Exit, Failure> {
    if call.cli.command.takes_secrets() {
        call.config.require_trusted_secrets(&call.settings)?;
    }
    match call.cli.command {
        Command::Check(args) if args.all_contexts => {
            commands::check::run_all(&each_check(call.config, call.words)?, output)
        }
        Command::Check(args) => commands::check::run(&args, output),
        Command::Fmt(args) => commands::fmt::run(&args, output),
        Command::Show(args) => commands::show::run(&args, output),
        Command::Config(args) => commands::config::run(&args, &call.config, &call.settings, output),
        Command::Completions(args) => commands::completions::run(&args, output),
        Command::Man(args) => commands::man::run(&args, cli::command(), output),
        Command::Diff(args) => {
            let args = args.heed(&call.config, output)?;
            online(commands::diff::run(&args, output))
        }
        Command::Graph(args) if args.live => online(commands::graph::live(&args, output)),
        Command::Graph(args) => commands::graph::offline(&args, output),
        Command::Register(args) => online(commands::register::run(&args, output)),
        Command::Discover(args) => online(commands::discover::run(&args, output)),
        Command::Plan(args) => online(commands::plan::run(&args, output)),
        Command::Apply(args) => online(commands::apply::run(&args, output)),
        Command::Watch(args) => online(commands::watch::run(&args, output)),
        Command::Export(args) => online(commands::export::run(&args, output)),
        Command::Ls(args) => online(commands::ls::run(&args, output)),
        Command::Audit(args) => online(commands::audit::run(&args, output)),
        Command::Status(args) => online(commands::status::run(&args, output)),
        Command::Get(args) => online(commands::get::run(&args, output)),
        Command::Set(args) => online(commands::set::run(&args, output)),
        Command::Resolve(args) => online(commands::resolve::run(&args, output)),
        Command::Ln(args) => online(commands::ln::run(&args, output)),
        Command::Rm(args) => online(commands::rm::run(&args, output)),
        #[cfg(feature = "server")]
        Command::Serve(args) => online(commands::serve::run(&args, output)),
    }
}

/// `check` for each context of `zkt.toml` that has layers, by its name.
fn each_check(mut config: Config, words: &[OsString]) -> Result<Vec<(String, CheckArgs)>, Failure> {
    const ALL: &str = "--all-contexts";
    let words: Vec<&OsString> = words.iter().filter(|word| *word != ALL).collect();
    let names = config.contexts().map(|(name, _)| name.to_owned());
    let names: Vec<String> = names.collect();
    let mut checks = Vec::new();
    for name in names {
        config.choose(&name, Origin::Flag(ALL.to_owned()));
        if !config.has_layers() {
            continue;
        }
        let wrong = |error: clap::Error| Failure::new(format!("context {name}: {error}"));
        let given = cli::of_any_context(cli::command());
        let given = given.try_get_matches_from(&words).map_err(wrong)?;
        let mut root = config.defaults(cli::command(), &given);
        let matches = root.try_get_matches_from_mut(&words).map_err(wrong)?;
        let called = matches.subcommand();
        let settings = called.and_then(|(verb, given)| {
            let verb = root.find_subcommand(verb)?;
            Some(config.settings(verb, given))
        });
        let parsed = Cli::from_arg_matches(&matches).map_err(wrong)?;
        if let Command::Check(mut args) = parsed.command {
            args.all_contexts = true;
            args.sources.files.withheld = withheld::of_no_server(&config);
            args.of_file = config.says_of_check(&settings.unwrap_or_default());
            checks.push((name, args));
        }
    }
    match checks.is_empty() {
        true => Err(Failure::new(format!(
            "{ALL}: no zkt.toml has a context with layers"
        ))),
        false => Ok(checks),
    }
}

/// Does not print panics of zookeeper-client: the request fails with an error of its own.
fn quieten_client_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let is_clients =
            |place: &std::panic::Location<'_>| place.file().contains("zookeeper-client");
        if info.location().is_some_and(is_clients) {
            tracing::debug!("{info}");
        } else {
            print(info);
        }
    }));
}

/// Runs what talks to a server.
fn online(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    // The session is kept alive by a thread of its own: to parse, plan or show a large tree can
    // take longer than the server waits for a sign of life.
    quieten_client_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(work);
    // A thread that still waits for an answer on the terminal must not hold up the end.
    runtime.shutdown_background();
    result
}

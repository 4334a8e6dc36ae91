//! `zkt watch`: keeps the live tree as declared, and shows how it stands.

mod health;
mod hints;
mod metrics;
mod news;
mod on_change;
mod server;
mod status;
mod systemd;
mod tls;
#[cfg(feature = "otel")]
mod traces;
mod tree;
mod webhook;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use zkt::declare::files::is_in_commit;
use zkt::model::path::check_name;
use zkt::reconcile::Asks;
use zkt::watch::{
    Command, Ending, Error, History, HistoryError, Mode, Once, Options, Pace, State, WatchedLayers,
    Wording,
};
use zkt::zookeeper::session::Wait;

use crate::args::values::{duration, listen};
use crate::args::{LayerArgs, PlanOptions, ServerArgs};
use crate::declare::Worded;
use crate::exit::{Exit, Failure};
use crate::hints::interrupted;
use crate::http::token::Token;
use crate::output::Output;
use crate::signals::{Signal, Signals, interrupt};
use crate::{diagnostics, http, planning, settings, words};

use self::webhook::Webhook;

/// How long the end waits for those who tell of changes.
const GRACE: Duration = Duration::from_secs(3);

/// Keep the live tree as declared
#[derive(Debug, Args)]
#[command(
    after_help = "It reconciles when files change, when the live tree changes, every --interval, \
                  and on SIGHUP. SIGTERM and SIGINT end it. Log lines on stderr report each \
                  reconcile."
)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// What is done about a difference: enforce repairs it, warn only reports it
    #[arg(
        long,
        value_name = "enforce|warn",
        default_value = "enforce",
        hide_possible_values = true
    )]
    pub(crate) mode: WatchMode,
    /// Reconcile once and end, with the exit codes of apply; with --mode warn 0 whatever differs
    #[arg(long, conflicts_with_all = ["listen", "poll"])]
    pub(crate) once: bool,
    /// How often everything is read again, give or take a tenth
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Read the files in this interval instead of waiting for events of the kernel, which network
    /// filesystems do not have; without a value every 2s
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true,
          default_missing_value = "2s", value_parser = interval)]
    pub(crate) poll: Option<Duration>,
    /// Of all replicas with this NAME only one writes; another one takes over when it goes
    #[arg(long, value_name = "NAME")]
    pub(crate) elect: Option<String>,
    /// Serve /healthz, /readyz, /metrics, /status and a page for people; :PORT is on 127.0.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// Answer there to this name of a host, too, beside localhost and the address that is listened
    /// on (repeatable)
    #[arg(long, value_name = "NAME", requires = "listen")]
    pub(crate) allow_host: Vec<String>,
    /// Answer there only to those who send the token in FILE, which the variable ZKT_LISTEN_TOKEN may
    /// hold, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "listen")]
    pub(crate) listen_token_file: Option<PathBuf>,
    /// Answer there over TLS, with the certificate and its chain in FILE: PEM, PKCS#12 or JKS
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          requires_all = ["listen", "listen_key"])]
    pub(crate) listen_cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "listen_cert")]
    pub(crate) listen_key: Option<PathBuf>,
    /// Run COMMAND in a shell whenever the watch stands otherwise (in sync, out of sync, refused,
    /// failing, broken files); it gets the event as JSON on stdin
    #[arg(long, value_name = "COMMAND", conflicts_with = "once")]
    pub(crate) on_change: Option<String>,
    /// Send each such event to URL, which the variable ZKT_WEBHOOK may hold, too
    #[arg(long, value_name = "URL", conflicts_with = "once")]
    pub(crate) webhook: Option<String>,
    /// Sign them with the secret in FILE, which the variable ZKT_WEBHOOK_SECRET may hold, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "once")]
    pub(crate) webhook_secret_file: Option<PathBuf>,
    /// Commit each change of the live tree, whoever made it, to the git repository DIR, which is made
    /// if it is missing; secrets are masked
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "once")]
    pub(crate) record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WatchMode {
    Enforce,
    Warn,
}

fn interval(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(100);
    let most = Duration::from_secs(365 * 24 * 60 * 60);
    match duration(text)? {
        interval if (least..=most).contains(&interval) => Ok(interval),
        _ => Err("expected at least 100ms and at most a year".to_owned()),
    }
}

pub(crate) async fn run(args: &WatchArgs, output: &Output) -> Result<Exit, Failure> {
    let options = options(args)?;
    if args.once {
        return once(options).await;
    }
    keep(args, options, output).await
}

async fn keep(args: &WatchArgs, options: Options, output: &Output) -> Result<Exit, Failure> {
    let webhook = Webhook::new(
        (args.webhook.as_deref(), args.webhook_secret_file.as_deref()),
        |name| std::env::var_os(name),
    )?;
    let (sender, mut commands) = mpsc::channel(8);
    let shown = watch::Sender::new(State::new());
    let signals = Signals::catch(&[Signal::HANGUP, Signal::INTERRUPT, Signal::TERMINATE])?;
    let listening = tokio::spawn(obey(signals, sender.clone()));
    let serving = show(args, (&shown, &sender), output).await?;
    let notifying = systemd::start(shown.subscribe());
    let hinting = hints::start(shown.subscribe());
    let telling = tell(args, webhook, &shown);
    #[cfg(feature = "otel")]
    let spans = traces::start(shown.subscribe())?;
    #[cfg(not(feature = "otel"))]
    let spans = None;
    zkt::watch::run(options, &mut commands, &shown).await;
    listening.abort();
    if let Some(serving) = serving {
        serving.abort();
    }
    drop(shown);
    if let Some(notifying) = notifying {
        _ = notifying.await;
    }
    end(telling.into_iter().chain(spans).chain([hinting])).await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Starts to answer at the status address, and says where it is.
async fn show(
    args: &WatchArgs,
    (shown, commands): (&watch::Sender<State>, &mpsc::Sender<Command>),
    output: &Output,
) -> Result<Option<JoinHandle<()>>, Failure> {
    let Some(address) = args.listen else {
        return Ok(None);
    };
    let file = args.listen_token_file.as_deref();
    let token = Token::new(server::GUARDED, file, |name| std::env::var_os(name))?;
    let certificate = http::certificate(
        server::GUARDED.name,
        args.listen_cert.as_deref(),
        args.listen_key.as_deref(),
    )?;
    let scheme = if certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let is_open = token.is_none();
    let what = server::Shown {
        state: shown.subscribe(),
        commands: commands.clone(),
        layers: args.sources.layers.clone(),
        interval: args.interval,
        allowed: args.allow_host.clone(),
        token,
    };
    let started = server::start(address, certificate, what).await;
    let (address, task) =
        started.map_err(|error| Failure::new(format!("cannot listen on {address}: {error}")))?;
    tracing::info!("the status is at {scheme}://{address}/");
    if is_open && !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            "whoever reaches {address} can read the state and have everything read again: \
             --listen-token-file asks for a token"
        );
    }
    // Port 0 is any that is free, and a program wants to know which.
    let mut out = output.out();
    writeln!(out, "{address}")?;
    out.flush()?;
    Ok(Some(task))
}

/// Starts to tell of changes whom the arguments name.
fn tell(
    args: &WatchArgs,
    webhook: Option<Webhook>,
    shown: &watch::Sender<State>,
) -> Vec<JoinHandle<()>> {
    if args.on_change.is_none() && webhook.is_none() {
        return Vec::new();
    }
    let (newest, following) = news::start(shown.subscribe(), args.sources.layers.clone());
    let hook = args.on_change.clone().map(|command| on_change::Hook {
        command,
        password: args.server.sasl.sasl_password_env.clone(),
    });
    let command = hook.map(|hook| on_change::start(hook, newest.clone()));
    let webhook = webhook.map(|webhook| webhook.start(newest));
    let telling = [Some(following), command, webhook];
    telling.into_iter().flatten().collect()
}

/// Waits for tasks that end by themselves, but not for long.
async fn end(tasks: impl Iterator<Item = JoinHandle<()>>) {
    let deadline = Instant::now() + GRACE;
    for mut task in tasks {
        if timeout_at(deadline, &mut task).await.is_err() {
            task.abort();
            // What it has started ends with it.
            _ = task.await;
        }
    }
}

/// Does what signals say: SIGHUP reconciles now, the others end the watch.
async fn obey(mut signals: Signals, commands: mpsc::Sender<Command>) {
    loop {
        let command = match signals.next().await {
            Signal::HANGUP => Command::Reconcile,
            _ => Command::Stop,
        };
        if commands.send(command).await.is_err() {
            return;
        }
    }
}

/// Reconciles once; ends as apply does.
async fn once(options: Options) -> Result<Exit, Failure> {
    let (state, error) = match zkt::watch::once(options, interrupt()).await {
        Once::Ended(state, error) => (state, error),
        Once::Interrupted(account) => {
            return Err(interrupted(
                &account,
                "run it again: it finishes what is left",
            ));
        }
    };
    let last = state.history.front();
    let exit = match last.map(|last| last.ending) {
        Some(Ending::InSync | Ending::Applied | Ending::Drift) => return Ok(Exit::Done),
        Some(Ending::Refused) => Exit::Refused,
        Some(Ending::Conflict) => Exit::Conflict,
        Some(Ending::Partial) => Exit::Partial,
        Some(Ending::Failed) | None => Exit::Error,
    };
    let failure = match error {
        Some(Error::Source {
            first,
            only_empty: true,
        }) => {
            return Err(Failure::new(first)
                .hint("--allow-empty accepts it where that is meant")
                .exit(Exit::Refused));
        }
        Some(Error::Session(error)) => Failure::from(error),
        Some(error) => Failure::new(error),
        None => {
            let refusal = last.and_then(|last| last.error.clone());
            Failure::new(refusal.unwrap_or_default())
        }
    };
    Err(failure.exit(exit))
}

fn options(args: &WatchArgs) -> Result<Options, Failure> {
    if let Some(name) = &args.elect {
        check_name(name).map_err(|error| {
            Failure::new(format!("--elect {name:?}: {error}")).hint("it is the name of a node")
        })?;
    }
    let mut layers = args.sources.layers.iter();
    if let Some(layer) = layers.find(|layer| is_in_commit(layer)) {
        let message = format!("{layer}: watch follows files, not the commits of a repository");
        let hint = "check the revision out, as git-sync does, or apply it";
        return Err(Failure::new(message).hint(hint));
    }
    let mut session = settings::session_options(&args.server)?;
    let history = history(args)?;
    let mut plan = args.plan.clone();
    // There is nobody to ask.
    plan.policy.asks = Asks::Refused;
    if !args.once {
        // The loop tries again by itself, and goes on with everything else meanwhile.
        session.wait = Wait::No;
    }
    Ok(Options {
        layers: WatchedLayers {
            names: args.sources.layers.clone(),
            place: planning::place(&args.plan)?,
            allow_empty: args.plan.allow_empty,
            filter: planning::filter(&args.plan)?,
            wording: Wording {
                message: |problem| Worded(problem).to_string(),
                draw: Some(|problem, texts| diagnostics::drawn(&Worded(problem), texts)),
                refusal: words::refusal,
                stop: words::stop,
            },
            files: args.sources.files.disk(),
            secrets: args.sources.files.secrets(),
            below_chroot: session.has_chroot(),
        },
        session,
        mode: match args.mode {
            WatchMode::Enforce => Mode::Enforce,
            WatchMode::Warn => Mode::Warn,
        },
        plan: planning::options(&plan)?,
        pace: Pace {
            interval: args.interval,
            ..Pace::default()
        },
        poll: args.poll,
        elect: args.elect.clone(),
        history,
    })
}

/// Opens the history of the arguments.
fn history(args: &WatchArgs) -> Result<Option<History>, Failure> {
    let Some(dir) = &args.record else {
        return Ok(None);
    };
    match History::open(dir, &planning::place(&args.plan)?) {
        Ok(history) => Ok(Some(history)),
        Err(error @ (HistoryError::Foreign(_) | HistoryError::Other { .. })) => {
            let hint = "name a directory that is empty or missing";
            Err(Failure::new(error).hint(hint))
        }
        Err(error @ HistoryError::Shared(_)) => {
            let hint = "chmod go= takes it from them; StateDirectoryMode=0700 in a systemd unit";
            Err(Failure::new(error).hint(hint))
        }
        Err(error) => Err(Failure::new(error)),
    }
}

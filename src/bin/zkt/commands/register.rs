//! `zkt register`: holds a registration, as long as a command runs where one is given.

use std::convert::Infallible;
use std::ffi::OsString;
use std::future::pending;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use clap::{Args, ValueHint};
use serde_json::Value;
use zkt::ZooKeeper;
use zkt::model::acl::{Acl, AclEntry};
use zkt::model::path::ZPath;
use zkt::services::Monitor;
use zkt::services::{Address, HealthCheck, Register, Registration, RegistrationState};

use crate::args::ServerArgs;
use crate::args::values::duration;
use crate::exit::{Exit, Failure};
use crate::output::{Output, write_now};
use crate::process::Process;
use crate::signals::{PASSED_ON, Signal, Signals};
use crate::{assignment, settings};

/// Hold the registration of a service; with a COMMAND, as long as it runs
#[derive(Debug, Args)]
#[command(
    after_help = "Without a command, the paths of the nodes are printed when they are \
                        registered, and SIGTERM, SIGINT or SIGHUP ends it. A command gets all \
                        signals; its exit code is that of zkt register. VALUE is as in zkt set."
)]
pub(crate) struct RegisterArgs {
    /// The node of the providers; links are followed
    pub(crate) path: String,
    /// HOST:PORT; :PORT registers all of this machine's addresses
    pub(crate) address: String,
    /// Properties of the service
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) properties: Vec<String>,
    /// What to run while it is registered
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
    /// Identifies this instance: after a restart, its old node is replaced at once
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<String>,
    /// Register only while a connection is accepted there [if given without a value: ADDRESS]
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true,
          default_missing_value = "", conflicts_with = "health_command")]
    pub(crate) health_tcp: Option<String>,
    /// Register only while this shell command succeeds
    #[arg(long, value_name = "COMMAND")]
    pub(crate) health_command: Option<String>,
    /// How long from one health check to the next
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) health_interval: Duration,
    /// On SIGTERM, SIGINT or SIGHUP, mark as draining for this time before it leaves
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(crate) drain: Duration,
    /// How long to wait for another session's node to go [default: three session timeouts]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) patience: Option<Duration>,
    /// IPv6 addresses, too, with :PORT
    #[arg(long)]
    pub(crate) ipv6: bool,
    /// No property pid
    #[arg(long)]
    pub(crate) no_pid: bool,
    /// An ACL entry of the nodes; may be repeated [default: world:anyone:r]
    #[arg(long, value_name = "SCHEME:ID:PERMS")]
    pub(crate) acl: Vec<String>,
    /// Report the registration, as JSON, on this local socket
    #[arg(long, value_name = "SOCKET", value_hint = ValueHint::FilePath)]
    pub(crate) monitor: Option<PathBuf>,
    /// The mode of the monitor's socket, in octal digits: who may write to it may connect
    #[arg(long, value_name = "MODE", default_value = "0600", requires = "monitor",
          value_parser = mode)]
    pub(crate) monitor_mode: u32,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// The mode of a file, as chmod takes it.
fn mode(text: &str) -> Result<u32, String> {
    let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if is_octal && mode <= 0o777 => Ok(mode),
        _ => Err("expected octal digits up to 0777, as in 0660".to_owned()),
    }
}

/// After this time a line on stderr says why it waits.
const REPORTED_AFTER: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: &RegisterArgs, output: &Output) -> Result<Exit, Failure> {
    let wanted = Wanted {
        properties: assignment::parse_values(&args.properties)?,
        acl: acl(args)?,
        address: Address::from(args.address.as_str()),
    };
    wanted.address.check()?;
    // Who starts this may send a signal at once.
    let mut signals = Signals::catch(&PASSED_ON)?;
    let zookeeper = tokio::select! {
        zookeeper = settings::zookeeper(&args.server) => zookeeper?,
        signal = signals.next() => return Ok(ended_by(signal)),
    };
    let mut process = None;
    let result = async {
        let _monitor = monitor(&zookeeper, args)?;
        process = start(args)?;
        let register = register(&zookeeper, wanted, process.as_ref(), args);
        let holding = Holding {
            zookeeper: &zookeeper,
            process: process.as_mut(),
            signals: &mut signals,
            args,
            output,
        };
        holding.hold(register).await
    };
    let result = result.await;
    zookeeper.close().await;
    if let (Err(_), Some(process)) = (&result, &mut process) {
        process.stop().await;
    }
    result
}

/// What is registered, checked before anything is started or connected.
struct Wanted {
    properties: Vec<(String, Value)>,
    acl: Option<Acl>,
    address: Address,
}

/// Starts the command, if there is one.
fn start(args: &RegisterArgs) -> Result<Option<Process>, Failure> {
    let Some((program, arguments)) = args.command.split_first() else {
        return Ok(None);
    };
    let started = Process::start(program, arguments).map_err(|error| {
        let message = format!("cannot run {}: {error}", program.display());
        Failure::new(message).exit(Exit::Command(127))
    });
    started.map(Some)
}

fn register(
    zookeeper: &ZooKeeper,
    wanted: Wanted,
    process: Option<&Process>,
    args: &RegisterArgs,
) -> Register {
    let mut register = zookeeper
        .register(args.path.as_str(), wanted.address)
        .properties(wanted.properties)
        .pid(!args.no_pid)
        .ipv6(args.ipv6);
    if let Some(id) = process.and_then(Process::id)
        && !args.no_pid
    {
        register = register.properties([("pid".to_owned(), id.into())]);
    }
    if let Some(acl) = wanted.acl {
        register = register.acl(acl);
    }
    if let Some(instance) = &args.instance {
        register = register.instance(instance.as_str());
    }
    if let Some(patience) = args.patience {
        register = register.patience(patience);
    }
    if let Some(check) = health(args) {
        register = register.health(check);
    }
    register
}

fn monitor(zookeeper: &ZooKeeper, args: &RegisterArgs) -> Result<Option<Monitor>, Failure> {
    let listen = |path: &PathBuf| {
        Monitor::listen_with_mode(zookeeper, path, args.monitor_mode)
            .map_err(|error| Failure::new(format!("--monitor {}: {error}", path.display())))
    };
    args.monitor.as_ref().map(listen).transpose()
}

fn acl(args: &RegisterArgs) -> Result<Option<Acl>, Failure> {
    let entries = args.acl.iter().map(|text| AclEntry::parse(text));
    let entries: Result<Vec<AclEntry>, _> = entries.collect();
    let entries = entries.map_err(|error| Failure::new(format!("--acl: {error}")))?;
    Ok((!entries.is_empty()).then_some(Acl { entries }))
}

fn health(args: &RegisterArgs) -> Option<HealthCheck> {
    let check = match (&args.health_tcp, &args.health_command) {
        (Some(address), _) if address.is_empty() => HealthCheck::tcp(local(&args.address)),
        (Some(address), _) => HealthCheck::tcp(local(address)),
        (None, Some(command)) => HealthCheck::command(["sh", "-c", command]),
        (None, None) => return None,
    };
    Some(check.interval(args.health_interval))
}

/// A port on all addresses is reached at the loopback one.
fn local(address: &str) -> String {
    if address.starts_with(':') {
        format!("127.0.0.1{address}")
    } else {
        address.to_owned()
    }
}

/// The exit code with which shells report that a signal ended a command.
fn ended_by(signal: Signal) -> Exit {
    Exit::Command(128_u8.saturating_add(signal.number()))
}

/// Holds a registration until a signal, the command, or a failure ends it.
struct Holding<'h> {
    zookeeper: &'h ZooKeeper,
    process: Option<&'h mut Process>,
    signals: &'h mut Signals,
    args: &'h RegisterArgs,
    output: &'h Output,
}

/// How registering went.
enum Begun {
    Registered(Registration),
    /// Something else came first.
    Ended(Exit),
}

impl Holding<'_> {
    async fn hold(mut self, register: Register) -> Result<Exit, Failure> {
        match self.begin(register).await? {
            Begun::Registered(registration) => self.keep(registration).await,
            Begun::Ended(exit) => Ok(exit),
        }
    }

    async fn begin(&mut self, register: Register) -> Result<Begun, Failure> {
        let mut registering = pin!(register.into_future());
        let mut reporting = pin!(report_waiting(self.zookeeper, self.output));
        loop {
            tokio::select! {
                registered = &mut registering => return Ok(Begun::Registered(registered?)),
                never = &mut reporting => match never {},
                exit = wait(&mut self.process) => {
                    return Ok(Begun::Ended(Exit::Command(exit.map_err(|error| lost(&error))?)));
                }
                signal = self.signals.next() => match &mut self.process {
                    Some(process) => process.pass_on(signal),
                    None if signal.ends() => return Ok(Begun::Ended(Exit::Done)),
                    None => {}
                }
            }
        }
    }

    async fn keep(mut self, registration: Registration) -> Result<Exit, Failure> {
        let mut state = registration.state();
        loop {
            print_state(&registration, &state, self.args, self.output)?;
            if state == RegistrationState::Closed {
                return Err(Failure::new("the registration has ended"));
            }
            state = loop {
                tokio::select! {
                    now = registration.changed_from(&state) => break now,
                    exit = wait(&mut self.process) => {
                        let exit = exit.map_err(|error| lost(&error))?;
                        registration.close().await;
                        return Ok(Exit::Command(exit));
                    }
                    signal = self.signals.next() => {
                        if signal.ends() && !self.args.drain.is_zero() {
                            return self.drain(registration, signal).await;
                        }
                        match &mut self.process {
                            Some(process) => process.pass_on(signal),
                            None if signal.ends() => {
                                registration.close().await;
                                return Ok(Exit::Done);
                            }
                            None => {}
                        }
                    }
                }
            };
        }
    }

    /// Leaves slowly, unless a second signal comes or the command ends. The command gets the first
    /// signal afterwards.
    async fn drain(mut self, registration: Registration, signal: Signal) -> Result<Exit, Failure> {
        tokio::select! {
            () = registration.drain(self.args.drain) => {}
            _ = self.signals.next() => {}
            _ = wait(&mut self.process) => {}
        }
        let Some(process) = self.process else {
            return Ok(Exit::Done);
        };
        process.pass_on(signal);
        let exit = process.wait().await;
        Ok(Exit::Command(exit.map_err(|error| lost(&error))?))
    }
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::new(format!("lost the command: {error}"))
}

/// Says after a while that another session has the node.
async fn report_waiting(zookeeper: &ZooKeeper, output: &Output) -> Infallible {
    tokio::time::sleep(REPORTED_AFTER).await;
    for view in zookeeper.registrations() {
        if let RegistrationState::Waiting { owner } = view.state {
            output.note(&waiting(owner));
        }
    }
    pending().await
}

/// Waits for the end of the command, for ever if there is none.
async fn wait(process: &mut Option<&mut Process>) -> std::io::Result<u8> {
    match process {
        Some(process) => process.wait().await,
        None => std::future::pending().await,
    }
}

fn print_state(
    registration: &Registration,
    state: &RegistrationState,
    args: &RegisterArgs,
    output: &Output,
) -> Result<(), Failure> {
    let view = registration.view();
    match state {
        // Stdout is the command's.
        RegistrationState::Registered if !args.command.is_empty() => {
            let nodes: Vec<&str> = view.nodes.iter().map(ZPath::as_str).collect();
            output.note(&format!("registered: {}", nodes.join(" ")));
        }
        RegistrationState::Registered => {
            let lines: String = view.nodes.iter().map(|path| format!("{path}\n")).collect();
            write_now(&lines)?;
        }
        RegistrationState::Withheld => output.note("not registered: the health check fails"),
        RegistrationState::Waiting { owner } => output.note(&waiting(*owner)),
        RegistrationState::Refused(error) => {
            output.note(&format!("not registered: {error}"));
            if let Some(hint) = Failure::from(error.clone()).hint {
                output.note(&format!("hint: {hint}"));
            }
        }
        _ => output.note("not registered: there is no connection"),
    }
    Ok(())
}

fn waiting(owner: i64) -> String {
    format!("waiting: another session, 0x{owner:x}, has the node")
}

//! The command line as clap sees it.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};
use zkt::declare::files::Disk;
use zkt::model::plan::MaxTrim;
use zkt::zookeeper::session::MAX_REQUEST;

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
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Parse, merge and lint tree files; no server needed
    Check(CheckArgs),
    /// Lay out tree files in the one canonical way; comments are kept
    Fmt(FmtArgs),
    /// Print the merged declared tree
    Show(ShowArgs),
    /// Print the plan that turns one tree into another; each side is a layer or `live`
    #[command(override_usage = "zkt diff [OPTIONS] <OLD> <NEW>\n       \
                                zkt diff [OPTIONS] --old <LAYER>... --new <LAYER>...")]
    Diff(DiffArgs),
    /// Print services and links as a diagram
    Graph(GraphArgs),
    /// Show what apply would do; writes nothing
    Plan(PlanArgs),
    /// Plan, and make the live tree as declared
    Apply(ApplyArgs),
    /// Keep the live tree as declared
    #[command(
        after_help = "It reconciles when files change, when the live tree changes, every --interval, \
                      and on SIGHUP. SIGTERM and SIGINT end it. Log lines on stderr tell of each \
                      reconcile."
    )]
    Watch(WatchArgs),
    /// Print a live tree as tree text
    Export(ExportArgs),
    /// List live nodes
    Ls(LsArgs),
    /// Print the properties of a live node, read through links
    Get(GetArgs),
    /// Set properties of a live node; the others stay
    #[command(
        after_help = "A VALUE is a literal as in tree files, or else the text itself: 4, True, \
                            '\"4\"', ok. Links are followed to the node."
    )]
    Set(SetArgs),
    /// Print the real path for a path that leads through links
    Resolve(ResolveArgs),
    /// Make a symbolic link
    Ln(LnArgs),
    /// Delete a live node and all below it
    Rm(RmArgs),
    /// Hold the registration of a service, as long as a command runs where one is given
    #[command(
        after_help = "Without a command, the paths of the nodes are printed when they are \
                            registered, and SIGTERM, SIGINT or SIGHUP ends it. A command gets all \
                            signals; its exit code is that of zkt register. VALUE is as in zkt set."
    )]
    Register(RegisterArgs),
    /// Print the addresses of a service
    Discover(DiscoverArgs),
    /// Run a ZooKeeper server in memory, for development and tests
    #[cfg(feature = "server")]
    #[command(
        after_help = "The first line on stdout is the address that it listens on. It forgets \
                            everything when it ends: it is for development and tests, production \
                            is Apache ZooKeeper."
    )]
    Serve(ServeArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page of zkt or of one of its commands
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
    #[cfg(unix)]
    pub(crate) fn runs_programs(&self) -> bool {
        match self {
            Self::Register(_) => true,
            Self::Discover(args) => args.exec.is_some(),
            _ => false,
        }
    }

    /// Whether the command runs for long, so that what it does is told in its log.
    pub(crate) fn keeps_running(&self) -> bool {
        matches!(self, Self::Watch(_))
    }
}

/// Options that every command has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Global {
    /// Tell what happens; twice for the details, three times for the data, too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Tell errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// How log lines on stderr look
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// When to use colours; NO_COLOR is heeded, too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Show no progress bars
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TreeFormat {
    Zkt,
    Json,
}

/// How to reach the server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Servers and perhaps a chroot, h1:2181,h2:2181/chroot [default: $ZKT_CONNECT, else
    /// $ZC_ZK_CONNECTION_STRING, else 127.0.0.1:2181]
    #[arg(short, long, value_name = "HOSTS")]
    pub(crate) connect: Option<String>,
    /// The session timeout to ask for
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = session_timeout)]
    pub(crate) session_timeout: Duration,
    /// How long a request may wait for its answer [default: the session timeout]
    #[arg(long, value_name = "DURATION", value_parser = session_timeout)]
    pub(crate) request_timeout: Option<Duration>,
    /// The largest request that the servers take, their jute.maxbuffer, as in 10MiB [default: 1048575]
    #[arg(long, value_name = "SIZE", default_value_t = MAX_REQUEST, hide_default_value = true,
          value_parser = request_size)]
    pub(crate) max_request: usize,
    /// Keep trying to connect, for so long or for ever
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true,
          default_missing_value = "forever", value_parser = wait)]
    pub(crate) wait: Option<Wait>,
    /// Credentials, as in digest:user:password; may be repeated [default: $ZKT_AUTH]
    #[arg(long, value_name = "SCHEME:CREDENTIALS")]
    pub(crate) auth: Vec<String>,
    /// A file with credentials, one a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) auth_file: Vec<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Forever,
    For(Duration),
}

/// What a plan is about, and what it may do.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Plan")]
pub(crate) struct PlanOptions {
    /// Where the top-level nodes go; it must exist
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub(crate) path: String,
    /// Remove undeclared nodes below declared ones: none, or all (also without a value)
    #[arg(short, long, value_name = "all|none", num_args = 0..=1, require_equals = true,
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
    /// Refuse a plan with warnings
    #[arg(long)]
    pub(crate) strict: bool,
    /// Refuse a plan with more trims: a number, or a percentage of the nodes looked at
    /// [default: 30%, counted from 10 trims on, and half of a top-level node's subtree]
    #[arg(long, value_name = "N|N%", value_parser = max_trim)]
    pub(crate) max_trim: Option<MaxTrim>,
    /// Trim however many nodes there are to trim, and set ACLs that lock this session out
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrimArg {
    All,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Extras {
    Show,
    Hide,
}

/// What is declared, and where.
#[derive(Debug, Args)]
pub(crate) struct LayerArgs {
    /// Files or directories of tree files, or - for standard input; later ones lie over earlier
    #[arg(required = true, value_name = "LAYER", value_hint = ValueHint::AnyPath)]
    pub(crate) layers: Vec<String>,
    #[command(flatten)]
    pub(crate) files: FileArgs,
}

/// Which files may be read.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileArgs {
    /// A directory whose files layers may refer to, besides their own directory or git checkout;
    /// may be repeated
    #[arg(long, help_heading = "Files", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) allow_files: Vec<std::path::PathBuf>,
    /// How large a file may be
    #[arg(long, help_heading = "Files", value_name = "SIZE", default_value = "256MiB",
          value_parser = file_size)]
    pub(crate) max_file: u64,
}

impl FileArgs {
    /// The files with these bounds.
    pub(crate) fn disk(&self) -> Disk {
        Disk {
            allowed: self.allow_files.clone(),
            largest: self.max_file,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// How the result is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Warnings are errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// The largest request that the servers take, their jute.maxbuffer, as in 10MiB [default: 1048575]
    #[arg(long, value_name = "SIZE", default_value_t = MAX_REQUEST, hide_default_value = true,
          value_parser = request_size)]
    pub(crate) max_request: usize,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// Files, directories of tree files, or - for standard input, which is also the default
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<String>,
    /// Change nothing; name the files that differ, and exit with 1 if there are any
    #[arg(long)]
    pub(crate) check: bool,
    /// With --check, print what would change in each file in place of its name
    #[arg(long, requires = "check")]
    pub(crate) diff: bool,
    #[command(flatten)]
    pub(crate) sources: FileArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// How the tree is printed
    #[arg(long, default_value = "zkt")]
    pub(crate) format: TreeFormat,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The tree to start from: a layer, or `live`
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "old_layers",
          conflicts_with_all = ["old_layers", "new_layers"])]
    pub(crate) old: Option<String>,
    /// The tree to end with: a layer, or `live`
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "new_layers")]
    pub(crate) new: Option<String>,
    /// The layers of the tree to start from, or `live`, instead of OLD
    #[arg(long = "old", id = "old_layers", value_name = "LAYER", num_args = 1..,
          value_hint = ValueHint::AnyPath, requires = "new_layers")]
    pub(crate) old_layers: Vec<String>,
    /// The layers of the tree to end with, or `live`, instead of NEW
    #[arg(long = "new", id = "new_layers", value_name = "LAYER", num_args = 1..,
          value_hint = ValueHint::AnyPath, requires = "old_layers")]
    pub(crate) new_layers: Vec<String>,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    /// How the plan is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    /// How the plan is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// How often to plan again when the live tree moved under the plan
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) retries: u32,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    /// How plan and report are printed; json prints one object a line
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// What is done about a difference: enforce repairs it, warn only tells of it
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
    /// Read the files so often instead of waiting for the kernel to tell of changes, which it does
    /// not on network filesystems; without a value every 2s
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true,
          default_missing_value = "2s", value_parser = interval)]
    pub(crate) poll: Option<Duration>,
    /// Of all replicas with this NAME only one writes; another one takes over when it goes
    #[arg(long, value_name = "NAME")]
    pub(crate) elect: Option<String>,
    /// Serve /healthz, /readyz, /metrics, /status and a page for people; :PORT is on 127.0.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = listen)]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// Answer there to this name of a host, too, beside localhost and the address that is listened
    /// on (repeatable)
    #[arg(long, value_name = "NAME", requires = "listen")]
    pub(crate) allow_host: Vec<String>,
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

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The topmost node
    #[arg(default_value = "/")]
    pub(crate) path: String,
    /// Ephemeral nodes, too, marked @ephemeral
    #[arg(short, long)]
    pub(crate) ephemeral: bool,
    /// Another name for the topmost node
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// ACLs, too, as @acl
    #[arg(long)]
    pub(crate) acl: bool,
    /// Leave out nodes that may not be read, and ACLs that the server masks, with a warning
    #[arg(long)]
    pub(crate) skip_unreadable: bool,
    /// All bytes as they are: JSON that zkt would spell otherwise as @data
    #[arg(long)]
    pub(crate) exact: bool,
    /// Write to this file instead of stdout, all of it or nothing
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<std::path::PathBuf>,
    /// How the tree is printed
    #[arg(long, default_value = "zkt")]
    pub(crate) format: TreeFormat,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// The topmost node
    #[arg(default_value = "/")]
    pub(crate) path: String,
    /// Leave out ephemeral nodes
    #[arg(long)]
    pub(crate) no_ephemeral: bool,
    /// Go no deeper than so many levels below PATH
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    /// Kind (e is ephemeral), version, bytes, children and time of the last change
    #[arg(short, long)]
    pub(crate) long: bool,
    /// How the list is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The node; links are followed
    pub(crate) path: String,
    /// Only this property
    pub(crate) name: Option<String>,
    /// The node's data byte for byte, or the property as it is stored
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print again whenever they change
    #[arg(long, conflicts_with = "raw")]
    pub(crate) watch: bool,
    /// How properties are printed; json prints one object a line
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The node; links are followed
    pub(crate) path: String,
    /// Put the properties in the place of data that is text or binary
    #[arg(long)]
    pub(crate) replace: bool,
    /// NAME=VALUE, or `NAME -> PATH` and `NAME => PATH [PROPERTY]` for links; NAME- removes one
    #[arg(required = true, value_name = "NAME=VALUE")]
    pub(crate) changes: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// The path
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LnArgs {
    /// Where the link leads; without a leading slash, from the node that holds the link
    pub(crate) target: String,
    /// The path of the link; with a slash at its end it takes the target's name
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The topmost node; a link in its place is not followed
    pub(crate) path: String,
    /// Only print what would be deleted
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Do not ask on a terminal; elsewhere nothing is asked
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Ephemeral nodes, too, which otherwise stay with all above them
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
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
    /// What tells this instance from all others: its node is replaced at once after a restart
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
    /// On SIGTERM, SIGINT or SIGHUP, mark as draining for so long before it leaves
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
    /// Tell how it is, as JSON, to whoever connects to this local socket
    #[cfg(unix)]
    #[arg(long, value_name = "SOCKET", value_hint = ValueHint::FilePath)]
    pub(crate) monitor: Option<std::path::PathBuf>,
    /// The mode of the monitor's socket, in octal digits: who may write to it may connect
    #[cfg(unix)]
    #[arg(long, value_name = "MODE", default_value = "0600", requires = "monitor",
          value_parser = mode)]
    pub(crate) monitor_mode: u32,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiscoverArgs {
    /// The node of the providers; links are followed
    pub(crate) path: String,
    /// Print a line for each address that comes (+), goes (-) or changes (~), for ever
    #[arg(long)]
    pub(crate) watch: bool,
    /// Addresses, too, that are disabled, draining or without weight
    #[arg(long)]
    pub(crate) all: bool,
    /// Names, too, that are no addresses, in double quotes and escaped; else they are left out with a
    /// warning
    #[arg(long, conflicts_with = "exec")]
    pub(crate) all_names: bool,
    /// Keep the last addresses for so long when all vanish at once
    #[arg(long, visible_alias = "stabilize", value_name = "DURATION", default_value = "0s",
          value_parser = duration)]
    pub(crate) stabilise: Duration,
    /// Run a shell command at first and whenever the addresses change, with them one a line on stdin
    /// and in $ZKT_ADDRESSES
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<String>,
    /// How addresses are printed; json has all of them, with their properties
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Files or directories of tree files, or - for standard input; later ones lie over earlier
    #[arg(value_name = "LAYER", required_unless_present = "live", value_hint = ValueHint::AnyPath)]
    pub(crate) layers: Vec<String>,
    /// The live tree instead
    #[arg(long, conflicts_with = "layers")]
    pub(crate) live: bool,
    /// For Graphviz, for Mermaid, or a picture
    #[arg(long, default_value = "dot")]
    pub(crate) format: GraphFormat,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Dot,
    Mermaid,
    Svg,
}

#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 is any that is free, :PORT is on 127.0.0.1
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2181", value_parser = listen)]
    pub(crate) listen: std::net::SocketAddr,
    /// Files or directories of tree files whose nodes are there from the start
    #[arg(long, value_name = "LAYER", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) tree: Vec<String>,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
    #[command(flatten)]
    pub(crate) files: FileArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page is printed
    pub(crate) command: Option<String>,
    /// Write the pages of zkt and of all its commands to files in this directory: zkt.1, zkt-plan.1
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    pub(crate) dir: Option<std::path::PathBuf>,
}

/// The whole command.
pub(crate) fn command() -> clap::Command {
    Cli::command()
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
                Some("-t" | "--trim") => matches!(next, "all" | "none"),
                // A number without its unit is a mistake, and told as one.
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

fn listen(text: &str) -> Result<std::net::SocketAddr, String> {
    use std::net::ToSocketAddrs as _;
    let text = match text.strip_prefix(':') {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let addresses = text.to_socket_addrs().ok();
    addresses
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| "expected an address with a port, as in 127.0.0.1:2181 or :0".to_owned())
}

/// Durations are numbers with their units: 500ms, 10s, 2m, 1h 30m.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a number with a unit, as in 500ms, 10s or 2m".to_owned())
}

/// The mode of a file, as chmod takes it.
#[cfg(unix)]
fn mode(text: &str) -> Result<u32, String> {
    let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if is_octal && mode <= 0o777 => Ok(mode),
        _ => Err("expected octal digits up to 0777, as in 0660".to_owned()),
    }
}

/// Sizes are numbers with their units: 64KiB, 256MiB, 1GiB; a bare number is bytes.
fn size(text: &str) -> Result<u64, String> {
    let error = || "expected a number of bytes, as in 512KiB, 64MiB or 1GiB".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "kb" => 1000,
        "m" | "mib" => 1 << 20,
        "mb" => 1_000_000,
        "g" | "gib" => 1 << 30,
        "gb" => 1_000_000_000,
        _ => return Err(error()),
    };
    let number: u64 = number.parse().map_err(|_| error())?;
    number.checked_mul(factor).ok_or_else(error)
}

fn file_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("expected more than nothing".to_owned()),
        size if size > u64::from(u32::MAX) => Err("expected less than 4GiB".to_owned()),
        size => Ok(size),
    }
}

/// The length of a request is an int of Java's.
fn request_size(text: &str) -> Result<usize, String> {
    match i32::try_from(size(text)?) {
        Ok(bytes) if bytes >= 1024 => Ok(bytes.unsigned_abs() as usize),
        _ => Err("expected at least 1KiB and less than 2GiB".to_owned()),
    }
}

fn session_timeout(text: &str) -> Result<Duration, String> {
    let day = Duration::from_secs(24 * 60 * 60);
    match duration(text)? {
        timeout if timeout > Duration::ZERO && timeout <= day => Ok(timeout),
        _ => Err("expected more than nothing and at most a day".to_owned()),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(100);
    let most = Duration::from_secs(365 * 24 * 60 * 60);
    match duration(text)? {
        interval if (least..=most).contains(&interval) => Ok(interval),
        _ => Err("expected at least 100ms and at most a year".to_owned()),
    }
}

fn wait(text: &str) -> Result<Wait, String> {
    if text == "forever" {
        Ok(Wait::Forever)
    } else {
        duration(text).map(Wait::For)
    }
}

fn max_trim(text: &str) -> Result<MaxTrim, String> {
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

    #[test]
    fn sizes_have_units() {
        assert_eq!(file_size("1000"), Ok(1000));
        assert_eq!(file_size("256MiB"), Ok(256 << 20));
        assert_eq!(file_size("2 kb"), Ok(2000));
        for wrong in ["", "0", "x", "-1", "1.5MiB", "4GiB", "99999999999999GiB"] {
            assert!(file_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_have_sizes_of_javas_ints() {
        assert_eq!(request_size("1048575"), Ok(1_048_575));
        assert_eq!(request_size("10MiB"), Ok(10 << 20));
        for wrong in ["", "10", "-1", "1.5MiB", "2GiB", "99999999999999999999"] {
            assert!(request_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn trim_limits() {
        assert_eq!(max_trim("5"), Ok(MaxTrim::Count(5)));
        assert_eq!(max_trim("5%"), Ok(MaxTrim::Percent(5)));
        assert!(max_trim("101%").is_err());
        assert!(max_trim("-1").is_err());
    }
}

//! `zkt serve`: a ZooKeeper server in memory, for development and tests.

mod control;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueHint};
use zkt::declare::files::reason;
use zkt::model::acl::Acl;
use zkt::model::node::Declared;
use zkt::model::path::ZPath;
use zkt::model::plan::Refusal;
use zkt::model::tree::Tree;
use zkt::server::{self, Builder, Certificate, Dialect, Server};

use crate::args::FileArgs;
use crate::args::values::listen;
use crate::bounded;
use crate::declare::{self, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::signals::{ENDING, Signals};
use crate::words;

/// Run a ZooKeeper server in memory, for development and tests
#[derive(Debug, Args)]
#[command(
    after_help = "The first line on stdout is the address that it listens on. It forgets \
                        everything when it ends: it is for development and tests, production \
                        is Apache ZooKeeper."
)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 is any that is free, :PORT is on 127.0.0.1
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2181", value_parser = listen)]
    pub(crate) listen: SocketAddr,
    /// Files or directories of tree files whose nodes are there from the start
    #[arg(long, value_name = "LAYER", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) tree: Vec<String>,
    /// Whose ways it has: those of ZooKeeper, or of ClickHouse Keeper in version 26 or 24
    #[arg(long, value_name = "DIALECT", default_value = "zookeeper",
        value_parser = PossibleValuesParser::new(DIALECTS.map(Dialect::name)).map(|name| dialect(&name)))]
    pub(crate) dialect: Dialect,
    /// Speak TLS, with the certificate and its chain in FILE: PEM, PKCS#12 or JKS
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Take only clients with a certificate of an authority whose own is in FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls_cert")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Let tests expire sessions, cut connections and inject faults at this address, by HTTP and JSON;
    /// :PORT is on 127.0.0.1, unix:PATH a socket; the second line on stdout is where it is
    #[arg(long, value_name = "ADDRESS", value_parser = control::Address::parse)]
    pub(crate) control: Option<control::Address>,
    #[command(flatten)]
    pub(crate) guard: control::GuardArgs,
    /// A file with users who may authenticate by SASL (DIGEST-MD5), NAME:PASSWORD a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) sasl_users: Option<PathBuf>,
    /// Take only sessions that authenticate by SASL
    #[arg(long, requires = "sasl_users")]
    pub(crate) require_sasl: bool,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
    #[command(flatten)]
    pub(crate) files: FileArgs,
}

const DIALECTS: [Dialect; 3] = [Dialect::ZooKeeper, Dialect::Keeper, Dialect::Keeper24];

/// The dialect of a name, which is one of them.
fn dialect(name: &str) -> Dialect {
    let mut all = DIALECTS.into_iter();
    all.find(|dialect| dialect.name() == name)
        .unwrap_or_default()
}

pub(crate) async fn run(args: &ServeArgs, output: &Output) -> Result<Exit, Failure> {
    // Who reads the address may send a signal at once.
    let mut signals = Signals::catch(&ENDING)?;
    // Each fits into a line of 80 columns, behind time and level.
    tracing::warn!(target: "zkt", "for development and tests, all in memory");
    tracing::warn!(target: "zkt", "production is Apache ZooKeeper");
    let server = builder(args, output)?.start().map_err(failure)?;
    let control = match &args.control {
        Some(address) => {
            let guard = control::Guard::new(&args.guard, address)?;
            Some(control::start(address, guard, server.handle()).await?)
        }
        None => None,
    };
    let mut out = output.out();
    writeln!(out, "{}", server.address())?;
    if let Some(control) = &control {
        writeln!(out, "{}", control.shown())?;
    }
    out.flush()?;
    tracing::info!("listening on {}", server.address());
    signals.next().await;
    tracing::info!("stopping");
    drop(control);
    server.stop();
    Ok(Exit::Done)
}

/// The nodes to make: what is marked `@ephemeral` waits for its session, with all below it.
fn made(tree: &Tree<Declared>) -> impl Iterator<Item = &(ZPath, Declared)> {
    let is_marked = |path: &ZPath| tree.get(path).is_some_and(|node| node.ephemeral);
    tree.iter()
        .filter(move |(path, _)| !path.is_root() && !path.prefixes().any(|path| is_marked(&path)))
}

/// A server with the declared nodes.
fn builder(args: &ServeArgs, output: &Output) -> Result<Builder, Failure> {
    let builder = Server::builder().address(args.listen);
    let mut builder = builder.dialect(args.dialect);
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let certificate = Certificate::load(certificate, key, args.tls_client_ca.as_deref());
        builder = builder.tls(certificate.map_err(Failure::new)?);
    }
    if let Some(file) = &args.sasl_users {
        if args.dialect != Dialect::ZooKeeper {
            return Err(Failure::new("--sasl-users: ClickHouse Keeper has no SASL"));
        }
        builder = with_users(builder, file)?.require_sasl(args.require_sasl);
    }
    if args.tree.is_empty() {
        return Ok(builder);
    }
    let source = declare::load_with_secrets(
        &args.tree,
        args.allow_empty,
        &Destination::root(),
        &args.files,
        output,
    )?;
    if let Some(lacking) = source.lacking().first() {
        let refusal = Refusal::NoSecret(lacking.clone());
        return Err(Failure::new(words::refusal(&refusal)));
    }
    for (path, node) in made(source.tree()) {
        let acl = node.acl.as_deref().cloned().unwrap_or_else(Acl::open);
        let acl: Vec<server::Acl> = acl
            .entries
            .iter()
            .map(|entry| {
                let permissions = entry.permissions.bits().into();
                server::Acl::new(permissions, &entry.who.scheme, &entry.who.id)
            })
            .collect();
        builder = builder.node(path.as_str(), node.bytes(), &acl);
    }
    Ok(builder)
}

/// The largest file of users, in bytes.
const LARGEST: u64 = 1 << 20;

/// Adds the users of a file.
fn with_users(mut builder: Builder, file: &Path) -> Result<Builder, Failure> {
    let name = file.display();
    let text = File::open(file).map_err(|error| reason(&error));
    let text = text.and_then(|file| bounded::read(file, LARGEST));
    let text = text.map_err(|reason| Failure::new(format!("{name}: {reason}")))?;
    let mut names = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        // The line may be a password: it is not repeated.
        let user = match line.split_once(':') {
            Some((user, password)) if !user.is_empty() && !password.is_empty() => {
                builder = builder.sasl_user(user, password);
                user
            }
            _ => {
                return Err(Failure::new(format!(
                    "{name}:{number}: expected NAME:PASSWORD"
                )));
            }
        };
        if !names.insert(user) {
            return Err(Failure::new(format!(
                "{name}:{number}: the user {user} is there twice"
            )));
        }
    }
    match names.is_empty() {
        true => Err(Failure::new(format!("{name}: it has no user"))),
        false => Ok(builder),
    }
}

fn failure(error: server::Error) -> Failure {
    let hint = match &error {
        server::Error::Listen { reason, .. } if reason.kind() == io::ErrorKind::AddrInUse => {
            "--listen :0 picks a port that is free"
        }
        server::Error::Node { code, .. } if *code == server::ErrorCode::InvalidAcl => {
            "an @acl can name world:anyone, digest:USER:HASH and ip:ADDRESS, and with --sasl-users \
             sasl:USER; auth needs a client that shows who it is"
        }
        _ => return Failure::new(error),
    };
    Failure::new(error).hint(hint)
}

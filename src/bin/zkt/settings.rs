//! How to connect: as the arguments say, else the environment, else defaults.

use std::path::Path;

use zkt::ZooKeeper;
use zkt::zookeeper::session::{Options, Wait};

use crate::args::{self, ServerArgs, Way};
use crate::credentials::{are_named, credentials};
use crate::environment;
pub(crate) use crate::environment::variable;
use crate::exit::{Exit, Failure};
use crate::sasl::{self, sasl};
use crate::tls::{require_effect, tls};
use crate::words::shell_word;

pub(crate) const DEFAULT_HOSTS: &str = "127.0.0.1:2181";

/// The variables that name servers, the first that is set counts.
pub(crate) const HOSTS_VARIABLES: [&str; 2] = ["ZKT_CONNECT", "ZC_ZK_CONNECTION_STRING"];

/// The variable that holds credentials.
pub(crate) const AUTH_VARIABLE: &str = environment::AUTH;

/// How to reach the servers on which a saved plan is carried out: those that it was made on. `-c` may name the
/// same ensemble otherwise; a variable or a context that names another one is more likely a slip. Servers that
/// nobody but the plan's file names get no credentials.
pub(crate) fn saved_server(
    args: &ServerArgs,
    saved: &str,
    file: &Path,
) -> Result<ServerArgs, Failure> {
    let to = |hosts: &str| ServerArgs {
        connect: Some(hosts.to_owned()),
        ..args.clone()
    };
    let chroot = |hosts: &str| Options::new(hosts).chroot();
    if let (Some(hosts), None) = (&args.connect, &args.connect_from) {
        // What is wrong with hosts is said when they are connected to.
        if chroot(hosts).is_none_or(|named| chroot(saved) == Some(named)) {
            return Ok(to(hosts));
        }
        let message = format!("the plan was made on {saved}, and -c names another chroot");
        let failure = Failure::new(message).exit(Exit::Conflict);
        return Err(failure.hint(way_back(&args.way, saved)));
    }
    let set = HOSTS_VARIABLES.iter();
    let mut set = set.filter_map(|name| Some(((*name).to_owned(), variable(name)?)));
    let of_context = args.connect_from.as_ref().map(|of| of.place.clone());
    let of_context = of_context.zip(args.connect.clone());
    let has_credentials =
        variable(AUTH_VARIABLE).is_some() || are_named(args) || sasl::is_asked_for(args)?;
    let has_credentials = has_credentials || tls(args)?.certificate.is_some();
    match of_context.or_else(|| set.next()) {
        Some((name, hosts)) if hosts.trim_end_matches('/') != saved.trim_end_matches('/') => {
            let message = format!("the plan was made on {saved}, and {name} names {hosts}");
            let failure = Failure::new(message).exit(Exit::Conflict);
            Err(failure.hint(way_back(&args.way, saved)))
        }
        Some(_) => Ok(to(saved)),
        None if saved.trim_end_matches('/') == DEFAULT_HOSTS || !has_credentials => Ok(to(saved)),
        None => {
            let file = file.display();
            let message = format!("only {file} names the servers {saved}: they get no credentials");
            let hint = format!(
                "-c {} says that you trust them, and so does a context that names them",
                shell_word(saved)
            );
            Err(Failure::new(message).hint(hint))
        }
    }
}

/// What leads to the servers that a saved plan was made on.
pub(crate) fn way_back(way: &Way, saved: &str) -> String {
    let is_it = |hosts: &str| hosts.trim_end_matches('/') == saved.trim_end_matches('/');
    let mut contexts = way.contexts.iter();
    let context = contexts.find(|(_, hosts)| is_it(hosts));
    let is_set = HOSTS_VARIABLES.iter().any(|name| variable(name).is_some());
    match context {
        // A variable wins over each context.
        Some((name, _)) if !is_set => {
            format!(
                "--context {} leads to where the plan was made",
                shell_word(name)
            )
        }
        _ => format!("-c {} leads to where the plan was made", shell_word(saved)),
    }
}

/// How to connect.
pub(crate) fn session_options(args: &ServerArgs) -> Result<Options, Failure> {
    let hosts = args.connect.clone();
    let hosts = hosts.or_else(|| HOSTS_VARIABLES.iter().find_map(|name| variable(name)));
    let hosts = hosts.unwrap_or_else(|| DEFAULT_HOSTS.to_owned());
    let wait = match args.wait {
        None => Wait::No,
        Some(args::Wait::Forever) => Wait::Forever,
        Some(args::Wait::For(duration)) => Wait::For(duration),
    };
    let session_timeout = args.session_timeout;
    let tls = tls(args)?;
    let set = variable(AUTH_VARIABLE).map(|text| (AUTH_VARIABLE, text));
    let options = Options {
        hosts,
        session_timeout,
        request_timeout: args.request_timeout,
        max_request: args.max_request,
        wait,
        credentials: credentials(args, set, &tls)?,
        // After what says whether files and servers are trusted.
        sasl: sasl(args)?,
        tls,
    };
    require_effect(args, &options)?;
    Ok(options)
}

/// Connects for a command that works with single nodes.
pub(crate) async fn zookeeper(args: &ServerArgs) -> Result<ZooKeeper, Failure> {
    let options = session_options(args)?;
    let builder = ZooKeeper::builder()
        .hosts(options.hosts)
        .session_timeout(options.session_timeout)
        .max_request(options.max_request)
        .tls(options.tls)
        .wait(options.wait);
    let builder = match options.sasl {
        Some(sasl) => builder.sasl(sasl),
        None => builder,
    };
    let builder = match options.request_timeout {
        Some(request_timeout) => builder.request_timeout(request_timeout),
        None => builder,
    };
    let credentials = options.credentials.into_iter();
    let builder = credentials.fold(builder, zkt::services::Builder::credentials);
    Ok(builder.connect().await?)
}

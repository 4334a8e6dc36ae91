//! The files with zkt's own credentials, which no tree may take as data: it may come from somebody who cannot read
//! them.

use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use zkt::declare::files::Withheld;

use crate::args::ServerArgs;
use crate::cli::Command;
use crate::config::Config;
use crate::environment::{SOPS_AGE_KEY_FILE, variable};
use crate::{planning, sasl, tls};

/// The variables in which Kerberos looks for keys and tickets.
const OF_KERBEROS: [&str; 3] = ["KRB5_CLIENT_KTNAME", "KRB5_KTNAME", "KRB5CCNAME"];

/// Those that variables name, and those of Kerberos.
fn of_environment() -> Vec<Withheld> {
    // Where the key has a file of its own, anybody may see the certificate.
    let certificate = match variable(tls::KEY) {
        None => Some(tls::CERT),
        Some(_) => None,
    };
    let names = [
        tls::KEY,
        tls::PASSWORD_FILE,
        tls::CA_PASSWORD_FILE,
        sasl::PASSWORD_FILE,
        planning::FINGERPRINT_KEY_FILE,
        SOPS_AGE_KEY_FILE,
    ];
    let names = names.into_iter().chain(certificate);
    let named = names.filter_map(|name| Some(withheld(variable(name)?, name)));
    let of_kerberos = OF_KERBEROS.into_iter().flat_map(|name| {
        let value = variable(name).unwrap_or_default();
        let paths = kerberos_paths(&value).into_iter();
        paths.map(move |path| withheld(path, name))
    });
    named
        .chain(of_kerberos)
        .chain(usual_of_kerberos())
        .collect()
}

/// The paths that a value may mean: `FILE:/f`, `WRFILE:/f`, `DIR:/d`, `DIR::/d/tkt`, or `/f`. Of what is in no file,
/// such as `KCM:`, there is no such path.
fn kerberos_paths(value: &str) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::from(value)];
    if let Some((kind, rest)) = value.split_once(':')
        && !kind.contains('/')
    {
        match rest.strip_prefix(':') {
            // One cache of a directory: the others are as secret.
            Some(cache) => paths.extend(Path::new(cache).parent().map(PathBuf::from)),
            None => paths.push(rest.into()),
        }
    }
    paths.retain(|path| !path.as_os_str().is_empty());
    paths
}

/// Where Kerberos looks if no variable says otherwise, as it is built for Linux. What `krb5.conf` names is not known.
fn usual_of_kerberos() -> Vec<Withheld> {
    let user = geteuid().as_raw();
    let tickets = format!("/tmp/krb5cc_{user}");
    let keys = ["/etc/krb5", "/var/lib/krb5", "/var/kerberos/krb5"]
        .map(|top| format!("{top}/user/{user}/client.keytab"));
    let all = std::iter::once((tickets, "the tickets of Kerberos"))
        .chain(keys.map(|path| (path, "the keys of Kerberos")))
        .chain([("/etc/krb5.keytab".to_owned(), "the keys of Kerberos")]);
    all.map(|(path, what)| withheld(path, what)).collect()
}

/// Those of the environment, and of each context of the `zkt.toml` in use: a tree of one may be read for another.
pub(crate) fn of_no_server(config: &Config) -> Vec<Withheld> {
    let mut found = of_environment();
    found.extend(
        config
            .credential_files()
            .map(|(path, key, context)| withheld(path, &format!("{key} of the context {context}"))),
    );
    found
}

/// Those, and the ones that the arguments of a command name, or the context that holds.
pub(crate) fn of_command(command: &mut Command, config: &Config) -> Vec<Withheld> {
    let mut found = of_arguments(command);
    found.extend(of_no_server(config));
    found
}

fn of_arguments(command: &mut Command) -> Vec<Withheld> {
    let mut found = command
        .server_mut()
        .map(|args| of_server(args))
        .unwrap_or_default();
    let more = match command {
        Command::Watch(args) => vec![
            (&args.listen_token_file, "--listen-token-file"),
            (&args.listen_key, "--listen-key"),
            (&args.webhook_secret_file, "--webhook-secret-file"),
        ],
        #[cfg(feature = "server")]
        Command::Serve(args) => vec![
            (&args.tls_key, "--tls-key"),
            (&args.sasl_users, "--sasl-users"),
            (&args.guard.control_token_file, "--control-token-file"),
            (&args.guard.control_key, "--control-key"),
        ],
        _ => Vec::new(),
    };
    found.extend(more.into_iter().filter_map(given));
    found
}

fn of_server(args: &ServerArgs) -> Vec<Withheld> {
    let (tls, sasl) = (&args.tls, &args.sasl);
    let has_key = tls.tls_key.is_some() || variable(tls::KEY).is_some();
    let no_file = None;
    let files = [
        (&sasl.sasl_password_file, "--sasl-password-file"),
        (&tls.tls_key, "--tls-key"),
        (if has_key { &no_file } else { &tls.tls_cert }, "--tls-cert"),
        (&tls.tls_password_file, "--tls-password-file"),
        (&tls.tls_ca_password_file, "--tls-ca-password-file"),
    ];
    let auth = args.auth_file.iter();
    auth.map(|path| withheld(path, "--auth-file"))
        .chain(files.into_iter().filter_map(given))
        .collect()
}

fn given((path, what): (&Option<PathBuf>, &str)) -> Option<Withheld> {
    path.as_ref().map(|path| withheld(path, what))
}

fn withheld(path: impl Into<PathBuf>, what: &str) -> Withheld {
    Withheld {
        path: path.into(),
        what: what.to_owned(),
    }
}

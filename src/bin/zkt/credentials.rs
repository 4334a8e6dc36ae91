//! The credentials that a command sends, and the files that hold them.

use std::fs::File;

use zkt::Tls;
use zkt::declare::files::{open_regular, reason};
use zkt::zookeeper::session::Credentials;

use crate::args::ServerArgs;
use crate::bounded;
use crate::exit::Failure;
use crate::sasl;
use crate::tls::require_trusted;

/// The largest file of credentials, in bytes.
const LARGEST: u64 = 64 << 10;

/// The credentials that the arguments give, else a variable, here with its name. A certificate is one, too, and so
/// is a user of SASL.
pub(crate) fn credentials(
    args: &ServerArgs,
    set: Option<(&str, String)>,
    tls: &Tls,
) -> Result<Vec<Credentials>, Failure> {
    let is_somebody = sasl::is_asked_for(args)?;
    if tls.certificate.is_some() || set.is_some() || are_named(args) || is_somebody {
        require_trusted_servers(args)?;
        require_trusted(args)?;
    }
    require_trusted_files(args)?;
    let of_flags = args.auth.iter();
    let mut lines: Vec<(String, String)> = of_flags
        .map(|text| ("--auth".to_owned(), text.clone()))
        .collect();
    for file in &args.auth_file {
        let name = file.display().to_string();
        let opened = match args.auth_file_from {
            Some(_) => open_regular(file),
            // It may be a pipe: --auth-file <(pass show zookeeper).
            None => File::open(file),
        };
        let opened = opened.map_err(|error| reason(&error));
        let text = opened.and_then(|file| bounded::read(file, LARGEST));
        let text = text.map_err(|error| Failure::new(format!("{name}: {error}")))?;
        lines.extend(meaningful_lines(&text).map(|line| (name.clone(), line.to_owned())));
    }
    if lines.is_empty()
        && let Some((name, text)) = set
    {
        lines.extend(meaningful_lines(&text).map(|line| (name.to_owned(), line.to_owned())));
    }
    let parsed = lines
        .into_iter()
        .map(|(origin, line)| parse(&origin, &line));
    parsed.collect()
}

/// Whether the arguments or a context name credentials.
pub(crate) fn are_named(args: &ServerArgs) -> bool {
    !args.auth.is_empty() || !args.auth_file.is_empty()
}

/// Refuses to send credentials to servers that a file chose which nobody named.
fn require_trusted_servers(args: &ServerArgs) -> Result<(), Failure> {
    let Some(of) = args.connect_from.as_ref().filter(|of| !of.is_trusted) else {
        return Ok(());
    };
    let (place, file) = (&of.place, &of.file);
    let message =
        format!("{place} names the servers, and that file was only found: they get no credentials");
    let hint =
        format!("--config {file} (or ZKT_CONFIG) says that you trust it; -c HOSTS names servers");
    Err(Failure::new(message).hint(hint))
}

/// Refuses files that a context may not name.
fn require_trusted_files(args: &ServerArgs) -> Result<(), Failure> {
    let of = args.auth_file_from.as_ref();
    let Some((of, refused)) = of.and_then(|of| Some((of, of.refused.as_ref()?))) else {
        return Ok(());
    };
    let (place, file) = (&of.place, &of.file);
    let message = format!(
        "{place} takes credentials from {refused}, outside of its repository, and that file was only \
         found: they are not read"
    );
    let hint = format!(
        "--config {file} (or ZKT_CONFIG) says that you trust it; --auth-file FILE names another one"
    );
    Err(Failure::new(message).hint(hint))
}

fn parse(origin: &str, line: &str) -> Result<Credentials, Failure> {
    match line.split_once(':') {
        Some(("sasl", _)) => {
            let failure = Failure::new(format!("{origin}: sasl is no scheme of credentials"));
            Err(failure
                .hint("--sasl-user NAME authenticates by SASL, with --sasl-password-file FILE"))
        }
        Some((scheme, secret)) if !scheme.is_empty() => Ok(Credentials {
            scheme: scheme.to_owned(),
            secret: secret.as_bytes().to_vec(),
        }),
        // The text itself may be a password: it is not repeated.
        _ => {
            let failure = Failure::new(format!("{origin}: expected SCHEME:CREDENTIALS"));
            Err(failure.hint("as in digest:user:password"))
        }
    }
}

fn meaningful_lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

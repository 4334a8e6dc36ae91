//! What to do about each error of the library: the one place that knows both the errors and the
//! options that help.

use std::fmt::Display;
use std::path::Path;

use zkt::error::{
    CertificateTrouble, RecordError, SaslError, SaslTrouble, TlsError, TlsTrouble, Trouble,
};
use zkt::model::path::ZPath;
use zkt::model::record::Broken;
use zkt::plan::saved::Moved;
use zkt::reconcile::{Account, SavedError};
use zkt::services;
use zkt::zookeeper::executor::Stop;
use zkt::zookeeper::session::{ClientError, HostsError};
use zkt::zookeeper::{live, session};

use crate::exit::{Exit, Failure};
use crate::render::{nodes_have, path_text};
use crate::words::{self, shell_word};

/// What to do if the server denies a right.
const RIGHTS: &str =
    "rights come from --auth or --sasl-user, and from the ACLs of a node and its parent";

impl From<session::Error> for Failure {
    fn from(error: session::Error) -> Self {
        let error_text = error.to_string();
        let hint = match &error {
            session::Error::Unreachable { troubles, .. } => {
                let special = troubles.iter().find_map(|(_, trouble)| about(trouble));
                let runs = |(_, trouble): &_| matches!(trouble, Trouble::Handshake(_));
                match special {
                    Some(hint) => hint,
                    // It is there, and the error says what is wrong with it.
                    None if troubles.iter().any(runs) => return Self::new(error),
                    None => {
                        "is the server running? -c HOSTS names another one, --wait waits for it"
                    }
                }
            }
            session::Error::Tls(error) => match of_tls_options(error) {
                Some(hint) => return Self::new(error_text).hint(hint),
                None => return Self::new(error_text),
            },
            session::Error::Sasl(error) => match of_sasl_options(error) {
                Some(hint) => return Self::new(error_text).hint(hint),
                None => return Self::new(error_text),
            },
            session::Error::SaslRefused { trouble, .. } => match about_sasl(trouble) {
                Some(hint) => hint,
                None => return Self::new(error),
            },
            session::Error::Demanded { .. } => {
                "--sasl-user NAME authenticates by SASL, with --sasl-password-file FILE or ZKT_SASL_PASSWORD"
            }
            session::Error::Credentials { .. } => {
                "credentials are SCHEME:CREDENTIALS; a user and a password are digest:USER:PASSWORD"
            }
            session::Error::Hosts {
                reason: HostsError::Credentials,
                ..
            } => "--auth digest:USER:PASSWORD authenticates, and --auth-file keeps it secret",
            session::Error::NoChroot { chroot, .. } if chroot.as_str().contains(',') => {
                "the chroot stands behind the last server only, as in h1:2181,h2:2181/chroot"
            }
            session::Error::NoChroot { .. } => {
                "connect without the chroot to create it: a tree says where it lives with /a/b/c"
            }
            _ => return Self::new(error),
        };
        Self::new(error).hint(hint)
    }
}

/// What to do about a name of a server with other letters.
const IN_ASCII: &str = "certificates have such names in ASCII, as in xn--bcher-kva.example";

/// What to do about SASL that fails.
fn about_sasl(trouble: &SaslTrouble) -> Option<&'static str> {
    Some(match trouble {
        SaslTrouble::NotOffered | SaslTrouble::NothingSaid => {
            "without --sasl-user or --kerberos, zkt connects as nobody; the server takes users of SASL if its JAAS file \
             has a section Server (java.security.auth.login.config)"
        }
        SaslTrouble::Closed => {
            "without --sasl-user or --kerberos, zkt connects as nobody; ClickHouse Keeper has no SASL, but --auth digest:…"
        }
        SaslTrouble::Mechanism => {
            "a user and a password are for servers with a DigestLoginModule in their JAAS file; this one \
             seems to take Kerberos (--kerberos)"
        }
        SaslTrouble::Kerberos(reason) if reason.contains("not found in Kerberos database") => {
            "--kerberos-host NAME says which host the principal of the server has, --kerberos-service its first part"
        }
        SaslTrouble::Kerberos(_) => {
            "kinit gets a ticket, and KRB5_CLIENT_KTNAME names a keytab for those without one"
        }
        SaslTrouble::Kdc(_) => {
            "krb5.conf (KRB5_CONFIG) names the KDCs of a realm; is one running, and may this machine reach it?"
        }
        SaslTrouble::Ticket => {
            "is the server's keytab new enough? servers with users and passwords take --sasl-user NAME"
        }
        SaslTrouble::Refused | SaslTrouble::Unconfirmed => {
            "the server's JAAS file names its users, as in user_NAME=\"PASSWORD\""
        }
        _ => return None,
    })
}

/// What to do about wrong options of SASL.
fn of_sasl_options(error: &SaslError) -> Option<&'static str> {
    match error {
        SaslError::NoKerberos => Some("cargo install zkt --features gssapi builds one that does"),
        SaslError::File { .. } | SaslError::NoPassword => {
            Some("--sasl-password-file FILE or ZKT_SASL_PASSWORD gives the password")
        }
        _ => None,
    }
}

/// What to do about a server that cannot be reached, where there is more to say than of most.
fn about(trouble: &Trouble) -> Option<&'static str> {
    let trouble = match trouble {
        Trouble::Tls => return Some("--tls speaks TLS with it, or tcp+tls:// before the server"),
        Trouble::ReadOnly => {
            return Some(
                "--wait waits until it reaches the others again; name all of them, as in h1:2181,h2:2181",
            );
        }
        Trouble::Handshake(trouble) => trouble,
        _ => return None,
    };
    Some(match trouble {
        TlsTrouble::Plain => {
            "without --tls, or with tcp:// before it, zkt speaks to it as it is; TLS has a port of its own, \
             the secureClientPort"
        }
        TlsTrouble::Certificate(CertificateTrouble::UnknownAuthority) => {
            "--tls-ca FILE says whom to trust: the authority's certificate, or the server's own if it is self-signed"
        }
        TlsTrouble::Certificate(CertificateTrouble::Name { names, .. }) if names.is_empty() => {
            "make a certificate with the names of the server: keytool -ext SAN=dns:NAME, openssl -addext \
             subjectAltName=DNS:NAME"
        }
        TlsTrouble::Name(name) if !name.is_ascii() => IN_ASCII,
        TlsTrouble::Certificate(CertificateTrouble::Name { .. }) | TlsTrouble::Name(_) => {
            "--tls-server-name NAME says which of its names to expect"
        }
        TlsTrouble::Demanded => {
            "--tls-cert FILE and --tls-key FILE give the certificate and its key"
        }
        TlsTrouble::Refused(_) => {
            "does the server's trust store have the authority of the certificate that --tls-cert gives?"
        }
        _ => return None,
    })
}

/// What to do about wrong options of TLS, or wrong files.
fn of_tls_options(error: &TlsError) -> Option<String> {
    Some(match error {
        TlsError::NoEffect => {
            "--tls speaks TLS with all servers, tcp+tls://HOST with one; tcp://HOST says that \
                               it is spoken to without"
                .to_owned()
        }
        TlsError::NoPassword { .. } | TlsError::WrongPassword { .. } => {
            "--tls-password-file FILE or ZKT_TLS_PASSWORD gives it; if that of --tls-ca is another one, \
             --tls-ca-password-file FILE gives that one"
                .to_owned()
        }
        TlsError::OldEncryption { file } | TlsError::KeyCipher { file } => {
            let file = quoted(file);
            format!("openssl pkcs8 -topk8 -in {file} -out {file}.pk8 makes one that can be read")
        }
        TlsError::Jceks { file } => {
            let file = quoted(file);
            format!(
                "keytool -importkeystore -srckeystore {file} -srcstoretype JCEKS -destkeystore {file}.p12 \
                 -deststoretype PKCS12 converts it"
            )
        }
        TlsError::Pkcs12Cipher { file } => {
            let file = quoted(file);
            format!("openssl pkcs12 -in {file} -out {file}.pem -nodes converts it")
        }
        TlsError::Pkcs12 { file, .. } => {
            let file = quoted(file);
            format!(
                "openssl pkcs12 -in {file} -out {file}.pem -nodes shows whether it is one, and converts it"
            )
        }
        TlsError::NoKey { .. } => "--tls-key FILE names the file with the key".to_owned(),
        TlsError::KeyAlone => "--tls-cert FILE names the certificate".to_owned(),
        TlsError::ServerName(name) if !name.is_ascii() => IN_ASCII.to_owned(),
        TlsError::NoRoots => "--tls-ca FILE says whom to trust".to_owned(),
        _ => return None,
    })
}

fn quoted(file: &Path) -> String {
    shell_word(&file.display().to_string()).into_owned()
}

/// Why an address has no certificate.
pub(crate) fn no_certificate(of: &str, error: &TlsError) -> Failure {
    let failure = Failure::new(format!("TLS of {of}: {error}"));
    match error {
        TlsError::NoPassword { file } => failure.hint(decrypts(file)),
        _ => failure,
    }
}

/// How to take the password away from a key for which no password can be given.
fn decrypts(file: &Path) -> String {
    let file = quoted(file);
    format!("openssl pkey -in {file} -out {file}.plain writes the key without its password")
}

impl From<live::Error> for Failure {
    fn from(error: live::Error) -> Self {
        match error {
            live::Error::Unreadable { .. } => {
                Self::new(error).hint("--auth, --auth-file or --sasl-user gives credentials")
            }
            error => Self::new(error),
        }
    }
}

impl From<zkt::reconcile::Error> for Failure {
    fn from(error: zkt::reconcile::Error) -> Self {
        use zkt::reconcile::Error;
        match error {
            Error::OfKeeper => Self::new(error),
            Error::Scheme { dialect, .. } => {
                let hint = format!("{dialect} would drop the entry without a word");
                Self::new(error).hint(hint)
            }
            Error::Reserved => Self::new(error).hint("connect with another chroot"),
            Error::NoPlace { path, hosts } => {
                let failure = Self::new(format!("--path {path} does not exist on {hosts}"));
                failure.hint(format!(
                    "a tree that brings its own place says {path}/… itself"
                ))
            }
            Error::Session(error) => error.into(),
            Error::Live(error) => error.into(),
            Error::Saved(error) => saved(&error),
            Error::Record(error) => record(&error),
            Error::RecordPlace { ref place, .. } if place.as_str() == zkt::model::record::PLACE => {
                Self::new(error).hint("declare it elsewhere: this place is for records alone")
            }
            Error::PlaceInRecord { ref head, .. } => {
                let hint = format!("zkt rm {} gives it up", shell_word(head.as_str()));
                Self::new(error).hint(hint)
            }
            Error::RecordPlace { .. } => {
                Self::new(error).hint("--owner-path says where owners keep their records")
            }
        }
    }
}

/// The failure of an owner's record that keeps a plan from being made or carried out.
fn record(error: &RecordError) -> Failure {
    let failure = Failure::new(error);
    match error {
        RecordError::Fenced { .. } => failure
            .hint("nothing was written since; run apply again when the other one has ended")
            .exit(Exit::Conflict),
        RecordError::OtherMoved { .. } | RecordError::PlaceMoved { .. } => failure
            .hint("nothing was removed since; run apply again when the other owner's has ended")
            .exit(Exit::Conflict),
        RecordError::Broken {
            reason: Broken::Format { .. },
            ..
        } => failure.hint(
            "a newer zkt reads a newer format; nothing is removed or adopted without the record",
        ),
        RecordError::Broken { head, .. } => failure.hint(format!(
            "what the owner has is unknown, so nothing was done; zkt rm {} gives the record up: the next \
             apply adopts what is as declared, and no trim of owned nodes removes the rest any more",
            shell_word(head.as_str())
        )),
        RecordError::Live(_) => failure.hint("run it again: it finishes what is left"),
        RecordError::Refused {
            reason: ClientError::NoAuth,
            ..
        } => failure.hint(RIGHTS),
        RecordError::Refused { .. } | RecordError::Busy { .. } => failure,
    }
}

/// How many nodes that moved are named.
const MOST_MOVED: usize = 20;

/// The failure of a saved plan that cannot be carried out.
fn saved(error: &SavedError) -> Failure {
    let (nodes, found) = match error {
        SavedError::Moved { nodes, found } => (nodes, found),
        SavedError::Undone { nodes } => return undone(nodes),
        error => return Failure::new(error).exit(Exit::Conflict),
    };
    let elsewhere = nodes.iter().filter(|(_, moved)| *moved == Moved::Elsewhere);
    if elsewhere.clone().next().is_some() {
        return other_ensemble(elsewhere.map(|(path, _)| path));
    }
    let count = nodes_have(nodes.len());
    let mut message = format!("{count} changed since the plan was made");
    let line = |(path, moved): &(ZPath, Moved)| format!("{}: {moved}", path_text(path));
    push_nodes(&mut message, nodes.iter().map(line));
    Failure::new(message)
        .hint("make a new plan and review it")
        .found(found.clone())
        .exit(Exit::Conflict)
}

/// Whether a plan made now, on the same servers, takes the place of one that cannot be carried out.
pub(crate) fn is_outdated(error: &SavedError) -> bool {
    let is_elsewhere = |(_, moved): &(ZPath, Moved)| *moved == Moved::Elsewhere;
    match error {
        SavedError::Moved { nodes, .. } => !nodes.iter().any(is_elsewhere),
        SavedError::Undone { .. } => true,
        SavedError::OtherUsers { .. } | SavedError::NotReviewed(_) => false,
    }
}

/// The failure of a saved plan that was applied before, and whose nodes somebody has removed since.
fn undone(nodes: &[ZPath]) -> Failure {
    let count = nodes_have(nodes.len());
    let mut message = format!("the plan was applied already, and {count} been removed since");
    push_nodes(&mut message, nodes.iter().map(path_text));
    Failure::new(message)
        .hint("make a new plan and review it")
        .exit(Exit::Conflict)
}

/// The failure of a saved plan that was made on another ensemble, as these nodes show.
fn other_ensemble<'p>(nodes: impl Iterator<Item = &'p ZPath> + Clone) -> Failure {
    let count = nodes_have(nodes.clone().count());
    let mut message = format!(
        "the plan was made on another ensemble: {count} the transactions that it saw, and not what these \
         wrote"
    );
    push_nodes(&mut message, nodes.map(path_text));
    Failure::new(message)
        .hint("make a plan for these servers")
        .exit(Exit::Conflict)
}

/// A line for each node; of many, for the first.
fn push_nodes(message: &mut String, lines: impl Iterator<Item = impl Display> + Clone) {
    for line in lines.clone().take(MOST_MOVED) {
        message.push_str(&format!("\n  {line}"));
    }
    match lines.count().saturating_sub(MOST_MOVED) {
        0 => {}
        more => message.push_str(&format!("\n  and {more} more")),
    }
}

impl From<services::Error> for Failure {
    fn from(error: services::Error) -> Self {
        match error {
            services::Error::Session(error) => error.into(),
            services::Error::TooLarge { .. } => Self::new(error).hint(words::MAX_REQUEST_HINT),
            services::Error::Live(error) => error.into(),
            services::Error::NoPermission(_) => Self::new(error).hint(RIGHTS),
            error => Self::new(error),
        }
    }
}

/// What an interrupted run has written, and a hint what to do about it.
pub(crate) fn interrupted(account: &Account, hint: &str) -> Failure {
    let message = match account.course() {
        Some(course) => format!("interrupted: {course}"),
        None if account.wrote() => "interrupted between two attempts".to_owned(),
        None => return Failure::new("interrupted: nothing was written"),
    };
    Failure::new(message).hint(hint).exit(Exit::Partial)
}

/// The failure of a run that stopped.
pub(crate) fn stopped(stop: &Stop, account: &Account) -> Failure {
    let failure = Failure::new(words::stop(stop));
    match stop {
        Stop::Conflict { .. } => failure
            .hint("another writer changes these nodes; nothing of theirs was overwritten")
            .exit(Exit::Conflict),
        Stop::Disconnected { .. } | Stop::Uncertain { .. } => {
            failure.hint("run apply again: it finishes what is left")
        }
        stop if stop.is_unauthorized() => match account.missing_right(stop) {
            Some((path, right)) => {
                let right = right.name();
                failure.hint(format!("it takes the {right} right at {path}; {RIGHTS}"))
            }
            None => failure.hint(RIGHTS),
        },
        Stop::TooLarge { .. } => Failure::new(stop).hint(words::MAX_REQUEST_HINT),
        Stop::Record { reason } => record(reason),
        Stop::InvalidAcl { entries, .. } if entries.contains("sasl:") => failure.hint(
            "for users of SASL in ACLs, a server needs its SASLAuthenticationProvider (zookeeper.authProvider.1)",
        ),
        Stop::InvalidAcl { .. } => failure.hint(
            "ZooKeeper's own schemes are world, auth, digest, ip, x509, sasl and super; a server may have more",
        ),
        Stop::Failed { .. }
        | Stop::Unread { .. }
        | Stop::Deposed { .. }
        | Stop::Unguarded { .. } => failure,
    }
}

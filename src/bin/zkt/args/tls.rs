//! Which servers speak TLS, and what that needs.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Which servers speak TLS, and what that needs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Speak TLS with all servers, but for those with tcp:// before them; tcp+tls://h1:2281 says it of
    /// one [default: $ZKT_TLS]
    #[arg(long)]
    pub(crate) tls: bool,
    /// The certificates of the authorities to trust: PEM, PKCS#12 or JKS [default: $ZKT_TLS_CA, else
    /// those of the system]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The certificate of this client: PEM, PKCS#12 or JKS [default: $ZKT_TLS_CERT]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate, if it is in another file [default: $ZKT_TLS_KEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Option<PathBuf>,
    /// A file with the password of these files in its first line [default: $ZKT_TLS_PASSWORD_FILE,
    /// else the password is $ZKT_TLS_PASSWORD]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_password_file: Option<PathBuf>,
    /// A file with the password of the authorities' file in its first line, if that is another one
    /// [default: $ZKT_TLS_CA_PASSWORD_FILE, else the password is $ZKT_TLS_CA_PASSWORD]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_ca_password_file: Option<PathBuf>,
    /// The name that the certificates of servers must have [default: $ZKT_TLS_SERVER_NAME, else each
    /// server's own]
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// Accept every certificate of a server: whoever is on the way can read and change everything
    /// [default: $ZKT_TLS_INSECURE_SKIP_VERIFY]
    #[arg(long)]
    pub(crate) tls_insecure_skip_verify: bool,
    /// The first of these options that is on the command line
    #[arg(skip)]
    pub(crate) tls_flag: Option<&'static str>,
    /// What the context says of it or of SASL, if it says what it may not
    #[arg(skip)]
    pub(crate) security_from: Option<SecurityOf>,
}

/// A context that says something of TLS or SASL which it may not, or not together with credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecurityOf {
    /// The context, and where it says so.
    pub(crate) place: String,
    /// The file that says it.
    pub(crate) file: String,
    /// What it says.
    pub(crate) says: SecuritySays,
}

/// What a context says of TLS or SASL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecuritySays {
    /// Whom to trust, by this key.
    Trust(&'static str),
    /// A file that it may not name, by this key.
    File(&'static str, String),
    /// The variable that holds a password.
    Variable(String),
}

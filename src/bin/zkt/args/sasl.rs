//! As whom to authenticate by SASL.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// As whom to authenticate by SASL.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "SASL")]
pub(crate) struct SaslArgs {
    /// The user as whom to authenticate, by DIGEST-MD5 [default: $ZKT_SASL_USER]
    #[arg(long, value_name = "NAME")]
    pub(crate) sasl_user: Option<String>,
    /// A file with the user's password in its first line, or - for standard input [default:
    /// $ZKT_SASL_PASSWORD_FILE, else the password is $ZKT_SASL_PASSWORD]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) sasl_password_file: Option<PathBuf>,
    /// The variable that holds the password instead of ZKT_SASL_PASSWORD
    #[arg(long, value_name = "VARIABLE", conflicts_with = "sasl_password_file")]
    pub(crate) sasl_password_env: Option<String>,
    /// Authenticate by Kerberos (GSSAPI), with the tickets of kinit or a keytab [default: $ZKT_KERBEROS]
    #[arg(long, conflicts_with = "sasl_user")]
    pub(crate) kerberos: bool,
    /// The first part of the servers' principals [default: $ZKT_KERBEROS_SERVICE, else zookeeper]
    #[arg(long, value_name = "NAME")]
    pub(crate) kerberos_service: Option<String>,
    /// The host in the servers' principals [default: $ZKT_KERBEROS_HOST, else each server's own]
    #[arg(long, value_name = "NAME")]
    pub(crate) kerberos_host: Option<String>,
    /// Whether standard input is a layer
    #[arg(skip)]
    pub(crate) stdin_is_layer: bool,
}

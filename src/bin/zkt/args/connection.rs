//! How to reach the server.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use zkt::model::request::MAX_REQUEST;

use super::sasl::SaslArgs;
use super::tls::TlsArgs;
use super::values::{duration, request_size};

/// How to reach the server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Servers and perhaps a chroot, h1:2181,h2:2181/chroot [default: $ZKT_CONNECT, else
    /// $ZC_ZK_CONNECTION_STRING, else 127.0.0.1:2181]
    #[arg(short, long, value_name = "HOSTS")]
    pub(crate) connect: Option<String>,
    /// The context that names the servers, if one does
    #[arg(skip)]
    pub(crate) connect_from: Option<ServersOf>,
    /// How the servers were named, to say it again
    #[arg(skip)]
    pub(crate) way: Way,
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
    /// Keep trying to connect, for DURATION or for ever
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true,
          default_missing_value = "forever", value_parser = wait)]
    pub(crate) wait: Option<Wait>,
    /// Credentials, as in digest:user:password; may be repeated [default: $ZKT_AUTH]
    #[arg(long, value_name = "SCHEME:CREDENTIALS")]
    pub(crate) auth: Vec<String>,
    /// A file with credentials, one a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) auth_file: Vec<PathBuf>,
    /// The context that names the files with credentials, if one does
    #[arg(skip)]
    pub(crate) auth_file_from: Option<AuthFilesOf>,
    #[command(flatten)]
    pub(crate) sasl: SaslArgs,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// How servers are named on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way {
    /// The words that named them, and how to reach them: `--context prod`.
    pub(crate) words: Vec<String>,
    /// The context that holds, whatever it says.
    pub(crate) context: Option<String>,
    /// The contexts that name servers, by name.
    pub(crate) contexts: Vec<(String, String)>,
}

/// A context that names the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServersOf {
    /// The context, and where it says so.
    pub(crate) place: String,
    /// The file that names the servers.
    pub(crate) file: String,
    /// Whether somebody asked for it in a way that lets it choose who is sent the credentials.
    pub(crate) is_trusted: bool,
}

/// A context that names files with credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthFilesOf {
    /// The context, and where it says so.
    pub(crate) place: String,
    /// The file that names them.
    pub(crate) file: String,
    /// The first of them that it may not name.
    pub(crate) refused: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Forever,
    For(Duration),
}

pub(crate) fn session_timeout(text: &str) -> Result<Duration, String> {
    let day = Duration::from_secs(24 * 60 * 60);
    match duration(text)? {
        timeout if timeout > Duration::ZERO && timeout <= day => Ok(timeout),
        _ => Err("expected more than nothing and at most a day".to_owned()),
    }
}

pub(crate) fn wait(text: &str) -> Result<Wait, String> {
    if text == "forever" {
        Ok(Wait::Forever)
    } else {
        duration(text).map(Wait::For)
    }
}

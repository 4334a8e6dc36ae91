//! The control socket of `zkt serve`: what a test does to clients, and what it looks at, in HTTP and JSON.

mod calls;
mod refused;
mod shows;
mod takes;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueHint};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener, UnixSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zkt::server::Handle;
use zkt::zookeeper::session::Certificate;

use crate::args::values::listen;
use crate::environment;
use crate::exit::Failure;
use crate::http::connections::{self, Listener};
use crate::http::origin::{Foreign, Hosts};
use crate::http::token::{Guarded, Token};
use crate::http::{self, PATIENCE};

use self::calls::{Asked, CALLS, Control};
use self::refused::Refused;

/// The bytes of a request's body at most.
const LONGEST_BODY: usize = 64 << 10;

/// Where the control socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected an address, as in 127.0.0.1:0 or :0, or unix:PATH";
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(expected.to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let address = listen(text).map_err(|_| expected.to_owned())?;
        Ok(Self::Tcp(address))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The control socket, as it asks for a token.
const GUARDED: Guarded = Guarded {
    name: "the control socket",
    variable: environment::CONTROL_TOKEN,
    option: "--control-token-file",
    challenges: ["Bearer", "Basic realm=\"zkt serve\", charset=\"UTF-8\""],
};

/// Who may ask
#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    /// Answer there to this name of a host, too, beside localhost and the address that is listened
    /// on (repeatable)
    #[arg(long, value_name = "NAME", requires = "control")]
    pub(crate) control_allow_host: Vec<String>,
    /// Answer there only to those who send the token in FILE, which the variable ZKT_CONTROL_TOKEN
    /// may hold, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "control")]
    pub(crate) control_token_file: Option<PathBuf>,
    /// Answer there over TLS, with the certificate and its chain in FILE: PEM, PKCS#12 or JKS
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          requires_all = ["control", "control_key"])]
    pub(crate) control_cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "control_cert")]
    pub(crate) control_key: Option<PathBuf>,
}

/// Who may ask. A socket in the file system is only for its owner, and speaks no TLS.
pub(crate) struct Guard {
    allowed: Vec<String>,
    token: Option<Token>,
    certificate: Option<Certificate>,
}

impl Guard {
    pub(crate) fn new(args: &GuardArgs, address: &Address) -> Result<Self, Failure> {
        let of_tcp = [
            (!args.control_allow_host.is_empty(), "--control-allow-host"),
            (args.control_cert.is_some(), "--control-cert"),
        ];
        let mut of_tcp = of_tcp.into_iter().filter(|(is_given, _)| *is_given);
        if let (Address::Unix(_), Some((_, option))) = (address, of_tcp.next()) {
            return Err(Failure::new(format!(
                "{option} does nothing for {address}: it is for an address of TCP"
            )));
        }
        let file = args.control_token_file.as_deref();
        let certificate = http::certificate(
            GUARDED.name,
            args.control_cert.as_deref(),
            args.control_key.as_deref(),
        )?;
        Ok(Self {
            allowed: args.control_allow_host.clone(),
            token: Token::new(GUARDED, file, |name| std::env::var_os(name))?,
            certificate,
        })
    }
}

/// Whom the address answers.
struct Answered {
    /// `None` for a socket in the file system, which no page of a browser gets to.
    hosts: Option<Hosts>,
    token: Option<Token>,
}

/// A control socket that is listened on, until it is dropped.
pub(crate) struct Listening {
    address: Address,
    scheme: &'static str,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where it is.
    pub(crate) fn shown(&self) -> String {
        format!("{}{}", self.scheme, self.address)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        if let Address::Unix(path) = &self.address {
            _ = std::fs::remove_file(path);
        }
    }
}

/// Listens, and does what it is asked for.
pub(crate) async fn start(
    address: &Address,
    guard: Guard,
    server: Handle,
) -> Result<Listening, Failure> {
    let failure = |error: &io::Error| {
        let reason = zkt::declare::files::reason(error);
        let failure = Failure::new(format!("cannot listen on {address}: {reason}"));
        match (error.kind(), address) {
            (io::ErrorKind::AddrInUse, Address::Tcp(_)) => {
                failure.hint("--control :0 picks a port that is free")
            }
            (io::ErrorKind::AddrInUse, Address::Unix(_)) => {
                failure.hint("another process listens there, or the path is another file")
            }
            _ => failure,
        }
    };
    let control = Arc::new(Control::new(server));
    match address {
        Address::Tcp(address) => {
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|error| failure(&error))?;
            let address = listener.local_addr().map_err(|error| failure(&error))?;
            if guard.token.is_none() && !address.ip().to_canonical().is_loopback() {
                tracing::warn!(
                    "whoever reaches {address} can read all nodes, whatever their ACLs, and stop the \
                     server: --control-token-file asks for a token"
                );
            }
            let answered = Answered {
                hosts: Some(Hosts::new(address.ip(), &guard.allowed)),
                token: guard.token,
            };
            let scheme = match guard.certificate {
                Some(_) => "https://",
                None => "http://",
            };
            Ok(Listening {
                address: Address::Tcp(address),
                scheme,
                task: answering(listener, control, answered, guard.certificate),
            })
        }
        Address::Unix(path) => {
            let listener = bind(path).await.map_err(|error| failure(&error))?;
            let answered = Answered {
                hosts: None,
                token: guard.token,
            };
            Ok(Listening {
                address: address.clone(),
                scheme: "",
                task: answering(listener, control, answered, guard.certificate),
            })
        }
    }
}

/// A socket that only this user may connect to. One that a process has left behind is replaced.
async fn bind(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    if let Ok(data) = std::fs::symlink_metadata(path) {
        let is_left = data.file_type().is_socket()
            && tokio::net::UnixStream::connect(path)
                .await
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if is_left {
            std::fs::remove_file(path)?;
        }
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    // Nobody can connect before it listens.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    socket.listen(64)
}

/// A client that keeps its connections would meet one that has been closed meanwhile.
const KEEP: http::KeepAlive = http::KeepAlive::No;

fn answering<L: Listener>(
    listener: L,
    control: Arc<Control>,
    answered: Answered,
    certificate: Option<Certificate>,
) -> JoinHandle<()> {
    let asked = Arc::new((control, answered));
    let certificate = certificate.map(Arc::new);
    let serve = move |stream: L::Stream, activity| {
        let (asked, certificate) = (asked.clone(), certificate.clone());
        async move {
            let answer = move |request| {
                let asked = asked.clone();
                async move { answer(request, &asked.0, &asked.1).await }
            };
            http::serve_secured(stream, certificate.as_deref(), activity, KEEP, answer).await;
        }
    };
    tokio::spawn(connections::accept(GUARDED.name, listener, serve))
}

async fn answer(
    request: Request<Incoming>,
    control: &Control,
    answered: &Answered,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let (status, value, allowed) = match call(request, control, answered).await {
        Ok(value) => (StatusCode::OK, value, None),
        Err(Refused { status, error }) => {
            let allowed = CALLS.iter().find(|call| call.path == path);
            (status, json!({"error": error}), allowed)
        }
    };
    let mut text = value.to_string();
    text.push('\n');
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    http::secure(headers);
    match (status, allowed) {
        (StatusCode::METHOD_NOT_ALLOWED, Some(call)) => {
            headers.insert(ALLOW, HeaderValue::from_static(call.method));
        }
        (StatusCode::UNAUTHORIZED, _) => GUARDED.challenge(headers),
        _ => {}
    }
    answer
}

async fn call(
    request: Request<Incoming>,
    control: &Control,
    answered: &Answered,
) -> Result<Value, Refused> {
    if let Some(hosts) = &answered.hosts {
        let checked = hosts.check(&request);
        let checked = checked.and_then(|()| hosts.check_origin(request.headers()));
        checked.map_err(foreign)?;
    }
    if let Some(token) = &answered.token
        && !token.is_in(request.headers()).await
    {
        return Err(Refused::new(StatusCode::UNAUTHORIZED, GUARDED.demand()));
    }
    let path = request.uri().path();
    let call = CALLS.iter().find(|call| call.path == path).ok_or_else(|| {
        Refused::new(
            StatusCode::NOT_FOUND,
            format!("there is no {path}; GET / lists what there is"),
        )
    })?;
    let is_head = request.method() == Method::HEAD && call.method == "GET";
    if request.method() != call.method && !is_head {
        return Err(Refused::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{path} takes {}", call.method),
        ));
    }
    let query = request.uri().query().map(str::to_owned);
    let body = body(request).await?;
    let asked = Asked {
        query: query.as_deref(),
        body: &body,
    };
    (call.does)(control, &asked)
}

fn foreign(foreign: Foreign) -> Refused {
    let (status, error) = foreign.told("--control-allow-host");
    Refused { status, error }
}

async fn body(request: Request<Incoming>) -> Result<Bytes, Refused> {
    let body = Limited::new(request.into_body(), LONGEST_BODY).collect();
    match timeout(PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body has at most {LONGEST_BODY} bytes"),
        )),
        Ok(Err(_)) => Err(Refused::bad("the body cannot be read")),
        Err(_) => Err(Refused::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body does not come",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_address_or_a_socket() {
        let address = |text: &str| Address::parse(text).map(|address| address.to_string());
        assert_eq!(address(":0").unwrap(), "127.0.0.1:0");
        assert_eq!(address("[::1]:80").unwrap(), "[::1]:80");
        assert_eq!(address("unix:/a/b c").unwrap(), "unix:/a/b c");
        for wrong in ["unix:", "", "x", "/a/b"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}

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

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener, UnixSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zkt::server::Handle;

use crate::args::values::listen;
use crate::exit::Failure;
use crate::http::connections::{self, Listener};
use crate::http::origin::{Foreign, Hosts};
use crate::http::{self, PATIENCE};

use self::calls::{Asked, CALLS, Control};
use self::refused::Refused;

/// The bytes of a request's body at most.
const LONGEST_BODY: usize = 64 << 10;

/// Where the control socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Loopback(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected =
            "expected an address of this machine alone, as in 127.0.0.1:0 or :0, or unix:PATH";
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(expected.to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        match listen(text) {
            Ok(address) if address.ip().to_canonical().is_loopback() => Ok(Self::Loopback(address)),
            _ => Err(expected.to_owned()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A control socket that is listened on, until it is dropped.
pub(crate) struct Listening {
    pub(crate) address: Address,
    task: JoinHandle<()>,
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
pub(crate) async fn start(address: &Address, server: Handle) -> Result<Listening, Failure> {
    let failure = |error: &io::Error| {
        let reason = zkt::declare::files::reason(error);
        let failure = Failure::new(format!("cannot listen on {address}: {reason}"));
        match (error.kind(), address) {
            (io::ErrorKind::AddrInUse, Address::Loopback(_)) => {
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
        Address::Loopback(address) => {
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|error| failure(&error))?;
            let address = listener.local_addr().map_err(|error| failure(&error))?;
            let hosts = Hosts::new(address.ip(), &[]);
            let task = answering(listener, control, Some(hosts));
            let address = Address::Loopback(address);
            Ok(Listening { address, task })
        }
        Address::Unix(path) => {
            let listener = bind(path).await.map_err(|error| failure(&error))?;
            // No page of a browser gets there.
            let task = answering(listener, control, None);
            let address = address.clone();
            Ok(Listening { address, task })
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

fn answering<L: Listener>(
    listener: L,
    control: Arc<Control>,
    hosts: Option<Hosts>,
) -> JoinHandle<()> {
    let asked = Arc::new((control, hosts));
    let serve = move |stream: L::Stream, activity| {
        let asked = asked.clone();
        let answer = move |request| {
            let asked = asked.clone();
            async move { answer(request, &asked.0, asked.1.as_ref()).await }
        };
        // A client that keeps its connections would meet one that has been closed meanwhile.
        http::serve(stream, activity, http::KeepAlive::No, answer)
    };
    tokio::spawn(connections::accept("the control socket", listener, serve))
}

async fn answer(
    request: Request<Incoming>,
    control: &Control,
    hosts: Option<&Hosts>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let (status, value, allowed) = match call(request, control, hosts).await {
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
    if let (StatusCode::METHOD_NOT_ALLOWED, Some(call)) = (status, allowed) {
        headers.insert(ALLOW, HeaderValue::from_static(call.method));
    }
    answer
}

async fn call(
    request: Request<Incoming>,
    control: &Control,
    hosts: Option<&Hosts>,
) -> Result<Value, Refused> {
    if let Some(hosts) = hosts {
        let checked = hosts.check(&request);
        let checked = checked.and_then(|()| hosts.check_origin(request.headers()));
        checked.map_err(foreign)?;
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
    match foreign {
        Foreign::NoHost => Refused::bad("a request names one host"),
        Foreign::Host => Refused::new(
            StatusCode::MISDIRECTED_REQUEST,
            "this answers to localhost and to addresses of loopback",
        ),
        Foreign::Origin => Refused::new(
            StatusCode::FORBIDDEN,
            "pages from elsewhere may not ask for this",
        ),
    }
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
    fn it_is_on_this_machine_alone() {
        let address = |text: &str| Address::parse(text).map(|address| address.to_string());
        assert_eq!(address(":0").unwrap(), "http://127.0.0.1:0");
        assert_eq!(address("[::1]:80").unwrap(), "http://[::1]:80");
        assert_eq!(address("unix:/a/b c").unwrap(), "unix:/a/b c");
        for wrong in [
            "0.0.0.0:1",
            "10.0.0.1:80",
            "[::]:1",
            "unix:",
            "",
            "x",
            "/a/b",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}

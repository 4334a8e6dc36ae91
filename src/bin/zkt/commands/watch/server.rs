//! The status address: health, metrics, state as JSON, and a page for people.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zkt::watch::{Command, State};
use zkt::zookeeper::session::Certificate;

use super::{health, metrics, status, tree};
use crate::environment;
use crate::http::connections::{self, Activity};
use crate::http::origin::{Foreign, Hosts};
use crate::http::token::{Guarded, Token};
use crate::http::{self, KeepAlive};

#[cfg(test)]
mod tests;

/// A connection that lasts longer is closed.
const LONGEST: Duration = Duration::from_secs(60);

/// What the page is made of.
const PAGE: &str = include_str!("page.html");
/// Nothing on the page comes from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The address, as it asks for a token.
pub(super) const GUARDED: Guarded = Guarded {
    name: "the status address",
    variable: environment::LISTEN_TOKEN,
    option: "--listen-token-file",
    challenges: ["Bearer", "Basic realm=\"zkt watch\", charset=\"UTF-8\""],
};

/// What every answer is made from.
pub(super) struct Shown {
    pub(super) state: watch::Receiver<State>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) layers: Vec<String>,
    pub(super) interval: Duration,
    /// Names of hosts that are answered besides the usual ones.
    pub(super) allowed: Vec<String>,
    /// What requests must have.
    pub(super) token: Option<Token>,
}

/// Listens, and answers until the task is dropped: over TLS where there is a certificate.
pub(super) async fn start(
    address: SocketAddr,
    certificate: Option<Certificate>,
    shown: Shown,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let hosts = Hosts::new(address.ip(), &shown.allowed);
    let asked = Arc::new((shown, hosts));
    let certificate = certificate.map(Arc::new);
    let serve = move |stream: TcpStream, activity: Activity| {
        let (asked, certificate) = (asked.clone(), certificate.clone());
        async move {
            let answer = move |request| answer(request, asked.clone());
            let certificate = certificate.as_deref();
            let serving =
                http::serve_secured(stream, certificate, activity, KeepAlive::Yes, answer);
            // Whatever ends it, nothing depends on it.
            _ = timeout(LONGEST, serving).await;
        }
    };
    Ok((
        address,
        tokio::spawn(connections::accept("the status address", listener, serve)),
    ))
}

async fn answer(request: Request<Incoming>, asked: Arc<(Shown, Hosts)>) -> Response<Full<Bytes>> {
    let (shown, hosts) = &*asked;
    let checked = hosts.check(&request).and_then(|()| {
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_safe {
            Ok(())
        } else {
            hosts.check_origin(request.headers())
        }
    });
    if let Err(foreign) = checked {
        return refused(foreign);
    }
    let path = request.uri().path();
    if let Some(token) = &shown.token
        && !token.is_in(request.headers()).await
    {
        return without_token(path, shown);
    }
    let wanted = match path {
        "/reconcile" => Method::POST,
        "/" | "/healthz" | "/readyz" | "/metrics" | "/status" | "/tree" => Method::GET,
        _ => return text(StatusCode::NOT_FOUND, "there is nothing here\n"),
    };
    let is_head = request.method() == Method::HEAD && wanted == Method::GET;
    if *request.method() != wanted && !is_head {
        let mut answer = text(
            StatusCode::METHOD_NOT_ALLOWED,
            &format!("{path} takes {wanted}\n"),
        );
        if let Ok(value) = HeaderValue::from_str(wanted.as_str()) {
            answer.headers_mut().insert(ALLOW, value);
        }
        return answer;
    }
    if path == "/reconcile" {
        return reconcile(shown);
    }
    // What is shown of a large tree takes its time; the loop is not kept from turning.
    let state = shown.state.borrow().clone();
    match path {
        "/healthz" => verdict(health::turns(&state)),
        "/readyz" => verdict(health::is_ready(&state, shown.interval)),
        "/metrics" => typed(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            metrics::text(&state),
        ),
        "/status" => json(&status::json(&state, &shown.layers, shown.interval)),
        "/tree" => match tree::children(&state, request.uri().query()) {
            Some(children) => json(&children),
            None => text(StatusCode::NOT_FOUND, "no such declared node\n"),
        },
        _ => typed("text/html; charset=utf-8", PAGE.to_owned()),
    }
}

/// Asks for a reconcile.
fn reconcile(shown: &Shown) -> Response<Full<Bytes>> {
    match shown.commands.try_send(Command::Reconcile) {
        // Where many wait already, one of them will do.
        Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {
            text(StatusCode::ACCEPTED, "reconciling\n")
        }
        Err(mpsc::error::TrySendError::Closed(_)) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        }
    }
}

/// Those who only look whether it is alive need no token, and get no reasons.
fn without_token(path: &str, shown: &Shown) -> Response<Full<Bytes>> {
    let state = || shown.state.borrow().clone();
    let verdict = match path {
        "/healthz" => health::turns(&state()),
        "/readyz" => health::is_ready(&state(), shown.interval),
        _ => {
            let demand = format!("{}\n", GUARDED.demand());
            let mut answer = text(StatusCode::UNAUTHORIZED, &demand);
            GUARDED.challenge(answer.headers_mut());
            return answer;
        }
    };
    match verdict {
        Ok(()) => text(StatusCode::OK, "ok\n"),
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "not ok\n"),
    }
}

fn refused(foreign: Foreign) -> Response<Full<Bytes>> {
    let (status, told) = foreign.told("--allow-host");
    text(status, &format!("{told}\n"))
}

fn verdict(verdict: Result<(), String>) -> Response<Full<Bytes>> {
    match verdict {
        Ok(()) => text(StatusCode::OK, "ok\n"),
        Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{reason}\n")),
    }
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut answer = typed("text/plain; charset=utf-8", body.to_owned());
    *answer.status_mut() = status;
    answer
}

fn json(value: &serde_json::Value) -> Response<Full<Bytes>> {
    typed("application/json", value.to_string())
}

fn typed(kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    http::secure(headers);
    answer
}

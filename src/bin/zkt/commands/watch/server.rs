//! The status address: health, metrics, state as JSON, and a page for people.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use zkt::watch::{Command, State};

use super::connections::{self, Activity, Watched};
use super::origin::{Foreign, Hosts};
use super::{health, metrics, status, tree};

/// A client that takes longer to say what it wants is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The bytes of a request's head at most.
const LONGEST_HEAD: usize = 16 << 10;
/// A connection that lasts longer is closed.
const LONGEST: Duration = Duration::from_secs(60);

/// What the page is made of.
const PAGE: &str = include_str!("page.html");
/// Nothing on the page comes from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What every answer is made from.
pub(super) struct Shown {
    pub(super) state: watch::Receiver<State>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) layers: Vec<String>,
    pub(super) interval: Duration,
    /// Names of hosts that are answered besides the usual ones.
    pub(super) allowed: Vec<String>,
}

/// Listens, logs where, and answers until the task is dropped.
pub(super) async fn start(
    address: SocketAddr,
    shown: Shown,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let hosts = Arc::new(Hosts::new(address.ip(), &shown.allowed));
    let shown = Arc::new(shown);
    let serve = move |stream, activity: Activity| {
        let (shown, hosts) = (shown.clone(), hosts.clone());
        async move {
            let stream = Watched {
                stream,
                activity: activity.clone(),
            };
            let answer = service_fn(move |request| {
                let (shown, hosts) = (shown.clone(), hosts.clone());
                let activity = activity.clone();
                async move {
                    activity.set_answering(true);
                    Ok::<_, Infallible>(answer(&request, &shown, &hosts))
                }
            });
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .max_buf_size(LONGEST_HEAD)
                .serve_connection(TokioIo::new(stream), answer);
            // Whatever ends it, nothing depends on it.
            _ = tokio::time::timeout(LONGEST, serving).await;
        }
    };
    Ok((address, tokio::spawn(connections::accept(listener, serve))))
}

fn answer(request: &Request<Incoming>, shown: &Shown, hosts: &Hosts) -> Response<Full<Bytes>> {
    let checked = hosts.check(request).and_then(|()| {
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
        return match shown.commands.try_send(Command::Reconcile) {
            // Where many wait already, one of them will do.
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {
                text(StatusCode::ACCEPTED, "reconciling\n")
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
            }
        };
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

fn refused(foreign: Foreign) -> Response<Full<Bytes>> {
    match foreign {
        Foreign::NoHost => text(StatusCode::BAD_REQUEST, "a request names one host\n"),
        Foreign::Host => text(
            StatusCode::MISDIRECTED_REQUEST,
            "this answers to localhost and to the address that it listens on; \
             --allow-host NAME allows another name\n",
        ),
        Foreign::Origin => text(
            StatusCode::FORBIDDEN,
            "pages from elsewhere may not ask for this\n",
        ),
    }
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
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer
}

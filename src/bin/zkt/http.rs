//! What the addresses share that answer over HTTP: the status address of a watch, and the control socket of
//! a server for tests.

pub(crate) mod connections;
pub(crate) mod origin;
pub(crate) mod token;

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use zkt::zookeeper::session::Certificate;

use self::connections::{Activity, Watched};
use crate::exit::Failure;
use crate::hints::no_certificate;

/// A client that takes longer to say what it wants is not waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The bytes of a request's head at most.
const LONGEST_HEAD: usize = 16 << 10;

/// What every answer says to browsers.
const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Adds what every answer says to browsers.
pub(crate) fn secure(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Whether a connection takes another request after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    Yes,
    No,
}

/// Answers the requests of one connection.
pub(crate) async fn serve<S, F>(
    stream: S,
    activity: Activity,
    keep: KeepAlive,
    answer: impl Fn(Request<Incoming>) -> F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let stream = Watched {
        stream,
        activity: activity.clone(),
    };
    let answer = service_fn(move |request| {
        activity.set_answering(true);
        let answering = answer(request);
        async move { Ok::<_, Infallible>(answering.await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LONGEST_HEAD)
        .keep_alive(keep == KeepAlive::Yes)
        .serve_connection(TokioIo::new(stream), answer);
    // Whatever ends it, nothing depends on it.
    _ = serving.await;
}

/// The certificate of an address that is called `of`, if one is given with its key.
pub(crate) fn certificate(
    of: &str,
    certificate: Option<&Path>,
    key: Option<&Path>,
) -> Result<Option<Certificate>, Failure> {
    let loaded = certificate
        .zip(key)
        .map(|(certificate, key)| Certificate::load(certificate, key, None));
    loaded
        .transpose()
        .map_err(|error| no_certificate(of, &error))
}

/// As [`serve`], over TLS where there is a certificate. A handshake that takes too long is given up.
pub(crate) async fn serve_secured<S, F>(
    stream: S,
    certificate: Option<&Certificate>,
    activity: Activity,
    keep: KeepAlive,
    answer: impl Fn(Request<Incoming>) -> F,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let Some(certificate) = certificate else {
        return serve(stream, activity, keep, answer).await;
    };
    if let Ok(Ok(stream)) = timeout(PATIENCE, certificate.accept(stream)).await {
        serve(stream, activity, keep, answer).await;
    }
}

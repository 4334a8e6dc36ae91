//! A webhook that answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto, pki_types::PrivatePkcs8KeyDer};

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// It is answered so: the status, and headers behind it.
    Status(&'static str),
    /// The connection is closed.
    Close,
    /// Nobody ever answers.
    Hold,
}

/// A request that has come.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) first: String,
    headers: Vec<String>,
    pub(super) body: String,
}

impl Request {
    /// The value of a header, empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter().filter_map(|line| line.split_once(": "));
        let found = headers.find(|(is, _)| is.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// A server that answers the first requests as given, and all others with 200.
pub(super) struct Hook {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    held: Arc<tokio::sync::Notify>,
}

impl Hook {
    pub(super) async fn start(answers: Vec<Answer>) -> Self {
        Self::serve(answers, None).await
    }

    pub(super) async fn start_tls(own: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Self {
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let config =
            ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![own.cert.der().clone()], key.into())
                .unwrap();
        Self::serve(Vec::new(), Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(answers: Vec<Answer>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            held: Arc::default(),
        };
        let (requests, held) = (hook.requests.clone(), hook.held.clone());
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let served = match &tls {
                    None => receive(stream, &requests, &mut answers).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => receive(stream, &requests, &mut answers).await,
                        // It does not trust this side.
                        Err(_) => continue,
                    },
                };
                if let Some(kept) = served {
                    held.notify_one();
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(3600)).await;
                        drop(kept);
                    });
                }
            }
        });
        hook
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until a request is held.
    pub(super) async fn holds(&self) {
        self.held.notified().await;
    }
}

/// Receives a request and answers it. Returns a connection that is held.
async fn receive<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    mut stream: S,
    requests: &Mutex<Vec<Request>>,
    answers: &mut impl Iterator<Item = Answer>,
) -> Option<Box<dyn Send>> {
    let mut bytes = Vec::new();
    let head = loop {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(end) = end {
            break end;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n").map(str::to_owned);
    let mut request = Request {
        first: lines.next().unwrap(),
        headers: lines.collect(),
        body: String::new(),
    };
    let length: usize = request.header("content-length").parse().unwrap();
    while bytes.len() < head + 4 + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    request.body = String::from_utf8(bytes[head + 4..].to_vec()).unwrap();
    requests.lock().unwrap().push(request);
    match answers.next().unwrap_or(Answer::Status("200 OK")) {
        Answer::Close => None,
        Answer::Hold => Some(Box::new(stream)),
        Answer::Status(status) => {
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            _ = stream.shutdown().await;
            None
        }
    }
}

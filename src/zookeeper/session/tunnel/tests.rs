use std::process::{Command, Stdio};

use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::zookeeper::session::tls::Tls;

/// A server's end of TLS, and what a client needs for it.
struct Secured {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    servers: Servers,
    security: Security,
}

/// A server that demands certificates of its clients, if `demands`.
async fn secured(demands: bool) -> Secured {
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match demands {
        false => config.with_no_client_auth(),
        true => {
            let mut roots = RootCertStore::empty();
            roots.add(own.cert.der().clone()).unwrap();
            let clients =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(clients.unwrap())
        }
    };
    let config = config.with_single_cert(vec![own.cert.der().clone()], key.into());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hosts = format!("tcp+tls://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, own.cert.pem()).unwrap();
    let servers = Servers::parse(&hosts).unwrap();
    let tls = Tls {
        ca: Some(ca),
        ..Tls::default()
    };
    Secured {
        listener,
        acceptor: TlsAcceptor::from(Arc::new(config.unwrap())),
        security: Security::of(&tls, &servers).await.unwrap(),
        servers,
    }
}

/// A server that returns over TLS what it gets, and counts its connections.
async fn echo() -> (Servers, Security, Arc<std::sync::atomic::AtomicUsize>) {
    let Secured {
        listener,
        acceptor,
        servers,
        security,
    } = secured(false).await;
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let (mut reader, mut writer) = tokio::io::split(stream);
                _ = tokio::io::copy(&mut reader, &mut writer).await;
                _ = writer.shutdown().await;
            });
        }
    });
    (servers, security, count)
}

async fn open(servers: &Servers, security: &Security) -> Tunnel {
    let limit = Duration::from_secs(60);
    let tunnel = Tunnel::open(
        servers,
        security,
        #[cfg(feature = "sasl")]
        None,
        limit,
    );
    tunnel.await.unwrap()
}

#[tokio::test]
async fn what_comes_is_carried_and_the_end_passed_on() {
    let (servers, security, _) = echo().await;
    let tunnel = open(&servers, &security).await;
    let mut stream = TcpStream::connect(tunnel.list()).await.unwrap();
    let long: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
    let (mut reader, mut writer) = stream.split();
    let write = async {
        writer.write_all(&long).await.unwrap();
        // The other way goes on.
        writer.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let ((), read) = tokio::join!(write, reader.read_to_end(&mut back));
    read.unwrap();
    assert!(back == long);
}

#[tokio::test]
async fn another_process_is_sent_away() {
    let (servers, security, count) = echo().await;
    let tunnel = open(&servers, &security).await;
    let port = tunnel.list().rsplit_once(':').unwrap().1.to_owned();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; echo hello >&3; cat <&3");
    let other = tokio::task::spawn_blocking(move || {
        Command::new("bash")
            .args(["-c", &script])
            .stderr(Stdio::null())
            .output()
            .unwrap()
    });
    // It gets nothing back, and the server does not hear of it.
    assert_eq!(other.await.unwrap().stdout, b"");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let mut stream = TcpStream::connect(tunnel.list()).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!((&back, count.load(Ordering::SeqCst)), (b"hello", 1));
}

#[tokio::test]
async fn what_the_client_has_given_up_reaches_no_server() {
    let secured = secured(false).await;
    let tunnel = open(&secured.servers, &secured.security).await;
    let mut stream = TcpStream::connect(tunnel.list()).await.unwrap();
    stream.write_all(b"session and password").await.unwrap();
    let (server, _) = secured.listener.accept().await.unwrap();
    // The server takes part in TLS only after the client has lost its patience.
    drop(stream);
    let mut came = Vec::new();
    if let Ok(mut server) = secured.acceptor.accept(server).await {
        _ = server.read_to_end(&mut came).await;
    }
    assert_eq!(String::from_utf8(came).unwrap(), "");
}

/// Keeps the lines of the log above `debug`.
#[derive(Default, Clone)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        let mut read = |_: &tracing::field::Field, value: &dyn fmt::Debug| {
            text = format!("{value:?}");
        };
        event.record(&mut read);
        self.0.lock().unwrap().push(text);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// With TLS 1.3 the server looks at the client's certificate after the handshake.
#[tokio::test]
async fn a_server_that_refuses_this_side_is_told_of_once() {
    let secured = secured(true).await;
    let tunnel = open(&secured.servers, &secured.security).await;
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    for _ in 0..3 {
        let mut stream = TcpStream::connect(tunnel.list()).await.unwrap();
        let refused = async {
            let (server, _) = secured.listener.accept().await.unwrap();
            assert!(secured.acceptor.accept(server).await.is_err());
        };
        stream.write_all(b"x").await.unwrap();
        let mut answer = Vec::new();
        let (_, ()) = tokio::join!(stream.read_to_end(&mut answer), refused);
    }
    let server = &secured.servers.list;
    assert_eq!(
        *lines.0.lock().unwrap(),
        [format!(
            "cannot connect to {server}: it demands a certificate of the client, and none is given"
        )]
    );
}

#[tokio::test]
async fn who_is_gone_is_no_stranger() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    assert_eq!(Peer::of(&stream, address, peer), Peer::Own);
    drop(client);
    assert_eq!(Peer::of(&stream, address, peer), Peer::Gone);
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{}; echo hello >&3; read -r word",
        address.port()
    );
    let mut other = Command::new("bash")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    assert_eq!(Peer::of(&stream, address, peer), Peer::Stranger);
    drop(other.stdin.take());
    other.wait().unwrap();
}

#[tokio::test]
async fn connections_end_with_the_tunnel() {
    let (servers, security, _) = echo().await;
    let tunnel = open(&servers, &security).await;
    let mut stream = TcpStream::connect(tunnel.list()).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.read_u8().await.unwrap();
    let list = tunnel.list().to_owned();
    drop(tunnel);
    // Either is an end.
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(TcpStream::connect(list).await.is_err());
}

#[tokio::test]
async fn a_slow_reader_holds_the_writer_back() {
    let (mut near, mut from) = duplex(64);
    let (mut to, mut far) = duplex(64);
    let passing = tokio::spawn(async move {
        let mut count = 0;
        carry::pass(&mut from, &mut to, &mut count).await.unwrap();
        count
    });
    let written = tokio::spawn(async move {
        let mut written = 0;
        while near.write(&[7; 64]).await.is_ok_and(|count| count > 0) {
            written += 64;
            if written >= 1_000_000 {
                break;
            }
        }
        written
    });
    // Nothing is read: whoever writes fills what is bounded, and waits.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert!(!written.is_finished());
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    assert_eq!(written.await.unwrap(), all.len());
    assert_eq!(passing.await.unwrap(), all.len() as u64);
}

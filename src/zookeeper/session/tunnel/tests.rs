use std::process::{Command, Stdio};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::zookeeper::session::tls::Tls;

/// A server that returns over TLS what it gets, and counts its connections.
async fn echo() -> (Servers, Security, Arc<std::sync::atomic::AtomicUsize>) {
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hosts = format!("tcp+tls://{}", listener.local_addr().unwrap());
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
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, own.cert.pem()).unwrap();
    let servers = Servers::parse(&hosts).unwrap();
    let tls = Tls {
        ca: Some(ca),
        ..Tls::default()
    };
    let security = Security::of(&tls, &servers).await.unwrap();
    (servers, security, count)
}

async fn open(servers: &Servers, security: &Security) -> Tunnel {
    let limit = Duration::from_secs(60);
    Tunnel::open(servers, security, limit).await.unwrap()
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

//! Clients that reach the embedded server through TLS, and those that do not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DEFAULT_VERSIONS, RootCertStore, StreamOwned,
};
use zkt::Tls;
use zkt::error::{TlsTrouble, Trouble};
use zkt::server::{Acl, Certificate, Server};
use zkt::zookeeper::session::{Error, Options, Session};

use super::eventually;
use super::raw::{Body, Raw, path_and_watch};
use crate::server::{four_letters, options};
use crate::tls::{Authority, Files};

/// The certificate of a server, whose clients need one, too, if an authority of theirs is given.
fn certificate(authority: &Authority, files: &Files, clients: Option<&Authority>) -> Certificate {
    let own = authority.certify(&["127.0.0.1"]);
    let clients = clients.map(|clients| files.write("clients.pem", clients.pem()));
    let certificate = files.write("cert.pem", own.certificate());
    let key = files.write("key.pem", own.key());
    Certificate::load(&certificate, &key, clients.as_deref()).unwrap()
}

fn through_tls(server: &Server, ca: &Path, own: Option<PathBuf>) -> Options {
    let tls = Tls {
        on: true,
        ca: Some(ca.to_owned()),
        certificate: own,
        ..Tls::default()
    };
    Options {
        tls,
        ..options(&server.connect_string())
    }
}

async fn trouble(options: &Options) -> Trouble {
    match Session::connect(options).await {
        Err(Error::Unreachable { mut troubles, .. }) => troubles.remove(0).1,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn clients_with_the_right_certificate_are_served() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let files = Files::new();
    let certificate = certificate(&authority, &files, Some(&authority));
    let server = Server::builder().tls(certificate).start().unwrap();
    let ca = files.write("ca.pem", authority.pem());
    let own = |name: &str, authority: &Authority| {
        let own = authority.certify(&["me"]);
        Some(files.write(name, own.both()))
    };
    let session = through_tls(&server, &ca, own("own.pem", &authority));
    let session = Session::connect(&session).await.unwrap();
    session.who().await.unwrap();
    let id = server.sessions()[0].id;
    // What a test does to other connections, it does to these.
    let pulse = session.pulse();
    assert!(server.cut(id));
    eventually(|| {
        let sessions = server.sessions();
        sessions.len() == 1 && sessions[0].peer.is_some()
    });
    session.who().await.unwrap();
    drop(pulse);
    session.close().await;
    eventually(|| server.sessions().is_empty() && server.connections() == 0);

    let none = trouble(&through_tls(&server, &ca, None)).await;
    assert_eq!(none, Trouble::Handshake(TlsTrouble::Demanded));
    let other = trouble(&through_tls(&server, &ca, own("other.pem", &stranger))).await;
    let reason = "its authority is not trusted".to_owned();
    assert_eq!(other, Trouble::Handshake(TlsTrouble::Refused(reason)));
    assert_eq!(server.sessions(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_speaks_no_tls_is_not_served() {
    let authority = Authority::new();
    let files = Files::new();
    let certificate = certificate(&authority, &files, None);
    let server = Server::builder().tls(certificate).start().unwrap();
    assert!(Raw::attach(server.address(), 0, &[0; 16], 0).is_none());
    let word = four_letters(server.address().port(), "ruok");
    assert!(word.is_none_or(|answer| !answer.contains("imok")));
    let plain = trouble(&options(&server.connect_string())).await;
    assert_eq!(plain, Trouble::Tls);
    eventually(|| server.connections() == 0);
    assert_eq!(server.sessions(), []);
}

#[test]
fn replies_wait_for_a_client_that_does_not_read() {
    const REQUESTS: i32 = 40;
    let authority = Authority::new();
    let files = Files::new();
    let certificate = certificate(&authority, &files, None);
    let data = vec![7; 1_000_000];
    let builder = Server::builder().node("/a", &data, &[Acl::open()]);
    let server = builder.tls(certificate).start().unwrap();
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(DEFAULT_VERSIONS)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "127.0.0.1".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp: TcpStream = Raw::silent(server.address());
    let mut stream = StreamOwned::new(connection, tcp);
    let send = |stream: &mut StreamOwned<_, _>, frame: &Body| {
        let bytes = Body::new().bytes(&frame.0).0;
        stream.write_all(&bytes).unwrap();
    };
    let hello = Body::new().int(0).long(0).int(10_000).long(0);
    send(&mut stream, &hello.bytes(&[0; 16]).bool(false));
    for xid in 0..REQUESTS {
        let mut frame = Body::new().int(xid).int(4);
        frame.0.extend(path_and_watch("/a", false).0);
        send(&mut stream, &frame);
    }
    let mut frame = || {
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(frame().len(), 37);
    for xid in 0..REQUESTS {
        let reply = frame();
        assert_eq!(reply[..4], xid.to_be_bytes());
        assert!(reply[20..20 + data.len()] == data, "{xid}");
    }
}

//! A status address that is not open to everybody.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::super::Place;
use super::Watching;

const TOKEN: &str = "5f1c-0123456789abcdef";

/// The answer to a request with this further line of its head.
fn ask(address: &str, request: &str, line: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {address}\r\n{line}Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

/// A watch that listens with these options, and its address.
async fn listening(place: &Place, scheme: &str, options: &str) -> (Watching, String) {
    place.file("a.zkt", "/a\n  x = 'content'\n");
    let words = format!("a.zkt --interval 1h --listen {options}");
    let mut watching = Watching::start(place, &words);
    let line = watching.says(&["the status is at"]).await;
    let (_, rest) = line.split_once(&format!("{scheme}://")).unwrap();
    let address = rest.split('/').next().unwrap().to_owned();
    (watching, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_nothing_is_shown_and_nothing_done() {
    let place = Place::new("watch-token").await;
    place.file("token", format!("{TOKEN}\n"));
    let (mut watching, address) =
        listening(&place, "http", "0.0.0.0:0 --listen-token-file token").await;
    watching.says(&["reconciled", "applied"]).await;
    let port = address.rsplit(':').next().unwrap();
    let address = format!("127.0.0.1:{port}");
    for path in ["/", "/status", "/tree", "/metrics", "/nothing"] {
        for line in ["", "Authorization: Bearer 5f1c-0123456789abcdeF\r\n"] {
            let answer = ask(&address, &format!("GET {path}"), line);
            assert_eq!(status(&answer), "401", "{path}: {answer}");
            let lower = answer.to_lowercase();
            assert!(lower.contains("www-authenticate: basic"), "{answer}");
            assert!(!answer.contains("content\""), "{answer}");
        }
    }
    assert_eq!(status(&ask(&address, "POST /reconcile", "")), "401");
    for probe in ["GET /healthz", "GET /readyz"] {
        let answer = ask(&address, probe, "");
        assert_eq!(status(&answer), "200", "{answer}");
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    }
    let basic = BASE64.encode(format!("me:{TOKEN}"));
    let answer = ask(
        &address,
        "GET /status",
        &format!("Authorization: Basic {basic}\r\n"),
    );
    assert_eq!(status(&answer), "200", "{answer}");
    let line = format!("Authorization: Bearer {TOKEN}\r\n");
    let answer = ask(&address, "GET /status", &line);
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.contains("\"in sync\""), "{answer}");
    assert_eq!(status(&ask(&address, "POST /reconcile", &line)), "202");
    watching.says(&["\"cause\":\"asked\""]).await;
    assert_eq!(watching.count(&["\"cause\":\"asked\""]), 1);
    assert_eq!(watching.count(&["can read the state"]), 0);
    let (_, log) = watching.stop();
    assert!(!log.contains(TOKEN), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_address_of_the_network_is_warned_of() {
    let place = Place::new("watch-open").await;
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    place.file("own.pem", own.cert.pem());
    place.file("own.key", own.signing_key.serialize_pem());
    // TLS keeps nobody out.
    let secured = "0.0.0.0:0 --listen-cert own.pem --listen-key own.key";
    for (scheme, at, warned) in [
        ("http", "0.0.0.0:0", 1),
        ("http", ":0", 0),
        ("https", secured, 1),
    ] {
        let (mut watching, _) = listening(&place, scheme, at).await;
        watching.says(&["reconciled"]).await;
        let said = watching.count(&["WARN", "--listen-token-file"]);
        assert_eq!(said, warned, "{at}");
    }
}

#[test]
fn a_token_or_certificate_that_is_no_use_ends_the_watch() {
    let place = Place::offline();
    place.file("a.zkt", "/a\n").file("short", "hunter2\n");
    let words = "watch a.zkt --listen :0";
    let guess = "`openssl rand -hex 32` makes a token";
    for (options, said) in [
        ("--listen-token-file short", "has 7 characters"),
        ("--listen-token-file short", guess),
        ("--listen-token-file /dev/zero", "it is no regular file"),
        ("--listen-token-file none", "cannot read none"),
        (
            "--listen-cert short --listen-key short",
            "short: expected PEM",
        ),
        ("--listen-cert short", "--listen-key"),
    ] {
        let run = place.run(&format!("{words} {options}"));
        let run = run.expect(1);
        assert!(run.stderr.contains(said), "{run}");
        assert!(!run.stderr.contains("hunter2"), "{run}");
        let is_short = options.ends_with("file short");
        assert_eq!(run.stderr.contains(guess), is_short, "{run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls() {
    let place = Place::new("watch-status-tls").await;
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    place.file("own.pem", own.cert.pem());
    place.file("own.key", own.signing_key.serialize_pem());
    place.file("token", TOKEN);
    let options = ":0 --listen-cert own.pem --listen-key own.key --listen-token-file token";
    let (mut watching, address) = listening(&place, "https", options).await;
    // Who speaks no TLS gets an alert at most.
    let plain = ask_bytes(&address);
    assert!(!plain.starts_with(b"HTTP"), "{plain:?}");
    let trusted = own.cert.der().clone();
    let answer = ask_tls(&address, trusted.clone(), "").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let with_token = format!("Authorization: Bearer {TOKEN}\r\n");
    let answer = ask_tls(&address, trusted, &with_token).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let trusted = other.cert.der().clone();
    let refused = ask_tls(&address, trusted.clone(), &with_token).await;
    assert!(refused.is_err(), "{refused:?}");
    // The new certificate is on the disk before its key.
    place.file("own.pem", other.cert.pem());
    let refused = ask_tls(&address, trusted.clone(), &with_token).await;
    assert!(refused.is_err(), "{refused:?}");
    watching.says(&["those of before stay in use"]).await;
    place.file("own.key", other.signing_key.serialize_pem());
    let answer = ask_tls(&address, trusted, &with_token).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_speak_tls_keep_nobody_waiting() {
    let place = Place::new("watch-stalled-tls").await;
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    place.file("own.pem", own.cert.pem());
    place.file("own.key", own.signing_key.serialize_pem());
    let options = ":0 --listen-cert own.pem --listen-key own.key";
    let (_watching, address) = listening(&place, "https", options).await;
    let mut silent = Vec::new();
    let mut is_answered = false;
    // As long as a silent one is open, the answer did not have to wait for its end.
    for _ in 0..20 {
        for _ in 0..100 {
            silent.push(std::net::TcpStream::connect(&address).unwrap());
        }
        let trusted = own.cert.der().clone();
        let answer = ask_tls(&address, trusted, "").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let newest = silent.last().unwrap();
        newest.set_nonblocking(true).unwrap();
        let peeked = newest.peek(&mut [0; 16]);
        is_answered = peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        if is_answered {
            break;
        }
    }
    assert!(
        is_answered,
        "answers came only when the silent ones had gone"
    );
    assert_eq!(silent[0].read(&mut [0; 16]).unwrap_or(0), 0);
}

fn ask_bytes(address: &str) -> Vec<u8> {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET /status HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer);
    answer
}

/// The answer to a client that trusts this certificate.
async fn ask_tls(
    address: &str,
    trusted: CertificateDer<'static>,
    line: &str,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address).await?;
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let request =
        format!("GET /status HTTP/1.1\r\nHost: {address}\r\n{line}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

//! Requests to the status address that are not meant well.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::super::Place;
use super::status::{ask, listening};

/// The status of the answer to these lines.
fn send(address: &str, lines: &[&str]) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let head = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A refused head of a request is not read to its end, and the rest of it resets the connection.
    _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .unwrap_or_else(|| panic!("{answer:?}"));
    status.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_and_other_origins_are_refused() {
    let place = Place::new("watch-hostile").await;
    place.file("a.zkt", "/a\n");
    let words = "a.zkt --interval 1h --allow-host watch.example";
    let (mut watching, address) = listening(&place, words).await;
    watching.says(&["reconciled", "applied"]).await;
    let here = format!("Host: {address}");
    for path in ["/", "/status", "/tree", "/metrics", "/healthz", "/nothing"] {
        let line = format!("GET {path} HTTP/1.1");
        assert_eq!(
            send(&address, &[&line, "Host: evil.example"]),
            421,
            "{path}"
        );
    }
    assert_eq!(
        send(
            &address,
            &["GET /healthz HTTP/1.1", "Host: watch.example:80"]
        ),
        200
    );
    assert_eq!(send(&address, &["GET /healthz HTTP/1.0"]), 200);
    assert_eq!(send(&address, &["GET /healthz HTTP/1.1"]), 400);
    assert_eq!(
        send(&address, &["GET http://evil.example/ HTTP/1.1", &here]),
        421
    );
    let post = "POST /reconcile HTTP/1.1";
    for origin in ["null", "http://evil.example", "http://localhost:1"] {
        let origin = format!("Origin: {origin}");
        assert_eq!(send(&address, &[post, &here, &origin]), 403, "{origin}");
    }
    assert_eq!(
        send(
            &address,
            &[post, "Host: evil.example", "Origin: http://evil.example"]
        ),
        421
    );
    let long = format!("X: {}", "x".repeat(1 << 20));
    assert_eq!(send(&address, &["GET / HTTP/1.1", &here, &long]), 431);
    // None of these was obeyed; what comes from the page itself is.
    let own = format!("Origin: http://{address}");
    assert_eq!(send(&address, &[post, &here, &own]), 202);
    watching.says(&["\"cause\":\"asked\""]).await;
    assert_eq!(watching.count(&["\"cause\":\"asked\""]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_keep_nobody_waiting() {
    let place = Place::new("watch-slow").await;
    place.file("a.zkt", "/a\n");
    let (mut watching, address) = listening(&place, "a.zkt --interval 1h").await;
    watching.says(&["reconciled", "applied"]).await;
    let mut slow = Vec::new();
    // A head is waited for five seconds. An answer that came for want of slow ones would never come
    // while they are open, on however fast a machine.
    let is_open = |stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let peeked = stream.peek(&mut [0; 16]);
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    let answered = (0..20).any(|_| {
        for round in 0..200 {
            let mut stream = TcpStream::connect(&address).unwrap();
            // Nothing, an answer that is not read, and a part of a head.
            let words = [
                "",
                "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "GET / HTTP/1.1\r\n",
            ];
            _ = stream.write_all(words[round % 3].as_bytes());
            slow.push(stream);
        }
        slow.push(TcpStream::connect(&address).unwrap());
        for _ in 0..20 {
            assert_eq!(ask(&address, "GET", "/healthz").0, 200);
        }
        is_open(&slow[slow.len() - 1])
    });
    assert!(answered, "answers came only when the slow ones had gone");
    // Those that were there first have gone.
    let mut first = slow.swap_remove(0);
    first
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    assert_eq!(first.read(&mut [0; 16]).unwrap_or(0), 0);
}

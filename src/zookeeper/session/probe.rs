//! Why a server cannot be reached: what a connection of its own shows.

use std::io;
use std::net::SocketAddr;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::dial::{connect, open};
use super::hosts::{Server, Servers};
#[cfg(feature = "tls")]
use super::tls::Material;
use super::tls::Security;
#[cfg(feature = "tls")]
use super::trouble::TlsTrouble;
use super::trouble::Trouble;

/// What is wrong with each server; all are asked at once.
pub(super) async fn troubles(
    servers: &Servers,
    security: &Security,
    limit: Duration,
) -> Vec<(String, Trouble)> {
    let ask = |server: &Server| {
        let (server, security) = (server.clone(), security.clone());
        tokio::spawn(async move {
            let trouble = probe(&server, &security, limit).await;
            (server.shown, trouble)
        })
    };
    let asked: Vec<_> = servers.each.iter().map(ask).collect();
    let mut troubles = Vec::with_capacity(asked.len());
    for one in asked {
        troubles.extend(one.await.ok());
    }
    troubles
}

/// Whether one of the servers takes no request of a session that has not authenticated, and says so.
pub(super) async fn demands_authentication(
    servers: &Servers,
    security: &Security,
    limit: Duration,
) -> bool {
    for server in &servers.each {
        if demands(server, security, limit).await {
            return true;
        }
    }
    false
}

async fn demands(server: &Server, security: &Security, limit: Duration) -> bool {
    #[cfg(feature = "tls")]
    if let Some(material) = security.for_server(server) {
        return match super::tls::connect(server, material, limit).await {
            Ok(stream) => refuses_ping(stream.inner, limit).await,
            Err(_) => false,
        };
    }
    #[cfg(not(feature = "tls"))]
    let _ = security;
    match connect(server, limit).await {
        Ok(stream) => refuses_ping(stream, limit).await,
        Err(_) => false,
    }
}

/// Whether a new session is closed for want of authentication (SESSIONCLOSEDREQUIRESASLAUTH).
async fn refuses_ping(mut stream: impl AsyncRead + AsyncWrite + Unpin, limit: Duration) -> bool {
    let refused = async {
        stream.write_all(&connect_request()).await?;
        stream.flush().await?;
        let greeting = stream.read_i32().await?;
        let mut greeting = vec![0; usize::try_from(greeting).unwrap_or_default().min(64)];
        stream.read_exact(&mut greeting).await?;
        // Length, and the number and the kind of a ping.
        let ping = [8_i32, -2, 11].map(i32::to_be_bytes).concat();
        stream.write_all(&ping).await?;
        stream.flush().await?;
        // Length, number, transaction, and the error.
        let mut reply = [0; 20];
        stream.read_exact(&mut reply).await?;
        let is_refused = reply[16..] == (-124_i32).to_be_bytes();
        if !is_refused {
            // Who refuses takes no more, and ends the connection itself.
            close(&mut stream, limit).await?;
        }
        Ok::<_, io::Error>(is_refused)
    };
    matches!(timeout(limit, refused).await, Ok(Ok(true)))
}

/// Looks what becomes of a connect request to one server. A session that it grants is closed.
pub(super) async fn probe(server: &Server, security: &Security, limit: Duration) -> Trouble {
    #[cfg(feature = "tls")]
    if let Some(material) = security.for_server(server) {
        return through_tls(server, material, limit).await;
    }
    #[cfg(not(feature = "tls"))]
    let _ = security;
    plainly(server, limit).await
}

/// The connection without TLS.
async fn plainly(server: &Server, limit: Duration) -> Trouble {
    let stream = match connect(server, limit).await {
        Ok(stream) => stream,
        Err(trouble) => return trouble,
    };
    let address = stream.peer_addr();
    match (judged(&ask(stream, limit).await), address) {
        // Some servers with TLS close what is none without a word.
        (Trouble::Closed, Ok(address)) if greets_in_tls(address, limit).await => Trouble::Tls,
        (trouble, _) => trouble,
    }
}

/// A greeting of TLS 1.2 with four ciphers, a group and a signature, and its random numbers all zero.
const GREETING: [u8; 76] = {
    let parts: [&[u8]; 5] = [
        // A handshake of 71 bytes: a client's greeting of 67, the version, and 32 random numbers.
        &[0x16, 3, 1, 0, 71, 1, 0, 0, 67, 3, 3],
        &[0; 32],
        // No session, the ciphers, no compression.
        &[
            0, 0, 8, 0xc0, 0x2f, 0xc0, 0x30, 0xc0, 0x2b, 0xc0, 0x2c, 1, 0,
        ],
        // Groups and signatures.
        &[0, 18, 0, 10, 0, 4, 0, 2, 0, 23],
        &[0, 13, 0, 6, 0, 4, 4, 1, 4, 3],
    ];
    let (mut greeting, mut at, mut part) = ([0; 76], 0, 0);
    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            greeting[at] = parts[part][i];
            (at, i) = (at + 1, i + 1);
        }
        part += 1;
    }
    assert!(at == greeting.len());
    greeting
};

/// Whether a server answers a greeting of TLS in TLS.
async fn greets_in_tls(address: SocketAddr, limit: Duration) -> bool {
    let answered = async {
        let mut stream = open(address, limit).await.ok()?;
        stream.write_all(&GREETING).await.ok()?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await.ok()?;
        matches!(answer, [0x15 | 0x16, 3]).then_some(())
    };
    matches!(timeout(limit, answered).await, Ok(Some(())))
}

/// The connection through TLS. Where that does not come about, the server may speak without.
#[cfg(feature = "tls")]
async fn through_tls(server: &Server, material: &Arc<Material>, limit: Duration) -> Trouble {
    let stream = match super::tls::connect(server, material, limit).await {
        Ok(stream) => stream,
        Err(Trouble::Handshake(
            trouble @ (TlsTrouble::Closed | TlsTrouble::Silent | TlsTrouble::Foreign),
        )) => {
            let trouble = match plainly(server, limit).await {
                Trouble::None | Trouble::ReadOnly => TlsTrouble::Plain,
                Trouble::Foreign => TlsTrouble::Foreign,
                _ => trouble,
            };
            return Trouble::Handshake(trouble);
        }
        Err(trouble) => return trouble,
    };
    let asked = stream.asked();
    let answer = ask(stream.inner, limit).await;
    // What a server thinks of this side's certificate comes after the handshake of TLS 1.3.
    let trouble = match &answer {
        Answer::Failed(error) => super::tls::of_io(error, asked),
        Answer::Came(_, 0) => Some(super::tls::closed(asked)),
        Answer::Came(..) | Answer::ReadOnly | Answer::None => None,
    };
    trouble.map_or_else(|| judged(&answer), Trouble::Handshake)
}

/// How many bytes are read behind the beginning of an answer: whoever listens there may send without end.
const MOST_READ: u64 = 1 << 10;

/// What became of a connect request.
enum Answer {
    /// The first bytes of the answer, and how many of them came.
    Came([u8; 8], usize),
    /// A session in which nothing can be written.
    ReadOnly,
    Failed(
        #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS says more"))] io::Error,
    ),
    /// Nothing came in time.
    None,
}

/// Length, protocol version, last zxid, session timeout in ms, session, password, and whether the session may be
/// read-only: without that, a server that is closes the connection.
fn connect_request() -> Vec<u8> {
    let mut request = 45_i32.to_be_bytes().to_vec();
    request.extend_from_slice(&[0; 12]);
    request.extend_from_slice(&4000_i32.to_be_bytes());
    request.extend_from_slice(&[0; 8]);
    request.extend_from_slice(&16_i32.to_be_bytes());
    request.extend_from_slice(&[0; 16]);
    request.push(1);
    request
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, limit: Duration) -> Answer {
    let request = connect_request();
    let answered = async {
        stream.write_all(&request).await?;
        stream.flush().await?;
        let mut reply = [0; 8];
        let mut count = 0;
        while count < reply.len() {
            match stream.read(&mut reply[count..]).await? {
                0 => break,
                more => count += more,
            }
        }
        let mut rest = Vec::new();
        if count == reply.len() && is_connect_reply(&reply) {
            rest = close(&mut stream, limit).await?;
        } else if reply == ERROR_REPLY {
            rest.resize(12, 0);
            stream.read_exact(&mut rest).await?;
        }
        Ok::<_, io::Error>((reply, count, rest))
    };
    match timeout(limit.saturating_mul(2), answered).await {
        Err(_) => Answer::None,
        Ok(Err(error)) => Answer::Failed(error),
        Ok(Ok((reply, _, rest))) if is_read_only(&reply, &rest) => Answer::ReadOnly,
        Ok(Ok((reply, count, _))) => Answer::Came(reply, count),
    }
}

/// Closes a session: one that is left open costs the server. Returns what comes until the connection ends.
async fn close(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    limit: Duration,
) -> io::Result<Vec<u8>> {
    // Length, and the number and the kind of the request.
    let close = [8_i32, 1, -11].map(i32::to_be_bytes).concat();
    stream.write_all(&close).await?;
    stream.flush().await?;
    let mut rest = Vec::new();
    _ = timeout(limit, stream.take(MOST_READ).read_to_end(&mut rest)).await;
    Ok(rest)
}

fn judged(answer: &Answer) -> Trouble {
    match answer {
        Answer::None => Trouble::Silent,
        Answer::ReadOnly => Trouble::ReadOnly,
        Answer::Failed(_) | Answer::Came(_, 0) => Trouble::Closed,
        Answer::Came(reply, 8) if is_connect_reply(reply) => Trouble::None,
        // The version by which Keeper refuses (KEEPER_PROTOCOL_VERSION_CONNECTION_REJECT).
        Answer::Came([0, 0, 0, 36..=64, 0, 0, 0, 42], 8) => Trouble::Refusing,
        // An alert or a handshake of TLS 1.x.
        Answer::Came([0x15 | 0x16, 3, ..], _) => Trouble::Tls,
        Answer::Came(..) => Trouble::Foreign,
    }
}

/// Its length, and the protocol's version, which is 0.
fn is_connect_reply(reply: &[u8; 8]) -> bool {
    matches!(reply, [0, 0, 0, 36..=64, 0, 0, 0, 0])
}

/// How an error in place of a connect reply begins: its length, and the number of the request.
const ERROR_REPLY: [u8; 8] = [0, 0, 0, 16, 0, 0, 0, 0];

/// Whether a read-only server answers so. Those with local sessions make one and mark it: behind the length, the
/// protocol's version, the session timeout, the session, and a password of 16 bytes with its length. Others say that
/// the request is none for a read-only server (`NOTREADONLY`), behind a transaction.
fn is_read_only(reply: &[u8; 8], rest: &[u8]) -> bool {
    if *reply == ERROR_REPLY {
        return rest.get(8..) == Some(&(-119_i32).to_be_bytes()[..]);
    }
    is_connect_reply(reply) && reply[3] > 36 && rest.get(32) == Some(&1)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::zookeeper::session::Tls;

    const LIMIT: Duration = Duration::from_millis(200);

    async fn probed(server: &str, limit: Duration) -> Trouble {
        let servers = Servers::parse(server).unwrap();
        let security = Security::of(&Tls::default(), &servers).await.unwrap();
        probe(&servers.each[0], &security, limit).await
    }

    /// Returns the trouble with a server that answers with these bytes; with `None` it sends nothing.
    async fn trouble_after(answer: Option<&'static [u8]>) -> Trouble {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 49];
            stream.read_exact(&mut request).await.unwrap();
            match answer {
                Some(answer) => stream.write_all(answer).await.unwrap(),
                None => std::future::pending().await,
            }
        });
        let trouble = probed(&address, LIMIT).await;
        server.abort();
        trouble
    }

    #[tokio::test]
    async fn each_trouble_is_told() {
        assert_eq!(
            probed("no.such.name.invalid:1", LIMIT * 20).await,
            Trouble::UnknownName
        );
        assert_eq!(trouble_after(Some(b"")).await, Trouble::Closed);
        assert_eq!(trouble_after(None).await, Trouble::Silent);
        assert_eq!(
            trouble_after(Some(&[0x15, 3, 3, 0, 2, 2, 40])).await,
            Trouble::Tls
        );
        assert_eq!(
            trouble_after(Some(&[0, 0, 0, 36, 0, 0, 0, 42])).await,
            Trouble::Refusing
        );
        assert_eq!(
            trouble_after(Some(b"HTTP/1.1 400 Bad Request\r\n")).await,
            Trouble::Foreign
        );
        assert_eq!(
            trouble_after(Some(b"SSH-2.0-x\r\n")).await,
            Trouble::Foreign
        );
        assert_eq!(
            trouble_after(Some(&[0, 0, 0, 37, 0, 0, 0, 0])).await,
            Trouble::None
        );
        for (mark, trouble) in [(0, Trouble::None), (1, Trouble::ReadOnly)] {
            let mut reply = [0; 41];
            (reply[3], reply[40]) = (37, mark);
            let reply: &[u8] = Box::leak(Box::new(reply));
            assert_eq!(trouble_after(Some(reply)).await, trouble);
        }
        let error = |code: i32| {
            let reply = [&ERROR_REPLY[..], &[0; 8], &code.to_be_bytes()].concat();
            trouble_after(Some(reply.leak()))
        };
        assert_eq!(error(-119).await, Trouble::ReadOnly);
        assert_eq!(error(-118).await, Trouble::Foreign);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert_eq!(probed(&address, LIMIT).await, Trouble::Refused);
    }

    #[cfg(feature = "tls")]
    #[tokio::test]
    async fn a_server_that_stops_in_the_middle_of_a_handshake_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hosts = format!("tcp+tls://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // The beginning of a greeting of 118 bytes.
                stream
                    .write_all(&[0x16, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3, 7])
                    .await
                    .unwrap();
                open.push(stream);
            }
        });
        let servers = Servers::parse(&hosts).unwrap();
        let tls = Tls {
            insecure_skip_verify: true,
            ..Tls::default()
        };
        let security = Security::of(&tls, &servers).await.unwrap();
        let trouble = probe(&servers.each[0], &security, LIMIT).await;
        assert_eq!(trouble, Trouble::Handshake(TlsTrouble::Silent));
        server.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_without_end_is_not_read_to_the_end() {
        const MUCH: usize = 1 << 20;
        let (near, mut far) = tokio::io::duplex(64);
        let written = tokio::spawn(async move {
            far.write_all(&[0, 0, 0, 37, 0, 0, 0, 0]).await.unwrap();
            let mut written = 0;
            while written < MUCH && far.write_all(&[7; 64]).await.is_ok() {
                written += 64;
            }
            // The connection stays open.
            _ = far.read_to_end(&mut Vec::new()).await;
            written
        });
        assert_eq!(judged(&ask(near, LIMIT).await), Trouble::None);
        let written = written.await.unwrap();
        assert!(written < MUCH / 2, "{written}");
    }

    #[tokio::test]
    async fn a_session_that_is_made_to_look_is_closed() {
        for (code, refuses) in [(0, false), (-4, false), (-124, true)] {
            let (near, mut far) = tokio::io::duplex(1 << 10);
            let server = async {
                far.read_exact(&mut [0; 49]).await.unwrap();
                far.write_all(&[&[0, 0, 0, 37][..], &[0; 37]].concat())
                    .await
                    .unwrap();
                far.read_exact(&mut [0; 12]).await.unwrap();
                let reply = [16, -2, 0, 0, code].map(i32::to_be_bytes).concat();
                far.write_all(&reply).await.unwrap();
                let mut more = [0; 12];
                let more = far.read_exact(&mut more).await.map(|_| more);
                drop(far);
                more
            };
            let (refused, more) = tokio::join!(refuses_ping(near, LIMIT * 20), server);
            assert_eq!(refused, refuses);
            let close = [8_i32, 1, -11].map(i32::to_be_bytes).concat();
            assert_eq!(more.is_ok_and(|more| more[..] == close), !refuses);
        }
    }

    #[tokio::test]
    async fn a_server_that_closes_may_speak_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = async {
            listener.accept().await.unwrap().0.read_u8().await.unwrap();
            let (mut second, _) = listener.accept().await.unwrap();
            let mut greeting = [0; GREETING.len()];
            second.read_exact(&mut greeting).await.unwrap();
            assert_eq!(greeting, GREETING);
            second.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await.unwrap();
        };
        let (trouble, ()) = tokio::join!(probed(&address, LIMIT * 20), server);
        assert_eq!(trouble, Trouble::Tls);
    }
}

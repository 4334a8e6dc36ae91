//! Why a server cannot be reached: what a connection of its own shows.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// What is wrong with a server that cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// No address is known for its name.
    UnknownName,
    /// Nobody listens at its port.
    Refused,
    /// The connection cannot be made for another reason.
    Unconnected(String),
    /// Nothing answers the attempt to connect.
    Unanswered,
    /// It closes the connection on a connect request.
    Closed,
    /// It takes a connect request, and does not answer.
    Silent,
    /// It speaks TLS.
    Tls,
    /// It answers in another protocol.
    Foreign,
    /// Nothing: it answers as a ZooKeeper server does.
    None,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownName => "the name is unknown",
            Self::Refused => "the connection is refused",
            Self::Unconnected(reason) => reason,
            Self::Unanswered => {
                "nothing answers the attempt to connect (a firewall, or it is down?)"
            }
            Self::Closed => "it accepts the connection and closes it (no quorum, or a TLS port?)",
            Self::Silent => "it accepts the connection, but does not answer",
            Self::Tls => "it speaks TLS",
            Self::Foreign => "what listens there does not speak ZooKeeper",
            Self::None => "it makes sessions",
        })
    }
}

/// Looks what becomes of a connect request to one server. A session that it grants is closed.
pub(super) async fn probe(server: &str, limit: Duration) -> Trouble {
    let address = if has_port(server) {
        server.to_owned()
    } else {
        format!("{server}:2181")
    };
    let addresses: Vec<_> = match timeout(limit, lookup_host(address)).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) => return Trouble::UnknownName,
        Err(_) => return Trouble::Unconnected("its name is not resolved in time".to_owned()),
    };
    let mut trouble = Trouble::UnknownName;
    for address in addresses {
        trouble = match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return ask(stream, limit).await,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Trouble::Refused,
            Ok(Err(error)) => Trouble::Unconnected(words(&error)),
            Err(_) => Trouble::Unanswered,
        };
    }
    trouble
}

fn has_port(server: &str) -> bool {
    match server.rsplit_once(']') {
        Some((_, rest)) => rest.starts_with(':'),
        None => server.contains(':'),
    }
}

/// What the system says, without the number of its error.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

async fn ask(mut stream: TcpStream, limit: Duration) -> Trouble {
    // Length, protocol version, last zxid, session timeout in ms, session, password, read-only.
    let mut request = 45_i32.to_be_bytes().to_vec();
    request.extend_from_slice(&[0; 12]);
    request.extend_from_slice(&4000_i32.to_be_bytes());
    request.extend_from_slice(&[0; 8]);
    request.extend_from_slice(&16_i32.to_be_bytes());
    request.extend_from_slice(&[0; 17]);
    // Length, and the number and the kind of a request that closes the session.
    let close = [8_i32, 1, -11].map(i32::to_be_bytes).concat();
    let answered = async {
        stream.write_all(&request).await?;
        let mut reply = [0; 8];
        let mut count = 0;
        while count < reply.len() {
            match stream.read(&mut reply[count..]).await? {
                0 => break,
                more => count += more,
            }
        }
        if count == reply.len() && is_connect_reply(&reply) {
            stream.write_all(&close).await?;
            // Its reply, or the end of the connection: a session that is left open costs the server.
            let mut rest = Vec::new();
            _ = timeout(limit, stream.read_to_end(&mut rest)).await;
        }
        Ok::<_, io::Error>((reply, count))
    };
    match timeout(limit.saturating_mul(2), answered).await {
        Err(_) => Trouble::Silent,
        Ok(Err(_) | Ok((_, 0))) => Trouble::Closed,
        Ok(Ok((reply, 8))) if is_connect_reply(&reply) => Trouble::None,
        // An alert or a handshake of TLS 1.x.
        Ok(Ok(([0x15 | 0x16, 3, ..], _))) => Trouble::Tls,
        Ok(Ok(_)) => Trouble::Foreign,
    }
}

/// Its length, and the protocol's version, which is 0.
fn is_connect_reply(reply: &[u8; 8]) -> bool {
    matches!(reply, [0, 0, 0, 36..=64, 0, 0, 0, 0])
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

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
        let trouble = probe(&address, LIMIT).await;
        server.abort();
        trouble
    }

    #[tokio::test]
    async fn each_trouble_is_told() {
        assert_eq!(
            probe("no.such.name.invalid:1", LIMIT * 20).await,
            Trouble::UnknownName
        );
        assert_eq!(trouble_after(Some(b"")).await, Trouble::Closed);
        assert_eq!(trouble_after(None).await, Trouble::Silent);
        assert_eq!(
            trouble_after(Some(&[0x15, 3, 3, 0, 2, 2, 40])).await,
            Trouble::Tls
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert_eq!(probe(&address, LIMIT).await, Trouble::Refused);
    }

    #[test]
    fn ports() {
        assert!(has_port("h:1") && has_port("[::1]:1"));
        assert!(!has_port("h") && !has_port("[::1]"));
    }
}

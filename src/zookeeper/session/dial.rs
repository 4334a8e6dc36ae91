//! A connection to a server, as the system makes it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hosts::Server;
use super::trouble::Trouble;

/// How long to wait for one address before the next one is tried beside it, as RFC 8305 has it.
const HEAD_START: Duration = Duration::from_millis(250);

/// All addresses that a server has now.
pub(super) async fn addresses(
    server: &Server,
    limit: Duration,
) -> Result<Vec<SocketAddr>, Trouble> {
    let address = (server.host.as_str(), server.port);
    match timeout(limit, lookup_host(address)).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(_)) => Err(Trouble::UnknownName),
        Err(_) => {
            let reason = "its name is not resolved in time";
            Err(Trouble::Unconnected(reason.to_owned()))
        }
    }
}

/// Connects to an address.
pub(super) async fn open(address: SocketAddr, limit: Duration) -> Result<TcpStream, Trouble> {
    match timeout(limit, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Trouble::Refused),
        Ok(Err(error)) => Err(Trouble::Unconnected(words(&error))),
        Err(_) => Err(Trouble::Unanswered),
    }
}

/// Connects to the address of a server that takes it first; each may take so long.
///
/// # Errors
/// As those of [`to_first`].
///
/// # Cancellation safety
/// Dropping the future closes the connections that were begun.
pub(super) async fn connect(server: &Server, limit: Duration) -> Result<TcpStream, Trouble> {
    let addresses = addresses(server, limit).await?;
    to_first(addresses, |address| open(address, limit)).await
}

/// Returns the connection to the address with which it comes about first. Each address has a head start before
/// the next one is tried, too.
///
/// # Errors
/// What is wrong with the last address, or with the last one that takes connections, if one does.
///
/// # Cancellation safety
/// Dropping the future drops the attempts.
pub(super) async fn to_first<T: Send + 'static, F>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>> + Send + 'static,
{
    let mut troubles = vec![None; addresses.len()];
    let mut left = addresses.into_iter().enumerate();
    let mut attempts = JoinSet::new();
    loop {
        if let Some((number, address)) = left.next() {
            let attempt = attempt(address);
            attempts.spawn(async move { (number, attempt.await) });
        }
        let ended = match left.len() {
            0 => attempts.join_next().await,
            _ => match timeout(HEAD_START, attempts.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            },
        };
        match ended {
            Some(Ok((_, Ok(connection)))) => return Ok(connection),
            Some(Ok((number, Err(trouble)))) => troubles[number] = Some(trouble),
            // The runtime ends.
            Some(Err(_)) => {}
            None => break,
        }
    }
    let troubles: Vec<Trouble> = troubles.into_iter().flatten().collect();
    let mut of_tls = troubles.iter().rev();
    let of_tls = of_tls.find(|trouble| matches!(trouble, Trouble::Handshake(_)));
    let trouble = of_tls.or(troubles.last()).cloned();
    Err(trouble.unwrap_or(Trouble::UnknownName))
}

/// What the system says, without the number of its error.
pub(super) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::zookeeper::session::trouble::TlsTrouble;

    fn addresses(ports: &[u16]) -> Vec<SocketAddr> {
        let of = |port: &u16| SocketAddr::from(([127, 0, 0, 1], *port));
        ports.iter().map(of).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_does_not_answer_keeps_nobody_from_the_next_one() {
        let attempt = |address: SocketAddr| async move {
            match address.port() {
                1 => pending().await,
                2 => Err(Trouble::Refused),
                port => Ok(port),
            }
        };
        let found = to_first(addresses(&[1, 2, 3, 4]), attempt);
        let found = timeout(HEAD_START + Duration::from_millis(1), found).await;
        assert_eq!(found.expect("it waits for the first address"), Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_is_taken_if_no_other_one_answers() {
        let attempt = |address: SocketAddr| async move {
            tokio::time::sleep(HEAD_START * 3).await;
            match address.port() {
                1 => Ok(1),
                _ => Err(Trouble::Unanswered),
            }
        };
        assert_eq!(to_first(addresses(&[1, 2]), attempt).await, Ok(1));
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_of_one_that_takes_connections() {
        let silence = || Trouble::Handshake(TlsTrouble::Silent);
        let attempt = |address: SocketAddr| async move {
            Err::<(), _>(match address.port() {
                1 => Trouble::Refused,
                2 => silence(),
                _ => Trouble::Unanswered,
            })
        };
        for (ports, expected) in [
            (&[1, 2, 3][..], silence()),
            (&[2, 1], silence()),
            (&[1, 3], Trouble::Unanswered),
            (&[], Trouble::UnknownName),
        ] {
            let trouble = to_first(addresses(ports), attempt).await;
            assert_eq!(trouble, Err(expected), "{ports:?}");
        }
    }
}

//! A connection to a server, as the system makes it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::hosts::Server;
use super::trouble::Trouble;

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

/// Connects to the first address of a server that takes it; each may take so long.
///
/// # Errors
/// What is wrong with the last address.
#[cfg(any(feature = "sasl", feature = "tls"))]
pub(super) async fn connect(server: &Server, limit: Duration) -> Result<TcpStream, Trouble> {
    let mut trouble = Trouble::UnknownName;
    for address in addresses(server, limit).await? {
        match open(address, limit).await {
            Ok(stream) => return Ok(stream),
            Err(error) => trouble = error,
        }
    }
    Err(trouble)
}

/// What the system says, without the number of its error.
pub(super) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

//! Bytes from one connection to another, both ways.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::time::timeout;

/// What is passed on at once, at most. What has come meanwhile goes into one write: the client library does
/// one for each request.
const PIECE: usize = 64 << 10;

/// How long one way may go on after the other has ended.
const LINGER: Duration = Duration::from_secs(5);

/// Carries bytes until both ways have ended, or one has failed. If one side is slow, the other has to wait.
/// Returns how many bytes the server has sent.
///
/// # Errors
/// How the way from the server ended, if that is the end of the connection and nothing came: with an error or without.
pub(super) async fn carry(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
) -> Result<u64, Option<io::Error>> {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let (mut sent, mut came) = (0, 0);
    let down = {
        let mut up = pin!(pass(&mut from_client, &mut to_server, &mut sent));
        let mut down = pin!(pass(&mut from_server, &mut to_client, &mut came));
        tokio::select! {
            // Why a server takes nothing more, it says in what is read.
            up = &mut up => {
                let down = timeout(LINGER, down).await.ok();
                // This side has ended it.
                down.filter(|down| up.is_err() || down.is_err())
            }
            down = &mut down => {
                if down.is_ok() {
                    _ = timeout(LINGER, up).await;
                }
                Some(down)
            }
        }
    };
    match down {
        // The end of a connection that was made is for the client library to tell.
        _ if came > 0 => Ok(came),
        Some(Ok(())) => Err(None),
        Some(Err(error)) => Err(Some(error)),
        None => Ok(0),
    }
}

/// Passes on what comes, and then the end, and counts the bytes.
pub(super) async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    bytes: &mut u64,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..count]).await?;
        to.flush().await?;
        *bytes += count as u64;
    }
}

//! TLS on the server's connections.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpStream;

/// The TLS of one connection.
pub(crate) struct Secured(ServerConnection);

/// A socket as rustls reads and writes it.
struct Socket<'a>(&'a TcpStream);

impl io::Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Secured {
    /// # Errors
    /// If the configuration cannot be used.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        ServerConnection::new(config).map(Self)
    }

    pub(crate) fn is_holding(&self) -> bool {
        self.0.wants_write()
    }

    pub(crate) fn try_read(&mut self, tcp: &TcpStream, input: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            // What the handshake says; it fits into the socket's buffer, or waits for `readable`.
            self.try_send(tcp)?;
            let before = input.len();
            match self.0.reader().read_to_end(input) {
                // The client has said that nothing more comes.
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It has closed the connection without a word.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
            if input.len() > before {
                return Ok(input.len() - before);
            }
            if self.0.read_tls(&mut Socket(tcp))? == 0 {
                return Ok(0);
            }
            if let Err(error) = self.0.process_new_packets() {
                let peer = tcp.peer_addr().map(|peer| peer.to_string());
                tracing::info!(
                    "the TLS of {} fails: {error}",
                    peer.as_deref().unwrap_or("a client")
                );
                // rustls has an alert to send, which says to the client what is wrong.
                _ = self.try_send(tcp);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    pub(crate) fn try_write(&mut self, tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        // There is room only for so much that is not sent.
        self.try_send(tcp)?;
        let count = self.0.writer().write(bytes)?;
        self.try_send(tcp)?;
        let is_waiting = match bytes {
            [] => self.is_holding(),
            _ => count == 0,
        };
        match is_waiting {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Ok(count),
        }
    }

    /// Sends what the socket takes.
    fn try_send(&mut self, tcp: &TcpStream) -> io::Result<()> {
        while self.0.wants_write() {
            match self.0.write_tls(&mut Socket(tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(crate) fn say_goodbye(&mut self, tcp: &TcpStream) {
        self.0.send_close_notify();
        _ = self.try_send(tcp);
    }
}

//! The bytes of one connection, through TLS or as they are. Nothing here waits for the client, but
//! [`Stream::readable`] and [`Stream::writable`].

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[cfg(feature = "tls")]
use super::tls::Secured;

/// A client's connection.
pub(crate) struct Stream {
    tcp: TcpStream,
    #[cfg(feature = "tls")]
    secured: Option<Box<Secured>>,
}

impl Stream {
    /// A connection without TLS.
    pub(crate) fn plain(tcp: TcpStream) -> Self {
        _ = tcp.set_nodelay(true);
        Self {
            tcp,
            #[cfg(feature = "tls")]
            secured: None,
        }
    }

    /// A connection whose client is to speak TLS. The handshake is a part of what is read and written.
    #[cfg(feature = "tls")]
    pub(crate) fn secured(tcp: TcpStream, secured: Secured) -> Self {
        Self {
            secured: Some(Box::new(secured)),
            ..Self::plain(tcp)
        }
    }

    pub(crate) fn peer(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }

    /// Appends what has come; [`io::ErrorKind::WouldBlock`] where that is nothing.
    pub(crate) fn try_read(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secured) = &mut self.secured {
            return secured.try_read(&self.tcp, input);
        }
        self.tcp.try_read_buf(input)
    }

    /// Takes bytes to be sent, as many as there is room for. Without bytes, it sends what is held.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secured) = &mut self.secured {
            return secured.try_write(&self.tcp, bytes);
        }
        self.tcp.try_write(bytes)
    }

    /// Whether bytes that were taken are not sent yet.
    pub(crate) fn is_holding(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(secured) = &self.secured {
            return secured.is_holding();
        }
        false
    }

    /// Waits until something may have come, or what is held may be sent.
    ///
    /// # Cancellation safety
    /// Nothing is lost.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        if self.is_holding() {
            let either = tokio::io::Interest::READABLE | tokio::io::Interest::WRITABLE;
            return self.tcp.ready(either).await.map(drop);
        }
        self.tcp.readable().await
    }

    /// Waits until something may be sent.
    ///
    /// # Cancellation safety
    /// Nothing is lost.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.tcp.writable().await
    }

    /// Says that nothing more comes. Reads what is left, too: a socket that is closed with unread bytes
    /// resets the connection, and the client may lose the last reply.
    pub(crate) async fn shut_down(mut self) {
        #[cfg(feature = "tls")]
        if let Some(secured) = &mut self.secured {
            secured.say_goodbye(&self.tcp);
        }
        _ = self.tcp.shutdown().await;
        let mut sink = [0; 4096];
        while self.tcp.try_read(&mut sink).is_ok_and(|count| count > 0) {}
    }
}

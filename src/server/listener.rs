//! The server's thread: accepts connections and runs the periodic work.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::connection::{self, Shared, lock};
use super::stream::Stream;
#[cfg(feature = "tls")]
use super::tls::Secured;
#[cfg(feature = "tls")]
use crate::zookeeper::session::Certificate;

/// The parts that the server's thread uses.
pub(super) struct Service {
    pub(super) shared: Shared,
    pub(super) tick_time: Duration,
    pub(super) container_check: Duration,
    #[cfg(feature = "tls")]
    pub(super) certificate: Option<Arc<Certificate>>,
}

impl Service {
    /// A connection as its client is to speak; `None` if that cannot be.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "files may be read for TLS")
    )]
    async fn stream(&self, tcp: TcpStream) -> Option<Stream> {
        #[cfg(feature = "tls")]
        if let Some(certificate) = &self.certificate {
            return match Secured::new(certificate.config().await) {
                Ok(secured) => Some(Stream::secured(tcp, secured)),
                Err(error) => {
                    tracing::warn!("a connection cannot be secured: {error}");
                    None
                }
            };
        }
        Some(Stream::plain(tcp))
    }
}

/// Runs the server's thread until the server ends.
pub(super) fn run(
    address: SocketAddr,
    service: &Service,
    started: &SyncSender<io::Result<SocketAddr>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            _ = started.send(Err(error));
            return;
        }
    };
    // All other tasks end with the runtime, and their sockets are closed.
    runtime.block_on(async {
        match listen(address) {
            Ok((listener, address)) => {
                _ = started.send(Ok(address));
                serve(&listener, service, stopped).await;
            }
            Err(error) => _ = started.send(Err(error)),
        }
    });
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A port is free again at once, whatever connections there were; on Windows the option would
    // let two servers have one port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(4096)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn serve(listener: &TcpListener, service: &Service, mut stopped: oneshot::Receiver<()>) {
    let now = tokio::time::Instant::now();
    let after = |period: Duration| {
        let mut interval = tokio::time::interval_at(now + period, period);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        interval
    };
    let mut ticks = after(service.tick_time);
    let mut container_checks = after(service.container_check);
    let shared = &service.shared;
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            _ = ticks.tick() => lock(shared).expire_sessions(),
            _ = container_checks.tick() => lock(shared).delete_dead_nodes(),
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    if !lock(shared).faults.refuses(Instant::now())
                        && let Some(stream) = service.stream(tcp).await
                    {
                        tokio::spawn(connection::serve(stream, Arc::clone(shared)));
                    }
                }
                Err(error) => {
                    // As a rule, too many files are open. That passes.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
        }
    }
}

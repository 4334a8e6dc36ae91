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

/// How connections are secured.
#[derive(Clone)]
struct Securing {
    #[cfg(feature = "tls")]
    certificate: Option<Arc<Certificate>>,
}

impl Securing {
    /// A connection as its client is to speak; `None` if that cannot be.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "files may be read for TLS")
    )]
    async fn stream(self, tcp: TcpStream) -> Option<Stream> {
        #[cfg(feature = "tls")]
        if let Some(certificate) = self.certificate {
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
    let securing = Securing {
        #[cfg(feature = "tls")]
        certificate: service.certificate.clone(),
    };
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            _ = ticks.tick() => lock(shared).expire_sessions(),
            _ = container_checks.tick() => lock(shared).delete_dead_nodes(),
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    if !lock(shared).faults.refuses(Instant::now()) {
                        let (securing, shared) = (securing.clone(), Arc::clone(shared));
                        // Files may have to be read for it: nobody else waits for that.
                        tokio::spawn(async move {
                            if let Some(stream) = securing.stream(tcp).await {
                                connection::serve(stream, shared).await;
                            }
                        });
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

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::super::state::State;
    use super::*;

    /// A service with a certificate in a folder.
    fn service(folder: &std::path::Path) -> Service {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let [certificate, key] = ["crt", "key"].map(|name| folder.join(name));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let certificate = Certificate::load(&certificate, &key, None).unwrap();
        Service {
            shared: Arc::new(std::sync::Mutex::new(State::new(100, (200, 2000)))),
            tick_time: Duration::from_secs(1),
            container_check: Duration::from_secs(1),
            certificate: Some(Arc::new(certificate)),
        }
    }

    #[test]
    fn a_disk_that_does_not_answer_keeps_nobody_else_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let service = service(folder.path());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        // The only thread that could read files is busy, and so the clock stands still.
        let (answer, waits) = std::sync::mpsc::channel::<()>();
        runtime.block_on(async {
            tokio::task::spawn_blocking(move || waits.recv());
            let (listener, address) = listen("127.0.0.1:0".parse().unwrap()).unwrap();
            let (stop, stopped) = oneshot::channel();
            let serving = serve(&listener, &service, stopped);
            let asking = async {
                let client = TcpStream::connect(address).await.unwrap();
                for _ in 0..1000 {
                    tokio::task::yield_now().await;
                }
                stop.send(()).unwrap();
                for _ in 0..1000 {
                    tokio::task::yield_now().await;
                }
                drop(client);
            };
            tokio::select! {
                biased;
                () = serving => {}
                () = asking => panic!("it does not hear that it is to stop"),
            }
        });
        drop(answer);
    }
}

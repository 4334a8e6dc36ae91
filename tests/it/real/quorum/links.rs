//! The relays between the servers of an ensemble.

use std::net::TcpListener as Listener;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// What a relay does with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Passes it on.
    Open,
    /// Holds it back, as a network that loses all packets does.
    Silent,
    /// Closes all connections, and every new one at once.
    Shut,
}

/// A relay for each way from one server to another. They have threads of their own, so that tests may block.
pub(super) struct Links {
    each: Vec<Link>,
    runtime: Option<Runtime>,
}

/// From one server to another one.
struct Link {
    from: usize,
    to: usize,
    /// The ports that the one uses for the other: for the data, and for elections.
    doors: (u16, u16),
    gate: Arc<watch::Sender<Gate>>,
}

impl Links {
    /// To the ports where the servers take what is of the data, and of elections.
    pub(super) fn between(peers: &[(u16, u16)]) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("links")
            .enable_all()
            .build()
            .unwrap();
        let door = || {
            let listener = Listener::bind(("127.0.0.1", 0)).unwrap();
            listener.set_nonblocking(true).unwrap();
            let port = listener.local_addr().unwrap().port();
            (listener, port)
        };
        let count = peers.len();
        let ways = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
        let ways: Vec<_> = ways.filter(|(from, to)| from != to).collect();
        let doors: Vec<_> = ways.iter().map(|_| (door(), door())).collect();
        let election = |from, to| {
            let at = ways.iter().position(|way| *way == (from, to)).unwrap();
            doors[at].1.1
        };
        let backs: Vec<u16> = ways.iter().map(|(from, to)| election(*to, *from)).collect();
        let mut each = Vec::new();
        for (((from, to), (data, votes)), back) in ways.iter().zip(doors).zip(backs) {
            let gate = Arc::new(watch::Sender::new(Gate::Open));
            let (quorum, election) = peers[*to];
            each.push(Link {
                from: *from,
                to: *to,
                doors: (data.1, votes.1),
                gate: gate.clone(),
            });
            runtime.spawn(accept(data.0, quorum, None, gate.clone()));
            runtime.spawn(accept(votes.0, election, Some(back), gate));
        }
        Self {
            each,
            runtime: Some(runtime),
        }
    }

    /// The ports that one server uses for another one: for the data, and for elections.
    pub(super) fn doors(&self, from: usize, to: usize) -> Option<(u16, u16)> {
        let mut links = self.each.iter();
        let link = links.find(|link| (link.from, link.to) == (from, to))?;
        Some(link.doors)
    }

    /// What becomes of everything from and to one server.
    pub(super) fn set(&self, index: usize, gate: Gate) {
        let of = |link: &&Link| link.from == index || link.to == index;
        for link in self.each.iter().filter(of) {
            link.gate.send_replace(gate);
        }
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        // Where tests are asynchronous, nothing may wait for it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(
    listener: Listener,
    target: u16,
    back: Option<u16>,
    gate: Arc<watch::Sender<Gate>>,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((near, _)) = listener.accept().await {
        if *gate.borrow() == Gate::Shut {
            continue;
        }
        tokio::spawn(relay(near, target, back, gate.subscribe()));
    }
}

async fn relay(near: TcpStream, target: u16, back: Option<u16>, gate: watch::Receiver<Gate>) {
    let mut shut = gate.clone();
    let mut held = gate.clone();
    let carry = async {
        // A server that is apart does not hear of a connection.
        heard(&mut held).await?;
        let far = TcpStream::connect(("127.0.0.1", target)).await.ok()?;
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let (mut from_near, near) = near.into_split();
        let (from_far, mut far) = far.into_split();
        if let Some(back) = back {
            far.write_all(&introduced(&mut from_near, back).await?)
                .await
                .ok()?;
        }
        tokio::select! {
            () = pump(from_near, far, gate.clone()) => {}
            () = pump(from_far, near, gate) => {}
        }
        Some(())
    };
    tokio::select! {
        _ = carry => {}
        _ = shut.wait_for(|gate| *gate == Gate::Shut) => {}
    }
}

/// Waits as long as nothing is passed on.
async fn heard(gate: &mut watch::Receiver<Gate>) -> Option<()> {
    gate.wait_for(|gate| *gate != Gate::Silent).await.ok()?;
    Some(())
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<Gate>) {
    let mut chunk = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        let open = heard(&mut gate).await;
        if open.is_none() || to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}

/// How a server begins a connection for elections: the protocol's version, its number, and the address where it
/// is called back, which is here that of the relay for the way back. Servers before 3.5 send their number only.
async fn introduced(from: &mut OwnedReadHalf, back: u16) -> Option<Vec<u8>> {
    let version = from.read_i64().await.ok()?;
    if version >= 0 {
        return Some(version.to_be_bytes().to_vec());
    }
    let number = from.read_i64().await.ok()?;
    let length = from.read_u32().await.ok()?;
    let mut address = vec![0; length as usize];
    from.read_exact(&mut address).await.ok()?;
    let address = format!("127.0.0.1:{back}");
    let mut introduction = [version, number].map(i64::to_be_bytes).concat();
    introduction.extend_from_slice(&u32::try_from(address.len()).ok()?.to_be_bytes());
    introduction.extend_from_slice(address.as_bytes());
    Some(introduction)
}

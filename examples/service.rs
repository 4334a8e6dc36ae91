//! A service that keeps itself registered, and its tests, which need no ZooKeeper.
//!
//! `cargo test --example service` runs them; `cargo run --example service HOSTS ADDRESS` runs the
//! service, against `zkt serve` perhaps.

use std::time::Duration;

use zookeeper_client::{Acls, Client, CreateMode, Error};

/// Stands below `/providers`, and is back there whenever the session is lost.
async fn stay_registered(hosts: String, address: &str) {
    loop {
        match register(&hosts, address).await {
            Ok(client) => {
                let mut states = client.state_watcher();
                while !states.changed().await.is_terminated() {}
            }
            // Its session is closed, and the node gone, if it was made before the error.
            Err(error) => eprintln!("not registered: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn register(hosts: &str, address: &str) -> Result<Client, Error> {
    let client = Client::connect(hosts).await?;
    let path = format!("/providers/{address}");
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    client.create(&path, b"", &ephemeral).await?;
    Ok(client)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let hosts = arguments.next().unwrap_or("127.0.0.1:2181".to_owned());
    let address = arguments.next().unwrap_or("10.0.0.1:80".to_owned());
    stay_registered(hosts, &address).await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use zkt::server::{Acl, Fault, Handle, Matching, RequestKind, Server};

    use super::stay_registered;

    /// A server of this test's own, in memory, on a free port, gone when it is dropped.
    fn server() -> Server {
        let server = Server::builder().node("/providers", b"", &[Acl::open()]);
        server.start().expect("a free port")
    }

    /// The session that the service is registered by, as soon as it is.
    async fn registration(server: &Handle) -> i64 {
        loop {
            if let [(path, session)] = &server.ephemerals()[..] {
                assert_eq!(path, "/providers/10.0.0.1:80");
                return *session;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn it_comes_back_when_its_session_expires() {
        let server = server();
        tokio::spawn(stay_registered(server.connect_string(), "10.0.0.1:80"));

        let first = registration(&server).await;
        server.expire(first);

        assert_ne!(registration(&server).await, first);
    }

    #[tokio::test]
    async fn it_keeps_its_session_when_only_its_connection_is_cut() {
        let server = server();
        tokio::spawn(stay_registered(server.connect_string(), "10.0.0.1:80"));

        let session = registration(&server).await;
        server.cut_all();
        while server.requests(RequestKind::CreateSession) < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }

        assert_eq!(registration(&server).await, session);
    }

    #[tokio::test]
    async fn it_is_registered_once_when_the_reply_is_lost() {
        let server = server();
        let creation = Matching::any().below("/providers");
        let lost = server.inject(creation, Fault::LoseReply);
        tokio::spawn(stay_registered(server.connect_string(), "10.0.0.1:80"));

        while server.requests(RequestKind::CloseSession) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }

        assert!(lost.has_struck());
        registration(&server).await;
        assert_eq!(server.sessions().len(), 1);
    }
}

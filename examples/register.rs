//! A service that says where it is, until it is interrupted:
//!
//!     cargo run --example register -- /cms/providers 10.0.0.1:8080
//!
//! The servers are those of `ZC_ZK_CONNECTION_STRING`, or else 127.0.0.1:2181.

use zkt::{Error, Registration, RegistrationState, ZooKeeper};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: register PATH ADDRESS".into());
    };
    let zookeeper = ZooKeeper::builder().connect().await?;
    let registration = register(&zookeeper, &path, &address).await?;
    println!("registered {:?}", registration.view().nodes);

    let mut state = registration.state();
    loop {
        tokio::select! {
            now = registration.changed_from(&state) => {
                println!("{now:?}");
                if now == RegistrationState::Closed {
                    break;
                }
                state = now;
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // Without this the node would stand until the session's timeout.
    registration.close().await;
    zookeeper.close().await;
    Ok(())
}

/// Registers the service with some properties.
pub(crate) async fn register(
    zookeeper: &ZooKeeper,
    path: &str,
    address: &str,
) -> Result<Registration, Error> {
    zookeeper
        .register(path, address)
        .property("version", env!("CARGO_PKG_VERSION"))
        .weight(1.0)
        .await
}

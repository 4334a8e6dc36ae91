//! A consumer of a service, which picks one address after the other:
//!
//!     cargo run --example discover -- /cms/providers
//!
//! The servers are those of `ZC_ZK_CONNECTION_STRING`, or else 127.0.0.1:2181.

use std::time::Duration;

use zkt::{Picker, Strategy, ZooKeeper};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: discover PATH")?;
    let zookeeper = ZooKeeper::builder().connect().await?;
    // When all addresses vanish at once, the last ones are kept for a minute.
    let service = zookeeper.discover(&path, Duration::from_secs(60)).await?;
    service.on_change(|endpoints| {
        let addresses: Vec<&str> = endpoints.addresses().collect();
        println!("there are {addresses:?}");
    });
    let picker = service.picker(Strategy::RoundRobin);
    loop {
        request(&picker).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Sends something to one of the addresses, and says how that went.
pub(crate) async fn request(picker: &Picker) -> Option<String> {
    let endpoint = picker.pick()?;
    let address = endpoint.address();
    match tokio::net::TcpStream::connect(address).await {
        Ok(_) => picker.worked(address),
        // It is left out for a while.
        Err(_) => picker.failed(address),
    }
    Some(address.to_owned())
}

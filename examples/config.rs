//! A service whose configuration is a node's properties, and that heeds changes at once:
//!
//!     cargo run --example config -- /cms
//!
//! The servers are those of `ZC_ZK_CONNECTION_STRING`, or else 127.0.0.1:2181.

use serde::Deserialize;
use zkt::{Error, PropertiesView, ZooKeeper};

/// What the service wants to know; property links are read through.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Config {
    /// How many threads it starts.
    #[serde(default = "one")]
    pub(crate) threads: usize,
    /// Where its database is.
    pub(crate) database: Option<String>,
}

fn one() -> usize {
    1
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: config PATH")?;
    let zookeeper = ZooKeeper::builder().connect().await?;
    let properties = zookeeper.properties(&path).await?;
    let mut changes = properties.changes()?;
    println!("{:?}", config(&properties)?);
    while changes.next().await.is_some() {
        match config(&properties) {
            Ok(config) => println!("{config:?}"),
            // The last good one stays in force.
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}

/// The configuration as it is now; this waits for nothing.
pub(crate) fn config(properties: &PropertiesView) -> Result<Config, Error> {
    properties.to()
}

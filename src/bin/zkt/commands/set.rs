//! `zkt set`: updates properties of a live node.

use crate::args::SetArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{assignment, settings};

pub(crate) async fn run(args: &SetArgs, _: &Output) -> Result<Exit, Failure> {
    let changes = assignment::parse_all(&args.changes)?;
    let zookeeper = settings::zookeeper(&args.server).await?;
    let result = zookeeper.change_properties(&args.path, changes).await;
    zookeeper.close().await;
    result?;
    Ok(Exit::Done)
}

//! `zkt set`: updates properties of a live node.

use zkt::services::Error;

use crate::args::SetArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{assignment, planning, settings};

pub(crate) async fn run(args: &SetArgs, _: &Output) -> Result<Exit, Failure> {
    planning::require_absolute(&args.path)?;
    let changes = assignment::parse_all(&args.changes)?;
    let zookeeper = settings::zookeeper(&args.server).await?;
    let result = if args.replace {
        zookeeper.put_properties(&args.path, changes).await
    } else {
        zookeeper.change_properties(&args.path, changes).await
    };
    zookeeper.close().await;
    match result {
        Ok(_) => Ok(Exit::Done),
        Err(error @ (Error::TextData { .. } | Error::Binary(_))) => {
            let hint = "--replace puts the properties in the place of that data";
            Err(Failure::from(error).hint(hint))
        }
        Err(error) => Err(error.into()),
    }
}

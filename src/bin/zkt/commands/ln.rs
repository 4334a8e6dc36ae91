//! `zkt ln`: makes a symbolic link.

use zkt::services::Error;

use crate::args::LnArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::settings;

pub(crate) async fn run(args: &LnArgs, output: &Output) -> Result<Exit, Failure> {
    let zookeeper = settings::zookeeper(&args.server).await?;
    let made = zookeeper.ln(&args.target, &args.link).await;
    let leads = match &made {
        Ok(link) => zookeeper.resolve(link.as_str()).await,
        Err(error) => Err(error.clone()),
    };
    zookeeper.close().await;
    let link = match made {
        Ok(link) => link,
        Err(Error::NodeExists(path)) => {
            let message = format!("{path} exists, and a node hides a link of its name");
            return Err(Failure::new(message));
        }
        Err(error) => return Err(error.into()),
    };
    if let Err(error) = leads {
        output.note(&format!("warning: {link} leads nowhere yet: {error}"));
    }
    Ok(Exit::Done)
}

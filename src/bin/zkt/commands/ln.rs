//! `zkt ln`: makes a symbolic link.

use clap::Args;
use zkt::services::Error;

use crate::args::ServerArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::settings;

/// Make a symbolic link
#[derive(Debug, Args)]
pub(crate) struct LnArgs {
    /// Where the link leads; without a leading slash, from the node that holds the link
    pub(crate) target: String,
    /// The path of the link; with a slash at its end it takes the target's name
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

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

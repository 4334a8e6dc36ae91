//! `zkt ln`: makes a symbolic link.

use std::fmt::Display;

use clap::Args;
use zkt::services::Error;

use crate::args::ServerArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::settings;
use crate::signals::interrupt;

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
    let made = tokio::select! {
        biased;
        () = interrupt() => Err(None),
        made = zookeeper.ln(&args.target, &args.link) => made.map_err(Some),
    };
    let leads = match &made {
        Ok(link) => Some(zookeeper.resolve(link.as_str()).await),
        Err(_) => None,
    };
    zookeeper.close().await;
    let link = match made {
        Ok(link) => link,
        Err(None) => return Err(unknown("interrupted", &args.link)),
        Err(Some(Error::NodeExists(path))) => {
            let message = format!("{path} exists, and a node hides a link of its name");
            return Err(Failure::new(message));
        }
        Err(Some(error @ Error::Uncertain { .. })) => return Err(unknown(error, &args.link)),
        Err(Some(error)) if error.is_temporary() => {
            return Err(Failure::new(format!("{error}; nothing was written")));
        }
        Err(Some(error)) => return Err(error.into()),
    };
    match leads {
        Some(Err(error)) if error.is_temporary() => {
            output.note(&format!(
                "warning: {link} was made; where it leads was not seen: {error}"
            ));
        }
        Some(Err(error)) => output.note(&format!("warning: {link} leads nowhere yet: {error}")),
        Some(Ok(_)) | None => {}
    }
    Ok(Exit::Done)
}

fn unknown(what: impl Display, link: &str) -> Failure {
    let hint =
        format!("`zkt resolve {link}` shows what stands; to make the same link again does no harm");
    let message = format!("{what}; unknown, made or not: {link}");
    Failure::new(message).hint(hint).exit(Exit::Partial)
}

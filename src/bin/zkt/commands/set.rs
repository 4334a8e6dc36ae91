//! `zkt set`: updates properties of a live node.

use std::fmt::Display;

use clap::Args;
use zkt::model::path::ZPath;
use zkt::services::Error;
use zkt::syntax::spelling::printable;

use crate::args::ServerArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render::path_text;
use crate::signals::interrupt;
use crate::words::shell_word;
use crate::{assignment, planning, settings};

/// Set properties of a live node; the others stay
#[derive(Debug, Args)]
#[command(
    after_help = "A VALUE is a literal as in tree files, or else the text itself: 4, True, \
                        '\"4\"', ok. Links are followed to the node."
)]
pub(crate) struct SetArgs {
    /// The node; links are followed
    pub(crate) path: String,
    /// Put the properties in the place of data that is text or binary
    #[arg(long)]
    pub(crate) replace: bool,
    /// NAME=VALUE, or `NAME -> PATH` and `NAME => PATH [PROPERTY]` for links; NAME- removes one
    #[arg(required = true, value_name = "NAME=VALUE")]
    pub(crate) changes: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &SetArgs, _: &Output) -> Result<Exit, Failure> {
    planning::require_absolute(&args.path)?;
    let changes = assignment::parse_all(&args.changes)?;
    let zookeeper = settings::zookeeper(&args.server).await?;
    let write = async {
        match args.replace {
            true => zookeeper.put_properties(&args.path, changes).await,
            false => zookeeper.change_properties(&args.path, changes).await,
        }
    };
    let result = tokio::select! {
        biased;
        () = interrupt() => Err(None),
        result = write => result.map_err(Some),
    };
    zookeeper.close().await;
    match result {
        Ok(_) => Ok(Exit::Done),
        Err(None) => Err(unknown("interrupted", &args.path)),
        Err(Some(error @ Error::Uncertain { .. })) => Err(unknown(error, &args.path)),
        Err(Some(error)) if error.is_temporary() => {
            Err(Failure::new(format!("{error}; nothing was written")))
        }
        Err(Some(error @ (Error::TextData { .. } | Error::Binary(_)))) => {
            let hint = "--replace puts the properties in the place of that data";
            Err(Failure::from(error).hint(hint))
        }
        Err(Some(Error::NoNode(path))) => Err(missing(path, args)),
        Err(Some(error)) => Err(error.into()),
    }
}

/// The failure of a node that is not there.
fn missing(path: ZPath, args: &SetArgs) -> Failure {
    // Nodes above it may be missing, too, or a link leads elsewhere.
    let whole = ZPath::parse_lenient(&args.path).ok();
    let whole = whole.filter(|whole| whole.is_within(&path));
    let line = path_text(whole.as_ref().unwrap_or(&path)).into_owned();
    let way = &args.server.way;
    let hint = match &way.context {
        // It may say what else apply does: trim, or create the node below another one.
        Some(context) => format!(
            "set changes nodes, and apply creates them: declare {line} in the layers of the context \
             {}, and apply those",
            printable(context)
        ),
        None => {
            let way = way.words.iter().map(String::as_str);
            let words = ["zkt", "apply", "FILE"].into_iter().chain(way);
            let words: Vec<_> = words.map(shell_word).collect();
            format!(
                "set changes nodes, and apply creates them: declare {line} in a FILE, and {}",
                words.join(" ")
            )
        }
    };
    Failure::from(Error::NoNode(path)).hint(hint)
}

/// All properties are written at once, or none.
fn unknown(what: impl Display, path: &str) -> Failure {
    let hint = format!("`zkt get {path}` shows what stands; to set the same again does no harm");
    let message = format!("{what}; unknown, written or not: {path}");
    Failure::new(message).hint(hint).exit(Exit::Partial)
}

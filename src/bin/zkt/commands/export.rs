//! `zkt export`: a live tree as tree text.

use std::io::Write;

use zkt::export::{self, Options};
use zkt::files::reason;
use zkt::path;
use zkt::session::Session;

use crate::args::{ExportArgs, TreeFormat};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use crate::{planning, settings};

pub(crate) async fn run(args: &ExportArgs, output: &Output) -> Result<Exit, Failure> {
    let top = planning::path_argument("PATH", &args.path)?;
    if let Some(name) = &args.name {
        path::check_name(name)
            .map_err(|error| Failure::new(format!("--name {name:?}: {error}")))?;
    }
    let session = Session::connect(&settings::session_options(&args.server)?).await?;
    let live = planning::fetch_subtree(&session, &top, args.acl, output).await;
    let hosts = session.hosts();
    session.close().await;
    let live = live?;
    if live.get(&top).is_none() {
        return Err(Failure::new(format!("{top} does not exist on {hosts}")));
    }
    let unreadable = live.iter().filter(|(_, node)| node.node().is_none());
    let incomplete = planning::no_permission(unreadable.map(|(path, _)| path), "nodes");
    // An incomplete tree must not take the place of a complete one.
    let complete = match incomplete {
        Some(failure) if args.output.is_some() || live.len() == 1 => return Err(failure),
        Some(failure) => Err(failure),
        None => Ok(Exit::Done),
    };
    let options = Options {
        ephemeral: args.ephemeral,
        name: args.name.clone(),
    };
    let nodes = export::nodes(&live, &top, &options);
    let write = |out: &mut dyn Write| match args.format {
        TreeFormat::Zkt => export::write_text(nodes, out),
        TreeFormat::Json => export::write_json(nodes, out),
    };
    match &args.output {
        Some(file) => {
            let mut text = Vec::new();
            write(&mut text)?;
            output::replace_file(file, &text)
                .map_err(|error| Failure::new(format!("{}: {}", file.display(), reason(&error))))?;
        }
        None => {
            let mut out = output.plain_out();
            write(&mut out)?;
            out.flush()?;
        }
    }
    // The process ends: nobody needs the memory of a large tree back.
    std::mem::forget(live);
    complete
}

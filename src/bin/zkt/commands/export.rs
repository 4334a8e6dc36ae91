//! `zkt export`: a live tree as tree text.

use std::io::Write;
use std::sync::mpsc::channel;

use zkt::export::{self, Options, Pieces};
use zkt::files::reason;
use zkt::node::Live;
use zkt::path::{self, ZPath};
use zkt::session::Session;
use zkt::tree::Tree;

use crate::args::{ExportArgs, TreeFormat};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use crate::{planning, settings};

/// The texts of so many nodes are made at once.
const RUN: usize = 512;

pub(crate) async fn run(args: &ExportArgs, output: &Output) -> Result<Exit, Failure> {
    let top = planning::path_argument("PATH", &args.path)?;
    if let Some(name) = &args.name {
        path::check_name(name)
            .map_err(|error| Failure::new(format!("--name {name:?}: {error}")))?;
    }
    let options = Options {
        ephemeral: args.ephemeral,
        name: args.name.clone(),
        exact: args.exact,
    };
    let session = Session::connect(&settings::session_options(&args.server)?).await?;
    // Where an ACL is written, and how JSON ends, depends on what is around.
    let exported = if args.acl || args.format == TreeFormat::Json {
        whole(args, &session, &top, output).await
    } else {
        piece_by_piece(&session, &top, &options, output).await
    };
    let hosts = session.hosts();
    session.close().await;
    let exported = exported?;
    if exported.nodes == 0 {
        return Err(Failure::new(format!("{top} does not exist on {hosts}")));
    }
    let incomplete = zkt::live::Error::unreadable(exported.unreadable.iter()).map(Failure::from);
    // An incomplete tree must not take the place of a complete one.
    let complete = match incomplete {
        Some(failure) if args.output.is_some() || exported.nodes == 1 => return Err(failure),
        Some(failure) => Err(failure),
        None => Ok(Exit::Done),
    };
    let write = |out: &mut dyn Write| match (&exported.text, args.format) {
        (Text::Pieces { order, pieces }, _) => order.iter().try_for_each(|place| {
            let text = pieces[place / RUN].get(place % RUN);
            out.write_all(text.as_bytes())
        }),
        (Text::Whole(live), TreeFormat::Zkt) => {
            export::write_text(export::nodes(live, &top, &options), out)
        }
        (Text::Whole(live), TreeFormat::Json) => {
            export::write_json(export::nodes(live, &top, &options), out)
        }
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
    tell_respelled(exported.respelled(&options), output);
    complete
}

/// A live tree, read to its end.
struct Exported {
    /// How many nodes there are.
    nodes: usize,
    /// Those that may not be read.
    unreadable: Vec<ZPath>,
    text: Text,
}

impl Exported {
    /// How many nodes hold JSON that is spelled otherwise in the text.
    fn respelled(&self, options: &Options) -> usize {
        match &self.text {
            _ if options.exact => 0,
            Text::Whole(live) => export::declarable(live.as_slice(), options.ephemeral)
                .filter(|(path, node)| {
                    let is_written = !path.is_root() || options.name.is_some();
                    is_written && export::is_respelled(node)
                })
                .count(),
            Text::Pieces { order, pieces } => order
                .iter()
                .filter(|place| pieces[**place / RUN].is_respelled(**place % RUN))
                .count(),
        }
    }
}

fn tell_respelled(count: usize, output: &Output) {
    let (nodes, its) = match count {
        0 => return,
        1 => ("1 node holds".to_owned(), "its"),
        count => (format!("{count} nodes hold"), "their"),
    };
    output.note(&format!(
        "note: {nodes} JSON that zkt spells otherwise; --exact keeps {its} bytes"
    ));
}

/// What the text of a tree is made of.
enum Text {
    /// The nodes themselves.
    Whole(Tree<Live>),
    /// The texts of runs of nodes, and in path order the place of each among all that were read.
    Pieces {
        order: Vec<usize>,
        pieces: Vec<Pieces>,
    },
}

async fn whole(
    args: &ExportArgs,
    session: &Session,
    top: &ZPath,
    output: &Output,
) -> Result<Exported, Failure> {
    let live = planning::fetch_subtree(session, top, args.acl, output).await?;
    let unreadable = live.iter().filter(|(_, node)| node.node().is_none());
    Ok(Exported {
        nodes: live.len(),
        unreadable: unreadable.map(|(path, _)| path.clone()).collect(),
        text: Text::Whole(live),
    })
}

/// Makes the text of what was read while the rest is still read.
async fn piece_by_piece(
    session: &Session,
    top: &ZPath,
    options: &Options,
    output: &Output,
) -> Result<Exported, Failure> {
    let (sender, runs) = channel::<Vec<(ZPath, Live)>>();
    let (place, options) = (top.clone(), options.clone());
    let writing = tokio::task::spawn_blocking(move || {
        let pieces = runs.iter().map(|run| Pieces::of(run, &place, &options));
        pieces.collect::<Vec<Pieces>>()
    });
    let mut run = Vec::with_capacity(RUN);
    let mut count = 0;
    // A node is known by its place among all, and whether it may be read.
    let make = |path: &ZPath, live: Live| {
        let made = (count, live.node().is_some());
        count += 1;
        run.push((path.clone(), live));
        if run.len() == RUN {
            // The receiver is there until the sender goes.
            _ = sender.send(std::mem::replace(&mut run, Vec::with_capacity(RUN)));
        }
        made
    };
    let nodes = planning::map_subtree(session, top, make, output).await?;
    _ = sender.send(run);
    drop(sender);
    let pieces = writing.await;
    let pieces = pieces.map_err(|error| Failure::new(format!("cannot write: {error}")))?;
    let unreadable = nodes.iter().filter(|(_, (_, is_readable))| !is_readable);
    let order = nodes.iter().map(|(_, (place, _))| *place);
    Ok(Exported {
        nodes: nodes.len(),
        unreadable: unreadable.map(|(path, _)| path.clone()).collect(),
        text: Text::Pieces {
            order: order.collect(),
            pieces,
        },
    })
}

//! `zkt export`: a live tree as tree text, or as files.

mod files;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

use clap::{Args, ValueHint};
use tokio::sync::mpsc::unbounded_channel;
use zkt::declare::files::reason;
use zkt::export::{self, Options, Pieces};
use zkt::model::acl::Acl;
use zkt::model::node::Live;
use zkt::model::path::{self, ZPath};
use zkt::model::tree::Tree;
use zkt::zookeeper::live;
use zkt::zookeeper::session::Session;

use crate::args::{ServerArgs, TreeFormat};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use crate::render::named;
use crate::{planning, settings};

/// Print a live tree as tree text
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct ExportArgs {
    /// The topmost node
    #[arg(default_value = "/")]
    pub(crate) path: String,
    /// Ephemeral nodes, too, marked @ephemeral
    #[arg(short, long)]
    pub(crate) ephemeral: bool,
    /// Another name for the topmost node
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// ACLs, too, as @acl
    #[arg(long)]
    pub(crate) acl: bool,
    /// Leave out nodes that may not be read, and ACLs that the server masks, with a warning
    #[arg(long)]
    pub(crate) skip_unreadable: bool,
    /// All bytes as they are: JSON that zkt would spell otherwise as @data
    #[arg(long)]
    pub(crate) exact: bool,
    /// Write to this file instead of stdout, all of it or nothing
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Each node as a file below this new directory, and print the lines that declare them
    #[arg(
        long,
        value_name = "DIR",
        value_hint = ValueHint::DirPath,
        conflicts_with_all = ["ephemeral", "name", "acl", "exact", "format"]
    )]
    pub(crate) files: Option<PathBuf>,
    /// How the tree is printed
    #[arg(long, default_value = "zkt")]
    pub(crate) format: TreeFormat,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// How many nodes' texts are made at once.
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
    let is_whole = args.acl || args.format == TreeFormat::Json || args.files.is_some();
    let exported = if is_whole {
        whole(args, &session, &top, &options, output).await
    } else {
        piece_by_piece(&session, &top, &options, output).await
    };
    let hosts = session.hosts();
    session.close().await;
    let exported = exported?;
    if exported.nodes == 0 {
        return Err(Failure::new(format!("{top} does not exist on {hosts}")));
    }
    let complete = judge(args, &exported)?;
    let files = match (&args.files, &exported.text) {
        (Some(directory), Text::Whole(live)) => {
            let beside = args.output.as_deref();
            Some(files::ready(directory, (live, &top), beside)?)
        }
        _ => None,
    };
    let lines = files.as_ref().map(|files| files.lines.clone());
    let write = |out: &mut dyn Write| match (&exported.text, args.format) {
        _ if lines.is_some() => out.write_all(lines.as_deref().unwrap_or_default().as_bytes()),
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
    put(args, output, files, write)?;
    if args.files.is_none() {
        tell_respelled(exported.respelled(&options), output);
    }
    tell_closed(exported.closed, args, output);
    if args.skip_unreadable {
        tell_skipped(&exported, output);
    }
    complete
}

/// Puts the text, and the files that it speaks of, where they belong.
fn put(
    args: &ExportArgs,
    output: &Output,
    files: Option<files::Ready<'_>>,
    write: impl Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let put_files = || files.map_or(Ok(()), |files| files.put(output));
    let Some(file) = &args.output else {
        put_files()?;
        let mut out = output.plain_out();
        write(&mut out)?;
        return Ok(out.flush()?);
    };
    let mut text = Vec::new();
    write(&mut text)?;
    let failed = |error| Failure::new(format!("{}: {}", file.display(), reason(&error)));
    let text = output::Replacement::ready(file, &text, output::Access::Umask);
    let text = text.map_err(failed)?;
    put_files()?;
    text.put().map_err(failed)
}

/// How the command ends when the text is written, or why nothing may be written at all.
fn judge(args: &ExportArgs, exported: &Exported) -> Result<Result<Exit, Failure>, Failure> {
    let incomplete = live::Error::unreadable(exported.unreadable.iter()).map(Failure::from);
    // Without its topmost node there is no tree.
    if exported.nodes == exported.unreadable.len() {
        return Err(incomplete.unwrap_or_else(|| Failure::new("nothing was read")));
    }
    if args.skip_unreadable {
        return Ok(Ok(Exit::Done));
    }
    if !exported.masked.is_empty() {
        let nodes = named(&exported.masked);
        let message = format!("the server masks the ACL of {nodes}: that takes the ADMIN right");
        let hint = "--auth may give it; --skip-unreadable leaves such ACLs out";
        return Err(Failure::new(message).hint(hint));
    }
    // An incomplete tree must not take the place of a complete one.
    match incomplete {
        Some(failure) if args.output.is_some() || args.files.is_some() => Err(failure),
        Some(failure) => Ok(Err(failure)),
        None => Ok(Ok(Exit::Done)),
    }
}

fn tell_skipped(exported: &Exported, output: &Output) {
    if !exported.unreadable.is_empty() {
        let nodes = named(&exported.unreadable);
        output.warning(&format!("left out, as they may not be read: {nodes}"));
    }
    if !exported.masked.is_empty() {
        let nodes = named(&exported.masked);
        output.warning(&format!(
            "left out, as the server masks them: the ACLs of {nodes}; \
             applied elsewhere, these nodes get the ACL around them, or an open one"
        ));
    }
}

fn tell_closed(count: usize, args: &ExportArgs, output: &Output) {
    let nodes = match count {
        0 => return,
        1 => "1 node has an ACL".to_owned(),
        count => format!("{count} nodes have ACLs"),
    };
    let instead = match args.files {
        Some(_) => "files hold none; export --acl shows them, @acl beside @files declares one",
        None => "--acl exports ACLs",
    };
    output.note(&format!(
        "note: {nodes} other than open, left out here; {instead}"
    ));
}

/// A live tree, read to its end.
struct Exported {
    /// How many nodes there are.
    nodes: usize,
    /// Those that may not be read.
    unreadable: Vec<ZPath>,
    /// Those whose ACL was to be exported, and is not shown.
    masked: Vec<ZPath>,
    /// How many have an ACL other than open, which was not to be exported.
    closed: usize,
    text: Text,
}

impl Exported {
    /// How many nodes hold JSON that is spelled otherwise in the text.
    fn respelled(&self, options: &Options) -> usize {
        match &self.text {
            _ if options.exact => 0,
            Text::Whole(live) => export::declarable(live.as_slice(), options.ephemeral)
                .filter(|(path, node)| is_written(path, options) && export::is_respelled(node))
                .count(),
            Text::Pieces { order, pieces } => order
                .iter()
                .filter(|place| pieces[**place / RUN].is_respelled(**place % RUN))
                .count(),
        }
    }
}

/// Whether a node is in the text: the root is, if it gets another name.
fn is_written(path: &ZPath, options: &Options) -> bool {
    !path.is_root() || options.name.is_some()
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
    options: &Options,
    output: &Output,
) -> Result<Exported, Failure> {
    let reads_acls = args.acl || !output.is_quiet();
    let mut live = planning::fetch_subtree(session, top, reads_acls, output).await?;
    let (mut masked, mut closed) = (Vec::new(), 0);
    if args.acl {
        let paths = export::masked(live.as_slice(), options.ephemeral);
        masked.extend(paths.filter(|path| is_written(path, options)).cloned());
    } else {
        let open = Acl::open();
        let nodes = export::declarable(live.as_slice(), options.ephemeral);
        let nodes = nodes.filter(|(path, _)| is_written(path, options));
        let is_closed = |acl: &Arc<Acl>| **acl != open;
        closed = nodes
            .filter(|(_, node)| node.acl.as_ref().is_some_and(is_closed))
            .count();
        for (_, node) in live.iter_mut() {
            if let Live::Read(node) = node {
                node.acl = None;
            }
        }
    }
    let unreadable = live.iter().filter(|(_, node)| node.node().is_none());
    Ok(Exported {
        nodes: live.len(),
        unreadable: unreadable.map(|(path, _)| path.clone()).collect(),
        masked,
        closed,
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
    let (place, wanted) = (top.clone(), options.clone());
    let writing = tokio::task::spawn_blocking(move || {
        let pieces = runs.iter().map(|run| Pieces::of(run, &place, &wanted));
        pieces.collect::<Vec<Pieces>>()
    });
    let (paths, to_look_at) = unbounded_channel();
    // It takes a request a node, for nothing but a note.
    let paths = Some(paths).filter(|_| !output.is_quiet());
    let mut run = Vec::with_capacity(RUN);
    let mut count = 0;
    let (runs, next, places) = (&sender, &mut run, &mut count);
    // A node is known by its place among all, and whether it may be read.
    let make = move |path: &ZPath, live: Live| {
        let made = (*places, live.node().is_some());
        *places += 1;
        let node = live.node();
        let node = node.filter(|node| options.ephemeral || !node.ephemeral);
        if let Some(paths) = paths.as_ref().filter(|_| node.is_some())
            && is_written(path, options)
        {
            // Where that reading has failed, so does the export.
            _ = paths.send(path.clone());
        }
        next.push((path.clone(), live));
        if next.len() == RUN {
            // The receiver is there until the sender goes.
            _ = runs.send(std::mem::replace(next, Vec::with_capacity(RUN)));
        }
        made
    };
    let looking = async { Ok(live::closed(session, to_look_at).await?) };
    let reading = planning::map_subtree(session, top, make, output);
    let (nodes, closed) = tokio::try_join!(reading, looking)?;
    // Which nodes belong to records is known when all are read.
    let is_exported = |path: &&ZPath| nodes.binary_search_by(|(one, _)| one.cmp(path)).is_ok();
    let closed = closed.iter().filter(is_exported).count();
    _ = sender.send(run);
    drop(sender);
    let pieces = writing.await;
    let pieces = pieces.map_err(|error| Failure::new(format!("cannot write: {error}")))?;
    let unreadable = nodes.iter().filter(|(_, (_, is_readable))| !is_readable);
    let order = nodes.iter().map(|(_, (place, _))| *place);
    Ok(Exported {
        nodes: nodes.len(),
        unreadable: unreadable.map(|(path, _)| path.clone()).collect(),
        masked: Vec::new(),
        closed,
        text: Text::Pieces {
            order: order.collect(),
            pieces,
        },
    })
}

//! What a plan starts from: declared tree and session. Files are parsed on a thread of their own, and
//! declared nodes are read from the server while parsing goes on.

use std::pin::pin;

use tokio::sync::mpsc;
use zkt::declare::Source;
use zkt::zookeeper::live::{self, FetchOptions, ReadAhead};
use zkt::zookeeper::session::Session;

use crate::args::{LayerArgs, PlanOptions, ServerArgs};
use crate::declare::{self, Destination, System};
use crate::exit::Failure;
use crate::output::Output;
use crate::{planning, settings};

/// A declared tree, a session, and the declared nodes that have been read through it.
pub(crate) struct Opening {
    pub(crate) source: Source,
    pub(crate) session: Session,
    pub(crate) ahead: ReadAhead,
}

/// Reads layers and connects, both at once. Problems of the layers are printed whether or not
/// there is a server.
pub(crate) async fn open(
    sources: &LayerArgs,
    options: &PlanOptions,
    server: &ServerArgs,
    output: &Output,
) -> Result<Opening, Failure> {
    let place = planning::place(options)?;
    let reads_all = planning::filter(options)?.is_everything();
    let connection = settings::session_options(server)?;
    let (sender, mut paths) = mpsc::unbounded_channel();
    let sender = reads_all.then_some(sender);
    let (names, files) = (sources.layers.clone(), sources.files.files());
    let (allow_empty, secrets) = (options.allow_empty, sources.files.secrets());
    let to = Destination {
        at: place,
        system: System::of(&connection),
    };
    let loading = tokio::task::spawn_blocking(move || {
        // If connecting has failed, nothing receives them any more.
        let mut met = |paths| {
            if let Some(sender) = &sender {
                _ = sender.send(paths);
            }
        };
        let layers = declare::layers(&names, allow_empty, &to, &files).secrets(secrets);
        zkt::declare::load(match reads_all {
            true => layers.observer(&mut met),
            false => layers,
        })
    });
    let connecting = async {
        let session = Session::open(&connection).await?;
        let bar = output.progress("reading", 0);
        let mut progress = |nodes: usize| bar.set_position(nodes as u64);
        let options = FetchOptions::default();
        // Both are asked at once: a server far away takes its time for each.
        let (checked, ahead) = tokio::join!(
            session.check_chroot(),
            live::read_ahead(&session, &mut paths, &options, &mut progress),
        );
        bar.finish_and_clear();
        checked?;
        Ok::<_, Failure>((session, ahead?))
    };
    let (mut loading, mut connecting) = (pin!(loading), pin!(connecting));
    let mut connected = None;
    let loaded = loop {
        tokio::select! {
            loaded = &mut loading => break loaded,
            result = &mut connecting, if connected.is_none() => connected = Some(result),
        }
    };
    let loaded =
        loaded.map_err(|error| Failure::new(format!("cannot read the layers: {error}")))?;
    let source = loaded.map_err(|problems| declare::report(&problems, output))?;
    let source = planning::narrow(source, options, output)?;
    let (session, ahead) = match connected {
        Some(result) => result?,
        None => connecting.await?,
    };
    Ok(Opening {
        source,
        session,
        ahead,
    })
}

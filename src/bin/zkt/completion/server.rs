//! What a server holds.

use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::scope::{Children, Want};
use zkt::syntax::characters::is_visible;
use zkt::zookeeper::live::{self, FetchOptions};
use zkt::zookeeper::session::{Options, Session, Wait};

use super::so_far::SoFar;
use crate::args::ServerArgs;
use crate::sasl;
use crate::settings;

/// How long a session outlives an answer for which there was no time.
const SESSION: Duration = Duration::from_secs(5);

/// The paths of live nodes that begin so, one segment further.
pub(super) fn paths(so_far: &SoFar, current: &str) -> Vec<CompletionCandidate> {
    let current = if current.is_empty() { "/" } else { current };
    let Some((above, begun)) = current.rsplit_once('/') else {
        return Vec::new();
    };
    let found = so_far.server().and_then(|(server, _)| {
        let options = connection(&server)?;
        so_far.within(below(options, above, begun))
    });
    candidates(found.unwrap_or_default())
}

/// The names of owners that begin so.
pub(super) fn owners(so_far: &SoFar, current: &str) -> Vec<CompletionCandidate> {
    let found = so_far.server().and_then(|(server, owner)| {
        let options = connection(&server)?;
        let place = ZPath::parse_lenient(&owner?.owner_path).ok()?;
        so_far.within(async {
            let session = Session::connect(&options).await.ok()?;
            let names = names(&session, &place, current).await;
            session.close().await;
            names
        })
    });
    candidates(found.unwrap_or_default())
}

/// How to connect. A password that is read only once is for the command.
fn connection(server: &ServerArgs) -> Option<Options> {
    if sasl::is_stream(server) {
        return None;
    }
    settings::session_options(server).ok().map(options)
}

fn candidates(words: Vec<String>) -> Vec<CompletionCandidate> {
    words.into_iter().map(CompletionCandidate::new).collect()
}

/// A short session that tries once.
fn options(given: Options) -> Options {
    Options {
        session_timeout: given.session_timeout.min(SESSION),
        wait: Wait::No,
        ..given
    }
}

async fn below(options: Options, above: &str, begun: &str) -> Option<Vec<String>> {
    let place = match above {
        "" => ZPath::root(),
        above => ZPath::parse_lenient(above).ok()?,
    };
    let session = Session::connect(&options).await.ok()?;
    let names = names(&session, &place, begun).await;
    let mut words: Vec<String> = names
        .iter()
        .flatten()
        .map(|name| format!("{above}/{name}"))
        .collect();
    // If only one is left, its children are the next question.
    if let [only] = words.as_slice()
        && let Ok(path) = ZPath::parse_lenient(only)
        && let Some(live) = read(&session, &path, Children::Skip).await
        && live
            .get(&path)
            .and_then(Live::node)
            .is_some_and(|node| node.children > 0)
    {
        words.push(format!("{only}/"));
    }
    session.close().await;
    Some(words)
}

/// The names of the children that begin so.
async fn names(session: &Session, place: &ZPath, begun: &str) -> Option<Vec<String>> {
    let live = read(session, place, Children::List).await?;
    let children = live
        .iter()
        .filter(|(path, _)| path.parent().as_ref() == Some(place));
    let names = children.map(|(path, _)| path.name().to_owned());
    // What cannot be seen, or reorders the line, is not to be picked from a list.
    let is_safe = |name: &String| name.chars().all(is_visible);
    let names = names.filter(|name| name.starts_with(begun));
    Some(names.filter(is_safe).collect())
}

async fn read(session: &Session, path: &ZPath, children: Children) -> Option<Tree<Live>> {
    let wants = [Want {
        path: path.clone(),
        children,
        acl: false,
    }];
    let options = FetchOptions {
        retries: 0,
        ..FetchOptions::read_only()
    };
    live::fetch(session, &wants, &options, &mut |_| {})
        .await
        .ok()
}

//! Live nodes beyond those of a plan, by which it is known again on which ensemble it was made.

use super::Error;
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::Plan;
use crate::model::tree::Tree;
use crate::plan::saved::{grounds, needs_landmark};
use crate::plan::scope::{Children, Want};
use crate::zookeeper::live::{self, FetchOptions};
use crate::zookeeper::session::Session;

/// Of so many top-level nodes one is the landmark.
const MOST_READ: usize = 64;

/// Reads what the new nodes of a plan stand on, as far as `live` does not have it.
///
/// # Errors and cancellation safety
/// As [`live::fetch`].
pub(super) async fn read(
    session: &Session,
    plan: &Plan,
    live: &mut Tree<Live>,
) -> Result<(), Error> {
    let grounds = grounds(plan);
    let missing = grounds.into_iter().filter(|path| live.get(path).is_none());
    let found = fetch(session, missing, Children::Skip).await?;
    live.merge(found);
    if !needs_landmark(plan, live) {
        return Ok(());
    }
    let tops = fetch(session, [ZPath::root()], Children::List).await?;
    let is_read = |path: &ZPath| live.get(path).and_then(Live::node).is_some();
    let beside = tops.iter().map(|(path, _)| path);
    let beside = beside.filter(|path| !path.is_root() && !is_read(path));
    let beside: Vec<ZPath> = beside.take(MOST_READ).cloned().collect();
    let found = fetch(session, beside, Children::Skip).await?;
    live.merge(found);
    Ok(())
}

async fn fetch(
    session: &Session,
    paths: impl IntoIterator<Item = ZPath>,
    children: Children,
) -> Result<Vec<(ZPath, Live)>, live::Error> {
    let wants = paths.into_iter().map(|path| Want {
        path,
        children,
        acl: false,
    });
    let wants: Vec<Want> = wants.collect();
    if wants.is_empty() {
        return Ok(Vec::new());
    }
    let found = live::fetch(session, &wants, &FetchOptions::default(), &mut |_| {}).await?;
    Ok(found.into_iter().collect())
}

//! The hint about plain secrets, in the log.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use zkt::model::plan::Plan;
use zkt::watch::State;

use crate::render;

/// Starts to hint at what plans show and look secret, each such value once, until the watch ends.
pub(super) fn start(mut states: watch::Receiver<State>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut seen: Option<Arc<Plan>> = None;
        let mut last = None;
        while states.changed().await.is_ok() {
            let plan = states.borrow_and_update().plan.clone();
            let Some(plan) = plan else { continue };
            if seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &plan)) {
                continue;
            }
            let hint = render::exposed(&plan);
            if hint.is_some() && hint != last {
                let text = hint.clone().unwrap_or_default();
                tracing::warn!("{text}");
                last = hint;
            }
            seen = Some(plan);
        }
    })
}

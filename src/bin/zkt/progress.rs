//! What is shown while a plan is made or carried out.

use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;
use serde_json::{Value, json};
use zkt::reconcile::{Observer, Progress};
use zkt::zookeeper::executor::{Batch, BatchKind, Event};

use crate::args::Format;
use crate::output::Output;

/// Shows a bar for what takes long and, in JSON, a line for each batch that stands.
#[derive(Clone)]
pub(crate) struct Shown {
    output: Output,
    format: Format,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Shown {
    pub(crate) fn new(output: &Output, format: Format) -> Self {
        Self {
            output: *output,
            format,
            bar: Arc::default(),
        }
    }

    pub(crate) fn observer(&self) -> Observer {
        let shown = self.clone();
        Observer::new(move |progress| shown.note(progress))
    }

    /// Takes away the bar.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, message: &'static str, position: usize, total: usize) {
        let mut bar = self.bar();
        let bar = bar.get_or_insert_with(|| self.output.progress(message, total));
        bar.set_position(position as u64);
    }

    fn note(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Reading { nodes, of } => {
                self.set("reading", *nodes, if *of > 1 { *of } else { 0 });
            }
            Progress::Read { nodes } => {
                self.clear();
                tracing::info!(nodes, "read the live tree");
            }
            Progress::Executing { of, event } => match event {
                Event::Starting(batch) => self.set("applying", batch.actions.start, *of),
                Event::Committed(batch) => {
                    tracing::info!(
                        batch = batch.index + 1,
                        of = batch.count,
                        operations = batch.operations,
                        "committed"
                    );
                    self.set("applying", batch.actions.end, *of);
                    if self.format == Format::Json {
                        // The report tells what stands, whether or not somebody reads the events.
                        let mut out = self.output.out();
                        _ = writeln!(out, "{}", batch_json(batch));
                        _ = out.flush();
                    }
                }
                Event::NotCommitted(_) | Event::Action(..) => {}
            },
        }
    }
}

/// One line of JSON for a batch that stands.
fn batch_json(batch: &Batch) -> Value {
    let kind = match batch.kind {
        BatchKind::Atomic => "atomic",
        BatchKind::Acls => "acls",
    };
    json!({
        "event": "batch", "kind": kind,
        "batch": batch.index + 1, "batches": batch.count,
        "actions": batch.actions.len(),
        "operations": batch.operations,
    })
}

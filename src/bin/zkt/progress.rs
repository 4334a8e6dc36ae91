//! What is shown while a plan is made or carried out.

use std::io::Write as _;
use std::ops::Range;
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
    bar: Arc<Mutex<Bar>>,
}

/// What is drawn, and what it stands for.
#[derive(Default)]
struct Bar {
    drawn: Option<ProgressBar>,
    committed: Committed,
}

/// The actions of the batches that stand. Those in flight end in any order.
#[derive(Default)]
struct Committed {
    /// Actions that are in a committed batch, by their index.
    actions: Vec<bool>,
    count: usize,
}

impl Committed {
    fn add(&mut self, actions: Range<usize>) {
        if self.actions.len() < actions.end {
            self.actions.resize(actions.end, false);
        }
        for is_committed in &mut self.actions[actions] {
            self.count += usize::from(!*is_committed);
            *is_committed = true;
        }
    }
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
        if let Some(bar) = std::mem::take(&mut *self.bar()).drawn {
            bar.finish_and_clear();
        }
    }

    fn bar(&self) -> MutexGuard<'_, Bar> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, message: &'static str, position: usize, total: usize) {
        let mut bar = self.bar();
        let drawn = &mut bar.drawn;
        let drawn = drawn.get_or_insert_with(|| self.output.progress(message, total));
        drawn.set_position(position as u64);
    }

    /// Shows how many actions stand.
    fn set_committed(&self, total: usize) {
        let count = self.bar().committed.count;
        self.set("applying", count, total);
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
                Event::Starting(_) => self.set_committed(*of),
                Event::Committed(batch) => {
                    tracing::info!(
                        batch = batch.index + 1,
                        of = batch.count,
                        operations = batch.operations,
                        "committed"
                    );
                    self.bar().committed.add(batch.actions.clone());
                    self.set_committed(*of);
                    if self.format == Format::Json {
                        // If nobody reads the events, the report still says what was written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_counts_once_in_whichever_order_batches_end() {
        let mut committed = Committed::default();
        let counts = [4..6, 0..2, 1..5, 4..6].map(|batch| {
            committed.add(batch);
            committed.count
        });
        assert_eq!(counts, [2, 4, 6, 6]);
    }
}

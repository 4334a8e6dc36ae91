//! Inputs that nobody meant well, or nobody meant at all, and many of them: see `make fuzz`.
//!
//! A program of its own, since its allocator counts. What only the command line has is tried in `src/bin/zkt/fuzz.rs`,
//! by the same engine.

#![allow(clippy::unwrap_used)]
#![allow(
    clippy::too_many_lines,
    reason = "lists of what there is make functions long"
)]

mod deep;
mod engine;
mod frames;
mod growth;
mod layers;
mod replies;
mod saved;
mod texts;
mod values;

use engine::Work;

/// Measures what this thread takes.
fn measured(work: &mut dyn FnMut()) -> Work {
    let info = allocation_counter::measure(work);
    Work {
        count: info.count_total,
        in_all: info.bytes_total,
        at_once: info.bytes_max,
    }
}

/// The trees that tests and people read, to make others of.
fn trees() -> Vec<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [
        "tests/it/fixtures/valid",
        "tests/it/fixtures/invalid",
        "examples",
    ];
    let disk = zkt::Disk::default();
    let files = folders.iter().flat_map(|folder| {
        let everything = zkt::declare::files::Root::everything();
        zkt::declare::tree_files(&root.join(folder), &everything, &disk).unwrap()
    });
    files.map(|file| std::fs::read(file).unwrap()).collect()
}

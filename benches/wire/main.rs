//! zkt beside the floor, which is what the server itself takes for the same requests.
//!
//! A ratio holds wherever it is measured, a time does not. So both are measured in one run, in
//! turns, on one server, with the same nodes, and what counts is the ratio.
//!
//! ```text
//! cargo bench --bench wire -- [--quick] [--large] [--watch] [--tree LAYER] [--embedded]
//! ```
//!
//! `--watch` measures `zkt watch` alone.
//!
//! `--tree` takes any layer of tree text in place of the trees that are made here, without `@acl`,
//! `@keep`, `@ignore` and `@protect`: the floor knows nothing of them. `--embedded` measures only
//! `zkt serve`, beside a ZooKeeper without fsync. `--quick` is so small that its figures mean nothing:
//! it shows that everything runs. That is what `cargo test` does with it.

#![allow(clippy::unwrap_used)]

mod child;
mod distance;
mod embedded;
mod floor;
mod lab;
mod machine;
mod mixed;
// Not all that tests do with their server is done here.
#[allow(dead_code)]
#[path = "../../tests/zookeeper/process.rs"]
mod server;
mod shapes;
mod subject;
mod table;
mod trees;
mod views;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::{Effort, Lab};
use machine::Machine;
use mixed::Cost;
use shapes::Sizes;
use subject::Subject;
use table::Report;
use views::Changes;
use watch::Vigil;

/// What is measured.
struct Extent {
    effort: Effort,
    /// How many nodes the mixed trees have.
    mixed: &'static [usize],
    /// How many nodes the embedded server is measured with.
    served: usize,
    /// How many changes are seen through views.
    changes: Changes,
    /// Shapes beside the largest of them.
    shapes: Option<Sizes>,
    watch: Option<Vigil>,
}

const QUICK: Extent = Extent {
    effort: Effort {
        rounds: 1,
        warm_up: None,
    },
    mixed: &[100, 300],
    served: 300,
    changes: Changes { each: 3, many: 50 },
    shapes: Some(Sizes {
        nodes: 1000,
        depth: 50,
        large: (3, 50_000),
        files: 5,
    }),
    watch: Some(Vigil {
        files: 3,
        nodes: 100,
        rounds: 2,
        lasts: Duration::from_secs(1),
        rate: 100,
    }),
};

const USUAL: Extent = Extent {
    effort: Effort {
        rounds: 5,
        warm_up: Some((20_000, 10)),
    },
    mixed: &[10_000, 100_000],
    served: 100_000,
    changes: Changes {
        each: 200,
        many: 10_000,
    },
    shapes: Some(Sizes {
        nodes: 100_000,
        depth: 2000,
        large: (1000, 500_000),
        files: 2000,
    }),
    watch: Some(Vigil {
        files: 100,
        nodes: 1000,
        rounds: 10,
        lasts: Duration::from_secs(60),
        rate: 1000,
    }),
};

const LARGE: Extent = Extent {
    mixed: &[10_000, 1_000_000],
    shapes: None,
    watch: None,
    ..USUAL
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if has(child::STARTER) {
        child::start_children().expect("the pipes hold");
        return;
    }
    let after = |option: &str| {
        let at = arguments.iter().position(|argument| argument == option)?;
        arguments.get(at + 1)
    };
    let tree = after("--tree");
    let is_word = |argument: &&String| !argument.starts_with('-') && Some(*argument) != tree;
    let words: Vec<&String> = arguments.iter().filter(is_word).collect();
    if has("--list") {
        println!("wire: test");
        return;
    }
    // Another bench or test is meant.
    if !words.is_empty() && !words.iter().any(|word| "wire".contains(&***word)) {
        return;
    }
    let is_test = !has("--bench");
    let is_quick = is_test || has("--quick");
    let extent = match (is_quick, has("--large")) {
        (true, _) => QUICK,
        (false, true) => LARGE,
        (false, false) => USUAL,
    };
    let report = match tree {
        None if has("--watch") => watch_alone(&extent, is_test),
        Some(layer) => own_tree(&extent, layer, is_test),
        None if has("--views") => viewed(&extent, is_test),
        None if has("--embedded") => served(&extent, is_test),
        None => all(&extent, is_test),
    };
    let name = if is_quick {
        "wire-quick.json"
    } else {
        "wire.json"
    };
    let file = file(name);
    report.write(&file);
    println!("wire: {}", file.display());
    if is_quick {
        table::check(&file);
        println!("wire: everything runs; figures of a quick run mean nothing");
    }
}

/// Beside what else the build makes.
fn file(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.expect("a folder").join("bench").join(name)
}

fn own_tree(extent: &Extent, layer: &str, quiet: bool) -> Report {
    let load = machine::load();
    let mut lab = Lab::new(extent.effort);
    let mut report = Report::new(Machine::of(&lab.server, load), quiet);
    let subject = Subject::read(Path::new(layer));
    report.add(mixed::measure(&mut lab, layer, &subject).0);
    report
}

fn viewed(extent: &Extent, quiet: bool) -> Report {
    let load = machine::load();
    let lab = Lab::with(extent.effort, embedded::WITHOUT_FSYNC);
    let mut report = Report::new(Machine::of(&lab.server, load), quiet);
    report.add(views::measure(&lab, extent.changes));
    report
}

fn served(extent: &Extent, quiet: bool) -> Report {
    let load = machine::load();
    let lab = Lab::with(extent.effort, embedded::WITHOUT_FSYNC);
    let mut report = Report::new(Machine::of(&lab.server, load), quiet);
    report.add(embedded::measure(&lab, extent.served));
    report
}

fn watch_alone(extent: &Extent, quiet: bool) -> Report {
    let load = machine::load();
    let mut lab = Lab::new(extent.effort);
    let mut report = Report::new(Machine::of(&lab.server, load), quiet);
    if let Some(vigil) = extent.watch {
        report.add(watch::measure(&mut lab, vigil));
    }
    report
}

/// Each tree has a new server, so that what one wrote slows down no other.
fn all(extent: &Extent, quiet: bool) -> Report {
    let load = machine::load();
    let mut lab = Lab::new(extent.effort);
    let mut report = Report::new(Machine::of(&lab.server, load), quiet);
    report.add(mixed::short_file(&mut lab));
    let mut costs: Vec<Cost> = Vec::new();
    for &size in extent.mixed {
        lab = lab.renewed();
        let subject = lab.subject("mixed", &trees::mixed(size, "site", 1));
        let (section, cost) = mixed::measure(&mut lab, "the mixed tree", &subject);
        report.add(section);
        if costs.is_empty() {
            report.add(distance::measure(&mut lab, &subject));
        }
        costs.push(cost);
    }
    let (Some(small), Some(large)) = (costs.first(), costs.last()) else {
        return report;
    };
    report.add(mixed::growth(small, large));
    for shape in extent.shapes.into_iter().flat_map(shapes::all) {
        lab = lab.renewed();
        report.add(shape.measure(&mut lab, large));
    }
    if let Some(vigil) = extent.watch {
        lab = lab.renewed();
        report.add(watch::measure(&mut lab, vigil));
    }
    drop(lab);
    let lab = Lab::with(extent.effort, embedded::WITHOUT_FSYNC);
    report.add(embedded::measure(&lab, extent.served));
    report.add(views::measure(&lab, extent.changes));
    report
}

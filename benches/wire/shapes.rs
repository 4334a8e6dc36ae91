//! Trees of other shapes than the mixed one. Each may cost twice as much as that for the same
//! number of nodes, or of bytes where its nodes or their paths are large.

use std::fmt::Write as _;
use std::fs;

use crate::floor::{self, READING, WRITING};
use crate::lab::{Lab, Runs};
use crate::mixed::Cost;
use crate::subject::{Node, Subject};
use crate::table::{Figure, Goal, Row, Section, Unit};
use crate::trees;

/// A tree of another shape.
pub(crate) struct Shape {
    name: &'static str,
    per: Per,
    /// The files of the layer, by name. They are made when it is their turn: all are large.
    files: Box<dyn FnOnce() -> Vec<(String, String)>>,
    /// How many nodes live on the server, where that is more than the declared ones.
    live: usize,
}

/// What the cost of a shape goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Node,
    /// Of text, paths and data.
    Byte,
}

/// How large the shapes are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Of the shapes that have many nodes.
    pub(crate) nodes: usize,
    /// How deep the chain is.
    pub(crate) depth: usize,
    /// How many large nodes there are, and their bytes.
    pub(crate) large: (usize, usize),
    /// How many files a layer has.
    pub(crate) files: usize,
}

/// All of them.
pub(crate) fn all(sizes: Sizes) -> Vec<Shape> {
    let Sizes {
        nodes,
        depth,
        large: (count, bytes),
        files,
    } = sizes;
    let few = nodes / 100;
    vec![
        shape("one node with many children", Per::Node, move || {
            wide(nodes)
        }),
        shape("a chain", Per::Byte, move || chain(depth)),
        shape("large nodes", Per::Byte, move || heavy(count, bytes)),
        shape("nodes without data", Per::Node, move || empty(nodes)),
        Shape {
            name: "a layer of many files",
            per: Per::Node,
            files: Box::new(move || many(files, nodes / files)),
            live: 0,
        },
        Shape {
            live: nodes,
            ..shape("a hundredth of what lives", Per::Node, move || {
                trees::mixed(few, "site", 1)
            })
        },
    ]
}

/// A shape of one file.
fn shape(name: &'static str, per: Per, text: impl FnOnce() -> String + 'static) -> Shape {
    Shape {
        name,
        per,
        files: Box::new(|| vec![("tree.zkt".to_owned(), text())]),
        live: 0,
    }
}

fn wide(count: usize) -> String {
    let mut text = "/all\n".to_owned();
    for number in 0..count {
        let (a, b) = (number / 250 % 250, number % 250);
        _ = write!(
            text,
            "  /host-{number:06}\n    address = '10.0.{a}.{b}:8080'\n    weight = {b}.5\n    \
             tags = ['blue', 'rack-{a}', {b}]\n    note = 'one of many, in row {a}'\n"
        );
    }
    text
}

fn chain(depth: usize) -> String {
    let mut text = String::new();
    for level in 0..depth {
        let indent = "  ".repeat(level);
        _ = write!(text, "{indent}/n\n{indent}  level = {level}\n");
    }
    text
}

fn heavy(count: usize, bytes: usize) -> String {
    let line = "worker_processes auto;  # für alle\\n";
    let value = line.repeat(bytes / line.len());
    let mut text = "/configuration\n".to_owned();
    for number in 0..count {
        _ = write!(text, "  /file-{number:04}\n    string_value = '{value}'\n");
    }
    text
}

fn empty(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let name = if number % 50 == 0 {
            "/group"
        } else {
            "  /member"
        };
        _ = writeln!(text, "{name}-{number:06}");
    }
    text
}

fn many(files: usize, nodes: usize) -> Vec<(String, String)> {
    let file = |number: usize| {
        let name = format!("part-{number:04}");
        let text = trees::mixed(nodes, &name, number as u64);
        (format!("{name}.zkt"), text)
    };
    (0..files).map(file).collect()
}

impl Shape {
    /// Measures the shape beside the floor, and beside the mixed tree.
    pub(crate) fn measure(self, lab: &mut Lab, mixed: &Cost) -> Section {
        let layer = lab.file("shape");
        fs::create_dir(&layer).expect("a folder of its own");
        for (name, text) in (self.files)() {
            fs::write(layer.join(name), text).expect("a file of its own");
        }
        let subject = Subject::read(&layer);
        let mut rows = Vec::new();
        let (whose, reference) = if self.live > 0 {
            let alone = measure(lab, &subject, &Around::default(), &mut Vec::new());
            ("the tree alone", alone)
        } else {
            ("the mixed tree", mixed.clone())
        };
        let around = Around::new(lab, &subject, self.live);
        let cost = measure(lab, &subject, &around, &mut rows);
        for (what, figure) in &cost.figures {
            let of = |cost: &Cost, figure: &Figure| match self.per {
                Per::Node => figure.scaled(1.0 / cost.nodes as f64),
                Per::Byte => figure.scaled(1.0 / cost.bytes as f64),
            };
            let (unit, per) = match self.per {
                Per::Node => (Unit::SecondsPerNode, "node"),
                Per::Byte => (Unit::SecondsPerByte, "byte"),
            };
            rows.push(Row {
                what: format!("  {what}, a {per}: {whose}"),
                unit,
                against: of(&reference, reference.figure(what)),
                zkt: of(&cost, figure),
                goal: Goal::AtMost(2.0),
            });
        }
        fs::remove_dir_all(&layer).expect("a folder of its own");
        Section {
            name: self.name.to_owned(),
            about: subject.about(),
            rows,
        }
    }
}

/// Undeclared nodes: below the first declared one, and beside it.
#[derive(Debug, Default)]
struct Around {
    below: Vec<Node>,
    beside: Vec<Node>,
}

impl Around {
    /// So many that with the declared ones `live` nodes stand on the server.
    fn new(lab: &Lab, subject: &Subject, live: usize) -> Self {
        let mut around = Self::default();
        let Some(count) = live.checked_sub(subject.nodes.len()) else {
            return around;
        };
        let others = lab.subject("others", &trees::mixed(count, "other", 2));
        let mut is_below = false;
        for node in others.nodes {
            is_below ^= node.path.rfind('/') == Some(0);
            if is_below {
                let path = format!("{}{}", subject.nodes[0].path, node.path);
                around.below.push(Node { path, ..node });
            } else {
                around.beside.push(node);
            }
        }
        around
    }
}

fn measure(lab: &mut Lab, subject: &Subject, around: &Around, rows: &mut Vec<Row>) -> Cost {
    let chroot = lab.chroot("shape");
    let create = floor::create(&chroot, &subject.nodes, WRITING);
    let delete = floor::delete(&chroot, &subject.nodes, WRITING);
    let read = floor::read(&chroot, &subject.nodes, READING);
    let (hosts, layer) = (lab.hosts(&chroot), subject.layer.display().to_string());
    let plan = ["plan", "-c", &hosts, &layer];
    let apply = ["apply", "-y", "-c", &hosts, &layer];
    lab.floor(&floor::create(&chroot, &around.beside, WRITING));
    lab.zkt_says(&apply, "Done: ");
    lab.zkt_says(&plan, "No changes: ");
    lab.floor(&delete);

    let (mut created, mut applied) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds {
        created.add(lab.floor(&create));
        lab.floor(&delete);
        applied.add(lab.zkt(&apply).wall);
        lab.floor(&delete);
    }
    lab.floor(&create);
    lab.floor(&floor::create(&chroot, &around.below, WRITING));
    lab.zkt_says(&plan, "No changes: ");
    let (mut floor, mut planned) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds {
        floor.add(lab.floor(&read));
        planned.add(lab.zkt(&plan).wall);
    }
    lab.floor(&floor::delete(&chroot, &around.below, WRITING));
    lab.floor(&floor::delete(&chroot, &around.beside, WRITING));
    lab.clear(&chroot, subject);
    let mut row = |what: &str, against: &Runs, zkt: &Runs| {
        rows.push(Row {
            what: what.to_owned(),
            unit: Unit::Seconds,
            against: against.figure(),
            zkt: zkt.figure(),
            goal: Goal::None,
        });
    };
    row("plan, nothing to do", &floor, &planned);
    row("apply of a new tree", &created, &applied);
    let figures = vec![("plan", planned.figure()), ("apply", applied.figure())];
    Cost::new(subject, figures)
}

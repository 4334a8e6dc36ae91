//! Everything that zkt does with one tree, each beside the floor of the same work.

use crate::floor::{self, READING, WRITING};
use crate::lab::{Lab, Runs};
use crate::subject::{Node, Subject};
use crate::table::{Figure, Goal, Row, Section, Unit};
use crate::trees;

/// What of the nodes is changed, and what is removed.
const CHANGED: f64 = 0.01;
const REMOVED: f64 = 0.1;
/// The shorter runs are, the more they vary: there are so many times more of what is short.
const SHORT: usize = 4;
/// What writes may take in the end, in floors beyond a plan.
const WRITES: f64 = 1.5;

/// What work on a tree takes, to be compared with that on other trees.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    pub(crate) nodes: usize,
    /// Of text, paths and data.
    pub(crate) bytes: usize,
    /// Seconds, by what is done.
    pub(crate) figures: Vec<(&'static str, Figure)>,
}

impl Cost {
    pub(crate) fn new(subject: &Subject, figures: Vec<(&'static str, Figure)>) -> Self {
        let bytes = |node: &Node| node.path.len() + node.data.len();
        Self {
            nodes: subject.nodes.len(),
            bytes: subject.text + subject.nodes.iter().map(bytes).sum::<usize>(),
            figures,
        }
    }

    pub(crate) fn figure(&self, name: &str) -> &Figure {
        let mut figures = self.figures.iter();
        let (_, figure) = figures.find(|(what, _)| *what == name).expect(name);
        figure
    }
}

/// The section about a tree, and what it takes.
pub(crate) fn measure(lab: &mut Lab, name: &str, subject: &Subject) -> (Section, Cost) {
    let mut rows = Vec::new();
    let (plan, export) = reading(lab, subject, &mut rows);
    let apply = creating(lab, subject, &mut rows);
    changing(lab, subject, &mut rows);
    trimming(lab, subject, &mut rows);
    let check = checking(lab, subject, &mut rows);
    let figures = vec![
        ("plan", plan),
        ("apply", apply),
        ("export", export),
        ("check", check),
    ];
    let section = Section {
        name: name.to_owned(),
        about: subject.about(),
        rows,
    };
    (section, Cost::new(subject, figures))
}

/// What a node costs in a large tree, beside what it costs in a small one.
pub(crate) fn growth(small: &Cost, large: &Cost) -> Section {
    let a_node = |cost: &Cost, figure: &Figure| figure.scaled(1.0 / cost.nodes as f64);
    let row = |(what, figure): &(&'static str, Figure)| Row {
        what: format!("{what}, a node"),
        unit: Unit::SecondsPerNode,
        against: a_node(small, small.figure(what)),
        zkt: a_node(large, figure),
        goal: Goal::AtMost(1.3),
    };
    Section {
        name: "growth".to_owned(),
        about: format!("{} nodes beside {} (against)", large.nodes, small.nodes),
        rows: large.figures.iter().map(row).collect(),
    }
}

fn row(what: &str, against: Figure, zkt: Figure, goal: Goal) -> Row {
    let what = what.to_owned();
    let unit = Unit::Seconds;
    Row {
        what,
        unit,
        against,
        zkt,
        goal,
    }
}

/// `check` of a few lines, from start to exit.
pub(crate) fn short_file(lab: &mut Lab) -> Section {
    let text: Vec<String> = trees::mixed(30, "site", 1)
        .lines()
        .take(30)
        .map(|line| format!("{line}\n"))
        .collect();
    let subject = lab.subject("short", &text.concat());
    let layer = subject.layer.display().to_string();
    lab.zkt_says(&["check", &layer], "ok: ");
    let mut wall = Runs::default();
    for _ in 0..lab.effort.rounds * SHORT {
        wall.add(lab.zkt(&["check", &layer]).wall);
    }
    let limit = Figure::computed(0.010);
    Section {
        name: "a file of 30 lines".to_owned(),
        about: subject.about(),
        rows: vec![row("check", limit, wall.figure(), Goal::AtMost(1.0))],
    }
}

/// `plan` with nothing to do, its reading stage, its memory, and `export`.
fn reading(lab: &mut Lab, subject: &Subject, rows: &mut Vec<Row>) -> (Figure, Figure) {
    let chroot = lab.chroot("read");
    lab.floor(&floor::create(&chroot, &subject.nodes, WRITING));
    let read = floor::read(&chroot, &subject.nodes, READING);
    let (hosts, layer) = (lab.hosts(&chroot), subject.layer.display().to_string());
    let plan = ["plan", "-c", &hosts, &layer];
    // Without the note about ACLs, which would have to be read.
    let export = ["export", "-q", "-c", &hosts];
    lab.zkt_says(&plan, "No changes: ");
    let exported = lab.file("exported.zkt");
    lab.zkt_to(&export, &exported);
    let of_export = ["plan", "-c", &hosts, &exported.display().to_string()];
    lab.zkt_says(&of_export, "No changes: ");

    let [mut floor, mut stage, mut planned, mut memory, mut exports] = [const { Runs::new() }; 5];
    for _ in 0..lab.effort.rounds * SHORT {
        floor.add(lab.floor(&read));
        stage.add(lab.fetch(subject, &chroot));
        let usage = lab.zkt(&plan);
        planned.add(usage.wall);
        memory.add_number(usage.peak_memory as f64);
        exports.add(lab.zkt(&export).wall);
    }
    lab.clear(&chroot, subject);

    let floor = floor.figure();
    let (plan, most) = (planned.figure(), Goal::AtMost);
    rows.push(row(
        "plan, nothing to do",
        floor.clone(),
        plan.clone(),
        most(2.0),
    ));
    rows.push(row(
        "  its reading stage",
        floor.clone(),
        stage.figure(),
        most(1.3),
    ));
    let export = exports.figure();
    rows.push(row("export", floor, export.clone(), most(1.5)));
    let allowed = (20 << 20) + subject.nodes.len() * 1024;
    rows.push(Row {
        what: "plan: memory, 20 MiB + 1 KiB a node".to_owned(),
        unit: Unit::Bytes,
        against: Figure::computed(allowed as f64),
        zkt: memory.figure(),
        goal: most(1.0),
    });
    (plan, export)
}

/// `apply` of a tree of which nothing exists.
fn creating(lab: &mut Lab, subject: &Subject, rows: &mut Vec<Row>) -> Figure {
    let chroot = lab.chroot("create");
    let create = floor::create(&chroot, &subject.nodes, WRITING);
    let delete = floor::delete(&chroot, &subject.nodes, WRITING);
    let (hosts, layer) = (lab.hosts(&chroot), subject.layer.display().to_string());
    let apply = ["apply", "-y", "-c", &hosts, &layer];
    lab.zkt_says(&apply, "Done: ");
    lab.zkt_says(&["plan", "-c", &hosts, &layer], "No changes: ");

    let (mut floor, mut applied) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds {
        lab.floor(&delete);
        floor.add(lab.floor(&create));
        lab.floor(&delete);
        applied.add(lab.zkt(&apply).wall);
    }
    lab.clear(&chroot, subject);
    let (floor, apply) = (floor.figure(), applied.figure());
    rows.push(row(
        "apply of a new tree",
        floor,
        apply.clone(),
        Goal::AtMost(1.3),
    ));
    apply
}

/// `apply` that changes a few nodes: the floor changes them, zkt changes them back.
fn changing(lab: &mut Lab, subject: &Subject, rows: &mut Vec<Row>) {
    let chroot = lab.chroot("change");
    lab.floor(&floor::create(&chroot, &subject.nodes, WRITING));
    let (_, nodes) = subject.changed(CHANGED, &lab.file("changed.zkt"));
    let change = floor::set(&chroot, &nodes, WRITING);
    let (hosts, layer) = (lab.hosts(&chroot), subject.layer.display().to_string());
    let plan = ["plan", "-c", &hosts, &layer];
    let apply = ["apply", "-y", "-c", &hosts, &layer];
    lab.floor(&change);
    lab.zkt_says(&apply, &format!("Done: 0 added, {} updated", nodes.len()));

    let [mut planned, mut floor, mut applied] = [const { Runs::new() }; 3];
    for _ in 0..lab.effort.rounds {
        planned.add(lab.zkt(&plan).wall);
        floor.add(lab.floor(&change));
        applied.add(lab.zkt(&apply).wall);
    }
    lab.clear(&chroot, subject);
    let against = after(&planned, &floor);
    let what = "apply, 1 % changed: plan+1.5 floors";
    rows.push(row(what, against, applied.figure(), Goal::AtMost(1.0)));
}

/// `apply --trim` that removes a part of the nodes.
fn trimming(lab: &mut Lab, subject: &Subject, rows: &mut Vec<Row>) {
    let chroot = lab.chroot("trim");
    lab.floor(&floor::create(&chroot, &subject.nodes, WRITING));
    let (smaller, gone) = subject.without(REMOVED, &lab.file("smaller.zkt"));
    let delete = floor::delete(&chroot, &gone, WRITING);
    let restore = floor::create(&chroot, &gone, WRITING);
    let (hosts, layer) = (lab.hosts(&chroot), smaller.layer.display().to_string());
    let plan = ["plan", "-c", &hosts, &subject.layer.display().to_string()];
    let apply = ["apply", "-y", "--trim", "-c", &hosts, &layer];
    lab.zkt_says(&apply, &format!(", {} trimmed.", gone.len()));
    lab.floor(&restore);

    let [mut planned, mut floor, mut applied] = [const { Runs::new() }; 3];
    for _ in 0..lab.effort.rounds {
        planned.add(lab.zkt(&plan).wall);
        floor.add(lab.floor(&delete));
        lab.floor(&restore);
        applied.add(lab.zkt(&apply).wall);
        lab.floor(&restore);
    }
    lab.clear(&chroot, subject);
    let against = after(&planned, &floor);
    let what = "apply, 10 % trimmed: the same";
    rows.push(row(what, against, applied.figure(), Goal::AtMost(1.0)));
}

/// What a plan and some writes may take together.
fn after(plan: &Runs, writes: &Runs) -> Figure {
    Figure::computed(plan.figure().median + WRITES * writes.figure().median)
}

/// `check`, which needs no server.
fn checking(lab: &mut Lab, subject: &Subject, rows: &mut Vec<Row>) -> Figure {
    let layer = subject.layer.display().to_string();
    let check = ["check", &layer];
    lab.zkt_says(&check, "ok: ");
    let (mut speed, mut wall) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds * SHORT {
        let usage = lab.zkt(&check);
        speed.add_number(subject.text as f64 / usage.cpu.as_secs_f64().max(1e-6));
        wall.add(usage.wall);
    }
    rows.push(Row {
        what: "check, in time of one core".to_owned(),
        unit: Unit::BytesPerSecond,
        against: Figure::computed(60e6),
        zkt: speed.figure(),
        goal: Goal::AtLeast(1.0),
    });
    wall.figure()
}

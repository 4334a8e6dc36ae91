//! Everything that zkt does with one tree, each beside the floor of the same work.

use crate::floor::{self, READING, WRITING};
use crate::lab::{Lab, Runs};
use crate::subject::Subject;
use crate::table::{Figure, Goal, Row, Section, Unit};

/// What of the nodes is changed, and what is removed.
const CHANGED: f64 = 0.01;
const REMOVED: f64 = 0.1;
/// What writes may take in the end, in floors beyond a plan.
const WRITES: f64 = 1.5;

/// What work on a tree takes, to be compared with that on other trees.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    pub(crate) nodes: usize,
    /// Of data and paths.
    pub(crate) bytes: usize,
    pub(crate) figures: Vec<(&'static str, Figure)>,
}

pub(crate) fn measure(lab: &mut Lab, name: &str, subject: &Subject) -> (Section, Cost) {
    let mut rows = Vec::new();
    let plan = reading(lab, subject, &mut rows);
    let apply = creating(lab, subject, &mut rows);
    changing(lab, subject, &plan, &mut rows);
    trimming(lab, subject, &plan, &mut rows);
    let check = checking(lab, subject, &mut rows);
    let cost = Cost {
        nodes: subject.nodes.len(),
        bytes: subject.bytes(),
        figures: vec![
            ("plan", plan),
            ("apply of a new tree", apply),
            ("check", check),
        ],
    };
    let about = format!(
        "{} nodes, {:.1} MB of data, {:.1} MB of text",
        subject.nodes.len(),
        subject.data_bytes() as f64 / 1e6,
        subject.text as f64 / 1e6,
    );
    let name = name.to_owned();
    (Section { name, about, rows }, cost)
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

/// `plan` with nothing to do, its reading stage, its memory, and `export`.
fn reading(lab: &mut Lab, subject: &Subject, rows: &mut Vec<Row>) -> Figure {
    let chroot = lab.chroot("read");
    lab.floor(&floor::create(&chroot, &subject.nodes, WRITING));
    let read = floor::read(&chroot, &subject.nodes, READING);
    let (hosts, layer) = (lab.hosts(&chroot), subject.layer.display().to_string());
    let plan = ["plan", "-c", &hosts, &layer];
    let export = ["export", "-c", &hosts];
    lab.zkt_says(&plan, "No changes: ");
    let exported = lab.file("exported.zkt");
    lab.zkt_to(&export, &exported);
    let of_export = ["plan", "-c", &hosts, &exported.display().to_string()];
    lab.zkt_says(&of_export, "No changes: ");

    let [mut floor, mut stage, mut planned, mut memory, mut exports] = [const { Runs::new() }; 5];
    for _ in 0..lab.effort.rounds {
        floor.add(lab.floor(&read));
        stage.add(lab.fetch(subject, &chroot));
        let usage = lab.zkt(&plan);
        planned.add(usage.wall);
        memory.add_number(usage.peak_memory as f64);
        exports.add(lab.zkt(&export).wall);
    }
    lab.floor(&floor::delete(&chroot, &subject.nodes, WRITING));

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
    rows.push(row("export", floor, exports.figure(), most(1.5)));
    let allowed = (20 << 20) + subject.nodes.len() * 1024;
    rows.push(Row {
        what: "plan: memory, 20 MiB + 1 KiB a node".to_owned(),
        unit: Unit::Bytes,
        against: Figure::computed(allowed as f64),
        zkt: memory.figure(),
        goal: most(1.0),
    });
    plan
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
    lab.floor(&delete);

    let (mut floor, mut applied) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds {
        floor.add(lab.floor(&create));
        lab.floor(&delete);
        applied.add(lab.zkt(&apply).wall);
        lab.floor(&delete);
    }
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
fn changing(lab: &mut Lab, subject: &Subject, plan: &Figure, rows: &mut Vec<Row>) {
    let chroot = lab.chroot("change");
    lab.floor(&floor::create(&chroot, &subject.nodes, WRITING));
    let (_, nodes) = subject.changed(CHANGED, &lab.file("changed.zkt"));
    let change = floor::set(&chroot, &nodes, WRITING);
    let (hosts, layer) = (lab.hosts(&chroot), subject.layer.display().to_string());
    let apply = ["apply", "-y", "-c", &hosts, &layer];
    lab.floor(&change);
    lab.zkt_says(&apply, &format!("Done: 0 added, {} updated", nodes.len()));

    let (mut floor, mut applied) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds {
        floor.add(lab.floor(&change));
        applied.add(lab.zkt(&apply).wall);
    }
    lab.floor(&floor::delete(&chroot, &subject.nodes, WRITING));
    let against = after(plan, &floor);
    let what = "apply, 1 % changed: plan+1.5 floors";
    rows.push(row(what, against, applied.figure(), Goal::AtMost(1.0)));
}

/// `apply --trim` that removes a part of the nodes.
fn trimming(lab: &mut Lab, subject: &Subject, plan: &Figure, rows: &mut Vec<Row>) {
    let chroot = lab.chroot("trim");
    lab.floor(&floor::create(&chroot, &subject.nodes, WRITING));
    let (smaller, gone) = subject.without(REMOVED, &lab.file("smaller.zkt"));
    let delete = floor::delete(&chroot, &gone, WRITING);
    let restore = floor::create(&chroot, &gone, WRITING);
    let (hosts, layer) = (lab.hosts(&chroot), smaller.layer.display().to_string());
    let apply = ["apply", "-y", "--trim", "-c", &hosts, &layer];
    lab.zkt_says(&apply, &format!(", {} trimmed.", gone.len()));
    lab.floor(&restore);

    let (mut floor, mut applied) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds {
        floor.add(lab.floor(&delete));
        lab.floor(&restore);
        applied.add(lab.zkt(&apply).wall);
        lab.floor(&restore);
    }
    lab.floor(&floor::delete(&chroot, &subject.nodes, WRITING));
    let against = after(plan, &floor);
    let what = "apply, 10 % trimmed: the same";
    rows.push(row(what, against, applied.figure(), Goal::AtMost(1.0)));
}

/// What a plan and some writes may take together.
fn after(plan: &Figure, writes: &Runs) -> Figure {
    Figure::computed(plan.median + WRITES * writes.figure().median)
}

/// `check`, which needs no server.
fn checking(lab: &mut Lab, subject: &Subject, rows: &mut Vec<Row>) -> Figure {
    let layer = subject.layer.display().to_string();
    let check = ["check", &layer];
    lab.zkt_says(&check, "ok: ");
    let (mut speed, mut wall) = (Runs::default(), Runs::default());
    for _ in 0..lab.effort.rounds {
        let usage = lab.zkt(&check);
        speed.add_number(subject.text as f64 / usage.cpu.as_secs_f64());
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

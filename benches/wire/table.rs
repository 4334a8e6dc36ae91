//! What was measured, as a table for people and as JSON.

use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::machine::Machine;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    /// Of anything.
    Count,
    /// Of memory.
    Bytes,
    BytesPerSecond,
    SecondsPerNode,
    SecondsPerByte,
}

/// What a ratio is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// It is only told.
    None,
}

/// A figure of zkt beside what it is measured against.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) against: Figure,
    pub(crate) zkt: Figure,
    pub(crate) goal: Goal,
}

/// A median, and what it was taken from.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    runs: Vec<f64>,
}

impl Figure {
    /// The median of some runs.
    pub(crate) fn of(runs: &[f64]) -> Self {
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        let runs = runs.to_vec();
        Self { median, runs }
    }

    /// What was not measured but follows.
    pub(crate) fn computed(value: f64) -> Self {
        Self {
            median: value,
            runs: Vec::new(),
        }
    }

    /// The same in another unit.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            runs: self.runs.iter().map(|run| run * factor).collect(),
        }
    }

    fn json(&self) -> Value {
        json!({"median": self.median, "runs": self.runs})
    }
}

const LEGEND: &str = "\
zkt is measured as a whole process, from start to exit. What it is measured
against is the floor of the same work where a line says nothing else: what the
server takes when the requests are ready and the replies are only counted.
Figures are medians; in a ratio zkt's stands above the other.";

/// All that was measured. Each section is printed as soon as it is there.
#[derive(Debug)]
pub(crate) struct Report {
    /// Whether nothing is printed.
    quiet: bool,
    machine: Machine,
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(machine: Machine, quiet: bool) -> Self {
        if !quiet {
            println!("{LEGEND}\n\n{machine}");
        }
        Self {
            quiet,
            machine,
            sections: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, section: Section) {
        if !self.quiet {
            println!("{section}");
        }
        self.sections.push(section);
    }

    pub(crate) fn write(&self, file: &Path) {
        let sections: Vec<Value> = self.sections.iter().map(Section::json).collect();
        let report = json!({
            "format_version": "1.0", "zkt": env!("CARGO_PKG_VERSION"),
            "machine": self.machine.json(), "sections": sections,
        });
        let folder = file.parent().expect("a folder");
        fs::create_dir_all(folder).expect("the folder can be made");
        fs::write(file, format!("{report:#}\n")).expect("the file can be written");
    }
}

/// Reads a written report back.
///
/// # Panics
/// Where it is none, or tells nothing of something.
pub(crate) fn check(file: &Path) {
    let text = fs::read(file).expect("a file");
    let report: Value = serde_json::from_slice(&text).expect("JSON");
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let sections = items(&report["sections"]);
    assert!(!sections.is_empty(), "the report has no sections");
    for section in &sections {
        let rows = items(&section["rows"]);
        assert!(!rows.is_empty(), "{} has no rows", section["name"]);
        for row in &rows {
            let ratio = row["ratio"].as_f64();
            let is_sound = ratio.is_some_and(|ratio| ratio.is_finite() && ratio > 0.0);
            assert!(is_sound, "{}: {row}", section["name"]);
        }
    }
}

/// Rows about one tree.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    /// What the tree is like.
    pub(crate) about: String,
    pub(crate) rows: Vec<Row>,
}

impl Row {
    pub(crate) fn ratio(&self) -> f64 {
        self.zkt.median / self.against.median
    }

    pub(crate) fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::AtMost(most) => Some(self.ratio() <= most),
            Goal::AtLeast(least) => Some(self.ratio() >= least),
            Goal::None => None,
        }
    }

    fn json(&self) -> Value {
        let goal = match self.goal {
            Goal::AtMost(most) => json!({"at_most": most}),
            Goal::AtLeast(least) => json!({"at_least": least}),
            Goal::None => Value::Null,
        };
        json!({
            "what": self.what, "unit": self.unit.name(), "against": self.against.json(),
            "zkt": self.zkt.json(), "ratio": self.ratio(), "goal": goal, "met": self.is_met(),
        })
    }
}

impl Section {
    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({"name": self.name, "about": self.about, "rows": rows})
    }
}

/// 80 columns wide.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.about)?;
        let heads = ["against", "zkt", "ratio", "goal"];
        let [against, zkt, ratio, goal] = heads;
        writeln!(f, "{:35}{against:>11}{zkt:>11}{ratio:>7}{goal:>8}", "")?;
        for row in &self.rows {
            let (goal, verdict) = match (row.goal, row.is_met()) {
                (Goal::AtMost(most), Some(true)) => (format!("<= {most}"), " met"),
                (Goal::AtMost(most), _) => (format!("<= {most}"), " MISSED"),
                (Goal::AtLeast(least), Some(true)) => (format!(">= {least}"), " met"),
                (Goal::AtLeast(least), _) => (format!(">= {least}"), " MISSED"),
                (Goal::None, _) => (String::new(), ""),
            };
            let against = row.unit.show(row.against.median);
            let zkt = row.unit.show(row.zkt.median);
            let (what, ratio) = (&row.what, row.ratio());
            let line = format!("{what:35}{against:>11}{zkt:>11}{ratio:>7.2}{goal:>8}{verdict}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Count => "1",
            Self::Bytes => "B",
            Self::BytesPerSecond => "B/s",
            Self::SecondsPerNode => "s/node",
            Self::SecondsPerByte => "s/B",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Seconds if value < 1.0 => format!("{:.1} ms", value * 1e3),
            Self::Seconds => format!("{value:.2} s"),
            Self::Count => format!("{value:.0}"),
            Self::Bytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
            Self::BytesPerSecond => format!("{:.1} MB/s", value / 1e6),
            Self::SecondsPerNode => format!("{:.2} us", value * 1e6),
            Self::SecondsPerByte => format!("{:.2} ns", value * 1e9),
        }
    }
}

//! `make bench`: zkt beside the floor, which is what the server itself takes for the same requests.
//!
//! A ratio holds wherever it is measured; a time does not. So both are measured in one run, in
//! turns, on one server, with the same nodes, and what counts is the ratio.
//!
//!     cargo bench --bench wire -- [--large] [--quick] [--tree FILE]

#![allow(clippy::unwrap_used)]

mod child;
mod floor;
mod lab;
mod mixed;
// The tests' server; not all that tests do with one is done here.
#[allow(dead_code)]
#[path = "../../tests/it/server.rs"]
mod server;
mod subject;
mod table;
mod trees;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use lab::{Effort, Lab};
use subject::Subject;
use table::Section;

/// What the command line asks for.
#[derive(Debug, Default)]
struct Request {
    quick: bool,
    large: bool,
    tree: Option<PathBuf>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == child::STARTER) {
        child::start_children().expect("the pipes hold");
        return;
    }
    let request = parse(&arguments);
    let effort = if request.quick {
        Effort {
            rounds: 1,
            warm_up: (100, 1),
        }
    } else {
        Effort {
            rounds: 5,
            warm_up: (20_000, 10),
        }
    };
    let sizes: &[usize] = match (request.quick, request.large) {
        (true, _) => &[300],
        (false, true) => &[10_000, 100_000, 1_000_000],
        (false, false) => &[10_000, 100_000],
    };
    let mut sections = Vec::new();
    let mut tell = |section: Section| {
        println!("{section}");
        sections.push(section);
    };
    if let Some(tree) = &request.tree {
        let mut lab = Lab::new(effort);
        let (section, _) =
            mixed::measure(&mut lab, &tree.display().to_string(), &Subject::read(tree));
        tell(section);
    } else {
        for &size in sizes {
            let mut lab = Lab::new(effort);
            let subject = lab.subject("mixed", &trees::mixed(size, "site", 1));
            let (section, _) = mixed::measure(&mut lab, "mixed tree", &subject);
            tell(section);
        }
    }
    let name = if request.quick {
        "wire-quick.json"
    } else {
        "wire.json"
    };
    write(&sections, name);
}

fn parse(arguments: &[String]) -> Request {
    let mut request = Request::default();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => request.quick = true,
            "--large" => request.large = true,
            "--tree" => request.tree = Some(arguments.next().expect("--tree takes a file").into()),
            _ => {}
        }
    }
    request
}

fn write(sections: &[Section], name: &str) {
    let sections: Vec<Value> = sections.iter().map(Section::json).collect();
    let report = json!({"format_version": "1.0", "sections": sections});
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a folder");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).expect("the target folder takes files");
    let file = folder.join(name);
    std::fs::write(&file, format!("{report:#}\n")).expect("the target folder takes files");
    println!("{}", file.display());
}

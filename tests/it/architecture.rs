//! What the source must not hold, read from the source.

use std::path::{Path, PathBuf};

mod circles;
mod front;
mod library;

/// The floors of the library from the bottom up: a floor imports only from those before it.
const FLOORS: [&str; 11] = [
    "syntax",
    "model",
    "declare",
    "plan",
    "export",
    "graph",
    "zookeeper",
    "reconcile",
    "watch",
    "services",
    "server",
];

/// Pure: from text to a plan there is no file, no server, no clock.
const PURE: [&str; 7] = [
    "syntax",
    "model",
    "declare/lower",
    "declare/layers",
    "plan",
    "export",
    "graph",
];

/// The only rooms that know the client library.
const CLIENTS: [&str; 1] = ["zookeeper"];

/// Whether a file is that of one of `rooms`, or lies in its folder.
fn is_in(file: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| {
        let rest = file.strip_prefix(room);
        rest.is_some_and(|rest| rest.starts_with(['/', '.']))
    })
}

/// The files of the library with their relative path and text, less comments and tests.
fn library() -> Vec<(String, String)> {
    let mut files = all();
    files.retain(|(file, _)| !is_in(file, &["bin"]));
    files
}

/// The files of library and command line with their relative path and text, less comments and tests.
fn all() -> Vec<(String, String)> {
    let without_tests = |code: &str| {
        // Single items for tests may stand before what is scanned, modules stand last.
        let code = code.split("#[cfg(test)]\nmod ").next();
        code.unwrap_or_default().to_owned()
    };
    let files = all_with_tests().into_iter();
    files
        .filter(|(file, _)| !file.ends_with("/tests.rs"))
        .map(|(file, code)| (file, without_tests(&code)))
        .collect()
}

/// The files of the library with their relative path and text, less comments.
fn library_with_tests() -> Vec<(String, String)> {
    let mut files = all_with_tests();
    files.retain(|(file, _)| !is_in(file, &["bin"]));
    files
}

fn all_with_tests() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let read = |path: PathBuf| {
        let name = path
            .strip_prefix(&root)
            .expect("below src")
            .display()
            .to_string();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let lines = text.lines();
        let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
        (name, lines.collect::<Vec<_>>().join("\n"))
    };
    files.into_iter().map(read).collect()
}

/// Every use of one of `words` in the files of the library for which `bound` holds.
fn uses(words: &[&str], bound: impl Fn(&str) -> bool) -> Vec<String> {
    uses_in(library(), words, bound)
}

fn uses_in(
    files: Vec<(String, String)>,
    words: &[&str],
    bound: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    for (file, code) in files {
        if !bound(&file) {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            for word in words.iter().filter(|word| holds(line, word)) {
                found.push(format!(
                    "{file}: {word} in line {} without comments: {}",
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    found
}

/// Whether a line holds a word that is not part of a longer one.
fn holds(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(i, _)| {
        !line[..i].ends_with(part)
            && (word.ends_with('!') || !line[i + word.len()..].starts_with(part))
    })
}

#[test]
fn the_checks_find_what_they_look_for() {
    let files = library();
    for room in FLOORS.iter().chain(&PURE).chain(&CLIENTS) {
        assert!(
            files.iter().any(|(file, _)| is_in(file, &[room])),
            "src holds no {room}"
        );
    }
    assert!(is_in("plan.rs", &["plan"]) && is_in("plan/links/check.rs", &["plan"]));
    assert!(!is_in("plans.rs", &["plan"]));
    assert!(holds("use std::fs::read;", "std::fs"));
    assert!(!holds("    eprintln!(\"\");", "println!"));
    assert!(
        !uses(&["zookeeper_client"], |file| is_in(
            file,
            &["zookeeper/session"]
        ))
        .is_empty()
    );
    assert!(!uses(&["async"], |file| is_in(file, &["zookeeper/executor"])).is_empty());
}

#[test]
fn from_text_to_plan_everything_is_pure() {
    let impure = [
        "async",
        "await",
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "tokio",
        "Instant",
        "SystemTime",
        "zookeeper_client",
        "File::open",
        "io::stdin",
        "io::stdout",
        "io::stderr",
    ];
    let mut found = uses(&impure, |file| is_in(file, &PURE));
    // An address is a value, and its parsing does no I/O; nothing else of `std::net` may be used.
    found.retain(|line| !line.ends_with(": use std::net::IpAddr;"));
    assert_eq!(found, [""; 0]);
    let other_net = ["core::net"];
    assert_eq!(uses(&other_net, |file| is_in(file, &PURE)), [""; 0]);
}

#[test]
fn only_the_rooms_at_the_door_know_the_client() {
    assert_eq!(
        uses(&["zookeeper_client"], |file| !is_in(file, &CLIENTS)),
        [""; 0]
    );
}

/// What code names of this crate, to a depth of as many parts; a list of modules is each of them.
fn imports(code: &str, depth: usize) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    for (i, word) in code.match_indices("crate::") {
        let rest = &code[i + word.len()..];
        let path = &rest[..rest.find(|c| !is_path(c)).unwrap_or(rest.len())];
        let parts: Vec<&str> = path.split("::").take(depth).collect();
        if parts[0].is_empty() {
            let list = rest.trim_start_matches('{').split('}').next();
            let modules = list.unwrap_or_default().split(',').map(str::trim);
            found.extend(modules.filter(|m| !m.is_empty()).map(str::to_owned));
        } else {
            found.push(parts.join("::"));
        }
    }
    found
}

#[test]
fn a_floor_imports_only_from_the_floors_below() {
    assert_eq!(
        imports(
            "use crate::{plan, syntax::ast}; crate::model::path::ZPath",
            1
        ),
        ["plan", "syntax::ast", "model"]
    );
    let mut files = library_with_tests();
    files.retain(|(file, _)| !["lib.rs", "guide.rs"].contains(&file.as_str()));
    assert_eq!(imports_upwards(&files, &FLOORS), [""; 0]);
}

#[test]
fn code_and_guide_list_the_same_floors_in_the_same_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let code = std::fs::read_to_string(root.join("lib.rs")).expect("the root of the library");
    let modules = code
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "));
    let modules = modules.filter_map(|name| name.strip_suffix(';'));
    let modules: Vec<&str> = modules.filter(|name| *name != "guide").collect();
    assert_eq!(modules, FLOORS);
    let rows = rows("Floors");
    let first = rows.iter().filter_map(|row| row.split('|').nth(1));
    let listed: Vec<&str> = first.flat_map(quoted).collect();
    assert_eq!(listed, [&FLOORS[..], &["bin/zkt"]].concat());
}

#[test]
fn the_types_among_the_words_exist() {
    let library = library::Crate::library();
    let rows = rows("Words");
    let types = rows.iter().flat_map(|row| quoted(row));
    let types: Vec<&str> = types
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect();
    assert!(types.len() > 20, "{types:?}");
    let exists = |name: &str| {
        let mut modules = library.modules.keys();
        modules.any(|module| {
            let def = (module.clone(), name.to_owned());
            // One of another crate is known by this name, too.
            library.item(&def).is_some() || library.names.contains_key(&def)
        })
    };
    let missing: Vec<&str> = types.into_iter().filter(|name| !exists(name)).collect();
    assert_eq!(missing, [""; 0]);
}

/// The rows of the table in a section of the chapter on how zkt is built.
fn rows(section: &str) -> Vec<&'static str> {
    let chapter = include_str!("../../src/guide/building.md");
    let sections = chapter.split("\n## ");
    let mut text = sections.filter_map(|text| text.strip_prefix(section));
    let lines = text.next().expect("the section").lines();
    let rows = lines.filter(|line| line.starts_with('|'));
    rows.skip(2).collect()
}

/// What stands in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Imports from floors above the file's own; `floors` are listed from the bottom up.
fn imports_upwards(files: &[(String, String)], floors: &[&str]) -> Vec<String> {
    let rank = |name: &str| floors.iter().position(|floor| *floor == name);
    let mut found = Vec::new();
    for (file, code) in files {
        let floor = file.split(['/', '.']).next().unwrap_or_default();
        let own = rank(floor).unwrap_or_else(|| panic!("{file} is on no floor"));
        for named in imports(code, 1) {
            let named = named.split("::").next().unwrap_or_default();
            if rank(named).is_none_or(|other| other > own) {
                found.push(format!("{file}: {named}"));
            }
        }
    }
    found
}

/// The files of the command line with their path below its folder and their text, less comments.
fn command_line() -> Vec<(String, String)> {
    let files = all_with_tests().into_iter();
    let of_command = files.filter_map(|(file, code)| {
        let file = file.strip_prefix("bin/zkt/")?;
        Some((file.to_owned(), code))
    });
    of_command.collect()
}

/// The files of the command line whose code holds one of `words`.
fn command_line_with(words: &[&str]) -> Vec<String> {
    let files = command_line().into_iter();
    files
        .filter(|(_, code)| words.iter().any(|word| code.contains(word)))
        .map(|(file, _)| file)
        .collect()
}

#[test]
fn no_command_imports_another() {
    assert_eq!(command_line_with(&["crate::commands"]), ["cli.rs"]);
}

#[test]
fn one_place_of_the_command_line_waits_for_signals() {
    let waiting = ["tokio::signal", "ctrl_c"];
    assert_eq!(command_line_with(&waiting), ["signals.rs"]);
}

#[test]
fn what_a_watch_shows_is_made_in_one_room() {
    let outside = |file: &str| is_in(file, &["watch"]) && !is_in(file, &["watch/shown"]);
    assert_eq!(uses(&["tracing"], outside), [""; 0]);
    assert!(!uses(&["tracing"], |file| is_in(file, &["watch/shown"])).is_empty());
}

/// The rooms of the server that neither do I/O nor look at a clock.
const STILL: [&str; 16] = [
    "acl",
    "caller",
    "change",
    "code",
    "identity",
    "names",
    "node",
    "reply",
    "request",
    "sasl",
    "sessions",
    "transaction",
    "tree",
    "watches",
    "watching",
    "wire",
];

#[test]
fn the_server_shares_only_the_rules_for_paths_and_certificates() {
    let mut of_server = Vec::new();
    for (file, code) in library() {
        if is_in(&file, &["server"]) {
            of_server.extend(imports(&code, 2));
        }
    }
    of_server.sort_unstable();
    of_server.dedup();
    assert_eq!(of_server, ["model::path", "zookeeper::session"]);
    let of_session = uses(&["zookeeper::session"], |file| {
        is_in(file, &["server", "server.rs"])
    });
    let strange =
        |line: &&String| !line.contains("::Certificate") && !line.contains("::{Certificate");
    assert_eq!(
        of_session.iter().filter(strange).count(),
        0,
        "{of_session:?}"
    );
}

#[test]
fn most_of_the_server_is_still() {
    let moving = [
        "async",
        "await",
        "tokio",
        "Instant",
        "SystemTime",
        "std::fs",
        "std::thread",
        "TcpStream",
        "Mutex",
    ];
    let files = library().into_iter().map(|(file, _)| file);
    let files: Vec<String> = files.filter(|file| is_in(file, &["server"])).collect();
    let still = STILL.map(|name| format!("server/{name}.rs"));
    for name in &still {
        assert!(files.contains(name), "src holds no {name}");
    }
    let found = uses(&moving, |file| is_in(file, &["server"]));
    let found: Vec<&String> = found
        .iter()
        .filter(|line| still.iter().any(|name| line.starts_with(name)))
        .collect();
    assert_eq!(found, [""; 0]);
    assert!(!uses(&["tokio"], |file| is_in(file, &["server"])).is_empty());
}

#[test]
fn the_library_never_prints_exits_or_reads_the_environment() {
    let words = [
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "process::exit",
        "std::env",
        "env::var",
    ];
    // zc.zk's variable is all that is ever read.
    let mut found = uses(&words, |_| true);
    found.retain(|line| !line.starts_with("services/environment.rs: "));
    assert_eq!(found, [""; 0]);
}

/// The full paths that code imports, without the names that it gives them.
fn imported(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let starts = code.match_indices("use ").filter(|(i, _)| {
        let line = code[..*i].rsplit('\n').next().unwrap_or_default().trim();
        line.is_empty() || line.starts_with("pub")
    });
    for (i, word) in starts {
        let tree = code[i + word.len()..].split(';').next().unwrap_or_default();
        let words: Vec<&str> = tree.split_whitespace().collect();
        expand("", &words.join(" "), &mut found);
    }
    found
}

/// The paths of a tree of imports, behind what stands before it.
fn expand(before: &str, tree: &str, found: &mut Vec<String>) {
    let Some((start, list)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        found.push(format!("{before}{path}"));
        return;
    };
    let list = list.trim_end().strip_suffix('}').unwrap_or(list);
    let mut depth = 0;
    let items = list.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for item in items.map(str::trim).filter(|item| !item.is_empty()) {
        expand(&format!("{before}{start}"), item, found);
    }
}

/// What others than `reconcile` may name of the executor: what it tells.
const TOLD: [&str; 9] = [
    "Batch",
    "BatchFate",
    "BatchKind",
    "Conflict",
    "Event",
    "Fate",
    "Ledger",
    "Report",
    "Stop",
];

/// What code names of planner and executor that only `reconcile` may.
fn of_the_road(code: &str) -> Vec<String> {
    let mut found = imported(code);
    let named = code.match_indices("executor::");
    let named = named.map(|(i, word)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let name = &code[i + word.len()..];
        let end = name.find(|c| !part(c)).unwrap_or(name.len());
        format!("{word}{}", &name[..end])
    });
    // A list of imports is looked at above.
    found.extend(named.filter(|path| !path.ends_with(':')));
    found.retain(|path| {
        let parts: Vec<&str> = path.split("::").collect();
        let leaf = parts.last().copied().unwrap_or_default();
        let of_executor = parts.iter().position(|part| *part == "executor");
        let is_told = |at: usize| parts.get(at + 1).is_some_and(|name| TOLD.contains(name));
        leaf == "execute" || of_executor.is_some_and(|at| !is_told(at))
    });
    // That of an HTTP client is another one.
    let code = code.replace("redirect::Policy", "");
    let words = ["planner", "Policy", "ExecuteOptions"];
    let words = words.into_iter().filter(|word| holds(&code, word));
    found.extend(words.map(str::to_owned));
    found
}

/// Nobody but this room makes a policy and a plan, and carries one out.
#[test]
fn only_reconcile_walks_from_a_tree_to_a_write() {
    for (code, told) in [
        ("use crate::plan::planner::{self, Policy};", "planner"),
        ("use zkt::plan::{links, planner as p};", "planner"),
        (
            "use crate::zookeeper::{\n    executor::{Stop, execute as run},\n};",
            "crate::zookeeper::executor::execute",
        ),
        (
            "pub use crate::zookeeper::execute;",
            "crate::zookeeper::execute",
        ),
        ("use super::executor;", "super::executor"),
        ("use super::executor::*;", "super::executor::*"),
        (
            "    crate::zookeeper::executor::execute(plan)",
            "executor::execute",
        ),
        ("fn f(limits: &ExecuteOptions) {}", "ExecuteOptions"),
    ] {
        let found = of_the_road(code);
        assert!(found.iter().any(|name| name == told), "{code}: {found:?}");
    }
    let told = "use crate::zookeeper::executor::{Fate, Stop};\n    steps.execute(session)";
    assert_eq!(of_the_road(told), [""; 0]);

    let at_home = ["reconcile", "plan", "zookeeper/executor"];
    let (home, others): (Vec<_>, Vec<_>) = all()
        .into_iter()
        .partition(|(file, _)| is_in(file, &at_home));
    let others = others.iter().flat_map(|(file, code)| {
        let found = of_the_road(code).into_iter();
        found.map(move |name| format!("{file}: {name}"))
    });
    assert_eq!(others.collect::<Vec<_>>(), [""; 0]);
    let of_reconcile = home.iter().filter(|(file, _)| is_in(file, &["reconcile"]));
    let found: Vec<String> = of_reconcile
        .flat_map(|(_, code)| of_the_road(code))
        .collect();
    for name in ["planner", "Policy", "ExecuteOptions", "executor::execute"] {
        assert!(found.iter().any(|word| word == name), "{name}");
    }
}

#[test]
fn planner_executor_and_links_meet_only_at_the_plan() {
    let planner = ["executor", "session", "live::fetch"];
    assert_eq!(
        uses(&planner, |file| is_in(file, &["plan/planner"])),
        [""; 0]
    );
    assert_eq!(
        uses(&["planner"], |file| is_in(file, &["zookeeper/executor"])),
        [""; 0]
    );
    let meeting = |file: &str| is_in(file, &["model/plan"]);
    assert_eq!(uses(&["planner", "executor"], meeting), [""; 0]);
}

/// With all features, zkt builds only where there are libclang and headers of Kerberos.
#[test]
fn no_script_of_the_project_builds_all_features() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = std::fs::read_dir(root.join("tests")).unwrap();
    let tests = tests.map(|entry| entry.unwrap().path());
    let scripts = tests.filter(|path| path.extension().is_some_and(|end| end == "sh"));
    let others = ["Makefile", ".ci/run"].map(|name| root.join(name));
    for script in scripts.chain(others) {
        let text = std::fs::read_to_string(&script).unwrap();
        assert!(!text.contains("--all-features"), "{}", script.display());
    }
}

/// The pages that people read before the code: the README and the chapters of the guide.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapters = std::fs::read_dir(root.join("src/guide")).expect("the guide");
    let chapters = chapters.map(|entry| entry.expect("an entry").path());
    let is_text = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let mut pages: Vec<PathBuf> = chapters.filter(is_text).collect();
    pages.push(root.join("README.md"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        (path, text)
    };
    pages.into_iter().map(read).collect()
}

/// What the documentation's tests do not compile is code of the example, which is compiled.
#[test]
fn the_code_in_the_pages_is_compiled() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/service.rs");
    let example = std::fs::read_to_string(example).expect("UTF-8");
    let compiled: Vec<&str> = example.lines().map(str::trim).collect();
    let mut blocks = 0;
    for (page, text) in pages() {
        let is_chapter = !page.ends_with("README.md");
        for block in text.split("```rust").skip(1) {
            let (kind, rest) = block.split_once('\n').expect("a block");
            let code = rest.split("```").next().unwrap_or_default();
            if is_chapter && kind != ",ignore" {
                continue;
            }
            blocks += 1;
            let lines = code.lines().map(str::trim);
            let strange: Vec<&str> = lines.filter(|line| !compiled.contains(line)).collect();
            assert_eq!(strange, [""; 0], "{}", page.display());
        }
    }
    assert_eq!(blocks, 1);
}

#[test]
fn the_links_of_the_pages_lead_to_files() {
    let mut links = 0;
    for (page, text) in pages() {
        let folder = page.parent().expect("a folder");
        let inline = text.split("](").skip(1);
        let inline = inline.filter_map(|rest| rest.split(')').next());
        let named = text.lines().filter(|line| line.starts_with('['));
        let named = named.filter_map(|line| line.split_once("]: ").map(|(_, target)| target));
        for target in inline.chain(named) {
            links += 1;
            assert!(
                folder.join(target).is_file(),
                "{}: {target} is no file",
                page.display()
            );
        }
    }
    assert!(links > 20);
}

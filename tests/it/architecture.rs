//! What the source must not hold, read from the source.

use std::path::{Path, PathBuf};

/// Pure: from text to a plan there is no file, no server, no clock.
const PURE: [&str; 18] = [
    "acl", "ast", "export", "format", "graph", "layers", "links", "lower", "node", "parser",
    "path", "plan", "planner", "scope", "source", "spelling", "tree", "value",
];

/// The only rooms that know the client library.
const CLIENTS: [&str; 5] = ["session", "live", "executor", "watch", "discovery"];

/// The files of the library with their module, relative path and text, less comments and tests.
fn library() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path != root.join("bin") {
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
        let module = name.split(['/', '.']).next().expect("a name").to_owned();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        (module, name, lines.collect::<Vec<_>>().join("\n"))
    };
    files.into_iter().map(read).collect()
}

/// Every use of one of `words` in the modules for which `bound` holds.
fn uses(words: &[&str], bound: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (module, file, code) in library() {
        if !bound(&module) {
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
    let modules: Vec<String> = library().into_iter().map(|(module, _, _)| module).collect();
    for module in PURE.iter().chain(&CLIENTS) {
        assert!(
            modules.contains(&(*module).to_owned()),
            "src holds no module {module}"
        );
    }
    assert!(holds("use std::fs::read;", "std::fs"));
    assert!(!holds("    eprintln!(\"\");", "println!"));
    assert!(!uses(&["zookeeper_client"], |module| module == "session").is_empty());
    assert!(!uses(&["async"], |module| module == "executor").is_empty());
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
    let mut found = uses(&impure, |module| PURE.contains(&module));
    // An address is a value, and its parsing does no I/O; nothing else of `std::net` may be used.
    found.retain(|line| !line.ends_with(": use std::net::IpAddr;"));
    assert_eq!(found, [""; 0]);
    let other_net = ["core::net"];
    assert_eq!(uses(&other_net, |module| PURE.contains(&module)), [""; 0]);
}

#[test]
fn only_the_rooms_at_the_door_know_the_client() {
    assert_eq!(
        uses(&["zookeeper_client"], |module| !CLIENTS.contains(&module)),
        [""; 0]
    );
}

/// The rooms of the server that neither do I/O nor look at a clock.
const STILL: [&str; 15] = [
    "acl",
    "caller",
    "change",
    "code",
    "identity",
    "names",
    "node",
    "reply",
    "request",
    "sessions",
    "transaction",
    "tree",
    "watches",
    "watching",
    "wire",
];

#[test]
fn the_server_shares_only_the_rules_for_paths() {
    let crate_paths = |code: &str| -> Vec<String> {
        let named = code.match_indices("crate::").map(|(i, word)| {
            let rest = &code[i + word.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            rest[..end.unwrap_or(rest.len())].to_owned()
        });
        named.collect()
    };
    let (mut of_server, mut of_others) = (Vec::new(), Vec::new());
    for (module, file, code) in library() {
        for named in crate_paths(&code) {
            if module == "server" {
                of_server.push(named);
            } else if named == "server" {
                of_others.push(file.clone());
            }
        }
    }
    of_server.sort_unstable();
    of_server.dedup();
    assert_eq!(of_server, ["path"]);
    assert_eq!(of_others, [""; 0]);
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
    let files = library().into_iter().map(|(_, file, _)| file);
    let files: Vec<String> = files.filter(|file| file.starts_with("server/")).collect();
    let still = STILL.map(|name| format!("server/{name}.rs"));
    for name in &still {
        assert!(files.contains(name), "src holds no {name}");
    }
    let found = uses(&moving, |module| module == "server");
    let found: Vec<&String> = found
        .iter()
        .filter(|line| still.iter().any(|name| line.starts_with(name)))
        .collect();
    assert_eq!(found, [""; 0]);
    assert!(!uses(&["tokio"], |module| module == "server").is_empty());
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
    found.retain(|line| !line.starts_with("discovery/environment.rs: "));
    assert_eq!(found, [""; 0]);
}

#[test]
fn planner_executor_and_links_meet_only_at_the_plan() {
    assert_eq!(
        uses(&["executor", "session", "live::fetch"], |module| module
            == "planner"),
        [""; 0]
    );
    assert_eq!(uses(&["planner"], |module| module == "executor"), [""; 0]);
    assert_eq!(
        uses(&["planner", "executor"], |module| module == "plan"),
        [""; 0]
    );
}

/// Its code is that of an example, or of the crate's documentation, which tests compile.
#[test]
fn the_code_in_the_readme_is_compiled() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        std::fs::read_to_string(path).expect("UTF-8")
    };
    let bare = |line: &str| {
        let line = line.trim_start_matches("//!").trim_start();
        line.trim_start_matches("# ").trim().to_owned()
    };
    let compiled: Vec<String> = [read("examples/service.rs"), read("src/lib.rs")]
        .iter()
        .flat_map(|text| text.lines().map(bare))
        .collect();
    let readme = read("README.md");
    let blocks: Vec<&str> = readme.split("```rust\n").skip(1).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let code = block.split("```").next().unwrap_or_default();
        let strange: Vec<&str> = code
            .lines()
            .filter(|line| !compiled.contains(&bare(line)))
            .collect();
        assert_eq!(strange, [""; 0]);
    }
}

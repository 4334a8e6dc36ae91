//! The guide's table of what works where, made from what passed where.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What users know, with the tests that show it: all of them pass where it works.
const CAPABILITIES: &[(&str, &[&str])] = &[
    (
        "reading: `ls`, `get`, `export`, `plan`",
        &["matrix::nodes_are_read"],
    ),
    (
        "`apply`: updates, links, ACLs, trims",
        &["matrix::updates_links_acls_and_trims_are_applied"],
    ),
    ("`apply`: new nodes", &["matrix::nodes_are_created"]),
    (
        "`apply`: a plan in one batch, all or nothing",
        &["matrix::a_plan_is_one_batch_of_which_all_or_nothing_stands"],
    ),
    ("`apply --owner`", &["matrix::owners_keep_records"]),
    (
        "missing rights are listed before the first write",
        &["matrix::missing_rights_are_listed_before_the_first_write"],
    ),
    (
        "`watch` repairs at once",
        &["matrix::a_watch_repairs_as_soon_as_it_hears_of_a_change"],
    ),
    (
        "`watch` repairs in its interval",
        &["matrix::a_watch_repairs_when_its_interval_is_over"],
    ),
    (
        "`register`, `discover`",
        &["matrix::services_are_registered_and_discovered"],
    ),
    (
        "TLS, with the key stores of Java",
        &["real::tls::commands_go_through_tls_with_the_key_stores_of_java"],
    ),
    (
        "faults of an ensemble; observers",
        &[
            "real::fire::nothing_is_lost_and_the_reports_are_true",
            "real::minority::an_observer_is_as_good_as_any_and_a_read_only_server_is_named",
        ],
    ),
];

/// Where the table stands.
const PAGE: &str = "src/guide/reference.md";
const BEGIN: &str = "<!-- The table is made by make test-servers. -->\n";
const END: &str = "<!-- End of the table. -->\n";

/// Writes the table into the page, where this is set.
const WRITES: &str = "ZKT_WRITE_MATRIX";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What passed on one kind of server.
struct Row {
    /// What the server is called.
    name: String,
    tests: BTreeMap<String, bool>,
}

impl Row {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let name = lines.next().and_then(|line| line.strip_prefix("# "));
        let tests = lines.map(|line| match line.split_once(' ') {
            Some(("passes", test)) => (test.to_owned(), true),
            Some(("fails", test)) => (test.to_owned(), false),
            _ => panic!("no result: {line}"),
        });
        Self {
            name: name.expect("the name of a server").to_owned(),
            tests: tests.collect(),
        }
    }

    /// Whether all of these passed; nothing if one was not run.
    fn shows(&self, tests: &[&str]) -> &'static str {
        let passed: Option<Vec<_>> = tests.iter().map(|test| self.tests.get(*test)).collect();
        match passed {
            None => "",
            Some(passed) if passed.iter().all(|passed| **passed) => "yes",
            Some(_) => "no",
        }
    }
}

/// The results, in the order of their files' names.
fn results(folder: &Path) -> Vec<Row> {
    let files = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &PathBuf| Row::parse(&fs::read_to_string(path).unwrap());
    files.iter().map(read).collect()
}

/// The table as the page has it.
fn table(rows: &[Row]) -> String {
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    let mut table = format!("| | {} |\n", names.join(" | "));
    _ = writeln!(table, "| --- |{}", " --- |".repeat(rows.len()));
    for (capability, tests) in CAPABILITIES {
        let cells: Vec<_> = rows.iter().map(|row| row.shows(tests)).collect();
        _ = writeln!(table, "| {capability} | {} |", cells.join(" | "));
    }
    table
}

#[test]
fn the_page_says_what_passed() {
    let rows = results(&root().join("tests/matrix"));
    let expected = table(&rows);
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect(BEGIN);
    let (found, after) = rest.split_once(END).expect(END);
    if std::env::var_os(WRITES).is_some() {
        fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, expected, "make test-servers writes it into {PAGE}");
}

#[test]
fn a_capability_is_there_where_all_its_tests_passed() {
    let row = Row::parse("# 3.9\npasses a\nfails b\n");
    let shown = [&["a"][..], &["b"], &["a", "b"], &["a", "c"], &[]].map(|tests| row.shows(tests));
    assert_eq!(shown, ["yes", "no", "no", "", "yes"]);
    assert_eq!(row.name, "3.9");
}

/// A test that has another name now is a capability that nobody shows.
#[test]
fn each_capability_names_tests_that_are_run() {
    let rows = results(&root().join("tests/matrix"));
    let run = |test: &&&str| rows.iter().any(|row| row.tests.contains_key(**test));
    let tests = CAPABILITIES.iter().flat_map(|(_, tests)| tests.iter());
    let idle: Vec<_> = tests.filter(|test| !run(test)).collect();
    assert_eq!(idle, [&""; 0]);
}

//! The stages of a plan, each by itself, on 10,000 nodes: what becomes faster or slower shows here
//! before it shows in the whole.

#![allow(missing_docs)]
// The tests of what is measured come with it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[allow(dead_code)]
#[path = "wire/trees.rs"]
mod trees;

use std::process::{Command, Stdio};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use zkt::declare::lower::{Lowering, Referred};
use zkt::model::node::{Declared, Live};
use zkt::model::path::ZPath;
use zkt::model::plan::Plan;
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::syntax::ast::Line;
use zkt::syntax::parser::{self, Statements};
use zkt::syntax::place::SourceId;
use zkt::syntax::source::Sources;

const NODES: usize = 10_000;

fn main() {
    divan::main();
}

fn source() -> (Sources, SourceId, usize) {
    let sources = Sources::default();
    let text = trees::mixed(NODES, "top", 1);
    let bytes = text.len();
    let id = sources.add("mixed.zkt", text).expect("a small text");
    (sources, id, bytes)
}

fn lower(lines: impl Iterator<Item = Line<'static>>) -> Tree<Declared> {
    let mut lowering = Lowering::new(&ZPath::root(), false);
    lowering.begin_file(None);
    lines.for_each(|line| lowering.statement(&line, Referred::Nothing));
    lowering.end_file();
    lowering.end_layer();
    lowering.finish().0
}

/// The texts stay for the whole run.
fn leaked() -> (&'static Sources, SourceId, usize) {
    let (sources, id, bytes) = source();
    (Box::leak(Box::new(sources)), id, bytes)
}

fn declared() -> (Tree<Declared>, &'static Sources) {
    let (sources, id, _) = leaked();
    (lower(Statements::new(sources, id)), sources)
}

fn plan(declared: &Tree<Declared>, live: &Tree<Live>, sources: &Sources) -> Plan {
    planner::plan(declared, live, &Policy::new(sources))
}

#[divan::bench]
fn parse_document(bencher: Bencher<'_, '_>) {
    let (sources, id, bytes) = source();
    let bencher = bencher.counter(BytesCount::new(bytes));
    bencher.bench_local(|| parser::parse(&sources, id));
}

#[divan::bench]
fn parse_statements(bencher: Bencher<'_, '_>) {
    let (sources, id, bytes) = source();
    let bencher = bencher.counter(BytesCount::new(bytes));
    bencher.bench_local(|| Statements::new(&sources, id).count());
}

#[divan::bench]
fn lower_statements(bencher: Bencher<'_, '_>) {
    let (sources, id, bytes) = leaked();
    let bencher = bencher.counter(BytesCount::new(bytes));
    let lines = || Statements::new(sources, id).collect::<Vec<_>>();
    let bencher = bencher.with_inputs(lines);
    bencher.bench_local_values(|lines| lower(lines.into_iter()));
}

#[divan::bench]
fn parse_and_lower(bencher: Bencher<'_, '_>) {
    let (sources, id, bytes) = leaked();
    let bencher = bencher.counter(BytesCount::new(bytes));
    bencher.bench_local(|| lower(Statements::new(sources, id)));
}

#[divan::bench]
fn plan_nothing_to_do(bencher: Bencher<'_, '_>) {
    let (declared, sources) = declared();
    let live = planner::as_live(&declared);
    let bencher = bencher.counter(ItemsCount::new(NODES));
    bencher.bench_local(|| plan(&declared, &live, sources));
}

#[divan::bench]
fn plan_new_tree(bencher: Bencher<'_, '_>) {
    let (declared, sources) = declared();
    let bencher = bencher.counter(ItemsCount::new(NODES));
    bencher.bench_local(|| plan(&declared, &Tree::default(), sources));
}

/// The command itself, from the files to the text of the plan: what this takes beyond the stages
/// above is its start and the text.
#[divan::bench]
fn diff_new_tree(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (folder.path().join("old.zkt"), folder.path().join("new.zkt"));
    std::fs::write(&old, "").expect("a file");
    std::fs::write(&new, trees::mixed(NODES, "top", 1)).expect("a file");
    let mut zkt = Command::new(env!("CARGO_BIN_EXE_zkt"));
    zkt.args(["diff", "--allow-empty"]).args([&old, &new]);
    zkt.stdout(Stdio::null());
    let bencher = bencher.counter(ItemsCount::new(NODES));
    bencher.bench_local(|| {
        let status = zkt.status().expect("zkt runs");
        assert_eq!(status.code(), Some(1), "the trees differ");
    });
}

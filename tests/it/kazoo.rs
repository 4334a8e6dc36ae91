//! Kazoo's clients and recipes: they were written for ZooKeeper, and know nothing of this server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{Place, serve::Serving};
use crate::server;

pub(crate) const MISSING: &str = "\
this needs kazoo, a library for Python: `make setup-kazoo` makes an environment with it (python3 and \
the package python3-venv are needed), or ZKT_TEST_KAZOO_PYTHON names a python that has it";

#[test]
fn its_recipes_work() {
    let place = Place::offline();
    let serving = (!server::is_real()).then(|| Serving::start(&place, ""));
    let address = match &serving {
        Some(serving) => serving.address.clone(),
        None => server::shared().address(),
    };
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kazoo/scenarios.py");
    let output = Command::new(python()).arg(scenarios).arg(address).output();
    let output = output.unwrap_or_else(|error| panic!("{MISSING}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let can_import = !stderr.contains("No module named 'kazoo'");
    assert!(can_import, "{MISSING}: {stderr}");
    assert!(output.status.success(), "{stdout}{stderr}");
    insta::assert_snapshot!(stdout, @"
    nodes
    transactions
    identities
    locks
    read_and_write_locks
    semaphores
    elections
    parties
    barriers
    double_barriers
    counters
    queues
    data_watches
    children_watches
    caches
    a_lost_connection
    partitions
    ");
}

pub(crate) fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("ZKT_TEST_KAZOO_PYTHON").filter(|name| !name.is_empty())
    {
        return python.into();
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("kazoo/bin/python")
}

//! Kazoo's clients and recipes: they were written for ZooKeeper, and know nothing of this server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{Place, serve::Serving};
use crate::server;
use crate::tls::Authority;

pub(crate) const MISSING: &str = "\
this needs kazoo, a library for Python, and pytest: `make setup-kazoo` makes an environment with them (python3 \
and the package python3-venv are needed), or ZKT_TEST_KAZOO_PYTHON names a python that has both";

#[test]
fn its_recipes_work() {
    let place = Place::offline();
    let serving = (!server::is_real()).then(|| Serving::start(&place, ""));
    let address = match &serving {
        Some(serving) => serving.address.clone(),
        None => server::shared().address(),
    };
    insta::assert_snapshot!(said("scenarios.py", &[&address]), @"
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

#[test]
fn it_authenticates_by_sasl() {
    let place = Place::offline();
    place.file("users", "# NAME:PASSWORD\nops:se:cret\n");
    let serving = Serving::start(&place, "--sasl-users users");
    insta::assert_snapshot!(said("sasl.py", &[&serving.address, "ops", "se:cret"]), @"
    known: x
    someone: not authorized
    wrong password: refused
    ");
}

#[test]
fn its_tls_is_spoken() {
    let place = Place::offline();
    let authority = Authority::new();
    let (own, client) = (
        authority.certify(&["127.0.0.1"]),
        authority.certify(&["me"]),
    );
    for (name, text) in [
        ("ca.pem", authority.pem()),
        ("cert.pem", own.certificate()),
        ("key.pem", own.key()),
        ("client.pem", client.certificate()),
        ("client.key", client.key()),
    ] {
        place.file(name, text);
    }
    let options = "--tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem";
    let serving = Serving::start(&place, options);
    let files = ["ca.pem", "client.pem", "client.key"].map(|name| place.path(name));
    let mut arguments = vec![serving.address.as_str()];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    assert_eq!(said("tls.py", &arguments), "served\n");
}

#[test]
fn the_example_for_pytest_passes() {
    crate::watchdog::watch();
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/testing/pytest/test_service.py"
    );
    let output = Command::new(python())
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", example])
        .env("ZKT", env!("CARGO_BIN_EXE_zkt"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    let output = output.unwrap_or_else(|error| panic!("{MISSING}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let can_import = !stderr.contains("No module named") && !stdout.contains("No module named");
    assert!(can_import, "{MISSING}: {stdout}{stderr}");
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("3 passed"), "{stdout}{stderr}");
}

/// What a program of `tests/kazoo` says, which ends well.
fn said(program: &str, arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/kazoo")
        .join(program);
    let output = Command::new(python()).arg(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{MISSING}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let can_import = !stderr.contains("No module named 'kazoo'");
    assert!(can_import, "{MISSING}: {stderr}");
    assert!(output.status.success(), "{stdout}{stderr}");
    stdout
}

pub(crate) fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("ZKT_TEST_KAZOO_PYTHON").filter(|name| !name.is_empty())
    {
        return python.into();
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("kazoo/bin/python")
}

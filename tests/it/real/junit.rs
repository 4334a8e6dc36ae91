//! The example of tests in Java, with ZooKeeper's own client.

use std::process::Command;

use super::process::{MISSING, class_path};

const NO_JUNIT: &str = "this needs JUnit 5 and javac: `make setup-junit` installs both";

#[test]
fn the_example_passes() {
    crate::watchdog::watch();
    let root = env!("CARGO_MANIFEST_DIR");
    let classes = tempfile::tempdir().unwrap();
    let classes = classes.path().to_str().unwrap();
    let script = format!("{root}/tests/junit.sh");
    let junit = Command::new(script).arg("classpath").output().unwrap();
    assert!(junit.status.success(), "{NO_JUNIT}");
    let junit = String::from_utf8(junit.stdout).unwrap();
    let path = format!("{}:{}", junit.trim_end(), class_path());
    let folder = format!("{root}/examples/testing/junit");
    let sources = ["ServiceTest.java", "ZktServer.java"].map(|name| format!("{folder}/{name}"));
    let compiled = Command::new("javac")
        .args(["-cp", &path, "-d", classes])
        .args(sources)
        .output()
        .unwrap_or_else(|error| panic!("{NO_JUNIT}: {error}"));
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{said}");
    let output = Command::new("java")
        .args(["-Xmx128m", "-XX:TieredStopAtLevel=1"])
        .args(["-cp", &format!("{classes}:{path}")])
        .arg("org.junit.platform.console.ConsoleLauncher")
        .args(["--select-class=ServiceTest", "--disable-banner"])
        .args(["--disable-ansi-colors", "--details=summary"])
        .env("ZKT", env!("CARGO_BIN_EXE_zkt"))
        .output()
        .unwrap_or_else(|error| panic!("{MISSING}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("3 tests successful"), "{stdout}{stderr}");
}

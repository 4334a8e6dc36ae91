//! What the guide says of drift, as somebody copies it.

use std::path::Path;
use std::process::Command;

use super::{Place, Run};

/// The chapter's line of a crontab, less its times.
fn crontab() -> &'static str {
    let chapter = include_str!("../../../src/guide/drift.md");
    let mut lines = chapter.lines();
    let line = lines.find_map(|line| line.strip_prefix("*/15 * * * * "));
    line.expect("a line of a crontab")
}

/// Runs the line as cron does.
fn cron(place: &Place) -> Run {
    let mut shell = Command::new("sh");
    place.prepare(&mut shell);
    let zkt = Path::new(env!("CARGO_BIN_EXE_zkt")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    shell
        .args(["-c", crontab()])
        .env("PATH", format!("{}:{path}", zkt.display()));
    place.finish(shell.spawn().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn cron_mails_differences_and_errors_and_nothing_else() {
    let place = Place::new("drift-cron").await;
    place.file("trees/a.zkt", "/a\n  x = 1\n");
    place.run("apply -y trees").expect(0);
    assert_eq!(cron(&place).everything(), "");

    place.run("set /a x=2").expect(0);
    let mail = cron(&place);
    assert!(mail.stdout.starts_with("exit code 2: "), "{mail}");
    assert!(mail.stdout.contains("~ /a"), "{mail}");

    place.file("trees/a.zkt", "/a\n  x = 1\n/b\n  l -> /nowhere\n");
    let strict = place.run("plan --detailed-exitcode --strict trees");
    strict.expect(3);

    let gone = Place {
        hosts: "127.0.0.1:1".to_owned(),
        ..place
    };
    let mail = cron(&gone);
    assert!(mail.stdout.starts_with("exit code 1: error: "), "{mail}");
    assert_eq!(mail.stderr, "");
}

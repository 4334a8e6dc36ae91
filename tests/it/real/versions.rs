//! What is different on the oldest servers.

use std::process::Command;

use super::process::Server;

/// Before 3.5 there are no creates of the kind that zkt sends, and reading works.
#[test]
fn nodes_are_created_or_it_is_said_what_that_needs() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("a.zkt");
    std::fs::write(&tree, "/a\n  x = 1\n").unwrap();
    let zkt = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkt"));
        command.args(words).args(["-c", &server.address()]);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = zkt(&["apply", "--yes", tree.to_str().unwrap()]);
    let (plan, _) = zkt(&["plan", "--detailed-exitcode", tree.to_str().unwrap()]);
    if code == Some(0) {
        assert_eq!(plan, Some(0), "{text}");
    } else {
        let needs = "creating nodes needs ZooKeeper 3.5 or later";
        assert!(text.contains(needs), "{text}");
        assert_eq!(plan, Some(2), "{text}");
    }
    let (code, text) = zkt(&["ls", "-l"]);
    assert_eq!(code, Some(0), "{text}");
}

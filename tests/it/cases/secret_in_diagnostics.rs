//! No message about a broken file quotes a secret.

use std::path::Path;

use zkt::Layers;

use crate::cli::Place;

const FILES: [&str; 6] = [
    "bareword",
    "expr",
    "secret-whole",
    "tabs",
    "twice",
    "unclosed",
];

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/cases");
    let file = folder.join("secret-in-diagnostics").join(name);
    format!("{}.zkt", file.display())
}

#[test]
fn no_command_quotes_one() {
    let place = Place::offline();
    for name in FILES {
        let file = file(name);
        for words in ["check", "check --format json", "show", "fmt --check --diff"] {
            let run = place.run(&format!("{words} {file}"));
            let told = format!("{}{}", run.stdout, run.stderr);
            assert!(!told.contains("hunter"), "{words} {name}: {told}");
            assert!(!told.is_empty() || name == "twice", "{words} {name}");
        }
    }
}

#[test]
fn no_error_of_the_library_holds_one() {
    for name in FILES {
        let problems = zkt::load(Layers::new([file(name)])).expect_err("a broken file");
        for told in [format!("{problems:?}"), problems.to_string()] {
            assert!(!told.contains("hunter"), "{told}");
        }
        assert_eq!(problems.iter().count(), 1);
    }
}

#[test]
fn a_secret_line_of_another_layer_counts() {
    let place = Place::offline();
    place
        .file("base.zkt", "/db\n  @secret pin\n/whole\n  @secret\n")
        .file(
            "prod.zkt",
            "/db\n  pin = 1234hunter\n/whole\n  x = hunter2\n/c\n  y = shown\n",
        );
    insta::assert_snapshot!(place.run("check base.zkt prod.zkt"), @"
    --- stderr
    error: (secret) is no number
     --> prod.zkt:2:9
      |
    2 |   pin = (secret)
      |         ^^^^^^^^
      |
      = help: text needs quotes: '…'

    error: expected a value, found the bare word (secret)
     --> prod.zkt:4:7
      |
    4 |   x = (secret)
      |       ^^^^^^^^
      |
      = help: text needs quotes: '…'

    error: expected a value, found the bare word shown
     --> prod.zkt:6:7
      |
    6 |   y = shown
      |       ^^^^^
      |
      = help: text needs quotes: 'shown'

    error: 3 errors in 1 file
    --- exit 1
    ");
}

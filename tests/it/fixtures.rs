//! Whole files, one property each.

use std::path::{Path, PathBuf};

use zkt::declare::files::{Disk, Root};
use zkt::declare::tree_files;
use zkt::syntax::source::Sources;
use zkt::syntax::{format, parser};
use zkt::{Layers, Problems};

use crate::trees;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fixtures")
        .join(folder);
    let files =
        tree_files(&folder, &Root::everything(), &Disk::default()).expect("the folder can be read");
    assert!(
        files.len() > 20,
        "{} holds hardly any file",
        folder.display()
    );
    files
}

fn formatted(text: &str) -> String {
    let sources = Sources::default();
    let id = sources.add("x.zkt", text.to_owned()).expect("small");
    let (document, errors) = parser::parse(&sources, id);
    assert_eq!(errors, []);
    format::format(&document, &sources)
}

#[test]
fn valid_files_are_read_and_are_as_the_formatter_writes_them() {
    for file in files("valid") {
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        let declared = trees::declare_at(text.as_bytes(), "/");
        let declared =
            declared.unwrap_or_else(|errors| panic!("{}: {}", file.display(), errors.join("\n")));
        assert!(!declared.tree.is_empty(), "{}", file.display());
        assert_eq!(formatted(&text), text, "{}", file.display());
        let shown = trees::show(&declared.tree);
        assert_eq!(
            trees::show(&trees::declare(&shown).tree),
            shown,
            "{}",
            file.display()
        );
    }
}

/// The first line of an invalid file says what is wrong with it, and nothing else may be.
#[test]
fn invalid_files_have_the_error_that_they_name() {
    let mut wrong = Vec::new();
    for file in files("invalid") {
        let name = file.display().to_string();
        let told = |problems: Problems| {
            let told = problems
                .iter()
                .map(|problem| match problems.place(problem) {
                    Some(at) => format!("{}:{}: {problem}", at.line, at.column),
                    None => problem.to_string(),
                });
            told.collect::<Vec<_>>().join("; ")
        };
        let found = zkt::load(Layers::new([&name])).map_or_else(told, |_| String::new());
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        let expected = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# error: "));
        let folder = format!("{}/", file.parent().expect("a folder").display());
        let found = found.replace(&folder, "");
        if expected != Some(found.as_str()) {
            wrong.push(format!("{name}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

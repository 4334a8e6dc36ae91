//! An empty file is not an empty tree.

use std::fs;

use crate::cli::Place;

const FILES: [(&str, &str); 3] = [
    (
        "0.zkt",
        include_str!("../fixtures/cases/zero-length-file/trees/0.zkt"),
    ),
    (
        "pay.zkt",
        include_str!("../fixtures/cases/zero-length-file/trees/pay.zkt"),
    ),
    (
        "web.zkt",
        include_str!("../fixtures/cases/zero-length-file/trees/web.zkt"),
    ),
];

fn with_trees(place: &Place) {
    for (name, text) in FILES {
        place.file(&format!("trees/{name}"), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_node_is_an_error_wherever_it_is_one_of_several() {
    let place = Place::new("case-zero").await;
    with_trees(&place);
    place.run("apply --yes trees").expect(0);
    let before = place.nodes().await;
    for empty in ["", "# moved elsewhere\n", "\n \n\u{feff}"] {
        place.file("trees/pay.zkt", empty.trim_end_matches('\u{feff}'));
        for command in [
            "check",
            "plan --trim",
            "apply --yes --trim",
            "watch --once --trim",
        ] {
            let run = place.run(&format!("{command} trees")).expect(3);
            let told = run
                .stderr
                .contains("trees/pay.zkt: the file declares no node");
            assert!(told || command.starts_with("watch"), "{run}");
            assert!(run.stderr.contains("--allow-empty"), "{run}");
        }
    }
    assert_eq!(place.nodes().await, before);
    // An included one, too.
    place.file("a.zkt", "/zl\n  @include 'trees/pay.zkt'\n");
    let run = place.run("check a.zkt").expect(3);
    assert!(
        run.stderr.contains("pay.zkt: the file declares no node"),
        "{run}"
    );
    place.run("check --allow-empty a.zkt").expect(0);
    place
        .run("apply --yes --allow-empty --trim trees")
        .expect(0);
    assert_eq!(place.nodes().await.lines().count(), 2);
}

/// No file is empty, but most are gone.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_vanish_do_not_take_most_of_the_tree_with_them() {
    let place = Place::new("case-vanish").await;
    place
        .file("trees/0.zkt", "/zl\n")
        .file("trees/a.zkt", "/zl/a\n  /1\n  /2\n  /3\n")
        .file("trees/b.zkt", "/zl/b\n  /1\n  /2\n")
        .file("trees/c.zkt", "/zl/c\n");
    place.run("apply --yes trees").expect(0);
    let before = place.nodes().await;
    fs::remove_file(place.path("trees/a.zkt")).unwrap();
    fs::remove_file(place.path("trees/b.zkt")).unwrap();
    let refusal = "7 of the 9 nodes at and below /zl would be trimmed, more than half of them; \
                   --max-trim or --force allows it";
    for command in ["plan", "apply --yes", "watch --once"] {
        let run = place.run(&format!("{command} --trim trees")).expect(3);
        assert!(run.everything().contains(refusal), "{run}");
    }
    assert_eq!(place.nodes().await, before);
    place.run("plan --trim --force trees").expect(0);
    place.run("apply --yes --trim --max-trim 7 trees").expect(0);
    assert_eq!(place.nodes().await.lines().count(), 2);
}

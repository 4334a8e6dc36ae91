//! Files of any size: bounded memory, bounded messages.

use zkt::syntax::parser;
use zkt::syntax::source::Sources;

use super::Place;

/// 20 MB of them took 1.8 GB.
#[test]
fn blank_lines_are_not_held_one_by_one() {
    let sources = Sources::default();
    let text = "/a\n".to_owned() + &" \n\n".repeat(10_000) + "  # x\n" + &"\n".repeat(10_000);
    let id = sources.add("x.zkt", text).unwrap();
    let (document, errors) = parser::parse(&sources, id);
    assert_eq!(errors, []);
    assert_eq!(document.lines.len(), 4);
}

#[test]
fn what_never_ends_is_read_up_to_the_limit() {
    let place = Place::offline();
    let run = place.run("check --max-file 1MiB /dev/zero").expect(1);
    let told = "/dev/zero: it has more than the 1048576 bytes that --max-file allows";
    assert!(run.stderr.contains(told), "{run}");
    let run = place.run_with("check --max-file 3 -", "/abc\n").expect(1);
    assert!(
        run.stderr.contains("<stdin>: it has more than the 3 bytes"),
        "{run}"
    );
}

/// Whatever a message quotes, it stays readable.
#[test]
fn messages_are_short_however_long_the_text_is() {
    let place = Place::offline();
    let long = "x".repeat(64 << 10);
    for text in [
        format!("/a\n  x = {long}\n"),
        format!("/a\n  x = [1, {long}]\n"),
        format!("/a\n  x = 1{long}\n"),
        format!("/a\n  x = '{long}\n"),
        format!("/a\n  x = 1 + '{long}'\n"),
        format!("/a\n  {long} = 1\n  {long} = 2\n"),
        format!("/a\n  {long} y = 1\n"),
        format!("/a\n  @{long}\n"),
        format!("/a\n  @acl {long}\n"),
        format!("/a\n  @ignore '[{long}'\n"),
        format!("/a\n  @ignore [{long}\n"),
        format!("/a\n  @include '{long}'\n"),
        format!("/a\n  @data file '{long}'\n"),
        format!("/a\n  l -> /{long}\n"),
        format!("/a\n  l => /{long} {long}\n"),
        format!("/{long}\n/{long}\n"),
        format!("/\"{long}\\u0001\"\n"),
    ] {
        place.file("a.zkt", &text);
        for words in [
            "check a.zkt",
            "check --format json a.zkt",
            "fmt --check a.zkt",
            "watch --once a.zkt",
        ] {
            let run = place.run(words);
            let shown: String = text.chars().take(20).collect();
            let length = run.everything().len();
            assert!(length < 20_000, "{words}: {shown:?}: {length}");
        }
    }
}

/// Of what is no tree file at all, nobody reads more than the first errors.
#[test]
fn errors_are_few_however_many_lines_are_wrong() {
    let place = Place::offline();
    let many = |line: &str| line.repeat(5_000);
    let numbered = |line: &str| {
        (0..500)
            .map(|i| line.replace('N', &i.to_string()))
            .collect()
    };
    for (text, last) in [
        (many("x\n"), "from this line on it is not checked"),
        (
            format!("/a\n  x = {{{}}}\n", many("1: 2, ")),
            "from this line on it is not checked",
        ),
        (many("/a\n"), "this one and others are left out"),
        (
            format!("/a\n{}", many("  x = 1\n")),
            "this one and others are left out",
        ),
        (
            numbered("/aN\n  @data file 'missing'\n"),
            "from this line on it is not checked",
        ),
    ] {
        place.file("a.zkt", &text);
        let start: String = text.chars().take(20).collect();
        for words in ["check a.zkt", "check --format json a.zkt"] {
            let run = place.run(words).expect(1);
            let found = run.everything();
            assert_eq!(found.matches(last).count(), 1, "{start:?}: {words}");
            assert!(found.len() < 50_000, "{start:?}: {words}: {}", found.len());
        }
        let run = place.run("check a.zkt");
        assert!(
            run.stderr.contains("error: 100 errors in 1 file\n"),
            "{run}"
        );
    }
    // Below a chroot there is nothing wrong.
    let reserved: String = numbered("/zookeeper/aN\n");
    place.file("a.zkt", reserved);
    place.run("show a.zkt").expect(0);
}

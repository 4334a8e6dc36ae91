use std::fmt;

use super::*;

#[derive(Debug)]
struct Wrong {
    span: Span,
    label: &'static str,
    related: Vec<(Span, String)>,
    hint: Option<&'static str>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the property x is declared twice")
    }
}

impl std::error::Error for Wrong {}

impl Located for Wrong {
    fn span(&self) -> Span {
        self.span
    }
    fn label(&self) -> String {
        self.label.to_owned()
    }
    fn related(&self) -> Vec<(Span, String)> {
        self.related.clone()
    }
    fn hint(&self) -> Option<String> {
        self.hint.map(str::to_owned)
    }
}

fn wrong(span: Span) -> Wrong {
    Wrong {
        span,
        label: "again here",
        related: Vec::new(),
        hint: None,
    }
}

fn find(sources: &Sources, source: SourceId, needle: &str) -> Span {
    let start = u32::try_from(sources.get(source).text.find(needle).unwrap()).unwrap();
    Span {
        source,
        start,
        end: start + u32::try_from(needle.len()).unwrap(),
    }
}

fn coloured(errors: &[&dyn Located], sources: &Sources) -> String {
    let mut out = Vec::new();
    write_errors(errors, sources, 80, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(errors: &[&dyn Located], sources: &Sources) -> String {
    anstream::adapter::strip_str(&coloured(errors, sources)).to_string()
}

#[test]
fn one_place() {
    let sources = Sources::default();
    let id = sources
        .add("a.zkt", "/a\n  x = 1\n  x = 2\n".to_owned())
        .unwrap();
    let error = Wrong {
        hint: Some("remove one of the two\nor rename it"),
        ..wrong(find(&sources, id, "x = 2"))
    };
    insta::assert_snapshot!(plain(&[&error], &sources), @r"
    error: the property x is declared twice
     --> a.zkt:3:3
      |
    3 |   x = 2
      |   ^^^^^ again here
      |
      = help: remove one of the two
              or rename it
    ");
    insta::assert_snapshot!(coloured(&[&error], &sources).replace('\u{1b}', "␛"), @r"
    ␛[1m␛[91merror␛[0m␛[1m: the property x is declared twice␛[0m
     ␛[1m␛[94m--> ␛[0ma.zkt:3:3
      ␛[1m␛[94m|␛[0m
    ␛[1m␛[94m3␛[0m ␛[1m␛[94m|␛[0m   x = 2
      ␛[1m␛[94m|␛[0m   ␛[1m␛[91m^^^^^␛[0m ␛[1m␛[91magain here␛[0m
      ␛[1m␛[94m|␛[0m
      ␛[1m␛[94m= ␛[0m␛[1mhelp␛[0m: remove one of the two
              or rename it
    ");
    insta::assert_snapshot!(error_json(&error, &sources), @r#"{"hint":"remove one of the two\nor rename it","message":"the property x is declared twice","related":[],"source":"a.zkt:3:3"}"#);
}

#[test]
fn two_places_in_one_file() {
    let sources = Sources::default();
    let text = "/a\n  x = 1\n  b = 1\n  c = 1\n  d = 1\n  e = 1\n  x = 2\n";
    let id = sources.add("a.zkt", text.to_owned()).unwrap();
    let related = vec![(find(&sources, id, "x = 1"), "first here".to_owned())];
    let error = Wrong {
        related,
        ..wrong(find(&sources, id, "x = 2"))
    };
    insta::assert_snapshot!(plain(&[&error], &sources), @r"
    error: the property x is declared twice
     --> a.zkt:7:3
      |
    2 |   x = 1
      |   ----- first here
    ...
    7 |   x = 2
      |   ^^^^^ again here
    ");
    insta::assert_snapshot!(error_json(&error, &sources), @r#"{"message":"the property x is declared twice","related":[{"message":"first here","source":"a.zkt:2:3"}],"source":"a.zkt:7:3"}"#);
}

#[test]
fn two_files_and_a_total() {
    let sources = Sources::default();
    let a = sources
        .add("base/a.zkt", "/a\n  x = 1\n".to_owned())
        .unwrap();
    let b = sources
        .add("base/b.zkt", "\n\n/a\n  x = 2\n  y = 3\n".to_owned())
        .unwrap();
    let related = vec![(find(&sources, a, "x = 1"), "first here".to_owned())];
    let two = Wrong {
        related,
        ..wrong(find(&sources, b, "x = 2"))
    };
    let one = wrong(find(&sources, a, "/a"));
    let last = wrong(find(&sources, b, "y = 3"));
    insta::assert_snapshot!(plain(&[&last, &two, &one], &sources), @r"
    error: the property x is declared twice
     --> base/a.zkt:1:1
      |
    1 | /a
      | ^^ again here

    error: the property x is declared twice
     --> base/b.zkt:4:3
      |
    4 |   x = 2
      |   ^^^^^ again here
      |
     ::: base/a.zkt:2:3
      |
    2 |   x = 1
      |   ----- first here

    error: the property x is declared twice
     --> base/b.zkt:5:3
      |
    5 |   y = 3
      |   ^^^^^ again here

    error: 3 errors in 2 files
    ");
    insta::assert_snapshot!(plain(&[&last, &two], &sources).lines().last().unwrap(), @r"error: 2 errors in 1 file");
}

#[test]
fn carets_stand_right_after_tabs_and_wide_characters() {
    let sources = Sources::default();
    let text = "/a\n\té = '日本' x\n\tb = 'e\u{301}\u{202e}' y\r\n/é : 1";
    let id = sources.add("a.zkt", text.to_owned()).unwrap();
    let end = u32::try_from(text.len()).unwrap();
    let at_end = wrong(Span {
        source: id,
        start: end,
        end,
    });
    let (x, y) = (
        wrong(find(&sources, id, "x")),
        wrong(find(&sources, id, "y")),
    );
    insta::assert_snapshot!(plain(&[&x, &y, &at_end], &sources), @r"
    error: the property x is declared twice
     --> a.zkt:2:11
      |
    2 |     é = '日本' x
      |                ^ again here

    error: the property x is declared twice
     --> a.zkt:3:12
      |
    3 |     b = 'é�' y
      |              ^ again here

    error: the property x is declared twice
     --> a.zkt:4:7
      |
    4 | /é : 1
      |       ^ again here

    error: 3 errors in 1 file
    ");
}

#[test]
fn very_long_lines_are_cut_around_the_place() {
    let sources = Sources::default();
    let long = "é".repeat(100_000);
    let text = format!("/a\n  x = '{long}' oops\n  y = '{long}'\n");
    let id = sources.add("a.zkt", text.clone()).unwrap();
    let y = u32::try_from(text.find("y =").unwrap()).unwrap();
    let all = wrong(Span {
        source: id,
        start: y,
        end: u32::try_from(text.len()).unwrap(),
    });
    let related = vec![(find(&sources, id, "/a"), "in this node".to_owned())];
    let oops = Wrong {
        related,
        ..wrong(find(&sources, id, "oops"))
    };
    insta::assert_snapshot!(plain(&[&all, &oops], &sources), @r"
    error: the property x is declared twice
     --> a.zkt:2:100010
      |
    2 | ...ééééééééééééééééééééééééé' oops
      |                               ^^^^ again here
      |
     ::: a.zkt:1:1
      |
    1 | /a
      | -- in this node

    error: the property x is declared twice
     --> a.zkt:3:3
      |
    3 |   y = 'ééééééééééééééééééééééééééééééééééééééééééééééééééééééé…
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ again here

    error: 2 errors in 1 file
    ");
}

#[test]
fn what_steers_a_terminal_is_escaped() {
    let sources = Sources::default();
    let id = sources
        .add("a\u{1b}[31m.zkt", "\u{1b}[2J x\n".to_owned())
        .unwrap();
    let error = wrong(find(&sources, id, "x"));
    assert!(!plain(&[&error], &sources).contains('\u{1b}'));
    assert!(!coloured(&[&error], &sources).contains("\u{1b}[2J"));
}

#[test]
fn one_character_can_steer_a_terminal_too() {
    let sources = Sources::default();
    let text = "/a\n  \u{9b}2J\u{85} x = y\n".to_owned();
    let id = sources.add("a.zkt", text).unwrap();
    let error = wrong(find(&sources, id, "y"));
    insta::assert_snapshot!(plain(&[&error], &sources), @r"
    error: the property x is declared twice
     --> a.zkt:2:12
      |
    2 |   �2J� x = y
      |            ^ again here
    ");
}

use std::path::PathBuf;

use super::*;

fn found(folder: &str, text: &str) -> Found {
    Found {
        revision: None,
        name: "zkt.toml".to_owned(),
        folder: PathBuf::from(folder),
        text: text.to_owned(),
        reach: Reach::Everything,
    }
}

/// Line, message and hint of everything that is wrong.
fn wrongs(text: &str) -> String {
    let Wrongs { sources, wrongs } = File::parse(&found("", text)).unwrap_err();
    let lines = wrongs.iter().map(|wrong| {
        let line = sources.locate(wrong.span).line;
        let hint = wrong.hint.as_deref().unwrap_or("-");
        format!("{line}: {wrong}; {hint}\n")
    });
    lines.collect()
}

fn values(folder: &str, line: &str) -> Vec<String> {
    let text = format!("[context.x]\n{line}\n");
    let mut file = File::parse(&found(folder, &text)).unwrap();
    file.contexts.remove(0).entries.remove(0).values
}

#[test]
fn contexts_with_their_lines() {
    let text = "default-context = 'b'\n[context.a]\nstrict = true\n[context.b]\n\nmax-trim = 5\n";
    let file = File::parse(&found("", text)).unwrap();
    assert_eq!(
        file.default,
        Some(("b".to_owned(), "zkt.toml:1".to_owned()))
    );
    let entry = &file.context("b").unwrap().entries[0];
    assert_eq!(
        (entry.key.name, entry.values.as_slice()),
        ("max-trim", ["5".to_owned()].as_slice())
    );
    assert_eq!(entry.place, "zkt.toml:6");
    assert_eq!(file.context("a").unwrap().entries[0].values, ["true"]);
}

#[test]
fn paths_are_relative_to_the_file() {
    assert_eq!(values("", "layers = ['a', './b']"), ["a", "./b"]);
    assert_eq!(values("../..", "auth-file = 'c'"), ["../../c"]);
    assert_eq!(values("..", "allow-files = ['/d']"), ["/d"]);
    assert_eq!(
        values("..", "layers = 'git:main:trees'"),
        ["git:main:trees"]
    );
    let below_here = wrongs("[context.x]\nlayers = 'git:main:./trees'\n");
    assert!(
        below_here.contains("starts at the repository's top"),
        "{below_here}"
    );
    // It would be a word of `zkt diff`.
    assert_eq!(values("", "layers = 'live'"), ["./live"]);
    // These are on the server.
    assert_eq!(values("..", "path = '/x'"), ["/x"]);
}

#[test]
fn unknown_keys_are_errors() {
    insta::assert_snapshot!(wrongs("
default = 'a'
layers = 'a'
[context.a]
layer = ['a']
auth_file = 'x'
nobody = 'me'
[context.a.sasl]
ca = 'x'
"), @"
    6: auth_file is no key; is auth-file meant?
    5: layer is no key; is layers meant?
    7: nobody is no key; zkt config lists the keys
    8: sasl is no key; zkt config lists the keys
    2: default is no key; -
    3: layers is no key; it belongs in a context, below a line [context.NAME]
    ");
}

#[test]
fn what_lifts_guards_may_not_stand_in_a_file() {
    insta::assert_snapshot!(wrongs("
[context.a]
force = true
yes = true
replace = false
auth = 'digest:u:p'
"), @"
    6: auth may not stand in a file; auth-file names a file with the credentials; they do not belong in one that others read
    3: force may not stand in a file; it lifts guards: give --force for the one plan that you have seen
    5: replace may not stand in a file; it overwrites text and binary data: give --replace for the one plan that you have seen
    4: yes may not stand in a file; it agrees to a plan: give --yes where you apply
    ");
}

#[test]
fn types_and_values_are_checked() {
    insta::assert_snapshot!(wrongs("
default-context = 1
context.b = 1
[context.'']
[context.a]
layers = [1, '-', '']
connect = ['h:1']
session-timeout = 10
request-timeout = '0s'
max-request = '1'
wait = true
path = 'a//b/..'
trim = 'some'
max-trim = '101%'
extras = 'no'
target = 'lb/**'
exclude = ['/[']
strict = 'yes'
max-file = '0'
"), @r#"
    4: a context needs a name; --context '' uses none
    7: expected a text, not a list; -
    17: exclude: error parsing glob '/[': unclosed character class; missing ']'; -
    15: extras: expected show or hide; -
    6: expected a text, not a number; -
    19: max-file: expected more than nothing; -
    10: max-request: expected at least 1KiB and less than 2GiB; -
    14: max-trim: expected a number of nodes, or a percentage from 0% to 100%; -
    12: path: expected an absolute path, found "a//b/.."; -
    9: request-timeout: expected more than nothing and at most a day; -
    8: expected a text, not a number; -
    18: expected true or false, not a text; -
    16: target: a glob matches whole paths: it starts with / or with **/; -
    13: trim: expected all, owned or none; -
    11: expected a text, not true or false; -
    3: expected a table, as [context.prod], not a number; -
    2: expected a text, not a number; -
    "#);
    insta::assert_snapshot!(wrongs("default-context = 'prd'\n[context.prod]\n"), @r#"1: there is no context "prd"; is prod meant?"#);
}

#[test]
fn no_error_shows_what_may_be_secret() {
    let secret = "s3cret";
    for text in [
        format!("[context.a]\nauth = 'digest:u:{secret}'\n"),
        format!("[context.a]\npasswort = [\n'{secret}']\n"),
        format!("[context]\nkey = '{secret}'\n"),
        format!("[context.a]\nauth 'digest:u:{secret}'\n"),
        format!("[context.a]\nauth = 'digest:u:{secret}\n"),
    ] {
        let Wrongs { sources, wrongs } = File::parse(&found("", &text)).unwrap_err();
        assert!(
            !sources.iter().any(|source| source.text.contains(secret)),
            "{text}"
        );
        let all = format!("{wrongs:?}");
        assert!(!all.contains(secret), "{all}");
        let lengths = sources.iter().map(|source| source.text.len());
        assert_eq!(lengths.collect::<Vec<_>>(), [text.len()]);
    }
}

//! Completion, as bash asks for it.

use crate::relay::{Mode, Relay};
use crate::server::shared;

use super::*;

/// Sets what bash sets before it calls the function, and prints what that replies.
const ASK: &str = r#"
eval "$(zkt completions bash)"
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
part=${COMP_WORDS[COMP_CWORD]}
[[ $part == [:=] ]] && part=
_zkt zkt "$part" "${COMP_WORDS[COMP_CWORD - 1]}"
[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\n' "${COMPREPLY[@]}"
"#;

/// The line as bash takes it apart.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in line.split(' ') {
        let mut part = String::new();
        for c in word.chars() {
            if matches!(c, ':' | '=') {
                words.extend([std::mem::take(&mut part), c.to_string()]);
                words.retain(|word| !word.is_empty());
            } else {
                part.push(c);
            }
        }
        if !part.is_empty() || word.is_empty() {
            words.push(part);
        }
    }
    words
}

/// What bash offers at the end of a line.
fn offered(place: &Place, line: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let zkt = Path::new(env!("CARGO_BIN_EXE_zkt")).parent().unwrap();
    let mut command = Command::new("bash");
    place.prepare(&mut command);
    command
        .args(["--norc", "-c", ASK, "bash", line])
        .args(words(line))
        .env(
            "PATH",
            format!("{}:{}", zkt.display(), std::env::var("PATH").unwrap()),
        )
        .envs(variables.iter().copied());
    let run = place.finish(command.spawn().unwrap()).expect(0);
    assert_eq!(run.stderr, "", "{line}");
    run.stdout.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn live_paths_are_completed() {
    let place = Place::new("completion").await;
    let client = place.client().await;
    for path in [
        "/foo",
        "/foo/a b",
        "/fob",
        "/bar",
        "/zkt",
        "/zkt/team",
        "/zkt/other",
    ] {
        create(&client, path, "").await;
    }
    let offered = |line: &str| offered(&place, line, &[]);
    assert_eq!(offered("zkt get /fo"), ["/fob", "/foo"]);
    assert_eq!(offered("zkt rm /b"), ["/bar"]);
    // Its children are the next question.
    assert_eq!(offered("zkt ls /foo"), ["/foo", "/foo/"]);
    assert_eq!(offered("zkt get -q /foo/"), ["/foo/a\\ b"]);
    assert_eq!(offered("zkt ln /fob /ba"), ["/bar"]);
    assert_eq!(offered("zkt plan a.zkt --path /ba"), ["/bar"]);
    assert_eq!(offered("zkt apply --owner t"), ["team"]);
    assert_eq!(offered("zkt status --owner-path /foo --owner "), ["a\\ b"]);
    assert_eq!(offered("zkt ls /nosuch/"), [""; 0]);
    // The variable alone asks for nothing.
    let mut listing = place.command("ls /bar");
    listing.env("ZKT_COMPLETE", "bash");
    let listed = place.finish(listing.spawn().unwrap()).expect(0);
    assert_eq!(listed.stdout, "/bar\n");
    // Without a meaning there is no server that somebody means.
    assert_eq!(offered("zkt ls --nosuch /fo"), [""; 0]);

    // A variable names nobody, the line names the server.
    let line = format!("zkt get -c {} /b", place.hosts);
    assert_eq!(
        super::completion::offered(&place, &line, &[("ZKT_CONNECT", "127.0.0.1:1")]),
        ["/bar"]
    );
    let line = format!("zkt get --connect={} /b", place.hosts);
    assert_eq!(
        super::completion::offered(&place, &line, &[("ZKT_CONNECT", "127.0.0.1:1")]),
        ["/bar"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn contexts_and_layers_are_completed() {
    let place = Place::new("completion-contexts").await;
    create(&place.client().await, "/bar", "").await;
    place.file("trees/a.zkt", "/a\n").file(
        "zkt.toml",
        format!(
            "default-context = 'prod'\n[context.prod]\nconnect = '{}'\n[context.staging]\n",
            place.hosts
        ),
    );
    place.git("init -q -b main");
    place.commit();
    let unset = [("ZKT_CONNECT", "")];
    let offered = |line: &str| offered(&place, line, &unset);
    assert_eq!(offered("zkt plan --context "), ["prod", "staging"]);
    assert_eq!(offered("zkt plan --context=s"), ["staging"]);
    assert_eq!(offered("zkt --context p"), ["prod"]);
    assert_eq!(offered("zkt plan tr"), ["trees/"]);
    assert_eq!(offered("zkt plan git:"), ["main:", "HEAD:"]);
    assert_eq!(offered("zkt diff git:m"), ["main:"]);
    assert_eq!(offered("zkt plan git:main:tr"), ["trees/"]);
    assert_eq!(offered("zkt plan git:main:trees/"), ["trees/a.zkt"]);
    assert_eq!(offered("zkt get /b"), ["/bar"]);

    // Credentials go where they go when the command is executed.
    let with = |line: &str, more: &[(&str, &str)]| {
        let variables = [&unset[..], &[("ZKT_AUTH", "digest:u:p")], more].concat();
        super::completion::offered(&place, line, &variables)
    };
    assert_eq!(with("zkt get /b", &[]), [""; 0]);
    assert_eq!(with("zkt get --context prod /b", &[]), ["/bar"]);
    assert_eq!(
        with("zkt get --context prod /b", &[("CI", "true")]),
        [""; 0]
    );
    assert_eq!(
        with("zkt get --config zkt.toml /b", &[("CI", "true")]),
        ["/bar"]
    );
    // What is wrong is said when the command is executed.
    place.file("zkt.toml", "nosuch = 1\n");
    assert_eq!(offered("zkt get /b"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_waits_for_a_server_that_does_not_answer() {
    let place = Place::new("completion-mute").await;
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Mute);
    let hosts = place.through(&relay.address());
    let line = format!("zkt get --wait=1h --request-timeout 1h --session-timeout 1h -c {hosts} /");
    assert_eq!(offered(&place, &line, &[]), [""; 0]);
    assert_eq!(offered(&place, "zkt get -c 127.0.0.1:1 /", &[]), [""; 0]);
}

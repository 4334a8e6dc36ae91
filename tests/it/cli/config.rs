//! `zkt.toml`: contexts, where they are looked for, and what wins over them.

use super::Place;

mod trust;

/// Every key that there is.
const ALL: &str = r#"default-context = "dev"

[context.dev]

[context.prod]
layers = ["trees/base", "trees/prod.zkt"]
connect = "zk1:2181,zk2:2181/app"
auth-file = "secrets/prod.auth"
session-timeout = "20s"
request-timeout = "5s"
max-request = "10MiB"
wait = "1m"
path = "/services"
trim = "all"
max-trim = "5%"
extras = "hide"
target = ["/lb/**", "/cms"]
exclude = "/lb/old"
strict = true
lints = { plain-secret = "deny", all = "allow" }
allow-empty = true
allow-ephemeral = true
allow-files = ["shared"]
max-file = "1MiB"
"#;

fn place(text: &str) -> Place {
    let place = Place::offline();
    place.file("zkt.toml", text);
    place
}

#[test]
fn the_file_wins_over_defaults() {
    let place = place(ALL);
    let mut command = place.command("config --context prod");
    command.env_remove("ZKT_CONNECT");
    insta::assert_snapshot!(place.finish(command.spawn().unwrap()), @"
    file             zkt.toml                     found
    context          prod                         --context
    layers           trees/base trees/prod.zkt    zkt.toml:6
    connect          zk1:2181,zk2:2181/app        zkt.toml:7
    auth-file        secrets/prod.auth            zkt.toml:8
    tls              false                        default
    session-timeout  20s                          zkt.toml:9
    request-timeout  5s                           zkt.toml:10
    max-request      10MiB                        zkt.toml:11
    wait             1m                           zkt.toml:12
    path             /services                    zkt.toml:13
    trim             all                          zkt.toml:14
    owner            -                            default
    owner-path       /zkt                         default
    adopt            false                        default
    max-trim         5%                           zkt.toml:15
    extras           hide                         zkt.toml:16
    target           /lb/** /cms                  zkt.toml:17
    exclude          /lb/old                      zkt.toml:18
    policy           -                            default
    strict           true                         zkt.toml:19
    lints            all=allow plain-secret=deny  zkt.toml:20
    allow-empty      true                         zkt.toml:21
    allow-ephemeral  true                         zkt.toml:22
    allow-files      shared                       zkt.toml:23
    allow-secrets    -                            default
    max-file         1MiB                         zkt.toml:24
    --- exit 0
    ");
    let mut command = place.command("config");
    command.env_remove("ZKT_CONNECT");
    insta::assert_snapshot!(place.finish(command.spawn().unwrap()), @"
    file             zkt.toml                                                               found
    context          dev                                                                    zkt.toml:1
    layers           -                                                                      default
    connect          127.0.0.1:2181                                                         default
    auth-file        -                                                                      default
    tls              false                                                                  default
    session-timeout  10s                                                                    default
    request-timeout  the session timeout                                                    default
    max-request      1048575                                                                default
    wait             -                                                                      default
    path             /                                                                      default
    trim             none                                                                   default
    owner            -                                                                      default
    owner-path       /zkt                                                                   default
    adopt            false                                                                  default
    max-trim         30%, counted from 10 trims on, and half of a top-level node's subtree  default
    extras           show                                                                   default
    target           -                                                                      default
    exclude          -                                                                      default
    policy           -                                                                      default
    strict           false                                                                  default
    lints            -                                                                      default
    allow-empty      false                                                                  default
    allow-ephemeral  false                                                                  default
    allow-files      -                                                                      default
    allow-secrets    -                                                                      default
    max-file         256MiB                                                                 default
    --- exit 0
    ");
}

#[test]
fn flags_and_the_environment_win_over_the_file() {
    let place = place(ALL);
    let words = "config --context prod x.zkt -c h:1 --auth digest:u:hidden --session-timeout 1s \
                 --request-timeout 2s --max-request 2MiB --wait --path /p --trim=none --max-trim 7 \
                 --extras show --target /t --exclude /e --strict --allow-empty --allow-ephemeral \
                 --allow-files /f --max-file 3";
    insta::assert_snapshot!(place.run(words), @"
    file             zkt.toml           found
    context          prod               --context
    layers           x.zkt              LAYER, not zkt.toml:6
    connect          h:1                --connect, not zkt.toml:7
    auth-file        (not shown)        --auth, not zkt.toml:8
    tls              false              default
    session-timeout  1s                 --session-timeout, not zkt.toml:9
    request-timeout  2s                 --request-timeout, not zkt.toml:10
    max-request      2MiB               --max-request, not zkt.toml:11
    wait             forever            --wait, not zkt.toml:12
    path             /p                 --path, not zkt.toml:13
    trim             none               --trim, not zkt.toml:14
    owner            -                  default
    owner-path       /zkt               default
    adopt            false              default
    max-trim         7                  --max-trim, not zkt.toml:15
    extras           show               --extras, not zkt.toml:16
    target           /t                 --target, not zkt.toml:17
    exclude          /e                 --exclude, not zkt.toml:18
    policy           -                  default
    strict           true               --strict, not zkt.toml:19
    lints            plain-secret=deny  zkt.toml:20
    allow-empty      true               --allow-empty, not zkt.toml:21
    allow-ephemeral  true               --allow-ephemeral, not zkt.toml:22
    allow-files      /f                 --allow-files, not zkt.toml:23
    allow-secrets    -                  default
    max-file         3                  --max-file, not zkt.toml:24
    --- exit 0
    ");
    let mut command = place.command("config --format json");
    command
        .env("ZKT_AUTH", "digest:u:hidden")
        .env("ZKT_CONTEXT", "prod")
        .env("ZKT_CONNECT", "env:1");
    let run = place.finish(command.spawn().unwrap()).expect(0);
    assert!(!run.everything().contains("hidden"));
    let json = &run.json()[0];
    insta::assert_snapshot!(json["context"], @r#"{"name":"prod","place":"ZKT_CONTEXT","source":"environment"}"#);
    insta::assert_snapshot!(json["settings"][0], @r#"{"instead_of":null,"name":"layers","place":"zkt.toml:6","source":"file","values":["trees/base","trees/prod.zkt"]}"#);
    insta::assert_snapshot!(json["settings"][1], @r#"{"instead_of":"zkt.toml:7","name":"connect","place":"ZKT_CONNECT","source":"environment","values":["env:1"]}"#);
    insta::assert_snapshot!(json["settings"][2], @r#"{"instead_of":"zkt.toml:8","name":"auth-file","place":"ZKT_AUTH","source":"environment"}"#);
}

#[test]
fn contexts_are_listed() {
    let place = place(ALL);
    insta::assert_snapshot!(place.run("config --list"), @"
    * dev
      prod
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("config --list --format json"), @r#"
    {"contexts":[{"default":true,"name":"dev"},{"default":false,"name":"prod"}],"file":"zkt.toml","format_version":"1.2"}
    --- exit 0
    "#);
}

#[test]
fn it_is_looked_for_up_to_the_top_of_the_repository() {
    let place = Place::offline();
    place
        .file(
            "zkt.toml",
            "default-context = 'x'\n[context.x]\nlayers = 'outer.zkt'\n",
        )
        .file("outer.zkt", "/outer\n")
        .file("repository/a/b/readme", "");
    let at = |folder: &str, words: &str| {
        let mut command = place.command(words);
        command.current_dir(place.path(folder));
        place.finish(command.spawn().unwrap())
    };
    // Without a repository only here.
    assert_eq!(at("", "show").expect(0).stdout, "/outer\n");
    at("repository/a/b", "show").expect(1);
    // A worktree has a file there. Nothing above it is looked at.
    place.file("repository/.git", "gitdir: elsewhere\n");
    at("repository/a/b", "show").expect(1);
    place
        .file(
            "repository/zkt.toml",
            "[context.y]\nlayers = ['inner.zkt']\n",
        )
        .file("repository/inner.zkt", "/inner\n");
    let shown = at("repository/a/b", "show --context y").expect(0);
    assert_eq!(shown.stdout, "/inner\n");
    // The file's layers are named as the shell would name them here.
    let config = at("repository/a/b", "config --context y").expect(0).stdout;
    assert!(config.contains(" ../../inner.zkt "), "{config}");
    at("repository/a/b", "show --context y ../../../outer.zkt").expect(0);
    let named = at("repository/a", "show --config ../../zkt.toml").expect(0);
    assert_eq!(named.stdout, "/outer\n");
    // What needs no layer and no server needs no context.
    place.file("repository/zkt.toml", "wrong");
    at("repository/a", "man").expect(0);
    at("repository/a", "show ../inner.zkt").expect(1);
    at("repository/a", "show ../inner.zkt --context=").expect(0);
}

#[test]
fn a_context_that_is_not_there() {
    let place = place("[context.prod]\nlayers = 'x.zkt'\n[context.dev]\n");
    insta::assert_snapshot!(place.run("show --context prd"), @r#"
    --- stderr
    error: zkt.toml has no context "prd"
    hint: is prod meant?
    --- exit 1
    "#);
    insta::assert_snapshot!(place.run("show --context other"), @r#"
    --- stderr
    error: zkt.toml has no context "other"
    hint: it has dev, prod
    --- exit 1
    "#);
    insta::assert_snapshot!(place.run("show"), @"
    --- stderr
    error: the following required arguments were not provided:
      <LAYER>...

    Usage: zkt show <LAYER>...

    For more information, try '--help'.
    hint: --context NAME takes the layers of zkt.toml: dev, prod
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("show --context dev"), @"
    --- stderr
    error: the following required arguments were not provided:
      <LAYER>...

    Usage: zkt show --context <NAME> <LAYER>...

    For more information, try '--help'.
    hint: the context dev has no layers
    --- exit 1
    ");
    insta::assert_snapshot!(Place::offline().run("diff --context prod x"), @r#"
    --- stderr
    error: --context asks for the context "prod", and there is no zkt.toml
    hint: it is looked for here and above, up to the repository's top; --config FILE names it
    --- exit 2
    "#);
    insta::assert_snapshot!(place.run("plan --config none.toml x"), @"
    --- stderr
    error: none.toml: No such file or directory
    --- exit 1
    ");
}

#[test]
fn errors_are_drawn() {
    let place = place("[context.prod]\nlayer = 'a'\nauth = 'digest:u:p'\nstrict = 1\n");
    insta::assert_snapshot!(place.run("ls"), @"
    --- stderr
    error: layer is no key
     --> zkt.toml:2:1
      |
    2 | layer = ***
      | ^^^^^
      |
      = help: is layers meant?

    error: auth may not stand in a file
     --> zkt.toml:3:1
      |
    3 | auth = ************
      | ^^^^
      |
      = help: auth-file names a file with the credentials; they do not belong in one that others read

    error: expected true or false, not a number
     --> zkt.toml:4:10
      |
    4 | strict = 1
      |          ^

    error: 3 errors in 1 file
    --- exit 1
    ");
    place.file("zkt.toml", "[context.prod\n");
    insta::assert_snapshot!(place.run("ls"), @"
    --- stderr
    error: this is no TOML: unclosed table, expected `]`
     --> zkt.toml:1:14
      |
    1 | [context.prod
      |              ^

    --- exit 1
    ");
}

/// A place on a server whose contexts name it.
async fn served(name: &str) -> Place {
    let place = Place::new(name).await;
    let text = format!(
        "default-context = 'dev'\n[context.dev]\nlayers = ['a.zkt']\nconnect = '{}'\n\
         [context.more]\nlayers = ['a.zkt', 'b.zkt']\nconnect = '{}'\ntrim = 'all'\n\
         [context.elsewhere]\nlayers = ['a.zkt']\nconnect = '127.0.0.1:1/other'\n",
        place.hosts, place.hosts
    );
    place.file("zkt.toml", text);
    place.file("a.zkt", "/a\n  x = 1\n").file("b.zkt", "/b\n");
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn plan_and_apply_by_a_context() {
    let place = served("contexts").await;
    insta::assert_snapshot!(place.run_by_file("plan"), @"
    zkt plan: SERVER <- a.zkt
      context dev of zkt.toml

      + /a                                               a.zkt:1
          x = 1

    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run_by_file("apply -y"), @"
    zkt apply: SERVER <- a.zkt
      context dev of zkt.toml

      + /a                                               a.zkt:1
          x = 1

    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.
    Done: 1 added, 0 updated, 0 linked, 0 trimmed.
    --- stderr
    context dev of zkt.toml, its default
    --- exit 0
    ");
    insta::assert_snapshot!(place.run_by_file("apply -y -q --context more"), @"
    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.
    Done: 1 added, 0 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run_by_file("diff live --context more").expect(0), @"
    zkt diff: live SERVER <- a.zkt b.zkt
      context more of zkt.toml

    No changes: 2 nodes are as declared.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run_by_file("set /a x=2"), @"
    --- stderr
    context dev of zkt.toml, its default
    --- exit 0
    ");
    insta::assert_snapshot!(place.run_by_file("get /a x"), @"
    2
    --- exit 0
    ");
    // The environment wins, and that is said.
    let warned = place.run("ls --context elsewhere").expect(0);
    let said = "warning: ZKT_CONNECT names SERVER, and wins over zkt.toml:11\n";
    assert!(warned.stderr.ends_with(said), "{warned}");
    assert_eq!(place.run("ls -q --context elsewhere").expect(0).stderr, "");
    let verbose = place.run("ls -v --context elsewhere").expect(0);
    assert!(
        verbose.stderr.contains("context elsewhere of zkt.toml"),
        "{verbose}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_is_not_carried_out_elsewhere() {
    let place = served("contexts-saved").await;
    // What is said is enough to reach the same servers.
    let auth = "plan --context more --auth-file 'auth --auth digest:a:secret -o plan.json";
    place.file("'auth", "digest:a:secret");
    // Credentials of the command line go to a file's servers if somebody named the file.
    let mut command = place.command(auth);
    command
        .env_remove("ZKT_CONNECT")
        .env("ZKT_CONFIG", "zkt.toml");
    assert_eq!(
        place.finish(command.spawn().unwrap()).expect(0).stderr,
        "saved: zkt apply --plan plan.json --context more --auth-file ''\\''auth' --auth \
         SCHEME:CREDENTIALS does exactly this\n"
    );
    let saved = place.run_by_file("plan -o plan.json").expect(0).stderr;
    assert_eq!(
        saved,
        "saved: zkt apply --plan plan.json does exactly this\n"
    );
    insta::assert_snapshot!(place.run_by_file("apply -y --plan plan.json --context elsewhere"), @"
    --- stderr
    context elsewhere of zkt.toml
    error: the plan was made on SERVER, and context elsewhere (zkt.toml:11) names 127.0.0.1:1/other
    hint: --context dev leads to where the plan was made
    --- exit 4
    ");
    // The layers are not asked: the plan says it all.
    place.file("a.zkt", "/other\n");
    place.run_by_file("apply -y --plan plan.json").expect(0);
    assert!(place.nodes().await.starts_with("/a "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn watch_by_a_context() {
    let place = served("contexts-watch").await;
    let run = place.run_by_file("watch --once --context more").expect(0);
    assert!(run.stderr.contains("context more of zkt.toml"), "{run}");
    assert_eq!(place.nodes().await.lines().count(), 2);
}

#[test]
fn all_contexts_are_checked_in_one_go() {
    let contexts = "[lints]\nleading-zero = 'allow'\n[context.a]\nlayers = 'a.zkt'\n[context.b]\nlayers = ['a.zkt', 'b.zkt']\nstrict = true\n\
                    [context.c]\nconnect = 'zk1'\n[context.d]\nlayers = 'd.zkt'\n";
    let place = place(contexts);
    place
        .file("a.zkt", "/a\n  l -> /a\n")
        .file("b.zkt", "/a\n  l -> /a/none\n");
    let run = place.run("check --all-contexts").expect(1);
    assert!(run.stdout.starts_with("a: ok: 1 node in 1 file\n"), "{run}");
    let of_b = run
        .stderr
        .split_once("context b of zkt.toml")
        .expect("context b")
        .1;
    assert!(of_b.contains("\nwarning: /a: link l -> /a/none"), "{run}");
    let of_d = run
        .stderr
        .split_once("context d of zkt.toml")
        .expect("context d")
        .1;
    assert!(of_d.contains("\nerror: d.zkt: No such file"), "{run}");
    place.file("d.zkt", "/d\n");
    let run = place.run("check --all-contexts").expect(3);
    assert!(run.stdout.ends_with("d: ok: 1 node in 1 file\n"), "{run}");
    assert!(run.stderr.contains("error: context b: "), "{run}");
    let json = place
        .run("check --all-contexts --format json")
        .expect(3)
        .json();
    let of: Vec<String> = json
        .iter()
        .map(|one| format!("{} {}", one["bounds"]["context"], one["ok"]))
        .collect();
    assert_eq!(of, ["\"a\" true", "\"b\" false", "\"d\" true"]);
    let sarif = place.run("check --all-contexts --format sarif").expect(3);
    assert!(sarif.stdout.contains("context b: "), "{sarif}");
    let log = sarif.json();
    assert_eq!(log.len(), 1);
    // A pull request that disarms the check is seen.
    let notes = &log[0]["runs"][0]["invocations"][0]["toolConfigurationNotifications"];
    let notes = notes.as_array().expect("notes");
    let notes: Vec<&str> = notes
        .iter()
        .map(|note| note["message"]["text"].as_str().expect("a text"))
        .collect();
    assert_eq!(
        notes,
        [
            "context a of zkt.toml, layers a.zkt, lints leading-zero=allow",
            "context b of zkt.toml, layers a.zkt b.zkt, strict true, lints leading-zero=allow",
            "context d of zkt.toml, layers d.zkt, lints leading-zero=allow",
        ]
    );
    place.file("b.zkt", "/a\n  l -> /a\n");
    place.run("check --all-contexts").expect(0);
    place.run("check --all-contexts a.zkt").expect(1);
    let none = Place::offline();
    let run = none.run("check --all-contexts").expect(1);
    assert!(
        run.stderr.contains("no zkt.toml has a context with layers"),
        "{run}"
    );
}

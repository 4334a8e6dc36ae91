//! What a `zkt.toml` may not do that somebody else wrote, such as the author of a pull request.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[test]
fn only_a_file_that_nobody_else_writes_is_trusted() {
    let place = place("[context.x]\nlayers = 'a.zkt'\n");
    place.file("a.zkt", "/a\n");
    let chmod = |name: &str, mode: u32| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    place.run("show --context x").expect(0);
    chmod("zkt.toml", 0o666);
    insta::assert_snapshot!(place.run("show --context x"), @"
    --- stderr
    error: zkt.toml: every user can write it, and it says where trees go
    hint: if you trust it: --config zkt.toml; if not: --context ''
    --- exit 1
    ");
    place.run("show --context x --config zkt.toml").expect(0);
    place.run("show a.zkt").expect(1);
    place.run("show a.zkt --context=").expect(0);
    chmod("zkt.toml", 0o600);
    chmod("", 0o777);
    insta::assert_snapshot!(place.run("show --context x"), @"
    --- stderr
    error: zkt.toml: every user can replace it in its directory, and it says where trees go
    hint: if you trust it: --config zkt.toml; if not: --context ''
    --- exit 1
    ");
    chmod("", 0o700);
    fs::rename(place.path("zkt.toml"), place.path("real.toml")).unwrap();
    symlink("real.toml", place.path("zkt.toml")).unwrap();
    insta::assert_snapshot!(place.run("show --context x"), @"
    --- stderr
    error: zkt.toml: it is a symbolic link
    hint: if you trust it: --config zkt.toml; if not: --context ''
    --- exit 1
    ");
    place.run("show --context x --config zkt.toml").expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_narrowed_plan_says_so() {
    let place = Place::new("contexts-narrowed").await;
    let text = "[context.prod]\nlayers = 'a.zkt'\nexclude = '/**'\nextras = 'hide'\n\
                max-trim = '100%'\nallow-empty = true\n";
    place.file("zkt.toml", text).file("a.zkt", "/a\n  x = 1\n");
    // The checksum is another one for each server.
    let comment = |words: &str| {
        let text = place.run(words).expect(0).stdout;
        text.split_once("\nChecksum: ").unwrap().0.to_owned()
    };
    insta::assert_snapshot!(place.run("plan --context prod"), @"
    zkt plan: SERVER <- a.zkt
      context prod of zkt.toml, exclude /**, extras hide, max-trim 100%,
      allow-empty true

    No changes outside of /**: 0 nodes are as declared; extra nodes are not listed.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("plan --context prod -q"), @"
    No changes outside of /**: 0 nodes are as declared; extra nodes are not listed.
    --- exit 0
    ");
    insta::assert_snapshot!(comment("plan --context prod --format markdown"), @"
    **zkt plan `prod`: no changes outside of `/**`, 0 nodes are as declared; extra nodes are not listed** on `SERVER` from `a.zkt`

    With context `prod` of `zkt.toml`, exclude `/**`, extras `hide`, max-trim `100%`, allow-empty `true`.

    ");
    insta::assert_snapshot!(place.run("plan --context prod --format github"), @"
    ::notice title=zkt plan prod::No changes outside of /**: 0 nodes are as declared; extra nodes are not listed.%0Acontext prod of zkt.toml%0Aexclude /**%0Aextras hide%0Amax-trim 100%25%0Aallow-empty true
    --- exit 0
    ");
    let json = place
        .run("plan --context prod --format json")
        .json()
        .remove(0);
    insta::assert_snapshot!(json["bounds"], @r#"{"context":"prod","file":"zkt.toml","options":{"allow-empty":["true"],"exclude":["/**"],"extras":["hide"],"max-trim":["100%"]}}"#);
    insta::assert_snapshot!(comment("plan a.zkt --context= --target /a --format markdown"), @"
    **zkt plan: 1 to add within `/a`** on `SERVER` from `a.zkt`

    With target `/a`.

    <details><summary>1 action</summary>

    ```diff
    + /a  # a.zkt:1
    +     x = 1
    ```

    </details>

    ");
    insta::assert_snapshot!(place.run("apply -y --context prod"), @"
    zkt apply: SERVER <- a.zkt
      context prod of zkt.toml, exclude /**, extras hide, max-trim 100%,
      allow-empty true

    No changes outside of /**: 0 nodes are as declared; extra nodes are not listed.
    --- stderr
    context prod of zkt.toml
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("diff --context prod a.zkt"), @"
    zkt diff: a.zkt <- a.zkt
      context prod of zkt.toml, exclude /**, extras hide, max-trim 100%,
      allow-empty true

    No changes outside of /**: 0 nodes are as declared; extra nodes are not listed.
    --- exit 0
    ");
    // A saved plan says what it was narrowed to.
    place.run("plan --context prod -o plan.json").expect(0);
    insta::assert_snapshot!(place.run("plan --show plan.json").expect(0).stdout, @"
    zkt plan: SERVER <- a.zkt
      context prod when it was made, exclude /**

    No changes outside of /**: 0 nodes are as declared.
    ");
}

#[test]
fn a_file_that_was_found_gives_no_files_of_the_machine() {
    let place = Place::offline();
    place
        .file("elsewhere/secret.zkt", "password is hunter2\n")
        .file("repository/.git/config", "token\n")
        .file("repository/parts/own", "hers");
    place.file(
        "repository/a.zkt",
        "/a\n  x = @data file '../elsewhere/secret.zkt'\n",
    );
    let at = |text: &str, words: &str| {
        place.file("repository/zkt.toml", format!("[context.x]\n{text}"));
        let mut command = place.command(words);
        command.current_dir(place.path("repository"));
        place.finish(command.spawn().unwrap())
    };
    let outside = place.path("elsewhere").display().to_string();
    for text in [
        "layers = 'a.zkt'\nallow-files = '..'\n".to_owned(),
        format!("layers = 'a.zkt'\nallow-files = '{outside}'\n"),
        "layers = 'a.zkt'\nallow-files = '.git'\n".to_owned(),
        "layers = '../elsewhere/secret.zkt'\n".to_owned(),
        "layers = 'link'\n".to_owned(),
        "layers = '/dev/stdin'\n".to_owned(),
    ] {
        _ = symlink("../elsewhere", place.path("repository/link"));
        let run = at(&text, "show --context x").expect(1);
        assert!(
            run.stderr.contains("from outside of its repository"),
            "{text}: {run}"
        );
        assert!(!run.everything().contains("hunter2"), "{run}");
    }
    let own = "layers = 'b.zkt'\nallow-files = 'parts'\n";
    place.file("repository/b.zkt", "/a\n  @data file 'parts/own'\n");
    at(own, "show --context x").expect(0);
    insta::assert_snapshot!(at("layers = '../elsewhere'\n", "show --context x"), @"
    --- stderr
    error: layers: a zkt.toml that was found gives no files from outside of its repository
     --> zkt.toml:2:10
      |
    2 | layers = '../elsewhere'
      |          ^^^^^^^^^^^^^^
      |
      = help: if you trust this file, name it: --config FILE, or ZKT_CONFIG

    --- exit 1
    ");
    // Whoever names the file trusts it.
    place.file("elsewhere/secret.zkt", "/b\n");
    let named = at(
        "layers = '../elsewhere'\n",
        "show --context x --config zkt.toml",
    );
    assert_eq!(named.expect(0).stdout, "/b\n");
}

#[test]
fn credentials_go_to_servers_that_somebody_named() {
    let place = place(
        "default-context = 'x'\n[context.x]\nconnect = '127.0.0.1:1'\n\
         [context.with]\nconnect = '127.0.0.1:1'\nauth-file = 'credentials'\n",
    );
    place.file("credentials", "digest:u:p\n");
    let run = |words: &str, variables: &[(&str, &str)]| {
        let mut command = place.command(words);
        command.env_remove("ZKT_CONNECT");
        command.envs(variables.iter().copied());
        place.finish(command.spawn().unwrap()).expect(1)
    };
    let auth = ("ZKT_AUTH", "digest:u:p");
    insta::assert_snapshot!(run("ls", &[auth]), @"
    --- stderr
    error: context x (zkt.toml:3) names the servers, and that file was only found: they get no credentials
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it; -c HOSTS names servers
    --- exit 1
    ");
    for (words, variables) in [
        ("ls --auth digest:u:p", vec![]),
        ("status --owner team", vec![auth]),
        ("get /a --auth-file credentials", vec![]),
        ("ls --context x", vec![auth, ("CI", "true")]),
        ("ls", vec![("ZKT_CONTEXT", "with"), ("CI", "true")]),
    ] {
        let run = run(words, &variables);
        assert!(
            run.stderr.contains("they get no credentials"),
            "{words}: {run}"
        );
    }
    for (words, variables) in [
        ("ls", vec![]),
        ("ls --context with", vec![]),
        ("ls --context x", vec![auth]),
        ("ls", vec![auth, ("ZKT_CONTEXT", "x")]),
        ("ls", vec![auth, ("ZKT_CONNECT", "127.0.0.1:1")]),
        ("ls -c 127.0.0.1:1 --auth digest:u:p", vec![]),
        (
            "ls --context with --config zkt.toml",
            vec![auth, ("CI", "true")],
        ),
        ("ls", vec![auth, ("ZKT_CONFIG", "zkt.toml")]),
    ] {
        let run = run(words, &variables);
        assert!(
            run.stderr.contains("cannot reach a ZooKeeper server"),
            "{words}: {run}"
        );
    }
}

#[test]
fn a_file_that_was_found_takes_no_credentials_of_the_machine() {
    let place = Place::offline();
    place
        .file("auth", "digest:u:p\n")
        .file("repository/.git/config", "")
        .file("repository/auth", "digest:u:p\n")
        .file("repository/large", "#\n".repeat(1 << 15) + "digest:u:p\n");
    place.fifo("repository/fifo");
    let at = |file: &str, words: &str, variables: &[(&str, &str)]| {
        let text = format!("default-context = 'x'\n[context.x]\nauth-file = '{file}'\n");
        place.file("repository/zkt.toml", text);
        let mut command = place.command(&format!("ls -c 127.0.0.1:1 {words}"));
        command.current_dir(place.path("repository"));
        command.envs(variables.iter().copied());
        place.finish(command.spawn().unwrap()).expect(1).stderr
    };
    insta::assert_snapshot!(at("../auth", "", &[]), @"
    error: context x (zkt.toml:3) takes credentials from ../auth, outside of its repository, and that file was only found: they are not read
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it; --auth-file FILE names another one
    ");
    let (ci, unread) = (("CI", "true"), "they are not read");
    let (named, tried) = ("--config zkt.toml", "cannot reach a ZooKeeper server");
    for (file, words, variables, error) in [
        ("../auth", "--context x", vec![ci], unread),
        ("/etc/passwd", "", vec![], unread),
        (".git/config", "", vec![], unread),
        ("/proc/self/environ", "--context x", vec![], unread),
        ("/dev/zero", "--context x", vec![], unread),
        ("/dev/zero", named, vec![], "it is no regular file"),
        ("fifo", "", vec![], "it is no regular file"),
        ("large", "", vec![], "it has more than 64 KiB"),
        ("auth", "", vec![ci], tried),
        ("../auth", "--context x", vec![], tried),
        ("../auth", named, vec![ci], tried),
        ("/etc/passwd", "--auth-file auth", vec![], tried),
        (
            "auth",
            "--auth-file /dev/zero",
            vec![],
            "it has more than 64 KiB",
        ),
    ] {
        let stderr = at(file, words, &variables);
        assert!(stderr.contains(error), "{file} {words}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_that_was_found_opens_no_secrets_of_the_machine() {
    let place = Place::new("trust-secrets").await;
    place
        .file("outside/token", "x")
        .file("repository/.git/config", "")
        .file("repository/a.zkt", "/a\n  @secret x from env MINE\n");
    let outside = place.path("outside").display().to_string();
    let inside = place.path("repository").display().to_string();
    let at = |sources: &str, words: &str, variables: &[(&str, &str)]| {
        let text = format!(
            "default-context = 'x'\n[context.x]\nlayers = 'a.zkt'\nallow-secrets = {sources}\n"
        );
        place.file("repository/zkt.toml", text);
        let mut command = place.command(words);
        command.current_dir(place.path("repository"));
        command.env("MINE", "mine").envs(variables.iter().copied());
        place.finish(command.spawn().unwrap())
    };
    insta::assert_snapshot!(at("['env:ZKT_*', 'env:MINE']", "plan", &[]).stderr, @"
    error: context x (zkt.toml:4) allows secrets from env:ZKT_*, outside of its repository, and that file was only found: they are not taken
    hint: --config zkt.toml (or ZKT_CONFIG) says that you trust it; --allow-secrets SOURCE says what may be taken
    ");
    let (ci, unread) = (("CI", "true"), "they are not taken");
    let (named, all) = ("plan --config zkt.toml", "'env:M*'");
    let (dir, own) = (format!("'{outside}'"), format!("'{inside}'"));
    for (sources, words, variables, error) in [
        (all, "plan --context x", vec![ci], unread),
        (all, "watch", vec![], unread),
        (&dir, "plan --context x", vec![ci], unread),
        (&dir, "plan", vec![], unread),
        ("'/proc/self'", "plan --context x", vec![], unread),
        (
            &own,
            "plan",
            vec![ci],
            "env MINE: the variable may not be taken",
        ),
    ] {
        let run = at(sources, words, &variables).expect(1);
        assert!(run.stderr.contains(error), "{sources} {words}: {run}");
    }
    for (sources, words, variables) in [
        (all, "plan --context x", vec![]),
        (all, named, vec![ci]),
        (all, "plan --allow-secrets env:MINE", vec![ci]),
        // They read nothing from outside.
        (all, "show", vec![ci]),
        (all, "check", vec![ci]),
    ] {
        at(sources, words, &variables).expect(0);
    }
}

#[test]
fn a_file_of_a_commit_with_the_trees_of_today() {
    let place = Place::offline();
    place
        .file("zkt.toml", "[context.x]\nlayers = 'trees/a.zkt'\n")
        .file("trees/a.zkt", "/old\n");
    place.git("init -q -b main");
    place.commit();
    place
        .file("zkt.toml", "[context.x]\nlayers = '/etc/passwd'\n")
        .file("trees/a.zkt", "/new\n");
    let at = |folder: &str, words: &str| {
        let mut command = place.command(words);
        command.current_dir(place.path(folder));
        place.finish(command.spawn().unwrap())
    };
    for (folder, name) in [
        ("", "git:HEAD:zkt.toml"),
        ("trees", "git:HEAD:zkt.toml"),
        ("trees", "git:HEAD:../zkt.toml"),
    ] {
        let run = at(folder, &format!("show --context x --config {name}")).expect(0);
        assert_eq!(run.stdout, "/new\n", "{folder} {name}");
    }
    let mut command = place.command("config --context x");
    command.env("ZKT_CONFIG", "git:HEAD:zkt.toml");
    let config = place.finish(command.spawn().unwrap()).expect(0).stdout;
    assert!(config.contains("git:HEAD:zkt.toml:2"), "{config}");
    insta::assert_snapshot!(place.run("show --context x --config git:HEAD:none.toml"), @"
    --- stderr
    error: git:HEAD:none.toml: No such file or directory
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("show --context x --config git:HEAD"), @"
    --- stderr
    error: git:HEAD: a file in a commit is git:REV:PATH
    --- exit 1
    ");
}

/// A pull request changes the working tree, and with it neither the rules nor which of them hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_policies_of_a_file_in_a_commit_are_those_of_the_commit() {
    let place = Place::new("trust-policy").await;
    let rule = |effect: &str| {
        format!("[[rule]]\nname = 'threads'\neffect = '{effect}'\nwhen = 'true'\nmessage = 'no'\n")
    };
    place.git("init -q -b main");
    place
        .file(
            "conf/zkt.toml",
            "[context.x]\nlayers = ['../a.zkt']\npolicy = 'policies/x.toml'\n",
        )
        .file("conf/policies/x.toml", rule("deny"))
        .file("a.zkt", "/a\n  threads = 1\n")
        .commit();
    place.file("conf/policies/x.toml", rule("warn"));
    for folder in ["", "conf"] {
        let mut command = place.command("plan --context x --config git:HEAD:conf/zkt.toml");
        command.current_dir(place.path(folder));
        let run = place.finish(command.spawn().unwrap()).expect(3);
        assert!(run.stdout.contains("rule threads: no"), "{run}");
    }
    // One that is on the disk means the disk.
    place
        .run("plan --context x --config conf/zkt.toml")
        .expect(0);
}

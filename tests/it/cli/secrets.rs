//! Secrets from outside of the tree files: had or not, never shown.

mod own;
mod watch;

use std::fs;
use std::os::unix::fs::symlink;

use super::watch::status::{ask, listening};
use super::watch::{Watching, becomes};
use super::{Place, Run};

const TREE: &str = "\
/db
  port = 5432
  @secret password from env DB_PASSWORD
  @secret token from file 'run/token'
/raw
  @secret @data from file 'run/raw'
";

const VALUES: [&str; 3] = ["hunter2-env", "hunter2-file", "hunter2-raw"];

/// The place with all files; the variable is for who runs a command.
async fn place(name: &str) -> Place {
    let place = Place::new(name).await;
    place
        .file("a.zkt", TREE)
        .file("run/token", "hunter2-file\n")
        .file("run/raw", "hunter2-raw");
    place
}

/// Runs a command with variables. Nothing that it says or writes into files holds a secret.
fn run(place: &Place, words: &str, variables: &[(&str, &str)]) -> Run {
    let mut command = place.command(words);
    command
        .env_remove("SOPS_AGE_KEY")
        .env_remove("SOPS_AGE_KEY_FILE");
    command
        .env("HOME", place.path("nobody"))
        .env_remove("XDG_CONFIG_HOME");
    command.envs(variables.iter().copied());
    let run = place.finish(command.spawn().unwrap());
    let everything = run.everything();
    assert!(!everything.contains("hunter2"), "{words}: {everything}");
    for file in fs::read_dir(place.path("")).unwrap().flatten() {
        let is_plan = file
            .path()
            .extension()
            .is_some_and(|extension| extension == "json");
        if is_plan {
            let text = fs::read_to_string(file.path()).unwrap();
            assert!(!text.contains("hunter2"), "{words}: {text}");
        }
    }
    run
}

const HAD: [(&str, &str); 1] = [("DB_PASSWORD", VALUES[0])];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_goes_on_without_a_secret_and_apply_needs_it() {
    let place = place("secrets").await;
    let plan = run(&place, "plan a.zkt", &[]).expect(0);
    insta::assert_snapshot!(plan.stdout.replace(&place.hosts, "SERVER"), @r"
    zkt plan: SERVER <- a.zkt

      + /db                                              a.zkt:1
          password = (secret)
          port = 5432
          token = (secret)
      + /raw                                             a.zkt:5
          @data (secret)

    Not compared, since there is no value here:
      /db  (password from env DB_PASSWORD: the variable is not set)

    Plan: 2 to add, 0 to update, 0 to link, 0 to trim.
    ");
    let refused = run(&place, "apply -y a.zkt", &[]).expect(3);
    let told = "/db: there is no value for password from env DB_PASSWORD: the variable is not set (a.zkt:3:11)";
    assert!(refused.everything().contains(told), "{refused}");
    assert_eq!(place.nodes().await, "");
    run(&place, "check a.zkt", &[]).expect(0);
    run(&place, "fmt --check a.zkt", &[]).expect(0);

    run(&place, "apply -y a.zkt", &HAD).expect(0);
    let nodes = place.nodes().await;
    for value in VALUES {
        assert!(nodes.contains(value), "{nodes}");
    }
    assert!(!nodes.contains("\\n"), "{nodes}");
    let same = run(&place, "plan a.zkt", &HAD).expect(0);
    assert_eq!(same.last(), "No changes: 2 nodes are as declared.");
    // Without it nobody knows.
    let unknown = run(&place, "plan --format json a.zkt", &[]).expect(0);
    let plan: serde_json::Value = serde_json::from_str(&unknown.stdout).unwrap();
    assert_eq!(plan["actions"], serde_json::json!([]));
    assert_eq!(
        plan["not_compared"],
        serde_json::json!([{
            "path": "/db",
            "name": "password",
            "from": "env DB_PASSWORD",
            "reason": "the variable is not set",
            "source": "a.zkt:3:11",
        }])
    );
    let markdown = run(&place, "plan --format markdown a.zkt", &[]).expect(0);
    let told = "/db  (password from env DB_PASSWORD: the variable is not set)";
    assert!(markdown.stdout.contains(told), "{markdown}");
    let other = run(&place, "plan a.zkt", &[("DB_PASSWORD", "hunter2-other")]).expect(0);
    assert_eq!(
        other.last(),
        "Plan: 0 to add, 1 to update, 0 to link, 0 to trim."
    );
    // Other properties are compared, and what is not had stays.
    place.file(
        "a.zkt",
        TREE.replace("5432", "5433").replace("run/token", "nosuch"),
    );
    let rest = run(&place, "plan a.zkt", &HAD).expect(0);
    assert!(rest.stdout.contains("port = 5432 -> 5433"), "{rest}");
    assert!(rest.stdout.contains("token from file 'nosuch'"), "{rest}");
    assert!(!rest.stdout.contains("token = "), "{rest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_takes_its_secrets_from_outside_again() {
    const KEY: (&str, &str) = ("ZKT_FINGERPRINT_KEY", "0123456789abcdef");
    let place = place("secrets-saved").await;
    // Reviewed by somebody who has nothing.
    run(&place, "plan -o plan.json a.zkt", &[]).expect(0);
    run(&place, "plan --show plan.json", &[]).expect(0);
    run(&place, "apply -y --plan plan.json a.zkt", &[]).expect(3);
    assert_eq!(place.nodes().await, "");
    run(&place, "apply -y --plan plan.json a.zkt", &HAD).expect(0);
    let nodes = place.nodes().await;
    assert!(VALUES.iter().all(|value| nodes.contains(value)), "{nodes}");
    let with = run(&place, "plan -o with.json --with-secrets a.zkt", &[]).expect(1);
    assert!(
        with.stderr
            .contains("--with-secrets: /db: there is no value"),
        "{with}"
    );

    // Without a key nothing tells which value was planned.
    let changed = [("DB_PASSWORD", "hunter2-two")];
    run(&place, "plan -o two.json a.zkt", &changed).expect(0);
    let third = [("DB_PASSWORD", "hunter2-three")];
    run(&place, "apply -y --plan two.json a.zkt", &third).expect(0);
    assert!(place.nodes().await.contains("hunter2-three"));

    // With one, another value is none that was reviewed.
    let planned = run(
        &place,
        "plan -o four.json a.zkt",
        &[("DB_PASSWORD", "hunter2-four"), KEY],
    );
    planned.expect(0);
    let refused = run(
        &place,
        "apply -y --plan four.json a.zkt",
        &[("DB_PASSWORD", "hunter2-five"), KEY],
    );
    let told = "a secret value for it is not the one that was planned";
    assert!(refused.everything().contains(told), "{refused}");
    // Nor is one of which nothing can tell.
    let other_key = ("ZKT_FINGERPRINT_KEY", "fedcba9876543210");
    for variables in [
        &[("DB_PASSWORD", "hunter2-five")][..],
        &[("DB_PASSWORD", "hunter2-five"), other_key],
    ] {
        let refused = run(&place, "apply -y --plan four.json a.zkt", variables).expect(4);
        assert!(
            refused
                .everything()
                .contains("cannot be compared with the planned one"),
            "{refused}"
        );
    }
    assert!(place.nodes().await.contains("hunter2-three"));
    let four = [("DB_PASSWORD", "hunter2-four"), KEY];
    run(&place, "apply -y --plan four.json a.zkt", &four).expect(0);
    assert!(place.nodes().await.contains("hunter2-four"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reviewers_see_that_a_secret_changed_by_its_fingerprint() {
    let place = place("secrets-fingerprints").await;
    let key = ("ZKT_FINGERPRINT_KEY", "0123456789abcdef");
    let plan = |words: &str, password: &str| {
        let words = format!("plan {words} a.zkt");
        run(&place, &words, &[("DB_PASSWORD", password), key]).expect(0)
    };
    let of = |run: &Run| {
        let plan: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        plan["fingerprints"].clone()
    };
    let first = of(&plan("--format json", "hunter2-a"));
    assert_eq!(first.as_array().unwrap().len(), 3);
    assert_eq!(first[0]["name"], "password");
    assert_eq!(first[0]["new"].as_str().unwrap().len(), 12);
    assert_eq!(first, of(&plan("--format json", "hunter2-a")));
    assert_ne!(first[0], of(&plan("--format json", "hunter2-b"))[0]);
    run(&place, "apply -y a.zkt", &[("DB_PASSWORD", "hunter2-a")]).expect(0);
    let changed = of(&plan("--format json", "hunter2-b"));
    assert_eq!(changed[0]["old"], first[0]["new"]);
    let (old, new) = (&changed[0]["old"], &changed[0]["new"]);
    let line = format!(
        "(password {} -> {})",
        old.as_str().unwrap(),
        new.as_str().unwrap()
    );
    for words in ["", "--format markdown"] {
        let shown = plan(words, "hunter2-b");
        assert!(shown.stdout.contains(&line), "{shown}");
    }
    // Without a key there are none, and a bad one is an error.
    let none = run(&place, "plan a.zkt", &[("DB_PASSWORD", "hunter2-b")]).expect(0);
    assert!(!none.stdout.contains("ingerprint"), "{none}");
    place.file("key", "0123456789abcdef\n");
    let file = [
        ("DB_PASSWORD", "hunter2-b"),
        ("ZKT_FINGERPRINT_KEY_FILE", "key"),
    ];
    assert!(
        run(&place, "plan a.zkt", &file)
            .expect(0)
            .stdout
            .contains(&line)
    );
    let short = run(&place, "plan a.zkt", &[("ZKT_FINGERPRINT_KEY", "short")]).expect(1);
    assert!(
        short
            .stderr
            .contains("ZKT_FINGERPRINT_KEY: a key for fingerprints"),
        "{short}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_list_says_what_may_be_taken() {
    let place = place("secrets-allowed").await;
    let denied = run(&place, "plan --allow-secrets env:APP_* a.zkt", &HAD).expect(1);
    let told = "env DB_PASSWORD: the variable may not be taken; --allow-secrets allows more";
    assert!(denied.stderr.contains(told), "{denied}");
    run(&place, "plan --allow-secrets env:DB_* a.zkt", &HAD).expect(0);
    let wrong = run(&place, "plan --allow-secrets run a.zkt", &HAD).expect(1);
    assert!(
        wrong
            .stderr
            .contains("expected env:GLOB or the absolute path"),
        "{wrong}"
    );
    place.file(
        "zkt.toml",
        "[context.x]\nlayers = 'a.zkt'\nallow-secrets = 'env:APP_*'\n",
    );
    let denied = run(&place, "plan --context x", &HAD).expect(1);
    assert!(denied.stderr.contains(told), "{denied}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn in_ci_nothing_is_taken_that_nobody_has_allowed() {
    let place = place("secrets-ci").await;
    let variables = [HAD[0], ("CI", "true")];
    let denied = run(&place, "plan a.zkt", &variables).expect(1);
    insta::assert_snapshot!(denied.stderr, @"
    error: env DB_PASSWORD: the variable may not be taken; --allow-secrets allows more
     --> a.zkt:3:29
      |
    3 |   @secret password from env DB_PASSWORD
      |                             ^^^^^^^^^^^
      |
      = help: the variable CI is set: only what --allow-secrets names is taken, as in --allow-secrets env:NAME
    ");
    run(
        &place,
        "plan --allow-secrets env:DB_PASSWORD a.zkt",
        &variables,
    )
    .expect(0);
    // The files of the layer's own directory need nothing.
    place.file("own.zkt", "/a\n  @secret x from file 'run/token'\n");
    run(&place, "plan own.zkt", &variables).expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_of_sops_is_decrypted_with_a_key_of_age() {
    const KEY: &str = "AGE-SECRET-KEY-1JH3P9C3374GXAZEVUD2Y38YGGF6MJ8CWN2P6Y2XS4DCKSCVAEYPQD0TX0P";
    let place = Place::new("secrets-sops").await;
    place
        .file("secrets.yaml", include_str!("../../sops/all.yaml"))
        .file(
            "a.zkt",
            "/db\n  @secret password from sops 'secrets.yaml' db.password\n  \
             @secret token from sops 'secrets.yaml' db.hosts.1.token\n  \
             @secret key from sops 'secrets.yaml' db.\"my.key\"\n",
        )
        .file("keys.txt", format!("# created: today\n{KEY}\n"));
    let plan = run(&place, "plan a.zkt", &[]).expect(0);
    let told = "there is no age key here (SOPS_AGE_KEY: not set";
    assert!(plan.stdout.contains(told), "{plan}");
    run(&place, "apply -y a.zkt", &[]).expect(3);
    run(&place, "apply -y a.zkt", &[("SOPS_AGE_KEY", KEY)]).expect(0);
    let nodes = place.nodes().await;
    for value in ["hunter2-yaml", "beta-token", "dotted"] {
        assert!(nodes.contains(value), "{nodes}");
    }
    let same = run(&place, "plan a.zkt", &[("SOPS_AGE_KEY_FILE", "keys.txt")]).expect(0);
    assert_eq!(same.last(), "No changes: 1 node is as declared.");
    place.file("nobody/.config/sops/age/keys.txt", KEY);
    let usual = run(&place, "plan a.zkt", &[]).expect(0);
    assert_eq!(usual.stdout, same.stdout);
    // What is broken is an error, also for a plan.
    let text = place
        .read("secrets.yaml")
        .replace("version: 3.11.0", "version: 3.11.0\nmore: 1");
    place.file("secrets.yaml", text);
    let broken = run(&place, "plan a.zkt", &[]).expect(1);
    assert!(
        broken.stderr.contains("its checksum (MAC) is wrong"),
        "{broken}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_follows_the_rotation_of_a_mounted_secret() {
    let place = Place::new("secrets-watch").await;
    let mount = |version: &str, token: &str| {
        place.file(&format!("run/..{version}/token"), format!("{token}\n"));
        let link = place.path("run/..new");
        symlink(format!("..{version}"), &link).unwrap();
        fs::rename(link, place.path("run/..data")).unwrap();
    };
    place.file(
        "trees/a.zkt",
        "/a\n  @secret token from file '../run/token'\n",
    );
    mount("1", "hunter2-one");
    symlink("..data/token", place.path("run/token")).unwrap();
    let client = place.client().await;
    let words = "trees --interval 1h --record history";
    let (watching, address) = listening(&place, words).await;
    becomes(&client, "/a", Some("{\"token\":\"hunter2-one\"}")).await;
    mount("2", "hunter2-two");
    becomes(&client, "/a", Some("{\"token\":\"hunter2-two\"}")).await;
    for path in ["/", "/status", "/tree", "/metrics", "/healthz"] {
        let (status, body) = ask(&address, "GET", path);
        assert_eq!(status, 200, "{path}");
        assert!(!body.contains("hunter2"), "{path}: {body}");
    }
    let (code, log) = Watching::stop(watching);
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    let mut git = std::process::Command::new("git");
    git.arg("--git-dir").arg(place.path("history"));
    let output = git.args(["log", "-p", "main"]).output().unwrap();
    let history = String::from_utf8_lossy(&output.stdout);
    assert!(
        history.contains("/a") && !history.contains("hunter2"),
        "{history}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_watch_that_enforces_needs_the_secret_and_one_that_warns_does_not() {
    let place = place("secrets-once").await;
    let refused = run(&place, "watch --once a.zkt", &[]);
    assert!(
        refused
            .everything()
            .contains("there is no value for password"),
        "{refused}"
    );
    assert_eq!(place.nodes().await, "");
    run(&place, "watch --once --mode warn a.zkt", &[]);
    run(&place, "watch --once a.zkt", &HAD).expect(0);
    assert!(place.nodes().await.contains("hunter2-env"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reviewer_sees_no_value_whose_line_goes() {
    let place = Place::new("secrets-bared-review").await;
    place.file(
        "old.zkt",
        "/a\n  @secret\n  password = 'hunter2'\n  dsn = 'pg://app:hunter2@h/db'\n",
    );
    run(&place, "apply -y old.zkt", &[]).expect(0);
    place.file("new.zkt", "/a\n  password = 'open'\n  dsn = 'pg://h/db'\n");
    run(&place, "plan --format markdown new.zkt", &[]).expect(0);
    run(&place, "plan --format github new.zkt", &[]).expect(0);
    run(&place, "diff live new.zkt --format markdown", &[]).expect(1);
    // The declarations of both sides are known.
    place.file(
        "moved.zkt",
        "/b\n  @moved from '/a'\n  password = 'open'\n  dsn = 'x'\n",
    );
    for format in ["text", "json", "markdown", "github"] {
        for new in ["new", "moved"] {
            let words = format!("diff old.zkt {new}.zkt --format {format}");
            run(&place, &words, &[]).expect(1);
        }
    }
}

#[test]
fn what_a_side_of_a_diff_lacks_is_not_compared() {
    let place = Place::offline();
    place
        .file("from.zkt", "/a\n  x = 1\n  @secret p from env P\n")
        .file("plain.zkt", "/a\n  x = 1\n  p = 'plain'\n")
        .file("none.zkt", "/a\n  x = 1\n");
    for words in ["from.zkt plain.zkt", "plain.zkt from.zkt"] {
        let run = run(&place, &format!("diff {words}"), &[]).expect(0);
        let told = "  /a  (p from env P: the variable is not set)";
        assert!(run.stdout.contains(told), "{run}");
        assert!(!run.stdout.contains("(secret)"), "{run}");
    }
    let gone = run(&place, "diff from.zkt none.zkt", &[]).expect(1);
    assert!(gone.stdout.contains("- p = (secret)"), "{gone}");
    assert!(!gone.stdout.contains("Not compared"), "{gone}");
}

#[test]
fn the_json_of_a_tree_says_which_values_it_has_not() {
    let place = Place::offline();
    place
        .file("a.zkt", "/a\n  x = 1\n  @secret p from env P\n")
        .file("plain.zkt", "/a\n  x = 2\n  p = '(secret)'\n");
    let shown = place.run("show --format json a.zkt").expect(0);
    let told = r#""a": {"properties": {"x":1}, "from_outside": {"p":"env P"}, "children": {}}"#;
    assert!(shown.stdout.contains(told), "{shown}");
    place.file("a.json", &shown.stdout);
    let diff = place.run("diff a.json plain.zkt").expect(1);
    assert!(diff.stdout.contains("x = 1 -> 2"), "{diff}");
    assert!(
        diff.stdout
            .contains("p from env P: the JSON does not hold it"),
        "{diff}"
    );
}

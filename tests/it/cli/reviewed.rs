//! What a saved plan holds and says, whom it is carried out for, and where.

use super::apply::held_after;
use super::owner::claims;
use super::{Place, create};
use crate::relay::Mode;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn secrets_of_what_is_moved_are_in_no_file() {
    let place = Place::new("reviewed-moves").await;
    let client = place.client().await;
    create(&client, "/tr", "{}").await;
    create(&client, "/tr/a", r#"{"dsn":"LEAK1","x":1}"#).await;
    place.file(
        "tr.zkt",
        "/tr\n  /b\n    @moved from '/tr/a'\n    @secret dsn\n    x = 2\n",
    );
    let plan = place.run("plan -o plan.json tr.zkt").expect(0);
    assert!(plan.stdout.contains("- dsn = (secret)"), "{plan}");
    assert!(!place.read("plan.json").contains("LEAK"));
    place.run("apply -y --plan plan.json").expect(0);
    assert_eq!(
        place.nodes().await,
        "/tr \"{}\" v0\n/tr/b \"{\\\"x\\\":2}\" v0\n"
    );

    for (path, data) in [
        ("/ma", "{}"),
        ("/ma/a", r#"{"t":1}"#),
        ("/ma/a/db-password", "LEAK2"),
        ("/ma/a/k", r#"{"password":"LEAK3"}"#),
        ("/ma/a/txt", "token: LEAK4"),
    ] {
        create(&client, path, data).await;
    }
    place.file("ma.zkt", "/ma\n  /b\n    @moved from '/ma/a'\n    t = 1\n");
    place.run("plan -o plan.json ma.zkt").expect(0);
    assert!(!place.read("plan.json").contains("LEAK"));
    place.run("apply -y --plan plan.json ma.zkt").expect(0);
    let nodes = place.nodes().await;
    for moved in [
        "/ma/b/db-password \"LEAK2\"",
        "LEAK3",
        "/ma/b/txt \"token: LEAK4\"",
    ] {
        assert!(nodes.contains(moved), "{nodes}");
    }
    assert!(!nodes.contains("/ma/a"), "{nodes}");

    // What the new place does not declare is removed, and no line says that it was secret.
    create(&client, "/re", "{}").await;
    let data =
        r#"{"password":"LEAK5","url":"amqp://app:LEAK6@mq","nested":{"token":"LEAK7"},"t":1}"#;
    create(&client, "/re/a", data).await;
    create(&client, "/re/a/token", "LEAK8").await;
    place.file(
        "re.zkt",
        "/re\n  /b\n    @moved from '/re/a'\n    u = 1\n    /token\n      x = 1\n",
    );
    for words in ["plan -o plan.json", "plan --format json", "apply -y"] {
        let run = place.run(&format!("{words} re.zkt")).expect(0);
        assert!(run.everything().contains("(secret)"), "{run}");
        assert!(!run.everything().contains("LEAK"), "{run}");
    }
    assert!(!place.read("plan.json").contains("LEAK"));
}

/// Another node's line says nothing of a value that stands in a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_is_as_readable_as_the_plan() {
    let place = Place::new("reviewed-readable").await;
    place.file("a.zkt", "/a\n  x = 2\n/b\n  @secret x\n  x = 'HIDDEN'\n");
    let plan = place.run("plan -o plan.json a.zkt").expect(0);
    assert!(plan.stdout.contains("x = 2\n"), "{plan}");
    let shown = place.run("plan --show plan.json").expect(0);
    assert_eq!(shown.stdout, plan.stdout);
    assert!(!place.read("plan.json").contains("HIDDEN"));
}

/// The file may come from anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn servers_that_only_the_file_names_get_no_credentials() {
    let server = Server::start();
    let place = Place::at(&server.address());
    let connect = format!("connect = '{}/'\n", place.hosts);
    place
        .file("a.zkt", "/a\n")
        .file("pass", "digest:u:pw\n")
        .file(
            "zkt.toml",
            format!(
                "default-context = 'prod'\n[context.prod]\n{connect}\
                 [context.other]\nauth-file = 'pass'\n"
            ),
        );
    place
        .run("plan --context other -o plan.json a.zkt")
        .expect(0);
    let apply = |words: &str, variables: &[(&str, &str)]| {
        let mut command = place.command(&format!("apply -y --plan plan.json {words}"));
        command
            .env_remove("ZKT_CONNECT")
            .envs(variables.iter().copied());
        place.finish(command.spawn().unwrap())
    };
    let auth = ("ZKT_AUTH", "digest:u:pw");
    let refused = "error: only plan.json names the servers SERVER/: they get no credentials\n\
                   hint: -c SERVER/ says that you trust them, and so does a context that names them\n";
    for run in [
        apply("--context=", &[auth]),
        apply("--context= --auth digest:u:pw", &[]),
        apply("--context= --auth-file pass", &[("CI", "1")]),
    ] {
        assert_eq!(run.expect(1).stderr, refused);
    }
    let by_context = apply("--context other", &[]).expect(1);
    assert!(by_context.stderr.ends_with(refused), "{by_context}");
    // A context that was only found and that nobody named is not enough either.
    let found = apply("", &[auth]).expect(1);
    assert!(found.stderr.contains("that file was only found"), "{found}");
    assert_eq!(place.nodes().await, "");

    apply("--context=", &[]).expect(0);
    for run in [
        apply(&format!("--context= -c {}", place.hosts), &[auth]),
        apply("--context prod", &[auth]),
        apply("--context=", &[auth, ("ZKT_CONNECT", &place.hosts)]),
    ] {
        assert_eq!(
            run.expect(0).stdout,
            "No changes: this plan was applied already.\n"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_is_said_for_whom_and_where_a_plan_is() {
    let place = Place::new("reviewed-terms").await;
    let client = place.client().await;
    create(&client, "/app", "{}").await;
    create(&client, "/app/mine", r#"{"x":1}"#).await;
    create(&client, "/app/mine/kid", "{}").await;
    place
        .file("zkt.toml", "[context.prod]\ntrim = 'owned'\n")
        .file("a.zkt", "/mine\n  x = 1\n  /kid\n/new\n")
        .file(
            "rules.toml",
            "[[rule]]\nname = 'growth'\neffect = 'ask'\nwhen = \"action.action == 'add'\"\nmessage = 'is there room?'\n",
        );
    let words = "--context prod --path /app --owner team --policy rules.toml";
    let plan = place
        .run(&format!("plan {words} -o plan.json a.zkt"))
        .expect(0);
    insta::assert_snapshot!(plan, @"
    zkt plan: SERVER <- a.zkt
      context prod of zkt.toml, path /app, trim owned, owner team, record /zkt/team

      + /app/new                                         a.zkt:4

    Adopted as they are declared: 2 nodes:
      /app/mine  (2 nodes)

    asks: rule growth: is there room?
      /app/new (a.zkt:4:1)

    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.
    --- stderr
    saved: zkt apply --plan plan.json --context prod does exactly this
    --- exit 0
    ");
    let shown = place.run("plan --show plan.json").expect(0);
    insta::assert_snapshot!(shown.stdout, @"
    zkt plan: SERVER <- a.zkt
      context prod when it was made, path /app, trim owned, owner team,
      record /zkt/team

      + /app/new                                         a.zkt:4

    Adopted as they are declared: 2 nodes:
      /app/mine  (2 nodes)

    asks: rule growth: is there room?
      /app/new (a.zkt:4:1)

    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.
    ");
    let line = "zkt apply --plan plan.json --context prod does exactly this\n";
    assert!(shown.stderr.ends_with(line), "{shown}");
    let json = place
        .run("plan --show plan.json --format json")
        .expect(0)
        .json();
    insta::assert_snapshot!(json[0]["bounds"], @r#"
    {"context":"prod","file":null,"options":{"owner":["team"],"path":["/app"],"record":["/zkt/team"],"trim":["owned"]}}
    "#);
    insta::assert_snapshot!(json[0]["claims"], @r#"
    {"adopted":[],"adopted_as_equal":2,"adopted_as_equal_paths":["/app/mine","/app/mine/kid"],"let_go":[]}
    "#);
    let markdown = place
        .run("plan --show plan.json --format markdown")
        .expect(0);
    let (comment, _) = markdown.stdout.split_once("\nChecksum: ").unwrap();
    insta::assert_snapshot!(comment, @"
    **zkt plan `prod`: 1 to add; 1 question** on `SERVER` from `a.zkt`

    With context `prod` when it was made, path `/app`, trim `owned`, owner `team`, record `/zkt/team`.

    - **warning**: `rule growth asks first: is there room?: /app/new` in `a.zkt:4:1`

    <details><summary>1 action</summary>

    ```diff
    + /app/new  # a.zkt:4
    ```

    </details>

    <details><summary>Adopted as they are declared: 2 nodes</summary>

    ```text
    /app/mine  (2 nodes)
    ```

    </details>
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_as_declared_is_adopted_only_as_the_plan_saw_it() {
    let place = Place::new("reviewed-equal").await;
    let client = place.client().await;
    create(&client, "/same", r#"{"x":1}"#).await;
    create(&client, "/changed", r#"{"x":1}"#).await;
    place.file("a.zkt", "/same\n  x = 1\n/changed\n  x = 1\n");
    place.run("plan --owner team -o plan.json a.zkt").expect(0);
    let theirs = br#"{"x":2}"#;
    client.set_data("/changed", theirs, None).await.unwrap();
    place.run("apply -y --plan plan.json").expect(0);
    assert_eq!(claims(&place, "team").await, "/same Adopted\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_an_owners_plan_created_is_not_created_again_after_its_removal() {
    let place = Place::new("reviewed-undone").await;
    place.file("a.zkt", "/rp\n  x = 1\n");
    let plan = "plan --owner team -o plan.json a.zkt";
    place.run(plan).expect(0);
    let apply = "apply -y --plan plan.json";
    place.run(apply).expect(0);
    place.run("rm -y /rp").expect(0);
    let run = place.run(apply).expect(4);
    assert_eq!(
        run.stderr,
        "error: the plan was applied already, and 1 node has been removed since\n  /rp\n\
         hint: make a new plan and review it: zkt plan -o plan.json a.zkt --owner team\n"
    );
    assert!(!place.nodes().await.contains("/rp "));
    // A plan that is made now says that it creates it again.
    place.run(plan).expect(0);
    place.run(apply).expect(0);
    assert!(place.nodes().await.contains("/rp "));
    let again = place.run(apply).expect(0);
    assert_eq!(again.stdout, "No changes: this plan was applied already.\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_two_at_once_the_later_one_says_what_overtook_it() {
    let place = Place::new("reviewed-race").await;
    place.file("a.zkt", "/cc\n  x = 1\n");
    place.run("plan -o plan.json a.zkt").expect(0);
    let (relay, child) = held_after(0, &place, "apply -y --plan plan.json").await;
    place.run("apply -y --plan plan.json").expect(0);
    relay.set(Mode::Forward);
    let run = place.finish(child).expect(0);
    assert!(
        run.stdout
            .contains("No changes: another apply has carried out this plan meanwhile.\n"),
        "{run}"
    );
}

/// The chapter on repositories, as it is printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_takes_its_secrets_from_the_layers_of_its_context() {
    const GUIDE: &str = include_str!("../../../src/guide/repository.md");
    let place = Place::new("reviewed-context").await;
    let context = format!(
        "[context.production]\nlayers = ['trees/base', 'trees/production.zkt']\nconnect = '{}'\n",
        place.hosts
    );
    let overlay = |password: &str| {
        let text = format!("/cms\n  @secret password\n  password = '{password}'\n");
        place.file("trees/production.zkt", text);
    };
    place
        .file("zkt.toml", context)
        .file("trees/base/cms.zkt", "/cms\n  threads = 3\n");
    overlay("first");
    let run = |command: &str| {
        let line = format!("$ zkt {command}\n");
        assert!(GUIDE.contains(&line), "the guide lacks {line}");
        place.run_by_file(command)
    };
    run("plan --context production -o plan.json").expect(0);
    assert!(!place.read("plan.json").contains("first"));
    overlay("second");
    let other = run("apply --yes --plan plan.json --context production").expect(4);
    assert_eq!(
        other.stderr,
        "context production of zkt.toml\n\
         error: the layers do not declare what was reviewed: a node, a value or a directive differs\n"
    );
    // Without a terminal it is still said first what is missing.
    let asks = run("apply --plan plan.json --context production").expect(1);
    assert!(
        asks.stderr.ends_with(
            "error: there is no terminal to ask on\n\
             hint: -y applies without asking; zkt plan --show plan.json shows what it would do\n"
        ),
        "{asks}"
    );
    let bare = place.run("apply --plan plan.json").expect(1);
    assert!(
        bare.stderr
            .starts_with("error: the saved plan does not hold its secret values\n"),
        "{bare}"
    );
    let folder = place.run("apply --plan trees").expect(1);
    assert!(folder.stderr.starts_with("error: trees: "), "{folder}");
    overlay("first");
    run("apply --yes --plan plan.json --context production").expect(0);
    let nodes = place.nodes().await;
    assert!(nodes.contains("first"), "{nodes}");
    run("plan --detailed-exitcode --context production").expect(0);
}

#[test]
fn the_usage_says_what_goes_together() {
    let place = Place::offline();
    let run = place.run("plan --show plan.json a.zkt").expect(1);
    assert!(
        run.stderr.contains(
            "Usage: zkt plan [OPTIONS] <LAYER>...\n       zkt plan [OPTIONS] --show <FILE>\n"
        ),
        "{run}"
    );
    let run = place.run("apply --plan plan.json --strict").expect(1);
    assert!(
        run.stderr.contains(
            "Usage: zkt apply [OPTIONS] <LAYER>...\n       zkt apply [OPTIONS] --plan <FILE> [LAYER]...\n"
        ),
        "{run}"
    );
}

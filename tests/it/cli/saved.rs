//! Plans that are saved, reviewed, and carried out later: just these, or nothing.

use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::plan::saved::MadeOf;

use super::apply::{held_after, large};
use super::{Place, create, mode};
use crate::server::Server;
use crate::trees::{DeclaredTree, declare, saved_plan};

const TREE: &str = "/a : x\n  y = 1\n  link -> /a/b\n  /b\n    @data 'raw'\n/old\n  z = 1\n";

async fn place(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/old", r#"{"z":0}"#).await;
    create(&client, "/old/gone", "").await;
    place.file("a.zkt", TREE);
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_reviewed_is_what_is_done() {
    let place = place("saved").await;
    let plan = place
        .run("plan -t --max-trim 9 -o plan.json a.zkt")
        .expect(0);
    assert_eq!(
        plan.stderr,
        "saved: zkt apply --plan plan.json does exactly this\n"
    );
    // It is shown without a server, just as it was.
    let shown = Place::offline();
    shown.file("plan.json", place.read("plan.json"));
    let shown = shown.run("plan --show plan.json").expect(0);
    assert_eq!(shown.stdout.replace(&place.hosts, "SERVER"), plan.stdout);
    // The files are not asked any more.
    place.file("a.zkt", "/other\n");
    let run = place.run("apply -y --plan plan.json").expect(0);
    assert_eq!(run.last(), "Done: 2 added, 1 updated, 1 linked, 1 trimmed.");
    let after = place.exactly().await;
    insta::assert_snapshot!(place.nodes().await, @r#"
    /a "{\"link ->\":\"/a/b\",\"type\":\"x\",\"y\":1}" v0
    /a/b "raw" v0
    /old "{\"z\":1}" v1
    "#);

    let again = place.run("apply -y --plan plan.json").expect(0);
    assert_eq!(again.stdout, "No changes: this plan was applied already.\n");
    assert_eq!(place.exactly().await, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_moved_since_is_named_and_nothing_is_written() {
    let place = place("saved-moved").await;
    place
        .run("plan -t --max-trim 9 -o plan.json a.zkt")
        .expect(0);
    let client = place.client().await;
    client.set_data("/old", b"{\"z\":7}", None).await.unwrap();
    create(&client, "/old/gone/new", "").await;
    create(&client, "/a", "theirs").await;
    let before = place.exactly().await;
    let run = place.run("apply -y --plan plan.json").expect(4);
    assert_eq!(place.exactly().await, before);
    insta::assert_snapshot!(run.undated(), @"
    --- stderr
    error: 3 nodes have changed since the plan was made
      /a: it exists meanwhile, with other contents
      /old: its data was changed
      /old/gone: it has children that the plan did not see

    From what the plan saw to what is there now:
      ~ /a  (data last written TIME)
        + string_value = (secret)
          (this is all that it holds)
      ~ /old  (data last written TIME)
          z = 0 -> 7
      ~ /old/gone  (data last written TIME)

    The servers do not know who wrote it.
    hint: make a new plan and review it: zkt plan -o plan.json a.zkt --trim
    --- exit 4
    ");
    let report = place
        .run("apply -y --format json --plan plan.json")
        .expect(4)
        .json();
    let stop = &report.last().unwrap()["stop"];
    assert_eq!(stop["kind"], "conflict");
    let found = stop["found"].as_array().unwrap().iter();
    let found: Vec<String> = found
        .map(|node| format!("{} {} {}", node["path"], node["extent"], node["changes"]))
        .collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    "/a" "contents" [{"name":"string_value","new":"(secret)","old":null,"op":"set"}]
    "/old" "all" [{"name":"z","new":7,"old":0,"op":"set"}]
    "/old/gone" "nothing" []
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_that_was_made_anew_is_another_node() {
    let place = place("saved-anew").await;
    place
        .run("plan -t --max-trim 9 -o plan.json a.zkt")
        .expect(0);
    let client = place.client().await;
    client.delete("/old/gone", None).await.unwrap();
    create(&client, "/old/gone", "").await;
    let run = place.run("apply -y --plan plan.json").expect(4);
    assert!(
        run.stderr
            .contains("/old/gone: it was deleted and created again"),
        "{run}"
    );
}

/// Servers on which the same was done count their transactions alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn servers_that_were_set_up_alike_are_told_apart() {
    let servers = [Server::start(), Server::start()];
    let [production, staging] = servers
        .each_ref()
        .map(|server| Place::at(&server.address()));
    let tree =
        "/cfg\n  @keep properties\n  size = 2\n/db\n  @secret key\n  key = 'new'\n  size = 2\n";
    production.file("a.zkt", tree);
    for (place, data) in [(&production, "PROD"), (&staging, "STAGING")] {
        let client = place.client().await;
        create(
            &client,
            "/cfg",
            format!(r#"{{"size":1,"theirs":"{data}"}}"#),
        )
        .await;
        create(&client, "/db", format!(r#"{{"key":"{data}","size":1}}"#)).await;
        // Their times are told in milliseconds.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let versions = |nodes: &str| {
        let ends = nodes
            .lines()
            .map(|line| line.rsplitn(4, ' ').take(3).collect::<Vec<_>>().join(" "));
        ends.collect::<Vec<_>>()
    };
    let before = staging.exactly().await;
    assert_eq!(versions(&before), versions(&production.exactly().await));
    let checksum = production
        .run("plan -o plan.json a.zkt --format json")
        .expect(0)
        .json();
    let checksum = checksum[0]["checksum"].as_str().unwrap();
    assert!(!production.read("plan.json").contains(r#"key\":\"PROD"#));
    let apply = format!("apply -y --plan plan.json -c {} a.zkt", staging.hosts);
    let run = production.run(&apply).expect(4);
    let stderr = run.stderr.replace(&staging.hosts, "STAGING");
    assert_eq!(
        stderr,
        "error: the plan was made on another ensemble: 2 nodes have the transactions that it saw, and not \
         what these wrote\n  /cfg\n  /db\n\
         hint: -c SERVER/ leads to where the plan was made\n"
    );
    let apply = format!("apply -y --checksum {checksum} -c {} a.zkt", staging.hosts);
    production.run(&apply).expect(4);
    assert_eq!(staging.exactly().await, before);
    production.run("apply -y --plan plan.json a.zkt").expect(0);
}

/// A plan that only adds writes no node that it saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn new_nodes_go_to_the_servers_that_they_were_planned_for() {
    let servers = [Server::start(), Server::start()];
    let [production, staging] = servers
        .each_ref()
        .map(|server| Place::at(&server.address()));
    for place in [&production, &staging] {
        create(&place.client().await, "/base", "").await;
        // Their times are told in milliseconds.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    production.file("below.zkt", "/base\n  @keep children\n  /new\n");
    production.file("beside.zkt", "/new\n");
    let refused = |words: &str| {
        let run = production.run(&format!("apply -y {words} -c {}", staging.hosts));
        run.expect(4).stderr.replace(&staging.hosts, "STAGING")
    };
    let of_base = "error: the plan was made on another ensemble: 1 node has the transactions that it saw, \
                   and not what these wrote\n  /base\n\
                   hint: -c SERVER/ leads to where the plan was made\n";
    for layer in ["below.zkt", "beside.zkt"] {
        let plan = production.run(&format!("plan -o {layer}.json {layer} --format json"));
        let plan = plan.expect(0).json();
        assert_eq!(refused(&format!("--plan {layer}.json")), of_base);
        let checksum = plan[0]["checksum"].as_str().unwrap();
        let other = refused(&format!("--checksum {checksum} {layer}"));
        assert!(
            other.contains("the plan is not the one that was reviewed"),
            "{other}"
        );
    }
    let client = staging.client().await;
    client.delete("/base", None).await.unwrap();
    let gone = refused("--plan beside.zkt.json");
    assert!(
        gone.contains(
            "\n  /base: it is gone or another node, and by it the plan knows its ensemble\n"
        ),
        "{gone}"
    );
    create(&client, "/base", "").await;
    let other = refused("--plan below.zkt.json");
    assert!(
        other.contains("\n  /base: it was deleted and created again\n"),
        "{other}"
    );
    assert_eq!(staging.nodes().await, "/base \"\" v0\n");
    // What others do beside and at the node above is no matter.
    let client = production.client().await;
    client.set_data("/base", b"other", None).await.unwrap();
    create(&client, "/another", "").await;
    for layer in ["below.zkt", "beside.zkt"] {
        let words = format!("apply -y --plan {layer}.json");
        production.run(&words).expect(0);
        let again = production.run(&words).expect(0);
        assert_eq!(again.stdout, "No changes: this plan was applied already.\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_for_servers_without_a_node_is_for_no_others() {
    let server = Server::start();
    let place = Place::at(&server.address());
    place.file("a.zkt", "/a\n/b\n");
    place.run("plan -o plan.json a.zkt").expect(0);
    let client = place.client().await;
    create(&client, "/a", "{}").await;
    create(&client, "/other", "").await;
    let run = place.run("apply -y --plan plan.json").expect(4);
    assert!(
        run.stderr.contains(
            "1 node has changed since the plan was made\n  \
             /other: it exists, and the plan was made where no top-level node was\n"
        ),
        "{run}"
    );
    client.delete("/other", None).await.unwrap();
    place.run("apply -y --plan plan.json").expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_beside_what_may_not_be_read_can_be_applied() {
    let server = Server::start();
    let place = Place::at(&server.address());
    place
        .file("shut.zkt", "/shut\n  @acl auth::cdrwa\n")
        .file("a.zkt", "/a\n");
    place
        .run("apply -y --auth digest:ops:pw shut.zkt")
        .expect(0);
    place.run("plan -o plan.json a.zkt").expect(0);
    place.run("apply -y --plan plan.json").expect(0);
}

const SECRET: &str = "/db\n  @secret password\n  user = 'app'\n  password = 'hunter2'\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn secrets_stay_in_the_layers() {
    let place = Place::new("saved-secret").await;
    place.file("a.zkt", SECRET);
    let plan = place.run("plan -o plan.json a.zkt").expect(0);
    assert_eq!(
        plan.stderr,
        "saved without its secret values: zkt apply --plan plan.json a.zkt does exactly this\n"
    );
    assert!(!place.read("plan.json").contains("hunter2"));
    let run = place.run("apply -y --plan plan.json").expect(1);
    assert_eq!(
        run.stderr,
        "error: the saved plan does not hold its secret values\n\
         hint: give the layers that it was made from: a.zkt\n"
    );
    place.file("b.zkt", SECRET.replace("hunter2", "hunter3"));
    let run = place.run("apply -y --plan plan.json b.zkt").expect(4);
    assert_eq!(
        run.stderr,
        "error: the layers do not declare what was reviewed: a node, a value or a directive differs\n"
    );
    assert_eq!(place.nodes().await, "");
    // A comment changes nothing that was reviewed.
    place.file("c.zkt", format!("# reviewed\n{SECRET}"));
    place.run("apply -y --plan plan.json c.zkt").expect(0);
    assert_eq!(
        place.nodes().await,
        "/db \"{\\\"password\\\":\\\"hunter2\\\",\\\"user\\\":\\\"app\\\"}\" v0\n"
    );
    // A change beside the secret writes it, too.
    place.file("a.zkt", SECRET.replace("'app'", "'other'"));
    place.run("plan -o plan.json a.zkt").expect(0);
    assert!(!place.read("plan.json").contains("hunter2"));
    place.run("apply -y --plan plan.json a.zkt").expect(0);
    assert!(
        place
            .nodes()
            .await
            .contains("hunter2\\\",\\\"user\\\":\\\"other")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn with_its_secrets_a_plan_is_for_its_owner() {
    let place = Place::new("saved-secrets").await;
    place.file("a.zkt", SECRET).file("plan.json", "");
    place
        .run("plan --with-secrets -o plan.json a.zkt")
        .expect(0);
    assert_eq!(mode(&place.path("plan.json")), 0o600);
    let shown = place.run("plan --show plan.json").expect(0);
    assert!(!shown.everything().contains("hunter2"), "{shown}");
    place.run("apply -y --plan plan.json").expect(0);
    assert!(place.nodes().await.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_checksum_is_enough() {
    let place = place("saved-checksum").await;
    let checksum = |place: &Place| {
        let plan = place.run("plan --format json a.zkt").expect(0).json();
        plan[0]["checksum"].as_str().unwrap().to_owned()
    };
    let first = checksum(&place);
    let shown = place.run("plan -v a.zkt").expect(0);
    assert_eq!(shown.last(), format!("Checksum: {first}"));
    let client = place.client().await;
    client.set_data("/old", b"{\"z\":7}", None).await.unwrap();
    let before = place.exactly().await;
    let run = place
        .run(&format!("apply -y --checksum {first} a.zkt"))
        .expect(4);
    assert_eq!(place.exactly().await, before);
    let second = checksum(&place);
    assert_ne!(first, second);
    assert_eq!(
        run.stderr,
        format!(
            "error: the plan is not the one that was reviewed: its checksum is {second}\n\
             hint: zkt plan shows what it is now; nothing was written\n"
        )
    );
    let run = place
        .run(&format!("apply -y --checksum {second} a.zkt"))
        .expect(0);
    assert_eq!(run.last(), "Done: 2 added, 1 updated, 1 linked, 0 trimmed.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_that_was_killed_is_finished_by_the_next() {
    for writes in 0..4 {
        let place = Place::new("saved-killed").await;
        place.file("a.zkt", large());
        place
            .run("plan --with-secrets -o plan.json a.zkt")
            .expect(0);
        let (_relay, mut child) = held_after(writes, &place, "apply -y --plan plan.json").await;
        child.kill().unwrap();
        child.wait().unwrap();
        place.run("apply -y --plan plan.json").expect(0);
        let run = place.run("plan --detailed-exitcode a.zkt").expect(0);
        assert_eq!(run.last(), "No changes: 5 nodes are as declared.");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_goes_to_the_servers_that_it_was_made_on() {
    let place = place("saved-server").await;
    place.run("plan -o plan.json a.zkt").expect(0);
    let mut other = place.command("apply -y --plan plan.json");
    other.env("ZKT_CONNECT", "127.0.0.1:1");
    let run = place.finish(other.spawn().unwrap()).expect(4);
    assert_eq!(
        run.stderr,
        "error: the plan was made on SERVER, and ZKT_CONNECT names 127.0.0.1:1\n\
         hint: -c SERVER leads to where the plan was made\n"
    );
    let run = place
        .run("apply -y --plan plan.json -c 127.0.0.1:1/x")
        .expect(4);
    assert_eq!(
        run.stderr,
        "error: the plan was made on SERVER, and -c names another chroot\n\
         hint: -c SERVER leads to where the plan was made\n"
    );
    // Without either it goes there by itself.
    let mut alone = place.command("apply -y --plan plan.json");
    alone.env_remove("ZKT_CONNECT");
    place.finish(alone.spawn().unwrap()).expect(0);
}

#[test]
fn what_is_no_saved_plan_is_refused() {
    let place = Place::offline();
    place.file("plan.json", "{}").file("a.zkt", "/a\n");
    let run = place.run("apply -y --plan plan.json").expect(1);
    assert_eq!(
        run.stderr,
        "error: plan.json: it is no saved plan: missing field `zkt_plan` at line 1 column 2\n\
         hint: zkt plan -o FILE saves a plan\n"
    );
    let run = place.run("apply -y --plan none.json").expect(1);
    assert!(
        run.stderr
            .starts_with("error: none.json: No such file or directory\n"),
        "{run}"
    );
    // As somebody writes it who also makes the digest anew.
    let DeclaredTree { tree, sources } = declare("/zkt/prod\n");
    let live = Tree::default();
    let made_of = MadeOf {
        declared: &tree,
        texts: &sources,
        live: &live,
    };
    let plan = planner::plan(&tree, &live, &Policy::new(&sources));
    place.file("forged.json", saved_plan(plan, &made_of, true).to_json());
    let run = place.run("apply -y --plan forged.json").expect(1);
    assert_eq!(
        run.stderr,
        "error: forged.json: it is no saved plan: add /zkt: owners keep their records there\n\
         hint: zkt plan -o FILE saves a plan\n"
    );
    // A guard was asked when the plan was made.
    place.run("apply -y --plan plan.json --strict").expect(1);
    let run = place.run("apply -y").expect(1);
    assert!(run.stderr.contains("<LAYER>..."), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_that_is_refused_is_not_applied_by_its_checksum() {
    let place = place("saved-refused").await;
    let plan = place
        .run("plan -t --max-trim 0 --format json a.zkt")
        .expect(3);
    let checksum = plan.json()[0]["checksum"].as_str().unwrap().to_owned();
    let before = place.exactly().await;
    let words = format!("apply -y -t --max-trim 0 --checksum {checksum} a.zkt");
    let run = place.run(&words).expect(3);
    assert!(run.stderr.starts_with("error: 1 of "), "{run}");
    assert_eq!(place.exactly().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn values_of_any_depth_and_any_character_are_saved() {
    let place = Place::new("saved-deep").await;
    let client = place.client().await;
    let deep = format!(
        "{}\u{9b}\u{202e}\u{e0001}{}",
        "[".repeat(119) + "\"",
        "\"".to_owned() + &"]".repeat(119)
    );
    create(&client, "/deep", format!(r#"{{"v":{deep},"w":1}}"#)).await;
    place.file("a.zkt", "/deep\n  w = 1\n");
    place.run("plan -o plan.json a.zkt").expect(0);
    let shown = place.run("plan --show plan.json --format json").expect(0);
    assert!(
        shown.stdout.contains(r"\u009b\u202e\udb40\udc01"),
        "{shown}"
    );
    assert_eq!(shown.json()[0]["actions"][0]["changes"][0]["name"], "v");
    place.run("apply -y --plan plan.json").expect(0);
    assert_eq!(place.nodes().await, "/deep \"{\\\"w\\\":1}\" v1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_that_keeps_its_text_is_not_done() {
    let place = Place::new("saved-text").await;
    let client = place.client().await;
    create(&client, "/w", r#"{"password":"old","theirs":1}"#).await;
    place.file(
        "a.zkt",
        "/w\n  @keep properties\n  @secret password\n  password = 'new'\n/other\n",
    );
    place.run("plan -o plan.json a.zkt").expect(0);
    client.set_data("/w", b"text", None).await.unwrap();
    let before = place.exactly().await;
    let run = place.run("apply -y --plan plan.json a.zkt").expect(4);
    assert!(
        run.stderr.contains("\n  /w: its data was changed\n"),
        "{run}"
    );
    assert_eq!(place.exactly().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn acls_are_for_those_who_made_the_plan() {
    let place = Place::new("saved-users").await;
    place.file("a.zkt", "/a\n  @acl auth::cdrwa\n");
    place
        .run("plan --auth digest:ops:pw -o plan.json a.zkt")
        .expect(0);
    for (words, who) in [("--auth digest:other:pw", "other"), ("", "nobody")] {
        let run = place
            .run(&format!("apply -y {words} --plan plan.json"))
            .expect(4);
        let expected = format!(
            "error: the plan was made as ops, and this session is {who}: its ACLs are for those who \
             made it\n"
        );
        assert_eq!(run.stderr, expected);
    }
    assert_eq!(place.nodes().await, "");
    place
        .run("apply -y --auth digest:ops:pw --plan plan.json")
        .expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_live_secret_that_is_kept_is_in_no_file() {
    let place = Place::new("saved-kept").await;
    let client = place.client().await;
    create(&client, "/s", r#"{"api_token":"KEPT","b":1}"#).await;
    place.file("a.zkt", "/s\n  @keep properties\n  b = 2\n");
    place.run("plan -o plan.json a.zkt").expect(0);
    assert!(!place.read("plan.json").contains("KEPT"));
    place.run("apply -y --plan plan.json a.zkt").expect(0);
    assert!(place.nodes().await.contains("KEPT"));
    let run = place.run("plan -o a.zkt a.zkt").expect(1);
    assert_eq!(
        run.stderr,
        "error: --out a.zkt is a layer, and would be overwritten\n"
    );
    // Nor is one that is named inside of a value.
    create(&client, "/n", r#"{"cfg":{"password":"KEPT"},"b":1}"#).await;
    place.file("n.zkt", "/n\n  @keep properties\n  b = 2\n");
    place.run("plan -o plan.json n.zkt").expect(0);
    assert!(!place.read("plan.json").contains("KEPT"));
    place.run("apply -y --plan plan.json n.zkt").expect(0);
    let nodes = place.nodes().await;
    assert!(nodes.matches("KEPT").count() == 2, "{nodes}");
    place.run("plan -o - n.zkt").expect(1);
    assert!(!place.path("-").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_live_secret_that_is_removed_is_in_no_file() {
    let place = Place::new("saved-removed").await;
    let client = place.client().await;
    create(&client, "/a", r#"{"db":{"password":"hunter2"},"b":1}"#).await;
    create(&client, "/t", "db.password=hunter3").await;
    place.file("a.zkt", "/a\n  b = 1\n/t\n  b = 1\n");
    let plan = place.run("plan -o plan.json a.zkt").expect(0);
    let markdown = place.run("plan --format markdown a.zkt").expect(0);
    for shown in [&plan.stdout, &markdown.stdout, &place.read("plan.json")] {
        assert!(!shown.contains("hunter"), "{shown}");
    }
    place.run("apply -y --plan plan.json a.zkt").expect(0);
    assert!(!place.nodes().await.contains("hunter"));
}

/// A hot fix may write secrets, too, and a plan may know some that no layer is there to name.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_there_now_is_shown_without_secrets() {
    const TREE: &str = "/all\n  @secret\n  x = 'HIDDEN'\n/kept\n  @keep properties\n  @secret dsn\n  n = 2\n\
                        /new\n  n = 1\n/one\n  @secret key\n  key = 'HIDDEN'\n  n = 2\n\
                        /raw\n  @data 'new'\n/same\n  n = 2\n";
    let place = Place::new("saved-shown").await;
    let client = place.client().await;
    for (path, data) in [
        ("/all", r#"{"x":"HIDDEN-0"}"#),
        ("/kept", r#"{"dsn":"HIDDEN-1","n":1}"#),
        ("/one", r#"{"key":"HIDDEN","n":1}"#),
        ("/raw", "old"),
        ("/same", r#"{"n":1}"#),
    ] {
        create(&client, path, data).await;
    }
    place.file("a.zkt", TREE);
    place.run("plan -o withheld a.zkt").expect(0);
    place.run("plan --with-secrets -o whole a.zkt").expect(0);
    for (path, data) in [
        ("/all", r#"{"x":"HIDDEN-2"}"#),
        (
            "/kept",
            r#"{"cfg":{"token":"HIDDEN-3"},"dsn":"HIDDEN-4","n":7}"#,
        ),
        ("/one", r#"{"key":"HIDDEN-5","n":7}"#),
        ("/raw", "fixed"),
        ("/same", r#"{"n":1}"#),
    ] {
        client.set_data(path, data.as_bytes(), None).await.unwrap();
    }
    create(&client, "/new", r#"{"n":7,"password":"HIDDEN-6"}"#).await;
    let before = place.exactly().await;
    let withheld = place.run("apply -y --plan withheld a.zkt").expect(4);
    let whole = place.run("apply -y --plan whole").expect(4);
    let json = place.run("apply -y --plan whole --format json").expect(4);
    for run in [&withheld, &whole, &json] {
        assert!(!run.everything().contains("HIDDEN"), "{run}");
    }
    assert_eq!(place.exactly().await, before);
    insta::assert_snapshot!(withheld.undated(), @"
    --- stderr
    error: 6 nodes have changed since the plan was made
      /all: its data was changed
      /kept: its data was changed
      /new: it exists meanwhile, with other contents
      /one: its data was changed
      /raw: its data was changed
      /same: its data was changed

    From what the plan saw to what is there now:
      ~ /all  (data last written TIME)
          (secret values were not compared; the others are the same)
      ~ /kept  (data last written TIME)
        + cfg = (secret)
          n = 1 -> 7
          (secret values were not compared)
      ~ /new  (data last written TIME)
        + n = 7
        + password = (secret)
          (this is all that it holds)
      ~ /one  (data last written TIME)
          n = 1 -> 7
          (secret values were not compared)
      ~ /raw  (data last written TIME)
          @data 'old' -> 'fixed'
      ~ /same  (data last written TIME)
          (it holds what it held)

    The servers do not know who wrote it.
    hint: make a new plan and review it: zkt plan -o withheld a.zkt
    --- exit 4
    ");
    insta::assert_snapshot!(whole.undated(), @"
    --- stderr
    error: 6 nodes have changed since the plan was made
      /all: its data was changed
      /kept: its data was changed
      /new: it exists meanwhile, with other contents
      /one: its data was changed
      /raw: its data was changed
      /same: its data was changed

    From what the plan saw to what is there now:
      ~ /all  (data last written TIME)
          x = (secret) -> (secret)
      ~ /kept  (data last written TIME)
        + cfg = (secret)
          dsn = (secret) -> (secret)
          n = 1 -> 7
      ~ /new  (data last written TIME)
        + n = (secret)
        + password = (secret)
          (this is all that it holds)
      ~ /one  (data last written TIME)
          key = (secret) -> (secret)
          n = 1 -> 7
      ~ /raw  (data last written TIME)
          @data 'old' -> 'fixed'
      ~ /same  (data last written TIME)
          (it holds what it held)

    The servers do not know who wrote it.
    hint: make a new plan and review it: zkt plan -o whole a.zkt
    --- exit 4
    ");
}

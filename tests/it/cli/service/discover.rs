//! `discover`: addresses, and a command for each change.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zookeeper_client::CreateMode;

use crate::cli::{create, create_as};

use super::{Running, service};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover() {
    let (place, client) = service("discover").await;
    let appear = async |name: &str, data: &str| {
        create_as(
            &client,
            &format!("/svc/{name}"),
            data,
            CreateMode::Ephemeral,
        )
        .await;
    };
    appear("a:1", "{}").await;
    appear("b:1", r#"{"enabled":false}"#).await;
    create(&client, "/link", r#"{"svc ->":"/svc"}"#).await;
    assert_eq!(place.run("discover /link/svc").expect(0).stdout, "a:1\n");
    assert_eq!(
        place.run("discover /svc --all").expect(0).stdout,
        "a:1\nb:1\n"
    );
    insta::assert_snapshot!(place.run("discover /link/svc --format json"), @r#"
    {"addresses":[{"address":"a:1","draining":false,"enabled":true,"properties":{},"weight":1.0},{"address":"b:1","draining":false,"enabled":false,"properties":{"enabled":false},"weight":1.0}],"format_version":"1.2","held":null,"left_out":[],"path":"/link/svc","real_path":"/svc"}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("discover /nosuch"), @"
    --- stderr
    error: /nosuch does not exist
    --- exit 1
    ");
    let mut watching = Running::start(&place, &["discover", "/svc", "--watch"]);
    assert_eq!(watching.line(), "+ a:1\n");
    assert_eq!(watching.line(), "+ b:1 (disabled)\n");
    let words = ["discover", "/svc", "--watch", "--format", "json"];
    let mut json_lines = Running::start(&place, &words);
    json_lines.line();
    client
        .set_data("/svc/a:1", br#"{"draining":true}"#, None)
        .await
        .unwrap();
    assert_eq!(watching.line(), "~ a:1 (draining)\n");
    let updated: Value = serde_json::from_str(&json_lines.line()).unwrap();
    assert_eq!(updated["updated"][0]["draining"], json!(true));
    // Only now: who is slow is told of both changes at once.
    client.delete("/svc/a:1", None).await.unwrap();
    assert_eq!(watching.line(), "- a:1\n");
    let removed: Value = serde_json::from_str(&json_lines.line()).unwrap();
    assert_eq!(removed["removed"][0]["address"], json!("a:1"));
    assert_eq!(removed["addresses"].as_array().unwrap().len(), 1);
    for mut running in [watching, json_lines] {
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
}

/// Whoever may create a node names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover_prints_addresses_only() {
    let (place, client) = service("discover-names").await;
    insta::assert_snapshot!(place.run("discover /svc"), @"
    --- stderr
    /svc has no addresses
    --- exit 0
    ");
    for name in [
        "1.2.3.4:80 ; server evil",
        "a b:80",
        "h:99999",
        "worker",
        "\u{202e}h:80",
    ] {
        create(&client, &format!("/svc/{name}"), "{}").await;
    }
    create(&client, "/svc/h:1", r#"{"enabled":false}"#).await;
    insta::assert_snapshot!(place.run("discover /svc"), @r#"
    --- stderr
    warning: /svc: "1.2.3.4:80 ; server evil" is no address and is left out: the port is no number from 1 to 65535
    warning: /svc: "a b:80" is no address and is left out: a host name has letters, digits, '-', '_' and dots only, and up to 63 between dots
    warning: /svc: "h:99999" is no address and is left out: the port is no number from 1 to 65535
    warning: /svc: "worker" is no address and is left out: it has no port; write HOST:PORT
    warning: /svc: "\u202eh:80" is no address and is left out: a host name has letters, digits, '-', '_' and dots only, and up to 63 between dots
    /svc has no usable addresses: 1 disabled, draining or without weight (--all prints them)
    --- exit 0
    "#);
    create(&client, "/svc/h:2", "{}").await;
    create(&client, &format!("/svc/{}", "x".repeat(90)), "{}").await;
    insta::assert_snapshot!(place.run("discover /svc"), @r#"
    h:2
    --- stderr
    warning: /svc: "1.2.3.4:80 ; server evil" is no address and is left out: the port is no number from 1 to 65535
    warning: /svc: "a b:80" is no address and is left out: a host name has letters, digits, '-', '_' and dots only, and up to 63 between dots
    warning: /svc: "h:99999" is no address and is left out: the port is no number from 1 to 65535
    warning: /svc: "worker" is no address and is left out: it has no port; write HOST:PORT
    warning: /svc: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… is no address and is left out: it has no port; write HOST:PORT
    warning: /svc: 1 more child is no address and is left out (--all-names prints all)
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("discover /svc --all --all-names"), @r#"
    h:1
    h:2
    "1.2.3.4:80 ; server evil"
    "a b:80"
    "h:99999"
    "worker"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "\u202eh:80"
    --- exit 0
    "#);
    let json = &place.run("discover /svc --format json -q").expect(0).json()[0];
    assert_eq!(json["addresses"].as_array().unwrap().len(), 2);
    assert_eq!(
        json["left_out"][0]["name"],
        json!("1.2.3.4:80 ; server evil")
    );
    let mut watching = Running::start(&place, &["discover", "/svc", "--watch", "--all-names"]);
    for _ in 0..8 {
        watching.line();
    }
    create(&client, "/svc/a b", "{}").await;
    assert_eq!(watching.line(), "+ \"a b\"\n");
    client.delete("/svc/a b", None).await.unwrap();
    assert_eq!(watching.line(), "- \"a b\"\n");
    watching.child.kill().unwrap();
    watching.child.wait().unwrap();
}

/// A change that leaves the list as it was is none for the command.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover_runs_a_command_for_other_addresses_only() {
    let (place, client) = service("discover-same").await;
    create(&client, "/svc/a:1", "{}").await;
    let command = "echo $ZKT_ADDRESSES >> runs";
    let mut running = Running::start(&place, &["discover", "/svc", "--watch", "--exec", command]);
    assert_eq!(running.line(), "+ a:1\n");
    client
        .set_data("/svc/a:1", br#"{"weight":2}"#, None)
        .await
        .unwrap();
    assert_eq!(running.line(), "~ a:1\n");
    create(&client, "/svc/a", "{}").await;
    create(&client, "/svc/b:1", r#"{"enabled":false}"#).await;
    assert_eq!(running.line(), "+ b:1 (disabled)\n");
    client.set_data("/svc/b:1", b"{}", None).await.unwrap();
    assert_eq!(running.line(), "~ b:1\n");
    // The line before this one came after the command had run for what is before it.
    client
        .set_data("/svc/b:1", br#"{"x":1}"#, None)
        .await
        .unwrap();
    assert_eq!(running.line(), "~ b:1\n");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert_eq!(place.read("runs"), "a:1\na:1 b:1\n");
}

/// As people use it to write an upstream file.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover_runs_a_command_on_change() {
    let (place, client) = service("discover-exec").await;
    create_as(&client, "/svc/a:1", "{}", CreateMode::Ephemeral).await;
    let command = concat!(
        r##"(echo "# $ZKT_PATH:" $ZKT_ADDRESSES; sed 's/.*/server &;/') > new"##,
        " && mv new upstream"
    );
    let mut running = Running::start(&place, &["discover", "/svc", "--exec", command]);
    let becomes = async |expected: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::fs::read_to_string(place.path("upstream")).unwrap_or_default() != expected {
            assert!(Instant::now() < deadline, "{expected}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    becomes("# /svc: a:1\nserver a:1;\n").await;
    create_as(&client, "/svc/b:1", "{}", CreateMode::Ephemeral).await;
    becomes("# /svc: a:1 b:1\nserver a:1;\nserver b:1;\n").await;
    client.delete("/svc/a:1", None).await.unwrap();
    client.delete("/svc/b:1", None).await.unwrap();
    becomes("# /svc:\n").await;
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    // A command that fails ends nothing.
    let mut failing = place.command("discover /svc");
    failing
        .args(["--exec", "exit 3", "--watch"])
        .stdout(Stdio::piped());
    let mut failing = failing.spawn().unwrap();
    create_as(&client, "/svc/c:1", "{}", CreateMode::Ephemeral).await;
    let mut line = String::new();
    BufReader::new(failing.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "+ c:1\n");
    failing.kill().unwrap();
    failing.wait().unwrap();
}

//! Servers that are killed and come back, in mid-apply too, and a day of mixed events in short: these
//! need a real server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use zookeeper_client::Client;

use super::super::{Place, create};
use super::live::TREE;
use super::{PATIENCE, Watching, becomes};
use crate::dice::Dice;
use crate::real::process::Server;
use crate::relay::{Mode, Relay};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_mid_apply() {
    let mut server = Server::start();
    let relay = Relay::to(server.port()).await;
    let place = Place {
        hosts: server.address(),
        ..Place::offline()
    };
    // More than fits into one request.
    let mut text = "/top\n".to_owned();
    for i in 0..4000 {
        _ = writeln!(text, "  /n{i}\n    x = '{}'", "x".repeat(500));
    }
    place.file("a.zkt", &text);
    relay.set(Mode::HoldWriteAfter(2));
    let words = format!("a.zkt -c {} --interval 1h", relay.address());
    let mut watching = Watching::start(&place, &words);
    relay.holds_a_write().await;
    server.kill();
    relay.set(Mode::Forward);
    relay.cut();
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.restart();
    watching.says(&["reconciled", "applied"]).await;
    assert!(place.run("plan --detailed-exitcode a.zkt").code == 0);
    let client = place.client().await;
    client.set_data("/top/n7", b"{}", None).await.unwrap();
    let whole = format!("{{\"x\":\"{}\"}}", "x".repeat(500));
    becomes(&client, "/top/n7", Some(&whole)).await;
    // The interrupted apply has left nothing that is not declared.
    let names = client.list_children("/top").await.unwrap();
    assert_eq!(names.len(), 4000);
}

/// The files of a day: each declares nodes of its own below `/day`.
#[derive(Clone)]
struct Files(BTreeMap<u64, BTreeMap<u64, u64>>);

impl Files {
    fn write(&self, place: &Place, file: u64) {
        let mut text = "/day\n".to_owned();
        for (node, value) in &self.0[&file] {
            _ = writeln!(text, "  /f{file}n{node}\n    value = {value}\n    /sub");
        }
        place.file(&format!("trees/f{file}.zkt"), text);
    }
}

/// Foreign writes may fail in any way while servers come and go.
async fn meddle(client: &Client, dice: &mut Dice) {
    let path = format!("/day/f{}n{}", dice.throw(5), dice.throw(8));
    match dice.throw(4) {
        0 => _ = client.delete(&format!("{path}/sub"), None).await,
        1 => {
            _ = client.delete(&format!("{path}/sub"), None).await;
            _ = client.delete(&path, None).await;
        }
        _ => {
            let data = format!("{{\"value\":{}}}", dice.throw(1000));
            _ = client.set_data(&path, data.as_bytes(), None).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_edits_foreign_writes_restarts_and_cuts() {
    let mut server = Server::start();
    let relay = Relay::to(server.port()).await;
    let place = Place {
        hosts: server.address(),
        ..Place::offline()
    };
    let mut dice = Dice(0x5eed_5eed_5eed_5eed);
    let mut files = Files(BTreeMap::new());
    for file in 0..5 {
        files.0.insert(file, (0..4).map(|node| (node, 0)).collect());
        files.write(&place, file);
    }
    let client = place.client().await;
    // What nobody declares, beside, below and between what is declared.
    for path in ["/own", "/own/a", "/day", "/day/foreign", "/day/foreign/x"] {
        create(&client, path, "\"mine\"").await;
    }
    client.set_data("/day", b"{}", None).await.unwrap();
    let mut foreign = Vec::new();
    for path in ["/own", "/own/a", "/day/foreign", "/day/foreign/x"] {
        foreign.push((path, client.get_data(path).await.unwrap()));
    }
    let words = format!(
        "trees -c {} --session-timeout 2s --interval 3s",
        relay.address()
    );
    let mut watching = Watching::start(&place, &words);
    watching.says(&["reconciled", "applied"]).await;
    for hour in 0..24 {
        for _ in 0..8 {
            match dice.throw(6) {
                0 => {
                    let file = dice.throw(5);
                    let (node, value) = (dice.throw(8), dice.throw(1000));
                    files.0.get_mut(&file).unwrap().insert(node, value);
                    files.write(&place, file);
                }
                1 => {
                    place.file(&format!("trees/f{}.zkt", dice.throw(5)), "broken\n");
                }
                2 => relay.cut(),
                _ => {
                    let meddling = meddle(&client, &mut dice);
                    _ = tokio::time::timeout(Duration::from_secs(5), meddling).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(dice.throw(60))).await;
        }
        if hour % 8 == 3 {
            server.kill();
            tokio::time::sleep(Duration::from_millis(dice.throw(4000))).await;
            server.restart();
        }
    }
    for file in 0..5 {
        files.write(&place, file);
    }
    let deadline = Instant::now() + PATIENCE * 2;
    loop {
        let run = place.run("plan --detailed-exitcode trees --extras hide");
        if run.code == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{run}{}", watching.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let fresh = place.client().await;
    for (path, (data, stat)) in foreign {
        let (now, after) = fresh.get_data(path).await.unwrap();
        assert_eq!(
            (now, after.mzxid, after.version),
            (data, stat.mzxid, stat.version)
        );
    }
    // Declared nodes that went out of a file were never deleted, since nothing is trimmed.
    watching.signal("-HUP");
    watching.says(&["asked\"", "in sync"]).await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("no event had told"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_servers_and_sessions() {
    let mut server = Server::start();
    let place = Place {
        hosts: server.address(),
        ..Place::offline()
    };
    place.file("a.zkt", TREE);
    let mut watching = Watching::start(&place, "a.zkt --session-timeout 2s --interval 1h");
    watching.says(&["reconciled", "applied"]).await;
    // Away for less than a session lives, and for longer.
    for pause in [0, 5] {
        server.kill();
        watching.says(&["the connection is lost"]).await;
        tokio::time::sleep(Duration::from_secs(pause)).await;
        place.file("a.zkt", TREE.replace("x = 1", &format!("x = 7{pause}")));
        server.restart();
        let client = place.client().await;
        becomes(&client, "/a", Some(&format!("{{\"x\":7{pause}}}"))).await;
        client.set_data("/a/b/c", b"{}", None).await.unwrap();
        becomes(&client, "/a/b/c", Some("{\"z\":3}")).await;
    }
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the session has ended"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_a_server_that_is_not_there_yet() {
    let mut server = Server::start();
    server.kill();
    let place = Place {
        hosts: server.address(),
        ..Place::offline()
    };
    place.file("a.zkt", TREE);
    let mut watching = Watching::start(&place, "a.zkt");
    let line = watching.says(&["trying again in"]).await;
    assert!(line.contains("cannot reach"), "{line}");
    server.restart();
    watching.says(&["reconciled", "applied"]).await;
}

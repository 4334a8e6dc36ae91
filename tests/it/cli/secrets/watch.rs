//! A watch whose secrets change, vanish, come back, and are secret no more.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;

use zookeeper_client::Client;

use crate::cli::Place;
use crate::cli::watch::status::{ask, listening};
use crate::cli::watch::{Watching, becomes};

const TREE: &str = "/a\n  port = 1\n  @secret token from file '../run/token'\n";

fn stored(token: &str) -> String {
    format!("{{\"port\":1,\"token\":\"hunter2-{token}\"}}")
}

/// The end of a watch, which has shown no secret.
fn end(watching: Watching, address: &str) -> String {
    for path in ["/", "/status", "/tree", "/metrics"] {
        let (status, body) = ask(address, "GET", path);
        assert_eq!(status, 200, "{path}");
        assert!(!body.contains("hunter2"), "{path}: {body}");
    }
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    log
}

/// A watch that has written the first secret, and where it shows its status.
async fn with_first_secret(place: &Place) -> (Client, Watching, String) {
    place
        .file("trees/a.zkt", TREE)
        .file("run/token", "hunter2-one\n");
    let client = place.client().await;
    let (mut watching, address) = listening(place, "trees --interval 1h").await;
    becomes(&client, "/a", Some(&stored("one"))).await;
    watching.says(&["reconciled"]).await;
    (client, watching, address)
}

fn state(address: &str) -> serde_json::Value {
    serde_json::from_str(&ask(address, "GET", "/status").1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_vanishes_stops_nothing_else() {
    const MISSING: &str = "secret values from outside are missing";
    let place = Place::new("secrets-gone").await;
    let (client, mut watching, address) = with_first_secret(&place).await;
    for how in ["removed", "emptied"] {
        match how {
            "removed" => fs::remove_file(place.path("run/token")).unwrap(),
            _ => _ = place.file("run/token", ""),
        }
        let why = if how == "removed" {
            "No such file"
        } else {
            "it is empty"
        };
        watching
            .says(&["no value for token from file '../run/token'", why])
            .await;
        watching.says(&[MISSING, "stays in force"]).await;
        let before = watching.log().matches(MISSING).count();
        // All that is in force goes on, and nothing is said again.
        client.set_data("/a", b"{}", None).await.unwrap();
        becomes(&client, "/a", Some(&stored("one"))).await;
        for _ in 0..3 {
            assert_eq!(ask(&address, "POST", "/reconcile").0, 202);
            watching.says(&["reconciled", "\"cause\":\"asked"]).await;
        }
        assert_eq!(watching.log().matches(MISSING).count(), before);
        let state = state(&address);
        assert_eq!(state["unknown_because"], MISSING, "{state}");
        let error = state["source_errors"][0].as_str().unwrap();
        assert!(
            error.contains("trees/a.zkt:3:11: /a: there is no value"),
            "{error}"
        );
        let (_, metrics) = ask(&address, "GET", "/metrics");
        assert!(metrics.contains("zkt_source_broken 1"), "{metrics}");
    }
    place.file("run/token", "hunter2-two\n");
    becomes(&client, "/a", Some(&stored("two"))).await;
    watching.says(&["a sound tree again"]).await;
    end(watching, &address);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_sops_or_its_key_that_vanishes_stops_nothing_else() {
    const KEY: &str = "AGE-SECRET-KEY-1JH3P9C3374GXAZEVUD2Y38YGGF6MJ8CWN2P6Y2XS4DCKSCVAEYPQD0TX0P";
    let place = Place::new("secrets-gone-sops").await;
    place
        .file("run/secrets.yaml", include_str!("../../../sops/all.yaml"))
        .file(
            "trees/a.zkt",
            "/a\n  @secret password from sops '../run/secrets.yaml' db.password\n",
        )
        .file("nobody/.config/sops/age/keys.txt", KEY);
    let client = place.client().await;
    let mut command = place.command("watch --log-format json trees --interval 1h");
    command
        .env_remove("SOPS_AGE_KEY")
        .env_remove("SOPS_AGE_KEY_FILE")
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", place.path("nobody"));
    let mut watching = Watching::of(command.spawn().unwrap());
    let stored = "{\"password\":\"hunter2-yaml\"}";
    becomes(&client, "/a", Some(stored)).await;
    watching.says(&["reconciled"]).await;
    for (file, told) in [
        ("run/secrets.yaml", "No such file"),
        (
            "nobody/.config/sops/age/keys.txt",
            "there is no age key here",
        ),
    ] {
        let away = place.path("away");
        fs::rename(place.path(file), &away).unwrap();
        watching
            .says(&["no value for password from sops", told])
            .await;
        watching.says(&["are missing", "stays in force"]).await;
        client.set_data("/a", b"{}", None).await.unwrap();
        becomes(&client, "/a", Some(stored)).await;
        fs::rename(&away, place.path(file)).unwrap();
        watching.says(&["a sound tree again"]).await;
    }
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        !log.contains("hunter2") && !log.contains("AGE-SECRET"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_secret_is_never_written() {
    let place = Place::new("secrets-half").await;
    let (client, mut watching, address) = with_first_secret(&place).await;
    let mut file = File::create(place.path("run/token")).unwrap();
    file.write_all(b"hunter2-").unwrap();
    watching.says(&["run/token is being written"]).await;
    assert_eq!(ask(&address, "POST", "/reconcile").0, 202);
    watching.says(&["reconciled", "\"cause\":\"asked"]).await;
    file.write_all(b"two\n").unwrap();
    drop(file);
    becomes(&client, "/a", Some(&stored("two"))).await;
    let (_, stat) = client.get_data("/a").await.unwrap();
    assert_eq!(stat.version, 1);
    end(watching, &address);
}

/// Kubernetes makes a new directory, exchanges the link, and removes the old directory.
#[tokio::test(flavor = "multi_thread")]
async fn a_mounted_secret_is_exchanged_as_kubernetes_does() {
    let place = Place::new("secrets-mounted").await;
    let mount = |version: &str, token: &str| {
        place.file(&format!("run/..{version}/token"), token);
        let link = place.path("run/..data_tmp");
        symlink(format!("..{version}"), &link).unwrap();
        fs::rename(link, place.path("run/..data")).unwrap();
    };
    place.file("trees/a.zkt", TREE);
    mount("1", "hunter2-1");
    symlink("..data/token", place.path("run/token")).unwrap();
    let client = place.client().await;
    let (watching, address) = listening(&place, "trees --interval 1h").await;
    becomes(&client, "/a", Some(&stored("1"))).await;
    for (old, new) in [("1", "2"), ("2", "3")] {
        mount(new, &format!("hunter2-{new}"));
        fs::remove_dir_all(place.path(&format!("run/..{old}"))).unwrap();
        becomes(&client, "/a", Some(&stored(new))).await;
    }
    let (_, stat) = client.get_data("/a").await.unwrap();
    assert_eq!(stat.version, 2);
    let log = end(watching, &address);
    assert!(!log.contains("missing"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_goes_with_its_value_shows_neither() {
    let place = Place::new("secrets-bared").await;
    place.file(
        "a.zkt",
        "/a\n  @secret pin\n  pin = 'hunter2-old'\n/raw\n  @secret\n  @data 'hunter2-raw'\n",
    );
    let client = place.client().await;
    let (mut watching, address) = listening(&place, "a.zkt --interval 1h").await;
    becomes(&client, "/raw", Some("hunter2-raw")).await;
    watching.says(&["reconciled"]).await;
    place.file("a.zkt", "/a\n  pin = 'open'\n/raw\n  @data 'open'\n");
    becomes(&client, "/a", Some("{\"pin\":\"open\"}")).await;
    becomes(&client, "/raw", Some("open")).await;
    // The old value may come back.
    watching.says(&["reconciled", "applied"]).await;
    client
        .set_data("/a", b"{\"pin\":\"hunter2-old\"}", None)
        .await
        .unwrap();
    becomes(&client, "/a", Some("{\"pin\":\"open\"}")).await;
    watching.says(&["repaired", "\"path\":\"/a\""]).await;
    end(watching, &address);
}

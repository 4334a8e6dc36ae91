//! The history of a live tree in git.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use zookeeper_client::{Acls, CreateMode};

use super::super::{Place, create, create_as};
use super::{PATIENCE, Watching};
use crate::relay::{Mode, Relay};
use crate::server;

/// What git prints of a history.
fn git(dir: &Path, words: &[&str]) -> String {
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(dir).args(words);
    let output = git.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The titles of all commits, the oldest first.
fn titles(dir: &Path) -> Vec<String> {
    let log = git(dir, &["log", "--reverse", "--format=%s", "main"]);
    log.lines().map(str::to_owned).collect()
}

/// Waits until there are as many commits, and returns their titles.
async fn commits(watching: &Watching, dir: &Path, count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let has_any = Command::new("git")
            .arg("--git-dir")
            .arg(dir)
            .args(["rev-parse", "-q", "--verify", "main"])
            .output();
        if has_any.unwrap().status.success() {
            let titles = titles(dir);
            if titles.len() >= count {
                return titles;
            }
        }
        let log = watching.log();
        assert!(Instant::now() < deadline, "{count} commits: {log}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn shown(dir: &Path, name: &str) -> String {
    git(dir, &["show", name])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_a_commit_whoever_made_it() {
    let place = Place::new("watch-history").await;
    place.file(
        "a.zkt",
        "/a : t\n  x = 1\n  pin = 4711001748\n  @secret pin\n",
    );
    let client = place.client().await;
    create(&client, "/foreign", "{\"y\":1}").await;
    let dir = place.path("history");
    let mut watching = Watching::start(&place, "a.zkt --interval 1h --record history");
    watching.says(&["the live tree is recorded"]).await;
    // What it has written itself is in the first commit, or in one of its own.
    let first = commits(&watching, &dir, 1).await;
    assert!(
        first[0].starts_with("the tree as it was at zxid 0x"),
        "{first:?}"
    );
    let mut count = first.len();
    while !git(&dir, &["ls-tree", "-r", "--name-only", "main"]).contains("a.zkt") {
        count = commits(&watching, &dir, count + 1).await.len();
    }

    client
        .set_data("/foreign", b"{\"y\":2}", None)
        .await
        .unwrap();
    let titles = commits(&watching, &dir, count + 1).await;
    assert_eq!(titles[count], "update /foreign");
    let (_, stat) = client.get_data("/foreign").await.unwrap();
    let text = format!(
        "# version 1, ACL version 0, zxid {:#x}\n/foreign\n  y = 2\n",
        stat.mzxid
    );
    assert_eq!(shown(&dir, "main:foreign.zkt"), text);
    let log = git(&dir, &["log", "-1", "--format=%b%at", "main"]);
    let words: Vec<&str> = log.split_whitespace().collect();
    let expected = [
        format!("{:#x}", stat.mzxid),
        (stat.mtime / 1000).to_string(),
    ];
    assert_eq!(words[1..], expected);
    count += 1;

    // All of a transaction is one commit.
    let mut writer = client.new_multi_writer();
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    writer.add_create("/foreign/b", b"", &options).unwrap();
    writer
        .add_create("/foreign/password", b"hunter2", &options)
        .unwrap();
    writer.commit().await.unwrap();
    let titles = commits(&watching, &dir, count + 1).await;
    assert_eq!(titles[count], "add /foreign/b and 1 more");
    create_as(&client, "/foreign/e", "", CreateMode::Ephemeral).await;
    let titles = commits(&watching, &dir, count + 2).await;
    assert_eq!(titles[count + 1], "add /foreign/e");
    assert!(shown(&dir, "main:foreign/e.zkt").contains("@ephemeral"));

    client.delete("/foreign/b", None).await.unwrap();
    let titles = commits(&watching, &dir, count + 3).await;
    assert_eq!(titles[count + 2], "delete /foreign/b");
    let (_, stat) = client.get_data("/foreign").await.unwrap();
    let message = git(&dir, &["log", "-1", "--format=%b", "main"]);
    assert!(
        message.trim().ends_with(&format!("..{:#x}", stat.pzxid)),
        "{message}"
    );

    // A foreign change of what is declared is one commit, and its repair another one, unless they share a
    // look; what is secret of them is nowhere.
    client
        .set_data("/a", b"{\"pin\":4712001748,\"type\":\"t\",\"x\":1}", None)
        .await
        .unwrap();
    let titles = commits(&watching, &dir, count + 4).await;
    assert_eq!(titles[count + 3], "update /a");
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    let all = git(&dir, &["log", "-p", "main"]);
    for secret in ["hunter2", "4711001748", "4712001748"] {
        assert!(!all.contains(secret), "{all}");
    }
    assert!(shown(&dir, "main:a.zkt").contains("/a : t\n  @ignore pin\n  x = 1\n"));

    // What happens while nobody watches is told as that.
    client
        .set_data("/foreign", b"{\"y\":3}", None)
        .await
        .unwrap();
    client.delete("/foreign/password", None).await.unwrap();
    let before = git(&dir, &["rev-list", "--count", "main"]);
    let before: usize = before.trim().parse().unwrap();
    let mut watching = Watching::start(&place, "a.zkt --interval 1h --record history");
    watching.says(&["the live tree is recorded"]).await;
    let titles = commits(&watching, &dir, before + 1).await;
    assert!(
        titles[before].starts_with("changes between zxid 0x"),
        "{titles:?}"
    );
    assert!(
        titles[before].ends_with(", not seen one by one"),
        "{titles:?}"
    );
    let body = git(&dir, &["log", "-1", "--format=%b", "main"]);
    assert!(
        body.contains("update /foreign\n") && body.contains("delete /foreign/password\n"),
        "{body}"
    );
    // Each commit is a layer.
    let mut show = place.command("show git:main:.");
    show.current_dir(&dir);
    let run = place.finish(show.spawn().unwrap());
    assert!(run.stdout.contains("/foreign\n  y = 3\n"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_a_gap_and_acls_are_found_by_the_timer() {
    let place = Place::new("watch-history-gap").await;
    place.file("a.zkt", "/a\n");
    let client = place.client().await;
    create(&client, "/a", "{}").await;
    create(&client, "/b", "{}").await;
    let relay = Relay::to(server::shared().port()).await;
    let through = place.through(&relay.address());
    let dir = place.path("history");
    let words = format!("a.zkt --interval 1s --record history -c {through}");
    let mut watching = Watching::start(&place, &words);
    watching.says(&["the live tree is recorded"]).await;
    let count = commits(&watching, &dir, 1).await.len();
    let (_, stat) = client.get_acl("/b").await.unwrap();
    let read = [zookeeper_client::Acl::new(
        zookeeper_client::Permission::READ | zookeeper_client::Permission::ADMIN,
        zookeeper_client::AuthId::anyone(),
    )];
    client
        .set_acl("/b", &read, Some(stat.aversion))
        .await
        .unwrap();
    let titles = commits(&watching, &dir, count + 1).await;
    assert_eq!(titles[count], "change the ACL of /b");
    assert!(shown(&dir, "main:b.zkt").contains("@acl world:anyone:ra"));

    relay.set(Mode::Refuse);
    relay.cut();
    watching.says(&["the connection is lost"]).await;
    client.set_data("/a", b"{\"x\":1}", None).await.unwrap();
    relay.set(Mode::Forward);
    let titles = commits(&watching, &dir, count + 2).await;
    assert!(
        titles[count + 1].ends_with(", not seen one by one"),
        "{titles:?}"
    );
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_secret_stays_so_without_its_line_and_after_a_restart() {
    let place = Place::new("watch-history-masks").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let client = place.client().await;
    create(&client, "/a", "{\"x\":1}").await;
    create(&client, "/b", "{\"key\":\"plugh\"}").await;
    place.file("b.zkt", "/b\n  @secret\n  key = 'plugh'\n");
    let hash = "A".repeat(27) + "=";
    let digest = zookeeper_client::AuthId::new("digest", &format!("ops:{hash}"));
    let acl = [
        zookeeper_client::Acl::new(zookeeper_client::Permission::ALL, digest),
        zookeeper_client::Acl::new(
            zookeeper_client::Permission::ALL,
            zookeeper_client::AuthId::anyone(),
        ),
    ];
    client.set_acl("/a", &acl, None).await.unwrap();
    let dir = place.path("history");
    let start = |layers: &str| {
        let words = format!("{layers} --mode warn --interval 1h --record history");
        Watching::start(&place, &words)
    };
    let mut watching = start("a.zkt b.zkt");
    watching.says(&["the live tree is recorded"]).await;
    let recorded = shown(&dir, "main:a.zkt");
    assert!(
        recorded.contains("\n# ACL digest:ops:(secret):cdrwa world:anyone:cdrwa\n/a\n"),
        "{recorded}"
    );
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");

    place.file("b.zkt", "/other\n");
    let mut watching = start("a.zkt b.zkt");
    watching.says(&["the live tree is recorded"]).await;
    let count = commits(&watching, &dir, 1).await.len();
    let data = b"{\"key\":\"xyzzy\"}";
    client.set_data("/b", data, None).await.unwrap();
    let titles = commits(&watching, &dir, count + 1).await;
    assert_eq!(titles[count], "update /b");
    // A new line of `@secret` is no change of the live tree.
    place.file("a.zkt", "/a\n  x = 1\n  @secret x\n");
    let titles = commits(&watching, &dir, count + 2).await;
    assert_eq!(titles[count + 1], "mask /a");
    assert!(!shown(&dir, "main:a.zkt").contains("x = 1"));
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    let all = git(&dir, &["log", "-p", "main"]);
    for secret in ["plugh", "xyzzy", &*hash] {
        assert!(!all.contains(secret), "{all}");
    }
    // The hash is no part of the record, so that it stays a layer.
    let mut show = place.command("show git:main:.");
    show.current_dir(&dir);
    place.finish(show.spawn().unwrap()).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn git_that_fails_holds_up_nothing_and_is_tried_again() {
    let place = Place::new("watch-history-fails").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let client = place.client().await;
    let dir = place.path("history");
    let mut watching = Watching::start(&place, "a.zkt --interval 1h --record history");
    watching.says(&["the live tree is recorded"]).await;
    let lock = dir.join("refs/heads/main.lock");
    std::fs::write(&lock, "").unwrap();
    create(&client, "/b", "{}").await;
    watching
        .says(&["cannot record; trying again", "main.lock"])
        .await;
    client.set_data("/a", b"{\"x\":2}", None).await.unwrap();
    watching.says(&["reconciled", "applied"]).await;
    std::fs::remove_file(&lock).unwrap();
    watching.says(&["the live tree is recorded"]).await;
    assert!(shown(&dir, "main:b.zkt").contains("/b\n"));
    // Two do not record in one directory.
    let run = place.run("watch a.zkt --record history").expect(1);
    assert!(
        run.stderr.contains("another watch records in DIR/history"),
        "{run}"
    );
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    // One that was killed leaves its lock.
    std::fs::write(&lock, "").unwrap();
    let mut watching = Watching::start(&place, "a.zkt --interval 1h --record history");
    watching.says(&["the live tree is recorded"]).await;
}

#[test]
fn what_is_no_history_is_refused() {
    let place = Place::offline();
    place
        .file("a.zkt", "/a\n")
        .file("work/README", "mine\n")
        .file("file", "");
    let run = place.run("watch a.zkt --record work").expect(1);
    assert!(
        run.stderr
            .contains("DIR/work is neither empty nor a history of zkt's"),
        "{run}"
    );
    let run = place.run("watch a.zkt --record file").expect(1);
    assert!(run.stderr.contains("cannot record in"), "{run}");
    place.file("other/zkt-history", "zkt history 1 of /elsewhere\n");
    let run = place.run("watch a.zkt --record other").expect(1);
    assert!(
        run.stderr.contains("is the history of something else"),
        "{run}"
    );
    place.run("watch --once a.zkt --record new").expect(1);
    assert!(!place.path("new").exists());
}

/// Each commit is a layer that can be planned, also where owners keep records.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_owners_are_not_recorded() {
    let place = Place::new("watch-history-owner").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    place.run("apply -y --owner team a.zkt").expect(0);
    let dir = place.path("history");
    let watching = Watching::start(&place, "a.zkt --interval 1h --record history");
    commits(&watching, &dir, 1).await;
    assert_eq!(
        git(&dir, &["ls-tree", "-r", "--name-only", "main"]).trim(),
        "a.zkt"
    );
    let mut command = place.command("plan git:HEAD:.");
    command.current_dir(&dir);
    let plan = place.finish(command.spawn().unwrap()).expect(0);
    assert!(plan.stdout.contains("No changes"), "{plan}");
}

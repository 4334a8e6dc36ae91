//! Files that change, go, come back, and lie elsewhere than they seem to.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::super::Place;
use super::{Watching, becomes};

fn one(value: &str) -> String {
    format!("/a\n  x = '{value}'\n")
}

fn stored(value: &str) -> String {
    format!("{{\"x\":\"{value}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_change_a_file_counts() {
    let place = Place::new("watch-files").await;
    place.file("trees/a.zkt", one("0"));
    let client = place.client().await;
    let mut watching = Watching::start(&place, "trees --interval 1h");
    becomes(&client, "/a", Some(&stored("0"))).await;
    watching.says(&["reconciled"]).await;

    // Written in place.
    place.file("trees/a.zkt", one("1"));
    becomes(&client, "/a", Some(&stored("1"))).await;
    // Written beside and renamed, as editors do.
    place.file("trees/.a.swp", one("2"));
    fs::rename(place.path("trees/.a.swp"), place.path("trees/a.zkt")).unwrap();
    becomes(&client, "/a", Some(&stored("2"))).await;
    // Renamed away, and written anew.
    fs::rename(place.path("trees/a.zkt"), place.path("trees/a.zkt~")).unwrap();
    place.file("trees/a.zkt", one("3"));
    becomes(&client, "/a", Some(&stored("3"))).await;
    // In a new directory, and then in that.
    place.file("trees/more/deep/b.zkt", "/b\n  y = 1\n");
    becomes(&client, "/b", Some("{\"y\":1}")).await;
    place.file("trees/more/deep/b.zkt", "/b\n  y = 2\n");
    becomes(&client, "/b", Some("{\"y\":2}")).await;
    // The directory is moved away and back, changed meanwhile.
    fs::rename(place.path("trees"), place.path("away")).unwrap();
    watching.says(&["no sound tree", "stays in force"]).await;
    place.file("away/a.zkt", one("4"));
    fs::rename(place.path("away"), place.path("trees")).unwrap();
    becomes(&client, "/a", Some(&stored("4"))).await;
    // It is removed, and another one is made in its place.
    fs::remove_dir_all(place.path("trees")).unwrap();
    watching.says(&["no sound tree", "stays in force"]).await;
    place.file("trees/a.zkt", one("5"));
    becomes(&client, "/a", Some(&stored("5"))).await;
    place.file("trees/a.zkt", one("6"));
    becomes(&client, "/a", Some(&stored("6"))).await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn included_files_count_wherever_they_are() {
    let place = Place::new("watch-include").await;
    place.file(
        "trees/a.zkt",
        "/a\n  @include '../parts/part.zkt'\n  /raw\n    @data file '../data.txt'\n",
    );
    place.file("parts/part.zkt", "/part\n  x = 1\n");
    place.file("data.txt", "one");
    let client = place.client().await;
    let watching = Watching::start(&place, "trees --allow-files . --interval 1h");
    becomes(&client, "/a/part", Some("{\"x\":1}")).await;
    becomes(&client, "/a/raw", Some("one")).await;
    place.file("parts/part.zkt", "/part\n  x = 2\n");
    becomes(&client, "/a/part", Some("{\"x\":2}")).await;
    place.file("data.txt", "two");
    becomes(&client, "/a/raw", Some("two")).await;
    drop(watching);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_files_is_followed() {
    let place = Place::new("watch-directory").await;
    place
        .file("trees/a.zkt", "/a\n  @files '../conf'\n")
        .file("conf/x.xml", "1")
        .file("conf/y.xml", "y");
    let client = place.client().await;
    let mut watching = Watching::start(&place, "trees --trim --allow-files . --interval 1h");
    becomes(&client, "/a/x.xml", Some("1")).await;
    // Changed in place, and by a rename.
    place.file("conf/x.xml", "2");
    becomes(&client, "/a/x.xml", Some("2")).await;
    place.file("conf/.x.xml.swp", "3");
    fs::rename(place.path("conf/.x.xml.swp"), place.path("conf/x.xml")).unwrap();
    becomes(&client, "/a/x.xml", Some("3")).await;
    // A new file, and one in directories that come later.
    place.file("conf/new.properties", "n");
    becomes(&client, "/a/new.properties", Some("n")).await;
    place.file("conf/later/deep/z", "z");
    becomes(&client, "/a/later/deep/z", Some("z")).await;
    place.file("conf/later/deep/z", "zz");
    becomes(&client, "/a/later/deep/z", Some("zz")).await;
    fs::rename(place.path("conf/later/deep/z"), place.path("conf/w")).unwrap();
    becomes(&client, "/a/w", Some("zz")).await;
    becomes(&client, "/a/later/deep/z", None).await;
    fs::remove_file(place.path("conf/y.xml")).unwrap();
    becomes(&client, "/a/y.xml", None).await;
    // A new file that is still being written is no node.
    let mut half = fs::File::create(place.path("conf/half")).unwrap();
    half.write_all(b"one").unwrap();
    place.file("conf/x.xml", "4");
    watching.says(&["conf/half", "is being written"]).await;
    half.write_all(b" two").unwrap();
    drop(half);
    becomes(&client, "/a/half", Some("one two")).await;
    becomes(&client, "/a/x.xml", Some("4")).await;
    drop(watching);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_anew_when_they_are_swapped() {
    let place = Place::new("watch-links").await;
    // As git-sync has it: a link to a worktree, swapped by a rename.
    place.file("one/trees/a.zkt", one("1"));
    place.file("two/trees/a.zkt", one("2"));
    symlink("one", place.path("link")).unwrap();
    // As a ConfigMap has it: each file is a link through `..data`.
    place.file("map/..1/b.zkt", "/b\n  y = 1\n");
    place.file("map/..2/b.zkt", "/b\n  y = 2\n");
    symlink("..1", place.path("map/..data")).unwrap();
    symlink("..data/b.zkt", place.path("map/b.zkt")).unwrap();
    let client = place.client().await;
    let watching = Watching::start(&place, "link/trees map --interval 1h");
    becomes(&client, "/a", Some(&stored("1"))).await;
    becomes(&client, "/b", Some("{\"y\":1}")).await;

    symlink("two", place.path("link.new")).unwrap();
    fs::rename(place.path("link.new"), place.path("link")).unwrap();
    fs::remove_dir_all(place.path("one")).unwrap();
    becomes(&client, "/a", Some(&stored("2"))).await;
    place.file("two/trees/a.zkt", one("3"));
    becomes(&client, "/a", Some(&stored("3"))).await;

    symlink("..2", place.path("map/..new")).unwrap();
    fs::rename(place.path("map/..new"), place.path("map/..data")).unwrap();
    fs::remove_dir_all(place.path("map/..1")).unwrap();
    becomes(&client, "/b", Some("{\"y\":2}")).await;
    drop(watching);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_touch_does_nothing_and_broken_files_empty_nothing() {
    let place = Place::new("watch-broken").await;
    place.file("trees/a.zkt", one("1"));
    place.file("trees/b.zkt", "/b\n");
    let client = place.client().await;
    let mut watching = Watching::start(&place, "trees --trim --interval 1h");
    watching.says(&["reconciled", "applied"]).await;
    let before = place.exactly().await;

    place.file("trees/a.zkt", one("1"));
    tokio::time::sleep(Duration::from_millis(400)).await;
    place.file("trees/a.zkt", "nonsense\n");
    watching.says(&["trees/a.zkt:1:9"]).await;
    watching.says(&["no sound tree", "stays in force"]).await;
    assert_eq!(place.exactly().await, before);
    // The last good tree is kept up all the while.
    client.set_data("/a", b"{}", None).await.unwrap();
    becomes(&client, "/a", Some(&stored("1"))).await;
    fs::write(place.path("trees/a.zkt"), "").unwrap();
    fs::write(place.path("trees/b.zkt"), "").unwrap();
    watching.says(&["declares no node"]).await;
    becomes(&client, "/b", Some("{}")).await;

    // One empty file holds back all.
    place.file("trees/a.zkt", one("2"));
    watching
        .says(&["trees/b.zkt: the file declares no node"])
        .await;
    place.file("trees/b.zkt", "/b\n");
    watching.says(&["a sound tree again"]).await;
    becomes(&client, "/a", Some(&stored("2"))).await;
    watching.says(&["reconciled", "files", "applied"]).await;
    // What led to no change of what is declared was no reconcile, but for the one that repaired.
    assert_eq!(watching.count(&["reconciled"]), 3, "{}", watching.log());
}

/// With the kernel's events, and without: then what the system tells of its processes counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_not_taken_before_its_writer_closes_it() {
    for (name, options) in [("watch-half", ""), ("watch-half-poll", "--poll 100ms")] {
        let place = Place::new(name).await;
        place.file("trees/a.zkt", "/a\n  x = 1\n");
        let client = place.client().await;
        let mut watching = Watching::start(&place, &format!("trees --interval 1h {options}"));
        watching.says(&["reconciled", "applied"]).await;
        // One that is read already, and a new one.
        for (file, node, version) in [("trees/a.zkt", "/a", 1), ("trees/b.zkt", "/b", 0)] {
            let mut writer = fs::File::create(place.path(file)).unwrap();
            write!(writer, "{node}\n  x = 2\n").unwrap();
            watching.says(&["is being written"]).await;
            watching.signal("-HUP");
            watching.says(&["reconciled", "asked", "in sync"]).await;
            writer.write_all(b"  y = 2\n").unwrap();
            drop(writer);
            becomes(&client, node, Some("{\"x\":2,\"y\":2}")).await;
            let (_, stat) = client.get_data(node).await.unwrap();
            assert_eq!(stat.version, version, "half of it was taken");
        }
        drop(watching);
    }
}

/// A file that is found half written takes nothing away.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_new_at_the_start_is_waited_for() {
    let place = Place::new("watch-new").await;
    let whole = "/a\n  x = 1\n  /b\n";
    place.file("a.zkt", whole).run("apply -y a.zkt").expect(0);
    let before = place.exactly().await;
    place.file("a.zkt", "/a\n");
    let mut watching = Watching::start_at_once(&place, "-t --force a.zkt --interval 1h");
    watching.says(&["a.zkt was written a moment ago"]).await;
    place.file("a.zkt", whole);
    watching.says(&["reconciled", "in sync"]).await;
    assert_eq!(place.exactly().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_can_be_polled() {
    let place = Place::new("watch-poll").await;
    place.file("a.zkt", one("1"));
    let client = place.client().await;
    let watching = Watching::start(&place, "--poll 100ms a.zkt --interval 1h");
    becomes(&client, "/a", Some(&stored("1"))).await;
    place.file("a.zkt", one("2"));
    becomes(&client, "/a", Some(&stored("2"))).await;
    drop(watching);
}

//! Servers that do not vote, and servers that only read, since they have lost the others.

use super::quorum::{Quorum, Role};
use crate::cli::Place;
use crate::cli::watch::{Watching, becomes};

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_is_as_good_as_any_and_a_read_only_server_is_named() {
    let roles = [Role::Voter, Role::Voter, Role::Observer];
    let mut quorum = Quorum::start(&roles, &["-Dreadonlymode.enabled=true"]);
    let observer = (0..3).find(|index| quorum.mode(*index).as_deref() == Some("observer"));
    let observer = observer.unwrap();
    let place = Place::at(&quorum.address(observer));
    place.file("a.zkt", "/a\n  x = 1\n");
    let mut watching = Watching::start(&place, "a.zkt --session-timeout 2s --interval 3s");
    watching.says(&["reconciled", "applied"]).await;
    let client = place.client().await;
    client.set_data("/a", b"{}", None).await.unwrap();
    becomes(&client, "/a", Some("{\"x\":1}")).await;
    place.run("plan --detailed-exitcode a.zkt").expect(0);
    drop(client);

    // Alone, a voter and an observer only read.
    quorum.kill(1);
    for index in [0, observer] {
        quorum.becomes(index, Some("read-only"));
    }
    place.file("b.zkt", "/b\n");
    let words = "it is read-only, since it does not reach the majority of its ensemble";
    for command in ["plan b.zkt", "apply -y b.zkt", "ls", "register /a h:1"] {
        let run = place.run(command).expect(1);
        assert!(run.stderr.contains(words), "{run}");
        assert!(run.stderr.contains("--wait waits until"), "{run}");
    }
    // Of several, each is told.
    let hosts = quorum.hosts();
    let run = place.run(&format!("apply -y -c {hosts} b.zkt")).expect(1);
    assert_eq!(run.stderr.matches(words).count(), 2, "{run}");
    assert!(run.stderr.contains("the connection is refused"), "{run}");
    watching.says(&["trying again in", words]).await;

    let mut waiting = place.command("apply -y --wait b.zkt");
    let waiting = waiting.spawn().unwrap();
    quorum.restart(1);
    quorum.becomes_whole();
    let run = place.finish(waiting).expect(0);
    assert!(run.stdout.contains("1 added"), "{run}");
    let client = place.client().await;
    client.set_data("/a", b"{}", None).await.unwrap();
    becomes(&client, "/a", Some("{\"x\":1}")).await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
}

//! What is denied is refused before anything is written.

use crate::cli::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_denied_is_not_applied() {
    let place = Place::new("apply-denied").await;
    place.file("a.zkt", "/a\n  token = 'hunter2'\n  x -> /nowhere\n");
    for words in ["apply -y", "watch --once", "plan", "diff live"] {
        let run = place.run(&format!(
            "{words} --deny plain-secret --deny dangling-link a.zkt"
        ));
        let all = run.expect(3).everything();
        assert!(
            all.contains("2 warnings are denied: dangling-link, plain-secret"),
            "{words}: {all}"
        );
        let live = place.run("ls /").expect(0).stdout;
        assert!(!live.contains("/a"), "{words}: {live}");
    }
    // A plan hints at the secret instead of warning of it.
    let run = place.run("plan --allow dangling-link a.zkt").expect(0);
    assert!(!run.stdout.contains("warning"), "{run}");
    assert!(run.stderr.contains("`@secret token` hides it"), "{run}");
    place.file(
        "b.zkt",
        "/a\n  x -> /nowhere  # zkt: allow(dangling-link)\n",
    );
    place.run("apply -y --strict --deny all b.zkt").expect(0);
}

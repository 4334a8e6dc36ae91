//! A node above the usual limit, where the server allows it, hinders no plan.

use crate::cli::{Place, create};

/// A request of the size that is left for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_as_declared_may_have_any_size() {
    let place = Place::new("case-large").await;
    let text = |x: &str| format!("/a\n  x = '{}'\n", x.repeat(2000));
    place.file("a.zkt", text("x")).file("b.zkt", text("y"));
    place.run("apply -y a.zkt").expect(0);
    let small = "--max-request 1KiB";
    let run = place.run(&format!("plan {small} a.zkt")).expect(0);
    assert_eq!(run.last(), "No changes: 1 node is as declared.");
    place.run(&format!("apply -y {small} a.zkt")).expect(0);
    place.run(&format!("watch --once {small} a.zkt")).expect(0);
    let refusal = "/a: writing it takes a request of 2048 bytes, more than the request \
                   limit of 1,024, which may be as high as the servers' jute.maxbuffer; \
                   --max-request SIZE raises it";
    for words in ["plan", "apply -y"] {
        let run = place.run(&format!("{words} {small} b.zkt")).expect(3);
        assert!(
            run.stdout
                .contains(&format!("refused: {refusal} (b.zkt:1:1)\n")),
            "{run}"
        );
    }
    // It waits by itself, and holds up nothing else.
    place.file("c.zkt", text("y") + "/b\n");
    let run = place.run(&format!("watch --once {small} c.zkt")).expect(5);
    let message = "--max-request SIZE";
    assert!(run.everything().contains(message), "{run}");
    assert_eq!(place.nodes().await.lines().last(), Some("/b \"{}\" v0"));
    for words in ["show", "fmt --check"] {
        place.run(&format!("{words} b.zkt")).expect(0);
    }
    insta::assert_snapshot!(place.run(&format!("check {small} b.zkt")).stderr, @"
    error: the node /a needs 2075 bytes, and ZooKeeper takes at most 1,024 in a request
     --> b.zkt:1:1
      |
    1 | /a
      | ^^
      |
      = help: --max-request SIZE allows more, where the servers' jute.maxbuffer does
    ");
    // What it takes depends on the chroot.
    let run = place.run(&format!("set {small} /a z=1")).expect(1);
    let (error, hint) = run.stderr.split_once('\n').unwrap();
    assert!(
        error.starts_with("error: /a: writing it takes a request of "),
        "{error}"
    );
    assert!(
        error.ends_with(" bytes, more than the 1024 allowed"),
        "{error}"
    );
    assert!(
        hint.starts_with("hint: --max-request SIZE allows more"),
        "{hint}"
    );
    let left = place.nodes().await;
    assert_eq!((left.lines().count(), left.matches('y').count()), (2, 0));
}

/// Links and trims of a large node write little.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_large_node_that_goes_hinders_nothing() {
    let place = Place::new("case-large-gone").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    create(&client, "/a/large", "x".repeat(5000)).await;
    place.file("a.zkt", "/a\n  x = 1\n");
    place.run("apply -y -t --max-request 1KiB a.zkt").expect(0);
    assert_eq!(place.nodes().await, "/a \"{\\\"x\\\":1}\" v1\n");
}

mod real {
    use crate::cli::Place;
    use crate::real::process::{Server, Setup};

    /// What shops with large nodes set.
    const LARGE: Setup = Setup {
        java: &[
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Djute.maxbuffer=10485760",
        ],
        config: "forceSync=no\npreAllocSize=16384\n",
    };

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_export_with_a_large_node_is_planned_and_applied() {
        let server = Server::start_as(LARGE);
        let place = Place::at(&server.address());
        let large = "x".repeat(3_000_000);
        place.file("blob", &large).file(
            "raw.zkt",
            "/solr\n  /raw\n    @data file 'blob'\n  /small\n    x = 1\n",
        );
        let run = place.run("apply -y raw.zkt").expect(3);
        assert!(run.stdout.contains("--max-request"), "{run}");
        assert_eq!(place.nodes().await, "");
        place.run("apply -y --max-request 10MiB raw.zkt").expect(0);
        let export = place.run("export /solr").expect(0).stdout;
        place.file("export.zkt", export);
        for layer in ["raw.zkt", "export.zkt"] {
            // As declared: no option is needed.
            for words in ["plan --detailed-exitcode", "apply -y", "watch --once"] {
                place.run(&format!("{words} {layer}")).expect(0);
            }
        }
        place.file("blob", large + "y");
        place.run("plan raw.zkt").expect(3);
        place.run("apply -y --max-request 10MiB raw.zkt").expect(0);
        let run = place.run("get --raw /solr/raw").expect(0);
        assert_eq!(run.stdout.len(), 3_000_001);
        place
            .run("set --max-request 10MiB /solr/small x=2")
            .expect(0);
        place.run("rm -y /solr").expect(0);
    }
}

//! Two owners of one node, and what each plan knows of the other.

use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

use zkt::model::node::DataVersion;
use zkt::model::path::ZPath;
use zkt::model::record::Begun;
use zkt::zookeeper::record;
use zkt::zookeeper::session::Session;

use super::apply::held_after;
use super::owner::claims;
use super::{Place, Terminal, create};
use crate::relay::Mode;
use crate::server;

/// The version of the node above all records.
async fn place_version(client: &Client, path: &str) -> i32 {
    client.check_stat(path).await.unwrap().unwrap().version
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_another_owner_adopts_while_it_is_trimmed_stays() {
    let begun = "the owner b has changed its record since the plan was made";
    let new = "another owner may have a record by now: /zkt was written since the plan was made";
    for (i, (words, is_first)) in [
        ("apply -y", false),
        ("apply -y", true),
        ("watch --once", false),
        ("watch --once", true),
    ]
    .into_iter()
    .enumerate()
    {
        let place = Place::new(&format!("adopt-trim-{i}")).await;
        place.file("a.zkt", "/a\n/x\n").file("b.zkt", "/b\n");
        place.run("apply -y --owner a a.zkt").expect(0);
        if !is_first {
            place.run("apply -y --owner b b.zkt").expect(0);
        }
        place.file("a.zkt", "/a\n").file("b.zkt", "/b\n/x\n");
        let trim = format!("{words} --owner a --trim owned --max-trim 9 a.zkt");
        let (relay, child) = held_after(0, &place, &trim).await;
        place.run("apply -y --owner b --adopt b.zkt").expect(0);
        relay.set(Mode::Forward);
        let run = place.finish(child).expect(0);
        let said = if is_first { new } else { begun };
        let says = run.stderr.contains(&format!("{said}; planning again"));
        assert_eq!(says, words == "apply -y", "{run}");
        assert_eq!(claims(&place, "a").await, "/a Created\n");
        assert_eq!(claims(&place, "b").await, "/b Created\n/x Adopted\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_new_record_writes_the_node_above_and_keeps_its_data() {
    let place = Place::new("owner-place-data").await;
    let client = place.client().await;
    create(&client, "/records", "theirs").await;
    let version = || place_version(&client, "/records");
    for (owner, expected) in [("one", 1), ("two", 2), ("one", 2)] {
        place.file("a.zkt", format!("/a\n/{owner}\n  x = {expected}\n"));
        let apply = format!("apply -y --owner {owner} --owner-path /records a.zkt");
        place.run(&apply).expect(0);
        assert_eq!(version().await, expected, "{owner}");
    }
    let (data, _) = client.get_data("/records").await.unwrap();
    assert_eq!(data, b"theirs");
    // One that is made anew lets everybody announce its record.
    let one = format!(
        "apply -y --auth digest:ops:pw --owner one -c {} a.zkt",
        place.hosts
    );
    place.run(&one).expect(0);
    assert_eq!(place_version(&client, "/zkt").await, 1);
    place.file("b.zkt", "/b\n");
    place.run("apply -y --owner two b.zkt").expect(0);
    assert_eq!(place_version(&client, "/zkt").await, 2);
    // A trim of all checks the node that its own apply has made.
    place.file("all.zkt", "/a\n  x = 1\n");
    create(&client, "/a/old", "").await;
    let all = "apply -y --owner three --owner-path /others/zkt --trim all --max-trim 9 all.zkt";
    let run = place.run(all).expect(0);
    assert!(!run.stderr.contains("planning again"), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_may_not_write_the_node_above_records_has_a_record_nevertheless() {
    let place = Place::new("owner-place-closed").await;
    let client = place.client().await;
    // As an older zkt made it, for somebody else.
    let closed = [Acl::new(
        Permission::READ | Permission::CREATE,
        AuthId::anyone(),
    )];
    let options = CreateMode::Persistent.with_acls(Acls::new(&closed));
    client.create("/zkt", b"", &options).await.unwrap();
    place.file("a.zkt", "/a\n/old\n");
    place.run("apply -y --owner one a.zkt").expect(0);
    assert_eq!(place_version(&client, "/zkt").await, 0);
    place.file("a.zkt", "/a\n");
    let trim = "apply -y --owner one --trim owned --max-trim 9 a.zkt";
    place.run(trim).expect(0);
    assert_eq!(claims(&place, "one").await, "/a Created\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn owners_that_are_new_at_the_same_time_all_get_a_record() {
    const OWNERS: usize = 8;
    let place = Place::new("owner-place-many").await;
    let session = Session::connect(&server::options(&place.hosts)).await;
    let session = std::sync::Arc::new(session.unwrap());
    let begin = |number: usize| {
        let session = session.clone();
        async move {
            let head = ZPath::parse(&format!("/zkt/o{number}")).unwrap();
            let begun = Begun {
                run: number.to_string(),
                at: String::new(),
                by: String::new(),
            };
            record::begin(&session, &head, None, begun, false).await
        }
    };
    let begun: Vec<_> = (0..OWNERS)
        .map(|number| tokio::spawn(begin(number)))
        .collect();
    let mut versions = Vec::new();
    for begun in begun {
        let hold = begun.await.unwrap().unwrap();
        assert_eq!(hold.version, DataVersion::NEW);
        versions.push(hold.place.unwrap().get());
    }
    // None of them is without its write.
    versions.sort_unstable();
    assert!(versions.into_iter().eq(1..=8), "each has its own version");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_trims_nothing_that_another_owner_has_adopted_since() {
    for is_readable in [true, false] {
        let place = Place::new(&format!("saved-taken-{is_readable}")).await;
        place.file("a.zkt", "/a\n/x\n").file("b.zkt", "/x\n");
        place.run("apply -y --owner old a.zkt").expect(0);
        place.file("a.zkt", "/a\n  y = 1\n");
        let plan = "plan --owner old --trim owned --max-trim 9 -o plan.json a.zkt";
        let run = place.run(plan).expect(0);
        assert!(run.stdout.contains("\n  - /x "), "{run}");
        let why = if is_readable {
            place.run("apply -y --owner new --adopt b.zkt").expect(0);
            "another owner has adopted it"
        } else {
            let client = place.client().await;
            create(&client, "/zkt/new", r#"{"zkt_record":2}"#).await;
            "an owner whose record cannot be read may have adopted it"
        };
        let before = place.exactly().await;
        let run = place.run("apply -y --plan plan.json").expect(4);
        let expected = format!("error: 1 node has changed since the plan was made\n  /x: {why}\n");
        assert!(run.stderr.starts_with(&expected), "{run}");
        assert_eq!(place.exactly().await, before);
        // What its owner lets go may be trimmed as it was reviewed.
        if is_readable {
            place.file("b.zkt", "/b\n");
            place.run("apply -y --owner new b.zkt").expect(0);
        } else {
            place.run("rm -y /zkt/new").expect(0);
        }
        place.run("apply -y --plan plan.json").expect(0);
        assert_eq!(claims(&place, "old").await, "/a Created\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_adopts_from_no_other_owner_than_it_says() {
    let place = Place::new("saved-adopts").await;
    let client = place.client().await;
    for path in ["/differs", "/free"] {
        create(&client, path, "{}").await;
    }
    let declared = "/differs\n  x = 1\n/free\n  x = 1\n";
    place.file("a.zkt", declared).file("c.zkt", "/differs\n");
    let plan = "plan --owner team --adopt -o plan.json a.zkt";
    let run = place.run(plan).expect(0);
    assert!(
        run.stdout
            .contains("/differs  (no owner had it; it differs)"),
        "{run}"
    );
    // It is as this one declares it, so that nothing is written.
    place.run("apply -y --owner c c.zkt").expect(0);
    let run = place.run("apply -y --plan plan.json").expect(0);
    assert!(!run.stdout.contains("/differs  (no owner"), "{run}");
    assert_eq!(
        claims(&place, "team").await,
        "/differs Written\n/free Adopted\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_plan_adopts_under_the_question_is_shown_and_asked_again() {
    const QUESTION: &str = "Apply this plan? Only 'yes' is taken for a yes: ";
    let place = Place::new("ask-adopts").await;
    create(&place.client().await, "/y", "{}").await;
    place.file("a.zkt", "/new\n/y\n").file("b.zkt", "/y\n");
    let mut terminal = Terminal::start(&place, "apply --no-progress --owner a --adopt a.zkt");
    let shown = terminal.until(QUESTION);
    assert!(!shown.contains("the owner b"), "{shown}");
    place.run("apply -y --owner b b.zkt").expect(0);
    terminal.say("yes");
    let shown = terminal.until(QUESTION);
    assert!(
        shown.contains("the live tree has changed since; this is the plan now:")
            && shown.contains("/y  (the owner b has it, too)"),
        "{shown}"
    );
    terminal.say("yes");
    assert_eq!(terminal.end().1, 0);
    assert_eq!(claims(&place, "a").await, "/new Created\n/y Adopted\n");
}

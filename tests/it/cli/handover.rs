//! Two owners of one node, and what each plan knows of the other.

use super::owner::claims;
use super::{Place, Terminal, create};

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
    assert!(!shown.contains("/y  ("), "{shown}");
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

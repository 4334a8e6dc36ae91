//! Two owners of one node, and what each plan knows of the other.

use super::owner::claims;
use super::{Place, Terminal, create};

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

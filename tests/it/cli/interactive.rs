//! `apply` on a terminal.

use super::{Place, Terminal, create};

const QUESTION: &str = "Apply this plan? Only 'yes' is taken for a yes: ";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn yes_applies() {
    let place = Place::new("ask-yes").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let mut terminal = Terminal::start(&place, "apply --no-progress a.zkt");
    let plan = terminal.until(QUESTION).replace(&place.hosts, "SERVER");
    insta::assert_snapshot!(plan, @"
    zkt apply: SERVER <- a.zkt

      + /a                                               a.zkt:1
          x = 1

    Plan: 1 to add, 0 to update, 0 to link, 0 to trim.

    Apply this plan? Only 'yes' is taken for a yes:
    ");
    assert_eq!(place.nodes().await, "");
    terminal.say("yes");
    let (rest, code) = terminal.end();
    insta::assert_snapshot!(rest, @"
    yes
    Done: 1 added, 0 updated, 0 linked, 0 trimmed.
    ");
    assert_eq!(code, 0);
    assert_eq!(place.nodes().await, "/a \"{\\\"x\\\":1}\" v0\n");
}

/// A question needs something that it is about.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_asked_about_is_shown_however_quiet() {
    let place = Place::new("ask-quiet").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let mut terminal = Terminal::start(&place, "apply -q a.zkt");
    assert!(terminal.until(QUESTION).contains("x = 1"));
    terminal.say("yes");
    assert_eq!(terminal.end().1, 0);
    place.file("a.zkt", "/a\n  x = 2\n");
    let run = place.run("apply -q -y a.zkt").expect(0);
    assert!(!run.stdout.contains("x = "), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn anything_else_does_not() {
    let place = Place::new("ask-no").await;
    place.file("a.zkt", "/a\n");
    for answer in ["no", "y", "", "YES"] {
        let mut terminal = Terminal::start(&place, "apply --no-progress a.zkt");
        terminal.until(QUESTION);
        terminal.say(answer);
        let (rest, code) = terminal.end();
        assert!(rest.ends_with("nothing was written\n"), "{rest}");
        assert_eq!(code, 1);
    }
    assert_eq!(place.nodes().await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_changed_under_the_question_is_shown_and_asked_again() {
    let place = Place::new("ask-again").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let client = place.client().await;
    create(&client, "/a", r#"{"x":2}"#).await;
    let mut terminal = Terminal::start(&place, "apply --no-progress a.zkt");
    assert!(terminal.until(QUESTION).contains("x = 2 -> 1"));
    client.set_data("/a", br#"{"x":3}"#, None).await.unwrap();
    terminal.say("yes");
    let again = terminal.until(QUESTION).replace(&place.hosts, "SERVER");
    insta::assert_snapshot!(again, @"
    yes
    the live tree has changed since; this is the plan now:
    zkt apply: SERVER <- a.zkt

      ~ /a
          x = 3 -> 1

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.

    Apply this plan? Only 'yes' is taken for a yes:
    ");
    terminal.say("yes");
    assert_eq!(terminal.end().1, 0);
    assert_eq!(place.nodes().await, "/a \"{\\\"x\\\":1}\" v2\n");
}

/// Its version is the same, and so is what there is to trim.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_node_in_the_place_of_one_is_shown_and_asked_again() {
    let place = Place::new("ask-replaced").await;
    place.file("a.zkt", "/a\n");
    let client = place.client().await;
    create(&client, "/a", "{}").await;
    create(&client, "/a/old", "theirs").await;
    let mut terminal = Terminal::start(&place, "apply -t --no-progress a.zkt");
    assert!(terminal.until(QUESTION).contains("- /a/old"));
    client.delete("/a/old", None).await.unwrap();
    create(&client, "/a/old", "of somebody else").await;
    terminal.say("yes");
    let again = terminal.until(QUESTION);
    assert!(again.contains("the live tree has changed since"), "{again}");
    terminal.say("no");
    assert_eq!(terminal.end().1, 1);
    assert_eq!(
        place.nodes().await,
        "/a \"{}\" v0\n/a/old \"of somebody else\" v0\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_is_asked_where_there_is_nothing_to_do() {
    let place = Place::new("ask-nothing").await;
    place.file("a.zkt", "/a\n");
    place.run("apply -y a.zkt").expect(0);
    let (text, code) = Terminal::start(&place, "apply a.zkt").end();
    assert!(!text.contains("Apply this plan?"), "{text}");
    assert_eq!(code, 0);
}

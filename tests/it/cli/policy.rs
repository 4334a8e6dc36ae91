//! Policies: what they deny is not written, what they ask about is answered first.

use std::fmt::Write as _;

use super::{Place, Terminal, create};

const KAFKA: &str = include_str!("../../../examples/policies/kafka.toml");
const ENVIRONMENTS: &str = include_str!("../../../examples/policies/environments.toml");

/// A place with `nodes` undeclared nodes below /kafka.
async fn kafka(name: &str, nodes: usize) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/kafka", "").await;
    for i in 0..nodes {
        create(&client, &format!("/kafka/t{i:02}"), "").await;
    }
    place.file("kafka.toml", KAFKA);
    place.file("a.zkt", "/kafka\n");
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_denied_is_not_written() {
    let place = kafka("policy-deny", 11).await;
    let before = place.exactly().await;
    for words in ["apply -y", "watch --once", "plan -o plan.json", "diff live"] {
        let words = format!("{words} -t --max-trim 99 --force --policy kafka.toml a.zkt");
        let run = place.run(&words).expect(3);
        let all = run.everything();
        let denied = "rule kafka-trims: more than 10 nodes of Kafka would go; its own tools remove \
                      topics: /kafka/t00, /kafka/t01, /kafka/t02 and 8 more";
        assert!(all.contains(denied), "{words}: {all}");
        assert_eq!(place.exactly().await, before, "{words}");
    }
    assert!(!place.path("plan.json").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_asked_about_needs_more_than_yes() {
    let place = kafka("policy-ask", 2).await;
    let plan = place.run("plan -t --max-trim 99 --policy kafka.toml a.zkt");
    let plan = plan.expect(0).stdout.replace(&place.hosts, "SERVER");
    insta::assert_snapshot!(plan, @"
    zkt plan: SERVER <- a.zkt
      trim all

      - /kafka/t00                                       (1 node)
      - /kafka/t01                                       (1 node)

    asks: rule kafka-trim: brokers lose what stands there; are they stopped?
      /kafka/t00, /kafka/t01

    Plan: 0 to add, 0 to update, 0 to link, 2 to trim.
    ");
    let words = "-t --max-trim 99 --policy kafka.toml a.zkt";
    for verb in ["apply -y", "watch --once"] {
        let all = place.run(&format!("{verb} {words}")).expect(3).everything();
        assert!(
            all.contains("zkt apply --approve kafka-trim agrees to it"),
            "{all}"
        );
    }
    assert!(place.nodes().await.contains("/kafka/t01"));
    let json = place
        .run(&format!("plan --format json {words}"))
        .expect(0)
        .json();
    assert_eq!(
        json[0]["policy"],
        serde_json::json!([{
            "rule": "kafka-trim", "effect": "ask", "nodes": 2, "paths": ["/kafka/t00", "/kafka/t01"],
            "message": "brokers lose what stands there; are they stopped?",
        }])
    );
    let run = place.run(&format!("apply -y --approve kafka {words}"));
    assert!(run.expect(1).stderr.contains("no rule of that name asks"));
    let run = place.run(&format!("apply -y --approve kafka-trim {words}"));
    assert_eq!(
        run.expect(0).last(),
        "Done: 0 added, 0 updated, 0 linked, 2 trimmed."
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_person_is_asked_once() {
    let place = kafka("policy-person", 1).await;
    for yes in ["", "-y "] {
        let words = format!("apply {yes}--no-progress -t --max-trim 99 --policy kafka.toml a.zkt");
        let mut terminal = Terminal::start(&place, &words);
        let shown = terminal.until("which the rule kafka-trim asks about? Only 'yes' is taken");
        assert!(
            shown.contains("asks: rule kafka-trim: brokers lose"),
            "{shown}"
        );
        terminal.say(if yes.is_empty() { "no" } else { "yes" });
        let (rest, code) = terminal.end();
        assert_eq!(code, i32::from(yes.is_empty()), "{rest}");
        assert!(!rest.contains("Only 'yes'"), "{rest}");
        assert_eq!(place.nodes().await.contains("/kafka/t00"), yes.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_is_judged_when_it_is_applied() {
    let place = kafka("policy-saved", 2).await;
    place
        .run("plan -t --max-trim 99 -o plan.json a.zkt")
        .expect(0);
    let before = place.exactly().await;
    let run = place.run("apply -y --plan plan.json --policy kafka.toml");
    let all = run.expect(3).everything();
    assert!(all.contains("rule kafka-trim asks first"), "{all}");
    assert_eq!(place.exactly().await, before);
    let approved = "apply -y --plan plan.json --policy kafka.toml --approve kafka-trim";
    place.run(approved).expect(0);
    assert!(!place.nodes().await.contains("/kafka/t"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_context_has_policies_which_see_its_name() {
    let place = Place::new("policy-context").await;
    place.file("environments.toml", ENVIRONMENTS);
    let mut config = String::new();
    for name in ["prod", "test"] {
        _ = write!(
            config,
            "[context.{name}]\nlayers = 'a.zkt'\npolicy = 'environments.toml'\n"
        );
    }
    place.file("zkt.toml", &config);
    let long = "x".repeat(1001);
    place.file("a.zkt", format!("/prod\n  a = '{long}'\n/production\n"));
    let refused = place.run("apply -y --context test").expect(3).everything();
    assert!(
        refused.contains(
            "rule prod-only: /prod is changed with --context prod alone: /prod (a.zkt:1:1)"
        ),
        "{refused}"
    );
    assert_eq!(place.nodes().await, "");
    let warned = "warning: rule long-value: a text of more than 1,000 characters belongs in a node of its \
                  own\n  /prod (a.zkt:1:1)";
    let applied = place.run("apply -y --context prod").expect(0).stdout;
    assert!(applied.contains(warned), "{applied}");
    place.file("a.zkt", format!("/prod\n  a = '{long}y'\n/production\n"));
    let plan = place.run("plan --context prod").expect(0).stdout;
    assert!(plan.contains("warning: rule long-value"), "{plan}");
    let github = place
        .run("plan --context prod --format github")
        .expect(0)
        .stdout;
    assert!(
        github
            .starts_with("::warning file=a.zkt,line=2,col=3,title=zkt plan prod::rule long-value"),
        "{github}"
    );
    let comment = place
        .run("plan --context prod --format markdown")
        .expect(0)
        .stdout;
    assert!(
        comment.starts_with("**zkt plan `prod`: 1 to update; 1 warning**"),
        "{comment}"
    );
    place.run("plan --context prod --strict").expect(3);
    // Short values in another place are nobody's business.
    place.file("a.zkt", "/production\n  a = 'x'\n");
    let plan = place.run("plan --context test").expect(0).stdout;
    assert!(!plan.contains("rule"), "{plan}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_policy_that_is_wrong_ends_the_command() {
    let place = Place::new("policy-wrong").await;
    place.file("a.zkt", "/a\n");
    place.file(
        "p.toml",
        "[[rule]]\nname = 'x'\nwhen = 'acton.path'\neffect = 'deny'\nmessage = 'm'\n",
    );
    for verb in ["apply -y", "plan", "watch --once"] {
        let run = place
            .run(&format!("{verb} --policy p.toml a.zkt"))
            .expect(1);
        let wrong = "p.toml:3:8: rule x: acton is not known: a rule sees action and plan";
        assert!(run.stderr.contains(wrong), "{verb}: {run}");
    }
    let run = place.run("plan --policy none.toml a.zkt").expect(1);
    assert!(run.stderr.contains("--policy none.toml: "), "{run}");
    assert_eq!(place.nodes().await, "");
}

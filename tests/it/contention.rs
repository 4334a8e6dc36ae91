//! Plans whose nodes others write all the time.

use zkt::contention::{self, Contended};
use zkt::model::node::Declared;
use zkt::model::path::ZPath;
use zkt::model::plan::Plan;
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::{self, Trim};
use zkt::syntax::source::Sources;
use zkt::zookeeper::executor::{Conflict, Event, ExecuteOptions, Ledger, Report, Stop};
use zkt::zookeeper::live;
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, Client, CreateMode};

use crate::executor::{fates, shown};
use crate::server::session;
use crate::trees::{DeclaredTree, declare};

async fn create(client: &Client, path: &str, data: &str) {
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let created = client.create(path, data.as_bytes(), &options);
    created.await.unwrap();
}

async fn set(client: &Client, path: &str, data: &str) {
    client.set_data(path, data.as_bytes(), None).await.unwrap();
}

/// A declared tree and the plan for it as it stands.
struct Planned {
    declared: Tree<Declared>,
    sources: Sources,
    plan: Plan,
}

async fn plan(session: &Session, text: &str) -> Planned {
    let DeclaredTree {
        tree: declared,
        sources,
    } = declare(text);
    let policy = policy(&sources);
    let wants = scope::of(&declared, policy.trim);
    let options = live::FetchOptions::default();
    let live = live::fetch(session, &wants, &options, &mut |_| {}).await;
    let plan = planner::plan(&declared, &live.unwrap(), &policy);
    Planned {
        declared,
        sources,
        plan,
    }
}

fn policy(sources: &Sources) -> Policy<'_> {
    Policy {
        trim: Trim::All,
        max_trim: zkt::model::plan::MaxTrim::Unlimited,
        ..Policy::new(sources)
    }
}

async fn carry_out(session: &Session, planned: &Planned, agreed: bool) -> (Report, Vec<String>) {
    let Planned {
        declared,
        sources,
        plan,
    } = planned;
    let mut ledger = Ledger::new(plan);
    let contended = Contended {
        session,
        declared,
        policy: &policy(sources),
        options: &ExecuteOptions::default(),
        agreed,
    };
    let mut sent = Vec::new();
    let mut note = |event: &Event| {
        if let Event::Committed(batch) = event {
            let paths = plan.actions[batch.actions.clone()].iter();
            let paths = paths.map(|action| action.path().to_string());
            sent.push(paths.collect::<Vec<_>>().join(" "));
        }
    };
    let report = contention::execute(contended, plan, &mut ledger, &mut note).await;
    assert_eq!(ledger.fates(), report.fates);
    (report, sent)
}

const DECLARED: &str = "/t\n  /a\n    @keep properties\n    x = 1\n    l -> /t\n  /b\n    @ignore beat\n    x = 1\n  \
                        /c\n    x = 1\n  /d\n    x = 1\n  /new\n    l -> /t/a\n";

/// All of it moved since the plan was made.
#[tokio::test]
async fn only_what_collides_is_left() {
    let (hosts, session) = session("contention").await;
    let client = Client::connect(&hosts).await.unwrap();
    create(&client, "/t", "{}").await;
    for name in ["a", "b", "c", "d", "old"] {
        create(&client, &format!("/t/{name}"), r#"{"x":0}"#).await;
    }
    let planned = plan(&session, DECLARED).await;
    let names: Vec<_> = planned
        .plan
        .actions
        .iter()
        .map(|action| format!("{} {}", action.name(), action.path()))
        .collect();
    let expected = [
        "add /t/new",
        "update /t/a",
        "update /t/b",
        "update /t/c",
        "update /t/d",
        "link /t/a",
        "link /t/new",
        "trim /t/old",
    ];
    assert_eq!(names, expected);
    set(&client, "/t/a", r#"{"x":0,"theirs":1}"#).await;
    set(&client, "/t/b", r#"{"x":0,"beat":7}"#).await;
    // What the plan was to write has another value, or is done.
    set(&client, "/t/c", r#"{"x":5}"#).await;
    set(&client, "/t/d", r#"{"x":1}"#).await;
    set(&client, "/t/old", "newer").await;
    let (report, sent) = carry_out(&session, &planned, false).await;
    assert_eq!(
        report.stop,
        Some(Stop::Conflict {
            path: ZPath::parse("/t/c").unwrap(),
            action: 3,
            reason: Conflict::Changed
        })
    );
    assert_eq!(fates(&report), "+++-=++-");
    assert_eq!(sent[0].split(' ').next(), Some("/t/new"));
    insta::assert_snapshot!(shown(&session).await, @r#"
    /t "{}" at 0
    /t/a "{\"l ->\":\"/t\",\"theirs\":1,\"x\":1}" at 2
    /t/b "{\"beat\":7,\"x\":1}" at 2
    /t/c "{\"x\":5}" at 1
    /t/d "{\"x\":1}" at 1
    /t/new "{\"l ->\":\"/t/a\"}" at 0
    /t/old "newer" at 1
    "#);
    let (report, _) = carry_out(&session, &plan(&session, DECLARED).await, false).await;
    assert_eq!((fates(&report), report.stop), ("++".to_owned(), None));
}

/// Another node is never taken for the one that was seen; newer data of a node that a person agreed
/// to delete is.
#[tokio::test]
async fn what_was_replaced_collides() {
    let (hosts, session) = session("contention-replaced").await;
    let client = Client::connect(&hosts).await.unwrap();
    let text = "/t\n  /a\n    @keep properties\n    x = 1\n";
    for (i, (before, agreed)) in [
        ("replace /t/a", false),
        ("replace /t/old", false),
        ("write /t/old", true),
        // Bytes beside which no property can stay.
        ("write /t/a", false),
        ("delete /t/a", false),
    ]
    .into_iter()
    .enumerate()
    {
        create(&client, "/t", "{}").await;
        create(&client, "/t/a", r#"{"x":0}"#).await;
        create(&client, "/t/old", "old").await;
        let planned = plan(&session, text).await;
        let (verb, path) = before.split_once(' ').unwrap();
        if verb == "write" {
            let written = client.set_data(path, b"\xff", None).await;
            written.unwrap();
        } else {
            client.delete(path, None).await.unwrap();
        }
        if verb == "replace" {
            create(&client, path, r#"{"x":0}"#).await;
        }
        let (report, _) = carry_out(&session, &planned, agreed).await;
        let reason = match verb {
            "replace" => Conflict::Replaced,
            "write" => Conflict::Changed,
            _ => Conflict::Missing,
        };
        let path = ZPath::parse(path).unwrap();
        let is_trim = path.as_str() == "/t/old";
        assert_eq!(
            report.stop,
            Some(Stop::Conflict {
                path,
                action: usize::from(is_trim),
                reason
            }),
            "{before}"
        );
        assert_eq!(fates(&report), if is_trim { "+-" } else { "--" }, "{i}");
        for path in ["/t/a", "/t/old", "/t"] {
            _ = client.delete(path, None).await;
        }
    }
}

/// Batches become as small as it takes, and what stands is what was declared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_without_a_pause_does_not_hold_it_up() {
    let (hosts, session) = session("contention-busy").await;
    let client = Client::connect(&hosts).await.unwrap();
    create(&client, "/t", "{}").await;
    let mut text = "/t\n".to_owned();
    for i in 0..100 {
        text += &format!("  /n{i}\n    @ignore beat\n    x = 1\n");
        create(&client, &format!("/t/n{i}"), r#"{"x":0,"beat":0}"#).await;
    }
    let planned = plan(&session, &text).await;
    let busy = Client::connect(&hosts).await.unwrap();
    let writer = tokio::spawn(async move {
        let mut random = fastrand::Rng::with_seed(7);
        loop {
            let path = format!("/t/n{}", random.usize(0..100));
            let (data, stat) = busy.get_data(&path).await.unwrap();
            let mut value: serde_json::Value = serde_json::from_slice(&data).unwrap();
            value["beat"] = (value["beat"].as_i64().unwrap() + 1).into();
            let data = value.to_string();
            // Ours may come in between.
            _ = busy
                .set_data(&path, data.as_bytes(), Some(stat.version))
                .await;
        }
    });
    let (report, _) = carry_out(&session, &planned, false).await;
    writer.abort();
    assert_eq!(report.stop, None);
    assert_eq!(fates(&report), "+".repeat(100));
    assert!(plan(&session, &text).await.plan.is_empty());
}

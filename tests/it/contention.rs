//! Plans whose nodes others write all the time.

use std::sync::{Arc, Mutex};

use zkt::model::path::ZPath;
use zkt::model::plan::{MaxTrim, Plan};
use zkt::model::tree::Tree;
use zkt::plan::saved::MadeOf;
use zkt::plan::scope::{Filter, Trim};
use zkt::reconcile::{Apply, Ended, Executed, Observer, Options, Progress, Why};
use zkt::zookeeper::executor::{Conflict, Event, Stop};
use zkt::zookeeper::live::ReadAhead;
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

use crate::executor::{fate_letters, shown};
use crate::server::{options as connection, options_as, session};
use crate::trees::saved_plan;

async fn create(client: &Client, path: &str, data: &str) {
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let created = client.create(path, data.as_bytes(), &options);
    created.await.unwrap();
}

async fn set(client: &Client, path: &str, data: &str) {
    client.set_data(path, data.as_bytes(), None).await.unwrap();
}

/// Nodes are taken for contended from the first execution on.
fn options() -> Options {
    Options {
        trim: Trim::All,
        max_trim: MaxTrim::Unlimited,
        contended_from: 0,
        retries: 0,
        ..Options::default()
    }
}

async fn plan(session: &Session, text: &str) -> Plan {
    let declared = zkt::declare(text).unwrap();
    let options = options();
    let plan = zkt::reconcile::plan_after(session, &declared, &options, ReadAhead::default());
    plan.await.unwrap()
}

/// What became of a plan whose nodes move between it and its execution.
struct CarriedOut {
    plan: Arc<Plan>,
    fates: String,
    stop: Option<Stop>,
    /// The nodes of each batch that was committed.
    sent: Vec<String>,
}

/// Plans, waits for what others do then, and carries the plan out, which a person has agreed to or not.
async fn carry_out(
    session: &Session,
    text: &str,
    agreed: bool,
    meanwhile: impl Future<Output = ()>,
) -> CarriedOut {
    let declared = zkt::declare(text).unwrap();
    let committed = Arc::new(Mutex::new(Vec::new()));
    let noted = committed.clone();
    let note = move |progress: &Progress<'_>| {
        if let Progress::Executing { event, .. } = progress
            && let Event::Committed(batch) = event
        {
            noted.lock().unwrap().push(batch.actions.clone());
        }
    };
    let options = Options {
        observer: Observer::new(note),
        ..options()
    };
    let mut apply = Apply::new(&declared, &options, ReadAhead::default());
    let plan = apply.plan(session).await.unwrap();
    if agreed {
        apply.agree(plan.clone());
    }
    meanwhile.await;
    let (fates, stop) = match apply.execute(session).await {
        Executed::Done(report) => (report.fates, None),
        Executed::Stopped(stop) => (apply.account().fates(), Some(stop)),
        Executed::Again(..) => panic!("there are no retries"),
    };
    let committed = committed.lock().unwrap();
    let sent = committed.iter().map(|batch| {
        let paths = plan.actions[batch.clone()].iter();
        let paths = paths.map(|action| action.path().to_string());
        paths.collect::<Vec<_>>().join(" ")
    });
    CarriedOut {
        sent: sent.collect(),
        fates: fate_letters(&fates),
        plan,
        stop,
    }
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
    let meanwhile = async {
        set(&client, "/t/a", r#"{"x":0,"theirs":1}"#).await;
        set(&client, "/t/b", r#"{"x":0,"beat":7}"#).await;
        // What the plan was to write has another value, or is done.
        set(&client, "/t/c", r#"{"x":5}"#).await;
        set(&client, "/t/d", r#"{"x":1}"#).await;
        set(&client, "/t/old", "newer").await;
    };
    let done = carry_out(&session, DECLARED, false, meanwhile).await;
    let names: Vec<_> = done
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
    assert_eq!(
        done.stop,
        Some(Stop::Conflict {
            path: ZPath::parse("/t/c").unwrap(),
            action: 3,
            reason: Conflict::Changed
        })
    );
    assert_eq!(done.fates, "+++-=++-");
    assert_eq!(done.sent[0].split(' ').next(), Some("/t/new"));
    insta::assert_snapshot!(shown(&session).await, @r#"
    /t "{}" at 0
    /t/a "{\"l ->\":\"/t\",\"theirs\":1,\"x\":1}" at 2
    /t/b "{\"beat\":7,\"x\":1}" at 2
    /t/c "{\"x\":5}" at 1
    /t/d "{\"x\":1}" at 1
    /t/new "{\"l ->\":\"/t/a\"}" at 0
    /t/old "newer" at 1
    "#);
    let done = carry_out(&session, DECLARED, false, async {}).await;
    assert_eq!((done.fates.as_str(), done.stop), ("++", None));
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
        ("shut /t/a", false),
    ]
    .into_iter()
    .enumerate()
    {
        create(&client, "/t", "{}").await;
        create(&client, "/t/a", r#"{"x":0}"#).await;
        create(&client, "/t/old", "old").await;
        let (verb, path) = before.split_once(' ').unwrap();
        let meanwhile = async {
            if verb == "shut" {
                client.set_acl(path, &elsewhere(), None).await.unwrap();
            } else if verb == "write" {
                let written = client.set_data(path, b"\xff", None).await;
                written.unwrap();
            } else {
                client.delete(path, None).await.unwrap();
            }
            if verb == "replace" {
                create(&client, path, r#"{"x":0}"#).await;
            }
        };
        let done = carry_out(&session, text, agreed, meanwhile).await;
        let told = match verb {
            "replace" => format!("{path}: it was deleted and created again meanwhile"),
            "write" => format!("{path}: it was changed meanwhile"),
            "shut" => format!("not authorized to read {path}"),
            _ => format!("{path}: it does not exist any more, or its parent does not"),
        };
        let is_trim = path == "/t/old";
        let stop = done.stop.expect("it stops");
        assert_eq!(stop.to_string(), told, "{before}");
        assert_eq!(stop.path().map(ZPath::as_str), Some(path));
        assert_eq!(done.fates, if is_trim { "+-" } else { "--" }, "{i}");
        for path in ["/t/a", "/t/old", "/t"] {
            _ = client.delete(path, None).await;
        }
    }
}

/// What others create between plan and batch holds up nothing but what is below it.
#[tokio::test]
async fn nodes_that_others_create_hold_up_no_other_one() {
    let (hosts, session) = session("contention-adds").await;
    let client = Client::connect(&hosts).await.unwrap();
    let text = "/t\n  /a\n    x = 1\n    l -> /t\n  /b\n    x = 1\n    /c\n  /d\n    /e\n  /f\n    x = 1\n    l -> /t\n";
    create(&client, "/t", "{}").await;
    let meanwhile = async {
        create(&client, "/t/a", r#"{"x":1,"l ->":"/t"}"#).await;
        create(&client, "/t/b", r#"{"x":2}"#).await;
        let mine = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
        client.create("/t/d", b"{}", &mine).await.unwrap();
    };
    let done = carry_out(&session, text, false, meanwhile).await;
    let names: Vec<_> = done
        .plan
        .actions
        .iter()
        .map(|action| format!("{} {}", action.name(), action.path()))
        .collect();
    let expected = [
        "add /t/a",
        "add /t/b",
        "add /t/b/c",
        "add /t/d",
        "add /t/d/e",
        "add /t/f",
        "link /t/a",
        "link /t/f",
    ];
    assert_eq!(names, expected);
    assert_eq!(done.fates, "=-+--+=+");
    assert_eq!(
        done.stop,
        Some(Stop::Conflict {
            path: ZPath::parse("/t/b").unwrap(),
            action: 1,
            reason: Conflict::Exists
        })
    );
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
    let busy = Client::connect(&hosts).await.unwrap();
    let (began, begins) = tokio::sync::oneshot::channel();
    let writer = tokio::spawn(async move {
        let mut began = Some(began);
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
            if let Some(began) = began.take() {
                _ = began.send(());
            }
        }
    });
    let meanwhile = async { begins.await.unwrap() };
    let done = carry_out(&session, &text, false, meanwhile).await;
    writer.abort();
    assert_eq!(done.stop, None);
    assert_eq!(done.fates, "+".repeat(100));
    assert!(plan(&session, &text).await.is_empty());
}

fn elsewhere() -> Vec<Acl> {
    vec![Acl::new(Permission::ALL, AuthId::new("ip", "10.255.255.1"))]
}

/// Of two who apply one tree, one may have set the data of a node and not yet its ACL.
#[tokio::test]
async fn what_another_applier_did_in_part_does_not_collide() {
    let (hosts, session) = session("contention-parts").await;
    let client = Client::connect(&hosts).await.unwrap();
    let declared = Acl::new(Permission::READ, AuthId::new("ip", "10.0.0.1"));
    let declared = [
        Acl::new(Permission::ALL, AuthId::new("world", "anyone")),
        declared,
    ];
    let text = "/t\n  /a\n    @acl world:anyone:cdrwa ip:10.0.0.1:r\n    x = 1\n    l -> /t\n";
    for (theirs, fates, stop) in [
        ("", "++", None),
        ("data", "++", None),
        ("acl", "++", None),
        ("data, acl", "=+", None),
        ("another acl", "d+", Some("/t/a: it was changed meanwhile")),
    ] {
        create(&client, "/t", "{}").await;
        create(&client, "/t/a", r#"{"x":0}"#).await;
        let meanwhile = async {
            if theirs.contains("data") {
                set(&client, "/t/a", r#"{"x":1}"#).await;
            }
            let mut acl = declared.to_vec();
            acl.truncate(if theirs.contains("another") { 1 } else { 2 });
            if theirs.contains("another") {
                acl.extend(elsewhere());
            }
            if theirs.contains("acl") {
                client.set_acl("/t/a", &acl, None).await.unwrap();
            }
        };
        let done = carry_out(&session, text, false, meanwhile).await;
        let told = done.stop.map(|stop| stop.to_string());
        assert_eq!(
            (done.fates.as_str(), told.as_deref()),
            (fates, stop),
            "{theirs}"
        );
        if stop.is_none() {
            assert!(plan(&session, text).await.is_empty(), "{theirs}");
        }
        for path in ["/t/a", "/t"] {
            client.delete(path, None).await.unwrap();
        }
    }
}

/// New nodes that are closed to the session in the end are created for it alone, also where others
/// write all the time.
#[tokio::test]
async fn new_nodes_with_closed_acls_come_to_be() {
    let (hosts, _) = session("contention-guarded").await;
    let session = Session::connect(&options_as(&hosts, "me:secret"))
        .await
        .unwrap();
    let client = Client::connect(&hosts).await.unwrap();
    create(&client, "/t", "{}").await;
    create(&client, "/t/old", r#"{"x":0,"beat":0}"#).await;
    let text = "/t\n  /old\n    @ignore beat\n    x = 1\n  /new\n    @acl auth::ra\n    l -> /t\n    /child\n      /leaf\n";
    let meanwhile = set(&client, "/t/old", r#"{"x":0,"beat":1}"#);
    let done = carry_out(&session, text, false, meanwhile).await;
    assert_eq!(done.stop, None);
    let actions = done.plan.actions.iter();
    let guarded = actions.filter(|action| done.plan.access.guarded.contains_key(action.path()));
    assert_eq!(guarded.count(), 3);
    assert!(
        done.fates.bytes().all(|fate| fate == b'+'),
        "{}",
        done.fates
    );
    insta::assert_snapshot!(shown(&session).await, @r#"
    /t "{}" at 0
    /t/new "{\"l ->\":\"/t\"}" at 0 digest:me:016djjlksVQS5RgX3M7biBGyYwY=:ra
    /t/new/child "{}" at 0 digest:me:016djjlksVQS5RgX3M7biBGyYwY=:ra
    /t/new/child/leaf "{}" at 0 digest:me:016djjlksVQS5RgX3M7biBGyYwY=:ra
    /t/old "{\"beat\":1,\"x\":1}" at 2
    "#);
    assert!(plan(&session, text).await.is_empty());
}

/// What was planned once is planned again with another session, as often as retries allow.
#[tokio::test]
async fn a_session_that_dies_between_two_plans_costs_a_retry() {
    let server = zkt::server::Server::builder().start().unwrap();
    let mut session = Session::connect(&connection(&server.connect_string()))
        .await
        .unwrap();
    let declared = zkt::declare("/t\n  x = 1\n").unwrap();
    let options = Options {
        retries: 1,
        ..Options::default()
    };
    let mut apply = Apply::new(&declared, &options, ReadAhead::default());
    apply.plan(&session).await.unwrap();
    assert_eq!(server.expire_all(), 1);
    let ended = apply.run(&session).await;
    assert!(matches!(ended, Ok(Ended::SessionDied)), "{ended:?}");
    session.reconnect().await.unwrap();
    assert_eq!(server.expire_all(), 1);
    let ended = apply.run(&session).await;
    let unfinished = ended.unwrap_err();
    assert!(matches!(unfinished.why, Why::Plan(_)), "{unfinished:?}");
    assert!(!unfinished.outcome.wrote());
}

/// Nothing but the plan says what may be done, however often others are in its way.
#[tokio::test]
async fn a_saved_plan_is_never_taken_for_done_by_others() {
    let (hosts, session) = session("contended-saved").await;
    let client = Client::connect(&hosts).await.unwrap();
    let declared = zkt::declare("/lock\n  x = 1\n").unwrap();
    let plan = zkt::plan(&session, &declared, &Options::default())
        .await
        .unwrap();
    let live = Tree::default();
    let made_of = MadeOf {
        declared: declared.tree(),
        texts: declared.texts(),
        live: &live,
    };
    let saved = saved_plan(plan, &made_of, true);
    let options = Options {
        contended_from: 0,
        ..Options::default()
    };
    let nothing = zkt::Source::default();
    let mut apply = Apply::saved(&saved, &nothing, &options);
    for _ in 0..3 {
        apply.plan(&session).await.unwrap();
        create(&client, "/lock", "theirs").await;
        let executed = apply.execute(&session).await;
        assert!(matches!(executed, Executed::Again(..)), "{executed:?}");
        client.delete("/lock", None).await.unwrap();
    }
    apply.plan(&session).await.unwrap();
    let executed = apply.execute(&session).await;
    assert!(matches!(executed, Executed::Done(_)), "{executed:?}");
    assert_eq!(client.get_data("/lock").await.unwrap().0, br#"{"x":1}"#);
}

#[tokio::test]
async fn a_filter_keeps_what_it_does_not_cover_unwritten() {
    let (_, mut session) = session("filtered").await;
    let declared = zkt::declare("/a\n  x = 1\n/b\n  x = 1\n").unwrap();
    let options = Options {
        filter: Filter::new(&["/a/**".to_owned()], &[]).unwrap(),
        ..Options::default()
    };
    let planned = zkt::plan(&session, &declared, &options).await.unwrap();
    assert_eq!(planned.summary().add, 1);
    zkt::apply(&mut session, &declared, &options).await.unwrap();
    assert_eq!(shown(&session).await, "/a \"{\\\"x\\\":1}\" at 0\n");
    let empty = zkt::declare("/c\n").unwrap();
    assert_eq!(zkt::compare(&empty, &declared, &options).summary().add, 1);
}

/// Undeclared nodes that are held to an ACL, while others write them.
#[tokio::test]
async fn the_acl_of_an_undeclared_node_is_changed_whoever_writes_it() {
    let (hosts, session) = session("contention-deep").await;
    let client = Client::connect(&hosts).await.unwrap();
    for path in ["/t", "/t/x", "/t/x/in", "/t/done"] {
        create(&client, path, "{}").await;
    }
    let rights = Permission::READ | Permission::CREATE | Permission::DELETE | Permission::ADMIN;
    let held = [Acl::new(rights, AuthId::anyone())];
    let text = "/t\n  @acl deep world:anyone:cdra\n  @keep children\n";
    let meanwhile = async {
        set(&client, "/t/x", "newer").await;
        client.set_acl("/t/done", &held, None).await.unwrap();
    };
    let done = carry_out(&session, text, true, meanwhile).await;
    assert_eq!(done.stop, None);
    let paths = done
        .plan
        .actions
        .iter()
        .map(|action| action.path().as_str());
    let paths: Vec<&str> = paths.collect();
    assert_eq!(paths, ["/t", "/t/done", "/t/x", "/t/x/in"]);
    for path in paths {
        let (acl, _) = client.get_acl(path).await.unwrap();
        assert_eq!(acl, held, "{path}");
    }
    let (data, _) = client.get_data("/t/x").await.unwrap();
    assert_eq!(data, b"newer");
}

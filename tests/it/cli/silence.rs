//! Servers that do not answer, lose a frame, or answer what cannot be read.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::relay::{Mode, Relay, Way};
use crate::server::shared;

use super::{Place, create};

/// Far more than the request timeouts of these tests, for slow machines.
const SOON: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_command_waits_for_ever() {
    let place = Place::new("mute").await;
    create(&place.client().await, "/a", "{}").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Mute);
    let hosts = place.through(&relay.address());
    let commands = [
        "plan a.zkt",
        "apply -y a.zkt",
        "diff live a.zkt",
        "watch --once a.zkt",
        "export",
        "ls",
        "get /a",
        "set /a x=1",
        "resolve /a",
        "ln /a /b",
        "rm /a",
        "graph --live",
        "register /a h:1",
        "register /a h:1 -- sleep 600",
        "discover /a",
        "discover --watch /a",
    ];
    let started = Instant::now();
    let running = commands.map(|command| {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let words = format!("{verb} --request-timeout 500ms -c {hosts} {rest}");
        (command, place.command(&words).spawn().unwrap())
    });
    for (command, child) in running {
        let run = place.finish(child);
        assert!([1, 2].contains(&run.code), "{command}: {run}");
        assert!(run.stderr.contains("error: "), "{command}: {run}");
        let words = [
            "no answer within",
            "there is no answer",
            "no ZooKeeper server answered",
        ];
        let is_told = words.iter().any(|words| run.stderr.contains(words));
        assert!(is_told, "{command}: {run}");
    }
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_service_gets_over_any_reply_that_is_too_short() {
    let place = Place::new("short-service").await;
    let client = place.client().await;
    create(&client, "/svc", "{}").await;
    create(&client, "/svc/h:1", "{}").await;
    let relay = Relay::to(shared().port()).await;
    let hosts = place.through(&relay.address());
    // The first one is about the chroot: one that is too short says that there is none.
    for frame in 1..6 {
        relay.set(Mode::ShortenReply(frame));
        let words = format!("discover --request-timeout 1s -c {hosts} /svc");
        let run = place.finish(place.command(&words).spawn().unwrap());
        assert_eq!(run.expect(0).stdout, "h:1\n", "{frame}");
        relay.set(Mode::ShortenReply(frame));
        let words = format!("register --request-timeout 1s -c {hosts} /svc h:2 -- true");
        let run = place.finish(place.command(&words).spawn().unwrap());
        assert!(!run.stderr.contains("panicked"), "{frame}: {run}");
        run.expect(0);
    }
}

/// All that the plan does: an add, updates of data and of an ACL, a link and a trim.
const DECLARED: &str =
    "/n\n/u\n  x = 2\n  l -> /n\n  /new\n/c\n  @acl world:anyone:cdrwa ip:127.0.0.1:r\n";

type Actions = BTreeSet<(String, String)>;

/// What of that stands on the server.
async fn standing(place: &Place) -> Actions {
    let client = place.client().await;
    let exists = async |path: &str| client.check_stat(path).await.unwrap().is_some();
    let (data, _) = client.get_data("/u").await.unwrap();
    let data = String::from_utf8(data).unwrap();
    let (acl, _) = client.get_acl("/c").await.unwrap();
    let all = [
        ("add", "/n", exists("/n").await),
        ("add", "/u/new", exists("/u/new").await),
        ("update", "/u", data.contains("\"x\":2")),
        ("update", "/c", acl.len() == 2),
        ("link", "/u", data.contains("l ->")),
        ("trim", "/u/gone", !exists("/u/gone").await),
    ];
    let stand = all.into_iter().filter(|(.., stands)| *stands);
    stand
        .map(|(name, path, _)| (name.to_owned(), path.to_owned()))
        .collect()
}

/// An apply through a relay that does this once.
struct Lossy {
    mode: Mode,
    place: Place,
    child: Child,
    _relay: Relay,
}

impl Lossy {
    async fn begin(mode: Mode) -> Self {
        let place = Place::new("lossy").await;
        place.file("a.zkt", DECLARED);
        let client = place.client().await;
        create(&client, "/u", "{\"x\":1}").await;
        create(&client, "/u/gone", "{}").await;
        create(&client, "/c", "{}").await;
        let relay = Relay::to(shared().port()).await;
        relay.set(mode);
        let hosts = place.through(&relay.address());
        let words = format!("apply -y --trim --format json --request-timeout 1s -c {hosts} a.zkt");
        Self {
            mode,
            child: place.command(&words).spawn().unwrap(),
            place,
            _relay: relay,
        }
    }

    /// Compares what is told with what stands.
    async fn end(self) {
        let (place, mode) = (self.place, self.mode);
        let run = place.finish(self.child);
        assert!(!run.stderr.contains("panicked"), "{mode:?}: {run}");
        let stands = standing(&place).await;
        let lines = run.json();
        let report = lines.iter().find(|line| line["event"] == "report");
        let Some(report) = report else {
            // It ended before there was a plan.
            assert_eq!(run.code, 1, "{mode:?}: {run}");
            assert!(run.stderr.contains("error: "), "{mode:?}: {run}");
            assert_eq!(stands, Actions::new(), "{mode:?}: {run}");
            return;
        };
        let all = |key: &str| -> Actions {
            let named = report[key].as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            named
                .map(|one| (text(&one["action"]), text(&one["path"])))
                .collect()
        };
        let told = format!("{mode:?}: {run}{stands:?}");
        let [done, not_done, unknown] = ["stands", "not_done", "unknown"].map(all);
        assert_eq!(all("data_only"), Actions::new(), "{told}");
        if run.code == 0 {
            assert_eq!(stands.len(), 6, "{told}");
            assert!(not_done.is_empty() && unknown.is_empty(), "{told}");
            return;
        }
        assert!(done.is_subset(&stands), "{told}");
        assert!(not_done.is_disjoint(&stands), "{told}");
        let planned = lines.iter().any(|line| line["event"] == "plan");
        let accounted = done.len() + not_done.len() + unknown.len();
        assert_eq!(accounted, if planned { 6 } else { 0 }, "{told}");
        assert_eq!(
            run.code == 1,
            done.is_empty() && unknown.is_empty(),
            "{told}"
        );
    }
}

/// Runs some at a time.
async fn apply_through(modes: impl IntoIterator<Item = Mode>) {
    let modes: Vec<Mode> = modes.into_iter().collect();
    for modes in modes.chunks(4) {
        let mut running = Vec::new();
        for mode in modes {
            running.push(Lossy::begin(*mode).await);
        }
        for lossy in running {
            lossy.end().await;
        }
    }
}

/// More frames than it takes to read and to write.
const FRAMES: usize = 14;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_one_frame_may_be_swallowed() {
    let both = [Way::Request, Way::Reply].into_iter();
    let modes = both.flat_map(|way| (0..FRAMES).map(move |frame| Mode::SwallowFrame(way, frame)));
    apply_through(modes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_one_reply_may_be_too_short() {
    apply_through((0..FRAMES).map(Mode::ShortenReply)).await;
    let place = Place::new("short-reply").await;
    create(&place.client().await, "/a", "{}").await;
    let relay = Relay::to(shared().port()).await;
    let hosts = place.through(&relay.address());
    for command in ["get /a", "set /a x=1", "ls", "rm -n /a", "export"] {
        for frame in 0..4 {
            relay.set(Mode::ShortenReply(frame));
            let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
            let words = format!("{verb} --request-timeout 1s -c {hosts} {rest}");
            let run = place.finish(place.command(&words).spawn().unwrap());
            assert!(!run.stderr.contains("panicked"), "{command} {frame}: {run}");
            assert!([0, 1].contains(&run.code), "{command} {frame}: {run}");
        }
    }
}

/// `set` and `ln` say whether it was written, as far as anybody knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_without_an_answer_is_reported_as_unknown() {
    for (words, unknown) in [
        ("set /a x=1", "unknown, written or not: /a\n"),
        ("ln /b /a/l", "unknown, made or not: /a/l\n"),
    ] {
        let place = Place::new("answerless").await;
        create(&place.client().await, "/a", "{}").await;
        let relay = Relay::to(shared().port()).await;
        let hosts = place.through(&relay.address());
        let run = |mode| {
            relay.set(mode);
            let (verb, rest) = words.split_once(' ').unwrap();
            let words =
                format!("{verb} --request-timeout 1s --session-timeout 1s -c {hosts} {rest}");
            place.finish(place.command(&words).spawn().unwrap())
        };
        let mute = run(Mode::Mute);
        assert!(!mute.stderr.contains("unknown"), "{mute}");
        assert_eq!(mute.code, 1, "{mute}");
        let cut = run(Mode::CutBeforeSetReplyForGood);
        assert!(cut.stderr.contains(unknown), "{cut}");
        assert_eq!(cut.code, 5, "{cut}");
        let (data, _) = place.client().await.get_data("/a").await.unwrap();
        assert_ne!(data, b"{}", "the reply was lost, not the request");
    }
}

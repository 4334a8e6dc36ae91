//! The status address, as programs and as people see it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use zookeeper_client::CreateMode;

use super::super::{Place, create, create_as};
use super::Watching;
use super::back::until_told;
use crate::relay::{Mode, Relay};
use crate::server::shared;

/// An answer: its status and its body.
pub(in crate::cli) fn ask(address: &str, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

fn json(address: &str, path: &str) -> serde_json::Value {
    let (status, body) = ask(address, "GET", path);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A watch that listens, and its address.
pub(in crate::cli) async fn listening(place: &Place, words: &str) -> (Watching, String) {
    let mut watching = Watching::start(place, &format!("{words} --listen :0"));
    let line = watching.says(&["the status is at"]).await;
    let rest = line.split("http://").nth(1).unwrap();
    let address = rest.split('/').next().unwrap().to_owned();
    (watching, address)
}

const TREE: &str = "\
/cms : z4m cms
  threads = 3
  password = 'hunter2'
  @secret password
  markup = '<script>document.title=1</script>'
  /providers
/raw
  @secret
  @data 'hunter3'
";

#[tokio::test(flavor = "multi_thread")]
async fn health_metrics_and_state() {
    let place = Place::new("watch-status").await;
    place.file("a.zkt", TREE);
    let client = place.client().await;
    let (mut watching, address) = listening(&place, "a.zkt --interval 1h").await;
    watching.says(&["reconciled", "applied"]).await;
    // The state is shown when the loop comes around.
    while ask(&address, "GET", "/readyz").0 != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ask(&address, "GET", "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(ask(&address, "GET", "/nothing").0, 404);
    assert_eq!(ask(&address, "POST", "/status").0, 405);
    assert_eq!(ask(&address, "GET", "/reconcile").0, 405);
    let (_, metrics) = ask(&address, "GET", "/metrics");
    for line in [
        "zkt_reconciles_total{result=\"applied\"} 1",
        "zkt_actions_total{kind=\"add\"} 3",
        "zkt_nodes_declared 3",
        "zkt_nodes_mirrored 3",
        "zkt_session_up 1",
        "zkt_leader 1",
        "zkt_out_of_sync 0",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}: {metrics}");
    }
    assert!(!metrics.contains("cms"), "{metrics}");

    client.set_data("/cms", b"{}", None).await.unwrap();
    watching.says(&["\"cause\":\"live\"", "applied"]).await;
    assert_eq!(ask(&address, "POST", "/reconcile").0, 202);
    watching.says(&["\"cause\":\"asked\"", "in sync"]).await;
    let mut state = json(&address, "/status");
    while state["history"].as_array().unwrap().len() < 3 {
        state = json(&address, "/status");
    }
    assert_eq!(state["sync"], "in sync");
    assert_eq!(state["ready"], true);
    assert_eq!(state["history"][1]["cause"], "live");
    assert_eq!(state["history"][1]["done"]["update"], 1);
    assert_eq!(state["applied"]["cause"], "live");
    let text = state["applied"]["text"].as_str().unwrap();
    assert!(
        text.contains("~ /cms") && text.contains("password = (secret)"),
        "{text}"
    );
    let tree = json(&address, "/tree?path=%2Fcms");
    assert_eq!(tree["nodes"][0]["path"], "/cms/providers");
    let tree = json(&address, "/tree");
    assert_eq!(tree["nodes"][0]["properties"]["password"], "(secret)");
    assert_eq!(tree["nodes"][1]["data"], "(secret)");
    assert_eq!(ask(&address, "GET", "/tree?path=%2Fno").0, 404);
    assert_eq!(ask(&address, "GET", "/tree?path=%zz").0, 404);
    for path in ["/status", "/tree", "/metrics", "/"] {
        let (_, body) = ask(&address, "GET", path);
        assert!(!body.contains("hunter"), "{path}: {body}");
    }
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("hunter"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_without_a_server_is_alive_but_not_ready() {
    let place = Place::offline();
    place.file("a.zkt", TREE);
    let (mut watching, address) = listening(&place, "a.zkt").await;
    watching.says(&["trying again in"]).await;
    assert_eq!(ask(&address, "GET", "/healthz").0, 200);
    let (status, why) = ask(&address, "GET", "/readyz");
    assert_eq!(status, 503, "{why}");
    assert!(why.starts_with("there is no session"), "{why}");
    let mut state = json(&address, "/status");
    while state["last_error"].is_null() {
        state = json(&address, "/status");
    }
    let error = state["last_error"].as_str().unwrap();
    assert!(error.contains("cannot reach"), "{error}");
    // What the address is used for already, is told.
    let run = place.run(&format!("watch a.zkt --listen {address}"));
    assert!(run.stderr.contains("cannot listen on"), "{run}");
    run.expect(1);
}

/// The page as a browser has it after its scripts ran.
fn browse(place: &Place, address: &str) -> String {
    let browser = std::env::var("ZKT_TEST_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let output = Command::new(&browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--disable-dev-shm-usage", "--virtual-time-budget=1500"])
        // It is to ask nobody but the watch.
        .args(["--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync"])
        .arg(format!(
            "--user-data-dir={}",
            place.path("browser").display()
        ))
        .args(["--dump-dom", &format!("http://{address}/")])
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "the tests need a browser: apt-get install -y chromium, or set ZKT_TEST_CHROMIUM \
             ({browser}: {error})"
        )
    });
    let dom = String::from_utf8(output.stdout).unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(dom.contains("</html>"), "no page: {log}");
    for violation in ["Content Security Policy", "Uncaught"] {
        assert!(!log.contains(violation), "{log}");
    }
    dom
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_is_in_sync_and_what_is_not() {
    let place = Place::new("watch-page").await;
    place.file("a.zkt", TREE);
    let client = place.client().await;
    place.run("apply -y a.zkt").expect(0);
    let (mut watching, address) = listening(&place, "a.zkt --mode warn --interval 1h").await;
    watching.says(&["reconciled", "in sync"]).await;
    let dom = browse(&place, &address);
    assert!(
        dom.contains("<span id=\"sync\" class=\"good\">in sync</span>"),
        "{dom}"
    );
    assert!(dom.contains("<pre id=\"plan\">nothing</pre>"), "{dom}");
    assert!(dom.contains("<span>/cms : z4m cms</span>"), "{dom}");
    assert!(dom.contains("<li>threads = 3</li>"), "{dom}");
    assert!(dom.contains("<li>password = (secret)</li>"), "{dom}");
    // What a node holds is text.
    assert!(
        dom.contains("&lt;script&gt;document.title=1&lt;/script&gt;"),
        "{dom}"
    );

    client
        .set_data("/cms", b"{\"threads\":4}", None)
        .await
        .unwrap();
    watching.says(&["reconciled", "drift"]).await;
    let dom = browse(&place, &address);
    assert!(
        dom.contains("<span id=\"sync\" class=\"warn\">out of sync</span>"),
        "{dom}"
    );
    assert!(dom.contains("threads = 4 -&gt; 3"), "{dom}");
    assert!(dom.contains("+ password = (secret)"), "{dom}");
    assert!(
        dom.contains("<title>zkt watch: out of sync</title>"),
        "{dom}"
    );
    assert!(!dom.contains("hunter"), "{dom}");

    // What the newest files declare is not known: the page is not green, though the trees agree.
    client
        .set_data(
            "/cms",
            br#"{"markup":"<script>document.title=1</script>","password":"hunter2","threads":3,"type":"z4m cms"}"#,
            None,
        )
        .await
        .unwrap();
    watching.says(&["reconciled", "in sync"]).await;
    place.file("a.zkt", "/cms\n  threads = oops\n");
    watching.says(&["the files declare no sound tree"]).await;
    let dom = browse(&place, &address);
    let badge = "<span id=\"sync\" class=\"bad\">unknown: the newest files are broken</span>";
    assert!(dom.contains(badge), "{dom}");
    assert!(dom.contains("threads = oops\n"), "{dom}");
    // Neither is anything without a session.
    let place = Place::offline();
    place.file("a.zkt", TREE);
    let (mut watching, address) = listening(&place, "a.zkt").await;
    watching.says(&["trying again in"]).await;
    // What is shown follows the line of the log.
    let why = "there is no session: cannot reach a ZooKeeper server at 127.0.0.1:1/: \
               the connection is refused";
    until_told(&address, "/status", why).await;
    let dom = browse(&place, &address);
    let badge = format!("<span id=\"sync\" class=\"\">unknown: {why}</span>");
    let badge = badge.as_str();
    assert!(dom.contains(badge), "{dom}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_no_difference_and_an_old_plan_is_called_old() {
    let place = Place::new("watch-kept").await;
    place.file("a.zkt", "/svc\n  x = 1\n  /providers\n");
    let client = place.client().await;
    place.run("apply -y a.zkt").expect(0);
    create_as(&client, "/svc/providers/1", "", CreateMode::Ephemeral).await;
    create(&client, "/svc/other", "").await;
    let relay = Relay::to(shared().port()).await;
    let hosts = place.through(&relay.address());
    let words = format!("-c {hosts} a.zkt --mode warn --interval 1h");
    let (mut watching, address) = listening(&place, &words).await;
    watching.says(&["reconciled", "in sync"]).await;
    until_told(&address, "/status", "\"sync\":\"in sync\"").await;
    let tree = json(&address, "/tree");
    let node = &tree["nodes"][0];
    assert_eq!(node["state"], "in sync");
    assert_eq!(node["differs_below"], false);
    assert_eq!(
        (&node["kept_below"], &node["extra_below"]),
        (&1.into(), &1.into())
    );
    assert_eq!(json(&address, "/tree?path=%2F"), tree);
    assert_eq!(json(&address, "/tree?path=/"), tree);
    let dom = browse(&place, &address);
    assert!(
        dom.contains("<span class=\"dim\">  # 1 kept, 1 extra</span>"),
        "{dom}"
    );
    assert!(
        dom.contains("<h2 id=\"plan-title\">Out of sync now</h2>"),
        "{dom}"
    );
    assert!(dom.contains("(session up)"), "{dom}");

    client.set_data("/svc", b"{}", None).await.unwrap();
    watching.says(&["reconciled", "drift"]).await;
    relay.set(Mode::Refuse);
    relay.cut();
    watching.says(&["the connection is lost"]).await;
    while json(&address, "/status")["unknown_because"].is_null() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let dom = browse(&place, &address);
    assert!(dom.contains("Out of sync when last known</h2>"), "{dom}");
    assert!(dom.contains("How it is now is not known: the"), "{dom}");
    assert!(!dom.contains("session lost"), "{dom}");
}

//! Requests that nobody meant well.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::fuzz::engine::{Target, Traits, fuzz};
use crate::fuzz::{UNBOUND, unmeasured};

const TARGET: Target = Target {
    name: "requests",
    words: &[
        "GET ",
        "HEAD ",
        "POST ",
        "OPTIONS ",
        "CONNECT ",
        "PUT ",
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/status",
        "/tree",
        "/reconcile",
        "?path=",
        "?path=%2Fa",
        "%00",
        "%",
        "%ff",
        "..",
        "//",
        "http://localhost/",
        "http://evil/",
        "*",
        " HTTP/1.1",
        " HTTP/1.0",
        " HTTP/2.0",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "Host: localhost",
        "Host: 127.0.0.1:1",
        "Host: evil",
        "Host: [::1]:2",
        "Host:",
        "Origin: null",
        "Origin: http://localhost",
        "Sec-Fetch-Site: cross-site",
        "Content-Length: 5",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "Connection: close",
        "Connection: keep-alive",
        "Upgrade: h2c",
        "Expect: 100-continue",
        "Authorization: Bearer ",
        "Authorization: Basic ",
        "0123456789abcdef",
        "Og==",
        ": ",
        "\0",
        "\u{1b}[95m",
        "é",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    longest: 32 << 10,
    cases: 500,
    bounds: UNBOUND,
};

/// What is asked, with a token and without.
fn asked(token: bool) -> (Arc<(Shown, Hosts)>, mpsc::Receiver<Command>) {
    let (commands, received) = mpsc::channel(1);
    let token = token.then(|| {
        let variable = |_: &str| Some("0123456789abcdef".into());
        Token::new(GUARDED, None, variable).unwrap()
    });
    let shown = Shown {
        state: watch::channel(State::new()).1,
        commands,
        layers: vec!["a.zkt".to_owned()],
        interval: Duration::from_secs(60),
        allowed: vec!["watch.example".to_owned()],
        token: token.flatten(),
    };
    let hosts = Hosts::new([127, 0, 0, 1].into(), &shown.allowed);
    (Arc::new((shown, hosts)), received)
}

/// What is answered to these bytes.
async fn answered(input: &[u8], token: bool) -> (Vec<u8>, bool) {
    let (asked, mut received) = asked(token);
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let answer = move |request| answer(request, asked.clone());
    let serving = http::serve(server, Activity::new(), KeepAlive::Yes, answer);
    let serving = tokio::spawn(serving);
    _ = client.write_all(input).await;
    _ = client.shutdown().await;
    let mut answers = Vec::new();
    _ = client.read_to_end(&mut answers).await;
    serving.await.expect("it does not panic");
    (answers, received.try_recv().is_ok())
}

fn one(input: &[u8]) -> Traits {
    let mut traits = Traits::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    for token in [false, true] {
        let (answers, reconciles) = runtime.block_on(answered(input, token));
        let text = String::from_utf8_lossy(&answers);
        assert!(answers.is_empty() || text.starts_with("HTTP/1."), "{text}");
        for head in text.split("HTTP/1.").skip(1) {
            let head = head.split("\r\n\r\n").next().unwrap_or_default();
            let status = head.get(2..5).unwrap_or_default();
            traits.note((token, status.to_owned()));
            // Whatever is answered by zkt tells browsers what it is; hyper answers what is no request.
            let is_of_zkt = head.contains("content-type");
            assert!(
                !is_of_zkt || head.contains("x-content-type-options: nosniff"),
                "{head}"
            );
        }
        traits.note_size("answers", answers.len());
        let input = String::from_utf8_lossy(input);
        let may = input.contains("POST") && input.contains("/reconcile");
        assert!(
            may || !reconciles,
            "it reconciles without having been asked to"
        );
        let knows = input.contains("0123456789abcdef") || input.contains("MDEyMzQ1Njc4OWFiY2RlZg");
        assert!(
            !token || knows || !reconciles,
            "it reconciles without the token"
        );
    }
    traits
}

#[test]
fn requests() {
    let head = "Host: localhost\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n";
    let paths = [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/status",
        "/tree?path=%2Fa",
        "/nothing",
    ];
    let get = paths.map(|path| format!("GET {path} HTTP/1.1\r\n{head}"));
    let post = format!(
        "POST /reconcile HTTP/1.1\r\nOrigin: http://localhost\r\nContent-Length: 2\r\n{head}ab"
    );
    let seeds = get.into_iter().chain([post]).map(String::into_bytes);
    fuzz(&TARGET, seeds.collect(), unmeasured, one);
}

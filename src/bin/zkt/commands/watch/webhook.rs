//! `--webhook`: an address that gets each event as a signed request.

mod signature;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::news::{self, Event, Newest};
use super::tls::choose_cryptography;
use crate::environment;
use crate::exit::Failure;

use self::signature::Secret;

/// The variable that holds the address, which may be a secret itself.
const URL_VARIABLE: &str = environment::WEBHOOK;
/// The variable that holds the secret of the signatures.
const SECRET_VARIABLE: &str = environment::WEBHOOK_SECRET;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long the last request may take, once the watch ends.
const LAST: Duration = Duration::from_secs(2);
/// The first wait after a request that failed; it doubles from then on.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait that the other side may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Where events go.
pub(super) struct Webhook {
    url: Url,
    /// The address without what may be secret: user, path and query.
    shown: String,
    secret: Option<Secret>,
    client: Client,
    /// Whether the last request came to nothing, which the log has said.
    is_failing: bool,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Taken,
    /// It will not be taken another time either.
    Refused(StatusCode),
    /// It may be taken later, after this wait if the other side asks for one.
    Later(String, Option<Duration>),
}

impl Webhook {
    /// The webhook of the arguments, or else of variables. One that is set is meant: it is used, or an
    /// error.
    pub(super) fn new(
        (url, secret): (Option<&str>, Option<&Path>),
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, Failure> {
        let given = url.map(OsString::from);
        let Some(text) = given.or_else(|| variable(URL_VARIABLE)) else {
            return match secret {
                Some(_) => Err(Failure::new("--webhook-secret-file is for --webhook URL")),
                None => Ok(None),
            };
        };
        // The address is left out of every message.
        let url = text
            .to_str()
            .and_then(|text| Url::parse(text.trim()).ok())
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
        let url = url.ok_or_else(|| {
            Failure::new(
                "the address of the webhook is no URL that starts with https:// or http://",
            )
            .hint(format!(
                "it is that of --webhook, or else of the variable {URL_VARIABLE}"
            ))
        })?;
        let secret = match secret {
            Some(file) => Some(Secret::read(file)?),
            None => match variable(SECRET_VARIABLE) {
                Some(text) => Some(Secret::new(text.as_encoded_bytes(), &SECRET_VARIABLE)?),
                None => None,
            },
        };
        let client = client(&url).map_err(|error| {
            let message = format!("cannot prepare the webhook: {}", reason(error));
            Failure::new(message)
                .hint("https needs the system's certificates, or a file of them: SSL_CERT_FILE")
        })?;
        Ok(Some(Self {
            shown: url.origin().ascii_serialization(),
            url,
            secret,
            client,
            is_failing: false,
        }))
    }

    /// Sends each event until there are no more.
    pub(super) fn start(self, newest: Newest) -> JoinHandle<()> {
        tokio::spawn(self.follow(newest))
    }

    async fn follow(mut self, mut newest: Newest) {
        while let Some(event) = news::next(&mut newest).await {
            self.deliver(&event, &newest).await;
        }
    }

    /// Sends an event until it is taken, or there is a newer one, or the watch ends.
    async fn deliver(&mut self, event: &Event, newest: &Newest) {
        let mut wait = FIRST_WAIT;
        loop {
            let sent = self.send(event, PATIENCE).await;
            let Some(asked) = self.note(&sent, event) else {
                return;
            };
            // Many watches that fail at the same time do not try again at the same time.
            let pause = wait.mul_f64(0.5 + fastrand::f64() / 2.0);
            wait = (wait * 2).min(LONGEST_WAIT);
            let mut newest = newest.clone();
            tokio::select! {
                biased;
                changed = newest.changed() => {
                    if changed.is_err() {
                        let sent = self.send(event, LAST).await;
                        self.note(&sent, event);
                    }
                    return;
                }
                () = sleep(pause.max(asked)) => {}
            }
        }
    }

    /// Logs what became of a request. Returns what to wait for at least before the next one, or `None`
    /// if there is to be none.
    fn note(&mut self, sent: &Sent, event: &Event) -> Option<Duration> {
        let (to, state) = (&self.shown, event.condition.name());
        match sent {
            Sent::Taken => {
                tracing::info!(to, state, "the webhook is told");
                self.is_failing = false;
                None
            }
            Sent::Refused(status) => {
                tracing::warn!(to, state, "the webhook refuses an event: {status}");
                self.is_failing = false;
                None
            }
            Sent::Later(error, asked) => {
                if self.is_failing {
                    tracing::debug!(to, state, error, "the webhook is not told yet");
                } else {
                    tracing::warn!(
                        to,
                        state,
                        error,
                        "the webhook is not told yet; trying again"
                    );
                }
                self.is_failing = true;
                Some(asked.unwrap_or_default())
            }
        }
    }

    async fn send(&self, event: &Event, patience: Duration) -> Sent {
        let mut request = self.client.post(self.url.clone());
        request = request
            .header(CONTENT_TYPE, "application/json")
            .header("Zkt-Event-Id", &event.id);
        if let Some(secret) = &self.secret {
            request = request.header("Zkt-Signature", secret.sign(event.json.as_bytes()));
        }
        let request = request.body(event.json.clone()).send();
        match timeout(patience, request).await {
            Ok(Ok(answer)) => judged(answer.status(), answer.headers()),
            Ok(Err(error)) => Sent::Later(reason(error), None),
            Err(_) => Sent::Later(format!("no answer within {} s", patience.as_secs()), None),
        }
    }
}

/// What an answer means.
fn judged(status: StatusCode, headers: &HeaderMap) -> Sent {
    let is_for_now = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    if status.is_success() {
        return Sent::Taken;
    }
    if !status.is_server_error() && !is_for_now.contains(&status) {
        return Sent::Refused(status);
    }
    let asked = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let seconds = asked.and_then(|value| value.trim().parse().ok());
    let asked = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_ASKED));
    Sent::Later(status.to_string(), asked)
}

fn client(url: &Url) -> reqwest::Result<Client> {
    choose_cryptography();
    let builder = Client::builder()
        .user_agent(concat!("zkt/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        // Events are rare: a connection would be stale by the next one.
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECTING);
    match url.scheme() {
        "https" => builder,
        // A system without certificates will do.
        _ => builder.tls_certs_only([]),
    }
    .build()
}

/// What is wrong, down to its cause, without the address.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text += &format!(": {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        let judged = |status: u16, after: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(after) = after {
                headers.insert(RETRY_AFTER, after.parse().unwrap());
            }
            match judged(StatusCode::from_u16(status).unwrap(), &headers) {
                Sent::Taken => "taken".to_owned(),
                Sent::Refused(_) => "refused".to_owned(),
                Sent::Later(_, asked) => format!("later {asked:?}"),
            }
        };
        assert_eq!(judged(204, None), "taken");
        for status in [301, 302, 307, 400, 401, 404, 410] {
            assert_eq!(judged(status, Some("7")), "refused", "{status}");
        }
        assert_eq!(judged(500, None), "later None");
        assert_eq!(judged(429, Some("7")), "later Some(7s)");
        assert_eq!(judged(503, Some("86400")), "later Some(300s)");
        assert_eq!(judged(503, Some("tomorrow")), "later None");
    }

    #[test]
    fn what_may_be_secret_of_an_address_is_not_shown() {
        let url = "https://user:hunter2@hooks.example:8443/T0/hunter3?token=hunter4";
        let webhook = Webhook::new((Some(url), None), |_| None);
        match webhook {
            Ok(webhook) => assert_eq!(webhook.unwrap().shown, "https://hooks.example:8443"),
            // Here are no certificates.
            Err(failure) => assert!(!failure.message.contains("hunter"), "{}", failure.message),
        }
        let wrong = Webhook::new((Some("ftp://user:hunter2@a"), None), |_| None);
        let wrong = wrong.err().unwrap();
        assert!(!wrong.message.contains("hunter"), "{}", wrong.message);
    }

    #[test]
    fn a_variable_that_is_set_is_used_or_an_error() {
        let of = |url: &[u8], secret: Option<&[u8]>| {
            let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
            Webhook::new((None, None), |name| match name {
                URL_VARIABLE => Some(text(url)),
                _ => secret.map(text),
            })
        };
        let url = b" http://a/b\n";
        assert!(of(url, None).ok().flatten().unwrap().secret.is_none());
        // No text, but a key as good as any.
        let webhook = of(url, Some(b"\xff\n")).ok().flatten().unwrap();
        assert!(webhook.secret.is_some());
        for (url, secret, variable) in [
            (&b""[..], None, URL_VARIABLE),
            (b"http://a/\xff", None, URL_VARIABLE),
            (url, Some(&b""[..]), SECRET_VARIABLE),
            (url, Some(b" \n"), SECRET_VARIABLE),
        ] {
            let failure = of(url, secret).err().unwrap();
            let said = format!("{} {:?}", failure.message, failure.hint);
            assert!(said.contains(variable), "{said}");
        }
        assert!(matches!(Webhook::new((None, None), |_| None), Ok(None)));
    }
}

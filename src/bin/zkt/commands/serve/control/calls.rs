//! The calls of the control socket. They have the names of the methods of [`Handle`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Map, Value, json};
use zkt::server::{Handle, Injection, RequestKind};
use zkt::syntax::spelling::percent_decoded;

use super::refused::Refused;
use super::shows::{id, node, session};
use super::takes::{By, For, Inject, Nothing, OfSession, ReadOnly, object, read};

/// Maximum number of faults between two times that all are cleared.
const MOST_FAULTS: usize = 10_000;

/// The server, and the faults that were injected into it.
pub(super) struct Control {
    server: Handle,
    /// Each as it was asked for, and what has become of it.
    faults: Mutex<Vec<(Map<String, Value>, Injection)>>,
}

impl Control {
    pub(super) fn new(server: Handle) -> Self {
        Self {
            server,
            faults: Mutex::default(),
        }
    }

    fn faults(&self) -> MutexGuard<'_, Vec<(Map<String, Value>, Injection)>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer = Result<Value, Refused>;

/// What is asked for: the query and the body.
pub(super) struct Asked<'a> {
    pub(super) query: Option<&'a str>,
    pub(super) body: &'a [u8],
}

impl Asked<'_> {
    fn is_alone(&self) -> Result<(), Refused> {
        read::<Nothing>(self.body).map(drop)
    }
}

/// One call.
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// What its body or its query may hold; empty if that is nothing.
    takes: &'static str,
    says: &'static str,
    pub(super) does: fn(&Control, &Asked<'_>) -> Answer,
}

const fn get(
    path: &'static str,
    takes: &'static str,
    says: &'static str,
    does: fn(&Control, &Asked<'_>) -> Answer,
) -> Call {
    Call {
        method: "GET",
        path,
        takes,
        says,
        does,
    }
}

const fn post(
    path: &'static str,
    takes: &'static str,
    says: &'static str,
    does: fn(&Control, &Asked<'_>) -> Answer,
) -> Call {
    Call {
        method: "POST",
        ..get(path, takes, says, does)
    }
}

const SESSION: &str = r#"{"session": ID}"#;
const INJECT: &str = r#"{"fault": "lose-request" | "lose-reply" | "answer", "error": NAME, "times": N, "kinds": [KIND], "path": PATH, "below": PATH, "session": ID}"#;

/// All of them.
pub(super) const CALLS: [Call; 20] = [
    get("/", "", "lists the calls", list),
    get(
        "/state",
        "",
        "counts, and the faults that are in effect",
        state,
    ),
    get("/sessions", "", "all sessions", sessions),
    get("/ephemerals", "", "all ephemeral nodes", ephemerals),
    get("/tree", "", "all nodes", tree),
    get("/node", "?path=PATH", "one node", one_node),
    get(
        "/injections",
        "",
        "the injected faults, and how often each has struck",
        injections,
    ),
    post("/expire", SESSION, "expires a session", expire),
    post("/expire-all", "", "expires all sessions", expire_all),
    post("/cut", SESSION, "cuts the connection of a session", cut),
    post("/cut-all", "", "cuts all connections", cut_all),
    post(
        "/refuse-connections",
        r#"{"for_ms": N}"#,
        "closes new connections at once, for so long or until /accept-connections",
        refuse,
    ),
    post(
        "/accept-connections",
        "",
        "takes new connections again",
        accept,
    ),
    post(
        "/delay-replies",
        r#"{"by_ms": N}"#,
        "delays all that is sent from now on; 0 ends that",
        delay,
    ),
    post(
        "/inject",
        INJECT,
        "lets the next requests fail that match",
        inject,
    ),
    post(
        "/pause",
        "",
        "stands still: accepts connections, reads and says nothing",
        pause,
    ),
    post(
        "/resume",
        "",
        "goes on; sessions have their whole timeouts again",
        resume,
    ),
    post(
        "/read-only",
        r#"{"on": true | false}"#,
        "serves only clients that may read only; it cuts all connections",
        read_only,
    ),
    post("/clear-faults", "", "ends all of the above", clear),
    post(
        "/reset",
        "",
        "brings the tree back to what it was at the start",
        reset,
    ),
];

fn list(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    let calls = CALLS.iter().map(|call| {
        let mut shown =
            json!({"call": format!("{} {}", call.method, call.path), "does": call.says});
        if !call.takes.is_empty() {
            shown["takes"] = call.takes.into();
        }
        shown
    });
    let calls: Vec<Value> = calls.collect();
    Ok(json!({
        "zkt": env!("CARGO_PKG_VERSION"),
        "server": control.server.connect_string(),
        "calls": calls,
    }))
}

fn state(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    let server = &control.server;
    let counted = RequestKind::ALL
        .iter()
        .map(|&kind| (kind, server.requests(kind)));
    let counted = counted.filter(|(_, count)| *count > 0);
    let requests: Map<String, Value> = counted
        .map(|(kind, count)| (kind.name().to_owned(), count.into()))
        .collect();
    let faults = server.faults();
    Ok(json!({
        "server": server.connect_string(),
        "connections": server.connections(),
        "sessions": server.sessions().len(),
        "last_zxid": server.last_zxid(),
        "requests": requests,
        "is_paused": faults.is_paused,
        "is_read_only": faults.is_read_only,
        "refuses_connections": faults.refuses_connections,
        "refuses_for_ms": faults.refuses_for.map(milliseconds),
        "delays_by_ms": milliseconds(faults.delay),
        "waiting_faults": faults.waiting,
    }))
}

fn sessions(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    let sessions: Vec<Value> = control.server.sessions().iter().map(session).collect();
    Ok(json!({"sessions": sessions}))
}

fn ephemerals(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    let ephemerals = control.server.ephemerals().into_iter();
    let ephemerals: Vec<Value> = ephemerals
        .map(|(path, session)| json!({"path": path, "session": id(session)}))
        .collect();
    Ok(json!({"ephemerals": ephemerals}))
}

fn tree(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    let nodes: Vec<Value> = control.server.tree().iter().map(node).collect();
    Ok(json!({"nodes": nodes}))
}

fn one_node(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    let path = asked.query.and_then(|query| query.strip_prefix("path="));
    let path = path.and_then(percent_decoded);
    let path = path.ok_or_else(|| Refused::bad("expected a path, as in /node?path=/a/b"))?;
    match control.server.node(&path) {
        Some(found) => Ok(node(&found)),
        None => Err(missing(format!("there is no node {path}"))),
    }
}

fn missing(what: String) -> Refused {
    Refused::new(StatusCode::NOT_FOUND, what)
}

fn injections(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    let faults = control.faults();
    let shown = faults.iter().enumerate().map(|(i, (fault, injection))| {
        let mut shown = fault.clone();
        shown.insert("injection".to_owned(), (i + 1).into());
        shown.insert("struck".to_owned(), injection.struck().into());
        Value::Object(shown)
    });
    let shown: Vec<Value> = shown.collect();
    Ok(json!({"injections": shown}))
}

fn expire(control: &Control, asked: &Asked<'_>) -> Answer {
    let session = read::<OfSession>(asked.body)?.id()?;
    match control.server.expire(session) {
        true => Ok(json!({"expired": 1})),
        false => Err(missing(format!("there is no session {}", id(session)))),
    }
}

fn expire_all(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    Ok(json!({"expired": control.server.expire_all()}))
}

fn cut(control: &Control, asked: &Asked<'_>) -> Answer {
    let session = read::<OfSession>(asked.body)?.id()?;
    match control.server.cut(session) {
        true => Ok(json!({"cut": 1})),
        false => {
            let session = id(session);
            Err(missing(format!(
                "there is no connection of a session {session}"
            )))
        }
    }
}

fn cut_all(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    Ok(json!({"cut": control.server.cut_all()}))
}

fn refuse(control: &Control, asked: &Asked<'_>) -> Answer {
    let duration = read::<For>(asked.body)?.duration();
    control.server.refuse_connections(duration);
    Ok(json!({"refuses_connections": !duration.is_zero()}))
}

fn accept(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    control.server.accept_connections();
    Ok(json!({"refuses_connections": false}))
}

fn delay(control: &Control, asked: &Asked<'_>) -> Answer {
    let delay = read::<By>(asked.body)?.duration();
    control.server.delay_replies(delay);
    Ok(json!({"delays_by_ms": milliseconds(delay)}))
}

fn inject(control: &Control, asked: &Asked<'_>) -> Answer {
    let inject: Inject = read(asked.body)?;
    let (fault, matching) = (inject.fault()?, inject.matching()?);
    let shown = object(asked.body)?;
    let mut faults = control.faults();
    if faults.len() >= MOST_FAULTS {
        return Err(Refused::new(
            StatusCode::CONFLICT,
            format!("{MOST_FAULTS} faults are injected; /clear-faults forgets them"),
        ));
    }
    faults.push((shown, control.server.inject(matching, fault)));
    Ok(json!({"injection": faults.len()}))
}

fn pause(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    control.server.pause();
    Ok(json!({"is_paused": true}))
}

fn resume(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    control.server.resume();
    Ok(json!({"is_paused": false}))
}

fn read_only(control: &Control, asked: &Asked<'_>) -> Answer {
    let on = read::<ReadOnly>(asked.body)?.on;
    control.server.read_only(on);
    Ok(json!({"is_read_only": on}))
}

fn clear(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    control.faults().clear();
    control.server.clear_faults();
    Ok(json!({"waiting_faults": 0}))
}

fn reset(control: &Control, asked: &Asked<'_>) -> Answer {
    asked.is_alone()?;
    control.server.reset();
    Ok(json!({"nodes": control.server.tree().len()}))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// But for those that are no methods.
    #[test]
    fn calls_have_the_names_of_methods() {
        let methods = include_str!("../../../../../server/handle.rs");
        for call in &CALLS {
            let name = call.path[1..].replace('-', "_");
            let is_method = methods.contains(&format!("pub fn {name}("));
            let is_own = ["", "state", "injections"].contains(&name.as_str());
            assert!(is_method != is_own, "{}", call.path);
        }
    }
}

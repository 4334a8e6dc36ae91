//! What calls take: JSON objects, with nothing in them that is not known.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zkt::server::{ErrorCode, Fault, Matching, RequestKind};

use super::refused::Refused;

/// The object in a body as it stands there.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    read(body)
}

/// The object in a body; an empty body is an empty object.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let body = match body.trim_ascii() {
        [] => b"{}",
        body => body,
    };
    serde_json::from_slice(body).map_err(|error| Refused::bad(format!("the body: {error}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfSession {
    session: Value,
}

impl OfSession {
    pub(super) fn id(&self) -> Result<i64, Refused> {
        session(&self.session)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct For {
    for_ms: Option<u64>,
}

impl For {
    pub(super) fn duration(&self) -> Duration {
        self.for_ms.map_or(Duration::MAX, Duration::from_millis)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct By {
    by_ms: u64,
}

impl By {
    pub(super) fn duration(&self) -> Duration {
        Duration::from_millis(self.by_ms)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inject {
    fault: String,
    error: Option<Value>,
    times: Option<u32>,
    kinds: Option<Vec<String>>,
    path: Option<String>,
    below: Option<String>,
    session: Option<Value>,
}

impl Inject {
    pub(super) fn fault(&self) -> Result<Fault, Refused> {
        let fault = match (self.fault.as_str(), &self.error) {
            ("lose-request", None) => Fault::LoseRequest,
            ("lose-reply", None) => Fault::LoseReply,
            ("answer", Some(error)) => Fault::Answer(code(error)?),
            ("answer", None) => return Err(Refused::bad("the fault answer takes an error")),
            ("lose-request" | "lose-reply", Some(_)) => {
                return Err(Refused::bad(format!(
                    "the fault {} takes no error",
                    self.fault
                )));
            }
            (other, _) => {
                return Err(Refused::bad(format!(
                    "there is no fault {other:?}; there are lose-request, lose-reply and answer"
                )));
            }
        };
        Ok(fault)
    }

    pub(super) fn matching(&self) -> Result<Matching, Refused> {
        let mut matching = Matching::any().times(match self.times {
            Some(0) => return Err(Refused::bad("times is at least 1")),
            times => times.unwrap_or(1),
        });
        if let Some(kinds) = &self.kinds {
            let kinds: Result<Vec<_>, _> = kinds.iter().map(|name| kind(name)).collect();
            matching = matching.kinds(&kinds?);
        }
        for path in [&self.path, &self.below].into_iter().flatten() {
            if !path.starts_with('/') {
                return Err(Refused::bad(format!(
                    "{path:?} is no path: it starts with /"
                )));
            }
        }
        if let Some(path) = &self.path {
            matching = matching.path(path);
        }
        if let Some(path) = &self.below {
            matching = matching.below(path);
        }
        if let Some(id) = &self.session {
            matching = matching.session(session(id)?);
        }
        Ok(matching)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadOnly {
    pub(super) on: bool,
}

/// A session's number, as programs have it or as ZooKeeper's logs write it.
fn session(value: &Value) -> Result<i64, Refused> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => match text.strip_prefix("0x") {
            // As Java writes it: two's complement.
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(u64::cast_signed),
            None => text.parse().ok(),
        },
        _ => None,
    };
    number.ok_or_else(|| {
        Refused::bad(format!(
            "{value} is no session: expected a number, or a string as in \"0x100a1b2c3d4\""
        ))
    })
}

/// An error by ZooKeeper's name or number.
fn code(value: &Value) -> Result<ErrorCode, Refused> {
    let code = match value {
        Value::Number(number) => number
            .as_i64()
            .and_then(|number| ErrorCode::from_number(i32::try_from(number).ok()?)),
        Value::String(name) => ErrorCode::from_name(name),
        _ => None,
    };
    code.ok_or_else(|| {
        Refused::bad(format!(
            "there is no error {value}; one is named as in \"NoNode\" or -101"
        ))
    })
}

fn kind(name: &str) -> Result<RequestKind, Refused> {
    RequestKind::from_name(name).ok_or_else(|| {
        Refused::bad(format!(
            "there is no kind of request {name:?}; there are {}",
            RequestKind::ALL
                .iter()
                .map(|kind| kind.name())
                .collect::<Vec<_>>()
                .join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_session_is_named_in_several_ways() {
        let id = |value: Value| session(&value).ok();
        assert_eq!(id(json!(72_057_594_037_927_937_i64)), Some((1 << 56) + 1));
        assert_eq!(id(json!("72057594037927937")), Some((1 << 56) + 1));
        assert_eq!(id(json!("0x100000000000001")), Some((1 << 56) + 1));
        assert_eq!(id(json!("0xffffffffffffffff")), Some(-1));
        for wrong in [json!(1.5), json!("x"), json!("0x"), json!(null), json!([1])] {
            assert_eq!(id(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let refused = |body: &str| -> String {
            let inject = read::<Inject>(body.as_bytes());
            let inject = inject.and_then(|inject| Ok((inject.fault()?, inject.matching()?)));
            inject
                .err()
                .map(|refused| refused.error)
                .unwrap_or_default()
        };
        assert_eq!(refused(r#"{"fault": "lose-reply"}"#), "");
        assert_eq!(refused(r#"{"fault": "answer", "error": "NoNode"}"#), "");
        assert_eq!(
            refused(r#"{"fault": "answer", "error": -101, "kinds": ["create2"]}"#),
            ""
        );
        for (body, part) in [
            ("", "missing field `fault`"),
            ("[", "the body: "),
            (r#"{"fault": "lose"}"#, "there is no fault \"lose\""),
            (
                r#"{"fault": "lose-reply", "time": 2}"#,
                "unknown field `time`",
            ),
            (r#"{"fault": "lose-reply", "times": 0}"#, "at least 1"),
            (r#"{"fault": "lose-reply", "times": -1}"#, "expected u32"),
            (
                r#"{"fault": "lose-reply", "error": -101}"#,
                "takes no error",
            ),
            (r#"{"fault": "answer"}"#, "takes an error"),
            (
                r#"{"fault": "answer", "error": "nonode"}"#,
                "there is no error",
            ),
            (r#"{"fault": "answer", "error": 0}"#, "there is no error"),
            (
                r#"{"fault": "lose-reply", "kinds": ["make"]}"#,
                "there is no kind",
            ),
            (r#"{"fault": "lose-reply", "path": "a"}"#, "is no path"),
            (
                r#"{"fault": "lose-reply", "session": "a"}"#,
                "is no session",
            ),
        ] {
            assert!(refused(body).contains(part), "{body}: {}", refused(body));
        }
    }
}

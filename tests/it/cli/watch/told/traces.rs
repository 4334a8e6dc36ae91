//! Spans of reconciles, sent to a collector.

use serde_json::Value;

use super::super::super::Place;
use super::hook::{Answer, Hook};
use super::watch;

/// Spans wait for the end, so that it does not depend on a timer when they are sent.
const LATE: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "3600000");

/// The value of a span's attribute, as text.
fn attribute(span: &Value, name: &str) -> String {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == name);
    let value = &found.unwrap_or_else(|| panic!("{name} in {span}"))["value"];
    let value = value.as_object().unwrap().values().next().unwrap();
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reconcile_is_a_span() {
    let place = Place::new("watch-traces").await;
    let collector = Hook::start(Vec::new()).await;
    place.file("a.zkt", "/a\n  password = 'hunter2'\n  /b\n  /c\n");
    let endpoint = format!("http://{}", collector.address);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
        LATE,
    ];
    let mut watching = watch(&place, "a.zkt --trim --max-trim 1", &variables);
    watching.says(&["reconciled", "applied"]).await;
    place.file("a.zkt", "/a\n  password = 'hunter2'\n");
    watching.says(&["a guard refuses", "refused"]).await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");

    let requests = collector.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].first, "POST /v1/traces HTTP/1.1");
    assert!(!requests[0].body.contains("hunter"), "{}", requests[0].body);
    let body: Value = serde_json::from_str(&requests[0].body).unwrap();
    let sent = &body["resourceSpans"][0];
    let resource = &sent["resource"];
    assert_eq!(attribute(resource, "service.name"), "zkt");
    assert_eq!(attribute(resource, "deployment.environment"), "test");
    let spans = sent["scopeSpans"][0]["spans"].as_array().unwrap();
    assert!(spans.iter().all(|span| span["name"] == "reconcile"));
    let (first, last) = (&spans[0], spans.last().unwrap());
    assert_eq!(attribute(first, "zkt.outcome"), "applied");
    assert_eq!(attribute(first, "zkt.cause"), "start");
    assert_eq!(attribute(first, "zkt.done.add"), "3");
    assert_eq!(attribute(last, "zkt.outcome"), "refused");
    assert_eq!(attribute(last, "zkt.cause"), "files");
    assert_eq!(attribute(last, "zkt.done.trim"), "0");
    assert_ne!(
        attribute(first, "zkt.revision"),
        attribute(last, "zkt.revision")
    );
    let nanoseconds = |name: &str| first[name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(nanoseconds("startTimeUnixNano") <= nanoseconds("endTimeUnixNano"));
    assert_eq!(last["status"]["code"], 2, "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_does_not_hold_up_the_end() {
    let place = Place::new("watch-traces-mute").await;
    let collector = Hook::start(vec![Answer::Hold]).await;
    place.file("a.zkt", "/a\n");
    let endpoint = format!("http://{}", collector.address);
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"),
        LATE,
    ];
    let mut watching = watch(&place, "a.zkt", &variables);
    watching.says(&["reconciled", "applied"]).await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("the last spans may not have been sent"),
        "{log}"
    );
    assert_eq!(collector.requests().len(), 1);
}

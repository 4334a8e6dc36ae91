//! Traces: a span of each reconcile, sent to a collector of OpenTelemetry.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use zkt::watch::{Reconcile, State};

use super::tls::choose_cryptography;
use crate::exit::Failure;

/// The variables that name a collector.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
/// The variable that switches all of OpenTelemetry off.
const OFF: &str = "OTEL_SDK_DISABLED";

/// How long the end waits for the collector.
const LAST: Duration = Duration::from_secs(2);

/// Starts to send spans, where the environment names a collector.
pub(super) fn start(state: watch::Receiver<State>) -> Result<Option<JoinHandle<()>>, Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let is_off = variable(OFF).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if is_off || ENDPOINTS.iter().all(|name| variable(name).is_none()) {
        return Ok(None);
    }
    choose_cryptography();
    let exporter = SpanExporter::builder().with_http().build();
    // The endpoint may hold a token, which the reason may repeat.
    let exporter = exporter.map_err(|_| {
        Failure::new("cannot prepare the traces").hint(format!("see the variable {}", ENDPOINTS[1]))
    })?;
    let resource = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let resource = match variable("OTEL_SERVICE_NAME") {
        Some(_) => resource,
        None => resource.with_service_name("zkt"),
    };
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    Ok(Some(tokio::spawn(follow(state, provider))))
}

async fn follow(mut state: watch::Receiver<State>, provider: SdkTracerProvider) {
    let scope = InstrumentationScope::builder("zkt").with_version(env!("CARGO_PKG_VERSION"));
    let tracer = provider.tracer_with_scope(scope.build());
    let mut last = None;
    loop {
        let is_over = state.changed().await.is_err();
        let (new, hosts) = {
            let state = state.borrow_and_update();
            (since(&state, last.as_ref()), state.hosts.clone())
        };
        for reconcile in &new {
            record(&tracer, reconcile, &hosts);
        }
        last = new.last().cloned().or(last);
        if is_over {
            break;
        }
    }
    // It waits for the collector, which may not answer.
    let ended = spawn_blocking(move || provider.shutdown_with_timeout(LAST)).await;
    if let Ok(Err(error)) = ended {
        tracing::warn!(%error, "the last spans may not have been sent");
    }
}

/// The reconciles after `last`, the oldest first.
fn since(state: &State, last: Option<&Arc<Reconcile>>) -> Vec<Arc<Reconcile>> {
    let is_new =
        |reconcile: &&Arc<Reconcile>| !last.is_some_and(|last| Arc::ptr_eq(last, reconcile));
    let new = state.history.iter().take_while(is_new);
    let mut new: Vec<_> = new.cloned().collect();
    new.reverse();
    new
}

/// Makes the span of a reconcile that has ended. It holds no paths and no values.
fn record(tracer: &SdkTracer, reconcile: &Reconcile, hosts: &str) {
    let count = |name: &'static str, count: usize| {
        KeyValue::new(name, i64::try_from(count).unwrap_or(i64::MAX))
    };
    let (found, done) = (reconcile.found, reconcile.done);
    let mut attributes = vec![
        KeyValue::new("zkt.outcome", reconcile.ending.name()),
        KeyValue::new("zkt.cause", reconcile.causes.to_string()),
        count("zkt.found.add", found.add),
        count("zkt.found.update", found.update),
        count("zkt.found.link", found.link),
        count("zkt.found.trim", found.trim),
        count("zkt.done.add", done.add),
        count("zkt.done.update", done.update),
        count("zkt.done.link", done.link),
        count("zkt.done.trim", done.trim),
    ];
    let revision = reconcile.revision.clone();
    attributes.extend(revision.map(|revision| KeyValue::new("zkt.revision", revision)));
    attributes.push(KeyValue::new("server.address", hosts.to_owned()));
    let mut span = tracer
        .span_builder("reconcile")
        .with_kind(SpanKind::Client)
        .with_start_time(reconcile.began)
        .with_attributes(attributes)
        .start(tracer);
    if !reconcile.ending.is_success() {
        let reason = reconcile.error.clone().unwrap_or_default();
        span.set_status(Status::error(reason));
    }
    span.end_with_timestamp(reconcile.began + reconcile.took);
}

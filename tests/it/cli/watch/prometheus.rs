//! The alerts and the dashboard in `examples/prometheus`: what they name exists, and they fire on what
//! they are about.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::super::Place;
use super::status::{ask, listening};

fn example(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus");
    folder.join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(example(name)).unwrap()
}

/// Runs `promtool` with these words and this file.
fn promtool(words: [&str; 2], file: PathBuf) {
    let promtool = std::env::var("ZKT_TEST_PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    let output = Command::new(&promtool).args(words).arg(file).output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "the tests need promtool: apt-get install -y prometheus, or set ZKT_TEST_PROMTOOL \
             ({promtool}: {error})"
        )
    });
    let account = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{account}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// All queries of the dashboard, with its variables set.
fn queries() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                let query = fields.get("expr").and_then(Value::as_str);
                found.extend(query.map(str::to_owned));
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let mut found = Vec::new();
    collect(&dashboard, &mut found);
    let set = |query: String| {
        query
            .replace("$__rate_interval", "5m")
            .replace("$job", "zkt")
            .replace("$instance", ".*")
    };
    found.into_iter().map(set).collect()
}

/// The metrics of zkt that a text names.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("zkt_")).collect()
}

#[test]
fn alerts_fire_on_what_they_are_about() {
    promtool(["check", "rules"], example("alerts.yml"));
    promtool(["test", "rules"], example("alerts_test.yml"));
    let tests = read("alerts_test.yml");
    let rules = read("alerts.yml");
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        let silent = format!("alertname: {alert}, eval_time");
        let fires = format!("alertname=\"{alert}\"");
        let fires_as_it_is = format!("alertname: {alert}\n");
        assert!(tests.contains(&silent), "nothing shows {alert} silent");
        assert!(
            tests.contains(&fires) || tests.contains(&fires_as_it_is),
            "nothing shows that {alert} fires"
        );
    }
}

#[test]
fn each_query_of_the_dashboard_is_sound() {
    let place = Place::offline();
    let rules: String = queries()
        .iter()
        .map(|query| format!("      - {{record: 'a:b', expr: '{query}'}}\n"))
        .collect();
    assert!(rules.lines().count() > 10, "{rules}");
    let rules = format!("groups:\n  - name: dashboard\n    rules:\n{rules}");
    place.file("rules.yml", rules);
    promtool(["check", "rules"], place.path("rules.yml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_dashboard_name_metrics_that_exist() {
    let place = Place::new("watch-prometheus").await;
    place.file("a.zkt", "/a\n");
    let (mut watching, address) = listening(&place, "a.zkt").await;
    watching.says(&["reconciled", "applied"]).await;
    let (_, metrics) = ask(&address, "GET", "/metrics");
    let samples = metrics.lines().filter(|line| !line.starts_with('#'));
    let samples: BTreeSet<&str> = samples.flat_map(names).collect();
    let queries = queries().join("\n");
    let rules = read("alerts.yml");
    let named: BTreeSet<&str> = names(&queries).union(&names(&rules)).copied().collect();
    let missing: Vec<_> = named.difference(&samples).collect();
    assert!(missing.is_empty(), "{missing:?} in {metrics}");
    assert!(named.len() > 15, "{named:?}");
    watching.stop();
}

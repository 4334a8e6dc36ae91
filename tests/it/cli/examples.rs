//! The files of `examples` for Kubernetes, Helm and pipelines, as those who take them read them.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use super::*;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const MISSING: &str = "\
this needs Helm as a library for Python: `make setup-helm` makes an environment with it (python3 and \
the package python3-venv are needed), or ZKT_TEST_HELM_PYTHON names a python that has it";

/// Runs `tests/helm/manifests.py`.
fn manifests(words: &[&str]) -> Output {
    let python = std::env::var_os("ZKT_TEST_HELM_PYTHON").filter(|name| !name.is_empty());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = python.map_or_else(|| target.join("helm/bin/python"), PathBuf::from);
    let script = Path::new(ROOT).join("tests/helm/manifests.py");
    let mut command = Command::new(python);
    let output = command.arg(script).args(words).current_dir(ROOT).output();
    output.unwrap_or_else(|error| panic!("{MISSING}: {error}"))
}

fn read(words: &[&str]) -> Value {
    let output = manifests(words);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{MISSING}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The manifests of the chart in `examples/helm`.
fn chart(values: &Value) -> Value {
    read(&["template", "examples/helm/zkt", &values.to_string()])
}

/// All values under this key, however deep.
fn all<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    let mut found = Vec::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(map) => {
                found.extend(map.get(key));
                waiting.extend(map.values());
            }
            _ => {}
        }
    }
    found
}

/// The YAML files in `examples`, less the templates of the chart, which are none before they are rendered.
fn yaml_files() -> Vec<String> {
    let mut folders = vec![Path::new(ROOT).join("examples")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_yaml = path
                .extension()
                .is_some_and(|end| end == "yaml" || end == "yml");
            if path.is_dir() && !path.ends_with("templates") {
                folders.push(path);
            } else if is_yaml {
                files.push(path.display().to_string());
            }
        }
    }
    files
}

#[test]
fn each_yaml_is_read_and_names_versions() {
    let files = yaml_files();
    let words: Vec<&str> = ["read"]
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    let read = read(&words);
    assert!(files.len() > 9, "{files:?}");
    for file in &files {
        let documents = &read[file];
        assert_ne!(*documents, json!([]), "{file}");
        for uses in all(documents, "uses") {
            let (_, version) = uses.as_str().unwrap().split_once('@').expect(file);
            let is_commit = version.len() == 40 && version.chars().all(|c| c.is_ascii_hexdigit());
            let is_release = version
                .strip_prefix('v')
                .is_some_and(|v| v.parse::<u32>().is_ok());
            assert!(is_commit || is_release, "{file}: {uses}");
        }
        for image in all(documents, "image")
            .into_iter()
            .filter_map(Value::as_str)
        {
            assert!(image.contains(':'), "{file}: {image}");
        }
    }
}

/// What all pods must be, and what zkt in them does with trees in a folder of this place.
fn check_pods(place: &Place, manifests: &Value) -> usize {
    for pod in all(manifests, "spec")
        .into_iter()
        .filter(|spec| spec.get("containers").is_some())
    {
        assert_eq!(pod["automountServiceAccountToken"], json!(false), "{pod}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], json!(true), "{pod}");
    }
    let containers = all(manifests, "containers")
        .into_iter()
        .chain(all(manifests, "initContainers"));
    let containers: Vec<&Value> = containers
        .flat_map(|list| list.as_array().unwrap())
        .collect();
    let mut commands = 0;
    for container in containers {
        let closed = &container["securityContext"];
        assert_eq!(closed["readOnlyRootFilesystem"], json!(true), "{container}");
        assert_eq!(
            closed["allowPrivilegeEscalation"],
            json!(false),
            "{container}"
        );
        assert_eq!(
            closed["capabilities"],
            json!({"drop": ["ALL"]}),
            "{container}"
        );
        if container["name"] != "zkt" {
            continue;
        }
        assert!(
            container["resources"]["limits"]["memory"].is_string(),
            "{container}"
        );
        let args = container["args"].as_array().unwrap();
        let words = args.iter().map(|word| match word.as_str().unwrap() {
            // A watch that listens does not end.
            "--listen=0.0.0.0:9181" => "--once".to_owned(),
            word => word
                .replace("/trees/current", "trees")
                .replace("/trees", "trees"),
        });
        let words = words.collect::<Vec<_>>().join(" ");
        if args[0] == "watch" {
            for probe in ["livenessProbe", "readinessProbe"] {
                assert_eq!(container[probe]["httpGet"]["port"], "status", "{container}");
            }
            place.run(&words).expect(0);
        } else {
            assert!(words.starts_with("plan "), "{words}");
            place.run(&words).expect(0);
            place.run("set /a x=9").expect(0);
            place.run(&words).expect(2);
            place.run("set /a x=1").expect(0);
        }
        commands += 1;
    }
    commands
}

async fn with_trees(name: &str) -> Place {
    let place = Place::new(name).await;
    place
        .file("trees/base/a.zkt", "/a\n  x = 1\n")
        .file("trees/production.zkt", "/b\n")
        .file("trees/production/c.zkt", "/c\n");
    place.run("apply -y trees").expect(0);
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pods_for_kubernetes_are_closed_and_do_what_they_say() {
    let place = with_trees("examples-kubernetes").await;
    let files = yaml_files();
    let files = files.iter().filter(|file| file.contains("/kubernetes/"));
    let words: Vec<&str> = ["read"]
        .into_iter()
        .chain(files.map(String::as_str))
        .collect();
    assert_eq!(check_pods(&place, &read(&words)), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_chart_is_rendered_and_its_pods_do_what_they_say() {
    let place = with_trees("examples-helm").await;
    let with = |trees: Value, more: Value| {
        let mut values = json!({
            "image": {"repository": "registry.example.com/zkt"},
            "zookeeper": {"connect": "zk1:2181", "authSecret": "zkt-auth"},
            "trees": trees,
            "drift": {"enabled": true},
        });
        values
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        values
    };
    let git = json!({"git": {"repository": "https://git.example.com/trees", "sshSecret": "key"}});
    let values = with(
        git.clone(),
        json!({"layers": ["base", "production.zkt"], "serviceMonitor": {"enabled": true}}),
    );
    let from_git = chart(&values);
    assert_eq!(check_pods(&place, &from_git), 2);
    let kinds: Vec<&Value> = from_git
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["kind"])
        .collect();
    assert_eq!(
        kinds,
        ["CronJob", "Deployment", "Service", "ServiceMonitor"]
    );
    // Another namespace may have a release of this name.
    let elect = "--elect=ops.prod";
    assert!(from_git.to_string().contains(elect), "{from_git}");
    let synced = all(&from_git, "args")
        .iter()
        .filter(|args| args.to_string().contains("--repo="))
        .count();
    assert_eq!(synced, 2);
    let image = format!("registry.example.com/zkt:{}", env!("CARGO_PKG_VERSION"));
    assert!(
        all(&from_git, "image").contains(&&json!(image)),
        "{from_git}"
    );

    let no_token = all(&from_git, "authorization");
    assert!(no_token.is_empty(), "{from_git}");

    let watch = json!({"replicas": 1, "tokenSecret": "status"});
    let more = json!({"watch": watch, "serviceMonitor": {"enabled": true}});
    let from_map = chart(&with(json!({"configMap": "trees"}), more));
    assert_eq!(check_pods(&place, &from_map), 2);
    let asked = all(&from_map, "authorization");
    let credentials = json!({"credentials": {"name": "status", "key": "token"}});
    assert_eq!(asked, [&credentials]);
    let variables = all(&from_map, "env")
        .into_iter()
        .flat_map(|env| env.as_array().unwrap());
    let named = variables.filter(|one| one["name"] == "ZKT_LISTEN_TOKEN");
    let secrets: Vec<&Value> = named
        .map(|one| &one["valueFrom"]["secretKeyRef"]["name"])
        .collect();
    assert_eq!(secrets, ["status"]);
    assert!(!from_map.to_string().contains("git-sync"), "{from_map}");

    for (values, reason) in [
        (json!({}), "image.repository must be given"),
        (
            with(json!({}), json!({})),
            "one of trees.git.repository and trees.configMap must be given",
        ),
        (with(git, json!({"layers": ["/etc"]})), "/layers/0"),
        (json!({"zookeepr": {}}), "zookeepr"),
    ] {
        let output = manifests(&["template", "examples/helm/zkt", &values.to_string()]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && stderr.contains(reason),
            "{values}: {stderr}"
        );
    }
}

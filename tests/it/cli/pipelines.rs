//! The pipelines in `examples`, and the commands of the guide's chapters about them, as they are typed.

use std::path::Path;

use super::*;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The repository that the guide lays out, with a branch `main` of a remote, and a change since.
async fn repository(name: &str) -> Place {
    let place = Place::new(name).await;
    let contexts = ["staging", "production"].map(|context| {
        format!(
            "[context.{context}]\nlayers = ['trees/base', 'trees/{context}.zkt']\n\
             connect = '{}'\n",
            place.hosts
        )
    });
    place
        .file("zkt.toml", contexts.concat())
        .file("trees/base/cms.zkt", "/cms\n  threads = 4\n")
        .file("trees/base/lb.zkt", "/lb\n")
        .file("trees/staging.zkt", "/cms\n  threads = 1\n")
        .file("trees/production.zkt", "/cms\n  threads = 8\n");
    place.git("init -q -b main");
    place.commit();
    place.git("update-ref refs/remotes/origin/main HEAD");
    place.file("trees/production.zkt", "/cms\n  threads = 16\n");
    place.commit();
    place
}

/// The commands of zkt's in a file, each on a line of its own.
fn commands(file: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
    let lines = text.lines().filter_map(|line| {
        let line = line.trim();
        let mut prefixes = vec!["- run: ", "run: ", "$ "];
        // In a pipeline a line without any is one of a script.
        if Path::new(file).extension() != Some("md".as_ref()) {
            prefixes.extend(["- ", ""]);
        }
        let mut lines = prefixes
            .iter()
            .filter_map(|prefix| line.strip_prefix(prefix));
        let line = lines.find(|line| line.starts_with("zkt "))?;
        Some(line.to_owned())
    });
    lines.collect()
}

/// As a step of a pipeline runs it.
fn step(place: &Place, line: &str, variables: &[(&str, &str)]) -> Run {
    let zkt = Path::new(env!("CARGO_BIN_EXE_zkt")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("sh");
    command.args(["-ec", line]);
    place.prepare(&mut command);
    command
        .env_remove("ZKT_CONNECT")
        .env("PATH", format!("{}:{path}", zkt.display()))
        .env("GITHUB_STEP_SUMMARY", place.path("summary.md"))
        .envs(variables.iter().copied());
    place.finish(command.spawn().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_change_from_its_pull_request_to_the_live_tree() {
    let place = repository("pipelines").await;
    let variables = [
        ("CI", "true"),
        ("ZKT_AUTH", "digest:u:p"),
        ("ZKT_CONTEXT", "production"),
        ("ZKT_CONFIG", "git:origin/main:zkt.toml"),
    ];
    for (file, number) in [
        ("examples/github-actions/plan.yaml", 2),
        ("src/guide/review.md", 3),
        ("examples/github-actions/apply.yaml", 3),
        ("examples/gitlab-ci/.gitlab-ci.yml", 5),
    ] {
        let commands = commands(file);
        assert_eq!(commands.len(), number, "{file}: {commands:?}");
        for line in &commands {
            let run = step(&place, line, &variables);
            assert_eq!(run.code, 0, "{file}: {line}: {run}");
        }
    }
    let comment = place.read("comment.md");
    assert!(
        comment.starts_with("**zkt plan `production`: 2 to add** on "),
        "{comment}"
    );
    assert!(place.read("summary.md").contains("2 to add"));
    assert_eq!(place.run("get /cms threads").expect(0).stdout, "16\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_chapter_on_repositories_as_typed() {
    let place = repository("chapter").await;
    let connect = [("ZKT_CONNECT", place.hosts.as_str())];
    step(&place, "zkt apply -y --context production", &[]).expect(0);
    let commands = commands("src/guide/repository.md");
    assert!(commands.len() > 7, "{commands:?}");
    for line in &commands {
        // With a context of the file, or with servers of the environment.
        let variables: &[_] = if line.contains("--context") {
            &[]
        } else {
            &connect
        };
        // Where a person is asked, there is nobody here.
        let asks = line.starts_with("zkt apply ") && !line.contains("--yes");
        let line = if asks {
            format!("{line} --yes")
        } else {
            line.clone()
        };
        let run = step(&place, &line, variables);
        assert_eq!(run.code, 0, "{line}: {run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_job_that_looks_for_drift() {
    let place = repository("pipelines-drift").await;
    let text = fs::read_to_string(Path::new(ROOT).join("examples/kubernetes/drift.yaml")).unwrap();
    let words = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "- plan")
        .map_while(|line| line.strip_prefix("- "));
    let words: Vec<String> = words
        .map(|word| word.replace("/trees/current/", "trees/"))
        .collect();
    let words = words.join(" ");
    place.run(&words).expect(2);
    step(&place, "zkt apply -y --context production", &[]).expect(0);
    place.run(&words).expect(0);
}

//! Plans and findings in the formats of those who review changes.

use serde_json::Value;

use super::Place;
use super::plan::example;

/// With the checksum replaced, which depends on when nodes were written.
fn without_checksum(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        line if line.starts_with("Checksum: ") => "Checksum: …\n".to_owned(),
        line => format!("{line}\n"),
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_is_a_comment() {
    let place = example("review-comment").await;
    let run = place
        .run("plan --format markdown --trim --max-trim 9 -o plan.json cms.zkt")
        .expect(0);
    insta::assert_snapshot!(without_checksum(&run.stdout), @"
    **zkt plan: 2 to add, 1 to update, 1 to link, 3 to trim** on `SERVER` from `cms.zkt`

    With trim `all`.

    <details><summary>7 actions</summary>

    ```diff
    + /cms : z4m cms  # cms.zkt:1
    +     threads = 3
    + /cms/providers  # cms.zkt:3
    ! /lb/pools/cms  # cms.zkt:7
    -     address = '1.2.3.4:80'
    +     address = '1.2.3.5:80'
    -     x = (secret)
    ! /lb/pools/cms  (links)  # cms.zkt:8
    +     providers -> /cms/providers
    - /lb/pools/retail  (3 nodes)
    ```

    </details>

    Checksum: …
    ");
    let checksum = run.last().split('`').nth(1).unwrap().to_owned();
    let json = place.run("plan --format json --trim --max-trim 9 cms.zkt");
    assert_eq!(json.json()[0]["checksum"], Value::from(checksum));
    // A saved plan is the same comment, without a server.
    let shown = place.run("plan --format markdown --show plan.json");
    assert_eq!(shown.stdout, run.stdout);

    let refused = place.run("plan --format markdown --trim --max-trim 0 --strict cms.zkt");
    insta::assert_snapshot!(without_checksum(&refused.expect(3).stdout), @"
    **zkt plan: refused (2 to add, 1 to update, 1 to link, 3 to trim)** on `SERVER` from `cms.zkt`

    With trim `all`.

    - **refused**: `3 of 6 nodes would be trimmed, more than the trim limit of 0; --max-trim or --force allows more`

    <details><summary>7 actions</summary>

    ```diff
    + /cms : z4m cms  # cms.zkt:1
    +     threads = 3
    + /cms/providers  # cms.zkt:3
    ! /lb/pools/cms  # cms.zkt:7
    -     address = '1.2.3.4:80'
    +     address = '1.2.3.5:80'
    -     x = (secret)
    ! /lb/pools/cms  (links)  # cms.zkt:8
    +     providers -> /cms/providers
    - /lb/pools/retail  (3 nodes)
    ```

    </details>

    Checksum: …
    ");
    let diff = place.run("diff --format markdown live cms.zkt").expect(1);
    insta::assert_snapshot!(diff.stdout, @"
    **zkt diff: 2 to add, 1 to update, 1 to link, 3 to trim** from `live SERVER` to `cms.zkt`

    <details><summary>7 actions</summary>

    ```diff
    + /cms : z4m cms  # cms.zkt:1
    +     threads = 3
    + /cms/providers  # cms.zkt:3
    ! /lb/pools/cms  # cms.zkt:7
    -     address = '1.2.3.4:80'
    +     address = '1.2.3.5:80'
    -     x = (secret)
    ! /lb/pools/cms  (links)  # cms.zkt:8
    +     providers -> /cms/providers
    - /lb/pools/retail  (3 nodes)
    ```

    </details>
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_is_annotations() {
    let place = example("review-annotations").await;
    place.file("trees/a.zkt", "/lb\n  @protect\n  x -> /nowhere\n");
    let run = place.run("plan --format github --trim --max-trim 0 ./trees/a.zkt");
    insta::assert_snapshot!(run, @"
    ::error file=trees/a.zkt,line=2,col=3,title=zkt plan refused::/lb/pools may not be trimmed: /lb is protected (@protect)
    ::error title=zkt plan refused::5 of 6 nodes would be trimmed, more than the trim limit of 0; --max-trim or --force allows more
    ::warning file=trees/a.zkt,line=3,col=3,title=dangling-link::/lb: link x -> /nowhere dangles: /nowhere does not exist
    ::notice title=zkt plan::Plan: 0 to add, 1 to update, 1 to link, 5 to trim.%0Atrim all
    --- exit 3
    ");
    let run = place.run("diff --format github live cms.zkt");
    insta::assert_snapshot!(run, @r##"
    ::notice title=zkt diff::Plan: 2 to add, 1 to update, 1 to link, 3 to trim.
    --- exit 1
    "##);
}

#[test]
fn why_there_is_no_plan_is_told_to_reviewers_too() {
    let place = Place::offline();
    place
        .file("a,b.zkt", "/a\n  x = 1\n  x = 2\n")
        .file("c.zkt", "/c\n");
    insta::assert_snapshot!(place.run("plan --format github a,b.zkt nosuch"), @r##"
    ::error title=zkt plan::nosuch: No such file or directory
    ::error file=a%2Cb.zkt,line=3,col=3,title=zkt plan::the property x is declared twice in one layer; a later layer may replace it; one layer says it once
    ::notice title=zkt plan::No plan: 2 errors.
    --- stderr
    error: nosuch: No such file or directory
    error: the property x is declared twice in one layer
     --> a,b.zkt:3:3
      |
    2 |   x = 1
      |   - first here
    3 |   x = 2
      |   ^ and again here
      |
      = help: a later layer may replace it; one layer says it once

    --- exit 1
    "##);
    let run = place.run("plan --format markdown a,b.zkt nosuch").expect(1);
    insta::assert_snapshot!(run.stdout, @r##"
    **zkt plan: no plan, 2 errors** from `a,b.zkt` and `nosuch`

    - **error**: `nosuch: No such file or directory`
    - **error**: `the property x is declared twice in one layer; a later layer may replace it; one layer says it once` in `a,b.zkt:3:3`
    "##);
    let run = place.run("diff --format markdown c.zkt a,b.zkt").expect(2);
    insta::assert_snapshot!(run.stdout, @r##"
    **zkt diff: no plan, 1 error** from `c.zkt` to `a,b.zkt`

    - **error**: `the property x is declared twice in one layer; a later layer may replace it; one layer says it once` in `a,b.zkt:3:3`
    "##);
    let run = place.run("plan --format github c.zkt").expect(1);
    insta::assert_snapshot!(run.stdout, @r##"
    ::error title=zkt plan::cannot reach a ZooKeeper server at SERVER/: the connection is refused; is the server running? -c HOSTS names another one, --wait waits for it
    ::notice title=zkt plan::No plan: 1 error.
    "##);
}

#[test]
fn findings_are_annotations() {
    let place = Place::offline();
    place.file("a.zkt", "/a\n  x = 007\n  y -> /nowhere\n");
    insta::assert_snapshot!(place.run("check --format github a.zkt"), @r##"
    ::warning file=a.zkt,line=2,col=7,title=leading-zero::/a: x: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text
    ::notice title=zkt check::ok: 1 node in 1 file
    --- exit 0
    "##);
    insta::assert_snapshot!(place.run("check --format github --strict a.zkt"), @"
    ::error title=zkt check::1 warning, and --strict allows none
    ::warning file=a.zkt,line=2,col=7,title=leading-zero::/a: x: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text
    ::notice title=zkt check::1 warning, and --strict allows none
    --- exit 3
    ");
    place.file("b.zkt", "/a\n  x = \n");
    let run = place.run("check --format github b.zkt").expect(1);
    insta::assert_snapshot!(run.stdout, @r##"
    ::error file=b.zkt,line=2,col=6,title=zkt check::expected a value, found the end of the line
    ::notice title=zkt check::1 error
    "##);
    // From a directory of the checkout, files are named as in the checkout.
    let mut command = place.command("check --format github ../a.zkt");
    std::fs::create_dir(place.path("deep")).unwrap();
    command.current_dir(place.path("deep"));
    command.env("GITHUB_WORKSPACE", place.path(""));
    let run = place.finish(command.spawn().unwrap());
    assert!(
        run.stdout.starts_with("::warning file=a.zkt,line=2,"),
        "{run}"
    );
}

/// What GitHub and the schema require of a log, and its results in a line each.
fn results(run: &super::Run) -> String {
    let log = &run.json()[0];
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["$schema"]
            .as_str()
            .unwrap()
            .ends_with("sarif-2.1.0.json")
    );
    let [log] = &log["runs"].as_array().unwrap()[..] else {
        panic!("{log}")
    };
    let driver = &log["tool"]["driver"];
    assert_eq!(driver["name"], "zkt");
    let rules = driver["rules"].as_array().unwrap();
    let line = |result: &Value| {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["shortDescription"]["text"].is_string());
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        let place = &result["locations"][0]["physicalLocation"];
        format!(
            "{}: {} {}:{}:{}: {}\n",
            result["level"].as_str().unwrap(),
            result["ruleId"].as_str().unwrap(),
            place["artifactLocation"]["uri"].as_str().unwrap(),
            place["region"]["startLine"].as_u64().unwrap(),
            place["region"]["startColumn"].as_u64().unwrap(),
            result["message"]["text"].as_str().unwrap(),
        )
    };
    log["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}

#[test]
fn findings_are_sarif() {
    let place = Place::offline();
    place
        .file("a b/a.zkt", "/a\n  x = 007\n  y -> /a/y\n/zookeeper\n")
        .file("wrong/b.zkt", "/a\n  x = \n")
        .file(
            "wrong/c.zkt",
            "/b\n  x = 1\n  x = 2\n@include 'nosuch.zkt'\n",
        )
        .file("wrong/d.zkt", b"/b\n  \xff\n")
        .file("empty.zkt", "# nothing\n");
    let mut command = place.command("check --format sarif");
    command.arg("a b");
    let run = place.finish(command.spawn().unwrap()).expect(0);
    insta::assert_snapshot!(results(&run), @r##"
    warning: system-node a%20b/a.zkt:4:1: /zookeeper: it belongs to ZooKeeper itself, unless there is a chroot
    warning: leading-zero a%20b/a.zkt:2:7: /a: x: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text
    warning: circular-link a%20b/a.zkt:3:3: /a: link y -> /a/y loops: /a/y -> /a/y
    "##);
    let run = place.run("check --format sarif wrong").expect(1);
    insta::assert_snapshot!(results(&run), @r##"
    error: file wrong/d.zkt:2:3: wrong/d.zkt:2:3: expected UTF-8 text, found the byte 0xff
    error: syntax wrong/b.zkt:2:6: expected a value, found the end of the line
    error: declare wrong/c.zkt:3:3: the property x is declared twice in one layer; a later layer may replace it; one layer says it once
    error: syntax wrong/c.zkt:4:1: a directive must stand in a node, and none is open here
    "##);
    assert_eq!(run.stderr, "");
    let run = place.run("check --format sarif empty.zkt").expect(3);
    insta::assert_snapshot!(results(&run), @r##"
    error: empty empty.zkt:1:1: empty.zkt: the layer declares no node; --allow-empty accepts it where that is meant
    "##);
    place.run("check --format sarif empty.zkt nosuch").expect(1);
}

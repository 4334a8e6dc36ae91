//! Lints by name: their levels, the comments that allow them, and what is said of each.

use crate::cli::Place;

/// A base and a layer over it, with several things that nobody means.
fn place() -> Place {
    let place = Place::offline();
    place
        .file(
            "base.zkt",
            "/cms : 42\n  threads = 4\n  token = 'hunter2'\n  Mode = 1\n  mode = 2\n  /providers\n    /10.0.0.1:80\n\
             /crm/providers\n  /10.0.0.1:80\n",
        )
        .file("prod.zkt", "/cms\n  thraeds = 8\n  debug = true\n");
    place
}

#[test]
fn each_warning_has_a_name() {
    let place = place();
    insta::assert_snapshot!(place.run("check base.zkt prod.zkt"), @"
    ok: 5 nodes in 2 files
    --- stderr
    warning: /cms: the type looks like a value: write a property if that is meant, and put the type in double quotes if it is text (base.zkt:1:8) [literal-type]
    warning: /cms: token has the name of a secret, and no `@secret token` hides its value (base.zkt:3:3) [plain-secret]
    warning: /cms: two properties have names that differ in case only: Mode and mode (base.zkt:5:3) [case-only-difference]
    warning: /cms: no earlier layer has the property thraeds: is threads meant? (prod.zkt:2:3) [overlay-typo]
    warning: /crm/providers/10.0.0.1:80: the address stands at /cms/providers/10.0.0.1:80, too (base.zkt:9:3) [repeated-address]
    --- exit 0
    ");
    let json = place.run("check --format json base.zkt").json();
    let warning = &json[0]["warnings"][1];
    assert_eq!(warning["lint"], "plain-secret");
    assert_eq!(warning["level"], "warn");
    let run = place
        .run("check --format github --deny literal-type base.zkt")
        .expect(3);
    assert!(
        run.stdout
            .contains("\n::error file=base.zkt,line=1,col=8,title=literal-type::"),
        "{run}"
    );
    assert!(
        run.stdout
            .contains("\n::warning file=base.zkt,line=3,col=3,title=plain-secret::"),
        "{run}"
    );
    let run = place
        .run("check --format sarif --deny literal-type base.zkt")
        .expect(3);
    let log = &run.json()[0]["runs"][0];
    assert_eq!(log["results"][0]["ruleId"], "literal-type");
    assert_eq!(log["results"][0]["level"], "error");
    let rules = log["tool"]["driver"]["rules"].as_array().unwrap();
    let rule = rules
        .iter()
        .find(|rule| rule["id"] == "overlay-addition")
        .unwrap();
    assert_eq!(rule["defaultConfiguration"]["enabled"], false);
    assert!(rule["help"]["text"].is_string());
}

#[test]
fn levels_come_from_arguments_and_the_file() {
    let place = place();
    let quiet = "--allow all base.zkt prod.zkt";
    insta::assert_snapshot!(place.run(&format!("check {quiet} --deny overlay-typo --warn overlay-addition")), @"
    --- stderr
    error: /cms: no earlier layer has the property thraeds: is threads meant? (prod.zkt:2:3) [overlay-typo]
    warning: /cms: no earlier layer has the property debug (prod.zkt:3:3) [overlay-addition]
    error: 1 warning is denied: overlay-typo; --warn LINT lets them pass
    --- exit 3
    ");
    place.file(
        "zkt.toml",
        "[lints]\nall = 'allow'\nplain-secret = 'deny'\n[context.dev.lints]\nplain-secret = 'warn'\n",
    );
    insta::assert_snapshot!(place.run("check base.zkt").expect(3).stderr, @"
    settings of zkt.toml, lints all=allow plain-secret=deny
    error: /cms: token has the name of a secret, and no `@secret token` hides its value (base.zkt:3:3) [plain-secret]
    error: 1 warning is denied: plain-secret; --warn LINT lets them pass
    ");
    let warned = place.run("check --context dev base.zkt").expect(0);
    assert!(
        warned.stderr.contains("\nwarning: /cms: token "),
        "{warned}"
    );
    let allowed = place
        .run("check --allow plain-secret -q base.zkt")
        .expect(0);
    assert_eq!(allowed.stderr, "");
    place.file(
        "zkt.toml",
        "[lints]\nplain-secrets = 'deny'\nplain-secret = 'no'\nleft = 'warn'\n",
    );
    insta::assert_snapshot!(place.run("check base.zkt"), @r#"
    --- stderr
    error: no lint has the name "plain-secrets"
     --> zkt.toml:2:1
      |
    2 | plain-secrets = (secret)
      | ^^^^^^^^^^^^^
      |
      = help: is plain-secret meant?

    error: expected 'allow', 'warn' or 'deny'
     --> zkt.toml:3:16
      |
    3 | plain-secret = (secret)
      |                ^^^^^^^^

    error: no lint has the name "left"
     --> zkt.toml:4:1
      |
    4 | left = 'warn'
      | ^^^^
      |
      = help: zkt check --explain lists the lints

    error: 3 errors in 1 file
    --- exit 1
    "#);
    place.file("zkt.toml", "");
    let unknown = place.run("check --deny plain-secrets base.zkt").expect(1);
    assert!(unknown.stderr.contains("plain-secret'"), "{unknown}");
}

/// A pull request can change the file, so what it says of a check is said.
#[test]
fn a_file_does_not_disarm_a_check_unseen() {
    let place = Place::offline();
    place.file("a.zkt", "/cms\n  token = 'x'\n  mode = 0644\n");
    place.file(
        "zkt.toml",
        "[lints]\nall = 'allow'\nplain-secret = 'allow'\n",
    );
    insta::assert_snapshot!(place.run("check a.zkt"), @"
    ok: 1 node in 1 file
    --- stderr
    settings of zkt.toml, lints all=allow plain-secret=allow
    --- exit 0
    ");
    // Of the file only what it allows by name holds.
    insta::assert_snapshot!(place.run("check --strict a.zkt"), @"
    --- stderr
    settings of zkt.toml, lints plain-secret=allow
    warning: /cms: mode: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text (a.zkt:3:10) [leading-zero]
    error: 1 warning, and --strict allows none
    --- exit 3
    ");
    place.run("check --strict --allow all a.zkt").expect(0);
    insta::assert_snapshot!(place.run("check --format json a.zkt"), @r#"
    {"bounds":{"context":null,"file":"zkt.toml","options":{"lints":["all=allow","plain-secret=allow"]}},"errors":[],"files":1,"format_version":"1.2","nodes":1,"ok":true,"warnings":[]}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("check --format github a.zkt"), @"
    ::notice title=zkt check::ok: 1 node in 1 file%0Asettings of zkt.toml%0Alints all=allow plain-secret=allow
    --- exit 0
    ");
    let note = |run: crate::cli::Run| {
        let log = &run.json()[0]["runs"][0];
        log["invocations"][0]["toolConfigurationNotifications"].clone()
    };
    let of_file = note(place.run("check --format sarif a.zkt").expect(0));
    assert_eq!(
        of_file[0]["message"]["text"],
        "settings of zkt.toml, lints all=allow plain-secret=allow"
    );
    // A context says which files are checked, and where the errors are no errors.
    place.file(
        "zkt.toml",
        "[context.prod]\nlayers = ['a.zkt']\nstrict = true\n",
    );
    let run = place.run("check --context prod").expect(3);
    assert!(
        run.stderr
            .starts_with("context prod of zkt.toml, layers a.zkt, strict true\n"),
        "{run}"
    );
    assert!(
        run.stderr
            .ends_with("error: 2 warnings, and strict = true in zkt.toml allows none\n"),
        "{run}"
    );
    place.file("wrong.zkt", "/a\n  x\n");
    let wrong = place.run("check --context prod wrong.zkt").expect(1);
    assert!(
        wrong
            .stderr
            .starts_with("context prod of zkt.toml, strict true\n"),
        "{wrong}"
    );
}

#[test]
fn comments_allow_what_they_stand_beside() {
    let place = Place::offline();
    place.file(
        "a.zkt",
        "# zkt: allow(literal-type)\n/a : 42\n  token = 'x'  # zkt: allow(plain-secret)\n  secret = 'x'\n",
    );
    let run = place.run("check a.zkt").expect(0);
    assert_eq!(run.stderr.lines().count(), 1, "{run}");
    assert!(run.stderr.contains("secret has the name"), "{run}");
    place.file(
        "a.zkt",
        "/a  # zkt: allow(literal-typ)\n/b  # zkt: allow(literal-type)\n",
    );
    insta::assert_snapshot!(place.run("check a.zkt"), @r#"
    ok: 2 nodes in 1 file
    --- stderr
    warning: /a: no lint has the name "literal-typ" (a.zkt:1:18) [unknown-lint]
    warning: /b: literal-type is allowed here, and does not occur (a.zkt:2:18) [unused-allow]
    --- exit 0
    "#);
}

#[test]
fn check_explains_lints() {
    let place = Place::offline();
    insta::assert_snapshot!(place.run("check --explain overlay-typo"), @"
    overlay-typo (a warning, where nobody says otherwise)
    A later layer adds a name that is one slip away from an earlier one.

    A later layer mostly changes what earlier layers declare. With a slip in a
    name it adds something new instead, and the old value stays in force. Names
    that differ in a digit do not count, nor do those of fewer than five letters,
    nor nodes to which a layer adds more than 20 names.

        /cms
          threads = 4
        # --- prod.zkt ---
        /cms
          thraeds = 40

    Correct the name. If both names are meant, allow the lint on this line.

    --allow, --warn or --deny overlay-typo sets its level, and so does
        [lints]
        overlay-typo = 'deny'
    in zkt.toml. In a tree file, at the end of a line or above it,
        # zkt: allow(overlay-typo)
    allows it for that line; beside a node's line, for all that the node holds
    itself.
    --- exit 0
    ");
    let all = place.run("check --explain").expect(0);
    assert!(all.stdout.contains("\nplain-secret (a warning, "), "{all}");
    let unknown = place.run("check --explain overlay-typos").expect(1);
    assert!(
        unknown
            .stderr
            .contains("similar value exists: 'overlay-typo'"),
        "{unknown}"
    );
    let mut completing = place.command("-- zkt check --deny overlay");
    completing.env("ZKT_COMPLETE", "fish");
    let completed = place.finish(completing.spawn().unwrap()).expect(0).stdout;
    assert!(completed.starts_with("overlay-typo\t"), "{completed}");
}

#[test]
fn secrets_are_seen_inside_of_values_texts_and_files() {
    let place = Place::offline();
    place
        .file(
            "a.zkt",
            "/a\n  conf = {'password': 'x'}\n  off = {'password': null}\n  hidden = {'token': 'x'}\n  @secret hidden\n\
             /b\n  @data 'password=x'\n/c\n  @secret\n  @data 'password=x'\n/d\n  @files 'conf'\n  @secret h*\n",
        )
        .file("conf/password.txt", "x")
        .file("conf/hidden.properties", "password=x")
        .file("conf/schema.xml", "<tokenizer class=\"StandardTokenizerFactory\"/>")
        .file("conf/application.properties", "a=1\nspring.datasource.password=x\n");
    insta::assert_snapshot!(place.run("check a.zkt"), @"
    ok: 8 nodes in 1 file
    --- stderr
    warning: /a: conf holds password, the name of a secret, and no `@secret conf` hides it (a.zkt:2:3) [plain-secret]
    warning: /b: the data holds password, the name of a secret, and no `@secret` hides it (a.zkt:7:3) [plain-secret]
    warning: /d/application.properties: the data holds spring.datasource.password, the name of a secret, and no `@secret` hides it (a.zkt:12:3) [plain-secret]
    warning: /d/password.txt: the node has the name of a secret, and no `@secret` hides its data (a.zkt:12:3) [plain-secret]
    --- exit 0
    ");
}

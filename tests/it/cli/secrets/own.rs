//! The files with zkt's own credentials are nobody's values.

use std::fs;
use std::os::unix::fs::symlink;

use crate::cli::Place;

#[test]
fn credentials_that_zkt_was_given_are_no_values() {
    let place = Place::offline();
    place
        .file("run/cred", "digest:ops:hunter2")
        .file("empty.zkt", "/b\n")
        .file("trees/a.zkt", "/a\n  @secret x from file '../run/link'\n")
        .file("trees/data.zkt", "/a\n  @data file 'hard'\n");
    symlink("cred", place.path("run/link")).unwrap();
    fs::hard_link(place.path("run/cred"), place.path("trees/hard")).unwrap();
    let refused = |words: &str, variable: Option<&str>, what: &str, tree: &str| {
        let mut command = place.command(&format!("diff empty.zkt trees/{tree}.zkt {words}"));
        let value = |name: &str| match name {
            "KRB5_CLIENT_KTNAME" => "FILE:run/cred",
            _ => "run/cred",
        };
        command.envs(variable.map(|name| (name, value(name))));
        let run = place.finish(command.spawn().unwrap()).expect(2);
        let told = format!(
            "it is the file given as {what}: credentials of zkt itself are never read as data"
        );
        assert!(run.stderr.contains(&told), "{run}");
        assert!(
            run.stderr.contains(&format!("trees/{tree}.zkt:2:")),
            "{run}"
        );
        assert!(!run.everything().contains("hunter2"), "{run}");
    };
    for flag in [
        "--auth-file",
        "--sasl-password-file",
        "--tls-key",
        "--tls-cert",
        "--tls-password-file",
        "--tls-ca-password-file",
    ] {
        refused(&format!("{flag} run/cred"), None, flag, "a");
        refused(&format!("{flag} run/cred"), None, flag, "data");
    }
    for name in [
        "ZKT_SASL_PASSWORD_FILE",
        "ZKT_TLS_KEY",
        "ZKT_TLS_CERT",
        "ZKT_TLS_PASSWORD_FILE",
        "ZKT_TLS_CA_PASSWORD_FILE",
        "ZKT_FINGERPRINT_KEY_FILE",
        "SOPS_AGE_KEY_FILE",
        "KRB5_CLIENT_KTNAME",
        "KRB5_KTNAME",
        "KRB5CCNAME",
    ] {
        refused("", Some(name), name, "a");
        refused("--allow-secrets /", Some(name), name, "a");
    }
    place.file("zkt.toml", "[context.x]\nauth-file = 'run/link'\n");
    refused("--context x", None, "--auth-file", "a");
    // A certificate with a key of its own is for everybody, and so are those of authorities.
    fs::remove_file(place.path("zkt.toml")).unwrap();
    place.file("run/key", "x");
    for words in ["--tls-cert run/cred --tls-key run/key", "--tls-ca run/cred"] {
        place
            .run(&format!("diff empty.zkt trees/a.zkt {words}"))
            .expect(1);
    }
}

#[test]
fn files_of_kerberos_are_withheld_in_each_spelling() {
    let place = Place::offline();
    place
        .file("run/tkt", "hunter2")
        .file("run/other", "hunter2")
        .file("trees/a.zkt", "/a\n  @data file '../run/tkt'\n");
    let show = |name: &str, value: &str| {
        let mut command = place.command("show trees/a.zkt --allow-files run");
        command.env(name, value);
        place.finish(command.spawn().unwrap())
    };
    let top = place.path("run").display().to_string();
    for (name, value) in [
        ("KRB5CCNAME", "run/tkt".to_owned()),
        ("KRB5CCNAME", format!("FILE:{top}/tkt")),
        ("KRB5CCNAME", format!("DIR:{top}")),
        ("KRB5CCNAME", format!("DIR::{top}/other")),
        ("KRB5_KTNAME", format!("{top}/tkt")),
        ("KRB5_CLIENT_KTNAME", format!("WRFILE:{top}/tkt")),
    ] {
        let run = show(name, &value).expect(1);
        let told = format!("it is the file given as {name}: ");
        assert!(run.stderr.contains(&told), "{value}: {run}");
    }
    for value in [
        "KCM:",
        "KEYRING:persistent:0",
        "MEMORY:tkt",
        "FILE:run/other",
    ] {
        show("KRB5CCNAME", value).expect(0);
    }
}

#[test]
fn credentials_of_other_contexts_are_withheld_too() {
    let place = Place::offline();
    place
        .file("cred", "digest:ops:hunter2")
        .file("p.zkt", "/a\n")
        .file("q.zkt", "/a\n  @secret x from file 'cred'\n")
        .file("d.zkt", "/a\n  @data file 'cred'\n");
    let config = |p: &str, others: &str| {
        let text = format!("[context.p]\nlayers = 'p.zkt'\n{p}\n{others}");
        place.file("zkt.toml", &text);
    };
    let told = |key: &str| format!("it is the file given as {key} of the context p: ");
    let q = "[context.q]\nlayers = 'q.zkt'\n";
    for key in [
        "auth-file",
        "sasl-password-file",
        "tls-key",
        "tls-cert",
        "tls-password-file",
        "tls-ca-password-file",
    ] {
        config(&format!("{key} = 'cred'"), q);
        let run = place.run("diff --old-context p --context q").expect(2);
        assert!(run.stderr.contains(&told(key)), "{run}");
    }
    config("tls-cert = 'cred'\ntls-key = 'key'", q);
    place.run("diff --old-context p --context q").expect(1);
    config("auth-file = 'cred'", "[context.q]\nlayers = 'd.zkt'\n");
    for command in ["check --all-contexts", "show --context q"] {
        let run = place.run(command).expect(1);
        assert!(run.everything().contains(&told("auth-file")), "{run}");
    }
}

/// As `SOPS_AGE_KEY_FILE` is, where it is set.
#[test]
fn the_keys_that_sops_finds_by_itself_are_no_data() {
    let place = Place::offline();
    place
        .file("home/sops/age/keys.txt", "AGE-SECRET-KEY-1")
        .file(
            "trees/a.zkt",
            "/a\n  @data file '../home/sops/age/keys.txt'\n",
        );
    let mut command = place.command("show trees/a.zkt --allow-files home");
    command.env("XDG_CONFIG_HOME", place.path("home"));
    let run = place.finish(command.spawn().unwrap()).expect(1);
    let told = "it is the file given as a key for SOPS files: ";
    assert!(run.stderr.contains(told), "{run}");
}

#[test]
fn a_command_without_servers_knows_those_of_the_environment() {
    let place = Place::offline();
    place
        .file("cred", "hunter2")
        .file("a.zkt", "/a\n  @data file 'cred'\n");
    for command in ["show", "check", "graph"] {
        let mut command = place.command(&format!("{command} a.zkt"));
        command.env("ZKT_SASL_PASSWORD_FILE", "cred");
        let run = place.finish(command.spawn().unwrap()).expect(1);
        assert!(
            run.everything()
                .contains("it is the file given as ZKT_SASL_PASSWORD_FILE"),
            "{run}"
        );
    }
}

#[test]
fn a_server_for_tests_has_credentials_of_its_own() {
    let place = Place::offline();
    place
        .file("cred", "0123456789abcdef")
        .file("a.zkt", "/a\n  @data file 'cred'\n");
    for (flag, others) in [
        ("--control-token-file", ""),
        ("--control-key", "--control-cert cert.pem"),
    ] {
        let words =
            format!("serve --tree a.zkt --listen :0 --control 127.0.0.1:0 {flag} cred {others}");
        let run = place.run(&words).expect(1);
        let told = format!("it is the file given as {flag}");
        assert!(run.stderr.contains(&told), "{run}");
    }
}

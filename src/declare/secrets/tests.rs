use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::declare::{Disk, Layers, Memory, load};
use crate::model::node::{Declared, Secret};

fn variables(name: &str) -> Option<OsString> {
    Some(match name {
        "PASSWORD" => "hunter2".into(),
        "OTHER" => "other".into(),
        "NOTHING" => "".into(),
        "BYTES" => OsString::from_vec(vec![0xff, 0xfe]),
        "ZKT_AUTH" => "digest:a:b".into(),
        _ => return None,
    })
}

/// The only node of layers, or what is wrong with them.
fn node(layers: &[(&str, &str)]) -> Result<Declared, String> {
    let files: Memory = layers.iter().copied().collect();
    let names = layers.iter().map(|(name, _)| *name);
    let is_layer = |name: &&str| Path::new(name).extension().is_some_and(|end| end == "zkt");
    let names: Vec<&str> = names.filter(is_layer).collect();
    let secrets = SecretSources::new(variables);
    let source = load(Layers::new(names).files(&files).secrets(secrets));
    let source = source.map_err(|problems| problems.to_string())?;
    let (_, node) = source.tree().iter().next().unwrap();
    Ok(node.clone())
}

#[track_caller]
fn check(line: &str, expected: &str) {
    let text = format!("/a\n  @secret {line}\n");
    let found = node(&[
        ("t/a.zkt", &text),
        ("t/s", "in t\n"),
        ("s", "two\r\n\r\n"),
        ("t/empty", "\n"),
    ]);
    let shown = match found {
        Ok(node) => match node.outside.values().next().unwrap().lacks.as_deref() {
            Some(lacks) => format!("lacks: {lacks}"),
            None => String::from_utf8_lossy(node.bytes()).into_owned(),
        },
        Err(problems) => problems,
    };
    assert_eq!(shown, expected, "{line}");
}

#[test]
fn values_come_from_variables_and_files() {
    check("x from env PASSWORD", r#"{"x":"hunter2"}"#);
    check("@data from env PASSWORD", "hunter2");
    check("x from file 's'", r#"{"x":"in t"}"#);
    check("x from file '../s'", r#"{"x":"two\r\n"}"#);
    check("@data from file 's'", "in t");
    check("@data from env BYTES", "\u{fffd}\u{fffd}");
}

#[test]
fn what_a_layer_replaces_stays_secret() {
    let base = ("a.zkt", "/a\n  @secret x from env PASSWORD\n  y = 1\n");
    for above in [
        "/a\n  x = 1\n",
        "/a\n  @data 'x'\n",
        "/a\n  z = 1\n",
        "/a\n  x = 1\n  @secret z\n",
    ] {
        let node = node(&[base, ("b.zkt", above)]).unwrap();
        assert!(node.secret.covers("x"), "{above}");
        assert!(!node.secret.covers("y"), "{above}");
    }
}

#[test]
fn what_is_not_here_is_lacking_and_what_is_wrong_is_an_error() {
    check("x from env NOBODY", "lacks: the variable is not set");
    check("x from env NOTHING", "lacks: the variable is not set");
    check("x from file 'empty'", "lacks: it is empty");
    check("x from file 'nosuch'", "lacks: there is no such file");
    let at = "t/a.zkt:2:22";
    check(
        "x from env BYTES",
        &format!("{at}: env BYTES: it is not UTF-8, and the value of a property is text"),
    );
    check(
        "x from env ZKT_AUTH",
        &format!("{at}: env ZKT_AUTH: the variable may not be taken"),
    );
}

#[test]
fn a_later_layer_replaces_a_source_or_a_literal() {
    let from = |name: &str| format!("/a\n  @secret x from env {name}\n  y = 1\n");
    let literal = "/a\n  x = 'plain'\n";
    for (below, above, value, source) in [
        (
            from("PASSWORD").as_str(),
            from("OTHER").as_str(),
            "other",
            Some("env OTHER"),
        ),
        (&from("NOBODY"), &from("OTHER"), "other", Some("env OTHER")),
        (&from("NOBODY"), literal, "plain", None),
        (literal, &from("OTHER"), "other", Some("env OTHER")),
        (
            &from("OTHER"),
            "/a\n  @secret z\n  z = 1\n",
            "other",
            Some("env OTHER"),
        ),
    ] {
        let node = node(&[("1.zkt", below), ("2.zkt", above)]).unwrap();
        assert_eq!(node.properties()["x"], value, "{above}");
        let found = node.outside.get("x").map(|outside| &*outside.from);
        assert_eq!(found, source, "{above}");
        assert!(node.secret.covers("x"), "{above}");
        assert!(!node.secret.covers("y") && !node.lacks_any());
    }
    let raw = "/a\n  @secret @data from env PASSWORD\n";
    let all = node(&[("1.zkt", &from("OTHER")), ("2.zkt", raw)]).unwrap();
    assert_eq!((all.bytes(), all.outside.len()), (&b"hunter2"[..], 1));
    assert!(matches!(all.secret, Secret::Everything));
    let properties = node(&[("1.zkt", raw), ("2.zkt", literal)]).unwrap();
    assert!(properties.outside.is_empty());
}

#[test]
fn a_name_that_looks_like_a_pattern_covers_itself_alone() {
    for (name, other) in [
        (r"x*", "xy"),
        (r"x\\y", "xy"),
        (r"x{y,z}", "xy"),
        (r"[x]", "x"),
        (r"a\\*", "a*"),
    ] {
        let text = format!("/a\n  @secret \"{name}\" from env PASSWORD\n  \"{other}\" = 1\n");
        let node = node(&[("1.zkt", &text)]).unwrap();
        let name: String = serde_json::from_str(&format!("\"{name}\"")).unwrap();
        assert!(node.secret.covers(&name), "{name}");
        assert!(!node.secret.covers(other), "{name}");
    }
}

#[test]
fn without_sources_nothing_is_read() {
    let files = Memory::from([(
        "a.zkt",
        "/a\n  @secret x from env PASSWORD\n  @secret y from file 'nosuch'\n",
    )]);
    let source = load(Layers::new(["a.zkt"]).files(&files)).unwrap();
    let lacking: Vec<String> = source.lacking().iter().map(ToString::to_string).collect();
    let why = "nothing is read from outside here";
    assert_eq!(
        lacking,
        [
            format!("x from env PASSWORD: {why}"),
            format!("y from file 'nosuch': {why}")
        ]
    );
}

/// The value from a file on the disk, or what is wrong.
fn on_disk(layer: &Path, allowed: &[&str]) -> String {
    let allowed: Vec<String> = allowed.iter().map(|text| (*text).to_owned()).collect();
    let secrets = SecretSources::new(variables).allow_only(&allowed).unwrap();
    let disk = Disk::default();
    let layer = layer.display().to_string();
    let loaded = load(Layers::new([layer]).files(&disk).secrets(secrets));
    match loaded {
        Ok(source) => match source.lacking().first() {
            Some(lacking) => lacking.why.clone(),
            None => source.tree().iter().next().unwrap().1.properties()["x"].to_string(),
        },
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn a_file_may_lie_outside_unless_a_list_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(folder.path()).unwrap();
    let layer = top.join("trees/a.zkt");
    fs::create_dir_all(top.join("trees")).unwrap();
    // As Kubernetes mounts a secret.
    fs::create_dir_all(top.join("run/..2026")).unwrap();
    fs::write(top.join("run/..2026/token"), "mounted\n").unwrap();
    symlink("..2026", top.join("run/..data")).unwrap();
    symlink("..data/token", top.join("run/token")).unwrap();
    let run = top.join("run").display().to_string();
    for path in ["../run/token".to_owned(), format!("{run}/token")] {
        fs::write(&layer, format!("/a\n  @secret x from file '{path}'\n")).unwrap();
        assert_eq!(on_disk(&layer, &[]), "\"mounted\"");
        assert_eq!(on_disk(&layer, &[&run]), "\"mounted\"");
        let told = format!("it lies at {run}/..2026/token, and no file there may be taken");
        for allowed in ["env:*", "/nosuch"] {
            let found = on_disk(&layer, &[allowed]);
            assert!(found.ends_with(&told), "{found}");
        }
        // What is allowed and not mounted is lacking.
        let unmounted = top.join("unmounted").display().to_string();
        let text = format!("/a\n  @secret x from file '{unmounted}/token'\n");
        fs::write(&layer, text).unwrap();
        assert_eq!(on_disk(&layer, &[&unmounted]), "No such file or directory");
        let found = on_disk(&layer, &[&run]);
        assert!(found.ends_with("no file there may be taken"), "{found}");
    }
    // A layer's own files need no permission.
    fs::write(top.join("trees/own"), "own").unwrap();
    fs::write(&layer, "/a\n  @secret x from file 'own'\n").unwrap();
    assert_eq!(on_disk(&layer, &["env:*"]), "\"own\"");
    // What the system shows is never a value.
    fs::write(&layer, "/a\n  @secret x from file '/proc/self/environ'\n").unwrap();
    let found = on_disk(&layer, &[]);
    assert!(found.contains("never read as data"), "{found}");
    fs::write(&layer, "/a\n  @secret x from file '../trees'\n").unwrap();
    let found = on_disk(&layer, &[]);
    assert!(found.ends_with("it is a directory"), "{found}");
}

/// How many nodes layers have that take values from the files in tests/sops, or what is wrong.
#[cfg(feature = "sops")]
pub(in crate::declare) fn with_sops(
    files: &dyn crate::declare::Files,
    layers: &[&str],
    allowed: &str,
) -> String {
    const KEY: &str = "AGE-SECRET-KEY-1JH3P9C3374GXAZEVUD2Y38YGGF6MJ8CWN2P6Y2XS4DCKSCVAEYPQD0TX0P";
    let variables = |name: &str| (name == "SOPS_AGE_KEY").then(|| KEY.into());
    let secrets = SecretSources::new(variables);
    let secrets = secrets.allow_only(&[allowed.to_owned()]).unwrap();
    match load(
        Layers::new(layers.iter().copied())
            .files(files)
            .secrets(secrets),
    ) {
        Ok(source) => {
            let lacking = source.lacking();
            assert!(lacking.is_empty(), "{}", lacking[0]);
            source.tree().len().to_string()
        }
        Err(problems) => problems.to_string(),
    }
}

#[cfg(feature = "sops")]
#[test]
fn what_one_layer_may_decrypt_another_may_not_take() {
    let folder = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(folder.path()).unwrap();
    let path = |name: &str| top.join(name).display().to_string();
    for layer in ["prod", "contrib"] {
        fs::create_dir_all(top.join(layer)).unwrap();
        let text = format!(
            "/{layer}\n  @secret x from sops '{}' db.password\n",
            path("prod/prod.enc.yaml")
        );
        fs::write(top.join(layer).join("a.zkt"), text).unwrap();
    }
    let text = include_str!("../../../tests/sops/all.yaml");
    fs::write(top.join("prod/prod.enc.yaml"), text).unwrap();
    let (prod, contrib) = (path("prod/a.zkt"), path("contrib/a.zkt"));
    let none = "env:APP_*";
    assert_eq!(with_sops(&Disk::default(), &[&prod], none), "1");
    let both = [prod.as_str(), &contrib];
    let found = with_sops(&Disk::default(), &both, none);
    assert!(found.contains("contrib/a.zkt:2:"), "{found}");
    assert!(found.contains("and no file there may be taken"), "{found}");
    assert_eq!(with_sops(&Disk::default(), &both, &path("prod")), "2");
}

#[test]
fn the_files_of_a_layer_alone_may_be_all() {
    let folder = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(folder.path()).unwrap();
    fs::create_dir(top.join("trees")).unwrap();
    fs::write(top.join("out"), "out").unwrap();
    fs::write(top.join("trees/own"), "own").unwrap();
    let layer = top.join("trees/a.zkt");
    for (from, told) in [
        ("file 'own'", None),
        ("file 'missing'", None),
        ("file '../out'", Some("and no file there may be taken")),
        // Nobody learns whether there is one.
        ("file '../missing'", Some("and no file there may be taken")),
        (
            "file '../trees/../x/y'",
            Some("and no file there may be taken"),
        ),
        ("file '/'", Some("and no file there may be taken")),
        ("env PASSWORD", Some("the variable may not be taken")),
    ] {
        fs::write(&layer, format!("/a\n  @secret x from {from}\n")).unwrap();
        let secrets = SecretSources::new(variables).allow_own();
        let disk = Disk::default();
        let layer = layer.display().to_string();
        let loaded = load(Layers::new([layer]).files(&disk).secrets(secrets));
        let problem = loaded.err().map(|problems| problems.to_string());
        assert_eq!(problem.is_some(), told.is_some(), "{from}: {problem:?}");
        assert!(
            problem
                .unwrap_or_default()
                .contains(told.unwrap_or_default())
        );
    }
}

#[test]
fn a_file_that_is_not_for_this_user_is_lacking() {
    let folder = tempfile::tempdir().unwrap();
    let layer = folder.path().join("a.zkt");
    let secret = folder.path().join("s");
    fs::write(&layer, "/a\n  @secret x from file 's'\n").unwrap();
    fs::write(&secret, "x").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads it all the same.
    let expected = match fs::read(&secret) {
        Ok(_) => "\"x\"",
        Err(_) => "Permission denied",
    };
    assert_eq!(on_disk(&layer, &[]), expected);
    fs::remove_file(&secret).unwrap();
    assert_eq!(on_disk(&layer, &[]), "No such file or directory");
    symlink("nosuch", &secret).unwrap();
    assert_eq!(on_disk(&layer, &[]), "No such file or directory");
    fs::write(&layer, "/a\n  @secret x from file 's/x'\n").unwrap();
    fs::remove_file(&secret).unwrap();
    fs::write(&secret, vec![b'x'; (1 << 20) + 1]).unwrap();
    assert_eq!(on_disk(&layer, &[]), "Not a directory");
    fs::write(&layer, "/a\n  @secret x from file 's'\n").unwrap();
    let found = on_disk(&layer, &[]);
    assert!(
        found.ends_with("more than the 1048576 bytes that a value may have"),
        "{found}"
    );
}

/// Files that change what a directory leads to after the first secret was read.
struct Swapped<'f> {
    disk: Disk,
    swap: &'f dyn Fn(),
}

impl crate::declare::Files for Swapped<'_> {
    fn kind(&self, path: &Path) -> std::io::Result<crate::declare::files::Kind> {
        self.disk.kind(path)
    }

    fn root(
        &self,
        layer: &Path,
    ) -> Result<crate::declare::files::Root, crate::declare::files::Error> {
        self.disk.root(layer)
    }

    fn read(
        &self,
        path: &Path,
        root: &crate::declare::files::Root,
    ) -> Result<Vec<u8>, crate::declare::files::Error> {
        self.disk.read(path, root)
    }

    fn read_secret(
        &self,
        path: &Path,
        root: &crate::declare::files::Root,
    ) -> Result<Vec<u8>, crate::declare::files::Error> {
        let read = self.disk.read(path, root);
        (self.swap)();
        read
    }

    fn list(&self, directory: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
        self.disk.list(directory)
    }

    fn identity(&self, path: &Path) -> std::io::Result<std::path::PathBuf> {
        self.disk.identity(path)
    }

    fn standard_input(&self) -> Result<Vec<u8>, crate::declare::files::Error> {
        self.disk.standard_input()
    }
}

#[test]
fn what_is_allowed_is_the_same_for_all_values_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(folder.path()).unwrap();
    for name in ["trees", "one", "two"] {
        fs::create_dir(top.join(name)).unwrap();
        fs::write(top.join(name).join("s"), name).unwrap();
    }
    let link = top.join("allowed");
    symlink("one", &link).unwrap();
    let (one, two) = (top.join("one/s"), top.join("two/s"));
    let (one, two) = (one.display(), two.display());
    let layer = top.join("trees/a.zkt");
    let text = format!("/a\n  @secret x from file '{one}'\n  @secret y from file '{two}'\n");
    fs::write(&layer, text).unwrap();
    let swap = || {
        fs::remove_file(&link).unwrap();
        symlink("two", &link).unwrap();
    };
    let files = Swapped {
        disk: Disk::default(),
        swap: &swap,
    };
    let allowed = [link.display().to_string()];
    let secrets = SecretSources::new(variables).allow_only(&allowed).unwrap();
    let layers = Layers::new([layer.display().to_string()]);
    let loaded = load(layers.files(&files).secrets(secrets));
    let told = loaded.unwrap_err().to_string();
    let expected = format!("it lies at {two}, and no file there may be taken");
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn a_file_with_a_credential_is_never_a_value_whatever_leads_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(folder.path()).unwrap();
    let path = |name: &str| top.join(name).display().to_string();
    fs::create_dir(top.join("trees")).unwrap();
    for name in ["auth", "keys.txt", "other"] {
        fs::write(top.join(name), "hunter2").unwrap();
    }
    symlink("auth", top.join("given")).unwrap();
    symlink("../auth", top.join("trees/link")).unwrap();
    fs::hard_link(top.join("auth"), top.join("trees/hard")).unwrap();
    let layer = top.join("trees/a.zkt");
    let read = |line: &str| {
        fs::write(&layer, format!("/a\n  {line}\n")).unwrap();
        let withheld = vec![crate::declare::files::Withheld {
            path: top.join("given"),
            what: "--auth-file".to_owned(),
        }];
        let key_file = path("keys.txt");
        let variables =
            move |name: &str| (name == "SOPS_AGE_KEY_FILE").then(|| key_file.clone().into());
        let secrets = SecretSources::new(variables)
            .without(withheld.clone())
            .allow_only(&[top.display().to_string()]);
        let disk = Disk {
            withheld,
            ..Disk::default()
        };
        let layers = Layers::new([layer.display().to_string()]);
        let loaded = load(layers.files(&disk).secrets(secrets.unwrap()));
        loaded.err().map(|problems| problems.to_string())
    };
    for name in ["auth", "given", "trees/link", "trees/hard"] {
        let told = read(&format!("@secret x from file '{}'", path(name)));
        let told = told.unwrap();
        assert!(told.contains("trees/a.zkt:2:"), "{told}");
        assert!(
            told.contains("it is the file given as --auth-file"),
            "{told}"
        );
    }
    let told = read("@data file 'hard'").unwrap();
    assert!(
        told.contains("it is the file given as --auth-file"),
        "{told}"
    );
    #[cfg(feature = "sops")]
    {
        let told = read(&format!("@secret x from file '{}'", path("keys.txt")));
        assert!(told.unwrap().contains("a key for SOPS files"));
    }
    assert_eq!(
        read(&format!("@secret x from file '{}'", path("other"))),
        None
    );
}

use std::process::Command;

use super::*;

const A: &str = "1111111111111111111111111111111111111111";
const B: &str = "2222222222222222222222222222222222222222";

#[test]
fn commits_are_found_in_every_kind_of_checkout() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), text).unwrap();
    };
    write("repo/trees/a.zkt", "/a\n");
    assert_eq!(head(&at("repo/.git")), None);
    write("repo/.git/HEAD", "ref: refs/heads/main\n");
    assert_eq!(head(&at("repo/.git")), None);
    write(
        "repo/.git/packed-refs",
        &format!("# x\n{A} refs/heads/main\n"),
    );
    assert_eq!(head(&at("repo/.git")).as_deref(), Some(A));
    write("repo/.git/refs/heads/main", &format!("{B}\n"));
    assert_eq!(head(&at("repo/.git")).as_deref(), Some(B));

    write("repo/.git/worktrees/w/HEAD", A);
    write("repo/.git/worktrees/w/commondir", "../..\n");
    write("w/.git", "gitdir: ../repo/.git/worktrees/w\n");
    write("w/a.zkt", "/a\n");
    assert_eq!(head(&at("w/.git")).as_deref(), Some(A));
    write("repo/.git/worktrees/w/HEAD", "ref: refs/heads/main\n");
    assert_eq!(head(&at("w/.git")).as_deref(), Some(B));
}

/// A checkout in a folder of its own.
struct Checkout {
    _folder: tempfile::TempDir,
    top: PathBuf,
}

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(folder.path()).unwrap();
        let checkout = Self {
            _folder: folder,
            top,
        };
        checkout.git(&["init", "-q"]);
        checkout
    }

    fn git(&self, words: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(words)
            .current_dir(&self.top)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", "x", "--allow-empty"]);
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.top.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Asks for these texts in the folder `trees`, as if they were new.
    fn of(&self, texts: &[&str], git: Git) -> Option<&'static str> {
        let mut commits = Commits { git, last: None };
        let texts: Vec<PathBuf> = texts.iter().map(|name| self.top.join(name)).collect();
        let commit = commits.of(&[self.top.join("trees")], &texts, "r")?;
        let dirty = commit.strip_suffix("-dirty");
        assert_eq!(dirty.unwrap_or(&commit).len(), 40);
        Some(if dirty.is_some() { "dirty" } else { "clean" })
    }
}

#[test]
fn what_a_commit_does_not_hold_has_none_and_what_differs_is_dirty() {
    const A: &str = "trees/a.zkt";
    const B: &str = "trees/b.zkt";
    let checkout = Checkout::new();
    let is = |texts: &[&str]| checkout.of(texts, Git::default());
    checkout.write("README", "x");
    checkout.commit();
    checkout.write(A, "/a\n");
    assert_eq!(is(&[A]), None);
    checkout.commit();
    assert_eq!(is(&[A]), Some("clean"));
    // What was not read does not count.
    checkout.write("trees/notes.txt", "x");
    checkout.write("README", "y");
    assert_eq!(is(&[A]), Some("clean"));
    checkout.write(A, "/a\n  x = 1\n");
    assert_eq!(is(&[A]), Some("dirty"));
    checkout.git(&["add", A]);
    assert_eq!(is(&[A]), Some("dirty"));
    checkout.commit();
    assert_eq!(is(&[A]), Some("clean"));
    checkout.write(B, "/b\n");
    assert_eq!(is(&[A, B]), Some("dirty"));
    checkout.write(".gitignore", "b.zkt\n");
    assert_eq!(is(&[A, B]), Some("dirty"));
    // Neither does what is read from elsewhere come from the commit.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().join("c.zkt");
    fs::write(&other, "/c\n").unwrap();
    assert_eq!(is(&[A, other.to_str().unwrap()]), Some("dirty"));
    checkout.write("trees/gone.zkt", "/gone\n");
    checkout.commit();
    assert_eq!(is(&[A, "trees/gone.zkt"]), Some("clean"));
    fs::remove_file(checkout.top.join("trees/gone.zkt")).unwrap();
    assert_eq!(is(&[A]), Some("dirty"));
    checkout.commit();
    // Another end of the lines is how a checkout has them.
    checkout.write(A, "/a\r\n  x = 1\r\n");
    assert_eq!(is(&[A]), Some("clean"));
}

#[test]
fn any_number_of_files_is_compared() {
    let checkout = Checkout::new();
    // All their names are longer than a command line may be.
    let folder = "trees/".to_owned() + &("d".repeat(200) + "/").repeat(15);
    let names: Vec<String> = (0..800).map(|i| format!("{folder}{i}.zkt")).collect();
    for name in &names {
        checkout.write(name, "/a\n");
    }
    checkout.commit();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    let patient = || Git {
        patience: Duration::from_secs(600),
        ..Git::default()
    };
    assert_eq!(checkout.of(&names, patient()), Some("clean"));
    for name in &names {
        checkout.write(name, "/b\n");
    }
    assert_eq!(checkout.of(&names, patient()), Some("dirty"));
    checkout.write("trees/new.zkt", "/a\n");
    names.push("trees/new.zkt");
    assert_eq!(checkout.of(&names, patient()), Some("dirty"));
}

#[test]
fn nothing_that_a_checkout_configures_is_run() {
    let checkout = Checkout::new();
    checkout.write("trees/a.zkt", "/a\n");
    checkout.commit();
    let program = "touch ran; cat";
    checkout.write(".gitattributes", "*.zkt filter=evil\n");
    for name in ["filter.evil.clean", "filter.evil.process", "core.fsmonitor"] {
        checkout.git(&["config", name, program]);
    }
    let is = || checkout.of(&["trees/a.zkt"], Git::default());
    assert_eq!(is(), Some("clean"));
    checkout.write("trees/a.zkt", "/b\n");
    // Only the filter could tell.
    assert_eq!(is(), None);
    assert!(!checkout.top.join("ran").exists());
}

#[test]
fn where_git_does_not_tell_no_commit_is_claimed() {
    let checkout = Checkout::new();
    checkout.write("trees/a.zkt", "/a\n");
    checkout.commit();
    let is = |words: &[&'static str], patience| {
        let words = words.to_vec();
        checkout.of(&["trees/a.zkt"], Git { words, patience })
    };
    let long = Duration::from_secs(600);
    assert_eq!(is(&["git"], long), Some("clean"));
    assert_eq!(is(&["there-is-no-such-git"], long), None);
    assert_eq!(
        is(&["sh", "-c", "exec sleep 600"], Duration::from_millis(50)),
        None
    );
    // A checkout of somebody else.
    let foreign = "GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec git \"$@\"";
    assert_eq!(is(&["sh", "-c", foreign, "git"], long), None);
}

#[test]
fn git_is_asked_only_where_something_changed() {
    let checkout = Checkout::new();
    checkout.write("trees/a.zkt", "/a\n");
    checkout.commit();
    let mut commits = Commits::default();
    let trees = [checkout.top.join("trees")];
    let texts = [checkout.top.join("trees/a.zkt")];
    let first = commits.of(&trees, &texts, "r");
    assert!(first.is_some());
    commits.git.words = vec!["there-is-no-such-git"];
    assert_eq!(commits.of(&trees, &texts, "r"), first);
    assert_eq!(commits.of(&trees, &texts, "s"), None);
    commits.git = Git::default();
    // It is not asked again at once.
    assert_eq!(commits.of(&trees, &texts, "s"), None);
    checkout.commit();
    let next = commits.of(&trees, &texts, "s");
    assert!(next.is_some() && next != first);
}

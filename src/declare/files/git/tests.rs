use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use super::process::Git;
use super::*;
use crate::declare::{self, Layers, Problems};

/// A repository in a folder of its own.
struct Repo {
    folder: tempfile::TempDir,
    files: GitFiles,
}

impl Repo {
    fn new() -> Self {
        Self::with(&["init", "-q", "-b", "main", "repo"])
    }

    /// As this command of git makes it.
    fn with(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("repo")).unwrap();
        git(folder.path(), words);
        let files = GitFiles::new(Disk::default()).at(&folder.path().join("repo"));
        Self { folder, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("repo").join(name)
    }

    fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn link(&self, name: &str, target: &str) -> &Self {
        symlink(target, self.path(name)).unwrap();
        self
    }

    /// Commits all files, and removes them from the disk.
    fn commit(&self) -> &Self {
        let top = self.path("");
        git(&top, &["add", "-A"]);
        git(&top, &["commit", "-qm", "x"]);
        git(&top, &["rm", "-rq", "--ignore-unmatch", "."]);
        self
    }

    fn asked_with(mut self, change: impl FnOnce(&mut Git)) -> Self {
        let repository = self.files.repository.get_mut().unwrap();
        change(&mut repository.git);
        self
    }

    fn load(&self, layer: &str) -> Result<Vec<String>, String> {
        let loaded = declare::load(Layers::new([layer]).files(&self.files));
        let paths = |source: declare::Source| {
            let nodes = source.tree().iter();
            nodes.map(|(path, _)| path.to_string()).collect()
        };
        loaded
            .map(paths)
            .map_err(|problems: Problems| problems.to_string())
    }

    fn nodes(&self, layer: &str) -> String {
        self.load(layer).unwrap().join(" ")
    }

    fn error(&self, layer: &str) -> String {
        self.load(layer).unwrap_err()
    }
}

fn git(directory: &Path, words: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args([
            "-c",
            "commit.gpgsign=false",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(words)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn a_layer_is_what_the_commit_holds_of_it() {
    let repo = Repo::new();
    repo.file("top.zkt", "/top\n  @include './trees/b.zkt'\n")
        .file("trees/b.zkt", "/b\n  @data file '../bytes'\n")
        .file("trees/sub/c.zkt", "/c\n")
        .file("trees/.hidden.zkt", "broken")
        .file("trees/.git-like/d.zkt", "broken")
        .file("bytes", "all")
        .commit();
    git(&repo.path(""), &["tag", "v1"]);
    repo.file("trees/new.zkt", "/new\n").commit();
    assert_eq!(repo.nodes("git:v1:trees"), "/b /c");
    assert_eq!(repo.nodes("git:HEAD~1:trees/sub/"), "/c");
    assert_eq!(repo.nodes("git:main^{/x}:trees"), "/new");
    assert_eq!(repo.nodes("git:v1:top.zkt"), "/top /top/b");
    assert_eq!(repo.nodes("git:v1:"), "/b /c /top /top/b");
}

#[test]
fn a_path_may_start_at_the_directory_at_hand() {
    let repo = Repo::new();
    repo.file("a/b/x.zkt", "/x\n")
        .file("a/y.zkt", "/y\n")
        .commit();
    let here = repo.path("a/b");
    fs::create_dir_all(&here).unwrap();
    let files = GitFiles::new(Disk::default()).at(&here);
    let repo = Repo { files, ..repo };
    assert_eq!(repo.nodes("git:HEAD:./x.zkt"), "/x");
    assert_eq!(repo.nodes("git:HEAD:."), "/x");
    assert_eq!(repo.nodes("git:HEAD:../y.zkt"), "/y");
    assert_eq!(repo.nodes("git:HEAD:a/y.zkt"), "/y");
    assert_eq!(
        repo.error("git:HEAD:../../../z.zkt"),
        "git:HEAD:../../../z.zkt: it leads to a/b/../../../z.zkt, outside of the commit"
    );
}

#[test]
fn nothing_leads_out_of_the_commit() {
    let repo = Repo::new();
    let outside = repo.folder.path().join("outside.zkt");
    fs::write(&outside, "/outside\n").unwrap();
    repo.file(
        "t/abs.zkt",
        &format!("/n\n  @include '{}'\n", outside.display()),
    )
    .file("t/up.zkt", "/n\n  @include '../../outside.zkt'\n")
    .file("up.zkt", "/n\n  @include '../outside.zkt'\n")
    .file("rev.zkt", "/n\n  @include 'git:HEAD:t/abs.zkt'\n")
    .link("t/link.zkt", outside.to_str().unwrap())
    .link("t/dir", "../../..")
    .commit();
    for layer in ["t/abs.zkt", "t/up.zkt", "up.zkt", "t/link.zkt", "t/dir"] {
        let error = repo.error(&format!("git:HEAD:{layer}"));
        assert!(error.contains("outside of the commit"), "{layer}: {error}");
    }
    let error = repo.error("git:HEAD:rev.zkt");
    assert!(error.ends_with("No such file or directory"), "{error}");
    // Nor does a file of the disk lead into one.
    fs::write(
        repo.path("disk.zkt"),
        "/n\n  @include 'git:HEAD:t/abs.zkt'\n",
    )
    .unwrap();
    let error = repo.error(repo.path("disk.zkt").to_str().unwrap());
    assert!(error.ends_with("No such file or directory"), "{error}");
}

#[test]
fn links_in_the_commit_are_followed_as_on_a_disk() {
    let repo = Repo::new();
    repo.file("real/deep/a.zkt", "/a\n  @data file '../beside'\n")
        .file("real/beside", "x")
        .file("t/self.zkt", "/n\n  @include 'self.zkt'\n")
        .link("t/d", "../real/deep")
        .link("t/nowhere.zkt", "none")
        .link("t/loop.zkt", "loop.zkt")
        .link("back", "real/../back")
        .commit();
    // As on a disk `..` is beside the place of the real directory.
    assert_eq!(repo.nodes("git:HEAD:t/d"), "/a");
    assert_eq!(repo.nodes("git:HEAD:t/d/../deep/a.zkt"), "/a");
    let error = repo.error("git:HEAD:t");
    assert!(error.contains("levels of symbolic links"), "{error}");
    let error = repo.error("git:HEAD:back");
    assert!(error.contains("levels of symbolic links"), "{error}");
    let error = repo.error("git:HEAD:t/self.zkt");
    assert!(error.starts_with("git:HEAD:t/self.zkt:2:12: "), "{error}");
}

#[test]
fn what_is_missing_is_told() {
    let repo = Repo::new();
    repo.file("a.zkt", "/a\n").commit();
    for (layer, told) in [
        ("git:HEAD:none", "git:HEAD:none: No such file or directory"),
        ("git:HEAD:a.zkt/x", "git:HEAD:a.zkt/x: Not a directory"),
        (
            "git:HEAD",
            "git:HEAD: a layer in a commit is git:REV:PATH, a file of that name ./git:…",
        ),
    ] {
        assert_eq!(repo.error(layer), told);
    }
    for revision in ["none", "", "--all", "HEAD..HEAD", "HEAD~1", "^HEAD"] {
        let error = repo.error(&format!("git:{revision}:a.zkt"));
        assert!(error.contains("has no revision"), "{revision}: {error}");
    }
    let alone = tempfile::tempdir().unwrap();
    let files = GitFiles::new(Disk::default()).at(alone.path());
    let error = Repo {
        files,
        ..Repo::new()
    }
    .error("git:HEAD:a.zkt");
    assert!(error.contains("not a git repository"), "{error}");
}

#[test]
fn a_clone_without_its_objects_or_its_past_says_so() {
    let origin = Repo::new();
    origin.file("t/a.zkt", "/a\n").commit();
    origin.file("t/b.zkt", "/b\n").commit();
    git(
        &origin.path(""),
        &["config", "uploadpack.allowFilter", "true"],
    );
    let url = format!("file://{}", origin.path("").display());
    let partial = Repo::with(&["clone", "-q", "-n", "--filter=blob:none", &url, "repo"]);
    let error = partial.error("git:HEAD:t");
    assert!(
        error.starts_with("git:HEAD:t/b.zkt: the repository lacks object "),
        "{error}"
    );
    let partial = Repo::with(&["clone", "-q", "-n", "--filter=tree:0", &url, "repo"]);
    let error = partial.error("git:HEAD:t");
    assert!(error.contains("the repository lacks object "), "{error}");
    let shallow = Repo::with(&["clone", "-q", "--depth=1", &url, "repo"]);
    assert_eq!(shallow.nodes("git:origin/main:t"), "/b");
    let error = shallow.error("git:HEAD~1:t");
    assert!(
        error.contains("it is a shallow clone, which lacks older commits"),
        "{error}"
    );
}

#[test]
fn every_kind_of_repository_is_read() {
    let origin = Repo::new();
    origin.file("t/a.zkt", "/a\n").commit();
    git(&origin.path(""), &["gc", "-q"]);
    assert_eq!(origin.nodes("git:main:t"), "/a");
    git(
        &origin.path(""),
        &["worktree", "add", "-q", "../work", "main~0"],
    );
    let files = GitFiles::new(Disk::default()).at(&origin.folder.path().join("work"));
    assert_eq!(Repo { files, ..origin }.nodes("git:main:t"), "/a");
    let longer = Repo::with(&["init", "-q", "--object-format=sha256", "-b", "main", "repo"]);
    longer.file("t/a.zkt", "/a\n").commit();
    assert_eq!(longer.nodes("git:main:t"), "/a");
    let bare = Repo::with(&[
        "clone",
        "-q",
        "--bare",
        longer.path("").to_str().unwrap(),
        "repo",
    ]);
    assert_eq!(bare.nodes("git:main:t"), "/a");
}

#[test]
fn a_submodule_is_no_part_of_a_layer() {
    let other = Repo::new();
    other.file("b.zkt", "/b\n").commit();
    let repo = Repo::new();
    let url = other.path("").display().to_string();
    repo.file("t/a.zkt", "/a\n");
    git(&repo.path(""), &["submodule", "add", "-q", &url, "t/other"]);
    git(&repo.path(""), &["add", "-A"]);
    git(&repo.path(""), &["commit", "-qm", "x"]);
    assert_eq!(
        repo.error("git:HEAD:t"),
        "git:HEAD:t/other: it is a submodule: its files are in another repository"
    );
    assert_eq!(repo.nodes("git:HEAD:t/a.zkt"), "/a");
}

#[test]
fn nothing_that_the_repository_configures_is_run() {
    let repo = Repo::new();
    repo.file("t/a.zkt", "/a\n")
        .file(
            ".gitattributes",
            "*.zkt filter=evil diff=evil text eol=crlf\n",
        )
        .commit();
    let marker = repo.folder.path().join("marker");
    let evil = format!("touch {}; false", marker.display());
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.evil.textconv",
        "alias.rev-parse",
        "alias.cat-file",
    ] {
        let value = if key.starts_with("alias") {
            format!("!{evil}")
        } else {
            evil.clone()
        };
        git(&repo.path(""), &["config", key, &value]);
    }
    assert_eq!(repo.nodes("git:HEAD:t"), "/a");
    assert!(!marker.exists());
}

#[test]
fn files_are_bounded_and_so_is_the_wait() {
    let repo = Repo::new();
    repo.file("a.zkt", "/a\n  @data file 'large'\n")
        .file("large", &"x".repeat(2000))
        .file("b.zkt", "/b\n")
        .commit();
    let disk = Disk {
        largest: 1000,
        ..Disk::default()
    };
    let files = GitFiles::new(disk).at(&repo.path(""));
    let repo = Repo { files, ..repo };
    let error = repo.error("git:HEAD:a.zkt");
    assert!(error.contains("more than the 1000 bytes"), "{error}");
    assert_eq!(repo.nodes("git:HEAD:b.zkt"), "/b");

    let repo = repo.asked_with(|git| {
        git.words = vec!["sh", "-c", "exec sleep 600"];
        git.patience = Duration::from_millis(20);
    });
    let error = repo.error("git:main:b.zkt");
    assert!(error.contains("git gave no answer within 20ms"), "{error}");
    let repo = repo.asked_with(|git| git.words = vec!["/no/such/git"]);
    let error = repo.error("git:main:b.zkt");
    assert!(error.contains("cannot run git: No such file"), "{error}");
}

#[test]
fn what_git_says_against_a_repository_is_passed_on() {
    let repo = Repo::new();
    repo.file("a.zkt", "/a\n").commit();
    let foreign = "GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec \"$0\" \"$@\"";
    let repo = repo.asked_with(|git| git.words = vec!["sh", "-c", foreign, "git"]);
    let error = repo.error("git:HEAD:a.zkt");
    assert!(error.contains("dubious ownership"), "{error}");
}

#[cfg(feature = "sops")]
#[test]
fn an_encrypted_file_on_the_disk_is_no_part_of_the_commit() {
    use crate::declare::secrets::tests::with_sops;

    let repo = Repo::new();
    let folder = fs::canonicalize(repo.folder.path()).unwrap();
    let text = include_str!("../../../../tests/sops/all.yaml");
    fs::create_dir(folder.join("disk")).unwrap();
    fs::write(folder.join("disk/prod.yaml"), text).unwrap();
    let disk = folder.join("disk").display().to_string();
    let take = |from: &str| format!("/a\n  @secret x from sops '{from}' db.password\n");
    repo.file("in.zkt", &take("prod.yaml"))
        .file("prod.yaml", text)
        .file("out.zkt", &take(&format!("{disk}/prod.yaml")))
        .commit();
    let load = |layer: &str, allowed: &str| with_sops(&repo.files, &[layer], allowed);
    assert_eq!(load("git:main:in.zkt", "env:APP_*"), "1");
    let found = load("git:main:out.zkt", "env:APP_*");
    assert!(found.contains("and no file there may be taken"), "{found}");
    assert_eq!(load("git:main:out.zkt", &disk), "1");
}

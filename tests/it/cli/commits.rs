//! Layers in commits of a git repository: `git:REV:PATH`.

use std::process::Command;

use super::*;

impl Place {
    pub(super) fn git(&self, words: &str) -> String {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(["-c", "commit.gpgsign=false"])
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    pub(super) fn commit(&self) {
        self.git("add -A");
        self.git("commit -qm x");
    }
}

/// A repository with a branch `main`, and a branch that changes its trees.
fn repository(place: &Place) {
    place.git("init -q -b main");
    place
        .file(
            "trees/cms.zkt",
            "/cms\n  threads = 4\n  @include '../shared.zkt'\n",
        )
        .file("shared.zkt", "/pool\n  size = 1\n");
    place.commit();
    place.git("checkout -q -b faster");
    place
        .file(
            "trees/cms.zkt",
            "/cms\n  threads = 8\n  @include '../shared.zkt'\n",
        )
        .file("shared.zkt", "/pool\n  size = 2\n")
        .file("trees/lb.zkt", "/lb\n");
    place.commit();
}

#[test]
fn a_diff_shows_what_a_branch_changes() {
    let place = Place::offline();
    repository(&place);
    let changes = place.run("diff --old git:main:trees --new trees");
    insta::assert_snapshot!(changes, @"
    zkt diff: git:main:trees <- trees

      + /lb                                              trees/lb.zkt:1
      ~ /cms
          threads = 4 -> 8
      ~ /cms/pool
          size = 1 -> 2

    Plan: 1 to add, 2 to update, 0 to link, 0 to trim.
    --- exit 1
    ");
    place.run("diff git:faster:trees trees").expect(0);
    place
        .run("diff git:main:trees git:HEAD~1:./trees")
        .expect(0);
    place.file("prod.zkt", "/cms\n  threads = 16\n");
    let shown = place.run("show git:main:trees prod.zkt");
    insta::assert_snapshot!(shown, @"
    /cms
      threads = 16
      /pool
        size = 1
    --- exit 0
    ");
}

#[test]
fn errors_name_the_place_in_the_commit() {
    let place = Place::offline();
    place.git("init -q -b main");
    place
        .file("trees/a.zkt", "/a\n  x = 1\n  y = yes\n")
        .file("trees/b.zkt", "/b\n  @include '/etc/passwd'\n");
    place.commit();
    let run = place.run("check git:main:trees --allow-files /etc");
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("git:main:trees/a.zkt:3:7"),
        "{}",
        run.stderr
    );
    let told = "outside of the commit, where --allow-files does not apply";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    for (layer, told) in [
        ("git:none:trees", "the repository has no revision \"none\""),
        ("git:main:none", "git:main:none: No such file or directory"),
    ] {
        let run = place.run(&format!("check {layer}"));
        assert!(run.code == 1 && run.stderr.contains(told), "{}", run.stderr);
    }
    let watch = place.run("watch git:main:trees --once");
    assert_eq!(watch.code, 1);
    let told = "git:main:trees: watch follows files";
    assert!(watch.stderr.contains(told), "{}", watch.stderr);
}

#[tokio::test]
async fn a_commit_is_applied() {
    let place = Place::new("commit_applied").await;
    repository(&place);
    place.run("apply -y git:main:trees").expect(0);
    place.run("diff live git:main:trees").expect(0);
    for format in ["json", "zkt"] {
        let export = format!("export --acl --format {format} -o export.{format}");
        place.run(&export).expect(0);
        place
            .run(&format!("diff export.{format} git:main:trees"))
            .expect(0);
        place.run(&format!("diff export.{format} trees")).expect(1);
    }
    place
        .file("broken.json", "{}")
        .run("diff broken.json trees")
        .expect(2);
    place.run("diff live trees").expect(1);
}

/// What a branch changes in the trees of a context, and how two contexts differ.
#[test]
fn a_diff_takes_contexts_on_both_sides() {
    let place = Place::offline();
    repository(&place);
    let contexts = "[context.prod]\nlayers = ['trees']\n[context.dev]\nlayers = ['dev.zkt']\n";
    place.git("checkout -q main");
    place.file("zkt.toml", contexts.replace("'trees'", "'trees/cms.zkt'"));
    place.commit();
    place.git("checkout -q faster");
    place
        .file("zkt.toml", contexts)
        .file("dev.zkt", "/cms\n  threads = 1\n");
    let words = "--old git:main:./trees/cms.zkt --new trees";
    let by_layers = place.run(&format!("diff {words}")).expect(1);
    let since = place.run("diff --since main --context prod").expect(1);
    let of_context = "  context prod of zkt.toml\n";
    assert!(since.stdout.contains(of_context), "{since}");
    assert_eq!(since.stdout.replace(of_context, ""), by_layers.stdout);
    let other = place
        .run("diff --since main --old-context prod --context dev")
        .expect(1);
    assert!(other.stdout.contains("threads = 4 -> 1"), "{other}");
    let two = place.run("diff --old-context dev --context prod").expect(1);
    assert!(two.stdout.contains("threads = 1 -> 8"), "{two}");
    for (words, error) in [
        ("--since main", "<NEW>"),
        (
            "--since main --new trees",
            "no context holds whose layers the old tree could have",
        ),
        (
            "--since main --context dev --old-context none",
            "has no context \"none\"",
        ),
        ("--since none --context prod", "has no revision \"none\""),
        (
            "--old-context dev --old a.zkt --context prod",
            "cannot be used with",
        ),
        ("--since main trees --context prod", "cannot be used with"),
    ] {
        let run = place.run(&format!("diff {words}")).expect(2);
        assert!(run.stderr.contains(error), "{words}: {run}");
    }
}

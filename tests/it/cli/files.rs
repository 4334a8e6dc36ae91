//! Directories as subtrees: `@files`, and `export --files`.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

/// An XML file of many lines, one of which is to be changed.
fn xml(threads: u32) -> String {
    let field = |i| format!("  <field name=\"f{i}\" type=\"string\"/>\n");
    let fields = |range: std::ops::Range<u32>| range.map(field).collect::<String>();
    format!(
        "<schema>\n{}  <threads>{threads}</threads>\n{}</schema>\n",
        fields(0..100),
        fields(100..200)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn files_are_applied_exported_and_applied_again_without_a_change() {
    let place = Place::new("files").await;
    place
        .file(
            "trees/a.zkt",
            "/solr\n  @files '../conf'\n  @secret *.key\n",
        )
        .file("conf/schema.xml", xml(4))
        .file("conf/lang/stopwords.txt", "der\r\ndie\r\n")
        .file("conf/lang/@self", "{}")
        .file("conf/.lock", "")
        .file("conf/logo.png", b"\x89PNG\r\n\x1a\n\0")
        .file("conf/tls.key", "hunter2")
        .file("conf/empty.txt", "")
        .file("conf/none/.gitkeep", "");
    let layers = "trees --allow-files .";
    let first = place.run(&format!("apply -y {layers}")).expect(0);
    assert!(!first.everything().contains("hunter2"), "{first}");
    let nodes = place.nodes().await;
    let nodes = nodes.lines().filter(|node| !node.contains("schema"));
    insta::assert_snapshot!(nodes.collect::<Vec<_>>().join("\n"), @r#"
    /solr "" v0
    /solr/empty.txt "" v0
    /solr/lang "{}" v0
    /solr/lang/stopwords.txt "der\r\ndie\r\n" v0
    /solr/logo.png "�PNG\r\n\u{1a}\n\0" v0
    /solr/none "" v0
    /solr/tls.key "hunter2" v0
    "#);
    insta::assert_snapshot!(place.run(&format!("plan {layers}")), @"
    zkt plan: SERVER <- trees

    No changes: 8 nodes are as declared.
    --- exit 0
    ");

    place
        .file("conf/schema.xml", xml(8))
        .file("conf/logo.png", b"\x89PNG\r\n\x1a\n\x01")
        .file("conf/tls.key", "hunter3");
    fs::remove_file(place.path("conf/empty.txt")).unwrap();
    let mut plan = place.command(&format!("plan --trim {layers}"));
    plan.env("COLUMNS", "80");
    let plan = place.finish(plan.spawn().unwrap());
    insta::assert_snapshot!(plan, @r#"
    zkt plan: SERVER <- trees
      trim all

      ~ /solr/logo.png
          @data base64 'iVBORw0KGgoA' -> base64 'iVBORw0KGgoB'
      ~ /solr/schema.xml
          @data (203 lines)
            @@ -100,5 +100,5 @@
                <field name="f98" type="string"/>
                <field name="f99" type="string"/>
            -   <threads>4</threads>
            +   <threads>8</threads>
                <field name="f100" type="string"/>
                <field name="f101" type="string"/>
      ~ /solr/tls.key
          @data (secret) -> (secret)
      - /solr/empty.txt                                  (1 node)

    Plan: 0 to add, 3 to update, 0 to link, 1 to trim.
    --- exit 0
    "#);
    place.run(&format!("apply -y --trim {layers}")).expect(0);

    insta::assert_snapshot!(place.run("export --files out/solr /solr"), @"
    --- stderr
    error: out/solr: No such file or directory
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("export --files new /solr -o out.zkt"), @"
    --- stderr
    wrote 6 files to new
    --- exit 0
    ");
    place.file("lines/.keep", "");
    place
        .run("export --files new2 /solr -o lines/out.zkt")
        .expect(0);
    assert_eq!(place.read("lines/out.zkt"), "/solr\n  @files '../new2'\n");
    assert_eq!(place.read("new/schema.xml"), xml(8));
    assert_eq!(place.read("new/lang/@self"), "{}");
    assert_eq!(place.read("new/lang/stopwords.txt"), "der\r\ndie\r\n");
    insta::assert_snapshot!(place.run("plan --trim out.zkt"), @"
    zkt plan: SERVER <- out.zkt
      trim all

    No changes: 7 nodes are as declared.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("export --files new /solr"), @"
    --- stderr
    error: new: directory not empty
    hint: --files makes a new directory, or fills an empty one
    --- exit 1
    ");
    assert_eq!(place.read("new/schema.xml"), xml(8));
    // Nothing is left over, whatever failed.
    let names = fs::read_dir(place.folder.path()).unwrap();
    let hidden = names.filter(|name| {
        let name = name.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(".zkt-export")
    });
    assert_eq!(hidden.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_export_fills_an_empty_directory_and_fails_whole() {
    use std::os::unix::fs::MetadataExt as _;

    let place = Place::new("files-whole").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    create(&client, "/a/b", "").await;
    create(&client, "/a/b/c", "1").await;
    let entries = |name: &str| fs::read_dir(place.path(name)).unwrap().count();
    let inode = |name: &str| fs::metadata(place.path(name)).unwrap().ino();

    fs::create_dir(place.path("empty")).unwrap();
    let before = inode("empty");
    let run = place
        .run("export --files empty /a -o empty/tree.zkt")
        .expect(1);
    assert_eq!(
        run.stderr,
        "error: empty/tree.zkt is a file of the directory that it is to declare\n\
         hint: write it beside the directory\n"
    );
    for words in ["--files empty", "--files new"] {
        place
            .run(&format!("export {words} /a -o missing/out.zkt"))
            .expect(1);
    }
    assert!(!place.path("new").exists());
    assert_eq!(entries("empty"), 0);
    // It may be the directory of a shell.
    place.run("export --files empty /a -o out.zkt").expect(0);
    assert_eq!(inode("empty"), before);
    assert_eq!(entries("empty"), 1);
    assert_eq!(place.read("empty/b/c"), "1");
    let run = place.run("plan out.zkt").expect(0);
    assert!(run.stdout.contains("No changes"), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_files_do_not_hold_is_said() {
    let place = Place::new("files-said").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    create(&client, "/a/Readme", "1").await;
    create(&client, "/a/README", "2").await;
    create(&client, "/a/.env", "3").await;
    create_as(
        &client,
        "/a/e",
        "4",
        zookeeper_client::CreateMode::Ephemeral,
    )
    .await;
    place
        .file(
            "acl.zkt",
            "/a\n  /.env\n    @acl world:anyone:cdrwa ip:127.0.0.1:r\n    @data '3'\n",
        )
        .run("apply -y acl.zkt")
        .expect(0);
    insta::assert_snapshot!(place.run("export --files a /a"), @"
    /a
      @files 'a' * .*
    --- stderr
    wrote 3 files to a
    note: 1 ephemeral node is left out
    warning: /a/README and /a/Readme differ in case only: some systems take their files for one
    note: 1 node has an ACL other than open, left out here; files hold none; export --acl shows them, @acl beside @files declares one
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("export --files root / -q"), @"
    /a
      @files 'root/a' * .*
    --- stderr
    warning: /a/README and /a/Readme differ in case only: some systems take their files for one
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("export --files leaf /a/.env -q"), @"
    /.env
      @files 'leaf'
    --- exit 0
    ");
    assert_eq!(place.read("leaf/@self"), "3");
    insta::assert_snapshot!(place.run("export --files b /a --acl"), @"
    --- stderr
    error: the argument '--files <DIR>' cannot be used with '--acl'

    Usage: zkt export --files <DIR> <PATH>

    For more information, try '--help'.
    --- exit 1
    ");
    create(&client, "/a/@self", "5").await;
    insta::assert_snapshot!(place.run("export --files b /a"), @"
    --- stderr
    error: /a/@self cannot be a file: one of the name @self holds the bytes of the node around it
    hint: zkt export without --files writes it as tree text
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("export --files b /none"), @"
    --- stderr
    error: /none does not exist on SERVER
    --- exit 1
    ");
    assert!(!place.path("b").exists());
}

#[test]
fn only_files_of_the_root_are_nodes() {
    let place = Place::offline();
    place
        .file("repo/a.zkt", "/a\n  @files 'conf'\n")
        .file("repo/conf/x.txt", "x")
        .file("outside/secret.txt", "hunter2");
    symlink("x.txt", place.path("repo/conf/link.txt")).unwrap();
    insta::assert_snapshot!(place.run("show repo"), @"
    /a
      @data ''
      /link.txt
        @data 'x'
      /x.txt
        @data 'x'
    --- exit 0
    ");
    symlink("..", place.path("repo/conf/up")).unwrap();
    symlink("../../outside", place.path("repo/conf/out")).unwrap();
    symlink("../../outside/secret.txt", place.path("repo/conf/out.txt")).unwrap();
    symlink("none", place.path("repo/conf/dangling")).unwrap();
    symlink("/proc/version", place.path("repo/conf/system")).unwrap();
    place.fifo("repo/conf/fifo");
    let _listener = UnixListener::bind(place.path("repo/conf/socket")).unwrap();
    fs::write(place.path("repo/conf/new\nline\u{1b}[1m"), "").unwrap();
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff.txt");
    fs::write(place.path("repo/conf").join(name), "").unwrap();
    insta::assert_snapshot!(place.run("check repo/a.zkt"), @r#"
    --- stderr
    error: repo/conf/dangling: it is a symbolic link that leads nowhere, or was removed just now
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: repo/conf/fifo: it is no regular file
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: repo/conf/new\nline\u001b[1m: its name cannot name a node: ZooKeeper refuses the character U+000A in a node name
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: repo/conf/out: it lies at DIR/outside, outside of DIR/repo; --allow-files DIR allows more
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: repo/conf/out.txt: it lies at DIR/outside/secret.txt, outside of DIR/repo; --allow-files DIR allows more
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: repo/conf/socket: it is no regular file
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: repo/conf/system: it lies at /proc/version, and what the system shows there is never read as data
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: repo/conf/up/conf: it leads back to a directory that it lies in
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: repo/conf/�.txt: its name is not UTF-8, so that it cannot name a node
     --> repo/a.zkt:2:10
      |
    2 |   @files 'conf'
      |          ^^^^^^

    error: 9 errors in 1 file
    --- exit 1
    "#);
    // What a glob leaves out may be anything.
    place.file("repo/a.zkt", "/a\n  @files 'conf' x.txt !out !up\n");
    place.run("check repo/a.zkt").expect(0);
}

#[test]
fn a_commit_has_directories_too() {
    let place = Place::offline();
    place.git("init -q -b main");
    place
        .file("t/a.zkt", "/a\n  @files '../conf' !*.md\n")
        .file("conf/x/y.txt", "old\n")
        .file("conf/x/@self", "self")
        .file("conf/README.md", "no node");
    symlink("x/y.txt", place.path("conf/link")).unwrap();
    place.commit();
    place.file("conf/x/y.txt", "new\n").file("conf/z", "z\n");
    insta::assert_snapshot!(place.run("diff --old git:main:t --new t"), @r#"
    zkt diff: git:main:t <- t

      + /a/z                                             t/a.zkt:2
          @data 'z\n'
      ~ /a/link
          @data 'old\n' -> 'new\n'
      ~ /a/x/y.txt
          @data 'old\n' -> 'new\n'

    Plan: 1 to add, 2 to update, 0 to link, 0 to trim.
    --- exit 1
    "#);
    // Standard input stands in the working directory.
    let shown = place
        .run_with("show -", "/a\n  @files 'conf/x'\n")
        .expect(0);
    assert!(shown.stdout.contains("/y.txt"), "{shown}");
}

#[test]
fn a_file_that_no_request_can_carry_is_named() {
    let place = Place::offline();
    place
        .file("a.zkt", "/a\n  @files 'conf'\n")
        .file("conf/large.bin", vec![0; 1_048_576])
        .file("conf/small.bin", "");
    insta::assert_snapshot!(place.run("check a.zkt --max-request 1048575"), @"
    --- stderr
    error: the node /a/large.bin needs 1048653 bytes, and ZooKeeper takes at most 1,048,575 in a request
     --> a.zkt:2:3
      |
    2 |   @files 'conf'
      |   ^^^^^^^^^^^^^
      |
      = help: --max-request SIZE allows more, where the servers' jute.maxbuffer does

    --- exit 1
    ");
}

/// Git keeps none, so that a checkout would declare another tree than the machine of the author.
#[test]
fn a_directory_without_files_is_no_node() {
    let place = Place::offline();
    place
        .file("a.zkt", "/a\n  @files 'conf'\n")
        .file("conf/kept/.gitkeep", "")
        .file("conf/x", "1");
    for empty in ["conf/empty", "conf/nested/empty"] {
        fs::create_dir_all(place.path(empty)).unwrap();
    }
    insta::assert_snapshot!(place.run("show a.zkt").expect(0).stdout, @"
    /a
      @data ''
      /kept
        @data ''
      /x
        @data '1'
    ");
}

/// Whoever may write nodes would have whoever exports them run commands.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_file_of_an_export_is_gits_own() {
    let place = Place::new("files-git").await;
    let client = place.client().await;
    for path in [
        "/conf",
        "/conf/.git",
        "/conf/.git/config",
        "/other",
        "/other/GIT~1",
    ] {
        create(&client, path, "[core]").await;
    }
    insta::assert_snapshot!(place.run("export --files conf /conf"), @"
    --- stderr
    error: /conf/.git cannot be a file: git would take it for its own .git, and may run what it says
    hint: zkt export without --files writes it as tree text
    --- exit 1
    ");
    place.run("export --files other /other").expect(1);
    assert!(!place.path("conf").exists() && !place.path("other").exists());
}

//! `export` and `ls`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;

use zookeeper_client::CreateMode;

use crate::server::{Server, shared};

use super::{Place, create, create_as, mode};

async fn tree(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(
        &client,
        "/a",
        r#"{"type":"t","x":1,"l ->":"/a/b","p =>":"b x"}"#,
    )
    .await;
    create(&client, "/a/b", b"\xff\x00").await;
    create(&client, "/a/b c", "text").await;
    create(&client, "/a/empty", "").await;
    create_as(&client, "/a/me", "{}", CreateMode::Ephemeral).await;
    std::mem::forget(client);
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn export() {
    let place = tree("export").await;
    insta::assert_snapshot!(place.run("export"), @r#"
    /a : t
      x = 1
      l -> /a/b
      p => b x
      /b
        @data base64 '/wA='
      /"b c"
        string_value = 'text'
      /empty
        @data ''
    --- stderr
    note: 1 node holds JSON that zkt spells otherwise; --exact keeps its bytes
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("export --name top -e /a"), @r#"
    /top : t
      x = 1
      l -> /a/b
      p => b x
      /b
        @data base64 '/wA='
      /"b c"
        string_value = 'text'
      /empty
        @data ''
      /me
        @ephemeral
    --- stderr
    note: 1 node holds JSON that zkt spells otherwise; --exact keeps its bytes
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("export --exact /a"), @r#"
    /a
      @data '{"type":"t","x":1,"l ->":"/a/b","p =>":"b x"}'
      /b
        @data base64 '/wA='
      /"b c"
        string_value = 'text'
      /empty
        @data ''
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("export /a/b --format json --acl"), @r#"
    {"properties": {}, "children": {
     "b": {"properties": {}, "data": {"base64": "/wA="}, "acl": ["world:anyone:cdrwa"], "children": {}}}}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("export /nosuch"), @"
    --- stderr
    error: /nosuch does not exist on SERVER
    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn export_to_a_file_is_all_or_nothing() {
    let place = tree("export-file").await;
    place.run("export -o new.zkt").expect(0);
    assert_eq!(place.read("new.zkt"), place.run("export").stdout);
    assert_eq!(mode(&place.path("new.zkt")), 0o644);
    place.file("old.zkt", "old");
    symlink("old.zkt", place.path("link.zkt")).unwrap();
    place.run("export -o link.zkt /nosuch").expect(1);
    assert_eq!(place.read("old.zkt"), "old");
    place.run("export -o link.zkt /a").expect(0);
    assert!(place.read("old.zkt").starts_with("/a : t\n"));
    assert!(
        fs::symlink_metadata(place.path("link.zkt"))
            .unwrap()
            .is_symlink()
    );
    place.run("export -o no/such/folder").expect(1);
    place.run("export -o .").expect(1);
    let names = fs::read_dir(place.folder.path()).unwrap();
    assert_eq!(names.count(), 3);
}

/// Put in the place of /dev/null, a file would end more than the export.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn export_writes_to_a_pipe_and_does_not_replace_it() {
    let place = tree("export-pipe").await;
    let pipe = place.fifo("pipe");
    let both_ends = fs::OpenOptions::new().read(true).write(true).open(&pipe);
    place.run("export -o pipe /a/b").expect(0);
    assert!(!fs::metadata(&pipe).unwrap().is_file());
    let expected = "/b\n  @data base64 '/wA='\n";
    let mut text = vec![0; expected.len()];
    both_ends.unwrap().read_exact(&mut text).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_servers_own_nodes_are_not_exported() {
    let server = Server::start();
    let place = Place {
        hosts: server.address(),
        ..Place::offline()
    };
    let client = place.client().await;
    create(&client, "/a", "").await;
    assert_eq!(place.run("export").expect(0).stdout, "/a\n  @data ''\n");
    assert_eq!(place.run("ls").expect(0).stdout, "/\n/a\n");
    place.file("a.zkt", "/zookeeper\n  x = 1\n");
    insta::assert_snapshot!(place.run("plan a.zkt"), @"
    --- stderr
    error: /zookeeper belongs to ZooKeeper itself and cannot be declared
     --> a.zkt:1:2
      |
    1 | /zookeeper
      |  ^^^^^^^^^

    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ls() {
    let place = tree("ls").await;
    insta::assert_snapshot!(place.run("ls"), @r#"
    /
    /a
    /a/b
    /a/"b c"
    /a/empty
    /a/me
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("ls --no-ephemeral --depth 1 //a/"), @r#"
    /a
    /a/b
    /a/"b c"
    /a/empty
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("ls --depth 0 /a"), @"
    /a
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("ls /nosuch"), @"
    --- stderr
    error: /nosuch does not exist on SERVER
    --- exit 1
    ");
    let long = place.run("ls -l /a").expect(0).stdout;
    let without_time: Vec<String> = long
        .lines()
        .map(|line| line[..27].to_owned() + &line[47..])
        .collect();
    insta::assert_snapshot!(without_time.join("\n"), @r#"
    - v0            45       4  /a
    - v0             2       0  /a/b
    - v0             4       0  /a/"b c"
    - v0             0       0  /a/empty
    e v0             2       0  /a/me
    "#);
    let mut json = place
        .run("ls --format json /a/b")
        .expect(0)
        .json()
        .remove(0);
    let modified = json["nodes"][0]["modified"].take();
    assert!(modified.as_str().unwrap().ends_with('Z'), "{modified}");
    insta::assert_snapshot!(json, @r#"{"format_version":"1.2","nodes":[{"bytes":2,"children":0,"ephemeral":false,"modified":null,"path":"/a/b","version":0}]}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn deep_and_large() {
    let place = Place::new("deep").await;
    let by_lines: String = (0..300).map(|i| format!("{:i$}/a\n", "")).collect();
    let large = format!("/large\n  x = '{}'\n", "é".repeat(500_000));
    place.file("a.zkt", by_lines).file("b.zkt", large);
    place.run("apply -y a.zkt b.zkt").expect(0);
    assert_eq!(place.run("ls /a").expect(0).stdout.lines().count(), 300);
    let run = place.run("apply -y a.zkt b.zkt").expect(0);
    assert_eq!(run.last(), "No changes: 301 nodes are as declared.");
    place.file(
        "c.zkt",
        format!("/large\n  x = '{}'\n", "é".repeat(600_000)),
    );
    let run = place.run("apply -y c.zkt").expect(3);
    let (_, refusal) = run.stdout.split_once("\nrefused: ").unwrap();
    insta::assert_snapshot!(refusal, @"
    /large: writing it takes a request of 1200052 bytes, more than the request limit of 1,048,575, which may be as high as the servers' jute.maxbuffer; --max-request SIZE raises it (c.zkt:1:1)

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    ");
    assert!(shared().four_letters("srvr").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_export_to_a_file_is_whole_and_heeds_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new("export-file").await;
    place.file(
        "a.zkt",
        "/a\n  /shut\n    @acl ip:10.255.255.1:r\n  type = '\"web'\n",
    );
    place.run("apply -y a.zkt").expect(0);
    place.file("whole.zkt", "as it was");
    let run = place.run("export -o whole.zkt").expect(1);
    assert!(
        run.stderr
            .starts_with("error: not authorized to read /a/shut\n"),
        "{run}"
    );
    assert_eq!(place.read("whole.zkt"), "as it was");
    let partial = place.run("export").expect(1);
    assert_eq!(partial.stdout, "/a\n  type = '\"web'\n");

    let open = Place::new("export-umask").await;
    open.file("a.zkt", "/a\n");
    open.run("apply -y a.zkt").expect(0);
    let mut shell = std::process::Command::new("sh");
    shell.args([
        "-c",
        "umask 077; exec \"$0\" export -o secret.zkt",
        env!("CARGO_BIN_EXE_zkt"),
    ]);
    open.prepare(&mut shell);
    assert!(shell.status().unwrap().success());
    let mode = std::fs::metadata(open.path("secret.zkt"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// One of ZooKeeper's own nodes has the version -1, by which no write could be guarded.
#[tokio::test(flavor = "multi_thread")]
async fn zookeepers_own_nodes_are_listed() {
    let place = Place::at(&crate::server::shared().address());
    for words in [
        "ls -l /zookeeper",
        "ls --depth 2 /zookeeper",
        "export /zookeeper",
    ] {
        let run = place.run(words).expect(0);
        assert!(run.stdout.contains("zookeeper"), "{words}: {run}");
    }
}

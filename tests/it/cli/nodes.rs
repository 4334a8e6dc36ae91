//! `get`, `set`, `resolve`, `ln` and `rm`.

use zookeeper_client::CreateMode;

use super::{Place, create, create_as};

async fn tree(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    let cms = r#"{"threads =>":"/foo","type":"z4m cms","main ->":"/foo/main","n":[1,"a"]}"#;
    create(&client, "/cms", cms).await;
    create(&client, "/foo", r#"{"threads":3,"secret":"1234"}"#).await;
    create(&client, "/foo/main", b"\xff\x00").await;
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn get() {
    let place = tree("get").await;
    insta::assert_snapshot!(place.run("get /cms"), @r#"
    main -> /foo/main
    n = [1, 'a']
    threads = 3
    type = 'z4m cms'
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("get /cms threads"), @"
    3
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("get /cms type"), @"
    z4m cms
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("get --format json /cms"), @r#"
    {"format_version":"1.0","path":"/cms","properties":{"main ->":"/foo/main","n":[1,"a"],"threads":3,"type":"z4m cms"},"real_path":"/cms"}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("get --format json /cms n"), @r#"
    {"format_version":"1.0","name":"n","path":"/cms","value":[1,"a"]}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("get --raw /foo"), @r#"{"threads":3,"secret":"1234"}--- exit 0"#);
    insta::assert_snapshot!(place.run("get /foo nosuch"), @"
    --- stderr
    error: /foo has no property nosuch
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("get /nosuch"), @"
    --- stderr
    error: /nosuch does not exist
    --- exit 1
    ");
    place.run("set /foo threads-").expect(0);
    insta::assert_snapshot!(place.run("get /cms"), @"
    main -> /foo/main
    n = [1, 'a']
    threads => /foo
    type = 'z4m cms'
    --- stderr
    error: the property link threads leads nowhere: /foo has no property threads
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("get /cms threads"), @"
    --- stderr
    error: the property link threads of /cms leads nowhere: /foo has no property threads
    --- exit 1
    ");
}

/// What zc.zk's `zookeeper_set_property` did.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn set() {
    let place = tree("set").await;
    place
        .run("set /foo threads=4 debug=True comment='ok'")
        .expect(0);
    insta::assert_snapshot!(place.run("get /foo"), @"
    comment = 'ok'
    debug = True
    secret = '1234'
    threads = 4
    --- exit 0
    ");
    place.run("set /foo debug- comment- x=a=b").expect(0);
    insta::assert_snapshot!(place.run("get --raw /foo"), @r#"{"secret":"1234","threads":4,"x":"a=b"}--- exit 0"#);
    insta::assert_snapshot!(place.run("set /foo novalue"), @r#"
    --- stderr
    error: expected NAME=VALUE or NAME-, found "novalue"
    --- exit 1
    "#);
    insta::assert_snapshot!(place.run("set /cms/main x=1"), @"
    --- stderr
    error: /foo/main holds bytes that are no text, and so has no properties to update
    hint: --replace puts the properties in the place of that data
    --- exit 1
    ");
    let mut link = place.command("set /foo");
    let link = link.arg("limit => /nosuch");
    let run = place.finish(link.spawn().unwrap());
    insta::assert_snapshot!(run, @"
    --- stderr
    error: the property link limit of /foo leads nowhere: /nosuch does not exist
    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn resolve_and_ln() {
    let place = tree("resolve").await;
    assert_eq!(
        place.run("resolve /cms/main").expect(0).stdout,
        "/foo/main\n"
    );
    assert_eq!(
        place.run("resolve /foo/./main/../main").expect(0).stdout,
        "/foo/main\n"
    );
    insta::assert_snapshot!(place.run("resolve /cms/other"), @"
    --- stderr
    error: /cms/other does not exist
    --- exit 1
    ");
    place.run("ln /foo/main /foo/m2").expect(0);
    assert_eq!(place.run("resolve /foo/m2").expect(0).stdout, "/foo/main\n");
    place.run("ln ../foo /cms/").expect(0);
    assert_eq!(
        place.run("resolve /cms/foo/m2").expect(0).stdout,
        "/foo/main\n"
    );
    insta::assert_snapshot!(place.run("ln /nowhere /cms/soon"), @"
    --- stderr
    warning: /cms/soon leads nowhere yet: /nowhere does not exist
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("ln /cms /foo/main"), @"
    --- stderr
    error: /foo/main exists, and a node hides a link of its name
    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rm() {
    let place = tree("rm").await;
    let client = place.client().await;
    create_as(&client, "/foo/e", "{}", CreateMode::Ephemeral).await;
    insta::assert_snapshot!(place.run("rm -n /foo"), @"
    would delete /foo/main
    kept /foo/e (ephemeral)
    kept /foo (holds an ephemeral node)
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("rm /foo"), @"
    deleted /foo/main
    kept /foo/e (ephemeral)
    kept /foo (holds an ephemeral node)
    --- stderr
    error: /foo was not deleted
    hint: --force deletes ephemeral nodes, too
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("rm --force /foo"), @"
    deleted /foo/e
    deleted /foo
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("rm /foo"), @"
    --- stderr
    error: /foo does not exist
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("rm /"), @"
    --- stderr
    error: / is everything; name what is to go
    --- exit 3
    ");
}

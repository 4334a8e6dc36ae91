//! `set` and `@keep properties` wrapped text into `{"string_value": …}`.

use super::super::cli::{Place, create};

const XML: &str = "<a>\n <b/>\n</a>\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn set_refuses_text_unless_it_is_to_be_replaced() {
    let place = Place::new("text-set").await;
    let client = place.client().await;
    create(&client, "/xml", XML).await;
    create(&client, "/nearly", "{\"a\": 1,}").await;
    create(&client, "/binary", b"\xff\x00").await;
    create(&client, "/blank", " \n").await;
    let before = place.exactly().await;
    insta::assert_snapshot!(place.run("set /xml x=1"), @"
    --- stderr
    error: the data of /xml is text (XML), and so has no properties to update
    hint: --replace puts the properties in the place of that data
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("set /nearly x=1"), @"
    --- stderr
    error: the data of /nearly is text (nearly JSON: trailing comma at line 1 column 9), and so has no properties to update
    hint: --replace puts the properties in the place of that data
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("set /binary x=1"), @"
    --- stderr
    error: /binary holds bytes that are no text, and so has no properties to update
    hint: --replace puts the properties in the place of that data
    --- exit 1
    ");
    place.run("ln /xml /nearly/link").expect(1);
    place.run("set /xml nosuch-").expect(0);
    assert_eq!(place.exactly().await, before);

    // A text may become another text.
    place.run("set /nearly string_value=text").expect(0);
    assert_eq!(place.run("get --raw /nearly").expect(0).stdout, "text");
    for node in ["xml", "nearly", "binary"] {
        place.run(&format!("set --replace /{node} x=1")).expect(0);
        let raw = place.run(&format!("get --raw /{node}")).expect(0).stdout;
        assert_eq!(raw, "{\"x\":1}");
    }
    place.run("set /blank x=1").expect(0);
    place.run("set --replace /blank y=2").expect(0);
    assert_eq!(
        place.run("get --raw /blank").expect(0).stdout,
        "{\"x\":1,\"y\":2}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_refuses_text_unless_it_is_to_be_replaced() {
    let place = Place::new("text-plan").await;
    create(&place.client().await, "/xml", XML).await;
    place.file("a.zkt", "/xml\n  @keep properties\n  x = 1\n");
    insta::assert_snapshot!(place.run("apply -y a.zkt"), @"
    zkt apply: SERVER <- a.zkt

    refused: /xml: its data is text (XML), which has no properties that @keep or @ignore could leave; --replace puts the declared ones in its place (a.zkt:2:3)

    Nothing is planned: the plan is refused.
    --- exit 3
    ");
    place.run("watch --once a.zkt").expect(3);
    assert_eq!(place.run("get --raw /xml").expect(0).stdout, XML);
    insta::assert_snapshot!(place.run("apply -y --replace a.zkt"), @r"
    zkt apply: SERVER <- a.zkt

      ~ /xml
        - string_value = '<a>\n <b/>\n</a>\n'
        + x = 1

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    Done: 0 added, 1 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
    assert_eq!(place.run("get --raw /xml").expect(0).stdout, "{\"x\":1}");
}

/// What `json.dumps` writes and JSON does not know: shown, and kept as it is spelled.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn json_of_python_is_properties() {
    let place = Place::new("text-python").await;
    let client = place.client().await;
    let nan = r#"{"b": 1, "a": [NaN, -Infinity], "s": "\ud83d"}"#;
    create(&client, "/nan", nan).await;
    create(&client, "/mark", "\u{feff}{\"x\": 1}").await;
    insta::assert_snapshot!(place.run("get /nan"), @r#"
    a = [NaN, -Infinity]
    b = 1
    s = "\ud83d"
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("get --format json /nan"), @r#"
    {"format_version":"1.2","path":"/nan","properties":{"a":["NaN","-Infinity"],"b":1,"s":"�"},"real_path":"/nan"}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("get /mark"), @"
    x = 1
    --- exit 0
    ");
    place.file("mark.zkt", "/mark\n  x = 1\n");
    place.run("plan --detailed-exitcode mark.zkt").expect(0);

    place.run("set /nan b=2").expect(0);
    let kept = r#"{"a": [NaN, -Infinity],"b":2,"s": "\ud83d"}"#;
    assert_eq!(place.run("get --raw /nan").expect(0).stdout, kept);
    place.file(
        "nan.zkt",
        "/nan\n  @keep properties\n  c = 3\n/mark\n  x = 2\n",
    );
    insta::assert_snapshot!(place.run("apply -y nan.zkt"), @"
    zkt apply: SERVER <- nan.zkt

      ~ /mark
          x = 1 -> 2
      ~ /nan
        + c = 3

    warning: /mark: its data starts with a byte-order mark, which goes with this change (nan.zkt:4:1) [odd-data]
    warning: /nan: its data holds NaN or Infinity, as Python writes them and JSON does not; what is not changed stays as it is spelled (nan.zkt:1:1) [odd-data]

    Plan: 0 to add, 2 to update, 0 to link, 0 to trim.
    Done: 0 added, 2 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
    let kept = r#"{"a": [NaN, -Infinity],"b":2,"c":3,"s": "\ud83d"}"#;
    assert_eq!(place.run("get --raw /nan").expect(0).stdout, kept);
    place.run("plan --detailed-exitcode nan.zkt").expect(0);

    // Its name is a string like any, and no number.
    place.run("set /nan a=[\"NaN\",\"-Infinity\"]").expect(0);
    let text = place.run("get --raw /nan").expect(0).stdout;
    assert!(
        text.starts_with(r#"{"a":["NaN","-Infinity"],"b":2"#),
        "{text}"
    );
    client
        .set_data("/nan", kept.as_bytes(), None)
        .await
        .unwrap();

    let text = place.run("export").expect(0).stdout;
    let copy = Place::new("text-python-copy").await;
    copy.file("copy.zkt", text);
    copy.run("apply -y copy.zkt").expect(0);
    assert_eq!(copy.run("get --raw /nan").expect(0).stdout, kept);
}

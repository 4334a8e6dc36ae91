//! Secrets and control characters do not reach the output.

use crate::cli::{Place, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn secrets_are_never_shown() {
    let place = Place::new("secrets").await;
    let client = place.client().await;
    create(
        &client,
        "/a",
        r#"{"pw":"hunter1","token":"hunter2","x":1,"pw ->":"/hunter3"}"#,
    )
    .await;
    create(&client, "/all", "hunter4").await;
    create(&client, "/broken", r#"{"pw": "hunter5""#).await;
    create(&client, "/typed", r#"{"type":"hunter6"}"#).await;
    let text = "\
/a
  @secret pw tok*
  pw = 'hunterA'
  x = 2
  pw -> /hunterB
/all
  @secret
  @data 'hunterC'
/broken
  @secret pw
  pw = 'hunterD'
/new
  @secret pw
  pw = 'hunterE'
  @acl world:anyone:cdrwa
/newall
  @secret
  y = 'hunterF'
/typed : hunterG
  @secret type
";
    place.file("a.zkt", text);
    let no_hunter = |words: &str, code| {
        let run = place.run(words).expect(code);
        assert!(!run.everything().contains("hunter"), "{words}: {run}");
        run
    };
    insta::assert_snapshot!(no_hunter("plan a.zkt", 0), @"
    zkt plan: SERVER <- a.zkt

      + /new                                             a.zkt:12
          acl: world:anyone:cdrwa
          pw = (secret)
      + /newall                                          a.zkt:16
          @data (secret)
      ~ /a
          pw = (secret) -> (secret)
        - token = (secret)
          x = 1 -> 2
      ~ /all
          @data (secret) -> (secret)
      ~ /broken
        + pw = (secret)
        - string_value = (secret)
      ~ /typed
          type = (secret) -> (secret)
      @ /a
          pw -> (secret)  (was (secret))

    warning: /a: link pw -> (secret) leads nowhere (a.zkt:5:3) [dangling-link]

    Plan: 2 to add, 4 to update, 1 to link, 0 to trim.
    --- exit 0
    ");
    no_hunter("plan -vvv --log-format json --format json a.zkt", 0);
    no_hunter("diff a.zkt live", 1);
    no_hunter("diff --format json live a.zkt", 1);
    no_hunter("apply -y -vvv a.zkt", 0);
    no_hunter("apply -y --format json a.zkt", 0);
    place.file("b.zkt", text.replace("hunter", "more-hunter"));
    no_hunter("apply -y -vvv --format json b.zkt", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_live_cannot_steer_a_terminal() {
    let place = Place::new("hostile").await;
    let client = place.client().await;
    create(&client, "/\u{202e}evil", "").await;
    let properties = "{\"\u{202e}\\u001b[2J\":\"\\u001b]0;owned\\u0007\u{200b}\"}";
    create(&client, "/\u{202e}evil/a b", properties).await;
    create(&client, "/\u{202e}evil/raw", "\u{1b}[2J").await;
    place.file("a.zkt", "/\"\u{202e}evil\"\n  /raw\n    x = 1\n");
    insta::assert_snapshot!(place.run("export"), @r#"
    /"\u202eevil"
      @data ''
      /"a b"
        "\u202e\u001b[2J" = '\u001b]0;owned\u0007\u200b'
      /raw
        string_value = '\u001b[2J'
    --- exit 0
    "#);
    for words in [
        "export",
        "ls",
        "ls -l",
        "plan -t a.zkt",
        "diff live a.zkt",
        "diff a.zkt live",
        "apply -y a.zkt",
    ] {
        let run = place.run(&format!("--color never {words}")).everything();
        let steers =
            |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{200b}'));
        assert!(!run.contains(steers), "{words}: {}", run.escape_debug());
    }
}

/// A value under such a name may be meant to be seen, so it is shown, and said how to hide it.
#[tokio::test(flavor = "multi_thread")]
async fn values_under_the_names_of_secrets_bring_a_hint() {
    let place = Place::new("plan-exposed").await;
    let client = place.client().await;
    create(&client, "/a", r#"{"password":"old"}"#).await;
    let hint = "hint: password of /a has the name of a secret, and its value is shown: \
                `@secret password` hides it\n";
    place.file("a.zkt", "/a\n  password = 'new'\n");
    assert_eq!(place.run("plan a.zkt").expect(0).stderr, hint);
    assert_eq!(place.run("plan --format json a.zkt").expect(0).stderr, hint);
    place.file(
        "a.zkt",
        "/a\n  @secret pass*\n  password = 'new'\n/b\n  api_key = 1\n",
    );
    let new = place.run("apply -y a.zkt").expect(0);
    assert!(new.stderr.contains("hint: api_key of /b "), "{new}");
    assert_eq!(place.run("plan a.zkt").expect(0).stderr, "");
}

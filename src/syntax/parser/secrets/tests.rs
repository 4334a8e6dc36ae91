use super::*;

/// A text as it may be shown.
fn shown(text: &str) -> String {
    let sources = Sources::default();
    let source = sources.add("x.zkt", text.to_owned()).unwrap();
    let secrets = Secrets::of(&sources);
    secrets.shown_text(&sources, source)
}

/// Whether nothing of a text shows that starts with `hunter`.
fn check(text: &str) {
    let shown = shown(text);
    assert!(text.contains("hunter"), "{text}");
    assert!(!shown.contains("hunter"), "{text}\n---\n{shown}");
}

#[test]
fn a_value_is_hidden_however_it_is_written() {
    for line in [
        "key = hunter2",
        "key = 'hunter2'",
        "key='hunter2",
        "key: hunter2",
        "key hunter2",
        "key hunter2 = 1",
        "- key: hunter2",
        "my key = 'hunter2'",
        "\"key\" = 'hunter2'",
        "\"key\" 'hunter2'",
        "key\u{200b} = 'hunter2'",
        "\u{ad}key = 'hunter2'",
        "key\u{a0}= 'hunter2'",
        "key -> /hunter2",
        "key => /hunter2 x",
        "key = {'a': [f(), 'hunter2']}  # hunter2",
        "key = [1,\n  'hunter2',\n]",
        "key = '''\n/hunter2\n@hunter2\n\nhunter2'''",
        "key = '''\nhunter2",
        "key = [\nhunter2",
        "key = 'a\n  hunter2\n  hunter3'",
        "key =\n    hunter2\n\n    hunter3",
        "key: |\n\thunter2",
        "conf = {'key': 'hunter2'}",
        "conf = {\n  'host': 'x',\n  'key': '''\nhunter2''',\n}",
        "conf = {\n  'key': '''\nhunter2",
        "# key = 'hunter2'",
        "/key = 'hunter2'",
    ] {
        check(&format!("/db\n  @secret key\n  {line}\n"));
        check(&format!("/a\n  {line}\n/db\n  @secret k*\n"));
        for operator in ["=", " = ", ":", ": ", "->", " =>"] {
            check(&format!("/db\n  @Secret{operator}key\n  {line}\n"));
        }
        check(&format!("/db\n  {}\n", line.replace("key", "DB_PASSWORD")));
    }
}

#[test]
fn a_value_without_quotes_goes_on_in_lines_that_are_no_statements() {
    let pem = "-----BEGIN KEY-----\n  hunter2/=\n  /hunter3==\n  -----END KEY-----";
    for text in [
        format!("/a\n  private_key = {pem}\n  x = 1\n"),
        format!("/a\n  {pem}\n"),
        "/a\n  @secret key\n  key =\n  hunter2\n".to_owned(),
        "/a\n  @secret key\n  key =x\nhunter2\n".to_owned(),
        "/a\n  @secrt key\n  key = hunter2\n".to_owned(),
        "/a\n  @Secret key\n  key = hunter2\n".to_owned(),
        "/a\n  @acl hunter2\n".to_owned(),
        "/a\n  private_key = -----BEGIN KEY-----\n  hunter2==\n  x = 1\n".to_owned(),
    ] {
        check(&text);
    }
    assert_eq!(
        shown("/a\n  token = a\n  b\n  x = 1\n"),
        "/a\n  token = (secret)\n(secret)\n  x = 1\n"
    );
    assert_eq!(
        shown("/a\n  @acl world read\n"),
        "/a\n  @acl world (secret)\n"
    );
}

#[test]
fn what_is_almost_a_directive_hides_values_too() {
    for line in [
        "@secret_token = hunter2",
        "@data_password = 'hunter2'",
        "@acl_password = hunter2",
        "@ephemeral_password hunter2",
        "@keep password = hunter2",
        "@data '{\"password\": \"hunter2\"}' x",
        "@data 'password=hunter2",
        "db = {'a': 1, \"pass\\u0077ord\": hunter2}",
    ] {
        check(&format!("/db\n  {line}\n"));
    }
    assert_eq!(
        shown("/db\n  @data 'user=ops'\n"),
        "/db\n  @data 'user=ops'\n"
    );
}

#[test]
fn all_of_a_secret_node_is_hidden() {
    for text in [
        "/db\n  @secret\n  x = 'hunter2'\n",
        "/db : hunter2\n  @secret\n",
        "/db\n  @secret\n  hunter2\n",
        "/db\n  @secret\n  /c\n    y = 1\n  x = hunter2\n",
        "/db\n  @secret\n  /c\n\tx = 'hunter2'\n",
        "/db\n  @secret\nx = 'hunter2'\n",
        "/db\n  x -> /hunter2\n  @secret # all\n",
        "/a/\"db\"\n  @secret\n/x\n  /db\n    x = 'hunter2'\n",
        "db\n  @secret\n  x = 'hunter2'\n",
        "/db\n\u{a0} @secret\n  x = 'hunter2'\n",
        "/db\n  @secret\n  @data 'hunter2\n",
        "/db\n  @secret x\n  @data '''\nhunter2'''\n",
        "/db\n  @secret\n  @hunter2\n",
        "/db\n  @secret =\n  x = 'hunter2'\n",
    ] {
        check(text);
    }
}

/// In a file that others include, no node may be open.
#[test]
fn names_beside_no_node_are_secret_and_others_are_not() {
    assert_eq!(
        shown("@secret key\nkey = 1\nthreads = x\n@data 'x'\n"),
        "@secret key\nkey = (secret)\nthreads = x\n@data (secret)\n"
    );
    check("@secret\nthreads = hunter2\n");
    check("@secret [\nthreads = hunter2\n");
}

#[test]
fn what_stands_in_the_place_of_a_hash_is_hidden() {
    for entry in [
        "digest:ops:hunter2:cdrwa",
        "digest:ops:hunter2",
        "digest:hunter2:cdrwa",
        "digest:hunter2",
        "auth:ops:hunter2:cdrwa",
        "ops:hunter2:cdrwa",
        "ops:hunter2",
        "\"digest:ops:hunter2:cdrwa\"",
    ] {
        let text = format!("/a\n  @acl world:anyone:r {entry} ip:10.0.0.0/8:r\n");
        check(&text);
        assert!(shown(&text).ends_with(" ip:10.0.0.0/8:r\n"), "{entry}");
    }
}

#[test]
fn the_rest_is_shown() {
    for text in [
        "/db : mysql\n  @keep\n  host = 'x:1'\n  list = [\n    1,\n  ]\n  # a comment: yes\n",
        "/a\n  @secret key\n  x -> /a/key\n  other = {'a': 1}\n  @acl world:anyone:r\n",
        "/keys : t\n  @secret\n/b : t\n  x = 1\n",
    ] {
        let expected = text.replace("/keys : t", "/keys : (secret)");
        assert_eq!(shown(text), expected);
    }
}

#[test]
fn a_place_in_a_shown_line_is_where_it_was_or_where_the_secret_is() {
    let sources = Sources::default();
    let hash = "A".repeat(28);
    let text = format!("@acl digest:o:{hash}:r x:y\npassword = 'abcdefghijkl'");
    let source = sources.add("x.zkt", text.clone()).unwrap();
    let secrets = Secrets::of(&sources);
    let first = text.find('\n').unwrap();
    let line = secrets.shown(&sources, source, 0..first);
    assert_eq!(
        line.text,
        format!("@acl digest:o:{}:r x:(secret)", "*".repeat(28))
    );
    assert_eq!(line.place(first - 3), first - 3);
    let line = secrets.shown(&sources, source, first + 1..text.len());
    assert_eq!(line.text, "password = (secret)");
    assert_eq!((line.place(3), line.place(14), line.place(25)), (3, 11, 19));
}

#[test]
fn a_deep_acl_is_shown_without_its_hashes() {
    for (entries, masked) in [
        ("world:anyone:r digest:ops:hunter2:cdrwa", "world:anyone:r"),
        ("hunter2 auth::r", "auth::r"),
    ] {
        let text = format!("/a\n  @acl deep {entries}\n");
        check(&text);
        let shown = shown(&text);
        assert!(
            shown.contains("@acl deep ") && shown.contains(masked),
            "{shown}"
        );
    }
    // As an entry it is none, and may be a password.
    check("/a\n  @acl deephunter auth::r\n");
}

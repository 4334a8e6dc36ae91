//! Changes of nodes that exist.

use super::*;

#[test]
fn changes() {
    let none = || json!("none");
    let plan = plan(vec![
        update(
            "/a",
            vec![
                set("new", none(), json!([1])),
                set("gone", json!(null), none()),
                set("type", json!("old type"), json!("new type")),
                set("kind", json!(1), json!("1")),
                set("@data", json!("no"), json!("directive")),
                set("a = b", json!({"k": 1}), json!({"k": 2})),
            ],
        ),
        link(
            "/a",
            vec![
                set("x ->", json!("/old"), json!("/new")),
                set("y =>", none(), json!("/new prop")),
                set("z =>", json!("/old prop"), none()),
            ],
        ),
    ]);
    insta::assert_snapshot!(text(&plan), @r#"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      ~ /a
        + new = [1]
        - gone = None
          type = 'old type' -> 'new type'
          kind = 1 -> '1'
          "@data" = 'no' -> 'directive'
          "a = b" = {'k': 1} -> {'k': 2}
      @ /a
          x -> /new  (was /old)
          y => /new prop
        - z => /old prop

    Plan: 0 to add, 1 to update, 1 to link, 0 to trim.
    "#);
    let colours = coloured_as(&plan, Mode::Plan, 80).replace('\u{1b}', "␛");
    insta::assert_snapshot!(colours.lines().skip(2).collect::<Vec<_>>().join("\n"), @r#"
      ␛[33m~␛[0m ␛[1m/a␛[0m
        ␛[32m+␛[0m new = ␛[32m[1]␛[0m
        ␛[31m-␛[0m gone = ␛[31mNone␛[0m
          type = ␛[31m'␛[0m␛[1m␛[4m␛[31mold␛[0m␛[31m type'␛[0m -> ␛[32m'␛[0m␛[1m␛[4m␛[32mnew␛[0m␛[32m type'␛[0m
          kind = ␛[31m1␛[0m -> ␛[1m␛[4m␛[32m'␛[0m␛[32m1␛[0m␛[1m␛[4m␛[32m'␛[0m
          "@data" = ␛[31m'␛[0m␛[31mno␛[0m␛[31m'␛[0m -> ␛[32m'␛[0m␛[32mdirective␛[0m␛[32m'␛[0m
          "a = b" = ␛[31m{'k': ␛[0m␛[1m␛[4m␛[31m1␛[0m␛[31m}␛[0m -> ␛[32m{'k': ␛[0m␛[1m␛[4m␛[32m2␛[0m␛[32m}␛[0m
      ␛[36m@␛[0m ␛[1m/a␛[0m
          x -> ␛[32m/new␛[0m  (was ␛[31m/old␛[0m)
          y => ␛[32m/new prop␛[0m
        ␛[31m-␛[0m z => ␛[31m/old prop␛[0m

    Plan: 0 to add, 1 to update, 1 to link, 0 to trim.
    "#);
    insta::assert_snapshot!(plan_json(&plan)["actions"][1], @r#"{"action":"link","changes":[{"name":"x ->","new":"/new","old":"/old","op":"set"},{"name":"y =>","new":"/new prop","old":null,"op":"set"},{"name":"z =>","old":"/old prop","op":"remove"}],"path":"/a","version":4}"#);
}

#[test]
fn long_values_keep_what_differs_in_sight() {
    let (left, right) = ("left ".repeat(20_000), "\nright".repeat(20_000));
    let long = |middle: &str| json!(format!("{left}{middle}{right}").replace('\n', " "));
    insta::assert_snapshot!(text(&plan(vec![
        add("/a", json!({"x": long("middle"), "y": vec![1; 1000]}), 1),
        update("/b", vec![
            set("x", long("port=80"), long("port=8080")),
            set("y", json!("short"), long("")),
            set("z", json!("a".repeat(1000)), json!("b".repeat(1000))),
        ]),
    ])), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      + /a                                               examples/cms.zkt:1
          x = 'left left left left left left left left left left left left left left left left left left left left…ght right right right right right right' (220006 characters)
          y = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, …, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] (3000 characters)
      ~ /b
          x = 'left left left left…ft left left left left port=80 right right right right right…t right right right' (220007 characters) -> 'left left left left…ft left left left left port=8080 right right right right right…t right right right' (220009 characters)
          y = 'short' -> 'left left left left left left left left left left left left left left left left left left left left …right right right right right right right' (220000 characters)
          z = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' (1000 characters) -> 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' (1000 characters)

    Plan: 1 to add, 1 to update, 0 to link, 0 to trim.
    ");
}

#[test]
fn of_a_long_nested_value_the_keys_that_changed_are_shown() {
    let large = |cpu: u32, list: serde_json::Value, note: &str| {
        let many: serde_json::Map<String, serde_json::Value> =
            (0..100).map(|i| (format!("key{i}"), i.into())).collect();
        json!({"many": many, "limits": {"cpu": cpu, "note": note}, "list": list})
    };
    let mut came = large(2, json!([1, 3]), "a\nb\nd");
    came["many"]["new key"] = json!({"x": 1});
    let all = |by: u32| -> serde_json::Value { (0..100).map(|i| i + by).collect() };
    insta::assert_snapshot!(text(&plan(vec![update("/a", vec![
        set("large", large(1, json!([1, 2, 3]), "a\nb\nc"), came),
        set("list", all(0), all(1000)),
        set("short", json!({"a": 1}), json!({"a": 2})),
        set("text", json!("one line"), json!("a long line\n".repeat(30))),
    ])])), @r#"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      ~ /a
          large = (4 changes inside)
            limits.cpu = 1 -> 2
            limits.note = (3 lines)
              @@ -1,3 +1,3 @@
                a
                b
              - c
              \ no newline at the end
              + d
              \ no newline at the end
          - list[1] = 2
          + many['new key'] = {'x': 1}
          list = (100 changes inside)
            [0] = 0 -> 1000
            [1] = 1 -> 1001
            [2] = 2 -> 1002
            [3] = 3 -> 1003
            [4] = 4 -> 1004
            [5] = 5 -> 1005
            [6] = 6 -> 1006
            [7] = 7 -> 1007
            [8] = 8 -> 1008
            [9] = 9 -> 1009
            [10] = 10 -> 1010
            [11] = 11 -> 1011
            [12] = 12 -> 1012
            [13] = 13 -> 1013
            [14] = 14 -> 1014
            [15] = 15 -> 1015
            [16] = 16 -> 1016
            [17] = 17 -> 1017
            [18] = 18 -> 1018
            [19] = 19 -> 1019
            [20] = 20 -> 1020
            [21] = 21 -> 1021
            [22] = 22 -> 1022
            [23] = 23 -> 1023
            [24] = 24 -> 1024
            [25] = 25 -> 1025
            [26] = 26 -> 1026
            [27] = 27 -> 1027
            [28] = 28 -> 1028
            [29] = 29 -> 1029
            [30] = 30 -> 1030
            [31] = 31 -> 1031
            [32] = 32 -> 1032
            [33] = 33 -> 1033
            [34] = 34 -> 1034
            [35] = 35 -> 1035
            [36] = 36 -> 1036
            [37] = 37 -> 1037
            [38] = 38 -> 1038
            [39] = 39 -> 1039
            (60 more changes)
          short = {'a': 1} -> {'a': 2}
          text = (1 line -> 30 lines)
            @@ -1,1 +1,30 @@
            - one line
            \ no newline at the end
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    "#);
}

#[test]
fn of_bytes_the_length_and_the_hash_are_shown() {
    let raw = |byte: u8| zkt::model::plan::ChangeValue::Raw(vec![byte; 1000]);
    let change = zkt::model::plan::Change {
        name: zkt::model::plan::DATA_CHANGE.to_owned(),
        old: Some(raw(0xfe)),
        new: Some(raw(0xff)),
        secret: false,
        origin: None,
    };
    insta::assert_snapshot!(text(&plan(vec![update("/a", vec![change])])), @"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      ~ /a
        - @data (1000 bytes, sha256 fc61a0d969526956a9b7773727c63f1f2a419c75d2acd161a71d74a2d4566fe3)
        + @data (1000 bytes, sha256 b4f73dff046400b76728ab32619e3d89e00132653725f660c62ab9fca975b372)

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    ");
}

#[test]
fn texts_of_several_lines_are_compared_by_line() {
    let lines = |change: &str| {
        let line = |i: u32| format!("line {i}\n");
        (1..=8).map(line).collect::<String>() + change + &(9..=20).map(line).collect::<String>()
    };
    let many = |word: &str| {
        (0..100)
            .map(|i| format!("{word} {i}\n"))
            .collect::<String>()
    };
    insta::assert_snapshot!(text(&plan(vec![update("/a", vec![
        set("script", json!(lines("host = a\n")), json!(lines("host = b \n\u{1b}\n"))),
        set("end", json!("a\nb\tc\n"), json!("a\nb\tc")),
        set("crlf", json!("a\r\nb"), json!("a\nb")),
    ])])), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      ~ /a
          script = (21 lines -> 22 lines)
            @@ -7,5 +7,6 @@
              line 7
              line 8
            - host = a
            + host = b\x20
            + \u001b
              line 9
              line 10
          end = (2 lines)
            @@ -1,2 +1,2 @@
              a
            - b\tc
            + b\tc
            \ no newline at the end
          crlf = (2 lines)
            @@ -1,2 +1,2 @@
            - a\r
            + a
              b
            \ no newline at the end

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    ");
    let flood = text(&plan(vec![update(
        "/a",
        vec![set("x", json!(many("a")), json!(many("b")))],
    )]));
    assert_eq!(flood.lines().count(), 4 + 40 + 1 + 2);
    insta::assert_snapshot!(flood.lines().rev().nth(2).unwrap(), @r"        (161 more lines of this diff)");
    let is_new = |line: &&str| line.trim_start().starts_with("+ ");
    assert_eq!(flood.lines().filter(is_new).count(), 20);
}

#[test]
fn what_of_a_long_line_differs_is_shown_or_counted() {
    let with = |words: &[(usize, &str)]| {
        let mut text = "x ".repeat(3000);
        for (at, word) in words {
            text.replace_range(*at..*at + word.len(), word);
        }
        text
    };
    let places: Vec<usize> = (0..3).map(|i| 500 + 2000 * i).collect();
    let all = |word: &'static str| {
        let words: Vec<(usize, &str)> = places.iter().map(|at| (*at, word)).collect();
        with(&words)
    };
    let changed = |old: String, new: String| {
        let update = update("/a", vec![set("x", json!(old), json!(new))]);
        text(&plan(vec![update]))
    };
    let shown = changed(all("BLA"), all("EVIL"));
    assert_eq!(shown.matches("EVIL").count(), 3, "{shown}");
    assert!(shown.lines().all(|line| line.len() < 1200), "{shown}");
    // Of very many the others are counted.
    let many = |word: &str| format!("{word} {}", "y".repeat(70)).repeat(50);
    let shown = changed(many("BLA"), many("EVIL"));
    let seen = shown.matches("EVIL").count();
    let more = format!("({} more differences are not shown)", 50 - seen);
    assert!(seen > 1 && shown.contains(&more), "{shown}");
}

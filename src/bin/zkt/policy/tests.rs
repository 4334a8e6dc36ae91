use std::fmt::Write as _;

use zkt::declare::{Source, declare};
use zkt::model::plan::MaxTrim;
use zkt::plan::scope::Trim;
use zkt::reconcile::{Options, compare};

use super::*;

fn plan(old: &str, new: &str) -> Plan {
    let source = |text: &str| -> Source { declare(text).unwrap() };
    let options = Options {
        trim: Trim::All,
        max_trim: MaxTrim::Unlimited,
        ..Options::default()
    };
    compare(&source(old), &source(new), &options)
}

/// One rule with this effect.
fn rule(when: &str, effect: &str) -> String {
    format!("[[rule]]\nname = 'r'\neffect = '{effect}'\nmessage = 'no'\nwhen = '''{when}'''\n")
}

/// What the rules of a text have against a plan.
fn objections(policy: &str, plan: &Plan) -> String {
    let rules = file::parse("p.toml", policy, &[]).unwrap();
    let objections = review(&rules, plan, "prod");
    objections.iter().fold(String::new(), |mut all, one| {
        _ = writeln!(all, "{} {one}", one.effect.name());
        all
    })
}

#[test]
fn what_is_wrong_with_a_file() {
    let wrong = |text: &str| on_large_stack(|| file::parse("p.toml", text, &[]).unwrap_err());
    let deep = "1+".repeat(200) + "1 > 0";
    let loops = "[1].all(a, [1].all(b, [1].all(c, true)))";
    let texts = [
        "[[rule]".to_owned(),
        "rules = 1\n".to_owned(),
        rule("true", "forbid"),
        rule("true", "deny") + "more_than = 1\n",
        "[[rule]]\nname = 'r'\n".to_owned(),
        rule("true", "deny").replace("'r'", "'a b'"),
        rule("true", "deny").replace("'no'", "' '"),
        rule("true", "deny").repeat(2),
        rule("action.path ==", "deny"),
        rule("acton.path == '/'", "deny"),
        rule(&"(".repeat(300), "deny"),
        rule(&deep, "deny"),
        rule(loops, "deny"),
        rule(&"1".repeat(5000), "deny"),
    ];
    let all: Vec<String> = texts.iter().map(|text| wrong(text)).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    p.toml:1:8: unclosed array table, expected `]`
    p.toml:1:1: unknown field `rules`, expected `rule`
    p.toml:3:10: unknown variant `forbid`, expected one of `deny`, `ask`, `warn`
    p.toml:6:1: unknown field `more_than`, expected one of `name`, `when`, `effect`, `message`, `more-than`
    p.toml:1:1: missing field `when`
    p.toml:2:8: "a b" is no name of a rule: it has letters, digits, - _ . and at most 64 of them
    p.toml:4:11: a rule has to say something
    p.toml:7:8: there is a rule r already
    p.toml:5:8: rule r: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER} (at 1:15 of the expression)
    p.toml:5:8: rule r: acton is not known: a rule sees action and plan
    p.toml:5:8: rule r: it is nested too deep: split it into several rules
    p.toml:5:8: rule r: it is nested too deep: split it into several rules
    p.toml:5:8: rule r: all, exists, map and filter may be nested 2 deep, no more
    p.toml:5:8: rule r: it is longer than 4096 bytes
    "#);
}

#[test]
fn effects_and_how_many_actions_they_need() {
    let plan = plan("/a\n/b\n/kafka\n", "/a\n  x = 1\n/c\n");
    let trims = "action.action == 'trim'";
    assert_eq!(objections(&rule("false", "deny"), &plan), "");
    assert_eq!(
        objections(&rule(trims, "deny"), &plan),
        "deny rule r: no: /b, /kafka\n"
    );
    assert_eq!(
        objections(&rule(trims, "ask"), &plan),
        "ask rule r asks first: no: /b, /kafka\n"
    );
    assert_eq!(
        objections(&rule("true", "warn"), &plan),
        "warn rule r: no: /a, /b, /c and 1 more node\n"
    );
    for (more_than, objects) in [(1, true), (2, false)] {
        let rule = rule(trims, "deny") + &format!("more-than = {more_than}\n");
        assert_eq!(!objections(&rule, &plan).is_empty(), objects, "{more_than}");
    }
    assert_eq!(
        objections(&rule("true", "deny"), &self::plan("/a\n", "/a\n")),
        ""
    );
}

#[test]
fn what_cannot_be_evaluated_is_denied() {
    let plan = plan("/b\n", "/a\n  x = 1\n");
    let failed = [
        "action.version > 0",
        "action.path > 1",
        "action.path",
        "nothing(1)",
    ];
    let all: Vec<String> = failed
        .iter()
        .map(|when| objections(&rule(when, "warn"), &plan))
        .collect();
    insta::assert_snapshot!(all.join(""), @r"
    deny rule r: p.toml:5: it cannot be evaluated: No such key: version: /a
    deny rule r: p.toml:5: it cannot be evaluated: found no matching overload for '_>_' applied to '(string, int)': /a, /b
    deny rule r: p.toml:5: it cannot be evaluated: it yields a value of type string, not true or false: /a, /b
    deny rule r: p.toml:5: it cannot be evaluated: Undeclared reference to 'nothing': /a, /b
    ");
    let guarded = "has(action.version) && action.version > 0";
    assert_eq!(objections(&rule(guarded, "deny"), &plan), "");
}

#[test]
fn patterns_match_in_both_spellings() {
    let plan = plan("", "/a\n/b1\n");
    for when in [
        "action.path.matches('^/b[0-9]$')",
        "matches(action.path, '^/b[0-9]$')",
    ] {
        assert_eq!(
            objections(&rule(when, "deny"), &plan),
            "deny rule r: no: /b1\n"
        );
    }
    for when in ["action.path.matches('(')", "action.path.matches(1)"] {
        let failed = objections(&rule(when, "warn"), &plan);
        let start = "deny rule r: p.toml:5: it cannot be evaluated: ";
        assert!(failed.starts_with(start), "{failed}");
    }
}

#[test]
fn rules_see_the_plan_and_no_secrets() {
    let plan = plan(
        "/a\n  @secret pass\n  pass = 'old'\n  n = 1\n",
        "/a\n  @secret pass\n  pass = 'hunter2'\n  n = 18446744073709551616\n",
    );
    let holds = |when: &str| !objections(&rule(when, "deny"), &plan).is_empty();
    assert!(holds(
        "plan.context == 'prod' && plan.path == '/' && plan.summary.update == 1"
    ));
    assert!(holds("action.changes.exists(c, c.new == '(secret)')"));
    assert!(!holds("action.changes.exists(c, c.new == 'hunter2')"));
    assert!(holds(
        "action.changes.exists(c, c.old == 1 && type(c.new) == double)"
    ));
}

/// As deep as is allowed.
#[test]
fn the_deepest_expression_ends() {
    let plan = plan("", "/a\n");
    let deep = rule(&("1+".repeat(97) + "1 > 0"), "deny");
    assert_eq!(
        on_large_stack(|| objections(&deep, &plan)),
        "deny rule r: no: /a\n"
    );
    let parentheses = rule(&("(".repeat(80) + "true" + &")".repeat(80)), "deny");
    on_large_stack(|| objections(&parentheses, &plan));
}

#[test]
fn what_is_approved_is_no_question() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    let deny = rule("true", "deny").replace("'r'", "'denies'");
    std::fs::write(&file, rule("true", "ask") + &deny).unwrap();
    let args = |approved: &str| PolicyArgs {
        files: vec![file.clone()],
        approved: vec![approved.to_owned()],
        ..PolicyArgs::default()
    };
    assert!(reviewer(&args("r")).unwrap().is_some());
    for other in ["denies", "x"] {
        let failure = reviewer(&args(other)).unwrap_err();
        let expected = format!("--approve {other}: no rule of that name asks");
        assert_eq!(failure.message, expected);
    }
}

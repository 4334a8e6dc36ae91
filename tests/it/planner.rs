//! Two trees and the plan between them, as text.

use std::fmt::Write as _;

use zkt::model::acl::{Acl, AclEntry, AuthId};
use zkt::model::node::{DataVersion, Live};
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Change, ChangeValue, MaxTrim, Plan};
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::{Filter, Trim};

use crate::ensemble::Ensemble;
use crate::trees::{self, path};

/// What a plan is made from; both trees are texts.
struct Case<'c> {
    declared: &'c str,
    live: Tree<Live>,
    at: &'c str,
    trim: Trim,
    target: &'c [&'c str],
    exclude: &'c [&'c str],
    max_trim: MaxTrim,
    identities: Option<&'c [(&'c str, &'c str)]>,
}

/// Nothing is trimmed unless that is said.
fn case<'c>(declared: &'c str, live: &str) -> Case<'c> {
    let (live, at, trim) = (trees::live(live), "/", Trim::None);
    Case {
        declared,
        live,
        at,
        trim,
        target: &[],
        exclude: &[],
        max_trim: MaxTrim::Unlimited,
        identities: None,
    }
}

impl<'c> Case<'c> {
    fn trim(self) -> Self {
        Self {
            trim: Trim::All,
            ..self
        }
    }

    fn at(self, at: &'c str) -> Self {
        Self { at, ..self }
    }

    fn max_trim(self, max_trim: MaxTrim) -> Self {
        Self { max_trim, ..self }
    }

    fn target(self, target: &'c [&'c str]) -> Self {
        Self { target, ..self }
    }

    fn exclude(self, exclude: &'c [&'c str]) -> Self {
        Self { exclude, ..self }
    }

    fn identities(self, identities: &'c [(&'c str, &'c str)]) -> Self {
        Self {
            identities: Some(identities),
            ..self
        }
    }

    fn with(mut self, at: &str, change: impl FnOnce(&mut zkt::model::node::LiveNode)) -> Self {
        match self.live.get_mut(&path(at)) {
            Some(Live::Read(node)) => change(node),
            other => panic!("{at} is {other:?}"),
        }
        self
    }

    fn ephemeral(self, at: &str) -> Self {
        self.with(at, |node| node.ephemeral = true)
    }

    fn raw(self, at: &str, data: &[u8]) -> Self {
        self.with(at, |node| node.data = data.to_vec())
    }

    fn unreadable(mut self, at: &str) -> Self {
        *self.live.get_mut(&path(at)).expect("a live node") = Live::Unreadable;
        self
    }

    fn plan(self) -> String {
        let declared = trees::declare_at(self.declared.as_bytes(), self.at);
        let mut declared = declared.unwrap_or_else(|errors| panic!("{}", errors.join("\n")));
        let strings = |globs: &[&str]| {
            globs
                .iter()
                .map(|glob| (*glob).to_owned())
                .collect::<Vec<_>>()
        };
        let filter = Filter::new(&strings(self.target), &strings(self.exclude)).expect("globs");
        filter.apply(&mut declared.tree);
        let who = |(scheme, id): &(&str, &str)| AuthId {
            scheme: (*scheme).to_owned(),
            id: (*id).to_owned(),
        };
        let policy = Policy {
            path: path(self.at),
            trim: self.trim,
            filter,
            max_trim: self.max_trim,
            identities: self
                .identities
                .map(|identities| identities.iter().map(who).collect()),
            ..Policy::new(&declared.sources)
        };
        let plan = planner::plan(&declared.tree, &self.live, &policy);
        let after = Ensemble::of(&self.live).after(&plan);
        assert!(
            after.is_ok() || self.live.iter().any(|(_, live)| live.node().is_none()),
            "{after:?}"
        );
        shown(&plan)
    }
}

fn shown(plan: &Plan) -> String {
    let mut text = String::new();
    let place = |origin: &Option<zkt::syntax::place::Location>| match origin {
        Some(location) => format!("  ({}:{})", location.line, location.column),
        None => String::new(),
    };
    for action in &plan.actions {
        let path = action.path();
        let name = action.name();
        match action {
            Action::Add(add) => {
                let data = String::from_utf8_lossy(add.data.as_bytes()).into_owned();
                let raw = if add.raw { " raw" } else { "" };
                let acl = add
                    .acl
                    .as_ref()
                    .map(|acl| format!(" @acl {acl}"))
                    .unwrap_or_default();
                _ = writeln!(text, "{name} {path}{raw} {data}{acl}{}", place(&add.origin));
            }
            Action::Update(update) => {
                let version = update.expected_version.get();
                let acl = update
                    .acl
                    .as_ref()
                    .map(|(version, _)| format!(" acl v{}", version.get()));
                let data = if update.data.is_some() {
                    ""
                } else {
                    " no data"
                };
                _ = writeln!(
                    text,
                    "{name} {path} v{version}{}{data}{}",
                    acl.unwrap_or_default(),
                    place(&update.origin)
                );
                update
                    .changes
                    .iter()
                    .for_each(|change| text.push_str(&told(change)));
            }
            Action::Link(link) => {
                let version = link
                    .expected_version
                    .map_or("new".to_owned(), |v| format!("v{}", v.get()));
                _ = writeln!(text, "{name} {path} {version}{}", place(&link.origin));
                link.changes
                    .iter()
                    .for_each(|change| text.push_str(&told(change)));
            }
            Action::Trim(trim) => {
                _ = writeln!(text, "{name} {path} v{}", trim.expected_version.get());
            }
        }
    }
    plan.extras
        .iter()
        .for_each(|path| _ = writeln!(text, "extra {path}"));
    plan.kept
        .iter()
        .for_each(|kept| _ = writeln!(text, "kept {}: {}", kept.path, kept.reason));
    plan.refusals
        .iter()
        .for_each(|refusal| _ = writeln!(text, "refused: {refusal}"));
    _ = write!(
        text,
        "unchanged {}, examined {}",
        plan.unchanged, plan.examined
    );
    text
}

fn told(change: &Change) -> String {
    let value = |value: &Option<ChangeValue>| match value {
        None => "nothing".to_owned(),
        Some(ChangeValue::Json(value)) => value.to_string(),
        Some(ChangeValue::Beyond(text)) => text.clone(),
        Some(ChangeValue::Raw(bytes)) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Some(ChangeValue::Acl(acl)) => acl.to_string(),
    };
    let secret = if change.secret { " (secret)" } else { "" };
    let at = change
        .origin
        .as_ref()
        .map(|at| format!("  ({}:{})", at.line, at.column))
        .unwrap_or_default();
    format!(
        "  {}: {} -> {}{secret}{at}\n",
        change.name,
        value(&change.old),
        value(&change.new)
    )
}

macro_rules! check_plan {
    ($case:expr, @$expect:literal) => {
        insta::assert_snapshot!($case.plan(), @$expect)
    };
}

// ---- the table of what becomes what

#[test]
fn a_missing_node_is_added_parents_first_and_linked_last() {
    check_plan!(case("/b\n  l -> /a\n  x = 1\n  /c\n/a : t\n  p => /b x\n", ""), @r#"
    add /a {"type":"t"}  (5:1)
    add /b {"x":1}  (1:1)
    add /b/c {}  (4:3)
    link /a new  (5:1)
      p =>: nothing -> "/b x"  (6:3)
    link /b new  (1:1)
      l ->: nothing -> "/a"  (2:3)
    unchanged 0, examined 0
    "#);
}

#[test]
fn a_node_as_declared_is_left_alone() {
    check_plan!(case("/a : t\n  x = 1\n  l -> /b\n  p => /b q\n/b\n", "/b\n/a : t\n  l -> /b\n  p => /b q\n  x = 1.0\n"), @"unchanged 2, examined 2");
}

#[test]
fn properties_are_compared_one_by_one() {
    check_plan!(case(
        "/a : new\n  same = 1\n  changed = 'b'\n  added = [1]\n",
        "/a : old\n  same = 1\n  changed = 'a'\n  removed = None\n"
    ), @r#"
    update /a v0  (1:1)
      added: nothing -> [1]  (4:3)
      changed: "a" -> "b"  (3:3)
      removed: null -> nothing
      type: "old" -> "new"  (1:6)
    unchanged 0, examined 1
    "#);
}

#[test]
fn links_change_in_an_action_of_their_own() {
    check_plan!(case("/a\n  l -> /new\n  m -> /m\n  x = 2\n", "/a\n  l -> /old\n  p => /b q\n  x = 1\n"), @r#"
    update /a v0  (1:1)
      x: 1 -> 2  (4:3)
    link /a v0  (1:1)
      l ->: "/old" -> "/new"  (2:3)
      m ->: nothing -> "/m"  (3:3)
      p =>: "/b q" -> nothing
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  l -> /new\n", "/a\n  l -> /old\n"), @r#"
    link /a v0  (1:1)
      l ->: "/old" -> "/new"  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n", "/a\n  l -> /old\n"), @r#"
    link /a v0  (1:1)
      l ->: "/old" -> nothing
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  l = '/b'\n", "/a\n  l -> /b\n"), @r#"
    update /a v0  (1:1)
      l: nothing -> "/b"  (2:3)
    link /a v0  (1:1)
      l ->: "/b" -> nothing
    unchanged 0, examined 1
    "#);
}

#[test]
fn a_node_in_place_of_a_link() {
    check_plan!(case("/a\n  /l\n", "/a\n  l -> /b\n"), @r#"
    add /a/l {}  (2:3)
    link /a v0  (1:1)
      l ->: "/b" -> nothing
    unchanged 0, examined 1
    "#);
}

#[test]
fn an_ephemeral_node_is_kept_and_nothing_goes_below_it() {
    check_plan!(case("/a\n  x = 1\n  /b\n    /c\n/d\n", "/a\n").ephemeral("/a"), @r#"
    add /d {}  (5:1)
    kept /a: ephemeral
    kept /a/b: cannot exist below an ephemeral node
    kept /a/b/c: cannot exist below an ephemeral node
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a/b\n", "/a\n").ephemeral("/a"), @r#"
    kept /a/b: cannot exist below an ephemeral node
    unchanged 0, examined 1
    "#);
}

#[test]
fn a_node_passed_through_is_made_or_left_exactly_as_it_is() {
    check_plan!(case("/a/b/c\n  x = 1\n", ""), @r#"
    add /a {}  (1:1)
    add /a/b {}  (1:3)
    add /a/b/c {"x":1}  (1:1)
    unchanged 0, examined 0
    "#);
    check_plan!(case("/a/b\n  x = 1\n", "/a : t\n  x = 1\n  /b\n    x = 1\n  /other\n").trim(), @"unchanged 1, examined 2");
}

#[test]
fn undeclared_nodes_are_extras_by_their_topmost() {
    check_plan!(case("/a\n  /b\n", "/a\n  /b\n    /x\n      /y\n  /c\n    /d\n/top\n"), @r#"
    extra /a/b/x
    extra /a/c
    unchanged 2, examined 2
    "#);
}

#[test]
fn undeclared_nodes_are_trimmed_children_first() {
    check_plan!(case("/a\n  /b\n", "/a\n  /b\n    /x\n      /y\n  /c\n    /d\n/top\n").trim(), @r#"
    trim /a/c/d v0
    trim /a/c v0
    trim /a/b/x/y v0
    trim /a/b/x v0
    unchanged 2, examined 6
    "#);
}

#[test]
fn a_subtree_that_holds_an_ephemeral_node_is_kept_whole() {
    let live = "/s\n  /old\n    /providers\n      /e\n    /x\n  /gone\n  /e2\n";
    check_plan!(case("/s\n", live).trim().ephemeral("/s/old/providers/e").ephemeral("/s/e2"), @r#"
    trim /s/gone v0
    kept /s/e2: ephemeral
    kept /s/old: holds an ephemeral node
    kept /s/old/providers/e: ephemeral
    unchanged 1, examined 7
    "#);
    check_plan!(case("/s\n", live).ephemeral("/s/old/providers/e").ephemeral("/s/e2"), @r#"
    extra /s/e2
    extra /s/gone
    extra /s/old
    unchanged 1, examined 1
    "#);
}

#[test]
fn order_is_by_component() {
    check_plan!(case("/a\n  /x\n/a-\n/a b\n".replace("/a b", "/\"a b\"").as_str(), ""), @r#"
    add /a {}  (1:1)
    add /a/x {}  (2:3)
    add /a b {}  (4:1)
    add /a- {}  (3:1)
    unchanged 0, examined 0
    "#);
}

// ---- directives

#[test]
fn keep_holds_for_children_or_properties_or_both() {
    let live = "/a\n  x = 1\n  y = 2\n  /b\n";
    check_plan!(case("/a\n  @keep\n  x = 3\n", live).trim(), @r#"
    update /a v0  (1:1)
      x: 1 -> 3  (3:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @keep children\n  x = 3\n", live).trim(), @r#"
    update /a v0  (1:1)
      x: 1 -> 3  (3:3)
      y: 2 -> nothing
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @keep properties\n  x = 3\n", live).trim(), @r#"
    update /a v0  (1:1)
      x: 1 -> 3  (3:3)
    trim /a/b v0
    unchanged 0, examined 2
    "#);
    check_plan!(case("/a\n  @keep children\n  x = 1\n  y = 2\n", live), @"unchanged 1, examined 1");
}

#[test]
fn what_is_kept_is_not_rewritten() {
    for directive in ["@keep properties", "@ignore string_value"] {
        for data in [
            &b"text"[..],
            b"{\"string_value\":\"text\"}",
            b" {\"string_value\" : \"text\"}",
        ] {
            let plan = case(&format!("/a\n  {directive}\n"), "/a\n")
                .raw("/a", data)
                .plan();
            assert_eq!(plan, "unchanged 1, examined 1", "{directive}");
        }
    }
    check_plan!(case("/a\n  @keep properties\n", "/a\n").raw("/a", b"\xff"), @"unchanged 1, examined 1");
}

#[test]
fn ignored_properties_are_written_once() {
    check_plan!(case("/a\n  @ignore x l*\n  x = 1\n  l -> /b\n", ""), @r#"
    add /a {"x":1}  (1:1)
    link /a new  (1:1)
      l ->: nothing -> "/b"  (4:3)
    unchanged 0, examined 0
    "#);
    check_plan!(case("/a\n  @ignore x l*\n  x = 1\n  l -> /b\n  y = 2\n", "/a\n  x = 7\n  lag = 3\n  z = 1\n"), @r#"
    update /a v0  (1:1)
      y: nothing -> 2  (5:3)
      z: 1 -> nothing
    unchanged 0, examined 1
    "#);
}

#[test]
fn protected_subtrees_are_not_trimmed() {
    check_plan!(case("/a\n  @protect\n  /b\n", "/a\n  /b\n    /old\n  /gone\n    /x\n/c\n").trim(), @r#"
    trim /a/gone/x v0
    trim /a/gone v0
    trim /a/b/old v0
    refused: /a/b/old may not be trimmed: /a is protected (@protect)
    refused: /a/gone may not be trimmed: /a is protected (@protect)
    unchanged 2, examined 5
    "#);
    check_plan!(case("/a\n  @protect\n", "/a\n  /gone\n"), @r#"
    extra /a/gone
    unchanged 1, examined 1
    "#);
}

#[test]
fn a_value_removed_together_with_its_secret_line_is_marked() {
    check_plan!(case("/a\n/b\n  @secret pin*\n", "/a\n  API_TOKEN = 'x'\n  pin2 = 1\n  port = 2\n  secret -> /b\n/b\n"), @r#"
    update /a v0  (1:1)
      API_TOKEN: "x" -> nothing (secret)
      pin2: 1 -> nothing (secret)
      port: 2 -> nothing
    link /a v0  (1:1)
      secret ->: "/b" -> nothing (secret)
    unchanged 1, examined 2
    "#);
}

#[test]
fn a_target_inside_of_a_subtree_that_stays_whole_is_kept() {
    check_plan!(case("/a\n", "/a\n  /x\n    /b\n    /e\n").trim().target(&["/a/x/b"]).ephemeral("/a/x/e"), @r#"
    kept /a/x: holds an ephemeral node
    unchanged 0, examined 4
    "#);
}

#[test]
fn a_secret_line_outside_of_the_target_still_marks_what_is_removed() {
    check_plan!(case("/a\n/b\n  @secret pin*\n", "/a\n  pin2 = 1\n/b\n").target(&["/a"]), @r#"
    update /a v0  (1:1)
      pin2: 1 -> nothing (secret)
    unchanged 0, examined 1
    "#);
}

#[test]
fn secrets_are_marked() {
    check_plan!(case("/a\n  @secret pass* l\n  password = 'new'\n  l -> /b\n  x = 2\n", "/a\n  password = 'old'\n  x = 1\n"), @r#"
    update /a v0  (1:1)
      password: "old" -> "new" (secret)  (3:3)
      x: 1 -> 2  (5:3)
    link /a v0  (1:1)
      l ->: nothing -> "/b" (secret)  (4:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @secret\n  x = 1\n/b\n  @secret\n  @data 'new'\n", "/a\n  y = 1\n/b\n").raw("/b", b"old"), @r#"
    update /a v0  (1:1)
      x: nothing -> 1 (secret)  (3:3)
      y: 1 -> nothing (secret)
    update /b v0  (4:1)
      @data: "old" -> "new" (secret)  (6:3)
    unchanged 0, examined 2
    "#);
}

#[test]
fn raw_data_is_compared_byte_for_byte() {
    check_plan!(case("/a\n  @data 'new'\n", "/a\n").raw("/a", b"old"), @r#"
    update /a v0  (1:1)
      @data: "old" -> "new"  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @data '{\"x\":1}'\n", "/a\n  x = 1\n"), @"unchanged 1, examined 1");
    check_plan!(case("/a\n  @data '{\"x\": 1}'\n", "/a\n  x = 1\n"), @r#"
    update /a v0  (1:1)
      @data: "{\"x\":1}" -> "{\"x\": 1}"  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @data base64 '/w=='\n", ""), @r#"
    add /a raw �  (1:1)
    unchanged 0, examined 0
    "#);
    check_plan!(case("/a\n  x = 1\n", "/a\n").raw("/a", b"\xff"), @r#"
    update /a v0  (1:1)
      @data: "�" -> nothing
      x: nothing -> 1  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n", "/a\n").raw("/a", b"\xff"), @r#"
    update /a v0  (1:1)
      @data: "�" -> nothing
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  string_value = 'x'\n", "/a\n").raw("/a", b"{\"string_value\":\"x\"}"), @r#"
    update /a v0  (1:1)
      @data: "{\"string_value\":\"x\"}" -> "x"
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  string_value = ' x'\n", "/a\n").raw("/a", b"x"), @r#"
    update /a v0  (1:1)
      string_value: "x" -> " x"  (2:3)
    unchanged 0, examined 1
    "#);
}

#[test]
fn blank_data_and_spelling_are_no_difference() {
    for data in [&b""[..], b" \n", b"{}", b" { } "] {
        assert_eq!(
            case("/a\n", "/a\n").raw("/a", data).plan(),
            "unchanged 1, examined 1"
        );
    }
    let live =
        case("/a\n  x = 100\n  y = 'é'\n", "/a\n").raw("/a", br#" {"y": "\u00e9", "x": 1e2}"#);
    assert_eq!(live.plan(), "unchanged 1, examined 1");
}

/// Of numbers that are equal, those under the names of links are no exception.
/// Python writes numbers that JSON has not; they are read as strings.
#[test]
fn no_declared_value_is_what_json_cannot_hold() {
    let python = br#"{"a":NaN,"b":[-Infinity],"c":"\ud83d","d":1}"#;
    let declared = "/a\n  a = 'NaN'\n  b = ['-Infinity']\n  c = '\u{fffd}'\n  d = 1\n";
    check_plan!(case(declared, "/a\n").raw("/a", python), @r#"
    update /a v0  (1:1)
      a: NaN -> "NaN"  (2:3)
      b: [-Infinity] -> ["-Infinity"]  (3:3)
      c: "\ud83d" -> "�"  (4:3)
    unchanged 0, examined 1
    "#);
    let ignored = declared.replace("/a\n", "/a\n  @ignore a b c\n");
    check_plan!(case(&ignored, "/a\n").raw("/a", python), @"unchanged 1, examined 1");
}

#[test]
fn what_is_written_is_spelled_as_it_is_declared() {
    let declared = trees::declare("/a\n  \"l ->\" = 0\n  x = 2\n  y = 1\n");
    let mut live = trees::live("/a\n");
    let Some(Live::Read(node)) = live.get_mut(&path("/a")) else {
        panic!("it is readable");
    };
    node.data = br#"{"x":1,"y":1.0,"l ->":-0.0}"#.to_vec();
    let plan = planner::plan(&declared.tree, &live, &Policy::new(&declared.sources));
    let [Action::Update(update)] = &plan.actions[..] else {
        panic!("{plan:?}");
    };
    let data = update.data.as_ref().expect("new data");
    assert_eq!(data.as_bytes(), br#"{"l ->":0,"x":2,"y":1}"#);
}

// ---- ACLs

#[test]
fn acls_are_compared_where_they_are_declared() {
    check_plan!(case("/a\n  @acl world:anyone:r\n  /b\n/c\n", "/a\n  /b\n/c\n"), @r#"
    update /a v0 acl v0 no data  (1:1)
      @acl: world:anyone:cdrwa -> world:anyone:r  (2:3)
    update /a/b v0 acl v0 no data  (3:3)
      @acl: world:anyone:cdrwa -> world:anyone:r
    unchanged 1, examined 3
    "#);
    check_plan!(case("/a\n  @acl world:anyone:r\n  x = 1\n  /new\n", "/a\n  x = 2\n"), @r#"
    add /a/new {} @acl world:anyone:r  (4:3)
    update /a v0 acl v0  (1:1)
      x: 2 -> 1  (3:3)
      @acl: world:anyone:cdrwa -> world:anyone:r  (2:3)
    unchanged 0, examined 1
    "#);
    let entry = |text| AclEntry::parse(text).expect("an entry");
    let acl = Acl {
        entries: vec![entry("ip:10.0.0.1:r"), entry("world:anyone:cdrwa")],
    };
    let other_order = case("/a\n  @acl world:anyone:cdrwa ip:10.0.0.1:r\n", "/a\n");
    check_plan!(other_order.with("/a", |node| node.acl = Some(acl.clone().into())), @"unchanged 1, examined 1");
    check_plan!(case("/a\n", "/a\n").with("/a", |node| node.acl = Some(acl.clone().into())), @"unchanged 1, examined 1");
}

#[test]
fn auth_stands_for_the_session() {
    let declared = "/a\n  @acl auth::cdrwa\n/new\n  @acl auth::r\n";
    check_plan!(case(declared, "/a\n").identities(&[("ip", "127.0.0.1"), ("digest", "ops:h=")]), @r#"
    add /new {} @acl auth::r  (3:1)
    update /a v0 acl v0 no data  (1:1)
      @acl: world:anyone:cdrwa -> auth::cdrwa  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case(declared, "/a\n").identities(&[("ip", "127.0.0.1")]), @"
    add /new {} @acl auth::r  (3:1)
    update /a v0 acl v0 no data  (1:1)
      @acl: world:anyone:cdrwa -> auth::cdrwa  (2:3)
    refused: /a: @acl auth:: stands for the session's own identity, and it has none
    unchanged 0, examined 1
    ");
    let stored = Acl {
        entries: vec![AclEntry::parse("digest:ops:h=:cdrwa").expect("an entry")],
    };
    let live =
        case("/a\n  @acl auth::cdrwa\n", "/a\n").with("/a", |node| node.acl = Some(stored.into()));
    check_plan!(live.identities(&[("digest", "ops:h=")]), @"unchanged 1, examined 1");
}

#[test]
fn masked_digests_are_compared_without_hashes() {
    let masked = || Acl {
        entries: vec![AclEntry::parse("digest:ops:x:cdrwa").expect("an entry")],
    };
    let same = case(
        "/a\n  @acl digest:ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa\n",
        "/a\n",
    )
    .with("/a", |node| node.acl = Some(masked().into()));
    check_plan!(same, @"unchanged 1, examined 1");
    let other = case(
        "/a\n  @acl digest:dev:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa\n",
        "/a\n",
    )
    .with("/a", |node| node.acl = Some(masked().into()));
    check_plan!(other, @r#"
    update /a v0 acl v0 no data  (1:1)
      @acl: digest:ops:x:cdrwa -> digest:dev:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa  (2:3)
    unchanged 0, examined 1
    "#);
}

// ---- versions, guards, scope

#[test]
fn every_write_names_the_version_that_was_seen() {
    let version = |number| DataVersion::new(number).expect("no version");
    let seen = case("/a\n  x = 1\n  l -> /a\n", "/a\n  /gone\n").trim();
    let seen = seen
        .with("/a", |node| node.version = version(4))
        .with("/a/gone", |node| node.version = version(-2));
    check_plan!(seen, @r#"
    update /a v4  (1:1)
      x: nothing -> 1  (2:3)
    link /a v4  (1:1)
      l ->: nothing -> "/a"  (3:3)
    trim /a/gone v-2
    unchanged 0, examined 2
    "#);
}

#[test]
fn too_many_trims_are_refused() {
    let live: String = (0..12).fold("/a\n".to_owned(), |live, i| format!("{live}  /n{i:02}\n"));
    let refusals = |case: Case<'_>| {
        let plan = case.trim().plan();
        plan.lines()
            .filter(|line| line.starts_with("refused"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(refusals(case("/a\n", &live).max_trim(MaxTrim::Default)), @"refused: 12 of 13 nodes would be trimmed, more than the 30% that are allowed");
    insta::assert_snapshot!(refusals(case("/a\n", &live).max_trim(MaxTrim::Count(11))), @"refused: 12 of 13 nodes would be trimmed, more than the 11 that are allowed");
    assert_eq!(
        refusals(case("/a\n", &live).max_trim(MaxTrim::Count(12))),
        ""
    );
    assert_eq!(
        refusals(case("/a\n", &live).max_trim(MaxTrim::Percent(93))),
        ""
    );
    insta::assert_snapshot!(refusals(case("/a\n", &live).max_trim(MaxTrim::Percent(92))), @"refused: 12 of 13 nodes would be trimmed, more than the 92% that are allowed");
    assert_eq!(
        refusals(case("/a\n", &live).max_trim(MaxTrim::Unlimited)),
        ""
    );
}

/// Files vanish: few nodes, but most of what there is.
#[test]
fn trims_of_most_of_a_subtree_are_refused_from_the_first_on() {
    let refusals = |declared: &str, live: &str| {
        let plan = case(declared, live)
            .trim()
            .max_trim(MaxTrim::Default)
            .plan();
        let refused = plan.lines().find(|line| line.starts_with("refused"));
        refused.unwrap_or_default().to_owned()
    };
    let few = "/a\n  /b\n  /c\n    /d\n";
    assert!(
        refusals("/a\n  /b\n", few).is_empty(),
        "2 of 4 are no more than half"
    );
    assert!(refusals("/a\n", "/a\n  /gone\n").is_empty(), "1 of 2");
    insta::assert_snapshot!(refusals("/a\n", few), @"refused: 3 of the 4 nodes at and below /a would be trimmed, more than half of them");
    // What stands elsewhere does not make it less, as long as nothing goes there.
    let other = format!("{few}/other\n{}", "  /x\n  /y\n  /z\n  /u\n  /v\n");
    let declared = "/a\n/other\n  /x\n  /y\n  /z\n  /u\n  /v\n";
    insta::assert_snapshot!(refusals(declared, &other), @"refused: 3 of the 4 nodes at and below /a would be trimmed, more than half of them");
    // A node that is passed through is nobody's.
    insta::assert_snapshot!(refusals("/p/a\n/p/b\n", "/p\n  /a\n    /1\n    /2\n  /b\n    /1\n    /2\n  /c\n"), @"refused: 4 of the 6 nodes at and below /p/a and 1 more would be trimmed, more than half of them");
    // What is moved is declared, too.
    assert!(refusals("/a\n  /x\n    /c\n", "/a\n  /b\n    /c\n").is_empty());
    let limited = case("/a\n", few).trim().max_trim(MaxTrim::Count(3));
    assert!(
        !limited.plan().contains("refused"),
        "a limit that is given is the only one"
    );
}

#[test]
fn a_target_may_lie_below_what_is_undeclared_and_an_exclusion_holds_below_itself() {
    let (declared, live) = ("/a\n", "/a\n  /x\n    /y\n      /z\n");
    check_plan!(case(declared, live).trim().target(&["/a/x/y/**"]), @"
    trim /a/x/y/z v0
    trim /a/x/y v0
    unchanged 0, examined 4
    ");
    check_plan!(case(declared, live).trim().exclude(&["/a/x"]), @"unchanged 1, examined 4");
}

#[test]
fn targets_and_excludes_bound_what_is_done() {
    let (declared, live) = (
        "/a\n  x = 1\n  /b\n    x = 1\n  /c\n    x = 1\n",
        "/a\n  /b\n    /old\n  /c\n    /old\n  /gone\n",
    );
    check_plan!(case(declared, live).trim().target(&["/a/b/**"]), @"
    update /a/b v0  (3:3)
      x: nothing -> 1  (4:5)
    trim /a/b/old v0
    unchanged 0, examined 6
    ");
    check_plan!(case(declared, live).trim().target(&["/a/*"]), @"
    update /a/b v0  (3:3)
      x: nothing -> 1  (4:5)
    update /a/c v0  (5:3)
      x: nothing -> 1  (6:5)
    trim /a/gone v0
    unchanged 0, examined 6
    ");
    check_plan!(case(declared, live).trim().exclude(&["/a/c/**", "/a/gone"]), @"
    update /a v0  (1:1)
      x: nothing -> 1  (2:3)
    update /a/b v0  (3:3)
      x: nothing -> 1  (4:5)
    trim /a/b/old v0
    unchanged 0, examined 5
    ");
    check_plan!(case(declared, live).target(&["**/c"]), @"
    update /a/c v0  (5:3)
      x: nothing -> 1  (6:5)
    unchanged 0, examined 3
    ");
    check_plan!(case(declared, "").target(&["/a/b"]), @r#"
    add /a {"x":1}  (1:1)
    add /a/b {"x":1}  (3:3)
    unchanged 0, examined 0
    "#);
    check_plan!(case("/a\n  /b\n", "/a\n  /b\n  /gone\n    /kept\n").trim().exclude(&["/**/kept"]), @r#"
    kept /a/gone: holds a node that is outside of the plan's targets, or excluded
    unchanged 2, examined 4
    "#);
}

#[test]
fn a_node_passed_through_is_not_trimmed_for_want_of_its_target() {
    check_plan!(case("/a\n/a/b/c\n", "/a\n  /b\n").trim().target(&["/a", "/a/b"]), @"unchanged 1, examined 2");
}

#[test]
fn top_level_nodes_go_to_the_path() {
    check_plan!(case("/n\n  x = 1\n", "/top\n  /n\n    /old\n  /other\n/n\n").at("/top").trim(), @r#"
    update /top/n v0  (1:1)
      x: nothing -> 1  (2:3)
    trim /top/n/old v0
    unchanged 0, examined 2
    "#);
}

#[test]
fn what_may_not_be_read_is_kept() {
    check_plan!(case("/a\n  x = 1\n/b/c\n", "/a\n/b\n").trim().unreadable("/a").unreadable("/b"), @r#"
    add /b/c {}  (3:1)
    kept /a: not authorized to read it or a node below it
    unchanged 0, examined 2
    "#);
    check_plan!(case("/a\n", "/a\n  /x\n    /y\n").trim().unreadable("/a/x/y"), @r#"
    kept /a/x: not authorized to read it or a node below it
    unchanged 1, examined 3
    "#);
}

#[test]
fn zookeepers_own_nodes_are_nobodys_extras() {
    let mut live = trees::live("/a\n").into_iter().collect::<Vec<_>>();
    for own in ["/zookeeper", "/zookeeper/quota"] {
        live.push((
            path(own),
            Live::Read(zkt::model::node::LiveNode::with_data(Vec::new())),
        ));
    }
    let declared = trees::declare("/a\n");
    let live: Tree<Live> = live.into_iter().collect();
    let policy = Policy {
        trim: Trim::All,
        trim_top_level: true,
        ..Policy::new(&declared.sources)
    };
    let plan = planner::plan(&declared.tree, &live, &policy);
    assert_eq!(shown(&plan), "unchanged 1, examined 1");
    assert_eq!(plan.path, ZPath::root());
}

use zkt::export::{Options, declare};
use zkt::model::node::{Declared, Live};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::Trim;

use super::{Departure, Verdict, check, first, live_tree, nested};
use crate::{ensemble::Ensemble, trees};

#[test]
fn exports_say_what_they_said_and_change_nothing() {
    check("export.jsonl", DEPARTURES, |case| {
        let tree = case["tree"].as_str().expect("a tree");
        let mut live = match live_tree(case, tree) {
            Ok(live) => live,
            Err(error) => return Verdict::Other(error),
        };
        // An export leaves ACLs out unless it is asked for them.
        for (_, node) in live.iter_mut() {
            if let Live::Read(node) = node {
                node.acl = None;
            }
        }
        let path = case["path"].as_str().expect("a path");
        let top = match ZPath::parse_lenient(path) {
            Ok(path) => path,
            Err(_) if case["error"].is_object() => return Verdict::Same,
            Err(error) => return Verdict::Other(error.to_string()),
        };
        if top.is_root() {
            // As a fetch of the whole tree leaves it out.
            live.retain(|path, _| !path.is_within(&trees::path("/zookeeper")));
        }
        if !top.is_root() && live.get(&top).is_none() {
            let missing = case["error"]["type"] == "NoNodeError";
            return if missing {
                Verdict::Same
            } else {
                Verdict::Other("does not exist".to_owned())
            };
        }
        let ephemeral = case["ephemeral"].as_bool().expect("a flag");
        let name = case["name"].as_str().map(str::to_owned);
        let exported = declare(
            &live,
            &top,
            &Options {
                ephemeral,
                name: name.clone(),
                ..Options::default()
            },
        );
        let text = trees::show(&exported);
        let again = match trees::declare_at(text.as_bytes(), "/") {
            Ok(again) => again,
            Err(errors) => return Verdict::Other(first(&errors)),
        };
        assert_eq!(trees::show(&again.tree), text, "an export is stable");
        assert!(
            same(&exported, &again.tree),
            "an export says what it stands for:\n{text}"
        );
        if name.is_none() && !ephemeral {
            changes_nothing(&text, &top, &live);
        }
        let recorded = case["text"]
            .as_str()
            .map(|text| trees::declare_at(text.as_bytes(), "/"));
        match recorded {
            Some(Ok(recorded))
                if zkt::model::value::equal(&nested(&recorded.tree), &nested(&again.tree)) =>
            {
                Verdict::Same
            }
            _ => Verdict::Other(text),
        }
    });
}

fn same(a: &Tree<Declared>, b: &Tree<Declared>) -> bool {
    let data = |tree: &Tree<Declared>| -> Vec<(ZPath, Vec<u8>)> {
        tree.iter()
            .map(|(path, node)| (path.clone(), node.data().decode().encode()))
            .collect()
    };
    data(a) == data(b)
}

/// Importing an export where it came from plans nothing; into an empty ensemble it makes the same
/// nodes, byte for byte where they are raw.
fn changes_nothing(text: &str, top: &ZPath, live: &Tree<Live>) {
    if text.is_empty() {
        return;
    }
    let at = top.parent().unwrap_or_else(ZPath::root);
    let again = trees::declare_at(text.as_bytes(), at.as_str()).expect("an export can be read");
    let policy = Policy {
        path: at,
        trim: Trim::All,
        ..Policy::new(&again.sources)
    };
    let plan = planner::plan(&again.tree, live, &policy);
    assert!(
        plan.is_empty(),
        "importing the export changes something: {plan:?}\n{text}"
    );
    let made = planner::plan(&again.tree, &Tree::default(), &policy);
    let parents = again.tree.iter().next().and_then(|(path, _)| path.parent());
    if parents.is_some_and(|parent| parent.is_root()) {
        let made = Ensemble::default().after(&made).expect("a legal plan");
        for (path, node) in &made.nodes {
            let before = live
                .get(path)
                .and_then(Live::node)
                .expect("an exported node");
            let decoded = |data: &[u8]| zkt::model::value::Data::decode(data);
            match decoded(&before.data) {
                zkt::model::value::Data::Properties(before) => {
                    let after = decoded(&node.data).into_properties();
                    assert!(
                        zkt::model::value::equal_properties(&before, &after),
                        "{path}: {before:?} {after:?}"
                    );
                }
                _ => assert_eq!(before.data, node.data, "{path}"),
            }
        }
    }
}

const DEPARTURES: &[Departure] = &[
    (
        "export-dblroot-40",
        "Repeated slashes do not count, and `/` is exported without `/zookeeper`.",
        r##"/fooservice
  database = '/databases/foomain'
  favorite_color = 'red'
  threads = 1
  /providers
"##,
    ),
    (
        "export-nonfinite-46",
        "Values are literals; zc.zk evaluates Python.",
        r##"4:7: expected a literal value, found an expression; zkt never evaluates code"##,
    ),
    (
        "export-lone-surrogate-50",
        "Half of a surrogate pair is no text.",
        r##"2:7: \ud83d is half of a surrogate pair, which no text can hold"##,
    ),
    (
        "export-types-59",
        "A type that no type clause can hold, or that is empty or no string, is exported as the property it is.",
        r##"/n : t
/o : t u v
/p : 'q'
/q : é
/r : a: b
/s
  type = ' lead'
/t
  type = 'trail '
/u
  type = ''
/v
  type = None
/w
  type = 0
/x
  type = False
/y :#x
/z
  type = 'a\nb'
"##,
    ),
    (
        "export-type-bad-2-62",
        "A type that is no string is exported as a property.",
        r##"/n
  type = 1.5
"##,
    ),
    (
        "export-type-bad-3-63",
        "A type that is no string is exported as a property.",
        r##"/n
  type = ['a']
"##,
    ),
    (
        "export-raw-json-nan-84",
        "An export is a copy: no literal stands for NaN or Infinity, so the bytes are written.",
        r##"/n
  @data '{"a":NaN,"b":Infinity,"c":-Infinity}'
"##,
    ),
    (
        "export-raw-bom-104",
        "A byte-order mark, as some tools write it, does not make text of properties.",
        r##"/n
  a = 1
"##,
    ),
    (
        "export-raw-json-big-85",
        "Numbers of any size and precision keep their exact value.",
        r##"/n
  a = 1e+400
  b = 123456789012345678901234567890
  c = 1.10
  d = 1e+5
  e = -0
  f = -0.0
"##,
    ),
    (
        "export-raw-json-names-88",
        "Names that need quotes have them, and property links are written as `name => path`.",
        r##"/n
  "" = 2
  " l" = 8
  "#i" = 5
  "/j" = 6
  "a b" = 1
  "c=d" = 3
  "g\nh" = 4
  "k\t" = 7
  "" -> /y
  "" => /w
  e -> /x
  f => /z
"##,
    ),
    (
        "export-raw-json-type-types-93",
        "A type that is empty or no string is exported as a property.",
        r##"/n : a
  x = 1
/o
  type = ''
/p
  type = None
"##,
    ),
    (
        "export-zk-node-108",
        "`/zookeeper` can be neither declared nor trimmed.",
        r##"1:2: /zookeeper belongs to ZooKeeper itself and cannot be declared"##,
    ),
];

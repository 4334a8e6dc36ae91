//! Files of saved plans, whoever made them: their digest and checksum are made to fit, as somebody would who
//! forges one.

use zkt::model::node::Live;
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::plan::saved::{Error, MadeOf, Origin, OwnerTerms, SavedPlan, Terms, declared_digest};
use zkt::{Acl, Trim, ZPath};

use crate::engine::{Bounds, Line, Target, Traits, fuzz};

pub(crate) const TARGET: Target = Target {
    name: "saved",
    words: &[
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1e400",
        "/",
        "/a",
        "/a/b",
        "\"path\":",
        "\"add\":",
        "\"update\":",
        "\"trim\":",
        "\"link\":",
        "\"version\":",
        "\"seen\":",
        "\"data\":",
        "\"base64\":",
        "\"text\":",
        "\"(secret)\"",
        "\"owner\":",
        "\"acl\":",
        "\"warnings\":",
        "\"refusals\":",
        "\\u001b",
        "\\ud800",
        "\u{1b}",
        "é",
        "//",
        "..",
        "zkt_plan",
    ],
    longest: 16 << 10,
    cases: 5000,
    bounds: Bounds {
        at_once: Line(4 << 20, 4000),
        in_all: Line(16 << 20, 40_000),
    },
};

/// Reads a file, with the digest and the checksum that it should have.
fn read(text: &[u8]) -> Result<SavedPlan, Error> {
    let mut text = text.to_vec();
    for _ in 0..4 {
        match SavedPlan::from_json(&text) {
            Err(Error::Digest { expected, found } | Error::Checksum { expected, found })
                if !expected.is_empty() =>
            {
                let resealed = String::from_utf8_lossy(&text).replace(&expected, &found);
                text = resealed.into_bytes();
            }
            read => return read,
        }
    }
    SavedPlan::from_json(&text)
}

pub(crate) fn one(bytes: &[u8]) -> Traits {
    let mut traits = Traits::default();
    match read(bytes) {
        Ok(saved) => {
            let text = saved.to_json();
            let again = SavedPlan::from_json(text.as_bytes());
            assert_eq!(
                again.unwrap_or_else(|error| panic!("{error}\n{text}")),
                saved
            );
            for (at, action) in saved.plan().actions.iter().enumerate() {
                traits.note((action.name(), saved.is_withheld(at)));
            }
            traits.note_message(&format!("{:?} {:?}", saved.terms, saved.secrets()));
        }
        Err(error) => {
            let message = error.to_string();
            traits.note_message(&message);
        }
    }
    traits
}

/// Plans of each kind, with and without their secrets.
fn seeds() -> Vec<Vec<u8>> {
    let trees = [
        "/a\n  x = 1\n  l -> /b\n/b : t\n  @acl world:anyone:r\n/r\n  @data 'raw'\n",
        "/a\n  x = 2\n  password = 'hunter2'\n  @secret password\n/c/d\n  @data base64 '/w=='\n  @moved from '/r'\n",
        "/e\n",
    ];
    let mut seeds = Vec::new();
    for new in trees {
        let source = zkt::declare(new).unwrap();
        let olds = trees.iter().map(|old| live(old));
        for live in olds.chain([Tree::default()]) {
            for (with_secrets, owned) in [(false, false), (true, false), (true, true)] {
                seeds.push(saved(&source, &live, with_secrets, owned).into_bytes());
            }
        }
    }
    seeds
}

/// A tree as it was read of a server.
fn live(text: &str) -> Tree<Live> {
    let mut live = planner::as_live(zkt::declare(text).unwrap().tree());
    for (_, node) in live.iter_mut() {
        if let Live::Read(node) = node {
            (node.czxid, node.mzxid) = (5, 7);
            node.acl.get_or_insert_with(|| Acl::open().into());
        }
    }
    live
}

fn saved(source: &zkt::Source, live: &Tree<Live>, with_secrets: bool, owned: bool) -> String {
    let declared = source.tree();
    let policy = Policy {
        trim: Trim::All,
        trim_top_level: true,
        ..Policy::new(source.texts())
    };
    let mut plan = planner::plan(declared, live, &policy);
    plan.refusals.clear();
    let origin = Origin {
        zkt: "0.1.0".to_owned(),
        made: "2026-11-28T12:00:00Z".to_owned(),
        server: "zk1:2181/app".to_owned(),
        context: Some("prod".to_owned()),
        layers: vec!["trees".to_owned()],
        declared: declared_digest(declared),
        salt: "salt".to_owned(),
    };
    let owner = OwnerTerms {
        name: "prod".to_owned(),
        path: "/zkt".to_owned(),
        adopt: true,
        trim: true,
        revision: None,
    };
    let terms = Terms {
        path: ZPath::root(),
        trim: true,
        target: Vec::new(),
        exclude: Vec::new(),
        replace: true,
        allow_ephemeral: false,
        owner: owned.then_some(owner),
    };
    let texts = source.texts();
    let made_of = MadeOf {
        declared,
        texts,
        live,
    };
    SavedPlan::new(plan, (origin, terms), &made_of, with_secrets).to_json()
}

#[test]
fn fuzzed() {
    let seeds = seeds();
    for seed in &seeds {
        let text = String::from_utf8_lossy(seed);
        SavedPlan::from_json(seed).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
    fuzz(&TARGET, seeds, crate::measured, one);
}

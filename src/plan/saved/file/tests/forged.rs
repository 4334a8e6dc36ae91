//! Files that somebody wrote who also made their checksum and their digest anew.

use super::*;
use crate::declare::Source;
use crate::model::acl::{Acl, AclEntry, Identities};
use crate::model::node::{Live, LiveNode, Secret};
use crate::model::plan::HiddenValues;
use crate::model::value::Encoded;
use crate::plan::saved::Moved;
use crate::plan::scope::Trim;

/// What somebody makes of a saved plan who also makes its checksum and its digest anew.
fn forged(saved: &SavedPlan, change: impl Fn(&mut SavedPlan)) -> Result<SavedPlan, String> {
    let mut saved = saved.clone();
    change(&mut saved);
    reseal(serde_json::from_str(&saved.to_json()).unwrap())
}

/// The message for a saved plan that is refused when it is read.
fn refusal(saved: &SavedPlan, change: impl Fn(&mut SavedPlan)) -> String {
    let error = forged(saved, change).unwrap_err();
    let reason = error.strip_prefix("it is no saved plan: ");
    reason.expect("a reason").to_owned()
}

#[test]
fn a_checksum_that_is_not_that_of_the_plan_is_refused() {
    for with_secrets in [false, true] {
        let mut file: File = serde_json::from_str(&saved(with_secrets).to_json()).unwrap();
        file.checksum = "0".repeat(64);
        file.digest = file.digest();
        let error = SavedPlan::from_json(to_json(&file).as_bytes()).unwrap_err();
        let expected = format!(
            "it was changed after it was saved: its checksum is {}, and it says {}",
            saved(with_secrets).checksum(),
            "0".repeat(64)
        );
        assert_eq!(error.to_string(), expected);
    }
    // With its secrets, too, the checksum is that of what is shown.
    let other = refusal(&saved(true), |saved| {
        let Action::Add(add) = &mut saved.plan.actions[0] else {
            panic!("an add");
        };
        add.data = crate::model::value::Encoded::object(br#"{"user":"evil","password":"hunter2"}"#);
    });
    assert_eq!(other, "/db: what it shows is not what it writes");
}

#[test]
fn the_checksum_covers_the_owner_and_what_it_may_remove() {
    let sum = |change: &dyn Fn(&mut Terms)| {
        let saved = saved(true);
        let mut terms = saved.terms.clone();
        change(&mut terms);
        checksum(&saved.plan, &[], terms.mandate(), "")
    };
    let owner = |name: &str, path: &str, trim| {
        let (name, path) = (name.to_owned(), path.to_owned());
        move |terms: &mut Terms| {
            terms.owner = Some(OwnerTerms {
                name: name.clone(),
                path: path.clone(),
                adopt: false,
                trim,
                revision: None,
            });
        }
    };
    let sums: BTreeSet<String> = [
        sum(&|_| {}),
        sum(&|terms| terms.trim = true),
        sum(&owner("r1", "/zkt", false)),
        sum(&owner("r2", "/zkt", false)),
        sum(&owner("r2", "/zkt", true)),
        sum(&owner("r2", "/lb", false)),
    ]
    .into();
    assert_eq!(sums.len(), 6);
}

#[test]
fn an_owner_takes_nothing_that_its_terms_do_not_take() {
    let entry = |claim| Entry {
        created: 118,
        modified: 118,
        claim,
        partial: false,
    };
    let of_owner = |saved: &mut SavedPlan| {
        saved.terms.owner = Some(OwnerTerms {
            name: "o2".to_owned(),
            path: "/zkt".to_owned(),
            adopt: false,
            trim: false,
            revision: None,
        });
    };
    let equal = |saved: &mut SavedPlan, claim| {
        saved.plan.claims.equal = vec![path_of("/foreign")];
        saved.plan.record.take = vec![(path_of("/foreign"), entry(claim))];
    };
    assert_eq!(
        refusal(&saved(true), |saved| equal(saved, Claim::Adopted)),
        "it is for no owner, and changes what one has"
    );
    let created = refusal(&saved(true), |saved| {
        of_owner(saved);
        equal(saved, Claim::Created);
    });
    assert_eq!(created, "/foreign: it is adopted, and not created");
    let told = refusal(&saved(true), |saved| {
        of_owner(saved);
        saved.plan.claims.adopted = vec![Adopted {
            path: path_of("/foreign"),
            from: None,
            differs: false,
        }];
    });
    assert_eq!(told, "/foreign: it is adopted, and its terms adopt nothing");
}

/// A plan, the tree that it is for, and the live nodes, which are given as path and data.
struct Case {
    source: Source,
    live: Tree<Live>,
    plan: Plan,
    saved: SavedPlan,
}

fn case(text: &str, nodes: &[(&str, &str)]) -> Case {
    let source = declare(text).unwrap();
    let children = |path: &str| {
        let parents = nodes.iter().map(|(other, _)| path_of(other).parent());
        parents
            .filter(|parent| parent.as_ref() == Some(&path_of(path)))
            .count()
    };
    let node = |(at, &(path, data)): (usize, &(&str, &str))| {
        let zxid = i64::try_from(at).unwrap() + 7;
        let node = LiveNode {
            czxid: zxid,
            mzxid: zxid,
            children: u32::try_from(children(path)).unwrap(),
            acl: Some(Acl::open().into()),
            ..LiveNode::with_data(data.as_bytes().to_vec())
        };
        (path_of(path), Live::Read(node))
    };
    let live: Tree<Live> = nodes.iter().enumerate().map(node).collect();
    let policy = Policy {
        trim: Trim::None,
        ..Policy::new(source.texts())
    };
    let plan = planner::plan(source.tree(), &live, &policy);
    assert_eq!(plan.refusals, []);
    let SavedPlan { origin, terms, .. } = saved(true);
    let origin = Origin {
        declared: declared_digest(source.tree()),
        ..origin
    };
    let made_of = MadeOf {
        declared: source.tree(),
        texts: source.texts(),
        live: &live,
    };
    let saved = SavedPlan::new(plan.clone(), (origin, terms), &made_of, false);
    Case {
        source,
        live,
        plan,
        saved,
    }
}

impl Case {
    /// What moved under the plan, as it is or as somebody changed it.
    fn moved(&self, change: impl Fn(&mut SavedPlan)) -> Vec<(String, Moved)> {
        let saved = forged(&self.saved, change).unwrap();
        let (tree, names) = (self.source.tree(), self.source.texts().secret_names());
        let fresh = match saved.secrets() {
            Secrets::Withheld => Some(saved.fresh(&self.plan, tree, names).unwrap()),
            Secrets::None | Secrets::Included => None,
        };
        let rest = saved.rest(&self.live, &Identities::default(), fresh.as_ref());
        let moved = rest.moved.into_iter();
        moved
            .map(|(path, moved)| (path.to_string(), moved))
            .collect()
    }
}

fn add<'p>(saved: &'p mut SavedPlan, path: &str) -> &'p mut crate::model::plan::Add {
    let mut adds = saved
        .plan
        .actions
        .iter_mut()
        .filter_map(|action| match action {
            Action::Add(add) => Some(add),
            _ => None,
        });
    adds.find(|add| add.path.as_str() == path).expect("an add")
}

#[test]
fn what_is_withheld_is_shown_as_it_is_declared() {
    let case = case(
        "/w\n  mode = 'EVIL'\n  @secret pw\n  pw = 'TOPSECRET'\n  l -> /w\n",
        &[("/", "")],
    );
    assert_eq!(case.moved(|_| {}), []);
    let is_refused = |change: &dyn Fn(&mut SavedPlan)| {
        assert_eq!(case.moved(change), [("/w".to_owned(), Moved::Contradicted)]);
    };
    is_refused(&|saved| add(saved, "/w").secret = HiddenValues(Secret::Nothing));
    is_refused(&|saved| {
        for action in &mut saved.plan.actions {
            let data: &mut Encoded = match action {
                Action::Add(add) => &mut add.data,
                Action::Link(link) => &mut link.data,
                _ => panic!("another action"),
            };
            let text = String::from_utf8(data.as_bytes().to_vec()).unwrap();
            *data = Encoded::object(text.replace("EVIL", "good").as_bytes());
        }
    });
    let link = refusal(&case.saved, |saved| {
        let Some(Action::Link(link)) = saved.plan.actions.last_mut() else {
            panic!("a link");
        };
        link.changes.clear();
    });
    assert_eq!(link, "/w: what it shows is not what it writes");
}

#[test]
fn a_file_without_secrets_hides_nothing() {
    let case = case("/w\n  mode = 'EVIL'\n", &[("/", "")]);
    let hidden = refusal(&case.saved, |saved| {
        add(saved, "/w").secret = HiddenValues(Secret::Everything);
    });
    assert_eq!(
        hidden,
        "/w: it has a value that it does not show, and says that it has no secrets"
    );
}

const MOVE: &str = "/mw\n  /new\n    @moved from '/mw/old'\n    a = 2\n";

fn moving() -> Case {
    case(
        MOVE,
        &[
            ("/", ""),
            ("/mw", "{}"),
            ("/mw/old", r#"{"a":1}"#),
            ("/mw/old/kid", r#"{"b":2}"#),
        ],
    )
}

#[test]
fn what_is_moved_arrives_as_it_was() {
    let case = moving();
    assert_eq!(case.moved(|_| {}), []);
    let is_refused = |path: &str, change: &dyn Fn(&mut SavedPlan)| {
        assert_eq!(case.moved(change), [(path.to_owned(), Moved::Contradicted)]);
    };
    is_refused("/mw/new/kid", &|saved| {
        add(saved, "/mw/new/kid").data = Encoded::object(br#"{"b":666,"evil":true}"#);
    });
    is_refused("/mw/new/kid", &|saved| {
        let entry = AclEntry::parse("world:anyone:r").unwrap();
        let entries = vec![entry];
        add(saved, "/mw/new/kid").acl = Some(Acl { entries }.into());
    });
    // The change that is shown is not all that changes, or is none.
    is_refused("/mw/new", &|saved| {
        add(saved, "/mw/new").data = Encoded::object(br#"{"a":3}"#);
    });
    is_refused("/mw/new", &|saved| saved.plan.moves[0].changes.clear());
    let beside = refusal(&case.saved, |saved| {
        let moved = &mut saved.plan.moves[0];
        let changes = moved.changes[&path_of("/mw/new")].clone();
        moved.changes.insert(path_of("/mw/new/none"), changes);
    });
    assert_eq!(
        beside,
        "/mw/new/none: it is not moved, and changes are shown"
    );
}

#[test]
fn what_is_moved_is_not_lost() {
    let mut case = moving();
    let kid = path_of("/mw/new/kid");
    let without_add = |saved: &mut SavedPlan| {
        let actions = &mut saved.plan.actions;
        actions.retain(|action| *action.path() != path_of("/mw/new/kid"));
    };
    assert_eq!(
        refusal(&case.saved, without_add),
        "trim /mw/old/kid: it is moved to /mw/new/kid, and nothing creates that"
    );
    let as_if_there = case.moved(|saved| {
        without_add(saved);
        let seen = saved.seen_nodes[&path_of("/mw")].clone();
        saved.seen_nodes.insert(kid.clone(), seen);
    });
    assert_eq!(as_if_there, [("/mw/new/kid".to_owned(), Moved::Missing)]);
    let dropped = refusal(&case.saved, |saved| {
        without_add(saved);
        saved.plan.moves[0].dropped.insert(path_of("/mw/old/kid"));
    });
    assert_eq!(dropped, "trim /mw/old/kid: its terms remove nothing");
    let trims = |saved: &mut SavedPlan| saved.plan.moves.clear();
    let bare = refusal(&case.saved, trims);
    assert_eq!(bare, "trim /mw/old/kid: its terms remove nothing");

    // Nothing was ever moved from there.
    case.live
        .retain(|path, _| !path.is_within(&path_of("/mw/old")));
    let mut moved = case.moved(|_| {});
    moved.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(
        moved,
        [
            ("/mw/old".to_owned(), Moved::Missing),
            ("/mw/old/kid".to_owned(), Moved::Missing)
        ]
    );
}

#[test]
fn a_move_that_was_cut_short_goes_on() {
    let mut case = moving();
    let new = [("/mw/new", r#"{"a":2}"#), ("/mw/new/kid", r#"{"b":2}"#)];
    let node = |(path, data): &(&str, &str)| {
        let live = LiveNode {
            czxid: 70,
            mzxid: 70,
            acl: Some(Acl::open().into()),
            ..LiveNode::with_data(data.as_bytes().to_vec())
        };
        (path_of(path), Live::Read(live))
    };
    case.live.merge(new.iter().map(node).collect());
    assert_eq!(case.moved(|_| {}), []);
    // A plan that is made now only removes the old nodes.
    let nodes = case.live.iter().map(|(path, live)| {
        let data = &live.node().expect("a node").data;
        (path.to_string(), String::from_utf8(data.clone()).unwrap())
    });
    let nodes: Vec<(String, String)> = nodes.collect();
    let nodes: Vec<(&str, &str)> = nodes
        .iter()
        .map(|(path, data)| (&**path, &**data))
        .collect();
    let late = self::case(MOVE, &nodes);
    assert_eq!(late.saved.plan.summary().add, 0);
    assert_eq!(late.moved(|_| {}), []);
}

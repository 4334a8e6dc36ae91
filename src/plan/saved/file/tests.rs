mod forged;

use super::*;
use crate::declare::declare;
use crate::model::node::{Live, LiveNode};
use crate::model::plan::{Adopted, Claims, LetGo};
use crate::model::record::{Changes, Claim, Entry};
use crate::model::tree::Tree;
use crate::plan::planner::{self, Policy};
use crate::plan::saved::{OwnerTerms, checksum_of, declared_digest};
use crate::plan::scope::Children;

const TREE: &str = "/db : x\n  user = 'app'\n  password = 'hunter2'\n  @secret password\n  replica -> /db/one\n  /one\n";

fn saved(with_secrets: bool) -> SavedPlan {
    let source = declare(TREE).unwrap();
    let (tree, texts) = (source.tree(), source.texts());
    let plan = planner::plan(tree, &Tree::default(), &Policy::new(texts));
    let origin = Origin {
        zkt: "0.1.0".to_owned(),
        made: "2026-11-28T12:00:00Z".to_owned(),
        server: "zk1:2181".to_owned(),
        context: None,
        layers: vec!["db.zkt".to_owned()],
        declared: declared_digest(tree),
        salt: "salt".to_owned(),
    };
    let terms = Terms {
        path: ZPath::root(),
        trim: false,
        target: Vec::new(),
        exclude: Vec::new(),
        replace: false,
        allow_ephemeral: false,
        owner: None,
    };
    let made_of = MadeOf {
        declared: tree,
        texts,
        live: &Tree::default(),
    };
    SavedPlan::new(plan, (origin, terms), &made_of, with_secrets)
}

#[test]
fn a_secret_is_in_the_file_only_where_that_was_asked_for() {
    let withheld = saved(false);
    let text = withheld.to_json();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("app"), "{text}");
    assert_eq!(withheld.secrets(), Secrets::Withheld);
    // The node is created, and its link is set: both write all of its data.
    let lacking: Vec<bool> = (0..3).map(|at| withheld.is_withheld(at)).collect();
    assert_eq!(lacking, [true, false, true]);

    let included = saved(true);
    assert!(included.to_json().contains("hunter2"));
    assert_eq!(included.secrets(), Secrets::Included);
    assert_eq!(included.checksum(), withheld.checksum());
}

#[test]
fn what_changes_in_what_an_owner_has_is_in_the_file() {
    let mut saved = saved(true);
    saved.terms.owner = Some(OwnerTerms {
        name: "prod".to_owned(),
        path: "/zkt".to_owned(),
        adopt: true,
        trim: false,
        revision: None,
    });
    let path = |text: &str| ZPath::parse(text).unwrap();
    let entry = |claim| Entry {
        created: 5,
        modified: 6,
        claim,
        partial: true,
    };
    saved.plan.claims = Claims {
        adopted: vec![Adopted {
            path: path("/told"),
            from: Some("other".to_owned()),
            differs: true,
        }],
        equal: vec![path("/equal")],
        let_go: vec![LetGo {
            path: path("/old"),
            created: 5,
            to: "other".to_owned(),
        }],
    };
    saved.plan.record = Changes {
        take: vec![
            (path("/equal"), entry(Claim::Adopted)),
            (path("/known"), entry(Claim::Created)),
            (path("/rest"), entry(Claim::Written)),
        ],
        gone: vec![(path("/gone"), 4), (path("/old"), 5)],
        partial: vec![(path("/db"), true)],
    };
    let file: File = serde_json::from_str(&saved.to_json()).unwrap();
    let read = reseal(file).unwrap();
    assert_eq!(read.plan.claims, saved.plan.claims);
    assert_eq!(read.plan.record, saved.plan.record);
}

#[test]
fn another_secret_is_another_checksum() {
    let sum = |text: &str| {
        let source = declare(text).unwrap();
        let (tree, texts) = (source.tree(), source.texts());
        let plan = planner::plan(tree, &Tree::default(), &Policy::new(texts));
        let made_of = MadeOf {
            declared: tree,
            texts,
            live: &Tree::default(),
        };
        checksum_of(&plan, &made_of, saved(true).terms.mandate())
    };
    let first = sum(TREE);
    assert_eq!(first.len(), 64);
    assert_ne!(sum(&TREE.replace("hunter2", "hunter3")), first);
    assert_eq!(sum(&format!("# a comment\n\n{TREE}")), first);
}

#[test]
fn what_is_cut_or_changed_is_no_saved_plan() {
    let text = saved(true).to_json();
    for end in 0..text.trim_end().len() {
        let cut = SavedPlan::from_json(&text.as_bytes()[..end]);
        assert!(cut.is_err(), "{end}");
    }
    let error = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        let changed = text.replacen(from, to, 1);
        SavedPlan::from_json(changed.as_bytes())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("\"zkt_plan\":5", "\"zkt_plan\":1"),
        "it is a saved plan of format 1, and this zkt reads format 5 only"
    );
    let changed = "it was changed after it was saved: ";
    assert!(error("hunter2", "hunter3").starts_with(changed));
    assert!(error("zk1:2181", "zk2:2181").starts_with(changed));
    let unknown = error("\"zkt_plan\":5", "\"zkt_plan\":5,\"guard\":0");
    assert!(
        unknown.starts_with("it is no saved plan: unknown field `guard`"),
        "{unknown}"
    );
}

#[test]
fn what_cannot_be_is_no_saved_plan() {
    // As somebody writes it who also makes the digest anew.
    let error = |change: &dyn Fn(&mut File)| {
        let mut file: File = serde_json::from_str(&saved(true).to_json()).unwrap();
        file.terms.trim = true;
        change(&mut file);
        reseal(file).unwrap_err()
    };
    let plan = |text: &str| -> PlanForm {
        let whole = format!(
            r#"{{"path":"/","actions":[{text}],"extras":[],"kept":[],"warnings":[],"unchanged":0,
                "examined":0,"users":[],"guarded":{{}},"opened":[]}}"#
        );
        serde_json::from_str(&whole).unwrap()
    };
    let of = |action: &str| error(&|file| file.plan = plan(action));
    assert_eq!(
        of(r#"{"path":"/a","act":{"trim":{"version":-1,"seen":null}}}"#),
        "it is no saved plan: /a: the version -1 guards nothing"
    );
    assert_eq!(
        of(r#"{"path":"/a","act":{"trim":{"version":0,"seen":null}}}"#),
        "it is no saved plan: /a: it does not say what was seen"
    );
    assert_eq!(
        of(r#"{"path":"/a","act":{"trim":{"version":0,"seen":[1,1]}}}"#),
        "it is no saved plan: /a: it does not say what was seen"
    );
    let update = r#"{"path":"/a","act":{"update":{"version":0,"seen":[0,0],"data":{"object":"{\"x\":2}"},"acl":null,
        "changes":[{"name":"x","old":null,"new":{"json":"3"},"secret":false}]}}}"#;
    let unlike = error(&|file| {
        file.plan = plan(update);
        let seen = r#"{"/a":{"zxids":[0,0],"born":0,"written":0,"digest":""}}"#;
        file.seen = serde_json::from_str(seen).unwrap();
    });
    assert_eq!(
        unlike,
        "it is no saved plan: /a: what it shows is not what it writes"
    );
    let bad_path = of(r#"{"path":"/a/","act":{"trim":{"version":0,"seen":null}}}"#);
    assert!(
        bad_path.starts_with("it is no saved plan: \"/a/\": "),
        "{bad_path}"
    );
    assert_eq!(
        of(
            r#"{"path":"/a","act":{"add":{"data":{"object":"[1]"},"raw":false,"acl":null,
              "secret":"nothing"}}}"#
        ),
        "it is no saved plan: properties that are no object"
    );
}

#[test]
fn what_acts_where_no_plan_does_is_no_saved_plan() {
    let error = |path: &str, change: &dyn Fn(&mut File)| {
        let mut file: File = serde_json::from_str(&saved(true).to_json()).unwrap();
        let add = format!(
            r#"{{"path":"{path}","act":{{"add":{{"data":{{"object":"{{}}"}},"raw":false,"acl":null,
                "secret":"nothing"}}}}}}"#
        );
        let whole = format!(
            r#"{{"path":"/","actions":[{add}],"extras":[],"kept":[],"warnings":[],"unchanged":0,
                "examined":0,"users":[],"guarded":{{}},"opened":[]}}"#
        );
        file.plan = serde_json::from_str(&whole).unwrap();
        file.seen.clear();
        file.masked = None;
        file.secrets = Secrets::None;
        change(&mut file);
        reseal(file).err()
    };
    let refused = |text: &str| Some(format!("it is no saved plan: {text}"));
    let as_it_is = |_: &mut File| {};
    assert_eq!(error("/new", &as_it_is), None);
    let records = "owners keep their records there";
    for path in ["/zkt", "/zkt/prod"] {
        let expected = refused(&format!("add {path}: {records}"));
        assert_eq!(error(path, &as_it_is), expected);
    }
    let owned = |file: &mut File| {
        file.terms.owner = Some(OwnerTerms {
            name: "prod".to_owned(),
            path: "/meta/zkt".to_owned(),
            adopt: false,
            trim: false,
            revision: None,
        });
    };
    let expected = refused(&format!("add /meta/zkt/prod: {records}"));
    assert_eq!(error("/meta/zkt/prod", &owned), expected);
    let system = refused("add /zookeeper/quota: /zookeeper belongs to ZooKeeper itself");
    assert_eq!(error("/zookeeper/quota", &as_it_is), system);
    let below_chroot = |file: &mut File| file.origin.server = "zk1:2181/app".to_owned();
    assert_eq!(error("/zookeeper/quota", &below_chroot), None);
    let at_app = |file: &mut File| file.terms.path = path_of("/app");
    assert_eq!(
        error("/app/new", &at_app),
        refused("its nodes go to /app, and its plan is about /")
    );
    let about_app = |file: &mut File| file.terms.target = vec!["/app/**".to_owned()];
    assert_eq!(error("/app/new", &about_app), None);
    let outside = refused("add /new: it is outside of the plan's targets, or excluded");
    assert_eq!(error("/new", &about_app), outside);
}

#[test]
fn what_lies_outside_of_its_place_is_no_saved_plan() {
    let plan = Plan {
        path: path_of("/app"),
        ..saved(true).plan
    };
    let terms = Terms {
        path: path_of("/app"),
        ..saved(true).terms
    };
    assert_eq!(
        require_within(&plan, &bounds(&saved(true).origin, &terms)),
        Err("add /db: it is outside of /app, the place of the tree".to_owned())
    );
}

/// Reads a file as somebody writes it who also makes its checksum and its digest anew.
fn reseal(mut file: File) -> Result<SavedPlan, String> {
    for _ in 0..2 {
        file.digest = file.digest();
        match SavedPlan::from_json(to_json(&file).as_bytes()) {
            Err(Error::Checksum { found, .. }) => file.checksum = found,
            read => return read.map_err(|error| error.to_string()),
        }
    }
    panic!("a checksum of its own");
}

fn path_of(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

/// A plan that creates `/new` beside these top-level nodes.
fn beside(others: Vec<(&str, Live)>) -> SavedPlan {
    let source = declare("/new\n").unwrap();
    let (tree, texts) = (source.tree(), source.texts());
    let root = Live::Read(LiveNode::with_data(Vec::new()));
    let nodes = others.into_iter().chain([("/", root)]);
    let mut nodes: Vec<(ZPath, Live)> = nodes
        .map(|(path, live)| (ZPath::parse(path).unwrap(), live))
        .collect();
    nodes.sort_by(|(one, _), (other, _)| one.cmp(other));
    let live: Tree<Live> = nodes.into_iter().collect();
    let plan = planner::plan(tree, &live, &Policy::new(texts));
    let SavedPlan { origin, terms, .. } = saved(true);
    let made_of = MadeOf {
        declared: tree,
        texts,
        live: &live,
    };
    SavedPlan::new(plan, (origin, terms), &made_of, true)
}

fn of_another(data: &str) -> Live {
    Live::Read(LiveNode {
        czxid: 7,
        mzxid: 8,
        ..LiveNode::with_data(data.as_bytes().to_vec())
    })
}

/// Whoever has the file has its salt, and could try guesses.
#[test]
fn no_digest_is_of_the_data_of_a_node_that_only_tells_the_ensemble() {
    let [one, other] = ["1234", "4321"].map(|pin| beside(vec![("/pin", of_another(pin))]));
    assert!(one.to_json().contains("/pin"));
    assert_eq!(one.to_json(), other.to_json());
}

#[test]
fn what_may_not_be_read_is_not_nothing() {
    let lists = |saved: &SavedPlan| {
        let wants = saved.wants();
        wants.iter().any(|want| want.children == Children::List)
    };
    let read_again = |saved: &SavedPlan| SavedPlan::from_json(saved.to_json().as_bytes()).unwrap();
    let alone = beside(vec![]);
    let shut = beside(vec![("/shut", Live::Unreadable)]);
    for (saved, is_from_nothing) in [(alone, true), (shut, false)] {
        assert_eq!(lists(&saved), is_from_nothing);
        assert_eq!(lists(&read_again(&saved)), is_from_nothing);
    }
}

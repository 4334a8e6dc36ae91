use super::*;
use crate::model::acl::Acl;
use crate::model::plan::{Adopted, Claims, Refusal};
use crate::model::record::{Changes, Claim, Entry, Record};
use crate::plan::planner;

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

fn entry(created: i64, modified: i64, claim: Claim) -> Entry {
    Entry {
        created,
        modified,
        claim,
        partial: false,
    }
}

/// Live nodes as path, data, creation, last write and number of children; without the last three, they
/// are listed only.
type Node = (&'static str, &'static str, i64, i64, u32);

fn live(nodes: &[Node]) -> Tree<Live> {
    let node = |&(text, data, czxid, mzxid, children): &Node| {
        let node = LiveNode {
            czxid,
            mzxid,
            children,
            acl: Some(Arc::new(Acl::open())),
            ..LiveNode::with_data(data.as_bytes().to_vec())
        };
        let live = match czxid {
            0 => Live::Listed,
            _ => Live::Read(node),
        };
        (path(text), live)
    };
    nodes.iter().map(node).collect()
}

/// The plan for an owner with this record.
fn plan(
    text: &str,
    nodes: &[Node],
    record: &[(&str, Entry)],
    change: impl Fn(&mut Ownership),
) -> Plan {
    let limit = crate::model::plan::MaxTrim::Unlimited;
    plan_with(text, nodes, record, change, (scope::Trim::Owned, limit))
}

fn plan_with(
    text: &str,
    nodes: &[Node],
    record: &[(&str, Entry)],
    change: impl Fn(&mut Ownership),
    (trim, max_trim): (scope::Trim, crate::model::plan::MaxTrim),
) -> Plan {
    let (declared, sources) = crate::declare::declare(text).unwrap().into_parts();
    let mut owned = Record::default();
    owned.extend(
        record
            .iter()
            .map(|(text, entry)| (path(text), *entry))
            .collect(),
    );
    let mut ownership = Ownership {
        place: path("/zkt"),
        record: Arc::new(owned),
        others: Vec::new(),
        unknown: Vec::new(),
        adopts: false,
    };
    change(&mut ownership);
    let policy = Policy {
        trim,
        max_trim,
        owner: Some(Arc::new(ownership)),
        ..Policy::new(&sources)
    };
    planner::plan(&declared, &live(nodes), &policy)
}

fn shown(plan: &Plan) -> Vec<String> {
    let actions = plan.actions.iter();
    let actions = actions.map(|action| format!("{} {}", action.name(), action.path()));
    let kept = plan.kept.iter();
    let kept = kept.map(|kept| format!("kept {}: {}", kept.path, kept.reason));
    let extras = plan.extras.iter().map(|path| format!("extra {path}"));
    actions.chain(kept).chain(extras).collect()
}

const OURS: Entry = Entry {
    created: 5,
    modified: 6,
    claim: Claim::Created,
    partial: false,
};

#[test]
fn what_still_is_as_it_was_goes_children_first() {
    let nodes = [
        ("/a", "{}", 5, 6, 2),
        ("/a/theirs", "", 0, 0, 0),
        ("/a/x", "{}", 5, 6, 1),
        ("/a/x/y", "", 5, 6, 0),
        ("/top", "", 5, 6, 0),
        ("/zkt/team", "", 5, 6, 0),
    ];
    let all = ["/a", "/a/x", "/a/x/y", "/gone", "/top", "/zkt/team"];
    let record = all.map(|path| (path, OURS));
    let plan = plan("/a\n", &nodes, &record, |_| {});
    assert_eq!(
        shown(&plan),
        ["trim /top", "trim /a/x/y", "trim /a/x", "extra /a/theirs"]
    );
    assert_eq!(plan.record.gone, [(path("/gone"), 5)]);
    assert_eq!(plan.record.take, []);
}

#[test]
fn what_others_have_a_part_in_stays() {
    let nodes = [
        ("/adopted", "", 5, 6, 0),
        ("/changed", "", 5, 7, 0),
        ("/closed", "", 5, 6, 1),
        ("/declared", "{}", 5, 6, 0),
        ("/holds", "", 5, 6, 2),
        ("/holds/ours", "", 5, 6, 0),
        ("/holds/theirs", "", 0, 0, 0),
        ("/replaced", "", 7, 7, 0),
        ("/shared", "", 5, 6, 0),
        ("/written", "", 5, 6, 0),
    ];
    let record = [
        ("/adopted", entry(5, 6, Claim::Adopted)),
        ("/changed", OURS),
        ("/closed", OURS),
        ("/holds", OURS),
        ("/holds/ours", OURS),
        ("/replaced", OURS),
        ("/shared", OURS),
        ("/written", entry(5, 6, Claim::Written)),
    ];
    let plan = plan("/declared\n", &nodes, &record, |ownership| {
        let mut other = Record::default();
        other.extend(vec![(path("/shared"), OURS), (path("/declared"), OURS)]);
        ownership.others.push(("other".to_owned(), Arc::new(other)));
    });
    assert_eq!(
        shown(&plan),
        [
            "trim /holds/ours",
            "trim /adopted",
            "kept /changed: somebody else has changed it since its owner wrote it",
            "kept /closed: a node below it stays",
            "kept /holds: /holds/theirs stays",
        ]
    );
    // What another owner has, too, is left to that one.
    let gone = ["/replaced", "/shared"].map(|text| (path(text), 5));
    assert_eq!(plan.record.gone, gone);
    assert_eq!(
        plan.claims.let_go,
        [LetGo {
            path: path("/shared"),
            created: 5,
            to: "other".to_owned()
        }]
    );
    // What another owner has is not adopted.
    assert_eq!(plan.record.take, []);
    let warnings: Vec<&str> = plan
        .warnings
        .iter()
        .map(|one| one.message.as_str())
        .collect();
    assert_eq!(
        warnings,
        ["the owner other has it, and may remove it: whichever applies last wins"]
    );
}

#[test]
fn what_is_equal_is_adopted_and_what_differs_with_adopt() {
    let text =
        "/differs\n  x = 1\n/equal\n  x = 1\n/fixed\n  x = 1\n/kept\n  @keep properties\n  x = 1\n";
    let nodes = [
        ("/differs", "{\"x\":0}", 3, 3, 0),
        ("/equal", "{\"x\":1}", 3, 4, 0),
        ("/fixed", "{\"x\":1}", 5, 9, 0),
        ("/kept", "{\"x\":1,\"y\":1}", 5, 9, 0),
    ];
    let record = [("/fixed", OURS), ("/kept", OURS)];
    let adopted = |adopts: bool| {
        let plan = plan(text, &nodes, &record, |ownership| ownership.adopts = adopts);
        assert_eq!(shown(&plan), ["update /differs"]);
        // What is as declared and nobody's needs nobody to say so.
        assert_eq!(plan.claims.equal, [path("/equal")]);
        let differs = Adopted {
            path: path("/differs"),
            from: None,
            differs: true,
        };
        assert_eq!(plan.claims.adopted, adopts.then_some(differs).as_slice());
        plan.record.take
    };
    let partial = Entry {
        partial: true,
        ..OURS
    };
    let expected = vec![
        (path("/equal"), entry(3, 4, Claim::Adopted)),
        // A hot fix that is declared by now. What `@keep` leaves to others is theirs to write.
        (path("/fixed"), entry(5, 9, Claim::Created)),
        (path("/kept"), partial),
    ];
    assert_eq!(adopted(false), expected);
    // The batch that writes a node says what becomes of it.
    assert_eq!(adopted(true), expected);
}

#[test]
fn what_another_owner_has_is_adopted_if_asked_for_and_let_go_once_both_have_it() {
    let ours = [("/a", OURS), ("/b", OURS)];
    let nodes = [("/a", "{}", 5, 6, 0), ("/b", "{}", 5, 6, 0)];
    let made = |text: &str, record: &[(&str, Entry)], adopts: bool, is_known: bool| {
        plan(text, &nodes, record, |ownership| {
            ownership.adopts = adopts;
            match is_known {
                true => {
                    let mut other = Record::default();
                    other.extend(ours.map(|(text, entry)| (path(text), entry)).to_vec());
                    ownership.others.push(("other".to_owned(), Arc::new(other)));
                }
                false => ownership
                    .unknown
                    .push(("other".to_owned(), "why".to_owned())),
            }
        })
    };
    let warning = |plan: &Plan| plan.warnings[0].message.clone();
    // It is theirs, then both have it, then this one lets it go.
    let theirs = made("/a\n/b\n", &[], false, true);
    assert_eq!(theirs.claims, Claims::default());
    assert_eq!(
        warning(&theirs),
        "the owner other has them (and 1 more node), and may remove them: whichever applies last wins"
    );
    let adopts = made("/a\n/b\n", &[], true, true);
    let adopted = ["/a", "/b"].map(|text| Adopted {
        path: path(text),
        from: Some("other".to_owned()),
        differs: false,
    });
    assert_eq!(adopts.claims.adopted, adopted);
    assert_eq!(adopts.record.take.len(), 2);
    let both = "the owner other has them, too (and 1 more node): whichever applies last wins until one of \
                both no longer declares them";
    assert_eq!(warning(&adopts), both);
    let shared = made("/a\n/b\n", &ours, true, true);
    assert_eq!(shared.claims, Claims::default());
    assert_eq!(warning(&shared), both);
    // What is only passed through is not declared.
    let left = made("/a/c\n", &ours, false, true);
    assert_eq!(shown(&left), ["add /a/c"]);
    let let_go = ["/a", "/b"].map(|text| LetGo {
        path: path(text),
        created: 5,
        to: "other".to_owned(),
    });
    assert_eq!(left.claims.let_go, let_go);
    assert_eq!(left.record.gone, [(path("/a"), 5), (path("/b"), 5)]);
    assert_eq!(left.warnings, []);
    // Where nobody knows what the other one has, the claim stays.
    let unknown = made("/a\n", &ours, false, false);
    assert_eq!(unknown.claims, Claims::default());
    assert_eq!(unknown.record, Changes::default());
    assert_eq!(
        shown(&unknown),
        ["kept /b: the owner other, whose record cannot be read, may have it, too"]
    );
}

#[test]
fn an_owner_who_is_unknown_may_have_any_node() {
    let nodes = [("/equal", "{}", 3, 4, 0), ("/old", "{}", 5, 6, 0)];
    let made = |adopts: bool| {
        plan("/equal\n", &nodes, &[("/old", OURS)], |ownership| {
            ownership.unknown = vec![("other".to_owned(), "why".to_owned())];
            ownership.adopts = adopts;
        })
    };
    assert_eq!(
        shown(&made(false)),
        ["kept /old: the owner other, whose record cannot be read, may have it, too"]
    );
    assert_eq!(made(false).record, Changes::default());
    let warning = &made(false).warnings[0];
    assert_eq!(
        (warning.path.as_str(), warning.message.as_str()),
        (
            "/zkt/other",
            "what the owner other has is unknown, so nothing of it is trimmed or adopted: why"
        )
    );
    // To adopt what others have may be asked for.
    let adopted = entry(3, 4, Claim::Adopted);
    assert_eq!(made(true).record.take, [(path("/equal"), adopted)]);
}

#[test]
fn what_is_written_says_whether_others_may_write_a_part_of_it() {
    let text = "/new\n  @keep properties\n/now\n  @ignore n\n  x = 1\n/whole\n  x = 1\n";
    let nodes = [("/now", "{}", 5, 6, 0), ("/whole", "{}", 5, 6, 0)];
    let partial = Entry {
        partial: true,
        ..OURS
    };
    let plan = plan(text, &nodes, &[("/now", OURS), ("/whole", partial)], |_| {});
    let expected = [("/new", true), ("/now", true), ("/whole", false)];
    assert_eq!(
        plan.record.partial,
        expected.map(|(text, is)| (path(text), is))
    );
}

#[test]
fn what_is_protected_or_kept_by_a_declared_node_holds() {
    let nodes = [
        ("/k", "{}", 5, 6, 1),
        ("/k/x", "", 5, 6, 0),
        ("/p", "{}", 5, 6, 1),
        ("/p/x", "", 5, 6, 1),
        ("/p/x/y", "", 5, 6, 0),
    ];
    let record = ["/k/x", "/p/x", "/p/x/y"].map(|path| (path, OURS));
    let plan = plan(
        "/k\n  @keep children\n/p\n  @protect\n",
        &nodes,
        &record,
        |_| {},
    );
    let refusals: Vec<String> = plan.refusals.iter().map(Refusal::to_string).collect();
    assert_eq!(
        refusals,
        ["/p/x may not be trimmed: /p is protected (@protect)"]
    );
    assert_eq!(shown(&plan), ["trim /p/x/y", "trim /p/x"]);
}

#[test]
fn no_part_of_a_record_goes_whatever_the_owner_says_of_it() {
    let nodes = [
        ("/zk", "", 5, 6, 1),
        ("/zk/team", r#"{"zkt_record":1}"#, 5, 6, 2),
        ("/zk/team/notes", "", 5, 6, 0),
        ("/zk/team/s0", "zktr\x01s", 5, 6, 0),
        ("/zk/x", "", 5, 6, 0),
    ];
    let record = nodes.map(|(path, ..)| (path, OURS));
    let plan = plan("/a\n", &nodes, &record, |_| {});
    assert_eq!(
        shown(&plan),
        [
            "add /a",
            "trim /zk/x",
            "kept /zk: /zk/team stays",
            "kept /zk/team: /zk/team is the record of an owner",
            "kept /zk/team/notes: /zk/team is the record of an owner",
            "kept /zk/team/s0: /zk/team is the record of an owner",
        ]
    );
}

#[test]
fn what_is_left_empty_by_a_move_goes_with_it() {
    let nodes = [
        ("/w1", "{}", 5, 6, 2),
        ("/w1/keepme", "{}", 5, 6, 0),
        ("/w1/w2", "{}", 5, 6, 1),
        ("/w1/w2/x", "{}", 5, 6, 0),
    ];
    let record = nodes.map(|(path, ..)| (path, OURS));
    let text = "/w1\n  /keepme\n  /y\n    @moved from \"/w1/w2/x\"\n";
    assert_eq!(
        shown(&plan(text, &nodes, &record, |_| {})),
        ["add /w1/y", "trim /w1/w2/x", "trim /w1/w2"]
    );
    // Not where something else is in it.
    let mut held = nodes;
    held[2].4 = 2;
    assert_eq!(
        shown(&plan(text, &held, &record, |_| {})),
        [
            "add /w1/y",
            "trim /w1/w2/x",
            "kept /w1/w2: a node below it stays"
        ]
    );
}

#[test]
fn what_another_owner_loses_is_a_warning() {
    let nodes = [
        ("/bt", "{}", 5, 6, 1),
        ("/bt/k", "{}", 5, 6, 0),
        ("/si", "{}", 5, 6, 2),
        ("/si/b", "", 5, 6, 0),
        ("/si/c", "", 5, 6, 0),
    ];
    let theirs = |ownership: &mut Ownership| {
        let mut other = Record::default();
        let paths = ["/bt", "/bt/k", "/si/b"];
        other.extend(paths.map(|text| (path(text), OURS)).to_vec());
        ownership.others.push(("b".to_owned(), Arc::new(other)));
    };
    let limit = crate::model::plan::MaxTrim::Unlimited;
    let text = "/at\n  @moved from \"/bt\"\n  /k\n/si\n";
    let plan = plan_with(text, &nodes, &[], theirs, (scope::Trim::All, limit));
    let warnings = plan.warnings.iter();
    let warnings = warnings.map(|one| format!("{}: {}", one.path, one.message));
    assert_eq!(
        warnings.collect::<Vec<_>>(),
        [
            "/si/b: the owner b has it, and this plan removes it",
            "/bt: the owner b has them (and 1 more node), and this plan moves them away",
        ]
    );
}

#[test]
fn a_top_level_node_that_goes_whole_counts_for_the_guard() {
    let nodes = [
        ("/gone", "{}", 5, 6, 2),
        ("/gone/a", "{}", 5, 6, 0),
        ("/gone/b", "{}", 5, 6, 0),
        ("/stays", "{}", 5, 6, 1),
        ("/stays/a", "{}", 5, 6, 0),
    ];
    let record = nodes.map(|(path, ..)| (path, OURS));
    let refused = |text: &str, nodes: &[Node], limit| {
        let terms = (scope::Trim::Owned, limit);
        let plan = plan_with(text, nodes, &record, |_| {}, terms);
        let refusals = plan.refusals.iter().map(ToString::to_string);
        refusals.collect::<Vec<_>>().join(", ")
    };
    let default = crate::model::plan::MaxTrim::Default;
    assert_eq!(
        refused("/stays\n  /a\n", &nodes, default),
        "3 of the 5 nodes at and below /gone and 1 more would be trimmed, more than half of them"
    );
    // Files of another environment declare as much, and nothing of it is there.
    let other = "/other\n  /a\n  /b\n  /c\n";
    assert_eq!(
        refused(other, &nodes[..3], default),
        "3 of the 3 nodes at and below /gone and 1 more would be trimmed, more than half of them"
    );
    let unlimited = crate::model::plan::MaxTrim::Unlimited;
    assert_eq!(refused(other, &nodes[..3], unlimited), "");
    // One small tree of several may go.
    let few = [nodes[0], nodes[3], nodes[4]];
    let mut few = few.to_vec();
    few[0].4 = 0;
    assert_eq!(refused("/stays\n  /a\n", &few, default), "");
}

use std::collections::BTreeSet;

use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

use super::*;
use crate::node::LiveNode;

fn path() -> impl Strategy<Value = ZPath> {
    let name = prop_oneof![Just("a"), Just("b"), Just("a-")];
    let names = proptest::collection::vec(name, 0..4);
    names.prop_map(|names| {
        let child = |path: ZPath, name| path.join(name);
        names.into_iter().fold(ZPath::root(), child)
    })
}

fn declared() -> impl Strategy<Value = Declared> {
    let value = prop_oneof![
        Just("{}"),
        Just(r#"{"x":1}"#),
        Just(r#"{"l ->":"..","x":2}"#)
    ];
    let standing = prop_oneof![
        4 => Just(Standing::Declared),
        1 => Just(Standing::PassedThrough),
        1 => any::<bool>().prop_map(|needed| Standing::Outside { needed, excluded: false }),
    ];
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (value, standing, flags).prop_map(|(value, standing, (keep_children, protect))| {
        let properties: Properties = serde_json::from_str(value).unwrap();
        Declared {
            standing,
            content: Content::Properties(properties.into()),
            keep_children,
            protect,
            ..Declared::default()
        }
    })
}

/// With all above them, or without some of that.
fn declared_tree() -> impl Strategy<Value = Tree<Declared>> {
    let nodes = btree_map(path(), declared(), 0..12);
    (nodes, any::<bool>()).prop_map(|(mut nodes, is_whole)| {
        if is_whole {
            let above = nodes
                .keys()
                .flat_map(|path| path.prefixes().collect::<Vec<_>>());
            for path in above.collect::<BTreeSet<_>>() {
                nodes.entry(path).or_default();
            }
        }
        nodes.into_iter().collect()
    })
}

fn live_tree() -> impl Strategy<Value = Tree<Live>> {
    let data = prop_oneof![Just("{}"), Just(r#"{"x":1}"#), Just("text")];
    let kind = 0..8_u8;
    let paths = btree_set(path(), 0..12).prop_map(|paths| {
        let all = paths
            .iter()
            .flat_map(|path| path.prefixes().collect::<Vec<_>>());
        let all: BTreeSet<ZPath> = all.chain([ZPath::root()]).collect();
        all
    });
    (paths, proptest::collection::vec((data, kind), 64)).prop_map(|(paths, nodes)| {
        let live = |(path, (data, kind)): (&ZPath, (&str, u8))| {
            // Nothing stands below an ephemeral node.
            let is_leaf = !paths
                .iter()
                .any(|other| other != path && other.is_within(path));
            let node = LiveNode {
                ephemeral: is_leaf && !path.is_root() && kind < 3,
                ..LiveNode::with_data(data.as_bytes().to_vec())
            };
            let live = if is_leaf && kind == 7 {
                Live::Unreadable
            } else {
                Live::Read(node)
            };
            (path.clone(), live)
        };
        paths.iter().zip(nodes).map(live).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_parts_together_say_what_the_whole_says(
        declared in declared_tree(),
        live in live_tree(),
        trims in any::<bool>(),
        place in prop_oneof![Just("/"), Just("/a")],
    ) {
        let sources = Sources::default();
        let policy = Policy {
            path: ZPath::parse(place).unwrap(),
            trim: if trims { scope::Trim::All } else { scope::Trim::None },
            trim_top_level: trims,
            ..Policy::new(&sources)
        };
        let whole = plan_in_parts(&declared, &live, &policy, None);
        for middle in 0..=declared.len() {
            let parts = plan_in_parts(&declared, &live, &policy, Some(middle));
            prop_assert_eq!(&parts, &whole);
        }
    }
}

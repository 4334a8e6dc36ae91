//! What becomes of nodes in a history.

use super::*;
use crate::declare::declare;
use crate::model::node::LiveNode;

#[test]
fn what_becomes_of_a_node_is_what_happened_to_it_and_not_what_is_secret_of_it() {
    let path = ZPath::parse("/a").unwrap();
    let mut live = LiveNode::with_data("{\"pin\":1}".into());
    live.mzxid = 0x11;
    let became = |recorded: &BTreeMap<ZPath, Known>, masks: &Masks, live: &LiveNode| {
        let nodes = [(path.clone(), Live::Read(live.clone()))];
        let (changes, known) = changes(recorded, masks, &nodes.into_iter().collect());
        let became = changes
            .first()
            .map(|change| (change.became, change.written));
        (became, known.into_iter().collect::<BTreeMap<_, _>>())
    };
    let mut masks = Masks::default();
    let (added, recorded) = became(&BTreeMap::new(), &masks, &live);
    assert_eq!(added, Some((Became::Added, Some((0x11, live.mtime)))));
    masks.add(declare("/a\n  @secret pin\n").unwrap().tree());
    let (masked, recorded) = became(&recorded, &masks, &live);
    assert_eq!(masked, Some((Became::Masked, None)));
    assert_eq!(became(&recorded, &masks, &live).0, None);
    live.mzxid = 0x12;
    let (updated, _) = became(&recorded, &masks, &live);
    assert_eq!(updated, Some((Became::Updated, Some((0x12, live.mtime)))));
    live.mzxid = 0x11;
    live.acl_version = crate::model::node::AclVersion::new(1).unwrap();
    assert_eq!(
        became(&recorded, &masks, &live).0,
        Some((Became::Permitted, None))
    );
}

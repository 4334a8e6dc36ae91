use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

const OURS: Entry = Entry {
    created: 1,
    modified: 1,
    claim: Claim::Created,
    partial: false,
};

fn entry() -> impl Strategy<Value = Entry> {
    let claim = prop_oneof![
        Just(Claim::Created),
        Just(Claim::Adopted),
        Just(Claim::Written)
    ];
    let zxid = prop_oneof![0..99_i64, any::<i64>()];
    let parts = (zxid, 0..9_i64, claim, any::<bool>());
    parts.prop_map(|(created, later, claim, partial)| Entry {
        created,
        modified: created.wrapping_add(later),
        claim,
        partial,
    })
}

fn entries() -> impl Strategy<Value = BTreeMap<ZPath, Entry>> {
    // Names that sort before and after a slash, and names of several bytes that share some.
    let name = prop_oneof!["[ab!-]{1,3}", "[éèa]{1,3}", "[a-z]{40}"];
    let path = proptest::collection::vec(name, 1..4)
        .prop_map(|names| ZPath::parse(&format!("/{}", names.join("/"))).unwrap());
    proptest::collection::btree_map(path, entry(), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_again(entries in entries(), bytes in 1..2000_usize) {
        let shards = encode_shards(&entries, bytes);
        let read = shards.iter().map(|shard| decode_shard(shard).unwrap());
        let read: Vec<_> = read.flatten().collect();
        prop_assert_eq!(read, entries.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_journal_is_read_again_and_not_larger_than_it_says(entries in entries()) {
        let notes = entries.iter().map(|(path, entry)| {
            let note = match entry.created % 3 {
                0 => Note::Created,
                1 => Note::SetNew,
                _ => Note::Set { created: entry.created, claim: entry.claim },
            };
            (path, note)
        });
        let notes: Vec<_> = notes.collect();
        let bytes = encode_journal(notes.iter().rev().copied().collect());
        let most = notes.iter().map(|(path, _)| journal_bytes(Some(path))).sum::<usize>();
        prop_assert!(bytes.len() <= most + journal_bytes(None));
        let read = decode_journal(&bytes).unwrap();
        let notes: Vec<_> = notes.into_iter().map(|(path, note)| (path.clone(), note)).collect();
        prop_assert_eq!(read, notes);
    }

    #[test]
    fn no_byte_may_be_changed_or_be_missing(entries in entries(), at: prop::sample::Index, bit in 0..8) {
        prop_assume!(!entries.is_empty());
        let mut bytes = encode_shards(&entries, usize::MAX).remove(0);
        let at = at.index(bytes.len());
        prop_assert!(decode_shard(&bytes[..at]).is_err());
        bytes[at] ^= 1_u8 << bit;
        let read = decode_shard(&bytes);
        // A flag of the compressed stream itself may say the same in another way.
        let same = entries.into_iter().collect::<Vec<_>>();
        prop_assert!(read.is_err() || read.as_ref().is_ok_and(|read| *read == same));
    }
}

#[test]
fn a_hundred_thousand_nodes_take_a_few_small_shards() {
    let mut entries = BTreeMap::new();
    for i in 0..100_000_i64 {
        let text = format!("/team{}/services/cms-{:02}/provider-{i:06}", i % 7, i % 97);
        let entry = Entry {
            created: 0x1_0000_0000 + i / 900,
            modified: 0x1_0000_0000 + i / 900 + i % 5,
            claim: Claim::Created,
            partial: false,
        };
        entries.insert(path(&text), entry);
    }
    let shards = encode_shards(&entries, 512 << 10);
    let sizes: Vec<usize> = shards.iter().map(Vec::len).collect();
    assert!(sizes.len() <= 8, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size < 300 << 10), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() < 1_000_000, "{sizes:?}");
}

#[test]
fn what_is_of_another_version_or_no_record_is_no_empty_record() {
    let entries = BTreeMap::from([(path("/a"), OURS)]);
    let mut shard = encode_shards(&entries, 99).remove(0);
    assert!(decode_journal(&shard).is_err());
    for nothing in [&b""[..], b"zkt", b"{}", b"zktr"] {
        assert!(decode_shard(nothing).is_err(), "{nothing:?}");
        assert!(Head::from_json(nothing).is_err(), "{nothing:?}");
    }
    shard[4] = 2;
    assert_eq!(decode_shard(&shard), Err(Broken::Format { found: 2 }));
    let newer = br#"{"zkt_record":2,"else":1}"#;
    assert_eq!(Head::from_json(newer), Err(Broken::Format { found: 2 }));
    let head = Head::default();
    assert_eq!(Head::from_json(&head.to_json()), Ok(head));
}

#[test]
fn a_head_that_was_damaged_is_not_taken_for_somebody_elses_node() {
    let read = |data: &str| Head::from_json(data.as_bytes()).unwrap_err();
    let below = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let shard = below(&["notes", &shard_name(3, 0, 0)]);
    for head in [
        r#"{"zkt_record":1,"shards":["s0000000003-0-0000",]}"#,
        r#"{"zkt_record":"1","shards":[],"applied":null,"begun":null}"#,
        r#"{"zkt_record":-1}"#,
        r#"{ "zkt_record":1"#,
    ] {
        let found = read(head);
        assert!(matches!(found, Broken::Damaged(_)), "{head}: {found:?}");
        assert_eq!(found.clone().of_head(&shard), found);
    }
    for foreign in ["", "notes", "{}", r#"{"x":1}"#] {
        let found = read(foreign);
        assert!(matches!(found, Broken::Foreign(_)), "{foreign}: {found:?}");
        assert_eq!(found.clone().of_head(&below(&["notes", "s", "jx"])), found);
        // Whatever it was, shards stand below it.
        for below in [&shard, &below(&["j0000000003-000000"])] {
            let found = found.clone().of_head(below);
            assert!(matches!(found, Broken::Damaged(_)), "{foreign}: {found:?}");
        }
    }
    assert_eq!(Broken::Missing.of_head(&shard), Broken::Missing);
}

#[test]
fn a_journal_gives_its_own_zxid_to_what_its_batch_created() {
    let mut record = Record::default();
    let created = vec![(path("/a"), Note::Created), (path("/b"), Note::Created)];
    record.fold(created.clone(), 5);
    record.fold(
        vec![(path("/a"), Note::SetNew), (path("/c"), Note::SetNew)],
        6,
    );
    let written = Note::Set {
        created: 2,
        claim: Claim::Written,
    };
    record.fold(vec![(path("/d"), written)], 7);
    let entry = |created, modified, claim| {
        Some(Entry {
            created,
            modified,
            claim,
            partial: false,
        })
    };
    assert_eq!(record.get(&path("/a")), entry(5, 6, Claim::Created));
    assert_eq!(record.get(&path("/b")), entry(5, 5, Claim::Created));
    assert_eq!(record.get(&path("/c")), None);
    assert_eq!(record.get(&path("/d")), entry(2, 7, Claim::Written));
    // What is older than the record changes nothing.
    let before = record.clone();
    record.fold(created, 5);
    assert_eq!(record, before);
    // Another node is no reason to forget the one of the record.
    let gone = Changes {
        gone: vec![(path("/a"), 5), (path("/b"), 4)],
        partial: vec![(path("/d"), true)],
        ..Changes::default()
    };
    record.change(&gone);
    // What a batch writes later is no reason to forget that others may write, too.
    record.fold(vec![(path("/d"), written)], 8);
    let written = Entry {
        partial: true,
        ..entry(2, 8, Claim::Written).unwrap()
    };
    assert_eq!(record.get(&path("/d")), Some(written));
    assert_eq!(record.get(&path("/a")), None);
    assert_eq!(record.get(&path("/b")), entry(5, 5, Claim::Created));
}

#[test]
fn what_belongs_to_a_record_is_known_by_its_first_bytes() {
    let nothing = BTreeMap::<ZPath, Entry>::from([(path("/a"), OURS)]);
    let shard = encode_shards(&nothing, 99).remove(0);
    let journal = encode_journal(vec![(&path("/a"), Note::Created)]);
    let heads: [&[u8]; 4] = [
        &Head::default().to_json(),
        br#"{"zkt_record":2,"else":1}"#,
        b" {\n \"zkt_record\": 1",
        br#"{"zkt_record""#,
    ];
    for head in heads {
        assert!(is_head(head) && is_part(head), "{head:?}");
    }
    for part in [&shard, &journal] {
        assert!(is_part(part) && !is_head(part), "{part:?}");
    }
    let others: [&[u8]; 7] = [
        b"",
        b"{",
        b"zktr",
        b"zktr\x01x",
        br#"{"a":1,"zkt_record":1}"#,
        br#"{"zkt_records":1}"#,
        br#""zkt_record""#,
    ];
    for other in others {
        assert!(!is_part(other), "{other:?}");
    }
}

/// A head that names these shards.
fn head(shards: &[&str], begun: bool) -> Head {
    let begun = begun.then(|| Begun {
        run: "r".to_owned(),
        at: String::new(),
        by: String::new(),
    });
    let mut head = Head::default();
    head.shards = shards.iter().map(|name| (*name).to_owned()).collect();
    head.begun = begun;
    head
}

#[test]
fn what_no_shard_is_called_is_no_shard() {
    let read = |name: &str| Head::from_json(&head(&[name], false).to_json());
    let damaged = |name: &str| Broken::Damaged(format!("{name:?} names no shard"));
    assert!(read(&shard_name(3, 0, 1)).is_ok() && read(&shard_name(-3, 12, 1)).is_ok());
    for name in [
        "",
        ".",
        "..",
        "s",
        "a/b",
        "s1/..",
        "x1",
        "j0000000001-000001",
        "s\0",
    ] {
        assert_eq!(read(name), Err(damaged(name)));
    }
}

#[test]
fn a_shard_that_nobody_names_is_what_a_stop_left_or_a_damage() {
    let unnamed = |head: &Head, below: &[&str]| {
        let below: Vec<String> = below.iter().map(|name| (*name).to_owned()).collect();
        head.unnamed(&below).map(str::to_owned)
    };
    let (old, other) = (shard_name(3, 0, 0), shard_name(3, 0, 1));
    let later = shard_name(5, 0, 0);
    let found = Some(old.clone());
    // An apply that stopped had begun.
    assert_eq!(unnamed(&head(&[], true), &[&old]), None);
    assert_eq!(unnamed(&head(&[&old], true), &[&old, &later]), None);
    // One that came to its end named all that it wrote, and removed the others.
    assert_eq!(unnamed(&head(&[], false), &[&old]), found);
    assert_eq!(unnamed(&head(&[&other], true), &[&old, &other]), found);
    // A request of another attempt may have come late.
    assert_eq!(
        unnamed(&head(&[&shard_name(3, 1, 0)], false), &[&old]),
        None
    );
    // Journals are taken in, and what else there is belongs to nobody.
    assert_eq!(
        unnamed(&head(&[], false), &["j0000000003-000001", "notes"]),
        None
    );
}

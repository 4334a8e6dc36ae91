//! A live node as a file of the history: what it is called, and what it says.

use std::fmt::Write as _;

use super::masks::Masks;
use crate::export;
use crate::model::acl::{Acl, AclEntry};
use crate::model::node::LiveNode;
use crate::model::path::ZPath;
use crate::syntax::names::is_ignored_in_names;
use crate::syntax::parser::HIDDEN;
use crate::syntax::spelling::{percent_decoded, printable};

/// What all names of files end in.
const SUFFIX: &str = ".zkt";

/// Between two parts of a long name. No other part ends with `%`.
const GOES_ON: &str = "%/";

/// Maximum length of a name on common file systems, in bytes, less [`SUFFIX`].
const LONGEST: usize = 255 - SUFFIX.len();

/// The file of a node: `/a/b` is `a/b.zkt`. What would not be a plain name is written as `%XX`. A name that
/// is too long for a file system goes on in a folder: its first part ends with a single `%`.
pub(super) fn file_of(path: &ZPath) -> String {
    let mut file = String::new();
    for name in path.names() {
        if !file.is_empty() {
            file.push('/');
        }
        // Not the file of a node in the place of a folder.
        let dot = name.strip_suffix(SUFFIX).map(str::len);
        let mut begin = file.len();
        for (at, c) in name.char_indices() {
            let spelled = |begin: usize, file: &str| {
                // Neither `.git` nor `..`.
                let is_first_dot = c == '.' && begin == file.len();
                // Nor what is another spelling of `.git`, `.gitmodules` and the like somewhere.
                let is_short = c == '~' && name[..at].to_ascii_lowercase().contains("gi");
                let is_escaped = is_first_dot || is_short || Some(at) == dot;
                spelled(c, is_escaped)
            };
            let mut next = spelled(begin, &file);
            if file.len() - begin + next.len() > LONGEST {
                file.push_str(GOES_ON);
                begin = file.len();
                next = spelled(begin, &file);
            }
            file.push_str(&next);
        }
    }
    file + SUFFIX
}

fn spelled(c: char, is_escaped: bool) -> String {
    let mut buffer = [0; 4];
    let plain = c.encode_utf8(&mut buffer);
    let is_escaped = is_escaped || c.is_control() || is_ignored_in_names(c);
    match is_escaped || matches!(c, '%' | '"' | '\\') {
        true => plain.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        false => plain.to_owned(),
    }
}

/// The node of a file. Returns `None` if it is that of none.
pub(super) fn node_of(file: &str) -> Option<ZPath> {
    let file = file.strip_suffix(SUFFIX)?;
    let whole = file.replace(GOES_ON, "");
    let path = ZPath::parse(&format!("/{}", percent_decoded(&whole)?)).ok()?;
    let is_its_file = !path.is_root() && file_of(&path).strip_suffix(SUFFIX) == Some(file);
    is_its_file.then_some(path)
}

/// What shows that a node is otherwise: the transaction that wrote it last, and its ACL's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    pub(super) written: i64,
    pub(super) acl: i32,
}

impl Stamp {
    pub(super) fn of(node: &LiveNode) -> Self {
        Self {
            written: node.mzxid,
            acl: node.acl_version.get(),
        }
    }

    /// The stamp in the first line of a text. Returns `None` if there is none.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        let (_, stamp) = text.lines().next()?.split_once(", ACL version ")?;
        let (acl, written) = stamp.split_once(", zxid 0x")?;
        Some(Self {
            written: i64::from_str_radix(written, 16).ok()?,
            acl: acl.parse().ok()?,
        })
    }
}

/// What the file of a node says. Its first line is a comment with what changes on each write, so that one
/// that writes the same again, or only what is secret, is recorded, too.
///
/// Hashes of passwords can be guessed offline, and no entry is sound without its hash: an ACL with one is
/// a comment, too.
pub(super) fn text_of(path: &ZPath, live: &LiveNode, masks: &Masks) -> String {
    let mut node = masks.declare(path, live);
    if node.acl.as_deref() == Some(&Acl::open()) {
        node.acl = None;
    }
    let stamp = Stamp::of(live);
    let mut text = format!(
        "# version {}, ACL version {}, zxid {:#x}\n",
        live.version.get(),
        stamp.acl,
        stamp.written
    );
    let has_hash = |acl: &&Acl| acl.entries.iter().any(is_hashed);
    if let Some(acl) = node.acl.as_deref().filter(has_hash) {
        let entries: Vec<String> = acl.entries.iter().map(shown).collect();
        _ = writeln!(text, "# ACL {}", printable(&entries.join(" ")));
        node.acl = None;
    }
    let mut text = text.into_bytes();
    let nodes = [(path.clone(), node)];
    // Writing to memory does not fail.
    _ = export::write_text(&nodes, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether an entry may hold the hash of a password: schemes of a server's own may, too.
fn is_hashed(entry: &AclEntry) -> bool {
    !matches!(
        entry.who.scheme.as_str(),
        "world" | "auth" | "ip" | "x509" | "sasl"
    )
}

/// An entry without its hash.
fn shown(entry: &AclEntry) -> String {
    match is_hashed(entry) {
        false => entry.to_string(),
        true => {
            let (scheme, id) = (&entry.who.scheme, &entry.who.id);
            let user = id.split_once(':').map_or("", |(user, _)| user);
            format!("{scheme}:{user}:{HIDDEN}:{}", entry.permissions)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::masks::Masked;
    use super::*;
    use crate::declare;

    fn path(text: &str) -> ZPath {
        ZPath::parse(text).unwrap()
    }

    #[test]
    fn each_node_has_a_file_of_its_own_and_comes_back_from_it() {
        for (node, file) in [
            ("/a/b", "a/b.zkt"),
            ("/a b/é", "a b/é.zkt"),
            ("/.git/config", "%2Egit/config.zkt"),
            ("/GIT~1/x", "GIT%7E1/x.zkt"),
            ("/gitmod~1/x~1", "gitmod%7E1/x~1.zkt"),
            ("/\u{200c}.git/x", "%E2%80%8C.git/x.zkt"),
            ("/a.zkt/b", "a%2Ezkt/b.zkt"),
            ("/a.zkt", "a%2Ezkt.zkt"),
            ("/100%/\"x\\", "100%25/%22x%5C.zkt"),
            ("/.zkt", "%2Ezkt.zkt"),
        ] {
            assert_eq!(file_of(&path(node)), file);
            assert_eq!(node_of(file), Some(path(node)), "{file}");
        }
        for file in [
            "README",
            "a/.git/b.zkt",
            "a%2fb.zkt",
            "%61.zkt",
            "a%2.zkt",
            ".zkt",
        ] {
            assert_eq!(node_of(file), None, "{file}");
        }
    }

    #[test]
    fn long_names_fit_into_file_systems_and_come_back() {
        for name in [
            "a".repeat(251),
            "a".repeat(252),
            "a".repeat(600),
            format!("{}.git", "a".repeat(251)),
            format!("{}.zkt", "a".repeat(248)),
            format!("{}%", "a".repeat(250)),
            ".".repeat(300),
            "é".repeat(200),
            "\"".repeat(100),
        ] {
            for node in [format!("/{name}"), format!("/x/{name}/{name}/y")] {
                let file = file_of(&path(&node));
                for part in file.split('/') {
                    assert!(part.len() <= 255, "{} {file}", part.len());
                    assert!(!part.starts_with('.'), "{file}");
                }
                assert_eq!(node_of(&file), Some(path(&node)), "{file}");
            }
        }
        // What is not too long is not taken apart.
        let name = "a".repeat(251);
        assert_eq!(file_of(&path(&format!("/{name}"))), format!("{name}.zkt"));
        for file in ["a%/b.zkt", "a%/.zkt"] {
            assert_eq!(node_of(file), None, "{file}");
        }
    }

    #[test]
    fn what_is_recorded_is_tree_text_without_secrets() {
        let declared = declare::declare("/a\n  @secret pin dsn*\n/b\n  @secret\n").unwrap();
        let mut masks = Masks::default();
        assert_eq!(masks.add(declared.tree()), Masked::Everywhere);
        assert_eq!(masks.add(declared.tree()), Masked::Nodes(BTreeSet::new()));
        let more = declare::declare("/d\n  @secret dsn*\n").unwrap();
        let news = Masked::Nodes([path("/d")].into());
        assert_eq!(masks.add(more.tree()), news);
        // What was secret once stays so.
        masks.add(declare::declare("/a\n/b\n").unwrap().tree());
        let text = |node: &str, data: &str| {
            text_of(&path(node), &LiveNode::with_data(data.into()), &masks)
        };
        let a = text(
            "/a",
            "{\"pin\":1,\"dsn1\":\"s\",\"x\":2,\"dbPassword\":\"s\",\"y\":{\"token\":\"s\"},\
             \"url\":\"http://h/?token=s\",\"type\":\"t\"}",
        );
        assert_eq!(
            a,
            "# version 0, ACL version 0, zxid 0x0\n/a : t\n  @ignore dbPassword dsn1 pin url y\n  x = 2\n"
        );
        let whole = "# version 0, ACL version 0, zxid 0x0\n/b\n  @keep properties\n";
        assert_eq!(text("/b", "{\"x\":\"s\"}"), whole);
        assert_eq!(text("/b", "s\ns"), whole);
        assert_eq!(
            text("/c/password", "s\ns").lines().nth(1),
            Some("/c/password")
        );
        for (node, data) in [
            ("/c/password", "s\ns"),
            ("/c", "db.password=s\nx"),
            ("/a", "s\ns"),
        ] {
            assert!(
                text(node, data).ends_with("\n  @keep properties\n"),
                "{node}"
            );
        }
        assert!(!text("/c", "a=1\nb=2\n").contains("@keep"));
        // No file declares these: names are all that tells.
        for (node, data, ignored) in [
            ("/e", "{\"pin\":\"s\",\"x\":2}", "pin"),
            ("/e", "{\"db\":[{\"dsn2\":\"s\"}],\"x\":2}", "db"),
            ("/e", "{\"url\":\"pin=s\",\"x\":2}", "url"),
        ] {
            let text = text(node, data);
            assert!(
                text.ends_with(&format!("/e\n  @ignore {ignored}\n  x = 2\n")),
                "{text}"
            );
        }
        assert!(text("/e", "dsn: s\n").ends_with("/e\n  @keep properties\n"));
        assert!(text("/e/pin", "s").ends_with("/e/pin\n  @keep properties\n"));
        declare::declare(&a).unwrap();
    }

    #[test]
    fn what_an_earlier_process_masked_stays_masked() {
        let record = |masks: &Masks, node: &str, data: &str| {
            text_of(&path(node), &LiveNode::with_data(data.into()), masks)
        };
        let nodes = [
            (
                "/a",
                "{\"pin\":\"s\",\"x*\":\"s\",\"y\":\"@ignore\",\"password\":\"s\"}",
            ),
            ("/b", "{\"z\":\"s\"}"),
            ("/c", "{\"z\":\"@keep\",\"token\":\"s\"}"),
        ];
        let mut before = Masks::default();
        let declared = declare::declare("/a\n  @secret pin x*\n/b\n  @secret\n").unwrap();
        before.add(declared.tree());
        let mut masks = Masks::default();
        for (node, data) in nodes {
            masks.add_recorded(&path(node), &record(&before, node, data));
        }
        for (node, data) in nodes {
            let text = record(&masks, node, data);
            assert_eq!(text, record(&before, node, data));
            assert!(!text.contains("\"s\"") && !text.contains("'s'"), "{text}");
        }
        // Just what was masked.
        assert!(record(&masks, "/a", "{\"xy\":1}").contains("xy = 1"));
        assert!(record(&masks, "/c", "1").contains('1'));
        assert!(!record(&masks, "/a", "s1 s2").contains("s1"));
        // What cannot be read is masked whole.
        masks.add_recorded(&path("/d"), "/d\n  x = oops\n  @ignore y\n");
        assert!(!record(&masks, "/d", "{\"z\":1}").contains("z ="));
    }

    #[test]
    fn no_hash_of_a_password_is_recorded_and_the_text_is_a_layer() {
        let hash = "A".repeat(27) + "=";
        let mut node = LiveNode::with_data("{}".into());
        node.mzxid = 0x1c;
        let entries = [
            "world:anyone:r".to_owned(),
            format!("digest:ops:{hash}:cdrwa"),
        ];
        let entries = entries.iter().map(|entry| AclEntry::parse(entry).unwrap());
        node.acl = Some(
            Acl {
                entries: entries.collect(),
            }
            .into(),
        );
        let text = text_of(&path("/a"), &node, &Masks::default());
        assert_eq!(
            text,
            "# version 0, ACL version 0, zxid 0x1c\n\
             # ACL world:anyone:r digest:ops:(secret):cdrwa\n/a\n"
        );
        let source = declare::declare(&text).unwrap();
        assert!(source.tree().get(&path("/a")).unwrap().acl.is_none());
        assert_eq!(Stamp::in_text(&text), Some(Stamp::of(&node)));
        assert_eq!(Stamp::in_text("/a\n"), None);
    }
}

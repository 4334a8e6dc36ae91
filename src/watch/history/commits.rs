//! From changed nodes to commits: one for each transaction, in their order, as far as it was seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::path::ZPath;
use crate::syntax::spelling::printable;

/// Of more transactions at once, one commit is made.
const MOST_COMMITS: usize = 1000;

/// Maximum number of nodes that a message names.
const NAMED: usize = 500;

/// What the message says of nodes that nobody has written.
const MASKED: &str =
    "The live tree did not change. What is secret of it did, or how it is written here.";

/// What has become of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    Added,
    Updated,
    /// Its ACL alone, whose change moves no transaction of the node.
    Permitted,
    Deleted,
    /// Nothing: it is recorded otherwise now, because other things are secret.
    Masked,
}

/// A node that is otherwise than it was recorded.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) path: ZPath,
    pub(super) became: Became,
    /// The transaction that wrote it last, and when, in milliseconds since the epoch. It is not known of
    /// which one deleted it, or changed its ACL.
    pub(super) written: Option<(i64, i64)>,
    /// The new text; `None` once it is gone.
    pub(super) text: Option<String>,
}

/// A commit to be made.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) message: String,
    /// When the change was made, in seconds since the epoch.
    pub(super) at: i64,
    pub(super) changes: Vec<Change>,
}

/// How the changes came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing was recorded before.
    First,
    /// The watch was not running, or its connection was lost.
    NotOneByOne,
    /// The server reported each.
    Reported,
}

/// The commits for some changes, where `last` is the highest transaction that was known before and
/// `newest` the highest now.
pub(super) fn commits(changes: Vec<Change>, seen: Seen, last: i64, newest: i64) -> Vec<Commit> {
    let range = match newest > last {
        true => format!("Zxid: {last:#x}..{newest:#x}"),
        // Nothing says how much later.
        false => format!("Zxid: {last:#x}.."),
    };
    let (masked, changes): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|change| change.became == Became::Masked);
    let mut commits = match seen {
        _ if changes.is_empty() => Vec::new(),
        Seen::First => {
            let title = format!("the tree as it was at zxid {newest:#x}");
            let counted = format!("{} nodes.", changes.len());
            vec![commit(
                &title,
                Some(counted),
                &format!("Zxid: {newest:#x}"),
                changes,
            )]
        }
        Seen::NotOneByOne => {
            let title =
                format!("changes between zxid {last:#x} and {newest:#x}, not seen one by one");
            let named = named(&changes);
            vec![commit(&title, Some(named), &range, changes)]
        }
        Seen::Reported => one_by_one(changes, &range),
    };
    if !masked.is_empty() {
        let body = format!("{MASKED}\n\n{}", named(&masked));
        // All up to there is recorded; none of it is what this is about.
        let trailer = format!("Zxid: {:#x}..", newest.max(last));
        commits.push(commit(&title(&masked), Some(body), &trailer, masked));
    }
    commits
}

fn one_by_one(changes: Vec<Change>, range: &str) -> Vec<Commit> {
    let mut transactions: BTreeMap<i64, Vec<Change>> = BTreeMap::new();
    let mut others = Vec::new();
    for change in changes {
        match change.written {
            Some((zxid, _)) => transactions.entry(zxid).or_default().push(change),
            None => others.push(change),
        }
    }
    let mut commits = Vec::new();
    if transactions.len() > MOST_COMMITS {
        let all: Vec<Change> = transactions.into_values().flatten().collect();
        let (title, named) = (title(&all), named(&all));
        commits.push(commit(&title, Some(named), range, all));
    } else {
        commits.extend(transactions.into_iter().map(|(zxid, changes)| {
            let named = (changes.len() > 1).then(|| named(&changes));
            commit(
                &title(&changes),
                named,
                &format!("Zxid: {zxid:#x}"),
                changes,
            )
        }));
    }
    if !others.is_empty() {
        // The server does not say in which transaction that was.
        let named = (others.len() > 1).then(|| named(&others));
        commits.push(commit(&title(&others), named, range, others));
    }
    commits
}

fn commit(title: &str, body: Option<String>, trailer: &str, changes: Vec<Change>) -> Commit {
    let body = body.map_or_else(String::new, |body| format!("{body}\n\n"));
    let written = changes
        .iter()
        .filter_map(|change| Some(change.written?.1 / 1000));
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs() as i64);
    Commit {
        message: format!("{title}\n\n{body}{trailer}\n"),
        at: written.max().unwrap_or(now).max(0),
        changes,
    }
}

fn word(became: Became) -> &'static str {
    match became {
        Became::Added => "add",
        Became::Updated => "update",
        Became::Permitted => "change the ACL of",
        Became::Deleted => "delete",
        Became::Masked => "mask",
    }
}

fn title(changes: &[Change]) -> String {
    let Some(first) = changes.first() else {
        return String::new();
    };
    let path = printable(first.path.as_str());
    match changes.len() {
        1 => format!("{} {path}", word(first.became)),
        count => format!("{} {path} and {} more", word(first.became), count - 1),
    }
}

fn named(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes.iter().take(NAMED) {
        let path = printable(change.path.as_str());
        _ = writeln!(text, "{} {path}", word(change.became));
    }
    if changes.len() > NAMED {
        _ = writeln!(text, "… and {} more", changes.len() - NAMED);
    }
    text.trim_end().to_owned()
}

/// The transaction up to which a message says that all is recorded.
pub(super) fn zxid_of(message: &str) -> Option<i64> {
    let last = message.trim_end().lines().next_back()?;
    let zxid = last.strip_prefix("Zxid: ")?;
    let zxid = zxid.trim_end_matches("..").rsplit("..").next()?;
    let zxid = zxid.strip_prefix("0x")?;
    i64::from_str_radix(zxid, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, became: Became, zxid: Option<i64>) -> Change {
        Change {
            path: ZPath::parse(path).unwrap(),
            became,
            written: zxid.map(|zxid| (zxid, zxid * 1000)),
            text: None,
        }
    }

    fn told(changes: Vec<Change>, seen: Seen) -> Vec<(String, i64)> {
        let commits = commits(changes, seen, 0x10, 0x20).into_iter();
        commits.map(|commit| (commit.message, commit.at)).collect()
    }

    #[test]
    fn each_transaction_is_a_commit_and_they_keep_their_order() {
        let changes = vec![
            change("/a", Became::Updated, Some(0x13)),
            change("/b", Became::Added, Some(0x11)),
            change("/c", Became::Updated, Some(0x13)),
        ];
        assert_eq!(
            told(changes, Seen::Reported),
            [
                ("add /b\n\nZxid: 0x11\n".to_owned(), 0x11),
                (
                    "update /a and 1 more\n\nupdate /a\nupdate /c\n\nZxid: 0x13\n".to_owned(),
                    0x13
                ),
            ]
        );
    }

    #[test]
    fn what_has_no_transaction_has_a_range() {
        let changes = vec![
            change("/a", Became::Deleted, None),
            change("/b", Became::Permitted, None),
        ];
        let told = told(changes, Seen::Reported);
        let message =
            "delete /a and 1 more\n\ndelete /a\nchange the ACL of /b\n\nZxid: 0x10..0x20\n";
        assert_eq!(told[0].0, message);
        assert!(told[0].1 > 1_600_000_000);
        assert_eq!(zxid_of(message), Some(0x20));
        assert_eq!(zxid_of("x\n\nZxid: 0x11\n"), Some(0x11));
        assert_eq!(zxid_of("x\n\nZxid: 0x10..\n"), Some(0x10));
        assert_eq!(zxid_of("x\n"), None);
    }

    #[test]
    fn what_is_only_masked_is_no_change_of_the_tree() {
        let changes = || {
            vec![
                change("/a", Became::Masked, None),
                change("/b", Became::Updated, Some(0x11)),
            ]
        };
        let mask = "mask /a\n\nThe live tree did not change. What is secret of it did, or how it is \
                    written here.\n\nmask /a\n\nZxid: 0x20..\n";
        for seen in [Seen::Reported, Seen::NotOneByOne] {
            let told = told(changes(), seen);
            assert_eq!(told.len(), 2);
            assert!(told[0].0.contains("update /b\n"), "{}", told[0].0);
            assert_eq!(told[1].0, mask);
        }
        assert_eq!(zxid_of(mask), Some(0x20));
    }

    #[test]
    fn a_gap_is_one_commit_that_says_so() {
        let changes = || {
            vec![
                change("/a", Became::Updated, Some(0x13)),
                change("/b", Became::Added, Some(0x11)),
            ]
        };
        let told = |seen| told(changes(), seen);
        let gap = "changes between zxid 0x10 and 0x20, not seen one by one\n\n\
                   update /a\nadd /b\n\nZxid: 0x10..0x20\n";
        assert_eq!(told(Seen::NotOneByOne), [(gap.to_owned(), 0x13)]);
        let first = "the tree as it was at zxid 0x20\n\n2 nodes.\n\nZxid: 0x20\n";
        assert_eq!(told(Seen::First), [(first.to_owned(), 0x13)]);
        assert!(commits(Vec::new(), Seen::NotOneByOne, 1, 2).is_empty());
    }

    #[test]
    fn many_transactions_at_once_share_a_commit() {
        let changes = (0..2000).map(|i| change(&format!("/n{i}"), Became::Added, Some(0x11 + i)));
        let told = told(changes.collect(), Seen::Reported);
        assert_eq!(told.len(), 1);
        let message = &told[0].0;
        assert!(
            message.starts_with("add /n0 and 1999 more\n\nadd /n0\nadd /n1\n"),
            "{message}"
        );
        assert!(
            message.ends_with("\n… and 1500 more\n\nZxid: 0x10..0x20\n"),
            "{message}"
        );
    }
}

//! What the ACLs of many nodes come to: who may do what, and what of it is dangerous.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use super::{Acl, AclEntry, AuthId, Identities, Permissions};
use crate::model::path::ZPath;

/// A node, and its ACL. `None` if the session may neither read nor administer the node.
pub type NodeAcl = (ZPath, Option<Arc<Acl>>);

/// What may be wrong with an ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// Everybody may do more than read: `world:anyone`, or each address (`ip:0.0.0.0/0`).
    Open,
    /// Nobody may administer the node, so but for the server's super user nobody can change its ACL.
    NoAdmin,
    /// It names somebody who is not among those that are known.
    Unknown,
    /// The session may not see it, or not what is below the node.
    Hidden,
}

impl Finding {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Open, Self::NoAdmin, Self::Unknown, Self::Hidden];

    /// Its name, as in JSON and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::NoAdmin => "no-admin",
            Self::Unknown => "unknown",
            Self::Hidden => "hidden",
        }
    }
}

/// Whose names in ACLs are expected. A `digest` id without a hash stands for any password of that user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(BTreeSet<AuthId>);

impl Known {
    /// Takes in whom an ACL names.
    pub fn add(&mut self, acl: &Acl) {
        self.extend(acl.entries.iter().map(|entry| entry.who.clone()));
    }

    /// Whether an entry is for somebody who is expected. Of a masked one only the user is known.
    fn names(&self, entry: &AclEntry, is_masked: bool) -> bool {
        let who = &entry.who;
        let is_user = |known: &&AuthId| known.scheme == who.scheme && known.user() == who.user();
        let is_any = |known: &AuthId| !known.id.contains(':') || is_masked;
        match who.scheme.as_str() {
            "world" => true,
            "digest" => {
                let mut users = self.0.iter().filter(is_user);
                users.any(|known| known == who || is_any(known))
            }
            _ => self.0.contains(who),
        }
    }
}

impl Extend<AuthId> for Known {
    fn extend<I: IntoIterator<Item = AuthId>>(&mut self, all: I) {
        self.0.extend(all);
    }
}

/// Nodes with the same ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Their ACL, its entries sorted; `None` if it is not shown.
    pub acl: Option<Acl>,
    /// How many there are.
    pub nodes: usize,
    /// The topmost of them in path order, each with the number of nodes of this group that are connected
    /// with it, itself included.
    pub tops: Vec<(ZPath, usize)>,
    /// What may be wrong with it, the worst first.
    pub findings: Vec<Finding>,
    /// What everybody may do beyond reading.
    pub open: Permissions,
    /// Who may administer them.
    pub admins: Vec<AuthId>,
    /// Who is not known.
    pub unknown: Vec<AuthId>,
    /// Whether the server hides whose digests they are, for want of the right ADMIN.
    pub is_masked: bool,
}

/// What the ACLs of many nodes come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// How many nodes there are.
    pub nodes: usize,
    /// The nodes whose ACL is shown, but not what is below them, in path order.
    pub unlisted: Vec<ZPath>,
    /// The nodes by their ACL: those with findings first, then the larger ones.
    pub groups: Vec<Group>,
    /// The hashes of each `digest` user.
    hashes: BTreeMap<String, BTreeSet<String>>,
}

impl Audit {
    /// Groups nodes, which come in path order, by their ACLs. Of those in `unlisted` the children may not be
    /// listed. Without `known` nobody is unknown.
    #[must_use]
    pub fn of(
        (nodes, unlisted): (&[NodeAcl], Vec<ZPath>),
        session: &Identities,
        known: Option<&Known>,
    ) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<Option<Acl>, usize> = HashMap::new();
        // The same ACL is mostly the same allocation.
        let mut shared: HashMap<*const Acl, usize> = HashMap::new();
        // The nodes above the last one, with their groups and the places of their tops there.
        let mut above: Vec<(&ZPath, usize, usize)> = Vec::new();
        for (path, acl) in nodes {
            let at = acl.as_ref().map(Arc::as_ptr);
            let group = at.and_then(|at| shared.get(&at).copied());
            let group = group.unwrap_or_else(|| {
                let acl = acl.as_deref().map(sorted);
                let group = *places.entry(acl.clone()).or_insert_with(|| {
                    groups.push(Group::of(acl, session, known));
                    groups.len() - 1
                });
                shared.extend(at.map(|at| (at, group)));
                group
            });
            while above.last().is_some_and(|(top, ..)| !path.is_within(top)) {
                above.pop();
            }
            let tops = &mut groups[group].tops;
            let top = match above.last() {
                Some((_, of_parent, top)) if *of_parent == group => *top,
                _ => {
                    tops.push((path.clone(), 0));
                    tops.len() - 1
                }
            };
            tops[top].1 += 1;
            groups[group].nodes += 1;
            above.push((path, group, top));
        }
        let mut hashes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let acls = groups.iter().filter_map(|group| group.acl.as_ref());
        for entry in acls.flat_map(|acl| &acl.entries) {
            if entry.who.scheme == "digest" && !entry.is_masked() {
                let hashes = hashes.entry(entry.who.user().to_owned()).or_default();
                hashes.insert(entry.who.id.clone());
            }
        }
        groups.sort_by_cached_key(|group| {
            let worst = group.findings.first().copied();
            let first = group.tops.first().map(|(path, _)| path.clone());
            (worst.is_none(), worst, usize::MAX - group.nodes, first)
        });
        Self {
            nodes: nodes.len(),
            unlisted,
            groups,
            hashes,
        }
    }

    /// How many nodes have this finding.
    #[must_use]
    pub fn found(&self, finding: Finding) -> usize {
        let groups = self.groups.iter();
        let groups = groups.filter(|group| group.findings.contains(&finding));
        let of_groups: usize = groups.map(|group| group.nodes).sum();
        match finding {
            Finding::Hidden => of_groups + self.unlisted.len(),
            Finding::Open | Finding::NoAdmin | Finding::Unknown => of_groups,
        }
    }

    /// How many nodes have an ACL that the session may not see.
    #[must_use]
    pub fn not_shown(&self) -> usize {
        self.found(Finding::Hidden) - self.unlisted.len()
    }

    /// Who may administer how many of the nodes, by name; most nodes first.
    #[must_use]
    pub fn admins(&self) -> Vec<(String, usize)> {
        let mut admins: BTreeMap<String, usize> = BTreeMap::new();
        for group in &self.groups {
            let names: BTreeSet<String> = group.admins.iter().map(|who| self.name(who)).collect();
            for name in names {
                *admins.entry(name).or_default() += group.nodes;
            }
        }
        let mut admins: Vec<(String, usize)> = admins.into_iter().collect();
        admins.sort_by(|(a, some), (b, others)| others.cmp(some).then_with(|| a.cmp(b)));
        admins
    }

    /// The name of an identity, without the hash of its password, as it could be guessed offline:
    /// `digest:ops`. Where a user has several hashes, `digest:ops#2` is the one with the second.
    #[must_use]
    pub fn name(&self, who: &AuthId) -> String {
        if who.scheme != "digest" {
            return format!("{}:{}", who.scheme, who.id);
        }
        let user = who.user();
        let hashes = self.hashes.get(user);
        let number = hashes.and_then(|hashes| hashes.iter().position(|hash| *hash == who.id));
        match number {
            None | Some(0) => format!("digest:{user}"),
            Some(others) => format!("digest:{user}#{}", others + 1),
        }
    }

    /// An entry with the name of its identity: `digest:ops:cdrwa`.
    #[must_use]
    pub fn entry(&self, entry: &AclEntry) -> String {
        format!("{}:{}", self.name(&entry.who), entry.permissions)
    }
}

impl Group {
    fn of(acl: Option<Acl>, session: &Identities, known: Option<&Known>) -> Self {
        let mut group = Self {
            acl: None,
            nodes: 0,
            tops: Vec::new(),
            findings: Vec::new(),
            open: Permissions::default(),
            admins: Vec::new(),
            unknown: Vec::new(),
            is_masked: false,
        };
        let Some(acl) = acl else {
            group.findings.push(Finding::Hidden);
            return group;
        };
        let sees_all = session.see_all_of(&acl) || acl.shows_hash();
        group.is_masked = !sees_all && acl.is_masked();
        // A mask that somebody has written is no hash.
        let is_mask = |entry: &AclEntry| !sees_all && entry.is_masked();
        let matches = |entry: &&AclEntry| is_mask(entry) || !entry.is_no_digest();
        // No server checks an empty one.
        let open = Acl::open();
        let entries = match acl.entries.is_empty() {
            true => &open.entries,
            false => &acl.entries,
        };
        for entry in entries {
            let rights = entry.permissions.each();
            if entry.who.is_everybody() {
                let beyond = rights.filter(|right| *right != Permissions::READ);
                group.open = beyond.fold(group.open, Permissions::union);
            }
            let is_named = |known: &Known| known.names(entry, is_mask(entry));
            let is_known = |known: &Known| is_named(known) || session.stand_in(entry);
            if !known.is_none_or(is_known) && !group.unknown.contains(&entry.who) {
                group.unknown.push(entry.who.clone());
            }
        }
        let admins = entries.iter().filter(matches);
        let admins = admins.filter(|entry| {
            let mut rights = entry.permissions.each();
            rights.any(|right| right == Permissions::ADMIN)
        });
        group.admins = admins.map(|entry| entry.who.clone()).collect();
        let found = |finding: &Finding| match finding {
            Finding::Open => group.open != Permissions::default(),
            Finding::NoAdmin => group.admins.is_empty(),
            Finding::Unknown => !group.unknown.is_empty(),
            Finding::Hidden => false,
        };
        group.findings = Finding::ALL.into_iter().filter(found).collect();
        group.acl = Some(acl);
        group
    }
}

/// The order of entries does not count.
fn sorted(acl: &Acl) -> Acl {
    let mut entries = acl.entries.clone();
    entries.sort();
    entries.dedup();
    Acl { entries }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "w4PIv8/Wzcq4qj4/MfEQ8pvUSS4=";
    const OTHER: &str = "Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=";

    fn acl(entries: &str) -> Acl {
        let entries = entries.replace("HASH", HASH).replace("OTHER", OTHER);
        let entries = entries
            .split(' ')
            .map(|text| AclEntry::parse(text).unwrap());
        let entries = entries.collect();
        Acl { entries }
    }

    fn audit(nodes: &[(&str, &str)], session: &Identities, known: &[&str]) -> Audit {
        let nodes = nodes.iter().map(|(path, entries)| {
            let acl = (*entries != "hidden").then(|| Arc::new(acl(entries)));
            (ZPath::parse(path).unwrap(), acl)
        });
        let mut all = Known::default();
        all.extend(
            known
                .iter()
                .map(|text| AuthId::parse(&text.replace("HASH", HASH)).unwrap()),
        );
        let known = (!known.is_empty()).then_some(&all);
        let nodes: Vec<NodeAcl> = nodes.collect();
        Audit::of((&nodes, Vec::new()), session, known)
    }

    fn shown(audit: &Audit) -> Vec<String> {
        let group = |group: &Group| {
            let acl = group.acl.as_ref().map_or("hidden".to_owned(), |acl| {
                let entries = acl.entries.iter().map(|entry| audit.entry(entry));
                entries.collect::<Vec<_>>().join(" ")
            });
            let tops = group
                .tops
                .iter()
                .map(|(path, nodes)| format!("{path} {nodes}"));
            let found: Vec<&str> = group.findings.iter().map(|found| found.name()).collect();
            let tops = tops.collect::<Vec<_>>().join(", ");
            format!("{acl} [{}] {tops}", found.join(" "))
        };
        audit.groups.iter().map(group).collect()
    }

    fn nobody() -> Identities {
        Identities::default()
    }

    #[test]
    fn nodes_with_one_acl_are_one_group() {
        let (ops, open) = ("world:anyone:r digest:ops:HASH:cdrwa", "world:anyone:cdrwa");
        // The order of entries does not count.
        let same = "digest:ops:HASH:cdrwa world:anyone:r";
        let nodes = [
            ("/a", ops),
            ("/a/b", open),
            ("/a/b/c", same),
            ("/a/b/d", open),
            ("/a/e", same),
            ("/a/f", "ip:0.0.0.0/0:rw ip:10.0.0.0/8:cdrwa"),
            ("/a/shut", "hidden"),
        ];
        assert_eq!(
            shown(&audit(&nodes, &nobody(), &[])),
            [
                "world:anyone:cdrwa [open] /a/b 2",
                "ip:0.0.0.0/0:rw ip:10.0.0.0/8:cdrwa [open] /a/f 1",
                "hidden [hidden] /a/shut 1",
                "digest:ops:cdrwa world:anyone:r [] /a 2, /a/b/c 1",
            ]
        );
    }

    #[test]
    fn what_nobody_may_administer_is_found() {
        let ops: Identities = vec![AuthId {
            scheme: "digest".to_owned(),
            id: format!("ops:{HASH}"),
        }]
        .into();
        for (entries, is_found) in [
            ("world:anyone:r", true),
            ("digest:ops:HASH:cdrw", true),
            ("digest:ops:HASH:a", false),
            // The server masks it, so somebody may.
            ("digest:dev:x:cdrwa", false),
            // The session sees all, so somebody has written the mask.
            ("digest:ops:HASH:r digest:dev:x:cdrwa", true),
            ("digest:dev:nothing:cdrwa", true),
            ("ip:10.0.0.1:a", false),
        ] {
            let audit = audit(&[("/a", entries)], &ops, &[]);
            assert_eq!(audit.found(Finding::NoAdmin) == 1, is_found, "{entries}");
        }
        // A server that masks nothing shows what somebody has written.
        let on_keeper = Identities {
            sees_hashes: true,
            ..ops
        };
        let audit = audit(
            &[("/a", "digest:dev:x:cdrwa")],
            &on_keeper,
            &["digest:dev:h"],
        );
        let findings = [Finding::NoAdmin, Finding::Unknown];
        assert_eq!(audit.groups[0].findings, findings);
        assert!(!audit.groups[0].is_masked);
    }

    #[test]
    fn who_is_not_named_is_unknown() {
        let unknown = |entries: &str, known: &[&str]| {
            let audit = audit(&[("/a", entries)], &nobody(), known);
            let unknown = audit.groups[0].unknown.iter();
            unknown.map(|who| audit.name(who)).collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        let entries =
            "world:anyone:r digest:ops:HASH:r digest:ops:OTHER:r sasl:alice:r ip:10.0.0.1:r";
        assert_eq!(unknown(entries, &[]), none);
        // Hashes are numbered in their order.
        assert_eq!(
            unknown(entries, &["digest:ops:HASH", "ip:10.0.0.1"]),
            ["digest:ops", "sasl:alice"]
        );
        assert_eq!(
            unknown(entries, &["digest:ops", "sasl:alice", "ip:10.0.0.1"]),
            none
        );
        assert_eq!(
            unknown("digest:ops:x:r digest:dev:x:r", &["digest:ops:HASH"]),
            ["digest:dev"]
        );
        assert_eq!(AuthId::parse("ops"), None);
        assert_eq!(AuthId::parse("digest:"), None);
    }

    /// ZooKeeper and ClickHouse Keeper let everybody do all with a node whose ACL is empty.
    #[test]
    fn an_empty_acl_is_open() {
        let empty = Arc::new(Acl {
            entries: Vec::new(),
        });
        let nodes = [(ZPath::parse("/a").unwrap(), Some(empty.clone()))];
        let known = Known::default();
        let audit = Audit::of((&nodes, Vec::new()), &nobody(), Some(&known));
        let group = &audit.groups[0];
        assert_eq!(group.findings, [Finding::Open]);
        assert_eq!(group.open.to_string(), "cdwa");
        assert_eq!(audit.admins(), [("world:anyone".to_owned(), 1)]);
        assert_eq!(
            nobody().may(&empty, Permissions::ADMIN),
            crate::model::acl::Allowed::Yes
        );
    }

    #[test]
    fn what_is_below_an_unlisted_node_is_hidden() {
        let path = |text: &str| ZPath::parse(text).unwrap();
        let ci = Arc::new(acl("digest:ops:HASH:a"));
        let nodes = [(path("/a"), Some(ci)), (path("/b"), None)];
        let audit = Audit::of((&nodes, vec![path("/a")]), &nobody(), None);
        assert_eq!(audit.found(Finding::Hidden), 2);
        assert_eq!(audit.not_shown(), 1);
        assert_eq!(audit.found(Finding::Open), 0);
    }

    #[test]
    fn admins_are_counted_by_name() {
        let nodes = [
            ("/a", "digest:ops:HASH:cdrwa digest:dev:HASH:r"),
            ("/a/b", "digest:ops:OTHER:cdrwa"),
            ("/a/c", "digest:ops:HASH:a world:anyone:ra"),
        ];
        let audit = audit(&nodes, &nobody(), &[]);
        let admins = audit.admins();
        let admins: Vec<(&str, usize)> =
            admins.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        assert_eq!(
            admins,
            [("digest:ops#2", 2), ("digest:ops", 1), ("world:anyone", 1)]
        );
    }
}

//! Two declared trees that are compared: what the old one says of secrets holds for the new one, too.

use std::borrow::Cow;
use std::mem;

use crate::declare::Source;
use crate::model::node::{Content, Declared, Outside, RAW_DATA, Secret};
use crate::model::path::ZPath;
use crate::model::tree::Tree;

/// The new tree as it is compared with the old one: what either hides is not shown, and what the old one lacks of
/// secret values from outside is not compared.
pub(super) fn heed<'s>(old: &Source, new: Cow<'s, Source>) -> Cow<'s, Source> {
    let says = |node: &Declared| !matches!(node.secret, Secret::Nothing) || node.lacks_any();
    if !old.tree().iter().any(|(_, node)| says(node)) {
        return new;
    }
    let old = old.tree();
    Cow::Owned(new.into_owned().change(|tree| {
        hide_as(tree, |path| Some(&old.get(path)?.secret));
        let mut moves = Moves::default();
        for (path, node) in tree.iter_mut() {
            let before = moves.before(path, node).and_then(|path| old.get(&path));
            if let Some(old) = before.or_else(|| old.get(path)) {
                lack(old, node);
            }
        }
    }))
}

/// Hides in a tree what is secret elsewhere: of the same nodes, and of those that are moved to their places.
pub(crate) fn hide_as<'s>(
    tree: &mut Tree<Declared>,
    secret: impl Fn(&ZPath) -> Option<&'s Secret>,
) {
    let mut moves = Moves::default();
    for (path, node) in tree.iter_mut() {
        let before = moves.before(path, node).and_then(|path| secret(&path));
        for secret in before.into_iter().chain(secret(path)) {
            node.secret = mem::take(&mut node.secret).and(secret);
        }
    }
}

/// The moves of the nodes around the next one, from the outermost.
#[derive(Default)]
struct Moves(Vec<(ZPath, ZPath)>);

impl Moves {
    /// Where a node stood before, if it or one above it is moved. Nodes come in path order.
    fn before(&mut self, path: &ZPath, node: &Declared) -> Option<ZPath> {
        while self.0.last().is_some_and(|(to, _)| !path.is_within(to)) {
            self.0.pop();
        }
        let from = node.moved_from.iter().cloned();
        self.0.extend(from.map(|from| (path.clone(), from)));
        let (to, from) = self.0.last()?;
        Some(path.moved(to, from))
    }
}

/// Has a node lack the values that the old one lacks, as far as it has any in their place: nobody knows whether
/// they differ. That a value goes is known all the same.
fn lack(old: &Declared, new: &mut Declared) {
    if !new.is_declared() {
        return;
    }
    for (name, outside) in old.lacking() {
        match &new.content {
            Content::Properties(properties) if name != RAW_DATA => {
                if properties.contains(name) {
                    add(new, name, outside);
                }
            }
            Content::Properties(_) | Content::Raw { .. } => lack_all(new, outside),
        }
    }
}

/// What a node lacks itself stays said so.
fn add(new: &mut Declared, name: &str, outside: &Outside) {
    if !new.lacks(name) {
        new.outside.insert(name.to_owned(), outside.clone());
    }
}

/// Nothing is known of what the old node holds as a whole.
fn lack_all(new: &mut Declared, outside: &Outside) {
    let origin = match &new.content {
        Content::Raw { origin, .. } => *origin,
        Content::Properties(_) => new.origin,
    };
    let bytes = new.bytes().into();
    new.content = Content::Raw { bytes, origin };
    new.outside.retain(|name, _| name == RAW_DATA);
    add(new, RAW_DATA, outside);
}

#[cfg(test)]
mod tests {
    use crate::declare::{Layers, Memory, SecretSources, load};
    use crate::model::plan::{Action, FingerprintKey, Plan};
    use crate::reconcile::{self, Options};

    /// The plan from one tree to another, where `HAD` is the only variable that is set.
    fn compare(old: &str, new: &str) -> Plan {
        let source = |text: &str| {
            let files = Memory::from([("a.zkt", text)]);
            let secrets = SecretSources::new(|name| (name == "HAD").then(|| "had".into()));
            load(Layers::new(["a.zkt"]).files(&files).secrets(secrets)).unwrap()
        };
        let options = Options {
            fingerprints: Some(FingerprintKey::new(&[7; 16]).unwrap()),
            ..Options::default()
        };
        reconcile::compare(&source(old), &source(new), &options)
    }

    /// What is not compared, and what changes, with the number of fingerprints.
    #[track_caller]
    fn check(old: &str, new: &str, expected: &str) {
        let plan = compare(old, new);
        let mut told: Vec<String> = (plan.not_compared.iter())
            .map(|one| format!("{} lacks {} from {}", one.path, one.name, one.from))
            .collect();
        let changes = plan.actions.iter().flat_map(|action| match action {
            Action::Update(update) => update.changes.clone(),
            _ => Vec::new(),
        });
        told.extend(changes.map(|change| {
            let (old, new) = (change.old.is_some(), change.new.is_some());
            format!("{} {old} {new}", change.name)
        }));
        let values = plan.fingerprints.map(|prints| prints.values);
        let values = values.iter().flatten();
        let count = values.map(|(_, one)| one.old.iter().chain(&one.new).count());
        told.push(count.sum::<usize>().to_string());
        assert_eq!(told.join(", "), expected, "{old}{new}");
    }

    const LACKS: &str = "/a\n  x = 1\n  @secret p from env P\n";
    const LACKS_DATA: &str = "/a\n  @secret @data from env P\n";

    #[test]
    fn what_either_side_lacks_is_not_compared() {
        let told = "/a lacks p from env P, 0";
        check(LACKS, LACKS, told);
        for other in [
            "/a\n  x = 1\n  p = 'plain'\n",
            "/a\n  x = 1\n  @secret p from env HAD\n",
        ] {
            check(LACKS, other, told);
            check(other, LACKS, told);
        }
        // The rest is.
        check(
            LACKS,
            "/a\n  x = 2\n  p = 1\n",
            "/a lacks p from env P, x true true, 0",
        );
        // Each side lacks its own.
        let other = LACKS.replace("env P", "env Q");
        check(LACKS, &other, "/a lacks p from env Q, 0");
    }

    #[test]
    fn that_a_value_goes_is_known_without_it() {
        check(LACKS, "/a\n  x = 1\n", "p true false, 0");
        // Nothing tells whether it is there already, which is as in a live tree.
        check("/a\n  x = 1\n", LACKS, "/a lacks p from env P, 0");
    }

    #[test]
    fn nothing_is_known_of_data_that_is_lacking() {
        let told = "/a lacks @data from env P, 0";
        check(LACKS_DATA, LACKS_DATA, told);
        for other in ["/a\n  @data 'x'\n", "/a\n  x = 1\n"] {
            check(LACKS_DATA, other, told);
        }
        check("/a\n  @data 'x'\n", LACKS_DATA, told);
        check(LACKS, "/a\n  @data 'x'\n", told);
        check(LACKS, LACKS_DATA, told);
        check(LACKS_DATA, LACKS, told);
    }

    #[test]
    fn a_secret_of_the_old_tree_is_none_to_show_at_its_new_place() {
        let old = "/a\n  @secret p\n  p = 'old'\n  /b\n    @secret q\n    q = 'old'\n";
        let moved = "/m\n  @moved from '/a'\n  p = 'new'\n  /b\n    q = 'new'\n";
        for new in [moved, "/a\n  p = 'new'\n  /b\n    q = 'new'\n"] {
            let plan = compare(old, new);
            let of_moves = plan.moves.iter().flat_map(|moved| moved.changes.values());
            let of_actions = plan.actions.iter().filter_map(|action| match action {
                Action::Update(update) => Some(&update.changes),
                _ => None,
            });
            let changes: Vec<_> = of_moves.chain(of_actions).flatten().collect();
            assert_eq!(changes.len(), 2, "{new}");
            assert!(changes.iter().all(|change| change.secret), "{new}");
        }
    }
}

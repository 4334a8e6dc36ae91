//! What earlier files of a loop have declared secret.

use std::collections::BTreeMap;

use crate::model::node::{Declared, Secret};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::reconcile::hide_as;

/// What the files that were in force have declared secret. It is never shown as long as the loop runs: who takes
/// a `@secret` line away most often replaces the value, too, and the old one still stands in the live tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Formerly(BTreeMap<ZPath, Secret>);

impl Formerly {
    /// Takes in what files declare that hide what these say already.
    pub(super) fn add(&mut self, tree: &Tree<Declared>) {
        for (path, node) in tree {
            if !matches!(node.secret, Secret::Nothing) {
                self.0.insert(path.clone(), node.secret.clone());
            }
        }
    }

    /// Hides in newer files what earlier ones have declared secret.
    pub(super) fn hide(&self, tree: &mut Tree<Declared>) {
        if self.0.is_empty() {
            return;
        }
        hide_as(tree, |path| self.0.get(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::declare;

    #[test]
    fn what_was_secret_stays_so_and_nothing_else() {
        let tree = |text: &str| declare(text).unwrap().into_parts().0;
        let mut formerly = Formerly::default();
        formerly.add(&tree("/a\n  @secret x\n/b\n  @secret\n"));
        for _ in 0..2 {
            let mut newer = tree("/a\n  @secret y\n/b\n/c\n");
            formerly.hide(&mut newer);
            formerly.add(&newer);
            let nodes: Vec<&Declared> = newer.iter().map(|(_, node)| node).collect();
            let [a, b, c] = nodes[..] else {
                panic!("{nodes:?}")
            };
            assert!(a.secret.covers("x") && a.secret.covers("y") && !a.secret.covers("z"));
            assert!(matches!(b.secret, Secret::Everything));
            assert!(matches!(c.secret, Secret::Nothing));
        }
        // A node that is moved.
        let mut newer = tree("/m\n  @moved from '/a'\n");
        formerly.hide(&mut newer);
        let (_, m) = newer.iter().next().unwrap();
        assert!(m.secret.covers("x") && !m.secret.covers("z"));
        // A node that goes and comes back.
        formerly.add(&tree("/c\n"));
        let mut newer = tree("/a\n");
        formerly.hide(&mut newer);
        let (_, a) = newer.iter().next().unwrap();
        assert!(matches!(&a.secret, Secret::Properties(globs) if globs.patterns().len() == 2));
    }
}

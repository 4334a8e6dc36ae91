//! What changes in what an owner has, beyond what the actions of a plan create and trim.

use std::collections::BTreeMap;

use crate::model::path::ZPath;

/// What changes in what an owner has, beyond what the actions of a plan create and trim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// Nodes that were there before, and that it adopts because it is told to.
    pub adopted: Vec<Adopted>,
    /// Nodes that it adopts because they are as declared, and nobody's.
    pub equal: Vec<ZPath>,
    /// Nodes that it no longer declares and leaves to another owner.
    pub let_go: Vec<LetGo>,
}

/// A node that was there before, and that an owner adopts because it is told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The node.
    pub path: ZPath,
    /// The owner that has it, too, until that one no longer declares it.
    pub from: Option<String>,
    /// Whether it is not as declared yet.
    pub differs: bool,
}

/// A node that an owner no longer declares and leaves to another owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetGo {
    /// The node.
    pub path: ZPath,
    /// The transaction that created it.
    #[doc(hidden)]
    pub created: i64,
    /// The owner that has it, too.
    pub to: String,
}

impl Claims {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether somebody who agreed to `other` has agreed to all of these. What is as declared and nobody's
    /// takes nobody to agree to it.
    #[must_use]
    pub fn ask_no_more_than(&self, other: &Self) -> bool {
        let adopted = other.adopted.iter();
        let adopted: BTreeMap<_, _> = adopted.map(|one| (&one.path, &one.from)).collect();
        let let_go: BTreeMap<_, _> = other.let_go.iter().map(|one| (&one.path, one)).collect();
        let is_agreed = |now: &Adopted| {
            let from = adopted.get(&now.path);
            // The other owner may have let it go meanwhile.
            from.is_some_and(|from| now.from.is_none() || now.from == **from)
        };
        let is_let_go = |now: &LetGo| let_go.get(&now.path) == Some(&now);
        self.adopted.iter().all(is_agreed) && self.let_go.iter().all(is_let_go)
    }

    /// Whether somebody asked for a change: what is as declared and nobody's is adopted by any apply.
    #[must_use]
    pub fn are_asked_for(&self) -> bool {
        !self.adopted.is_empty() || !self.let_go.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(adopted: &[(&str, Option<&str>)], let_go: &[(&str, i64, &str)]) -> Claims {
        let path = |text: &str| ZPath::parse(text).unwrap();
        let adopted = adopted.iter().map(|(text, from)| Adopted {
            path: path(text),
            from: from.map(str::to_owned),
            differs: false,
        });
        let let_go = let_go.iter().map(|(text, created, to)| LetGo {
            path: path(text),
            created: *created,
            to: (*to).to_owned(),
        });
        Claims {
            adopted: adopted.collect(),
            equal: Vec::new(),
            let_go: let_go.collect(),
        }
    }

    #[test]
    fn who_agreed_to_some_claims_agreed_to_no_others() {
        let agreed = claims(
            &[("/free", None), ("/theirs", Some("b"))],
            &[("/shared", 5, "b")],
        );
        let is_agreed = |adopted: &[(&str, Option<&str>)], let_go: &[(&str, i64, &str)]| {
            claims(adopted, let_go).ask_no_more_than(&agreed)
        };
        assert!(agreed.ask_no_more_than(&agreed));
        assert!(is_agreed(&[], &[]));
        assert!(is_agreed(&[("/theirs", None)], &[]));
        assert!(!is_agreed(&[("/theirs", Some("c"))], &[]));
        assert!(!is_agreed(&[("/free", Some("b"))], &[]));
        assert!(!is_agreed(&[("/other", None)], &[]));
        for let_go in [("/shared", 5, "c"), ("/shared", 6, "b"), ("/other", 5, "b")] {
            assert!(!is_agreed(&[], &[let_go]), "{let_go:?}");
        }
        // Nobody is asked about these.
        let equal = Claims {
            equal: vec![ZPath::root()],
            ..Claims::default()
        };
        assert!(equal.ask_no_more_than(&agreed));
    }
}

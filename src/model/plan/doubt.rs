//! Old values that may have been secret, though no file says so any more.

use super::{Action, Change, ChangeValue, Plan};
use crate::model::secrets::{is_harmless, plain_secret, plain_secret_in_text};
use crate::syntax::names::{looks_secret, split_link};

impl Change {
    /// Whether the old value may have been secret, though no `@secret` line says so: no file declares the
    /// property any more, or its name or the value itself looks like a secret. Not a link, whose target is a
    /// path, nor an ACL.
    #[must_use]
    #[doc(hidden)]
    pub fn is_in_doubt(&self) -> bool {
        if split_link(&self.name).is_some() {
            return false;
        }
        let is_removed = self.new.is_none();
        match &self.old {
            None | Some(ChangeValue::Acl(_)) => false,
            Some(_) if is_removed => true,
            Some(ChangeValue::Json(old)) => {
                looks_secret(&self.name) && !is_harmless(old) || plain_secret(old).is_some()
            }
            Some(ChangeValue::Beyond(old)) => {
                looks_secret(&self.name) || plain_secret_in_text(old).is_some()
            }
            Some(ChangeValue::Raw(old)) => {
                plain_secret_in_text(&String::from_utf8_lossy(old)).is_some()
            }
        }
    }
}

impl Plan {
    /// Hides the values that [may have been secret](Change::is_in_doubt). For what others read than those who
    /// may read the nodes: comments, logs, status pages.
    #[doc(hidden)]
    pub fn hide_doubtful(&mut self) {
        let of_moves = self.moves.iter_mut().flat_map(|moved| &mut moved.changes);
        let of_moves = of_moves.flat_map(|(_, changes)| changes);
        let actions = self.actions.iter_mut().filter_map(|action| match action {
            Action::Update(update) => Some(&mut update.changes),
            Action::Link(link) => Some(&mut link.changes),
            Action::Add(_) | Action::Trim(_) => None,
        });
        for change in actions.flatten().chain(of_moves) {
            change.secret |= change.is_in_doubt();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn is_in_doubt(name: &str, old: Value, new: Option<Value>) -> bool {
        let change = Change {
            name: name.to_owned(),
            old: Some(ChangeValue::Json(old)),
            new: new.map(ChangeValue::Json),
            secret: false,
            origin: None,
        };
        change.is_in_doubt()
    }

    #[test]
    fn what_was_secret_by_a_line_that_is_gone_is_told_by_its_name_or_its_looks() {
        let changed = |name: &str, old: Value| is_in_doubt(name, old, Some(json!("new")));
        assert!(changed("password", json!("old")));
        assert!(changed("dsn", json!("postgres://app:old@h/db")));
        assert!(changed("db", json!({"token": "old"})));
        assert!(!changed("port", json!(5432)));
        assert!(!changed("password", json!("")));
        assert!(!changed("password ->", json!("/a")));
        assert!(is_in_doubt("port", json!(5432), None));
        assert!(!is_in_doubt("port ->", json!("/a"), None));
    }
}

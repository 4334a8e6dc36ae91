//! What a plan with secret values shows in their place: its checksum is that of the plan without them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::ActionForm;
use super::moved::MoveForm;
use crate::model::plan::{Action, Change, ChangeValue, Move, Plan};
use crate::model::value::{Data, Encoded, Properties};
use crate::syntax::parser::HIDDEN;

/// The parts of a plan that show `(secret)` in the place of values.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Masked {
    /// Actions, by index.
    actions: BTreeMap<usize, Action>,
    /// Moves, by index.
    moves: BTreeMap<usize, Move>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaskedForm {
    actions: Vec<(usize, ActionForm)>,
    moves: Vec<(usize, MoveForm)>,
}

impl MaskedForm {
    pub(super) fn of(masked: &Masked) -> Self {
        let actions = masked.actions.iter();
        let moves = masked.moves.iter();
        Self {
            actions: actions
                .map(|(at, action)| (*at, ActionForm::of(action, false)))
                .collect(),
            moves: moves
                .map(|(at, moved)| (*at, MoveForm::of(moved)))
                .collect(),
        }
    }

    pub(super) fn read(self) -> Result<Masked, String> {
        let actions = self.actions.into_iter();
        let moves = self.moves.into_iter();
        Ok(Masked {
            actions: actions
                .map(|(at, form)| Ok((at, form.read()?)))
                .collect::<Result<_, String>>()?,
            moves: moves
                .map(|(at, form)| Ok((at, form.read()?)))
                .collect::<Result<_, String>>()?,
        })
    }
}

impl Masked {
    /// What differs between a plan and the same one without its secrets.
    pub(super) fn of(plan: &Plan, shown: &Plan) -> Self {
        Self {
            actions: differing(&plan.actions, &shown.actions),
            moves: differing(&plan.moves, &shown.moves),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.actions.is_empty() && self.moves.is_empty()
    }

    /// A plan as it is shown.
    ///
    /// # Errors
    /// The plan is another one than these are parts of.
    pub(super) fn shown<'p>(&self, plan: &'p Plan) -> Result<Cow<'p, Plan>, String> {
        let mut shown = Cow::Borrowed(plan);
        if self.is_nothing() {
            return Ok(shown);
        }
        let differs = || "what it shows is not what it writes".to_owned();
        let plan = shown.to_mut();
        for (at, masked) in &self.actions {
            let whole = plan.actions.get_mut(*at).ok_or_else(differs)?;
            if !hides_only(whole, masked) {
                return Err(format!("{}: {}", whole.path(), differs()));
            }
            *whole = masked.clone();
        }
        for (at, masked) in &self.moves {
            let whole = plan.moves.get_mut(*at).ok_or_else(differs)?;
            let bare = |moved: &Move| Move {
                changes: BTreeMap::new(),
                ..moved.clone()
            };
            let is_same = bare(whole) == bare(masked)
                && whole.changes.len() == masked.changes.len()
                && (whole.changes.iter().zip(&masked.changes))
                    .all(|(whole, masked)| whole.0 == masked.0 && are_hidden(whole.1, masked.1));
            if !is_same {
                return Err(format!("{}: {}", whole.to, differs()));
            }
            *whole = masked.clone();
        }
        Ok(shown)
    }
}

fn differing<T: Clone + PartialEq>(whole: &[T], shown: &[T]) -> BTreeMap<usize, T> {
    let pairs = whole.iter().zip(shown).enumerate();
    let differing = pairs.filter(|(_, (whole, shown))| whole != shown);
    differing
        .map(|(at, (_, shown))| (at, shown.clone()))
        .collect()
}

/// Whether an action is another one with values hidden, and nothing else.
fn hides_only(whole: &Action, masked: &Action) -> bool {
    let mut filled = masked.clone();
    let (data, changes) = match (&mut filled, whole) {
        (Action::Add(add), Action::Add(whole)) => (Some((&mut add.data, &whole.data)), None),
        (Action::Update(update), Action::Update(whole)) => (
            update.data.as_mut().zip(whole.data.as_ref()),
            Some((&mut update.changes, &whole.changes)),
        ),
        (Action::Link(link), Action::Link(whole)) => (
            Some((&mut link.data, &whole.data)),
            Some((&mut link.changes, &whole.changes)),
        ),
        _ => return false,
    };
    if let Some((data, whole)) = data {
        if !is_hidden(whole, data) {
            return false;
        }
        *data = whole.clone();
    }
    if let Some((changes, whole)) = changes {
        if !are_hidden(whole, changes) {
            return false;
        }
        changes.clone_from(whole);
    }
    filled == *whole
}

/// Whether data is other data with values hidden.
fn is_hidden(whole: &Encoded, masked: &Encoded) -> bool {
    if !masked.is_object() {
        return masked == whole || masked.as_bytes() == HIDDEN.as_bytes();
    }
    let properties = |data: &Encoded| match Data::decode(data.as_bytes()) {
        Data::Properties(properties) => properties,
        Data::Text(_) | Data::Binary(_) => Properties::new(),
    };
    let (whole, masked) = (properties(whole), properties(masked));
    whole.keys().eq(masked.keys())
        && (masked.iter()).all(|(name, value)| value == HIDDEN || whole.get(name) == Some(value))
}

/// Whether changes are others with values hidden.
fn are_hidden(whole: &[Change], masked: &[Change]) -> bool {
    let value = |whole: &Option<ChangeValue>, masked: &Option<ChangeValue>, secret: bool| {
        whole == masked || secret && whole.is_some() && is_placeholder(masked.as_ref())
    };
    whole.len() == masked.len()
        && whole.iter().zip(masked).all(|(whole, masked)| {
            whole.name == masked.name
                && value(&whole.old, &masked.old, masked.secret)
                && value(&whole.new, &masked.new, masked.secret)
        })
}

/// Whether `(secret)` stands in the place of a value.
pub(super) fn is_placeholder(value: Option<&ChangeValue>) -> bool {
    matches!(value, Some(ChangeValue::Json(value)) if value == HIDDEN)
}

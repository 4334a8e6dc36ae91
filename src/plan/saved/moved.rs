//! The subtrees that a saved plan moves.

use serde::{Deserialize, Serialize};

use super::parts::{ChangeForm, Origin, location, path_of, place};
use crate::model::path::ZPath;
use crate::model::plan::Move;

/// A subtree that is moved.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveForm {
    from: String,
    to: String,
    changes: Vec<(String, Vec<ChangeForm>)>,
    dropped: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

impl MoveForm {
    pub(super) fn of(moved: &Move) -> Self {
        let changes = moved.changes.iter();
        Self {
            from: moved.from.to_string(),
            to: moved.to.to_string(),
            changes: changes
                .map(|(path, changes)| {
                    let changes = changes.iter().map(ChangeForm::of).collect();
                    (path.to_string(), changes)
                })
                .collect(),
            dropped: moved.dropped.iter().map(ZPath::to_string).collect(),
            origin: moved.origin.as_ref().map(place),
        }
    }

    pub(super) fn read(self) -> Result<Move, String> {
        let changes = self.changes.into_iter().map(|(path, changes)| {
            let changes: Result<_, String> = changes.into_iter().map(ChangeForm::read).collect();
            Ok::<_, String>((path_of(&path)?, changes?))
        });
        let dropped = self.dropped.iter().map(|path| path_of(path));
        Ok(Move {
            from: path_of(&self.from)?,
            to: path_of(&self.to)?,
            changes: changes.collect::<Result<_, _>>()?,
            dropped: dropped.collect::<Result<_, _>>()?,
            origin: self.origin.map(location),
        })
    }
}

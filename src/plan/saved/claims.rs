//! What changes in what an owner has, as a saved plan holds it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::parts::path_of;
use crate::model::path::ZPath;
use crate::model::plan::{Adopted, Claims, LetGo};
use crate::model::record::{Changes, Claim, Entry};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimsForm {
    adopted: Vec<AdoptedForm>,
    let_go: Vec<LetGoForm>,
    take: Vec<EntryForm>,
    partial: Vec<(String, bool)>,
    /// What the record has and is no more, with the transactions that created it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gone: Vec<(String, i64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdoptedForm {
    path: String,
    from: Option<String>,
    differs: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LetGoForm {
    path: String,
    created: i64,
    to: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryForm {
    path: String,
    created: i64,
    modified: i64,
    claim: ClaimForm,
    partial: bool,
    /// Whether it is adopted since it is as declared, and nobody's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    equal: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ClaimForm {
    Created,
    Adopted,
    Written,
}

impl ClaimsForm {
    /// `None` if nothing changes.
    pub(super) fn of(claims: &Claims, record: &Changes) -> Option<Self> {
        if claims.is_empty() && record.is_empty() && record.partial.is_empty() {
            return None;
        }
        let equal: BTreeSet<&ZPath> = claims.equal.iter().collect();
        let take = record.take.iter().map(|(path, entry)| EntryForm {
            path: path.to_string(),
            created: entry.created,
            modified: entry.modified,
            claim: match entry.claim {
                Claim::Created => ClaimForm::Created,
                Claim::Adopted => ClaimForm::Adopted,
                Claim::Written => ClaimForm::Written,
            },
            partial: entry.partial,
            equal: equal.contains(path),
        });
        let adopted = claims.adopted.iter().map(|adopted| AdoptedForm {
            path: adopted.path.to_string(),
            from: adopted.from.clone(),
            differs: adopted.differs,
        });
        let let_go = claims.let_go.iter().map(|let_go| LetGoForm {
            path: let_go.path.to_string(),
            created: let_go.created,
            to: let_go.to.clone(),
        });
        let partial = record.partial.iter();
        let left: BTreeSet<_> = claims
            .let_go
            .iter()
            .map(|one| (&one.path, one.created))
            .collect();
        let gone = record.gone.iter();
        let gone = gone.filter(|(path, created)| !left.contains(&(path, *created)));
        Some(Self {
            adopted: adopted.collect(),
            let_go: let_go.collect(),
            take: take.collect(),
            partial: partial.map(|(path, is)| (path.to_string(), *is)).collect(),
            gone: gone
                .map(|(path, created)| (path.to_string(), *created))
                .collect(),
        })
    }

    pub(super) fn read(self) -> Result<(Claims, Changes), String> {
        let (mut claims, mut record) = (Claims::default(), Changes::default());
        for (path, created) in self.gone {
            record.gone.push((path_of(&path)?, created));
        }
        for AdoptedForm {
            path,
            from,
            differs,
        } in self.adopted
        {
            let path = path_of(&path)?;
            claims.adopted.push(Adopted {
                path,
                from,
                differs,
            });
        }
        for LetGoForm { path, created, to } in self.let_go {
            let path = path_of(&path)?;
            record.gone.push((path.clone(), created));
            claims.let_go.push(LetGo { path, created, to });
        }
        for form in self.take {
            let path = path_of(&form.path)?;
            if form.equal {
                claims.equal.push(path.clone());
            }
            let entry = Entry {
                created: form.created,
                modified: form.modified,
                claim: match form.claim {
                    ClaimForm::Created => Claim::Created,
                    ClaimForm::Adopted => Claim::Adopted,
                    ClaimForm::Written => Claim::Written,
                },
                partial: form.partial,
            };
            record.take.push((path, entry));
        }
        for (path, is) in self.partial {
            record.partial.push((path_of(&path)?, is));
        }
        Ok((claims, record))
    }
}

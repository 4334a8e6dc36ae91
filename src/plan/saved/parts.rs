//! The parts of a saved plan as JSON: values, changes, warnings.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::model::acl::{Acl, AclEntry};
use crate::model::lint::{Level, Lint};
use crate::model::node::{DataVersion, Secret, Zxids};
use crate::model::path::ZPath;
use crate::model::plan::{
    About, Change, ChangeValue, Effect, Fingerprint, Fingerprints, HiddenValues, KeptReason, Needs,
    NotCompared, Objection, Warning,
};
use crate::model::value::{Data, Encoded};
use crate::syntax::names::Globs;
use crate::syntax::place::Location;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DataForm {
    /// The text of an object of properties.
    Object(String),
    /// Text that is no object.
    Text(String),
    /// Other bytes.
    Base64(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SecretForm {
    Nothing,
    Properties(Vec<String>),
    Everything,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeForm {
    name: String,
    old: Option<ValueForm>,
    new: Option<ValueForm>,
    secret: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ValueForm {
    /// As text: nested in more of JSON it could be too deep to be read.
    Json(String),
    Beyond(String),
    Base64(String),
    Acl(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WarningForm {
    path: String,
    lint: String,
    is_about_node: bool,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

/// A value that could not be had when the plan was made.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotComparedForm {
    path: String,
    name: String,
    from: String,
    why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

impl NotComparedForm {
    pub(super) fn of(lacking: &NotCompared) -> Self {
        Self {
            path: lacking.path.to_string(),
            name: lacking.name.clone(),
            from: lacking.from.clone(),
            why: lacking.why.clone(),
            origin: lacking.origin.as_ref().map(place),
        }
    }

    pub(super) fn read(self) -> Result<NotCompared, String> {
        Ok(NotCompared {
            path: path_of(&self.path)?,
            name: self.name,
            from: self.from,
            why: self.why,
            origin: self.origin.map(location),
        })
    }
}

/// Fingerprints of secret values, each with its node and its name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FingerprintsForm {
    key: String,
    values: Vec<(String, String, Option<String>, Option<String>)>,
}

impl FingerprintsForm {
    pub(super) fn of(fingerprints: &Fingerprints) -> Self {
        let values = fingerprints.values.iter();
        let values = values.map(|((path, name), Fingerprint { old, new })| {
            (path.to_string(), name.clone(), old.clone(), new.clone())
        });
        Self {
            key: fingerprints.key.clone(),
            values: values.collect(),
        }
    }

    pub(super) fn read(self) -> Result<Fingerprints, String> {
        let values = self.values.into_iter();
        let values = values
            .map(|(path, name, old, new)| Ok(((path_of(&path)?, name), Fingerprint { old, new })));
        Ok(Fingerprints {
            key: self.key,
            values: values.collect::<Result<_, String>>()?,
        })
    }
}

/// What a rule says of a plan.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectionForm {
    rule: String,
    asks: bool,
    message: String,
    paths: Vec<String>,
    nodes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

impl ObjectionForm {
    pub(super) fn of(objection: &Objection) -> Self {
        Self {
            rule: objection.rule.clone(),
            asks: objection.effect == Effect::Ask,
            message: objection.message.clone(),
            paths: objection.paths.iter().map(ZPath::to_string).collect(),
            nodes: objection.nodes,
            origin: objection.origin.as_ref().map(place),
        }
    }

    pub(super) fn read(self) -> Result<Objection, String> {
        let paths = self.paths.iter().map(|path| path_of(path));
        let paths: Vec<ZPath> = paths.collect::<Result<_, _>>()?;
        if self.nodes < paths.len() {
            return Err(format!(
                "the rule {} is about fewer nodes than it names",
                self.rule
            ));
        }
        Ok(Objection {
            rule: self.rule,
            // A plan that is denied is not saved.
            effect: match self.asks {
                true => Effect::Ask,
                false => Effect::Warn,
            },
            message: self.message,
            paths,
            nodes: self.nodes,
            origin: self.origin.map(location),
        })
    }
}

/// File, line and column.
pub(super) type Origin = (String, u32, u32);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeptForm {
    Ephemeral,
    Marked,
    HoldsEphemeral,
    BelowEphemeral,
    Unreadable,
    Binary,
    OutOfScope,
    Record(String),
    Changed,
    PerhapsOfOther(String),
    Holds(Option<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NeedsForm {
    Children,
    Links,
}

impl DataForm {
    pub(super) fn of(data: &Encoded) -> Self {
        let bytes = data.as_bytes();
        match std::str::from_utf8(bytes) {
            Ok(text) if data.is_object() => Self::Object(text.to_owned()),
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(BASE64.encode(bytes)),
        }
    }

    pub(super) fn read(self) -> Result<Encoded, String> {
        match self {
            Self::Object(text) => match Data::decode(text.as_bytes()) {
                Data::Properties(_) => Ok(Encoded::object(text.as_bytes())),
                Data::Text(_) | Data::Binary(_) => Err("properties that are no object".to_owned()),
            },
            Self::Text(text) => Ok(Encoded::raw(text.into_bytes().into())),
            Self::Base64(text) => Ok(Encoded::raw(bytes_of(&text)?.into())),
        }
    }
}

impl SecretForm {
    pub(super) fn of(secret: &Secret) -> Self {
        match secret {
            Secret::Nothing => Self::Nothing,
            Secret::Properties(names) => Self::Properties(names.patterns().to_vec()),
            Secret::Everything => Self::Everything,
        }
    }

    pub(super) fn read(self) -> Result<HiddenValues, String> {
        Ok(HiddenValues(match self {
            Self::Nothing => Secret::Nothing,
            Self::Everything => Secret::Everything,
            Self::Properties(patterns) => {
                let names = Globs::new(patterns).map_err(|error| error.to_string())?;
                Secret::Properties(names)
            }
        }))
    }
}

impl ChangeForm {
    pub(super) fn of(change: &Change) -> Self {
        Self {
            name: change.name.clone(),
            old: change.old.as_ref().map(ValueForm::of),
            new: change.new.as_ref().map(ValueForm::of),
            secret: change.secret,
            origin: change.origin.as_ref().map(place),
        }
    }

    pub(super) fn read(self) -> Result<Change, String> {
        Ok(Change {
            name: self.name,
            old: self.old.map(ValueForm::read).transpose()?,
            new: self.new.map(ValueForm::read).transpose()?,
            secret: self.secret,
            origin: self.origin.map(location),
        })
    }
}

impl ValueForm {
    pub(super) fn of(value: &ChangeValue) -> Self {
        match value {
            ChangeValue::Json(value) => Self::Json(value.to_string()),
            ChangeValue::Beyond(text) => Self::Beyond(text.clone()),
            ChangeValue::Raw(bytes) => Self::Base64(BASE64.encode(bytes)),
            ChangeValue::Acl(acl) => Self::Acl(entries(acl)),
        }
    }

    pub(super) fn read(self) -> Result<ChangeValue, String> {
        Ok(match self {
            Self::Json(text) => {
                let value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                ChangeValue::Json(value)
            }
            Self::Beyond(text) => ChangeValue::Beyond(text),
            Self::Base64(text) => ChangeValue::Raw(bytes_of(&text)?),
            Self::Acl(entries) => ChangeValue::Acl((*acl_of(&entries)?).clone()),
        })
    }
}

impl WarningForm {
    pub(super) fn of(warning: &Warning) -> Self {
        Self {
            path: warning.path.to_string(),
            lint: warning.lint.name().to_owned(),
            is_about_node: warning.about == About::Node,
            message: warning.message.clone(),
            origin: warning.origin.as_ref().map(place),
        }
    }

    pub(super) fn read(self) -> Result<Warning, String> {
        Ok(Warning {
            path: path_of(&self.path)?,
            lint: Lint::named(&self.lint).ok_or_else(|| format!("no lint {:?}", self.lint))?,
            // A plan with a denied one is not saved.
            level: Level::Warn,
            about: match self.is_about_node {
                true => About::Node,
                false => About::Trees,
            },
            message: self.message,
            origin: self.origin.map(location),
        })
    }
}

impl KeptForm {
    pub(super) fn of(reason: &KeptReason) -> Self {
        match reason {
            KeptReason::Ephemeral => Self::Ephemeral,
            KeptReason::Marked => Self::Marked,
            KeptReason::HoldsEphemeral => Self::HoldsEphemeral,
            KeptReason::BelowEphemeral => Self::BelowEphemeral,
            KeptReason::Unreadable => Self::Unreadable,
            KeptReason::Binary => Self::Binary,
            KeptReason::OutOfScope => Self::OutOfScope,
            KeptReason::Record { head } => Self::Record(head.as_str().to_owned()),
            KeptReason::Changed => Self::Changed,
            KeptReason::PerhapsOfOther { other } => Self::PerhapsOfOther(other.clone()),
            KeptReason::Holds { child } => {
                Self::Holds(child.as_ref().map(|child| child.as_str().to_owned()))
            }
        }
    }

    pub(super) fn read(self) -> Result<KeptReason, String> {
        Ok(match self {
            Self::Ephemeral => KeptReason::Ephemeral,
            Self::Marked => KeptReason::Marked,
            Self::HoldsEphemeral => KeptReason::HoldsEphemeral,
            Self::BelowEphemeral => KeptReason::BelowEphemeral,
            Self::Unreadable => KeptReason::Unreadable,
            Self::Binary => KeptReason::Binary,
            Self::OutOfScope => KeptReason::OutOfScope,
            Self::Record(head) => KeptReason::Record {
                head: path_of(&head)?,
            },
            Self::Changed => KeptReason::Changed,
            Self::PerhapsOfOther(other) => KeptReason::PerhapsOfOther { other },
            Self::Holds(child) => KeptReason::Holds {
                child: child.map(|child| path_of(&child)).transpose()?,
            },
        })
    }
}

impl NeedsForm {
    pub(super) fn of(needs: Needs) -> Self {
        match needs {
            Needs::Children => Self::Children,
            Needs::Links => Self::Links,
        }
    }

    pub(super) fn read(self) -> Needs {
        match self {
            Self::Children => Needs::Children,
            Self::Links => Needs::Links,
        }
    }
}

pub(super) fn path_of(text: &str) -> Result<ZPath, String> {
    ZPath::parse(text).map_err(|error| format!("{text:?}: {error}"))
}

pub(super) fn version_of(path: &ZPath, version: i32) -> Result<DataVersion, String> {
    DataVersion::new(version).ok_or_else(|| unguarded(path))
}

pub(super) fn unguarded(path: &ZPath) -> String {
    format!("{path}: the version -1 guards nothing")
}

pub(super) fn zxids(seen: Option<Zxids>) -> Option<(i64, i64)> {
    seen.map(|Zxids { created, modified }| (created, modified))
}

pub(super) fn zxids_of((created, modified): (i64, i64)) -> Zxids {
    Zxids { created, modified }
}

pub(super) fn entries(acl: &Acl) -> Vec<String> {
    acl.entries.iter().map(AclEntry::to_string).collect()
}

pub(super) fn acl_of(entries: &[String]) -> Result<Arc<Acl>, String> {
    let entries = entries.iter().map(|entry| AclEntry::parse(entry));
    let entries: Result<_, _> = entries.collect();
    let entries = entries.map_err(|error| error.to_string())?;
    Ok(Arc::new(Acl { entries }))
}

fn bytes_of(text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text).map_err(|error| error.to_string())
}

pub(super) fn place(
    Location {
        source,
        line,
        column,
    }: &Location,
) -> Origin {
    (source.to_string(), *line, *column)
}

pub(super) fn location((source, line, column): Origin) -> Location {
    Location {
        source: source.into(),
        line,
        column,
    }
}

/// For serde: a path as its text.
pub(super) mod path {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::model::path::ZPath;

    pub(in super::super) fn serialize<S: Serializer>(
        path: &ZPath,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(path.as_str())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<ZPath, D::Error> {
        let text = String::deserialize(from)?;
        super::path_of(&text).map_err(D::Error::custom)
    }
}

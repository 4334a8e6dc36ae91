//! What a reviewer has to know of a plan or of files: errors, refusals and warnings, with places.

use zkt::model::lint;
use zkt::model::plan::Plan;
use zkt::model::plan::Warning;
use zkt::syntax::place::Location;
use zkt::syntax::spelling::clipped;

use super::value::path_text;
use crate::words;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Files or a server are not as they must be: there is no plan.
    Error,
    /// The plan may not be executed.
    Refused,
    /// Probably a mistake.
    Warning,
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) level: Level,
    pub(crate) message: String,
    /// The name of the lint that it comes from, if it does.
    pub(crate) lint: Option<&'static str>,
    /// The line that causes it.
    pub(crate) place: Option<Location>,
}

impl Remark {
    /// An error, with what to do about it.
    pub(crate) fn error(message: &str, hint: Option<&str>, place: Option<Location>) -> Self {
        let message = match hint {
            Some(hint) => format!("{}; {}", clipped(message), clipped(hint)),
            None => clipped(message).into_owned(),
        };
        Self {
            level: Level::Error,
            message,
            lint: None,
            place,
        }
    }

    /// A warning, with the node that it is about.
    pub(crate) fn warning(warning: &Warning) -> Self {
        let path = path_text(&warning.path);
        Self {
            level: match warning.level {
                lint::Level::Deny => Level::Error,
                lint::Level::Allow | lint::Level::Warn => Level::Warning,
            },
            message: format!("{path}: {}", clipped(&warning.message)),
            lint: Some(warning.lint.name()),
            place: warning.origin.clone(),
        }
    }

    /// The refusals of a plan, then what rules of policies say, then its warnings.
    pub(crate) fn of_plan(plan: &Plan) -> Vec<Self> {
        let refusals = plan.refusals.iter().map(|refusal| Self {
            level: Level::Refused,
            message: words::refusal(refusal),
            lint: None,
            place: refusal.origin().cloned(),
        });
        let warnings = plan.warnings.iter().map(Self::warning);
        let of_rules = plan.remarks().map(|objection| Self {
            level: Level::Warning,
            message: objection.to_string(),
            lint: None,
            place: objection.origin.clone(),
        });
        refusals.chain(of_rules).chain(warnings).collect()
    }
}

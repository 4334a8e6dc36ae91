//! Which values from outside may be taken.

use std::cell::OnceCell;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::declare::files::Root;
use crate::syntax::names::{GlobError, Globs};

/// What may be taken.
#[derive(Debug, Clone, Default)]
pub(super) enum Allowed {
    /// Everything but what is zkt's own.
    #[default]
    All,
    These {
        variables: Globs,
        /// The patterns that start with the names of [`OWN`]: these variables are never meant by others.
        own: Globs,
        directories: Vec<PathBuf>,
    },
}

/// Why a pattern allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedError {
    /// It is no pattern of variables.
    #[error("{0}")]
    Glob(GlobError),
    /// It is a relative path.
    #[error("expected env:GLOB or the absolute path of a directory")]
    Relative,
}

/// What a pattern of variables starts with.
const VARIABLES: &str = "env:";

/// How the names of variables start that hold the keys of everything else.
const OWN: [&str; 2] = ["ZKT_", "SOPS_"];

/// Whether the name of a variable starts so, or a pattern, as it is written.
fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| name.starts_with(own))
}

impl Allowed {
    /// All may be taken if there is no pattern.
    pub(super) fn new(patterns: &[String]) -> Result<Self, AllowedError> {
        if patterns.is_empty() {
            return Ok(Self::All);
        }
        let mut directories = Vec::new();
        let mut variables = Vec::new();
        for pattern in patterns {
            match pattern.strip_prefix(VARIABLES) {
                Some(glob) => variables.push(glob.to_owned()),
                None if Path::new(pattern).is_absolute() => directories.push(pattern.into()),
                None => return Err(AllowedError::Relative),
            }
        }
        let own = variables.iter().filter(|glob| is_own(glob));
        Ok(Self::These {
            own: Globs::new(own.cloned().collect()).map_err(AllowedError::Glob)?,
            variables: Globs::new(variables).map_err(AllowedError::Glob)?,
            directories,
        })
    }

    /// Only what is in the layers' own directories.
    pub(super) fn own() -> Self {
        Self::These {
            variables: Globs::default(),
            own: Globs::default(),
            directories: Vec::new(),
        }
    }

    pub(super) fn has_variable(&self, name: &str) -> bool {
        match self {
            Self::All => !is_own(name),
            Self::These { own, .. } if is_own(name) => own.matches(name),
            Self::These { variables, .. } => variables.matches(name),
        }
    }

    /// Whether a path leads into a directory that is allowed, as both are written.
    pub(super) fn names(&self, path: &Path) -> bool {
        let climbs = |path: &Path| path.components().any(|part| part == Component::ParentDir);
        match self {
            Self::All => true,
            Self::These { directories, .. } => {
                let mut around = directories.iter();
                !climbs(path) && around.any(|directory| path.starts_with(directory))
            }
        }
    }

    /// Where files may lie that a layer with this root takes secrets from. The real paths of the directories stay for
    /// the next file: what is allowed is the same for all.
    pub(super) fn root(&self, own: &Root, path: &Path, real: &OnceCell<Vec<PathBuf>>) -> Root {
        // Relative to a file in a commit or in memory it is in there, too.
        if own.is_everything() && !path.is_absolute() {
            return own.clone();
        }
        match self {
            Self::All => Root::disk(),
            Self::These { directories, .. } => {
                let resolved = || {
                    // One that is missing allows nothing.
                    let real = directories.iter();
                    real.filter_map(|directory| fs::canonicalize(directory).ok())
                        .collect()
                };
                let real = real.get_or_init(resolved).iter().cloned();
                match own.is_everything() {
                    true => Root::nothing().and(real),
                    false => own.and(real),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(patterns: &[&str]) -> Result<Allowed, AllowedError> {
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        Allowed::new(&patterns)
    }

    #[test]
    fn variables_are_named_by_globs() {
        let all = allowed(&[]).unwrap();
        assert!(all.has_variable("HOME") && !all.has_variable("ZKT_AUTH"));
        assert!(!all.has_variable("SOPS_AGE_KEY"));
        let some = allowed(&["env:APP_*", "/run/secrets"]).unwrap();
        assert!(some.has_variable("APP_X") && !some.has_variable("HOME"));
        for other in [
            "env:*",
            "env:{ZKT,SOPS}_*",
            "env:[ZS]*",
            "env:ZK*",
            "env:S*",
        ] {
            let wide = allowed(&[other]).unwrap();
            assert!(!wide.has_variable("ZKT_AUTH"), "{other}");
            assert!(!wide.has_variable("SOPS_AGE_KEY"), "{other}");
        }
        let own = allowed(&["env:*", "env:ZKT_A*"]).unwrap();
        assert!(own.has_variable("ZKT_AUTH") && own.has_variable("HOME"));
        assert!(!own.has_variable("ZKT_SASL_PASSWORD") && !own.has_variable("SOPS_AGE_KEY"));
        let none = allowed(&["/run/secrets"]).unwrap();
        assert!(!none.has_variable("APP_X"));
        assert_eq!(allowed(&["secrets"]).unwrap_err(), AllowedError::Relative);
        assert!(matches!(allowed(&["env:["]), Err(AllowedError::Glob(_))));
    }
}

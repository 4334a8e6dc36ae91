//! Secret values from outside of the tree files: `@secret … from`.

mod allowed;
mod error;
mod reader;
#[cfg(feature = "sops")]
mod sops;
#[cfg(test)]
pub(super) mod tests;

pub use allowed::AllowedError;
pub use error::SecretError;
pub(super) use reader::{Reader, source_span};
#[cfg(feature = "sops")]
pub use sops::SopsError;

use std::ffi::OsString;
use std::fmt;
#[cfg(feature = "sops")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

use allowed::Allowed;

use super::files::Withheld;

/// Where the values of `@secret … from` come from, and which may be taken.
///
/// The library reads no environment: whoever loads layers gives it the variables. They also say where the
/// keys for SOPS files are, as SOPS itself has it.
///
/// ```
/// use zkt::{Layers, Memory, SecretSources};
///
/// let files = Memory::from([("a.zkt", "/db\n  @secret password from env DB_PASSWORD\n")]);
/// let variables = |name: &str| (name == "DB_PASSWORD").then(|| "letmein".into());
/// let secrets = SecretSources::new(variables);
/// let source = zkt::load(Layers::new(["a.zkt"]).files(&files).secrets(secrets))?;
/// let (_, node) = source.tree().iter().next().unwrap();
/// assert_eq!(node.properties()["password"], "letmein");
/// # Ok::<(), zkt::Problems>(())
/// ```
#[derive(Clone, Default)]
pub struct SecretSources {
    /// `None` if nothing is to be had.
    variables: Option<Arc<Variables>>,
    allowed: Allowed,
    withheld: Vec<Withheld>,
}

/// A file that may hold keys of age.
#[cfg(feature = "sops")]
struct KeyFile {
    path: PathBuf,
    /// What people call it.
    place: String,
}

type Variables = dyn Fn(&str) -> Option<OsString> + Send + Sync;

impl SecretSources {
    /// Nothing is to be had.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These variables, and files. A variable that is set to nothing counts as not set.
    pub fn new(variables: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self {
            variables: Some(Arc::new(variables)),
            ..Self::default()
        }
    }

    /// Allows no variables but those that a pattern `env:GLOB` matches, and no files outside of a layer's own
    /// directory or git checkout but those below one of the others, which are directories. Without any pattern all
    /// may be taken, but for the variables of zkt and of the keys.
    ///
    /// # Errors
    /// The first pattern that is neither a glob of variables nor an absolute path.
    pub fn allow_only(self, patterns: &[String]) -> Result<Self, AllowedError> {
        let allowed = Allowed::new(patterns)?;
        Ok(Self { allowed, ..self })
    }

    /// Allows no variables, and no files outside of a layer's own directory or git checkout.
    #[must_use]
    pub fn allow_own(self) -> Self {
        let allowed = Allowed::own();
        Self { allowed, ..self }
    }

    /// Never takes what is in these files, whatever is allowed: they hold credentials of who reads the layers. The
    /// files with keys for SOPS files need not be named.
    #[doc(hidden)]
    #[must_use]
    pub fn without(self, withheld: Vec<Withheld>) -> Self {
        Self { withheld, ..self }
    }

    /// All that is never taken, from the sources or by any other way.
    #[doc(hidden)]
    #[must_use]
    pub fn all_withheld(&self) -> Vec<Withheld> {
        #[allow(unused_mut, reason = "only SOPS has key files")]
        let mut withheld = self.withheld.clone();
        #[cfg(feature = "sops")]
        withheld.extend(self.key_files().into_iter().map(|file| Withheld {
            path: file.path,
            what: "a key for SOPS files".to_owned(),
        }));
        withheld
    }

    /// The files with keys for SOPS files, where SOPS looks for them.
    #[cfg(feature = "sops")]
    fn key_files(&self) -> Vec<KeyFile> {
        const KEY_FILE: &str = "SOPS_AGE_KEY_FILE";
        let named = self.variable(KEY_FILE).map(|path| KeyFile {
            path: path.into(),
            place: KEY_FILE.to_owned(),
        });
        let usual = self.config_directory().map(|directory| {
            let path = directory.join("sops/age/keys.txt");
            let place = path.display().to_string();
            KeyFile { path, place }
        });
        named.into_iter().chain(usual).collect()
    }

    /// Where programs keep the settings of a user.
    #[cfg(feature = "sops")]
    fn config_directory(&self) -> Option<PathBuf> {
        let home = || {
            let below = match cfg!(target_os = "macos") {
                true => "Library/Application Support",
                false => ".config",
            };
            Some(Path::new(&self.variable("HOME")?).join(below))
        };
        let named = self.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        named.or_else(home)
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        let variables = self.variables.as_ref()?;
        variables(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for SecretSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSources")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

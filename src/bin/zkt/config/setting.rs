//! What holds for a command, and where it comes from.

use std::path::Path;

use clap::ArgMatches;

use super::choice::{Config, is_given};
use super::find::is_made_up;
use super::key::{KEYS, Key};
use super::origin::Origin;
use crate::args::{AuthFilesOf, FileSays, SecurityOf, SecuritySays, ServersOf};
use crate::environment::{SECRETS, is_ci, variable};
use crate::exit::Failure;

/// What one option of a command is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) value: Shown,
    pub(crate) origin: Origin,
    /// The place in the file that would hold otherwise.
    pub(crate) instead_of: Option<String>,
}

/// A value as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Values(Vec<String>),
    /// What holds is no value of the option, but said in words.
    Words(&'static str),
    Nothing,
    /// Credentials.
    Secret,
}

impl Config {
    /// What holds for a command, and where each value comes from.
    pub(crate) fn settings(&self, verb: &clap::Command, given: &ArgMatches) -> Vec<Setting> {
        let settings = KEYS.iter().filter_map(|key| {
            let id = key.id_in(verb)?;
            Some(self.setting(key, &id, given))
        });
        settings.collect()
    }

    fn setting(&self, key: &'static Key, id: &str, given: &ArgMatches) -> Setting {
        let entry = self.entry(key);
        let values = || {
            let raw = given.get_raw(id).into_iter().flatten();
            let values: Vec<String> = raw.map(|one| one.to_string_lossy().into_owned()).collect();
            if values.is_empty() {
                Shown::Nothing
            } else {
                Shown::Values(values)
            }
        };
        let set = || {
            let mut names = key.variables.iter();
            names.find_map(|name| Some((*name, variable(name)?)))
        };
        if let Some(origin) = key.given_way_to(given)
            && (entry.is_some() || set().is_some())
        {
            return Setting {
                key: key.name,
                value: Shown::Nothing,
                origin,
                instead_of: entry.map(|entry| entry.place.clone()),
            };
        }
        let flag = key.rivals(id).into_iter().find(|id| is_given(given, id));
        let (value, origin) = match (flag, set()) {
            (Some(rival), _) if rival == "auth" => {
                (Shown::Secret, Origin::Flag("--auth".to_owned()))
            }
            (Some(_), _) if key.name == "layers" => (values(), Origin::Flag("LAYER".to_owned())),
            (Some(_), _) => (values(), Origin::Flag(format!("--{}", key.name))),
            (None, Some((name, _))) if SECRETS.contains(&name) => {
                (Shown::Secret, Origin::Variable(name))
            }
            (None, Some((name, value))) => (Shown::Values(vec![value]), Origin::Variable(name)),
            (None, None) => match (entry, key.default) {
                (Some(entry), _) => (values(), Origin::File(entry.place.clone())),
                (None, Some(default)) => (Shown::Words(default), Origin::Default),
                (None, None) => (values(), Origin::Default),
            },
        };
        let is_beaten = matches!(origin, Origin::Flag(_) | Origin::Variable(_));
        let instead_of = entry.filter(|_| is_beaten).map(|entry| entry.place.clone());
        Setting {
            key: key.name,
            value,
            origin,
            instead_of,
        }
    }
}

impl Config {
    /// Returns what the context says of the servers, if it names them.
    pub(super) fn servers_of(&self, settings: &[Setting]) -> Option<ServersOf> {
        let (place, file, _) = self.given(settings, "connect")?;
        Some(ServersOf {
            place,
            file,
            is_trusted: self.is_trusted(),
        })
    }

    /// Returns what the context says of files with credentials, if it names some.
    pub(super) fn auth_files_of(&self, settings: &[Setting]) -> Option<AuthFilesOf> {
        let (place, file, Shown::Values(files)) = self.given(settings, "auth-file")? else {
            return None;
        };
        let is_refused = |file: &&String| {
            let path = Path::new(file.as_str());
            let is_outside = self.reach().excludes(path);
            is_outside && (!self.is_trusted() || is_made_up(path))
        };
        Some(AuthFilesOf {
            place,
            file,
            refused: files.iter().find(is_refused).cloned(),
        })
    }

    /// Refuses what the context lets trees take of the machine, if it may not say so.
    pub(crate) fn require_trusted_secrets(&self, settings: &[Setting]) -> Result<(), Failure> {
        let Some((place, file, Shown::Values(sources))) = self.given(settings, "allow-secrets")
        else {
            return Ok(());
        };
        let is_refused = |source: &&String| {
            let path = Path::new(source.as_str());
            let is_outside = path.is_relative() || self.reach().excludes(path);
            is_outside && (!self.is_trusted() || self.named_by().is_none() && is_made_up(path))
        };
        let Some(refused) = sources.iter().find(is_refused) else {
            return Ok(());
        };
        let message = format!(
            "{place} allows secrets from {refused}, outside of its repository, and that file was only found: \
             they are not taken"
        );
        let hint = format!(
            "--config {file} (or ZKT_CONFIG) says that you trust it; --allow-secrets SOURCE says what may be taken"
        );
        Err(Failure::new(message).hint(hint))
    }

    /// Returns what the context says of TLS or SASL, if that is something that it may not say.
    pub(super) fn security_of(&self, settings: &[Setting]) -> Option<SecurityOf> {
        if self.is_trusted() {
            return None;
        }
        let says =
            |key: &'static str, refuses: fn(&Self, &'static str, &str) -> Option<SecuritySays>| {
                let (place, file, Shown::Values(values)) = self.given(settings, key)? else {
                    return None;
                };
                let says = refuses(self, key, values.first()?)?;
                Some(SecurityOf { place, file, says })
            };
        // A file that may not be read comes first: it is refused whether or not there are credentials.
        let files = [
            "tls-ca",
            "tls-cert",
            "tls-key",
            "tls-password-file",
            "tls-ca-password-file",
            "sasl-password-file",
        ];
        let files = files.into_iter().find_map(|key| {
            says(key, |this, key, value| {
                let path = Path::new(value);
                let is_refused = this.reach().excludes(path) || is_made_up(path);
                is_refused.then(|| SecuritySays::File(key, value.to_owned()))
            })
        });
        let files = files.or_else(|| {
            says("sasl-password-env", |_, _, value| {
                Some(SecuritySays::Variable(value.to_owned()))
            })
        });
        let trust = [
            "tls-ca",
            "tls-server-name",
            "tls-insecure-skip-verify",
            "kerberos-service",
            "kerberos-host",
        ];
        files.or_else(|| {
            let mut trust = trust.into_iter();
            trust.find_map(|key| {
                says(key, |_, key, value| {
                    (value != "false").then_some(SecuritySays::Trust(key))
                })
            })
        })
    }

    /// What the context says of a key, if it does: with the context and its place, and the file.
    fn given<'s>(&self, settings: &'s [Setting], key: &str) -> Option<(String, String, &'s Shown)> {
        let setting = settings.iter().find(|setting| setting.key == key)?;
        let Origin::File(place) = &setting.origin else {
            return None;
        };
        let place = format!("context {} ({place})", self.chosen()?.name);
        Some((place, self.file()?.to_owned(), &setting.value))
    }

    /// Whether somebody named the file or, outside of CI, its context. Whoever may change a file that is
    /// found, as a pull request does in CI, may not choose who is sent the credentials of this machine, nor
    /// what of the machine is sent.
    fn is_trusted(&self) -> bool {
        let chosen = self.chosen();
        let is_asked_for = chosen.is_some_and(|one| !matches!(one.origin, Origin::File(_)));
        self.named_by().is_some() || is_asked_for && !is_ci()
    }

    /// Returns the context that holds, and which of the settings that decide on a plan the file gives.
    /// `None` if there is neither.
    pub(crate) fn says_of_plan(&self, settings: &[Setting]) -> Option<FileSays> {
        self.says(settings, Key::decides_on_plans)
    }

    /// As [`Config::says_of_plan`], of all settings of a check.
    pub(crate) fn says_of_check(&self, settings: &[Setting]) -> Option<FileSays> {
        self.says(settings, |_| true)
    }

    fn says(&self, settings: &[Setting], decides: fn(&Key) -> bool) -> Option<FileSays> {
        let given = settings.iter().filter_map(|setting| {
            let key = KEYS.iter().find(|key| key.name == setting.key)?;
            match (&setting.origin, &setting.value) {
                (Origin::File(_), Shown::Values(values)) if decides(key) => {
                    Some((setting.key, values.clone()))
                }
                _ => None,
            }
        });
        let settings: Vec<_> = given.collect();
        let context = self.chosen().map(|chosen| chosen.name.clone());
        let is_silent = context.is_none() && settings.is_empty();
        Some(FileSays {
            file: self.file().filter(|_| !is_silent)?.to_owned(),
            context,
            settings,
        })
    }
}

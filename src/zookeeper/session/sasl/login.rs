//! How sessions authenticate: the options of SASL, and the password as it was last read.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::dialogue::Conversation;
use super::digest_md5::DigestMd5;
use super::error::SaslError;
#[cfg(feature = "gssapi")]
use super::gssapi::Gssapi;
use super::options::Sasl;
use crate::declare::files::{open_regular, reason};
use crate::zookeeper::session::tls::Password;

/// The largest file of a password, in bytes.
const LARGEST: u64 = 64 << 10;

/// How sessions authenticate.
pub(in super::super) struct Login {
    mechanism: &'static str,
    means: Means,
}

enum Means {
    Password {
        user: String,
        source: Password,
        /// As it was last read.
        held: Mutex<String>,
    },
    #[cfg(feature = "gssapi")]
    Kerberos {
        service: String,
        host: Option<String>,
    },
}

impl Login {
    /// Reads the password, if there is one.
    ///
    /// # Cancellation safety
    /// A file is only read.
    pub(in super::super) async fn load(sasl: &Sasl) -> Result<Self, SaslError> {
        let means = match sasl.clone() {
            Sasl::DigestMd5 { user, .. }
                if user.is_empty() || user.contains(|c: char| c.is_control()) =>
            {
                return Err(SaslError::User(user));
            }
            Sasl::DigestMd5 { user, password } => Means::Password {
                user,
                held: Mutex::new(read(password.clone()).await?),
                source: password,
            },
            #[cfg(not(feature = "gssapi"))]
            Sasl::Kerberos { .. } => return Err(SaslError::NoKerberos),
            #[cfg(feature = "gssapi")]
            Sasl::Kerberos { service, host } => {
                let is_none = |part: &&String| {
                    let is_foreign = |c: char| c.is_control() || "@/ ".contains(c);
                    part.is_empty() || part.contains(is_foreign)
                };
                if let Some(part) = [&service].into_iter().chain(&host).find(is_none) {
                    return Err(SaslError::Principal(part.clone()));
                }
                Means::Kerberos { service, host }
            }
        };
        let mechanism = sasl.mechanism();
        Ok(Self { mechanism, means })
    }

    /// The name of the mechanism.
    pub(in super::super) fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    /// Begins for one connection, to the server of this name.
    ///
    /// # Cancellation safety
    /// A file is only read.
    pub(in super::super) async fn begin(
        &self,
        #[cfg_attr(not(feature = "gssapi"), expect(unused, reason = "Kerberos proves it"))]
        server: &str,
    ) -> Conversation {
        let (user, source, held) = match &self.means {
            Means::Password { user, source, held } => (user, source, held),
            #[cfg(feature = "gssapi")]
            Means::Kerberos { service, host } => {
                let host = host.as_deref().unwrap_or(server);
                return Conversation::Gssapi(Gssapi::new(service, host));
            }
        };
        let newest = match source {
            Password::Text(_) => None,
            Password::File(_) => match read(source.clone()).await {
                Ok(newest) => Some(newest),
                Err(error) => {
                    tracing::warn!("SASL: {error}: the password of before stays");
                    None
                }
            },
        };
        let mut password = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = newest {
            *password = newest;
        }
        Conversation::DigestMd5(DigestMd5::new(user, &password))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Login").field(&self.mechanism).finish()
    }
}

async fn read(password: Password) -> Result<String, SaslError> {
    let text = match password {
        Password::Text(text) => text,
        Password::File(file) => {
            let broken = |reason: &str| SaslError::File {
                file: file.clone(),
                reason: reason.to_owned(),
            };
            let read = {
                let file = file.clone();
                tokio::task::spawn_blocking(move || first_line(&file))
            };
            match read.await {
                Ok(Ok(line)) if line.is_empty() => {
                    return Err(broken("its first line has no password"));
                }
                Ok(read) => read.map_err(|reason| broken(&reason))?,
                // The runtime ends.
                Err(_) => return Err(broken("it is not read to its end")),
            }
        }
    };
    match text.is_empty() {
        true => Err(SaslError::NoPassword),
        false => Ok(text),
    }
}

fn first_line(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let opened = open_regular(file).map(|file: File| file.take(LARGEST + 1));
    let read = opened.and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| reason(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err("it has more than 64 KiB".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sasl(user: &str, password: Password) -> Sasl {
        let user = user.to_owned();
        Sasl::DigestMd5 { user, password }
    }

    #[tokio::test]
    async fn the_password_is_read_anew_and_stays_if_it_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "one\nmore\n").unwrap();
        let login = Login::load(&sasl("ops", Password::File(file.clone()))).await;
        let login = login.unwrap();
        let held = || match &login.means {
            Means::Password { held, .. } => held.lock().unwrap().clone(),
            #[cfg(feature = "gssapi")]
            Means::Kerberos { .. } => String::new(),
        };
        assert_eq!(held(), "one");
        for (text, expected) in [("two", "two"), ("\n", "two"), ("three\r\n", "three")] {
            std::fs::write(&file, text).unwrap();
            login.begin("zk1").await;
            assert_eq!(held(), expected);
        }
        std::fs::remove_file(&file).unwrap();
        login.begin("zk1").await;
        assert_eq!(held(), "three");
        assert!(!format!("{login:?}").contains("three"));
    }

    #[tokio::test]
    async fn what_is_no_user_or_no_password_is_refused() {
        let load = async |user: &str, password: Password| {
            let loaded = Login::load(&sasl(user, password)).await;
            loaded.map(drop).unwrap_err().to_string()
        };
        let text = |text: &str| Password::Text(text.to_owned());
        assert_eq!(load("", text("p")).await, "\"\" is no name of a user");
        assert_eq!(
            load("a\n", text("p")).await,
            "\"a\\n\" is no name of a user"
        );
        assert_eq!(load("a", text("")).await, "the password is empty");
        let missing = load("a", Password::File("/nonexistent/password".into())).await;
        assert!(missing.starts_with("/nonexistent/password: "), "{missing}");
        let folder = Password::File(std::env::temp_dir());
        assert!(!load("a", folder).await.is_empty());
        let empty = load("a", Password::File("/dev/null".into())).await;
        assert!(empty.starts_with("/dev/null: "), "{empty}");
    }
}

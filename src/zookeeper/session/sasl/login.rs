//! How sessions authenticate: the options of SASL, and the password as it was last read.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::dialogue::Conversation;
use super::digest_md5::DigestMd5;
use super::error::SaslError;
#[cfg(feature = "gssapi")]
use super::gssapi::Gssapi;
use super::options::Sasl;
use crate::declare::files::{Content, Reread, reason};
use crate::zookeeper::session::password::{NoPassword, Password, first_line};

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
        password: Held,
    },
    #[cfg(feature = "gssapi")]
    Kerberos {
        service: String,
        host: Option<String>,
    },
}

/// A password, or where it is read.
enum Held {
    Text(String),
    File(Reread<PasswordFile>),
}

struct PasswordFile(PathBuf);

impl Content for PasswordFile {
    type Value = String;
    type Error = SaslError;

    const NAME: &'static str = "SASL";

    fn files(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }

    fn read(&self) -> Result<String, SaslError> {
        first_line(&self.0, LARGEST).map_err(|error| SaslError::File {
            file: self.0.clone(),
            reason: match error {
                NoPassword::Unreadable(error) => reason(&error),
                NoPassword::Unusable(reason) => reason.to_owned(),
            },
        })
    }
}

impl Held {
    async fn load(password: Password) -> Result<Self, SaslError> {
        match password {
            Password::Text(text) if text.is_empty() => Err(SaslError::NoPassword),
            Password::Text(text) => Ok(Self::Text(text)),
            Password::File(file) => Reread::load(PasswordFile(file)).await.map(Self::File),
        }
    }

    async fn current(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::File(file) => file.current().await,
        }
    }
}

impl Login {
    /// Reads the password, if there is one.
    ///
    /// # Cancellation safety
    /// A file is only read.
    pub(in super::super) async fn load(sasl: &Sasl) -> Result<Self, SaslError> {
        let means = match sasl.clone() {
            Sasl::DigestMd5 { user, .. } if user.is_empty() => return Err(SaslError::NoUser),
            // Behind a line feed may stand the password: all of a file is an easy mistake.
            Sasl::DigestMd5 { user, .. } if user.contains(char::is_control) => {
                let end = user.find(char::is_control).unwrap_or_default();
                return Err(SaslError::User(user[..end].to_owned()));
            }
            Sasl::DigestMd5 { user, password } => Means::Password {
                user,
                password: Held::load(password).await?,
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

    /// Begins for one connection, to the server of this name. `limit`: how long it may wait for a KDC.
    ///
    /// # Cancellation safety
    /// A file is only read.
    pub(in super::super) async fn begin(
        &self,
        #[cfg_attr(not(feature = "gssapi"), expect(unused, reason = "Kerberos proves it"))]
        server: &str,
        #[cfg_attr(not(feature = "gssapi"), expect(unused, reason = "Kerberos has a KDC"))]
        limit: Duration,
    ) -> Conversation {
        match &self.means {
            Means::Password { user, password } => {
                Conversation::DigestMd5(DigestMd5::new(user, &password.current().await))
            }
            #[cfg(feature = "gssapi")]
            Means::Kerberos { service, host } => {
                let host = host.as_deref().unwrap_or(server);
                Conversation::Gssapi(Gssapi::new(service, host, limit))
            }
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Login").field(&self.mechanism).finish()
    }
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
        let held = async || match &login.means {
            Means::Password { password, .. } => password.current().await,
            #[cfg(feature = "gssapi")]
            Means::Kerberos { .. } => String::new(),
        };
        assert_eq!(held().await, "one");
        for (text, expected) in [("two", "two"), ("\n", "two"), ("three\r\n", "three")] {
            std::fs::write(&file, text).unwrap();
            login.begin("zk1", Duration::ZERO).await;
            assert_eq!(held().await, expected);
        }
        std::fs::remove_file(&file).unwrap();
        login.begin("zk1", Duration::ZERO).await;
        assert_eq!(held().await, "three");
        assert!(!format!("{login:?}").contains("three"));
    }

    #[tokio::test]
    async fn what_is_no_user_or_no_password_is_refused() {
        let load = async |user: &str, password: Password| {
            let loaded = Login::load(&sasl(user, password)).await;
            loaded.map(drop).unwrap_err().to_string()
        };
        let text = |text: &str| Password::Text(text.to_owned());
        assert_eq!(load("", text("p")).await, "the user is empty");
        // What follows may be anything.
        assert_eq!(
            load("a\nhunter2", text("p")).await,
            "the user name has a control character after \"a\""
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

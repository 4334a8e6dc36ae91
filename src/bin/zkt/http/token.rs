//! Who may ask an address: those who send its token.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use sha2::{Digest as _, Sha256};
use zkt::declare::files::{Content, Reread, open_regular, read_bounded, reason};

use crate::exit::Failure;

/// An address that may ask for a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guarded {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The variable that holds the token.
    pub(crate) variable: &'static str,
    /// The option that names a file with it.
    pub(crate) option: &'static str,
    /// The first part of each answer to a request without it.
    pub(crate) challenges: [&'static str; 2],
}

/// The bytes of a token at least: a shorter one can be guessed.
const SHORTEST: usize = 16;
/// The bytes of a file with a token at most.
const LONGEST: usize = 4096;
/// How long a token counts before its file is looked at again.
const FRESH: Duration = Duration::from_secs(1);

/// The token that requests must have. Only its digest is kept.
pub(crate) enum Token {
    Given(Digest),
    /// It is replaced in its file.
    InFile(Reread<TokenFile>),
}

impl Guarded {
    /// The error for a request without the token.
    pub(crate) fn demand(&self) -> String {
        let option = self.option;
        format!("this needs the token of {option}: as a bearer token, or as the password")
    }

    /// Tells browsers and programs how to send it.
    pub(crate) fn challenge(&self, headers: &mut HeaderMap) {
        for scheme in self.challenges {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
    }
}

/// A file with a token.
pub(crate) struct TokenFile {
    file: PathBuf,
    of: Guarded,
}

impl Content for TokenFile {
    type Value = Digest;
    type Error = Unusable;

    const NAME: &'static str = "the token of an address";

    fn files(&self) -> Vec<PathBuf> {
        vec![self.file.clone()]
    }

    fn read(&self) -> Result<Digest, Unusable> {
        let shown = self.file.display().to_string();
        let opened = open_regular(&self.file);
        let text = opened.and_then(|file| read_bounded(file, LONGEST as u64));
        let text = text.map_err(|error| {
            let reason = reason(&error);
            Unusable::Unreadable(format!("cannot read {shown}: {reason}"))
        })?;
        digest(&text, &shown, self.of)
    }

    fn rest(&self) -> Duration {
        FRESH
    }
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum Unusable {
    Unreadable(String),
    /// What is there is none.
    Not(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreadable(reason) | Self::Not(reason)) = self;
        f.write_str(reason)
    }
}

impl From<Unusable> for Failure {
    fn from(reason: Unusable) -> Self {
        let failure = Self::new(&reason);
        match reason {
            Unusable::Unreadable(_) => failure,
            Unusable::Not(_) => {
                failure.hint("`openssl rand -hex 32` makes a token that nobody guesses")
            }
        }
    }
}

pub(crate) type Digest = [u8; 32];

impl Token {
    /// The token of the argument, or else of the variable; `None` without one.
    pub(crate) fn new(
        of: Guarded,
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, Failure> {
        Ok(match (file, variable(of.variable)) {
            (Some(file), _) => {
                let file = file.to_path_buf();
                Some(Self::InFile(Reread::read(TokenFile { file, of })?))
            }
            (None, Some(text)) => {
                let digest = digest(text.as_encoded_bytes(), of.variable, of)?;
                Some(Self::Given(digest))
            }
            (None, None) => None,
        })
    }

    /// Whether a request has it: as a bearer token, or as the password of any user, which a browser can
    /// send.
    pub(crate) async fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return false;
        };
        let Some(text) = password(value.as_bytes()) else {
            return false;
        };
        // Digests are compared, so the time that it takes says nothing about the token.
        sha256(&text) == self.digest().await
    }

    async fn digest(&self) -> Digest {
        match self {
            Self::Given(digest) => *digest,
            Self::InFile(file) => file.current().await,
        }
    }
}

/// Blanks and line feeds around a token do not count.
fn digest(text: &[u8], place: &str, of: Guarded) -> Result<Digest, Unusable> {
    let name = of.name;
    let not = |reason| Err(Unusable::Not(reason));
    let text = text.trim_ascii();
    if text.is_empty() {
        return not(format!("{place} holds no token for {name}"));
    }
    let is_text = |byte: &u8| byte.is_ascii_graphic();
    if text.len() > LONGEST || !text.iter().all(is_text) {
        return not(format!(
            "{place} holds no token for {name}: it is one word of ASCII characters"
        ));
    }
    if text.len() < SHORTEST {
        return not(format!(
            "the token in {place} has {} characters, and needs {SHORTEST} at least",
            text.len()
        ));
    }
    Ok(sha256(text))
}

fn sha256(text: &[u8]) -> Digest {
    Sha256::digest(text).into()
}

/// The token in an `Authorization` header: behind `Bearer`, or behind the name of any user in `Basic`.
fn password(header: &[u8]) -> Option<Vec<u8>> {
    let end = header.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&header[..end], header[end..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let text = BASE64.decode(rest).ok()?;
    let colon = text.iter().position(|byte| *byte == b':')?;
    Some(text[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use hyper::header::HeaderValue;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";
    const DOOR: Guarded = Guarded {
        name: "the door",
        variable: "DOOR",
        option: "--door",
        challenges: ["Bearer", "Basic"],
    };

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn of_variable(text: &str) -> Result<Token, String> {
        let token = Token::new(DOOR, None, |name| {
            (name == DOOR.variable).then(|| text.into())
        });
        token.map(Option::unwrap).map_err(|failure| failure.message)
    }

    #[tokio::test]
    async fn the_token_opens_in_two_ways() {
        let token = of_variable(TOKEN).unwrap();
        let basic = |text: &str| format!("basic {}", BASE64.encode(text));
        for value in [
            "Bearer 0123456789abcdef".to_owned(),
            "bearer   0123456789abcdef".to_owned(),
            basic(":0123456789abcdef"),
            basic("me:0123456789abcdef"),
        ] {
            assert!(token.is_in(&headers(&[&value])).await, "{value}");
        }
        for value in [
            String::new(),
            TOKEN.to_owned(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            "Bearer 0123456789abcdeF".to_owned(),
            "Bearer 0123456789abcdef0".to_owned(),
            "Digest 0123456789abcdef".to_owned(),
            basic(TOKEN),
            basic("0123456789abcdef:"),
            "Basic !".to_owned(),
        ] {
            assert!(!token.is_in(&headers(&[&value])).await, "{value}");
        }
        assert!(!token.is_in(&headers(&[])).await);
        let right = "Bearer 0123456789abcdef";
        assert!(!token.is_in(&headers(&[right, right])).await);
    }

    #[test]
    fn what_is_no_token() {
        let reason = |text| of_variable(text).err().unwrap();
        for (text, part) in [
            ("", "holds no token"),
            (" \n", "holds no token"),
            ("0123456789abcde", "has 15 characters"),
            ("0123456789 abcdef", "one word"),
            ("0123456789abcdéf", "one word"),
        ] {
            assert!(reason(text).contains(part), "{text}: {}", reason(text));
        }
        assert!(of_variable(" 0123456789abcdef\n").is_ok());
        assert!(Token::new(DOOR, None, |_| None).unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_replaced_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let failure = |file: &Path| Token::new(DOOR, Some(file), |_| None).err().unwrap();
        let missing = failure(&file);
        assert!(missing.message.starts_with("cannot read "), "{missing:?}");
        assert_eq!(missing.hint, None);
        let endless = failure(Path::new("/dev/zero"));
        assert!(
            endless.message.ends_with("it is no regular file"),
            "{endless:?}"
        );
        fs::write(&file, [b'x'; 4097]).unwrap();
        let large = failure(&file).message;
        assert!(large.ends_with("it has more than 4 KiB"), "{large}");
        fs::write(&file, "short").unwrap();
        assert!(failure(&file).hint.unwrap().contains("openssl rand"));
        fs::write(&file, TOKEN).unwrap();
        // The argument goes before the variable.
        let variable = |_: &str| Some("fedcba9876543210".into());
        let token = Token::new(DOOR, Some(&file), variable).unwrap().unwrap();
        let first = headers(&["Bearer 0123456789abcdef"]);
        let second = headers(&["Bearer fedcba9876543210"]);
        assert!(token.is_in(&first).await && !token.is_in(&second).await);
        fs::write(&file, "short").unwrap();
        tokio::time::advance(FRESH).await;
        assert!(token.is_in(&first).await);
        // A pipe that nobody writes to keeps nobody waiting.
        fs::remove_file(&file).unwrap();
        let made = Command::new("mkfifo").arg(&file).status().unwrap();
        assert!(made.success());
        tokio::time::advance(FRESH).await;
        assert!(token.is_in(&first).await);
        fs::remove_file(&file).unwrap();
        fs::write(&file, "fedcba9876543210\n").unwrap();
        tokio::time::advance(FRESH).await;
        assert!(!token.is_in(&first).await && token.is_in(&second).await);
    }
}

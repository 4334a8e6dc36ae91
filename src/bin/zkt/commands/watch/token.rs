//! Who may ask the status address: those who send its token.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{AUTHORIZATION, HeaderMap};
use sha2::{Digest as _, Sha256};
use tokio::time::{Duration, Instant};

use crate::environment;
use crate::exit::Failure;

/// The variable that holds the token.
pub(super) const VARIABLE: &str = environment::LISTEN_TOKEN;
/// The bytes of a token at least: a shorter one can be guessed.
const SHORTEST: usize = 16;
/// The bytes of a file with a token at most.
const LONGEST: usize = 4096;
/// How long a token counts before its file is read again.
const FRESH: Duration = Duration::from_secs(1);

/// The token that requests must have. Only its digest is kept.
pub(super) struct Token {
    file: Option<PathBuf>,
    last: Mutex<Last>,
}

struct Last {
    digest: Digest,
    read: Instant,
    /// Whether the log says already that the file is no use.
    is_broken: bool,
}

type Digest = [u8; 32];

impl Token {
    /// The token of the argument, or else of the variable; `None` without one.
    pub(super) fn new(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, Failure> {
        let digest = match (file, variable(VARIABLE)) {
            (Some(file), _) => read(file),
            (None, Some(text)) => digest(text.as_encoded_bytes(), VARIABLE),
            (None, None) => return Ok(None),
        };
        let digest = digest.map_err(|reason| {
            Failure::new(reason).hint("`openssl rand -hex 32` makes a token that nobody guesses")
        })?;
        let last = Last {
            digest,
            read: Instant::now(),
            is_broken: false,
        };
        Ok(Some(Self {
            file: file.map(Path::to_path_buf),
            last: Mutex::new(last),
        }))
    }

    /// Whether a request has it: as a bearer token, or as the password of any user, which a browser can
    /// send.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return false;
        };
        // Digests are compared, so the time that it takes says nothing about the token.
        password(value.as_bytes()).is_some_and(|text| sha256(&text) == self.digest())
    }

    /// A token that was replaced in its file holds at once. While the file is no use the last one holds.
    fn digest(&self) -> Digest {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = self
            .file
            .as_deref()
            .filter(|_| last.read.elapsed() >= FRESH)
        else {
            return last.digest;
        };
        last.read = Instant::now();
        match read(file) {
            Ok(digest) => {
                last.digest = digest;
                last.is_broken = false;
            }
            Err(reason) if !last.is_broken => {
                tracing::warn!("{reason}; the token of before still holds");
                last.is_broken = true;
            }
            Err(_) => {}
        }
        last.digest
    }
}

fn read(file: &Path) -> Result<Digest, String> {
    let shown = file.display().to_string();
    let text = fs::read(file).map_err(|error| {
        let reason = zkt::declare::files::reason(&error);
        format!("cannot read {shown}: {reason}")
    })?;
    digest(&text, &shown)
}

/// Blanks and line feeds around a token do not count.
fn digest(text: &[u8], place: &str) -> Result<Digest, String> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(format!("{place} holds no token for the status address"));
    }
    let is_text = |byte: &u8| byte.is_ascii_graphic();
    if text.len() > LONGEST || !text.iter().all(is_text) {
        return Err(format!(
            "{place} holds no token for the status address: it is one word of ASCII characters"
        ));
    }
    if text.len() < SHORTEST {
        return Err(format!(
            "the token in {place} has {} characters, and needs {SHORTEST} at least",
            text.len()
        ));
    }
    Ok(sha256(text))
}

fn sha256(text: &[u8]) -> Digest {
    Sha256::digest(text).into()
}

/// What a request says about itself, without the name of a user.
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
    use hyper::header::HeaderValue;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn of_variable(text: &str) -> Result<Token, String> {
        let token = Token::new(None, |name| (name == VARIABLE).then(|| text.into()));
        token.map(Option::unwrap).map_err(|failure| failure.message)
    }

    #[test]
    fn the_token_opens_in_two_ways() {
        let token = of_variable(TOKEN).unwrap();
        let basic = |text: &str| format!("basic {}", BASE64.encode(text));
        for value in [
            "Bearer 0123456789abcdef".to_owned(),
            "bearer   0123456789abcdef".to_owned(),
            basic(":0123456789abcdef"),
            basic("me:0123456789abcdef"),
        ] {
            assert!(token.is_in(&headers(&[&value])), "{value}");
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
            assert!(!token.is_in(&headers(&[&value])), "{value}");
        }
        assert!(!token.is_in(&headers(&[])));
        let right = "Bearer 0123456789abcdef";
        assert!(!token.is_in(&headers(&[right, right])));
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
        assert!(Token::new(None, |_| None).unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_replaced_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        assert!(Token::new(Some(&file), |_| None).is_err());
        fs::write(&file, TOKEN).unwrap();
        // The argument goes before the variable.
        let variable = |_: &str| Some("fedcba9876543210".into());
        let token = Token::new(Some(&file), variable).unwrap().unwrap();
        let first = headers(&["Bearer 0123456789abcdef"]);
        let second = headers(&["Bearer fedcba9876543210"]);
        assert!(token.is_in(&first) && !token.is_in(&second));
        fs::write(&file, "short").unwrap();
        tokio::time::advance(FRESH).await;
        assert!(token.is_in(&first));
        fs::write(&file, "fedcba9876543210\n").unwrap();
        tokio::time::advance(FRESH).await;
        assert!(!token.is_in(&first) && token.is_in(&second));
    }
}

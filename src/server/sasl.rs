//! SASL with DIGEST-MD5 (RFC 2831), as ZooKeeper has it with a `DigestLoginModule` in its JAAS file.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use md5::{Digest as _, Md5};

use super::code::ErrorCode;

/// The host by which ZooKeeper calls every server, which is the realm, too.
const REALM: &str = "zk-sasl-md5";
const URI: &str = "zookeeper/zk-sasl-md5";

/// The users of the server, and whether it has to do with others.
#[derive(Default)]
pub(crate) struct Users {
    passwords: BTreeMap<String, String>,
    /// Whether sessions must authenticate by SASL.
    pub(crate) are_required: bool,
    secret: RandomState,
    challenges: u64,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users")
            .field("names", &self.passwords.keys())
            .field("are_required", &self.are_required)
            .finish_non_exhaustive()
    }
}

/// How far the dialogue of one connection is.
#[derive(Debug, Default)]
pub(crate) enum Dialogue {
    #[default]
    New,
    /// The challenge had this nonce.
    Challenged(String),
    /// Nothing more is understood.
    Over,
}

/// What becomes of a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Challenge(Vec<u8>),
    /// The client is this user; the proof is for it.
    Known(String, Vec<u8>),
    /// There is no SASL.
    None,
}

impl Users {
    pub(crate) fn new(passwords: BTreeMap<String, String>, are_required: bool) -> Self {
        Self {
            passwords,
            are_required,
            ..Self::default()
        }
    }

    /// Whether there is SASL at all.
    pub(crate) fn are_known(&self) -> bool {
        !self.passwords.is_empty()
    }

    /// The error for those who fail.
    pub(crate) fn refusal(&self) -> ErrorCode {
        match self.are_required {
            true => ErrorCode::SessionClosedRequireSaslAuth,
            false => ErrorCode::AuthFailed,
        }
    }

    /// Takes a token of a client.
    pub(crate) fn take(
        &mut self,
        dialogue: &mut Dialogue,
        token: &[u8],
    ) -> Result<Step, ErrorCode> {
        if !self.are_known() {
            return Ok(Step::None);
        }
        match std::mem::replace(dialogue, Dialogue::Over) {
            Dialogue::New if token.is_empty() => {
                self.challenges += 1;
                let half = |half: u8| self.secret.hash_one((self.challenges, half));
                let nonce = format!("{:016x}{:016x}", half(0), half(1));
                let challenge = format!(
                    "realm=\"{REALM}\",nonce=\"{nonce}\",qop=\"auth\",charset=utf-8,algorithm=md5-sess"
                );
                *dialogue = Dialogue::Challenged(nonce);
                Ok(Step::Challenge(challenge.into_bytes()))
            }
            Dialogue::Challenged(nonce) => self
                .known(&nonce, token)
                .map(|(user, proof)| Step::Known(user, format!("rspauth={proof}").into_bytes()))
                .ok_or_else(|| self.refusal()),
            Dialogue::New | Dialogue::Over => Err(self.refusal()),
        }
    }

    /// The user whose password a response proves, and the proof of this side.
    fn known(&self, nonce: &str, response: &[u8]) -> Option<(String, String)> {
        let directives = directives(response)?;
        let get = |name: &str| directives.get(name).map(String::as_str);
        let is_right = get("realm") == Some(REALM)
            && get("nonce") == Some(nonce)
            && get("nc") == Some("00000001")
            && get("qop").is_none_or(|qop| qop == "auth")
            && get("digest-uri").is_some_and(|uri| uri.eq_ignore_ascii_case(URI))
            && get("authzid").is_none_or(|other| get("username") == Some(other));
        let (user, own) = (get("username")?, get("cnonce")?);
        let password = self.passwords.get(user).filter(|_| is_right)?;
        let secret = [latin(user), latin(REALM), latin(password)].join(&b':');
        let uri = get("digest-uri")?;
        let session = [&Md5::digest(secret)[..], nonce.as_bytes(), own.as_bytes()].join(&b':');
        let session = hex(&Md5::digest(session));
        let proof = |purpose: &str| {
            let purpose = hex(&Md5::digest(format!("{purpose}:{uri}")));
            let all = format!("{session}:{nonce}:00000001:{own}:auth:{purpose}");
            hex(&Md5::digest(all))
        };
        let is_proven = get("response") == Some(&proof("AUTHENTICATE"));
        is_proven.then(|| (user.to_owned(), proof("")))
    }
}

/// Whether ZooKeeper takes a text for the name of a user: `NAME`, `NAME@REALM` or `NAME/HOST@REALM`.
pub(crate) fn is_name(id: &str) -> bool {
    let Some((name, realm)) = id.split_once('@') else {
        return true;
    };
    name.matches('/').count() <= 1 && !realm.contains(['/', '@'])
}

/// Latin-1 where all characters are there, otherwise UTF-8.
fn latin(text: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    latin.unwrap_or_else(|| text.as_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names with their values, as in `username="ops",qop=auth`. `None` if the text is no such list.
fn directives(list: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut characters = std::str::from_utf8(list).ok()?.chars().peekable();
    let mut directives = BTreeMap::new();
    while characters.peek().is_some() {
        let name: String = characters.by_ref().take_while(|c| *c != '=').collect();
        let name = name.trim_matches([' ', ',', '\t', '\r', '\n']);
        let mut value = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next()? {
                    '"' => break,
                    '\\' => value.push(characters.next()?),
                    c => value.push(c),
                }
            }
            characters.next_if_eq(&',');
        } else {
            value.extend(characters.by_ref().take_while(|c| *c != ','));
        }
        if directives
            .insert(name.to_ascii_lowercase(), value)
            .is_some()
        {
            return None;
        }
    }
    Some(directives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        let users = [("ops", "secret"), ("o\"ps", "p\u{e4}ss")];
        let users = users.map(|(user, password)| (user.to_owned(), password.to_owned()));
        Users::new(users.into(), false)
    }

    /// The response of a client, from RFC 2831.
    fn response(nonce: &str, user: &[u8], password: &[u8], realm: &str) -> String {
        let secret = Md5::digest([user, realm.as_bytes(), password].join(&b':'));
        let session = hex(&Md5::digest(
            [&secret[..], nonce.as_bytes(), b"own"].join(&b':'),
        ));
        let purpose = hex(&Md5::digest("AUTHENTICATE:zookeeper/zk-sasl-md5"));
        let proof = Md5::digest(format!("{session}:{nonce}:00000001:own:auth:{purpose}"));
        let user = String::from_utf8_lossy(user).replace('"', "\\\"");
        format!(
            "username=\"{user}\", realm=\"{realm}\",nonce=\"{nonce}\",nc=00000001,cnonce=\"own\",\
             digest-uri=\"zookeeper/zk-sasl-md5\",response={},charset=utf-8",
            hex(&proof)
        )
    }

    fn challenged(users: &mut Users) -> (Dialogue, String) {
        let mut dialogue = Dialogue::default();
        let Ok(Step::Challenge(_)) = users.take(&mut dialogue, b"") else {
            panic!("{dialogue:?}");
        };
        let Dialogue::Challenged(nonce) = &dialogue else {
            panic!("{dialogue:?}");
        };
        let nonce = nonce.clone();
        (dialogue, nonce)
    }

    #[test]
    fn who_knows_the_password_is_known() {
        for (user, password) in [("ops", &b"secret"[..]), ("o\"ps", b"p\xe4ss")] {
            let mut users = users();
            let (mut dialogue, nonce) = challenged(&mut users);
            let response = response(&nonce, user.as_bytes(), password, REALM);
            let step = users.take(&mut dialogue, response.as_bytes());
            let Ok(Step::Known(known, proof)) = step else {
                panic!("{step:?}");
            };
            assert_eq!(known, user);
            assert!(proof.starts_with(b"rspauth="));
            // Once is enough.
            let again = users.take(&mut dialogue, b"");
            assert_eq!(again, Err(ErrorCode::AuthFailed));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let right = |nonce: &str| response(nonce, b"ops", b"secret", REALM);
        let wrong: [fn(&str) -> String; 6] = [
            |nonce| response(nonce, b"ops", b"wrong", REALM),
            |nonce| response(nonce, b"nobody", b"secret", REALM),
            |nonce| response(nonce, b"ops", b"secret", "elsewhere"),
            |_| response("other", b"ops", b"secret", REALM),
            |_| "username".to_owned(),
            |_| "username=\"ops".to_owned(),
        ];
        for wrong in wrong {
            let mut users = users();
            let (mut dialogue, nonce) = challenged(&mut users);
            let step = users.take(&mut dialogue, wrong(&nonce).as_bytes());
            assert_eq!(step, Err(ErrorCode::AuthFailed));
        }
        let edits = [
            ("nc=00000001", "nc=00000002"),
            ("charset", "qop=auth-int,charset"),
            ("zookeeper/", "x/"),
        ];
        for (from, to) in edits {
            let mut users = users();
            let (mut dialogue, nonce) = challenged(&mut users);
            let edited = right(&nonce).replace(from, to);
            assert!(
                users.take(&mut dialogue, edited.as_bytes()).is_err(),
                "{to}"
            );
        }
        let mut required = Users::new([("a".to_owned(), "b".to_owned())].into(), true);
        let refused = required.take(&mut Dialogue::New, b"a token");
        assert_eq!(refused, Err(ErrorCode::SessionClosedRequireSaslAuth));
        let nobody = Users::default().take(&mut Dialogue::New, b"a token");
        assert_eq!(nobody, Ok(Step::None));
    }

    #[test]
    fn names_are_those_of_kerberos() {
        for name in ["", "ops", "a/b/c", "zk/host@REALM", "me@REALM"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["a@b@c", "a/b/c@R", "a@R/x"] {
            assert!(!is_name(name), "{name}");
        }
    }
}

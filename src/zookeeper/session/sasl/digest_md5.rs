//! The client's side of DIGEST-MD5 (RFC 2831), as servers of ZooKeeper speak it.

use std::collections::BTreeMap;
use std::fmt;

use md5::{Digest as _, Md5};

use super::error::SaslTrouble;
use super::turn::Turn;
use crate::syntax::spelling::hexadecimal;

/// Service and host, which are the same for all servers of ZooKeeper.
const URI: &str = "zookeeper/zk-sasl-md5";

/// The only response on a connection is its first.
const COUNT: &str = "00000001";

/// One run of the mechanism.
pub(in super::super) struct DigestMd5 {
    user: String,
    password: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing has been said: the server speaks first.
    New,
    Begun,
    /// The proof that the server has to give.
    Answered(String),
}

impl DigestMd5 {
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            state: State::New,
        }
    }

    /// Whether the server has got a proof, and can refuse it.
    pub(super) fn has_answered(&self) -> bool {
        matches!(self.state, State::Answered(_))
    }

    /// Takes what the server sends. At first that is nothing.
    pub(super) fn answer(&mut self, token: Option<&[u8]>) -> Result<Turn, SaslTrouble> {
        match &self.state {
            State::New => {
                self.state = State::Begun;
                Ok(Turn::Send(Vec::new()))
            }
            State::Begun => {
                let challenge = token.ok_or(SaslTrouble::NotOffered)?;
                let mut random = [0; 16];
                getrandom::fill(&mut random).map_err(|_| {
                    SaslTrouble::Challenge("the system has no random numbers".to_owned())
                })?;
                let (response, expected) = self.respond(challenge, &hexadecimal(&random))?;
                self.state = State::Answered(expected);
                Ok(Turn::Send(response))
            }
            State::Answered(expected) => {
                let answer = token.ok_or(SaslTrouble::Unconfirmed)?;
                let directives = Directives::parse(answer).map_err(SaslTrouble::Challenge)?;
                match directives.get("rspauth") {
                    Some(proof) if proof == expected => Ok(Turn::Done),
                    _ => Err(SaslTrouble::Impostor),
                }
            }
        }
    }

    /// The response to a challenge, and the proof that the server then has to give.
    fn respond(&self, challenge: &[u8], own: &str) -> Result<(Vec<u8>, String), SaslTrouble> {
        let unknown = |what: &str| SaslTrouble::Challenge(what.to_owned());
        let directives = Directives::parse(challenge).map_err(SaslTrouble::Challenge)?;
        let nonce = directives
            .get("nonce")
            .ok_or_else(|| unknown("it has no nonce"))?;
        if directives.get("algorithm") != Some("md5-sess") {
            return Err(unknown("its algorithm is not md5-sess"));
        }
        let qop = directives.get("qop").unwrap_or("auth");
        if !qop.split(',').any(|one| one.trim() == "auth") {
            return Err(unknown("it wants to sign or encrypt what is said later"));
        }
        let is_utf8 = match directives.get("charset") {
            Some("utf-8") => true,
            None => false,
            Some(_) => return Err(unknown("its charset is not utf-8")),
        };
        let realm = directives.realm.as_deref().unwrap_or_default();
        let hashed = |text: &str| encoded(text, is_utf8);
        let (user, password) = (hashed(&self.user), hashed(&self.password));
        let (Some(user), Some(realm_hashed), Some(password)) = (user, hashed(realm), password)
        else {
            return Err(unknown(
                "without UTF-8 it cannot know this user or password",
            ));
        };
        let secret = Md5::digest([&user[..], b":", &realm_hashed, b":", &password].concat());
        let session = [&secret[..], b":", nonce.as_bytes(), b":", own.as_bytes()].concat();
        let session = hexadecimal(&Md5::digest(session));
        let proof = |purpose: &str| {
            let purpose = hexadecimal(&Md5::digest(format!("{purpose}:{URI}")));
            hexadecimal(&Md5::digest(format!(
                "{session}:{nonce}:{COUNT}:{own}:auth:{purpose}"
            )))
        };
        let mut response = Vec::new();
        if is_utf8 {
            response.extend_from_slice(b"charset=utf-8,");
        }
        response.extend_from_slice(b"username=\"");
        response.extend(quoted(&match is_utf8 {
            true => self.user.clone().into_bytes(),
            false => user,
        }));
        response.extend_from_slice(b"\",realm=\"");
        response.extend(quoted(&match is_utf8 {
            true => realm.as_bytes().to_vec(),
            false => realm_hashed,
        }));
        response.extend_from_slice(b"\",nonce=\"");
        response.extend(quoted(nonce.as_bytes()));
        response.extend_from_slice(
            format!(
                "\",nc={COUNT},cnonce=\"{own}\",digest-uri=\"{URI}\",response={},qop=auth",
                proof("AUTHENTICATE")
            )
            .as_bytes(),
        );
        Ok((response, proof("")))
    }
}

impl fmt::Debug for DigestMd5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = &self.user;
        f.debug_struct("DigestMd5")
            .field("user", user)
            .finish_non_exhaustive()
    }
}

/// As what is hashed: Latin-1 where all characters are there, otherwise UTF-8, if that is allowed.
fn encoded(text: &str, is_utf8: bool) -> Option<Vec<u8>> {
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    latin.or_else(|| is_utf8.then(|| text.as_bytes().to_vec()))
}

/// What stands between quotation marks.
fn quoted(text: &[u8]) -> impl Iterator<Item = u8> + use<'_> {
    text.iter().flat_map(|&byte| {
        let escape = matches!(byte, b'"' | b'\\').then_some(b'\\');
        escape.into_iter().chain([byte])
    })
}

/// A list as in `realm="zk-sasl-md5",nonce="…",algorithm=md5-sess`.
#[derive(Debug, Default)]
struct Directives {
    /// The first of them, as each may be chosen.
    realm: Option<String>,
    others: BTreeMap<String, String>,
}

impl Directives {
    fn get(&self, name: &str) -> Option<&str> {
        self.others.get(name).map(String::as_str)
    }

    /// The error says what is wrong with the list.
    fn parse(list: &[u8]) -> Result<Self, String> {
        let text = match std::str::from_utf8(list) {
            Ok(text) => text.to_owned(),
            Err(_) => list.iter().map(|&byte| char::from(byte)).collect(),
        };
        let mut directives = Self::default();
        let blank = [' ', '\t', '\r', '\n'];
        let mut rest = text.trim_matches(blank);
        while !rest.is_empty() {
            let (name, value) = rest.split_once('=').ok_or("a name has no value")?;
            let name = name.trim_matches(blank).to_ascii_lowercase();
            let (value, behind) = value_of(value.trim_start_matches(blank))?;
            rest = behind.trim_start_matches(blank);
            rest = match rest.strip_prefix(',') {
                Some(more) => more.trim_start_matches([' ', '\t', '\r', '\n', ',']),
                None if rest.is_empty() => rest,
                None => return Err("commas are missing".to_owned()),
            };
            if name == "realm" {
                directives.realm.get_or_insert(value);
            } else if directives.others.insert(name, value).is_some() {
                return Err("something is said twice".to_owned());
            }
        }
        Ok(directives)
    }
}

/// The value at the start of a text, and what stands behind it.
fn value_of(text: &str) -> Result<(String, &str), String> {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((value, &inner[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    Err("a quotation mark is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responded(user: &str, password: &str, challenge: &str) -> Result<String, SaslTrouble> {
        let run = DigestMd5::new(user, password);
        let (response, _) = run.respond(challenge.as_bytes(), "OA6MHXh6VqTrRk")?;
        Ok(String::from_utf8_lossy(&response).into_owned())
    }

    /// What a server does: as RFC 2831 has it, written down apart from the code above.
    fn proof(a1: &[u8], nonce: &str, a2: &str) -> String {
        let mut session = Md5::digest(a1).to_vec();
        session.extend_from_slice(format!(":{nonce}:OA6MHXh6VqTrRk").as_bytes());
        let (a1, a2) = (
            hexadecimal(&Md5::digest(session)),
            hexadecimal(&Md5::digest(a2)),
        );
        hexadecimal(&Md5::digest(format!(
            "{a1}:{nonce}:00000001:OA6MHXh6VqTrRk:auth:{a2}"
        )))
    }

    const REST: &str = "nonce=\"OA6MG9tEQGm2hh\",algorithm=md5-sess";

    #[test]
    fn a_response_holds_what_the_server_computes() {
        let challenge = format!("realm=\"zk-sasl-md5\",{REST},charset=utf-8,qop=\"auth-int,auth\"");
        let response = responded("ops", "secret", &challenge).unwrap();
        let expected = proof(
            b"ops:zk-sasl-md5:secret",
            "OA6MG9tEQGm2hh",
            "AUTHENTICATE:zookeeper/zk-sasl-md5",
        );
        assert_eq!(
            response,
            format!(
                "charset=utf-8,username=\"ops\",realm=\"zk-sasl-md5\",nonce=\"OA6MG9tEQGm2hh\",nc=00000001,\
                 cnonce=\"OA6MHXh6VqTrRk\",digest-uri=\"zookeeper/zk-sasl-md5\",response={expected},qop=auth"
            )
        );
    }

    #[test]
    fn texts_are_hashed_as_latin_1_where_they_can_be() {
        let hashed = |text: &str| encoded(text, true).unwrap();
        assert_eq!(hashed("p\u{e4}ss"), b"p\xe4ss");
        assert_eq!(hashed("p\u{e4}\u{20ac}"), "p\u{e4}\u{20ac}".as_bytes());
        assert_eq!(encoded("\u{20ac}", false), None);
        let response = responded("o\"p\\s", "x", &format!("{REST},charset=utf-8")).unwrap();
        assert!(
            response.contains("username=\"o\\\"p\\\\s\",realm=\"\""),
            "{response}"
        );
    }

    #[test]
    fn challenges_that_are_none_are_refused() {
        for (challenge, reason) in [
            ("", "it has no nonce"),
            ("nonce", "a name has no value"),
            ("nonce=\"x", "a quotation mark is missing"),
            ("nonce=\"x\" algorithm=md5-sess", "commas are missing"),
            ("nonce=x,nonce=y", "something is said twice"),
            ("nonce=\"x\",algorithm=md5", "its algorithm is not md5-sess"),
            (
                "nonce=\"x\",algorithm=md5-sess,qop=\"auth-conf\"",
                "it wants to sign or encrypt what is said later",
            ),
            (
                "nonce=x,algorithm=md5-sess,charset=latin",
                "its charset is not utf-8",
            ),
        ] {
            let expected = Err(SaslTrouble::Challenge(reason.to_owned()));
            assert_eq!(responded("u", "p", challenge), expected, "{challenge}");
        }
        assert!(responded("u", "\u{20ac}", REST).is_err());
        assert!(responded("u", "p", " nonce = \"a\\\"b\" , ,algorithm=md5-sess").is_ok());
    }
}

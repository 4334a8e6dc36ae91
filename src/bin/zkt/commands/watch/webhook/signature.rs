//! Signatures: they show who sent an event, and when.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zkt::syntax::spelling::hexadecimal;

use crate::exit::Failure;

/// What both sides know, and nobody else.
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// Takes a text of this place; blanks and line feeds around it do not count.
    pub(super) fn new(text: &[u8], place: &impl fmt::Display) -> Result<Self, Failure> {
        match text.trim_ascii() {
            [] => Err(Failure::new(format!(
                "{place} holds no secret for the webhook"
            ))),
            text => Ok(Self(text.to_vec())),
        }
    }

    /// Reads a file.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let text = fs::read(file).map_err(|error| {
            let reason = zkt::declare::files::reason(&error);
            Failure::new(format!("cannot read {}: {reason}", file.display()))
        })?;
        Self::new(&text, &file.display())
    }

    /// The value of the header for a request that is sent now.
    pub(super) fn sign(&self, body: &[u8]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.sign_at(now.unwrap_or_default().as_secs(), body)
    }

    /// `t=SECONDS,v1=HEX`, where the second is the HMAC-SHA256 of `SECONDS.BODY`.
    fn sign_at(&self, seconds: u64, body: &[u8]) -> String {
        let header = format!("t={seconds},v1=");
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return header;
        };
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        header + &hexadecimal(&mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_time_and_body() {
        let secret = Secret::new(b" key\n", &"").ok().unwrap();
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            secret.sign_at(1_700_000_000, b"{}"),
            "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
        );
    }
}

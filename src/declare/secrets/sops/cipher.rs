//! Encrypted values: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.

use aes_gcm::AesGcm;
use aes_gcm::aead::array::ArraySize;
use aes_gcm::aead::consts::{U12, U32};
use aes_gcm::aead::{Aead as _, KeyInit as _, Nonce, Payload};
use aes_gcm::aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

const START: &str = "ENC[AES256_GCM,data:";

/// Whether a text is a value that SOPS has encrypted.
pub(super) fn is_encrypted(text: &str) -> bool {
    text.starts_with(START)
}

/// The key of a file.
pub(super) struct Cipher([u8; 32]);

impl Cipher {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// What was encrypted for a place. Returns `None` if the text is something else, or of another place or
    /// key.
    pub(super) fn decrypt(&self, text: &str, place: &str) -> Option<Vec<u8>> {
        let rest = text.strip_prefix(START)?.strip_suffix(']')?;
        let (data, rest) = rest.split_once(",iv:")?;
        let (nonce, rest) = rest.split_once(",tag:")?;
        let (tag, _) = rest.split_once(",type:")?;
        let mut message = BASE64.decode(data).ok()?;
        message.extend(BASE64.decode(tag).ok()?);
        let nonce = BASE64.decode(nonce).ok()?;
        let payload = Payload {
            msg: &message,
            aad: place.as_bytes(),
        };
        // Early versions had the nonces that are common.
        match nonce.len() {
            12 => self.open::<U12>(&nonce, payload),
            32 => self.open::<U32>(&nonce, payload),
            _ => None,
        }
    }

    fn open<N: ArraySize>(&self, nonce: &[u8], payload: Payload<'_, '_>) -> Option<Vec<u8>> {
        let cipher = AesGcm::<Aes256, N>::new(&self.0.into());
        let nonce = Nonce::<AesGcm<Aes256, N>>::try_from(nonce).ok()?;
        cipher.decrypt(&nonce, payload).ok()
    }
}

//! Java key stores of the kind JKS, as keytool made them before Java 9.
//!
//! All numbers are big-endian. A store is its magic number, its version, the count of its entries, these,
//! and a digest over all of it with the password. A key is encrypted with a key stream of SHA-1.

use std::path::Path;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha1::{Digest as _, Sha1};

use super::store::Store;
use crate::zookeeper::session::tls::der::Der;
use crate::zookeeper::session::tls::error::TlsError;

const DIGEST: usize = 20;
/// What the digest of a store begins with, behind the password.
const WHITENER: &[u8] = b"Mighty Aphrodite";
const KEY: u32 = 1;
const CERTIFICATE: u32 = 2;

pub(super) fn parse(file: &Path, bytes: &[u8], password: Option<&str>) -> Result<Store, TlsError> {
    let broken = || TlsError::Broken {
        file: file.to_owned(),
        reason: "it is a Java key store that is cut off or broken".to_owned(),
    };
    let (body, digest) = bytes.split_last_chunk::<DIGEST>().ok_or_else(broken)?;
    let password = password.map(|text| text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    let password: Option<Vec<u8>> = password;
    // It is looked at first, so that a file that is cut off is not taken for one with another password.
    let entries = Entries::read(body).ok_or_else(broken)?;
    if let Some(password) = &password {
        let whole = Sha1::new().chain_update(password).chain_update(WHITENER);
        if whole.chain_update(body).finalize()[..] != digest[..] {
            let file = file.to_owned();
            return Err(TlsError::WrongPassword { file });
        }
    }
    let (key, chain) = match entries.key {
        None => (Ok(None), Vec::new()),
        Some((encrypted, chain)) => {
            let file = file.to_owned();
            let key = match password {
                None => Err(TlsError::NoPassword { file }),
                Some(password) => match decrypt(encrypted, &password) {
                    Decrypted::Key(key) => Ok(Some(PrivateKeyDer::Pkcs8(key.into()))),
                    // The key has another one than the store.
                    Decrypted::WrongPassword => Err(TlsError::WrongPassword { file }),
                    Decrypted::Broken => return Err(broken()),
                },
            };
            (key, chain)
        }
    };
    Ok(Store {
        chain,
        others: entries.certificates,
        key,
    })
}

/// The first key with its certificates, and the certificates that belong to none.
#[derive(Default)]
struct Entries<'b> {
    key: Option<(&'b [u8], Vec<CertificateDer<'static>>)>,
    certificates: Vec<CertificateDer<'static>>,
}

impl<'b> Entries<'b> {
    fn read(body: &'b [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let _magic = reader.number()?;
        let version = reader.number()?;
        let mut entries = Self::default();
        for _ in 0..reader.number()? {
            let kind = reader.number()?;
            let _alias = reader.short()?;
            let _time = reader.take(8)?;
            match kind {
                KEY => {
                    let encrypted = reader.long()?;
                    let mut chain = Vec::new();
                    for _ in 0..reader.number()? {
                        chain.push(reader.certificate(version)?);
                    }
                    entries.key.get_or_insert((encrypted, chain));
                }
                CERTIFICATE => entries.certificates.push(reader.certificate(version)?),
                _ => return None,
            }
        }
        reader.0.is_empty().then_some(entries)
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn short(&mut self) -> Option<&'b [u8]> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(usize::from(length))
    }

    fn long(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn certificate(&mut self, version: u32) -> Option<CertificateDer<'static>> {
        if version > 1 {
            let _kind = self.short()?;
        }
        Some(CertificateDer::from(self.long()?.to_vec()))
    }
}

/// What became of an encrypted key.
enum Decrypted {
    /// It is this, in PKCS#8.
    Key(Vec<u8>),
    WrongPassword,
    /// It is no such key.
    Broken,
}

fn decrypt(encrypted: &[u8], password: &[u8]) -> Decrypted {
    let Some((salt, hidden, check)) = parts(encrypted) else {
        return Decrypted::Broken;
    };
    let mut key = Vec::with_capacity(hidden.len());
    let mut stream: [u8; DIGEST] = *salt;
    for part in hidden.chunks(DIGEST) {
        let next = Sha1::new().chain_update(password).chain_update(stream);
        stream = next.finalize().into();
        key.extend(part.iter().zip(stream).map(|(byte, mask)| byte ^ mask));
    }
    let digest = Sha1::new().chain_update(password).chain_update(&key);
    match digest.finalize()[..] == check[..] {
        true => Decrypted::Key(key),
        false => Decrypted::WrongPassword,
    }
}

/// The salt of a key, the key as it is encrypted, and its digest.
fn parts(encrypted: &[u8]) -> Option<(&[u8; DIGEST], &[u8], &[u8; DIGEST])> {
    let mut info = Der(Der(encrypted).value(0x30)?);
    let _algorithm = info.value(0x30)?;
    let (salt, rest) = info.value(4)?.split_first_chunk::<DIGEST>()?;
    let (hidden, check) = rest.split_last_chunk::<DIGEST>()?;
    Some((salt, hidden, check))
}

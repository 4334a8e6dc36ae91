//! What a file with certificates and keys holds.

use std::path::Path;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::zookeeper::session::tls::error::TlsError;

/// What a file holds.
#[derive(Debug)]
pub(in super::super) struct Store {
    /// The certificate of the key, and behind it those up to its authority; of files without an order, all
    /// as they stand there.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Certificates that belong to no key.
    pub(super) others: Vec<CertificateDer<'static>>,
    /// Why it cannot be read matters only to those who need it.
    pub(super) key: Result<Option<PrivateKeyDer<'static>>, TlsError>,
}

impl Store {
    /// The certificates to trust.
    pub(in super::super) fn authorities(
        mut self,
        file: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        if !self.others.is_empty() {
            return Ok(self.others);
        }
        // That of a key is not its own authority, unless it is alone.
        if self.chain.len() > 1 && !matches!(self.key, Ok(None)) {
            self.chain.remove(0);
        }
        self.chain(file)
    }

    /// The certificate of this side, and behind it those up to its authority.
    pub(in super::super) fn chain(
        self,
        file: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let file = file.to_owned();
        match (self.chain.is_empty(), self.key) {
            (false, _) => Ok(self.chain),
            (true, Ok(Some(_))) => Err(TlsError::OnlyKey { file }),
            (true, _) => Err(TlsError::NoCertificate { file }),
        }
    }

    /// The key, which it then has no longer.
    pub(in super::super) fn take_key(
        &mut self,
    ) -> Result<Option<PrivateKeyDer<'static>>, TlsError> {
        std::mem::replace(&mut self.key, Ok(None))
    }
}

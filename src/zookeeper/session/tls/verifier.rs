//! Which certificates of servers are accepted, and the certificate of this side.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use super::der::rsa_bits;
use super::meaning::{Asked, is_authority};

/// The bits that an RSA key has at least.
const LEAST_BITS: usize = 2048;

/// The key of a certificate is too short.
#[derive(Debug)]
struct ShortKey(usize);

impl fmt::Display for ShortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0;
        write!(
            f,
            "its key has {bits} bits, and RSA keys need at least {LEAST_BITS}"
        )
    }
}

impl std::error::Error for ShortKey {}

/// What a signature that is not accepted means: ring says the same of one that is wrong, and of a short key.
fn explained(error: Error, certificate: &CertificateDer<'_>) -> Error {
    if error != Error::InvalidCertificate(CertificateError::BadSignature) {
        return error;
    }
    let certificate = ParsedCertificate::try_from(certificate);
    let bits = certificate.map(|certificate| rsa_bits(&certificate.subject_public_key_info()));
    match bits {
        Ok(Some(bits)) if bits < LEAST_BITS => {
            CertificateError::Other(OtherError(Arc::new(ShortKey(bits)))).into()
        }
        _ => error,
    }
}

/// Accepts the certificates of trusted authorities, and certificates that are trusted themselves.
#[derive(Debug)]
pub(super) struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    /// Certificates that are trusted themselves, if their name and time are right. One that `openssl req
    /// -x509` makes says that it is an authority's, and an authority is no server to webpki.
    own: Vec<CertificateDer<'static>>,
}

impl Verifier {
    pub(super) fn new(inner: Arc<WebPkiServerVerifier>, own: Vec<CertificateDer<'static>>) -> Self {
        Self { inner, own }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .inner
            .verify_server_cert(certificate, others, name, ocsp, now);
        // webpki checks the validity period before this error.
        if let Err(Error::InvalidCertificate(CertificateError::Other(other))) = &verified
            && is_authority(other)
            && self.own.iter().any(|own| own == certificate)
        {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self
            .inner
            .verify_tls12_signature(message, certificate, signed);
        verified.map_err(|error| explained(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self
            .inner
            .verify_tls13_signature(message, certificate, signed);
        verified.map_err(|error| explained(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.inner.root_hint_subjects()
    }
}

/// Accepts every certificate whose key the server has.
#[derive(Debug)]
pub(super) struct Unverified(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        let verified = verify_tls12_signature(message, certificate, signed, algorithms);
        verified.map_err(|error| explained(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        let verified = verify_tls13_signature(message, certificate, signed, algorithms);
        verified.map_err(|error| explained(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The certificate of this side, for one connection, and whether the server has asked for it.
#[derive(Debug)]
pub(super) struct Identity {
    key: Option<Arc<CertifiedKey>>,
    was_asked_for: AtomicBool,
}

impl Identity {
    pub(super) fn new(key: Option<Arc<CertifiedKey>>) -> Self {
        let was_asked_for = AtomicBool::new(false);
        Self { key, was_asked_for }
    }

    pub(super) fn asked(&self) -> Asked {
        match (self.was_asked_for.load(Ordering::Relaxed), &self.key) {
            (false, _) => Asked::No,
            (true, None) => Asked::InVain,
            (true, Some(_)) => Asked::Answered,
        }
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked_for.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    // Without any, it would not be asked.
    fn has_certs(&self) -> bool {
        true
    }
}

//! The certificate with which this side is a server itself.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::sign::SingleCertAndKey;

use super::error::TlsError;
use super::material::identity;
use super::options::Tls;

/// Reads a certificate, behind it those up to its authority, and its key, and returns what a server needs
/// to speak TLS with them. The files are as those of [`Tls`], without a password.
///
/// # Errors
/// A file cannot be read or is no good, or the key is that of another certificate.
pub fn server_config(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let tls = Tls {
        certificate: Some(certificate.to_owned()),
        key: Some(key.to_owned()),
        ..Tls::default()
    };
    let provider = Arc::new(ring::default_provider());
    let own = identity(&tls, None, &provider)?.ok_or_else(|| TlsError::NoCertificate {
        file: certificate.to_owned(),
    })?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Broken {
            file: certificate.to_owned(),
            reason: error.to_string(),
        })?;
    let builder = builder.with_no_client_auth();
    Ok(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(own))))
}

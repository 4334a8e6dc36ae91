//! The cryptography of what a watch sends over HTTPS.

/// Takes the cryptography from ring, unless somebody has chosen before.
pub(super) fn choose_cryptography() {
    // It fails if one was chosen, and that one serves as well.
    _ = rustls::crypto::ring::default_provider().install_default();
}

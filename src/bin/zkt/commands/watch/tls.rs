//! TLS, of all that a watch sends to others than ZooKeeper.

/// Takes the cryptography from ring, unless somebody has chosen before.
pub(super) fn choose_cryptography() {
    // It fails if one was chosen, and that one serves as well.
    _ = rustls::crypto::ring::default_provider().install_default();
}

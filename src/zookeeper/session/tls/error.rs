//! What is wrong with the options of TLS and their files.

use std::path::PathBuf;

/// What is wrong with the options of TLS, or with a file that they name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// This build has no TLS.
    #[error("this build speaks no TLS: it lacks the feature tls")]
    NotBuilt,
    /// Options of TLS, while no server speaks it.
    #[error("there are options of TLS, but no server that speaks it")]
    NoEffect,
    /// A file cannot be read.
    #[error("{}: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file holds something else.
    #[error("{}: expected PEM, PKCS#12 or a Java key store, found {found}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What it seems to be.
        found: &'static str,
    },
    /// A file is a Java key store of a kind that is not read.
    #[error(
        "{}: expected PEM, PKCS#12 or a Java key store, found a key store of the kind JCEKS",
        file.display()
    )]
    Jceks {
        /// The file.
        file: PathBuf,
    },
    /// A file begins as PKCS#12 does, and cannot be read.
    #[error("{}: it is no PKCS#12 that can be read: {reason}", file.display())]
    Pkcs12 {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// PKCS#12 with an algorithm that is not known.
    #[error("{}: it is PKCS#12, encrypted in a way that is not known", file.display())]
    Pkcs12Cipher {
        /// The file.
        file: PathBuf,
    },
    /// A key with a password, and an algorithm that is not known.
    #[error("{}: its key is encrypted in a way that is not known", file.display())]
    KeyCipher {
        /// The file.
        file: PathBuf,
    },
    /// A file is in a format that this build does not read.
    #[error("{}: {what} takes the feature keystores, which this build lacks", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What it holds.
        what: &'static str,
    },
    /// A file is broken, or uses an algorithm that is not known.
    #[error("{}: {reason}", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file has a password, and none is given.
    #[error("{}: it has a password, and none is given", file.display())]
    NoPassword {
        /// The file.
        file: PathBuf,
    },
    /// The password is not that of the file.
    #[error("{}: the password is wrong", file.display())]
    WrongPassword {
        /// The file.
        file: PathBuf,
    },
    /// A key with a password in the old form of OpenSSL.
    #[error("{}: the key is encrypted in the old form of OpenSSL", file.display())]
    OldEncryption {
        /// The file.
        file: PathBuf,
    },
    /// A file has no certificate.
    #[error("{}: it holds no certificate", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// A file has a key where a certificate is needed.
    #[error("{}: it holds a private key, and no certificate", file.display())]
    OnlyKey {
        /// The file.
        file: PathBuf,
    },
    /// A file has no key.
    #[error("{}: it holds no private key", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// A key without a certificate.
    #[error("a private key is given, and no certificate")]
    KeyAlone,
    /// Key and certificate belong to different pairs.
    #[error("the key of {} is not that of the certificate of {}", key.display(), certificate.display())]
    KeyMismatch {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
    /// The system trusts nobody.
    #[error("this system has no certificates of authorities to trust")]
    NoRoots,
    /// The name to expect is none.
    #[error("{0:?} is no name of a server")]
    ServerName(String),
}

use rcgen::{CertificateParams, Issuer, KeyPair};

use super::*;

/// An authority, and a certificate of it with its key.
struct Pair {
    authority: rcgen::Certificate,
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn pair() -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "authority");
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    Pair {
        authority,
        certificate,
        key,
    }
}

fn parsed(bytes: &[u8], password: Option<&str>) -> Result<Store, TlsError> {
    parse(Path::new("f"), bytes, password)
}

fn error(bytes: &[u8], password: Option<&str>) -> String {
    let store = parsed(bytes, password);
    let error = store.and_then(|mut store| store.take_key());
    error.map(drop).unwrap_err().to_string()
}

#[test]
fn pem_holds_many_certificates_and_a_key() {
    let pair = pair();
    let text = format!(
        "words\n{}{}{}",
        pair.certificate.pem(),
        pair.key.serialize_pem(),
        pair.authority.pem()
    );
    let mut store = parsed(text.as_bytes(), None).unwrap();
    assert!(store.take_key().unwrap().is_some());
    let chain = store.chain(Path::new("f")).unwrap();
    assert_eq!(
        chain,
        [pair.certificate.der(), pair.authority.der()].map(Clone::clone)
    );
    let two = pair.authority.pem() + &pair.certificate.pem();
    let trusted = parsed(two.as_bytes(), None).unwrap();
    assert_eq!(trusted.authorities(Path::new("f")).unwrap().len(), 2);
    // A DER certificate is known by itself.
    let der = parsed(pair.authority.der(), None).unwrap();
    assert_eq!(
        der.authorities(Path::new("f")).unwrap(),
        [pair.authority.der().clone()]
    );
}

#[test]
fn what_is_something_else_is_named() {
    let begin = "-----BEGIN";
    let old = format!(
        "{begin} RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    );
    let cut = format!("{begin} CERTIFICATE-----\nAAAA\n");
    let key = pair().key.serialize_der();
    for (bytes, expected) in [
        (
            &b""[..],
            "f: expected PEM, PKCS#12 or a Java key store, found an empty file",
        ),
        (b"hello", "found something else"),
        (b"\xce\xce\xce\xce\0", "found a key store of the kind JCEKS"),
        (
            b"\xfe\xed\xfe\xed\0",
            "f: it is a Java key store that is cut off or broken",
        ),
        (&key, "found a key in DER"),
        (
            old.as_bytes(),
            "f: the key is encrypted in the old form of OpenSSL",
        ),
        (cut.as_bytes(), "f: it is no valid PEM: "),
    ] {
        let error = error(bytes, None);
        assert!(error.contains(expected), "{error}");
    }
    let store = parsed(
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        None,
    );
    let error = store.unwrap().authorities(Path::new("f")).unwrap_err();
    assert_eq!(error.to_string(), "f: it holds no certificate");
}

#[cfg(feature = "keystores")]
mod with_passwords {
    use p12_keystore::{
        Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, LocalKeyId, MacAlgorithm,
        PrivateKey, PrivateKeyChain,
    };

    use super::*;

    fn store(pair: &Pair, old: bool) -> Vec<u8> {
        let of =
            |certificate: &rcgen::Certificate| Certificate::from_der(certificate.der()).unwrap();
        let key = PrivateKey::from_der(&pair.key.serialize_der()).unwrap();
        let chain = [of(&pair.certificate), of(&pair.authority)];
        let chain = PrivateKeyChain::new(LocalKeyId(b"1".to_vec()), key, chain);
        let mut store = KeyStore::new();
        store.add_entry("own", KeyStoreEntry::PrivateKeyChain(chain));
        let writer = store.writer("sesame");
        let writer = match old {
            true => writer
                .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
                .mac_algorithm(MacAlgorithm::HmacSha1),
            false => writer,
        };
        writer.write().unwrap()
    }

    #[test]
    fn pkcs12_is_read_with_old_and_new_ciphers() {
        let pair = pair();
        for old in [false, true] {
            let bytes = store(&pair, old);
            let mut read = parsed(&bytes, Some("sesame")).unwrap();
            let key = read.take_key().unwrap().unwrap();
            assert_eq!(key.secret_der(), pair.key.serialize_der());
            let chain = read.chain(Path::new("f")).unwrap();
            assert_eq!(
                chain,
                [pair.certificate.der(), pair.authority.der()].map(Clone::clone)
            );
            let read = parsed(&bytes, Some("sesame")).unwrap();
            let trusted = read.authorities(Path::new("f")).unwrap();
            assert_eq!(trusted.first(), Some(pair.authority.der()));
            assert_eq!(error(&bytes, Some("x")), "f: the password is wrong");
            assert_eq!(
                error(&bytes, None),
                "f: it has a password, and none is given"
            );
            // Cut off anywhere, it is an error.
            for end in (1..bytes.len()).step_by(37) {
                assert!(parsed(&bytes[..end], Some("sesame")).is_err(), "{end}");
            }
        }
    }
}

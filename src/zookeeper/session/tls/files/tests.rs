use rcgen::{CertificateParams, Issuer, KeyPair};
use sha1::{Digest as _, Sha1};

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

/// A Java key store with a key, its chain, and an authority that is trusted.
fn jks(pair: &Pair, password: &str, key_password: &str) -> Vec<u8> {
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
    let digest = |parts: &[&[u8]]| <[u8; 20]>::from(Sha1::digest(parts.concat()));
    let long = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let short = |text: &str| {
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        [&length, text.as_bytes()].concat()
    };
    let value = |tag: u8, body: &[u8]| {
        let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, high, low], body].concat()
    };
    let (key, secret) = (pair.key.serialize_der(), utf16(key_password));
    let mut hidden = vec![7; 20];
    let mut stream = [7; 20];
    for part in key.chunks(20) {
        stream = digest(&[&secret, &stream]);
        hidden.extend(part.iter().zip(stream).map(|(byte, mask)| byte ^ mask));
    }
    hidden.extend(digest(&[&secret, &key]));
    let encrypted = value(0x30, &[value(0x30, &[]), value(4, &hidden)].concat());
    let certificate = |one: &rcgen::Certificate| [short("X.509"), long(one.der())].concat();
    let entry = |kind: u32| [&kind.to_be_bytes()[..], &short("alias"), &[0; 8]].concat();
    let body = [
        vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 2],
        entry(1),
        long(&encrypted),
        vec![0, 0, 0, 1],
        certificate(&pair.certificate),
        entry(2),
        certificate(&pair.authority),
    ]
    .concat();
    let whole = digest(&[&utf16(password), b"Mighty Aphrodite", &body]);
    [&body[..], &whole].concat()
}

#[test]
fn java_key_stores_are_read() {
    let pair = pair();
    let bytes = jks(&pair, "sesame", "sesame");
    let mut read = parsed(&bytes, Some("sesame")).unwrap();
    let key = read.take_key().unwrap().unwrap();
    assert_eq!(key.secret_der(), pair.key.serialize_der());
    let chain = read.chain(Path::new("f")).unwrap();
    assert_eq!(chain, [pair.certificate.der().clone()]);
    assert_eq!(error(&bytes, Some("x")), "f: the password is wrong");
    assert_eq!(
        error(&bytes, None),
        "f: it has a password, and none is given"
    );
    // Only the key has another one.
    let other = jks(&pair, "sesame", "open");
    assert_eq!(error(&other, Some("sesame")), "f: the password is wrong");
    for password in [None, Some("sesame")] {
        let trusted = parsed(&other, password)
            .unwrap()
            .authorities(Path::new("f"));
        assert_eq!(trusted.unwrap(), [pair.authority.der().clone()]);
    }
}

#[test]
fn a_java_key_store_that_is_cut_off_has_no_wrong_password() {
    let bytes = jks(&pair(), "sesame", "sesame");
    for password in [None, Some("sesame")] {
        for end in 4..bytes.len() {
            assert_eq!(
                error(&bytes[..end], password),
                "f: it is a Java key store that is cut off or broken",
                "{end}"
            );
        }
    }
}

#[cfg(feature = "keystores")]
mod with_passwords {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
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

    /// The length of a value in DER with its header, which has four bytes in a long one.
    fn whole_length(der: &[u8]) -> usize {
        match der {
            [_, 0x82, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            [_, short, ..] => 2 + usize::from(*short),
            _ => unreachable!(),
        }
    }

    /// PKCS#12 without its digest, which keeps everybody from changing what is in it.
    fn without_digest(store: &[u8]) -> Vec<u8> {
        let body = &store[4..];
        let version = whole_length(body);
        let body = &body[..version + whole_length(&body[version..])];
        let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82, high, low], body].concat()
    }

    #[test]
    fn an_unknown_cipher_is_no_wrong_password() {
        const AES_256_CBC: [u8; 9] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
        let mut bytes = without_digest(&store(&pair(), false));
        assert!(parsed(&bytes, Some("sesame")).is_ok());
        assert_eq!(error(&bytes, Some("x")), "f: the password is wrong");
        let at = memchr::memmem::find_iter(&bytes, &AES_256_CBC).collect::<Vec<_>>();
        assert!(!at.is_empty());
        for at in at {
            // In the mode ECB.
            bytes[at + AES_256_CBC.len() - 1] = 41;
        }
        for password in [Some("sesame"), None] {
            assert_eq!(
                error(&bytes, password),
                "f: it is PKCS#12, encrypted in a way that is not known"
            );
        }
    }

    #[test]
    fn an_unknown_cipher_of_a_key_is_no_wrong_password() {
        let value = |tag: u8, parts: &[&[u8]]| {
            let body = parts.concat();
            [&[tag, u8::try_from(body.len()).unwrap()], &*body].concat()
        };
        let sequence = |parts: &[&[u8]]| value(0x30, parts);
        let pbes2 = value(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 5, 13]]);
        let pbkdf2 = value(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 5, 12]]);
        let ecb = value(6, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 41]]);
        let text = value(4, &[&[7; 16]]);
        let rounds = sequence(&[&text, &[2, 2, 8, 0]]);
        let algorithms = sequence(&[&sequence(&[&pbkdf2, &rounds]), &sequence(&[&ecb, &text])]);
        let key = sequence(&[&sequence(&[&pbes2, &algorithms]), &text]);
        let words = "ENCRYPTED PRIVATE KEY-----";
        let pem = |der: &[u8]| {
            let text = BASE64.encode(der);
            format!("-----BEGIN {words}\n{text}\n-----END {words}\n")
        };
        assert_eq!(
            error(pem(&key).as_bytes(), Some("sesame")),
            "f: its key is encrypted in a way that is not known"
        );
        assert_eq!(
            error(pem(&key[..20]).as_bytes(), Some("sesame")),
            "f: its encrypted key is broken"
        );
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

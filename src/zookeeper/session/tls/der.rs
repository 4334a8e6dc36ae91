//! As much of DER as keys take that nobody else here reads.

/// Values, one behind the other.
pub(super) struct Der<'b>(pub(super) &'b [u8]);

impl<'b> Der<'b> {
    /// The next value, which has this tag.
    pub(super) fn value(&mut self, tag: u8) -> Option<&'b [u8]> {
        let (&[found, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let add = |length, byte: &u8| length << 8 | usize::from(*byte);
                (bytes.iter().fold(0, add), rest)
            }
            _ => return None,
        };
        (found == tag).then_some(())?;
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const BITS: u8 = 3;
const BYTES: u8 = 4;
const PUBLIC: u8 = 0xa1;
/// The name of all algorithms with elliptic curves.
const EC: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

/// The name of RSA keys.
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1];

/// How many bits an RSA key has, as a certificate shows it. `None` if it is another key.
pub(super) fn rsa_bits(certified: &[u8]) -> Option<usize> {
    let mut public = Der(Der(certified).value(SEQUENCE)?);
    let algorithm = public.value(SEQUENCE)?;
    algorithm.starts_with(RSA).then_some(())?;
    // Before it stands how many bits of its last byte are none.
    let key = public.value(BITS)?.get(1..)?;
    let modulus = Der(Der(key).value(SEQUENCE)?).value(INTEGER)?;
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let modulus = &modulus[first..];
    Some(modulus.len() * 8 - modulus[0].leading_zeros() as usize)
}

fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut value = vec![tag];
    match length {
        0..=0x7f => value.push(length as u8),
        0x80..=0xff => value.extend([0x81, length as u8]),
        _ => value.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    parts.iter().for_each(|part| value.extend_from_slice(part));
    value
}

/// A key of an elliptic curve in PKCS#8, with the public key of its certificate. Java leaves that out, and
/// ring needs it. `None` if it is another key.
pub(super) fn with_public_key(key: &[u8], certified: &[u8]) -> Option<Vec<u8>> {
    let mut info = Der(Der(key).value(SEQUENCE)?);
    let version = info.value(INTEGER)?;
    let algorithm = info.value(SEQUENCE)?;
    algorithm.starts_with(EC).then_some(())?;
    let mut private = Der(Der(info.value(BYTES)?).value(SEQUENCE)?);
    let (form, secret) = (private.value(INTEGER)?, private.value(BYTES)?);
    let mut public = Der(Der(certified).value(SEQUENCE)?);
    public.value(SEQUENCE)?;
    let point = value(BITS, &[public.value(BITS)?]);
    let private = [
        value(INTEGER, &[form]),
        value(BYTES, &[secret]),
        value(PUBLIC, &[&point]),
    ];
    let info = [
        value(INTEGER, &[version]),
        value(SEQUENCE, &[algorithm]),
        value(BYTES, &[&value(SEQUENCE, &[&private.concat()])]),
    ];
    Some(value(SEQUENCE, &[&info.concat()]))
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PublicKeyData as _};

    use super::*;

    #[test]
    fn the_bits_of_an_rsa_key_are_counted() {
        let public = |modulus: &[u8]| {
            let key = value(
                SEQUENCE,
                &[&value(INTEGER, &[modulus]), &value(INTEGER, &[&[3]])],
            );
            let algorithm = value(SEQUENCE, &[RSA, &[5, 0]]);
            value(SEQUENCE, &[&algorithm, &value(BITS, &[&[0], &key])])
        };
        for (first, bits) in [(0x80, 1024), (0xff, 1024), (0x40, 1023), (1, 1017)] {
            let modulus = [&[0, first][..], &[0; 127]].concat();
            assert_eq!(rsa_bits(&public(&modulus)), Some(bits));
        }
        assert_eq!(rsa_bits(&public(&[0])), None);
        let ec = KeyPair::generate().unwrap().subject_public_key_info();
        assert_eq!(rsa_bits(&ec), None);
    }

    #[test]
    fn the_public_key_is_put_back() {
        let pair = KeyPair::generate().unwrap();
        let (whole, certified) = (pair.serialize_der(), pair.subject_public_key_info());
        assert_eq!(with_public_key(&whole, &certified), Some(whole.clone()));
        let mut info = Der(Der(&whole).value(SEQUENCE).unwrap());
        info.value(INTEGER).unwrap();
        let algorithm = info.value(SEQUENCE).unwrap();
        let mut private = Der(Der(info.value(BYTES).unwrap()).value(SEQUENCE).unwrap());
        private.value(INTEGER).unwrap();
        let private = [
            value(INTEGER, &[&[1]]),
            value(BYTES, &[private.value(BYTES).unwrap()]),
        ];
        let private = value(SEQUENCE, &[&private.concat()]);
        let parts = [
            value(INTEGER, &[&[0]]),
            value(SEQUENCE, &[algorithm]),
            value(BYTES, &[&private]),
        ];
        let without = value(SEQUENCE, &[&parts.concat()]);
        assert!(without.len() < whole.len());
        assert_eq!(with_public_key(&without, &certified), Some(whole));
        assert_eq!(with_public_key(b"\x30\x80", &certified), None);
    }
}

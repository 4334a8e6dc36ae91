//! ACL entries as they are written: what of one may be a secret.

use std::ops::Range;

/// The length of a digest: base64 of 20 bytes.
const DIGEST: usize = 28;

/// The part of an entry, as it is written, that may be a secret: a digest, or a password that
/// somebody wrote in its place.
pub(crate) fn secret_part(entry: &str) -> Option<Range<usize>> {
    let Some((scheme, rest)) = entry.split_once(':') else {
        let harmless = [
            "anyone", "auth", "digest", "ip", "sasl", "super", "world", "x509",
        ];
        let is_harmless = harmless.contains(&entry) || are_permissions(entry);
        return (!is_harmless && !entry.is_empty()).then_some(0..entry.len());
    };
    let mut start = scheme.len() + 1;
    match scheme {
        "world" | "ip" | "x509" | "sasl" => return None,
        "digest" | "auth" => match rest.split_once(':') {
            // Only the user, or only the password, which `auth` does not take.
            None if scheme == "auth" => return None,
            Some((_, letters)) if scheme == "auth" && are_permissions(letters) => {
                return None;
            }
            None => {}
            Some((_, letters)) if are_permissions(letters) => {}
            Some((user, _)) => start += user.len() + 1,
        },
        _ => {}
    }
    let secret = &entry[start..];
    let end = secret.rfind(':').filter(|end| {
        let letters = &secret[end + 1..];
        let is_short = letters.len() <= 5 && letters.bytes().all(|b| b.is_ascii_lowercase());
        *end == DIGEST && is_short || letters.bytes().all(|b| b"cdrwa".contains(&b))
    });
    let end = start + end.unwrap_or(secret.len());
    (start < end).then_some(start..end)
}

/// Whether text names permissions: letters of `cdrwa`, each at most once.
pub(crate) fn are_permissions(letters: &str) -> bool {
    let is_new =
        |(i, letter): (usize, char)| "cdrwa".contains(letter) && !letters[..i].contains(letter);
    !letters.is_empty() && letters.char_indices().all(is_new)
}

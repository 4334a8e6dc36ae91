//! Numbers, kept exact.

use num_bigint::BigInt;
use serde_json::Number;

use crate::syntax::parser::error::ErrorKind;

/// Whether a number is octal only because of a zero at its start.
pub(super) fn has_leading_zero(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
    let digits = digits.trim_end_matches(['l', 'L']);
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(is_digit)
}

/// Reads a number of the language; JSON keeps its value exactly, and decimals as they are written.
pub(super) fn number(text: &str) -> Result<String, ErrorKind> {
    let error = || ErrorKind::Number {
        text: text.to_owned(),
    };
    let signs = text.len()
        - text
            .trim_start_matches(['+', '-', ' ', '\t', '\u{b}', '\u{c}'])
            .len();
    let negative = text[..signs].matches('-').count() % 2 == 1;
    let body = text[signs..].to_ascii_lowercase();
    let (radix, digits) = match body.get(..2) {
        Some("0x") => (16, &body[2..]),
        Some("0o") => (8, &body[2..]),
        Some("0b") => (2, &body[2..]),
        _ => (10, body.as_str()),
    };
    if radix == 10 && digits.ends_with('j') {
        let what = "a complex number";
        return Err(ErrorKind::NotJson {
            what,
            instead: None,
        });
    }
    let long = digits.strip_suffix('l');
    let integer = long.unwrap_or(digits);
    let json = if radix != 10 {
        let digits = integer.strip_prefix('_').unwrap_or(integer);
        in_radix(digits, radix).ok_or_else(error)?
    } else if integer
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_')
    {
        let digits = without_underscores(integer).ok_or_else(error)?;
        // A leading zero means octal, as it did in Python 2.
        if digits.len() > 1 && digits.starts_with('0') {
            in_radix(&digits, 8).ok_or_else(error)?
        } else {
            digits
        }
    } else if long.is_none() {
        float(digits).ok_or_else(error)?
    } else {
        return Err(error());
    };
    let number: Number = format!("{}{json}", if negative { "-" } else { "" })
        .parse()
        .map_err(|_| error())?;
    Ok(number.to_string())
}

/// How many digits a number in another base than ten may have.
const MAX_DIGITS: usize = 10_000;

fn in_radix(digits: &str, radix: u32) -> Option<String> {
    let digits = without_underscores(digits)?;
    // Turning digits to another base takes time with the square of their number.
    if digits.starts_with(['+', '-']) || digits.len() > MAX_DIGITS {
        return None;
    }
    BigInt::parse_bytes(digits.as_bytes(), radix).map(|value| value.to_string())
}

/// The digits without the underscores between them. Returns `None` if an underscore stands
/// elsewhere.
fn without_underscores(digits: &str) -> Option<String> {
    let misplaced = digits.is_empty()
        || digits.starts_with('_')
        || digits.ends_with('_')
        || digits.contains("__");
    (!misplaced).then(|| digits.replace('_', ""))
}

/// A decimal fraction in JSON's spelling: digits on both sides of the point, no leading zeros.
fn float(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| {
        let digits = if text.is_empty() {
            Some("0".to_owned())
        } else {
            without_underscores(text)
        };
        digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    let whole = digits(whole)?;
    let whole = whole.trim_start_matches('0');
    let mut json = if whole.is_empty() {
        "0".to_owned()
    } else {
        whole.to_owned()
    };
    if let Some(fraction) = fraction {
        json.push('.');
        json.push_str(&digits(fraction)?);
    }
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if unsigned.is_empty() {
            return None;
        }
        json.push('e');
        json.push_str(&exponent[..exponent.len() - unsigned.len()]);
        json.push_str(&digits(unsigned)?);
    }
    Some(json)
}

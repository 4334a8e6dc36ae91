//! Values of options: durations, sizes, addresses.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use zkt::SecretSources;

/// Durations are numbers with their units: 500ms, 10s, 2m, 1h 30m.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a number with a unit, as in 500ms, 10s or 2m".to_owned())
}

/// Sizes are numbers with their units: 64KiB, 256MiB, 1GiB; a bare number is bytes.
fn size(text: &str) -> Result<u64, String> {
    let error = || "expected a number of bytes, as in 512KiB, 64MiB or 1GiB".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "kb" => 1000,
        "m" | "mib" => 1 << 20,
        "mb" => 1_000_000,
        "g" | "gib" => 1 << 30,
        "gb" => 1_000_000_000,
        _ => return Err(error()),
    };
    let number: u64 = number.parse().map_err(|_| error())?;
    number.checked_mul(factor).ok_or_else(error)
}

pub(crate) fn file_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("expected more than nothing".to_owned()),
        size if size > u64::from(u32::MAX) => Err("expected less than 4GiB".to_owned()),
        size => Ok(size),
    }
}

/// The length of a request is an int of Java's.
pub(crate) fn request_size(text: &str) -> Result<usize, String> {
    match i32::try_from(size(text)?) {
        Ok(bytes) if bytes >= 1024 => Ok(bytes.unsigned_abs() as usize),
        _ => Err("expected at least 1KiB and less than 2GiB".to_owned()),
    }
}

pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    let text = match text.strip_prefix(':') {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let addresses = text.to_socket_addrs().ok();
    addresses
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| "expected an address with a port, as in 127.0.0.1:2181 or :0".to_owned())
}

/// The name of a layer.
pub(crate) fn layer(text: &str) -> Result<String, String> {
    match text {
        "" => Err("a layer is a file, a directory, git:REV:PATH or -".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// What may be taken by `@secret … from`.
pub(crate) fn allowed_secret(text: &str) -> Result<String, String> {
    let allowed = SecretSources::none().allow_only(&[text.to_owned()]);
    allowed.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(file_size("1000"), Ok(1000));
        assert_eq!(file_size("256MiB"), Ok(256 << 20));
        assert_eq!(file_size("2 kb"), Ok(2000));
        for wrong in ["", "0", "x", "-1", "1.5MiB", "4GiB", "99999999999999GiB"] {
            assert!(file_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_have_sizes_of_javas_ints() {
        assert_eq!(request_size("1048575"), Ok(1_048_575));
        assert_eq!(request_size("10MiB"), Ok(10 << 20));
        for wrong in ["", "10", "-1", "1.5MiB", "2GiB", "99999999999999999999"] {
            assert!(request_size(wrong).is_err(), "{wrong}");
        }
    }
}

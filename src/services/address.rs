//! The address that a service is registered under, which is the name of its node.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dns_lookup::{AddrInfoHints, get_hostname, getaddrinfo};

use super::error::{AddressError, Error};
use crate::model::path::check_name;

/// `AI_CANONNAME`, which is the same number everywhere.
const CANONICAL_NAME: i32 = 2;

/// Where a service listens: host and port.
///
/// An empty host, as in `":8080"`, stands for all of this machine's addresses. [`Address::name`]
/// takes any other text that can name a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Text(String),
    /// A port on all addresses.
    Everywhere(u16),
    /// No address.
    Name(String),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        if address.ip().is_unspecified() {
            return Self(Form::Everywhere(address.port()));
        }
        Self(Form::Text(address.to_string()))
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Self {
        if host.is_empty() {
            return Self(Form::Everywhere(port));
        }
        // A bare IPv6 address could not be told apart from its port.
        let is_bare = host.contains(':') && !host.starts_with('[');
        Self(Form::Text(if is_bare {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }))
    }
}

impl From<(String, u16)> for Address {
    fn from((host, port): (String, u16)) -> Self {
        Self::from((host.as_str(), port))
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        match text.strip_prefix(':').map(parse_port) {
            Some(Ok(port)) => Self(Form::Everywhere(port)),
            _ => Self(Form::Text(text.to_owned())),
        }
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    // The parser of numbers takes a sign, too.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    match text.parse() {
        Ok(port) if is_number => Ok(port),
        _ => Err(AddressError::Port),
    }
}

/// Checks that a text is `HOST:PORT`, so that it can stand in the configuration of any proxy: a name
/// of ASCII letters, digits, `-`, `_` and dots, an IPv4 address, or an IPv6 address in brackets.
pub(crate) fn check_address(text: &str) -> Result<(), AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
    if host.is_empty() {
        parse_port(port)?;
        return Err(AddressError::NoHost);
    }
    if let Some(inner) = host.strip_prefix('[') {
        let ip = inner.strip_suffix(']').and_then(|ip| ip.parse().ok());
        let ip: Ipv6Addr = ip.ok_or(AddressError::Ipv6)?;
        parse_port(port)?;
        return check_ip(ip.into());
    }
    if host.contains(':') {
        let is_ip = text.parse::<Ipv6Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok();
        return Err(if is_ip {
            AddressError::Brackets
        } else {
            AddressError::Host
        });
    }
    parse_port(port)?;
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return check_ip(ip.into());
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(AddressError::Host);
    }
    // Resolvers take what ends in a number for an IPv4 address: 127.1, 0x7f000001.
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_number {
        Err(AddressError::Ipv4)
    } else {
        Ok(())
    }
}

fn check_ip(ip: IpAddr) -> Result<(), AddressError> {
    let is_unspecified = match ip {
        IpAddr::V4(ip) => ip.is_unspecified(),
        IpAddr::V6(ip) => {
            ip.is_unspecified() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_unspecified())
        }
    };
    if is_unspecified {
        Err(AddressError::Unspecified(ip))
    } else {
        Ok(())
    }
}

fn is_label(label: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&label.len())
        && label.bytes().all(is_of_name)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl Address {
    /// Any text that can name a node, for what is found by its name and not reached by an address.
    /// [`Discovery`](super::Discovery) leaves it out.
    #[must_use]
    pub fn name(text: impl Into<String>) -> Self {
        Self(Form::Name(text.into()))
    }

    /// Checks the form: `HOST:PORT` or `:PORT`, with a port from 1 to 65535 and a host that others
    /// can reach, so no `0.0.0.0` and no `[::]`.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn check(&self) -> Result<(), Error> {
        let (text, result) = match &self.0 {
            Form::Everywhere(0) => (":0".to_owned(), Err(AddressError::Port)),
            Form::Everywhere(_) => return Ok(()),
            Form::Text(text) => (text.clone(), check_address(text)),
            Form::Name(text) => (text.clone(), check_name(text).map_err(AddressError::Name)),
        };
        result.map_err(|reason| Error::Address {
            address: text,
            reason,
        })
    }

    /// The names of the nodes to register: for an empty host one for each of this machine's IPv4
    /// addresses but loopback ones, and where there are none, for the loopback address; with `ipv6`
    /// also for each IPv6 address that is not only valid on its link. Where the addresses cannot be
    /// found out it is the fully qualified host name.
    ///
    /// # Errors
    /// Those of [`Address::check`], and [`Error::Address`] where this machine has no address.
    pub async fn names(&self, ipv6: bool) -> Result<Vec<String>, Error> {
        self.check()?;
        let names = match &self.0 {
            Form::Text(text) | Form::Name(text) => vec![text.clone()],
            Form::Everywhere(port) => {
                let port = *port;
                let work = tokio::task::spawn_blocking(move || everywhere(port, ipv6));
                work.await
                    .unwrap_or_else(|error| Err(error.into()))
                    .map_err(|error| Error::Address {
                        address: format!(":{port}"),
                        reason: AddressError::System(error.into()),
                    })?
            }
        };
        for name in &names {
            check_name(name).map_err(|error| Error::Address {
                address: name.clone(),
                reason: AddressError::Name(error),
            })?;
        }
        Ok(names)
    }
}

fn everywhere(port: u16, ipv6: bool) -> io::Result<Vec<String>> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let found = interfaces.iter().map(if_addrs::Interface::ip);
    let names = pick(found, port, ipv6);
    if !names.is_empty() {
        return Ok(names);
    }
    let host = get_hostname()?;
    let hints = AddrInfoHints {
        flags: CANONICAL_NAME,
        ..AddrInfoHints::default()
    };
    let canonical = getaddrinfo(Some(&host), None, Some(hints)).ok();
    let canonical = canonical.and_then(|mut found| found.next()?.ok()?.canonname);
    Ok(vec![format!("{}:{port}", canonical.unwrap_or(host))])
}

/// Chooses which of the machine's addresses to register.
fn pick(found: impl Iterator<Item = IpAddr>, port: u16, ipv6: bool) -> Vec<String> {
    let is_link_local = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let wanted = found.filter(|ip| (ipv6 || ip.is_ipv4()) && !is_link_local(ip));
    let (mut loopback, mut others): (Vec<_>, Vec<_>) = wanted.partition(IpAddr::is_loopback);
    let ips = if others.is_empty() {
        &mut loopback
    } else {
        &mut others
    };
    ips.sort_unstable();
    ips.dedup();
    ips.iter()
        .map(|ip| SocketAddr::new(*ip, port).to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in [
            "10.0.0.1:80",
            "h:1",
            "my_host:65535",
            "xn--bcher-kva.example:8080",
            "a.b.:1",
            "3com.example:1",
            "[::1]:80",
            "[2001:db8::a]:8080",
            "[::ffff:10.0.0.1]:1",
            "A-b:2",
        ] {
            assert_eq!(check_address(text), Ok(()), "{text}");
        }
        let long = format!("{}:1", "a".repeat(64));
        for text in [
            "1.2.3.4:80 ; server evil",
            "a b:80",
            "h:99999",
            "h:65536",
            "h:0",
            "h:080",
            "h:+80",
            "h",
            "",
            ":",
            ":80",
            "h:",
            "h:80 ",
            " h:80",
            "h:80\n",
            "h\u{202e}:80",
            "h\u{200b}:80",
            "h:8\u{661}",
            "b\u{fc}cher:80",
            "h;:80",
            "h{:80",
            "$h:80",
            "`id`:80",
            "-h:80",
            "h-:80",
            "a..b:1",
            ".:1",
            "h#:1",
            "u@h:1",
            "http://h:1",
            "h:1/x",
            "0.0.0.0:80",
            "[::]:80",
            "[::ffff:0.0.0.0]:80",
            "127.1:80",
            "1.2.3:80",
            "256.1.1.1:80",
            "0:80",
            "0x7f.0x1:80",
            "0x7f000001:80",
            "0x:80",
            "::1:80",
            "::1",
            "[::1]",
            "[::1:80",
            "[fe80::1%eth0]:80",
            "[10.0.0.1]:80",
            "[h]:80",
            &long,
        ] {
            assert!(check_address(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_port_alone_is_everywhere() {
        for text in [":80", ":65535"] {
            assert_eq!(Address::from(text).check(), Ok(()), "{text}");
        }
        for text in [":0", ":65536", ":+80", ":", ""] {
            assert!(Address::from(text).check().is_err(), "{text:?}");
        }
        assert_eq!(Address::name("worker 7").check(), Ok(()));
        assert!(Address::name("a/b").check().is_err());
    }

    #[test]
    fn loopback_addresses_are_the_last_resort() {
        let ips =
            |text: &str| -> Vec<IpAddr> { text.split(' ').map(|ip| ip.parse().unwrap()).collect() };
        let picked = |text: &str, ipv6| pick(ips(text).into_iter(), 80, ipv6).join(" ");
        let all = "127.0.0.1 ::1 10.0.0.2 fe80::1 2001:db8::1 169.254.0.1 10.0.0.1 10.0.0.2";
        assert_eq!(picked(all, false), "10.0.0.1:80 10.0.0.2:80");
        assert_eq!(
            picked(all, true),
            "10.0.0.1:80 10.0.0.2:80 [2001:db8::1]:80"
        );
        assert_eq!(picked("127.0.0.1 ::1 fe80::1", false), "127.0.0.1:80");
        assert_eq!(picked("127.0.0.1 ::1", true), "127.0.0.1:80 [::1]:80");
        assert_eq!(picked("fe80::1", false), "");
    }
}

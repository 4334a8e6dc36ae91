//! The address that a service is registered under, which is the name of its node.

use std::net::{IpAddr, SocketAddr};

use dns_lookup::{AddrInfoHints, get_hostname, getaddrinfo};

use super::error::Error;
use crate::path::check_name;

/// `AI_CANONNAME`, which is the same number everywhere.
const CANONICAL_NAME: i32 = 2;

/// Where a service listens: host and port, or any text that can name a node.
///
/// An empty host, as in `":8080"`, stands for all of this machine's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Text(String),
    /// A port on all addresses.
    Everywhere(u16),
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
        // A bare IPv6 address would not be told from its port.
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
        match text.strip_prefix(':').map(str::parse) {
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

impl Address {
    /// The names of the nodes to register: for an empty host one for each of this machine's IPv4
    /// addresses but loopback ones, and where there are none, for the loopback address; with `ipv6`
    /// also for each IPv6 address that is not only valid on its link. Where the addresses cannot be
    /// found out it is the fully qualified host name.
    ///
    /// # Errors
    /// [`Error::Address`] where a name cannot name a node, or there is none.
    pub async fn names(&self, ipv6: bool) -> Result<Vec<String>, Error> {
        let names = match &self.0 {
            Form::Text(text) => vec![text.clone()],
            Form::Everywhere(port) => {
                let port = *port;
                let work = tokio::task::spawn_blocking(move || everywhere(port, ipv6));
                work.await
                    .unwrap_or_else(|error| Err(error.to_string()))
                    .map_err(|reason| Error::Address {
                        address: format!(":{port}"),
                        reason,
                    })?
            }
        };
        for name in &names {
            check_name(name).map_err(|error| Error::Address {
                address: name.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(names)
    }
}

fn everywhere(port: u16, ipv6: bool) -> Result<Vec<String>, String> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let found = interfaces.iter().map(if_addrs::Interface::ip);
    let names = pick(found, port, ipv6);
    if !names.is_empty() {
        return Ok(names);
    }
    let host = get_hostname().map_err(|error| error.to_string())?;
    let hints = AddrInfoHints {
        flags: CANONICAL_NAME,
        ..AddrInfoHints::default()
    };
    let canonical = getaddrinfo(Some(&host), None, Some(hints)).ok();
    let canonical = canonical.and_then(|mut found| found.next()?.ok()?.canonname);
    Ok(vec![format!("{}:{port}", canonical.unwrap_or(host))])
}

/// Of a machine's addresses those to register.
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

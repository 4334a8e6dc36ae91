//! Which servers, and which chroot: the string that names them.

use std::fmt;

use crate::model::path::{self, ZPath};

/// What is wrong with a host string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// No server, or none between two commas.
    #[error("a host is empty, where h1:2181,h2:2181/chroot is expected")]
    EmptyHost,
    /// Something else than a comma between two servers.
    #[error("expected commas between servers, as in h1:2181,h2:2181/chroot, found {0:?}")]
    Separator(String),
    /// A control character.
    #[error("expected a host name or an address, found {0:?}")]
    Blank(String),
    /// A colon without a port.
    #[error("{0:?} has no port after the colon; without the colon it is 2181")]
    NoPort(String),
    /// The port is not one.
    #[error("expected a port from 1 to 65535, found {0:?}")]
    Port(String),
    /// An IPv6 address without its brackets, or with one of them.
    #[error("expected an IPv6 address in brackets, found {0:?}")]
    Brackets(String),
    /// A user and a password before an at sign.
    #[error("expected h1:2181,h2:2181/chroot, without a user and a password")]
    Credentials,
    /// Another scheme than the two that there are.
    #[error("expected tcp:// or tcp+tls:// before a server, or neither, without {0}://")]
    Url(String),
    /// A chroot behind each server.
    #[error("the chroot stands once, behind the last server, as in h1:2181,h2:2181/chroot")]
    SeveralChroots,
    /// The chroot is not a path.
    #[error("the chroot is no path: {0}")]
    Chroot(path::Error),
}

/// A checked host string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Servers {
    /// `h1:2181,tcp+tls://h2:2281`.
    pub(super) list: String,
    pub(super) each: Vec<Server>,
    pub(super) chroot: ZPath,
}

/// One of the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// As it was given.
    pub(super) shown: String,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) scheme: Scheme,
}

#[cfg(any(feature = "sasl", feature = "tls"))]
impl Server {
    /// Host and port as they were given, without what stands before them.
    pub(super) fn address(&self) -> &str {
        split_scheme(&self.shown).1
    }
}

/// What stands before a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Nothing: the options say whether it speaks TLS.
    None,
    /// `tcp://`.
    Plain,
    /// `tcp+tls://`.
    Tls,
}

const SCHEMES: [(&str, Scheme); 2] = [("tcp://", Scheme::Plain), ("tcp+tls://", Scheme::Tls)];
/// The port of a server that names none.
const PORT: u16 = 2181;

impl Servers {
    pub(super) fn parse(text: &str) -> Result<Self, HostsError> {
        let mut before = text;
        while let Some((rest, _)) = before.rsplit_once("://") {
            let scheme = rest.rsplit([',', '/']).next().unwrap_or(rest).trim();
            if !SCHEMES
                .iter()
                .any(|(known, _)| known[..known.len() - 3] == *scheme)
            {
                return Err(HostsError::Url(scheme.to_owned()));
            }
            before = rest;
        }
        if holds_credentials(&without_schemes(text)) {
            return Err(HostsError::Credentials);
        }
        let (mut each, mut rest) = (Vec::new(), text);
        let chroot = loop {
            let (scheme, host) = split_scheme(rest.trim_start());
            let end = host.find([',', '/']).unwrap_or(host.len());
            each.push((scheme, host[..end].trim()));
            match host[end..].strip_prefix(',') {
                Some(more) => rest = more,
                None if end == host.len() => break "/",
                None => break &host[end..],
            }
        };
        let each = each.into_iter().map(|(scheme, text)| server(scheme, text));
        let each: Vec<Server> = each.collect::<Result<_, _>>()?;
        if has_more_servers(chroot) {
            return Err(HostsError::SeveralChroots);
        }
        let chroot = ZPath::parse_lenient(chroot.trim_end()).map_err(HostsError::Chroot)?;
        let shown: Vec<&str> = each.iter().map(|server| server.shown.as_str()).collect();
        Ok(Self {
            list: shown.join(","),
            each,
            chroot,
        })
    }
}

/// What stands before a server, and the server.
fn split_scheme(text: &str) -> (Scheme, &str) {
    let mut known = SCHEMES.into_iter();
    known
        .find_map(|(before, scheme)| Some((scheme, text.strip_prefix(before)?)))
        .unwrap_or((Scheme::None, text))
}

fn without_schemes(text: &str) -> String {
    let known = SCHEMES.iter();
    known.fold(text.to_owned(), |text, (scheme, _)| {
        text.replace(scheme, "")
    })
}

/// Whether a chroot goes on with another server. A node's name may hold a comma, but hardly one with
/// a port or with the same chroot behind it.
fn has_more_servers(chroot: &str) -> bool {
    let mut parts = chroot.split([',', ';', ' ']).map(str::trim);
    let first = parts.next().unwrap_or_default().trim_end_matches('/');
    parts.any(|part| {
        let (_, part) = split_scheme(part);
        let (host, path) = part.split_at(part.find('/').unwrap_or(part.len()));
        let port = host.rsplit_once(':').map(|(_, port)| port);
        let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
        has_port || !path.is_empty() && path.trim_end_matches('/') == first
    })
}

/// Whether a host string has a user or a password in front of a server. A node of the chroot may
/// have an at sign in its name; a password may have a slash.
fn holds_credentials(text: &str) -> bool {
    let list = text.split('/').next().unwrap_or(text);
    let port = list.rsplit_once(':').map_or("", |(_, port)| port);
    let is_cut = !port.bytes().all(|byte| byte.is_ascii_digit());
    list.contains('@') || is_cut && !list.starts_with('[') && text.contains('@')
}

/// A host string as it may be shown: what stands before an at sign may be a password.
pub(super) fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, rest)) if text.contains("://") || holds_credentials(text) => {
            let end = before.find("://").map_or(0, |at| at + "://".len());
            format!("{}…@{rest}", &before[..end])
        }
        _ => text.to_owned(),
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.list, self.chroot)
    }
}

fn server(scheme: Scheme, text: &str) -> Result<Server, HostsError> {
    if text.contains(|c: char| c == ';' || c.is_whitespace()) {
        return Err(HostsError::Separator(text.to_owned()));
    }
    let brackets = || HostsError::Brackets(text.to_owned());
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(brackets)?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(brackets()),
        }
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err(brackets()),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err(HostsError::EmptyHost);
    }
    if host.contains(|c: char| c.is_control()) {
        return Err(HostsError::Blank(host.to_owned()));
    }
    let port = match port.map(str::parse::<u16>) {
        None => PORT,
        Some(Ok(port @ 1..)) => port,
        Some(_) if port == Some("") => return Err(HostsError::NoPort(text.to_owned())),
        Some(_) => return Err(HostsError::Port(port.unwrap_or_default().to_owned())),
    };
    let before = SCHEMES.iter().find(|(_, one)| *one == scheme);
    let before = before.map_or("", |(before, _)| before);
    Ok(Server {
        shown: format!("{before}{text}"),
        host: host.to_owned(),
        port,
        scheme,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(text: &str) -> Result<String, HostsError> {
        Servers::parse(text).map(|servers| servers.to_string())
    }

    #[test]
    fn host_strings() {
        assert_eq!(display("h:2181"), Ok("h:2181/".to_owned()));
        assert_eq!(display("h1:1, h2/a/b"), Ok("h1:1,h2/a/b".to_owned()));
        assert_eq!(
            display("[::1]:2181,[::2]/"),
            Ok("[::1]:2181,[::2]/".to_owned())
        );
        assert_eq!(display(""), Err(HostsError::EmptyHost));
        assert_eq!(display("h,,i"), Err(HostsError::EmptyHost));
        assert_eq!(display(":2181"), Err(HostsError::EmptyHost));
        assert_eq!(display("/a"), Err(HostsError::EmptyHost));
        assert_eq!(display("h:"), Err(HostsError::NoPort("h:".to_owned())));
        assert_eq!(display("h:0"), Err(HostsError::Port("0".to_owned())));
        assert_eq!(
            display("h:65536"),
            Err(HostsError::Port("65536".to_owned()))
        );
        assert_eq!(display("::1"), Err(HostsError::Brackets("::1".to_owned())));
        assert_eq!(
            display("[::1"),
            Err(HostsError::Brackets("[::1".to_owned()))
        );
        assert_eq!(display("h//a/"), Ok("h/a".to_owned()));
        assert_eq!(display("h\0"), Err(HostsError::Blank("h\0".to_owned())));
        for several in ["h b", "h:1 i:1", "h;i", "h:1;i:1/a", "h:1, i:1 j:1"] {
            let Err(HostsError::Separator(found)) = display(several) else {
                panic!("{several}");
            };
            assert!(several.ends_with(&found) || several.starts_with(&found));
        }
    }

    #[test]
    fn schemes_stand_before_each_server() {
        let hosts = "tcp+tls://h1:2281, tcp://[::1] ,h3/a/b";
        let servers = Servers::parse(hosts).unwrap();
        assert_eq!(servers.to_string(), "tcp+tls://h1:2281,tcp://[::1],h3/a/b");
        let each: Vec<_> = servers
            .each
            .iter()
            .map(|one| (one.scheme, &*one.host, one.port))
            .collect();
        let expected = [
            (Scheme::Tls, "h1", 2281),
            (Scheme::Plain, "::1", 2181),
            (Scheme::None, "h3", 2181),
        ];
        assert_eq!(each, expected);
        assert_eq!(display("tcp+tls://"), Err(HostsError::EmptyHost));
        assert_eq!(display("tcp+tls:///a"), Err(HostsError::EmptyHost));
        assert_eq!(display("tcp+tls://h,"), Err(HostsError::EmptyHost));
        assert_eq!(
            display("tcp://h:"),
            Err(HostsError::NoPort("h:".to_owned()))
        );
        assert_eq!(
            shown("h,tcp+tls://me:pw@h:2181/a"),
            "h,tcp+tls://…@h:2181/a"
        );
    }

    #[test]
    fn urls_credentials_and_chroots() {
        let chroot = |error| Err(HostsError::Chroot(error));
        let url = |scheme: &str| Err(HostsError::Url(scheme.to_owned()));
        assert_eq!(display("zk://h:2181/a"), url("zk"));
        assert_eq!(display("h:1, zk://h:2181/a"), url("zk"));
        assert_eq!(display("tcp://h:1,tls://i:2/a"), url("tls"));
        assert_eq!(
            display("tcp+tls://tcp://h"),
            Err(HostsError::NoPort("tcp:".to_owned()))
        );
        for secret in [
            "me:pw@h:2181/a",
            "pw@h",
            "h:1,me:pw@i",
            "me:p/w@h:2181",
            "tcp+tls://me:pw@h:2281",
            "h:1,tcp+tls://me:pw@h:2281/a",
        ] {
            assert_eq!(display(secret), Err(HostsError::Credentials), "{secret}");
            assert!(!shown(secret).contains('w'), "{secret}");
        }
        assert_eq!(display("h:1/a@b"), Ok("h:1/a@b".to_owned()));
        for several in [
            "h/a,h/a",
            "h/a,i/a/",
            "h:1/a,i:1/b",
            "h/a,i:1",
            "h:1/a, i:2/a, j:3/a",
            "h:1/a i:2/a",
            "h:1/a;i:2/a",
            "tcp+tls://h:1/a,tcp+tls://i:1/a",
            "tcp://h/a,tcp://i/a",
        ] {
            assert_eq!(
                display(several),
                Err(HostsError::SeveralChroots),
                "{several}"
            );
        }
        assert_eq!(display("h/a,b"), Ok("h/a,b".to_owned()));
        assert_eq!(display("h/a b;c"), Ok("h/a b;c".to_owned()));
        assert_eq!(display("h/a,b/c"), Ok("h/a,b/c".to_owned()));
        assert_eq!(shown("zk://me:pw@h:2181/a"), "zk://…@h:2181/a");
        assert_eq!(shown("h:2181/a@b"), "h:2181/a@b");
        assert_eq!(
            display("h/.."),
            chroot(path::Error::DotName("..".to_owned()))
        );
    }
}

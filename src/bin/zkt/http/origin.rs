//! Whom an address answers. A page of any website may make the browser of whoever reads it
//! send requests to this machine, also under a name of its own that it lets lead here (DNS rebinding).

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{Request, StatusCode, Version};

/// The names under which the address may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    listening: IpAddr,
    allowed: Vec<String>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// It names no host, or several, or what is no host.
    NoHost,
    /// It names another host.
    Host,
    /// A page from elsewhere sends it.
    Origin,
}

impl Foreign {
    /// The status of the answer, and what it says; the option `allow` allows other names of hosts.
    pub(crate) fn told(self, allow: &str) -> (StatusCode, String) {
        match self {
            Self::NoHost => (
                StatusCode::BAD_REQUEST,
                "a request names one host".to_owned(),
            ),
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                format!(
                    "this answers to localhost and to the address that it listens on; \
                     {allow} NAME allows another name"
                ),
            ),
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "pages from elsewhere may not ask for this".to_owned(),
            ),
        }
    }
}

impl Hosts {
    /// Those of an address that is listened on, and names that are allowed besides.
    pub(crate) fn new(listening: IpAddr, allowed: &[String]) -> Self {
        let allowed = allowed.iter().map(|name| plain(name)).collect();
        Self { listening, allowed }
    }

    /// Checks for which host a request is meant. Probes of HTTP/1.0 need not say; browsers do.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), Foreign> {
        if let Some(authority) = request.uri().authority()
            && !self.is_known(authority.as_str())
        {
            return Err(Foreign::Host);
        }
        match host(request.headers())? {
            Some(host) if self.is_known(host) => Ok(()),
            Some(_) => Err(Foreign::Host),
            None if request.version() <= Version::HTTP_10 => Ok(()),
            None => Err(Foreign::NoHost),
        }
    }

    /// Checks that no page from elsewhere sends a request that does something.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Foreign> {
        if let Some(site) = headers.get("sec-fetch-site")
            && site != "same-origin"
            && site != "none"
        {
            return Err(Foreign::Origin);
        }
        for origin in headers.get_all(ORIGIN) {
            let origin = origin.to_str().map_err(|_| Foreign::Origin)?;
            let scheme = ["http://", "https://"].into_iter();
            let mut at = scheme.filter_map(|scheme| origin.strip_prefix(scheme));
            let at = at.next().ok_or(Foreign::Origin)?;
            let is_here = host(headers)?.is_some_and(|host| host.eq_ignore_ascii_case(at));
            let is_allowed = || split(at).is_some_and(|name| self.allowed.contains(&plain(name)));
            if !is_here && !is_allowed() {
                return Err(Foreign::Origin);
            }
        }
        Ok(())
    }

    /// A website's own name is never an IP address: where all of the machine's addresses are listened
    /// on, any of them will do.
    fn is_known(&self, host: &str) -> bool {
        let Some(name) = split(host) else {
            return false;
        };
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if let Ok(ip) = bare.unwrap_or(name).parse::<IpAddr>() {
            let ip = ip.to_canonical();
            return ip.is_loopback()
                || self.listening.is_unspecified()
                || ip == self.listening.to_canonical();
        }
        let name = plain(name);
        name == "localhost" || name.ends_with(".localhost") || self.allowed.contains(&name)
    }
}

/// The host that a request names; an error where it names several.
fn host(headers: &HeaderMap) -> Result<Option<&str>, Foreign> {
    let mut hosts = headers.get_all(HOST).iter();
    let first = hosts.next();
    if hosts.next().is_some() {
        return Err(Foreign::NoHost);
    }
    first
        .map(|host| host.to_str().map_err(|_| Foreign::NoHost))
        .transpose()
}

/// A host without its port; `None` where it is not well formed.
fn split(host: &str) -> Option<&str> {
    let end = match host.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(end);
    let is_port = |port: &str| {
        port.is_empty()
            || port
                .strip_prefix(':')
                .is_some_and(|port| port.parse::<u16>().is_ok())
    };
    (!name.is_empty() && is_port(port)).then_some(name)
}

/// A name as it is compared.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn hosts(listening: &str) -> Hosts {
        Hosts::new(listening.parse().unwrap(), &["Watch.example.".to_owned()])
    }

    #[test]
    fn only_its_own_names_are_answered() {
        let here = hosts("10.1.2.3");
        for host in [
            "localhost",
            "LOCALHOST.:9181",
            "a.localhost:1",
            "127.0.0.1:9181",
            "127.9.9.9",
            "[::1]:9181",
            "[::ffff:127.0.0.1]",
            "10.1.2.3:80",
            "watch.example:9181",
        ] {
            assert_eq!(here.check(&request(&[("host", host)])), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9181",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.1.2.4",
            "",
            ":80",
            "localhost:x",
            "localhost:99999",
            "[::1",
            "[::1]evil",
            "localhost@evil.example",
            "0x7f000001",
        ] {
            let checked = here.check(&request(&[("host", host)]));
            assert_eq!(checked, Err(Foreign::Host), "{host}");
        }
        let everywhere = hosts("::");
        assert_eq!(
            everywhere.check(&request(&[("host", "10.9.9.9:1")])),
            Ok(())
        );
        let checked = everywhere.check(&request(&[("host", "evil.example")]));
        assert_eq!(checked, Err(Foreign::Host));
        let two = request(&[("host", "localhost"), ("host", "evil.example")]);
        assert_eq!(here.check(&two), Err(Foreign::NoHost));
        assert_eq!(here.check(&request(&[])), Err(Foreign::NoHost));
        let whole = Request::builder()
            .uri("http://evil.example/")
            .header("host", "localhost");
        assert_eq!(here.check(&whole.body(()).unwrap()), Err(Foreign::Host));
        let old = Request::builder()
            .version(Version::HTTP_10)
            .body(())
            .unwrap();
        assert_eq!(here.check(&old), Ok(()));
    }

    #[test]
    fn only_its_own_page_may_ask_for_something() {
        let here = hosts("127.0.0.1");
        let checked = |name: &str, value: &str| {
            let request = request(&[("host", "localhost:9181"), (name, value)]);
            here.check_origin(request.headers())
        };
        assert_eq!(checked("accept", "*/*"), Ok(()));
        for origin in [
            "http://localhost:9181",
            "https://LOCALHOST:9181",
            "https://watch.example",
        ] {
            assert_eq!(checked("origin", origin), Ok(()), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://evil.example",
            "http://localhost",
            "http://localhost:3000",
            "http://localhost:9181.evil.example",
            "file://localhost:9181",
            "http://watch.example@evil.example",
        ] {
            assert_eq!(checked("origin", origin), Err(Foreign::Origin), "{origin}");
        }
        assert_eq!(checked("sec-fetch-site", "same-origin"), Ok(()));
        assert_eq!(
            checked("sec-fetch-site", "cross-site"),
            Err(Foreign::Origin)
        );
        assert_eq!(checked("sec-fetch-site", "same-site"), Err(Foreign::Origin));
    }
}

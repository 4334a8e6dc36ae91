//! Whom the client library means by a port of this machine, for logs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::zookeeper::session::hosts::Server;

/// The servers behind the ports that are open.
static NAMES: Mutex<BTreeMap<u16, String>> = Mutex::new(BTreeMap::new());

/// What the client library writes before a port.
const BEFORE: &str = "tcp://127.0.0.1:";

/// The name of a port, as long as this lives.
#[derive(Debug)]
pub(super) struct Name(u16);

impl Name {
    pub(super) fn give(port: u16, server: &Server, speaks_tls: bool) -> Self {
        let scheme = if speaks_tls { "tcp+tls" } else { "tcp" };
        let name = format!("{scheme}://{}", server.address());
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(port, name);
        Self(port)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&self.0);
    }
}

/// A text of the client library, with servers in the place of the ports that lead to them.
pub(in super::super) fn with_names(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut named = String::new();
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(at) = rest.find(BEFORE) {
        let (before, address) = rest.split_at(at);
        let number = &address[BEFORE.len()..];
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let port = number[..digits].parse().ok();
        let end = BEFORE.len() + digits;
        let name = port.and_then(|port: u16| names.get(&port));
        named += before;
        named += name.map_or(&address[..end], String::as_str);
        rest = &address[end..];
    }
    match named.is_empty() {
        true => text.into(),
        false => (named + rest).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zookeeper::session::hosts::Servers;

    #[test]
    fn ports_are_named_while_they_are_open() {
        let servers = Servers::parse("tcp+tls://zk1:2281").unwrap();
        // Nobody can have it.
        let name = Name::give(0, &servers.each[0], true);
        let text = "session to tcp://127.0.0.1:0 [tcp://127.0.0.1:0, tcp://127.0.0.1:2181]";
        assert_eq!(
            with_names(text),
            "session to tcp+tls://zk1:2281 [tcp+tls://zk1:2281, tcp://127.0.0.1:2181]"
        );
        drop(name);
        assert_eq!(with_names(text), text);
        assert_eq!(with_names("tcp://127.0.0.1:"), "tcp://127.0.0.1:");
    }
}

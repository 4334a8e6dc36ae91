//! Requests that read: nodes, children, ACLs, and what is known of the session itself.

use std::borrow::Cow;

use super::acl::{self, permission};
use super::caller::Caller;
use super::code::ErrorCode;
use super::dialect::Difference;
use super::node::Node;
use super::reply::{put_acl, put_stat, put_texts};
use super::request::{PathAndWatch, RequestKind, named};
use super::state::State;
use super::watches::Mode;
use super::wire::{Reader, Write as _};

impl State {
    /// Answers a reading request. The header has been read.
    pub(crate) fn read(
        &mut self,
        caller: Caller,
        kind: RequestKind,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        let reader = &mut Reader::new(body);
        match kind {
            RequestKind::Exists => self.exists(caller, &PathAndWatch::read(reader)?, out),
            RequestKind::GetData => {
                let PathAndWatch { path, watch } = PathAndWatch::read(reader)?;
                self.get_data(caller, named(&path)?, watch, out)
            }
            RequestKind::GetChildren | RequestKind::GetChildren2 => {
                let PathAndWatch { path, watch } = PathAndWatch::read(reader)?;
                let path = named(&path)?;
                self.get_children(caller, path, watch, out)?;
                if kind == RequestKind::GetChildren2 {
                    put_stat(out, &self.node(path)?.stat());
                }
                Ok(())
            }
            RequestKind::GetAcl => self.get_acl(caller, named(&reader.text()?)?, out),
            RequestKind::GetAllChildrenNumber => {
                let path = reader.text()?;
                let path = named(&path)?;
                self.readable(caller, path)?;
                out.put_count(self.tree.count_below(path));
                Ok(())
            }
            RequestKind::GetEphemerals => {
                self.get_ephemerals(caller, reader.text()?.as_deref(), out);
                Ok(())
            }
            RequestKind::Sync => {
                match reader.text()? {
                    Some(path) => out.put_text(&path),
                    None => out.put_buffer(None),
                }
                Ok(())
            }
            RequestKind::WhoAmI => {
                self.who_am_i(caller, out);
                Ok(())
            }
            _ => Err(ErrorCode::Unimplemented),
        }
    }

    fn node(&self, path: &str) -> Result<&Node, ErrorCode> {
        self.tree.get(path).ok_or(ErrorCode::NoNode)
    }

    fn permits(&self, caller: Caller, list: &[acl::Acl], wanted: i32) -> bool {
        self.connections
            .get(&caller.connection)
            .is_some_and(|connection| acl::allows(list, wanted, &connection.identities))
    }

    fn readable(&self, caller: Caller, path: &str) -> Result<&Node, ErrorCode> {
        let node = self.node(path)?;
        if self.permits(caller, &node.acl, permission::READ) {
            Ok(node)
        } else {
            Err(ErrorCode::NoAuth)
        }
    }

    /// A path without a node can be watched, too. That needs no permission.
    fn exists(
        &mut self,
        caller: Caller,
        asked: &PathAndWatch<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        let path = named(&asked.path)?;
        if path.contains('\0') {
            return Err(ErrorCode::BadArguments);
        }
        if asked.watch {
            let watches = &mut self.watches.data;
            watches.add(path, caller.connection, Mode::OneShot);
        }
        let node = match self.exists_needs_read {
            true => self.readable(caller, path)?,
            false => self.node(path)?,
        };
        put_stat(out, &node.stat());
        Ok(())
    }

    pub(crate) fn get_data(
        &mut self,
        caller: Caller,
        path: &str,
        watch: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        let node = self.readable(caller, path)?;
        out.put_buffer(node.data.as_deref());
        put_stat(out, &node.stat());
        if watch {
            let watches = &mut self.watches.data;
            watches.add(path, caller.connection, Mode::OneShot);
        }
        Ok(())
    }

    pub(crate) fn get_children(
        &mut self,
        caller: Caller,
        path: &str,
        watch: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        put_texts(out, self.readable(caller, path)?.children());
        if watch {
            let watches = &mut self.watches.children;
            watches.add(path, caller.connection, Mode::OneShot);
        }
        Ok(())
    }

    fn get_acl(&self, caller: Caller, path: &str, out: &mut Vec<u8>) -> Result<(), ErrorCode> {
        let node = self.node(path)?;
        if !self.permits(caller, &node.acl, permission::READ | permission::ADMIN) {
            return Err(ErrorCode::NoAuth);
        }
        let is_open = || node.acl == *self.tree.open_acl();
        let list = if self.dialect.has(Difference::NoAclIsOpen) && is_open() {
            Cow::Owned(Vec::new())
        } else if self.dialect.has(Difference::HashesShown)
            || self.permits(caller, &node.acl, permission::ADMIN)
        {
            Cow::Borrowed(&*node.acl)
        } else {
            Cow::Owned(acl::redacted(&node.acl))
        };
        put_acl(out, &list);
        put_stat(out, &node.stat());
        Ok(())
    }

    /// The prefix is compared as text: `/a` is a prefix of `/ab`.
    fn get_ephemerals(&self, caller: Caller, beginning: Option<&str>, out: &mut Vec<u8>) {
        let is_space = |c: char| c <= ' ';
        let beginning = beginning
            .filter(|text| !matches!(text.trim_matches(is_space), "" | "/"))
            .unwrap_or_default();
        let paths = self.tree.ephemerals_of(caller.session);
        let paths = paths.iter().filter(|path| path.starts_with(beginning));
        put_texts(out, paths.map(String::as_str));
    }

    fn who_am_i(&self, caller: Caller, out: &mut Vec<u8>) {
        let Some(connection) = self.connections.get(&caller.connection) else {
            return;
        };
        out.put_count(connection.identities.iter().count());
        for identity in connection.identities.iter() {
            out.put_text(identity.scheme);
            out.put_text(identity.user());
        }
    }
}

//! Requests that set watches, set them again, check for them and remove them.

use super::caller::Caller;
use super::code::ErrorCode;
use super::reply::put_event;
use super::request::{RequestKind, Watches, named};
use super::state::State;
use super::watches::{ConnectionId, Kind, Mode, NodeEvent};
use super::wire::{Reader, Write as _};

impl State {
    /// A client that reconnects lists what it watches. What changed since the last
    /// transaction that it saw is reported at once; everything else is watched again.
    pub(crate) fn set_watches(
        &mut self,
        caller: Caller,
        kind: RequestKind,
        reader: &mut Reader<'_>,
    ) -> Result<(), ErrorCode> {
        let watches = Watches::read(reader, kind)?;
        let id = caller.connection;
        for path in &watches.data {
            let path = named(path)?;
            match self.tree.get(path) {
                None => self.event(id, NodeEvent::Deleted, path),
                Some(node) if node.mzxid > watches.relative_zxid => {
                    self.event(id, NodeEvent::DataChanged, path);
                }
                Some(_) => self.watches.data.add(path, id, Mode::OneShot),
            }
        }
        for path in &watches.exists {
            let path = named(path)?;
            match self.tree.get(path) {
                Some(_) => self.event(id, NodeEvent::Created, path),
                None => self.watches.data.add(path, id, Mode::OneShot),
            }
        }
        for path in &watches.children {
            let path = named(path)?;
            match self.tree.get(path) {
                None => self.event(id, NodeEvent::Deleted, path),
                Some(node) if node.pzxid > watches.relative_zxid => {
                    self.event(id, NodeEvent::ChildrenChanged, path);
                }
                Some(_) => self.watches.children.add(path, id, Mode::OneShot),
            }
        }
        for (paths, mode) in [
            (&watches.persistent, Mode::Persistent),
            (&watches.recursive, Mode::PersistentRecursive),
        ] {
            for path in paths.iter().flatten() {
                self.watches.add_persistent(path, id, mode);
            }
        }
        Ok(())
    }

    fn event(&mut self, id: ConnectionId, event: NodeEvent, path: &str) {
        self.send(id, |out| put_event(out, event, path));
    }

    pub(crate) fn add_watch(
        &mut self,
        caller: Caller,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        let path = reader.text()?;
        let mode = match reader.int()? {
            0 => Mode::Persistent,
            1 => Mode::PersistentRecursive,
            _ => return Err(ErrorCode::MarshallingError),
        };
        // A null path is accepted, and never has an event.
        if let Some(path) = path {
            self.watches.add_persistent(&path, caller.connection, mode);
        }
        out.put_int(0);
        Ok(())
    }

    pub(crate) fn about_watches(
        &mut self,
        caller: Caller,
        kind: RequestKind,
        reader: &mut Reader<'_>,
    ) -> Result<(), ErrorCode> {
        let path = reader.text()?;
        let which = Kind::from_number(reader.int()?).ok_or(ErrorCode::MarshallingError)?;
        let found = if kind == RequestKind::CheckWatches {
            let path = named(&path)?;
            // ZooKeeper fails on a path without a leading slash.
            if !path.is_empty() && !path.contains('/') {
                return Err(ErrorCode::MarshallingError);
            }
            self.watches.has_any(path, which)
        } else {
            path.is_some_and(|path| self.watches.remove(&path, which, caller.connection))
        };
        if found {
            Ok(())
        } else {
            Err(ErrorCode::NoWatcher)
        }
    }
}

//! Modes of the whole server that a test brings about, and the way back to the start.

use super::change::Change;
use super::node::Moment;
use super::request::{Connect, RequestKind};
use super::state::State;
use super::tree::Tree;

impl State {
    pub(crate) fn pause(&mut self) {
        self.faults.is_paused = true;
    }

    /// Clients could not show that they live meanwhile, so all get their whole timeouts.
    pub(crate) fn resume(&mut self) {
        if !std::mem::take(&mut self.faults.is_paused) {
            return;
        }
        let sessions: Vec<(i64, i32)> = self
            .sessions
            .iter()
            .map(|(id, session)| (id, session.timeout))
            .collect();
        let now = self.uptime();
        for (id, timeout) in sessions {
            self.sessions.touch(id, timeout, now);
        }
        for connection in self.connections.values() {
            connection.wake.notify_one();
        }
    }

    pub(crate) fn set_read_only(&mut self, on: bool) {
        if self.faults.is_read_only == on {
            return;
        }
        self.faults.is_read_only = on;
        let connections: Vec<_> = self.connections.keys().copied().collect();
        for connection in connections {
            self.disconnect(connection);
        }
    }

    pub(crate) fn clear_faults(&mut self) {
        self.resume();
        self.set_read_only(false);
        self.faults.clear();
    }

    /// Whether a client is not taken, by its first packet, since it wants to write, too.
    pub(crate) fn turns_away(&self, frame: &[u8]) -> bool {
        let reads_only = |connect: Connect<'_>| connect.read_only == Some(true);
        self.faults.is_read_only && !Connect::read(frame).is_ok_and(reads_only)
    }

    /// Whether a request needs a server that writes.
    pub(crate) fn refuses(&self, kind: RequestKind) -> bool {
        self.faults.is_read_only
            && matches!(
                kind,
                RequestKind::Create
                    | RequestKind::Create2
                    | RequestKind::CreateContainer
                    | RequestKind::CreateTtl
                    | RequestKind::Delete
                    | RequestKind::DeleteContainer
                    | RequestKind::SetData
                    | RequestKind::SetAcl
                    | RequestKind::Check
                    | RequestKind::Multi
                    | RequestKind::Reconfig
                    | RequestKind::Sync
            )
    }

    /// Deletes all nodes and creates those of the start, in one transaction for each part.
    pub(crate) fn reset(&mut self) {
        let moment = self.next_moment();
        let is_own = |path: &str| self.tree.is_reserved(path);
        let mut paths: Vec<String> = self
            .tree
            .iter()
            .map(|(path, _)| path.to_owned())
            .filter(|path| !is_own(path))
            .collect();
        // Those below come first.
        paths.sort_unstable_by(|a, b| b.cmp(a));
        for path in paths {
            self.apply(Change::Delete { path }, moment);
        }
        self.write_own_nodes(moment);
        let knows_sasl = self.tree.knows_sasl();
        self.tree = Tree::of(self.dialect);
        if knows_sasl {
            self.tree.know_sasl();
        }
        for (path, data, acl) in self.initial.clone() {
            let planted = self.plant(&path, &data, &acl);
            debug_assert!(
                planted.is_ok(),
                "it could be created at the start: {planted:?}"
            );
        }
    }

    /// Tells those who watch nodes of the server's own that their data is that of the start again.
    fn write_own_nodes(&mut self, moment: Moment) {
        for &(path, data) in self.dialect.own_nodes() {
            let is_other = |node: &super::node::Node| node.data.as_deref() != Some(data);
            if self.tree.get(path).is_some_and(is_other) {
                let change = Change::SetData {
                    path: path.to_owned(),
                    data: Some(data.into()),
                    version: 0,
                };
                self.apply(change, moment);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::acl::Acl;
    use super::*;

    fn state() -> State {
        let mut state = State::new(100, (200, 2000));
        state.initial = vec![("/a".to_owned(), b"1".to_vec(), vec![Acl::open()])];
        state.reset();
        state
    }

    #[test]
    fn a_reset_brings_back_the_start() {
        let mut state = state();
        let shown = |state: &State| -> Vec<(String, Vec<u8>, i32)> {
            let nodes = state.view_tree().into_iter();
            nodes
                .map(|node| (node.path, node.data, node.stat.cversion))
                .collect()
        };
        let start = shown(&state);
        state.plant("/a/b", b"2", &[Acl::open()]).unwrap();
        state.plant("/a/b/c", b"3", &[Acl::open()]).unwrap();
        state
            .plant("/zookeeper/quota/x", b"3", &[Acl::open()])
            .unwrap();
        let zxid = state.zxids.processed;
        assert_ne!(shown(&state), start);
        state.reset();
        assert_eq!(shown(&state), start);
        assert!(state.zxids.processed > zxid);
    }

    #[test]
    fn after_a_reset_acls_may_name_users_of_sasl_as_before() {
        let mut state = State::new(100, (200, 2000));
        state.tree.know_sasl();
        let acl = vec![Acl::new(super::super::acl::permission::ALL, "sasl", "ops")];
        state.initial = vec![("/a".to_owned(), b"1".to_vec(), acl)];
        state.reset();
        assert!(state.view_tree().iter().any(|node| node.path == "/a"));
        assert!(state.tree.knows_sasl());
    }

    #[test]
    fn while_it_stands_still_no_session_expires() {
        let mut state = State::new(1, (1, 2000));
        let id = state.connect("127.0.0.1:9".parse().unwrap(), std::sync::Arc::default());
        let session = state.sessions.create(1, id, 0);
        state.pause();
        while state.sessions.expired(state.uptime()).is_empty() {
            std::thread::yield_now();
        }
        state.expire_sessions();
        assert!(state.sessions.get(session).is_some());
        state.resume();
        // It has its whole timeout again, and then no more.
        while state.sessions.get(session).is_some() {
            state.expire_sessions();
        }
    }
}

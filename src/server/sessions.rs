//! Sessions: their numbers, passwords and timeouts, and when they expire.
//!
//! Times are milliseconds since the server's start, given by the caller.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use super::watches::ConnectionId;

/// The password by which a client resumes its session.
pub(crate) const PASSWORD_BYTES: usize = 16;

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    /// In milliseconds, as last negotiated.
    pub(crate) timeout: i32,
    expires: u64,
    pub(crate) connection: Option<ConnectionId>,
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    by_id: BTreeMap<i64, Session>,
    next_id: i64,
    tick: u64,
    timeouts: (i32, i32),
    secret: RandomState,
    has_passwords: bool,
}

impl Sessions {
    /// Without sessions. `tick` is in milliseconds, `timeouts` are the shortest and the longest
    /// that are granted, and `time`, in milliseconds since 1970, sets the first number.
    pub(crate) fn new(tick: u64, timeouts: (i32, i32), time: i64) -> Self {
        Self {
            by_id: BTreeMap::new(),
            next_id: (1 << 56) | ((time & 0xff_ffff_ffff) << 16),
            tick,
            timeouts,
            secret: RandomState::new(),
            has_passwords: true,
        }
    }

    /// As [`Sessions::new`], with numbers from 1 on and without passwords.
    pub(crate) fn counted(tick: u64, timeouts: (i32, i32)) -> Self {
        Self {
            next_id: 1,
            has_passwords: false,
            ..Self::new(tick, timeouts, 0)
        }
    }

    /// The timeout granted to a client that asks for `asked`.
    pub(crate) fn negotiate(&self, asked: i32) -> i32 {
        let (shortest, longest) = self.timeouts;
        asked.max(shortest).min(longest)
    }

    /// A new session of a connection.
    pub(crate) fn create(&mut self, timeout: i32, connection: ConnectionId, now: u64) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        let session = Session {
            timeout,
            expires: self.expiry(timeout, now),
            connection: Some(connection),
        };
        self.by_id.insert(id, session);
        id
    }

    pub(crate) fn password(&self, id: i64) -> [u8; PASSWORD_BYTES] {
        if !self.has_passwords {
            return [0; PASSWORD_BYTES];
        }
        let half = |n: u8| self.secret.hash_one((id, n)).to_be_bytes();
        let mut password = [0; PASSWORD_BYTES];
        password[..8].copy_from_slice(&half(0));
        password[8..].copy_from_slice(&half(1));
        password
    }

    /// Moves a session to another connection, if it exists and has this password.
    pub(crate) fn attach(
        &mut self,
        id: i64,
        password: Option<&[u8]>,
        timeout: i32,
        connection: ConnectionId,
        now: u64,
    ) -> bool {
        if password != Some(&self.password(id)[..]) || !self.touch(id, timeout, now) {
            return false;
        }
        if let Some(session) = self.by_id.get_mut(&id) {
            session.timeout = timeout;
            session.connection = Some(connection);
        }
        true
    }

    /// The session lives on, but its connection is gone.
    pub(crate) fn detach(&mut self, id: i64, connection: ConnectionId) {
        if let Some(session) = self.by_id.get_mut(&id)
            && session.connection == Some(connection)
        {
            session.connection = None;
        }
    }

    /// Extends the session. Returns `false` if there is no such session.
    pub(crate) fn touch(&mut self, id: i64, timeout: i32, now: u64) -> bool {
        let expires = self.expiry(timeout, now);
        let session = self.by_id.get_mut(&id);
        session.map(|session| session.expires = expires).is_some()
    }

    pub(crate) fn get(&self, id: i64) -> Option<&Session> {
        self.by_id.get(&id)
    }

    pub(crate) fn remove(&mut self, id: i64) -> Option<Session> {
        self.by_id.remove(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Session)> {
        self.by_id.iter().map(|(id, session)| (*id, session))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The sessions that have expired.
    pub(crate) fn expired(&self, now: u64) -> Vec<i64> {
        let expired = |(_, session): &(i64, &Session)| session.expires <= now;
        self.iter().filter(expired).map(|(id, _)| id).collect()
    }

    /// Sessions expire on ticks only, as ZooKeeper's do: on the first one after their time.
    fn expiry(&self, timeout: i32, now: u64) -> u64 {
        let end = now + u64::try_from(timeout).unwrap_or(0);
        (end / self.tick + 1) * self.tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> Sessions {
        Sessions::new(100, (200, 2000), 1_700_000_000_000)
    }

    #[test]
    fn timeouts_are_kept_within_bounds() {
        let sessions = sessions();
        assert_eq!(sessions.negotiate(i32::MIN), 200);
        assert_eq!(sessions.negotiate(1000), 1000);
        assert_eq!(sessions.negotiate(i32::MAX), 2000);
    }

    #[test]
    fn a_session_expires_on_the_tick_after_its_timeout() {
        let mut sessions = sessions();
        let id = sessions.create(200, 1, 50);
        assert_eq!(sessions.expired(299), [0; 0]);
        assert_eq!(sessions.expired(300), [id]);
        assert!(sessions.touch(id, 200, 299));
        assert_eq!(sessions.expired(499), [0; 0]);
        assert_eq!(sessions.expired(500), [id]);
        sessions.remove(id);
        assert!(!sessions.touch(id, 200, 500));
        assert_eq!(sessions.len(), 0);
    }

    #[test]
    fn a_session_moves_with_its_password_only() {
        let mut sessions = sessions();
        let id = sessions.create(200, 1, 0);
        let other = sessions.create(200, 2, 0);
        assert_ne!(id, other);
        assert_eq!(id >> 56, 1);
        let password = sessions.password(id);
        assert_ne!(password, sessions.password(other));
        assert!(!sessions.attach(id, None, 300, 3, 0));
        assert!(!sessions.attach(id, Some(&sessions.password(other)), 300, 3, 0));
        assert!(!sessions.attach(id + 9, Some(&sessions.password(id + 9)), 300, 3, 0));
        assert!(sessions.attach(id, Some(&password), 300, 3, 0));
        sessions.detach(id, 1);
        assert_eq!(sessions.get(id).unwrap().connection, Some(3));
        assert_eq!(sessions.get(id).unwrap().timeout, 300);
        sessions.detach(id, 3);
        assert_eq!(sessions.get(id).unwrap().connection, None);
    }
}

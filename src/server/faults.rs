//! Faults that a test injects, and the requests that they apply to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::code::ErrorCode;
use super::request::RequestKind;
use crate::model::path::is_within;

/// A fault without an end lasts this long: longer than any server for tests.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Which requests a fault is for; without conditions, all but pings and the first packets of
/// connections.
///
/// ```
/// use zkt::server::{Matching, RequestKind};
///
/// let creations = Matching::any()
///     .kinds(&[RequestKind::Create, RequestKind::Create2])
///     .below("/services");
/// # let _ = creations;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Matching {
    kinds: Option<Vec<RequestKind>>,
    path: Option<String>,
    below: Option<String>,
    session: Option<i64>,
    times: Option<u32>,
}

impl Matching {
    /// Every request but pings and the first packets of connections.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests of this kind.
    #[must_use]
    pub fn kind(kind: RequestKind) -> Self {
        Self::any().kinds(&[kind])
    }

    /// Only requests of one of these kinds. This way pings can be struck, too, and the first
    /// packets of connections, which are of the kind [`RequestKind::CreateSession`].
    #[must_use]
    pub fn kinds(mut self, kinds: &[RequestKind]) -> Self {
        self.kinds = Some(kinds.to_vec());
        self
    }

    /// Only requests that name exactly this path, among others perhaps. It is the path on the
    /// server, below a client's chroot and before the number of a sequential node.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Only requests that name this path or one below it, among others perhaps.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        self.below = Some(path.trim_end_matches('/').to_owned());
        self
    }

    /// Only requests of this session. The first packet of a connection belongs to the session that its
    /// client resumes, or to 0.
    #[must_use]
    pub fn session(mut self, session: i64) -> Self {
        self.session = Some(session);
        self
    }

    /// Strikes this many requests, one after the other. Default: 1, and 0 counts as 1.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, request: &Subject<'_>) -> bool {
        let kinds = match &self.kinds {
            Some(kinds) => kinds.contains(&request.kind),
            None => !matches!(request.kind, RequestKind::Ping | RequestKind::CreateSession),
        };
        let named = |test: &dyn Fn(&str) -> bool| request.paths.iter().any(|path| test(path));
        kinds
            && self.session.is_none_or(|id| id == request.session)
            && self.path.as_ref().is_none_or(|path| named(&|p| p == path))
            && self
                .below
                .as_ref()
                .is_none_or(|top| named(&|p| is_within(p, top)))
    }
}

/// What happens to the request that a fault applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is cut before the request is executed.
    LoseRequest,
    /// The request is executed, and the connection cut in place of the reply.
    LoseReply,
    /// The request is not executed, and its reply is this error. The reply to the first packet of a
    /// connection says that there is no such session, whatever the error.
    Answer(ErrorCode),
}

/// An injected fault.
#[derive(Debug, Clone)]
pub struct Injection {
    struck: Arc<AtomicU32>,
}

impl Injection {
    /// Whether the fault has been applied.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.struck() > 0
    }

    /// How often the fault has been applied.
    #[must_use]
    pub fn struck(&self) -> u32 {
        self.struck.load(Ordering::Acquire)
    }
}

/// The parts of a request that decide whether a fault applies.
pub(crate) struct Subject<'a> {
    pub(crate) kind: RequestKind,
    pub(crate) session: i64,
    pub(crate) paths: &'a [String],
}

/// All injected faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<(Matching, Fault, Injection)>,
    delay: Duration,
    refusing: Refusing,
    pub(crate) is_paused: bool,
    pub(crate) is_read_only: bool,
}

/// Whether new connections are closed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Refusing {
    #[default]
    No,
    Until(Instant),
    Forever,
}

/// The faults that are in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultsView {
    /// Whether the server stands still.
    pub is_paused: bool,
    /// Whether the server is read-only.
    pub is_read_only: bool,
    /// Whether new connections are refused.
    pub refuses_connections: bool,
    /// For how long they still are; `None` if no end is set.
    pub refuses_for: Option<Duration>,
    /// How long everything that is sent has to wait.
    pub delay: Duration,
    /// How many injected faults may still strike.
    pub waiting: usize,
}

impl Faults {
    pub(crate) fn inject(&mut self, matching: Matching, fault: Fault) -> Injection {
        let injection = Injection {
            struck: Arc::default(),
        };
        self.waiting.push((matching, fault, injection.clone()));
        injection
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether requests have to be compared with faults at all.
    pub(crate) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The oldest fault that matches a request. It is removed.
    pub(crate) fn strike(&mut self, request: &Subject<'_>) -> Option<Fault> {
        let at = self
            .waiting
            .iter()
            .position(|(matching, _, _)| matching.matches(request))?;
        let (matching, fault, injection) = &self.waiting[at];
        let fault = *fault;
        let struck = 1 + injection.struck.fetch_add(1, Ordering::AcqRel);
        if struck >= matching.times.unwrap_or(1) {
            self.waiting.remove(at);
        }
        Some(fault)
    }

    pub(crate) fn view(&self, now: Instant) -> FaultsView {
        let refuses_for = match self.refusing {
            Refusing::Until(until) => Some(until.saturating_duration_since(now)),
            Refusing::No | Refusing::Forever => None,
        };
        FaultsView {
            is_paused: self.is_paused,
            is_read_only: self.is_read_only,
            refuses_connections: self.refuses(now),
            refuses_for: refuses_for.filter(|duration| !duration.is_zero()),
            delay: self.delay,
            waiting: self.waiting.len(),
        }
    }

    pub(crate) fn set_delay(&mut self, delay: Duration) {
        self.delay = delay.min(LONGEST);
    }

    /// How long everything that is sent has to wait.
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }

    pub(crate) fn refuse(&mut self, duration: Duration, now: Instant) {
        self.refusing = match duration < LONGEST {
            true => Refusing::Until(now + duration),
            false => Refusing::Forever,
        };
    }

    pub(crate) fn refuses(&self, now: Instant) -> bool {
        match self.refusing {
            Refusing::No => false,
            Refusing::Until(until) => now < until,
            Refusing::Forever => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strike(faults: &mut Faults, kind: RequestKind, session: i64, path: &str) -> Option<Fault> {
        faults.strike(&Subject {
            kind,
            session,
            paths: &[path.to_owned()],
        })
    }

    #[test]
    fn a_fault_strikes_the_first_request_that_matches_and_no_other() {
        let mut faults = Faults::default();
        let matching = Matching::kind(RequestKind::Create).below("/a").session(7);
        let injection = faults.inject(matching, Fault::LoseReply);
        for (kind, session, path) in [
            (RequestKind::Delete, 7, "/a"),
            (RequestKind::Create, 8, "/a"),
            (RequestKind::Create, 7, "/ab"),
        ] {
            assert_eq!(strike(&mut faults, kind, session, path), None);
        }
        assert!(!injection.has_struck());
        let create = RequestKind::Create;
        assert_eq!(
            strike(&mut faults, create, 7, "/a/b"),
            Some(Fault::LoseReply)
        );
        assert!(injection.has_struck());
        assert_eq!(strike(&mut faults, create, 7, "/a/b"), None);
        assert!(!faults.are_waiting());
    }

    #[test]
    fn a_fault_may_strike_several_times() {
        let mut faults = Faults::default();
        let injection = faults.inject(Matching::any().times(2), Fault::LoseReply);
        let get = RequestKind::GetData;
        for (strikes, struck) in [(true, 1), (true, 2), (false, 2)] {
            assert_eq!(strike(&mut faults, get, 1, "/a").is_some(), strikes);
            assert_eq!(injection.struck(), struck);
        }
        assert!(!faults.are_waiting());
    }

    #[test]
    fn pings_and_first_packets_are_struck_only_by_name() {
        let mut faults = Faults::default();
        faults.inject(Matching::any(), Fault::LoseRequest);
        assert_eq!(strike(&mut faults, RequestKind::Ping, 1, "/"), None);
        assert_eq!(
            strike(&mut faults, RequestKind::CreateSession, 0, "/"),
            None
        );
        faults.inject(Matching::kind(RequestKind::Ping), Fault::LoseReply);
        assert_eq!(
            strike(&mut faults, RequestKind::Ping, 1, "/"),
            Some(Fault::LoseReply)
        );
        assert_eq!(
            strike(&mut faults, RequestKind::Sync, 1, "/"),
            Some(Fault::LoseRequest)
        );
    }

    #[test]
    fn below_the_root_is_everything() {
        let mut faults = Faults::default();
        faults.inject(Matching::any().below("/"), Fault::LoseReply);
        faults.inject(Matching::any().path("/x"), Fault::LoseReply);
        let get = RequestKind::GetData;
        assert_eq!(strike(&mut faults, get, 1, "/y"), Some(Fault::LoseReply));
        assert_eq!(strike(&mut faults, get, 1, "/y"), None);
        assert_eq!(strike(&mut faults, get, 1, "/x"), Some(Fault::LoseReply));
    }

    #[test]
    fn refusing_ends() {
        let mut faults = Faults::default();
        let now = Instant::now();
        assert!(!faults.refuses(now));
        faults.refuse(Duration::from_secs(1), now);
        assert!(faults.refuses(now));
        assert!(!faults.refuses(now + Duration::from_secs(1)));
        faults.refuse(Duration::MAX, now);
        assert!(faults.refuses(now + Duration::from_secs(1)));
        faults.refuse(Duration::ZERO, now);
        assert!(!faults.refuses(now));
    }
}

//! What is shown of a loop: its log and its state. Both are made of what happened, here alone.

mod lines;
mod named;
mod outages;
mod recording;
mod refusals;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use super::held::{HeldNews, HeldNode};
use super::revision::{FileState, Revision};
use super::state::{Applied, Connection, Leadership, Reconcile, State};
use super::{Mode, Options};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};
use crate::reconcile::Account;
use crate::zookeeper::election::Role;
use crate::zookeeper::executor::Conflict;

pub(super) use self::lines::Next;
use self::lines::{log, log_back, log_broken, log_held, log_interrupted, log_lost, log_off};
use self::named::Naming;
pub(super) use self::named::Word;
use self::outages::Outages;
pub(super) use self::recording::Recording;
use self::refusals::Refusals;

/// What happened to files.
pub(super) enum OfFiles<'a> {
    /// Not all of them can be watched.
    Unwatched(notify::Error),
    /// Somebody is writing this one.
    Unfinished(&'a Path),
    /// This one is too young to be taken at once.
    Young(&'a Path),
    /// The task that read them died.
    Unread,
    /// They were taken, so.
    Taken(FileState),
}

/// What happened to session and live tree.
pub(super) enum OfServer<'a> {
    /// There is a session.
    Connected { hosts: String },
    /// Its connection is so.
    Connection(Connection),
    /// It is given up.
    Ended,
    /// There is no session, for this reason.
    Unconnected(String),
    /// No server makes sessions: each server and what is wrong with it, and how an attempt to connect would say it.
    Off {
        reasons: Vec<(String, String)>,
        error: String,
    },
    /// This replica has this role.
    Role(Role),
    /// The live tree was read for the first time in a session.
    Opened { has_watches: bool },
    /// Everything was read again, and these nodes differ although no event said so.
    ReadAgain { missed: &'a [ZPath] },
}

/// What a reconcile did.
pub(super) enum OfWork<'a> {
    /// A plan was made. `drift` actions count as drift; `drifted` are logged but not repaired.
    Planned {
        plan: Arc<Plan>,
        drift: usize,
        drifted: Vec<&'a Action>,
    },
    /// An action came out so.
    Acted(&'a Action, Word),
    /// All of a plan was carried out.
    Applied(Arc<Applied>),
    /// The live tree moved under a plan.
    Moved {
        path: &'a ZPath,
        reason: &'a Conflict,
    },
    /// It looked at nodes that others write, too.
    Held(Vec<HeldNews>),
    /// It came to its end; these nodes wait, and so many live ones are known.
    Ended {
        reconcile: Reconcile,
        held: Vec<HeldNode>,
        mirrored: Option<usize>,
    },
    /// It came to its end before, and this comes next.
    Next(Next),
    /// It was given up in its middle, and this stands of it.
    Interrupted(&'a Account),
    /// It was given up because the loop ends.
    Stopped,
}

/// The state that there is to show, and what the log has said.
pub(super) struct Shown {
    state: State,
    naming: Naming,
    refusals: Refusals,
    /// What the log has said of why there is no connection.
    outages: Outages,
    /// What is declared, for those who must know before it is written.
    declared: watch::Sender<Option<Arc<Revision>>>,
}

impl Shown {
    /// The state before the first reconcile.
    pub(super) fn new(options: &Options) -> Self {
        let mut state = State::new();
        state.hosts.clone_from(&options.session.hosts);
        if options.elect.is_some() {
            state.leadership = Leadership::Follows;
        }
        if options.mode == Mode::Warn {
            tracing::info!("nothing is written: differences are only reported");
        }
        Self {
            state,
            naming: Naming::default(),
            refusals: Refusals::default(),
            outages: Outages::default(),
            declared: watch::Sender::default(),
        }
    }

    /// The files in force, as soon as they are taken.
    pub(super) fn declared(&self) -> watch::Receiver<Option<Arc<Revision>>> {
        self.declared.subscribe()
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// The connection was so while a reconcile was under way, which the log has said.
    pub(super) fn catch_up(&mut self, connection: Connection) {
        if self.state.connection != Connection::None {
            self.state.connection = connection;
        }
        self.end_outage();
    }

    /// Forgets why there was no connection, where there is one again.
    fn end_outage(&mut self) {
        if self.state.connection == Connection::Up {
            self.outages.clear();
        }
    }

    /// Shows what happened to files.
    pub(super) fn files(&mut self, fact: OfFiles<'_>) {
        let state = &mut self.state;
        match fact {
            OfFiles::Unwatched(error) => {
                tracing::warn!(%error, "not all files can be watched, so they are read every 2 s");
            }
            OfFiles::Unfinished(path) => {
                let path = path.display();
                tracing::info!("{path} is being written; it is waited for until it is closed");
            }
            OfFiles::Young(path) => {
                let path = path.display();
                tracing::info!(
                    "{path} was written a moment ago; it is taken once it stays as it is"
                );
            }
            OfFiles::Unread => tracing::error!("reading the files came to no end"),
            OfFiles::Taken(files) => {
                match (state.files.broken(), files.broken()) {
                    (Some(_), None) => tracing::info!("the files declare a sound tree again"),
                    // The same mistakes in files that otherwise differ are no news.
                    (Some(before), Some(now)) if before.errors == now.errors => {}
                    (_, Some(now)) => log_broken(now, files.in_force()),
                    (None, None) => {}
                }
                self.declared.send_if_modified(|declared| {
                    let is_new =
                        declared.as_ref().map(Arc::as_ptr) != files.in_force().map(Arc::as_ptr);
                    *declared = files.in_force().cloned();
                    is_new
                });
                state.files = files;
            }
        }
    }

    /// Shows what happened to session and live tree.
    pub(super) fn server(&mut self, fact: OfServer<'_>) {
        let state = &mut self.state;
        match fact {
            OfServer::Connected { hosts } => {
                state.connection = Connection::Up;
                state.outage = None;
                state.hosts = hosts;
                if state.counters.sessions > 0 {
                    log_back(&state.hosts);
                }
                state.counters.sessions += 1;
                self.end_outage();
            }
            OfServer::Connection(connection) => {
                show_connection(connection, state);
                self.end_outage();
            }
            OfServer::Ended => {
                if state.connection == Connection::Up {
                    log_lost(&state.hosts);
                }
                tracing::warn!("the session has ended");
                if state.leadership == Leadership::Leads {
                    state.leadership = Leadership::Follows;
                }
                state.connection = Connection::None;
            }
            // The end of the reconcile says it.
            OfServer::Unconnected(why) => state.outage = Some(why),
            OfServer::Off { reasons, error } => self.off(reasons, error),
            OfServer::Role(role) => show_role(role, state),
            OfServer::Opened { has_watches } => {
                state.counters.full_reads += 1;
                state.has_watches = has_watches;
            }
            OfServer::ReadAgain { missed } => {
                state.counters.full_reads += 1;
                state.counters.missed += missed.len() as u64;
                if let Some(first) = missed.first() {
                    tracing::error!(
                        nodes = missed.len(),
                        first = first.as_str(),
                        "nodes had changed and no event had told of it"
                    );
                }
            }
        }
    }

    /// Shows why no server makes sessions.
    fn off(&mut self, reasons: Vec<(String, String)>, error: String) {
        let state = &mut self.state;
        // Where there was no session, the end of the reconcile has said why, and the next one does again.
        if state.connection == Connection::None && state.outage.is_some() {
            state.outage = Some(error);
            return;
        }
        let each = reasons.iter();
        let each: Vec<_> = each
            .map(|(server, why)| format!("{server}: {why}"))
            .collect();
        let why = each.join("; ");
        if self.outages.tell(reasons) {
            log_off(&why);
        }
        state.outage = Some(why);
    }

    /// Shows what a reconcile did.
    pub(super) fn work(&mut self, fact: OfWork<'_>) {
        let state = &mut self.state;
        match fact {
            OfWork::Planned {
                plan,
                drift,
                drifted,
            } => {
                state.counters.drift += drift as u64;
                for action in drifted {
                    self.naming.note(action, Word::Drifted);
                }
                state.plan = Some(plan);
                state.planned = Some(SystemTime::now());
            }
            OfWork::Acted(action, word) => self.naming.note(action, word),
            OfWork::Applied(applied) => state.applied = Some(applied),
            OfWork::Moved { path, reason } => {
                tracing::info!(%path, %reason, "the live tree moved; planning again");
            }
            OfWork::Held(news) => news.iter().for_each(log_held),
            OfWork::Ended {
                reconcile,
                held,
                mirrored,
            } => {
                self.naming.end();
                state.held = held;
                state.mirrored = mirrored.unwrap_or(state.mirrored);
                state.add(reconcile);
            }
            OfWork::Next(next) => {
                let is_news = self.refusals.tell(&state.held, next == Next::Nodes);
                if let Some(last) = state.history.front() {
                    log(
                        last,
                        state,
                        if is_news { next } else { next.unless_known() },
                    );
                }
            }
            OfWork::Interrupted(account) => log_interrupted(account),
            OfWork::Stopped => tracing::info!("stopped in the middle of a reconcile"),
        }
    }
}

fn show_role(role: Role, state: &mut State) {
    let (leadership, text) = match role {
        Role::Leads => (Leadership::Leads, "this replica leads"),
        Role::Follows => (Leadership::Follows, "another replica leads"),
    };
    if state.leadership != leadership {
        tracing::info!("{text}");
    }
    state.leadership = leadership;
}

/// Shows the state of the connection, and logs it if it is new.
pub(super) fn show_connection(now: Connection, state: &mut State) {
    match (state.connection, now) {
        (Connection::Up, Connection::Lost) => log_lost(&state.hosts),
        (Connection::Lost, Connection::Up) => log_back(&state.hosts),
        _ => {}
    }
    if now == Connection::Up {
        state.outage = None;
    }
    state.connection = now;
}

#[cfg(test)]
mod tests {
    use super::super::revision::Broken;
    use super::*;
    use crate::declare::Source;

    fn shown() -> Shown {
        Shown {
            state: State::new(),
            naming: Naming::default(),
            refusals: Refusals::default(),
            outages: Outages::default(),
            declared: watch::Sender::default(),
        }
    }

    #[test]
    fn a_session_comes_is_lost_comes_back_and_ends() {
        let mut shown = shown();
        shown.state.leadership = Leadership::Follows;
        let hosts = || "a:2181/".to_owned();
        let seen = |shown: &Shown| {
            let state = shown.state();
            (state.connection, state.leadership, state.counters.sessions)
        };
        shown.server(OfServer::Connected { hosts: hosts() });
        shown.server(OfServer::Role(Role::Leads));
        assert_eq!(seen(&shown), (Connection::Up, Leadership::Leads, 1));
        shown.server(OfServer::Connection(Connection::Lost));
        assert_eq!(seen(&shown), (Connection::Lost, Leadership::Leads, 1));
        shown.catch_up(Connection::Up);
        assert_eq!(seen(&shown), (Connection::Up, Leadership::Leads, 1));
        shown.server(OfServer::Ended);
        assert_eq!(seen(&shown), (Connection::None, Leadership::Follows, 1));
        // A late event of the old session does not change the new session's state.
        shown.catch_up(Connection::Lost);
        assert_eq!(seen(&shown), (Connection::None, Leadership::Follows, 1));
        shown.server(OfServer::Connected { hosts: hosts() });
        assert_eq!(seen(&shown), (Connection::Up, Leadership::Follows, 2));
        assert_eq!(shown.state().hosts, hosts());
    }

    #[test]
    fn the_newest_reason_of_an_outage_is_shown() {
        let mut shown = shown();
        let off = |why: &str| OfServer::Off {
            reasons: vec![("a:1".to_owned(), why.to_owned())],
            error: format!("cannot reach a:1/: {why}"),
        };
        let hosts = || "a:1/".to_owned();
        let outage = |shown: &Shown| shown.state().outage.clone().unwrap_or_default();
        shown.server(OfServer::Unconnected(
            "cannot reach a:1/: closed".to_owned(),
        ));
        shown.server(off("refused"));
        assert_eq!(outage(&shown), "cannot reach a:1/: refused");
        shown.server(off("silent"));
        assert_eq!(outage(&shown), "cannot reach a:1/: silent");
        shown.server(OfServer::Connected { hosts: hosts() });
        assert_eq!(outage(&shown), "");
        shown.server(OfServer::Connection(Connection::Lost));
        for why in ["refused", "silent", "refused"] {
            shown.server(off(why));
            assert_eq!(outage(&shown), format!("a:1: {why}"));
        }
        // It is said again in the next outage.
        assert!(
            !shown
                .outages
                .tell(vec![("a:1".to_owned(), "silent".to_owned())])
        );
        shown.server(OfServer::Connection(Connection::Up));
        assert!(
            shown
                .outages
                .tell(vec![("a:1".to_owned(), "silent".to_owned())])
        );
    }

    #[test]
    fn reads_that_find_what_no_event_told_are_counted() {
        let mut shown = shown();
        shown.server(OfServer::Opened { has_watches: true });
        shown.server(OfServer::ReadAgain { missed: &[] });
        let missed = [ZPath::root()];
        shown.server(OfServer::ReadAgain { missed: &missed });
        let counters = &shown.state().counters;
        assert_eq!((counters.full_reads, counters.missed), (3, 1));
    }

    #[test]
    fn the_last_sound_files_stay_in_force_while_newer_ones_are_broken() {
        let mut shown = shown();
        let revision = Arc::new(Revision {
            source: Source::default(),
            id: "r1".to_owned(),
            declared_nodes: 0,
        });
        let sound = || FileState::Sound {
            revision: revision.clone(),
            commit: Some("abc".to_owned()),
        };
        shown.files(OfFiles::Taken(sound()));
        shown.files(OfFiles::Taken(FileState::Broken {
            broken: Broken {
                errors: vec!["a.zkt:1:1: no".to_owned()],
                unquoted_errors: Vec::new(),
                drawn: Vec::new(),
                only_empty: false,
                only_secrets: false,
                revision: "r2".to_owned(),
            },
            commit: None,
            in_force: Some(revision.clone()),
        }));
        let seen = |shown: &Shown| {
            let files = &shown.state().files;
            let in_force = files.in_force().map(|revision| revision.id.clone());
            let errors = files.broken().map(|broken| broken.errors.len());
            (in_force, errors, files.commit().map(str::to_owned))
        };
        let r1 = || Some("r1".to_owned());
        assert_eq!(seen(&shown), (r1(), Some(1), None));
        shown.files(OfFiles::Taken(sound()));
        assert_eq!(seen(&shown), (r1(), None, Some("abc".to_owned())));
    }
}

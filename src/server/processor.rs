//! Processes one request of one client: dispatch, reply and injected faults.

use super::caller::{Answer, Caller};
use super::change::{Asker, Change, Draft};
use super::code::ErrorCode;
use super::dialect::Difference;
use super::faults::{Fault, Subject};
use super::handshake;
use super::reply::{NO_ZXID, put_reply, put_stat};
use super::request::{Header, RequestKind, Watches, Write};
use super::sasl::Step;
use super::state::State;
use super::transaction;
use super::wire::{Malformed, Reader, Write as _};

impl State {
    /// Executes one packet after the first of a connection. An error ends the connection.
    pub(crate) fn receive(
        &mut self,
        caller: Caller,
        frame: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let mut reader = Reader::new(frame);
        let header = Header::read(&mut reader)?;
        let body = &frame[8..];
        let kind = RequestKind::from_opcode(header.opcode);
        if let Some(kind) = kind {
            self.counts.count(kind);
            tracing::debug!(
                "session 0x{:x}: {} xid {}{}",
                caller.session,
                kind.name(),
                header.xid,
                FirstPath(kind, body)
            );
        }
        if !self.knows(kind, body) {
            tracing::debug!(
                "session 0x{:x}: xid {} is unknown",
                caller.session,
                header.xid
            );
            return Err(Malformed);
        }
        let fault = kind.and_then(|kind| self.struck(caller, kind, body));
        match fault {
            Some(Fault::LoseRequest) => {
                self.close_after_sending(caller.connection);
                return Ok(());
            }
            Some(Fault::Answer(error)) => {
                self.answer(caller, header.xid, Answer::Error(error), &[]);
                return Ok(());
            }
            Some(Fault::LoseReply) | None => {}
        }
        let before = self.outbox_length(caller);
        match kind {
            Some(RequestKind::Auth) => self.authenticate(caller, header.xid, &mut reader)?,
            Some(RequestKind::Sasl) => {
                let token = reader.buffer()?.unwrap_or_default();
                self.take_token(caller, header.xid, token);
            }
            _ if self.wants_sasl(caller) => self.turn_away(caller, header.xid),
            kind => {
                let timeout = self.timeout(caller);
                // Requests after the end of the session are not answered.
                if self.sessions.touch(caller.session, timeout, self.uptime()) {
                    self.execute(caller, header.xid, kind, body, scratch);
                }
            }
        }
        if fault == Some(Fault::LoseReply) {
            if let Some(connection) = self.connections.get_mut(&caller.connection) {
                connection.outbox.truncate(before);
            }
            self.close_after_sending(caller.connection);
        }
        Ok(())
    }

    fn execute(
        &mut self,
        caller: Caller,
        xid: i32,
        kind: Option<RequestKind>,
        body: &[u8],
        scratch: &mut Vec<u8>,
    ) {
        let Some(kind) = kind else {
            self.send(caller.connection, |out| {
                put_reply(out, xid, NO_ZXID, Some(ErrorCode::Unimplemented), &[]);
            });
            self.close_after_sending(caller.connection);
            return;
        };
        scratch.clear();
        let reader = &mut Reader::new(body);
        let answer = match kind {
            RequestKind::Ping => return self.answer(caller, -2, Answer::Body, &[]),
            kind if self.refuses(kind) => Answer::Error(ErrorCode::NotReadOnly),
            RequestKind::Create
            | RequestKind::Create2
            | RequestKind::CreateContainer
            | RequestKind::CreateTtl
            | RequestKind::Delete
            | RequestKind::SetData
            | RequestKind::SetAcl
            | RequestKind::Check => self.write(caller, kind, body, scratch),
            RequestKind::Multi => self.multi(caller, body, scratch),
            RequestKind::MultiRead => self.multi_read(caller, body, scratch),
            RequestKind::SetWatches | RequestKind::SetWatches2 => {
                self.set_watches(caller, kind, reader).into()
            }
            RequestKind::AddWatch => self.add_watch(caller, reader, scratch).into(),
            RequestKind::CheckWatches | RequestKind::RemoveWatches => {
                self.about_watches(caller, kind, reader).into()
            }
            RequestKind::DeleteContainer => {
                // ZooKeeper reads the path from the wrong place when a client asks.
                self.next_moment();
                Answer::Error(ErrorCode::BadArguments)
            }
            RequestKind::Reconfig => self.reconfigure(reader).into(),
            RequestKind::CreateSession => {
                self.next_moment();
                match reader.int() {
                    Ok(_) => return handshake::greet(self, caller),
                    Err(Malformed) => Answer::Error(ErrorCode::MarshallingError),
                }
            }
            RequestKind::CloseSession => {
                tracing::info!("session 0x{:x} closed", caller.session);
                self.end_session(caller.session);
                if !self.dialect.has(Difference::SilentClose) {
                    self.answer(caller, xid, Answer::Body, &[]);
                }
                return self.close_after_sending(caller.connection);
            }
            _ => self.read(caller, kind, body, scratch).into(),
        };
        self.answer(caller, xid, answer, scratch);
    }

    fn answer(&mut self, caller: Caller, xid: i32, answer: Answer, body: &[u8]) {
        let (error, body) = match answer {
            Answer::Body => (None, body),
            Answer::Error(error) => (Some(error), &[][..]),
            Answer::ErrorWithBody(error) => (Some(error), body),
            Answer::Silence => return,
        };
        if let Some(error) = error {
            tracing::debug!("session 0x{:x}: xid {xid} fails: {error}", caller.session);
        }
        let zxid = self.zxids.processed;
        self.send(caller.connection, |out| {
            put_reply(out, xid, zxid, error, body);
        });
    }

    fn write(
        &mut self,
        caller: Caller,
        kind: RequestKind,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Answer {
        let moment = self.next_moment();
        let Ok(write) = Write::read(&mut Reader::new(body), kind) else {
            return Answer::Error(ErrorCode::MarshallingError);
        };
        let Some(connection) = self.connections.get(&caller.connection) else {
            return Answer::Silence;
        };
        let asker = Asker {
            session: caller.session,
            identities: &connection.identities,
        };
        let change = match Draft::of_one(&self.tree).check(&write, &asker) {
            Ok(change) => change,
            Err(error) => return Answer::Error(error),
        };
        if let Change::Create { path, .. } = &change {
            out.put_text(path);
        }
        let stat = self.apply(change, moment);
        match (kind, stat) {
            (RequestKind::Check, _) if self.dialect.has(Difference::AnswersChecks) => {}
            // ZooKeeper fails to write the reply, and sends none.
            (RequestKind::Check, _) => return Answer::Silence,
            (RequestKind::Create | RequestKind::Delete, _) | (_, None) => {}
            (_, Some(stat)) => put_stat(out, &stat),
        }
        Answer::Body
    }

    fn reconfigure(&mut self, reader: &mut Reader<'_>) -> Result<(), ErrorCode> {
        for _ in 0..3 {
            reader.text()?;
        }
        reader.long()?;
        self.next_moment();
        Err(ErrorCode::ReconfigDisabled)
    }

    /// Credentials are answered at once, with no transaction number.
    fn authenticate(
        &mut self,
        caller: Caller,
        xid: i32,
        reader: &mut Reader<'_>,
    ) -> Result<(), Malformed> {
        let _type = reader.int()?;
        let scheme = reader.text()?;
        let credentials = reader.buffer()?;
        let Some(connection) = self.connections.get_mut(&caller.connection) else {
            return Ok(());
        };
        let identities = &mut connection.identities;
        let is_strict = self.dialect.has(Difference::DigestOnly);
        let is_refused = is_strict && !is_one_digest(scheme.as_deref(), credentials);
        let result = match is_refused {
            true => Err(ErrorCode::AuthFailed),
            false => identities.authenticate(scheme.as_deref(), credentials),
        };
        self.send(caller.connection, |out| {
            put_reply(out, xid, 0, result.err(), &[]);
        });
        if result.is_err() && !is_strict {
            self.close_after_sending(caller.connection);
        }
        Ok(())
    }

    /// A step of SASL, which is answered at once, with no transaction number.
    fn take_token(&mut self, caller: Caller, xid: i32, token: &[u8]) {
        let Some(connection) = self.connections.get_mut(&caller.connection) else {
            return;
        };
        let mut body = Vec::new();
        let taken = match self.users.take(&mut connection.sasl, token) {
            Ok(Step::Challenge(challenge)) => Ok(Some(challenge)),
            Ok(Step::Known(user, proof)) => {
                connection.identities.know(&user);
                Ok(Some(proof))
            }
            Ok(Step::None) => Ok(None),
            Err(refusal) => Err(refusal),
        };
        body.put_buffer(taken.as_ref().ok().and_then(Option::as_deref));
        self.send(caller.connection, |out| {
            put_reply(out, xid, 0, taken.as_ref().err().copied(), &body);
        });
        if taken.is_err() {
            self.close_after_sending(caller.connection);
        }
    }

    /// Ends the connection of a client that has to authenticate by SASL first.
    fn turn_away(&mut self, caller: Caller, xid: i32) {
        let refusal = Some(self.users.refusal());
        self.send(caller.connection, |out| {
            put_reply(out, xid, 0, refusal, &[]);
        });
        self.close_after_sending(caller.connection);
    }

    /// Whether a client has to authenticate by SASL first.
    fn wants_sasl(&self, caller: Caller) -> bool {
        let connection = self.connections.get(&caller.connection);
        self.users.are_required && connection.is_some_and(|one| !one.identities.have_sasl())
    }

    /// Whether the dialect knows a request, and all that are in it.
    fn knows(&self, kind: Option<RequestKind>, body: &[u8]) -> bool {
        self.dialect.knows(kind)
            && (kind != Some(RequestKind::Multi)
                || !self.dialect.has(Difference::ClosesOnUnknown)
                || transaction::kinds(body)
                    .iter()
                    .all(|&kind| self.dialect.knows(Some(kind))))
    }

    fn struck(&mut self, caller: Caller, kind: RequestKind, body: &[u8]) -> Option<Fault> {
        if !self.faults.are_waiting() {
            return None;
        }
        self.faults.strike(&Subject {
            kind,
            session: caller.session,
            paths: &paths(kind, body),
        })
    }

    fn outbox_length(&self, caller: Caller) -> usize {
        let connection = self.connections.get(&caller.connection);
        connection.map_or(0, |connection| connection.outbox.len())
    }

    fn timeout(&self, caller: Caller) -> i32 {
        let connection = self.connections.get(&caller.connection);
        connection.map_or(0, |connection| connection.timeout)
    }
}

/// Whether these are the only credentials that ClickHouse Keeper takes.
fn is_one_digest(scheme: Option<&str>, credentials: Option<&[u8]>) -> bool {
    let colons = credentials.map(|bytes| memchr::memchr_iter(b':', bytes).count());
    scheme == Some("digest") && colons == Some(1)
}

/// The paths that a request names, where it can be read.
fn paths(kind: RequestKind, body: &[u8]) -> Vec<String> {
    let reader = &mut Reader::new(body);
    match kind {
        RequestKind::Multi | RequestKind::MultiRead => transaction::paths(body),
        RequestKind::SetWatches | RequestKind::SetWatches2 => {
            let watches = Watches::read(reader, kind).unwrap_or_default();
            [
                watches.data,
                watches.exists,
                watches.children,
                watches.persistent,
                watches.recursive,
            ]
            .into_iter()
            .flatten()
            .flatten()
            .map(std::borrow::Cow::into_owned)
            .collect()
        }
        RequestKind::Ping
        | RequestKind::Auth
        | RequestKind::Sasl
        | RequestKind::WhoAmI
        | RequestKind::Reconfig
        | RequestKind::CreateSession
        | RequestKind::CloseSession => Vec::new(),
        _ => reader
            .text()
            .into_iter()
            .flatten()
            .map(std::borrow::Cow::into_owned)
            .collect(),
    }
}

/// The first path that a request names, for the log.
struct FirstPath<'a>(RequestKind, &'a [u8]);

impl std::fmt::Display for FirstPath<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &paths(self.0, self.1)[..] {
            [] => Ok(()),
            [path] => write!(f, " {path:?}"),
            [path, rest @ ..] => write!(f, " {path:?} and {} more", rest.len()),
        }
    }
}

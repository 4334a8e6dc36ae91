//! The client's side of GSSAPI (RFC 4752) with Kerberos, by the library of the system.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _};
use libgssapi::error::Error;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_HOSTBASED_SERVICE, GSS_NT_USER_NAME};

use super::alone::{Alone, Ran};
use super::error::SaslTrouble;
use super::turn::Turn;

/// The bit of a server that signs and encrypts nothing of what is said later, and all that a client answers then.
const NO_LAYER: u8 = 1;
const PLAIN: [u8; 4] = [NO_LAYER, 0, 0, 0];

/// The library waits for a KDC for as long as it likes, and cannot be told to stop.
static ALONE: LazyLock<Alone> = LazyLock::new(Alone::new);

/// The realm of each server, by its name for Kerberos, as far as it was found out: who waits in vain for a turn of the
/// library cannot find it out.
static REALMS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// One run of the mechanism.
pub(in super::super) struct Gssapi {
    service: String,
    host: String,
    limit: Duration,
    state: State,
}

enum State {
    New,
    /// Who is who is being proven, both ways.
    Proving(ClientCtx),
    /// The server offers what to do with what is said later.
    Proven(ClientCtx),
    Answered,
}

impl Gssapi {
    /// `limit`: how long the library may wait for a KDC.
    pub(super) fn new(service: &str, host: &str, limit: Duration) -> Self {
        Self {
            service: service.to_owned(),
            host: host.to_owned(),
            limit,
            state: State::New,
        }
    }

    /// Takes what the server sends. At first that is nothing, and then it may have to ask a KDC, and wait.
    ///
    /// # Cancellation safety
    /// The call of the library goes on, and those of others wait for it.
    pub(super) async fn answer(
        mut self,
        token: Option<Vec<u8>>,
    ) -> (Option<Self>, Result<Turn, SaslTrouble>) {
        if !matches!(self.state, State::New) {
            let turn = self.turn(token.as_deref());
            return (Some(self), turn);
        }
        let (limit, principal) = (self.limit, self.principal());
        let call = move || {
            let turn = self.turn(token.as_deref());
            (self, turn)
        };
        match ALONE.run(limit, call).await {
            Ran::Returned((this, turn)) => (Some(this), turn),
            failed => (None, Err(no_return(failed, &principal))),
        }
    }

    /// The name of the server for Kerberos, without its realm.
    fn principal(&self) -> String {
        format!("{}@{}", self.service, self.host)
    }

    fn turn(&mut self, token: Option<&[u8]>) -> Result<Turn, SaslTrouble> {
        match std::mem::replace(&mut self.state, State::Answered) {
            State::New => self.begin(),
            State::Proving(mut context) => {
                // A server that lets failed clients in says no more than one without SASL.
                let token = token.ok_or(SaslTrouble::NothingSaid)?;
                let next = context.step(Some(token), None).map_err(no_proof)?;
                if context.is_complete() {
                    let flags = context.flags().map_err(no_proof)?;
                    if !flags.contains(CtxFlags::GSS_C_MUTUAL_FLAG) {
                        return Err(SaslTrouble::Impostor);
                    }
                    self.state = State::Proven(context);
                } else {
                    self.state = State::Proving(context);
                }
                Ok(Turn::Send(
                    next.map(|next| next.to_vec()).unwrap_or_default(),
                ))
            }
            State::Proven(mut context) => {
                let token = token.filter(|token| !token.is_empty());
                let offer = context.unwrap(token.ok_or(SaslTrouble::Impostor)?);
                // Servers in Java name a size of messages even where they sign none: RFC 4752 wants 0.
                let [layers, _, _, _] = offer.map_err(no_proof)?[..] else {
                    let reason = "its offer has not 4 bytes".to_owned();
                    return Err(SaslTrouble::Challenge(reason));
                };
                if layers & NO_LAYER == 0 {
                    let reason = "it wants to sign or encrypt what is said later";
                    return Err(SaslTrouble::Challenge(reason.to_owned()));
                }
                let answer = context.wrap(false, &PLAIN).map_err(trouble)?;
                Ok(Turn::Send(answer.to_vec()))
            }
            // It has proven who it is, and says nothing more: in Java, the last token is null.
            State::Answered => match token {
                None | Some([]) => Ok(Turn::Done),
                Some(_) => Err(SaslTrouble::Challenge(
                    "it goes on where SASL ends".to_owned(),
                )),
            },
        }
    }

    /// Asks a KDC for a ticket, if there is none yet.
    fn begin(&mut self) -> Result<Turn, SaslTrouble> {
        let principal = self.principal();
        let name = Name::new(principal.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE));
        let name = name.map_err(trouble)?;
        if let Some(realm) = realm_of(&name) {
            realms().insert(principal, realm);
        }
        let flags = CtxFlags::GSS_C_MUTUAL_FLAG | CtxFlags::GSS_C_INTEG_FLAG;
        let mut context = ClientCtx::new(None, name, flags, Some(GSS_MECH_KRB5));
        let first = context.step(None, None).map_err(trouble)?;
        self.state = State::Proving(context);
        let first = first.map(|first| first.to_vec()).unwrap_or_default();
        match first.is_empty() {
            true => Err(SaslTrouble::Kerberos("there is no token".to_owned())),
            false => Ok(Turn::Send(first)),
        }
    }
}

impl fmt::Debug for Gssapi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gssapi({})", self.principal())
    }
}

fn realms() -> MutexGuard<'static, BTreeMap<String, String>> {
    REALMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a call of the library for this server has returned nothing.
fn no_return<T>(ran: Ran<T>, principal: &str) -> SaslTrouble {
    SaslTrouble::Kerberos(match ran {
        Ran::Late => return SaslTrouble::Kdc(realms().get(principal).cloned()),
        Ran::NoThread(reason) => format!("there is no thread to ask a KDC: {reason}"),
        Ran::Returned(_) | Ran::Panicked => "the Kerberos library failed".to_owned(),
    })
}

/// The realm of a server, as far as the files of the system say; else that of everybody.
fn realm_of(server: &Name) -> Option<String> {
    let shown = |name: &Name| {
        let name = name.canonicalize(Some(GSS_MECH_KRB5)).ok()?;
        let name = name.display_name().ok()?;
        let name = String::from_utf8_lossy(&name);
        let (_, realm) = name.rsplit_once('@')?;
        (!realm.is_empty()).then(|| realm.to_owned())
    };
    shown(server).or_else(|| shown(&Name::new(b"x", Some(GSS_NT_USER_NAME)).ok()?))
}

/// What the library says. Where Kerberos itself says more, that alone.
fn trouble(error: Error) -> SaslTrouble {
    let text = error.to_string();
    let inner = text.split_once(" (").map(|(_, inner)| inner.trim_end());
    let inner = inner.map(|inner| inner.strip_suffix(')').unwrap_or(inner));
    let text = inner.filter(|inner| !inner.is_empty()).unwrap_or(&text);
    SaslTrouble::Kerberos(text.to_owned())
}

/// What a server has sent is not what only the right one can send.
fn no_proof(error: Error) -> SaslTrouble {
    tracing::debug!("Kerberos: {error}");
    SaslTrouble::Impostor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_waits_in_vain_tells_the_realm_of_its_own_server() {
        realms().insert("zk@known.test".to_owned(), "KNOWN.TEST".to_owned());
        let late = |principal: &str| no_return(Ran::<()>::Late, principal);
        let known = SaslTrouble::Kdc(Some("KNOWN.TEST".to_owned()));
        assert_eq!(late("zk@known.test"), known);
        assert_eq!(late("zk@other.test"), SaslTrouble::Kdc(None));
    }

    #[test]
    fn a_panic_of_the_library_is_not_laid_to_a_kdc() {
        let text = |ran: Ran<()>| no_return(ran, "zk@a.test").to_string();
        assert_eq!(text(Ran::Panicked), "the Kerberos library failed");
        let no_thread = text(Ran::NoThread("too many".to_owned()));
        assert_eq!(no_thread, "there is no thread to ask a KDC: too many");
    }
}

//! The client's side of GSSAPI (RFC 4752) with Kerberos, by the library of the system.

use std::fmt;

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _};
use libgssapi::error::Error;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_HOSTBASED_SERVICE};

use super::error::SaslTrouble;
use super::turn::Turn;

/// The bit of a server that signs and encrypts nothing of what is said later, and all that a client answers then.
const NO_LAYER: u8 = 1;
const PLAIN: [u8; 4] = [NO_LAYER, 0, 0, 0];

/// One run of the mechanism.
pub(in super::super) struct Gssapi {
    service: String,
    host: String,
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
    pub(super) fn new(service: &str, host: &str) -> Self {
        Self {
            service: service.to_owned(),
            host: host.to_owned(),
            state: State::New,
        }
    }

    /// Takes what the server sends. At first that is nothing. It may have to ask a KDC, and wait.
    pub(super) fn answer(&mut self, token: Option<&[u8]>) -> Result<Turn, SaslTrouble> {
        match std::mem::replace(&mut self.state, State::Answered) {
            State::New => {
                let name = format!("{}@{}", self.service, self.host);
                let name = Name::new(name.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE));
                let flags = CtxFlags::GSS_C_MUTUAL_FLAG | CtxFlags::GSS_C_INTEG_FLAG;
                let name = name.map_err(trouble)?;
                let context = ClientCtx::new(None, name, flags, Some(GSS_MECH_KRB5));
                self.prove(context, None)
            }
            State::Proving(context) => {
                let token = token.ok_or(SaslTrouble::NotOffered)?;
                self.prove(context, Some(token))
            }
            State::Proven(mut context) => {
                let token = token.ok_or(SaslTrouble::NotOffered)?;
                let offer = context.unwrap(token).map_err(trouble)?;
                if offer.first().is_none_or(|layers| layers & NO_LAYER == 0) {
                    let reason = "it wants to sign or encrypt what is said later";
                    return Err(SaslTrouble::Challenge(reason.to_owned()));
                }
                let answer = context.wrap(false, &PLAIN).map_err(trouble)?;
                Ok(Turn::Send(answer.to_vec()))
            }
            State::Answered => Ok(Turn::Done),
        }
    }

    fn prove(&mut self, mut context: ClientCtx, token: Option<&[u8]>) -> Result<Turn, SaslTrouble> {
        let next = context.step(token, None).map_err(trouble)?;
        self.state = match context.is_complete() {
            true => State::Proven(context),
            false => State::Proving(context),
        };
        Ok(Turn::Send(
            next.map(|next| next.to_vec()).unwrap_or_default(),
        ))
    }
}

impl fmt::Debug for Gssapi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, host) = (&self.service, &self.host);
        write!(f, "Gssapi({service}@{host})")
    }
}

/// What the library says. Where Kerberos itself says more, that alone.
fn trouble(error: Error) -> SaslTrouble {
    let text = error.to_string();
    let inner = text.split_once(" (").map(|(_, inner)| inner.trim_end());
    let inner = inner.map(|inner| inner.strip_suffix(')').unwrap_or(inner));
    let text = inner.filter(|inner| !inner.is_empty()).unwrap_or(&text);
    SaslTrouble::Kerberos(text.to_owned())
}

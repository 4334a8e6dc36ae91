//! What is done to both servers.

use std::fmt;

use crate::embedded::raw::Body;

/// How many sessions there are at any time.
pub(super) const CLIENTS: usize = 3;

/// One thing.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A client sends requests, without waiting in between.
    Send {
        client: usize,
        requests: Vec<Request>,
    },
    /// A client ends its session, and starts another one.
    Close { client: usize },
    /// A client comes back with its session, on a new connection.
    Return { client: usize, cut: bool },
    /// Somebody sends a first packet, and ends the session if that gave one.
    Greet(Greeting),
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) opcode: i32,
    /// The body starts with the number of the last transaction but so many.
    pub(super) since: Option<i64>,
    pub(super) body: Body,
}

/// A first packet.
#[derive(Debug, Clone)]
pub(super) struct Greeting {
    pub(super) session: Session,
    pub(super) password: Password,
    pub(super) timeout: i32,
    /// How far the number of the last transaction seen is ahead of the server's; none is 0.
    pub(super) ahead: Option<i64>,
    pub(super) read_only: Option<bool>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Session {
    New,
    /// One of those that there were, counted from the last one.
    Before(usize),
    Unknown,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Password {
    Right,
    Wrong,
    Short,
    Null,
}

impl Step {
    /// The same without one of several requests.
    pub(super) fn without(&self, request: usize) -> Option<Self> {
        let Self::Send { client, requests } = self else {
            return None;
        };
        let mut requests = requests.clone();
        if requests.len() < 2 || request >= requests.len() {
            return None;
        }
        requests.remove(request);
        Some(Self::Send {
            client: *client,
            requests,
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { client, requests } => {
                write!(f, "client {client} sends")?;
                requests.iter().try_for_each(|request| {
                    let Request {
                        opcode,
                        since,
                        body,
                    } = request;
                    write!(f, " {opcode}")?;
                    if let Some(since) = since {
                        write!(f, "(last-{since})")?;
                    }
                    write!(f, " \"{}\"", body.0.escape_ascii())
                })
            }
            other => write!(f, "{other:?}"),
        }
    }
}

//! What a client and a server say to each other before the first request: the connect request, and SASL.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::digest_md5::DigestMd5;
use super::error::SaslTrouble;
#[cfg(feature = "gssapi")]
use super::gssapi::Gssapi;
use super::turn::Turn;

/// The largest frame before the first request, in bytes. Tickets of Kerberos may have some 64 KiB.
const LARGEST: usize = 256 << 10;

/// How long to wait for the end of a session that nobody uses.
const LINGER: Duration = Duration::from_secs(1);

/// The kinds of requests.
const SASL: i32 = 102;
const CLOSE_SESSION: i32 = -11;

/// Errors by which a server refuses: AUTHFAILED, and SESSIONCLOSEDREQUIRESASLAUTH.
const AUTH_FAILED: i32 = -115;
const SASL_REQUIRED: i32 = -124;

/// Why a connection does not go on.
#[derive(Debug)]
pub(in super::super) enum Halt {
    /// SASL fails.
    Refused(SaslTrouble),
    /// The connection to the server is lost, perhaps without an error.
    Server(Option<io::Error>),
    /// The client is gone.
    Client,
}

/// One run of a mechanism.
#[derive(Debug)]
pub(in super::super) enum Conversation {
    DigestMd5(DigestMd5),
    #[cfg(feature = "gssapi")]
    Gssapi(Gssapi),
}

impl Conversation {
    /// Takes what the server sends.
    #[cfg_attr(
        not(feature = "gssapi"),
        expect(clippy::unused_async, reason = "Kerberos may have to wait")
    )]
    async fn answer(self, token: Option<Vec<u8>>) -> (Option<Self>, Result<Turn, SaslTrouble>) {
        match self {
            Self::DigestMd5(mut mechanism) => {
                let turn = mechanism.answer(token.as_deref());
                (Some(Self::DigestMd5(mechanism)), turn)
            }
            #[cfg(feature = "gssapi")]
            Self::Gssapi(mechanism) => {
                let (mechanism, turn) = mechanism.answer(token).await;
                (mechanism.map(Self::Gssapi), turn)
            }
        }
    }

    /// What it means that the server refuses.
    fn refused(&self) -> SaslTrouble {
        match self {
            Self::DigestMd5(mechanism) if mechanism.has_answered() => SaslTrouble::Refused,
            Self::DigestMd5(_) => SaslTrouble::Mechanism,
            #[cfg(feature = "gssapi")]
            Self::Gssapi(_) => SaslTrouble::Ticket,
        }
    }
}

/// Passes on the connect request of a client, authenticates, and only then passes on the answer: the client has
/// sent more behind its request, which then follows.
///
/// If the server refuses a new session, `note` gets the reason, and the client gets the error by which ZooKeeper
/// refuses (AUTHFAILED), so that it does not try again. If the session is an older one, only this connection ends:
/// a server that starts or ends may refuse whom it knows, and the client may try others until the session's
/// timeout is over.
pub(in super::super) async fn introduce(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    conversation: Conversation,
    note: impl FnOnce(&SaslTrouble),
) -> Result<(), Halt> {
    let request = read(client).await.map_err(|_| Halt::Client)?;
    write(server, &request).await.map_err(lost)?;
    let greeting = read(server).await.map_err(lost)?;
    if !gives_session(&greeting) {
        return write(client, &greeting).await.map_err(|_| Halt::Client);
    }
    let refused = match converse(server, conversation).await {
        Ok(()) => return write(client, &greeting).await.map_err(|_| Halt::Client),
        Err(Halt::Refused(trouble)) => trouble,
        Err(halt) => return Err(halt),
    };
    note(&refused);
    if !is_new(&request) {
        return Err(Halt::Refused(refused));
    }
    if refused.is_final() {
        // The number of the reply, its transaction, and the error.
        let mut failed = [0; 16];
        failed[12..].copy_from_slice(&AUTH_FAILED.to_be_bytes());
        if write(client, &greeting).await.is_ok() && write(client, &failed).await.is_ok() {
            _ = client.shutdown().await;
        }
    }
    // A session that is left open costs the server.
    let close = [2, CLOSE_SESSION].map(i32::to_be_bytes).concat();
    if write(server, &close).await.is_ok() {
        _ = timeout(LINGER, read(server)).await;
    }
    Err(Halt::Refused(refused))
}

/// Authenticates on a connection that has a session.
async fn converse(
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    conversation: Conversation,
) -> Result<(), Halt> {
    let (mut now, mut came) = (Some(conversation), Some(Vec::new()));
    let mut is_first = true;
    while let Some(conversation) = now {
        let (next, turn) = conversation.answer(came).await;
        let token = match turn.map_err(Halt::Refused)? {
            Turn::Send(token) => token,
            Turn::Done => break,
        };
        let mut request = [1, SASL, token.len() as i32].map(i32::to_be_bytes).concat();
        request.extend_from_slice(&token);
        write(server, &request).await.map_err(lost)?;
        let reply = match read(server).await {
            Ok(reply) => reply,
            Err(error) if is_first && is_end(&error) => {
                return Err(Halt::Refused(SaslTrouble::Closed));
            }
            Err(error) => return Err(lost(error)),
        };
        is_first = false;
        let refused = || {
            next.as_ref()
                .map_or(SaslTrouble::Refused, Conversation::refused)
        };
        came = token_of(&reply, refused).map_err(Halt::Refused)?;
        now = next;
    }
    Ok(())
}

/// The token in a reply: a number, a transaction and an error, and then a buffer that may be null.
fn token_of(
    reply: &[u8],
    refused: impl FnOnce() -> SaslTrouble,
) -> Result<Option<Vec<u8>>, SaslTrouble> {
    let broken = || SaslTrouble::Challenge("the reply is cut off".to_owned());
    let int = |at: usize| {
        let bytes = reply.get(at..at + 4)?.try_into().ok()?;
        Some(i32::from_be_bytes(bytes))
    };
    match int(12).ok_or_else(broken)? {
        0 => {}
        AUTH_FAILED | SASL_REQUIRED => return Err(refused()),
        code => return Err(SaslTrouble::Code(code)),
    }
    let Ok(length) = usize::try_from(int(16).ok_or_else(broken)?) else {
        return Ok(None);
    };
    let token = reply[20..].get(..length);
    token.map(|token| Some(token.to_vec())).ok_or_else(broken)
}

/// Whether a connect request asks for a new session: a version, a transaction and a timeout, and then no number of
/// a session of before.
fn is_new(request: &[u8]) -> bool {
    request.get(16..24).is_none_or(|id| id == [0; 8])
}

/// Whether a server's first answer gives a session: a version of 0, a timeout, and the session's number. What is
/// no such answer is for the client to judge.
fn gives_session(greeting: &[u8]) -> bool {
    greeting.starts_with(&[0; 4]) && greeting.get(8..16).is_some_and(|id| id != [0; 8])
}

fn lost(error: io::Error) -> Halt {
    Halt::Server(Some(error).filter(|error| !is_end(error)))
}

fn is_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_i32().await?;
    match usize::try_from(length) {
        Ok(length) if length <= LARGEST => {
            let mut frame = vec![0; length];
            stream.read_exact(&mut frame).await?;
            Ok(frame)
        }
        _ => Err(io::Error::other("it does not speak ZooKeeper")),
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    let length = frame.len() as i32;
    stream
        .write_all(&[&length.to_be_bytes(), frame].concat())
        .await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    /// The frames of a server: each is sent after one that comes.
    async fn served(mut server: DuplexStream, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut came = Vec::new();
        for frame in frames {
            came.push(read(&mut server).await.unwrap());
            write(&mut server, &frame).await.unwrap();
        }
        // What comes last is not answered.
        came.extend(read(&mut server).await);
        drop(server);
        came
    }

    fn greeting(session: u8) -> Vec<u8> {
        let mut greeting = vec![0; 37];
        greeting[15] = session;
        greeting
    }

    fn reply(code: i32, token: Option<&[u8]>) -> Vec<u8> {
        let length = token.map_or(-1, |token| token.len() as i32);
        let mut reply = vec![0; 12];
        reply.extend([code, length].map(i32::to_be_bytes).concat());
        reply.extend_from_slice(token.unwrap_or_default());
        reply
    }

    /// How it ends, and the frames that the client and the server get.
    async fn introduced_as(
        request: &[u8],
        frames: Vec<Vec<u8>>,
    ) -> (Result<(), Halt>, Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let (mut client, mut near) = duplex(1 << 10);
        let (mut far, server) = duplex(1 << 10);
        write(&mut client, request).await.unwrap();
        let conversation = Conversation::DigestMd5(DigestMd5::new("u", "p"));
        let served = served(server, frames);
        let introduce = async {
            let introduced = introduce(&mut near, &mut far, conversation, |_| {}).await;
            drop((near, far));
            introduced
        };
        let (introduced, came) = tokio::join!(introduce, served);
        assert_eq!(came[0], request);
        let mut frames = Vec::new();
        while let Ok(frame) = read(&mut client).await {
            frames.push(frame);
        }
        (introduced, frames, came)
    }

    /// How a new session ends, and the frames that the client gets.
    async fn introduced(frames: Vec<Vec<u8>>) -> (Result<(), Halt>, Vec<Vec<u8>>) {
        let (introduced, told, _) = introduced_as(&connect(0), frames).await;
        (introduced, told)
    }

    fn connect(session: u8) -> Vec<u8> {
        let mut request = vec![0; 45];
        request[23] = session;
        request
    }

    async fn refused(replies: Vec<Vec<u8>>) -> (SaslTrouble, usize) {
        let (introduced, told) = introduced([vec![greeting(1)], replies].concat()).await;
        match introduced {
            Err(Halt::Refused(trouble)) => (trouble, told.len()),
            other => panic!("{other:?}"),
        }
    }

    const CHALLENGE: &[u8] = b"realm=\"r\",nonce=\"n\",charset=utf-8,algorithm=md5-sess";

    #[tokio::test]
    async fn each_way_to_refuse_is_told_from_the_others() {
        // Greeting and error: the client does not try again.
        let failed = || reply(AUTH_FAILED, None);
        assert_eq!(refused(vec![failed()]).await, (SaslTrouble::Mechanism, 2));
        let required = reply(SASL_REQUIRED, None);
        assert_eq!(refused(vec![required]).await, (SaslTrouble::Mechanism, 2));
        let challenge = || reply(0, Some(CHALLENGE));
        let found = refused(vec![challenge(), failed()]).await;
        assert_eq!(found, (SaslTrouble::Refused, 2));
        let found = refused(vec![challenge(), reply(0, None)]).await;
        assert_eq!(found, (SaslTrouble::Unconfirmed, 2));
        let found = refused(vec![challenge(), reply(0, Some(b"rspauth=1"))]).await;
        assert_eq!(found, (SaslTrouble::Impostor, 2));
        let found = refused(vec![reply(0, None)]).await;
        assert_eq!(found, (SaslTrouble::NotOffered, 2));
        assert_eq!(
            refused(vec![reply(-6, None)]).await,
            (SaslTrouble::Code(-6), 2)
        );
        let (found, _) = refused(vec![reply(0, Some(b"x"))[..19].to_vec()]).await;
        assert!(matches!(found, SaslTrouble::Challenge(_)), "{found:?}");
        let (found, _) = refused(vec![[0; 18].to_vec()]).await;
        assert!(matches!(found, SaslTrouble::Challenge(_)), "{found:?}");
        // The client may try again.
        assert_eq!(refused(vec![]).await, (SaslTrouble::Closed, 0));
    }

    #[tokio::test]
    async fn a_session_of_before_goes_on_whatever_refuses_it() {
        let close = [2, CLOSE_SESSION].map(i32::to_be_bytes).concat();
        for answer in [
            reply(AUTH_FAILED, None),
            reply(0, None),
            reply(-6, None),
            reply(0, Some(b"x")),
        ] {
            for (session, closes) in [(0, true), (7, false)] {
                let frames = vec![greeting(7), answer.clone()];
                let (introduced, told, came) = introduced_as(&connect(session), frames).await;
                assert!(matches!(introduced, Err(Halt::Refused(_))));
                // It hears nothing that would end it.
                assert_eq!(told.is_empty(), !closes);
                assert_eq!(came.last() == Some(&close), closes);
            }
        }
    }

    #[tokio::test]
    async fn without_a_session_the_client_hears_the_server_alone() {
        let (introduced, told) = introduced(vec![greeting(0)]).await;
        introduced.unwrap();
        assert_eq!(told, [greeting(0)]);
    }

    #[tokio::test]
    async fn frames_without_end_are_not_read() {
        let mut endless: &[u8] = &i32::MAX.to_be_bytes();
        assert!(read(&mut endless).await.is_err());
        let mut negative: &[u8] = &(-1_i32).to_be_bytes();
        assert!(read(&mut negative).await.is_err());
    }
}

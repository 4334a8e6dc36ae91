//! Sessions that authenticate by SASL, against the embedded server: no Java is needed.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use zkt::error::{SaslError, SaslTrouble, Trouble};
use zkt::server::{Dialect, ErrorCode, Fault, Matching, RequestKind, Server};
use zkt::zookeeper::session::{Error, Options, Session, Wait};
use zkt::{Password, Sasl};

use crate::relay::Relay;
use crate::server::options;

pub(crate) fn by_sasl(hosts: &str, user: &str, password: Password) -> Options {
    let user = user.to_owned();
    Options {
        sasl: Some(Sasl::DigestMd5 { user, password }),
        ..options(hosts)
    }
}

fn text(password: &str) -> Password {
    Password::Text(password.to_owned())
}

fn server() -> Server {
    let builder = Server::builder().sasl_user("ops", "secret");
    // Names and passwords that need escapes, or are hashed in another charset.
    let builder = builder.sasl_user("zo\u{eb}", "p\u{e4}\u{df}");
    let builder = builder.sasl_user("q\"\\", "\u{20ac}uro");
    builder.start().unwrap()
}

/// Why SASL with the only server fails, however long it may take to connect.
pub(crate) async fn trouble(options: Options) -> SaslTrouble {
    let options = Options {
        wait: Wait::Forever,
        ..options
    };
    match Session::connect(&options).await {
        Err(Error::SaslRefused {
            server,
            mechanism,
            trouble,
        }) => {
            assert_eq!((server, mechanism), (options.hosts, "DIGEST-MD5"));
            trouble
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_is_known_by_its_user() {
    let server = server();
    let hosts = server.connect_string();
    let users = [
        ("ops", "secret"),
        ("zo\u{eb}", "p\u{e4}\u{df}"),
        ("q\"\\", "\u{20ac}uro"),
    ];
    for (user, password) in users {
        let options = by_sasl(&hosts, user, text(password));
        let session = Session::connect(&options).await.unwrap();
        let identities = session.identities().await.unwrap();
        let all: Vec<_> = identities
            .iter()
            .map(|who| (&*who.scheme, &*who.id))
            .collect();
        assert_eq!(all, [("sasl", user)]);
        // The server is named, not the port that leads to it.
        assert_eq!(session.hosts(), format!("{hosts}/"));
        session.close().await;
    }
    assert_eq!(server.sessions().len(), 0);
}

#[tokio::test]
async fn who_is_refused_hears_why_at_once_and_leaves_nothing() {
    let server = server();
    let hosts = server.connect_string();
    let wrong = by_sasl(&hosts, "ops", text("wrong"));
    assert_eq!(trouble(wrong).await, SaslTrouble::Refused);
    let unknown = by_sasl(&hosts, "nobody", text("secret"));
    assert_eq!(trouble(unknown).await, SaslTrouble::Refused);
    // Nothing went to the server but who it is.
    assert_eq!(server.requests(RequestKind::Ping), 0);
    let plain = Server::start().unwrap();
    let nobody = by_sasl(&plain.connect_string(), "ops", text("secret"));
    assert_eq!(trouble(nobody).await, SaslTrouble::NotOffered);
    while !plain.sessions().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let other = server.inject(
        Matching::kind(RequestKind::Sasl),
        Fault::Answer(ErrorCode::AuthFailed),
    );
    let options = by_sasl(&hosts, "ops", text("secret"));
    assert_eq!(trouble(options.clone()).await, SaslTrouble::Mechanism);
    assert!(other.has_struck());
    Session::connect(&options).await.unwrap();
}

#[tokio::test]
async fn a_server_that_closes_the_connection_is_tried_again_for_a_while() {
    let keeper = Server::builder().dialect(Dialect::Keeper).start().unwrap();
    let options = by_sasl(&keeper.connect_string(), "ops", text("secret"));
    for wait in [Wait::No, Wait::For(Duration::from_millis(300))] {
        let options = Options {
            wait,
            ..options.clone()
        };
        let error = Session::connect(&options).await.unwrap_err();
        let expected = Error::SaslRefused {
            server: keeper.connect_string(),
            mechanism: "DIGEST-MD5",
            trouble: SaslTrouble::Closed,
        };
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn a_server_that_demands_it_gets_it_and_says_so_otherwise() {
    let builder = Server::builder().sasl_user("ops", "secret");
    let server = builder.require_sasl(true).start().unwrap();
    let hosts = server.connect_string();
    let digest = crate::server::options_as(&hosts, "a:b");
    for (options, given) in [(options(&hosts), &[][..]), (digest, &["digest"])] {
        match Session::connect(&options).await {
            Err(Error::Demanded { schemes, .. }) => assert_eq!(schemes, given),
            other => panic!("{other:?}"),
        }
    }
    let wrong = by_sasl(&hosts, "ops", text("wrong"));
    assert_eq!(trouble(wrong).await, SaslTrouble::Refused);
    let mut both = by_sasl(&hosts, "ops", text("secret"));
    both.credentials = crate::server::options_as("", "a:b").credentials;
    let session = Session::connect(&both).await.unwrap();
    let identities = session.identities().await.unwrap();
    let mut users: Vec<&str> = identities.iter().map(zkt::AuthId::user).collect();
    users.sort_unstable();
    assert_eq!(users, ["a", "ops"]);
}

#[tokio::test]
async fn a_connection_that_comes_back_has_its_user_before_any_request() {
    let builder = Server::builder().sasl_user("ops", "secret");
    let server = builder.require_sasl(true).start().unwrap();
    let relay = Relay::to(server.address().port()).await;
    let session = Session::connect(&by_sasl(&relay.address(), "ops", text("secret"))).await;
    let session = session.unwrap();
    for _ in 0..10 {
        relay.cut();
        while session.identities().await.is_err() {
            assert!(!session.is_dead());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn a_session_outlives_a_refusal_that_passes() {
    let server = server();
    let options = by_sasl(&server.connect_string(), "ops", text("secret"));
    let session = Session::connect(&options).await.unwrap();
    let ids = || -> Vec<i64> { server.sessions().iter().map(|one| one.id).collect() };
    let before = ids();
    let refusals = server.inject(
        Matching::kind(RequestKind::Sasl).times(2),
        Fault::Answer(ErrorCode::AuthFailed),
    );
    server.cut_all();
    while session.identities().await.is_err() {
        assert!(!session.is_dead());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(refusals.has_struck());
    assert_eq!(ids(), before);
}

#[tokio::test]
async fn a_session_that_is_refused_from_now_on_ends_in_time() {
    let timeout = Duration::from_millis(400);
    let builder = Server::builder().sasl_user("ops", "secret");
    let server = builder.session_timeouts(timeout, timeout).start().unwrap();
    let mut options = by_sasl(&server.connect_string(), "ops", text("secret"));
    options.session_timeout = timeout;
    let session = Session::connect(&options).await.unwrap();
    let refusals = server.inject(
        Matching::kind(RequestKind::Sasl).times(u32::MAX),
        Fault::Answer(ErrorCode::AuthFailed),
    );
    server.cut_all();
    let mut pulse = session.pulse();
    while !session.is_dead() {
        pulse.changed().await;
    }
    assert!(refusals.has_struck());
    assert!(session.identities().await.is_err());
}

#[tokio::test]
async fn a_new_session_goes_on_with_the_password_that_was_good() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let options = by_sasl(
        &server.connect_string(),
        "ops",
        Password::File(file.clone()),
    );
    let mut session = Session::connect(&options).await.unwrap();
    let mut again = async || {
        server.expire_all();
        session.reconnect().await.unwrap();
        session.identities().await.unwrap();
    };
    // Half written, gone, and there again.
    std::fs::write(&file, "").unwrap();
    again().await;
    std::fs::remove_file(&file).unwrap();
    again().await;
    std::fs::write(&file, "secret\n").unwrap();
    again().await;
    // Somebody new has no password of before.
    std::fs::write(&file, "").unwrap();
    let error = Session::connect(&options).await.unwrap_err();
    assert!(
        matches!(error, Error::Sasl(SaslError::File { .. })),
        "{error}"
    );
}

/// A server that gives a session once, closes the connection where SASL begins, and is gone then.
#[tokio::test]
async fn what_is_wrong_now_is_told_and_not_what_was() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hosts = listener.local_addr().unwrap().to_string();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 49];
        stream.read_exact(&mut request[..48]).await.unwrap();
        drop(listener);
        let mut greeting = [0; 41];
        (greeting[3], greeting[10], greeting[19]) = (37, 0x10, 1);
        stream.write_all(&greeting).await.unwrap();
        // SASL begins.
        stream.read_exact(&mut request[..16]).await.unwrap();
    };
    let options = Options {
        wait: Wait::For(Duration::from_secs(1)),
        ..by_sasl(&hosts, "ops", text("secret"))
    };
    let (connected, ()) = tokio::join!(Session::connect(&options), server);
    match connected {
        Err(Error::Unreachable { troubles, .. }) => {
            assert_eq!(troubles, [(hosts, Trouble::Refused)]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn options_that_are_wrong_are_errors_before_anything_is_sent() {
    let server = server();
    let hosts = server.connect_string();
    let error = async |user: &str, password: Password| match Session::connect(&by_sasl(
        &hosts, user, password,
    ))
    .await
    {
        Err(Error::Sasl(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(error("", text("x")).await, SaslError::NoUser);
    assert_eq!(error("ops", text("")).await, SaslError::NoPassword);
    let missing = Password::File("/nonexistent/password".into());
    assert!(matches!(
        error("ops", missing).await,
        SaslError::File { .. }
    ));
    assert_eq!(server.requests(RequestKind::CreateSession), 0);
}

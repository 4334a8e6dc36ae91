//! Connecting, waiting, credentials and closing, against a real server.

use std::time::{Duration, Instant};

use zkt::model::acl::AuthId;
use zkt::model::path::ZPath;
use zkt::plan::scope::{Children, Want};
use zkt::server::{ErrorCode, Fault, Matching, RequestKind};
use zkt::zookeeper::live::{self, FetchOptions};
use zkt::zookeeper::session::{Error, Options, Session, Wait};

use crate::relay::{Mode, Relay};
use crate::server::{Server, free_port, options, options_as, session, shared};

#[tokio::test]
async fn shows_where_it_is_connected_to() {
    let (hosts, session) = session("hosts").await;
    assert_eq!(session.hosts(), hosts);
    let address = shared().address();
    let root = Session::connect(&options(&address)).await.unwrap();
    assert_eq!(root.hosts(), format!("{address}/"));
    assert_eq!(root.timeout(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_dead_port_is_an_error_at_once() {
    let address = format!("127.0.0.1:{}", free_port());
    // Waiting out the session timeout would take an hour.
    let options = Options {
        session_timeout: Duration::from_secs(3600),
        ..options(&address)
    };
    let connect = tokio::time::timeout(Duration::from_secs(60), Session::connect(&options));
    let error = connect.await.unwrap().unwrap_err();
    let expected =
        format!("cannot reach a ZooKeeper server at {address}/: the connection is refused");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn of_several_servers_each_is_named() {
    let dead = format!("127.0.0.1:{}", free_port());
    let closing = Relay::to(shared().port()).await;
    closing.set(Mode::Refuse);
    let hosts = format!("{dead},{},no.such.name.invalid", closing.address());
    let error = Session::connect(&options(&hosts)).await.unwrap_err();
    let expected = format!(
        "cannot reach a ZooKeeper server at {hosts}/: \
         \n  {dead}: the connection is refused\
         \n  {}: it accepts the connection and closes it (no quorum, or a TLS port?)\
         \n  no.such.name.invalid: the name is unknown",
        closing.address()
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn waiting_takes_as_long_as_its_limit() {
    let wait = Duration::from_millis(1500);
    let options = Options {
        wait: Wait::For(wait),
        ..options(&format!("127.0.0.1:{}", free_port()))
    };
    let started = Instant::now();
    assert!(Session::connect(&options).await.is_err());
    assert!(started.elapsed() >= wait, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_silent_server_is_an_error_within_the_session_timeout() {
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Stall);
    let started = Instant::now();
    let options = Options {
        session_timeout: Duration::from_secs(1),
        ..options(&relay.address())
    };
    let error = Session::connect(&options).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    // Far more than the timeout, for slow machines; far less than for ever.
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn the_request_timeout_bounds_connecting() {
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Stall);
    let options = Options {
        session_timeout: Duration::from_secs(3600),
        request_timeout: Some(Duration::from_millis(200)),
        ..options(&relay.address())
    };
    let connect = tokio::time::timeout(Duration::from_secs(60), Session::connect(&options));
    let error = connect.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

/// Attempts begin as long as there is time, and none outlasts it.
#[tokio::test(start_paused = true)]
async fn attempts_end_when_the_wait_does() {
    let wait = Duration::from_millis(300);
    let options = Options {
        wait: Wait::For(wait),
        ..options(&format!("127.0.0.1:{}", free_port()))
    };
    let started = tokio::time::Instant::now();
    assert!(Session::connect(&options).await.is_err());
    assert_eq!(started.elapsed().as_millis(), wait.as_millis());
}

#[tokio::test]
async fn waits_for_a_server() {
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Refuse);
    let wait = Wait::For(Duration::from_millis(300));
    let limited = Options {
        wait,
        ..options(&relay.address())
    };
    let error = Session::connect(&limited).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");

    let patient = Options {
        wait: Wait::Forever,
        ..options(&relay.address())
    };
    let connecting = tokio::spawn(async move { Session::connect(&patient).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    relay.set(Mode::Forward);
    let session = connecting.await.unwrap().unwrap();
    assert!(!session.is_dead());
}

#[tokio::test]
async fn a_session_whose_client_has_died_is_dead() {
    let server = shared();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let options = options(&server.address());
    let session = runtime.spawn(async move { Session::connect(&options).await });
    let session = session.await.unwrap().unwrap();
    // The task of zookeeper-client goes with its runtime, and tells nobody, as after a panic.
    runtime.shutdown_background();
    let error = live::read_subtree(&session, &ZPath::root(), false, &mut |_| {}).await;
    let error = error.unwrap_err().to_string();
    let words = "ended while reading (the session is lost by a fault in the client library)";
    assert!(error.contains(words), "{error}");
    assert!(session.is_dead());
    session.close().await;
}

#[tokio::test]
async fn a_missing_chroot_is_an_error() {
    let address = shared().address();
    let error = Session::connect(&options(&format!("{address}/no/such")))
        .await
        .unwrap_err();
    let expected = format!("the chroot /no/such does not exist on {address}");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn an_open_session_checks_its_chroot_on_request() {
    let server = shared();
    let address = server.address();
    let options = options(&format!("{address}/no/such"));
    let session = Session::open(&options).await.unwrap();
    let error = session.check_chroot().await.unwrap_err();
    let expected = format!("the chroot /no/such does not exist on {address}");
    assert_eq!(error.to_string(), expected);

    let relay = Relay::to(server.port()).await;
    let path = server.chroot("open").await;
    let options = self::options(&(relay.address() + &path));
    let session = Session::open(&options).await.unwrap();
    for cut in [Mode::CutBeforeRequest, Mode::CutBeforeReply] {
        relay.set(cut);
        assert_eq!(session.check_chroot().await, Ok(()), "{cut:?}");
    }
}

#[tokio::test]
async fn bad_credentials_are_an_error_that_hides_them() {
    let (hosts, _session) = session("auth").await;
    let mut options = options_as(&hosts, "ops:secret");
    options.credentials[0].scheme = "nonsense".to_owned();
    assert!(!format!("{options:?}").contains("115, 101"), "{options:?}");
    let error = Session::connect(&options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{hosts} refuses the credentials (an unknown scheme)")
    );
}

#[tokio::test]
async fn a_bad_host_string_is_an_error() {
    let error = Session::connect(&options("h:70000")).await.unwrap_err();
    let expected =
        r#""h:70000" is no list of servers: expected a port from 1 to 65535, found "70000""#;
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn identities_are_as_the_server_stores_them() {
    let (hosts, anyone) = session("identities").await;
    assert_eq!(anyone.identities().await.unwrap(), []);
    let session = Session::connect(&options_as(&hosts, "super:super123"))
        .await
        .unwrap();
    let id = "super:UdxDQl4f9v5oITwcAsO9bmWgHSI=".to_owned();
    let expected = AuthId {
        scheme: "digest".to_owned(),
        id,
    };
    assert_eq!(session.identities().await.unwrap(), [expected]);
}

/// Servers before 3.7 do not know the request, and drop the connection after they have said so.
#[tokio::test]
async fn an_old_server_is_asked_once_for_identities() {
    let server = zkt::server::Server::start().unwrap();
    let options = options(&server.connect_string());
    let session = Session::connect(&options).await.unwrap();
    let unknown = Fault::Answer(ErrorCode::Unimplemented);
    let asked = server.inject(Matching::kind(RequestKind::WhoAmI).times(9), unknown);
    let cut = server.inject(Matching::kind(RequestKind::Exists), Fault::LoseRequest);
    let (one, other) = tokio::join!(session.who(), session.who());
    assert_eq!(one.unwrap(), other.unwrap());
    assert!(
        cut.has_struck(),
        "the cut is over when the identities are known"
    );
    assert!(session.who().await.unwrap().stored.is_empty());
    assert_eq!(asked.struck(), 1);
    session.close().await;
}

#[tokio::test]
async fn closing_leaves_no_session_behind() {
    let server = Server::start();
    let session = Session::connect(&options(&server.address())).await.unwrap();
    let live = server.four_letters("cons").unwrap();
    assert!(live.contains("sid=0x"), "{live}");
    session.close().await;
    // The server forgets the connection a moment after it has answered.
    let deadline = Instant::now() + Duration::from_secs(5);
    while let live = server.four_letters("cons").unwrap()
        && live.contains("sid=0x")
    {
        assert!(Instant::now() < deadline, "{live}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_expired_session_is_dead_until_reconnected() {
    let server = shared();
    let path = server.chroot("expiry").await;
    let relay = Relay::to(server.port()).await;
    let hosts = relay.address() + &path;
    let short = Options {
        session_timeout: Duration::from_millis(600),
        ..options(&hosts)
    };
    let mut session = Session::connect(&short).await.unwrap();
    relay.set(Mode::Refuse);
    relay.cut();
    let started = Instant::now();
    while !session.is_dead() {
        assert!(started.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(session.reconnect().await.is_err());
    relay.set(Mode::Forward);
    session.reconnect().await.unwrap();
    assert!(!session.is_dead());
}

#[tokio::test]
async fn a_pause_of_the_server_does_not_cost_the_connection() {
    let server = shared();
    let path = server.chroot("pause").await;
    let relay = Relay::to(server.port()).await;
    let hosts = relay.address() + &path;
    let options = Options {
        session_timeout: Duration::from_secs(10),
        ..options(&hosts)
    };
    let session = Session::connect(&options).await.unwrap();
    // More than the 2/5 that the client takes by default, less than the 3/5 that it is told.
    relay.set(Mode::Stall);
    let once = FetchOptions {
        retries: 0,
        ..FetchOptions::default()
    };
    let want = Want {
        path: ZPath::root(),
        children: Children::Skip,
        acl: false,
    };
    let asked = async {
        let wants = [want];
        zkt::zookeeper::live::fetch(&session, &wants, &once, &mut |_| {})
            .await
            .map(|tree| tree.len())
    };
    let pause = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        relay.set(Mode::Forward);
    };
    let (read, ()) = tokio::join!(asked, pause);
    assert_eq!(read, Ok(1));
}

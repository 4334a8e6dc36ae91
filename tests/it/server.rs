//! The ZooKeeper that tests run against: the embedded one, or all of them against a real one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use zkt::server::{Dialect, Server as Embedded};
use zkt::zookeeper::session::{Credentials, Options, Session, Wait};
use zookeeper_client::{Acls, Client, CreateMode};

use crate::real::process::{SESSION_TIMEOUTS, Server as Real};
pub(crate) use crate::real::process::{four_letters, free_port};
use crate::watchdog;

/// `embedded`, which is also the default, or `real`.
const VARIABLE: &str = "ZKT_TEST_SERVER";

/// A ZooKeeper server.
pub(crate) enum Server {
    Embedded(Embedded),
    Real(Real),
}

/// The server that all tests share, each below a chroot of its own.
pub(crate) fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    watchdog::watch();
    SHARED.get_or_init(Server::start)
}

/// Whether the tests are to run against a real server.
pub(crate) fn is_real() -> bool {
    match std::env::var(VARIABLE).as_deref() {
        Ok("real") => true,
        Ok("embedded" | "") | Err(_) => false,
        Ok(other) => panic!("{VARIABLE} is embedded or real, not {other}"),
    }
}

impl Server {
    /// Starts a private server.
    pub(crate) fn start() -> Self {
        watchdog::watch();
        if is_real() {
            return Self::Real(Real::start());
        }
        let (shortest, longest) = SESSION_TIMEOUTS;
        let builder = Embedded::builder().session_timeouts(shortest, longest);
        Self::Embedded(builder.start().unwrap())
    }

    /// Starts a private server with the ways of this dialect.
    pub(crate) fn of(dialect: Dialect) -> Self {
        watchdog::watch();
        let (shortest, longest) = SESSION_TIMEOUTS;
        let builder = Embedded::builder().session_timeouts(shortest, longest);
        Self::Embedded(builder.dialect(dialect).start().unwrap())
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Embedded(server) => server.connect_string(),
            Self::Real(server) => server.address(),
        }
    }

    /// The port on the loopback interface.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Embedded(server) => server.address().port(),
            Self::Real(server) => server.port(),
        }
    }

    /// What the server answers to one of its administrative commands.
    pub(crate) fn four_letters(&self, word: &str) -> Option<String> {
        four_letters(self.port(), word)
    }

    /// Makes a new node for one test, and returns its path: `/NAME-1`.
    pub(crate) async fn chroot(&self, name: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = format!("/{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let client = client(&self.address()).await;
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        client.create(&path, b"", &options).await.unwrap();
        path
    }
}

/// The server that all tests with the ways of ClickHouse Keeper share.
pub(crate) fn keeper() -> &'static Server {
    static KEEPER: OnceLock<Server> = OnceLock::new();
    KEEPER.get_or_init(|| Server::of(Dialect::Keeper))
}

/// A client that only closes its connection in the end: to a session's end, ClickHouse Keeper does not answer,
/// and zookeeper-client does not give up.
pub(crate) async fn client(hosts: &str) -> Client {
    let connector = Client::connector().with_detached();
    connector.connect(hosts).await.unwrap()
}

/// How tests connect, without waiting for a server.
pub(crate) fn options(hosts: &str) -> Options {
    Options {
        hosts: hosts.to_owned(),
        session_timeout: Duration::from_secs(10),
        request_timeout: None,
        max_request: zkt::model::request::MAX_REQUEST,
        wait: Wait::No,
        credentials: Vec::new(),
        sasl: None,
        tls: zkt::Tls::default(),
    }
}

/// Options with one `digest` identity.
pub(crate) fn options_as(hosts: &str, secret: &str) -> Options {
    let digest = Credentials {
        scheme: "digest".to_owned(),
        secret: secret.as_bytes().to_vec(),
    };
    Options {
        credentials: vec![digest],
        ..options(hosts)
    }
}

/// A new place on the shared server, as a connection string, and a session there.
pub(crate) async fn session(name: &str) -> (String, Session) {
    session_on(shared(), name).await
}

/// A new place on a server, as a connection string, and a session there.
pub(crate) async fn session_on(server: &Server, name: &str) -> (String, Session) {
    let hosts = server.address() + &server.chroot(name).await;
    let session = Session::connect(&options(&hosts)).await.unwrap();
    (hosts, session)
}

//! The servers that a run may be for.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use zkt::registry::NewNode;
use zkt::server::Dialect;
use zkt::{Password, Sasl, ZooKeeper};
use zookeeper_client::{Acls, Client, CreateMode};

use crate::cli::Place;
use crate::real::netty::NETTY;
use crate::real::process::{Server as Real, Setup, free_port};
use crate::real::quorum::Quorum;
use crate::real::sasl::with_users;
use crate::server::{self, Server};
use crate::tls::door::Own;

/// Which one: `tls`, `sasl`, `sasl-required`, `ensemble`, `keeper`, `keeper-24`; the server of all tests where it is not set.
const VARIABLE: &str = "ZKT_TEST_GROUND";

/// A kind of server, as commands and clients reach it.
struct Kind {
    /// How commands connect.
    hosts: String,
    /// What they need beyond that.
    options: String,
    /// How a client without TLS connects.
    plain: String,
    /// As whom, where nobody else may.
    user: Option<Sasl>,
    _server: Option<Kept>,
}

/// Lives as long as the tests.
enum Kept {
    One { _server: Real },
    Several { _servers: Quorum },
    InMemory { _server: Server },
}

/// Somebody else, who creates what nobody has declared.
enum Other {
    Client(Client),
    User(ZooKeeper),
}

/// A node of its own on that kind of server.
pub(super) struct Ground {
    other: Other,
    chroot: String,
    /// The options that each command needs.
    pub(super) options: &'static str,
}

impl Ground {
    /// A place for commands, and the ground that it stands on.
    pub(super) async fn place(name: &str) -> (Place, Self) {
        static KIND: OnceLock<Kind> = OnceLock::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        crate::watchdog::watch();
        let kind = KIND.get_or_init(Kind::start);
        let other = Other::on(kind).await;
        let chroot = format!("/{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let ground = Self {
            other,
            chroot: String::new(),
            options: &kind.options,
        };
        ground.create(&chroot, "").await;
        let place = Place::at(&format!("{}{chroot}", kind.hosts));
        (place, Self { chroot, ..ground })
    }

    /// Creates a node that nobody has declared.
    pub(super) async fn create(&self, path: &str, data: &str) {
        let path = format!("{}{path}", self.chroot);
        match &self.other {
            Other::Client(client) => {
                let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
                let created = client.create(&path, data.as_bytes(), &options);
                _ = created.await.unwrap();
            }
            Other::User(user) => {
                let new = NewNode::default();
                let created = user.create(&path, data.as_bytes(), &new);
                created.await.unwrap();
            }
        }
    }
}

impl Other {
    async fn on(kind: &Kind) -> Self {
        if let Some(sasl) = &kind.user {
            let builder = ZooKeeper::builder().hosts(&kind.plain).sasl(sasl.clone());
            return Self::User(builder.connect().await.unwrap());
        }
        // The oldest servers know no other request to create.
        let connector = Client::connector().with_server_version(3, 4, 0);
        let connected = connector.with_detached().connect(&kind.plain).await;
        Self::Client(connected.unwrap())
    }
}

impl Kind {
    fn start() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("") => Self::plain(server::shared().address(), None),
            Ok("tls") => Self::with_tls(),
            Ok("sasl") => Self::with_sasl(&[]),
            Ok("sasl-required") => Self {
                user: Some(Sasl::DigestMd5 {
                    user: "ops".to_owned(),
                    password: Password::Text("secret".to_owned()),
                }),
                ..Self::with_sasl(&["-Dzookeeper.sessionRequireClientSASLAuth=true"])
            },
            Ok("ensemble") => {
                let servers = Quorum::of_three();
                Self::plain(servers.hosts(), Some(Kept::Several { _servers: servers }))
            }
            Ok("keeper") => Self::in_memory(Dialect::Keeper),
            Ok("keeper-24") => Self::in_memory(Dialect::Keeper24),
            Ok(other) => panic!("{VARIABLE} is none of tls, sasl, …, but {other}"),
        }
    }

    fn plain(hosts: String, server: Option<Kept>) -> Self {
        Self {
            plain: hosts.clone(),
            hosts,
            options: String::new(),
            user: None,
            _server: server,
        }
    }

    fn in_memory(dialect: Dialect) -> Self {
        let server = Server::of(dialect);
        Self::plain(server.address(), Some(Kept::InMemory { _server: server }))
    }

    /// With Netty, and a port for TLS beside the one without.
    fn with_tls() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let file = |name: &str| folder.join(format!("matrix-{}-{name}", std::process::id()));
        let keys = Own::of_itself(&["localhost"]);
        let (own, trusted) = (file("server.pem"), file("trusted.pem"));
        fs::write(&trusted, keys.certificate()).unwrap();
        fs::write(&own, keys.both()).unwrap();
        let port = free_port();
        let config = format!(
            "{}secureClientPort={port}\nsecureClientPortAddress=127.0.0.1\nssl.clientAuth=none\n\
             ssl.keyStore.location={}\nssl.trustStore.location={}\n",
            NETTY.config,
            own.display(),
            trusted.display()
        );
        let server = Real::start_as(Setup {
            config: config.leak(),
            ..NETTY
        });
        Self {
            hosts: format!("tcp+tls://localhost:{port}"),
            options: format!("--tls-ca {}", trusted.display()),
            plain: server.address(),
            user: None,
            _server: Some(Kept::One { _server: server }),
        }
    }

    /// With Netty and the users of a JAAS file, of whom commands are one.
    fn with_sasl(words: &[&'static str]) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("matrix-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let password = folder.join("password");
        fs::write(&password, "secret\n").unwrap();
        let server = Real::start_as(with_users(NETTY, &folder, words));
        let options = format!(
            "--sasl-user ops --sasl-password-file {}",
            password.display()
        );
        Self {
            options,
            ..Self::plain(server.address(), Some(Kept::One { _server: server }))
        }
    }
}

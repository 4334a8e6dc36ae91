//! Connecting: attempts, and what belongs to each of them.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use zookeeper_client::Connector;

use super::client::caught;
use super::credentials::Credentials;
use super::dialect::{self, Answers, Dialect};
use super::ending::Ending;
use super::hosts::Servers;
use super::means::Means;
use super::probe::{demands_authentication, troubles};
#[cfg(feature = "sasl")]
use super::sasl::SaslTrouble;
use super::{Client, ClientError, Error, Options, RawClient, Wait, is_outcome_unknown};

/// How long to look for what is wrong with a server.
pub(super) const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// How long an attempt to connect may take however short the session timeout is.
pub(super) const LEAST_ATTEMPT: Duration = Duration::from_secs(1);

/// How often a session is asked for by those whose credentials have to be there first.
const TRIES: u32 = 16;

/// How long to wait before the second attempt to connect, between all later ones at most, and
/// between the last ones at least.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_millis(10);

/// Connects, authenticates, and checks that the chroot exists where that is asked for.
pub(super) async fn connect(
    options: &Options,
    servers: &Servers,
    means: &Means,
    checks_chroot: bool,
) -> Result<Client, Error> {
    let security = &means.security;
    let doors = Doors::open(options, servers, means).await?;
    let begun = Instant::now();
    let deadline = match options.wait {
        Wait::No => Some(begun),
        Wait::For(duration) => begun.checked_add(duration),
        Wait::Forever => None,
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let mut until = Instant::now() + options.session_timeout.max(LEAST_ATTEMPT);
        if let Some(deadline) = deadline.filter(|deadline| *deadline > begun) {
            until = until.min(deadline);
        }
        let error = match attempt(options, servers, &doors, checks_chroot, until).await {
            Ok(client) => return Ok(client),
            Err(Error::Unreachable { hosts, reason, .. }) => {
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    if let Some(refusal) = doors.refusal() {
                        return Err(refusal);
                    }
                    let troubles = troubles(servers, security, PROBE_LIMIT).await;
                    return Err(Error::Unreachable {
                        hosts,
                        reason,
                        troubles,
                    });
                }
                reason
            }
            Err(Error::Credentials { hosts, schemes }) => {
                let demands = schemes.is_empty()
                    || demands_authentication(servers, security, PROBE_LIMIT).await;
                return Err(match demands {
                    true => Error::Demanded { hosts, schemes },
                    false => Error::Credentials { hosts, schemes },
                });
            }
            Err(error) => return Err(error),
        };
        tracing::debug!(%error, "trying again");
        // The last attempts come closer, so that none goes on beyond the deadline.
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map_or(pause, |left| left.min((left / 2).max(LAST_PAUSE)));
        sleep(pause.min(limit)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Makes a session by `until`.
async fn attempt(
    options: &Options,
    servers: &Servers,
    doors: &Doors,
    checks_chroot: bool,
    until: Instant,
) -> Result<Client, Error> {
    let asked = options.session_timeout;
    let list = doors.list(servers);
    // The client gives a connection up, and all that is in flight with it, after this long without
    // an answer: by default 2/5 of the session timeout. Beyond 3/5 it falls back to the default.
    let connector = || {
        RawClient::connector()
            .with_session_timeout(asked)
            .with_connection_timeout(connection_timeout(options))
            .with_fail_eagerly()
    };
    let limited = || {
        let limit = options.request_timeout;
        let limit = limit.and_then(|limit| Instant::now().checked_add(limit));
        limit.map_or(until, |limit| limit.min(until))
    };
    let connect = async |connector: Connector| {
        let connected = connector.connect(&list);
        let client = match answer(options, servers, limited(), connected).await {
            Ok(client) => Ending::owned(client),
            Err(error) => return Err(doors.final_refusal().unwrap_or(error)),
        };
        doors.keep_for(&client);
        Ok(client)
    };
    let dialect_of = async |client: &RawClient| {
        let dialect = ask(client, limit_of(client, options));
        answer(options, servers, limited(), dialect).await
    };
    // Credentials that are sent right behind the connect request may be answered before it by
    // servers with Netty, which this client cannot read. So they follow the connect reply.
    let client = match connect(connector()).await {
        Err(Error::Credentials { .. }) if !options.credentials.is_empty() => {
            // Servers with `enforce.auth.enabled` take nothing before the credentials.
            // One with Netty answers them first in every other case or so.
            let mut left = TRIES;
            let client = loop {
                left -= 1;
                match connect(with_credentials(connector(), options)).await {
                    Err(Error::Unreachable { reason, .. })
                        if reason == ClientError::NoHosts && left > 0 => {}
                    connected => break connected?,
                }
            };
            let dialect = dialect_of(&client).await?;
            bounded(client, options, dialect)
        }
        connected => {
            let mut client = connected?;
            let dialect = dialect_of(&client).await?;
            if !dialect.creates() {
                // Outside of batches, this client creates nodes by another request for such servers.
                client = connect(connector().with_server_version(3, 4, 0)).await?;
            }
            let client = bounded(client, options, dialect);
            authenticate(&client, options, servers, until).await?;
            client
        }
    };
    if checks_chroot {
        chroot_exists(&client, options, servers, until).await?;
    }
    Ok(client)
}

/// With credentials that are sent right behind the connect request.
fn with_credentials(connector: Connector, options: &Options) -> Connector {
    let given = options.credentials.iter();
    given.fold(connector, |connector, given| {
        connector.with_auth(&given.scheme, &given.secret)
    })
}

/// Sends the credentials on a connection that has a session.
async fn authenticate(
    client: &Client,
    options: &Options,
    servers: &Servers,
    until: Instant,
) -> Result<(), Error> {
    for credentials in &options.credentials {
        let accepted = client.auth(&credentials.scheme, &credentials.secret);
        answer(options, servers, until, accepted).await?;
    }
    Ok(())
}

fn connection_timeout(options: &Options) -> Duration {
    options.session_timeout * 3 / 5
}

/// Where the client library connects to, for the servers.
struct Doors {
    #[cfg(any(feature = "sasl", feature = "tls"))]
    tunnel: std::sync::Arc<super::tunnel::Tunnel>,
    #[cfg(feature = "sasl")]
    mechanism: Option<&'static str>,
}

#[cfg(feature = "sasl")]
impl Doors {
    /// Why SASL failed with the last server with which it did.
    fn refused(&self) -> Option<(Error, SaslTrouble)> {
        let (server, trouble) = self.tunnel.refusal()?;
        let refusal = Error::SaslRefused {
            server,
            mechanism: self.mechanism?,
            trouble: trouble.clone(),
        };
        Some((refusal, trouble))
    }

    fn refusal(&self) -> Option<Error> {
        self.refused().map(|(refusal, _)| refusal)
    }

    /// As [`Doors::refusal`], if the next attempt would end the same.
    fn final_refusal(&self) -> Option<Error> {
        let (refusal, trouble) = self.refused()?;
        trouble.is_final().then_some(refusal)
    }
}

#[cfg(not(feature = "sasl"))]
impl Doors {
    fn refusal(&self) -> Option<Error> {
        None
    }

    fn final_refusal(&self) -> Option<Error> {
        None
    }
}

#[cfg(any(feature = "sasl", feature = "tls"))]
impl Doors {
    async fn open(options: &Options, servers: &Servers, means: &Means) -> Result<Self, Error> {
        #[cfg(feature = "sasl")]
        let login = means.login.as_ref();
        let limit = connection_timeout(options).max(LEAST_ATTEMPT);
        let tunnel = super::tunnel::Tunnel::open(
            servers,
            &means.security,
            #[cfg(feature = "sasl")]
            login,
            limit,
        );
        let tunnel = tunnel.await.map_err(|error| Error::Tunnel {
            hosts: servers.to_string(),
            reason: super::dial::words(&error),
        })?;
        Ok(Self {
            tunnel: std::sync::Arc::new(tunnel),
            #[cfg(feature = "sasl")]
            mechanism: login.map(|login| login.mechanism()),
        })
    }

    fn list(&self, servers: &Servers) -> String {
        format!("{}{}", self.tunnel.list(), servers.chroot)
    }

    fn keep_for(&self, client: &RawClient) {
        self.tunnel.keep_for(client);
    }
}

#[cfg(not(any(feature = "sasl", feature = "tls")))]
impl Doors {
    #[expect(clippy::unused_async, reason = "with TLS or SASL it opens ports")]
    async fn open(_: &Options, _: &Servers, _: &Means) -> Result<Self, Error> {
        Ok(Self {})
    }

    fn list(&self, servers: &Servers) -> String {
        servers.to_string()
    }

    fn keep_for(&self, _: &RawClient) {}
}

/// Asks the server what it is, where it may be another one than ZooKeeper, in one round trip.
async fn ask(client: &RawClient, limit: Duration) -> Result<Dialect, ClientError> {
    let guess = Dialect::guess(client);
    let Ok(root) = client.clone().chroot("/") else {
        return Ok(guess);
    };
    if guess == Dialect::ZooKeeper {
        return Ok(guess);
    }
    let root = Client::new(Ending::borrowed(root), limit, guess);
    let (flags, version) = (
        root.get_data(dialect::FLAGS),
        root.get_data(dialect::VERSION),
    );
    let quota = root.check_stat(dialect::OF_ZOOKEEPER);
    let dialect = Dialect::from_answers(Answers {
        flags: flags.await.map(|(data, _)| data),
        version: version.await.map(drop),
        is_zookeeper: quota.await.map(|stat| stat.is_some()),
    })?;
    tracing::debug!(?dialect, "the server was asked what it is");
    Ok(dialect)
}

/// The client with the limit that its requests have.
pub(super) fn bounded(client: Ending, options: &Options, dialect: Dialect) -> Client {
    let limit = limit_of(&client, options);
    match dialect {
        Dialect::ZooKeeper => Client::new(client.answered(), limit, dialect),
        _ => Client::new(client, limit, dialect),
    }
}

fn limit_of(client: &RawClient, options: &Options) -> Duration {
    let limit = options.request_timeout;
    limit.unwrap_or_else(|| client.session_timeout())
}

/// A missing chroot connects like any other.
pub(super) async fn chroot_exists(
    client: &Client,
    options: &Options,
    servers: &Servers,
    until: Instant,
) -> Result<(), Error> {
    if servers.chroot.is_root() {
        return Ok(());
    }
    // NoAuth means that the node exists: servers check it first.
    let exists = async {
        match client.check_stat("/").await {
            Err(ClientError::NoAuth) => Ok(true),
            stat => stat.map(|stat| stat.is_some()),
        }
    };
    match answer(options, servers, until, exists).await? {
        true => Ok(()),
        false => Err(Error::NoChroot {
            servers: servers.list.clone(),
            chroot: servers.chroot.clone(),
        }),
    }
}

/// The schemes by which the session authenticates.
fn schemes(options: &Options) -> Vec<String> {
    let sasl = options.sasl.iter().map(|_| "sasl");
    let others = options.credentials.iter().map(Credentials::scheme_shown);
    sasl.chain(others).map(str::to_owned).collect()
}

/// Waits for an answer to what belongs to connecting.
async fn answer<T>(
    options: &Options,
    servers: &Servers,
    until: Instant,
    pending: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, Error> {
    let hosts = servers.to_string();
    let answer = timeout_at(until, caught(pending)).await;
    answer
        .unwrap_or(Err(ClientError::Timeout))
        .map_err(|reason| match reason {
            ClientError::AuthFailed => Error::Credentials {
                hosts,
                schemes: schemes(options),
            },
            reason if reason == ClientError::NoHosts || is_outcome_unknown(&reason) => {
                let troubles = Vec::new();
                Error::Unreachable {
                    hosts,
                    reason,
                    troubles,
                }
            }
            reason => Error::Server { hosts, reason },
        })
}

//! Whether a server makes sessions again, asked again and again while there is no connection.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::connecting::PROBE_LIMIT;
use super::hosts::Servers;
use super::probe::probe;
use super::trouble::Trouble;
use super::{ClientError, Error, Sessions};

/// What comes of attempts to connect.
#[derive(Debug)]
pub(crate) enum Outlook {
    /// One of the servers makes sessions.
    Good,
    /// None does.
    Bad(Outage),
}

/// Why no server makes sessions.
#[derive(Debug)]
pub(crate) struct Outage {
    hosts: String,
    /// Each server, and what is wrong with it.
    troubles: Vec<(String, Trouble)>,
}

impl Outage {
    /// Each server, and what is wrong with it.
    pub(crate) fn reasons(&self) -> Vec<(String, String)> {
        let reasons = self.troubles.iter();
        let reasons = reasons.map(|(server, trouble)| (server.clone(), trouble.to_string()));
        reasons.collect()
    }

    /// What an attempt to connect would end with.
    pub(crate) fn into_error(self) -> Error {
        Error::Unreachable {
            hosts: self.hosts,
            // The troubles say more.
            reason: ClientError::NoHosts,
            troubles: self.troubles,
        }
    }
}

/// Asks each server whether it makes sessions. What takes longer than one look goes on until the next one.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    servers: Vec<Asked>,
    /// The number of a server, and what is wrong with it.
    asking: JoinSet<(usize, Trouble)>,
}

/// One of the servers.
#[derive(Debug, Default)]
struct Asked {
    is_being_asked: bool,
    /// What was wrong with it last; `None` before its first answer.
    last: Option<Trouble>,
}

impl Lookout {
    /// Asks all servers that are not being asked already, and waits for all, but no longer than `limit`. Returns at
    /// once when one makes sessions, and `None` as long as not all have ever answered.
    ///
    /// # Cancellation safety
    /// Servers that are being asked stay so.
    pub(crate) async fn look(&mut self, sessions: &Sessions, limit: Duration) -> Option<Outlook> {
        let until = Instant::now() + limit;
        let Ok(servers) = Servers::parse(&sessions.options().hosts) else {
            // To connect says what is wrong.
            return Some(Outlook::Good);
        };
        let means = match timeout_at(until, sessions.means(&servers)).await {
            Ok(Ok(means)) => means,
            Ok(Err(_)) => return Some(Outlook::Good),
            Err(_) => return None,
        };
        self.servers.resize_with(servers.each.len(), Asked::default);
        for (number, server) in servers.each.iter().enumerate() {
            if !std::mem::replace(&mut self.servers[number].is_being_asked, true) {
                let (server, security) = (server.clone(), means.security.clone());
                self.asking.spawn(async move {
                    let trouble = probe(&server, &security, PROBE_LIMIT / 2).await;
                    (number, trouble)
                });
            }
        }
        while let Ok(Some(answer)) = timeout_at(until, self.asking.join_next()).await {
            match answer {
                Ok((_, Trouble::None)) => return Some(Outlook::Good),
                Ok((number, trouble)) => {
                    self.servers[number] = Asked {
                        is_being_asked: false,
                        last: Some(trouble),
                    };
                }
                // The runtime ends.
                Err(_) => return None,
            }
        }
        let shown = servers.each.iter().map(|server| server.shown.clone());
        let troubles = shown.zip(&self.servers);
        let troubles = troubles.map(|(shown, asked)| Some((shown, asked.last.clone()?)));
        let troubles = troubles.collect::<Option<Vec<_>>>()?;
        let hosts = servers.to_string();
        Some(Outlook::Bad(Outage { hosts, troubles }))
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        // They close the sessions that they are granted: one that is left open costs the server.
        self.asking.detach_all();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio::sync::watch;

    use super::*;
    use crate::zookeeper::session::Options;

    /// Takes connections and says nothing; counts them. Greets those that come after `greets` is set.
    async fn server(greets: watch::Receiver<bool>) -> (String, watch::Receiver<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (count, counted) = watch::channel(0);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                if *greets.borrow() {
                    let greeting = [&[0, 0, 0, 37][..], &[0; 37]].concat();
                    stream.write_all(&greeting).await.unwrap();
                }
                open.push(stream);
            }
        });
        (address, counted)
    }

    fn sessions(hosts: &str) -> Sessions {
        Sessions::new(Options::new(hosts))
    }

    #[tokio::test]
    async fn a_server_that_answers_later_than_one_look_takes_is_told() {
        let (_greets, never) = watch::channel(false);
        let (address, counted) = server(never).await;
        let sessions = sessions(&address);
        let mut lookout = Lookout::default();
        let outage = loop {
            match lookout.look(&sessions, Duration::from_millis(1)).await {
                None => {}
                Some(Outlook::Bad(outage)) => break outage,
                Some(Outlook::Good) => panic!("it makes no sessions"),
            }
        };
        let silent = "it accepts the connection, but does not answer";
        assert_eq!(outage.reasons(), [(address.clone(), silent.to_owned())]);
        assert_eq!(
            outage.into_error().to_string(),
            format!("cannot reach a ZooKeeper server at {address}/: {silent}")
        );
        // It was being asked all the time.
        assert_eq!(*counted.borrow(), 1);
    }

    #[tokio::test]
    async fn a_server_that_hangs_delays_nobody() {
        let (_, never) = watch::channel(false);
        let (_, always) = watch::channel(true);
        let ((hangs, _), (greets, _)) = (server(never).await, server(always).await);
        for hosts in [format!("{hangs},{greets}"), format!("{greets},{hangs}")] {
            let sessions = sessions(&hosts);
            let mut lookout = Lookout::default();
            let day = Duration::from_secs(86_400);
            let outlook = lookout.look(&sessions, day).await;
            assert!(matches!(outlook, Some(Outlook::Good)), "{outlook:?}");
            // The other one is still being asked.
            assert_eq!(lookout.asking.len(), 1);
        }
    }
}

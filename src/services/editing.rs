//! Changing a node's properties while others do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::core::Core;
use super::error::Error;
use super::resolving::{Known, Node};
use crate::model::path::ZPath;
use crate::model::record;
use crate::model::request::Write;
use crate::model::value::{Data, Properties, STRING_VALUE, beyond_json, kind_of_text};
use crate::plan::links;
use crate::syntax::names::{LinkKind, split_link, split_property_link};
use crate::zookeeper::session::{Session, Stat};

/// How often an update is tried again when somebody else's came in between.
const UPDATE_ATTEMPTS: u32 = 100;

/// New values by name; a property without one is removed.
pub(crate) type Changes = Vec<(String, Option<Value>)>;

/// What becomes of data that is no properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    Refuse,
    Replace,
}

pub(crate) fn assign(changes: &Changes, properties: &mut Properties) {
    for (name, value) in changes {
        match value {
            Some(value) => properties.insert(name.clone(), value.clone()),
            None => properties.remove(name),
        };
    }
}

/// The properties that data holds, and whether the data gives way to them whatever they are.
fn editable(path: &ZPath, found: &[u8], foreign: Foreign) -> Result<(Properties, bool), Error> {
    match (Data::decode(found), foreign) {
        (Data::Properties(properties), _) => Ok((properties, false)),
        (_, Foreign::Replace) => Ok((Properties::new(), true)),
        (Data::Binary(_), Foreign::Refuse) => Err(Error::Binary(path.clone())),
        (text @ Data::Text(_), Foreign::Refuse) => Ok((text.into_properties(), false)),
    }
}

/// Refuses to make data that is text one property among others: it would not be that text any more.
fn keep_text(
    path: &ZPath,
    found: &[u8],
    before: &Properties,
    after: &Properties,
) -> Result<(), Error> {
    let is_text = matches!(Data::decode(found), Data::Text(_));
    let text = before.get(STRING_VALUE).filter(|_| is_text);
    if text.is_some() && after.len() > 1 && after.get(STRING_VALUE) == text {
        let kind = kind_of_text(&String::from_utf8_lossy(found));
        let path = path.clone();
        return Err(Error::TextData { path, kind });
    }
    Ok(())
}

/// Which properties that JSON cannot hold a change sets, to whatever value. Those are read as
/// strings, which may be equal to what is set.
fn set_anew(
    beyond: &BTreeMap<String, String>,
    before: &Properties,
    change: impl Fn(&mut Properties),
) -> BTreeSet<String> {
    if beyond.is_empty() {
        return BTreeSet::new();
    }
    let mut others = before.clone();
    others.retain(|name, _| !beyond.contains_key(name));
    change(&mut others);
    let names = others.into_keys();
    names.filter(|name| beyond.contains_key(name)).collect()
}

impl Core {
    pub(crate) async fn get_at(&self, path: &ZPath) -> Result<(Vec<u8>, Stat), Error> {
        let read = self.read(path, |client| client.get_data(path.as_str()));
        read.await
    }

    /// Refuses a write that no request can carry.
    pub(crate) async fn check_size(&self, path: &ZPath, write: Write<'_>) -> Result<(), Error> {
        let connection = self.connection().await?;
        let session = &connection.session;
        check_size(session, path, write.alone(path, session.chroot_len()))
    }

    pub(crate) async fn change(&self, path: &ZPath, changes: &Changes) -> Result<Stat, Error> {
        let rewrite = self.rewrite(path, |properties| assign(changes, properties));
        rewrite.await.map(|(stat, _)| stat)
    }

    /// Writes a node's properties as a function makes them from those that stand there, with the
    /// version that was read; it is called again when somebody else wrote in between.
    pub(crate) async fn rewrite(
        &self,
        path: &ZPath,
        change: impl Fn(&mut Properties) + Send + Sync,
    ) -> Result<(Stat, Properties), Error> {
        self.rewrite_over(path, Foreign::Refuse, change).await
    }

    pub(crate) async fn rewrite_over(
        &self,
        path: &ZPath,
        foreign: Foreign,
        change: impl Fn(&mut Properties) + Send + Sync,
    ) -> Result<(Stat, Properties), Error> {
        let mut doubt = None;
        let written = self.rewrite_until(path, foreign, change, &mut doubt).await;
        // The outcome of that write stays unknown, whatever came later.
        written.map_err(|error| doubt.unwrap_or(error))
    }

    /// Leaves in `doubt` how a write ended whose outcome was unknown.
    async fn rewrite_until(
        &self,
        path: &ZPath,
        foreign: Foreign,
        change: impl Fn(&mut Properties) + Send + Sync,
        doubt: &mut Option<Error>,
    ) -> Result<(Stat, Properties), Error> {
        let mut attempts = 0;
        loop {
            let (found, stat) = self.get_at(path).await?;
            if record::is_part(&found) {
                return Err(Error::Record(path.clone()));
            }
            let (before, replaces) = editable(path, &found, foreign)?;
            let mut properties = before.clone();
            change(&mut properties);
            let set = set_anew(&beyond_json(&found), &before, &change);
            if properties == before && set.is_empty() && !replaces {
                return Ok((stat, properties));
            }
            keep_text(path, &found, &before, &properties)?;
            self.check_property_links(path, &before, &properties)
                .await?;
            let data = Data::of(properties.clone()).encode_over(&found, |name| set.contains(name));
            let data = data.as_bytes();
            let size = Write::Set { data: data.len() };
            self.check_size(path, size).await?;
            let write = self.write(path, |client| {
                client.set_data(path.as_str(), data, Some(stat.version))
            });
            match write.await {
                Ok(stat) => return Ok((stat, properties)),
                Err(Error::Conflict(_)) if attempts < UPDATE_ATTEMPTS => {
                    attempts += 1;
                    let limit = u64::from(attempts.min(20));
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=limit))).await;
                }
                // If it was not written, or over again, it is tried again; if it was, all is as
                // it should be.
                Err(error @ Error::Uncertain { .. }) if attempts < UPDATE_ATTEMPTS => {
                    attempts += 10;
                    *doubt = Some(error);
                    let (now, stat_now) = self.get_at(path).await?;
                    if *now == *data && stat_now.version == stat.version.wrapping_add(1) {
                        return Ok((stat_now, properties));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Checks those property links that are new in `after`: they must lead to a property.
    async fn check_property_links(
        &self,
        path: &ZPath,
        before: &Properties,
        after: &Properties,
    ) -> Result<(), Error> {
        let mut known = Known::default();
        let node = Node {
            properties: after.clone(),
            version: 0,
            mzxid: 0,
        };
        known.insert(path.clone(), Some(node));
        for (stored, value) in after {
            let Some((name, LinkKind::Property)) = split_link(stored) else {
                continue;
            };
            if before.get(stored) == Some(value) {
                continue;
            }
            let bad = |reason| Error::BadPropertyLink {
                path: path.clone(),
                name: name.to_owned(),
                reason,
            };
            let Some(target) = value.as_str() else {
                return Err(bad(links::Error::NoPath {
                    path: path.clone(),
                    name: stored.clone(),
                }));
            };
            let (at, other) = split_property_link(target);
            let at = links::join(path, at).map_err(bad)?;
            let other = other.unwrap_or(name);
            let question = self.answer(&mut known, |nodes| links::property(nodes, &at, other));
            question.await?.map_err(bad)?;
        }
        Ok(())
    }
}

/// Refuses what no request can carry, before it is sent: servers drop the connection on it, with
/// all else that is in flight.
pub(super) fn check_size(session: &Session, path: &ZPath, bytes: usize) -> Result<(), Error> {
    let limit = session.max_request();
    if bytes > limit {
        let path = path.clone();
        return Err(Error::TooLarge { path, bytes, limit });
    }
    Ok(())
}

//! Walking over a tree while it changes.

use super::core::Core;
use super::error::{Error, parse};
use super::handle::ZooKeeper;
use crate::model::path::{ZPath, check_name};
use crate::zookeeper::live::Kind;
use crate::zookeeper::session::ClientError;

/// How many children are asked for at once whether they are ephemeral.
const WINDOW: usize = 256;

/// A walk over a tree, parents before children, children by name.
///
/// A node is read when the walk comes to it: one that is gone by then is left out, and children that
/// it has got by then are walked to.
#[derive(Debug)]
pub struct Walk {
    core: Core,
    ephemeral: bool,
    /// What is still to come, the next one last.
    ahead: Vec<ZPath>,
    /// The node that was returned last, with its children, which the caller may have changed.
    last: Option<(ZPath, Vec<String>)>,
}

/// A node that a walk came to.
#[derive(Debug)]
pub struct Step<'w> {
    /// The node.
    pub path: &'w ZPath,
    /// Its children in the order in which they will be walked to. What is taken away is not walked
    /// to; what is added is.
    pub children: &'w mut Vec<String>,
}

impl ZooKeeper {
    /// Walks over the node at `path` and all below it, `/zookeeper` included; ephemeral nodes are
    /// left out at every level unless they are asked for. Links are not followed.
    ///
    /// # Errors
    /// [`Error::Path`].
    pub fn walk(&self, path: &str, ephemeral: bool) -> Result<Walk, Error> {
        Ok(Walk {
            core: self.core.clone(),
            ephemeral,
            ahead: vec![parse(path)?],
            last: None,
        })
    }
}

impl Walk {
    /// The next node. `None` at the end, and if there is no node at the top.
    ///
    /// # Errors
    /// Those of the connection. A node whose children may not be listed has none.
    ///
    /// # Cancellation safety
    /// When the future is dropped, the next call goes on with the same node.
    pub async fn next(&mut self) -> Result<Option<Step<'_>>, Error> {
        if let Some((path, children)) = self.last.take() {
            let names = children.iter().rev();
            let valid = names.filter(|name| check_name(name).is_ok());
            self.ahead.extend(valid.map(|name| path.join(name)));
        }
        while let Some(path) = self.ahead.last() {
            let read = self.read(path).await?;
            let Some(path) = self.ahead.pop() else { break };
            if let Some(children) = read {
                let (path, children) = self.last.insert((path, children));
                return Ok(Some(Step { path, children }));
            }
        }
        Ok(None)
    }

    /// The children of a node. `None` if the walk leaves it out.
    async fn read(&self, path: &ZPath) -> Result<Option<Vec<String>>, Error> {
        let listed = self.core.read(path, |client| {
            let path = path.clone();
            async move {
                match client.get_children(path.as_str()).await {
                    Ok((names, stat)) => Ok(Some((names, stat.ephemeral_owner != 0))),
                    Err(ClientError::NoNode) => Ok(None),
                    Err(ClientError::NoAuth) => {
                        Ok(match Kind::of(client.check_stat(path.as_str()).await)? {
                            Kind::Gone => None,
                            kind => Some((Vec::new(), kind == Kind::Ephemeral)),
                        })
                    }
                    Err(error) => Err(error),
                }
            }
        });
        let Some((mut names, leaves)) = listed.await? else {
            return Ok(None);
        };
        if !self.ephemeral && leaves {
            return Ok(None);
        }
        names.sort_unstable();
        if self.ephemeral || names.is_empty() {
            return Ok(Some(names));
        }
        let mut lasting = Vec::with_capacity(names.len());
        for chunk in names.chunks(WINDOW) {
            let kinds = self.core.read(path, |client| {
                let requests: Vec<_> = chunk
                    .iter()
                    .map(|name| client.check_stat(path.join(name).as_str()))
                    .collect();
                async move {
                    let mut kinds = Vec::with_capacity(requests.len());
                    for request in requests {
                        kinds.push(Kind::of(request.await)?);
                    }
                    Ok(kinds)
                }
            });
            let both = chunk.iter().zip(kinds.await?);
            let kept = both.filter(|(_, kind)| *kind == Kind::Other);
            lasting.extend(kept.map(|(name, _)| name.clone()));
        }
        Ok(Some(lasting))
    }
}

//! The consumer's view of a service: addresses that can be used.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};

use super::address::check_address;
use super::board::{Board, Changes, Numbered, Reaction, Snapshot, Task};
use super::children::{Child, Children, ChildrenView};
use super::core::Core;
use super::error::{AddressError, Error};
use super::registration::{DRAINING, ENABLED, WEIGHT};
use super::supervision::ConnectionState;
use crate::model::value::Properties;

/// Where a service can be reached.
#[derive(Debug, Clone)]
pub struct Endpoint {
    child: Arc<Child>,
    weight: f64,
    enabled: bool,
    draining: bool,
}

impl Endpoint {
    fn new(child: &Arc<Child>) -> Self {
        let properties = child.properties();
        let flag = |name: &str| properties.get(name).and_then(serde_json::Value::as_bool);
        let weight = properties.get(WEIGHT).and_then(serde_json::Value::as_f64);
        Self {
            weight: weight
                .filter(|weight| weight.is_finite() && *weight >= 0.0)
                .unwrap_or(1.0),
            enabled: flag(ENABLED).unwrap_or(true),
            draining: flag(DRAINING).unwrap_or(false),
            child: child.clone(),
        }
    }

    /// The address, which is the name of the node.
    #[must_use]
    pub fn address(&self) -> &str {
        self.child.name()
    }

    /// What the service says of itself.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        self.child.properties()
    }

    /// What the service says of itself, as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Type`].
    pub fn get_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.child.get_as()
    }

    /// Its share of the load, from the property `weight`: 1 where there is none.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// Whether it is to be used: not where the property `enabled` is `false`.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether it is about to leave, from the property `draining`.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether new work may go there.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.enabled && !self.draining && self.weight > 0.0
    }
}

/// Why a snapshot has addresses that may be out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// All of them vanished at once, which is more often a fault of somebody else than of theirs.
    Vanished,
    /// No server is reached, so nobody knows.
    Disconnected,
}

/// A child of the providers' node that is left out, since its name is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The name of the node. Whoever may create nodes there chose it: show it escaped.
    pub name: String,
    /// Why it is no address.
    pub reason: AddressError,
}

/// The addresses of a service at one time.
///
/// Each has the form `HOST:PORT`, and consists of what is safe in a configuration file or a command:
/// letters, digits, `.`, `-`, `_` and `:`, and brackets around an IPv6 address.
#[derive(Debug, Clone)]
pub struct Endpoints {
    sequence: u64,
    /// Sorted by address.
    endpoints: Vec<Endpoint>,
    left_out: Vec<LeftOut>,
    held: Option<Held>,
}

impl Endpoints {
    fn new(children: &Children) -> Self {
        let (mut endpoints, mut left_out) = (Vec::new(), Vec::new());
        for child in children.iter() {
            match check_address(child.name()) {
                Ok(()) => endpoints.push(Endpoint::new(child)),
                Err(reason) => left_out.push(LeftOut {
                    name: child.name().to_owned(),
                    reason,
                }),
            }
        }
        Self {
            sequence: 0,
            endpoints,
            left_out,
            held: None,
        }
    }

    /// How many there are, also those that are not to be used now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// All of them, by address.
    pub fn iter(&self) -> std::slice::Iter<'_, Endpoint> {
        self.endpoints.iter()
    }

    /// The addresses, sorted.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = &str> {
        self.endpoints.iter().map(Endpoint::address)
    }

    /// The endpoint with this address. Returns `None` if there is none.
    #[must_use]
    pub fn get(&self, address: &str) -> Option<&Endpoint> {
        let place = self
            .endpoints
            .binary_search_by(|one| one.address().cmp(address));
        place.ok().map(|place| &self.endpoints[place])
    }

    /// Why these may not be right any more. Returns `None` if they are current.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        self.held
    }

    /// The children that are left out, sorted by name, since their names are no addresses.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

impl<'e> IntoIterator for &'e Endpoints {
    type Item = &'e Endpoint;
    type IntoIter = std::slice::Iter<'e, Endpoint>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Snapshot for Endpoints {
    type Change = EndpointsChange;

    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Numbered for Endpoints {
    fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    fn change_to(&self, new: &Arc<Self>) -> Option<Self::Change> {
        let mut change = EndpointsChange {
            added: Vec::new(),
            removed: Vec::new(),
            updated: Vec::new(),
            snapshot: new.clone(),
        };
        for now in new.iter() {
            match self.get(now.address()) {
                None => change.added.push(now.clone()),
                Some(old) if old.child.mzxid() != now.child.mzxid() => {
                    change.updated.push(now.clone());
                }
                Some(_) => {}
            }
        }
        let gone = self.iter().filter(|old| new.get(old.address()).is_none());
        change.removed.extend(gone.cloned());
        let is_same = change.added.is_empty()
            && change.removed.is_empty()
            && change.updated.is_empty()
            && self.held == new.held
            && self.left_out == new.left_out;
        (!is_same).then_some(change)
    }
}

/// What differs from one snapshot to the next; nothing but [`Endpoints::held`] or
/// [`Endpoints::left_out`] where all is empty.
#[derive(Debug, Clone)]
pub struct EndpointsChange {
    /// Addresses that were not there before.
    pub added: Vec<Endpoint>,
    /// Addresses that are not there any more.
    pub removed: Vec<Endpoint>,
    /// Addresses that were written, or registered anew, since.
    pub updated: Vec<Endpoint>,
    /// All there is now.
    pub snapshot: Arc<Endpoints>,
}

/// The addresses of a service, always up to date.
///
/// While no server is reached, the last ones stay. Clones are the same view; it ends with the last of
/// them and of its streams.
#[derive(Clone)]
pub struct Discovery {
    children: ChildrenView,
    board: Arc<Board<Endpoints>>,
    task: Arc<Task>,
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery")
            .field("path", &self.children.path())
            .finish_non_exhaustive()
    }
}

impl Discovery {
    pub(crate) async fn open(core: &Core, path: &str, stabilise: Duration) -> Result<Self, Error> {
        let children = ChildrenView::open(core, path).await?;
        let changes = children.changes();
        let board = Board::new(Endpoints::new(changes.start()));
        let keeping = keep(core.clone(), changes, board.clone(), stabilise);
        let task = Task::spawn(keeping);
        Ok(Self {
            children,
            board,
            task,
        })
    }

    /// The path that was asked for.
    #[must_use]
    pub fn path(&self) -> &str {
        self.children.path()
    }

    /// The view of the nodes behind the addresses.
    #[must_use]
    pub fn children(&self) -> &ChildrenView {
        &self.children
    }

    /// All addresses as they are known now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Endpoints> {
        self.board.snapshot()
    }

    /// The addresses, sorted.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.snapshot().addresses().map(str::to_owned).collect()
    }

    /// The changes from now on.
    #[must_use]
    pub fn changes(&self) -> Changes<Endpoints> {
        Changes::new(&self.board, Some(self.task.clone()))
    }

    /// Calls a function at once, and after each change; the rules are those of
    /// [`ChildrenView::on_change`].
    pub fn on_change<R: Reaction>(
        &self,
        callback: impl FnMut(&Arc<Endpoints>) -> R + Send + 'static,
    ) -> &Self {
        self.board.on_change(callback);
        self
    }
}

async fn keep(
    core: Core,
    mut changes: Changes<Children>,
    board: Arc<Board<Endpoints>>,
    stabilise: Duration,
) {
    let mut state = core.states();
    let mut children = changes.start().clone();
    // Until when the last addresses are kept.
    let mut kept_until: Option<Instant> = None;
    loop {
        let is_connected = *state.borrow_and_update() == ConnectionState::Connected;
        let before = board.snapshot();
        let mut now = Endpoints::new(&children);
        let has_vanished = now.is_empty() && !before.is_empty() && !stabilise.is_zero();
        if has_vanished {
            kept_until.get_or_insert_with(|| Instant::now() + stabilise);
        } else {
            kept_until = None;
        }
        let is_kept = kept_until.is_some_and(|until| Instant::now() < until);
        if is_kept {
            now.endpoints.clone_from(&before.endpoints);
        }
        now.held = match (is_kept, is_connected) {
            (_, false) => Some(Held::Disconnected),
            (true, true) => Some(Held::Vanished),
            (false, true) => None,
        };
        board.show(now);
        let stabilised = async {
            match kept_until.filter(|_| is_kept) {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            change = changes.next() => match change {
                Some(change) => children = change.snapshot.clone(),
                None => break,
            },
            changed = state.changed() => if changed.is_err() { break },
            () = stabilised => {}
            () = board.missed() => board.call(),
        }
    }
    board.end();
}

//! Picking one of a service's addresses.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::discover::{Discovery, Endpoint, Endpoints};
use super::lock::lock;

/// How an address is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// One after the other.
    RoundRobin,
    /// Any.
    Random,
    /// Any, those with more weight more often.
    Weighted,
    /// The same as before, as long as it can be used.
    Sticky,
}

/// Picks addresses that can be used.
///
/// An address that fails is taken out for a while, longer each time. Where all are out, all are in:
/// to try is better than to give up.
#[derive(Debug)]
pub struct Picker {
    discovery: Discovery,
    strategy: Strategy,
    ejection: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    turn: usize,
    last: Option<String>,
    failures: HashMap<String, Failures>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    out_until: Instant,
}

/// An address is out for at most so many times the first time.
const LONGEST_EJECTION: u32 = 16;

impl Discovery {
    /// A picker of these addresses, which takes failing ones out for 10 s and more.
    #[must_use]
    pub fn picker(&self, strategy: Strategy) -> Picker {
        Picker {
            discovery: self.clone(),
            strategy,
            ejection: Duration::from_secs(10),
            state: Mutex::default(),
        }
    }
}

impl Picker {
    /// For how long an address is taken out when it fails; twice as long when it fails again, up to
    /// 16 times. Zero never takes one out.
    #[must_use]
    pub fn ejection(mut self, ejection: Duration) -> Self {
        self.ejection = ejection;
        self
    }

    /// The next address. `None` if no address can be used. It waits for nothing.
    pub fn pick(&self) -> Option<Endpoint> {
        let snapshot = self.discovery.snapshot();
        let mut state = lock(&self.state);
        let usable = usable(&snapshot, &mut state);
        let picked = match self.strategy {
            Strategy::RoundRobin => {
                state.turn = state.turn.wrapping_add(1);
                usable.get(state.turn.checked_rem(usable.len())?)
            }
            Strategy::Random => usable.get(fastrand::usize(..usable.len().max(1))),
            Strategy::Weighted => weighted(&usable, fastrand::f64()),
            Strategy::Sticky => {
                let last = state.last.as_deref();
                let same = usable.iter().find(|one| Some(one.address()) == last);
                let picked = same.or_else(|| usable.get(fastrand::usize(..usable.len().max(1))));
                state.last = picked.map(|one| one.address().to_owned());
                picked
            }
        };
        picked.map(|one| (*one).clone())
    }

    /// The address for a key: the same for the same key everywhere, as long as it can be used. When
    /// addresses come or go, only few keys change theirs. Returns `None` if no address can be used.
    pub fn pick_for(&self, key: &str) -> Option<Endpoint> {
        let snapshot = self.discovery.snapshot();
        let usable = usable(&snapshot, &mut lock(&self.state));
        let score = |one: &&Endpoint| {
            let hasher = foldhash::quality::FixedState::with_seed(0);
            hasher.hash_one((key, one.address()))
        };
        usable.into_iter().max_by_key(score).cloned()
    }

    /// An address has failed: it is taken out for a while.
    pub fn failed(&self, address: &str) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let failures = state
            .failures
            .entry(address.to_owned())
            .or_insert(Failures {
                count: 0,
                out_until: now,
            });
        let factor = 2_u32.saturating_pow(failures.count).min(LONGEST_EJECTION);
        failures.count = failures.count.saturating_add(1);
        failures.out_until = now + self.ejection * factor;
    }

    /// An address has worked: it is in again, and its failures are forgotten.
    pub fn worked(&self, address: &str) {
        lock(&self.state).failures.remove(address);
    }
}

/// Those that can be used now, or if need be those that could be used otherwise.
fn usable<'e>(snapshot: &'e Endpoints, state: &mut State) -> Vec<&'e Endpoint> {
    state
        .failures
        .retain(|address, _| snapshot.get(address).is_some());
    let now = Instant::now();
    let is_in = |one: &&&Endpoint| {
        let failures = state.failures.get(one.address());
        failures.is_none_or(|failures| failures.out_until <= now)
    };
    let enabled: Vec<&Endpoint> = snapshot.iter().filter(|one| one.is_enabled()).collect();
    let mut staying: Vec<&Endpoint> = enabled
        .iter()
        .copied()
        .filter(|one| one.is_usable())
        .collect();
    if staying.is_empty() {
        staying = enabled;
    }
    let inside: Vec<&Endpoint> = staying.iter().filter(is_in).copied().collect();
    if inside.is_empty() { staying } else { inside }
}

/// The one at a place between 0 and 1, where each takes room for its weight.
fn weighted<'u, 'e>(usable: &'u [&'e Endpoint], place: f64) -> Option<&'u &'e Endpoint> {
    let total: f64 = usable.iter().map(|one| one.weight()).sum();
    let mut place = place * total;
    let found = usable.iter().find(|one| {
        place -= one.weight();
        place < 0.0
    });
    found.or(usable.last())
}

//! What others are told of a watch: an event whenever it stands otherwise.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use zkt::model::plan::Action;
use zkt::syntax::spelling::clipped;
use zkt::watch::{Condition, Leadership, State};

use crate::render::FORMAT_VERSION;

/// How long a watch must stand so before others are told: what is mended by the next attempt is no news.
const SETTLED: Duration = Duration::from_secs(1);

/// Maximum number of nodes and of mistakes that an event names.
const NAMED: usize = 20;

/// A watch stands otherwise than before.
#[derive(Debug)]
pub(super) struct Event {
    /// The same however often it is sent, and that of no other.
    pub(super) id: String,
    pub(super) condition: Condition,
    pub(super) previous: Option<Condition>,
    pub(super) revision: Option<String>,
    /// All of it as JSON. It names nodes, but holds no values.
    pub(super) json: String,
}

/// The newest event. Whoever is busy for long misses those in between.
pub(super) type Newest = watch::Receiver<Option<Arc<Event>>>;

/// Makes events of a watch's states, until there are no more states.
pub(super) fn start(
    state: watch::Receiver<State>,
    layers: Vec<String>,
) -> (Newest, JoinHandle<()>) {
    let (sender, newest) = watch::channel(None);
    (newest, tokio::spawn(follow(state, layers, sender)))
}

async fn follow(
    mut state: watch::Receiver<State>,
    layers: Vec<String>,
    events: watch::Sender<Option<Arc<Event>>>,
) {
    let mut told = None;
    loop {
        let now = Condition::of(&state.borrow_and_update());
        let is_over = match now {
            Some(now) if told != Some(now) => match settle(&mut state, now).await {
                Settled::No => continue,
                Settled::Yes => {
                    let event = Event::new(&state.borrow(), now, told, &layers);
                    told = Some(now);
                    events.send_replace(Some(Arc::new(event)));
                    false
                }
                Settled::Ended => true,
            },
            _ => state.changed().await.is_err(),
        };
        if is_over {
            return;
        }
    }
}

/// Whether a condition lasts.
enum Settled {
    Yes,
    No,
    /// The watch has ended.
    Ended,
}

async fn settle(state: &mut watch::Receiver<State>, now: Condition) -> Settled {
    let mut lasts = std::pin::pin!(sleep(SETTLED));
    loop {
        tokio::select! {
            biased;
            changed = state.changed() => {
                if changed.is_err() {
                    return Settled::Ended;
                }
                if Condition::of(&state.borrow_and_update()) != Some(now) {
                    return Settled::No;
                }
            }
            () = &mut lasts => return Settled::Yes,
        }
    }
}

impl Event {
    fn new(
        state: &State,
        condition: Condition,
        previous: Option<Condition>,
        layers: &[String],
    ) -> Self {
        let id = format!("{:032x}", fastrand::u128(..));
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        let last = state.history.front();
        let broken = state.files.broken();
        let errors = broken.map_or(&[][..], |broken| &broken.unquoted_errors);
        let error = last.and_then(|last| last.error.as_deref()).map(clipped);
        let revision = state.files.in_force().map(|revision| revision.id.clone());
        let plan = state.plan.as_deref().filter(|_| !state.is_in_sync());
        let actions = plan.map_or(&[][..], |plan| &plan.actions);
        let named =
            |action: &Action| json!({"action": action.name(), "path": action.path().as_str()});
        let json = json!({
            "format_version": FORMAT_VERSION,
            "event": "state",
            "id": id,
            "at": at.unwrap_or_default().as_secs_f64(),
            "state": condition.name(),
            "previous": previous.map(Condition::name),
            "server": state.hosts,
            "layers": layers,
            "leader": state.leadership != Leadership::Follows,
            "revision": revision,
            "commit": state.files.commit(),
            "error": error,
            "source_errors": errors.iter().take(NAMED).collect::<Vec<_>>(),
            "source_errors_total": errors.len(),
            "actions": actions.iter().take(NAMED).map(named).collect::<Vec<_>>(),
            "actions_total": actions.len(),
        });
        Self {
            id,
            condition,
            previous,
            revision,
            json: json.to_string(),
        }
    }
}

/// Waits for an event that was not looked at before. Returns `None` if no further one can come.
pub(super) async fn next(newest: &mut Newest) -> Option<Arc<Event>> {
    loop {
        newest.changed().await.ok()?;
        if let Some(event) = newest.borrow_and_update().clone() {
            return Some(event);
        }
    }
}

/// Waits until no further event can come.
pub(super) async fn ended(newest: &Newest) {
    let mut newest = newest.clone();
    while newest.changed().await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use zkt::watch::{Broken, Cause, Ending, FileState, Reconcile};

    use super::*;

    fn reconciled(ending: Ending) -> impl FnOnce(&mut State) {
        move |state| {
            state.history.push_front(Arc::new(Reconcile {
                causes: Cause::Start.into(),
                began: SystemTime::now(),
                took: Duration::ZERO,
                revision: None,
                ending,
                found: zkt::Summary::default(),
                done: zkt::Summary::default(),
                error: None,
            }));
        }
    }

    #[test]
    fn an_event_is_bounded() {
        let mut state = State::new();
        reconciled(Ending::Failed)(&mut state);
        let last = state.history.pop_front().unwrap();
        state.history.push_front(Arc::new(Reconcile {
            error: Some("x".repeat(1 << 20)),
            ..Reconcile::clone(&last)
        }));
        state.files = FileState::Broken {
            broken: Broken {
                errors: vec!["a.zkt:1:1: 4711".to_owned(); 30],
                unquoted_errors: vec!["a.zkt:1:1: wrong".to_owned(); 30],
                drawn: Vec::new(),
                only_empty: false,
                only_secrets: false,
                revision: "r2".to_owned(),
            },
            commit: None,
            in_force: None,
        };
        let event = Event::new(&state, Condition::Failing, None, &[]);
        assert!(event.json.len() < 10_000);
        let json: serde_json::Value = serde_json::from_str(&event.json).unwrap();
        assert_eq!(json["source_errors"].as_array().unwrap().len(), NAMED);
        assert_eq!(json["source_errors_total"], 30);
        assert!(!event.json.contains("4711"));
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_lasts_is_told_and_only_once() {
        let states = watch::Sender::new(State::new());
        let (mut newest, task) = start(states.subscribe(), vec!["a.zkt".to_owned()]);
        states.send_modify(reconciled(Ending::Applied));
        newest.changed().await.unwrap();
        let first = newest.borrow_and_update().clone().unwrap();
        assert_eq!((first.condition, first.previous), (Condition::InSync, None));
        // An attempt fails, and the next one mends that.
        states.send_modify(reconciled(Ending::Failed));
        sleep(SETTLED / 2).await;
        states.send_modify(reconciled(Ending::InSync));
        sleep(SETTLED * 2).await;
        assert!(!newest.has_changed().unwrap());
        // A failure that lasts makes one event, however often it is tried again.
        for _ in 0..3 {
            states.send_modify(reconciled(Ending::Failed));
            sleep(SETTLED / 2).await;
        }
        newest.changed().await.unwrap();
        let second = newest.borrow_and_update().clone().unwrap();
        assert_eq!(second.condition, Condition::Failing);
        assert_eq!(second.previous, Some(Condition::InSync));
        assert_ne!(first.id, second.id);
        sleep(SETTLED * 2).await;
        assert!(!newest.has_changed().unwrap());
        drop(states);
        task.await.unwrap();
        ended(&newest).await;
    }
}

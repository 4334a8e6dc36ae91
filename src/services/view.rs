//! A live view: a task that reads and watches what is behind a path, and shows it on a board.

use std::convert::Infallible;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::board::{Board, Changes, Numbered, Snapshot, Task};
use super::core::Core;
use super::dependencies::Dependencies;
use super::error::{Error, parse};
use super::hub::Signal;
use super::resolving::Asked;
use super::supervision::Connected;
use crate::model::path::ZPath;
use crate::plan::links;

/// How long to wait before reading again what was lost.
const PAUSE: Duration = Duration::from_millis(10);

/// How long to wait before starting again on the same session.
const RESTART: Duration = Duration::from_millis(100);

/// What a view shows, and how it is read. There is one on each session.
pub(crate) trait Subject: Send + Sized + 'static {
    type Snapshot: Numbered;
    /// What stands behind the links.
    type Found: Clone + Send + Sync;

    /// What is shown while there is nothing.
    fn nothing() -> Self::Snapshot;

    /// Resolves a path from cached nodes; asks for the nodes that are missing.
    fn find(nodes: &Asked<'_>, path: &ZPath) -> Result<Self::Found, links::Error>;

    /// Why a view may not begin with this snapshot.
    fn check(_: &Self::Snapshot) -> Result<(), Error> {
        Ok(())
    }

    /// Signals of what is watched besides the links go to `signals`.
    fn new(signals: mpsc::UnboundedSender<Signal>) -> Self;

    /// Reads what there is to show now.
    fn read(
        &mut self,
        connection: &Connected,
        found: &Self::Found,
        shown: &Self::Snapshot,
    ) -> impl Future<Output = Result<Reading<Self::Snapshot>, Error>> + Send;

    /// The node is gone: there is nothing to read.
    fn lose(&mut self) {}

    /// Records a signal, and returns what it concerns.
    fn note(&mut self, _: &Signal) -> Concern {
        Concern::Links
    }
}

/// What was read.
pub(crate) enum Reading<S> {
    New(S),
    /// Nothing that is shown has changed.
    Same,
    /// This node is gone, or the connection was lost.
    Lost(ZPath),
}

/// What a signal concerns.
pub(crate) enum Concern {
    /// What the path leads to, perhaps.
    Links,
    /// What is below this node, which links may lead through.
    Below(ZPath),
}

/// A live view of what is behind a path: a [`ChildrenView`](super::ChildrenView) or a
/// [`PropertiesView`](super::PropertiesView).
///
/// Reading it waits for nothing. Clones are the same view; it ends with the last of them and of its
/// streams. Changes that come while one is being read arrive as one.
pub struct View<S: Snapshot> {
    core: Core,
    path: String,
    board: Arc<Board<S>>,
    /// `None` if nothing is watched.
    task: Option<Arc<Task>>,
}

impl<S: Snapshot> Clone for View<S> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            path: self.path.clone(),
            board: self.board.clone(),
            task: self.task.clone(),
        }
    }
}

impl<S: Snapshot> fmt::Debug for View<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<S: Snapshot> View<S> {
    /// The path that was asked for.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is known now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<S> {
        self.board.snapshot()
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn board(&self) -> &Board<S> {
        &self.board
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.task.is_some()
    }

    /// The changes from now on. None ever come if nothing is watched.
    pub(crate) fn stream(&self) -> Changes<S> {
        Changes::new(&self.board, self.task.clone())
    }

    /// A view that watches nothing.
    pub(crate) fn still(core: &Core, path: &str, snapshot: S) -> Self {
        Self {
            core: core.clone(),
            path: path.to_owned(),
            board: Board::new(snapshot),
            task: None,
        }
    }
}

/// The path of a view, which may lead through links.
pub(crate) fn wanted(path: &str) -> Result<ZPath, Error> {
    let wanted = links::join(&ZPath::root(), path)?;
    parse(path)?;
    Ok(wanted)
}

/// Starts to watch, and returns when there is a first snapshot.
pub(crate) async fn open<J: Subject>(core: &Core, path: &str) -> Result<View<J::Snapshot>, Error> {
    let (sender, first) = oneshot::channel();
    let board = Board::new(J::nothing());
    let task = ViewTask {
        core: core.clone(),
        board: board.clone(),
        path: wanted(path)?,
        first: Some(sender),
    };
    let task = Task::spawn(task.run::<J>());
    let limit = core.session_timeout();
    match timeout(limit, first).await {
        Ok(Ok(result)) => result?,
        Ok(Err(_)) => return Err(Error::Closed),
        Err(_) => return Err(Error::Unavailable(limit)),
    }
    Ok(View {
        core: core.clone(),
        path: path.to_owned(),
        board,
        task: Some(task),
    })
}

/// Keeps a view up to date, whatever happens to sessions.
struct ViewTask<S: Numbered> {
    core: Core,
    board: Arc<Board<S>>,
    path: ZPath,
    /// Who waits for the first snapshot.
    first: Option<oneshot::Sender<Result<(), Error>>>,
}

impl<S: Numbered> ViewTask<S> {
    async fn run<J: Subject<Snapshot = S>>(mut self) {
        let (core, board) = (self.core.clone(), self.board.clone());
        let line = core.line();
        while let Some(connection) = line.next_connection().await {
            let mut gone = pin!(line.gone(&connection));
            let mut following = pin!(self.follow::<J>(&connection));
            loop {
                tokio::select! {
                    Err(error) = &mut following => {
                        tracing::debug!(%error, "a view starts again");
                        // On the next session, or soon on this one.
                        tokio::select! {
                            () = &mut gone => {}
                            () = sleep(RESTART) => {}
                        }
                        break;
                    }
                    () = &mut gone => break,
                    () = board.missed() => board.call(),
                }
            }
        }
        board.end();
    }

    /// Follows what is behind the path on one session. An error that trying again does not mend ends
    /// the wait for the first snapshot.
    async fn follow<J: Subject<Snapshot = S>>(
        &mut self,
        connection: &Connected,
    ) -> Result<Infallible, Error> {
        let (sender, signals) = mpsc::unbounded_channel();
        let subject = J::new(sender.clone());
        let followed = self.go_on(connection, subject, sender, signals).await;
        if let Err(error) = &followed
            && (!error.is_temporary() || error.is_timeout())
        {
            self.answer_first(Err(error.clone()));
        }
        followed
    }

    async fn go_on<J: Subject<Snapshot = S>>(
        &mut self,
        connection: &Connected,
        mut subject: J,
        sender: mpsc::UnboundedSender<Signal>,
        mut signals: mpsc::UnboundedReceiver<Signal>,
    ) -> Result<Infallible, Error> {
        let mut dependencies = Dependencies::default();
        let mut known: Option<J::Found> = None;
        loop {
            let found = match known.take() {
                Some(found) => Ok(found),
                None => {
                    let path = &self.path;
                    let find = |nodes: &Asked<'_>| J::find(nodes, path);
                    let answer =
                        dependencies.answer(&self.core, &connection.hub, &sender, path, find);
                    answer.await?
                }
            };
            match found {
                Ok(found) => {
                    let shown = self.board.snapshot();
                    match subject.read(connection, &found, &shown).await? {
                        Reading::New(snapshot) => self.show::<J>(snapshot),
                        Reading::Same => {}
                        Reading::Lost(path) => {
                            dependencies.forget(&Signal::Touched(path));
                            sleep(PAUSE).await;
                            continue;
                        }
                    }
                    known = Some(found);
                }
                Err(error) => {
                    subject.lose();
                    self.answer_first(Err(Error::of_link(error)));
                    self.show::<J>(J::nothing());
                }
            }
            let first = signals.recv().await.ok_or(Error::Closed)?;
            let more = std::iter::from_fn(|| signals.try_recv().ok());
            for signal in std::iter::once(first).chain(more) {
                let resolves = match subject.note(&signal) {
                    Concern::Links => true,
                    Concern::Below(node) => dependencies.hold(&node),
                };
                if resolves {
                    dependencies.forget(&signal);
                    known = None;
                }
            }
        }
    }

    fn show<J: Subject<Snapshot = S>>(&mut self, snapshot: S) {
        let checked = J::check(&snapshot);
        self.board.show(snapshot);
        self.answer_first(checked);
    }

    fn answer_first(&mut self, answer: Result<(), Error>) {
        if let Some(first) = self.first.take() {
            _ = first.send(answer);
        }
    }
}

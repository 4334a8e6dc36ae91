//! `--on-change`: a command that is run whenever the watch stands otherwise.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use zkt::syntax::spelling::printable;

use super::news::{self, Event, Newest};
use crate::environment::SECRETS;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a command has to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// How much of what a command prints is looked at, from the end.
const TAIL: usize = 4096;

/// A command of the user.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) command: String,
    /// The variable that holds the password of SASL, if it is one of the user's.
    pub(super) password: Option<String>,
}

/// Runs a command for each event, one at a time, until there are no more events.
pub(super) fn start(hook: Hook, newest: Newest) -> JoinHandle<()> {
    tokio::spawn(follow(hook, newest, LIMIT))
}

async fn follow(hook: Hook, mut newest: Newest, limit: Duration) {
    while let Some(event) = news::next(&mut newest).await {
        let state = event.condition.name();
        match run(&hook, &event, &newest, sleep(limit)).await {
            Ok(Ran::Ended(status, _)) if status.success() => {
                tracing::info!(state, "the command of --on-change has run");
            }
            Ok(Ran::Ended(status, last)) => {
                tracing::warn!(state, %status, last, "the command of --on-change failed");
            }
            Ok(Ran::TooLong) => tracing::warn!(
                state,
                "the command of --on-change took longer than {} s, and was killed",
                limit.as_secs()
            ),
            Ok(Ran::Stopped) => {
                tracing::warn!(
                    state,
                    "the command of --on-change was stopped with the watch"
                );
            }
            Err(error) => tracing::warn!(state, %error, "cannot run the command of --on-change"),
        }
    }
}

/// What became of a command.
enum Ran {
    /// It ended so; this is the last line that it wrote to stderr.
    Ended(ExitStatus, String),
    TooLong,
    /// The watch ended before.
    Stopped,
}

/// The shell that runs a command, with the event in its environment and no secrets of zkt. What trees take from
/// variables stays.
fn shell(hook: &Hook, event: &Event) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", hook.command.as_str()])
        .env("ZKT_STATE", event.condition.name())
        .env(
            "ZKT_PREVIOUS",
            event.previous.map_or("", |condition| condition.name()),
        )
        .env(
            "ZKT_REVISION",
            event.revision.as_deref().unwrap_or_default(),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    for secret in SECRETS.into_iter().chain(hook.password.as_deref()) {
        shell.env_remove(secret);
    }
    shell
}

/// Runs a command, at the longest until `limit` is over.
async fn run(
    hook: &Hook,
    event: &Event,
    newest: &Newest,
    limit: impl Future<Output = ()>,
) -> io::Result<Ran> {
    let mut group = Group::start(&mut shell(hook, event))?;
    let stdin = group.child.stdin.take();
    let mut stderr = group.child.stderr.take();
    let mut tail = Vec::new();
    let status = {
        let talk = async {
            let write = async {
                if let Some(mut stdin) = stdin {
                    // It need not read it.
                    _ = stdin
                        .write_all(format!("{}\n", event.json).as_bytes())
                        .await;
                }
            };
            tokio::join!(write, read_tail(stderr.as_mut(), &mut tail));
            // Its end counts, not that of its output.
            std::future::pending().await
        };
        tokio::select! {
            biased;
            status = group.child.wait() => status?,
            status = talk => status,
            () = limit => {
                group.end().await;
                return Ok(Ran::TooLong);
            }
            () = news::ended(newest) => {
                group.end().await;
                return Ok(Ran::Stopped);
            }
        }
    };
    group.is_over = true;
    // What it leaves running may keep the pipe open.
    _ = timeout(
        Duration::from_millis(100),
        read_tail(stderr.as_mut(), &mut tail),
    )
    .await;
    Ok(Ran::Ended(status, last_line(&tail)))
}

/// Reads until the pipe is closed, and keeps the end.
async fn read_tail(stderr: Option<&mut ChildStderr>, tail: &mut Vec<u8>) {
    let Some(stderr) = stderr else { return };
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        tail.extend_from_slice(&buffer[..count]);
        let over = tail.len().saturating_sub(TAIL);
        tail.drain(..over);
    }
}

fn last_line(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let last = text.trim_end().lines().next_back().unwrap_or_default();
    printable(last).into_owned()
}

/// A command with all processes that it starts, which end with this value unless it has ended by itself.
struct Group {
    child: Child,
    id: Option<Pid>,
    is_over: bool,
}

impl Group {
    fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            id: id.and_then(Pid::from_raw),
            child,
            is_over: false,
        })
    }

    /// Asks all of them to end, and kills those that do not.
    async fn end(mut self) {
        let deadline = Instant::now() + GRACE;
        self.send(Signal::TERM);
        // The command is not collected before all is over: its number would be free for others.
        while !self.has_ended() && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        self.send(Signal::KILL);
        self.is_over = true;
        _ = self.child.wait().await;
    }

    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = self.id.map(|id| waitid(WaitId::Pid(id), options));
        !matches!(ended, Some(Ok(None)))
    }

    fn send(&self, signal: Signal) {
        if let Some(id) = self.id
            && let Err(error) = kill_process_group(id, signal)
        {
            tracing::debug!(%error, "the signal did not arrive");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_over {
            self.send(Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{oneshot, watch};
    use zkt::watch::Condition;

    use super::*;

    fn hook(command: &str) -> Hook {
        Hook {
            command: command.to_owned(),
            password: Some("PROD_PASSWORD".to_owned()),
        }
    }

    fn event() -> Arc<Event> {
        Arc::new(Event {
            id: "1".to_owned(),
            condition: Condition::Failing,
            previous: Some(Condition::InSync),
            revision: Some("r1".to_owned()),
            json: "{\"state\":\"failing\"}".to_owned(),
        })
    }

    #[tokio::test]
    async fn a_command_gets_the_event_and_its_last_words_are_kept() {
        let (_events, newest) = watch::channel(None);
        let command =
            "read line; echo first >&2; echo \"$ZKT_STATE $ZKT_PREVIOUS $line\" >&2; exit 3";
        let ran = run(&hook(command), &event(), &newest, sleep(LIMIT))
            .await
            .unwrap();
        let Ran::Ended(status, last) = ran else {
            panic!("it did not end");
        };
        assert_eq!(status.code(), Some(3));
        assert_eq!(last, "failing in_sync {\"state\":\"failing\"}");
    }

    #[test]
    fn a_command_gets_no_secret() {
        let shell = shell(&hook("true"), &event());
        let variables: Vec<_> = shell.as_std().get_envs().collect();
        for secret in SECRETS.into_iter().chain(["PROD_PASSWORD"]) {
            assert!(variables.contains(&(secret.as_ref(), None)), "{secret}");
        }
    }

    /// A command that starts a process which does not end when it is asked to.
    struct Stubborn {
        task: JoinHandle<io::Result<Ran>>,
        /// The number of the process.
        id: String,
        /// Ends the time that the command may take.
        late: oneshot::Sender<()>,
    }

    async fn stubborn(newest: &Newest) -> Stubborn {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("id");
        let command = format!(
            "(trap '' TERM; sh -c 'echo $PPID' > {0}.new; mv {0}.new {0}; \
             while :; do sleep 0.1; done) & wait",
            file.display()
        );
        let newest = newest.clone();
        let (late, limit) = oneshot::channel();
        let limit = async {
            _ = limit.await;
        };
        let task =
            tokio::spawn(async move { run(&hook(&command), &event(), &newest, limit).await });
        comes(|| file.exists()).await;
        let id = std::fs::read_to_string(&file).unwrap();
        Stubborn { task, id, late }
    }

    async fn comes(condition: impl Fn() -> bool) {
        let wait = async {
            while !condition() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LIMIT, wait).await.unwrap();
    }

    /// Waits until a process is gone.
    async fn goes(id: &str) {
        let stat = format!("/proc/{}/stat", id.trim());
        // A zombie is gone, too.
        comes(|| std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))).await;
    }

    #[tokio::test]
    async fn what_takes_too_long_is_killed_with_all_that_it_started() {
        let (_events, newest) = watch::channel(None);
        let Stubborn { task, id, late } = stubborn(&newest).await;
        late.send(()).unwrap();
        assert!(matches!(task.await.unwrap(), Ok(Ran::TooLong)));
        goes(&id).await;
    }

    #[tokio::test]
    async fn the_end_of_the_watch_ends_it_and_a_newer_event_does_not() {
        let (events, newest) = watch::channel(None);
        let Stubborn { task, id, late } = stubborn(&newest).await;
        events.send_replace(None);
        sleep(Duration::from_millis(50)).await;
        assert!(!task.is_finished());
        drop(events);
        assert!(matches!(task.await.unwrap(), Ok(Ran::Stopped)));
        goes(&id).await;
        drop(late);

        let (_events, newest) = watch::channel(None);
        let stubborn = stubborn(&newest).await;
        stubborn.task.abort();
        goes(&stubborn.id).await;
    }
}

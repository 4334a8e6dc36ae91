//! What a supervisor or a person says to a running watch.

use std::io;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zkt::watch::Command;

/// Passes signals on: SIGHUP as now, SIGTERM and SIGINT as the end.
#[cfg(unix)]
pub(super) fn listen(commands: mpsc::Sender<Command>) -> io::Result<JoinHandle<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::spawn(async move {
        loop {
            let command = tokio::select! {
                _ = hangup.recv() => Command::Reconcile,
                _ = interrupt.recv() => Command::Stop,
                _ = terminate.recv() => Command::Stop,
            };
            if commands.send(command).await.is_err() {
                return;
            }
        }
    }))
}

#[cfg(not(unix))]
pub(super) fn listen(commands: mpsc::Sender<Command>) -> io::Result<JoinHandle<()>> {
    Ok(tokio::spawn(async move {
        _ = tokio::signal::ctrl_c().await;
        _ = commands.send(Command::Stop).await;
    }))
}

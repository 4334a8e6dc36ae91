//! The program `git` as a process that is given up after a while.

use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sha1::{Digest as _, Sha1};

use crate::syntax::spelling::hexadecimal;

/// How much is kept of what git says of its failure.
const MOST_SAID: u64 = 4096;

/// Why git has not done something.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It was killed in its middle, and has cleared nothing away.
    #[error("{0}")]
    Killed(String),
    /// It did not start, or has said this.
    #[error("{0}")]
    Failed(String),
}

/// What a command prints, or else what is wrong. It blocks; a command that takes too long is killed.
pub(super) fn run(
    mut command: Command,
    input: Vec<u8>,
    patience: Duration,
) -> Result<Vec<u8>, Error> {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| Error::Failed(format!("cannot run git: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        thread::spawn(move || _ = stdin.write_all(&input));
    }
    let said = drain(child.stderr.take(), MOST_SAID);
    let printed = drain(child.stdout.take(), u64::MAX);
    let Ok(printed) = printed.recv_timeout(patience) else {
        _ = child.kill();
        // A process that hangs in the kernel ends when it can.
        thread::spawn(move || child.wait());
        return Err(Error::Killed(format!(
            "git gave no answer within {patience:?}"
        )));
    };
    let status = child
        .wait()
        .map_err(|error| Error::Failed(error.to_string()))?;
    if status.success() {
        return Ok(printed);
    }
    let said = said.recv_timeout(patience).unwrap_or_default();
    match String::from_utf8_lossy(&said).trim() {
        _ if status.signal().is_some() => Err(Error::Killed(format!("git: {status}"))),
        "" => Err(Error::Failed(format!("git: {status}"))),
        said => Err(Error::Failed(said.to_owned())),
    }
}

/// The beginning of all that comes from a pipe, once it is closed.
fn drain(pipe: Option<impl Read + Send + 'static>, most: u64) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What is read until an error counts.
            _ = pipe.by_ref().take(most).read_to_end(&mut bytes);
            _ = std::io::copy(&mut pipe, &mut std::io::sink());
            _ = sender.send(bytes);
        });
    }
    receiver
}

/// The hash by which git knows a file.
pub(super) fn hash_of(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hexadecimal(&hash.finalize())
}

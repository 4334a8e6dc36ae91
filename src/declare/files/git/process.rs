//! Git as a process that reads, and does nothing else.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// How long git may take for one answer. Its files may be on a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of what git says of its failure is passed on.
const MOST_SAID: u64 = 4096;

/// How git is asked.
#[derive(Debug)]
pub(super) struct Git {
    /// The program and its first arguments.
    pub(super) words: Vec<&'static str>,
    /// Where git looks for a repository.
    pub(super) directory: PathBuf,
    pub(super) patience: Duration,
}

impl Default for Git {
    fn default() -> Self {
        Self {
            words: vec!["git"],
            directory: PathBuf::from("."),
            patience: PATIENCE,
        }
    }
}

impl Git {
    /// Git in a directory around which it finds the repository for itself, and whether it trusts it.
    /// It runs no hook, filter, pager or program that watches files, fetches no object, and reads what a
    /// hash names, not what is put in its place.
    fn command(&self) -> Command {
        let mut command = Command::new(self.words[0]);
        command
            .args(&self.words[1..])
            .args(["--no-pager", "-c", "core.fsmonitor=false"])
            .args(["-c", "core.hooksPath=/dev/null"])
            .current_dir(&self.directory)
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What git prints, or else what it says of its failure.
    pub(super) fn run(&self, args: &[&str]) -> io::Result<Result<String, String>> {
        let mut command = self.command();
        let mut child = spawn(command.args(args).stdin(Stdio::null()))?;
        let (printed, said) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let mut killed = Killed(Some(child));
        let printed = printed.recv_timeout(self.patience);
        let printed = printed.map_err(|_| self.too_slow())?;
        let said = said.recv_timeout(self.patience);
        let said = said.map_err(|_| self.too_slow())?;
        let status = match &mut killed.0 {
            Some(child) => child.wait()?,
            None => return Err(self.too_slow()),
        };
        killed.0 = None;
        Ok(if status.success() {
            Ok(printed)
        } else {
            // Git indents what is to be typed with tabs.
            Err(said.replace('\t', "  "))
        })
    }

    /// A process that reads objects, one at a time.
    pub(super) fn objects(&self) -> io::Result<Objects> {
        let mut command = self.command();
        let command = command.args(["cat-file", "--batch"]).stdin(Stdio::piped());
        let mut child = spawn(command)?;
        let said = drain(child.stderr.take());
        let (requests, asked) = mpsc::channel();
        let (sender, answers) = mpsc::channel();
        if let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) {
            thread::spawn(move || answer(stdin, BufReader::new(stdout), &asked, &sender));
        }
        Ok(Objects {
            process: Killed(Some(child)),
            requests,
            answers,
            said,
            patience: self.patience,
        })
    }

    fn too_slow(&self) -> io::Error {
        too_slow(self.patience)
    }
}

fn too_slow(patience: Duration) -> io::Error {
    io::Error::other(format!("git gave no answer within {patience:?}"))
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    command.spawn().map_err(|error| {
        let reason = crate::declare::files::reason(&error);
        io::Error::other(format!("cannot run git: {reason}"))
    })
}

/// The beginning of all that comes from a pipe, once it is closed.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What is read until an error counts.
            _ = pipe.by_ref().take(MOST_SAID).read_to_end(&mut bytes);
            _ = io::copy(&mut pipe, &mut io::sink());
            _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
        });
    }
    receiver
}

/// A process that ends with this value.
#[derive(Debug)]
struct Killed(Option<Child>);

impl Drop for Killed {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            _ = child.kill();
            // A process that hangs in the kernel ends when it can.
            thread::spawn(move || child.wait());
        }
    }
}

/// What git has under a name.
pub(super) enum Answer {
    Object(Object),
    Missing,
    /// It is larger than was asked for, and was not read.
    TooLarge,
}

/// An object of a repository.
pub(super) struct Object {
    /// Its hash in hexadecimal digits.
    pub(super) hash: String,
    pub(super) bytes: Vec<u8>,
}

/// A name, and how large the object may be.
type Request = (String, u64);

/// A process that reads objects.
#[derive(Debug)]
pub(super) struct Objects {
    process: Killed,
    requests: Sender<Request>,
    answers: Receiver<io::Result<Answer>>,
    said: Receiver<String>,
    patience: Duration,
}

impl Objects {
    /// Reads an object. After an error, and after [`Answer::TooLarge`], the process is of no use.
    pub(super) fn read(&mut self, name: String, largest: u64) -> io::Result<Answer> {
        // Where the other end has gone, there is no answer either.
        _ = self.requests.send((name, largest));
        match self.answers.recv_timeout(self.patience) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) => Err(too_slow(self.patience)),
        }
    }

    /// What git says of its failure, or else what was seen of it.
    fn failure(&mut self, error: &dyn fmt::Display) -> io::Error {
        if let Some(child) = &mut self.process.0 {
            _ = child.kill();
        }
        let said = self.said.recv_timeout(self.patience).unwrap_or_default();
        io::Error::other(match said.trim() {
            "" => format!("git ended while it read an object: {error}"),
            said => said.to_owned(),
        })
    }
}

/// Asks for each object and reads it.
fn answer(
    mut stdin: impl io::Write,
    mut stdout: impl io::BufRead,
    asked: &Receiver<Request>,
    answers: &Sender<io::Result<Answer>>,
) {
    for (name, largest) in asked {
        let asked = writeln!(stdin, "{name}").and_then(|()| stdin.flush());
        let answer = asked.and_then(|()| read(&mut stdout, largest));
        let is_last = !matches!(answer, Ok(Answer::Object(_) | Answer::Missing));
        if answers.send(answer).is_err() || is_last {
            return;
        }
    }
}

/// Reads `HASH KIND SIZE`, then the object; or `NAME missing`.
fn read(stdout: &mut impl io::BufRead, largest: u64) -> io::Result<Answer> {
    let mut line = String::new();
    if stdout.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[hash, _, size] = words.as_slice() else {
        return match words.as_slice() {
            [_, "missing"] => Ok(Answer::Missing),
            _ => Err(io::Error::other(line.trim().to_owned())),
        };
    };
    let size: u64 = size.parse().map_err(io::Error::other)?;
    if size > largest {
        return Ok(Answer::TooLarge);
    }
    let mut bytes = Vec::new();
    stdout.take(size + 1).read_to_end(&mut bytes)?;
    // A line feed ends it.
    if bytes.pop().is_none() || bytes.len() as u64 != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let hash = hash.to_owned();
    Ok(Answer::Object(Object { hash, bytes }))
}

//! Child processes, with their time and their peak of memory.
//!
//! The peak of a process counts that of the process that it was forked from. So children are
//! started by one that is small and stays small: this program again, which takes a command in each
//! line of its standard input and answers it with a line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wait4::Wait4 as _;

/// The argument that makes this program start children for another one.
pub(crate) const STARTER: &str = "--start-children";

/// What a finished process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// From before it is started to after its exit.
    pub(crate) wall: Duration,
    /// Of all its threads, in user and kernel mode.
    pub(crate) cpu: Duration,
    /// In bytes.
    pub(crate) peak_memory: u64,
}

/// The process that starts the others; it ends with its standard input.
pub(crate) struct Starter {
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    program: PathBuf,
    stderr: PathBuf,
}

impl Starter {
    /// Children run `program`, and their messages go to a file in `folder`.
    pub(crate) fn new(program: &Path, folder: &Path) -> Self {
        let this = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(this)
            .arg(STARTER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        Self {
            commands: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().expect("a pipe")),
            process,
            program: program.to_owned(),
            stderr: folder.join("stderr"),
        }
    }

    /// Runs the program with its output written to a file, or nowhere.
    ///
    /// # Panics
    /// Where the program's exit code is not 0.
    pub(crate) fn run(&mut self, arguments: &[&str], stdout: Option<&Path>) -> Usage {
        let command = json!({
            "program": self.program, "arguments": arguments, "stdout": stdout,
            "stderr": self.stderr,
        });
        let commands = self.commands.as_mut().expect("it is open until the end");
        writeln!(commands, "{command}").expect("the starter listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let number = |name: &str| answer[name].as_u64().expect("a number");
        if answer["code"] != 0 {
            let messages = std::fs::read_to_string(&self.stderr).unwrap_or_default();
            panic!("{command} ended with {}: {messages}", answer["code"]);
        }
        Usage {
            wall: Duration::from_nanos(number("wall")),
            cpu: Duration::from_nanos(number("cpu")),
            peak_memory: number("peak_memory"),
        }
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.process.wait();
    }
}

/// What the starter does.
pub(crate) fn start_children() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let command: Value = serde_json::from_str(&line?)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let arguments = command["arguments"].as_array().into_iter().flatten();
        let stdout = match command["stdout"].as_str() {
            Some(file) => File::create(file)?.into(),
            None => Stdio::null(),
        };
        let mut child = Command::new(text(&command["program"]));
        child
            .args(arguments.map(text))
            .env_remove("ZKT_AUTH")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(File::create(text(&command["stderr"]))?);
        let start = Instant::now();
        let ended = child.spawn()?.wait4()?;
        let wall = start.elapsed();
        let cpu = ended.rusage.utime + ended.rusage.stime;
        let answer = json!({
            "code": ended.status.code(), "wall": wall.as_nanos() as u64,
            "cpu": cpu.as_nanos() as u64, "peak_memory": ended.rusage.maxrss,
        });
        println!("{answer}");
    }
    Ok(())
}

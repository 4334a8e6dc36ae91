//! The machine that all this was measured on.

use std::fmt;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::server::{Server, four_letters};

/// Facts without which times cannot be compared.
#[derive(Debug)]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    memory: String,
    system: String,
    java: String,
    zookeeper: String,
    load: String,
}

impl Machine {
    /// With the load as it was before anything was started.
    pub(crate) fn of(server: &Server, load: String) -> Self {
        let answer = four_letters(server.port(), "srvr").unwrap_or_default();
        let zookeeper = answer.lines().find_map(|line| {
            let version = line.strip_prefix("Zookeeper version: ")?;
            version.split([',', '-']).next()
        });
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: entry("/proc/cpuinfo", "model name"),
            memory: entry("/proc/meminfo", "MemTotal"),
            system: first_line("uname", &["-sr"]),
            java: first_line("java", &["-version"]),
            zookeeper: zookeeper.unwrap_or("unknown").to_owned(),
            load,
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "cores": self.cores, "processor": self.processor, "memory": self.memory,
            "system": self.system, "java": self.java, "zookeeper": self.zookeeper,
            "load": self.load,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cores, processor, memory) = (self.cores, &self.processor, &self.memory);
        writeln!(f, "{cores} cores, {processor}, {memory}")?;
        let (system, java, zookeeper) = (&self.system, &self.java, &self.zookeeper);
        writeln!(f, "{system}; ZooKeeper {zookeeper} on {java}")?;
        writeln!(f, "load before the start: {}", self.load)
    }
}

/// How many processes wanted to run, on average over the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split(' ').next().filter(|load| !load.is_empty());
    load.unwrap_or("unknown").to_owned()
}

/// The first entry of this name in a file of lines `name: value`.
fn entry(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_else(|| "unknown".to_owned())
}

/// What a command says first, on whichever output.
fn first_line(program: &str, arguments: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        return "unknown".to_owned();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().next().unwrap_or("unknown").to_owned()
}

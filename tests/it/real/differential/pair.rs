//! The two servers.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use zkt::server::Server as Embedded;

use super::answers::Answer;
use super::sides::Side;
use super::steps::{CLIENTS, Request, Step};
use crate::embedded::raw::{Body, texts};
use crate::real::process::{Server as Real, Setup};

/// Sessions last for longer than any pause, and nothing is deleted by the clock.
const LASTING: &str = "forceSync=no\npreAllocSize=4096\n\
                       minSessionTimeout=30000\nmaxSessionTimeout=60000\n";
const JAVA: &[&str] = &[
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dzookeeper.forceSync=no",
    "-Dznode.container.checkIntervalMs=1000000000",
];

/// Where the servers first differed, and how.
pub(super) struct Difference {
    pub(super) at: usize,
    pub(super) text: String,
}

/// The servers, each with as many clients.
pub(super) struct Pair {
    real: Side,
    embedded: Side,
    _servers: (Real, Embedded),
}

impl Pair {
    pub(super) fn start() -> Self {
        let real = Real::start_as(Setup {
            java: JAVA,
            config: LASTING,
        });
        let embedded = Embedded::builder()
            .session_timeouts(Duration::from_secs(30), Duration::from_secs(60))
            .container_check(Duration::from_secs(1_000_000))
            .start()
            .unwrap();
        Self {
            real: Side::new(real.address().parse().unwrap()),
            embedded: Side::new(embedded.address()),
            _servers: (real, embedded),
        }
    }

    /// Does the same to both, and then asks all clients for what else they were sent.
    pub(super) fn step(&mut self, step: &Step) -> Result<(), String> {
        self.alike(&step.to_string(), |side| side.step(step))?;
        for client in 0..CLIENTS {
            let what = format!("{step}\nand client {client} gets then");
            self.alike(&what, |side| side.events(client))?;
        }
        Ok(())
    }

    /// Compares everything there is on the servers.
    pub(super) fn end(&mut self) -> Result<(), String> {
        let mut paths = vec!["/".to_owned()];
        while let Some(path) = paths.pop() {
            let body = Body::new().text(&path);
            let mut names = Vec::new();
            for (opcode, body) in [
                (4, body.clone().bool(false)),
                (6, body.clone()),
                (12, body.clone().bool(false)),
            ] {
                let request = Request {
                    opcode,
                    since: None,
                    body,
                };
                let found = self.alike(&format!("in the end, {opcode} {path:?}"), |side| {
                    side.send(0, std::slice::from_ref(&request))
                })?;
                if let (12, Some(Answer::Frame(frame))) = (opcode, found.last())
                    && frame[12..16] == [0; 4]
                {
                    names = texts(&frame[16..]);
                }
            }
            let parent = path.trim_end_matches('/');
            paths.extend(names.iter().map(|name| format!("{parent}/{name}")));
        }
        // The real server learns a little later that a connection has ended.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (real, embedded) = (self.real.counts(), self.embedded.counts());
            if real == embedded {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "in the end\nreal:     {real:?}\nembedded: {embedded:?}\n"
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn alike(
        &mut self,
        what: &str,
        ask: impl Fn(&mut Side) -> Vec<Answer>,
    ) -> Result<Vec<Answer>, String> {
        let (real, embedded) = (ask(&mut self.real), ask(&mut self.embedded));
        if real == embedded {
            return Ok(real);
        }
        let mut text = format!("{what}\n");
        for (who, answers) in [("real", real), ("embedded", embedded)] {
            for answer in answers {
                _ = writeln!(text, "  {who}: {answer}");
            }
        }
        Err(text)
    }
}

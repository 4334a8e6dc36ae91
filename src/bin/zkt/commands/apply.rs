//! `zkt apply`: plan, ask, execute, and plan again where the live tree moved.

mod report;

use std::fmt;
use std::io::{BufRead as _, Write as _};

use zkt::executor::{self, Event, ExecuteOptions, Fate, Report, Stop};
use zkt::live::ReadAhead;
use zkt::plan::{Plan, Summary};
use zkt::session::Session;

use crate::args::{ApplyArgs, Format};
use crate::commands::plan::text_options;
use crate::declare::DeclaredTree;
use crate::exit::{Exit, Failure};
use crate::opening::{self, Opening};
use crate::output::Output;
use crate::planning;
use crate::render;

pub(crate) async fn run(args: &ApplyArgs, output: &Output) -> Result<Exit, Failure> {
    if !args.yes && !output.can_ask() {
        return Err(Failure::new("there is no terminal to ask on")
            .hint("-y applies without asking; zkt plan shows what it would do"));
    }
    let Opening {
        declared,
        session,
        ahead,
    } = opening::open(&args.sources, &args.plan, &args.server, output).await?;
    let mut apply = Apply {
        args,
        output,
        declared,
        session,
        ahead,
        done: Summary::default(),
        unknown: false,
        stopped: None,
        course: None,
    };
    let result = tokio::select! {
        biased;
        () = interrupt() => {
            let failure = apply.interrupted();
            // What was done before is told, too; that it cannot be printed changes nothing.
            _ = apply.report(failure.exit);
            Err(failure)
        }
        result = apply.run() => result,
    };
    apply.session.close().await;
    result
}

/// ^C, or what a supervisor sends to end a process.
#[cfg(unix)]
async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => _ = tokio::signal::ctrl_c().await,
    }
}

#[cfg(not(unix))]
async fn interrupt() {
    _ = tokio::signal::ctrl_c().await;
}

struct Apply<'a> {
    args: &'a ApplyArgs,
    output: &'a Output,
    declared: DeclaredTree,
    session: Session,
    /// What was read before the first plan.
    ahead: ReadAhead,
    /// What all executions of this run have committed.
    done: Summary,
    /// Whether something may have been committed that could not be told.
    unknown: bool,
    /// The last execution, where it did not reach its end.
    stopped: Option<(Plan, Report)>,
    /// How far the execution that is running has got.
    course: Option<Course>,
}

/// Of the batches of one execution.
#[derive(Debug, Clone, Copy)]
struct Course {
    committed: usize,
    /// How many were sent, answered or not.
    sent: usize,
    count: usize,
}

impl Apply<'_> {
    /// Plans and executes, and tells at the end what stands, however it ended.
    async fn run(&mut self) -> Result<Exit, Failure> {
        let result = match self.attempts().await {
            Ok(exit) => Ok(self.lifted(exit)),
            Err(failure) => {
                let exit = self.lifted(failure.exit);
                Err(failure.exit(exit))
            }
        };
        let exit = match &result {
            Ok(exit) => *exit,
            Err(failure) => failure.exit,
        };
        self.report(exit).map_err(|error| {
            let failure = Failure::from(error);
            let exit = self.lifted(failure.exit);
            failure.exit(exit)
        })?;
        result
    }

    async fn attempts(&mut self) -> Result<Exit, Failure> {
        let mut plan = self.plan().await?;
        let mut attempt = 0;
        loop {
            self.show(&plan)?;
            if !plan.refusals.is_empty() {
                return Ok(Exit::Refused);
            }
            if plan.is_empty() {
                self.stopped = None;
                return Ok(Exit::Done);
            }
            if !self.args.yes {
                if !self.confirm().await? {
                    let more = if self.wrote() { " more" } else { "" };
                    self.output.note(&format!("nothing{more} was written"));
                    return Ok(Exit::Error);
                }
                // A person takes a while to answer: what is done is what was shown, or it is
                // shown again.
                let fresh = self.plan().await?;
                if fresh != plan {
                    self.output
                        .note("the live tree has changed since; this is the plan now:");
                    plan = fresh;
                    continue;
                }
            }
            let report = self.execute(&plan).await;
            self.count(&plan, &report);
            let Some(stop) = report.stop.clone() else {
                self.stopped = None;
                return Ok(Exit::Done);
            };
            self.stopped = Some((plan, report));
            let may_pass = !matches!(stop, Stop::Failed { .. } | Stop::TooLarge { .. });
            if !may_pass || attempt == self.args.retries {
                return Err(failure(&stop));
            }
            attempt += 1;
            let of = self.args.retries;
            self.output
                .note(&format!("{stop}; planning again ({attempt} of {of})"));
            if self.session.is_dead() {
                self.session.reconnect().await?;
            }
            plan = self.plan().await?;
        }
    }

    async fn plan(&mut self) -> Result<Plan, Failure> {
        let ahead = std::mem::take(&mut self.ahead);
        let options = &self.args.plan;
        planning::plan(&self.session, &self.declared, ahead, options, self.output).await
    }

    fn show(&self, plan: &Plan) -> Result<(), Failure> {
        let mut out = self.output.out();
        match self.args.format {
            Format::Json => {
                let mut line = render::plan_json(plan);
                line["event"] = "plan".into();
                writeln!(out, "{line}")?;
            }
            Format::Text => {
                let server = self.session.hosts();
                let options =
                    text_options("zkt apply", &server, &self.args.sources.layers, self.output);
                render::plan_text(plan, &options, &mut out)?;
            }
        }
        Ok(out.flush()?)
    }

    /// Asks on stderr; only a plain yes is one.
    async fn confirm(&self) -> Result<bool, Failure> {
        let mut err = self.output.err();
        write!(err, "\nApply this plan? Only 'yes' is taken for a yes: ")?;
        err.flush()?;
        // The session must be kept alive while a person thinks.
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            std::io::stdin()
                .lock()
                .read_line(&mut answer)
                .map(|_| answer)
        });
        let answer = answer.await.unwrap_or_else(|error| Err(error.into()));
        let answer =
            answer.map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
        Ok(answer.trim() == "yes")
    }

    async fn execute(&mut self, plan: &Plan) -> Report {
        let bar = self.output.progress("applying", plan.actions.len());
        let json = self.args.format == Format::Json;
        let (output, course) = (self.output, &mut self.course);
        let mut events = |event: &Event| {
            let (Event::Starting(batch) | Event::Committed(batch)) = event;
            let course = course.get_or_insert(Course {
                committed: 0,
                sent: 0,
                count: batch.count,
            });
            if matches!(event, Event::Starting(_)) {
                course.sent = batch.index + 1;
                return;
            }
            course.committed = batch.index + 1;
            tracing::info!(
                batch = batch.index + 1,
                of = batch.count,
                operations = batch.operations,
                "committed"
            );
            bar.set_position(batch.actions.end as u64);
            if json {
                // The report tells what stands, whether or not somebody reads the events.
                let mut out = output.out();
                _ = writeln!(out, "{}", report::batch_json(batch));
                _ = out.flush();
            }
        };
        // An interrupt that came while nothing was awaited is seen here, before the first write.
        tokio::task::yield_now().await;
        let options = ExecuteOptions::default();
        let report = executor::execute(&self.session, plan, &options, &mut events).await;
        self.course = None;
        bar.finish_and_clear();
        report
    }

    /// What an interrupt leaves behind.
    fn interrupted(&self) -> Failure {
        let hint = "run apply again: it finishes what is left";
        if let Some(course) = self.course {
            let message = format!("interrupted: {course}");
            return Failure::new(message).hint(hint).exit(Exit::Partial);
        }
        if self.wrote() {
            let message = "interrupted between two attempts";
            return Failure::new(message).hint(hint).exit(Exit::Partial);
        }
        Failure::new("interrupted: nothing was written")
    }

    fn count(&mut self, plan: &Plan, report: &Report) {
        self.done += report.done(plan);
        self.unknown |=
            report.fates.contains(&Fate::Unknown) || report.fates.contains(&Fate::DataOnly);
    }

    /// Whether anything was written, or may have been.
    fn wrote(&self) -> bool {
        self.done != Summary::default() || self.unknown
    }

    /// After something was written, whatever stops the run leaves it partly applied; but a
    /// conflict is told as one.
    fn lifted(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Error | Exit::Refused if self.wrote() => Exit::Partial,
            exit => exit,
        }
    }

    /// What was done by all executions together, and what the last one did not get to.
    fn report(&self, exit: Exit) -> std::io::Result<()> {
        let mut out = self.output.out();
        match self.args.format {
            Format::Json => {
                let line = report::report_json(self.done, self.stopped.as_ref(), exit);
                writeln!(out, "{line}")?;
            }
            Format::Text => report::write_text(self.done, self.stopped.as_ref(), &mut out)?,
        }
        out.flush()
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (committed, count) = (self.committed, self.count);
        let in_flight = self.sent.saturating_sub(committed);
        if committed > 0 {
            write!(f, "{committed} of {count} batches were committed")?;
        }
        if committed > 0 && in_flight > 0 {
            f.write_str(", and ")?;
        }
        match in_flight {
            0 => Ok(()),
            1 => f.write_str("the batch in flight may be committed or not"),
            _ => write!(f, "the {in_flight} in flight may be committed or not"),
        }
    }
}

/// The error that ends a run which stopped so.
fn failure(stop: &Stop) -> Failure {
    let failure = Failure::new(stop);
    match stop {
        Stop::Conflict { .. } => failure
            .hint("another writer changes these nodes; nothing of theirs was overwritten")
            .exit(Exit::Conflict),
        Stop::Disconnected { .. } | Stop::Uncertain { .. } => {
            failure.hint("run apply again: it finishes what is left")
        }
        stop if stop.is_unauthorized() => {
            failure.hint("permissions come from --auth, and from the ACLs of a node and its parent")
        }
        Stop::Failed { .. } | Stop::TooLarge { .. } | Stop::Deposed { .. } => failure,
    }
}

//! `zkt apply`: plan, ask, execute, and plan again where the live tree moved.

mod report;

use std::io::{BufRead as _, Write as _};

use zkt::executor::{self, Batch, Event, ExecuteOptions, Report, Stop};
use zkt::plan::Plan;
use zkt::session::Session;

use crate::args::{ApplyArgs, Format};
use crate::commands::plan::text_options;
use crate::declare::{self, DeclaredTree};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::planning;
use crate::render::{self, Mode};
use crate::settings;

pub(crate) async fn run(args: &ApplyArgs, output: &Output) -> Result<Exit, Failure> {
    let place = planning::place(&args.plan)?;
    let mut declared = declare::load_or_tell(&args.layers, args.plan.allow_empty, &place, output)?;
    planning::narrow(&mut declared.tree, &args.plan, output)?;
    if !args.yes && !output.can_ask() {
        return Err(Failure::new("there is no terminal to ask on")
            .hint("-y applies without asking; zkt plan shows what it would do"));
    }
    let session = Session::connect(&settings::session_options(&args.server)?).await?;
    let mut apply = Apply {
        args,
        output,
        declared,
        session,
        committed: Totals::default(),
        in_flight: None,
    };
    let result = tokio::select! {
        biased;
        () = interrupt() => Err(apply.interrupted()),
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

/// What all executions of this run have committed.
#[derive(Default)]
struct Totals {
    add: usize,
    update: usize,
    link: usize,
    trim: usize,
    operations: usize,
    /// Whether something may have been committed that could not be told.
    unknown: bool,
}

struct Apply<'a> {
    args: &'a ApplyArgs,
    output: &'a Output,
    declared: DeclaredTree,
    session: Session,
    committed: Totals,
    /// The batch that has been sent and not answered.
    in_flight: Option<Batch>,
}

impl Apply<'_> {
    async fn run(&mut self) -> Result<Exit, Failure> {
        let mut plan = self.plan().await?;
        let mut attempt = 0;
        loop {
            self.show(&plan)?;
            if !plan.refusals.is_empty() {
                return Ok(self.stopped(Exit::Refused));
            }
            if plan.is_empty() {
                self.finish(&plan)?;
                return Ok(Exit::Done);
            }
            if !self.args.yes {
                if !self.confirm().await? {
                    self.output.note("nothing was written");
                    return Ok(self.stopped(Exit::Error));
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
            let Some(stop) = &report.stop else {
                self.report(&plan, &report, Exit::Done)?;
                self.finish(&plan)?;
                return Ok(Exit::Done);
            };
            let exit = self.stopped(match stop {
                Stop::Conflict { .. } => Exit::Conflict,
                _ => Exit::Error,
            });
            let may_pass = !matches!(stop, Stop::Failed { .. } | Stop::TooLarge { .. });
            if !may_pass || attempt == self.args.retries {
                self.report(&plan, &report, exit)?;
                return Err(self.failure(stop, exit));
            }
            attempt += 1;
            self.output.note(&format!(
                "{stop}; planning again ({attempt} of {})",
                self.args.retries
            ));
            if self.session.is_dead() {
                self.session
                    .reconnect()
                    .await
                    .map_err(|error| self.after_writes(error.into()))?;
            }
            plan = self
                .plan()
                .await
                .map_err(|failure| self.after_writes(failure))?;
        }
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        planning::plan(&self.session, &self.declared, &self.args.plan, self.output).await
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
                let options = text_options("zkt apply", &server, &self.args.layers, self.output);
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
        let (output, in_flight) = (self.output, &mut self.in_flight);
        let mut events = |event: &Event| {
            let batch = match event {
                Event::Starting(batch) => {
                    *in_flight = Some(batch.clone());
                    return;
                }
                Event::Committed(batch) => batch,
            };
            *in_flight = None;
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
        self.in_flight = None;
        bar.finish_and_clear();
        report
    }

    /// What an interrupt leaves behind.
    fn interrupted(&self) -> Failure {
        let hint = "run apply again: it finishes what is left";
        if let Some(Batch { index, count, .. }) = self.in_flight {
            let stands = match index {
                0 => String::new(),
                _ => format!("{index} of {count} batches were committed, and "),
            };
            let message =
                format!("interrupted: {stands}the batch in flight may be committed or not");
            return Failure::new(message).hint(hint).exit(Exit::Partial);
        }
        match self.committed.operations {
            0 => Failure::new("interrupted: nothing was written"),
            _ => Failure::new("interrupted between two attempts")
                .hint(hint)
                .exit(Exit::Partial),
        }
    }

    fn count(&mut self, plan: &Plan, report: &Report) {
        let done = report::done(plan, report);
        self.committed.add += done.add;
        self.committed.update += done.update;
        self.committed.link += done.link;
        self.committed.trim += done.trim;
        self.committed.operations += report.committed_operations;
        self.committed.unknown |= matches!(report.stop, Some(Stop::Uncertain { .. }));
    }

    /// The last line: what was done, by all executions together.
    fn finish(&self, plan: &Plan) -> Result<(), Failure> {
        let Totals {
            add,
            update,
            link,
            trim,
            operations,
            ..
        } = self.committed;
        let mut out = self.output.out();
        if self.args.format == Format::Text && operations > 0 {
            let unchanged = plan.unchanged;
            let summary = zkt::plan::Summary {
                add,
                update,
                link,
                trim,
                unchanged,
            };
            writeln!(out, "{}", render::summary_line(summary, Mode::Done))?;
        }
        if self.args.format == Format::Json && plan.is_empty() {
            writeln!(out, "{}", report::nothing_json())?;
        }
        Ok(out.flush()?)
    }

    /// What became of one execution: for people only where it did not reach its end.
    fn report(&self, plan: &Plan, report: &Report, exit: Exit) -> Result<(), Failure> {
        let mut out = self.output.out();
        match self.args.format {
            Format::Json => writeln!(out, "{}", report::report_json(plan, report, exit))?,
            Format::Text if report.stop.is_some() => report::write_text(plan, report, &mut out)?,
            Format::Text => {}
        }
        Ok(out.flush()?)
    }

    /// After something was committed, whatever stops the run leaves it partly applied; but a
    /// conflict is told as one.
    fn stopped(&self, exit: Exit) -> Exit {
        let wrote = self.committed.operations > 0 || self.committed.unknown;
        if exit == Exit::Error && wrote {
            Exit::Partial
        } else {
            exit
        }
    }

    fn after_writes(&self, failure: Failure) -> Failure {
        let exit = self.stopped(failure.exit);
        failure.exit(exit)
    }

    fn failure(&self, stop: &Stop, exit: Exit) -> Failure {
        let failure = Failure::new(stop).exit(exit);
        match stop {
            Stop::Conflict { .. } => failure
                .hint("another writer changes these nodes; nothing of theirs was overwritten"),
            Stop::Disconnected { .. } | Stop::Uncertain { .. } => {
                failure.hint("run apply again: it finishes what is left")
            }
            Stop::Failed { .. } | Stop::TooLarge { .. } => failure,
        }
    }
}

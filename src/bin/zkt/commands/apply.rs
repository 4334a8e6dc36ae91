//! `zkt apply`: plan, ask, execute, and plan again where the live tree moved.

mod account;
mod report;

use std::io::Write as _;
use std::sync::Arc;

use clap::Args;
use zkt::contention::{self, CONTENDED_FROM, Contended};
use zkt::model::plan::Plan;
use zkt::zookeeper::executor::{self, Event, ExecuteOptions, Report, Stop};
use zkt::zookeeper::live::ReadAhead;
use zkt::zookeeper::session::Session;

use crate::args::{Format, LayerArgs, PlanOptions, ServerArgs};
use crate::commands::plan::text_options;
use crate::declare::DeclaredTree;
use crate::exit::{Exit, Failure, PERMISSIONS};
use crate::opening::{self, Opening};
use crate::output::Output;
use crate::process::interrupt;
use crate::{planning, question, render};

use account::{Account, Course, End};

/// Plan, and make the live tree as declared
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// How often to plan again when the live tree moved under the plan
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) retries: u32,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    /// How plan and report are printed; json prints one object a line
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &ApplyArgs, output: &Output) -> Result<Exit, Failure> {
    let opened = open(args, output).await;
    let Opening {
        declared,
        session,
        ahead,
    } = match opened {
        Ok(opening) => opening,
        Err(failure) => {
            if args.format == Format::Json {
                let end = End::of_failure(&failure);
                let account = Account::default();
                let line = report::report_json(&account, Some(&end), failure.exit);
                let mut out = output.out();
                // The failure counts, whether or not somebody reads the report.
                _ = writeln!(out, "{line}").and_then(|()| out.flush());
            }
            return Err(failure);
        }
    };
    let mut apply = Apply {
        args,
        output,
        declared,
        session,
        ahead,
        account: Account::default(),
        end: None,
        agreed: None,
    };
    let result = tokio::select! {
        biased;
        () = interrupt() => {
            let failure = apply.account.interrupted();
            apply.end = Some(End::new("interrupted", &failure.message));
            // What was done before is told, too; that it cannot be printed changes nothing.
            _ = apply.report(failure.exit);
            Err(failure)
        }
        result = apply.run() => result,
    };
    apply.session.close().await;
    result
}

async fn open(args: &ApplyArgs, output: &Output) -> Result<Opening, Failure> {
    if !args.yes && !output.can_ask() {
        return Err(Failure::new("there is no terminal to ask on")
            .hint("-y applies without asking; zkt plan shows what it would do"));
    }
    opening::open(&args.sources, &args.plan, &args.server, output).await
}

struct Apply<'a> {
    args: &'a ApplyArgs,
    output: &'a Output,
    declared: DeclaredTree,
    session: Session,
    /// What was read before the first plan.
    ahead: ReadAhead,
    /// What all executions of this run have done.
    account: Account,
    /// Why it ended before all was done.
    end: Option<End>,
    /// The plan that a person has agreed to.
    agreed: Option<Arc<Plan>>,
}

impl Apply<'_> {
    /// Plans and executes, and tells at the end what stands, however it ended.
    async fn run(&mut self) -> Result<Exit, Failure> {
        let result = match self.attempts().await {
            Ok(exit) => Ok(self.lifted(exit)),
            Err(failure) => {
                self.end.get_or_insert_with(|| End::of_failure(&failure));
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
        let (mut attempt, mut conflicts) = (0, 0);
        loop {
            let is_agreed = self.is_agreed(&plan);
            if !is_agreed {
                self.show(&plan)?;
            }
            self.account.plan(&plan);
            if !plan.refusals.is_empty() {
                let refusals = plan.refusals.iter().map(ToString::to_string);
                let refusals: Vec<String> = refusals.collect();
                self.end = Some(End::new("refused", refusals.join("; ")));
                return Ok(Exit::Refused);
            }
            if plan.is_empty() {
                self.account.finish();
                return Ok(Exit::Done);
            }
            if !self.args.yes && !is_agreed {
                if !self.confirm().await? {
                    let more = if self.account.wrote() { " more" } else { "" };
                    let message = format!("nothing{more} was written");
                    self.output.note(&message);
                    self.end = Some(End::new("declined", message));
                    return Ok(Exit::Error);
                }
                self.agreed = Some(plan.clone());
                // A person takes a while to answer: what is done is what was shown, or it is
                // shown again.
                let fresh = self.plan().await?;
                if !self.is_agreed(&fresh) {
                    self.output
                        .note("the live tree has changed since; this is the plan now:");
                }
                plan = fresh;
                continue;
            }
            let report = self.execute(&plan, conflicts >= CONTENDED_FROM).await?;
            self.account.note_fates(&report.fates);
            let Some(stop) = report.stop else {
                self.account.finish();
                return Ok(Exit::Done);
            };
            let may_pass = !matches!(
                stop,
                Stop::Failed { .. } | Stop::InvalidAcl { .. } | Stop::TooLarge { .. }
            );
            if !may_pass || attempt == self.args.retries {
                self.end = Some(End::of_stop(&stop));
                return Err(failure(&stop));
            }
            attempt += 1;
            conflicts += u32::from(matches!(stop, Stop::Conflict { .. }));
            let of = self.args.retries;
            let how = if conflicts == CONTENDED_FROM {
                ", now in batches that become smaller where nodes move"
            } else {
                ""
            };
            self.output
                .note(&format!("{stop}; planning again ({attempt} of {of}){how}"));
            if self.session.is_dead() {
                self.session.reconnect().await?;
            }
            plan = self.plan().await?;
        }
    }

    /// Whether a person has agreed to all that a plan asks for.
    fn is_agreed(&self, plan: &Plan) -> bool {
        let agreed = self.agreed.as_ref();
        !plan.is_empty() && agreed.is_some_and(|agreed| plan.asks_no_more_than(agreed))
    }

    async fn plan(&mut self) -> Result<Arc<Plan>, Failure> {
        let ahead = std::mem::take(&mut self.ahead);
        let options = &self.args.plan;
        let plan = planning::plan(&self.session, &self.declared, ahead, options, self.output);
        plan.await.map(Arc::new)
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
                let layers = &self.args.sources.layers;
                let mut options = text_options("zkt apply", &server, layers, self.output);
                // A question needs something that it is about.
                options.brief &= self.args.yes;
                render::plan_text(plan, &options, &mut out)?;
            }
        }
        Ok(out.flush()?)
    }

    async fn confirm(&self) -> Result<bool, Failure> {
        question::ask(self.output, "\nApply this plan?").await
    }

    async fn execute(&mut self, plan: &Plan, contended: bool) -> Result<Report, Failure> {
        let bar = self.output.progress("applying", plan.actions.len());
        let json = self.args.format == Format::Json;
        let output = self.output;
        let tell = |event: &Event| {
            let Event::Committed(batch) = event else {
                return;
            };
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
        let options = ExecuteOptions::of(&self.session);
        let policy = match contended {
            false => None,
            true => {
                let (declared, options) = (&self.declared, &self.args.plan);
                Some(planning::policy(&self.session, declared, options).await?)
            }
        };
        let Some((ledger, course)) = self.account.progress() else {
            return Err(Failure::new("there is no plan"));
        };
        let report = if let Some(policy) = &policy {
            let contended = Contended {
                session: &self.session,
                declared: &self.declared.tree,
                policy,
                options: &options,
                agreed: !self.args.yes,
            };
            let mut events = |event: &Event| {
                Course::note(course, event);
                tell(event);
            };
            contention::execute(contended, plan, ledger, &mut events).await
        } else {
            let mut events = |event: &Event| {
                ledger.note(event);
                Course::note(course, event);
                tell(event);
            };
            executor::execute(&self.session, plan, &options, &mut events).await
        };
        bar.finish_and_clear();
        Ok(report)
    }

    /// After something was written, whatever stops the run leaves it partly applied; but a
    /// conflict is told as one.
    fn lifted(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Error | Exit::Refused if self.account.wrote() => Exit::Partial,
            exit => exit,
        }
    }

    /// What was done by all executions together, and what the last one did not get to.
    fn report(&self, exit: Exit) -> std::io::Result<()> {
        let mut out = self.output.out();
        let end = self.end.as_ref();
        match self.args.format {
            Format::Json => {
                let line = report::report_json(&self.account, end, exit);
                writeln!(out, "{line}")?;
            }
            Format::Text => {
                let is_told = end.is_some_and(|end| matches!(end.kind, "refused" | "declined"));
                let end = end.filter(|_| !is_told || self.account.wrote());
                report::write_text(&self.account, end, &mut out)?;
            }
        }
        out.flush()
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
        stop if stop.is_unauthorized() => failure.hint(PERMISSIONS),
        Stop::TooLarge { .. } => failure.hint(crate::exit::MAX_REQUEST_HINT),
        Stop::InvalidAcl { .. } => failure.hint(
            "ZooKeeper's own schemes are world, auth, digest, ip, x509, sasl and super; a server may have more",
        ),
        Stop::Failed { .. } | Stop::Deposed { .. } => failure,
    }
}

//! `zkt apply`: plan, ask, execute, and plan again where the live tree moved.

mod end;
mod report;
mod start;

use std::fmt::Display;
use std::io::Write as _;
use std::iter;
use std::sync::Arc;

use clap::Args;
use zkt::declare::Source;
use zkt::model::plan::Plan;
use zkt::plan::saved::SavedPlan;
use zkt::reconcile::{self, Account, Again, Asks, Executed, Options, Verdict};
use zkt::zookeeper::session::Session;

use crate::args::{Format, PlanOptions, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress::Shown;
use crate::render::Bounds;
use crate::signals::interrupt;
use crate::{hints, owner, question, render, saved, settings, words};

use crate::words::shell_word;
use end::End;
use start::{Start, StartArgs};

/// Plan, and make the live tree as declared
#[derive(Debug, Args)]
#[command(override_usage = "zkt apply [OPTIONS] <LAYER>...\n       \
                            zkt apply [OPTIONS] --plan <FILE> [LAYER]...")]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) start: StartArgs,
    /// Do not ask; needed where there is no terminal to ask on
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Agree to what a policy's RULE asks about, which --yes does not; may be repeated
    #[arg(long, value_name = "RULE")]
    pub(crate) approve: Vec<String>,
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
    let Start {
        session,
        ahead,
        source,
        saved,
        options,
    } = match start(args, output).await {
        Ok(start) => start,
        Err(failure) => {
            if args.format == Format::Json {
                let end = End::of_failure(&failure);
                let account = Account::default();
                let line = report::report_json(&account, Some(&end), failure.exit);
                let mut out = output.out();
                // The failure counts, whether or not somebody reads the report.
                let line = render::json_line(&line);
                _ = writeln!(out, "{line}").and_then(|()| out.flush());
            }
            return Err(failure);
        }
    };
    let shown = Shown::new(output, args.format);
    let mut options = Options {
        retries: args.retries,
        observer: shown.observer(),
        ..options
    };
    if let Some(owner) = &mut options.owner {
        owner.revision = revision(args, saved.as_ref(), &source).await;
    }
    let steps = match &saved {
        Some(saved) => reconcile::Apply::saved(saved, &source, &options),
        None => reconcile::Apply::new(&source, &options, ahead),
    };
    let mut apply = Apply {
        args,
        output,
        session,
        shown,
        steps,
        saved: saved.as_ref(),
        end: None,
    };
    let result = tokio::select! {
        biased;
        () = interrupt() => {
            apply.shown.clear();
            let failure = hints::interrupted(apply.steps.account(), "run apply again: it finishes what is left");
            apply.end = Some(End::new("interrupted", &failure.message));
            // What was done before is reported, too; that it cannot be printed changes nothing.
            _ = apply.report(failure.exit);
            Err(failure)
        }
        result = apply.run() => result,
    };
    apply.session.close().await;
    result
}

/// What is applied for an owner, as its record names it.
async fn revision(args: &ApplyArgs, saved: Option<&SavedPlan>, source: &Source) -> Option<String> {
    match saved {
        // It was reviewed at that one.
        Some(saved) => saved.terms.owner.as_ref()?.revision.clone(),
        None => owner::revision(&args.start.sources.layers, source).await,
    }
}

async fn start(args: &ApplyArgs, output: &Output) -> Result<Start, Failure> {
    // What is wrong with the file is said before anything is asked.
    let reviewed = start::reviewed(&args.start)?;
    if !args.yes && !output.can_ask() {
        let shows = match &args.start.saved {
            Some(file) => format!("zkt plan --show {}", shell_word(&file.to_string_lossy())),
            None => "zkt plan".to_owned(),
        };
        return Err(Failure::new("there is no terminal to ask on").hint(format!(
            "-y applies without asking; {shows} shows what it would do"
        )));
    }
    let mut plan = args.plan.clone();
    plan.policy.approved.clone_from(&args.approve);
    if !output.can_ask() {
        plan.policy.asks = Asks::Refused;
    }
    match reviewed {
        Some(reviewed) => start::of_saved(reviewed, &plan, &args.server, output).await,
        None => start::of_layers(&args.start, &plan, &args.server, output).await,
    }
}

struct Apply<'a> {
    args: &'a ApplyArgs,
    output: &'a Output,
    session: Session,
    shown: Shown,
    steps: reconcile::Apply<'a>,
    /// The plan that was reviewed, where there is one.
    saved: Option<&'a SavedPlan>,
    /// Why it ended before all was done.
    end: Option<End>,
}

impl Apply<'_> {
    /// Plans and executes. Reports at the end what stands, however it ended.
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
        self.note_done_before();
        loop {
            let is_agreed = self.steps.is_agreed(&plan);
            if !is_agreed {
                self.show(&plan)?;
            }
            match Verdict::of(&plan) {
                Verdict::Refused(first, others) => {
                    let refusals = iter::once(first).chain(others).map(words::refusal);
                    let refusals: Vec<String> = refusals.collect();
                    self.end = Some(End::new("refused", refusals.join("; ")));
                    return Ok(Exit::Refused);
                }
                Verdict::Nothing => {
                    let settled = self.steps.settle(&self.session, &plan).await;
                    if self.is_done(settled).await? {
                        return Ok(Exit::Done);
                    }
                    plan = self.plan().await?;
                    continue;
                }
                Verdict::Open => {}
            }
            let has_questions = plan.asks().next().is_some();
            if !is_agreed && (!self.args.yes || has_questions) {
                if !self.confirm(&plan).await? {
                    return Ok(Exit::Error);
                }
                self.steps.agree(plan);
                // A person takes a while to answer: what is done is what was shown, or it is
                // shown again.
                plan = self.plan().await?;
                if !self.steps.is_agreed(&plan) {
                    self.output
                        .note("the live tree has changed since; this is the plan now:");
                }
                continue;
            }
            if self.execute().await? {
                return Ok(Exit::Done);
            }
            plan = self.plan().await?;
        }
    }

    async fn plan(&mut self) -> Result<Arc<Plan>, Failure> {
        loop {
            let plan = self.steps.plan(&self.session).await;
            self.shown.clear();
            let error = match plan {
                Ok(plan) => return Ok(plan),
                Err(error) => error,
            };
            let Some(again) = self.steps.after_loss(&self.session) else {
                return Err(self.unplanned(error));
            };
            self.note_again(&error, again);
            self.session.reconnect().await?;
        }
    }

    /// Why there is no plan. Of a saved plan, also whether these servers are not those it was made on.
    fn unplanned(&self, error: reconcile::Error) -> Failure {
        let is_saved = matches!(error, reconcile::Error::Saved(_));
        let is_outdated =
            matches!(&error, reconcile::Error::Saved(error) if hints::is_outdated(error));
        let failure = Failure::from(error);
        match self.saved.map(|saved| &saved.origin.server) {
            Some(server) if is_saved && *server != self.session.hosts() => {
                failure.hint(settings::way_back(&self.args.server.way, server))
            }
            _ if is_outdated => self.with_next(failure),
            _ => failure,
        }
    }

    /// With the words that make the plan of a file anew.
    fn with_next(&self, failure: Failure) -> Failure {
        let start = &self.args.start;
        match (&start.saved, self.saved) {
            (Some(file), Some(saved)) => {
                let (layers, way) = (&start.sources.layers, &self.args.server.way);
                let words = saved::words_anew(file, saved, layers, way);
                failure.hint(format!("make a new plan and review it: {words}"))
            }
            _ => failure,
        }
    }

    /// Says which part of a saved plan was done before, if any was.
    fn note_done_before(&self) {
        let of = self.saved.map_or(0, |saved| saved.plan().actions.len());
        if let Some(done) = self.steps.done_before()
            && 0 < done
            && done < of
        {
            let message = format!("{done} of the {of} actions are done already");
            self.output.note(&message);
        }
    }

    fn note_again(&self, why: &dyn Display, again: Again) {
        let how = if again.contends {
            ", now in batches that become smaller where nodes move"
        } else {
            ""
        };
        let (attempt, of) = (again.attempt, again.of);
        self.output
            .note(&format!("{why}; planning again ({attempt} of {of}){how}"));
    }

    /// Carries out the plan at hand. Returns whether all of it stands; if not, another plan is to be
    /// made.
    async fn execute(&mut self) -> Result<bool, Failure> {
        // An interrupt that came while nothing was awaited is seen here, before the first write.
        tokio::task::yield_now().await;
        let executed = self.steps.execute(&self.session).await;
        self.is_done(executed).await
    }

    /// Whether all stands; if not, another plan is to be made.
    async fn is_done(&mut self, executed: Executed) -> Result<bool, Failure> {
        self.shown.clear();
        let (stop, again) = match executed {
            Executed::Done(_) => return Ok(true),
            Executed::Stopped(stop) => {
                self.end = Some(End::of_stop(&stop));
                return Err(hints::stopped(&stop, self.account()));
            }
            Executed::Again(stop, again) => (stop, again),
        };
        self.note_again(&stop, again);
        if self.session.is_dead() {
            self.session.reconnect().await?;
        }
        Ok(false)
    }

    fn show(&self, plan: &Plan) -> Result<(), Failure> {
        let mut out = self.output.out();
        match self.args.format {
            Format::Json => {
                let mut line = render::plan_json(plan);
                line["event"] = "plan".into();
                if let Some(bounds) = self.bounds().json() {
                    line["bounds"] = bounds;
                }
                writeln!(out, "{}", render::json_line(&line))?;
                // Whoever is asked reads this.
                for ask in plan.asks() {
                    self.output.note(&ask.to_string());
                }
            }
            Format::Text if self.saved.is_some() && plan.is_empty() && plan.claims.is_empty() => {
                writeln!(out, "{}", self.nothing_left())?;
            }
            Format::Text => {
                let server = self.session.hosts();
                let layers = match self.saved {
                    Some(saved) => &saved.origin.layers,
                    None => &self.args.start.sources.layers,
                };
                let bounds = self.bounds();
                let mut options = self.output.plan_text("zkt apply", &server, layers, &bounds);
                // A question needs something that it is about.
                options.brief &= self.args.yes && plan.asks().next().is_none();
                render::plan_text(plan, &options, &mut out)?;
            }
        }
        out.flush()?;
        self.output.hint_if_any(|| render::exposed(plan));
        Ok(())
    }

    /// What the plan is narrowed to. A saved one does not go by a context.
    fn bounds(&self) -> Bounds {
        match self.saved {
            Some(saved) => {
                let options = saved::plan_options(&saved.terms, &self.args.plan);
                Bounds::of_saved(&options, saved.origin.context.as_deref())
            }
            None => Bounds::of(&self.args.plan),
        }
    }

    /// Whether a saved plan changes what an owner has.
    fn had_claims(&self) -> bool {
        self.saved
            .is_some_and(|saved| !saved.plan().claims.is_empty())
    }

    /// Says that there is nothing left to do of a saved plan.
    fn nothing_left(&self) -> &'static str {
        let all = self.saved.map_or(0, |saved| saved.plan().actions.len());
        let done = self.steps.done_before().unwrap_or_default();
        if done < all {
            // It is done, and this run has not done it.
            return match self.account().wrote() {
                true => "Nothing is left: another apply has done the rest of this plan meanwhile.",
                false => "No changes: another apply has carried out this plan meanwhile.",
            };
        }
        match all {
            0 if !self.had_claims() => "No changes: the plan does nothing.",
            _ => "No changes: this plan was applied already.",
        }
    }

    /// Asks whether to carry out the plan that was shown.
    async fn confirm(&mut self, plan: &Plan) -> Result<bool, Failure> {
        let question = format!("\nApply this plan{}?", asked_about(plan));
        let is_agreed = question::ask(self.output, &question).await?;
        if !is_agreed {
            let more = if self.account().wrote() { " more" } else { "" };
            let message = format!("nothing{more} was written");
            self.output.note(&message);
            self.end = Some(End::new("declined", message));
        }
        Ok(is_agreed)
    }

    fn account(&self) -> &Account {
        self.steps.account()
    }

    /// After something was written, whatever stops the run leaves it partly applied; but a
    /// conflict is reported as one.
    fn lifted(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Error | Exit::Refused if self.account().wrote() => Exit::Partial,
            exit => exit,
        }
    }

    /// What was done by all executions together, and what the last one did not get to.
    fn report(&self, exit: Exit) -> std::io::Result<()> {
        let mut out = self.output.out();
        let end = self.end.as_ref();
        match self.args.format {
            Format::Json => {
                let line = report::report_json(self.account(), end, exit);
                writeln!(out, "{}", render::json_line(&line))?;
            }
            Format::Text => {
                let is_reported = end.is_some_and(|end| matches!(end.kind, "refused" | "declined"));
                let end = end.filter(|_| !is_reported || self.account().wrote());
                report::write_text(self.account(), end, &mut out)?;
            }
        }
        out.flush()
    }
}

/// The rules about which a person is asked.
fn asked_about(plan: &Plan) -> String {
    let rules: Vec<&str> = plan.asks().map(|ask| ask.rule.as_str()).collect();
    match rules.as_slice() {
        [] => String::new(),
        [rule] => format!(", which the rule {rule} asks about"),
        rules => format!(", which the rules {} ask about", rules.join(", ")),
    }
}

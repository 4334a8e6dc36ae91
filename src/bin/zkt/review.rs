//! Plans, and why there is none, in the formats of those who review changes.

use std::borrow::Cow;
use std::io::{self, Write as _};

use zkt::model::plan::Plan;

use crate::args::PlanFormat;
use crate::exit::Failure;
use crate::output::Output;
use crate::render::{self, Remark, Root, Subject};

/// Prints a plan as text or as JSON, whose checksum goes with it, or for a review.
pub(crate) fn print(
    format: PlanFormat,
    plan: &Plan,
    subject: &Subject<'_>,
    checksum: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    let Subject {
        title,
        old,
        new,
        bounds,
        stays: _,
    } = subject;
    let mut out = output.out();
    match format {
        PlanFormat::Json => {
            let mut object = render::plan_json(plan);
            if let Some(checksum) = checksum {
                object["checksum"] = checksum.into();
            }
            if let Some(bounds) = bounds.json() {
                object["bounds"] = bounds;
            }
            writeln!(out, "{}", render::json_line(&object))?;
        }
        PlanFormat::Text => {
            let old = old.1.join(" ");
            let options = output.plan_text(title, &old, new.1, bounds);
            render::plan_text(plan, &options, &mut out)?;
            if let Some(checksum) = checksum.filter(|_| output.is_verbose()) {
                writeln!(out, "Checksum: {checksum}")?;
            }
        }
        PlanFormat::Markdown => write!(out, "{}", render::plan_markdown(plan, subject, checksum))?,
        PlanFormat::Github => {
            let root = Root::of_environment();
            render::write_plan(&subject.titled(), plan, bounds, &root, &mut out)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// A plan as a format shows it. What goes is hidden where it is for other people than those who may read the
/// nodes.
pub(crate) fn as_shown(plan: &Plan, format: PlanFormat) -> Cow<'_, Plan> {
    match format {
        PlanFormat::Text | PlanFormat::Json => Cow::Borrowed(plan),
        PlanFormat::Markdown | PlanFormat::Github => {
            let mut plan = plan.clone();
            plan.hide_doubtful();
            Cow::Owned(plan)
        }
    }
}

/// Prints why there is no plan, for those who do not read stderr.
pub(crate) fn explained(
    failure: Failure,
    format: PlanFormat,
    subject: &Subject<'_>,
    output: &Output,
) -> Failure {
    match explain(&failure.remarks(), format, subject, output) {
        Ok(()) => failure,
        Err(error) => error.into(),
    }
}

fn explain(
    remarks: &[Remark],
    format: PlanFormat,
    subject: &Subject<'_>,
    output: &Output,
) -> io::Result<()> {
    let mut out = output.out();
    match format {
        PlanFormat::Text | PlanFormat::Json => {}
        PlanFormat::Markdown => write!(out, "{}", render::failure_markdown(remarks, subject))?,
        PlanFormat::Github => {
            let title = &subject.titled();
            let errors = render::count(remarks.len(), "error");
            render::write_annotations(title, remarks, &Root::of_environment(), &mut out)?;
            let line = format!("No plan: {errors}.");
            render::write_notice(title, &line, subject.bounds, &mut out)?;
        }
    }
    out.flush()
}

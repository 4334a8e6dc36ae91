//! `zkt audit`: who may do what in a live subtree, and what of it is dangerous.

mod text;

use std::io::Write as _;

use clap::{Args, ValueEnum, ValueHint};
use serde_json::{Value, json};
use zkt::model::acl::audit::{Audit, Finding, Group, Known};
use zkt::model::acl::{AuthId, Identities, Permissions};
use zkt::model::path::ZPath;
use zkt::zookeeper::live::{self, SubtreeAcls};
use zkt::zookeeper::session::Session;

use crate::args::{FileArgs, Format, ServerArgs};
use crate::declare::{self, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render;
use crate::{planning, settings};

use text::Report;

/// Report who may do what in a live subtree
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The topmost node; /zookeeper is looked at only where this names it
    pub(crate) path: String,
    /// Whom ACLs may name: scheme:id, as in digest:ops, sasl:alice or digest:ops:HASH; may be repeated
    #[arg(long, value_name = "WHO", value_parser = known)]
    pub(crate) known: Vec<AuthId>,
    /// A layer whose @acl lines name known identities, too; may be repeated
    #[arg(long, value_name = "LAYER", value_hint = ValueHint::AnyPath)]
    pub(crate) known_from: Vec<String>,
    /// Exit with 3 when nodes are open (everybody may do more than read), no-admin (nobody may
    /// administer them), unknown (of --known and --known-from) or hidden (their ACL is not shown, or not
    /// what is below them); may be repeated
    #[arg(
        long,
        value_name = "open|no-admin|unknown|hidden",
        hide_possible_values = true
    )]
    pub(crate) fail_on: Vec<FailOn>,
    /// How the report is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Open,
    NoAdmin,
    Unknown,
    Hidden,
}

impl FailOn {
    fn finding(self) -> Finding {
        match self {
            Self::Open => Finding::Open,
            Self::NoAdmin => Finding::NoAdmin,
            Self::Unknown => Finding::Unknown,
            Self::Hidden => Finding::Hidden,
        }
    }
}

fn known(text: &str) -> Result<AuthId, String> {
    let expected = "expected SCHEME:ID, as in digest:ops or sasl:alice";
    AuthId::parse(text).ok_or_else(|| expected.to_owned())
}

pub(crate) async fn run(args: &AuditArgs, output: &Output) -> Result<Exit, Failure> {
    let top = planning::path_argument("PATH", &args.path)?;
    let known = all_known(args, output)?;
    let session = Session::connect(&settings::session_options(&args.server)?).await?;
    let read = read(&session, &top, output).await;
    let hosts = session.hosts();
    session.close().await;
    let (SubtreeAcls { nodes, unlisted }, identities) = read?;
    if nodes.is_empty() {
        return Err(Failure::new(format!("{top} does not exist on {hosts}")));
    }
    let audit = Audit::of((&nodes, unlisted), &identities, known.as_ref());
    let is_failed = |finding: &Finding| {
        let mut asked = args.fail_on.iter();
        asked.any(|one| one.finding() == *finding) && audit.found(*finding) > 0
    };
    let failed = Finding::ALL.into_iter().filter(is_failed).collect();
    let report = Report {
        top,
        hosts,
        audit,
        failed,
    };
    let mut out = output.out();
    match args.format {
        Format::Text => text::write(&report, output.is_quiet(), &mut out)?,
        Format::Json => writeln!(out, "{}", render::json_line(&report_json(&report)))?,
    }
    out.flush()?;
    Ok(match report.failed.is_empty() {
        true => Exit::Done,
        false => Exit::Refused,
    })
}

/// Whom ACLs may name. `None` if nobody said so.
fn all_known(args: &AuditArgs, output: &Output) -> Result<Option<Known>, Failure> {
    if args.known.is_empty() && args.known_from.is_empty() {
        if args.fail_on.contains(&FailOn::Unknown) {
            let failure = Failure::new("--fail-on unknown: nobody is known");
            return Err(failure.hint("--known WHO or --known-from LAYER says who is"));
        }
        return Ok(None);
    }
    let mut known = Known::default();
    known.extend(args.known.iter().cloned());
    if !args.known_from.is_empty() {
        let (to, files) = (Destination::nowhere(), args.files.files());
        let source = declare::load_or_report(&args.known_from, true, &to, &files, output)?;
        let acls = source
            .tree()
            .iter()
            .filter_map(|(_, node)| node.acl.as_ref());
        acls.for_each(|acl| known.add(acl));
    }
    Ok(Some(known))
}

async fn read(
    session: &Session,
    top: &ZPath,
    output: &Output,
) -> Result<(SubtreeAcls, Identities), Failure> {
    let identities = session.who().await?;
    let bar = output.progress("reading", 0);
    let acls = live::walk_acls(session, top, |nodes| bar.set_position(nodes as u64)).await;
    bar.finish_and_clear();
    Ok((acls?, identities))
}

fn report_json(report: &Report) -> Value {
    let Report { top, audit, .. } = report;
    let found =
        Finding::ALL.map(|finding| (finding.name().to_owned(), audit.found(finding).into()));
    let admins = audit.admins().into_iter();
    let admins = admins.map(|(who, nodes)| json!({"who": who, "nodes": nodes}));
    let groups = audit.groups.iter();
    let groups = groups.map(|group| group_json(group, audit));
    json!({
        "format_version": render::FORMAT_VERSION,
        "path": top.as_str(),
        "nodes": audit.nodes,
        "found": found.into_iter().collect::<serde_json::Map<_, _>>(),
        "failed": findings_json(&report.failed),
        "admins": admins.collect::<Vec<_>>(),
        "groups": groups.collect::<Vec<_>>(),
        "unlisted": audit.unlisted.iter().map(ZPath::as_str).collect::<Vec<_>>(),
    })
}

fn findings_json(findings: &[Finding]) -> Value {
    findings.iter().map(|finding| finding.name()).collect()
}

fn group_json(group: &Group, audit: &Audit) -> Value {
    let entries = group.acl.as_ref().map(|acl| {
        let entries = acl.entries.iter().map(|entry| audit.entry(entry));
        entries.collect::<Vec<_>>()
    });
    let names = |all: &[AuthId]| all.iter().map(|who| audit.name(who)).collect::<Vec<_>>();
    let tops = group.tops.iter();
    let tops = tops.map(|(path, nodes)| json!({"path": path.as_str(), "nodes": nodes}));
    json!({
        "acl": entries,
        "nodes": group.nodes,
        "findings": findings_json(&group.findings),
        "open": group.open.each().map(Permissions::name).collect::<Vec<_>>(),
        "admins": names(&group.admins),
        "unknown": names(&group.unknown),
        "masked": group.is_masked,
        "tops": tops.collect::<Vec<_>>(),
    })
}

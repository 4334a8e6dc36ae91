//! An audit as text.

use std::io::{self, Write};

use zkt::model::acl::audit::{Audit, Finding, Group};
use zkt::model::acl::{AuthId, Permissions};
use zkt::model::path::ZPath;
use zkt::syntax::spelling::{grouped, printable};

use crate::render::{BOLD, REFUSED, WARNING, path_text, write_first};

/// How many topmost nodes of a group are listed, and how many administrators.
const LISTED: usize = 5;
/// How many ACLs are shown before the others are counted: of many nodes each may have one of its own.
const GROUPS: usize = 20;
/// The columns of a line.
const WIDTH: usize = 80;

/// What was read, and what it comes to.
pub(super) struct Report {
    pub(super) top: ZPath,
    pub(super) hosts: String,
    pub(super) audit: Audit,
    /// The findings of `--fail-on` that there are.
    pub(super) failed: Vec<Finding>,
}

/// Writes the whole report; `brief` leaves all out but the last line.
pub(super) fn write(report: &Report, brief: bool, out: &mut dyn Write) -> io::Result<()> {
    let Report { audit, .. } = report;
    if !brief {
        let (hosts, top) = (printable(&report.hosts), path_text(&report.top));
        writeln!(out, "{BOLD}zkt audit{BOLD:#}: {top} on {hosts}")?;
        let (shown, others) = audit.groups.split_at(GROUPS.min(audit.groups.len()));
        for group in shown {
            writeln!(out)?;
            write_group(group, audit, out)?;
        }
        write_others(others, out)?;
        write_unlisted(audit, out)?;
        write_admins(audit, out)?;
        writeln!(out)?;
    }
    let failed: Vec<&str> = report.failed.iter().map(|finding| finding.name()).collect();
    if !failed.is_empty() {
        let failed = failed.join(", ");
        writeln!(out, "{REFUSED}failed{REFUSED:#}: --fail-on {failed}")?;
    }
    writeln!(out, "{}", last_line(audit))
}

fn last_line(audit: &Audit) -> String {
    let found = Finding::ALL.map(|finding| (finding, audit.found(finding)));
    let found = found.iter().filter(|(_, nodes)| *nodes > 0);
    let found: Vec<String> = found
        .map(|(finding, nodes)| format!("{} {finding}", grouped(*nodes)))
        .collect();
    let nodes = nodes_of(audit.nodes);
    match found.is_empty() {
        true => format!("Audit: {nodes}, nothing found."),
        false => format!("Audit: {nodes}: {}.", found.join(", ")),
    }
}

/// Writes an ACL with the number of its nodes, what may be wrong with it, and where it is.
fn write_group(group: &Group, audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let entries = match &group.acl {
        None => vec!["ACL not shown".to_owned()],
        Some(acl) if acl.entries.is_empty() => vec!["empty ACL".to_owned()],
        Some(acl) => {
            let entries = acl.entries.iter().map(|entry| audit.entry(entry));
            entries
                .map(|entry| printable(&entry).into_owned())
                .collect()
        }
    };
    write_title(&entries, &nodes_of(group.nodes), out)?;
    for finding in &group.findings {
        let text = said(*finding, group, audit);
        for (i, line) in wrapped(&text, WIDTH - 14).iter().enumerate() {
            match i {
                0 => writeln!(out, "  {WARNING}{finding}{WARNING:#}: {line}")?,
                _ => writeln!(out, "    {line}")?,
            }
        }
    }
    if group.is_masked {
        writeln!(
            out,
            "  (the server hides the hashes: this session has no admin right)"
        )?;
    }
    let tops = group.tops.iter().map(|(path, nodes)| match nodes {
        1 => path_text(path).into_owned(),
        nodes => format!("{}  ({})", path_text(path), nodes_of(*nodes)),
    });
    write_first(tops, LISTED, out)
}

/// Counts the ACLs that are not shown, and what was found of them.
fn write_others(others: &[Group], out: &mut dyn Write) -> io::Result<()> {
    if others.is_empty() {
        return Ok(());
    }
    let noun = if others.len() == 1 { "ACL" } else { "ACLs" };
    let nodes: usize = others.iter().map(|group| group.nodes).sum();
    let found = Finding::ALL.into_iter().filter_map(|finding| {
        let groups = others.iter();
        let groups = groups.filter(|group| group.findings.contains(&finding));
        let nodes: usize = groups.map(|group| group.nodes).sum();
        (nodes > 0).then(|| format!("{} {finding}", grouped(nodes)))
    });
    let found: Vec<String> = found.collect();
    let found = match found.is_empty() {
        true => String::new(),
        false => format!(": {}", found.join(", ")),
    };
    let (more, nodes) = (grouped(others.len()), nodes_of(nodes));
    writeln!(out, "\n… and {more} more {noun} of {nodes}{found}")?;
    writeln!(out, "  (--format json has all of them)")
}

/// Writes words in bold, and a number at the end of their first line.
fn write_title(words: &[String], number: &str, out: &mut dyn Write) -> io::Result<()> {
    let lines = wrapped(words, WIDTH - number.len() - 2);
    for (i, line) in lines.iter().enumerate() {
        match i {
            0 => {
                let room = WIDTH - number.len() - line.chars().count().min(WIDTH - number.len());
                writeln!(out, "{BOLD}{line}{BOLD:#}{:room$}{number}", "")?;
            }
            _ => writeln!(out, "{BOLD}{line}{BOLD:#}")?,
        }
    }
    Ok(())
}

/// What a finding means here, in words that may be wrapped.
fn said(finding: Finding, group: &Group, audit: &Audit) -> Vec<String> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    match finding {
        Finding::Open => {
            let verb = |right: Permissions| match right {
                Permissions::ADMIN => "administer",
                right => right.name(),
            };
            let rights = group.open.each().map(verb);
            let rights = rights.collect::<Vec<_>>().join(", ");
            words(&format!("everybody may {rights}"))
        }
        Finding::NoAdmin => words("nobody may administer them, but the server's super user"),
        Finding::Unknown => {
            let name = |who: &AuthId| printable(&audit.name(who)).into_owned();
            group.unknown.iter().map(name).collect()
        }
        Finding::Hidden => words("this session may neither read nor administer them"),
    }
}

/// Writes whose children could not be listed, so that nothing is known of what is below them.
fn write_unlisted(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    if audit.unlisted.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let title = ["children not listed".to_owned()];
    write_title(&title, &nodes_of(audit.unlisted.len()), out)?;
    let hidden = Finding::Hidden;
    writeln!(
        out,
        "  {WARNING}{hidden}{WARNING:#}: this session may not read them, so what is below is not known"
    )?;
    let paths = audit.unlisted.iter();
    write_first(paths.map(|path| path_text(path).into_owned()), LISTED, out)
}

/// Writes who may administer how many nodes.
fn write_admins(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let nobody = ("nobody".to_owned(), audit.found(Finding::NoAdmin));
    let hidden = ("(not shown)".to_owned(), audit.not_shown());
    let mut admins = audit.admins();
    admins.extend([nobody, hidden].into_iter().filter(|(_, nodes)| *nodes > 0));
    writeln!(out, "\nWho may administer:")?;
    let widest = admins.iter().map(|(_, nodes)| grouped(*nodes).len()).max();
    let width = widest.unwrap_or_default();
    let line = |(who, nodes): &(String, usize)| {
        let noun = if *nodes == 1 { "node " } else { "nodes" };
        format!("{:>width$} {noun}  {}", grouped(*nodes), printable(who))
    };
    write_first(admins.iter().map(line), 2 * LISTED, out)
}

fn nodes_of(number: usize) -> String {
    let noun = if number == 1 { "node" } else { "nodes" };
    format!("{} {noun}", grouped(number))
}

/// Words in lines of this many columns; a longer word has a line of its own.
fn wrapped(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

//! `zkt man`: manual pages, for packagers.

pub(crate) mod pages;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::exit::{Exit, Failure};
use crate::output::{Access, Output, replace_file};

/// Print the manual page of zkt or of one of its commands
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page is printed
    pub(crate) command: Option<String>,
    /// Write the pages of zkt and of all its commands to files in this directory: zkt.1, zkt-plan.1
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

/// Prints the page of `zkt`, the whole command, or that of one of its commands.
pub(crate) fn run(args: &ManArgs, zkt: clap::Command, output: &Output) -> Result<Exit, Failure> {
    let mut root = zkt.disable_help_subcommand(true);
    root.build();
    if let Some(folder) = &args.dir {
        let failed = |error| Failure::new(format!("--dir {}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
        for command in std::iter::once(&root).chain(root.get_subcommands()) {
            let file = folder.join(clap_mangen::Man::new(command.clone()).get_filename());
            replace_file(&file, &page(command)?, Access::Umask).map_err(failed)?;
        }
        return Ok(Exit::Done);
    }
    let command = match &args.command {
        None => &root,
        Some(name) => root.find_subcommand(name).ok_or_else(|| {
            Failure::new(format!("{name:?} is no command of zkt")).hint("zkt help lists them")
        })?,
    };
    let mut out = output.plain_out();
    out.write_all(&page(command)?)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// The manual page of a command, as roff.
fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone()).manual("zkt");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    if command.get_after_help().is_some() {
        man.render_extra_section(&mut out)?;
    }
    // The command itself has no name here.
    let name = match command.get_name() {
        "zkt" => "",
        name => name,
    };
    let has_server = name.is_empty()
        || command
            .get_arguments()
            .any(|argument| argument.get_id() == "connect");
    entries(&mut out, "EXIT STATUS", &pages::exit_codes(name))?;
    entries(
        &mut out,
        "ENVIRONMENT",
        &pages::environment(name, has_server),
    )?;
    writeln!(out, ".SH EXAMPLES")?;
    for (line, meaning) in pages::examples(name) {
        writeln!(
            out,
            ".PP\n{}\n.PP\n.RS 4\n.nf\n{}\n.fi\n.RE",
            roff(meaning),
            roff(line)
        )?;
    }
    if !name.is_empty() {
        writeln!(out, ".SH \"SEE ALSO\"\n.BR zkt (1)")?;
    }
    if command.get_version().is_some() {
        man.render_version_section(&mut out)?;
    }
    Ok(out)
}

fn entries(out: &mut Vec<u8>, title: &str, entries: &[pages::Entry]) -> io::Result<()> {
    writeln!(out, ".SH \"{title}\"")?;
    for (name, meaning) in entries {
        writeln!(out, ".TP\n.B {}\n{}", roff(name), roff(meaning))?;
    }
    Ok(())
}

/// Text as roff shows it: no escapes, requests or dashes of its own.
fn roff(text: &str) -> String {
    let text = text
        .replace('\\', "\\(rs")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    if text.starts_with('.') {
        format!("\\&{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_request() {
        assert_eq!(roff(".a\\b 'c' --d"), "\\&.a\\(rsb \\(aqc\\(aq \\-\\-d");
    }
}

//! `zkt completions` and `zkt man`, for packagers.

mod pages;

use std::io::{self, Write};

use crate::args::{self, CompletionsArgs, ManArgs};
use crate::exit::{Exit, Failure};
use crate::output::{Output, replace_file};

pub(crate) fn completions(args: &CompletionsArgs, output: &Output) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "zkt", &mut script);
    let mut out = output.plain_out();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}

pub(crate) fn man(args: &ManArgs, output: &Output) -> Result<Exit, Failure> {
    let mut root = args::command().disable_help_subcommand(true);
    root.build();
    if let Some(folder) = &args.dir {
        let failed = |error| Failure::new(format!("--dir {}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
        for command in std::iter::once(&root).chain(root.get_subcommands()) {
            let file = folder.join(clap_mangen::Man::new(command.clone()).get_filename());
            replace_file(&file, &page(command)?).map_err(failed)?;
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

    /// A line of an example as a shell splits it.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut is_quoted = false;
        for c in line.chars() {
            match (c, words.last_mut()) {
                ('\'', _) => is_quoted = !is_quoted,
                (' ', _) if !is_quoted => words.push(String::new()),
                (c, Some(word)) => word.push(c),
                (_, None) => {}
            }
        }
        words
    }

    #[test]
    fn every_command_has_examples_that_it_takes() {
        let root = args::command();
        let names = root.get_subcommands().map(clap::Command::get_name);
        for name in names.chain([""]) {
            let examples = pages::examples(name);
            assert!(!examples.is_empty(), "zkt {name} has no example");
            for (line, _) in examples {
                let parsed = args::command().try_get_matches_from(args::normalize(
                    words(line).into_iter().map(std::ffi::OsString::from),
                ));
                let parsed = parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
                assert!(
                    name.is_empty() || parsed.subcommand_name() == Some(name),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn text_is_no_request() {
        assert_eq!(roff(".a\\b 'c' --d"), "\\&.a\\(rsb \\(aqc\\(aq \\-\\-d");
    }
}

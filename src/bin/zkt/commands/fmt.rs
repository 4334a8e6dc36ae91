//! `zkt fmt`: the canonical layout.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use zkt::declare::files::{Files as _, Root, reason};
use zkt::declare::{self, Problem};
use zkt::syntax::parser::Secrets;
use zkt::syntax::place::Located;
use zkt::syntax::source::Sources;
use zkt::syntax::spelling::printable;
use zkt::{syntax::format, syntax::parser};

use crate::args::FileArgs;
use crate::declare::file_error;
use crate::diagnostics;
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};

/// Lay out tree files in the one canonical way; comments are kept
#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// Files, directories of tree files, or - for standard input, which is also the default
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) files: Vec<String>,
    /// Change nothing; name the files that differ, and exit with 1 if there are any
    #[arg(long)]
    pub(crate) check: bool,
    /// With --check, print what would change in each file in place of its name
    #[arg(long, requires = "check")]
    pub(crate) diff: bool,
    #[command(flatten)]
    pub(crate) sources: FileArgs,
}

pub(crate) fn run(args: &FmtArgs, output: &Output) -> Result<Exit, Failure> {
    let disk = args.sources.disk();
    let mut files: Vec<Option<(PathBuf, Root)>> = Vec::new();
    if args.files.is_empty() {
        if std::io::stdin().is_terminal() {
            return Err(Failure::new("there is nothing to format")
                .hint("zkt fmt FILE…, or - for standard input"));
        }
        files.push(None);
    }
    for name in &args.files {
        if name == "-" {
            files.push(None);
            continue;
        }
        let (path, unreadable) = (Path::new(name), |path: &Path, error| {
            Failure::new(format!("{}: {}", path.display(), file_error(&error)))
        });
        let root = disk.root(path).map_err(|error| unreadable(path, error))?;
        let found = declare::tree_files(path, &root, &disk)
            .map_err(|(path, error)| unreadable(&path, error))?;
        if found.is_empty() {
            let none = Problem::NoFiles { name: name.clone() };
            output.note(&format!("warning: {none}"));
        }
        files.extend(found.into_iter().map(|path| Some((path, root.clone()))));
    }
    let mut out = output.plain_out();
    let (mut differing, mut failed) = (false, false);
    for file in files {
        let name = file
            .as_ref()
            .map_or("<stdin>".to_owned(), |(path, _)| path.display().to_string());
        let read = match &file {
            Some((path, root)) => disk.read(path, root),
            None => disk.standard_input(),
        };
        let bytes =
            read.map_err(|error| Failure::new(format!("{name}: {}", file_error(&error))))?;
        let text = Text {
            name,
            path: file.map(|(path, _)| path),
            bytes,
        };
        match one(text, args, output, &mut out)? {
            Outcome::Same => {}
            Outcome::Differs => differing = true,
            Outcome::Failed => failed = true,
        }
    }
    out.flush()?;
    Ok(if failed || args.check && differing {
        Exit::Error
    } else {
        Exit::Done
    })
}

/// What became of one file.
enum Outcome {
    Same,
    Differs,
    /// The errors are printed already.
    Failed,
}

/// What is to be formatted.
struct Text {
    name: String,
    /// `None` for standard input.
    path: Option<PathBuf>,
    bytes: Vec<u8>,
}

/// Formats one file, or standard input.
fn one(
    text: Text,
    args: &FmtArgs,
    output: &Output,
    out: &mut dyn Write,
) -> Result<Outcome, Failure> {
    let Text { name, path, bytes } = text;
    let Some(formatted) = formatted(&name, &bytes, output)? else {
        return Ok(Outcome::Failed);
    };
    let differs = formatted.as_bytes() != bytes;
    match path {
        _ if args.check => {
            if differs && args.diff {
                let old = String::from_utf8_lossy(&bytes).into_owned();
                write_diff(&name, old, formatted, out)?;
            } else if differs {
                writeln!(out, "{}", listed(&name))?;
            }
        }
        Some(path) if differs && !path.is_file() => {
            return Err(
                Failure::new(format!("{name}: only a file can be rewritten"))
                    .hint("- formats standard input to standard output"),
            );
        }
        Some(path) if differs => {
            if let Err(error) = rewrite(&path, formatted.as_bytes()) {
                output.failure(&Failure::new(format!("{name}: {}", reason(&error))));
                return Ok(Outcome::Failed);
            }
            writeln!(out, "{}", listed(&name))?;
        }
        Some(_) => {}
        None => out.write_all(formatted.as_bytes())?,
    }
    Ok(if differs {
        Outcome::Differs
    } else {
        Outcome::Same
    })
}

/// Replaces a file that may be written. One with several names is written in place, so that all of
/// them stay names of one file.
fn rewrite(path: &Path, contents: &[u8]) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if metadata.permissions().readonly() {
        return Err(io::Error::other(
            "the file is read-only, and was left as it is",
        ));
    }
    if metadata.nlink() > 1 {
        let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.write_all(contents)?;
        file.set_len(contents.len() as u64)?;
        return file.sync_all();
    }
    output::replace_file(path, contents, output::Access::Umask)
}

/// Prints what formatting changes, without secrets.
/// The name of a file in a list. A terminal obeys what is in it; a program gets it as it is.
fn listed(name: &str) -> Cow<'_, str> {
    match io::stdout().is_terminal() {
        true => printable(name),
        false => name.into(),
    }
}

fn write_diff(name: &str, old: String, new: String, out: &mut dyn Write) -> Result<(), Failure> {
    let sources = Sources::default();
    let old = sources.add(name, old).map_err(Failure::new)?;
    let new = sources.add(name, new).map_err(Failure::new)?;
    let secrets = Secrets::of(&sources);
    let shown = |source| {
        let text = secrets.shown_text(&sources, source);
        let lines = text.lines().map(printable);
        lines.fold(String::new(), |all, line| all + &line + "\n")
    };
    let (old, new) = (shown(old), shown(new));
    if old == new {
        writeln!(
            out,
            "{}: differs only in (secret) values, line ends or invisible characters",
            printable(name)
        )?;
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(&old, &new);
    let name = printable(name);
    let header = (format!("{name}"), format!("{name} (formatted)"));
    let mut diff = diff.unified_diff();
    write!(
        out,
        "{}",
        diff.context_radius(3).header(&header.0, &header.1)
    )?;
    Ok(())
}

/// Formats a text. Draws the errors and returns `None` if it does not parse.
fn formatted(name: &str, bytes: &[u8], output: &Output) -> Result<Option<String>, Failure> {
    let text = String::from_utf8(bytes.to_vec()).map_err(|error| {
        Failure::new(Problem::not_text(
            name,
            bytes,
            error.utf8_error().valid_up_to(),
        ))
    })?;
    let sources = Sources::default();
    let source = sources.add(name, text).map_err(Failure::new)?;
    let (document, errors) = parser::parse(&sources, source);
    if errors.is_empty() {
        let formatted = format::format(&document, &sources);
        // A file is only ever replaced by one that reads as well, and is laid out as it should be.
        if reformatted(name, &formatted).as_ref() != Some(&formatted) {
            let message = format!("{name}: cannot be formatted without changing what it says");
            return Err(Failure::new(message).hint("this is a bug of zkt; the file is as it was"));
        }
        return Ok(Some(formatted));
    }
    let errors: Vec<&dyn Located> = errors.iter().map(|error| error as &dyn Located).collect();
    diagnostics::write_errors(&errors, &sources, output.width(), &mut output.err())?;
    Ok(None)
}

/// Formats a formatted text again. Returns `None` if it does not parse.
fn reformatted(name: &str, text: &str) -> Option<String> {
    let sources = Sources::default();
    let source = sources.add(name, text.to_owned()).ok()?;
    let (document, errors) = parser::parse(&sources, source);
    errors
        .is_empty()
        .then(|| format::format(&document, &sources))
}

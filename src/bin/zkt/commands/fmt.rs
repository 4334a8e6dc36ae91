//! `zkt fmt`: the canonical layout.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use zkt::files::{Files as _, Root, reason};
use zkt::layers;
use zkt::source::{Located, Sources};
use zkt::{format, parser};

use crate::args::FmtArgs;
use crate::diagnostics;
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};

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
            Failure::new(format!("{}: {error}", path.display()))
        });
        let root = disk.root(path).map_err(|error| unreadable(path, error))?;
        let found = layers::tree_files(path, &root, &disk)
            .map_err(|(path, error)| unreadable(&path, error))?;
        files.extend(found.into_iter().map(|path| Some((path, root.clone()))));
    }
    let mut out = output.out();
    let (mut differing, mut failed) = (false, false);
    for file in files {
        let name = file
            .as_ref()
            .map_or("<stdin>".to_owned(), |(path, _)| path.display().to_string());
        let read = match &file {
            Some((path, root)) => disk.read(path, root),
            None => disk.standard_input(),
        };
        let bytes = read.map_err(|error| Failure::new(format!("{name}: {error}")))?;
        let Some(formatted) = formatted(&name, &bytes, output)? else {
            failed = true;
            continue;
        };
        let differs = formatted.as_bytes() != bytes;
        differing |= differs;
        match file {
            _ if args.check => {
                if differs {
                    writeln!(out, "{name}")?;
                }
            }
            Some((path, _)) if differs && !path.is_file() => {
                return Err(
                    Failure::new(format!("{name}: only a file can be rewritten"))
                        .hint("- formats standard input to standard output"),
                );
            }
            Some((path, _)) if differs => {
                output::replace_file(&path, formatted.as_bytes())
                    .map_err(|error| Failure::new(format!("{name}: {}", reason(&error))))?;
                writeln!(out, "{name}")?;
            }
            Some(_) => {}
            None => out.write_all(formatted.as_bytes())?,
        }
    }
    out.flush()?;
    Ok(if failed || args.check && differing {
        Exit::Error
    } else {
        Exit::Done
    })
}

/// The formatted text; none where the file does not parse, which is drawn.
fn formatted(name: &str, bytes: &[u8], output: &Output) -> Result<Option<String>, Failure> {
    let text = String::from_utf8(bytes.to_vec()).map_err(|error| {
        Failure::new(layers::not_text(
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

/// What formatting makes of its own result; none where that does not parse.
fn reformatted(name: &str, text: &str) -> Option<String> {
    let sources = Sources::default();
    let source = sources.add(name, text.to_owned()).ok()?;
    let (document, errors) = parser::parse(&sources, source);
    errors
        .is_empty()
        .then(|| format::format(&document, &sources))
}

//! Layers to a declared tree, with everything that is wrong drawn at once.

use std::fmt;

use serde_json::{Value, json};
use zkt::declare::files;
use zkt::declare::{Files, Foreign, Layers, Problem, Problems, Reference, Source, lower};
use zkt::model::path::ZPath;
use zkt::syntax::place::{Located, Location, Span};
use zkt::syntax::source;
use zkt::syntax::spelling::clipped;

use crate::args::FileArgs;
use crate::diagnostics;
use crate::environment::is_ci;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render::{Finding, Found, Remark};
use crate::words::{MAX_REQUEST_HINT, shell_word};

/// What `/zookeeper` is where a tree goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// ZooKeeper's own: the tree goes to the root of a server.
    Reserved,
    /// A node like any: the tree goes below a chroot, or to no server.
    Ordinary,
}

impl System {
    /// What it is for this connection.
    pub(crate) fn of(connection: &zkt::zookeeper::session::Options) -> Self {
        if connection.has_chroot() {
            Self::Ordinary
        } else {
            Self::Reserved
        }
    }
}

/// Where the top-level nodes of a tree go.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) at: ZPath,
    pub(crate) system: System,
}

impl Destination {
    /// The root of a server.
    pub(crate) fn root() -> Self {
        Self {
            at: ZPath::root(),
            system: System::Reserved,
        }
    }

    /// No server, or one that is not known yet.
    pub(crate) fn nowhere() -> Self {
        Self {
            at: ZPath::root(),
            system: System::Ordinary,
        }
    }
}

/// Reads layers to the tree that they declare, its top-level nodes at their destination.
pub(crate) fn load(
    names: &[String],
    allow_empty: bool,
    to: &Destination,
    files: &dyn Files,
) -> Result<Source, Problems> {
    zkt::declare::load(layers(names, allow_empty, to, files))
}

/// What to read, and where it goes.
pub(crate) fn layers<'a>(
    names: &[String],
    allow_empty: bool,
    to: &Destination,
    files: &'a dyn Files,
) -> Layers<'a> {
    let layers = Layers::new(names).at(to.at.clone()).files(files);
    let layers = layers.allow_empty(allow_empty);
    layers.below_chroot(to.system == System::Ordinary)
}

/// As [`load`], with the problems drawn on stderr.
pub(crate) fn load_or_report(
    names: &[String],
    allow_empty: bool,
    to: &Destination,
    files: &dyn Files,
    output: &Output,
) -> Result<Source, Failure> {
    let source = load(names, allow_empty, to, files);
    source.map_err(|problems| report(&problems, output))
}

/// As [`load_or_report`], with the values of `@secret … from`.
pub(crate) fn load_with_secrets(
    names: &[String],
    allow_empty: bool,
    to: &Destination,
    args: &FileArgs,
    output: &Output,
) -> Result<Source, Failure> {
    let files = args.files();
    let layers = layers(names, allow_empty, to, &files).secrets(args.secrets());
    let source = zkt::declare::load(layers);
    source.map_err(|problems| report(&problems, output))
}

/// An empty source is for a guard to refuse; everything else is an error.
pub(crate) fn exit(problems: &Problems) -> Exit {
    if problems.only_empty() {
        Exit::Refused
    } else {
        Exit::Error
    }
}

/// Draws all problems on stderr.
pub(crate) fn report(problems: &Problems, output: &Output) -> Failure {
    let worded: Vec<Worded<'_>> = problems.iter().map(Worded).collect();
    let mut located: Vec<&dyn Located> = Vec::new();
    for problem in &worded {
        if problem.0.located().is_some() {
            located.push(problem);
            continue;
        }
        let failure = Failure::new(problem);
        output.failure(&match problem.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        });
    }
    if !located.is_empty() {
        let (width, mut err) = (output.width(), output.err());
        _ = diagnostics::write_errors(&located, problems.texts(), width, &mut err);
    }
    Failure::printed(exit(problems), remarks(problems))
}

/// All problems for those who review the files.
pub(crate) fn remarks(problems: &Problems) -> Vec<Remark> {
    let remark = |problem| {
        let worded = Worded(problem);
        let hint = worded.hint();
        Remark::error(
            &worded.to_string(),
            hint.as_deref(),
            place(problems, problem),
        )
    };
    problems.iter().map(remark).collect()
}

/// All problems for code scanning.
pub(crate) fn findings(problems: &Problems) -> Vec<Finding> {
    let finding = |(problem, remark): (&Problem, Remark)| {
        let (found, file) = kind(problem);
        Finding {
            found,
            message: remark.message,
            place: remark.place.unwrap_or_else(|| start_of(file)),
        }
    };
    problems
        .iter()
        .zip(remarks(problems))
        .map(finding)
        .collect()
}

/// The first line of a file, for what is about the whole of it.
pub(crate) fn start_of(file: &str) -> Location {
    Location {
        source: file.into(),
        line: 1,
        column: 1,
    }
}

/// Where a problem is.
fn place(problems: &Problems, problem: &Problem) -> Option<Location> {
    match problem {
        Problem::NotText {
            name, line, column, ..
        } => Some(Location {
            source: name.as_str().into(),
            line: u32::try_from(*line).unwrap_or(u32::MAX),
            column: u32::try_from(*column).unwrap_or(u32::MAX),
        }),
        problem => problems.place(problem),
    }
}

/// What kind of problem it is, and the file or layer that is meant if it is about no line.
fn kind(problem: &Problem) -> (Found, &str) {
    const INPUT: &str = "-";
    match problem {
        Problem::Parse(_) => (Found::Syntax, INPUT),
        Problem::Lower(_) => (Found::Declare, INPUT),
        Problem::Reference(Reference::Empty { path, .. } | Reference::NoFiles { path, .. }) => {
            (Found::Empty, path)
        }
        Problem::Reference(Reference::Secret { from, .. }) => (Found::Reference, from),
        Problem::Reference(
            Reference::Unreadable { path, .. }
            | Reference::Unmatched { path, .. }
            | Reference::TooMany { path, .. }
            | Reference::Circle { path, .. },
        ) => (Found::Reference, path),
        Problem::Source(source::Error::TooLarge { name, .. })
        | Problem::Unreadable { name, .. }
        | Problem::Foreign { name, .. }
        | Problem::NotText { name, .. } => (Found::File, name),
        Problem::Empty { name } | Problem::NoFiles { name } | Problem::EmptyFile { name } => {
            (Found::Empty, name)
        }
        Problem::StandardInputTwice => (Found::File, INPUT),
    }
}

/// All problems for JSON.
pub(crate) fn json(problems: &Problems) -> Vec<Value> {
    let json = |problem| {
        let problem = Worded(problem);
        match problem.0.located() {
            Some(_) => diagnostics::error_json(&problem, problems.texts()),
            None => json!({"message": clipped(&problem.to_string())}),
        }
    };
    problems.iter().map(json).collect()
}

/// A problem as the command line words it: with its options.
#[derive(Debug)]
pub(crate) struct Worded<'a>(pub(crate) &'a Problem);

impl fmt::Display for Worded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Problem::Unreadable { name, error } => {
                write!(f, "{name}: {}", file_error(error))
            }
            Problem::Reference(Reference::Unreadable { path, error, .. }) => {
                write!(f, "{path}: {}", file_error(error))
            }
            Problem::Reference(Reference::Secret { from, error, .. }) => match error.is_forbidden()
            {
                true => write!(f, "{from}: {error}; --allow-secrets allows more"),
                false => write!(f, "{from}: {error}"),
            },
            problem => problem.fmt(f),
        }
    }
}

impl std::error::Error for Worded<'_> {}

impl Located for Worded<'_> {
    /// Only asked where the problem is about a place.
    fn span(&self) -> Span {
        let located = self.0.located();
        located.expect("a problem that has a place").span()
    }

    fn label(&self) -> String {
        self.0.located().map(Located::label).unwrap_or_default()
    }

    fn related(&self) -> Vec<(Span, String)> {
        self.0.located().map(Located::related).unwrap_or_default()
    }

    fn hint(&self) -> Option<String> {
        let hint = match self.0 {
            problem if problem.is_empty() => "--allow-empty accepts it where that is meant",
            Problem::Lower(lower::Error::TooLarge { .. }) => MAX_REQUEST_HINT,
            Problem::Reference(Reference::Secret { error, .. })
                if error.is_forbidden() && is_ci() =>
            {
                "the variable CI is set: only what --allow-secrets names is taken, as in --allow-secrets env:NAME"
            }
            Problem::Foreign { name, what } => return Some(foreign_hint(name, *what)),
            problem => return problem.located().and_then(Located::hint),
        };
        Some(hint.to_owned())
    }
}

/// Where a file belongs that is no layer.
fn foreign_hint(name: &str, what: Foreign) -> String {
    let file = shell_word(name);
    match what {
        Foreign::Export => format!(
            "zkt diff compares it: zkt diff --old {file} --new LAYER; zkt export without --format json writes \
             tree text"
        ),
        Foreign::SavedPlan => {
            format!("zkt apply --plan {file} carries it out, zkt plan --show {file} shows it")
        }
        Foreign::Json => {
            "each node is a line /name, each property a line below it: name = value".to_owned()
        }
        Foreign::Toml => format!(
            "--config {file} names the file with the contexts, and --context NAME takes the layers of one"
        ),
    }
}

/// Why a file was not read, with the option that would allow it.
pub(crate) fn file_error(error: &files::Error) -> String {
    match error {
        files::Error::Git { .. } | files::Error::Outside { .. } => {
            format!("{error}; --allow-files DIR allows more")
        }
        files::Error::OutsideCommit { .. } => {
            format!("{error}, where --allow-files does not apply")
        }
        files::Error::Allowed { directory, error } => {
            let directory = directory.display();
            format!("--allow-files {directory}: {}", files::reason(error))
        }
        files::Error::TooLarge { largest } => {
            format!("it has more than the {largest} bytes that --max-file allows")
        }
        error => error.to_string(),
    }
}

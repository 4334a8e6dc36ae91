//! What goes to stdout and stderr, in which colours, and how wide.

use std::fmt::{self, Debug};
use std::fs::Metadata;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::{FormatFields, format};
use zkt::syntax::spelling::printable;
use zkt::zookeeper::session::named_in_log;

use crate::args::{Color, Global, LogFormat};
use crate::diagnostics::safe_lines;
use crate::exit::Failure;
use crate::render::{self, Bounds, Mode, TextOptions};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default();

/// Drops output after its reader has gone: the command still does its work, and its exit code says
/// how that ended.
struct WhileRead<W>(W);

impl<W: Write> Write for WhileRead<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

/// Writes to stdout at once, for output that never ends by itself. Returns `false` if its reader has
/// gone.
pub(crate) fn write_now(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

const STDOUT_BUFFER: usize = 64 << 10;

/// Rust's own stdout is flushed at each line.
fn unbuffered_stdout() -> Box<dyn Write> {
    if let Ok(file) = io::stdout().as_fd().try_clone_to_owned() {
        return Box::new(WhileRead(std::fs::File::from(file)));
    }
    Box::new(WhileRead(io::stdout()))
}

/// Strips colours: everything from an escape on. Nothing else that is written has escapes.
struct Stripped<W> {
    inner: W,
    /// Whether a colour's code has begun and not ended.
    in_code: bool,
}

impl<W: Write> Write for Stripped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = if self.in_code { b'm' } else { 0x1b };
            let Some(at) = memchr::memchr(end, rest) else {
                if !self.in_code {
                    self.inner.write_all(rest)?;
                }
                break;
            };
            if !self.in_code {
                self.inner.write_all(&rest[..at])?;
            }
            self.in_code = !self.in_code;
            rest = &rest[at + 1..];
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Data goes to stdout, everything else to stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    color: ColorChoice,
    quiet: bool,
    progress: bool,
    verbose: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self {
            color,
            quiet: global.quiet,
            progress: !global.no_progress && !global.quiet,
            verbose: global.verbose > 0,
        }
    }

    /// Whether `-q` is given.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether `-v` is given.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether stdout has colours.
    pub(crate) fn has_colors(&self) -> bool {
        self.choice() != ColorChoice::Never
    }

    fn choice(&self) -> ColorChoice {
        match self.color {
            ColorChoice::Auto => AutoStream::choice(&io::stdout()),
            color => color,
        }
    }

    /// Stdout, buffered, without colours if those are not wanted.
    pub(crate) fn out(&self) -> io::BufWriter<Box<dyn Write>> {
        io::BufWriter::new(match self.choice() {
            ColorChoice::Never => Box::new(Stripped {
                inner: self.plain_out(),
                in_code: false,
            }),
            color => Box::new(WhileRead(AutoStream::new(io::stdout(), color))),
        })
    }

    /// Stdout, buffered, for text that has no colours.
    pub(crate) fn plain_out(&self) -> io::BufWriter<Box<dyn Write>> {
        io::BufWriter::with_capacity(STDOUT_BUFFER, unbuffered_stdout())
    }

    /// Stderr, without colours if those are not wanted.
    pub(crate) fn err(&self) -> impl Write + use<> {
        WhileRead(AutoStream::new(io::stderr(), self.color))
    }

    /// The columns of the terminal, or 80.
    pub(crate) fn width(&self) -> usize {
        self.columns().unwrap_or(80)
    }

    /// The columns of the terminal, if stdout is one.
    pub(crate) fn columns(&self) -> Option<usize> {
        let size = console::Term::stdout().size_checked();
        size.map(|(_, columns)| usize::from(columns))
    }

    /// How a plan is headed and laid out on stdout.
    pub(crate) fn plan_text<'a>(
        &self,
        title: &'a str,
        server: &'a str,
        sources: &'a [String],
        bounds: &'a Bounds,
    ) -> TextOptions<'a> {
        TextOptions {
            title,
            server,
            sources,
            bounds,
            mode: Mode::Plan,
            width: self.width(),
            extras: true,
            brief: self.is_quiet(),
            colors: self.has_colors(),
        }
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// A line on stderr that only `-q` hides.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            _ = writeln!(self.err(), "{}", safe_lines(message));
        }
    }

    /// A line on stderr that nothing hides, for output that is incomplete.
    pub(crate) fn warning(&self, message: &str) {
        let message = safe_lines(message);
        _ = writeln!(self.err(), "{WARNING}warning:{WARNING:#} {message}");
    }

    /// A line on stderr that nothing hides, for what is dangerous.
    pub(crate) fn alarm(&self, message: &str) {
        let message = safe_lines(message);
        _ = writeln!(self.err(), "{ERROR}warning: {message}{ERROR:#}");
    }

    /// What may be done better, on stderr.
    pub(crate) fn hint(&self, message: &str) {
        if !self.quiet {
            let message = safe_lines(message);
            _ = writeln!(self.err(), "{HINT}hint:{HINT:#} {message}");
        }
    }

    /// As [`Output::hint`]; does not look for the hint if nobody sees it.
    pub(crate) fn hint_if_any(&self, find: impl FnOnce() -> Option<String>) {
        if !self.quiet
            && let Some(message) = find()
        {
            self.hint(&message);
        }
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        let mut err = self.err();
        let message = safe_lines(&failure.message);
        _ = writeln!(err, "{ERROR}error:{ERROR:#} {message}");
        _ = render::write_found(&failure.found, &mut err);
        if let Some(hint) = &failure.hint {
            _ = writeln!(err, "{HINT}hint:{HINT:#} {}", safe_lines(hint));
        }
    }

    /// A bar for work that takes its time; it shows only on a terminal, and only if it lasts.
    pub(crate) fn progress(&self, message: &'static str, total: usize) -> ProgressBar {
        let target = if self.progress && io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let template = if total > 0 {
            "{msg} {wide_bar} {human_pos}/{human_len} {eta}"
        } else {
            "{spinner} {msg} {human_pos}"
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total as u64), target).with_style(style);
        bar.set_message(message);
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }
}

/// Logs warnings and errors to stderr, with `-v` more, such as the requests that a server gets. A
/// command that keeps running also logs what it does. Node data is logged at `trace` only.
pub(crate) fn init_logging(global: &Global, serves: bool, keeps_running: bool) {
    use tracing_subscriber::EnvFilter;
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) if keeps_running => "info",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    // The client library logs every lost connection, which the commands report themselves.
    let filter = match global.verbose {
        0 => "zkt=".to_owned() + level,
        1 if serves => "info,zkt::server=debug".to_owned(),
        1 => level.to_owned(),
        // Below `info` it logs the path of each request, which may be the target of a secret link.
        _ => level.to_owned() + ",zookeeper_client=info",
    };
    let builder = tracing_subscriber::fmt()
        .with_writer(|| NamesServers(io::stderr()))
        .with_env_filter(EnvFilter::new(filter));
    match global.log_format {
        LogFormat::Text => {
            let ansi = io::stderr().is_terminal() && global.color != Color::Never;
            builder.fmt_fields(fields()).with_ansi(ansi).init();
        }
        LogFormat::Json => builder.json().init(),
    }
}

/// The fields of a line of the log as tracing-subscriber writes them, but for what steers a terminal: that
/// one escapes it in messages only.
fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    format::debug_fn(write_field).delimited(" ")
}

fn write_field(out: &mut format::Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value: Vec<_> = value.split('\n').map(printable).collect();
    let value = value.join("\n");
    let (name, equals) = match out.has_ansi_escapes() {
        true => (Style::new().italic(), Style::new().dimmed()),
        false => (Style::new(), Style::new()),
    };
    match field.name() {
        "message" => out.write_str(&value),
        text => write!(out, "{name}{text}{name:#}{equals}={equals:#}{value}"),
    }
}

/// Writes lines of a log, in which servers have their names.
struct NamesServers(io::Stderr);

impl Write for NamesServers {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(named_in_log(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As the umask says, or the file that was there.
    Umask,
    /// Its owner only: it holds secrets.
    Owner,
}

/// Replaces or creates a file atomically. Of a symbolic link the target is replaced, not the link.
/// A pipe or a device is written to: a file in its place would destroy it.
pub(crate) fn replace_file(path: &Path, contents: &[u8], access: Access) -> io::Result<()> {
    Replacement::ready(path, contents, access)?.put()
}

/// The contents of a file, ready to take its place.
pub(crate) enum Replacement<'a> {
    /// Written to a file beside it.
    File(tempfile::NamedTempFile, PathBuf),
    /// To be written to a pipe or a device.
    Stream(&'a Path, &'a [u8]),
}

impl<'a> Replacement<'a> {
    pub(crate) fn ready(path: &'a Path, contents: &'a [u8], access: Access) -> io::Result<Self> {
        let is_stream = |metadata: Metadata| !metadata.is_file() && !metadata.is_dir();
        if std::fs::metadata(path).is_ok_and(is_stream) {
            return Ok(Self::Stream(path, contents));
        }
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // The folder's own error is clearer than one about a temporary file in it.
        std::fs::metadata(folder)?;
        let mut file = match access {
            Access::Umask => temporary_file().tempfile_in(folder)?,
            Access::Owner => tempfile::NamedTempFile::new_in(folder)?,
        };
        file.write_all(contents)?;
        if access == Access::Umask
            && let Ok(metadata) = std::fs::metadata(&target)
        {
            file.as_file().set_permissions(metadata.permissions())?;
        }
        file.as_file().sync_all()?;
        Ok(Self::File(file, target))
    }

    pub(crate) fn put(self) -> io::Result<()> {
        match self {
            Self::File(file, target) => {
                file.persist(&target)?;
                Ok(())
            }
            Self::Stream(path, contents) => {
                let stream = std::fs::OpenOptions::new().write(true).open(path);
                stream?.write_all(contents)
            }
        }
    }
}

/// Temporary files are for their owner only; the umask is to decide about a new file.
fn temporary_file() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut builder = tempfile::Builder::new();
    builder.permissions(std::fs::Permissions::from_mode(0o666));
    builder
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn colours_go_wherever_a_write_ends() {
        let text = format!("a {ERROR}é{ERROR:#} b\n{HINT}{HINT:#}m");
        for size in 1..text.len() {
            let mut stripped = Stripped {
                inner: Vec::new(),
                in_code: false,
            };
            for bytes in text.as_bytes().chunks(size) {
                stripped.write_all(bytes).unwrap();
            }
            assert_eq!(String::from_utf8(stripped.inner).unwrap(), "a é b\nm");
        }
    }

    /// Takes what a log writes.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_holds_nothing_that_a_terminal_obeys() {
        let logged = |ansi| {
            let kept = Kept::default();
            let writer = kept.clone();
            let subscriber = tracing_subscriber::fmt()
                .without_time()
                .with_target(false)
                .with_writer(move || writer.clone())
                .fmt_fields(fields())
                .with_ansi(ansi)
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                let path = "/a\u{1b}]0;x\u{7}";
                let error = "b\u{9b}2J\u{202e}";
                tracing::warn!(%path, nodes = 2, ?error, "c\u{1b}[2J\nd");
            });
            let bytes = kept.0.lock().unwrap().clone();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(
            logged(false),
            " WARN c\\u001b[2J\nd path=/a\\u001b]0;x\\u0007 nodes=2 error=\"b\\u{9b}2J\\u{202e}\"\n"
        );
        let coloured = logged(true);
        assert!(
            coloured.contains("\u{1b}[3mpath\u{1b}[0m\u{1b}[2m=\u{1b}[0m/a"),
            "{coloured:?}"
        );
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string(),
            logged(false)
        );
    }
}

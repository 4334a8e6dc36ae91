//! Tries what the corpora hold, and new inputs that are made of it.
//!
//! There is no instrumentation: a target tells by [`Traits`] what an input met. One that met something new is kept, and
//! further inputs are made of it. Every input is written to a file before it is tried, so that one that
//! ends the process is not lost.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What is tried, and what its inputs are made of.
pub(crate) struct Target {
    /// The folder of its corpus, in `tests/fuzz`.
    pub(crate) name: &'static str,
    /// Pieces that mean something to it.
    pub(crate) words: &'static [&'static str],
    /// The longest input, in bytes.
    pub(crate) longest: usize,
    /// How many new inputs are tried where no time is given.
    pub(crate) cases: usize,
    /// What one input may take at most.
    pub(crate) bounds: Bounds,
}

/// How much memory an input may take.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes at once.
    pub(crate) at_once: Line,
    /// Bytes one after the other. What is quadratic in time mostly is so here, too.
    pub(crate) in_all: Line,
}

/// So many bytes, and so many for each byte of the input.
#[derive(Clone, Copy)]
pub(crate) struct Line(pub(crate) u64, pub(crate) u64);

impl Line {
    fn of(self, length: usize) -> u64 {
        self.0 + self.1 * length as u64
    }
}

/// What work took, as far as it does not depend on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// How often memory was asked for.
    pub(crate) count: u64,
    /// Bytes in all.
    pub(crate) in_all: u64,
    /// Bytes at once.
    pub(crate) at_once: u64,
}

/// How work is measured.
pub(crate) type Measure = fn(&mut dyn FnMut()) -> Work;

/// What an input met.
#[derive(Debug, Default)]
pub(crate) struct Traits(BTreeSet<u64>);

impl Traits {
    pub(crate) fn note(&mut self, met: impl Hash) {
        let mut hasher = DefaultHasher::new();
        met.hash(&mut hasher);
        self.0.insert(hasher.finish());
    }

    /// A message, less what it quotes of the input.
    pub(crate) fn note_message(&mut self, message: &str) {
        let words = message.split(|c: char| !c.is_ascii_alphabetic());
        let known = words.filter(|word| word.len() > 2).take(24);
        self.note(known.collect::<Vec<_>>());
    }

    /// A number, roughly.
    pub(crate) fn note_size(&mut self, of: &str, size: usize) {
        self.note((of, size.checked_ilog2()));
    }
}

/// Longer than any input takes on the slowest machine.
const LONGEST_TRY: Duration = Duration::from_secs(120);

/// Attempts to make a failing input smaller.
const SHRINKS: usize = 2000;

/// The stack of a thread of tokio or of the standard library, in bytes.
const STACK: usize = 2 << 20;

/// Tries each input of the corpus and each seed, and then new ones: a fixed number, or for
/// `ZKT_FUZZ_SECONDS`.
pub(crate) fn fuzz(
    target: &Target,
    seeds: Vec<Vec<u8>>,
    measure: Measure,
    one: impl Fn(&[u8]) -> Traits + Sync,
) {
    keep_panics();
    let target_thread = thread::Builder::new().name(target.name.to_owned());
    thread::scope(|scope| {
        let running = target_thread.stack_size(STACK).spawn_scoped(scope, || {
            Run::new(target, measure, &one).go(seeds);
        });
        let failed = running.expect("a thread").join();
        assert!(failed.is_ok(), "{} failed", target.name);
    });
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number"))
    })
}

struct Run<'t, F> {
    target: &'t Target,
    measure: Measure,
    one: &'t F,
    random: fastrand::Rng,
    /// Where inputs are written.
    folder: PathBuf,
    last: Last,
    met: BTreeSet<u64>,
    /// What new inputs are made of.
    pool: Vec<Vec<u8>>,
    tried: usize,
    /// The most bytes at once.
    highest: u64,
    /// The most time of the processor, in nanoseconds.
    slowest: u64,
}

/// The input that is being tried.
struct Last {
    file: File,
    since: Arc<Mutex<Option<Instant>>>,
}

impl Last {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder for inputs");
        let path = folder.join("last");
        let file = File::create(&path).expect("a file for the input");
        let since = Arc::new(Mutex::new(None::<Instant>));
        let watched = Arc::downgrade(&since);
        thread::spawn(move || {
            while let Some(since) = watched.upgrade() {
                let begun = *since.lock().unwrap_or_else(PoisonError::into_inner);
                if begun.is_some_and(|begun| begun.elapsed() > LONGEST_TRY) {
                    eprintln!("{} has not ended within {LONGEST_TRY:?}", path.display());
                    std::process::exit(124);
                }
                drop(since);
                thread::sleep(Duration::from_secs(1));
            }
        });
        Self { file, since }
    }

    fn begin(&self, input: &[u8]) {
        self.file.set_len(input.len() as u64).expect("a file");
        self.file.write_all_at(input, 0).expect("a file");
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn end(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Nanoseconds of the processor that this thread has had, where the system tells.
pub(crate) fn processor() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Where a corpus stands.
fn corpus(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fuzz").join(name)
}

/// The inputs of a folder by name; none if there is no folder.
fn inputs(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = entries.map(|entry| entry.expect("an entry").path());
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.into_owned(), std::fs::read(&path).expect("readable"))
    };
    let mut inputs: Vec<_> = files.filter(|path| path.is_file()).map(read).collect();
    inputs.sort();
    inputs
}

impl<'t, F: Fn(&[u8]) -> Traits> Run<'t, F> {
    fn new(target: &'t Target, measure: Measure, one: &'t F) -> Self {
        let seed = number("ZKT_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("target/fuzz").join(target.name);
        Self {
            target,
            measure,
            one,
            random: fastrand::Rng::with_seed(seed),
            last: Last::new(&folder),
            folder,
            met: BTreeSet::new(),
            pool: Vec::new(),
            tried: 0,
            highest: 0,
            slowest: 0,
        }
    }

    fn go(mut self, seeds: Vec<Vec<u8>>) {
        let begun = Instant::now();
        let kept = inputs(&corpus(self.target.name));
        assert!(!kept.is_empty(), "{} has no corpus", self.target.name);
        for (name, input) in kept {
            self.try_one(&name, &input);
        }
        for seed in seeds {
            self.try_one("seed", &seed);
        }
        let seconds = number("ZKT_FUZZ_SECONDS");
        let found = self.folder.join("found");
        if seconds.is_some() {
            std::fs::create_dir_all(&found).expect("a folder for what is found");
            for (name, input) in inputs(&found) {
                self.try_one(&name, &input);
            }
        }
        let old = self.tried;
        let is_over = |run: &Self| match seconds {
            Some(seconds) => begun.elapsed().as_secs() >= seconds,
            None => run.tried - old >= run.target.cases,
        };
        while !is_over(&self) {
            let input = self.new_input();
            if self.try_one("new", &input) && seconds.is_some() {
                let path = found.join(format!("{:016x}", hash(&input)));
                std::fs::write(path, &input).expect("a file for what is found");
            }
        }
        if seconds.is_some() {
            println!(
                "{}: {} inputs in {} s, {} in the pool, {} traits, at most {} KiB and {} ms",
                self.target.name,
                self.tried,
                begun.elapsed().as_secs(),
                self.pool.len(),
                self.met.len(),
                self.highest >> 10,
                self.slowest / 1_000_000,
            );
        }
        _ = std::fs::remove_file(self.folder.join("last"));
    }

    /// Whether it met something new.
    fn try_one(&mut self, name: &str, input: &[u8]) -> bool {
        self.tried += 1;
        let before = processor();
        let (traits, work) = match self.trial(input) {
            Ok(passed) => passed,
            Err(first) => self.fail(name, input, &first),
        };
        self.highest = self.highest.max(work.at_once);
        let spent = processor()
            .zip(before)
            .map(|(after, before)| after - before);
        if spent > Some(self.slowest) {
            self.slowest = spent.unwrap_or(0);
            // For people to look at: how long is too long depends on the machine.
            std::fs::write(self.folder.join("slowest"), input).expect("a file for the input");
        }
        let before = self.met.len();
        self.met.extend(traits.0);
        // Of two inputs that meet the same, the one that takes more is worth a look.
        let mut hasher = DefaultHasher::new();
        (work.count.checked_ilog2(), work.in_all.checked_ilog2()).hash(&mut hasher);
        self.met.insert(hasher.finish());
        let is_new = self.met.len() > before;
        if is_new {
            self.pool.push(input.to_vec());
        }
        is_new
    }

    fn trial(&self, input: &[u8]) -> Result<(Traits, Work), String> {
        self.last.begin(input);
        let mut outcome = None;
        let work = (self.measure)(&mut || {
            KEPT.set(Some(String::new()));
            let tried = catch_unwind(AssertUnwindSafe(|| (self.one)(input)));
            let kept = KEPT.take().unwrap_or_default();
            outcome = Some(tried.map_err(|_| kept));
        });
        self.last.end();
        let traits = outcome.expect("it was tried")?;
        let Bounds { at_once, in_all } = self.target.bounds;
        for (what, took, bound) in [
            ("at once", work.at_once, at_once.of(input.len())),
            ("in all", work.in_all, in_all.of(input.len())),
        ] {
            if took > bound {
                let length = input.len();
                return Err(format!(
                    "{length} bytes take {took} bytes of memory {what}, and may take {bound}"
                ));
            }
        }
        Ok((traits, work))
    }

    /// Makes a failing input small, keeps it, and says where.
    fn fail(&self, name: &str, input: &[u8], first: &str) -> ! {
        let mut least = input.to_vec();
        let mut message = first.to_owned();
        let mut size = least.len().div_ceil(2);
        let mut shrinks = 0;
        while size > 0 && shrinks < SHRINKS {
            let mut at = 0;
            let before = least.len();
            while at < least.len() && shrinks < SHRINKS {
                shrinks += 1;
                let mut less = least.clone();
                less.drain(at..(at + size).min(less.len()));
                match self.trial(&less) {
                    Err(still) => (least, message) = (less, still),
                    Ok(_) => at += size,
                }
            }
            if least.len() == before {
                size /= 2;
            }
        }
        let path = self.folder.join(format!("failed-{:016x}", hash(&least)));
        std::fs::write(&path, &least).expect("a file for what failed");
        let shown = String::from_utf8_lossy(&least[..least.len().min(2000)]).into_owned();
        panic!(
            "{name} fails, {} bytes of it are in {}: {message}\n{shown:?}",
            least.len(),
            path.display()
        );
    }

    fn new_input(&mut self) -> Vec<u8> {
        let newest = self.pool.len().saturating_sub(64);
        let from = if self.random.bool() { newest } else { 0 };
        // Short ones are quick.
        let mut any = || &self.pool[self.random.usize(from..self.pool.len())];
        let (a, b) = (any(), any());
        let mut input = if a.len() < b.len() { a } else { b }.clone();
        for _ in 0..1 + self.random.usize(..6) {
            self.mutate(&mut input);
        }
        input.truncate(self.target.longest);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let random = &mut self.random;
        let at = random.usize(..=input.len());
        let end = (at + random.usize(..24)).min(input.len());
        match random.usize(..14) {
            0 => _ = input.drain(at..end),
            1 => {
                let byte = *random
                    .choice(b"\x00\x01\x7f\x80\xff\x1b\r\n\t '\"\\#{}[]:/@")
                    .unwrap_or(&0);
                input.insert(at, byte);
            }
            2 if at < input.len() => input[at] ^= 1 << random.u8(..8),
            3 if at < input.len() => input[at] = random.u8(..),
            // A word, in the place of some text or before it.
            4..=6 => {
                let words = self.target.words;
                match random.choice(words) {
                    Some(word) => {
                        let end = if random.bool() { at } else { end };
                        input.splice(at..end, word.bytes());
                    }
                    // Where nothing means anything, small numbers do.
                    None => {
                        let any = std::iter::repeat_with(|| random.u8(..) >> random.u8(..8));
                        let some: Vec<u8> = any.take(5).collect();
                        input.extend(some);
                    }
                }
            }
            // The same again, sometimes very often.
            7 => {
                let most = if random.usize(..40) == 0 { 4000 } else { 4 };
                let times = random.usize(1..=most);
                let room = self.target.longest.saturating_sub(input.len());
                let piece = input[at..end].to_vec();
                let times = times.min(room / piece.len().max(1));
                input.splice(at..at, piece.repeat(times));
            }
            // A part of another one.
            8 | 9 => {
                let other = self.random.usize(..self.pool.len());
                let other = &self.pool[other];
                let from = self.random.usize(..=other.len());
                let most = if self.random.bool() { 24 } else { 400 };
                let until = (from + self.random.usize(..most)).min(other.len());
                input.splice(at..end, other[from..until].iter().copied());
            }
            // A number, big-endian or in digits.
            10 => {
                let numbers = [
                    0,
                    1,
                    -1,
                    2,
                    4,
                    127,
                    128,
                    255,
                    256,
                    65_535,
                    1 << 20,
                    i32::MAX,
                    i32::MIN,
                ];
                let number = *random.choice(numbers.iter()).unwrap_or(&0);
                match random.bool() {
                    true => input.splice(at..end, number.to_be_bytes().to_vec()),
                    false => input.splice(at..end, number.to_string().into_bytes()),
                };
            }
            // Lines: left out, twice, deeper.
            11..=13 => {
                let start = input[..at].iter().rposition(|byte| *byte == b'\n');
                let start = start.map_or(0, |start| start + 1);
                let end = input[at..].iter().position(|byte| *byte == b'\n');
                let end = end.map_or(input.len(), |end| at + end + 1);
                match random.usize(..4) {
                    0 => _ = input.drain(start..end),
                    1 => {
                        let line = input[start..end].to_vec();
                        input.splice(start..start, line);
                    }
                    2 => _ = input.splice(start..start, *b"  "),
                    _ => {
                        let line: Vec<u8> = input.drain(start..end).collect();
                        let to = random.usize(..=input.len());
                        let to = input[..to].iter().rposition(|byte| *byte == b'\n');
                        let to = to.map_or(0, |to| to + 1);
                        input.splice(to..to, line);
                    }
                }
            }
            _ => input.truncate(at),
        }
        input.truncate(self.target.longest);
    }
}

fn hash(input: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    hasher.finish()
}

thread_local! {
    /// The panic of the input that is being tried on this thread; it is not printed.
    static KEPT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics of other threads, by their names.
static ELSEWHERE: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Takes the panics of threads with this name.
pub(crate) fn panics_of(thread: &str) -> Vec<String> {
    let mut elsewhere = ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner);
    let of_thread = elsewhere.extract_if(.., |(name, _)| name == thread);
    of_thread.map(|(_, panic)| panic).collect()
}

/// While a failing input is made smaller, it fails a thousand times.
fn keep_panics() {
    static KEEPING: Once = Once::new();
    KEEPING.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_kept = KEPT.with_borrow_mut(|kept| {
                let Some(kept) = kept else {
                    return false;
                };
                *kept = panic.to_string();
                true
            });
            if !is_kept {
                let thread = thread::current();
                let name = thread.name().unwrap_or_default().to_owned();
                let mut elsewhere = ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner);
                elsewhere.push((name, panic.to_string()));
                print(panic);
            }
        }));
    });
}

/// The places in `text` of characters that steer a terminal, but for line ends.
pub(crate) fn steering(text: &str) -> Option<String> {
    let at = text.find(|c: char| c.is_control() && c != '\n')?;
    let mut shown = String::new();
    _ = write!(shown, "{:?} at byte {at}", &text[at..].chars().next());
    Some(shown)
}

//! What the arguments say of a plan, and what is shown while live nodes are read.

use std::path::Path;

use zkt::declare::Source;
use zkt::declare::files::{open_regular, reason};
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::plan::{FingerprintKey, MaxTrim, Plan};
use zkt::model::tree::Tree;
use zkt::plan::scope::{Filter, Trim, Want};
use zkt::reconcile::{self, Extras, Options};
use zkt::zookeeper::live::{self, FetchOptions, ReadAhead};
use zkt::zookeeper::session::Session;

use crate::args::{self, Format, PlanOptions, TrimArg};
use crate::bounded;
use crate::environment::{FINGERPRINT_KEY, variable};
use crate::exit::Failure;
use crate::output::Output;
use crate::owner;
use crate::policy;
use crate::progress::Shown;

/// The place of the top-level nodes, as it was given.
pub(crate) fn place(options: &PlanOptions) -> Result<ZPath, Failure> {
    path_argument("--path", &options.path)
}

/// A path as a person types it.
pub(crate) fn path_argument(name: &str, text: &str) -> Result<ZPath, Failure> {
    ZPath::parse_lenient(text).map_err(|error| Failure::new(format!("{name} {text:?}: {error}")))
}

/// A path that may lead through links. The library takes one without a slash at its start, as
/// zc.zk did; in a shell that is more often a slip.
pub(crate) fn require_absolute(text: &str) -> Result<(), Failure> {
    if text.starts_with('/') {
        return Ok(());
    }
    let failure = Failure::new(format!("PATH {text:?} does not start with a slash"));
    Err(failure.hint(format!("/{text} is the path from the root on")))
}

/// The filter of `--target` and `--exclude`.
pub(crate) fn filter(options: &PlanOptions) -> Result<Filter, Failure> {
    for (option, globs) in [
        ("--target", &options.target),
        ("--exclude", &options.exclude),
    ] {
        for glob in globs {
            check_glob(glob).map_err(|failure| {
                let named = Failure::new(format!("{option} {glob:?}: {}", failure.message));
                match failure.hint {
                    Some(hint) => named.hint(hint),
                    None => named,
                }
            })?;
        }
    }
    Filter::new(&options.target, &options.exclude).map_err(Failure::new)
}

/// Says what is wrong with a glob.
pub(crate) fn check_glob(glob: &str) -> Result<(), Failure> {
    if !glob.starts_with('/') && !glob.starts_with("**") {
        let failure = Failure::new("a glob matches whole paths");
        return Err(failure.hint("it starts with / or with **/"));
    }
    let filter = Filter::new(&[glob.to_owned()], &[]);
    filter.map(drop).map_err(Failure::new)
}

/// Narrows a tree to what `--target` and `--exclude` leave of it.
pub(crate) fn narrow(
    source: Source,
    options: &PlanOptions,
    output: &Output,
) -> Result<Source, Failure> {
    let filter = filter(options)?;
    for glob in &options.target {
        let target = Filter::new(std::slice::from_ref(glob), &[]).map_err(Failure::new)?;
        if !source.tree().iter().any(|(path, _)| target.covers(path)) {
            output.note(&format!(
                "warning: --target {glob} matches no declared node"
            ));
        }
    }
    Ok(source.change(|tree| filter.apply(tree)))
}

pub(crate) fn trim(options: &PlanOptions) -> Trim {
    match options.trim {
        Some(TrimArg::All) => Trim::All,
        Some(TrimArg::Owned) => Trim::Owned,
        Some(TrimArg::None) | None => Trim::None,
    }
}

/// The variables that hold a key for fingerprints of secrets, or name a file with it.
pub(crate) const FINGERPRINT_KEY_FILE: &str = "ZKT_FINGERPRINT_KEY_FILE";

/// The key for fingerprints of secrets, where there is one.
fn fingerprint_key() -> Result<Option<FingerprintKey>, Failure> {
    let (place, key) = match (variable(FINGERPRINT_KEY), variable(FINGERPRINT_KEY_FILE)) {
        (Some(key), _) => (FINGERPRINT_KEY.to_owned(), key),
        (None, Some(name)) => {
            let place = format!("{FINGERPRINT_KEY_FILE} {name}");
            let file = open_regular(Path::new(&name)).map_err(|error| reason(&error));
            let text = file.and_then(|file| bounded::read(file, LONGEST_KEY));
            let text = text.map_err(|why| Failure::new(format!("{place}: {why}")))?;
            (place, text.trim_end().to_owned())
        }
        (None, None) => return Ok(None),
    };
    let key = FingerprintKey::new(key.as_bytes());
    let key = key.map_err(|error| Failure::new(format!("{place}: {error}")))?;
    Ok(Some(key))
}

/// How many bytes the file with a key for fingerprints may have.
const LONGEST_KEY: u64 = 64 << 10;

/// What a plan may do, as the arguments say.
pub(crate) fn options(args: &PlanOptions) -> Result<Options, Failure> {
    let owner = owner::named(&args.owner, args.adopt)?;
    if owner.is_none() {
        let needs = [
            (args.trim == Some(TrimArg::Owned), "--trim owned"),
            (args.adopt, "--adopt"),
        ];
        if let Some((_, option)) = needs.into_iter().find(|(is_given, _)| *is_given) {
            let failure = Failure::new(format!("{option} is about the nodes of an owner"));
            return Err(failure.hint("--owner NAME says whose"));
        }
    }
    let reviewer = policy::reviewer(&args.policy)?;
    let defaults = Options::default();
    Ok(Options {
        // What a policy judges is a whole plan, so nothing is planned after that.
        contended_from: match &reviewer {
            Some(_) => u32::MAX,
            None => defaults.contended_from,
        },
        reviewer: reviewer.unwrap_or_default(),
        owner,
        path: place(args)?,
        filter: filter(args)?,
        trim: trim(args),
        max_trim: match args.max_trim {
            _ if args.force => MaxTrim::Unlimited,
            Some(limit) => limit,
            None => MaxTrim::Default,
        },
        replace: args.replace,
        allow_ephemeral: args.allow_ephemeral,
        may_lock_out: args.force,
        extras: match args.extras {
            args::Extras::Show => Extras::Listed,
            args::Extras::Hide => Extras::Hidden,
        },
        strict: args.strict,
        fingerprints: fingerprint_key()?,
        lints: args.lints.levels,
        ..defaults
    })
}

/// Plans a declared tree against the live one, with a progress bar if that takes long. Returns the live
/// nodes that the plan wants, too.
pub(crate) async fn plan(
    session: &Session,
    source: &Source,
    ahead: ReadAhead,
    options: &Options,
    output: &Output,
) -> Result<(Plan, Tree<Live>), Failure> {
    let shown = Shown::new(output, Format::Text);
    let options = Options {
        observer: shown.observer(),
        ..options.clone()
    };
    let plan = reconcile::plan_to_save(session, source, &options, ahead).await;
    shown.clear();
    Ok(plan?)
}

/// Reads live nodes, with a progress bar if it takes long.
pub(crate) async fn fetch(
    session: &Session,
    wants: &[Want],
    output: &Output,
) -> Result<Tree<Live>, Failure> {
    let bar = output.progress("reading", if wants.len() > 1 { wants.len() } else { 0 });
    let mut progress = |nodes: usize| bar.set_position(nodes as u64);
    let options = FetchOptions::read_only();
    let live = live::fetch(session, wants, &options, &mut progress).await;
    was_read(&bar, live, Tree::len)
}

/// Everything at and below a node.
pub(crate) async fn fetch_subtree(
    session: &Session,
    top: &ZPath,
    acl: bool,
    output: &Output,
) -> Result<Tree<Live>, Failure> {
    let bar = output.progress("reading", 0);
    let mut progress = |nodes: usize| bar.set_position(nodes as u64);
    let live = live::read_subtree(session, top, acl, &mut progress).await;
    was_read(&bar, live, Tree::len)
}

/// As [`fetch_subtree`], without ACLs: what `make` makes of the nodes, as they are read, in path
/// order.
pub(crate) async fn map_subtree<T: Send>(
    session: &Session,
    top: &ZPath,
    make: impl FnMut(&ZPath, Live) -> T + Send,
    output: &Output,
) -> Result<Vec<(ZPath, T)>, Failure> {
    let bar = output.progress("reading", 0);
    let mut progress = |nodes: usize| bar.set_position(nodes as u64);
    let made = live::map_subtree(session, top, make, &mut progress).await;
    was_read(&bar, made, Vec::len)
}

fn was_read<T>(
    bar: &indicatif::ProgressBar,
    read: Result<T, live::Error>,
    len: impl Fn(&T) -> usize,
) -> Result<T, Failure> {
    bar.finish_and_clear();
    let read = read?;
    tracing::info!(nodes = len(&read), "read the live tree");
    Ok(read)
}

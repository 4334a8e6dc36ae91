//! The first four of the five lines: declared tree, live tree, plan, checked links.

use zkt::model::node::{Declared, Live};
use zkt::model::path::ZPath;
use zkt::model::plan::{MaxTrim, Plan};
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::{self, Filter, Trim, Want};
use zkt::zookeeper::live::{self, FetchOptions, ReadAhead};
use zkt::zookeeper::session::Session;

use crate::args::{Extras, PlanOptions, TrimArg};
use crate::declare::DeclaredTree;
use crate::exit::Failure;
use crate::output::Output;

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
            let bad =
                |error: &dyn std::fmt::Display| Failure::new(format!("{option} {glob:?}: {error}"));
            if !glob.starts_with('/') && !glob.starts_with("**") {
                return Err(bad(&"a glob matches whole paths").hint("it starts with / or with **/"));
            }
            Filter::new(std::slice::from_ref(glob), &[]).map_err(|error| bad(&error))?;
        }
    }
    Filter::new(&options.target, &options.exclude).map_err(Failure::new)
}

/// Narrows a tree to what `--target` and `--exclude` leave of it.
pub(crate) fn narrow(
    tree: &mut Tree<Declared>,
    options: &PlanOptions,
    output: &Output,
) -> Result<(), Failure> {
    let filter = filter(options)?;
    for glob in &options.target {
        let target = Filter::new(std::slice::from_ref(glob), &[]).map_err(Failure::new)?;
        if !tree.iter().any(|(path, _)| target.covers(path)) {
            output.note(&format!(
                "warning: --target {glob} matches no declared node"
            ));
        }
    }
    filter.apply(tree);
    Ok(())
}

pub(crate) fn trim(options: &PlanOptions) -> Trim {
    match options.trim {
        Some(TrimArg::All) => Trim::All,
        Some(TrimArg::None) | None => Trim::None,
    }
}

/// Plans a declared tree against the live one.
pub(crate) async fn plan(
    session: &Session,
    declared: &DeclaredTree,
    ahead: ReadAhead,
    options: &PlanOptions,
    output: &Output,
) -> Result<Plan, Failure> {
    let path = place(options)?;
    if session.chroot().names().next() == Some("zookeeper") {
        let message = "/zookeeper belongs to ZooKeeper itself and cannot be declared";
        return Err(Failure::new(message).hint("connect with another chroot"));
    }
    require_node(session, &path, "--path").await?;
    let policy = policy(session, declared, options).await?;
    let wants = scope::of(&declared.tree, policy.trim);
    let live = fetch_after(session, ahead, &wants, output).await?;
    live::require_readable(&declared.tree, &live)?;
    let mut plan = live::plan(session, &declared.tree, &live, &policy).await?;
    // To give back the memory of a large tree takes a while, which nobody has to wait for.
    drop(tokio::task::spawn_blocking(move || drop(live)));
    apply_options(&mut plan, options);
    Ok(plan)
}

/// What a plan may do, as the options say.
pub(crate) async fn policy<'a>(
    session: &Session,
    declared: &'a DeclaredTree,
    options: &PlanOptions,
) -> Result<Policy<'a>, Failure> {
    let path = place(options)?;
    let identities = if planner::needs_identities(&declared.tree) {
        Some(session.who().await?)
    } else {
        None
    };
    Ok(Policy {
        path,
        trim: trim(options),
        filter: filter(options)?,
        shows_extras: options.extras == Extras::Show,
        max_trim: match options.max_trim {
            _ if options.force => MaxTrim::Unlimited,
            Some(limit) => limit,
            None => MaxTrim::Default,
        },
        below_chroot: !session.chroot().is_root(),
        replace: options.replace,
        allow_ephemeral: options.allow_ephemeral,
        max_request: session.max_request(),
        identities,
        may_lock_out: options.force,
        ..Policy::new(&declared.sources)
    })
}

/// An argument that names a node must name one that exists.
pub(crate) async fn require_node(
    session: &Session,
    path: &ZPath,
    what: &str,
) -> Result<(), Failure> {
    if path.is_root()
        || !live::lookup(session, std::slice::from_ref(path))
            .await?
            .is_empty()
    {
        return Ok(());
    }
    let failure = Failure::new(format!(
        "{what} {path} does not exist on {}",
        session.hosts()
    ));
    Err(match what {
        "--path" => failure.hint(format!(
            "a tree that brings its own place says {path}/… itself"
        )),
        _ => failure,
    })
}

/// Reads live nodes, with a progress bar if it takes long.
pub(crate) async fn fetch(
    session: &Session,
    wants: &[Want],
    output: &Output,
) -> Result<Tree<Live>, Failure> {
    fetch_after(session, ReadAhead::default(), wants, output).await
}

/// Reads live nodes that were not read ahead, with a progress bar if it takes long.
async fn fetch_after(
    session: &Session,
    ahead: ReadAhead,
    wants: &[Want],
    output: &Output,
) -> Result<Tree<Live>, Failure> {
    let bar = output.progress("reading", if wants.len() > 1 { wants.len() } else { 0 });
    let mut progress = |nodes: usize| bar.set_position(nodes as u64);
    let options = FetchOptions::default();
    let live = live::fetch_after(session, ahead, wants, &options, &mut progress).await;
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

/// What is left of the options once a plan is made: which extras count, and whether warnings do.
pub(crate) fn apply_options(plan: &mut Plan, options: &PlanOptions) {
    plan.judge(options.extras != Extras::Hide, options.strict);
}

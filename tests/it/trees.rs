//! Trees in memory, read as the commands read them.

use zkt::model::acl::Acl;
use zkt::model::node::{Declared, Live};
use zkt::model::path::ZPath;
use zkt::model::plan::Plan;
use zkt::model::tree::Tree;
use zkt::plan::planner;
use zkt::plan::saved::{MadeOf, Origin, SavedPlan, Terms, declared_digest};
use zkt::syntax::place::Located;
use zkt::syntax::source::Sources;
use zkt::{Layers, Memory};

/// A declared tree and the texts that it came from.
#[derive(Debug)]
pub(crate) struct DeclaredTree {
    pub(crate) tree: Tree<Declared>,
    pub(crate) sources: std::sync::Arc<Sources>,
}

pub(crate) fn path(text: &str) -> ZPath {
    ZPath::parse(text).expect("a path")
}

/// The tree that layers declare, or everything that is wrong with them, each error with its place,
/// hint and related places.
pub(crate) fn declare_layers(
    names: &[&str],
    files: &Memory,
    at: &str,
) -> Result<DeclaredTree, Vec<String>> {
    let layers = Layers::new(names.iter().copied()).files(files);
    match zkt::load(layers.at(path(at))) {
        Ok(source) => {
            let (tree, sources) = source.into_parts();
            Ok(DeclaredTree { tree, sources })
        }
        Err(problems) => Err(problems
            .iter()
            .map(|problem| match problem.located() {
                Some(located) => error_text(located, problems.texts()),
                None => problem.to_string(),
            })
            .collect()),
    }
}

fn error_text(error: &dyn Located, sources: &Sources) -> String {
    let mut text = format!("{}: {error}", place(sources, error.span()));
    for (span, label) in error.related() {
        text.push_str(&format!("\n  {}: {label}", place(sources, span)));
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    text
}

/// Standard input needs no name.
fn place(sources: &Sources, span: zkt::syntax::place::Span) -> String {
    let location = sources.locate(span).to_string();
    location
        .strip_prefix("<stdin>:")
        .unwrap_or(&location)
        .to_owned()
}

/// The tree that one text declares, or everything that is wrong with it.
pub(crate) fn declare_at(text: &[u8], at: &str) -> Result<DeclaredTree, Vec<String>> {
    if text.trim_ascii().is_empty() {
        return Ok(DeclaredTree {
            tree: Tree::default(),
            sources: std::sync::Arc::default(),
        });
    }
    declare_layers(&["-"], &Memory::from([("-", text)]), at)
}

/// The tree that a text without errors declares.
pub(crate) fn declare(text: &str) -> DeclaredTree {
    declare_at(text.as_bytes(), "/")
        .unwrap_or_else(|errors| panic!("{}\n{text}", errors.join("\n")))
}

/// The tree that a text describes as if it were live, with the ACLs that a server would show.
pub(crate) fn live(text: &str) -> Tree<Live> {
    let mut live = planner::as_live(&declare(text).tree);
    for (_, node) in live.iter_mut() {
        if let Live::Read(node) = node {
            node.acl.get_or_insert_with(|| Acl::open().into());
        }
    }
    live
}

/// A tree as canonical text.
pub(crate) fn show(tree: &Tree<Declared>) -> String {
    let mut text = Vec::new();
    zkt::export::write_text(tree, &mut text).expect("writing to memory");
    String::from_utf8(text).expect("tree text is UTF-8")
}

/// A plan for `declared` as it is saved.
pub(crate) fn saved_plan(plan: Plan, made_of: &MadeOf<'_>, with_secrets: bool) -> SavedPlan {
    let origin = Origin {
        zkt: "0.1.0".to_owned(),
        made: "2026-11-28T12:00:00Z".to_owned(),
        server: "zk1:2181/app".to_owned(),
        context: None,
        layers: vec!["trees".to_owned()],
        declared: declared_digest(made_of.declared),
        salt: "salt".to_owned(),
    };
    let terms = terms(&plan);
    SavedPlan::new(plan, (origin, terms), made_of, with_secrets)
}

/// Terms that all of a plan without an owner fits into.
pub(crate) fn terms(plan: &Plan) -> Terms {
    Terms {
        path: plan.path.clone(),
        trim: true,
        target: Vec::new(),
        exclude: Vec::new(),
        replace: false,
        allow_ephemeral: false,
        owner: None,
    }
}

//! What may be wrong with a declared tree, whatever the server holds.

use crate::declare::Source;
use crate::model::lint::{Level, Levels, Lint};
use crate::model::path::{OF_ZOOKEEPER, ZPath};
use crate::model::plan::{About, Plan, Warning};
use crate::model::tree::Tree;
use crate::plan::links::{self, Trees};
use crate::plan::lint::{self, Unused};

/// Warnings about the declared nodes that need no server.
#[must_use]
pub fn lint(source: &Source, levels: &Levels) -> Vec<Warning> {
    let (tree, texts) = (source.tree(), source.texts());
    let nothing = Tree::default();
    let plan = Plan::empty(ZPath::root());
    let mut warnings: Vec<Warning> = system_warning(source).into_iter().collect();
    warnings.extend(lint::of_files(tree, texts, levels, true));
    warnings.extend(links::check(&Trees::new(tree, &nothing), &plan, None, texts).warnings);
    lint::settle(warnings, tree, texts, levels, Unused::Reported)
}

/// Where a tree goes is not known here: to the root of a server, or below a chroot.
fn system_warning(source: &Source) -> Option<Warning> {
    let system = ZPath::from_valid(OF_ZOOKEEPER);
    let (path, node) = source.tree().subtree(&system).first()?;
    Some(Warning {
        path: path.clone(),
        lint: Lint::SystemNode,
        level: Level::Warn,
        about: About::Node,
        message: "it belongs to ZooKeeper itself, unless there is a chroot".to_owned(),
        origin: node.origin.map(|span| source.texts().locate(span)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::{Layers, Memory, load};

    /// The warnings of a text, or of two layers with a line in between.
    fn lints(text: &str, levels: &Levels) -> Vec<Warning> {
        let (base, prod) = text.split_once("# --- prod.zkt ---").unwrap_or((text, ""));
        let files = Memory::from([("base.zkt", base), ("prod.zkt", prod)]);
        let layers = Layers::new(["base.zkt", "prod.zkt"]).files(&files);
        let source = load(layers.below_chroot(true).allow_empty(true)).unwrap();
        lint(&source, levels)
    }

    fn shown(text: &str) -> String {
        let line = |warning: &Warning| {
            let place = warning.origin.as_ref();
            let place = place.map_or(String::new(), |at| format!("{}:{}", at.line, at.column));
            let Warning { path, message, .. } = warning;
            format!("{place} {path}: {message} [{}]\n", warning.lint)
        };
        lints(text, &Levels::default()).iter().map(line).collect()
    }

    #[test]
    fn each_example_shows_its_lint_alone() {
        let mut levels = Levels::default();
        levels.set(Lint::OverlayAddition, Level::Warn);
        for lint in Lint::all().filter(|lint| !lint.about().example.is_empty()) {
            let found = lints(lint.about().example, &levels);
            assert!(!found.is_empty(), "{lint}");
            let others = found.iter().filter(|warning| warning.lint != lint);
            assert_eq!(others.collect::<Vec<_>>(), Vec::<&Warning>::new(), "{lint}");
            levels.set(lint, Level::Allow);
            assert_eq!(lints(lint.about().example, &levels), [], "{lint}");
            levels.set(lint, Level::Warn);
        }
    }

    #[test]
    fn a_comment_beside_a_line_allows_what_it_names() {
        let text = "\
/a  # zkt: allow(literal-type, plain-secret) both are meant
  mode = 0644  # zkt: allow(leading-zero)
  # zkt: allow(trailing-comma)
  # a list
  list = 'a',
  token = 'x'
  other = 'a',
  text = '# zkt: allow(nonsense)'
  long = '''
  # zkt: allow(nonsense)
  '''
";
        insta::assert_snapshot!(shown(text), @r"
        7:11 /a: other: the comma at the end makes a list: write it in brackets if that is meant, or take the comma out [trailing-comma]
        1:18 /a: literal-type is allowed here, and does not occur [unused-allow]
        ");
        let wrong = "# zkt: allow(x, leading-zero)\n/a\n  # zkt: alow(leading-zero)\n  /b\n";
        insta::assert_snapshot!(shown(wrong), @r#"
        1:14 /a: no lint has the name "x" [unknown-lint]
        3:3 /a: expected `# zkt: allow(NAME)` [unknown-lint]
        1:17 /a: leading-zero is allowed here, and does not occur [unused-allow]
        "#);
    }

    #[test]
    fn names_that_differ_in_case() {
        let text = "/a\n  maxThreads = 1\n  MAXTHREADS = 2\n  X = 1\n  x -> /a\n  /Node\n  /node\n/A\n  /node\n";
        insta::assert_snapshot!(shown(text), @r"
        1:1 /a: two nodes have names that differ in case only: A and a [case-only-difference]
        2:3 /a: two properties have names that differ in case only: MAXTHREADS and maxThreads [case-only-difference]
        7:3 /a/node: two nodes have names that differ in case only: Node and node [case-only-difference]
        ");
    }

    #[test]
    fn secrets_are_named_and_not_shown() {
        let text = "\
/a : token service
  DB_PASSWORD = 'hunter2'
  api_key = 12
  token_required = true
  password -> /a
  secret = ''
/b
  @secret pass*
  password = 'hunter2'
  keys = 1
";
        insta::assert_snapshot!(shown(text), @r"
        2:3 /a: DB_PASSWORD has the name of a secret, and no `@secret DB_PASSWORD` hides its value [plain-secret]
        3:3 /a: api_key has the name of a secret, and no `@secret api_key` hides its value [plain-secret]
        ");
    }

    #[test]
    fn services_that_differ_from_others() {
        let text = "\
/services
  /cms
    /providers
      /10.0.0.1:80
      /localhost:80
  /crm
    x = 1
  /group/erp : erp
    providers -> /services/cms/providers
  /group/hr/providers
    /10.0.0.1:80
    /localhost:80
  /old
    @keep
/elsewhere : erp
";
        insta::assert_snapshot!(shown(text), @r"
        6:3 /services/crm: a service without providers: other nodes beside it have it [service-without-providers]
        11:5 /services/group/hr/providers/10.0.0.1:80: the address stands at /services/cms/providers/10.0.0.1:80, too [repeated-address]
        ");
    }

    /// One line may declare many nodes, and one file may be included in many places.
    #[test]
    fn what_a_layer_adds_is_known_by_path() {
        let files = Memory::from([
            (
                "base.zkt",
                "/a\n  @files 'conf'\n/b/pool\n  threads = 1\n/c/pool\n/d\n",
            ),
            (
                "prod.zkt",
                "/a\n  @files 'more'\n/b\n  @include 'part'\n/c\n  @include 'part'\n/d\n  @include 'part'\n",
            ),
            ("conf/solr.xml", "1"),
            ("more/solr.xml", "2"),
            ("more/words.txt", "x"),
            ("part", "/pool\n  threads = 2\n"),
        ]);
        let source = load(Layers::new(["base.zkt", "prod.zkt"]).files(&files)).unwrap();
        let mut levels = Levels::default();
        levels.set(Lint::OverlayAddition, Level::Warn);
        let warnings = lint(&source, &levels);
        let found = warnings.iter().map(|warning| warning.path.as_str());
        let found: Vec<&str> = found.collect();
        assert_eq!(found, ["/a/words.txt", "/c/pool", "/d/pool"]);
    }

    #[test]
    fn slips_in_a_later_layer() {
        let text = "\
/cms
  threads = 4
  /pools
/kafka
  /topics
# --- prod.zkt ---
/cms
  thread = 8
  debug = true
  /pool
    threads = 1
/kafak/topics
";
        insta::assert_snapshot!(shown(text), @r"
        3:3 /cms: no earlier layer has the property thread: is threads meant? [overlay-typo]
        7:1 /kafak: no earlier layer has the node kafak: is kafka meant? [overlay-typo]
        ");
    }
}

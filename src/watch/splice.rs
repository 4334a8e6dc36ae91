//! A declared tree with the contents of some nodes replaced, where only they differ in a file.
//!
//! To lower all files again for the sake of one property would cost what the whole tree costs. Where
//! a file still declares the same nodes, and nobody else says anything of them, only that file is
//! parsed. Whatever is not as simple as that is left to a load of everything.

use std::collections::BTreeMap;

use crate::declare::lower::Lowering;
use crate::model::node::{Content, Declared};
use crate::model::path::ZPath;
use crate::model::plan::HiddenValues;
use crate::model::tree::Tree;
use crate::syntax::ast::{DataForm, Directive, Statement};
use crate::syntax::parser::Statements;
use crate::syntax::source::{SourceId, Sources, Span};

use super::source::Source;

/// Texts in force by name.
pub(super) type Texts = BTreeMap<String, Option<SourceId>>;

/// A tree that is being changed file by file.
pub(super) struct Splice<'a> {
    old: &'a Source,
    place: &'a ZPath,
    nodes: BTreeMap<ZPath, Declared>,
    changed: Vec<ZPath>,
    texts: Texts,
}

impl<'a> Splice<'a> {
    pub(super) fn new(old: &'a Source, place: &'a ZPath) -> Self {
        Self {
            old,
            place,
            nodes: BTreeMap::new(),
            changed: Vec::new(),
            texts: old.texts.clone(),
        }
    }

    /// Replaces the text of a file; tells how many bytes it had. None where that changes more than
    /// what nodes hold of which only this file says anything, or where the text is not sound.
    pub(super) fn replace(&mut self, name: &str, text: &[u8]) -> Option<usize> {
        let sources: &Sources = &self.old.sources;
        // A file that is read several times is not simple.
        let old_id = (*self.texts.get(name)?)?;
        let text = std::str::from_utf8(text).ok()?;
        let new_id = sources.add(name, text.to_owned()).ok()?;
        let old = lowered(sources, old_id, self.place)?;
        let new = lowered(sources, new_id, self.place)?;
        if old.len() != new.len() {
            return None;
        }
        for ((path, before), (new_path, after)) in old.into_iter().zip(new) {
            if path != new_path || before.standing != after.standing {
                return None;
            }
            let merged = self.old.tree.get(&path)?;
            let differs = !is_same(&before, &after);
            let is_own = |span: Span| span.source == old_id;
            let node = if spans(merged).all(is_own) {
                if differs && !self.may_replace(&before, &after) {
                    return None;
                }
                Declared {
                    standing: merged.standing,
                    // This file says nothing of ACLs.
                    acl: merged.acl.clone(),
                    ..after
                }
            } else {
                // Others have a say. Only that the node is named here may have moved.
                let origin = merged.origin.filter(|span| is_own(*span));
                let count = spans(merged).filter(|span| is_own(*span)).count();
                if differs || count > usize::from(origin.is_some()) {
                    return None;
                }
                if origin.is_none() {
                    continue;
                }
                Declared {
                    origin: after.origin,
                    ..merged.clone()
                }
            };
            if differs {
                self.changed.push(path.clone());
            }
            self.nodes.insert(path, node);
        }
        self.texts.insert(name.to_owned(), Some(new_id));
        Some(sources.get(old_id).text.len())
    }

    /// Whether nothing but these two decide what the node becomes.
    fn may_replace(&self, before: &Declared, after: &Declared) -> bool {
        if before.keep_children != after.keep_children || has_links(before) || has_links(after) {
            return false;
        }
        // What this layer does not say any more, one below it may say.
        self.old.layers == 1
            || before.directives.keys().eq(after.directives.keys())
                && before.properties().keys().eq(after.properties().keys())
                && is_raw(before) == is_raw(after)
    }

    /// The tree, the nodes that hold something else than before, and the texts by name.
    pub(super) fn finish(mut self) -> (Tree<Declared>, Vec<ZPath>, Texts) {
        let mut tree = self.old.tree.clone();
        for (path, node) in std::mem::take(&mut self.nodes) {
            if let Some(there) = tree.get_mut(&path) {
                *there = node;
            }
        }
        (tree, self.changed, self.texts)
    }
}

/// The texts in force by name; none for a name that several have.
pub(super) fn texts(sources: &Sources) -> Texts {
    let mut texts = Texts::new();
    for id in sources.ids() {
        let name = sources.get(id).name.to_string();
        texts
            .entry(name)
            .and_modify(|id| *id = None)
            .or_insert(Some(id));
    }
    texts
}

/// What one file declares by itself; none where it is not sound, or says what more than its own
/// nodes depend on.
fn lowered(sources: &Sources, id: SourceId, place: &ZPath) -> Option<Tree<Declared>> {
    let mut met = |_: &ZPath| {};
    let mut lowering = Lowering::new(place, &mut met);
    lowering.begin_file(None);
    let mut statements = Statements::new(sources, id);
    for line in statements.by_ref() {
        if let Statement::Directive(
            Directive::Include(_)
            | Directive::Acl(_)
            | Directive::Data {
                form: DataForm::File,
                ..
            },
        ) = &line.statement
        {
            return None;
        }
        lowering.statement(&line, None);
    }
    sources.note(id, statements.take_doubts());
    if !statements.into_errors().is_empty() {
        return None;
    }
    lowering.end_file();
    lowering.end_layer();
    let (tree, errors) = lowering.finish();
    errors.is_empty().then_some(tree)
}

/// All places where something is said of a node.
fn spans(node: &Declared) -> impl Iterator<Item = Span> + '_ {
    let (properties, raw): (&[Span], Option<Span>) = match &node.content {
        Content::Properties(properties) => (properties.origins(), None),
        Content::Raw { origin, .. } => (&[], *origin),
    };
    let directives = node.directives.values().copied();
    let content = properties.iter().copied().chain(raw);
    node.origin.into_iter().chain(directives).chain(content)
}

/// Whether two nodes are declared to be the same, wherever that stands.
fn is_same(a: &Declared, b: &Declared) -> bool {
    let hidden = |node: &Declared| HiddenValues(node.secret.clone());
    a.bytes() == b.bytes()
        && is_raw(a) == is_raw(b)
        && a.keep_children == b.keep_children
        && a.keep_properties == b.keep_properties
        && a.ignore.patterns() == b.ignore.patterns()
        && a.protect == b.protect
        && a.ephemeral == b.ephemeral
        && hidden(a) == hidden(b)
        && a.directives.keys().eq(b.directives.keys())
}

fn is_raw(node: &Declared) -> bool {
    matches!(node.content, Content::Raw { .. })
}

fn has_links(node: &Declared) -> bool {
    matches!(&node.content, Content::Properties(properties) if properties.has_links())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::source::{Layers, Outcome, Reading};
    use super::*;
    use crate::plan::scope::Filter;

    /// All that a source says, with places as people name them.
    fn said(source: &Source) -> Vec<String> {
        let node = |(path, node): &(ZPath, Declared)| {
            let mut places: Vec<String> = spans(node)
                .map(|span| source.sources.locate(span).to_string())
                .collect();
            places.sort();
            let data = String::from_utf8_lossy(node.bytes()).into_owned();
            let flags = (
                node.standing,
                node.keep_children,
                node.keep_properties,
                node.protect,
            );
            let (ignored, hidden) = (node.ignore.patterns(), HiddenValues(node.secret.clone()));
            let acl = node.acl.as_ref().map(ToString::to_string);
            format!("{path} {data} {flags:?} {ignored:?} {hidden:?} {acl:?} {places:?}")
        };
        source.tree.iter().map(node).collect()
    }

    /// The lines of a file, each there or not, or with one of several values.
    fn text(file: usize, random: &mut fastrand::Rng) -> String {
        let mut text = format!("/shared\n  /own{file}\n");
        for property in ["x", "y", "z"] {
            if random.u8(0..4) > 0 {
                text += &format!("    {property} = {}\n", random.u8(0..3));
            }
        }
        let lines = [
            "    @keep properties\n",
            "    @secret x\n",
            "    @ignore y\n",
            "    @protect\n",
            "    link -> /shared\n",
            "    /more\n      w = 1\n",
            "# a comment\n",
            "/common\n",
            "/common\n  c = 1\n",
            "/acl\n  @acl world:anyone:r\n",
            "/shared\n  s = 1\n",
            "nonsense\n",
        ];
        for line in lines {
            if random.u8(0..8) == 0 {
                text += line;
            }
        }
        text
    }

    #[test]
    fn what_is_spliced_is_what_a_load_brings() {
        let folder = tempfile::tempdir().unwrap();
        let mut random = fastrand::Rng::with_seed(3);
        let (mut spliced, mut sound) = (0, 0);
        for layout in 0..2 {
            let top = folder.path().join(layout.to_string());
            fs::create_dir_all(top.join("one")).unwrap();
            fs::create_dir_all(top.join("two")).unwrap();
            // Once all files are one layer, once each is its own.
            let file = |i: usize| top.join("one").join(format!("f{i}.zkt"));
            let names = if layout == 0 {
                vec![top.join("one").display().to_string()]
            } else {
                (0..3).map(|i| file(i).display().to_string()).collect()
            };
            let layers = Layers {
                below_chroot: false,
                names,
                place: ZPath::root(),
                allow_empty: false,
                filter: Filter::default(),
                draw: None,
                files: crate::declare::files::Disk::default(),
            };
            for i in 0..3 {
                fs::write(file(i), format!("/shared\n  /own{i}\n    x = 1\n")).unwrap();
            }
            let mut kept = Reading::new(layers.clone());
            for _ in 0..400 {
                let i = random.usize(0..3);
                // Now and then a file is laid over another one's node.
                let owner = if random.u8(0..6) == 0 { 0 } else { i };
                fs::write(file(i), text(owner, &mut random)).unwrap();
                let (fresh, _) = Reading::new(layers.clone()).read();
                match (kept.read().0, fresh) {
                    (Outcome::Same, _) => {}
                    (Outcome::Sound(kept_one), Outcome::Sound(fresh)) => {
                        let fresh = Reading::new(layers.clone()).take(*fresh);
                        let kept_one = kept.take(*kept_one);
                        assert_eq!(said(&kept_one), said(&fresh));
                        assert_eq!(kept_one.revision, fresh.revision);
                        spliced += usize::from(kept_one.change.is_some());
                        sound += 1;
                    }
                    (Outcome::Broken(kept), Outcome::Broken(fresh)) => assert_eq!(kept, fresh),
                    (kept, fresh) => panic!("{kept:?}, but {fresh:?}"),
                }
            }
        }
        assert!(spliced > 10 && sound - spliced > 10, "{spliced} of {sound}");
    }
}

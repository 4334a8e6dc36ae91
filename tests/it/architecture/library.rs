//! The source as Rust reads it: modules, their items, and what a path leads to.

use std::collections::BTreeMap;
use std::path::Path;

use syn::{Attribute, Item, UseTree, Visibility};

/// A module by its names, from the root of the crate.
pub(crate) type Module = Vec<String>;
/// A type or a trait by the module that defines it, and its name.
pub(crate) type Def = (Module, String);

/// A crate, read from its source, less its tests.
#[derive(Default)]
pub(crate) struct Crate {
    pub(crate) modules: BTreeMap<Module, Vec<Item>>,
    /// What each module calls by a name that it has from elsewhere.
    pub(crate) names: BTreeMap<Def, Vec<String>>,
}

pub(crate) fn has(attributes: &[Attribute], name: &str, word: &str) -> bool {
    let is_meant = |attribute: &Attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident(name)
            && list.is_ok_and(|list| list.tokens.to_string().contains(word))
    };
    attributes.iter().any(is_meant)
}

pub(crate) fn is_hidden(attributes: &[Attribute]) -> bool {
    has(attributes, "doc", "hidden")
}

pub(crate) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

impl Crate {
    pub(crate) fn library() -> Self {
        Self::read("src/lib.rs")
    }

    pub(crate) fn command_line() -> Self {
        Self::read("src/bin/zkt/main.rs")
    }

    fn read(root: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        let folder = root.parent().expect("a folder");
        let mut read = Self::default();
        read.file(Vec::new(), folder, &root);
        read
    }

    fn file(&mut self, module: Module, folder: &Path, file: &Path) {
        let text = std::fs::read_to_string(file).expect("a file of the module");
        let parsed = syn::parse_file(&text).expect("Rust");
        self.module(module, folder, parsed.items);
    }

    fn module(&mut self, module: Module, folder: &Path, mut items: Vec<Item>) {
        items.retain(|item| !matches!(item, Item::Mod(inner) if has(&inner.attrs, "cfg", "test")));
        for item in &items {
            match item {
                Item::Use(item) => self.name(&module, &mut Vec::new(), &item.tree),
                Item::Mod(item) => {
                    let name = item.ident.to_string();
                    let mut inner = module.clone();
                    inner.push(name.clone());
                    match &item.content {
                        Some((_, items)) => self.module(inner, folder, items.clone()),
                        None => {
                            let file = folder.join(format!("{name}.rs"));
                            self.file(inner, &folder.join(name), &file);
                        }
                    }
                }
                _ => {}
            }
        }
        self.modules.insert(module, items);
    }

    /// Takes note of the names of a `use`.
    pub(crate) fn name(&mut self, module: &Module, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.name(module, before, &path.tree);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.name(module, before, tree);
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                let own = before.last().expect("a module").clone();
                self.names.insert((module.clone(), own), before.clone());
            }
            UseTree::Name(name) => {
                let own = name.ident.to_string();
                let path = [before.as_slice(), std::slice::from_ref(&own)].concat();
                self.names.insert((module.clone(), own), path);
            }
            UseTree::Rename(rename) => {
                let path = [before.as_slice(), &[rename.ident.to_string()]].concat();
                self.names
                    .insert((module.clone(), rename.rename.to_string()), path);
            }
            UseTree::Glob(_) => panic!("{module:?} imports everything of {before:?}"),
        }
    }

    /// What a path in a module leads to. `None` if it is a type of another crate, or a parameter.
    pub(crate) fn find(&self, module: &Module, path: &[String]) -> Option<Def> {
        let (first, rest) = path.split_first()?;
        let mut inner = module.clone();
        match first.as_str() {
            "crate" => return self.find(&Vec::new(), rest),
            "self" => return self.find(module, rest),
            "super" => {
                inner.pop();
                return self.find(&inner, rest);
            }
            _ => {}
        }
        inner.push(first.clone());
        if self.modules.contains_key(&inner) && !rest.is_empty() {
            return self.find(&inner, rest);
        }
        let name = (module.clone(), first.clone());
        if self.item(&name).is_some() {
            return Some(name);
        }
        let path = self.names.get(&name)?;
        let path = [path.as_slice(), rest].concat();
        // A name that is imported from a crate of the same name leads nowhere in this one.
        let is_same = path.first() == Some(first) && path.len() == rest.len() + 1;
        if is_same {
            None
        } else {
            self.find(module, &path)
        }
    }

    /// The module that a path leads to, or that defines what it leads to.
    pub(crate) fn home(&self, module: &Module, path: &[String]) -> Option<Module> {
        if let Some((home, _)) = self.find(module, path) {
            return Some(home);
        }
        // An item of a type or of an enum, or a module itself.
        let (_, shorter) = path.split_last()?;
        self.home(module, shorter)
    }

    /// The type, trait or function of this name.
    pub(crate) fn item(&self, (module, name): &Def) -> Option<&Item> {
        let ident = |item: &Item| match item {
            Item::Struct(item) => Some(item.ident.to_string()),
            Item::Enum(item) => Some(item.ident.to_string()),
            Item::Trait(item) => Some(item.ident.to_string()),
            Item::Type(item) => Some(item.ident.to_string()),
            Item::Fn(item) => Some(item.sig.ident.to_string()),
            Item::Const(item) => Some(item.ident.to_string()),
            _ => None,
        };
        let mut items = self.modules.get(module)?.iter();
        items.find(|item| ident(item).as_ref() == Some(name))
    }
}

pub(crate) fn texts(path: &syn::Path) -> Vec<String> {
    let segments = path.segments.iter();
    segments.map(|segment| segment.ident.to_string()).collect()
}

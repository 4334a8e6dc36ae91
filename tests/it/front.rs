//! Whoever holds a value of a type of the front page can name its type.

use std::collections::BTreeMap;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A module by its names, from the root of the crate.
type Module = Vec<String>;
/// A type or a trait by the module that defines it, and its name.
type Def = (Module, String);

/// The library, read from its source.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Module, Vec<Item>>,
    /// What each module calls by a name that it has from elsewhere.
    names: BTreeMap<Def, Vec<String>>,
}

fn has(attributes: &[Attribute], name: &str, word: &str) -> bool {
    let is_meant = |attribute: &Attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident(name)
            && list.is_ok_and(|list| list.tokens.to_string().contains(word))
    };
    attributes.iter().any(is_meant)
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    has(attributes, "doc", "hidden")
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

impl Crate {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut read = Self::default();
        read.file(Vec::new(), &root, &root.join("lib.rs"));
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
    fn name(&mut self, module: &Module, before: &mut Vec<String>, tree: &UseTree) {
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
    fn find(&self, module: &Module, path: &[String]) -> Option<Def> {
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

    /// The type, trait or function of this name.
    fn item(&self, (module, name): &Def) -> Option<&Item> {
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

    /// All that a page lists: the re-exports and items of a module, and of those below it.
    fn listed(&self, module: &Module) -> Vec<Def> {
        let mut found = Vec::new();
        for item in &self.modules[module] {
            match item {
                Item::Mod(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                    if item.ident == "guide" {
                        continue;
                    }
                    let inner = [module.as_slice(), &[item.ident.to_string()]].concat();
                    found.extend(self.listed(&inner));
                }
                Item::Use(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                    let mut names = Self::default();
                    names.name(module, &mut Vec::new(), &item.tree);
                    let paths = names.names.values();
                    found.extend(paths.filter_map(|path| self.find(module, path)));
                }
                Item::Struct(item) if is_public(&item.vis) => {
                    found.push((module.clone(), item.ident.to_string()));
                }
                Item::Enum(item) if is_public(&item.vis) => {
                    found.push((module.clone(), item.ident.to_string()));
                }
                _ => {}
            }
        }
        found
    }

    /// What the documentation of an item names: fields, variants, methods, less those that are hidden.
    fn named(&self, def: &Def) -> Vec<(String, Def)> {
        let mut signature = Signature {
            library: self,
            module: &def.0,
            of: def.1.clone(),
            found: Vec::new(),
        };
        signature.visit_item(self.item(def).expect("an item"));
        let mut found = signature.found;
        for (module, items) in &self.modules {
            for item in items {
                let Item::Impl(block) = item else { continue };
                let syn::Type::Path(own) = &*block.self_ty else {
                    continue;
                };
                if block.trait_.is_some()
                    || self.find(module, &texts(&own.path)).as_ref() != Some(def)
                {
                    continue;
                }
                for item in &block.items {
                    let syn::ImplItem::Fn(method) = item else {
                        continue;
                    };
                    if !is_public(&method.vis) || is_hidden(&method.attrs) {
                        continue;
                    }
                    let mut signature = Signature {
                        library: self,
                        module,
                        of: format!("{}::{}", def.1, method.sig.ident),
                        found: Vec::new(),
                    };
                    signature.visit_signature(&method.sig);
                    found.append(&mut signature.found);
                }
            }
        }
        found
    }
}

fn texts(path: &syn::Path) -> Vec<String> {
    let segments = path.segments.iter();
    segments.map(|segment| segment.ident.to_string()).collect()
}

/// The types and traits of this crate that a signature names.
struct Signature<'c> {
    library: &'c Crate,
    module: &'c Module,
    of: String,
    found: Vec<(String, Def)>,
}

impl<'ast> Visit<'ast> for Signature<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(def) = self.library.find(self.module, &texts(path)) {
            self.found.push((self.of.clone(), def));
        }
        visit::visit_path(self, path);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        // The fields of a variant are as public as it is.
        let is_shown = is_public(&field.vis) || self.of.contains("::");
        if is_shown && !is_hidden(&field.attrs) {
            visit::visit_type(self, &field.ty);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if is_hidden(&variant.attrs) {
            return;
        }
        let of = format!("{}::{}", self.of, variant.ident);
        let of = std::mem::replace(&mut self.of, of);
        visit::visit_fields(self, &variant.fields);
        self.of = of;
    }

    fn visit_trait_item_fn(&mut self, method: &'ast syn::TraitItemFn) {
        if !is_hidden(&method.attrs) {
            self.visit_signature(&method.sig);
        }
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
    fn visit_block(&mut self, _: &'ast syn::Block) {}
}

#[test]
fn each_type_in_a_signature_of_the_front_page_can_be_named() {
    let library = Crate::read();
    let front = library.listed(&Vec::new());
    assert!(front.contains(&(vec!["model".into(), "plan".into()], "Plan".into())));
    let mut checked = 0;
    let mut found = Vec::new();
    for def in &front {
        for (of, named) in library.named(def) {
            checked += 1;
            if !front.contains(&named) {
                found.push(format!("{of}: {}::{}", named.0.join("::"), named.1));
            }
        }
    }
    assert!(checked > 200, "{checked}");
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, [""; 0]);
}

//! Whoever holds a value of a type of the front page can name its type.

use syn::visit::{self, Visit};
use syn::{Attribute, Item, Visibility};

use super::library::{Crate, Def, Module, is_hidden, is_public, texts};

/// What the documentation lists, and what it names.
impl Crate {
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
    let library = Crate::library();
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

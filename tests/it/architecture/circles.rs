//! There are no circles between files, nor between rooms: of two that need each other, neither can be
//! read first.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Item, Visibility};

use super::library::{Crate, Module, texts};

/// Which modules each module names. What it only passes on does not count.
type Arrows = BTreeMap<Module, BTreeSet<Module>>;

/// The paths that a module's code names.
struct Paths<'c> {
    library: &'c Crate,
    module: &'c Module,
    found: BTreeSet<Module>,
}

impl Paths<'_> {
    fn note(&mut self, path: &[String]) {
        if let Some(module) = self.library.home(self.module, path) {
            self.found.insert(module);
        }
    }

    /// Macros take code that is not parsed.
    fn tokens(&mut self, tokens: &str) {
        let joined = tokens.replace(" :: ", "::");
        // Of what is quoted, nothing is code.
        let unquoted = joined.replace("\\\"", "").replace("'\"'", "");
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let code = unquoted.split('"').step_by(2);
        let paths = code.flat_map(|code| code.split(|c| !is_path(c)));
        for path in paths.filter(|path| !path.is_empty()) {
            let path: Vec<String> = path.split("::").map(str::to_owned).collect();
            self.note(&path);
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note(&texts(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        self.tokens(&invoked.tokens.to_string());
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
    // Names that are imported are followed where they are used.
    fn visit_item_use(&mut self, _: &'ast syn::ItemUse) {}
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}
}

fn arrows(library: &Crate) -> Arrows {
    let arrow = |(module, items): (&Module, &Vec<Item>)| {
        let mut paths = Paths {
            library,
            module,
            found: BTreeSet::new(),
        };
        for item in items {
            paths.visit_item(item);
        }
        paths.found.remove(module);
        (module.clone(), paths.found)
    };
    let mut arrows: Arrows = library.modules.iter().map(arrow).collect();
    // The root lists what there is, and nothing builds on it.
    arrows.remove(&Module::new());
    arrows
}

/// The same arrows between the rooms of each floor, a room with all that is in it as one. A floor's own
/// file is none of its rooms.
fn between_rooms(arrows: &Arrows) -> Vec<Arrows> {
    let floors: BTreeSet<&[String]> = arrows
        .keys()
        .filter_map(|module| module.split_last())
        .map(|(_, floor)| floor)
        .collect();
    let of_floor = |floor: &[String]| {
        let room = |module: &Module| {
            let is_inside = module.len() > floor.len() && module.starts_with(floor);
            is_inside.then(|| module[..=floor.len()].to_vec())
        };
        let mut rooms = Arrows::new();
        for (from, targets) in arrows {
            let Some(from) = room(from) else { continue };
            let targets = targets.iter().filter_map(room).filter(|to| *to != from);
            let targets: Vec<Module> = targets.collect();
            rooms.entry(from).or_default().extend(targets);
        }
        rooms
    };
    floors.into_iter().map(of_floor).collect()
}

/// The modules that can be reached from one, by one step or more.
fn reached<'a>(arrows: &'a Arrows, from: &Module) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut ahead: Vec<&Module> = arrows[from].iter().collect();
    while let Some(module) = ahead.pop() {
        if found.insert(module) {
            ahead.extend(arrows.get(module).into_iter().flatten());
        }
    }
    found
}

/// Each arrow between modules that lead to each other.
fn circles(arrows: &Arrows) -> Vec<String> {
    let reach: BTreeMap<&Module, _> = arrows
        .keys()
        .map(|module| (module, reached(arrows, module)))
        .collect();
    let mut found = Vec::new();
    for (from, targets) in arrows {
        for to in targets {
            if reach.get(to).is_some_and(|reach| reach.contains(from)) {
                found.push(format!("{} -> {}", from.join("/"), to.join("/")));
            }
        }
    }
    found
}

#[test]
fn circles_are_found() {
    let module = |name: &str| vec![name.to_owned()];
    let arrow =
        |(from, to): (&str, &[&str])| (module(from), to.iter().map(|to| module(to)).collect());
    let graph: [(&str, &[&str]); 4] =
        [("a", &["b"]), ("b", &["c"]), ("c", &["b", "d"]), ("d", &[])];
    let graph: Arrows = graph.into_iter().map(arrow).collect();
    assert_eq!(circles(&graph), ["b -> c", "c -> b"]);
}

#[test]
fn circles_between_rooms_are_found() {
    let module = |path: &str| path.split('/').map(str::to_owned).collect::<Module>();
    // Each file can be read after those that it needs, but neither room after the other.
    let arrow = |(from, to): (&str, &str)| (module(from), BTreeSet::from([module(to)]));
    let mut graph: Arrows = [("f/a/x", "f/b/y"), ("f/b/z", "f/a/w"), ("f", "f/a/x")]
        .map(arrow)
        .into();
    for file in ["f/a", "f/a/w", "f/b", "f/b/y"] {
        graph.insert(module(file), BTreeSet::new());
    }
    assert_eq!(circles(&graph), [""; 0]);
    let found: Vec<String> = between_rooms(&graph).iter().flat_map(circles).collect();
    assert_eq!(found, ["f/a -> f/b", "f/b -> f/a"]);
}

#[test]
fn there_are_no_circles_between_files_or_rooms() {
    let mut found = Vec::new();
    for part in [Crate::library(), Crate::command_line()] {
        let arrows = arrows(&part);
        assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 100);
        found.extend(circles(&arrows));
        for rooms in between_rooms(&arrows) {
            found.extend(circles(&rooms));
        }
    }
    assert_eq!(found, [""; 0]);
}

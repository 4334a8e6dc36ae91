//! Services: nodes below which addresses stand, in a node `providers`.

use foldhash::{HashMap, HashSet};
use memchr::memmem;
use serde_json::Value;

use super::found::Found;
use crate::model::lint::Lint;
use crate::model::node::{Content, Declared};
use crate::model::path::ZPath;
use crate::model::plan::About;
use crate::model::tree::Tree;
use crate::model::value::TYPE;

const PROVIDERS: &str = "providers";

fn is_providers(path: &str) -> bool {
    path.ends_with("/providers")
}

/// Addresses that stand below two nodes `providers`.
pub(super) fn repeated_addresses(declared: &Tree<Declared>, found: &mut Found<'_>) {
    if !found.heeds(Lint::RepeatedAddress) {
        return;
    }
    let mut seen: HashMap<String, &ZPath> = HashMap::default();
    for (path, node) in declared {
        if !path.parent_str().is_some_and(is_providers) || !is_unique_address(path.name()) {
            continue;
        }
        let other = *seen.entry(path.name().to_ascii_lowercase()).or_insert(path);
        if other.parent_str() != path.parent_str() {
            let message = format!("the address stands at {other}, too");
            let lint = (Lint::RepeatedAddress, About::Trees);
            found.push(lint, path, node.origin, message);
        }
    }
}

/// Whether a name is a host and a port that one process has alone.
fn is_unique_address(name: &str) -> bool {
    let Some((host, port)) = name.rsplit_once(':') else {
        return false;
    };
    let is_local = ["", "localhost", "::1", "[::1]", "0.0.0.0", "::", "[::]"].contains(&host)
        || host.starts_with("127.");
    !is_local && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Services that lack `providers`, where services like them have it.
pub(super) fn without_providers(declared: &Tree<Declared>, found: &mut Found<'_>) {
    if !found.heeds(Lint::ServiceWithoutProviders) {
        return;
    }
    // All nodes above such a node; those right above one are services.
    let mut above: HashSet<&str> = HashSet::default();
    let mut services: Vec<&str> = Vec::new();
    for (path, _) in declared
        .iter()
        .filter(|(path, _)| is_providers(path.as_str()))
    {
        let service = path.parent_str().unwrap_or_default();
        services.push(service);
        let mut at = Some(service);
        while let Some(path) = at.filter(|path| above.insert(path)) {
            at = parent(path);
        }
    }
    if services.is_empty() {
        return;
    }
    let types = services.iter().filter_map(|service| {
        let service = declared.get(&ZPath::from_valid(service))?;
        type_of(service)
    });
    let types: HashSet<String> = types.collect();
    let homes = services.iter().filter_map(|service| parent(service));
    let homes: HashSet<&str> = homes.filter(|home| home.ends_with("/services")).collect();
    if types.is_empty() && homes.is_empty() {
        return;
    }
    let typed = memmem::Finder::new(b"\"type\":");
    for (path, node) in declared {
        let home = path.parent_str().filter(|home| homes.contains(home));
        let may_have_type = !types.is_empty() && typed.find(node.bytes()).is_some();
        if home.is_none() && !may_have_type || above.contains(path.as_str()) {
            continue;
        }
        if !node.is_declared() || node.keep_children {
            continue;
        }
        // To know a type, its node is decoded.
        let kind = may_have_type.then(|| type_of(node)).flatten();
        let kind = kind.filter(|kind| types.contains(kind));
        let why = match (kind, home) {
            (Some(_), _) => "other nodes of its type have it",
            (None, Some(_)) => "other nodes beside it have it",
            (None, None) => continue,
        };
        if !links_to_providers(node) {
            let message = format!("a service without {PROVIDERS}: {why}");
            let lint = (Lint::ServiceWithoutProviders, About::Trees);
            found.push(lint, path, node.origin, message);
        }
    }
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

fn links_to_providers(node: &Declared) -> bool {
    match &node.content {
        Content::Properties(properties) => properties.contains("providers ->"),
        Content::Raw { .. } => false,
    }
}

fn type_of(node: &Declared) -> Option<String> {
    let Content::Properties(properties) = &node.content else {
        return None;
    };
    match properties.get(TYPE)? {
        Value::String(kind) if !kind.is_empty() => Some(kind),
        _ => None,
    }
}

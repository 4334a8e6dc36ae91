//! Nodes as declared and nodes as they live in ZooKeeper.

mod version;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::{Copied, Peekable, Zip};
use std::slice;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::model::acl::Acl;
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::model::value::{self, Data, Encoded, Entries, Names, Properties, STRING_VALUE, entries};
use crate::syntax::names::{Globs, exact_glob, split_link};
use crate::syntax::place::Span;

pub use version::{AclVersion, DataVersion, Zxids};

/// A node as the tree files declare it.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a directive of its own"
)]
pub struct Declared {
    /// Declared, or only passed through on the way to another node.
    #[doc(hidden)]
    pub standing: Standing,
    /// The declared contents.
    #[doc(hidden)]
    pub content: Content,
    /// `@keep children`: undeclared children are neither trimmed nor extra.
    pub keep_children: bool,
    /// `@keep properties`: undeclared properties are left as they are.
    pub keep_properties: bool,
    /// `@ignore`: the live value of these properties wins.
    #[doc(hidden)]
    pub ignore: Globs,
    /// `@protect`: a plan that trims this node, or below it, is refused.
    pub protect: bool,
    /// `@ephemeral`: a session creates and deletes the node; it is left alone.
    pub ephemeral: bool,
    /// `@moved from`: where the node stood before, with all below it.
    pub moved_from: Option<ZPath>,
    /// `@secret`: whose values are never shown.
    #[doc(hidden)]
    pub secret: Secret,
    /// `@secret … from`: the values that come from outside of the tree files, by the name of the property,
    /// raw data under `"@data"`. They are secret, too.
    #[doc(hidden)]
    pub outside: BTreeMap<String, Outside>,
    /// The nearest `@acl`, here or above. `None` if there is none.
    pub acl: Option<Arc<Acl>>,
    /// `@acl deep`: undeclared nodes below are held to it, too.
    pub acl_is_deep: bool,
    /// Where the node is declared, or passed through first.
    #[doc(hidden)]
    pub origin: Option<Span>,
    /// Where each directive of this node stands.
    #[doc(hidden)]
    pub directives: BTreeMap<&'static str, Span>,
}

/// A value that comes from outside of the tree files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Where it comes from, as a tree file says it: `env DB_PASSWORD`.
    pub from: Arc<str>,
    /// Why it could not be had. Then a placeholder stands among the declared properties, which is neither
    /// compared nor written.
    pub lacks: Option<Arc<str>>,
}

/// Whether a node is declared or only stands on the way to one that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Compared, and written where it differs.
    #[default]
    Declared,
    /// Created where it is missing, otherwise left exactly as it is.
    PassedThrough,
    /// Declared, but outside of the plan.
    Outside {
        /// A node below it is in the plan, so this one is created if it is missing.
        needed: bool,
        /// It is excluded, so its undeclared children are not reported either.
        excluded: bool,
    },
}

/// The contents of a declared node.
#[derive(Debug, Clone)]
pub enum Content {
    /// Properties, links and the type included.
    Properties(DeclaredProperties),
    /// `@data`: raw bytes.
    Raw {
        /// The bytes.
        bytes: Arc<[u8]>,
        /// Where they are declared.
        origin: Option<Span>,
    },
}

impl Default for Content {
    fn default() -> Self {
        Self::Properties(DeclaredProperties::default())
    }
}

/// The declared properties of a node, held as the bytes that store them: most nodes are only ever
/// compared by these.
#[derive(Debug, Clone)]
pub struct DeclaredProperties {
    encoded: Encoded,
    /// Where each is declared, by name. `None` if they come from no file.
    origins: Box<[Span]>,
    count: u32,
    has_links: bool,
}

impl Default for DeclaredProperties {
    fn default() -> Self {
        /// Shared by all nodes without properties.
        static NONE: LazyLock<Encoded> = LazyLock::new(|| Data::of(Properties::new()).into());
        Self {
            encoded: NONE.clone(),
            origins: Box::default(),
            count: 0,
            has_links: false,
        }
    }
}

impl From<Properties> for DeclaredProperties {
    /// Properties that are not declared in a file.
    fn from(properties: Properties) -> Self {
        Self {
            origins: Box::default(),
            count: u32::try_from(properties.len()).expect("a node holds less than 4 GiB"),
            has_links: properties.keys().any(|name| split_link(name).is_some()),
            encoded: Data::of(properties).into(),
        }
    }
}

/// Links by their stored names, each with its target. `None` if the target is no text.
pub(crate) type Targets<'a> = Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>;

/// The links among properties.
pub(crate) fn targets_of(properties: Properties) -> Targets<'static> {
    let text = |value| match value {
        Value::String(text) => Some(text.into()),
        _ => None,
    };
    let links = properties.into_iter();
    let links = links.filter(|(name, _)| split_link(name).is_some());
    links
        .map(|(name, value)| (name.into(), text(value)))
        .collect()
}

impl DeclaredProperties {
    /// The properties of live data. Returns `None` unless they are stored as an object and would
    /// be declared as one.
    pub(crate) fn stored(data: &[u8]) -> Option<Self> {
        let (object, names) = Self::stored_object(data)?;
        Some(Self {
            origins: Box::default(),
            count: u32::try_from(names.count).ok()?,
            has_links: names.has_links,
            encoded: Encoded::object(object),
        })
    }

    /// The object that [`DeclaredProperties::stored`] holds.
    pub(crate) fn stored_object(data: &[u8]) -> Option<(&[u8], Names)> {
        let (object, names) = value::stored_object(data)?;
        let is_bare = names.count == 0 || names.count == 1 && names.has_string_value;
        (!is_bare).then_some((object, names))
    }

    /// Properties as they are stored, with the place of each by name.
    pub(crate) fn new(encoded: Encoded, origins: &[Span], has_links: bool) -> Self {
        Self {
            encoded,
            origins: origins.into(),
            count: u32::try_from(origins.len()).expect("a node holds less than 4 GiB"),
            has_links,
        }
    }

    /// The bytes that store them.
    #[must_use]
    pub fn encoded(&self) -> &Encoded {
        &self.encoded
    }

    /// Where each is declared, by name.
    pub(crate) fn origins(&self) -> &[Span] {
        &self.origins
    }

    /// The value of one of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        self.encoded.get(name)
    }

    /// Those that are links.
    #[must_use]
    pub fn links(&self) -> Properties {
        if !self.has_links {
            return Properties::new();
        }
        self.encoded.select(|name| split_link(name).is_some())
    }

    /// As [`DeclaredProperties::links`]; decodes nothing but the links.
    pub(crate) fn targets(&self) -> Targets<'_> {
        if !self.has_links {
            return Vec::new();
        }
        let entries = entries(self.encoded.as_bytes());
        let links = entries.filter(|entry| split_link(&entry.name).is_some());
        let targets = links.map(|entry| (entry.name, serde_json::from_str(entry.value).ok()));
        let targets: Vec<_> = targets.collect();
        if targets.is_sorted_by(|(a, _), (b, _)| a < b) {
            return targets;
        }
        targets_of(self.links())
    }

    /// Whether there is a property of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.encoded.contains(name)
    }

    /// The data that stores all but the links.
    pub(crate) fn without_links(&self) -> Encoded {
        if !self.has_links {
            return self.encoded.clone();
        }
        let is_plain = |name: &str| split_link(name).is_none();
        let mut object = vec![b'{'];
        for entry in entries(self.encoded.as_bytes()).filter(|entry| is_plain(&entry.name)) {
            if entry.name == STRING_VALUE {
                // A single `string_value` is stored as bare text.
                return Data::of(self.encoded.select(is_plain)).into();
            }
            if object.len() > 1 {
                object.push(b',');
            }
            object.extend_from_slice(entry.text.as_bytes());
        }
        object.push(b'}');
        Encoded::object(&object)
    }

    /// The properties by name.
    #[must_use]
    pub fn decode(&self) -> Properties {
        self.encoded.decode().into_properties()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether any of them is a link.
    #[must_use]
    pub fn has_links(&self) -> bool {
        self.has_links
    }

    /// Where a property is declared.
    #[must_use]
    pub fn origin_of(&self, name: &str) -> Option<Span> {
        if self.origins.is_empty() {
            return None;
        }
        // Properties that are declared in a file are sorted by name.
        let object = self.encoded.to_object();
        let at = entries(&object).position(|entry| entry.name == name)?;
        self.origins.get(at).copied()
    }
}

/// Where the properties of a node are declared, for many of them in the order of their names: one after the
/// other they take one look at the data.
pub(crate) struct Origins<'a> {
    node: &'a Declared,
    /// The rest of the properties with their origins, if they are an object.
    rest: Option<Declarations<'a>>,
    /// The last one that is not in the rest any more.
    passed: Option<Cow<'a, str>>,
}

type Declarations<'a> = Peekable<Zip<Entries<'a>, Copied<slice::Iter<'a, Span>>>>;

impl Origins<'_> {
    /// Where a property is declared.
    pub(crate) fn of(&mut self, name: &str) -> Option<Span> {
        let Some(rest) = &mut self.rest else {
            return self.node.origin_of(name);
        };
        while let Some((entry, _)) = rest.next_if(|(entry, _)| *entry.name < *name) {
            self.passed = Some(entry.name);
        }
        let has_passed = self.passed.as_ref().is_some_and(|passed| **passed >= *name);
        match rest.peek() {
            Some((entry, origin)) if entry.name == name => Some(*origin),
            _ if has_passed => self.node.origin_of(name),
            _ => None,
        }
    }
}

impl Tree<Declared> {
    /// The nodes that are declared, and what the plan is about.
    pub fn declared(&self) -> impl Iterator<Item = (&ZPath, &Declared)> {
        let nodes = self.iter().map(|(path, node)| (path, node));
        nodes.filter(|(_, node)| node.is_declared())
    }

    /// Whether [`Tree::declared`] has this node.
    #[must_use]
    pub fn declares(&self, path: &ZPath) -> bool {
        self.get(path).is_some_and(Declared::is_declared)
    }
}

impl Declared {
    /// Whether the node is declared, and what the plan is about.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.standing == Standing::Declared
    }

    /// Whether the node is only named on the way to another one.
    #[must_use]
    pub fn is_passed_through(&self) -> bool {
        self.standing == Standing::PassedThrough
    }

    /// The declared properties. Returns an empty map if the contents are raw.
    #[must_use]
    pub fn properties(&self) -> Properties {
        match &self.content {
            Content::Properties(properties) => properties.decode(),
            Content::Raw { .. } => Properties::new(),
        }
    }

    /// The data of a new node with the declared contents.
    #[must_use]
    #[doc(hidden)]
    pub fn data(&self) -> Encoded {
        match &self.content {
            Content::Properties(properties) => properties.encoded.clone(),
            Content::Raw { bytes, .. } => Encoded::raw(bytes.clone()),
        }
    }

    /// The data of a new node with the declared contents, as bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Properties(properties) => properties.encoded.as_bytes(),
            Content::Raw { bytes, .. } => bytes,
        }
    }

    /// Where each property is declared.
    pub(crate) fn origins(&self) -> Origins<'_> {
        let rest = match &self.content {
            Content::Properties(properties) if properties.encoded.is_object() => {
                let entries = entries(properties.encoded.as_bytes());
                let origins = properties.origins.iter().copied();
                (!properties.origins.is_empty()).then(|| entries.zip(origins).peekable())
            }
            _ => None,
        };
        Origins {
            node: self,
            rest,
            passed: None,
        }
    }

    /// Whether the value of a property, or under `"@data"` the raw data, comes from outside and could not be
    /// had.
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        let outside = self.outside.get(name);
        outside.is_some_and(|outside| outside.lacks.is_some())
    }

    /// Whether [`Declared::lacks`] holds for any.
    #[must_use]
    pub fn lacks_any(&self) -> bool {
        self.outside.values().any(|outside| outside.lacks.is_some())
    }

    /// The bytes of the declared contents, with where each value from outside comes from in its place.
    pub(crate) fn bytes_without_outside(&self) -> Cow<'_, [u8]> {
        let from = |name: &str| self.outside.get(name).map(|outside| outside.from.as_ref());
        match &self.content {
            _ if self.outside.is_empty() => self.bytes().into(),
            Content::Raw { bytes, .. } => match from(RAW_DATA) {
                Some(from) => from.as_bytes().into(),
                None => (&**bytes).into(),
            },
            Content::Properties(properties) => {
                let mut properties = properties.decode();
                for (name, value) in &mut properties {
                    if let Some(from) = from(name) {
                        *value = from.into();
                    }
                }
                Data::of(properties).encode().into()
            }
        }
    }

    /// Where a property is declared.
    #[must_use]
    #[doc(hidden)]
    pub fn origin_of(&self, property: &str) -> Option<Span> {
        match &self.content {
            Content::Properties(properties) => properties.origin_of(property),
            Content::Raw { origin, .. } => *origin,
        }
    }
}

/// The patterns of all `@secret` lines of a tree, each once.
#[must_use]
pub fn secret_names(tree: &Tree<Declared>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut last: &[String] = &[];
    for (_, node) in tree {
        if let Secret::Properties(globs) = &node.secret
            && globs.patterns() != last
        {
            last = globs.patterns();
            names.extend(last.iter().cloned());
        }
    }
    names
}

/// The name that stands for a node's raw data.
pub const RAW_DATA: &str = "@data";

/// Which parts of a node are never shown.
#[derive(Debug, Clone, Default)]
pub enum Secret {
    /// Everything may be shown.
    #[default]
    Nothing,
    /// The values of these properties are hidden.
    Properties(Globs),
    /// All data of the node is hidden.
    Everything,
}

impl Secret {
    /// Whether the value of a property, or under `"@data"` the raw data, is hidden.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            // A link is named as it is written, without the operator.
            Self::Properties(globs) => {
                let base = split_link(name).map_or(name, |(base, _)| base);
                globs.matches(base) || globs.matches(name)
            }
            Self::Everything => true,
        }
    }

    /// Hides these properties, too; under `"@data"` all data.
    #[must_use]
    pub fn with<'n>(self, names: impl IntoIterator<Item = &'n String>) -> Self {
        let mut patterns = Vec::new();
        for name in names {
            if name == RAW_DATA {
                return Self::Everything;
            }
            if !self.covers(name) {
                patterns.push(exact_glob(name));
            }
        }
        match patterns.is_empty() {
            true => self,
            false => {
                let these = Globs::new(patterns).map_or(Self::Everything, Self::Properties);
                self.and(&these)
            }
        }
    }

    /// Whether another one hides the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) | (Self::Everything, Self::Everything) => true,
            (Self::Properties(one), Self::Properties(other)) => one.patterns() == other.patterns(),
            _ => false,
        }
    }

    /// Hides what either hides.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (this, Self::Nothing) => this,
            (Self::Nothing, other) => other.clone(),
            (Self::Properties(these), Self::Properties(those)) => {
                let patterns = [these.patterns(), those.patterns()].concat();
                Globs::new(patterns).map_or(Self::Everything, Self::Properties)
            }
        }
    }
}

/// A live node, as far as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Live {
    /// Known only from its parent's list of children.
    Listed,
    /// The session may not read it.
    Unreadable,
    /// It was read.
    Read(LiveNode),
}

impl Live {
    /// What was read.
    #[must_use]
    pub fn node(&self) -> Option<&LiveNode> {
        match self {
            Self::Read(node) => Some(node),
            Self::Listed | Self::Unreadable => None,
        }
    }
}

/// What was read of a live node.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveNode {
    /// The data as it is stored.
    pub data: Vec<u8>,
    /// The data's version.
    pub version: DataVersion,
    /// The ACL's version.
    pub acl_version: AclVersion,
    /// The zxid of the change that created the node; 0 without a server.
    pub czxid: i64,
    /// The zxid of the change that last modified the data.
    pub mzxid: i64,
    /// When the node was created, in milliseconds since the epoch.
    pub ctime: i64,
    /// When its data was last modified, in milliseconds since the epoch.
    pub mtime: i64,
    /// Whether the node is ephemeral.
    pub ephemeral: bool,
    /// How many children the node had.
    pub children: u32,
    /// The ACL, if it was read.
    pub acl: Option<Arc<Acl>>,
}

impl LiveNode {
    /// A persistent node with this data, as if just created. For comparisons without a server.
    #[must_use]
    pub fn with_data(data: Vec<u8>) -> Self {
        Self {
            data,
            version: DataVersion::NEW,
            acl_version: AclVersion::NEW,
            czxid: 0,
            mzxid: 0,
            ctime: 0,
            mtime: 0,
            ephemeral: false,
            children: 0,
            acl: None,
        }
    }

    /// Which node this is. Returns `None` where no server was asked, and for `/`, of which there is
    /// only ever one.
    #[must_use]
    pub fn zxids(&self) -> Option<Zxids> {
        (self.czxid != 0).then_some(Zxids {
            created: self.czxid,
            modified: self.mzxid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::place::SourceId;

    #[test]
    fn origins_are_found_in_any_order() {
        let stored = br#"{"a":3,"b\n":2,"c":1,"e ->":"/x"}"#;
        let at = |start| Span {
            source: SourceId::new(0),
            start,
            end: start + 1,
        };
        let properties = DeclaredProperties {
            origins: (0..4).map(at).collect(),
            ..DeclaredProperties::stored(stored).unwrap()
        };
        let text = Data::Text("x".to_owned()).into();
        let bare = DeclaredProperties {
            encoded: text,
            origins: [at(7)].into(),
            ..DeclaredProperties::default()
        };
        let names = [
            "a",
            "b\n",
            "b",
            "c",
            "d",
            "e ->",
            "z",
            "a",
            "",
            "c",
            STRING_VALUE,
        ];
        for properties in [properties, bare] {
            let node = Declared {
                content: Content::Properties(properties),
                ..Declared::default()
            };
            let mut origins = node.origins();
            let asked = names.iter().chain(names.iter().rev());
            let found = asked.filter(|name| {
                let origin = origins.of(name);
                assert_eq!(origin, node.origin_of(name), "{name}");
                origin.is_some()
            });
            assert!([2, 12].contains(&found.count()));
        }
    }

    #[test]
    fn of_two_links_with_one_name_the_later_one_counts() {
        let stored = br#"{"b ->":"/x","a =>":1,"x":"b ->","b ->":"/y"}"#;
        let properties = DeclaredProperties::stored(stored).unwrap();
        let targets = properties.targets();
        let targets: Vec<_> = targets
            .iter()
            .map(|(name, target)| (&**name, target.as_deref()))
            .collect();
        assert_eq!(targets, [("a =>", None), ("b ->", Some("/y"))]);
        assert!(properties.contains("x") && !properties.contains("a"));
    }
}

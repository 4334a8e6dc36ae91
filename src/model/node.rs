//! Nodes as declared and nodes as they live in ZooKeeper.

mod properties;
mod secret;
mod version;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::{Copied, Peekable, Zip};
use std::slice;
use std::sync::Arc;

use crate::model::acl::Acl;
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::model::value::{Data, Encoded, Entries, Properties, entries};
use crate::syntax::names::Globs;
use crate::syntax::place::Span;

pub use properties::DeclaredProperties;
pub(crate) use properties::{Targets, targets_of};
pub use secret::{Outside, RAW_DATA, Secret};
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
        self.lacking().next().is_some()
    }

    /// Those for which [`Declared::lacks`] holds.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = (&String, &Outside)> {
        let all = self.outside.iter();
        all.filter(|(_, outside)| outside.lacks.is_some())
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

/// A live node, as far as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Live {
    /// Known only from its parent's list of children.
    Listed,
    /// The session may not read it.
    Unreadable,
    /// All but its data was read, which is empty here.
    WithoutData(LiveNode),
    /// As [`Live::WithoutData`]; it has children that the session may not list.
    Unlisted(LiveNode),
    /// It was read.
    Read(LiveNode),
}

impl Live {
    /// What was read, data included.
    #[must_use]
    pub fn node(&self) -> Option<&LiveNode> {
        match self {
            Self::Read(node) => Some(node),
            Self::Listed | Self::Unreadable | Self::WithoutData(_) | Self::Unlisted(_) => None,
        }
    }

    /// What was read besides the data.
    #[must_use]
    pub fn outline(&self) -> Option<&LiveNode> {
        match self {
            Self::Read(node) | Self::WithoutData(node) | Self::Unlisted(node) => Some(node),
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
    use crate::model::value::STRING_VALUE;
    use crate::syntax::place::SourceId;

    #[test]
    fn origins_are_found_in_any_order() {
        let stored = br#"{"a":3,"b\n":2,"c":1,"e ->":"/x"}"#;
        let at = |start| Span {
            source: SourceId::new(0),
            start,
            end: start + 1,
        };
        let mut properties = DeclaredProperties::stored(stored).unwrap();
        properties.origins = (0..4).map(at).collect();
        let mut bare = DeclaredProperties::default();
        bare.encoded = Data::Text("x".to_owned()).into();
        bare.origins = [at(7)].into();
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
}

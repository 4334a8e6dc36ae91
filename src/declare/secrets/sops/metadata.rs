//! What a file says of itself: for whom it is encrypted, and its checksum.

use super::error::SopsError;
use super::node::Node;

pub(super) struct Metadata {
    /// Recipients of age, each with the key of the file for it.
    pub(super) age: Vec<(String, String)>,
    /// Other recipients, for people.
    pub(super) others: Vec<String>,
    pub(super) has_groups: bool,
    /// When it was written, as it says it.
    pub(super) modified: String,
    /// The checksum, encrypted.
    pub(super) mac: String,
    /// Whether the checksum is over encrypted values only.
    pub(super) only_encrypted: bool,
}

/// Lists of recipients of other kinds: the name of the list, what it is, and what tells one from another.
const OTHERS: [(&str, &str, &str); 6] = [
    ("pgp", "the PGP key", "fp"),
    ("kms", "the AWS KMS key", "arn"),
    ("gcp_kms", "the Google Cloud KMS key", "resource_id"),
    ("azure_kv", "the Azure Key Vault key", "name"),
    ("hc_vault", "the Vault key", "key_name"),
    ("hckms", "the Huawei Cloud KMS key", "key_id"),
];

impl Metadata {
    pub(super) fn of(node: &Node) -> Result<Self, SopsError> {
        let required = |name: &str, why| {
            let text = node.text_of(name).map(str::to_owned);
            text.ok_or_else(|| SopsError::malformed(why))
        };
        let age = items(node, "age").filter_map(|one| {
            let recipient = one.text_of("recipient")?.to_owned();
            Some((recipient, one.text_of("enc")?.to_owned()))
        });
        let others = OTHERS.iter().flat_map(|(list, what, name)| {
            let named = |one: &Node| {
                format!(
                    "{what} {}",
                    one.text_of(name).map_or("without a name", shown)
                )
            };
            items(node, list).map(named).collect::<Vec<_>>()
        });
        let is_on = |name: &str| {
            node.text_of(name)
                .is_some_and(|on| on.eq_ignore_ascii_case("true"))
        };
        Ok(Self {
            age: age.collect(),
            others: others.collect(),
            has_groups: items(node, "key_groups").next().is_some(),
            modified: required("lastmodified", "it does not say its lastmodified")?,
            mac: required("mac", "it does not say its mac")?,
            only_encrypted: is_on("mac_only_encrypted"),
        })
    }

    /// Everybody for whom it is encrypted.
    pub(super) fn recipients(&self) -> Vec<String> {
        let age = self.age.iter().map(|(recipient, _)| shown(recipient));
        let others = self.others.iter().cloned();
        age.map(str::to_owned).chain(others).collect()
    }
}

/// The longest name of a recipient that is shown.
const LONGEST: usize = 200;

/// The name of a recipient, if it can be one: a key, an address or a path, without blanks.
fn shown(name: &str) -> &str {
    let is_one = |c: char| c.is_ascii_alphanumeric() || "-_.:/@+=%".contains(c);
    match !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_one) {
        true => name,
        false => "of a strange name",
    }
}

fn items<'n>(node: &'n Node, list: &str) -> impl Iterator<Item = &'n Node> {
    let items = match node.inner(list) {
        Some(Node::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter()
}

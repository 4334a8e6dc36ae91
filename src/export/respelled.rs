//! Whether a node's JSON keeps its bytes when it is written as properties and declared again.

use smallvec::SmallVec;

use super::copy::declare_node;
use crate::declare::lower::{Lowering, Referred};
use crate::model::node::{Content, DeclaredProperties, LiveNode};
use crate::model::path::ZPath;
use crate::model::value::{Data, entries};
use crate::syntax::json;
use crate::syntax::parser::Statements;
use crate::syntax::scanner::tokens::json_string;
use crate::syntax::source::Sources;

/// Whether the properties that a live node is exported as are stored in other bytes than its own:
/// it has JSON with blanks, with another order of keys, or with a key that occurs twice.
///
/// The values are the same.
#[must_use]
pub fn is_respelled(live: &LiveNode) -> bool {
    let data = &*live.data;
    // Fast path: most objects are as zkt writes them, and a scan shows that sooner than decoding.
    if data.first() == Some(&b'{') && bytes_of(data) == Bytes::Kept {
        return false;
    }
    if let Some((object, _)) = DeclaredProperties::stored_object(data) {
        return object.len() != data.len() || !is_kept(object);
    }
    if matches!(Data::decode(data), Data::Text(_) | Data::Binary(_)) {
        return false;
    }
    match declare_node(live).content {
        Content::Raw { .. } => false,
        Content::Properties(properties) => {
            declare_again(&properties.encoded().to_object()).is_none_or(|again| again != data)
        }
    }
}

/// Whether an object, which is valid JSON, is stored in just these bytes when its properties are
/// declared.
pub(super) fn is_kept(object: &[u8]) -> bool {
    match bytes_of(object) {
        Bytes::Kept => true,
        Bytes::Changed => false,
        Bytes::Unknown => declare_again(object).is_some_and(|again| again == object),
    }
}

/// The bytes that store the properties of an object when they are written as text and declared.
fn declare_again(object: &[u8]) -> Option<Vec<u8>> {
    let mut text = "/x\n".to_owned();
    for entry in entries(object) {
        text.push_str("  ");
        json::push_raw_property(&mut text, &entry.name, entry.value);
        text.push('\n');
    }
    let sources = Sources::default();
    let source = sources.add("", text).ok()?;
    let mut lowering = Lowering::new(&ZPath::root(), false);
    lowering.begin_file(None);
    for line in Statements::new(&sources, source) {
        lowering.statement(&line, Referred::Nothing);
    }
    lowering.end_file();
    lowering.end_layer();
    let (tree, _) = lowering.finish();
    let (_, node) = tree.iter().next()?;
    Some(node.bytes().to_vec())
}

/// Whether an object keeps its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bytes {
    Kept,
    Changed,
    /// Not known without declaring it.
    Unknown,
}

/// What contains a value.
enum Around<'j> {
    List,
    /// An object, with the previous key: `None` if there is none or it has escapes.
    Object(Option<&'j [u8]>),
}

/// Judges an object without decoding it.
fn bytes_of(object: &[u8]) -> Bytes {
    let mut bytes = Bytes::Kept;
    let mut around: SmallVec<[Around<'_>; 8]> = SmallVec::new();
    let (mut at, mut is_key) = (0, false);
    while let Some(byte) = object.get(at) {
        at += match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return Bytes::Changed,
            b'"' => {
                let Some((end, has_escapes)) = json_string(&object[at..], 0) else {
                    return Bytes::Unknown;
                };
                if has_escapes {
                    bytes = Bytes::Unknown;
                }
                if std::mem::take(&mut is_key)
                    && let Some(Around::Object(last)) = around.last_mut()
                {
                    let key = &object[at + 1..at + end - 1];
                    if !has_escapes && last.is_some_and(|last| last >= key) {
                        return Bytes::Changed;
                    }
                    *last = (!has_escapes).then_some(key);
                }
                end
            }
            b'{' => {
                is_key = true;
                around.push(Around::Object(None));
                1
            }
            b'[' => {
                around.push(Around::List);
                1
            }
            b'}' | b']' => {
                is_key = false;
                around.pop();
                1
            }
            b',' => {
                is_key = matches!(around.last(), Some(Around::Object(_)));
                1
            }
            b't' | b'n' => "true".len(),
            b'f' => "false".len(),
            b':' | b'0'..=b'9' | b'.' | b'-' => 1,
            // An exponent has several spellings.
            _ => {
                bytes = Bytes::Unknown;
                1
            }
        };
    }
    bytes
}

//! The lines below an action: what a new node holds, what of an existing one changes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;
use zkt::model::acl::{Acl, AclEntry, Permissions};
use zkt::model::node::Secret;
use zkt::model::path::ZPath;
use zkt::model::plan::{ACL_CHANGE, Add, Change, ChangeValue, DATA_CHANGE};
use zkt::model::value::{Entry, TYPE, entries, writing_order};
use zkt::syntax::json::push_raw_literal;
use zkt::syntax::names::{LinkKind, split_link};
use zkt::syntax::spelling::{hexadecimal, property_name, type_clause};

use super::HIDDEN;
use super::difference::{LONGEST_DIFF, Side, is_by_line, pair, write_lines};
use super::list::count;
use super::nested::{Difference, differences};
use super::style::{ADD, DIM, NEW, OLD, TRIM};
use super::value::{
    LONGEST, assignment, base64, link_target, literal, path_text, printable, raw, raw_text,
    shortened,
};

const INDENT: &str = "      ";

/// The properties of a new node as they are stored. Returns none if its data is declared as raw
/// bytes.
pub(super) fn stored_properties<'a>(add: &Add, object: &'a [u8]) -> SmallVec<[Entry<'a>; 8]> {
    if add.raw {
        return SmallVec::new();
    }
    entries(object).collect()
}

/// The type of a new node with its colon, as it is written after the path.
pub(super) fn new_type(add: &Add, properties: &[Entry<'_>]) -> Option<String> {
    if matches!(add.secret.0, Secret::Everything) {
        return None;
    }
    let kind = properties.iter().rfind(|entry| entry.name == TYPE)?;
    let kind: Cow<'_, str> = serde_json::from_str(kind.value).ok()?;
    let clause = type_clause(&kind)?;
    Some(if add.secret.0.covers(TYPE) {
        format!(" : {HIDDEN}")
    } else {
        clause
    })
}

/// Whether any of the raw data of a new node may be something that is not shown.
pub(super) fn hides_raw_data(add: &Add) -> bool {
    !matches!(add.secret.0, Secret::Nothing)
}

/// An ACL in words, with `auth::` for these users.
pub(super) fn acl_text(acl: &Acl, users: &[String]) -> String {
    let entries = acl.entries.iter().map(|entry| acl_entry(entry, users));
    entries.collect::<Vec<_>>().join(" ")
}

/// The identities that `auth::` means are named, but not their secrets.
pub(super) fn acl_entry(entry: &AclEntry, users: &[String]) -> String {
    if entry.who.scheme != "auth" || users.is_empty() {
        return printable(&entry.to_string()).into_owned();
    }
    let text = format!("auth ({})", users.join(", "));
    if entry.permissions == Permissions::ALL {
        printable(&text).into_owned()
    } else {
        printable(&format!("{text}:{}", entry.permissions)).into_owned()
    }
}

/// Appends the contents of a new node: without its type if that stands behind its path, and with its
/// ACL if `acl` is one.
pub(super) fn push_new(
    lines: &mut String,
    add: &Add,
    acl: Option<String>,
    mut properties: SmallVec<[Entry<'_>; 8]>,
    has_type: bool,
) {
    if let Some(acl) = acl {
        push_line(lines, &["acl: ", &acl]);
    }
    if matches!(add.secret.0, Secret::Everything) || add.raw && hides_raw_data(add) {
        return push_line(lines, &["@data ", HIDDEN]);
    }
    if add.raw {
        let data = shown(&ChangeValue::Raw(add.data.as_bytes().to_vec()));
        return push_line(lines, &["@data ", &data]);
    }
    properties.sort_by(|a, b| writing_order(&a.name, &b.name));
    for Entry { name, value, .. } in properties {
        if has_type && name == TYPE {
            continue;
        }
        let decoded = || serde_json::from_str::<Value>(value).unwrap_or_default();
        let (base, link) =
            split_link(&name).map_or((&*name, None), |(base, kind)| (base, Some(kind)));
        lines.push_str(INDENT);
        lines.push_str(&property_name(base));
        lines.push_str(link.map_or(" = ", |kind| match kind {
            LinkKind::Symbolic => " -> ",
            LinkKind::Property => " => ",
        }));
        let start = lines.len();
        if add.secret.0.covers(&name) {
            lines.push_str(HIDDEN);
        } else if link.is_some() {
            lines.push_str(&link_target(&decoded()));
        } else {
            push_raw_literal(lines, value);
            if lines.len() - start > LONGEST {
                lines.truncate(start);
                lines.push_str(&shown_json(&decoded()));
            }
        }
        lines.push('\n');
    }
}

fn push_line(lines: &mut String, words: &[&str]) {
    lines.push_str(INDENT);
    lines.extend(words.iter().copied());
    lines.push('\n');
}

/// One changed property, link, data or ACL.
///
/// A line without a mark in front is one that holds afterwards; `-` marks what goes, `+` what is
/// new. New links have no mark: the `@` of their action says it.
pub(super) fn write_change(
    change: &Change,
    users: &[String],
    out: &mut dyn Write,
) -> io::Result<()> {
    let hidden = Some(HIDDEN.to_owned());
    let directive = is_directive(change);
    if directive && change.name == ACL_CHANGE {
        return match (change.secret, &change.old, &change.new) {
            (false, old, Some(ChangeValue::Acl(new))) => {
                let old = match old {
                    Some(ChangeValue::Acl(acl)) => acl.clone(),
                    _ => Acl::default(),
                };
                write_acl(&old, new, users, out)
            }
            _ => writeln!(out, "{INDENT}acl: {HIDDEN}"),
        };
    }
    let (left, link) = match change.name.as_str() {
        DATA_CHANGE if directive => (DATA_CHANGE.to_owned(), None),
        name => assignment(name),
    };
    if link.is_some() {
        let target = |value: &Option<ChangeValue>| match value {
            Some(_) if change.secret => hidden.clone(),
            Some(ChangeValue::Json(value)) => Some(link_target(value)),
            Some(other) => Some(shown(other)),
            None => None,
        };
        return match (target(&change.old), target(&change.new)) {
            (Some(old), Some(new)) => {
                writeln!(
                    out,
                    "{INDENT}{left} {NEW}{new}{NEW:#}  (was {OLD}{old}{OLD:#})"
                )
            }
            (None, Some(new)) => writeln!(out, "{INDENT}{left} {NEW}{new}{NEW:#}"),
            (old, None) => write_removed(&left, &old.unwrap_or_default(), out),
        };
    }
    match (&change.old, &change.new) {
        (Some(_), Some(_)) if change.secret => {
            writeln!(out, "{INDENT}{left} {HIDDEN} -> {HIDDEN}")
        }
        (Some(old), Some(new)) => write_changed(INDENT, &left, old, new, out),
        (None, Some(new)) => {
            let value = if change.secret {
                HIDDEN.to_owned()
            } else {
                shown(new)
            };
            writeln!(out, "    {ADD}+{ADD:#} {left} {NEW}{value}{NEW:#}")
        }
        (Some(_), None) if change.secret => write_removed(&left, HIDDEN, out),
        (Some(old), None) => write_removed(&left, &shown(old), out),
        (None, None) => write_removed(&left, "", out),
    }
}

/// The ACL that a change sets, where it is one of an ACL.
pub(super) fn new_acl(change: &Change) -> Option<&Acl> {
    match &change.new {
        Some(ChangeValue::Acl(acl)) if !change.secret => Some(acl),
        _ => None,
    }
}

/// Whether data or an ACL changes. A property may have the same name, so this looks at the values.
pub(super) fn is_directive(change: &Change) -> bool {
    let mut values = change.old.iter().chain(&change.new);
    !values.all(|value| matches!(value, ChangeValue::Json(_) | ChangeValue::Beyond(_)))
}

fn write_removed(left: &str, value: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "    {TRIM}-{TRIM:#} {left} {OLD}{value}{OLD:#}")
}

fn write_changed(
    indent: &str,
    left: &str,
    old: &ChangeValue,
    new: &ChangeValue,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let (Some(old), Some(new)) = (text(old), text(new))
        && (is_by_line(old, new) || is_long_text(old, new))
    {
        return write_text(indent, left, old, new, out);
    }
    if is_long_binary(old) || is_long_binary(new) {
        let (old, new) = (shown(old), shown(new));
        let before = &indent[..indent.len().saturating_sub(2)];
        writeln!(out, "{before}{TRIM}-{TRIM:#} {left} {OLD}{old}{OLD:#}")?;
        return writeln!(out, "{before}{ADD}+{ADD:#} {left} {NEW}{new}{NEW:#}");
    }
    let pair = pair(&whole(old), &whole(new));
    if (pair.old.shortened || pair.new.shortened)
        && let (ChangeValue::Json(old), ChangeValue::Json(new)) = (old, new)
        && let Some(found) = differences(old, new)
    {
        return write_nested(indent, left, &found, out);
    }
    let with_length = |side: Side, value: &ChangeValue| {
        let (length, unit) = length(value);
        let note = if side.shortened {
            format!(" ({length} {unit})")
        } else {
            String::new()
        };
        side.text + &note
    };
    let (old, new) = (with_length(pair.old, old), with_length(pair.new, new));
    writeln!(out, "{indent}{left} {old} -> {new}")
}

/// Whether one of these has lines, and more than can be compared by eye.
fn is_long_text(old: &str, new: &str) -> bool {
    let has_lines = old.contains('\n') || new.contains('\n');
    has_lines && old.len().max(new.len()) > LONGEST
}

/// The lines of a text that changed.
fn write_text(
    indent: &str,
    left: &str,
    old: &str,
    new: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (from, to) = (old.lines().count(), new.lines().count());
    let count = if from == to {
        count(to, "line")
    } else {
        format!("{} -> {}", count(from, "line"), count(to, "line"))
    };
    writeln!(out, "{indent}{left} {DIM}({count}){DIM:#}")?;
    write_lines(old, new, &format!("{indent}  "), out)
}

/// The keys of a long value that changed, each with what it held and holds.
fn write_nested(
    indent: &str,
    left: &str,
    found: &[Difference<'_>],
    out: &mut dyn Write,
) -> io::Result<()> {
    let changes = count(found.len(), "change");
    writeln!(out, "{indent}{left} {DIM}({changes} inside){DIM:#}")?;
    for Difference { path, old, new } in found.iter().take(LONGEST_DIFF) {
        let path = printable(path);
        let value = |value: &Value| ChangeValue::Json(value.clone());
        match (old, new) {
            (Some(old), Some(new)) => {
                let left = format!("{path} =");
                write_changed(&format!("{indent}  "), &left, &value(old), &value(new), out)?;
            }
            (None, Some(new)) => {
                let new = shown_json(new);
                writeln!(out, "{indent}{ADD}+{ADD:#} {path} = {NEW}{new}{NEW:#}")?;
            }
            (old, None) => {
                let old = old.map(shown_json).unwrap_or_default();
                writeln!(out, "{indent}{TRIM}-{TRIM:#} {path} = {OLD}{old}{OLD:#}")?;
            }
        }
    }
    match found.len().saturating_sub(LONGEST_DIFF) {
        0 => Ok(()),
        more => writeln!(
            out,
            "{indent}  {DIM}({}){DIM:#}",
            count(more, "more change")
        ),
    }
}

/// Bytes that are no text, and more than can be compared by eye.
fn is_long_binary(value: &ChangeValue) -> bool {
    const LONGEST_BASE64: usize = LONGEST / 4 * 3;
    matches!(value, ChangeValue::Raw(bytes)
        if bytes.len() > LONGEST_BASE64 && raw_text(bytes).is_none())
}

/// Writes that a node gets the ACL of an ancestor, which was printed there.
pub(super) fn write_inherited_acl(above: &ZPath, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{INDENT}acl: as {}", path_text(above))
}

fn write_acl(old: &Acl, new: &Acl, users: &[String], out: &mut dyn Write) -> io::Result<()> {
    let has: BTreeSet<_> = new.entries.iter().collect();
    let had: BTreeSet<_> = old.entries.iter().collect();
    for entry in old.entries.iter().filter(|entry| !has.contains(entry)) {
        let entry = acl_entry(entry, users);
        writeln!(out, "    {TRIM}-{TRIM:#} acl: {OLD}{entry}{OLD:#}")?;
    }
    for entry in &new.entries {
        let had = had.contains(entry);
        let entry = acl_entry(entry, users);
        if had {
            writeln!(out, "{INDENT}acl: {entry}")?;
        } else {
            writeln!(out, "    {ADD}+{ADD:#} acl: {NEW}{entry}{NEW:#}")?;
        }
    }
    Ok(())
}

pub(super) fn text(value: &ChangeValue) -> Option<&str> {
    match value {
        ChangeValue::Json(Value::String(text)) => Some(text),
        ChangeValue::Raw(bytes) => raw_text(bytes),
        ChangeValue::Json(_) | ChangeValue::Beyond(_) | ChangeValue::Acl(_) => None,
    }
}

pub(super) fn whole(value: &ChangeValue) -> String {
    match value {
        ChangeValue::Json(value) => literal(value),
        ChangeValue::Beyond(text) => printable(text).into_owned(),
        ChangeValue::Raw(bytes) => raw(bytes),
        ChangeValue::Acl(acl) => acl.to_string(),
    }
}

pub(super) fn length(value: &ChangeValue) -> (usize, &'static str) {
    match value {
        ChangeValue::Json(Value::String(text)) => (text.chars().count(), "characters"),
        ChangeValue::Raw(bytes) => (bytes.len(), "bytes"),
        other => (whole(other).chars().count(), "characters"),
    }
}

/// A value by itself, shortened if it is long. Of bytes that are no text the length and the hash are
/// shown.
fn shown(value: &ChangeValue) -> String {
    if let ChangeValue::Raw(bytes) = value
        && is_long_binary(value)
    {
        let hash = hexadecimal(&Sha256::digest(bytes));
        return format!("({} bytes, sha256 {hash})", bytes.len());
    }
    let (length, unit) = length(value);
    shortened(&whole(value), length, unit)
}

/// As [`shown`], of a property.
fn shown_json(value: &Value) -> String {
    let whole = literal(value);
    let length = value.as_str().unwrap_or(&whole).chars().count();
    shortened(&whole, length, "characters")
}

/// The bytes of raw data as JSON shows them.
pub(super) fn raw_json(bytes: &[u8]) -> Value {
    serde_json::json!({ "base64": base64(bytes) })
}

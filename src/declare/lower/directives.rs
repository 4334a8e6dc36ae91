//! What directives say of their node.

use std::sync::Arc;

use base64::Engine as _;

use super::error::{Error, Found, NotBase64};
use crate::model::acl::{Acl, AclEntry};
use crate::model::node::{Content, Declared, Secret};
use crate::syntax::ast::{DataForm, Directive, Text};
use crate::syntax::names::Globs;
use crate::syntax::place::Span;

/// Lays down in a node what a directive says of it; `file` are the contents of the file that it names.
pub(super) fn lay_down(
    node: &mut Declared,
    directive: &Directive<'_>,
    span: Span,
    file: Option<Arc<[u8]>>,
    errors: &mut Found,
) {
    match directive {
        Directive::Keep {
            children,
            properties,
        } => {
            node.keep_children = *children;
            node.keep_properties = *properties;
        }
        Directive::Ignore(patterns) => match globs(patterns) {
            Ok(globs) => node.ignore = globs,
            Err(error) => errors.push(error),
        },
        Directive::Protect => node.protect = true,
        Directive::Ephemeral => node.ephemeral = true,
        Directive::Secret(patterns) if patterns.is_empty() => node.secret = Secret::Everything,
        Directive::Secret(patterns) => match globs(patterns) {
            Ok(globs) => node.secret = Secret::Properties(globs),
            Err(error) => errors.push(error),
        },
        Directive::Acl { deep, entries } => {
            node.acl = Some(acl(entries, errors));
            node.acl_is_deep = *deep;
        }
        Directive::Data { form, text } => match bytes(*form, text, file) {
            Ok(bytes) => errors.extend(bytes.and_then(|bytes| hold(node, bytes, span))),
            Err(error) => errors.push(error),
        },
        Directive::SecretFrom(_)
        | Directive::Include(_)
        | Directive::Files { .. }
        | Directive::Moved(_) => {}
    }
}

fn acl(texts: &[Text<'_>], errors: &mut Found) -> Arc<Acl> {
    let mut entries = Vec::with_capacity(texts.len());
    for text in texts {
        match AclEntry::parse(&text.text) {
            Ok(entry) if entry.is_no_digest() => errors.push(Error::Digest {
                span: text.span,
                user: user_of(&entry),
                masked: entry.is_masked(),
            }),
            Ok(entry) => entries.push(entry),
            Err(error) => errors.push(Error::Acl {
                span: text.span,
                error,
            }),
        }
    }
    Arc::new(Acl { entries })
}

/// Makes raw bytes of a node's contents. Returns the error if it has properties.
pub(super) fn hold(node: &mut Declared, bytes: Arc<[u8]>, span: Span) -> Option<Error> {
    let origin = Some(span);
    match std::mem::replace(&mut node.content, Content::Raw { bytes, origin }) {
        Content::Properties(there) => {
            let property = there.origins().first().copied()?;
            Some(data_and_properties((span, property)))
        }
        Content::Raw { .. } => None,
    }
}

pub(super) fn data_and_properties((span, property): (Span, Span)) -> Error {
    Error::DataAndProperties { span, property }
}

/// The user of a digest. Returns `None` where the id is one word: that may be the password.
fn user_of(entry: &AclEntry) -> Option<String> {
    let (user, _) = entry.who.id.split_once(':')?;
    Some(user.to_owned())
}

fn globs(patterns: &[Text<'_>]) -> Result<Globs, Error> {
    for pattern in patterns {
        if let Err(error) = Globs::new(vec![pattern.text.to_string()]) {
            return Err(Error::Glob {
                span: pattern.span,
                error,
            });
        }
    }
    let span = patterns[0].span;
    let texts = patterns
        .iter()
        .map(|pattern| pattern.text.to_string())
        .collect();
    Globs::new(texts).map_err(|error| Error::Glob { span, error })
}

/// The bytes of `@data`. Returns `Ok(None)` if its file could not be read: that is already
/// reported.
fn bytes(
    form: DataForm,
    text: &Text<'_>,
    file: Option<Arc<[u8]>>,
) -> Result<Option<Arc<[u8]>>, Error> {
    match form {
        DataForm::Text => Ok(Some(text.text.as_bytes().into())),
        DataForm::File => Ok(file),
        DataForm::Base64 => {
            let digits: String = text.text.chars().filter(|c| !c.is_whitespace()).collect();
            let decoded = base64::engine::general_purpose::STANDARD.decode(digits);
            let decoded = decoded.map_err(|error| Error::Base64 {
                span: text.span,
                error: Some(NotBase64(error)),
            })?;
            Ok(Some(decoded.into()))
        }
    }
}

//! [`ast::Document`](crate::syntax::ast::Document) to canonical text: one layout, comments kept, the tree
//! unchanged.

use crate::syntax::ast::{
    DataForm, Directive, Document, FileGlob, Line, Literal, LiteralKind, SecretSource, Statement,
    Text,
};
use crate::syntax::characters::is_space;
use crate::syntax::place::Span;
use crate::syntax::scanner::tokens::{Token, Tokens};
use crate::syntax::source::Sources;
use crate::syntax::spelling;

const INDENT: &str = "  ";

/// Formats a document that parsed without an error.
///
/// Two spaces a level, one space around operators, two before a comment, at most one blank line
/// in a row, strings in single quotes, raw ones as they are, lists of several lines with one item
/// a line. All line ends are as the first one. Formatting twice is formatting once.
#[must_use]
pub fn format(document: &Document<'_>, sources: &Sources) -> String {
    let formatter = Formatter {
        text: &sources.get(document.source).text,
    };
    let mut out = String::with_capacity(formatter.text.len());
    let mut blank = false;
    for line in &document.lines {
        if matches!(line.statement, Statement::Blank) && line.comment.is_none() {
            blank = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut blank) {
            out.push('\n');
        }
        formatter.line(line, &mut out);
    }
    if has_crlf(formatter.text) {
        out = out.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    out
}

/// Whether the first line ends with a carriage return and a line feed.
fn has_crlf(text: &str) -> bool {
    memchr::memchr(b'\n', text.as_bytes()).is_some_and(|end| text[..end].ends_with('\r'))
}

struct Formatter<'s> {
    text: &'s str,
}

impl Formatter<'_> {
    fn line(&self, line: &Line<'_>, out: &mut String) {
        let indent = INDENT.repeat(line.level as usize);
        out.push_str(&indent);
        out.push_str(&self.statement(&line.statement, &indent));
        if let Some(comment) = line.comment {
            if !matches!(line.statement, Statement::Blank) {
                out.push_str("  ");
            }
            out.push_str(&self.text[comment.range()]);
        }
        out.push('\n');
    }

    fn statement(&self, statement: &Statement<'_>, indent: &str) -> String {
        match statement {
            Statement::Blank | Statement::Invalid => String::new(),
            Statement::Node(node) => {
                let names = node
                    .names
                    .iter()
                    .map(|name| format!("/{}", spelling::node_name(&name.text)));
                let mut text: String = names.collect();
                if let Some(kind) = &node.kind {
                    let as_written = || {
                        let written = &self.text[kind.span.range()];
                        format!(" :{}{written}", spelling::blank_before(written))
                    };
                    text.push_str(&spelling::type_clause(&kind.text).unwrap_or_else(as_written));
                }
                text
            }
            Statement::Property { name, value } => {
                let value = self.literal(value, indent);
                format!("{} = {value}", spelling::property_name(&name.text))
            }
            Statement::Link { name, target } => link(name, "->", target),
            Statement::PropertyLink { name, target } => link(name, "=>", target),
            Statement::Directive(directive) => self.directive(directive),
        }
    }

    fn directive(&self, directive: &Directive<'_>) -> String {
        let word = directive.word();
        let words = |texts: &[Text<'_>]| {
            texts
                .iter()
                .map(|text| format!(" {}", spelling::pattern(&text.text)))
                .collect::<String>()
        };
        let string = |text: &Text<'_>| self.string(&text.text, &self.text[text.span.range()]);
        match directive {
            Directive::Keep {
                children: true,
                properties: true,
            }
            | Directive::Protect
            | Directive::Ephemeral => word.to_owned(),
            Directive::Keep { children: true, .. } => format!("{word} children"),
            Directive::Keep { .. } => format!("{word} properties"),
            Directive::Ignore(texts) => format!("{word}{}", words(texts)),
            Directive::Secret(texts) => {
                let words = texts.iter();
                let words = words.map(|text| format!(" {}", spelling::secret_pattern(&text.text)));
                format!("{word}{}", words.collect::<String>())
            }
            Directive::SecretFrom(secret) => {
                let source = match &secret.source {
                    SecretSource::Variable(name) => format!("env {}", name.text),
                    SecretSource::File(path) => format!("file {}", string(path)),
                    SecretSource::Sops { file, key } => {
                        format!("sops {} {}", string(file), spelling::sops_key(key))
                    }
                };
                let name = spelling::secret_name(&secret.name.text);
                format!("{word} {name} from {source}")
            }
            Directive::Acl {
                deep: true,
                entries,
            } => format!("{word} deep{}", words(entries)),
            Directive::Acl { entries, .. } => format!("{word}{}", words(entries)),
            Directive::Data { form, text } => {
                let form = match form {
                    DataForm::Text => "",
                    DataForm::Base64 => " base64",
                    DataForm::File => " file",
                };
                format!("{word}{form} {}", string(text))
            }
            Directive::Include(text) => format!("{word} {}", string(text)),
            Directive::Moved(text) => format!("{word} from {}", string(text)),
            Directive::Files { directory, globs } => {
                let directory = string(directory);
                let globs = globs.iter().map(|glob| self.file_glob(glob));
                format!("{word} {directory}{}", globs.collect::<String>())
            }
        }
    }

    /// A glob, in quotes if it was written so.
    fn file_glob(&self, glob: &FileGlob<'_>) -> String {
        let mark = if glob.leaves_out { "!" } else { "" };
        let (text, source) = (&*glob.text.text, &self.text[glob.text.span.range()]);
        if text == source {
            format!(" {mark}{text}")
        } else {
            format!(" {mark}{}", self.string(text, source))
        }
    }

    /// A value on one line, or over several where it was written so.
    fn literal(&self, literal: &Literal<'_>, indent: &str) -> String {
        let source = &self.text[literal.span.range()];
        match &literal.kind {
            // A single value in brackets of its own, over lines: its comments have their place.
            LiteralKind::Null | LiteralKind::Bool(_) | LiteralKind::Number(_)
                if source.contains('\n') =>
            {
                source.to_owned()
            }
            LiteralKind::Null => "None".to_owned(),
            LiteralKind::Bool(true) => "True".to_owned(),
            LiteralKind::Bool(false) => "False".to_owned(),
            LiteralKind::Number(number) => number_as_written(source, number),
            LiteralKind::String(text) => self.string(text, source),
            // Comments and the line breaks of strings have their place between the items.
            LiteralKind::List(_) | LiteralKind::Dict(_)
                if is_laid_out_by_hand(literal, self.text) =>
            {
                source.to_owned()
            }
            LiteralKind::List(items) => {
                let items = items
                    .iter()
                    .map(|item| self.literal(item, &format!("{indent}{INDENT}")));
                brackets('[', ']', items.collect(), source.contains('\n'), indent)
            }
            LiteralKind::Dict(pairs) => {
                let inner = format!("{indent}{INDENT}");
                let pairs = pairs.iter().map(|(key, value)| {
                    format!(
                        "{}: {}",
                        self.literal(key, &inner),
                        self.literal(value, &inner)
                    )
                });
                brackets('{', '}', pairs.collect(), source.contains('\n'), indent)
            }
        }
    }

    /// A string in single quotes, unless it was spread over lines or is raw on purpose.
    fn string(&self, text: &str, source: &str) -> String {
        if source.contains('\n') || has_raw_part(source) {
            source.to_owned()
        } else {
            spelling::string_literal(text)
        }
    }
}

/// Whether any of the strings side by side on one line is raw.
fn has_raw_part(source: &str) -> bool {
    let is_raw = |at: usize| source[..at].ends_with(['r', 'R']);
    Tokens::new(source, 0)
        .any(|(range, token)| matches!(token, Token::String { .. }) && is_raw(range.start))
}

fn link(name: &Text<'_>, operator: &str, target: &Text<'_>) -> String {
    let blank = spelling::blank_before(&target.text);
    format!(
        "{} {operator}{blank}{}",
        spelling::property_name(&name.text),
        target.text
    )
}

fn brackets(open: char, close: char, items: Vec<String>, over_lines: bool, indent: &str) -> String {
    if items.is_empty() || !over_lines {
        return format!("{open}{}{close}", items.join(", "));
    }
    let mut text = format!("{open}\n");
    for item in items {
        text.push_str(&format!("{indent}{INDENT}{item},\n"));
    }
    text.push_str(&format!("{indent}{close}"));
    text
}

/// Whether a list or dict over several lines holds a comment, or a string over several lines.
fn is_laid_out_by_hand(literal: &Literal<'_>, text: &str) -> bool {
    let source = &text[literal.span.range()];
    if !source.contains('\n') {
        return false;
    }
    // Outside of its strings a literal holds a number sign only in comments.
    let mut strings = Vec::new();
    collect_strings(literal, &mut strings);
    let mut end = literal.span.start as usize;
    for span in strings {
        if text[end..span.start as usize].contains('#') || text[span.range()].contains('\n') {
            return true;
        }
        end = span.end as usize;
    }
    text[end..literal.span.end as usize].contains('#')
}

fn collect_strings(literal: &Literal<'_>, spans: &mut Vec<Span>) {
    match &literal.kind {
        LiteralKind::String(_) => spans.push(literal.span),
        LiteralKind::List(items) => items.iter().for_each(|item| collect_strings(item, spans)),
        LiteralKind::Dict(pairs) => {
            for (key, value) in pairs {
                collect_strings(key, spans);
                collect_strings(value, spans);
            }
        }
        LiteralKind::Null | LiteralKind::Bool(_) | LiteralKind::Number(_) => {}
    }
}

/// Numbers keep their base and their underscores; what only Python 2 reads is spelled anew.
fn number_as_written(source: &str, json: &str) -> String {
    let is_around = |c| matches!(c, '+' | '-' | '(' | ')') || is_space(c);
    let unsigned = source.trim_matches(is_around);
    let unsigned = unsigned.trim_end_matches(['l', 'L']);
    let octal = unsigned.len() > 1
        && unsigned.starts_with('0')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    let sign = if json.starts_with('-') { "-" } else { "" };
    if octal {
        format!("{sign}0o{}", &unsigned[1..])
    } else {
        format!("{sign}{unsigned}")
    }
}

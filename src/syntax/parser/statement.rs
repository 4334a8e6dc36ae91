//! One `parse_<rule>` for each rule of the grammar from `line` down to names and directives.

use std::borrow::Cow;

use pest::iterators::Pair;
use smallvec::SmallVec;

use crate::syntax::ast::{
    DataForm, Directive, FileGlob, Line, Literal, LiteralKind, Node, SecretFrom, SecretSource,
    Statement, Text,
};
use crate::syntax::characters::is_invisible;
use crate::syntax::parser::error::ErrorKind;
use crate::syntax::parser::matched::{Matched, Rule, drifted, only};
use crate::syntax::spelling::{self, quoted, string_literal};

impl Matched<'_> {
    /// A line, on no level yet; one with an error in it is [`Statement::Invalid`].
    pub(super) fn parse_line<'s>(&mut self, pair: Pair<'s, Rule>) -> Line<'s> {
        let before = self.errors();
        let mut line = Line {
            level: 0,
            span: self.span(0, 0),
            statement: Statement::Blank,
            comment: None,
        };
        for pair in pair.into_inner() {
            let span = pair.as_span();
            match pair.as_rule() {
                Rule::indent => line.span = self.span(span.end(), span.end()),
                Rule::comment => {
                    let length = pair.as_str().trim_end().len();
                    line.comment = Some(self.span(span.start(), span.start() + length));
                }
                Rule::EOI => {}
                _ => {
                    line.span = self.span(span.start(), span.end());
                    line.statement = self.parse_statement(pair);
                }
            }
        }
        if self.errors() > before {
            line.statement = Statement::Invalid;
        }
        line
    }

    fn parse_statement<'s>(&mut self, pair: Pair<'s, Rule>) -> Statement<'s> {
        Statement::Directive(match pair.as_rule() {
            Rule::node => return Statement::Node(self.parse_node(pair)),
            Rule::entry => return self.parse_entry(pair),
            Rule::keep => parse_keep(pair),
            Rule::ignore => Directive::Ignore(self.parse_words(pair)),
            Rule::protect => Directive::Protect,
            Rule::ephemeral => Directive::Ephemeral,
            Rule::secret => self.parse_secret(pair),
            Rule::acl => self.parse_acl(pair),
            Rule::data => self.parse_data(pair),
            Rule::include => Directive::Include(self.parse_string(only(pair))),
            Rule::files => self.parse_files(pair),
            Rule::moved => Directive::Moved(self.parse_moved(pair)),
            rule => drifted(rule),
        })
    }

    // ---- nodes

    fn parse_node<'s>(&mut self, pair: Pair<'s, Rule>) -> Node<'s> {
        let mut names = SmallVec::new();
        let mut kind = None;
        for pair in pair.into_inner() {
            match pair.as_rule() {
                Rule::segment => names.push(self.parse_segment(pair)),
                Rule::kind => kind = Some(self.parse_kind(pair)),
                rule => drifted(rule),
            }
        }
        Node { names, kind }
    }

    fn parse_segment<'s>(&mut self, pair: Pair<'s, Rule>) -> Text<'s> {
        let span = self.span_of(&pair);
        let text = Cow::Borrowed("");
        match pair.into_inner().next() {
            Some(name) => self.parse_text(&name),
            None => Text { text, span },
        }
    }

    fn parse_kind<'s>(&mut self, pair: Pair<'s, Rule>) -> Text<'s> {
        let span = self.span_of(&pair);
        let text = only(pair);
        if text.as_rule() == Rule::quoted_type {
            return self.parse_text(&only(text));
        }
        if text.as_str().starts_with('"') && !text.as_str()[1..].contains('"') {
            self.error(span, ErrorKind::Unclosed("\""));
        }
        self.parse_text(&text)
    }

    // ---- properties and links

    fn parse_entry<'s>(&mut self, pair: Pair<'s, Rule>) -> Statement<'s> {
        let mut parts = pair.into_inner();
        let (Some(name), Some(rest)) = (parts.next(), parts.next()) else {
            drifted(Rule::entry);
        };
        let name = self.parse_text(&only(name));
        self.name = Some(name.span);
        match rest.as_rule() {
            Rule::property => {
                let value = self.parse_value(only(rest));
                Statement::Property { name, value }
            }
            Rule::link => {
                let target = self.parse_text(&only(rest));
                Statement::Link { name, target }
            }
            Rule::property_link => self.parse_property_link(name, only(rest)),
            rule => drifted(rule),
        }
    }

    fn parse_property_link<'s>(&mut self, name: Text<'s>, target: Pair<'s, Rule>) -> Statement<'s> {
        if target.as_rule() == Rule::value {
            return stored_link(name, self.parse_value(target));
        }
        let target = self.parse_text(&target);
        Statement::PropertyLink { name, target }
    }

    // ---- directives

    /// The patterns or entries behind a directive's word.
    fn parse_words<'s>(&mut self, pair: Pair<'s, Rule>) -> Vec<Text<'s>> {
        let words = pair.into_inner();
        words.map(|word| self.parse_text(&only(word))).collect()
    }

    fn parse_secret<'s>(&mut self, pair: Pair<'s, Rule>) -> Directive<'s> {
        let mut parts = pair.into_inner().peekable();
        let mut names = Vec::new();
        while let Some(name) = parts.next_if(|part| part.as_rule() == Rule::pattern) {
            names.push(self.parse_text(&only(name)));
        }
        let Some(from) = parts.next() else {
            return Directive::Secret(names);
        };
        let (Some(name), Some(source)) = (names.pop(), from.into_inner().last()) else {
            drifted(Rule::secret);
        };
        let source = self.parse_secret_source(source);
        Directive::SecretFrom(Box::new(SecretFrom { name, source }))
    }

    fn parse_secret_source<'s>(&mut self, pair: Pair<'s, Rule>) -> SecretSource<'s> {
        let rule = pair.as_rule();
        let mut parts = pair.into_inner();
        let Some(first) = parts.next() else {
            drifted(rule);
        };
        match rule {
            Rule::from_env => SecretSource::Variable(self.parse_text(&first)),
            Rule::from_file => SecretSource::File(self.parse_string(first)),
            Rule::from_sops => {
                let file = self.parse_string(first);
                let names = parts.next().map(Pair::into_inner).into_iter().flatten();
                let key = names.map(|name| self.parse_text(&name)).collect();
                SecretSource::Sops { file, key }
            }
            rule => drifted(rule),
        }
    }

    fn parse_acl<'s>(&mut self, pair: Pair<'s, Rule>) -> Directive<'s> {
        let (deep, entries): (Vec<_>, Vec<_>) = pair
            .into_inner()
            .partition(|part| part.as_rule() == Rule::acl_deep);
        let entries = entries.into_iter();
        Directive::Acl {
            deep: !deep.is_empty(),
            entries: entries.map(|entry| self.parse_text(&only(entry))).collect(),
        }
    }

    fn parse_data<'s>(&mut self, pair: Pair<'s, Rule>) -> Directive<'s> {
        let parts = pair.into_inner();
        let form = match parts
            .peek()
            .filter(|part| part.as_rule() == Rule::data_form)
        {
            Some(form) if form.as_str() == "base64" => DataForm::Base64,
            Some(_) => DataForm::File,
            None => DataForm::Text,
        };
        let Some(string) = parts.last() else {
            drifted(Rule::data);
        };
        let text = self.parse_string(string);
        Directive::Data { form, text }
    }

    fn parse_files<'s>(&mut self, pair: Pair<'s, Rule>) -> Directive<'s> {
        let mut parts = pair.into_inner();
        let Some(directory) = parts.next() else {
            drifted(Rule::files);
        };
        let directory = self.parse_string(directory);
        let globs = parts.map(|glob| self.parse_file_glob(glob)).collect();
        Directive::Files { directory, globs }
    }

    fn parse_file_glob<'s>(&mut self, pair: Pair<'s, Rule>) -> FileGlob<'s> {
        let mut parts = pair.into_inner().peekable();
        let mark = parts.next_if(|part| part.as_rule() == Rule::left_out);
        let text = match parts.next() {
            Some(word) if word.as_rule() == Rule::glob_word => self.parse_text(&word),
            Some(string) => self.parse_string(string),
            None => drifted(Rule::file_glob),
        };
        FileGlob {
            leaves_out: mark.is_some(),
            text,
        }
    }

    fn parse_moved<'s>(&mut self, pair: Pair<'s, Rule>) -> Text<'s> {
        let Some(string) = pair.into_inner().last() else {
            drifted(Rule::moved);
        };
        self.parse_string(string)
    }

    // ---- names

    /// A bare text as it stands, a quoted one decoded.
    fn parse_text<'s>(&mut self, pair: &Pair<'s, Rule>) -> Text<'s> {
        let span = self.span_of(pair);
        let text = match pair.as_rule() {
            Rule::quoted => {
                let decoded = serde_json::from_str(pair.as_str()).unwrap_or_else(|error| {
                    self.error(span, ErrorKind::QuotedName(error.to_string()));
                    String::new()
                });
                Cow::Owned(decoded)
            }
            Rule::node_name
            | Rule::type_text
            | Rule::property_name
            | Rule::target
            | Rule::property_target
            | Rule::pattern_word
            | Rule::glob_word
            | Rule::variable
            | Rule::sops_word
            | Rule::acl_word => {
                self.check_visible(pair);
                Cow::Borrowed(pair.as_str())
            }
            rule => drifted(rule),
        };
        Text { text, span }
    }

    /// Reports the first invisible character of a bare text.
    fn check_visible(&mut self, pair: &Pair<'_, Rule>) {
        /// Longer texts are not shown again.
        const LONGEST: usize = 200;
        let text = pair.as_str();
        if text.is_ascii() {
            return;
        }
        let Some((at, character)) = text.char_indices().find(|(_, c)| is_invisible(*c)) else {
            return;
        };
        let literal = string_literal(text);
        let instead = match pair.as_rule() {
            Rule::type_text => format!("type = {literal}"),
            Rule::target | Rule::property_target => {
                format!("the property that the link is stored as: \"… ->\" = {literal}")
            }
            _ => quoted(text),
        };
        let instead = Some(instead).filter(|instead| instead.len() <= LONGEST);
        let start = pair.as_span().start() + at;
        let at = self.span(start, start + character.len_utf8());
        self.error(at, ErrorKind::Invisible { character, instead });
    }
}

fn parse_keep<'s>(pair: Pair<'_, Rule>) -> Directive<'s> {
    let what = pair.into_inner().next();
    let what = what.as_ref().map(Pair::as_str);
    Directive::Keep {
        children: what != Some("properties"),
        properties: what != Some("children"),
    }
}

/// A property link that is written as the property it is stored as.
fn stored_link<'s>(name: Text<'s>, value: Literal<'s>) -> Statement<'s> {
    let stored = format!("{} =>", name.text);
    match value.kind {
        LiteralKind::String(target) if spelling::link(&stored, &(*target).into()).is_some() => {
            let span = value.span;
            let target = Text { text: target, span };
            Statement::PropertyLink { name, target }
        }
        _ => {
            let (text, span) = (stored.into(), name.span);
            let name = Text { text, span };
            Statement::Property { name, value }
        }
    }
}

//! One `parse_<rule>` for each rule of the grammar from `value` down.

use std::borrow::Cow;

use pest::iterators::Pair;

use crate::syntax::ast::{Literal, LiteralKind, Text};
use crate::syntax::doubt::DoubtKind;
use crate::syntax::names::is_storable_name;
use crate::syntax::parser::error::ErrorKind;
use crate::syntax::parser::matched::{Matched, Rule, drifted};
use crate::syntax::parser::number::{has_leading_zero, number};
use crate::syntax::parser::string::Decoder;
use crate::syntax::place::Span;

impl Matched<'_> {
    /// The value of a property: one, or several with commas between them.
    pub(super) fn parse_value<'s>(&mut self, pair: Pair<'s, Rule>) -> Literal<'s> {
        let span = self.span_of(&pair);
        let (items, has_comma) = self.parse_items(pair);
        if has_comma && items.len() == 1 {
            self.doubt(span, DoubtKind::TrailingComma);
        }
        only_or_list(items, has_comma, span)
    }

    /// One value; one that is wrong is reported and stands for null.
    fn parse_item<'s>(&mut self, pair: Pair<'s, Rule>) -> Literal<'s> {
        let span = self.span_of(&pair);
        let kind = match pair.as_rule() {
            Rule::constant => parse_constant(&pair),
            Rule::number => self.parse_number(&pair),
            Rule::string | Rule::inner_string => LiteralKind::String(self.parse_string(pair).text),
            Rule::list => LiteralKind::List(self.parse_items(pair).0),
            Rule::tuple => {
                let (items, has_comma) = self.parse_items(pair);
                return only_or_list(items, has_comma, span);
            }
            Rule::dict => LiteralKind::Dict(self.parse_dict(pair)),
            rule => drifted(rule),
        };
        Literal { kind, span }
    }

    /// The values in brackets, or beside each other; and whether there is a comma.
    fn parse_items<'s>(&mut self, pair: Pair<'s, Rule>) -> (Vec<Literal<'s>>, bool) {
        let mut items = Vec::new();
        let mut has_comma = false;
        for pair in pair.into_inner() {
            match pair.as_rule() {
                Rule::comma => has_comma = true,
                _ => items.push(self.parse_item(pair)),
            }
        }
        (items, has_comma)
    }

    fn parse_dict<'s>(&mut self, pair: Pair<'s, Rule>) -> Vec<(Literal<'s>, Literal<'s>)> {
        let pairs = pair.into_inner();
        let pairs = pairs.filter(|pair| pair.as_rule() != Rule::comma);
        pairs.map(|pair| self.parse_pair(pair)).collect()
    }

    fn parse_pair<'s>(&mut self, pair: Pair<'s, Rule>) -> (Literal<'s>, Literal<'s>) {
        let rule = pair.as_rule();
        let mut sides = pair.into_inner();
        let (Rule::pair, Some(key), Some(_colon), Some(value)) =
            (rule, sides.next(), sides.next(), sides.next())
        else {
            drifted(rule);
        };
        let key = self.parse_item(key);
        if !matches!(key.kind, LiteralKind::String(_)) {
            let what = "a dict with a key that is no string";
            let instead = Some("put the key in quotes");
            self.error(key.span, ErrorKind::NotJson { what, instead });
        }
        (key, self.parse_item(value))
    }

    fn parse_number<'s>(&mut self, pair: &Pair<'s, Rule>) -> LiteralKind<'s> {
        let span = self.span_of(pair);
        match number(pair.as_str()) {
            Ok(number) => {
                if has_leading_zero(pair.as_str()) {
                    self.doubt(span, DoubtKind::LeadingZero);
                }
                LiteralKind::Number(Cow::Owned(number))
            }
            Err(kind) => {
                self.error(span, kind);
                LiteralKind::Null
            }
        }
    }

    /// A string, or several side by side.
    pub(super) fn parse_string<'s>(&mut self, pair: Pair<'s, Rule>) -> Text<'s> {
        let span = self.span_of(&pair);
        let text = decode_string(pair).unwrap_or_else(|kind| {
            self.error(span, kind);
            String::new()
        });
        if !is_storable_name(&text) {
            let instead = Some("choose another text");
            let what = "a text that holds $serde_json::private::";
            self.error(span, ErrorKind::NotJson { what, instead });
        }
        let text = Cow::Owned(text);
        Text { text, span }
    }
}

/// Commas make a list, and so does one behind a single value.
fn only_or_list(mut items: Vec<Literal<'_>>, has_comma: bool, span: Span) -> Literal<'_> {
    if !has_comma && let Some(only) = items.pop() {
        return Literal { span, ..only };
    }
    let kind = LiteralKind::List(items);
    Literal { kind, span }
}

fn parse_constant<'s>(pair: &Pair<'s, Rule>) -> LiteralKind<'s> {
    match pair.as_str() {
        "None" | "null" => LiteralKind::Null,
        "True" | "true" => LiteralKind::Bool(true),
        "False" | "false" => LiteralKind::Bool(false),
        _ => drifted(Rule::constant),
    }
}

/// The text of a string, or of several side by side.
pub(super) fn decode_string(pair: Pair<'_, Rule>) -> Result<String, ErrorKind> {
    let mut decoder = Decoder::default();
    for part in pair.into_inner() {
        let (mut unicode, mut raw) = (false, false);
        for pair in part.into_inner() {
            let text = pair.as_str();
            match pair.as_rule() {
                Rule::prefix => {
                    unicode = text.contains(['u', 'U']);
                    raw = text.contains(['r', 'R']);
                }
                Rule::long_string => decoder.part(&text[3..text.len() - 3], unicode, raw)?,
                Rule::short_string => decoder.part(&text[1..text.len() - 1], unicode, raw)?,
                rule => drifted(rule),
            }
        }
    }
    decoder.finish()
}

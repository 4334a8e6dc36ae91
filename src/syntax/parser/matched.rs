//! What the grammar matched, on its way to a statement.
//!
//! Each rule that gives something has one function `parse_<rule>`, in `statement` and `literal`.
//! They take the rule apart as the grammar puts it together: what they do not expect is a mistake
//! in zkt, not in the text, and panics with the rule's name.

use pest::Parser as _;
use pest::error::Error as PestError;
use pest::iterators::Pair;

use crate::syntax::doubt::DoubtKind;
use crate::syntax::parser::error::ErrorKind;
use crate::syntax::parser::findings::Findings;
use crate::syntax::place::Span;

mod grammar {
    #![allow(missing_docs, reason = "the grammar file documents its rules")]

    #[derive(pest_derive::Parser)]
    #[grammar = "grammar/zkt.pest"]
    pub(crate) struct Grammar;
}

pub(super) use grammar::Rule;

/// Matches a text with a rule; gives the rule's pair.
pub(super) fn matches(rule: Rule, text: &str) -> Result<Pair<'_, Rule>, Box<PestError<Rule>>> {
    let mut pairs = grammar::Grammar::parse(rule, text)?;
    Ok(pairs.next().expect("a match of a rule has its pair"))
}

/// The only pair in one.
pub(super) fn only(pair: Pair<'_, Rule>) -> Pair<'_, Rule> {
    let rule = pair.as_rule();
    let mut inner = pair.into_inner();
    match (inner.next(), inner.next()) {
        (Some(only), None) => only,
        _ => drifted(rule),
    }
}

/// The grammar and the functions for its rules do not fit together.
pub(super) fn drifted(rule: Rule) -> ! {
    unreachable!("the grammar's {rule:?} is not what the parser takes it for")
}

/// A logical line that matched.
pub(super) struct Matched<'p> {
    /// Where it starts in the source.
    start: usize,
    findings: &'p mut Findings,
    /// The name of the property whose value is being read.
    pub(super) name: Option<Span>,
}

impl<'p> Matched<'p> {
    pub(super) fn new(start: usize, findings: &'p mut Findings) -> Self {
        Self {
            start,
            findings,
            name: None,
        }
    }

    /// The bytes of the source from `start` to `end` of the line.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        self.findings.span(self.start + start, self.start + end)
    }

    pub(super) fn span_of(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        self.span(span.start(), span.end())
    }

    pub(super) fn error(&mut self, span: Span, kind: ErrorKind) {
        self.findings.error(span, kind);
    }

    /// Notes a doubt about the value of a property.
    pub(super) fn doubt(&mut self, span: Span, kind: DoubtKind) {
        if let Some(name) = self.name {
            self.findings.doubt(span, kind, name);
        }
    }

    /// How many errors the text has so far.
    pub(super) fn errors(&self) -> usize {
        self.findings.errors()
    }
}

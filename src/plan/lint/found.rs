//! The warnings that were found.

use crate::model::lint::{Level, Levels, Lint};
use crate::model::path::ZPath;
use crate::model::plan::{About, Warning};
use crate::syntax::place::Span;
use crate::syntax::source::Sources;

/// The warnings so far.
pub(super) struct Found<'a> {
    pub(super) sources: &'a Sources,
    levels: &'a Levels,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Found<'a> {
    pub(super) fn new(sources: &'a Sources, levels: &'a Levels) -> Self {
        Self {
            sources,
            levels,
            warnings: Vec::new(),
        }
    }

    pub(super) fn heeds(&self, lint: Lint) -> bool {
        self.levels.heeds(lint)
    }

    pub(super) fn push(
        &mut self,
        (lint, about): (Lint, About),
        path: &ZPath,
        at: Option<Span>,
        text: String,
    ) {
        self.warnings.push(Warning {
            path: path.clone(),
            lint,
            level: Level::Warn,
            about,
            message: text,
            origin: at.map(|span| self.sources.locate(span)),
        });
    }
}

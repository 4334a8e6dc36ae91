//! Which files of a directory `@files` takes.

use globset::GlobSet;

use crate::declare::lower;
use crate::syntax::ast::{FileGlob, Text};
use crate::syntax::names::{self, GlobError};

/// The globs of an `@files` line. The last one that matches a path, or a directory around it, decides.
pub(super) struct FileGlobs {
    globs: Vec<Glob>,
}

struct Glob {
    matcher: GlobSet,
    leaves_out: bool,
    /// Whether it ends with a slash.
    only_directories: bool,
    /// Its names that start with a dot: only these match a name that does.
    dotted: Vec<GlobSet>,
    has_matched: bool,
}

/// What the globs say of a path and of what is below it.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// For each glob, whether it matches the path or a directory around it.
    matched: Vec<bool>,
    /// For each glob, whether it matches all names of the path that start with a dot.
    sees: Vec<bool>,
    /// Whether a name of the path starts with a dot.
    hidden: bool,
}

/// Whether a path becomes a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    LeftOut,
    /// No glob says anything of it.
    Open,
}

impl FileGlobs {
    /// Compiles globs; the first bad one is the error.
    pub(super) fn new(globs: &[FileGlob<'_>]) -> Result<Self, lower::Error> {
        let globs = globs.iter().map(|glob| {
            Glob::new(glob).map_err(|error| lower::Error::Glob {
                span: glob.text.span,
                error,
            })
        });
        Ok(Self {
            globs: globs.collect::<Result<_, _>>()?,
        })
    }

    /// What holds for the directory that `@files` names.
    pub(super) fn top(&self) -> Said {
        Said {
            matched: vec![false; self.globs.len()],
            sees: vec![true; self.globs.len()],
            hidden: false,
        }
    }

    /// What holds for something in a directory; `path` is its path, without the directory of `@files`.
    pub(super) fn of(&mut self, around: &Said, path: &str, is_directory: bool) -> Said {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_dotted = name.starts_with('.');
        let mut said = around.clone();
        said.hidden |= is_dotted;
        for (i, glob) in self.globs.iter_mut().enumerate() {
            if is_dotted {
                said.sees[i] &= glob.dotted.iter().any(|part| part.is_match(name));
            }
            let matches = (is_directory || !glob.only_directories) && glob.matcher.is_match(path);
            said.matched[i] = said.sees[i] && (said.matched[i] || matches);
            glob.has_matched |= said.matched[i];
        }
        said
    }

    pub(super) fn verdict(&self, said: &Said) -> Verdict {
        match self.last(said) {
            Some(glob) if self.globs[glob].leaves_out => Verdict::LeftOut,
            Some(_) => Verdict::Taken,
            None if said.hidden => Verdict::LeftOut,
            None if self.globs.iter().any(|glob| !glob.leaves_out) => Verdict::Open,
            None => Verdict::Taken,
        }
    }

    /// Whether anything in a directory may be taken.
    pub(super) fn may_take_below(&self, said: &Said) -> bool {
        if self.verdict(said) != Verdict::LeftOut {
            return true;
        }
        let from = self.last(said).map_or(0, |last| last + 1);
        (from..self.globs.len()).any(|glob| said.sees[glob] && !self.globs[glob].leaves_out)
    }

    /// The globs that were to take something, and matched nothing.
    pub(super) fn unmatched<'g>(
        &self,
        written: &'g [FileGlob<'g>],
    ) -> impl Iterator<Item = &'g Text<'g>> {
        let is_useless = |glob: &Glob| !glob.leaves_out && !glob.has_matched;
        let globs = self.globs.iter().zip(written);
        globs.filter_map(move |(glob, written)| is_useless(glob).then_some(&written.text))
    }

    /// The last glob that has matched: it decides.
    fn last(&self, said: &Said) -> Option<usize> {
        (0..self.globs.len()).rfind(|glob| said.matched[*glob])
    }
}

impl Glob {
    fn new(glob: &FileGlob<'_>) -> Result<Self, GlobError> {
        let text = &*glob.text.text;
        // An error quotes what was written.
        matcher(text)?;
        let whole = text.strip_suffix('/').unwrap_or(text);
        // As in gitignore: a glob with a slash starts at the directory, one without is any name.
        let pattern = match whole.strip_prefix('/') {
            Some(rest) => rest.to_owned(),
            None if whole.contains('/') || whole.is_empty() => whole.to_owned(),
            None => format!("**/{whole}"),
        };
        let dotted = whole.split('/').filter(|part| part.starts_with('.'));
        Ok(Self {
            matcher: matcher(&pattern)?,
            leaves_out: glob.leaves_out,
            only_directories: whole.len() < text.len(),
            // A name that is no glob by itself has braces around a slash: it matches nothing hidden.
            dotted: dotted.filter_map(|part| matcher(part).ok()).collect(),
            has_matched: false,
        })
    }
}

/// A set of one: unlike a matcher, it does not panic where the regular expression is too large.
fn matcher(pattern: &str) -> Result<GlobSet, GlobError> {
    GlobSet::builder()
        .add(names::glob(pattern, true)?)
        .build()
        .map_err(GlobError::of)
}

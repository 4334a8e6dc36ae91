//! `matches` of CEL, which compiles each pattern once for all actions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cel::extractors::This;
use cel::{Context, ExecutionError};
use regex::Regex;

/// How many patterns are kept: a rule may make one of each action.
const KEPT: usize = 256;

/// Makes `text.matches(pattern)` and `matches(text, pattern)` known.
pub(super) fn add_matches(context: &mut Context<'_, '_>) {
    let patterns = Mutex::new(HashMap::new());
    let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| {
        let mut patterns = patterns.lock().unwrap_or_else(PoisonError::into_inner);
        compiled(&mut patterns, &pattern).map(|pattern| pattern.is_match(&text))
    };
    let added = context.add_function("matches", matches);
    added.expect("without its feature regex, CEL has no function of this name");
}

/// The pattern, compiled now or before.
fn compiled<'p>(
    patterns: &'p mut HashMap<String, Regex>,
    pattern: &str,
) -> Result<&'p Regex, ExecutionError> {
    if !patterns.contains_key(pattern) {
        let regex = Regex::new(pattern).map_err(|error| ExecutionError::FunctionError {
            function: "matches".to_owned(),
            message: format!("'{pattern}' not a valid regex:\n{error}"),
        })?;
        if patterns.len() >= KEPT {
            patterns.clear();
        }
        patterns.insert(pattern.to_owned(), regex);
    }
    Ok(&patterns[pattern])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_is_not_compiled_again() {
        let mut patterns = HashMap::new();
        assert!(compiled(&mut patterns, "(a").is_err());
        assert!(patterns.is_empty());
        // If it were, this would fail.
        patterns.insert("(a".to_owned(), Regex::new("^/a").unwrap());
        assert!(compiled(&mut patterns, "(a").unwrap().is_match("/a/b"));
    }

    #[test]
    fn few_patterns_are_kept() {
        let mut patterns = HashMap::new();
        for i in 0..3 * KEPT {
            let pattern = format!("^x{i}$");
            assert!(
                compiled(&mut patterns, &pattern)
                    .unwrap()
                    .is_match(&pattern[1..pattern.len() - 1])
            );
            assert!(patterns.len() <= KEPT);
        }
    }
}

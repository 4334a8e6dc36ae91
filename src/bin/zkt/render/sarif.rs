//! Findings in tree files as SARIF 2.1.0, which code scanning takes.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use serde_json::{Value, json};
use zkt::model::lint::{Level, Lint};
use zkt::syntax::place::Location;

use super::bounds::Bounds;
use super::place::Root;
use super::value::printable;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// What kind of thing was found. The names stay: code scanning knows findings by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Syntax,
    Declare,
    Reference,
    File,
    Empty,
    /// A warning.
    Lint(Lint, Level),
}

impl Found {
    /// What is wrong with files, rather than probably wrong.
    const ERRORS: [Self; 5] = [
        Self::Syntax,
        Self::Declare,
        Self::Reference,
        Self::File,
        Self::Empty,
    ];

    fn all() -> impl Iterator<Item = Self> {
        let lints = Lint::all().map(|lint| Self::Lint(lint, lint.about().level));
        Self::ERRORS.into_iter().chain(lints)
    }

    /// Name and meaning.
    fn rule(self) -> (&'static str, &'static str) {
        match self {
            Self::Syntax => ("syntax", "A line is no tree text."),
            Self::Declare => ("declare", "A line says something that cannot be."),
            Self::Reference => (
                "reference",
                "A file that another file names cannot be used.",
            ),
            Self::File => ("file", "A file cannot be read."),
            Self::Empty => ("empty", "A layer or a file declares no node."),
            Self::Lint(lint, _) => (lint.name(), lint.about().summary),
        }
    }

    fn level(self) -> &'static str {
        match self {
            Self::Lint(_, Level::Allow | Level::Warn) => "warning",
            _ => "error",
        }
    }

    /// The rule as the log lists it.
    fn descriptor(self) -> Value {
        let (id, text) = self.rule();
        let mut rule = json!({
            "id": id,
            "shortDescription": { "text": text },
            "defaultConfiguration": { "level": self.level() },
        });
        if let Self::Lint(lint, level) = self {
            let about = lint.about();
            rule["fullDescription"] = json!({ "text": about.why });
            rule["help"] = json!({ "text": format!("{}\n\n{}", about.why, about.remedy) });
            rule["defaultConfiguration"]["enabled"] = (level != Level::Allow).into();
        }
        rule
    }
}

/// One finding.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) found: Found,
    pub(crate) message: String,
    /// Where it is; of a whole file its first line.
    pub(crate) place: Location,
}

/// The log of one run. What `zkt.toml` says of it is a note about the run, one a context. What refuses the layers
/// is an error of the run, with the exit code: no single finding says it.
pub(crate) fn sarif(
    findings: &[Finding],
    bounds: &[Bounds],
    (refused, exit): (&[String], u8),
    root: &Root,
) -> Value {
    let rules: Vec<Value> = Found::all().map(Found::descriptor).collect();
    let results = findings.iter().map(|finding| result(finding, root));
    let items = bounds
        .iter()
        .map(|one| one.items(|text| printable(text).into_owned()));
    let notes = items
        .filter(|items| !items.is_empty())
        .map(|items| json!({ "level": "note", "message": { "text": items.join(", ") } }));
    let mut invocation = json!({
        "executionSuccessful": true,
        "toolConfigurationNotifications": notes.collect::<Vec<_>>(),
    });
    if !refused.is_empty() {
        let error = |text: &String| {
            let text = printable(text);
            json!({ "level": "error", "message": { "text": text } })
        };
        let errors: Vec<Value> = refused.iter().map(error).collect();
        invocation["toolExecutionNotifications"] = errors.into();
        invocation["exitCode"] = exit.into();
        invocation["exitCodeDescription"] = "refused".into();
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "zkt",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn result(finding: &Finding, root: &Root) -> Value {
    let Finding {
        found,
        message,
        place,
    } = finding;
    let index = Found::all().position(|one| one.rule().0 == found.rule().0);
    let lines: Vec<_> = message.split('\n').map(printable).collect();
    json!({
        "ruleId": found.rule().0,
        "ruleIndex": index,
        "level": found.level(),
        "message": { "text": lines.join("\n") },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(root, &place.source) },
            "region": { "startLine": place.line, "startColumn": place.column },
        } }],
    })
}

/// A file as a URI: relative to the root if it lies below that.
fn uri(root: &Root, source: &str) -> String {
    // Standard input has no path, and each result needs one.
    let path = root.path(source).unwrap_or_else(|| "stdin".to_owned());
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    let mut uri = scheme.to_owned();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_uris() {
        let root = Root::of_environment();
        assert_eq!(uri(&root, "./trees/a.zkt"), "trees/a.zkt");
        assert_eq!(uri(&root, "a b:é%.zkt"), "a%20b%3A%C3%A9%25.zkt");
        assert_eq!(uri(&root, "/elsewhere/a b"), "file:///elsewhere/a%20b");
        assert_eq!(uri(&root, "<stdin>"), "stdin");
    }

    #[test]
    fn names_are_unique() {
        for (i, found) in Found::all().enumerate() {
            let same = |one: Found| one.rule().0 == found.rule().0;
            assert_eq!(Found::all().position(same), Some(i));
        }
    }
}

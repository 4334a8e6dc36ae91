//! Findings in tree files as SARIF 2.1.0, which code scanning takes.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use serde_json::{Value, json};
use zkt::syntax::place::Location;

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
    System,
    Doubt,
    Link,
}

impl Found {
    const ALL: [Self; 8] = [
        Self::Syntax,
        Self::Declare,
        Self::Reference,
        Self::File,
        Self::Empty,
        Self::System,
        Self::Doubt,
        Self::Link,
    ];

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
            Self::System => ("system", "A node belongs to ZooKeeper itself."),
            Self::Doubt => ("doubt", "A value or a name is probably not what is meant."),
            Self::Link => ("link", "A link leads nowhere, in a circle, or is hidden."),
        }
    }

    fn level(self) -> &'static str {
        match self {
            Self::Syntax | Self::Declare | Self::Reference | Self::File | Self::Empty => "error",
            Self::System | Self::Doubt | Self::Link => "warning",
        }
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

/// The log of one run.
pub(crate) fn sarif(findings: &[Finding], root: &Root) -> Value {
    let rules = Found::ALL.map(|found| {
        let (id, text) = found.rule();
        json!({
            "id": id,
            "shortDescription": { "text": text },
            "defaultConfiguration": { "level": found.level() },
        })
    });
    let results = findings.iter().map(|finding| result(finding, root));
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
    let index = Found::ALL.iter().position(|one| one == found);
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
        for (i, found) in Found::ALL.iter().enumerate() {
            let same = |one: &Found| one.rule().0 == found.rule().0;
            assert_eq!(Found::ALL.iter().position(same), Some(i));
        }
    }
}

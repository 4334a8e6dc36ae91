//! Why a lint exists.

use std::fmt::Write as _;

use zkt::model::lint::{Level, Lint};

/// What there is to know of a lint, at most 79 columns wide.
pub(super) fn explained(lint: Lint) -> String {
    let about = lint.about();
    let name = about.name;
    let mut text = format!("{}\n{}\n\n{}\n", title(lint), about.summary, about.why);
    if !about.example.is_empty() {
        text.push('\n');
        for line in about.example.lines() {
            _ = writeln!(text, "    {line}");
        }
    }
    _ = write!(text, "\n{}\n\n{}", about.remedy, levels(name));
    text
}

/// All lints, each with its summary.
pub(super) fn listed() -> String {
    let lines = Lint::all().map(|lint| format!("{}\n    {}\n", title(lint), lint.about().summary));
    lines.collect()
}

fn title(lint: Lint) -> String {
    let about = lint.about();
    let level = match about.level {
        Level::Allow => "allowed",
        Level::Warn => "a warning",
        Level::Deny => "denied",
    };
    format!("{} ({level}, where nobody says otherwise)", about.name)
}

fn levels(name: &str) -> String {
    format!(
        "--allow, --warn or --deny {name} sets its level, and so does
    [lints]
    {name} = 'deny'
in zkt.toml. In a tree file, at the end of a line or above it,
    # zkt: allow({name})
allows it for that line; beside a node's line, for all that the node holds
itself.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_fits_in_eighty_columns() {
        for text in Lint::all().map(explained).chain([listed()]) {
            let mut lines = text.lines();
            assert!(lines.all(|line| line.chars().count() <= 80), "{text}");
        }
    }

    /// The guide says the same.
    #[test]
    fn the_guide_has_what_check_explains() {
        let mut chapter = String::new();
        for lint in Lint::all() {
            let about = lint.about();
            let level = about.level.name();
            let (name, summary) = (about.name, about.summary);
            _ = write!(
                chapter,
                "## {name}\n\n{summary} ({level})\n\n{}\n\n",
                about.why
            );
            if !about.example.is_empty() {
                _ = write!(chapter, "```text\n{}\n```\n\n", about.example);
            }
            _ = write!(chapter, "{}\n\n", about.remedy);
        }
        let page = include_str!("../../../../guide/lints.md");
        let at = page.find("## ").unwrap();
        let lists = page[at..].trim_end();
        assert_eq!(lists, chapter.trim_end(), "{chapter}");
    }
}

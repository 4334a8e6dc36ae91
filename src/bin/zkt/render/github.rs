//! What there is to know, as commands of GitHub's workflows: annotations on the lines that cause it.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::io::{self, Write};

use zkt::model::plan::Plan;
use zkt::syntax::spelling::clipped;

use super::bounds::Bounds;
use super::place::Root;
use super::remark::{Level, Remark};
use super::text::{Mode, last_line};
use super::value::printable;

/// Writes each remark as an annotation.
pub(crate) fn write_annotations(
    title: &str,
    remarks: &[Remark],
    root: &Root,
    out: &mut dyn Write,
) -> io::Result<()> {
    for remark in remarks {
        let command = match remark.level {
            Level::Error | Level::Refused => "error",
            Level::Warning => "warning",
        };
        let title = match (remark.lint, remark.level) {
            (Some(lint), _) => lint.to_owned(),
            (None, Level::Refused) => format!("{title} refused"),
            (None, Level::Error | Level::Warning) => title.to_owned(),
        };
        let mut properties = Vec::new();
        if let Some(place) = &remark.place
            && let Some(file) = root.path(&place.source)
        {
            properties.push(("file", file));
            properties.push(("line", place.line.to_string()));
            properties.push(("col", place.column.to_string()));
        }
        properties.push(("title", title));
        let properties: Vec<String> = properties
            .iter()
            .map(|(name, value)| format!("{name}={}", property(value)))
            .collect();
        let message = message(&remark.message);
        writeln!(out, "::{command} {}::{message}", properties.join(","))?;
    }
    Ok(())
}

/// Writes why a plan is refused, what it warns of, and what it comes to.
pub(crate) fn write_plan(
    title: &str,
    plan: &Plan,
    bounds: &Bounds,
    root: &Root,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_annotations(title, &Remark::of_plan(plan), root, out)?;
    write_notice(title, &last_line(plan, bounds, Mode::Plan), bounds, out)
}

/// Writes what it all comes to, and within which bounds.
pub(crate) fn write_notice(
    title: &str,
    line: &str,
    bounds: &Bounds,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = line.to_owned();
    for item in bounds.items(|text| clipped(text).into_owned()) {
        line.push('\n');
        line.push_str(&item);
    }
    writeln!(
        out,
        "::notice title={}::{}",
        property(title),
        message(&line)
    )
}

/// A message: its line ends stay, everything else that nobody sees is escaped.
fn message(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    escaped(&lines.join("\n"))
}

/// A property: its line ends stay, too. A runner has no escape for anything else that nobody sees, and a
/// file with such a name gets no link.
fn property(text: &str) -> String {
    let ends = |c| matches!(c, '\r' | '\n');
    let pieces = text.split_inclusive(ends).map(|piece| {
        let name = piece.trim_end_matches(ends);
        format!("{}{}", printable(name), &piece[name.len()..])
    });
    let text: String = pieces.collect();
    escaped(&text).replace(':', "%3A").replace(',', "%2C")
}

/// As GitHub documents it; the sign of the escapes is escaped first.
fn escaped(text: &str) -> String {
    let text = text.replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zkt::syntax::place::Location;

    use super::*;

    fn annotation(remark: Remark) -> String {
        let mut out = Vec::new();
        write_annotations("zkt plan", &[remark], &Root::of_environment(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn places_and_messages_are_escaped() {
        let remark = |level, source: &str| Remark {
            level,
            message: "100%: a,b\n::error::c\r".to_owned(),
            lint: None,
            place: Some(Location {
                source: source.into(),
                line: 3,
                column: 5,
            }),
        };
        assert_eq!(
            annotation(remark(Level::Refused, "trees/a,b:c%\n.zkt")),
            "::error file=trees/a%2Cb%3Ac%25%0A.zkt,line=3,col=5,title=zkt plan refused::100%25: \
             a,b%0A::error::c\\r\n"
        );
        assert_eq!(
            annotation(remark(Level::Error, "a\u{1b}[31m\r\u{9b}.zkt")),
            "::error file=a\\u001b[31m%0D\\u009b.zkt,line=3,col=5,title=zkt plan::100%25: \
             a,b%0A::error::c\\r\n"
        );
        assert_eq!(
            annotation(remark(Level::Warning, "<stdin>")),
            "::warning title=zkt plan::100%25: a,b%0A::error::c\\r\n"
        );
    }

    /// As GitHub's runner reads it.
    fn unescaped(text: &str) -> String {
        let text = text.replace("%3A", ":").replace("%2C", ",");
        let text = text.replace("%0D", "\r").replace("%0A", "\n");
        text.replace("%25", "%")
    }

    proptest! {
        #[test]
        fn a_runner_reads_what_was_meant(file in "[a-z,:%\n\r;=]{1,12}", text in "[ -~\n]{0,20}") {
            let place = Location { source: file.clone().into(), line: 1, column: 2 };
            let remark = Remark {
                level: Level::Error,
                message: text.clone(),
                lint: None,
                place: Some(place),
            };
            let line = annotation(remark);
            let line = line.strip_suffix('\n').unwrap();
            prop_assert!(!line.contains(['\n', '\r']));
            let (properties, message) =
                line.strip_prefix("::error ").unwrap().split_once("::").unwrap();
            let properties: Vec<_> = properties.split(',').collect();
            let read = properties[0].strip_prefix("file=").map(unescaped);
            prop_assert_eq!(read, Some(file));
            prop_assert_eq!(&properties[1..], ["line=1", "col=2", "title=zkt plan"]);
            prop_assert_eq!(unescaped(message), text);
        }
    }
}

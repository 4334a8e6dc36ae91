//! Values and paths inside of markdown: always as code, out of which nothing breaks.

use crate::render::value::{atoms, printable};

/// Of a longer text on one line the end is left out.
const LONGEST: usize = 1000;
/// GitHub's reader knows code between runs of at most 80 backticks. So long runs are escaped.
const LONGEST_RUN: usize = 12;

/// A text on one line, without what nobody sees, and with bounded runs of backticks.
pub(super) fn one_line(text: &str) -> String {
    let text = printable(text).replace(&"`".repeat(LONGEST_RUN), &"\\x60".repeat(LONGEST_RUN));
    if size(&text) <= LONGEST {
        return text;
    }
    let (mut line, mut taken) = (String::new(), 0);
    for piece in atoms(&text) {
        taken += size(piece);
        if taken > LONGEST {
            break;
        }
        line.push_str(piece);
    }
    line.push('…');
    line
}

/// How many characters a text has, as UTF-16 counts them: never fewer than anybody else counts, but
/// bytes.
pub(super) fn size(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text as code within a line.
pub(super) fn code(text: &str) -> String {
    let text = one_line(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let touches = |c: Option<char>| matches!(c, None | Some('`' | ' '));
    // One blank on each side is no part of the code.
    let blank = match touches(text.chars().next()) || touches(text.chars().next_back()) {
        true => " ",
        false => "",
    };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// Lines as a block of code, which end with a line end.
pub(super) fn fenced(language: &str, lines: &str) -> String {
    let fence = fence(lines);
    format!("{fence}{language}\n{lines}{fence}\n")
}

/// The fence around lines.
fn fence(lines: &str) -> String {
    "`".repeat(3.max(longest_run(lines) + 1))
}

/// The length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_longer_fenced_than_what_it_holds() {
        assert_eq!(code("/a"), "`/a`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code(""), "`  `");
        assert_eq!(code("a\nb\u{202e}"), "`a\\nb\\u202e`");
        assert_eq!(code(&"`".repeat(30)).matches('`').count(), 6 + 7 + 7);
        assert_eq!(one_line(&"x".repeat(5000)).chars().count(), LONGEST + 1);
        assert_eq!(fenced("diff", "+ a\n"), "```diff\n+ a\n```\n");
        assert_eq!(fenced("diff", "+ ````\n"), "`````diff\n+ ````\n`````\n");
    }
}

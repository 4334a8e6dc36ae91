//! How kinds of lines differ, and which bytes are plain in which kind of word.
//!
//! `grammar/zkt.pest` defines all of this. The table holds as much of it as is needed to cut a
//! text into lines: a new directive or operator gets its row here.

/// A kind of line, as far as its start shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing, or a comment only.
    Blank,
    /// `/name`.
    Node,
    /// `name = value`.
    Property,
    /// `name -> path`.
    Link,
    /// `name => path property`.
    PropertyLink,
    /// `@word …`.
    Directive(&'static Directive),
    /// Something wrong.
    Unknown,
}

/// What a node's line starts with, and its names.
pub(crate) const NODE: char = '/';
/// What a comment starts with.
pub(crate) const COMMENT: char = '#';
/// What a directive's word starts with.
pub(crate) const DIRECTIVE: char = '@';

/// The operators behind a name. The longer one of two comes first.
pub(crate) static OPERATORS: [(&str, Kind); 3] = [
    ("=>", Kind::PropertyLink),
    ("->", Kind::Link),
    ("=", Kind::Property),
];

/// A row of the directives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Directive {
    /// Its word, with its sign.
    pub(crate) word: &'static str,
    /// What must follow the word, in the words of an error.
    pub(crate) operand: Option<&'static str>,
    /// The words of which one may stand before its string, or its entries.
    pub(crate) forms: &'static [&'static str],
    /// Whether it ends with a string, which may run over several lines.
    pub(crate) has_string: bool,
}

/// The directives, in the order in which messages list them.
pub(crate) static DIRECTIVES: [Directive; 10] = [
    directive("@keep", None),
    directive("@ignore", Some("the name of a property")),
    directive("@protect", None),
    directive("@ephemeral", None),
    directive("@secret", None),
    Directive {
        forms: &["deep"],
        ..directive("@acl", Some("an entry of the form scheme:id:perms"))
    },
    Directive {
        forms: &["base64", "file"],
        has_string: true,
        ..directive("@data", Some("a string or the word base64 or file"))
    },
    Directive {
        has_string: true,
        ..directive("@include", Some("a string"))
    },
    directive("@files", Some("a directory in quotes")),
    Directive {
        forms: &["from"],
        has_string: true,
        ..directive("@moved", Some("the word from and a string"))
    },
];

const fn directive(word: &'static str, operand: Option<&'static str>) -> Directive {
    Directive {
        word,
        operand,
        forms: &[],
        has_string: false,
    }
}

/// The directive with this word.
pub(crate) fn directive_of(word: &str) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| directive.word == word)
}

/// The operator at the start of a text.
pub(crate) fn operator_at(text: &[u8]) -> Option<(&'static str, Kind)> {
    let starts = |(mark, _): &&(&str, Kind)| text.starts_with(mark.as_bytes());
    OPERATORS.iter().find(starts).copied()
}

/// Whether a text holds an operator, which would end a bare name.
pub(crate) fn has_operator(text: &str) -> bool {
    OPERATORS.iter().any(|(mark, _)| text.contains(mark))
}

/// Words in which a byte can be plain: so that the fast path need not ask the grammar.
pub(crate) mod plain {
    /// A node's name.
    pub(crate) const NODE: u8 = 1;
    /// A type, blanks included.
    pub(crate) const TYPE: u8 = 2;
    /// The name of a property or link.
    pub(crate) const NAME: u8 = 4;
    /// A path.
    pub(crate) const PATH: u8 = 8;

    /// How many bytes at the start of a text are plain in a kind of word.
    pub(crate) fn length(text: &[u8], word: u8) -> usize {
        let is_plain = |byte: &&u8| BYTES[usize::from(**byte)] & word != 0;
        text.iter().take_while(is_plain).count()
    }

    /// For each byte the kinds of word in which it is plain; ASCII only.
    static BYTES: [u8; 256] = {
        let mut plain = [0; 256];
        let mut byte = 0_u8;
        while byte < 0x80 {
            plain[byte as usize] = match byte {
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' => NODE | TYPE | NAME | PATH,
                b'-' => NODE | TYPE | PATH,
                b'@' => NODE | PATH,
                b'/' | b':' => PATH,
                b' ' => TYPE,
                _ => 0,
            };
            byte += 1;
        }
        plain
    };
}

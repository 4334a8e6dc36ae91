//! A line without its secrets, and where its bytes are then.

/// A line as it may be shown.
#[derive(Debug, Default)]
pub struct ShownLine {
    /// The text.
    pub text: String,
    /// Where pieces of the line end, and where they end in `text`.
    ends: Vec<(usize, usize)>,
}

impl ShownLine {
    pub(super) fn push(&mut self, text: &str, end: usize) {
        self.text.push_str(text);
        self.ends.push((end, self.text.len()));
    }

    /// Where a byte of the line is in the text; what is hidden is one place.
    #[must_use]
    pub fn place(&self, byte: usize) -> usize {
        let (mut from, mut shown_from) = (0, 0);
        for &(end, shown_end) in &self.ends {
            if byte < end {
                let is_as_written = end - from == shown_end - shown_from;
                return if is_as_written {
                    shown_from + byte - from
                } else {
                    shown_from
                };
            }
            (from, shown_from) = (end, shown_end);
        }
        shown_from
    }
}

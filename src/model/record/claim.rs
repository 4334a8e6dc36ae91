//! What an owner says of a node.

/// What an owner says of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The owner created it.
    Created,
    /// It was there before, as it is declared, or the owner was told to adopt it.
    Adopted,
    /// It was there before and differed. The owner made it as declared, but does not own it.
    Written,
}

impl Claim {
    /// Whether the owner may remove the node.
    #[must_use]
    pub fn is_owned(self) -> bool {
        self != Self::Written
    }

    /// What holds of a node of which the one was said before the other.
    pub(super) fn then(self, later: Self) -> Self {
        match (self, later) {
            (Self::Written, later) => later,
            (earlier, _) => earlier,
        }
    }
}

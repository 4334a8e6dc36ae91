//! How much a text declares, before it is parsed.

/// About how many nodes a text declares: how many of its lines start with a slash, of a long text
/// those in samples.
#[must_use]
pub fn estimate_nodes(text: &str) -> usize {
    const SAMPLES: usize = 16;
    const SAMPLE: usize = 16 << 10;
    let bytes = text.as_bytes();
    let apart = bytes.len() / SAMPLES;
    if apart < 2 * SAMPLE {
        return node_lines(bytes);
    }
    let samples = (0..SAMPLES).map(|i| &bytes[i * apart..][..SAMPLE]);
    let found: usize = samples.map(node_lines).sum();
    // Unused room costs nothing; with too little of it, all nodes must move.
    found * apart.div_ceil(SAMPLE) * 9 / 8
}

fn node_lines(bytes: &[u8]) -> usize {
    let starts_line = |at: &usize| {
        let before = bytes[..*at].iter().rev();
        let mut before = before.skip_while(|byte| matches!(byte, b' ' | b'\t'));
        matches!(before.next(), None | Some(b'\n'))
    };
    memchr::memchr_iter(b'/', bytes).filter(starts_line).count()
}

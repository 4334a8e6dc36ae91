//! Jute, ZooKeeper's wire format: reading and writing its primitives, and frames.

use std::borrow::Cow;

/// The longest frame that the server reads, ZooKeeper's default `jute.maxbuffer`.
pub(crate) const LONGEST_FRAME: usize = 1_048_575;

/// A string or a buffer may be null on the wire.
pub(crate) type Text<'a> = Option<Cow<'a, str>>;

/// The bytes end too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The unread rest of one frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(frame: &'a [u8]) -> Self {
        Self { rest: frame }
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.array::<1>()? != [0])
    }

    pub(crate) fn int(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(crate) fn long(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(crate) fn buffer(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.int()? {
            -1 => Ok(None),
            length => self
                .bytes(usize::try_from(length).map_err(|_| Malformed)?)
                .map(Some),
        }
    }

    /// Invalid UTF-8 becomes U+FFFD, as in ZooKeeper.
    pub(crate) fn text(&mut self) -> Result<Text<'a>, Malformed> {
        Ok(self.buffer()?.map(String::from_utf8_lossy))
    }

    /// The items of a vector. Returns `None` if it is null; a negative length is an empty vector.
    pub(crate) fn vector<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<Vec<T>>, Malformed> {
        let count = self.int()?;
        if count == -1 {
            return Ok(None);
        }
        // The sender may lie about the count: nothing is allocated for it.
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(Some(items))
    }
}

/// Writes primitives at the end of a byte vector.
pub(crate) trait Write {
    fn put_bool(&mut self, value: bool);
    fn put_int(&mut self, value: i32);
    fn put_long(&mut self, value: i64);
    fn put_buffer(&mut self, bytes: Option<&[u8]>);
    fn put_text(&mut self, text: &str);
    fn put_count(&mut self, count: usize);
}

impl Write for Vec<u8> {
    fn put_bool(&mut self, value: bool) {
        self.push(u8::from(value));
    }

    fn put_int(&mut self, value: i32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_long(&mut self, value: i64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_buffer(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.put_int(-1),
            Some(bytes) => {
                self.put_count(bytes.len());
                self.extend_from_slice(bytes);
            }
        }
    }

    /// ZooKeeper writes each half of a surrogate pair as three bytes of its own.
    fn put_text(&mut self, text: &str) {
        if text.is_ascii() || text.bytes().all(|byte| byte < 0xf0) {
            return self.put_buffer(Some(text.as_bytes()));
        }
        let start = self.len();
        self.put_int(0);
        for c in text.chars() {
            let mut units = [0; 2];
            match c.encode_utf16(&mut units) {
                [high, low] => {
                    for unit in [*high, *low] {
                        let low_six = |bits: u16| 0x80 | (bits & 0x3f) as u8;
                        self.push(0xe0 | (unit >> 12) as u8);
                        self.push(low_six(unit >> 6));
                        self.push(low_six(unit));
                    }
                }
                _ => self.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        put_length(self, start);
    }

    fn put_count(&mut self, count: usize) {
        self.put_int(i32::try_from(count).unwrap_or(i32::MAX));
    }
}

/// Appends one frame: four bytes of length, then what `body` writes.
pub(crate) fn put_frame(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_int(0);
    body(out);
    put_length(out, start);
}

/// Fills in the four bytes at `start` that count what comes after them.
fn put_length(out: &mut [u8], start: usize) {
    let length = out.len() - start - 4;
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// What stands at the start of a buffer of received bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A whole frame, without its length.
    Whole(&'a [u8]),
    /// A frame that lacks at least so many bytes.
    Part(usize),
    /// A length that no frame may have.
    Oversized(i32),
}

/// Looks for a frame at the start of `bytes`.
pub(crate) fn next_frame(bytes: &[u8]) -> Frame<'_> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Frame::Part(4 - bytes.len());
    };
    let length = i32::from_be_bytes(*length);
    match usize::try_from(length) {
        Ok(count) if count <= LONGEST_FRAME => match rest.get(..count) {
            Some(frame) => Frame::Whole(frame),
            None => Frame::Part(count - rest.len()),
        },
        _ => Frame::Oversized(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        out.put_bool(true);
        out.put_int(-7);
        out.put_long(1 << 40);
        out.put_buffer(None);
        out.put_buffer(Some(b"ab"));
        out.put_text("é");
        let mut reader = Reader::new(&out);
        assert_eq!(reader.bool(), Ok(true));
        assert_eq!(reader.int(), Ok(-7));
        assert_eq!(reader.long(), Ok(1 << 40));
        assert_eq!(reader.buffer(), Ok(None));
        assert_eq!(reader.buffer(), Ok(Some(&b"ab"[..])));
        assert_eq!(reader.text(), Ok(Some("é".into())));
        assert_eq!(reader.bool(), Err(Malformed));
    }

    #[test]
    fn lengths_are_not_trusted() {
        for length in [5, -2, i32::MAX, i32::MIN] {
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.extend_from_slice(b"abcd");
            assert_eq!(Reader::new(&bytes).buffer(), Err(Malformed), "{length}");
        }
        let many = i32::MAX.to_be_bytes();
        let ints = Reader::new(&many).vector(Reader::int);
        assert_eq!(ints, Err(Malformed));
        let negative = (-5i32).to_be_bytes();
        assert_eq!(Reader::new(&negative).vector(Reader::int), Ok(Some(vec![])));
    }

    #[test]
    fn text_outside_the_basic_plane_is_written_as_surrogates() {
        let mut out = Vec::new();
        out.put_text("a😀");
        assert_eq!(out, b"\0\0\0\x07a\xed\xa0\xbd\xed\xb8\x80");
    }

    #[test]
    fn frames_are_found_whole_in_part_and_oversized() {
        let mut out = Vec::new();
        put_frame(&mut out, |body| body.put_int(9));
        assert_eq!(next_frame(&out), Frame::Whole(&[0, 0, 0, 9]));
        assert_eq!(next_frame(&out[..6]), Frame::Part(2));
        assert_eq!(next_frame(&out[..3]), Frame::Part(1));
        assert_eq!(
            next_frame(&1_048_575i32.to_be_bytes()),
            Frame::Part(1_048_575)
        );
        assert_eq!(
            next_frame(&1_048_576i32.to_be_bytes()),
            Frame::Oversized(1_048_576)
        );
        assert_eq!(next_frame(&(-1i32).to_be_bytes()), Frame::Oversized(-1));
    }
}

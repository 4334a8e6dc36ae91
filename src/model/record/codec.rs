//! Shards and journals as bytes: paths in order, each without what it shares with the one before, and
//! zxids as differences; compressed, with a checksum.

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::claim::Claim;
use super::entry::Entry;
use super::journal::Note;
use crate::model::path::ZPath;

/// What each of them begins with.
const MAGIC: &[u8; 4] = b"zktr";
/// The version of the format.
const FORMAT: u8 = 1;
const SHARD: u8 = b's';
const JOURNAL: u8 = b'j';
/// What stands before the compressed part.
const HEADER: usize = 6;
/// How well it is compressed.
const LEVEL: u8 = 6;
/// Bytes that no shard or journal has before it is compressed: no request could hold as much paths.
const LARGEST: usize = 8 << 20;

/// Why bytes are no part of a record that this zkt reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Something else, or something that was damaged.
    #[error("it is no part of a record, or damaged ({0})")]
    Damaged(String),
    /// A node that is no record at all.
    #[error("it is no record ({0})")]
    Foreign(String),
    /// The record's node names it, and it is not there.
    #[error("it does not exist, and the record's node names it")]
    Missing,
    /// The record's node does not name it, and no apply that stopped could have left it so.
    #[error("the record's node does not name it, and so was written by somebody else")]
    Unnamed,
    /// Another version.
    #[error("it is of format {found}, and this zkt reads format {FORMAT}")]
    Format {
        /// The version that it says.
        found: u32,
    },
}

impl Broken {
    pub(super) fn damaged(why: &str) -> Self {
        Self::Damaged(why.to_owned())
    }
}

/// Whether this is the data of a shard or a journal, of any version, sound or not.
#[must_use]
pub fn is_shard(data: &[u8]) -> bool {
    data.starts_with(MAGIC) && matches!(data.get(HEADER - 1), Some(&SHARD | &JOURNAL))
}

/// Writes entries as shards, each of about `bytes` bytes before it is compressed. The entries must come in
/// path order.
pub fn encode_shards<'e>(
    entries: impl IntoIterator<Item = (&'e ZPath, &'e Entry)>,
    bytes: usize,
) -> Vec<Vec<u8>> {
    let mut shards = Vec::new();
    let mut writer = Writer::default();
    for (path, entry) in entries {
        let partial = if entry.partial { PARTIAL } else { 0 };
        writer.path(path, claim_bits(entry.claim) | partial);
        writer.zxid(entry.created);
        writer.number(entry.modified.wrapping_sub(entry.created) as u64);
        if writer.bytes.len() >= bytes {
            shards.push(std::mem::take(&mut writer).finish(SHARD));
        }
    }
    if writer.count > 0 {
        shards.push(writer.finish(SHARD));
    }
    shards
}

/// Reads the entries of a shard.
///
/// # Errors
/// It is none, or not whole.
pub fn decode_shard(bytes: &[u8]) -> Result<Vec<(ZPath, Entry)>, Broken> {
    read(bytes, SHARD, |reader, kind| {
        let claim = claim_of(kind & !PARTIAL)?;
        let created = reader.zxid()?;
        let modified = created.wrapping_add(reader.number()? as i64);
        Ok(Entry {
            created,
            modified,
            claim,
            partial: kind & PARTIAL != 0,
        })
    })
}

/// Writes what a batch did as its journal.
#[must_use]
pub fn encode_journal(mut notes: Vec<(&ZPath, Note)>) -> Vec<u8> {
    notes.sort_by_key(|(path, _)| *path);
    let mut writer = Writer::default();
    for (path, note) in notes {
        let (kind, created) = match note {
            Note::Created => (0, None),
            Note::SetNew => (1, None),
            Note::Set { created, claim } => (2 + claim_bits(claim), Some(created)),
        };
        writer.path(path, kind);
        if let Some(created) = created {
            writer.zxid(created);
        }
    }
    writer.finish(JOURNAL)
}

/// Reads what a batch did.
///
/// # Errors
/// It is no journal, or not whole.
pub fn decode_journal(bytes: &[u8]) -> Result<Vec<(ZPath, Note)>, Broken> {
    read(bytes, JOURNAL, |reader, kind| {
        Ok(match kind {
            0 => Note::Created,
            1 => Note::SetNew,
            kind => Note::Set {
                claim: claim_of(kind - 2)?,
                created: reader.zxid()?,
            },
        })
    })
}

fn claim_bits(claim: Claim) -> u64 {
    match claim {
        Claim::Created => 0,
        Claim::Adopted => 1,
        Claim::Written => 2,
    }
}

fn claim_of(bits: u64) -> Result<Claim, Broken> {
    match bits {
        0 => Ok(Claim::Created),
        1 => Ok(Claim::Adopted),
        2 => Ok(Claim::Written),
        _ => Err(Broken::damaged("an unknown claim")),
    }
}

/// The kind of a path stands beside how much of it is shared.
const KINDS: u64 = 8;
/// Stands in the kind of an entry beside its claim: others may write a part of the node.
const PARTIAL: u64 = 4;

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    count: u64,
    last_path: String,
    last_zxid: i64,
}

impl Writer {
    fn path(&mut self, path: &ZPath, kind: u64) {
        let (path, last) = (path.as_str(), self.last_path.as_str());
        let both = path.bytes().zip(last.bytes());
        let shared = both.take_while(|(one, other)| one == other).count();
        let rest = &path.as_bytes()[shared..];
        self.count += 1;
        self.number(shared as u64 * KINDS + kind);
        self.number(rest.len() as u64);
        self.bytes.extend_from_slice(rest);
        path.clone_into(&mut self.last_path);
    }

    /// Small for zxids that are near to the last one, before or after it.
    fn zxid(&mut self, zxid: i64) {
        let step = zxid.wrapping_sub(self.last_zxid);
        self.number(((step << 1) ^ (step >> 63)) as u64);
        self.last_zxid = zxid;
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn finish(self, kind: u8) -> Vec<u8> {
        let mut body = Self::default();
        body.number(self.count);
        body.bytes.extend_from_slice(&self.bytes);
        let mut out = [MAGIC.as_slice(), &[FORMAT, kind]].concat();
        out.extend_from_slice(&compress_to_vec_zlib(&body.bytes, LEVEL));
        out
    }
}

fn read<T>(
    bytes: &[u8],
    kind: u8,
    mut value: impl FnMut(&mut Reader<'_>, u64) -> Result<T, Broken>,
) -> Result<Vec<(ZPath, T)>, Broken> {
    let (header, body) = bytes
        .split_at_checked(HEADER)
        .filter(|(header, _)| header.starts_with(MAGIC))
        .ok_or_else(|| Broken::damaged("it begins otherwise"))?;
    let (format, found) = (header[4], header[5]);
    if format != FORMAT {
        let found = format.into();
        return Err(Broken::Format { found });
    }
    if found != kind {
        return Err(Broken::damaged("it is another part"));
    }
    let body = decompress_to_vec_zlib_with_limit(body, LARGEST)
        .map_err(|why| Broken::damaged(&why.to_string()))?;
    let mut reader = Reader {
        bytes: &body,
        last_path: String::new(),
        last_zxid: 0,
    };
    let mut values = Vec::new();
    for _ in 0..reader.number()? {
        let (path, kind) = reader.path()?;
        if values.last().is_some_and(|(last, _)| *last >= path) {
            return Err(Broken::damaged("its paths are not in order"));
        }
        let value = value(&mut reader, kind)?;
        values.push((path, value));
    }
    match reader.bytes {
        [] => Ok(values),
        _ => Err(Broken::damaged("it is longer than it says")),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    last_path: String,
    last_zxid: i64,
}

impl Reader<'_> {
    fn path(&mut self) -> Result<(ZPath, u64), Broken> {
        let number = self.number()?;
        let (shared, kind) = ((number / KINDS) as usize, number % KINDS);
        let length = self.number()? as usize;
        let (rest, bytes) = self.bytes.split_at_checked(length).ok_or_else(short)?;
        self.bytes = bytes;
        let shared = self.last_path.as_bytes().get(..shared).ok_or_else(short)?;
        let path = String::from_utf8([shared, rest].concat())
            .map_err(|why| Broken::damaged(&why.to_string()))?;
        let parsed = ZPath::parse(&path).map_err(|why| Broken::damaged(&why.to_string()))?;
        self.last_path = path;
        Ok((parsed, kind))
    }

    fn zxid(&mut self) -> Result<i64, Broken> {
        let number = self.number()?;
        let step = (number >> 1) as i64 ^ -((number & 1) as i64);
        self.last_zxid = self.last_zxid.wrapping_add(step);
        Ok(self.last_zxid)
    }

    fn number(&mut self) -> Result<u64, Broken> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, bytes) = self.bytes.split_first().ok_or_else(short)?;
            self.bytes = bytes;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Broken::damaged("a number is too long"))
    }
}

fn short() -> Broken {
    Broken::damaged("it is cut short")
}

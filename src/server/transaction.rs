//! `multi`, all or nothing, and `multiRead`.

use super::caller::{Answer, Caller};
use super::change::{Asker, Change, Draft};
use super::code::ErrorCode;
use super::dialect::Difference;
use super::node::Moment;
use super::reply::put_stat;
use super::request::{Create, RequestKind, Write, named};
use super::state::State;
use super::wire::{Malformed, Reader, Text, Write as _};

/// Limit for the reply of several reads, which can be much larger than the request. ZooKeeper
/// itself runs out of memory there and ends.
const LONGEST_REPLY: usize = if cfg!(test) { 1 << 20 } else { 1 << 30 };

/// One operation.
#[derive(Debug)]
enum Operation<'a> {
    /// As what it was asked for.
    Write(RequestKind, Write<'a>),
    /// A creation with a time to live in a record that has no field for it: ZooKeeper fails on it.
    TtlWithoutTtl(Text<'a>),
    Read(RequestKind, Text<'a>),
}

impl Operation<'_> {
    fn path(&self) -> Option<&str> {
        match self {
            Self::Write(_, write) => write.path(),
            Self::TtlWithoutTtl(path) | Self::Read(_, path) => path.as_deref(),
        }
    }
}

/// Between two operations: an opcode, whether it was the last, an error.
fn read_between(reader: &mut Reader<'_>) -> Result<Option<i32>, Malformed> {
    let opcode = reader.int()?;
    let done = reader.bool()?;
    let _error = reader.int()?;
    Ok((!done).then_some(opcode))
}

fn put_between(out: &mut Vec<u8>, opcode: i32, error: i32) {
    out.put_int(opcode);
    out.put_bool(false);
    out.put_int(error);
}

fn put_end(out: &mut Vec<u8>) {
    out.put_int(-1);
    out.put_bool(true);
    out.put_int(-1);
}

fn put_error(out: &mut Vec<u8>, error: i32) {
    put_between(out, -1, error);
    out.put_int(error);
}

/// The operations; reads and writes do not mix.
fn read_operations<'a>(body: &'a [u8]) -> Result<Vec<Operation<'a>>, Malformed> {
    let reader = &mut Reader::new(body);
    let mut operations: Vec<Operation<'a>> = Vec::new();
    while let Some(opcode) = read_between(reader)? {
        let kind = RequestKind::from_opcode(opcode).ok_or(Malformed)?;
        let operation = match kind {
            RequestKind::GetData | RequestKind::GetChildren => {
                let path = reader.text()?;
                reader.bool()?;
                Operation::Read(kind, path)
            }
            RequestKind::SetAcl => return Err(Malformed),
            _ => match Write::read(reader, kind)? {
                Write::Create(create) => as_flags_say(create),
                write => Operation::Write(kind, write),
            },
        };
        let is_read = |operation: &Operation<'_>| matches!(operation, Operation::Read(..));
        if operations
            .first()
            .is_some_and(|first| is_read(first) != is_read(&operation))
        {
            return Err(Malformed);
        }
        operations.push(operation);
    }
    Ok(operations)
}

/// In a transaction, the flags say which kind of creation it is.
fn as_flags_say(mut create: Create<'_>) -> Operation<'_> {
    let asked = create.kind;
    let had_ttl = asked == RequestKind::CreateTtl;
    create.kind = match create.flags {
        4 => RequestKind::CreateContainer,
        5 | 6 if had_ttl => RequestKind::CreateTtl,
        5 | 6 => return Operation::TtlWithoutTtl(create.path),
        _ => RequestKind::Create,
    };
    if create.kind != RequestKind::CreateTtl {
        create.ttl = -1;
    }
    Operation::Write(asked, Write::Create(create))
}

/// The paths that a `multi` or a `multiRead` names.
pub(crate) fn paths(body: &[u8]) -> Vec<String> {
    let operations = read_operations(body).unwrap_or_default();
    let paths = operations.iter().filter_map(Operation::path);
    paths.map(str::to_owned).collect()
}

/// What a `multi` asks for.
pub(crate) fn kinds(body: &[u8]) -> Vec<RequestKind> {
    let operations = read_operations(body).unwrap_or_default();
    let kind = |operation: &Operation<'_>| match operation {
        Operation::Write(kind, _) | Operation::Read(kind, _) => *kind,
        Operation::TtlWithoutTtl(_) => RequestKind::CreateTtl,
    };
    operations.iter().map(kind).collect()
}

impl State {
    pub(crate) fn multi(&mut self, caller: Caller, body: &[u8], out: &mut Vec<u8>) -> Answer {
        let operations = match read_operations(body) {
            Ok(operations) => operations,
            Err(Malformed) => {
                self.next_moment();
                return Answer::Error(ErrorCode::MarshallingError);
            }
        };
        if operations
            .iter()
            .any(|operation| operation.path().is_none())
        {
            // The transaction uses its number up, but is not carried out.
            self.zxids.issued += 1;
            put_end(out);
            return Answer::ErrorWithBody(ErrorCode::MarshallingError);
        }
        let moment = self.next_moment();
        let Some(connection) = self.connections.get(&caller.connection) else {
            return Answer::Silence;
        };
        let asker = Asker {
            session: caller.session,
            identities: &connection.identities,
        };
        let has_stats = self.dialect.has(Difference::StatsInBatches);
        match check_all(
            &operations,
            Draft::of_several(&self.tree),
            &asker,
            has_stats,
        ) {
            Ok(changes) => {
                for (kind, change) in changes {
                    self.carry_out(kind, change, moment, out);
                }
                put_end(out);
                Answer::Body
            }
            // A null path where one is required fails the whole transaction with this error.
            Err((_, ErrorCode::MarshallingError)) => Answer::Error(ErrorCode::MarshallingError),
            Err((failed, error)) => {
                put_failure(out, failed, error, operations.len());
                Answer::Body
            }
        }
    }

    /// Applies one change of a transaction and writes its result.
    fn carry_out(&mut self, kind: i32, change: Change, moment: Moment, out: &mut Vec<u8>) {
        let path = match &change {
            Change::Create { path, .. } => path.clone(),
            _ => String::new(),
        };
        let stat = self.apply(change, moment).unwrap_or_default();
        put_between(out, kind, 0);
        match kind {
            CREATED => out.put_text(&path),
            CREATED_WITH_STAT => {
                out.put_text(&path);
                put_stat(out, &stat);
            }
            WRITTEN => put_stat(out, &stat),
            _ => {}
        }
    }

    pub(crate) fn multi_read(&mut self, caller: Caller, body: &[u8], out: &mut Vec<u8>) -> Answer {
        let Ok(operations) = read_operations(body) else {
            return Answer::Error(ErrorCode::MarshallingError);
        };
        let bare = self.dialect.has(Difference::BareErrors);
        for operation in &operations {
            let start = out.len();
            if start > LONGEST_REPLY {
                tracing::warn!("a client reads too much at once: its connection is closed");
                self.close_after_sending(caller.connection);
                return Answer::Silence;
            }
            let result = match operation {
                Operation::Read(RequestKind::GetData, path) => named(path).and_then(|path| {
                    put_between(out, GET_DATA, 0);
                    self.get_data(caller, path, false, out)
                }),
                Operation::Read(_, path) => named(path).and_then(|path| {
                    put_between(out, GET_CHILDREN, 0);
                    self.get_children(caller, path, false, out)
                }),
                _ => Err(ErrorCode::MarshallingError),
            };
            match result {
                Ok(()) => {}
                Err(ErrorCode::MarshallingError) => {
                    out.truncate(start);
                    put_end(out);
                    return Answer::ErrorWithBody(ErrorCode::MarshallingError);
                }
                Err(error) => {
                    out.truncate(start);
                    match operation {
                        Operation::Read(kind, _) if bare => {
                            let opcode = match kind {
                                RequestKind::GetData => GET_DATA,
                                _ => GET_CHILDREN,
                            };
                            put_between(out, opcode, error.number());
                        }
                        _ => put_error(out, error.number()),
                    }
                }
            }
        }
        put_end(out);
        Answer::Body
    }
}

/// Checks each operation against the tree as those before it leave it. Returns the changes, each with
/// the type of its result, or the number of the operation that fails and its error.
fn check_all(
    operations: &[Operation<'_>],
    mut draft: Draft<'_>,
    asker: &Asker<'_>,
    has_stats: bool,
) -> Result<Vec<(i32, Change)>, (usize, ErrorCode)> {
    let check = |(i, operation): (usize, &Operation<'_>)| match operation {
        Operation::Write(asked, write) => match draft.check(write, asker) {
            Ok(change) if has_stats && *asked == RequestKind::Create2 => {
                Ok((CREATED_WITH_STAT, change))
            }
            Ok(change) => Ok((kind_of_result(write), change)),
            Err(error) => Err((i, error)),
        },
        Operation::TtlWithoutTtl(_) | Operation::Read(..) => Err((i, ErrorCode::MarshallingError)),
    };
    operations.iter().enumerate().map(check).collect()
}

const CREATED: i32 = 1;
const GET_DATA: i32 = 4;
const GET_CHILDREN: i32 = 8;
const WRITTEN: i32 = 5;
const CREATED_WITH_STAT: i32 = 15;

/// The type of an operation's result. A plain creation comes without the node's stat,
/// also where `create2` was asked for (ZOOKEEPER-4026).
fn kind_of_result(write: &Write<'_>) -> i32 {
    match write {
        Write::Create(create) if create.kind == RequestKind::Create => CREATED,
        Write::Create(_) => CREATED_WITH_STAT,
        Write::Delete { .. } => 2,
        Write::SetData { .. } | Write::SetAcl { .. } => WRITTEN,
        Write::Check { .. } => 13,
    }
}

/// Writes the results of a transaction whose operation at `failed` failed. As ZooKeeper does, it
/// reports the operations before it as successful, although they were not carried out, and those
/// after it as not tried.
fn put_failure(out: &mut Vec<u8>, failed: usize, error: ErrorCode, count: usize) {
    for i in 0..count {
        put_error(
            out,
            match i.cmp(&failed) {
                std::cmp::Ordering::Less => 0,
                std::cmp::Ordering::Equal => error.number(),
                std::cmp::Ordering::Greater => ErrorCode::RuntimeInconsistency.number(),
            },
        );
    }
    put_end(out);
}

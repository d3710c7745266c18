//! Header lines of heads and trailer blocks.

use memchr::memchr;
use nuncio_message::{HeaderId, HeaderMapKind, Headers};

use super::bytes::{colon_at, control_at, decimal, has_forbidden, is_token, name_byte, trim};
use super::fault::Fault;
use crate::http1::options::{Options, Underscores};

/// What was seen while reading header lines.
#[derive(Default, Debug)]
pub(crate) struct Seen {
    /// Content-length lines.
    pub(crate) lengths: u32,
    /// The value of the last one, if it is a number.
    pub(crate) length: Option<u64>,
    /// Whether there is a transfer-encoding.
    pub(crate) has_transfer_encoding: bool,
    /// Whether the last transfer-encoding line says `chunked` and nothing else.
    pub(crate) is_chunked: bool,
    /// Names dropped for an underscore.
    pub(crate) dropped: u32,
    /// A fault that Envoy finds only when the syntax of all lines is fine: the first of them.
    pub(crate) late_fault: Option<Fault>,
}

/// What a block of header lines belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Block {
    /// Decides which names are joined.
    pub(crate) kind: HeaderMapKind,
    /// Whether Host becomes `:authority`.
    pub(crate) has_host: bool,
    /// Headers in the list that do not count.
    pub(crate) pseudo_headers: usize,
}

/// Reads header lines from `at` on, up to and with the empty line. Returns the position behind it; `None` when it is
/// not there yet.
///
/// # Errors
/// [`Fault::Syntax`] and [`Fault::Characters`]; they may come before the end is there.
pub(crate) fn read_fields(
    bytes: &[u8],
    mut at: usize,
    block: Block,
    options: &Options,
    headers: &mut Headers,
    seen: &mut Seen,
) -> Result<Option<usize>, Fault> {
    loop {
        match bytes.get(at..) {
            None | Some([]) => return Ok(None),
            Some([b'\n', ..]) => return Ok(Some(at + 1)),
            Some([b'\r']) => return Ok(None),
            Some([b'\r', b'\n', ..]) => return Ok(Some(at + 2)),
            Some([_, ..]) => {}
        }
        let mut space = [0; MAX_SHORT_NAME];
        if let Some(field) = plain_field(bytes, at, &mut space) {
            add(field.id, &space[..field.name_len], field.value, block, options, headers, seen);
            at = field.end;
            continue;
        }
        let Some(end) = field_end(bytes, at) else { return Ok(None) };
        let (name, value) = split_field(&bytes[at..end])?;
        if has_forbidden(value) {
            return Err(Fault::Characters);
        }
        let (name, value) = (name.to_ascii_lowercase(), without_line_breaks(value));
        add(HeaderId::of(&name), &name, trim(&value), block, options, headers, seen);
        at = end;
    }
}

/// Longer names take the slow path.
const MAX_SHORT_NAME: usize = 64;

/// A line as nearly all are: a short name, a colon, a value without control characters, a line end, and no
/// continuation behind it.
struct PlainField<'a> {
    id: HeaderId,
    name_len: usize,
    value: &'a [u8],
    /// The position behind the line.
    end: usize,
}

/// Reads such a line in one pass over the name and one over the value, leaving the lower-case name in `space`; `None`
/// when it is not plain, or not all there.
fn plain_field<'a>(bytes: &'a [u8], at: usize, space: &mut [u8; MAX_SHORT_NAME]) -> Option<PlainField<'a>> {
    let line = &bytes[at..];
    let name_len = colon_at(line, space)?;
    // Known names consist of letters, digits and hyphens. Setting the bit 0x20 makes no other byte equal to one of
    // these but control characters, and there is none.
    let id = HeaderId::of(&space[..name_len]);
    if id == HeaderId::OTHER {
        lower_name(&line[..name_len], space)?;
    }
    let mut rest = &line[name_len + 1..];
    while let [b' ', after @ ..] = rest {
        rest = after;
    }
    let (mut value, line_end) = rest.split_at(control_at(rest)?);
    let ([b'\r', b'\n', next @ ..] | [b'\n', next @ ..]) = line_end else { return None };
    while let [before @ .., b' '] = value {
        value = before;
    }
    let is_continued = matches!(next.first()?, b' ' | b'\t');
    (!is_continued).then_some(PlainField { id, name_len, value, end: bytes.len() - next.len() })
}

fn lower_name(name: &[u8], space: &mut [u8; MAX_SHORT_NAME]) -> Option<()> {
    for (to, &from) in space.iter_mut().zip(name) {
        *to = name_byte(from);
        if *to == 0 {
            return None;
        }
    }
    (!name.is_empty()).then_some(())
}

/// The position behind the line that starts at `at`, with the lines that continue it (obs-fold).
fn field_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    loop {
        end += memchr(b'\n', &bytes[end..])? + 1;
        if !matches!(bytes.get(end)?, b' ' | b'\t') {
            return Some(end);
        }
    }
}

fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let colon = memchr(b':', line).ok_or(Fault::Syntax)?;
    let (name, value) = line.split_at(colon);
    if is_token(name) { Ok((name, trim(&value[1..]))) } else { Err(Fault::Syntax) }
}

/// Envoy removes a lone CR, and the line breaks of a folded value, but no blank around them.
fn without_line_breaks(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

/// Adds a header whose name is in lower case.
fn add(
    id: HeaderId,
    name: &[u8],
    value: &[u8],
    block: Block,
    options: &Options,
    headers: &mut Headers,
    seen: &mut Seen,
) {
    let has_underscore = options.underscores != Underscores::Allow && name.contains(&b'_');
    if has_underscore && block.kind != HeaderMapKind::Response {
        match options.underscores {
            Underscores::Allow => {}
            Underscores::Drop => {
                seen.dropped += 1;
                return;
            }
            Underscores::Reject => {
                seen.late_fault.get_or_insert(Fault::Underscore);
                return;
            }
        }
    }
    match id {
        HeaderId::OTHER => {
            headers.push_name(name, value);
        }
        HeaderId::HOST if block.has_host => join(HeaderId::AUTHORITY, value, headers),
        id if id.is_joined(block.kind) => {
            join(id, value, headers);
            note(id, value, seen);
        }
        id => headers.push(id, value),
    }
    if headers.len() > options.max_headers + block.pseudo_headers {
        seen.late_fault.get_or_insert(Fault::TooMany);
    }
}

/// Envoy joins no empty value, and nothing onto an empty one.
fn join(id: HeaderId, value: &[u8], headers: &mut Headers) {
    if !headers.has(id) {
        headers.push(id, value);
        return;
    }
    match headers.get(id) {
        None | Some([]) => headers.set(id, value),
        Some(_) if value.is_empty() => {}
        Some(_) => headers.append(id, b",", value),
    }
}

fn note(id: HeaderId, value: &[u8], seen: &mut Seen) {
    match id {
        HeaderId::CONTENT_LENGTH => {
            seen.lengths += 1;
            seen.length = decimal(value);
        }
        HeaderId::TRANSFER_ENCODING => {
            seen.has_transfer_encoding = true;
            seen.is_chunked = value.eq_ignore_ascii_case(b"chunked");
        }
        _ => {}
    }
}

/// Finds the end of a block of lines: behind the first empty line. Looks at what lies from `from` on, which must be
/// no later than the last two bytes that were looked at before.
pub(crate) fn block_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(b'\n', bytes.get(at..)?)? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

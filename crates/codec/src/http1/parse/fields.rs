//! Header lines of heads and trailer blocks.

use memchr::memchr;
use nuncio_message::{BlockHeaders, HeaderId, HeaderMapKind, Line};

use super::bytes::{decimal, has_forbidden, is_token, name_byte, name_len, set_bit_0x20, trim, value_len};
use super::fault::Fault;
use super::recall::Recall;
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

/// Reads header lines of a block, which has `len` bytes, from `at` on, up to and with the empty line. Returns the position
/// behind it; `None` when it is not there yet.
///
/// # Errors
/// [`Fault::Syntax`] and [`Fault::Characters`]; they may come before the end is there.
pub(crate) fn read_fields(
    headers: &mut BlockHeaders,
    len: usize,
    mut at: usize,
    block: Block,
    options: &Options,
    seen: &mut Seen,
    mut recall: Option<&mut Recall>,
) -> Result<Option<usize>, Fault> {
    loop {
        if let Some(recall) = recall.as_deref_mut() {
            at = recall.take_over(headers, len, at, block);
            check_count(block, options, headers, seen);
        }
        let bytes = headers.bytes_mut();
        match bytes.get(at..len) {
            None | Some([]) => return Ok(None),
            Some([b'\n', ..]) => return Ok(Some(at + 1)),
            Some([b'\r']) => return Ok(None),
            Some([b'\r', b'\n', ..]) => return Ok(Some(at + 2)),
            Some([_, ..]) => {}
        }
        if let Some(recall) = recall.as_deref_mut() {
            recall.was_read();
        }
        // What follows the line has to be there, since it might continue it.
        if let Some((line, end)) = plain_line(bytes, at)
            && end < len
        {
            add_line(line, block, options, headers, seen);
            at = end;
            continue;
        }
        let Some(end) = add_other_line(headers, len, at, block, options, seen)? else { return Ok(None) };
        at = end;
    }
}

/// Reads a line as nearly all are: a name, a colon, a value without control characters or blanks at its end, CRLF, and no
/// continuation behind it. Its name is in lower case afterwards. Returns the position behind it, too; `None` when it is
/// another kind of line, or not all there.
#[inline(always)]
pub(super) fn plain_line(bytes: &mut [u8], at: usize) -> Option<(Line, usize)> {
    let line = bytes.get_mut(at..)?;
    let (name_len, id) = name(line);
    let (blanks, value_len) = value(line.get(name_len + 1..)?);
    let value_at = name_len + 1 + blanks;
    let line_end = value_at + value_len;
    let &[b'\r', b'\n', next] = line.get(line_end..)?.first_chunk()? else { return None };
    if name_len == 0 || matches!(next, b' ' | b'\t') || line[line_end - 1] == b' ' && value_len > 0 {
        return None;
    }
    let line = Line {
        id,
        name_at: at as u32,
        name_len: name_len as u32,
        value_at: (at + value_at) as u32,
        value_len: value_len as u32,
        is_whole: blanks == 1,
    };
    Some((line, at + line_end + 2))
}

/// Puts the name at the beginning of a line into lower case, and finds its number. Returns its length, too, which is zero
/// when there is no name with a colon behind it.
#[inline(never)]
fn name(line: &mut [u8]) -> (usize, HeaderId) {
    const NONE: (usize, HeaderId) = (0, HeaderId::OTHER);
    let len = name_len(line);
    let Some(name) = line.get_mut(..len) else { return NONE };
    let id = HeaderId::of_any_case(name);
    if id != HeaderId::OTHER {
        // A known name consists of letters, digits and hyphens, which have this bit in lower case.
        set_bit_0x20(name);
        return (len, id);
    }
    if name.iter().any(|&byte| name_byte(byte) == 0) {
        return NONE;
    }
    name.iter_mut().for_each(|byte| *byte = name_byte(*byte));
    (len, id)
}

/// The blanks before a value, and its length up to the first control character.
#[inline(never)]
fn value(bytes: &[u8]) -> (usize, usize) {
    match bytes {
        [b' ', b' ', ..] => {
            let blanks = bytes.iter().take_while(|&&byte| byte == b' ').count();
            (blanks, value_len(&bytes[blanks..]))
        }
        [b' ', rest @ ..] => (1, value_len(rest)),
        _ => (0, value_len(bytes)),
    }
}

/// Reads any other line, and adds its header by copying it.
#[inline(never)]
fn add_other_line(
    headers: &mut BlockHeaders,
    len: usize,
    at: usize,
    block: Block,
    options: &Options,
    seen: &mut Seen,
) -> Result<Option<usize>, Fault> {
    let bytes = &headers.bytes_mut()[..len];
    let Some(end) = field_end(bytes, at) else { return Ok(None) };
    let (name, value) = split_field(&bytes[at..end])?;
    if has_forbidden(value) {
        return Err(Fault::Characters);
    }
    let (name, value) = (name.to_ascii_lowercase(), without_line_breaks(value));
    add(&name, trim(&value), block, options, headers, seen);
    Ok(Some(end))
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

/// Adds a header that stands in the block.
#[inline(always)]
fn add_line(line: Line, block: Block, options: &Options, headers: &mut BlockHeaders, seen: &mut Seen) {
    if options.underscores != Underscores::Allow && is_refused(line.name(headers.bytes_mut()), block, options, seen) {
        return;
    }
    let is_host = block.has_host && line.id == HeaderId::HOST;
    let id = if is_host { HeaderId::AUTHORITY } else { line.id };
    if matches!(id, HeaderId::CONTENT_LENGTH | HeaderId::TRANSFER_ENCODING) {
        note(id, line.value(headers.bytes_mut()), seen);
    }
    if headers.has(id) && (is_host || id.is_joined(block.kind)) {
        let value = line.value(headers.bytes_mut()).to_vec();
        headers.join(id, &value);
    } else if is_host {
        headers.push_part(id, line.value_at, line.value_len);
    } else {
        headers.push_line(line);
    }
    check_count(block, options, headers, seen);
}

/// Adds a header whose name is in lower case, by copying it.
fn add(name: &[u8], value: &[u8], block: Block, options: &Options, headers: &mut BlockHeaders, seen: &mut Seen) {
    if is_refused(name, block, options, seen) {
        return;
    }
    let id = HeaderId::of(name);
    note(id, value, seen);
    match id {
        HeaderId::OTHER => headers.push_other(name, value),
        HeaderId::HOST if block.has_host => headers.join(HeaderId::AUTHORITY, value),
        id if id.is_joined(block.kind) => headers.join(id, value),
        id => headers.push(id, value),
    }
    check_count(block, options, headers, seen);
}

/// Whether a header is not to be had because of an underscore in its name.
fn is_refused(name: &[u8], block: Block, options: &Options, seen: &mut Seen) -> bool {
    if block.kind == HeaderMapKind::Response || !name.contains(&b'_') {
        return false;
    }
    match options.underscores {
        Underscores::Allow => return false,
        Underscores::Drop => seen.dropped += 1,
        Underscores::Reject => {
            seen.late_fault.get_or_insert(Fault::Underscore);
        }
    }
    true
}

#[inline(always)]
fn check_count(block: Block, options: &Options, headers: &BlockHeaders, seen: &mut Seen) {
    if headers.len() > options.max_headers + block.pseudo_headers {
        seen.late_fault.get_or_insert(Fault::TooMany);
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

//! The heads of a connection are alike: lines that stood in the last one are recognised, many at a time, and not read
//! again.
//!
//! Invariants:
//! 1. A template is a block of header lines that was complete, and says of each line what [`super::fields`] found in it.
//! 2. What is taken over is equal byte by byte, the byte behind it included: no line could be read in another way.
//! 3. Secrets are not remembered, so that nobody can find out by the time that it takes what another client has sent.

use std::cell::{Cell, RefCell};

use nuncio_message::{BLOCK_PADDING, BlockHeaders, HeaderId, Line};

use super::fields::{Block, plain_line};
use crate::Role;

/// Connections that remember apart from each other; a power of two.
const PLACES: usize = 16;
/// Larger blocks are not remembered.
const MAX_BYTES: usize = 2048;
const MAX_LINES: usize = 64;

thread_local! {
    static TEMPLATES: RefCell<[Option<Box<Template>>; PLACES * 2]> = const { RefCell::new([const { None }; PLACES * 2]) };
    static NEXT: Cell<u8> = const { Cell::new(0) };
}

/// Where a connection remembers its last head. Many may share a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::http1) struct Place(u8);

impl Place {
    /// The next place in turn.
    pub(in crate::http1) fn next(role: Role) -> Self {
        let number = NEXT.try_with(|next| next.replace(next.get().wrapping_add(1))).unwrap_or_default();
        let half = if role == Role::Server { 0 } else { PLACES as u8 };
        Self(number % PLACES as u8 + half)
    }
}

/// A block as it came, without the secrets in it, and what its lines are.
#[derive(Default)]
struct Template {
    /// Padded.
    raw: Vec<u8>,
    /// The same with names in lower case; empty when there is no difference.
    lower: Vec<u8>,
    lines: Vec<Known>,
}

struct Known {
    /// Where it begins and ends in the block.
    at: u32,
    end: u32,
    /// Its positions count from its beginning. `None` for a line that has to be read each time.
    line: Option<Line>,
}

/// What a head is compared with while it is being read.
pub(super) struct Recall {
    place: Place,
    template: Option<Box<Template>>,
    /// The next line of the template.
    next: usize,
    /// Lines that had to be read.
    read: usize,
    recognised: usize,
}

impl Recall {
    pub(super) fn new(place: Place) -> Self {
        let take = |templates: &RefCell<[Option<Box<Template>>; PLACES * 2]>| {
            templates.borrow_mut().get_mut(usize::from(place.0)).and_then(Option::take)
        };
        let template = TEMPLATES.try_with(take).ok().flatten();
        Self { place, template, next: 0, read: 0, recognised: 0 }
    }

    /// A line was read: the next one is looked for behind it.
    #[inline]
    pub(super) fn was_read(&mut self) {
        self.next += 1;
        self.read += 1;
    }

    /// Takes over lines that begin at `at` in the block, of which `len` bytes are there. Returns where they end.
    #[inline]
    pub(super) fn take_over(&mut self, headers: &mut BlockHeaders, len: usize, at: usize, block: Block) -> usize {
        let Some(template) = self.template.as_deref() else { return at };
        let Some(lines) = template.lines.get(self.next..) else { return at };
        let Some(first) = lines.first() else { return at };
        let start = first.at as usize;
        let (Some(old), Some(new)) = (template.raw.get(start..), headers.bytes_mut().get(at..)) else { return at };
        let same = common_len(new, old).min(len - at);
        let mut end = start;
        for known in lines {
            let Some(line) = known.line.filter(|_| (known.end as usize) < start + same) else { break };
            if headers.has(line.id) && (line.id.is_joined(block.kind) || line.id == HeaderId::AUTHORITY) {
                break;
            }
            let by = (at + known.at as usize - start) as u32;
            headers.push_line(Line { name_at: line.name_at + by, value_at: line.value_at + by, ..line });
            self.next += 1;
            self.recognised += 1;
            end = known.end as usize;
        }
        if let Some(lower) = template.lower.get(start..end)
            && let Some(new) = headers.bytes_mut().get_mut(at..at + lower.len())
        {
            new.copy_from_slice(lower);
        }
        at + end - start
    }

    /// The head is read: its lines were `raw`. Remembers them if little was recognised.
    pub(super) fn finish(mut self, raw: &[u8], block: Block) {
        if self.read > self.recognised && raw.len() <= MAX_BYTES {
            self.template.get_or_insert_default().become_like(raw, block);
        }
        let put = |templates: &RefCell<[Option<Box<Template>>; PLACES * 2]>| {
            if let Some(place) = templates.borrow_mut().get_mut(usize::from(self.place.0)) {
                *place = self.template.take();
            }
        };
        // After thread-local destructors ran it is simply freed.
        let _ = TEMPLATES.try_with(put);
    }
}

impl Template {
    fn become_like(&mut self, block: &[u8], what: Block) {
        let Self { raw, lower, lines } = self;
        for copy in [&mut *raw, &mut *lower] {
            copy.clear();
            copy.extend_from_slice(block);
            copy.resize(block.len() + BLOCK_PADDING, 0);
        }
        lines.clear();
        let mut at = 0;
        while lines.len() < MAX_LINES
            && let Some((line, end)) = plain_line(lower, at)
            && end < block.len()
        {
            let line = is_to_be_had(line, lower).then_some(relative(line, at, what));
            if line.is_none() {
                // The first byte is compared as that behind the line before.
                raw[at + 1..end].fill(0);
                lower[at + 1..end].fill(0);
            }
            lines.push(Known { at: at as u32, end: end as u32, line });
            at = end;
        }
        // What comes behind the last line that was understood is not needed.
        raw.truncate(at + 1);
        raw.resize(at + 1 + BLOCK_PADDING, 0);
        if lower.starts_with(&raw[..=at]) {
            lower.clear();
        }
    }
}

/// The line, with positions from its beginning on. Host is `:authority`.
fn relative(line: Line, at: usize, block: Block) -> Line {
    let is_host = block.has_host && line.id == HeaderId::HOST;
    let (name_at, value_at) = (line.name_at - at as u32, line.value_at - at as u32);
    if is_host {
        Line { id: HeaderId::AUTHORITY, name_at, value_at, name_len: 0, is_whole: false, ..line }
    } else {
        Line { name_at, value_at, ..line }
    }
}

/// Whether a line may be taken over: it has no secret in it (invariant 3), and nothing that says how the body is framed.
fn is_to_be_had(line: Line, block: &[u8]) -> bool {
    match line.id {
        HeaderId::AUTHORIZATION
        | HeaderId::COOKIE
        | HeaderId::SET_COOKIE
        | HeaderId::CONTENT_LENGTH
        | HeaderId::TRANSFER_ENCODING => false,
        HeaderId::OTHER => line.name(block) != b"proxy-authorization",
        _ => true,
    }
}

/// Bytes with which both begin, but for fewer than 16 at the end of the shorter one.
#[inline(always)]
fn common_len(one: &[u8], other: &[u8]) -> usize {
    let mut common = 0;
    for (one, other) in one.as_chunks::<16>().0.iter().zip(other.as_chunks::<16>().0) {
        if one != other {
            let different = u128::from_le_bytes(*one) ^ u128::from_le_bytes(*other);
            return common + different.trailing_zeros() as usize / 8;
        }
        common += 16;
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::Options;
    use crate::http1::parse::{RequestKind, request, response};

    const REQUEST: &str = "GET /p HTTP/1.1\r\nHost: a.example\r\nuser-agent: u\r\nAccept: text/html\r\naccept: b\r\n\
        Cookie: secret\r\nx-Other: 1\r\nx_other:  2 \r\ncontent-length: 12\r\nte: t\r\nvia: c\r\n\r\n";
    const RESPONSE: &str = "HTTP/1.1 200 OK\r\nServer: s\r\nset-cookie: secret\r\ndate: today\r\nvia: a\r\nvia: b\r\n\
        transfer-encoding: chunked\r\nx-a: 1\r\nx-a: 2\r\n f\r\nage: 1\r\n\r\n";

    fn forget() {
        TEMPLATES.with(|templates| *templates.borrow_mut() = [const { None }; PLACES * 2]);
    }

    /// What is understood of a head, as text.
    fn read(role: Role, head: &[u8], place: Place) -> String {
        let options = Options::default();
        match role {
            Role::Server => format!("{:?}", request(head, place, &options)),
            Role::Client => format!("{:?}", response(head, place, RequestKind::Plain, &options)),
        }
    }

    /// Reads `first` and then `second`, which must be understood as if it came alone.
    fn check(role: Role, first: &[u8], second: &[u8]) {
        let place = Place::next(role);
        forget();
        let expected = read(role, second, place);
        forget();
        read(role, first, place);
        assert_eq!(read(role, second, place), expected, "{} {}", first.escape_ascii(), second.escape_ascii());
    }

    #[test]
    fn a_head_is_understood_alike_whatever_came_before() {
        let mut seed = 1u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for round in 0..30_000 {
            let (role, text) = if round % 2 == 0 { (Role::Server, REQUEST) } else { (Role::Client, RESPONSE) };
            let mut heads = [text.as_bytes().to_vec(), text.as_bytes().to_vec()];
            for _ in 0..random(4) {
                let lines: Vec<Vec<u8>> = text.split_inclusive('\n').map(|line| line.as_bytes().to_vec()).collect();
                let line = lines[random(lines.len())].clone();
                let head = &mut heads[random(2)];
                let at = random(head.len());
                match random(6) {
                    0 => head[at] = b" \t\r\n:_xX,\x00\x7f\xff"[random(12)],
                    1 => drop(head.remove(at)),
                    2 => head.insert(at, b" \r\n:a1"[random(6)]),
                    3 => head[at] ^= 0x20,
                    4 => head.truncate(at + 1),
                    _ => {
                        let starts: Vec<usize> =
                            (1..head.len()).filter(|&at| head[at - 1] == b'\n').chain([head.len()]).collect();
                        let at = starts[random(starts.len())];
                        head.splice(at..at, line);
                    }
                }
            }
            check(role, &heads[0], &heads[1]);
        }
    }

    #[test]
    fn lines_are_recognised_and_secrets_forgotten() {
        forget();
        let place = Place::next(Role::Server);
        for _ in 0..2 {
            read(Role::Server, REQUEST.as_bytes(), place);
        }
        let template = TEMPLATES.with(|templates| templates.borrow_mut()[usize::from(place.0)].take());
        let template = template.expect("it was remembered");
        let is_had = |known: &Known| known.line.is_some();
        let had: Vec<bool> = template.lines.iter().map(is_had).collect();
        assert_eq!(had, [true, true, true, true, false, true], "up to a line with a blank at its end");
        for text in [&template.raw, &template.lower] {
            assert!(!text.windows(6).any(|part| part == b"secret"), "{}", text.escape_ascii());
        }
        let block = Block { kind: nuncio_message::HeaderMapKind::Request, has_host: true, pseudo_headers: 0 };
        let at = REQUEST.find("Host").expect("it is there");
        let mut headers = BlockHeaders::over(REQUEST.as_bytes());
        let mut recall = Recall { place, template: Some(template), next: 0, read: 0, recognised: 0 };
        let end = recall.take_over(&mut headers, REQUEST.len(), at, block);
        // The second Accept is to be joined.
        assert_eq!(Some(end), REQUEST.find("accept: b"));
        let headers = headers.finish();
        let shown: Vec<String> = headers.iter().map(|header| format!("{header:?}")).collect();
        assert_eq!(shown, [":authority: a.example", "user-agent: u", "accept: text/html"]);
    }
}

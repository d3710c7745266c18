//! HTTP/1.1 as the world's peers speak it: their own small writer and reader, so that no mistake of the codec is shared.

use std::rc::Rc;

use super::executor::Sim;
use super::pipe::{End, Received};

/// A head that was read.
#[derive(Debug)]
pub(crate) struct Head {
    /// Request line or status line.
    pub(crate) start: String,
    fields: Vec<(String, String)>,
}

/// How a body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// That many bytes are left.
    Length(u64),
    /// Chunks; the bytes left of the current one.
    Chunked(u64),
    /// At the end of the connection.
    Close,
    /// Nothing is left.
    Done,
}

/// Why nothing more can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gone {
    /// FIN where a message may not end, or between two.
    Fin,
    Reset,
    /// What came is not HTTP.
    Garbage,
}

/// Reads messages off a connection.
pub(crate) struct Reader {
    end: Rc<End>,
    buffer: Vec<u8>,
    sim: Sim,
    /// Longest pause after each read, in microseconds.
    max_pause: u64,
}

impl Head {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The second word of the first line.
    pub(crate) fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn status(&self) -> u16 {
        self.target().parse().unwrap_or(0)
    }

    pub(crate) fn request_framing(&self) -> Framing {
        self.framing(Framing::Done)
    }

    pub(crate) fn response_framing(&self, is_head: bool) -> Framing {
        match self.status() {
            100..200 | 204 | 304 => Framing::Done,
            _ if is_head => Framing::Done,
            _ => self.framing(Framing::Close),
        }
    }

    fn framing(&self, otherwise: Framing) -> Framing {
        if self.field("transfer-encoding") == Some("chunked") {
            return Framing::Chunked(0);
        }
        match self.field("content-length").map(str::parse) {
            Some(Ok(0)) => Framing::Done,
            Some(Ok(length)) => Framing::Length(length),
            _ => otherwise,
        }
    }
}

impl Reader {
    pub(crate) fn new(sim: &Sim, end: &Rc<End>, max_pause: u64) -> Self {
        Self { end: Rc::clone(end), buffer: Vec::new(), sim: sim.clone(), max_pause }
    }

    /// Bytes that were read and belong to nothing yet.
    pub(crate) fn left(&self) -> usize {
        self.buffer.len()
    }

    async fn more(&mut self) -> Result<(), Gone> {
        if self.max_pause > 0 {
            self.sim.sleep(self.sim.below(self.max_pause)).await;
        }
        match self.end.receive().await {
            Received::Bytes(bytes) => {
                self.buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Received::Fin => Err(Gone::Fin),
            Received::Reset => Err(Gone::Reset),
        }
    }

    /// Up to and including the next `\r\n`, without it.
    async fn line(&mut self) -> Result<String, Gone> {
        let mut searched = 0;
        loop {
            let found = self.buffer[searched..].windows(2).position(|pair| pair == b"\r\n");
            if let Some(at) = found.map(|at| at + searched) {
                let line = String::from_utf8(self.buffer[..at].to_vec()).map_err(|_| Gone::Garbage)?;
                self.buffer.drain(..at + 2);
                return Ok(line);
            }
            searched = self.buffer.len().saturating_sub(1);
            self.more().await?;
        }
    }

    pub(crate) async fn head(&mut self) -> Result<Head, Gone> {
        let start = self.line().await?;
        let fields = self.fields().await?;
        let is_http = start.starts_with("HTTP/1.1 ") || start.ends_with(" HTTP/1.1");
        if is_http { Ok(Head { start, fields }) } else { Err(Gone::Garbage) }
    }

    async fn fields(&mut self) -> Result<Vec<(String, String)>, Gone> {
        let mut fields = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(fields);
            }
            let Some((name, value)) = line.split_once(": ") else { return Err(Gone::Garbage) };
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }

    /// The next piece of a body; `None` at its end.
    pub(crate) async fn body(&mut self, framing: &mut Framing) -> Result<Option<Vec<u8>>, Gone> {
        loop {
            let wanted = match framing {
                Framing::Done => return Ok(None),
                Framing::Close => u64::MAX,
                Framing::Length(left) => *left,
                Framing::Chunked(0) => {
                    let line = self.line().await?;
                    let length = u64::from_str_radix(&line, 16).map_err(|_| Gone::Garbage)?;
                    if length == 0 {
                        self.fields().await?;
                        *framing = Framing::Done;
                    } else {
                        *framing = Framing::Chunked(length);
                    }
                    continue;
                }
                Framing::Chunked(left) => *left,
            };
            if self.buffer.is_empty() {
                match (self.more().await, &framing) {
                    (Ok(()), _) => {}
                    (Err(Gone::Fin), Framing::Close) => {
                        *framing = Framing::Done;
                        continue;
                    }
                    (Err(gone), _) => return Err(gone),
                }
            }
            let n = wanted.min(self.buffer.len() as u64);
            let piece: Vec<u8> = self.buffer.drain(..n as usize).collect();
            self.took(framing, n).await?;
            return Ok(Some(piece));
        }
    }

    async fn took(&mut self, framing: &mut Framing, n: u64) -> Result<(), Gone> {
        match framing {
            Framing::Length(left) if *left == n => *framing = Framing::Done,
            Framing::Length(left) => *left -= n,
            Framing::Chunked(left) => {
                *left -= n;
                if *left == 0 && !self.line().await?.is_empty() {
                    return Err(Gone::Garbage);
                }
            }
            Framing::Close | Framing::Done => {}
        }
        Ok(())
    }
}

/// One piece of a body as a chunk.
pub(crate) fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

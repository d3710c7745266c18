//! A configuration text, its name, and how it is written.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read};
use std::path::Path as FilePath;
use std::sync::OnceLock;

/// A configuration as it was given, decoded to text.
///
/// The lines of an overlay are counted on behind those of what it lies over, so that a line number tells the text too:
/// see [`place`](Self::place).
#[derive(Debug)]
pub struct Source {
    name: String,
    content: Content,
    /// Where each line starts, in bytes; made when the first line is asked for.
    lines: OnceLock<Vec<usize>>,
    overlay: Option<Box<Self>>,
}

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML, as Envoy's yaml-cpp reads it.
    Yaml,
    /// JSON, as protobuf's parser reads it in its legacy mode.
    Json,
    /// A message in protobuf's wire format.
    Wire,
    /// Protobuf's text format.
    ProtoText,
}

#[derive(Debug)]
enum Content {
    Yaml(String),
    Json(Result<String, usize>),
    Wire(Vec<u8>),
    ProtoText(Result<String, usize>),
}

/// What a reader finds in a [`Source`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    Yaml(&'a str),
    Json(&'a str),
    Wire(&'a [u8]),
    ProtoText(&'a str),
    /// Text that is not UTF-8 from this byte on.
    Broken(usize),
}

impl Format {
    /// By the end of the file's name, in any case, as Envoy does: `.yaml`, `.yml`, `.pb`, `.pb_text`; everything else,
    /// also a name without extension, is JSON.
    pub fn of(name: &str) -> Self {
        const ENDS: [(&str, Format); 4] =
            [(".yaml", Format::Yaml), (".yml", Format::Yaml), (".pb", Format::Wire), (".pb_text", Format::ProtoText)];
        let name = name.to_ascii_lowercase();
        ENDS.iter().find(|(end, _)| name.ends_with(end)).map_or(Self::Json, |(_, format)| *format)
    }
}

impl Source {
    /// YAML text, such as the value of `--config-yaml`.
    pub fn yaml(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::with(name.into(), Content::Yaml(text.into()))
    }

    /// JSON text.
    pub fn json(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::with(name.into(), Content::Json(Ok(text.into())))
    }

    /// The bytes of a file, whose name tells the format.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        let name = name.into();
        let content = match Format::of(&name) {
            Format::Yaml => Content::Yaml(decode_yaml(bytes)),
            Format::Json => Content::Json(strict_utf8(bytes)),
            Format::Wire => Content::Wire(bytes),
            Format::ProtoText => Content::ProtoText(strict_utf8(bytes)),
        };
        Self::with(name, content)
    }

    /// Reads a file: once, from its start to its end, so that a pipe will do.
    ///
    /// # Errors
    /// When the file cannot be read, or has more than 256 MiB.
    pub fn from_file(path: &FilePath) -> io::Result<Self> {
        /// Forty times a configuration of 10,000 clusters and 20,000 routes. A device has no end.
        const MAX_BYTES: u64 = 256 * 1024 * 1024;
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 256 MiB"));
        }
        Ok(Self::from_bytes(path.display().to_string(), bytes))
    }

    fn with(name: String, content: Content) -> Self {
        let lines = OnceLock::new();
        Self { name, content, lines, overlay: None }
    }

    /// Lays another configuration over this one, as Envoy merges `--config-yaml` into the file: its scalars replace,
    /// its messages are merged, the items of its lists are appended.
    #[must_use]
    pub fn with_overlay(mut self, overlay: Self) -> Self {
        self.overlay = Some(Box::new(overlay));
        self
    }

    /// The name to show: a file's path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the text that a line number belongs to, and the number in that text.
    pub fn place(&self, number: u32) -> (&str, u32) {
        match (&self.overlay, number.checked_sub(self.line_count())) {
            (Some(overlay), Some(rest @ 1..)) => overlay.place(rest),
            _ => (&self.name, number),
        }
    }

    /// The line `number`, counted from 1, without its end. `None` if there is none, or no text.
    pub fn line(&self, number: u32) -> Option<&str> {
        if let (Some(overlay), Some(rest @ 1..)) = (&self.overlay, number.checked_sub(self.line_count())) {
            return overlay.line(rest);
        }
        let text = self.text()?;
        let starts = self.line_starts(text);
        let index = (number as usize).checked_sub(1)?;
        let start = *starts.get(index)?;
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        Some(text[start..end].trim_end_matches(['\n', '\r']))
    }

    /// The source and its overlays, bottom first, each with how many lines come before its own.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (&Self, u32)> {
        let mut next = Some((self, 0));
        std::iter::from_fn(move || {
            let (source, before) = next?;
            let overlay = source.overlay.as_deref();
            next = overlay.map(|overlay| (overlay, before + source.line_count()));
            Some((source, before))
        })
    }

    /// The length of the content in bytes, once decoded.
    pub(crate) fn size(&self) -> usize {
        self.bytes().len() + self.overlay.as_ref().map_or(0, |overlay| overlay.size())
    }

    /// The content of this source itself, in bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Wire(bytes) => bytes,
            Content::Yaml(_) | Content::Json(_) | Content::ProtoText(_) => self.text().unwrap_or_default().as_bytes(),
        }
    }

    /// This source itself, without what lies over it.
    pub(crate) fn input(&self) -> Input<'_> {
        match &self.content {
            Content::Yaml(text) => Input::Yaml(text),
            Content::Json(Ok(text)) => Input::Json(text),
            Content::Wire(bytes) => Input::Wire(bytes),
            Content::ProtoText(Ok(text)) => Input::ProtoText(text),
            Content::Json(Err(valid)) | Content::ProtoText(Err(valid)) => Input::Broken(*valid),
        }
    }

    fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Yaml(text) | Content::Json(Ok(text)) | Content::ProtoText(Ok(text)) => Some(text),
            Content::Wire(_) | Content::Json(Err(_)) | Content::ProtoText(Err(_)) => None,
        }
    }

    fn line_starts(&self, text: &str) -> &[usize] {
        self.lines.get_or_init(|| line_starts(text))
    }

    fn line_count(&self) -> u32 {
        let lines = self.text().map_or(0, |text| self.line_starts(text).len());
        u32::try_from(lines).unwrap_or(u32::MAX)
    }
}

fn strict_utf8(bytes: Vec<u8>) -> Result<String, usize> {
    String::from_utf8(bytes).map_err(|error| error.utf8_error().valid_up_to())
}

/// Where the lines of a text start, in bytes. A carriage return ends a line too, by itself or in front of a line feed.
pub(crate) fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let is_end = |at: &usize| bytes[*at] == b'\n' || (bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    std::iter::once(0).chain((0..bytes.len()).filter(is_end).map(|at| at + 1)).collect()
}

/// yaml-cpp reads UTF-8, UTF-16 and UTF-32, with a byte-order mark or told by the zero bytes of the first character,
/// and replaces what is not valid. (For JSON Envoy accepts valid UTF-8 only, and no mark.)
fn decode_yaml(bytes: Vec<u8>) -> String {
    let (little, big) = (u16::from_le_bytes as fn([u8; 2]) -> u16, u16::from_be_bytes as _);
    let (little32, big32) = (u32::from_le_bytes as fn([u8; 4]) -> u32, u32::from_be_bytes as _);
    match bytes.as_slice() {
        [0xEF, 0xBB, 0xBF, text @ ..] => String::from_utf8_lossy(text).into_owned(),
        [0xFF, 0xFE, 0, 0, text @ ..] => decode_utf32(text, little32),
        [0, 0, 0xFE, 0xFF, text @ ..] => decode_utf32(text, big32),
        [0xFF, 0xFE, text @ ..] => decode_utf16(text, little),
        [0xFE, 0xFF, text @ ..] => decode_utf16(text, big),
        [1..=0xFF, 0, 0, 0, ..] => decode_utf32(&bytes, little32),
        [0, 0, 0, 1..=0xFF, ..] => decode_utf32(&bytes, big32),
        [1..=0xFF, 0, 1..=0xFF, ..] => decode_utf16(&bytes, little),
        [0, 1..=0xFF, ..] => decode_utf16(&bytes, big),
        text => match String::from_utf8_lossy(text) {
            Cow::Owned(repaired) => repaired,
            Cow::Borrowed(_) => String::from_utf8(bytes).unwrap_or_default(),
        },
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks().0.iter().map(|pair| unit(*pair));
    let or_replacement = |c: Result<char, _>| c.unwrap_or(char::REPLACEMENT_CHARACTER);
    char::decode_utf16(units).map(or_replacement).collect()
}

fn decode_utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let units = bytes.as_chunks().0.iter().map(|four| unit(*four));
    units.map(|u| char::from_u32(u).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Format, Input, Source};

    #[test]
    fn the_extension_tells_the_format_in_any_case() {
        let check = |name, format| assert_eq!(Format::of(name), format, "{name}");
        check("a.yaml", Format::Yaml);
        check("a.YML", Format::Yaml);
        check("a.json", Format::Json);
        check("a.txt", Format::Json);
        check("a", Format::Json);
        check("dir.yaml/a", Format::Json);
        check("a.pb", Format::Wire);
        check("a.pb_text", Format::ProtoText);
        check("A.PB_TEXT", Format::ProtoText);
        check(".yaml", Format::Yaml);
        check("a.pbtxt", Format::Json);
    }

    #[test]
    fn yaml_is_read_in_any_unicode_form() {
        let utf16 = |unit: fn(u16) -> [u8; 2]| "\u{feff}é: 1".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let utf32 = |unit: fn(u32) -> [u8; 4]| "\u{feff}é: 1".chars().flat_map(|c| unit(c as u32)).collect::<Vec<u8>>();
        let check = |bytes: Vec<u8>, expected: &str| {
            let source = Source::from_bytes("a.yaml", bytes);
            assert!(matches!(source.input(), Input::Yaml(t) if t == expected), "{source:?}");
        };
        check("é: 1".into(), "é: 1");
        check("\u{feff}é: 1".into(), "é: 1");
        check(utf16(u16::to_le_bytes), "é: 1");
        check(utf16(u16::to_be_bytes), "é: 1");
        check(utf32(u32::to_le_bytes), "é: 1");
        check(utf32(u32::to_be_bytes), "é: 1");
        check(utf16(u16::to_le_bytes)[2..].to_vec(), "é: 1");
        check(b"a: \xff".into(), "a: \u{fffd}");
    }

    #[test]
    fn lines_are_counted_from_one() {
        let source = Source::yaml("a", "x\r\ny\n");
        assert_eq!(Source::yaml("a", "x\ry\r").line(2), Some("y"));
        assert_eq!(source.line(0), None);
        assert_eq!(source.line(1), Some("x"));
        assert_eq!(source.line(2), Some("y"));
        assert_eq!(source.line(4), None);
    }

    #[test]
    fn an_overlay_counts_on_behind_the_file() {
        let source = Source::yaml("a", "x\ny").with_overlay(Source::yaml("b", "z\n"));
        let lines: Vec<_> = (1..=4).map(|number| (source.place(number), source.line(number))).collect();
        let expected = [(("a", 1), Some("x")), (("a", 2), Some("y")), (("b", 1), Some("z")), (("b", 2), Some(""))];
        assert_eq!(lines, expected);
        assert_eq!(
            source.layers().map(|(source, before)| (source.name(), before)).collect::<Vec<_>>(),
            [("a", 0), ("b", 2)]
        );
    }
}

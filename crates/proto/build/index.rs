//! Where each message is, so that a reader need not load all descriptors to use a few.

use std::error::Error;
use std::fmt::Write;

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};

/// Writes a line a file, in the set's order: the length of its entry in the encoded set, the places in the set of the files
/// that it imports, the full names of its messages, and those of its extensions with a `+`; with a space between all.
pub(crate) fn write(encoded: &[u8]) -> Result<String, Box<dyn Error>> {
    let set = FileDescriptorSet::decode(encoded)?;
    let mut lengths = entry_lengths(encoded)?.into_iter();
    let place = |import: &String| set.file.iter().position(|file| file.name() == import);
    let mut index = String::new();
    for file in &set.file {
        write!(index, "{}", lengths.next().ok_or("more files than entries")?)?;
        for import in &file.dependency {
            write!(index, " {}", place(import).ok_or_else(|| format!("{import} is not in the set"))?)?;
        }
        let package = file.package();
        let scope = if package.is_empty() { String::new() } else { format!("{package}.") };
        file.message_type.iter().for_each(|message| names(&scope, message, &mut index));
        for extension in &file.extension {
            write!(index, " +{scope}{}", extension.name())?;
        }
        index.push('\n');
    }
    Ok(index)
}

fn names(scope: &str, message: &DescriptorProto, index: &mut String) {
    if message.options.as_ref().is_some_and(|options| options.map_entry()) {
        return;
    }
    let name = format!("{scope}{}", message.name());
    index.push(' ');
    index.push_str(&name);
    let scope = format!("{name}.");
    message.nested_type.iter().for_each(|nested| names(&scope, nested, index));
}

/// The lengths of the set's entries, each with its key (field 1, a message) and its own length in front.
fn entry_lengths(encoded: &[u8]) -> Result<Vec<usize>, Box<dyn Error>> {
    let mut lengths = Vec::new();
    let mut rest = encoded;
    while let Some((key, mut body)) = rest.split_first() {
        if *key != 0x0A {
            return Err("a descriptor set has files only".into());
        }
        let length = usize::try_from(prost::encoding::decode_varint(&mut body)?)?;
        let tail = body.get(length..).ok_or("an entry is cut off")?;
        lengths.push(rest.len() - tail.len());
        rest = tail;
    }
    Ok(lengths)
}

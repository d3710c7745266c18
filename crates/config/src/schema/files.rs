//! The embedded descriptors, by file, so that only those are loaded that a configuration needs.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// The embedded files.
#[derive(Debug)]
pub(super) struct Files {
    /// A `google.protobuf.FileDescriptorSet`.
    set: Vec<u8>,
    files: Vec<File>,
    /// The place in `files` of each message, and of each extension with a `+` in front of its name.
    homes: HashMap<Box<str>, usize>,
}

#[derive(Debug)]
struct File {
    /// Its entry in the set.
    entry: Range<usize>,
    imports: Vec<usize>,
}

impl Files {
    /// Inflates what the build script made.
    pub(super) fn inflate() -> Self {
        const BUILT: &str = "the build script made it";
        let set = miniz_oxide::inflate::decompress_to_vec(nuncio_proto::DESCRIPTORS).expect(BUILT);
        let index = miniz_oxide::inflate::decompress_to_vec(nuncio_proto::DESCRIPTOR_INDEX).expect(BUILT);
        let index = String::from_utf8(index).expect(BUILT);
        let (mut files, mut homes, mut start) = (Vec::new(), HashMap::new(), 0);
        for (place, line) in index.lines().enumerate() {
            let mut words = line.split(' ');
            let length: usize = words.next().and_then(|length| length.parse().ok()).expect(BUILT);
            let mut imports = Vec::new();
            for word in words {
                match word.parse() {
                    Ok(import) => imports.push(import),
                    Err(_) => drop(homes.insert(word.into(), place)),
                }
            }
            files.push(File { entry: start..start + length, imports });
            start += length;
        }
        Self { set, files, homes }
    }

    /// The full names of all messages.
    pub(super) fn messages(&self) -> impl Iterator<Item = &str> {
        self.homes.keys().map(|name| &**name).filter(|name| !name.starts_with('+'))
    }

    /// The file that declares a message, or an extension with its `+`.
    pub(super) fn home(&self, symbol: &str) -> Option<usize> {
        self.homes.get(symbol).copied()
    }

    /// The files of the messages whose type URLs stand in a text, or in an encoded message, where they are plain too.
    pub(super) fn named_in(&self, text: &[u8]) -> BTreeSet<usize> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        let names = text.split(|byte| *byte == b'/').skip(1).filter_map(|tail| {
            let length = tail.iter().take_while(|byte| is_part(byte)).count();
            std::str::from_utf8(&tail[..length]).ok()
        });
        names.filter_map(|name| self.home(name)).collect()
    }

    /// Adds to `loaded` the files in `wanted` and all that they import. Returns a descriptor set of those that are new.
    pub(super) fn load(&self, wanted: BTreeSet<usize>, loaded: &mut BTreeSet<usize>) -> Vec<u8> {
        let mut fresh = BTreeSet::new();
        let mut next: Vec<usize> = wanted.into_iter().collect();
        while let Some(place) = next.pop() {
            if loaded.insert(place) {
                fresh.insert(place);
                next.extend(&self.files[place].imports);
            }
        }
        let entries: Vec<&[u8]> = fresh.iter().map(|place| &self.set[self.files[*place].entry.clone()]).collect();
        entries.concat()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Files;

    #[test]
    fn type_urls_are_found_wherever_they_stand() {
        let files = Files::inflate();
        let check = |text: &str, expected: &[&str]| {
            let expected: BTreeSet<usize> = expected.iter().filter_map(|name| files.home(name)).collect();
            assert_eq!(files.named_in(text.as_bytes()), expected, "{text}");
        };
        let (router, node) = ("envoy.extensions.filters.http.router.v3.Router", "envoy.config.core.v3.Node");
        check("{\"@type\": \"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\"}", &[router]);
        check("[a/envoy.extensions.filters.http.router.v3.Router]{} b/envoy.config.core.v3.Node", &[router, node]);
        check("envoy.config.core.v3.Node", &[]);
        check("/envoy.config.core.v3.Nodes //envoy.config.core.v3.Node", &[node]);
        check("/", &[]);
    }

    #[test]
    fn a_file_comes_with_its_imports_and_only_once() {
        let files = Files::inflate();
        let mut loaded = BTreeSet::new();
        let home = |name| BTreeSet::from([files.home(name).expect("it exists")]);
        assert!(!files.load(home("envoy.config.core.v3.Node"), &mut loaded).is_empty());
        assert!(loaded.is_superset(&home("envoy.type.v3.SemanticVersion")));
        assert!(loaded.is_disjoint(&home("envoy.config.bootstrap.v3.Bootstrap")));
        assert!(files.load(home("envoy.config.core.v3.Node"), &mut loaded).is_empty());
    }
}

//! Drops from the files what no reader of a configuration asks for: services, options for other languages, some
//! annotations, and then the imports that nothing needs any more. Loading a descriptor costs time and memory at each
//! start, and so does each file that it imports.

use std::collections::{BTreeSet, HashMap};

use prost_types::uninterpreted_option::NamePart;
use prost_types::{DescriptorProto, FileDescriptorProto, FileOptions, UninterpretedOption};

use crate::Files;

/// Annotations that are for generators and documents only.
const DROPPED: [&str; 5] = [
    "udpa.annotations.versioning",
    "udpa.annotations.security",
    "udpa.annotations.field_migrate",
    "udpa.annotations.enum_migrate",
    "udpa.annotations.file_migrate",
];

/// Prunes all files. Their type names must be absolute.
pub(crate) fn prune(files: &mut Files) {
    for file in files.values_mut() {
        file.service.clear();
        if let Some(options) = file.options.take() {
            let uninterpreted_option = kept(options.uninterpreted_option);
            file.options = Some(FileOptions { uninterpreted_option, ..FileOptions::default() });
        }
        file.message_type.iter_mut().for_each(prune_message);
    }
    let homes = homes(files);
    for file in files.values_mut() {
        prune_imports(file, &homes);
    }
}

fn kept(options: Vec<UninterpretedOption>) -> Vec<UninterpretedOption> {
    let is_kept = |option: &UninterpretedOption| !option.name.first().is_some_and(|part| is_dropped(&part.name_part));
    options.into_iter().filter(is_kept).collect()
}

fn is_dropped(extension: &str) -> bool {
    DROPPED.contains(&extension.trim_start_matches('.'))
}

fn prune_message(message: &mut DescriptorProto) {
    if let Some(options) = &mut message.options {
        options.uninterpreted_option = kept(std::mem::take(&mut options.uninterpreted_option));
    }
    for field in &mut message.field {
        if let Some(options) = &mut field.options {
            options.uninterpreted_option = kept(std::mem::take(&mut options.uninterpreted_option));
        }
    }
    for entry in &mut message.enum_type {
        if let Some(options) = &mut entry.options {
            options.uninterpreted_option = kept(std::mem::take(&mut options.uninterpreted_option));
        }
    }
    message.nested_type.iter_mut().for_each(prune_message);
}

/// The file of each symbol that another may name.
fn homes(files: &Files) -> HashMap<String, String> {
    let mut homes = HashMap::new();
    for file in files.values() {
        let scope = format!(".{}", file.package());
        let mut names = Vec::new();
        file.message_type.iter().for_each(|message| declare(&scope, message, &mut names));
        names.extend(file.enum_type.iter().map(|entry| format!("{scope}.{}", entry.name())));
        names.extend(file.extension.iter().map(|extension| format!("{scope}.{}", extension.name())));
        homes.extend(names.into_iter().map(|name| (name, file.name().to_owned())));
    }
    homes
}

fn declare(scope: &str, message: &DescriptorProto, names: &mut Vec<String>) {
    let name = format!("{scope}.{}", message.name());
    message.nested_type.iter().for_each(|nested| declare(&name, nested, names));
    names.extend(message.enum_type.iter().map(|entry| format!("{name}.{}", entry.name())));
    names.push(name);
}

/// Keeps the imports whose symbols are used, those of other projects (Google's), and public ones.
fn prune_imports(file: &mut FileDescriptorProto, homes: &HashMap<String, String>) {
    if !file.public_dependency.is_empty() {
        return; // they are named by their place in the list
    }
    let mut used = BTreeSet::new();
    let mut uses = Uses { homes, package: file.package().to_owned(), files: &mut used };
    file.message_type.iter().for_each(|message| uses.message(message));
    for extension in &file.extension {
        uses.name(extension.type_name.as_deref());
        uses.name(extension.extendee.as_deref());
    }
    uses.options(file.options.iter().flat_map(|options| &options.uninterpreted_option));
    let values = file.enum_type.iter().flat_map(|entry| &entry.value).filter_map(|value| value.options.as_ref());
    uses.options(values.flat_map(|options| &options.uninterpreted_option));
    let enums = file.enum_type.iter().filter_map(|entry| entry.options.as_ref());
    uses.options(enums.flat_map(|options| &options.uninterpreted_option));
    file.dependency.retain(|import| import.starts_with("google/protobuf/") || used.contains(import));
}

/// The files that a file uses.
struct Uses<'a> {
    homes: &'a HashMap<String, String>,
    package: String,
    files: &'a mut BTreeSet<String>,
}

impl Uses<'_> {
    fn message(&mut self, message: &DescriptorProto) {
        for field in message.field.iter().chain(&message.extension) {
            self.name(field.type_name.as_deref());
            self.options(field.options.iter().flat_map(|options| &options.uninterpreted_option));
        }
        self.options(message.options.iter().flat_map(|options| &options.uninterpreted_option));
        let oneofs = message.oneof_decl.iter().filter_map(|oneof| oneof.options.as_ref());
        self.options(oneofs.flat_map(|options| &options.uninterpreted_option));
        for entry in &message.enum_type {
            self.options(entry.options.iter().flat_map(|options| &options.uninterpreted_option));
            let values = entry.value.iter().filter_map(|value| value.options.as_ref());
            self.options(values.flat_map(|options| &options.uninterpreted_option));
        }
        message.nested_type.iter().for_each(|nested| self.message(nested));
    }

    fn name(&mut self, name: Option<&str>) {
        if let Some(home) = name.and_then(|name| self.homes.get(name)) {
            self.files.insert(home.clone());
        }
    }

    /// An extension may be named relative to the package.
    fn options<'o>(&mut self, options: impl Iterator<Item = &'o UninterpretedOption>) {
        for NamePart { name_part, is_extension } in options.flat_map(|option| &option.name) {
            if !is_extension {
                continue;
            }
            let mut scope = format!(".{}", self.package);
            loop {
                let name = format!("{scope}.{}", name_part.trim_start_matches('.'));
                if self.homes.contains_key(&name) {
                    self.name(Some(&name));
                    break;
                }
                match scope.rfind('.') {
                    Some(end) => scope.truncate(end),
                    None => break,
                }
            }
        }
    }
}

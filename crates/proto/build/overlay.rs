//! Adds what Envoy 1.40 has and the package lacks: `overlay/<import name>.proto`, written for this project.
//!
//! Each overlay file names the file that it amends by its own path. A message or enum that is new is added whole; in one
//! that exists, the fields, values and nested types given are added. A field whose number exists replaces the old one:
//! so a rename, a new rule or a deprecation is written down; and so does an annotation of the file. The overlay was made by comparing the package's descriptors
//! with those inside the Envoy 1.40 binary.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use protox::file::File;

use crate::{Files, source};

/// Files that Envoy has replaced by a renamed one, which the overlay adds.
const REMOVED: [&str; 1] = ["envoy/type/ai/v3/api_protocol.proto"];

/// Merges every overlay file into `files`.
pub(crate) fn apply(files: &mut Files) -> Result<(), Box<dyn Error>> {
    remove_replaced(files);
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("overlay");
    for path in overlay_files(&root)? {
        let name = source::import_name(&path, &root)?;
        let patch = File::from_source(&name, &fs::read_to_string(&path)?).map_err(|e| format!("{name}: {e}"))?;
        let patch = patch.file_descriptor_proto().clone();
        match files.get_mut(&name) {
            Some(file) => merge_file(file, patch).map_err(|e| format!("overlay {name}: {e}"))?,
            None => drop(files.insert(name, patch)),
        }
    }
    Ok(())
}

fn remove_replaced(files: &mut Files) {
    files.retain(|name, _| !REMOVED.contains(&name.as_str()));
    // No file that imports these has public imports, whose indexes would shift.
    for file in files.values_mut().filter(|f| f.public_dependency.is_empty()) {
        file.dependency.retain(|d| !REMOVED.contains(&d.as_str()));
    }
}

fn overlay_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(overlay_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn merge_file(file: &mut FileDescriptorProto, patch: FileDescriptorProto) -> Result<(), String> {
    if file.package() != patch.package() {
        return Err(format!("package is {}, not {}", file.package(), patch.package()));
    }
    for import in patch.dependency {
        if !file.dependency.contains(&import) {
            file.dependency.push(import);
        }
    }
    if let Some(options) = patch.options {
        let known = &mut file.options.get_or_insert_default().uninterpreted_option;
        known.retain(|old| !options.uninterpreted_option.iter().any(|new| new.name == old.name));
        known.extend(options.uninterpreted_option);
    }
    merge_messages(&mut file.message_type, patch.message_type)?;
    merge_enums(&mut file.enum_type, patch.enum_type)
}

fn merge_messages(messages: &mut Vec<DescriptorProto>, patches: Vec<DescriptorProto>) -> Result<(), String> {
    for patch in patches {
        match messages.iter_mut().find(|m| m.name == patch.name) {
            Some(message) => merge_message(message, patch)?,
            None => messages.push(patch),
        }
    }
    Ok(())
}

fn merge_message(message: &mut DescriptorProto, patch: DescriptorProto) -> Result<(), String> {
    for mut field in patch.field {
        if let Some(index) = field.oneof_index {
            let oneof = &patch.oneof_decl[index as usize];
            let known = message.oneof_decl.iter().position(|o| o.name == oneof.name);
            let position = known.unwrap_or_else(|| {
                message.oneof_decl.push(oneof.clone());
                message.oneof_decl.len() - 1
            });
            field.oneof_index = Some(i32::try_from(position).map_err(|e| e.to_string())?);
        }
        add_field(message, field)?;
    }
    merge_messages(&mut message.nested_type, patch.nested_type)?;
    merge_enums(&mut message.enum_type, patch.enum_type)
}

fn add_field(message: &mut DescriptorProto, field: FieldDescriptorProto) -> Result<(), String> {
    if let Some(old) = message.field.iter_mut().find(|f| f.number == field.number) {
        *old = field;
        return Ok(());
    }
    if message.field.iter().any(|f| f.name == field.name) {
        return Err(format!("{}.{} exists with another number", message.name(), field.name()));
    }
    message.field.push(field);
    Ok(())
}

fn merge_enums(enums: &mut Vec<EnumDescriptorProto>, patches: Vec<EnumDescriptorProto>) -> Result<(), String> {
    for patch in patches {
        let Some(known) = enums.iter_mut().find(|e| e.name == patch.name) else {
            enums.push(patch);
            continue;
        };
        for value in patch.value {
            if known.value.iter().any(|v| v.name == value.name || v.number == value.number) {
                return Err(format!("{}.{} exists already", known.name(), value.name()));
            }
            known.value.push(value);
        }
    }
    Ok(())
}

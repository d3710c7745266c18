//! Compiles Envoy's protobuf API into two things: one deflated descriptor set, for reflection, and prost messages.
//!
//! Both come from the same patched descriptors, so that no field can be known to one and vanish in the other:
//!
//! 1. `source` finds the `.proto` files that the `envoy-types` package ships;
//! 2. `overlay` adds what Envoy has and that package lacks;
//! 3. `names` makes every type name absolute, by protoc's rule;
//! 4. `prune` drops what no configuration needs;
//! 5. `protox` links the files, and this file writes the results to `OUT_DIR`, with an `index` of the descriptors.

#![expect(clippy::print_stdout, reason = "a build script talks to cargo on stdout")]

mod index;
mod names;
mod overlay;
mod prune;
mod source;

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use protox::file::{File, FileResolver, GoogleFileResolver};

/// Parsed files by import name.
type Files = BTreeMap<String, FileDescriptorProto>;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=overlay");

    let mut files = source::parse_all()?;
    overlay::apply(&mut files)?;
    names::make_absolute(&mut files)?;
    prune::prune(&mut files);

    let roots: Vec<String> = files.keys().cloned().collect();
    let mut compiler = protox::Compiler::with_file_resolver(Parsed(files));
    compiler.include_imports(true).include_source_info(false);
    for name in &roots {
        compiler.open_file(name).map_err(|e| format!("{name}: {e}"))?;
    }

    let out = PathBuf::from(env::var("OUT_DIR")?);
    write_descriptors(&compiler.encode_file_descriptor_set(), &out)?;
    generate(compiler.file_descriptor_set())
}

/// Serves files that are parsed already, and Google's from protox.
struct Parsed(Files);

impl FileResolver for Parsed {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.get(name) {
            Some(file) => Ok(File::from_file_descriptor_proto(file.clone())),
            None => GoogleFileResolver::new().open_file(name),
        }
    }
}

fn write_descriptors(encoded: &[u8], out: &std::path::Path) -> Result<(), Box<dyn Error>> {
    fs::write(out.join("descriptors.z"), miniz_oxide::deflate::compress_to_vec(encoded, 6))?;
    let index = index::write(encoded)?;
    fs::write(out.join("index.z"), miniz_oxide::deflate::compress_to_vec(index.as_bytes(), 6))?;
    println!("cargo:rustc-env=NUNCIO_DESCRIPTORS_LEN={}", encoded.len());
    Ok(())
}

fn generate(mut set: FileDescriptorSet) -> Result<(), Box<dyn Error>> {
    for file in &mut set.file {
        // A parser names every field of a message, deprecated ones too: a compiler warning for each would only be noise.
        file.message_type.iter_mut().for_each(undeprecate);
        for entry in file.enum_type.iter_mut().flat_map(|e| &mut e.value) {
            entry.options = None;
        }
    }
    let mut config = prost_build::Config::new();
    config
        .btree_map(["."])
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .include_file("messages.rs");
    config.compile_fds(set)?;
    Ok(())
}

fn undeprecate(message: &mut DescriptorProto) {
    for field in &mut message.field {
        if let Some(options) = &mut field.options {
            options.deprecated = None;
        }
    }
    for entry in message.enum_type.iter_mut().flat_map(|e| &mut e.value) {
        entry.options = None;
    }
    if let Some(options) = &mut message.options {
        options.deprecated = None;
    }
    message.nested_type.iter_mut().for_each(undeprecate);
}

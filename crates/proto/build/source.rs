//! Where the `.proto` files are: in the sources of the `envoy-types` package, which is locked but never compiled.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, MetadataCommand};
use protox::file::File;

use crate::Files;

/// The version that the overlay was compared with. A newer package may ship what the overlay adds, so moving on is a
/// decision: compare, trim the overlay, then change this line.
const PACKAGE_VERSION: &str = "0.7.7";

/// Parses every file of the package.
pub(crate) fn parse_all() -> Result<Files, Box<dyn Error>> {
    let mut files = Files::new();
    for root in include_roots(&locate()?)? {
        parse_folder(&root, &root, &mut files)?;
    }
    Ok(files)
}

/// The package's `proto/` folder.
///
/// Only `cargo metadata` knows it: the package has no `links` key, and as a build dependency it would be compiled,
/// with a gRPC stack, for nothing. `--filter-platform` keeps this working on a machine that has fetched its own
/// platform's crates only; the feature, because an optional dependency is not listed without it; `--locked`, because a build script must not change the lock file.
fn locate() -> Result<PathBuf, Box<dyn Error>> {
    let manifest = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    let options = ["--locked", "--filter-platform", &env::var("TARGET")?].map(String::from);
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .features(CargoOpt::SomeFeatures(vec!["envoy-types".to_owned()]))
        .other_options(options)
        .exec()?;

    let mut found = metadata.packages.iter().filter(|p| p.name.as_str() == "envoy-types");
    let (Some(package), None) = (found.next(), found.next()) else {
        return Err("expected exactly one envoy-types package in the lock file".into());
    };
    if package.version.to_string() != PACKAGE_VERSION {
        let text = "compare the overlay with the new version first";
        return Err(format!("envoy-types is {}, not {PACKAGE_VERSION}: {text}", package.version).into());
    }
    let folder = package.manifest_path.parent().ok_or("a manifest has a folder")?;
    Ok(folder.join("proto").into())
}

/// Each child of `proto/` is an include root, or has one named `proto` of its own (cel-spec).
fn include_roots(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut roots = Vec::new();
    for entry in fs::read_dir(folder)? {
        let child = entry?.path();
        let nested = child.join("proto");
        roots.push(if nested.is_dir() { nested } else { child });
    }
    roots.sort();
    Ok(roots)
}

fn parse_folder(folder: &Path, root: &Path, files: &mut Files) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            parse_folder(&path, root, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            let name = import_name(&path, root)?;
            let parsed = File::from_source(&name, &fs::read_to_string(&path)?).map_err(|e| format!("{name}: {e}"))?;
            files.insert(name, parsed.file_descriptor_proto().clone());
        }
    }
    Ok(())
}

/// The name under which other files import this one: its path below the root, with `/` on every platform.
pub(crate) fn import_name(path: &Path, root: &Path) -> Result<String, Box<dyn Error>> {
    let parts: Option<Vec<&str>> = path.strip_prefix(root)?.components().map(|c| c.as_os_str().to_str()).collect();
    Ok(parts.ok_or("a .proto file's path must be UTF-8")?.join("/"))
}

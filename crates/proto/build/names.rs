//! Makes relative type names absolute, by protoc's rule, before protox links the files.
//!
//! protoc sees only the symbols of the file itself, of its imports and of their public imports. protox 0.10 looks
//! through every package loaded so far: Envoy writes `config.core.v3.X` inside `envoy.extensions…`, and as soon as some
//! file of `envoy.extensions.config` is loaded, that name resolves to the wrong package and the build fails. With
//! absolute names nothing is left to resolve. The version of protox is pinned, because this leans on its parser.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;

use prost_types::{DescriptorProto, FileDescriptorProto};
use protox::file::{FileResolver, GoogleFileResolver};

use crate::Files;

/// Rewrites every type name of every file.
pub(crate) fn make_absolute(files: &mut Files) -> Result<(), Box<dyn Error>> {
    let index = Index::of(files)?;
    for file in files.values_mut() {
        let names = Names { visible: index.visible_to(file.name()) };
        names.rewrite_file(file);
    }
    Ok(())
}

/// What each file declares and imports.
struct Index(BTreeMap<String, Declared>);

struct Declared {
    symbols: HashSet<String>,
    imports: Vec<String>,
    public_imports: Vec<String>,
}

impl Index {
    fn of(files: &Files) -> Result<Self, Box<dyn Error>> {
        let mut all = BTreeMap::new();
        for file in files.values() {
            all.insert(file.name().to_owned(), Declared::of(file));
            for import in &file.dependency {
                if !files.contains_key(import) && !all.contains_key(import) {
                    let google = GoogleFileResolver::new().open_file(import)?;
                    all.insert(import.clone(), Declared::of(google.file_descriptor_proto()));
                }
            }
        }
        Ok(Self(all))
    }

    fn visible_to(&self, file: &str) -> Vec<&HashSet<String>> {
        let own = &self.0[file];
        let mut names: Vec<&String> = own.imports.iter().collect();
        let mut next = 0;
        while let Some(name) = names.get(next) {
            let public = self.0[*name].public_imports.iter();
            let fresh: Vec<&String> = public.filter(|p| !names.contains(p)).collect();
            names.extend(fresh);
            next += 1;
        }
        let imported = names.into_iter().map(|name| &self.0[name].symbols);
        std::iter::once(&own.symbols).chain(imported).collect()
    }
}

impl Declared {
    fn of(file: &FileDescriptorProto) -> Self {
        let scope = package_scope(file);
        let mut symbols = HashSet::new();
        for message in &file.message_type {
            declare(&scope, message, &mut symbols);
        }
        for entry in &file.enum_type {
            symbols.insert(format!("{scope}.{}", entry.name()));
        }
        let public = file.public_dependency.iter();
        Self {
            symbols,
            imports: file.dependency.clone(),
            public_imports: public.map(|i| file.dependency[*i as usize].clone()).collect(),
        }
    }
}

fn declare(scope: &str, message: &DescriptorProto, symbols: &mut HashSet<String>) {
    let name = format!("{scope}.{}", message.name());
    for nested in &message.nested_type {
        declare(&name, nested, symbols);
    }
    for entry in &message.enum_type {
        symbols.insert(format!("{name}.{}", entry.name()));
    }
    symbols.insert(name);
}

fn package_scope(file: &FileDescriptorProto) -> String {
    match file.package() {
        "" => String::new(),
        package => format!(".{package}"),
    }
}

/// The symbols that one file may name.
struct Names<'a> {
    visible: Vec<&'a HashSet<String>>,
}

impl Names<'_> {
    fn rewrite_file(&self, file: &mut FileDescriptorProto) {
        let scope = package_scope(file);
        for message in &mut file.message_type {
            self.rewrite_message(&scope, message);
        }
        for extension in &mut file.extension {
            self.resolve(&mut extension.type_name, &scope);
            self.resolve(&mut extension.extendee, &scope);
        }
        for service in &mut file.service {
            let scope = format!("{scope}.{}", service.name());
            for method in &mut service.method {
                self.resolve(&mut method.input_type, &scope);
                self.resolve(&mut method.output_type, &scope);
            }
        }
    }

    fn rewrite_message(&self, scope: &str, message: &mut DescriptorProto) {
        let scope = format!("{scope}.{}", message.name());
        for field in message.field.iter_mut().chain(&mut message.extension) {
            self.resolve(&mut field.type_name, &scope);
            self.resolve(&mut field.extendee, &scope);
        }
        for nested in &mut message.nested_type {
            self.rewrite_message(&scope, nested);
        }
    }

    /// Innermost scope first. A name that no scope knows is left for protox to report.
    fn resolve(&self, name: &mut Option<String>, scope: &str) {
        let Some(relative) = name.as_deref().filter(|n| !n.starts_with('.')) else {
            return;
        };
        let mut scope = scope;
        loop {
            let candidate = format!("{scope}.{relative}");
            if self.visible.iter().any(|file| file.contains(&candidate)) {
                *name = Some(candidate);
                return;
            }
            match scope.rfind('.') {
                Some(end) => scope = &scope[..end],
                None => return,
            }
        }
    }
}

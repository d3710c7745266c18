//! The crates stand in an order, and each uses only those above it.

use std::collections::BTreeMap;
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The order is that of the root manifest's `[workspace.dependencies]`; binaries come last.
fn order(manifest: &str) -> BTreeMap<String, usize> {
    let names = manifest.lines().filter_map(|line| line.split_once(" = { path = \"crates/"));
    names.map(|(name, _)| name.to_owned()).zip(0..).collect()
}

/// Edges that go down or sideways.
fn offences(order: &BTreeMap<String, usize>, edges: &[(String, String)]) -> Vec<String> {
    let place = |name: &String| order.get(name).copied().unwrap_or(usize::MAX);
    let is_ours = |name: &String| name.starts_with("nuncio-");
    let wrong = edges.iter().filter(|(user, used)| is_ours(used) && place(used) >= place(user));
    wrong.map(|(user, used)| format!("{user} uses {used}, which stands below it")).collect()
}

#[test]
fn crates_use_only_those_above_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("the workspace's manifest");
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata of the workspace");
    let edges: Vec<_> = metadata
        .packages
        .iter()
        .flat_map(|package| {
            let used = package.dependencies.iter().filter(|used| used.kind != DependencyKind::Development);
            used.map(|used| (package.name.to_string(), used.name.clone()))
        })
        .collect();
    assert!(edges.iter().any(|(user, used)| user == "nuncio-http" && used == "nuncio-codec"), "edges were read");
    assert_eq!(offences(&order(&manifest), &edges), Vec::<String>::new());
}

#[test]
fn an_edge_downwards_is_found() {
    let order = order("nuncio-a = { path = \"crates/a\" }\nnuncio-b = { path = \"crates/b\" }\n");
    let edge = |user: &str, used: &str| [(user.to_owned(), used.to_owned())];
    assert_eq!(offences(&order, &edge("nuncio-b", "nuncio-a")), Vec::<String>::new());
    assert_eq!(offences(&order, &edge("nuncio-a", "nuncio-b")), ["nuncio-a uses nuncio-b, which stands below it"]);
    assert_eq!(offences(&order, &edge("nuncio-a", "nuncio-a")).len(), 1);
    assert_eq!(offences(&order, &edge("nuncio-a", "serde")), Vec::<String>::new());
}

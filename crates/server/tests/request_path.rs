//! The request path can be read: its files, in the order of `docs/life-of-a-request.md`, are under 1,200 lines.

use std::path::{Path, PathBuf};

/// What a newcomer reads at a sitting.
const MAX_LINES: usize = 1_200;

/// The files of the table between the two marks: the code in the last column of each row.
fn files(document: &str) -> Vec<&str> {
    let from = document.find("<!-- the path:").expect("the mark where the path begins");
    let to = document.find("<!-- the path ends -->").expect("the mark where the path ends");
    let rows = document[from..to].lines().filter(|line| line.starts_with('|'));
    rows.filter_map(|row| row.trim_end_matches([' ', '|']).strip_suffix('`')?.rsplit('`').next()).collect()
}

/// All lines but those of the tests, which stand last.
fn lines_to_read(source: &str) -> usize {
    source.lines().take_while(|line| line.trim() != "#[cfg(test)]").count()
}

/// Whether the file's own documentation says where its reader comes from, and goes to.
fn is_signposted(source: &str) -> bool {
    let mut about = source.lines().take_while(|line| line.starts_with("//!"));
    about.clone().any(|line| line.contains("Before: ")) && about.any(|line| line.contains("Next: "))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn a_request_is_read_in_under_1200_lines() {
    let document = std::fs::read_to_string(root().join("docs/life-of-a-request.md")).expect("the tour of the path");
    let files = files(&document);
    assert!(files.len() >= 10, "the table was read: {files:?}");
    let mut total = 0;
    for file in files {
        let source = std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(is_signposted(&source), "{file} says what comes before it and what next");
        total += lines_to_read(&source);
    }
    assert!(total <= MAX_LINES, "the request path has {total} lines: move beside it what is not ordinary");
}

#[test]
fn the_last_column_names_the_files() {
    let table = "| `a.rs` | x | `no.rs` |\n<!-- the path: -->\n| | step | file |\n|---|---|---|\n| 1 | `b.rs`. | `c/d.rs` |\n\
                 | 2 | x | `e.rs` |\n<!-- the path ends -->\n| 3 | x | `no.rs` |\n";
    assert_eq!(files(table), ["c/d.rs", "e.rs"]);
}

#[test]
fn tests_are_not_counted_and_comments_are() {
    assert_eq!(lines_to_read("//! Doc\n\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n}\n"), 4);
}

#[test]
fn both_signs_are_needed() {
    assert!(is_signposted("//! X\n//!\n//! Before: a. Next: b.\n\nuse c;\n"));
    assert!(!is_signposted("//! X\n//!\n//! Before: a.\n\n// Next: b.\n"));
}

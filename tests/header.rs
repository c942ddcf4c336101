//! The committed header is what cbindgen makes of the source, and documents every function.
//!
//! `UPDATE_HEADER=1 cargo test --test header` (`make header`) writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong fails"
)]

use std::fs;
use std::path::Path;

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/wasm_memory.h");

fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let version = [
        ("@VERSION@", env!("CARGO_PKG_VERSION")),
        ("@MAJOR@", env!("CARGO_PKG_VERSION_MAJOR")),
        ("@MINOR@", env!("CARGO_PKG_VERSION_MINOR")),
        ("@PATCH@", env!("CARGO_PKG_VERSION_PATCH")),
    ];
    let filled = version
        .iter()
        .fold(config.after_includes.unwrap(), |text, (name, value)| text.replace(name, value));
    config.after_includes = Some(filled);
    let mut header = Vec::new();
    cbindgen::Builder::new()
        .with_crate(root)
        .with_config(config)
        .generate()
        .expect("cbindgen understands the source")
        .write(&mut header);
    // cbindgen has one name for each of usize and isize: size_t comes with ptrdiff_t. Our only isize are
    // descriptors, which are an intptr_t.
    String::from_utf8(header).unwrap().replace("ptrdiff_t", "intptr_t")
}

#[test]
fn the_committed_header_is_fresh() {
    let fresh = generate();
    if std::env::var_os("UPDATE_HEADER").is_some() {
        fs::write(HEADER, &fresh).unwrap();
    }
    let committed = fs::read_to_string(HEADER).unwrap_or_default();
    assert!(
        committed == fresh,
        "include/wasm_memory.h is stale: run `make header` and commit the result"
    );
}

/// The declarations of functions in the header, each with the comment in front of it.
fn functions(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some(at) = rest.find("\nWASM_MEMORY_API") {
        let (before, after) = rest.split_at(at);
        let comment = before.rfind("/**").map_or("", |start| &before[start..]);
        let declaration = &after[..after.find(';').unwrap()];
        let name = declaration.split('(').next().unwrap().split([' ', '*', '\n']).next_back();
        found.push((name.unwrap().to_owned(), comment.to_owned()));
        rest = &after[declaration.len()..];
    }
    found
}

#[test]
fn every_function_documents_parameters_returns_ownership_threads_and_invalidation() {
    let header = fs::read_to_string(HEADER).unwrap();
    let functions = functions(&header);
    assert!(functions.len() > 60, "only {} functions were found", functions.len());
    for (name, comment) in functions {
        for part in ["Parameters: ", "Returns: ", "Ownership: ", "Threads: ", "Invalidates: "] {
            assert!(comment.contains(part), "{name} does not document `{part}`:\n{comment}");
        }
    }
}

#[test]
fn every_exported_function_is_in_the_header() {
    let header = fs::read_to_string(HEADER).unwrap();
    let declared: Vec<_> = functions(&header).into_iter().map(|(name, _)| name).collect();
    let mut exported = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi")).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        for part in source.split("extern \"C\" fn wasm_").skip(1) {
            let name = format!("wasm_{}", part.split('(').next().unwrap());
            assert!(declared.contains(&name), "{name} is missing from the header");
            exported += 1;
        }
    }
    assert_eq!(exported, declared.len());
}

/// A type that the source makes public by accident shows up as one of these.
#[test]
fn every_type_in_the_header_has_our_prefix() {
    let header = fs::read_to_string(HEADER).unwrap();
    let mut seen = 0;
    let starts = |line: &&str| line.starts_with("typedef ") || line.starts_with("} ");
    for line in header.lines().filter(starts).filter(|line| !line.contains("extern")) {
        let words: Vec<_> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let ours = |word: &&str| word.starts_with("wasm_") || *word == "byte_t";
        assert!(words.iter().any(ours), "{line}");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} types were found");
}

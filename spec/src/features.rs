//! What a module needs beyond the first release of WebAssembly, and which memories it defines.

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// The features that scripts speak of, older ones first, with their words.
const WORDS: [(&str, WasmFeatures); 16] = [
    ("mutable-global", WasmFeatures::MUTABLE_GLOBAL),
    ("sign-extension", WasmFeatures::SIGN_EXTENSION),
    ("saturating-float-to-int", WasmFeatures::SATURATING_FLOAT_TO_INT),
    ("multi-value", WasmFeatures::MULTI_VALUE),
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("reference-types", WasmFeatures::REFERENCE_TYPES),
    ("simd", WasmFeatures::SIMD),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("multi-memory", WasmFeatures::MULTI_MEMORY),
    ("memory64", WasmFeatures::MEMORY64),
    ("function-references", WasmFeatures::FUNCTION_REFERENCES),
    ("gc", WasmFeatures::GC),
    ("exceptions", WasmFeatures::EXCEPTIONS),
    ("threads", WasmFeatures::THREADS),
    ("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
];

/// A set of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features(WasmFeatures);

impl Features {
    pub const NONE: Features = Features(WasmFeatures::MVP);
    pub const VERSION_2: Features = Features(WasmFeatures::WASM2);
    pub const VERSION_3: Features = Features(
        WasmFeatures::WASM2.union(
            // Relaxed vector instructions are left out: no file about memory has one.
            WasmFeatures::TAIL_CALL
                .union(WasmFeatures::EXTENDED_CONST)
                .union(WasmFeatures::MULTI_MEMORY)
                .union(WasmFeatures::MEMORY64)
                .union(WasmFeatures::FUNCTION_REFERENCES)
                .union(WasmFeatures::GC)
                .union(WasmFeatures::EXCEPTIONS),
        ),
    );
    pub const CUSTOM_PAGE_SIZES: Features =
        Features(Features::VERSION_3.0.union(WasmFeatures::CUSTOM_PAGE_SIZES));
    pub const MEMORY64: Features = Features(WasmFeatures::WASM2.union(WasmFeatures::MEMORY64));
    // Its files are from before version 2, in which a module may have two tables.
    pub const THREADS: Features = Features(WasmFeatures::WASM1.union(WasmFeatures::THREADS));
    const ALL: Features = Features(Features::CUSTOM_PAGE_SIZES.0.union(WasmFeatures::THREADS));

    pub fn and(self, other: Features) -> Features {
        Features(self.0 | other.0)
    }

    /// The words, separated by commas.
    pub fn words(self) -> String {
        let words: Vec<_> = WORDS
            .iter()
            .filter(|(_, feature)| self.0.contains(*feature))
            .map(|(word, _)| *word)
            .collect();
        if words.is_empty() { "mvp".into() } else { words.join(",") }
    }

    /// Whether the module is valid when these features are there and no others.
    pub fn accept(self, module: &[u8]) -> bool {
        Validator::new_with_features(self.0).validate_all(module).is_ok()
    }
}

/// The fewest features with which the module is valid; None if it is so with none of them.
///
/// They are taken away one by one, the newest first: what is left over was needed.
pub fn needs(module: &[u8]) -> Option<Features> {
    if !Features::ALL.accept(module) {
        return None;
    }
    Some(WORDS.iter().rev().fold(Features::ALL, |features, (_, word)| {
        let fewer = Features(features.0 - *word);
        if fewer.accept(module) { fewer } else { features }
    }))
}

/// The memories that a module defines. Those that it imports are somebody else's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memories {
    pub unshared: u64,
    pub shared: u64,
}

/// Counts the memories of a valid module.
pub fn memories(module: &[u8]) -> Memories {
    let mut memories = Memories::default();
    for payload in Parser::new(0).parse_all(module) {
        let Ok(Payload::MemorySection(section)) = payload else { continue };
        for memory in section.into_iter().flatten() {
            if memory.shared {
                memories.shared += 1;
            } else {
                memories.unshared += 1;
            }
        }
    }
    memories
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Vec<u8> {
        let buffer = wast::parser::ParseBuffer::new(text).unwrap();
        wast::parser::parse::<wast::Wat<'_>>(&buffer).unwrap().encode().unwrap()
    }

    fn words(text: &str) -> String {
        needs(&module(text)).unwrap().words()
    }

    #[test]
    fn only_what_is_needed_is_named() {
        assert_eq!(words("(module (memory 1))"), "mvp");
        assert_eq!(words("(module (memory 1) (memory 1))"), "multi-memory");
        assert_eq!(words("(module (memory i64 1))"), "memory64");
        assert_eq!(words("(module (memory 1 2 shared))"), "threads");
        assert_eq!(words("(module (memory 1 (pagesize 1)))"), "custom-page-sizes");
        assert_eq!(
            words(
                "(module (memory i64 1) (func (memory.fill (i64.const 0) (i32.const 0) (i64.const 0))))"
            ),
            "bulk-memory,memory64"
        );
        assert_eq!(
            words(
                "(module (memory 1) (func (param v128) (v128.store (i32.const 0) (local.get 0))))"
            ),
            "simd"
        );
        assert_eq!(
            words("(module (global (export \"g\") (mut i32) (i32.const 0)))"),
            "mutable-global"
        );
    }

    #[test]
    fn an_invalid_module_needs_nothing() {
        assert_eq!(needs(&module("(module (memory 2 1))")), None);
        assert_eq!(needs(b"\0asm nonsense"), None);
    }

    #[test]
    fn imported_memories_do_not_count() {
        let text =
            "(module (import \"m\" \"m\" (memory 1)) (memory 1) (memory 1 1 shared) (memory 0))";
        assert_eq!(memories(&module(text)), Memories { unshared: 2, shared: 1 });
    }
}

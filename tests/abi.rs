//! Nothing that compiled programs rely on has changed since the baseline, c-tests/abi/baseline.txt: constants,
//! signatures of functions, types, fields of structures. Additions are allowed where docs/ABI.md allows them.
//!
//! `UPDATE_ABI=1 cargo test --test abi` writes the baseline.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong fails"
)]

use std::fmt::Write as _;
use std::fs;

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/wasm_memory.h");
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/c-tests/abi/baseline.txt");

/// What belongs to one SONAME (docs/ABI.md): within it nothing may change.
fn abi_version() -> &'static str {
    match env!("CARGO_PKG_VERSION_MAJOR") {
        "0" => concat!("0.", env!("CARGO_PKG_VERSION_MINOR")),
        major => major,
    }
}

/// One thing that programs rely on: its kind and name, what it is, and the fields of a structure.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    key: String,
    meaning: String,
    fields: Vec<String>,
}

/// In which structures fields may follow: those that say how large they are, and the one that only the library makes.
const OPEN: &str = "fields may follow";

fn without_comments(header: &str) -> String {
    let mut text = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        text.push_str(before);
        rest = comment.split_once("*/").expect("a comment ends").1;
    }
    text.push_str(rest);
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// With one space where there was any, and none before what follows a name.
fn in_one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .replace("( ", "(")
        .replace(" )", ")")
        .replace(" ,", ",")
        .replace(" (", "(")
        .replace("void*", "void *")
}

/// A declaration apart: the name that it declares, and its type without the name. Names of parameters do not count.
fn apart(declaration: &str) -> (String, String) {
    let declaration = in_one_line(declaration);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    // A pointer to a function has its name behind `(*`, everything else before the parameters or at the end.
    let open = declaration.find('(').unwrap_or(declaration.len());
    let end = match declaration[open..].strip_prefix("(*") {
        Some(inside) => open + 2 + inside.find(|c| !is_word(c)).unwrap(),
        None => open,
    };
    let start = declaration[..end].rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
    let (name, mut rest) = (declaration[start..end].to_owned(), declaration[end..].to_owned());
    // Its parameters are declarations in turn.
    if let Some(open) = rest.find('(') {
        let parameters = rest[open + 1..rest.rfind(')').unwrap()].to_owned();
        let types = parameters_of(&parameters)
            .iter()
            .map(|one| type_of(one))
            .collect::<Vec<_>>()
            .join(", ");
        rest = format!("{}({types})", &rest[..open]);
    }
    (name, format!("{}{rest}", &declaration[..start]).trim().to_owned())
}

fn type_of(parameter: &str) -> String {
    let bare = |text: &str| text.split(' ').all(|word| ["void", "const", "struct"].contains(&word));
    if bare(parameter) || parameter.ends_with('*') {
        parameter.to_owned()
    } else {
        apart(parameter).1
    }
}

/// Apart at the commas outside of parentheses.
fn parameters_of(text: &str) -> Vec<String> {
    let (mut depth, mut found) = (0, vec![String::new()]);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            found.push(String::new());
        } else {
            found.last_mut().unwrap().push(c);
        }
    }
    found.iter().map(|one| one.trim().to_owned()).collect()
}

fn item(kind: &str, name: &str, meaning: &str) -> Item {
    Item { key: format!("{kind} {name}"), meaning: meaning.to_owned(), fields: Vec::new() }
}

/// Everything in a header that programs rely on, in its order.
fn surface(header: &str) -> Vec<Item> {
    let text = without_comments(header);
    let mut found = Vec::new();
    let mut code = String::new();
    for line in text.lines() {
        if let Some(constant) = line.strip_prefix("#define WASM_MEMORY_") {
            let (name, number) = constant.split_once(' ').unwrap_or((constant, ""));
            if number.parse::<i64>().is_ok() && !name.starts_with("VERSION") {
                found.push(item("constant", &format!("WASM_MEMORY_{name}"), number));
            }
        } else if !line.starts_with('#') && !line.starts_with("extern \"C\"") {
            code.push_str(line.strip_prefix("WASM_MEMORY_API").unwrap_or(line));
            code.push('\n');
        }
    }
    // Declarations end at a semicolon outside of braces; what has a body (inline functions) is not in the library.
    let (mut depth, mut declaration) = (0, String::new());
    for c in code.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c == '}' && depth <= 0 && !declaration.trim_start().starts_with("typedef") {
            (depth, declaration) = (0, String::new());
        } else if c == ';' && depth == 0 {
            found.extend(declared(declaration.trim()));
            declaration.clear();
        } else {
            declaration.push(c);
        }
    }
    found
}

fn declared(declaration: &str) -> Option<Item> {
    if let Some(definition) = declaration.strip_prefix("typedef ") {
        let Some((_, body)) = definition.split_once('{') else {
            let (name, meaning) = apart(definition);
            return Some(item("type", &name, &meaning));
        };
        let (body, name) = body.rsplit_once('}').unwrap();
        let fields = body.split(';').filter(|field| !field.trim().is_empty());
        let fields: Vec<_> =
            fields.map(apart).map(|(name, kind)| format!("{name}: {kind}")).collect();
        let is_open = fields[0] == "struct_size: size_t" || name.trim() == "wasm_memory_view_t";
        let meaning = if is_open { OPEN } else { "complete" };
        return Some(Item { fields, ..item("structure", name.trim(), meaning) });
    }
    let is_function = declaration.contains('(') && !declaration.starts_with("static");
    is_function.then(|| {
        let (name, meaning) = apart(declaration);
        item("function", &name, &meaning)
    })
}

fn written(items: &[Item]) -> String {
    let mut text = format!("abi {}\n", abi_version());
    for item in items {
        writeln!(text, "{} = {}", item.key, item.meaning).unwrap();
        for field in &item.fields {
            writeln!(text, "    {field}").unwrap();
        }
    }
    text
}

/// The version that a baseline belongs to, and its items.
fn read(baseline: &str) -> (String, Vec<Item>) {
    let mut lines = baseline.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("abi ")).unwrap_or("unknown");
    let mut items: Vec<Item> = Vec::new();
    for line in lines {
        if let Some(field) = line.strip_prefix("    ") {
            items.last_mut().expect("a structure before its fields").fields.push(field.to_owned());
        } else {
            let (key, meaning) = line.split_once(" = ").expect("a name and what it is");
            items.push(Item {
                key: key.to_owned(),
                meaning: meaning.to_owned(),
                fields: Vec::new(),
            });
        }
    }
    (version.to_owned(), items)
}

/// What a program compiled against `old` would stumble over in `new`.
fn broken(old: &[Item], new: &[Item]) -> Vec<String> {
    let mut found = Vec::new();
    for before in old {
        let Some(now) = new.iter().find(|now| now.key == before.key) else {
            found.push(format!("{} is gone", before.key));
            continue;
        };
        if now.meaning != before.meaning {
            found.push(format!("{} was {}, and is {}", before.key, before.meaning, now.meaning));
        }
        let is_kept = if before.meaning == OPEN {
            now.fields.starts_with(&before.fields)
        } else {
            now.fields == before.fields
        };
        if !is_kept {
            found.push(format!("{} had {:?}, and has {:?}", before.key, before.fields, now.fields));
        }
    }
    found
}

#[test]
fn nothing_of_the_baseline_has_changed() {
    let now = surface(&fs::read_to_string(HEADER).unwrap());
    if std::env::var_os("UPDATE_ABI").is_some() {
        fs::write(BASELINE, written(&now)).unwrap();
    }
    let (version, baseline) = read(&fs::read_to_string(BASELINE).unwrap_or_default());
    assert_eq!(version, abi_version(), "the baseline is of another ABI: renew it (docs/ABI.md)");
    let broken = broken(&baseline, &now);
    assert!(broken.is_empty(), "programs compiled earlier break:\n{}", broken.join("\n"));
}

/// The golden list of exported names was made by another tool.
#[test]
fn the_functions_are_those_of_the_golden_list() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/c-tests/abi/exports.txt");
    let golden = fs::read_to_string(golden).unwrap();
    let items = surface(&fs::read_to_string(HEADER).unwrap());
    let mut names: Vec<_> =
        items.iter().filter_map(|item| item.key.strip_prefix("function ")).collect();
    names.sort_unstable();
    assert_eq!(names, golden.lines().collect::<Vec<_>>());
}

#[test]
fn a_surface_is_what_the_header_says() {
    let header = "\
        /** A number; `#define` and { in a comment are nothing. */\n\
        #define WASM_MEMORY_ONE 1\n\
        #define WASM_MEMORY_API\n\
        typedef int32_t wasm_memory_kind_t; // a comment\n\
        typedef struct wasm_opaque_t wasm_opaque_t;\n\
        typedef void (*wasm_callback_t)(void *env, size_t length);\n\
        typedef struct wasm_pair_t {\n    uint32_t min;\n    const char *const *names;\n} wasm_pair_t;\n\
        typedef struct wasm_table_t {\n    size_t struct_size;\n    bool (*ask)(void *env,\n    uint64_t more);\n} wasm_table_t;\n\
        WASM_MEMORY_API\nconst struct wasm_opaque_t *wasm_find(const struct wasm_opaque_t *from,\n    void (*end)(void*), size_t size);\n\
        WASM_MEMORY_API struct wasm_opaque_t *wasm_new(void);\n\
        static inline int wasm_inline_one(void) { return 1; }\n";
    let expected = "\
        constant WASM_MEMORY_ONE = 1\n\
        type wasm_memory_kind_t = int32_t\n\
        type wasm_opaque_t = struct wasm_opaque_t\n\
        type wasm_callback_t = void(*)(void *, size_t)\n\
        structure wasm_pair_t = complete\n    \
            min: uint32_t\n    \
            names: const char *const *\n\
        structure wasm_table_t = fields may follow\n    \
            struct_size: size_t\n    \
            ask: bool(*)(void *, uint64_t)\n\
        function wasm_find = const struct wasm_opaque_t *(const struct wasm_opaque_t *, void(*)(void *), size_t)\n\
        function wasm_new = struct wasm_opaque_t *(void)\n";
    let items = surface(header);
    assert_eq!(written(&items), format!("abi {}\n{expected}", abi_version()));
    assert_eq!(read(&written(&items)), (abi_version().to_owned(), items));
}

/// Each planted change of the real header that breaks programs is found, and no other.
#[test]
fn a_change_is_found_and_an_addition_is_not() {
    let header = fs::read_to_string(HEADER).unwrap();
    let before = surface(&header);
    let after = |from: &str, to: &str| {
        assert!(header.contains(from), "the header has no {from}");
        broken(&before, &surface(&header.replacen(from, to, 1)))
    };
    let found = |from: &str, to: &str, what: &str| {
        let broken = after(from, to);
        assert!(broken.len() == 1 && broken[0].contains(what), "{from} -> {to}: {broken:?}");
    };
    found("#define WASM_MEMORY_OVERLAP 11", "#define WASM_MEMORY_OVERLAP 12", "OVERLAP was 11");
    found("#define WASM_MEMORY_OVERLAP 11", "", "OVERLAP is gone");
    found(
        "wasm_memory_pages(const struct",
        "wasm_memory_count(const struct",
        "wasm_memory_pages is gone",
    );
    found("uint64_t delta_pages,", "uint32_t delta_pages,", "wasm_memory_try_grow was");
    found("uint64_t delta_pages,", "uint64_t delta_pages, bool now,", "wasm_memory_try_grow was");
    found("uint64_t wasm_memory_pages(", "size_t wasm_memory_pages(", "wasm_memory_pages was");
    found(
        "bool (*memory_growing)(void *env,",
        "bool (*memory_growing)(",
        "wasm_memory_limiter_t had",
    );
    found(
        "typedef int32_t wasm_memory_status_t;",
        "typedef int64_t wasm_memory_status_t;",
        "status_t was",
    );
    // wasm_limits_t and the stats: between, instead of, and swapped for a field.
    found("uint32_t max;", "uint32_t more; uint32_t max;", "wasm_limits_t had");
    found("uint32_t max;", "uint32_t max; uint32_t more;", "wasm_limits_t had");
    found("uint64_t grow_count;", "uint64_t more; uint64_t grow_count;", "wasm_memory_stats_t had");
    found("uint64_t grow_count;", "", "wasm_memory_stats_t had");
    found("uint64_t grow_count;", "uint32_t grow_count;", "wasm_memory_stats_t had");

    for (from, to) in [
        ("} wasm_memory_stats_t;", "uint64_t more; } wasm_memory_stats_t;"),
        ("} wasm_memory_view_t;", "uint64_t more; } wasm_memory_view_t;"),
        (
            "#define WASM_MEMORY_OVERLAP 11",
            "#define WASM_MEMORY_OVERLAP 11\n#define WASM_MEMORY_LATER 99",
        ),
        ("uint64_t delta_pages,", "uint64_t pages,"),
        ("WASM_MEMORY_API\n", "WASM_MEMORY_API void wasm_memory_later(void);\nWASM_MEMORY_API\n"),
    ] {
        assert_eq!(after(from, to), Vec::<String>::new(), "{from} -> {to}");
    }
}

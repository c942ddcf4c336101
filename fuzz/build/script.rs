//! Reads include/wasm_memory.h and writes down what it declares: constants, functions, and for the target `abi`
//! a call of each function with arguments from bytes. A function that is new in the header is called without a
//! change here, unless it has a parameter of a kind that is new, too: that one is named when the target runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

struct Parameter {
    /// As the header has it, without the name.
    kind: String,
    name: String,
}

struct Function {
    name: String,
    result: String,
    parameters: Vec<Parameter>,
    /// What the comment in front of it says under `Returns:`.
    returns: String,
}

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").unwrap();
    let path = Path::new(&root).join("../include/wasm_memory.h");
    println!("cargo:rerun-if-changed={}", path.display());
    println!("cargo:rerun-if-changed=build/script.rs");
    let header = fs::read_to_string(path).unwrap();
    let functions = functions(&header);
    let constants = constants(&header);
    let opaque = opaque(&header);
    let sized = sized(&header);

    let mut out = String::new();
    for (name, value) in &constants {
        writeln!(out, "pub const {name}: i32 = {value};").unwrap();
    }
    out.push_str("unsafe extern \"C\" {\n");
    for function in &functions {
        let parameters: Vec<_> = function
            .parameters
            .iter()
            .enumerate()
            .map(|(at, parameter)| format!("a{at}: {}", rust_type(&parameter.kind)))
            .collect();
        let result = match function.result.as_str() {
            "void" => String::new(),
            other => format!(" -> {}", rust_type(other)),
        };
        writeln!(out, "    pub fn {}({}){result};", function.name, parameters.join(", ")).unwrap();
    }
    out.push_str("}\n");
    let folder = env::var("OUT_DIR").unwrap();
    fs::write(Path::new(&folder).join("header.rs"), out).unwrap();
    let calls = calls(&functions, &constants, &opaque, &sized);
    fs::write(Path::new(&folder).join("calls.rs"), calls).unwrap();
}

fn functions(header: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some(at) = rest.find("\nWASM_MEMORY_API") {
        let comment_start = rest[..at].rfind("/**").unwrap_or(0);
        let comment = rest[comment_start..at].replace("\n * ", " ");
        let declaration = &rest[at + "\nWASM_MEMORY_API".len()..];
        let end = declaration.find(";\n").unwrap();
        let text = declaration[..end].split_whitespace().collect::<Vec<_>>().join(" ");
        rest = &declaration[end..];
        let (front, parameters) = text.split_once('(').unwrap();
        let parameters = parameters.strip_suffix(')').unwrap();
        let name_at = front.rfind(|c: char| !c.is_alphanumeric() && c != '_').unwrap() + 1;
        let returns = comment.split("Returns:").nth(1).unwrap_or_default();
        found.push(Function {
            name: front[name_at..].to_owned(),
            result: front[..name_at].trim().to_owned(),
            parameters: apart(parameters).into_iter().filter_map(parameter).collect(),
            returns: returns.split("Ownership:").next().unwrap().to_owned(),
        });
    }
    assert!(found.len() > 100, "the header has another layout than expected");
    found
}

/// Cuts at the commas that are not inside parentheses.
fn apart(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

fn parameter(text: &str) -> Option<Parameter> {
    let text = text.trim();
    if text == "void" {
        return None;
    }
    if let Some((front, back)) = text.split_once("(*") {
        let (name, arguments) = back.split_once(')').unwrap();
        return Some(Parameter { kind: format!("{front}(*){arguments}"), name: name.to_owned() });
    }
    let name_at = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').unwrap() + 1;
    Some(Parameter { kind: text[..name_at].trim().to_owned(), name: text[name_at..].to_owned() })
}

fn constants(header: &str) -> BTreeMap<String, i32> {
    let line = |line: &str| {
        let (name, value) = line.strip_prefix("#define WASM_MEMORY_")?.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    header.lines().filter_map(line).collect()
}

/// The structures that only the library sees into.
fn opaque(header: &str) -> BTreeSet<String> {
    let line = |line: &str| {
        let (name, again) =
            line.strip_prefix("typedef struct ")?.strip_suffix(';')?.split_once(' ')?;
        (name == again).then(|| name.to_owned())
    };
    header.lines().filter_map(line).collect()
}

/// The structures that start with their size.
fn sized(header: &str) -> BTreeSet<String> {
    let one = |text: &str| {
        let (name, fields) = text.split_once(" {")?;
        let first = fields.lines().find(|line| line.trim_end().ends_with(';'))?;
        (first.trim() == "size_t struct_size;").then(|| name.to_owned())
    };
    header.split("typedef struct ").skip(1).filter_map(one).collect()
}

fn rust_type(kind: &str) -> &'static str {
    if kind.contains('*') || kind.ends_with("_callback_t") {
        return "*mut core::ffi::c_void";
    }
    match kind {
        "uint64_t" => "u64",
        "uint32_t" | "wasm_memory_pages_t" => "u32",
        "uint16_t" => "u16",
        "uint8_t" => "u8",
        "int64_t" => "i64",
        "size_t" => "usize",
        "intptr_t" => "isize",
        "bool" => "bool",
        "float" => "f32",
        "double" => "f64",
        // Statuses, and what is one of some constants.
        other if other.starts_with("wasm_memory_") && other.ends_with("_t") => "i32",
        other => panic!("the header has a type that is new here: {other}"),
    }
}

/// The statuses that a function says it returns; those of the functions that it refers to among them.
fn listed(
    function: &Function,
    all: &[Function],
    constants: &BTreeMap<String, i32>,
    depth: u32,
) -> u64 {
    let mut mask = 0;
    for word in function.returns.split('`').skip(1).step_by(2) {
        if let Some(value) = constants.get(word).filter(|value| **value < 64) {
            mask |= 1 << value;
        } else if let Some(other) = all.iter().find(|other| other.name == word)
            && depth < 4
            && other.name != function.name
            && other.result == "wasm_memory_status_t"
        {
            mask |= listed(other, all, constants, depth + 1);
        }
    }
    mask
}

fn calls(
    functions: &[Function],
    constants: &BTreeMap<String, i32>,
    opaque: &BTreeSet<String>,
    sized: &BTreeSet<String>,
) -> String {
    let mut arms = String::new();
    let mut count = 0;
    let mut unknown = Vec::new();
    for function in functions {
        // By hand: vectors of types are structures without a size, and belong to nobody.
        if function.name.contains("_vec_") {
            continue;
        }
        let mut arguments = Vec::new();
        for (at, parameter) in function.parameters.iter().enumerate() {
            match argument(function, at, parameter, opaque, sized) {
                Some(argument) => arguments.push(argument),
                None => unknown
                    .push(format!("{}: {} {}", function.name, parameter.kind, parameter.name)),
            }
        }
        if arguments.len() != function.parameters.len() {
            continue;
        }
        let name = &function.name;
        writeln!(arms, "        {count} => {{\n            let mut c = Call::new(\"{name}\");")
            .unwrap();
        for (at, argument) in arguments.iter().enumerate() {
            writeln!(arms, "            let a{at} = {argument};").unwrap();
        }
        let list: Vec<_> = (0..arguments.len()).map(|at| format!("a{at}")).collect();
        writeln!(arms, "            c.begin();").unwrap();
        writeln!(arms, "            // SAFETY: the arguments are what the header asks for.")
            .unwrap();
        writeln!(arms, "            let r = unsafe {{ ffi::{name}({}) }};", list.join(", "))
            .unwrap();
        let kind = function.result.trim_start_matches("struct ");
        let end = match function.result.as_str() {
            "wasm_memory_status_t" => {
                format!("c.status(r, {:#x})", listed(function, functions, constants, 0))
            }
            "void" => "{ let () = r; c.end(None) }".to_owned(),
            result
                if result.starts_with("struct ")
                    && opaque.contains(kind.trim_end_matches(" *")) =>
            {
                format!("c.made(\"{}\", r)", kind.trim_end_matches(" *"))
            }
            _ => "{ let _ = r; c.end(None) }".to_owned(),
        };
        writeln!(arms, "            {end};\n        }}").unwrap();
        count += 1;
    }
    let unknown: Vec<_> = unknown.iter().map(|what| format!("{what:?}")).collect();
    format!(
        "pub(crate) const FUNCTIONS: usize = {count};\n\
         pub(crate) const UNKNOWN: &[&str] = &[{}];\n\
         pub(crate) fn call(number: usize) {{\n    match number {{\n{arms}        _ => unreachable!(),\n    }}\n}}\n",
        unknown.join(", ")
    )
}

fn argument(
    function: &Function,
    at: usize,
    parameter: &Parameter,
    opaque: &BTreeSet<String>,
    sized: &BTreeSet<String>,
) -> Option<String> {
    let Parameter { kind, name } = parameter;
    let is_const = kind.starts_with("const ");
    let pointee = kind.trim_start_matches("const ").trim_start_matches("struct ");
    let next_is_length = function.parameters.get(at + 1).is_some_and(|next| {
        next.kind == "size_t" && matches!(next.name.as_str(), "length" | "capacity")
    });
    if let Some(of) = pointee.strip_suffix(" *").filter(|of| opaque.contains(*of)) {
        let consumed = function.name.ends_with("_delete")
            || function.name == "wasm_engine_new_with_config"
            || function.name == "wasm_memory_ticket_resolve";
        return Some(format!("c.handle(\"{of}\", {consumed})"));
    }
    if let Some(of) = pointee.strip_suffix(" **").filter(|of| opaque.contains(*of)) {
        return Some(format!("c.out_handle(\"{of}\")"));
    }
    if let Some(of) = pointee.strip_suffix(" *").filter(|of| sized.contains(*of)) {
        return Some(match is_const {
            true => format!("c.structure(\"{of}\")"),
            false => "c.out_structure()".to_owned(),
        });
    }
    Some(match (kind.as_str(), name.as_str()) {
        ("const struct wasm_limits_t *", _) => "c.limits()".to_owned(),
        ("const struct wasm_memory_segment_t *", "segments") => "c.segments()".to_owned(),
        ("size_t", "count") => "c.last_count()".to_owned(),
        ("const char *", _) => "c.path()".to_owned(),
        ("const void *", "address") => "c.address()".to_owned(),
        ("void *" | "const void *" | "char *", "buffer" | "bytes") if next_is_length => {
            format!("c.buffer({is_const})")
        }
        ("size_t", "length" | "capacity") => "c.last_count()".to_owned(),
        ("const uint8_t *", "value") => "c.bytes16()".to_owned(),
        ("uint8_t *", "out") if function.name.ends_with("v128") => "c.out(16)".to_owned(),
        ("uint8_t *" | "bool *", _) => "c.out(1)".to_owned(),
        ("uint16_t *", _) => "c.out(2)".to_owned(),
        ("uint32_t *" | "float *" | "wasm_memory_wait_result_t *", _) => "c.out(4)".to_owned(),
        ("uint64_t *" | "size_t *" | "double *" | "void **" | "uint8_t **", _) => {
            "c.out(8)".to_owned()
        }
        ("intptr_t *", _) => "c.out_descriptor()".to_owned(),
        ("void *", "env" | "data" | "info") => "c.environment()".to_owned(),
        ("void (*)(void *env)" | "void (*)(void*)" | "void (*)(void *data)", _) => {
            "c.callback()".to_owned()
        }
        ("void (*)(void *env, uint64_t offset, uint64_t length)", _) => {
            "c.range_callback()".to_owned()
        }
        ("wasm_memory_data_callback_t", _) => "c.data_callback()".to_owned(),
        ("int64_t", "timeout_ns") => "c.timeout()".to_owned(),
        ("intptr_t", "fd") => "c.descriptor()".to_owned(),
        ("uint8_t", "page_size_log2") => "c.page_size_log2()".to_owned(),
        ("bool", _) => "c.u8() & 1 == 1".to_owned(),
        ("uint8_t", _) => "c.u8()".to_owned(),
        ("uint16_t", _) => "c.number() as u16".to_owned(),
        ("uint32_t" | "wasm_memory_pages_t", _) => "c.number() as u32".to_owned(),
        ("uint64_t", _) => "c.number()".to_owned(),
        ("size_t", _) => "c.number() as usize".to_owned(),
        ("float", _) => "f32::from_bits(c.number() as u32)".to_owned(),
        ("double", _) => "f64::from_bits(c.number())".to_owned(),
        (kind, _) if kind.ends_with("_t") && kind.starts_with("wasm_memory_") => {
            "c.choice()".to_owned()
        }
        _ => return None,
    })
}

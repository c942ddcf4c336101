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

/// A function of the header: its declaration without line ends, and the comment in front of it.
struct Function {
    name: String,
    declaration: String,
    comment: String,
}

fn functions(header: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some(at) = rest.find("\nWASM_MEMORY_API") {
        let (before, after) = rest.split_at(at);
        let comment = before.rfind("/**").map_or("", |start| &before[start..]);
        let declaration = &after[..after.find(';').unwrap()];
        let name = declaration.split('(').next().unwrap().split([' ', '*', '\n']).next_back();
        found.push(Function {
            name: name.unwrap().to_owned(),
            declaration: one_line(declaration.replace("WASM_MEMORY_API", "").lines()),
            comment: one_line(
                comment.lines().map(|line| line.trim().trim_start_matches(['/', '*'])),
            ),
        });
        rest = &after[declaration.len()..];
    }
    found
}

fn one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// What each function says, in this order; `Specification` is for those that it concerns.
const PARTS: [&str; 5] = ["Parameters", "Returns", "Ownership", "Threads", "Invalidates"];

/// Words that say what a number counts; the last ones are for numbers of the guest's, which count nothing.
const UNITS: [&str; 8] =
    ["bytes", "pages", "nanoseconds", "how many", "logarithm", "number", "replaced", "by what"];

/// What is in capitals in documentation and no constant of ours.
const OTHERS: [&str; 8] = [
    "NULL",
    "SIZE_MAX",
    "UINT64_MAX",
    "INT64_MIN",
    "SIGSEGV",
    "SIGBUS",
    "EAGAIN",
    "WASM_MEMORY_UNKNOWN_STATUS",
];

/// What may be left out of the names of constants besides `WASM_MEMORY_`.
const KINDS: [&str; 3] = ["", "BOUNDS_", "FAULT_"];

/// The text of a part, without its name.
fn part<'a>(comment: &'a str, name: &str) -> Option<&'a str> {
    let text = &comment[comment.find(&format!(" {name}: "))? + name.len() + 3..];
    let ends =
        PARTS.iter().chain(&["Specification"]).filter_map(|next| text.find(&format!(" {next}: ")));
    Some(text[..ends.min().unwrap_or(text.len())].trim().trim_end_matches('/').trim())
}

/// The parameters of a declaration: name and the rest.
fn parameters(declaration: &str) -> Vec<(String, String)> {
    let list = &declaration[declaration.find('(').unwrap() + 1..declaration.rfind(')').unwrap()];
    let (mut depth, mut found) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            found.push(String::new())
        } else {
            found.last_mut().unwrap().push(c)
        }
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let named = |one: &String| {
        let one = one.trim();
        let end = one.find("(*").map_or(one.len(), |at| at + one[at..].find(')').unwrap());
        let start = one[..end].rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
        (one[start..end].to_owned(), format!("{}{}", &one[..start], &one[end..]))
    };
    found.iter().filter(|one| one.trim() != "void").map(named).collect()
}

/// What is in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What is said of each parameter: names in backticks, a colon, and the text up to the next such.
fn entries(text: &str) -> Vec<(Vec<&str>, &str)> {
    let mut found: Vec<(Vec<&str>, &str)> = Vec::new();
    let mut names = Vec::new();
    let pieces: Vec<_> = text.split('`').collect();
    let mut at = 0;
    let mut begun = 0;
    for (index, piece) in pieces.iter().enumerate() {
        if index % 2 == 1 {
            if names.is_empty() {
                begun = at;
            }
            names.push(*piece);
        } else if index > 0 && piece.starts_with(':') {
            if let Some(last) = found.last_mut() {
                let from = last.1.as_ptr().addr() - text.as_ptr().addr();
                last.1 = &text[from..begun];
            }
            found.push((std::mem::take(&mut names), &text[at..]));
        } else if *piece != ", " {
            names.clear();
        }
        at += piece.len() + 1;
    }
    found
}

/// What is missing or wrong in the documentation of a function. `known` are the names of all functions and types.
fn gaps(function: &Function, constants: &[String], known: &[String]) -> Vec<String> {
    let comment = function.comment.as_str();
    let mut gaps = Vec::new();
    let mut places = Vec::new();
    for name in PARTS {
        match part(comment, name) {
            None | Some("") => gaps.push(format!("there is no `{name}`")),
            Some(_) => places.push(comment.find(&format!(" {name}: "))),
        }
    }
    if !places.is_sorted() {
        gaps.push("the parts are out of order".to_owned());
    }
    if comment.find("Parameters: ").is_some_and(|at| at < 10) {
        gaps.push("it does not say what it is for".to_owned());
    }

    let described = part(comment, "Parameters").unwrap_or("");
    let parameters = parameters(&function.declaration);
    if parameters.is_empty() && described != "none." {
        gaps.push("`Parameters` is not `none.`".to_owned());
    }
    let entries = entries(described);
    for (name, kind) in &parameters {
        let Some((_, text)) = entries.iter().find(|(names, _)| names.contains(&name.as_str()))
        else {
            gaps.push(format!("`{name}` is not described"));
            continue;
        };
        let is_number =
            ["size_t", "int64_t", "wasm_memory_pages_t"].iter().any(|number| kind.contains(number));
        if is_number && !kind.contains("(*") && !UNITS.iter().any(|unit| text.contains(unit)) {
            gaps.push(format!("`{name}` has no unit: {text}"));
        }
    }
    for name in entries.iter().flat_map(|(names, _)| names) {
        if !parameters.iter().any(|(parameter, _)| parameter == name) {
            gaps.push(format!("`{name}` is no parameter"));
        }
    }

    for word in quoted(comment) {
        let is_in_capitals = word.len() > 1
            && word.chars().all(|c| c.is_ascii_uppercase() || "_0123456789".contains(c));
        let whole = format!("WASM_MEMORY_{}", word.trim_start_matches("WASM_MEMORY_"));
        let named = |kind: &&str| constants.contains(&format!("WASM_MEMORY_{kind}{word}"));
        let is_constant = constants.contains(&whole)
            || KINDS.iter().any(named)
            || word.starts_with('_') && constants.iter().any(|constant| constant.ends_with(word))
            || word.ends_with('_') && constants.iter().any(|constant| constant.starts_with(&whole));
        if is_in_capitals && !is_constant && !OTHERS.contains(&word) {
            gaps.push(format!("there is no `{word}`"));
        }
        if word.starts_with("wasm_") && !known.iter().any(|name| name == word) {
            gaps.push(format!("there is no `{word}`"));
        }
    }

    let returns = part(comment, "Returns").unwrap_or("");
    if function.declaration.starts_with("wasm_memory_status_t") {
        // One that answers what another does may say so instead.
        let refers = quoted(returns).iter().any(|word| word.starts_with("wasm_"));
        let says = |status: &str| quoted(returns).contains(&status);
        if !says("OK") && !refers {
            gaps.push("`Returns` has no `OK`".to_owned());
        }
        let takes_a_handle =
            parameters.first().is_some_and(|(_, kind)| kind.contains("struct wasm_"));
        if takes_a_handle && !says("NULL_ARGUMENT") && !refers {
            gaps.push("`Returns` has no `NULL_ARGUMENT`".to_owned());
        }
    } else if function.declaration.starts_with("void wasm_") != returns.starts_with("nothing.") {
        gaps.push(format!("`Returns` is `{returns}`"));
    }

    // What the caller has to delete, and what it may use no more.
    let ownership = part(comment, "Ownership").unwrap_or("");
    if function.declaration.starts_with("struct wasm_") && !ownership.contains("_delete`") {
        gaps.push(format!("`Ownership` does not say what deletes it: {ownership}"));
    }
    let invalidates = part(comment, "Invalidates").unwrap_or("");
    if function.name.ends_with("_delete") && invalidates == "nothing." {
        gaps.push("it invalidates nothing".to_owned());
    }
    gaps
}

/// The names of the constants in a header, and those of functions, inline ones too, and types.
fn names(header: &str) -> (Vec<String>, Vec<String>) {
    let defined = header
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("#define ")?.split(' ').next());
    let constants =
        defined.filter(|name| name.starts_with("WASM_MEMORY_")).map(str::to_owned).collect();
    let mut known: Vec<_> = functions(header).into_iter().map(|function| function.name).collect();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let code = header.lines().filter(|line| !line.trim_start().starts_with('*'));
    known.extend(code.flat_map(|line| line.split(|c| !is_word(c))).map(str::to_owned));
    (constants, known)
}

#[test]
fn every_function_documents_parameters_returns_ownership_threads_and_invalidation() {
    let header = fs::read_to_string(HEADER).unwrap();
    let (constants, known) = names(&header);
    let functions = functions(&header);
    assert!(functions.len() > 60, "only {} functions were found", functions.len());
    let mut found = Vec::new();
    for function in &functions {
        let gaps = gaps(function, &constants, &known);
        found.extend(gaps.iter().map(|gap| format!("{}: {gap}", function.name)));
    }
    assert!(found.is_empty(), "{} gaps in the documentation:\n{}", found.len(), found.join("\n"));
}

#[test]
fn incomplete_documentation_is_noticed() {
    let header = "\
        #define WASM_MEMORY_OK 0\n#define WASM_MEMORY_NULL_ARGUMENT 1\n#define WASM_MEMORY_RMW_ADD 0\n\
        typedef struct wasm_thing_t wasm_thing_t;\n\
        /**\n * Makes a thing larger, by `WASM_MEMORY_RMW_`.\n *\n \
        * Parameters: `thing`: not consumed. `delta`: in pages; `NULL` is\n * nothing. `callback`, `env`: what is called.\n \
        * Returns: `OK`, `NULL_ARGUMENT`.\n * Ownership: none passes.\n * Threads: any.\n * Invalidates: nothing.\n */\n\
        WASM_MEMORY_API\nwasm_memory_status_t wasm_thing_grow(struct wasm_thing_t *thing, uint64_t delta,\n    \
        void (*callback)(void *env), void *env);\n\
        /**\n * Makes one.\n *\n * Parameters: none.\n * Returns: it; NULL when the heap is exhausted.\n \
        * Ownership: the caller's, until `wasm_thing_delete`.\n * Threads: any.\n * Invalidates: nothing.\n */\n\
        WASM_MEMORY_API struct wasm_thing_t *wasm_thing_new(void);\n\
        /**\n * Deletes it.\n *\n * Parameters: `thing`: NULL does nothing.\n * Returns: nothing.\n \
        * Ownership: it passes to the library.\n * Threads: any.\n * Invalidates: the thing.\n */\n\
        WASM_MEMORY_API void wasm_thing_delete(struct wasm_thing_t *thing);\n";
    let all = |header: &str| {
        let (constants, known) = names(header);
        functions(header)
            .iter()
            .flat_map(|function| gaps(function, &constants, &known))
            .collect::<Vec<_>>()
    };
    assert_eq!(functions(header).len(), 3);
    assert_eq!(all(header), Vec::<String>::new());
    for (from, to, gap) in [
        (" * Threads: any.\n", "", "there is no `Threads`"),
        ("Invalidates: nothing.", "Invalidates: ", "there is no `Invalidates`"),
        (
            "* Returns: `OK`, `NULL_ARGUMENT`.\n * Ownership: none passes.",
            "* Ownership: none passes.\n * Returns: `OK`, `NULL_ARGUMENT`.",
            "the parts are out of order",
        ),
        (
            "Makes a thing larger, by `WASM_MEMORY_RMW_`.\n *\n * ",
            "",
            "it does not say what it is for",
        ),
        ("Parameters: none.", "Parameters: `thing`: it.", "`Parameters` is not `none.`"),
        ("`thing`: not consumed. ", "", "`thing` is not described"),
        ("`callback`, `env`:", "`callback`:", "`env` is not described"),
        ("`env`: what", "`other`, `env`: what", "`other` is no parameter"),
        ("in pages", "how much", "`delta` has no unit: : how much; `NULL` is nothing."),
        ("`NULL_ARGUMENT`.", "`NULL_ARGUMENT`, `OUT_OF_LUCK`.", "there is no `OUT_OF_LUCK`"),
        ("`WASM_MEMORY_RMW_`", "`WASM_MEMORY_RMV_`", "there is no `WASM_MEMORY_RMV_`"),
        ("`wasm_thing_delete`", "`wasm_thing_free_delete`", "there is no `wasm_thing_free_delete`"),
        ("`OK`, ", "", "`Returns` has no `OK`"),
        ("`OK`, `NULL_ARGUMENT`", "`OK`", "`Returns` has no `NULL_ARGUMENT`"),
        ("Returns: nothing.", "Returns: the thing.", "`Returns` is `the thing.`"),
        (
            "the caller's, until `wasm_thing_delete`.",
            "none passes.",
            "`Ownership` does not say what deletes it: none passes.",
        ),
        ("Invalidates: the thing.", "Invalidates: nothing.", "it invalidates nothing"),
    ] {
        assert!(header.contains(from), "{from}");
        let found = all(&header.replacen(from, to, 1));
        assert!(found.iter().any(|one| one.starts_with(gap)), "{from} -> {to}: {found:?}");
    }
}

#[test]
fn every_exported_function_is_in_the_header() {
    let header = fs::read_to_string(HEADER).unwrap();
    let declared: Vec<_> = functions(&header).into_iter().map(|function| function.name).collect();
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

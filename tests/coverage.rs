//! `docs/COVERAGE.md` names functions, tests and examples that exist, and leaves no function out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What the second column says of an operation that is not there yet. Such a row needs no function
/// and no test.
const LATER: &str = "comes with ";

/// What rows may name.
#[derive(Default)]
struct Known {
    /// Declared in a header.
    functions: BTreeSet<String>,
    /// Every word of the headers: types, fields, constants.
    words: BTreeSet<String>,
    /// The tests of each file: by its name if it is in `c-tests`, by its path otherwise.
    tests: BTreeMap<String, BTreeSet<String>>,
    /// Files of `examples`, from the root of the repository.
    examples: BTreeSet<String>,
}

/// A row of a table: `| operation | functions | shown by |`.
struct Row {
    line: usize,
    operation: String,
    functions: String,
    shown_by: String,
}

/// The rows of all tables, each table with its heading; or what is wrong with their shape.
fn rows(document: &str) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    let lines: Vec<&str> = document.lines().collect();
    let is_rule = |line: &str| line.starts_with("|-");
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let is_heading = lines.get(at + 1).is_some_and(|next| is_rule(next));
        if is_rule(line) || is_heading {
            continue;
        }
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            [operation, functions, shown_by] => rows.push(Row {
                line: at + 1,
                operation: operation.to_owned(),
                functions: functions.to_owned(),
                shown_by: shown_by.to_owned(),
            }),
            _ => wrong.push(format!("line {}: {} columns instead of 3", at + 1, cells.len())),
        }
    }
    (rows, wrong)
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The words of C that a text has.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// A word that can only be the name of a function. A type ends in `_t`; with a dot behind it comes
/// one of its fields.
fn is_function(word: &str) -> bool {
    word.starts_with("wasm_") && !word.ends_with("_t") && !word.contains('.')
}

impl Row {
    fn is_later(&self) -> bool {
        self.functions.contains(LATER)
    }

    fn named_functions(&self) -> BTreeSet<&str> {
        quoted(&self.functions).into_iter().filter(|word| is_function(word)).collect()
    }

    /// What is wrong with the row.
    fn complaints(&self, known: &Known) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.operation.is_empty() {
            wrong.push("no operation".to_owned());
        }
        for cell in [&self.functions, &self.shown_by] {
            if !cell.matches('`').count().is_multiple_of(2) {
                wrong.push("a backtick without its other half".to_owned());
            }
        }
        for name in quoted(&self.functions) {
            if is_function(name) && !known.functions.contains(name) {
                wrong.push(format!("no header declares `{name}`"));
            } else if let Some(word) = words(name).find(|word| !known.words.contains(*word)) {
                wrong.push(format!("no header has the word `{word}`"));
            }
        }
        for evidence in quoted(&self.shown_by) {
            if let Some((file, test)) = evidence.split_once(": ") {
                match known.tests.get(file) {
                    None => wrong.push(format!("no file of tests {file}")),
                    Some(tests) if !tests.contains(test) => {
                        wrong.push(format!("no test {test} in {file}"));
                    }
                    Some(_) => {}
                }
            } else if !known.examples.contains(evidence) {
                wrong.push(format!("no example {evidence}"));
            }
        }
        if !self.is_later() {
            if self.named_functions().is_empty() {
                wrong.push("no function".to_owned());
            }
            if quoted(&self.shown_by).is_empty() {
                wrong.push("no test and no example".to_owned());
            }
        }
        let at = |what| format!("line {}, {}: {what}", self.line, self.operation);
        wrong.into_iter().map(at).collect()
    }
}

/// What is wrong with the rows of a document.
fn complaints(document: &str, known: &Known) -> Vec<String> {
    let (rows, mut wrong) = rows(document);
    wrong.extend(rows.iter().flat_map(|row| row.complaints(known)));
    wrong
}

/// Which of these functions are in no row whose operation is there.
fn missing<'a>(document: &str, functions: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let (rows, _) = rows(document);
    let here = rows.iter().filter(|row| !row.is_later());
    let named: BTreeSet<&str> = here.flat_map(Row::named_functions).collect();
    functions.into_iter().filter(|function| !named.contains(function)).collect()
}

/// The name that a declaration ends in: what stands before its first parenthesis.
fn declared(declaration: &str) -> &str {
    words(declaration.split('(').next().unwrap()).last().unwrap_or_default()
}

/// The functions that the generated header declares, and those of them that `wasm.h` has too.
fn of_header(header: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut all, mut standard) = (BTreeSet::new(), BTreeSet::new());
    // For each #if that is open, whether it is the one around what wasm.h declares.
    let mut open = Vec::new();
    for (at, line) in header.match_indices('\n').map(|(at, _)| (at, &header[at + 1..])) {
        let line_alone = line.lines().next().unwrap_or_default();
        if line_alone.starts_with("#if") {
            open.push(line_alone == "#if !defined(WASM_H)");
        } else if line_alone.starts_with("#endif") {
            open.pop();
        } else if line_alone.starts_with("WASM_MEMORY_API") {
            let name = declared(&header[at..]);
            all.insert(name);
            if open.contains(&true) {
                standard.insert(name);
            }
        }
    }
    (all, standard)
}

/// The functions that the header of inline functions defines.
fn of_inline_header(header: &str) -> BTreeSet<&str> {
    header.split("\nstatic inline").skip(1).map(declared).collect()
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder, by their names.
fn files(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The words behind this beginning of a line.
fn defined(source: &str, beginning: &str) -> BTreeSet<String> {
    let lines = source.lines().filter_map(|line| line.strip_prefix(beginning));
    lines.filter_map(|rest| words(rest).next()).map(str::to_owned).collect()
}

fn known() -> Known {
    let header = read("include/wasm_memory.h");
    let inline_header = read("include/wasm_memory_inline.h");
    let mut known = Known::default();
    let (functions, _) = of_header(&header);
    known.functions.extend(functions.into_iter().map(str::to_owned));
    known.functions.extend(of_inline_header(&inline_header).into_iter().map(str::to_owned));
    known.words.extend(words(&header).chain(words(&inline_header)).map(str::to_owned));
    for file in files("c-tests") {
        let source = read(&format!("c-tests/{file}"));
        // Some run in a process of their own.
        let mut tests = defined(&source, "TEST(");
        tests.extend(defined(&source, "CHILD_TEST("));
        known.tests.insert(file, tests);
    }
    for file in files("examples/python") {
        let path = format!("examples/python/{file}");
        let tests = defined(&read(&path), "    def test_");
        known.tests.insert(path, tests.into_iter().map(|name| format!("test_{name}")).collect());
    }
    for folder in ["examples", "examples/python"] {
        known.examples.extend(files(folder).into_iter().map(|file| format!("{folder}/{file}")));
    }
    known
}

const DOCUMENT: &str = "docs/COVERAGE.md";

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{DOCUMENT}:\n  {}", wrong.join("\n  "));
}

#[test]
fn every_row_names_functions_and_tests_that_exist() {
    let known = known();
    // Had the headers or the tests not been understood, the complaints would be about that.
    assert!(known.functions.len() > 100, "only {} functions were found", known.functions.len());
    let tests: usize = known.tests.values().map(BTreeSet::len).sum();
    assert!(tests > 150, "only {tests} tests were found");
    let document = read(DOCUMENT);
    assert!(rows(&document).0.len() > 100, "only {} rows were found", rows(&document).0.len());
    assert_none(&complaints(&document, &known));
}

#[test]
fn every_exported_function_is_in_a_row() {
    let exports = read("c-tests/abi/exports.txt");
    let missing = missing(&read(DOCUMENT), exports.lines());
    assert!(missing.is_empty(), "{DOCUMENT} says nothing of {missing:?}");
}

/// The functions that both have are in the table about `wasm.h`, under their own names.
#[test]
fn every_function_of_wasm_h_is_in_its_table() {
    let header = read("include/wasm_memory.h");
    let (_, standard) = of_header(&header);
    assert!(standard.len() >= 28, "only {} functions of wasm.h were found", standard.len());
    let document = read(DOCUMENT);
    let (_, from) = document.split_once("\n## The standard `wasm.h`").expect("it has a table");
    let table = from.split("\n## ").next().unwrap();
    let (rows, _) = rows(table);
    let operations: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(&row.operation)).collect();
    let missing: Vec<_> = standard.difference(&operations).collect();
    assert!(missing.is_empty(), "the table about wasm.h in {DOCUMENT} lacks {missing:?}");
}

/// A small world for rows that are wrong.
fn small_world() -> Known {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Known {
        functions: set(&["wasm_memory_read", "wasm_memory_grow"]),
        words: set(&["wasm_memory_read", "wasm_memory_grow", "wasm_table_t", "env", "WASM_OK"]),
        tests: BTreeMap::from([("test_a.c".to_owned(), set(&["bytes_are_read"]))]),
        examples: set(&["examples/a.c"]),
    }
}

const HEADING: &str = "| operation | functions | shown by |\n|---|---|---|\n";

#[test]
fn right_rows_are_left_alone() {
    for row in [
        "| `read` | `wasm_memory_read` | `test_a.c: bytes_are_read` |",
        "| `read` | `wasm_memory_read` answers `WASM_OK` | `examples/a.c` |",
        "| `env` | `wasm_memory_grow`, by `wasm_table_t.env` | `test_a.c: bytes_are_read`, `examples/a.c` |",
        "| `wait` | comes with shared memories | |",
        "| `size` | comes with shared memories; `wasm_memory_read` has it | |",
    ] {
        let wrong = complaints(&format!("{HEADING}{row}\n"), &small_world());
        assert!(wrong.is_empty(), "{row}: {wrong:?}");
    }
}

#[test]
fn wrong_rows_are_found() {
    for (row, complaint) in [
        ("| `a` | `wasm_memory_reed` | `examples/a.c` |", "no header declares `wasm_memory_reed`"),
        ("| `a` | `wasm_table` | `examples/a.c` |", "no header declares `wasm_table`"),
        ("| `a` | `wasm_memory_read`, `wasm_chair_t` | `examples/a.c` |", "`wasm_chair_t`"),
        ("| `a` | `wasm_memory_read`: `WASM_KO` | `examples/a.c` |", "`WASM_KO`"),
        ("| `a` | comes with images: `wasm_memory_reset` | |", "no header declares"),
        ("| `a` | | `examples/a.c` |", "no function"),
        ("| `a` | `wasm_table_t` | `examples/a.c` |", "no function"),
        ("| `a` | wasm_memory_read | `examples/a.c` |", "no function"),
        ("| `a` | `wasm_memory_read` | |", "no test and no example"),
        ("| `a` | `wasm_memory_read` | some test |", "no test and no example"),
        ("| `a` | `wasm_memory_read` | `test_b.c: bytes_are_read` |", "no file of tests test_b.c"),
        ("| `a` | `wasm_memory_read` | `test_a.c: bytes_are` |", "no test bytes_are in"),
        ("| `a` | `wasm_memory_read` | `examples/b.c` |", "no example examples/b.c"),
        ("| `a` | comes with images | `examples/b.c` |", "no example examples/b.c"),
        ("| `a` | `wasm_memory_read | `examples/a.c` |", "a backtick"),
        ("| `a` | `wasm_memory_read` |", "2 columns"),
        ("| `a` | `wasm_memory_read` | `examples/a.c` | more |", "4 columns"),
        ("| | `wasm_memory_read` | `examples/a.c` |", "no operation"),
    ] {
        let wrong = complaints(&format!("{HEADING}{row}\n"), &small_world());
        let found = wrong.iter().any(|found| found.contains(complaint));
        assert!(found, "{row}: {wrong:?} and not {complaint:?}");
    }
}

#[test]
fn a_function_in_no_row_is_found() {
    let names = ["wasm_memory_read", "wasm_memory_grow"];
    let both = "| `a` | `wasm_memory_read` | |\n| `b` | `wasm_memory_grow` | |\n";
    assert!(missing(both, names).is_empty());
    let one = "| `a` | `wasm_memory_read` | |\n`wasm_memory_grow`\n";
    assert_eq!(missing(one, names), ["wasm_memory_grow"]);
    let later =
        "| `a` | `wasm_memory_read` | |\n| `b` | comes with images: `wasm_memory_grow` | |\n";
    assert_eq!(missing(later, names), ["wasm_memory_grow"]);
}

#[test]
fn headers_are_understood() {
    let header = "
#ifndef GUARD
#if !defined(WASM_H)
WASM_MEMORY_API wasm_memory_t *wasm_memory_new(int);
#endif
WASM_MEMORY_API
uint64_t wasm_memory_pages(int);
#endif
";
    let (all, standard) = of_header(header);
    assert_eq!(all, BTreeSet::from(["wasm_memory_new", "wasm_memory_pages"]));
    assert_eq!(standard, BTreeSet::from(["wasm_memory_new"]));
    let inline =
        "\nstatic inline SOME bool wasm_inline_a(\n int);\nstatic inline int wasm_inline_b(int);";
    assert_eq!(of_inline_header(inline), BTreeSet::from(["wasm_inline_a", "wasm_inline_b"]));
}

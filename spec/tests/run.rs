//! The whole program against runners that misbehave in every way they can.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use std::{fs, thread};

/// A folder of its own for a test, under cargo's.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs with engines that are called after their manners.
fn run(test: &str, manners: &[&str], options: &[&str]) -> Output {
    let folder = folder(test);
    let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-runner");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasm_memory_spec"));
    command.arg("run").args(options);
    command.arg("--scripts").arg(folder.join("scripts")).arg("--logs").arg(folder.join("logs"));
    for manner in manners {
        command.args(["--engine", manner]).arg(format!("'{}' {manner}", fake.display()));
    }
    command.output().unwrap()
}

#[track_caller]
fn expect(output: &Output, status: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{text}{errors}");
    for word in words {
        assert!(text.contains(word) || errors.contains(word), "no `{word}` in\n{text}{errors}");
    }
}

const ONE: [&str; 2] = ["--only", "3.0/endianness"];

#[test]
fn engines_that_are_as_good_on_ours_pass() {
    let output = run("good", &["good", "same", "whole"], &ONE);
    expect(&output, 0, &["good (fake good)", "not looked into: 3.0/endianness:", "69 skipped"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("WRONG"));
}

#[test]
fn whatever_is_worse_fails() {
    for (manner, words) in [
        ("worse", "fails on our memories only: got 1, not 2"),
        ("skips", "is skipped on our memories only: got 1, not 2"),
        ("strange", "made 0 memories, but the modules that ran define 1"),
        ("crash", "the runner crashed by signal 11"),
        ("exit", "the runner gave up with exit status 3 (oh no), on either memories"),
        ("garbage", "the runner said something that is not UTF-8"),
        ("short", "spoke of 1 directives, but there are 69"),
    ] {
        let output = run(manner, &["good", manner], &ONE);
        expect(&output, 1, &["WRONG: 3.0/endianness: ", words]);
    }
}

#[test]
fn a_runner_that_hangs_is_ended_with_its_children() {
    let output = run("hang", &["hang"], &["--only", "3.0/endianness", "--timeout", "1"]);
    expect(&output, 1, &["the runner did not end within 1 s, on either memories"]);
    // By then a child would have left a file.
    thread::sleep(Duration::from_secs(3));
    let late = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hang/scripts/3.0/endianness/late");
    assert!(!late.exists());
}

#[test]
fn a_runner_must_say_what_it_is() {
    expect(&run("mute", &["mute"], &ONE), 1, &["mute: ", "does not print one line"]);
    let output = run("nothing", &["good"], &["--engine", "none", "/nowhere/runner"]);
    expect(&output, 1, &["none: `/nowhere/runner --version` gave up with exit status 127"]);
}

#[test]
fn the_short_form_fails_in_the_same_way_and_writes_no_report() {
    expect(&run("short-good", &["good"], &["--short"]), 0, &["9 files on 1 engines"]);
    expect(&run("short-bad", &["worse"], &["--short"]), 1, &["WRONG: "]);
    let output = run("short-report", &["good"], &["--short", "--report", "r.md"]);
    expect(&output, 2, &["a report is about all files"]);
    expect(&run("no-file", &["good"], &["--only", "nothing"]), 1, &["no file has such a name"]);
}

#[test]
fn a_report_is_the_same_each_time_and_stands_also_if_something_is_worse() {
    let report = |test: &str, jobs: &str, manners: &[&str], status| {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.md"));
        let output = run(test, manners, &["--jobs", jobs, "--report", file.to_str().unwrap()]);
        expect(&output, status, &["the report is in "]);
        fs::read_to_string(file).unwrap()
    };
    let first = report("report-1", "1", &["good", "whole"], 0);
    let second = report("report-2", "4", &["good", "whole"], 0);
    assert_eq!(first, second);
    assert!(first.contains("| [fake good](#good) | 10596 | 0 | 0 | 10596 | 0 | 0 |"), "{first}");
    assert!(first.contains("**lacks everything**: 10596 directives"), "{first}");
    let worse = report("report-worse", "2", &["worse"], 1);
    assert!(worse.contains("**Not as it should be:**"), "{worse}");
}

//! Runs one script of the official tests on modules translated by wasm2c: see README.md.

mod driver;
mod module;
mod script;
mod tools;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use driver::Outcome;
use tools::{Bounds, Memory, Tools, Version};

const USAGE: &str = "usage: wasm2c-spec --engine 1.0.32|1.0.39 [--bounds guarded|checked] --memory own|ours FOLDER\n       \
                     wasm2c-spec --engine 1.0.32|1.0.39 --version";

struct Arguments {
    version: Version,
    bounds: Bounds,
    memory: Memory,
    folder: Option<PathBuf>,
    tell_version: bool,
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        version: Version::New,
        bounds: Bounds::Guarded,
        memory: Memory::Ours,
        folder: None,
        tell_version: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--engine" => {
                arguments.version = match words.next()?.as_str() {
                    "1.0.32" => Version::Old,
                    "1.0.39" => Version::New,
                    _ => return None,
                }
            }
            "--memory" => {
                arguments.memory = match words.next()?.as_str() {
                    "own" => Memory::Own,
                    "ours" => Memory::Ours,
                    _ => return None,
                }
            }
            "--bounds" => {
                arguments.bounds = match words.next()?.as_str() {
                    "guarded" => Bounds::Guarded,
                    "checked" => Bounds::Checked,
                    _ => return None,
                }
            }
            "--version" => arguments.tell_version = true,
            _ if word.starts_with('-') || arguments.folder.is_some() => return None,
            _ => arguments.folder = Some(word.into()),
        }
    }
    (arguments.tell_version || arguments.folder.is_some()).then_some(arguments)
}

/// What the program said: `p ID`, `f ID why`, and at its end `memories COUNT`.
fn run_driver(program: &Path, outcomes: &mut [Outcome]) -> Result<u64, String> {
    let output = Command::new(program)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("the driver did not start: {error}"))?;
    let mut memories = None;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.splitn(3, ' ');
        let (word, number) =
            (words.next(), words.next().and_then(|word| word.parse::<usize>().ok()));
        let (Some(word), Some(number)) = (word, number) else { continue };
        match word {
            "memories" => memories = Some(number as u64),
            "p" if number < outcomes.len() => outcomes[number] = Outcome::Passed,
            "f" if number < outcomes.len() => {
                outcomes[number] = Outcome::Failed(words.next().unwrap_or_default().to_owned());
            }
            _ => {}
        }
    }
    let status = output.status;
    let ended = match memories {
        Some(_) => String::new(),
        None => {
            use std::os::unix::process::ExitStatusExt;
            let said = String::from_utf8_lossy(&output.stderr)
                .lines()
                .last()
                .unwrap_or_default()
                .to_owned();
            match status.signal() {
                Some(signal) => format!("the program ended with signal {signal} {said}"),
                None => {
                    format!("the program ended with status {} {said}", status.code().unwrap_or(-1))
                }
            }
        }
    };
    for outcome in outcomes.iter_mut() {
        if matches!(outcome, Outcome::Run) {
            let why = if ended.is_empty() { "the program did not tell" } else { ended.trim() };
            *outcome = Outcome::Failed(why.to_owned());
        }
    }
    Ok(memories.unwrap_or(0))
}

fn run(arguments: &Arguments, folder: &Path) -> Result<(), String> {
    let tools = Tools::from_environment(arguments.version, arguments.bounds)?;
    let result = run_with(&tools, arguments.memory, folder);
    tools.tidy();
    result
}

fn run_with(tools: &Tools, memory: Memory, folder: &Path) -> Result<(), String> {
    let script = script::read(folder)?;
    let mut built = driver::build(&script, folder, tools, memory)?;
    let workshop = std::env::temp_dir().join(format!("wasm2c-spec-{}", std::process::id()));
    std::fs::create_dir_all(&workshop)
        .map_err(|error| format!("{}: {error}", workshop.display()))?;
    let modules: Vec<&str> = built.modules.iter().map(String::as_str).collect();
    let ran = tools
        .link(&built.source, &modules, memory, &workshop)
        .and_then(|program| run_driver(&program, &mut built.outcomes));
    if std::env::var_os("WASM2C_SPEC_KEEP").is_none() {
        let _ = std::fs::remove_dir_all(&workshop);
    }
    let memories = ran?;

    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (directive, outcome) in script.directives.iter().zip(&built.outcomes) {
        match outcome {
            Outcome::Passed => passed += 1,
            Outcome::Failed(why) => {
                failed += 1;
                println!("fail {} {why}", directive.line);
            }
            Outcome::Skipped(why) => {
                skipped += 1;
                println!("skip {} {why}", directive.line);
            }
            Outcome::Run => unreachable!("the program's end decides all"),
        }
    }
    println!("total {passed} {failed} {skipped} {memories}");
    Ok(())
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    if arguments.tell_version {
        println!("wasm2c {}", if arguments.version == Version::Old { "1.0.32" } else { "1.0.39" });
        return ExitCode::SUCCESS;
    }
    match run(&arguments, arguments.folder.as_deref().unwrap_or(Path::new("."))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("wasm2c-spec: {why}");
            ExitCode::FAILURE
        }
    }
}

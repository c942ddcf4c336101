//! Runs WebAssembly's official tests about memory on engines whose linear memories are wasm_memory's,
//! and on the same engines with their own memories.
//!
//! See README.md in this package for the formats that it speaks with the programs that run an engine.

mod features;
mod known;
mod options;
mod outcome;
mod report;
mod runner;
mod script;
mod suite;
mod token;
mod verdict;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use known::Known;
use options::{Options, Wish};
use report::Results;
use script::Script;

fn main() -> ExitCode {
    let done = match options::parse(std::env::args().skip(1)) {
        Ok(Wish::Run(options)) => run(&options),
        Ok(Wish::Convert(folder)) => convert(&folder).map(|()| true),
        Ok(Wish::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("spec: {error}\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(well) => ExitCode::from(u8::from(!well)),
        Err(error) => {
            eprintln!("spec: {error}");
            ExitCode::FAILURE
        }
    }
}

fn convert(folder: &Path) -> Result<(), String> {
    let scripts = suite::scripts(|_| true)?;
    write(&scripts, folder)?;
    for script in &scripts {
        println!(
            "{:<40} {:>5} directives, {:>3} modules, needs {}",
            script.name,
            script.count(),
            script.modules.len(),
            script.needs.words()
        );
    }
    Ok(())
}

fn write(scripts: &[Script], folder: &Path) -> Result<(), String> {
    for script in scripts {
        let folder = folder.join(&script.name);
        script.write(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(())
}

/// Whether all is well.
fn run(options: &Options) -> Result<bool, String> {
    let scripts = suite::scripts(|name| options.wants(name))?;
    if scripts.is_empty() {
        return Err("no file has such a name; `convert` prints them".into());
    }
    write(&scripts, &options.ways.scripts)?;
    let known = Known::parse(include_str!("../known-failures.txt"))?;

    let versions: Result<Vec<_>, _> =
        options.engines.iter().map(|engine| engine.version()).collect();
    let versions = versions?;
    println!(
        "{} files on {} engines, on their own memories and on ours",
        scripts.len(),
        versions.len()
    );
    let pairs = runner::run(&options.engines, &scripts, &options.ways);
    let results: Vec<_> = (options.engines.iter().zip(versions).zip(pairs))
        .map(|((engine, version), pairs)| Results {
            engine: engine.name.clone(),
            version,
            shared: engine.shared,
            pairs,
        })
        .collect();

    let well = tell(&results, &scripts, &known);
    if options.whole() {
        let engines: Vec<_> = results.iter().map(|result| result.engine.as_str()).collect();
        for line in known.unused(&engines) {
            println!("note: no failure asked for this line of known-failures.txt: {line}");
        }
    }
    if let Some(file) = &options.report {
        let report = report::print(&results, &scripts, &known);
        fs::write(file, report).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("the report is in {}", file.display());
    }
    Ok(well)
}

/// Prints what happened; says whether all is well.
fn tell(results: &[Results], scripts: &[Script], known: &Known) -> bool {
    let mut well = true;
    for result in results {
        let (ours, own) = result.sums();
        println!("{} ({})", result.engine, result.version);
        for (how, sum) in [("on ours", ours), ("on its own", own)] {
            println!(
                "  {how:<10} {:>6} passed, {:>4} failed, {:>5} skipped, {:>2} broken, {:>4} memories by wasm_memory",
                sum.passed, sum.failed, sum.skipped, sum.broken, sum.memories
            );
        }
        for failure in result.unknown(scripts, known) {
            println!("  not looked into: {failure}");
        }
        for charge in result.charges(scripts) {
            println!("  WRONG: {charge}");
            well = false;
        }
    }
    well
}

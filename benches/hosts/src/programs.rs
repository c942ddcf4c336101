//! Programs: the same work on both memories of a host, in pairs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::figures::Figures;
use crate::host::{Host, Ran};
use crate::options::Options;
use crate::row::{Facts, Kind, Row};
use crate::{Result, input};

struct Program {
    name: &'static str,
    about: &'static str,
    arguments: Vec<&'static str>,
    input: PathBuf,
}

struct Place {
    name: &'static str,
    program: fn(&Options, &str) -> PathBuf,
    /// Whether it takes the module as an argument; wasm2c's have it inside.
    takes_module: bool,
    /// What its memories are called: the host's own, ours, and ours with options.
    memories: &'static [&'static str],
}

/// A memory behind guards grows by small steps that the system cannot fill with huge pages.
const GUARDED: &[&str] = &["own", "ours", "ours-kept"];
const CHECKED: &[&str] = &["own", "ours", "ours-kept", "ours-huge"];

const PLACES: [Place; 4] = [
    Place {
        name: "wasmtime",
        program: |options, _| options.build.join("wasmtime"),
        takes_module: true,
        memories: GUARDED,
    },
    Place {
        name: "wasm2c-guarded",
        program: |options, program| options.build.join(format!("wasm2c-guarded-{program}")),
        takes_module: false,
        memories: GUARDED,
    },
    Place {
        name: "wasm2c-checked",
        program: |options, program| options.build.join(format!("wasm2c-checked-{program}")),
        takes_module: false,
        memories: CHECKED,
    },
    Place {
        name: "wazero",
        program: |options, _| options.build.join("wazero"),
        takes_module: true,
        memories: CHECKED,
    },
];

const MEASURES: [Measure; 2] = [
    Measure { name: "run", about: "the guest's own code", figure: |ran| ran.run_ns },
    Measure { name: "whole", about: "instance made, run and dropped", figure: |ran| ran.whole_ns },
];

struct Measure {
    name: &'static str,
    about: &'static str,
    figure: fn(&Ran) -> f64,
}

/// Rounds in one process. Several processes make the pairs of a row, because where code and tables come
/// to lie differs from process to process, and with it the speed of both.
const ROUNDS_IN_PROCESS: usize = 2;

pub fn measure(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for program in programs(options)? {
        let wanted: Vec<&Place> = PLACES
            .iter()
            .filter(|place| names(place, &program).iter().any(|name| options.wants(name)))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let expected = options.out.join(format!("{}.native", program.name));
        let native_ns = native(options, &program, &expected)?;
        let expected = fs::read(expected)?;
        for place in wanted {
            eprintln!("{} in {} ...", program.name, place.name);
            let rounds = run_rounds(options, place, &program, &expected)?;
            rows.extend(rows_of(place, &program, &rounds, native_ns));
        }
    }
    rows.retain(|row| options.wants(&row.name));
    Ok(rows)
}

/// The rows of a program in a host: of each measure, for each memory of ours.
fn names(place: &Place, program: &Program) -> Vec<String> {
    let ours = &place.memories[1..];
    let of_measure = |measure: &'static Measure| {
        ours.iter().map(|memory| {
            let option = memory.strip_prefix("ours-").map(|option| format!("/{option}"));
            let option = option.unwrap_or_default();
            format!("{}/{}/{}{option}", place.name, program.name, measure.name)
        })
    };
    MEASURES.iter().flat_map(of_measure).collect()
}

/// The programs and their work, of about a second each.
fn programs(options: &Options) -> Result<Vec<Program>> {
    let text = options.out.join("text");
    let bytes = if options.smoke { 300_000 } else { 6_000_000 };
    fs::write(&text, input::text(bytes))?;
    let nothing = options.out.join("nothing");
    fs::write(&nothing, [])?;
    Ok(vec![
        Program {
            name: "bzip2",
            about: "bzip2 1.0.8 compresses 6 MB of text",
            arguments: vec!["bzip2", "-9"],
            input: text,
        },
        Program {
            name: "sqlite",
            about: "SQLite fills and queries a database in memory",
            arguments: vec!["sqlite", if options.smoke { "300" } else { "10000" }],
            input: nothing,
        },
    ])
}

/// The same program without a host: what its output must be, and how long it takes.
fn native(options: &Options, program: &Program, output: &Path) -> Result<f64> {
    let path = options.build.join(format!("{}-native", program.name));
    let mut times = Vec::new();
    for _ in 0..if options.smoke { 1 } else { 5 } {
        let start = Instant::now();
        let status = Command::new(&path)
            .args(&program.arguments[1..])
            .stdin(fs::File::open(&program.input)?)
            .stdout(Stdio::from(fs::File::create(output)?))
            .status()
            .map_err(|error| format!("{} cannot be started: {error}", path.display()))?;
        times.push(start.elapsed().as_nanos() as f64);
        if !status.success() {
            return Err(format!("{} ended with {status}", path.display()).into());
        }
    }
    if fs::metadata(output)?.len() == 0 {
        return Err(format!("{} wrote nothing", path.display()).into());
    }
    Ok(Figures::of(times).median)
}

/// A run on each memory of the place, in their order.
type Round = Vec<Ran>;

fn run_rounds(
    options: &Options,
    place: &Place,
    program: &Program,
    expected: &[u8],
) -> Result<Vec<Round>> {
    let rounds = if options.smoke { 1 } else { options.pairs };
    let mut done: Vec<Round> = Vec::new();
    while done.len() < rounds {
        let path = (place.program)(options, program.name);
        let module = options.build.join(format!("{}.wasm", program.name));
        let mut host = Host::start(place.name, &path, place.takes_module.then_some(&module))?;
        let mut run = |memory| run_once(options, &mut host, place, program, memory, expected);
        if !options.smoke {
            // Compiles, and fetches what is cold.
            for memory in place.memories {
                run(memory)?;
            }
        }
        for _ in 0..ROUNDS_IN_PROCESS.min(rounds - done.len()) {
            // Forwards, then backwards: what drifts meets all alike.
            let backwards = done.len() % 2 == 1;
            let mut memories = place.memories.to_vec();
            if backwards {
                memories.reverse();
            }
            let mut round: Round = memories.into_iter().map(&mut run).collect::<Result<_>>()?;
            if backwards {
                round.reverse();
            }
            done.push(round);
        }
        host.end()?;
    }
    Ok(done)
}

/// One run, whose output must be the native program's, in memories of whom we asked for.
fn run_once(
    options: &Options,
    host: &mut Host,
    place: &Place,
    program: &Program,
    memory: &str,
    expected: &[u8],
) -> Result<Ran> {
    let output = options.out.join(format!("{}.out", program.name));
    let ran = host.run(memory, &program.input, &output, &program.arguments)?;
    let who = format!("{} in {} on {memory} memory", program.name, place.name);
    if ran.exit_status != 0 {
        return Err(format!("{who} ended with {}", ran.exit_status).into());
    }
    if fs::read(&output)? != expected {
        return Err(format!("{who}: its output is not that of the native program").into());
    }
    let due = u64::from(memory != "own");
    if ran.made != due {
        return Err(format!("{who}: wasm_memory made {} memories, not {due}", ran.made).into());
    }
    Ok(ran)
}

fn rows_of(place: &Place, program: &Program, rounds: &[Round], native_ns: f64) -> Vec<Row> {
    let of = |memory: usize, figure: fn(&Ran) -> f64| {
        Figures::of(rounds.iter().map(|round| figure(&round[memory])).collect())
    };
    let ratio = |memory: usize, figure: fn(&Ran) -> f64| {
        Figures::of(rounds.iter().map(|round| figure(&round[memory]) / figure(&round[0])).collect())
    };
    let columns = MEASURES
        .iter()
        .flat_map(|measure| (1..place.memories.len()).map(move |memory| (measure, memory)));
    let rows = columns.zip(names(place, program)).map(|((measure, memory), name)| Row {
        name,
        about: format!("{}; {}", program.about, measure.about),
        kind: Kind::Program,
        own: of(0, measure.figure),
        ours: of(memory, measure.figure),
        ratio: ratio(memory, measure.figure),
        has_goal: true,
        facts: Facts {
            native_ns: Some(native_ns),
            cpu_ratio: Some(ratio(memory, |ran| ran.cpu_ns).median),
            faults: Some((of(0, |ran| ran.faults).median, of(memory, |ran| ran.faults).median)),
            pages: rounds.iter().map(|round| round[0].pages).max(),
        },
    });
    rows.collect()
}

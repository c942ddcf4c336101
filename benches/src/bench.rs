//! Measures wasm_memory through its C interface, against the raw floor and against its peers.
//!
//! See README.md in this package for how to run it and how to read what it prints.

mod clock;
mod companion;
mod machine;
mod measure;
mod options;
mod partner;
mod probe;
mod processors;
mod report;
mod row;
mod subjects;
mod topics;

use std::fs;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use clock::Clock;
use measure::{Effort, Noise, measure};
use options::{Options, Wish};
use report::{Entry, Verdict};
use row::{Result, Row, Who};
use subjects::in_place::PageMap;

/// A page of WebAssembly.
pub const PAGE: usize = 1 << 16;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Wish::Run(options)) => options,
        Ok(Wish::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("bench: {error}\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(good) => ExitCode::from(u8::from(!good)),
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well: goals count only if they are enforced.
fn run(options: &Options) -> Result<bool> {
    let all = topics::all(options.memories);
    let rows: Vec<Row> = all.into_iter().filter(|row| options.wants(&row.name)).collect();
    if rows.is_empty() {
        return Err("no row has such a name; --list shows them".into());
    }
    if options.list {
        for row in &rows {
            println!("{:<32} {}; floor: {}", row.name, row.about, row.floor_is);
        }
        return Ok(true);
    }

    // What such a row would say here is something else.
    let (rows, skipped): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| obstacle(row).is_none());
    for row in &skipped {
        println!("skipped: {}, {}", row.name, obstacle(row).unwrap_or_default());
    }
    if rows.is_empty() {
        return Ok(true);
    }

    let start = Instant::now();
    let load_before = machine::load();
    let clock = Clock::calibrate();
    let effort = if options.smoke { Effort::SMOKE } else { Effort::FULL };
    let mut entries = Vec::new();
    let count = rows.len();
    for (index, row) in rows.into_iter().enumerate() {
        progress(&format!("{}/{count} {}", index + 1, row.name));
        let measured =
            measure(&row, effort, &clock).map_err(|error| format!("{}: {error}", row.name))?;
        check(&row, &measured)?;
        entries.push(Entry { row, measured });
    }
    progress("");

    let samples: usize = entries.iter().map(|entry| entry.measured.samples()).sum();
    let mut noise = Noise::default();
    entries.iter().for_each(|entry| noise += entry.measured.noise);
    let run = json!({
        "smoke": options.smoke,
        "seconds": start.elapsed().as_secs_f64(),
        "clock_overhead_ns": clock.overhead(),
        "samples": samples,
        "disturbed_samples_repeated": noise.repeated,
        "disturbed_samples_kept": noise.kept,
        "load_average_before": load_before,
        "load_average_after": machine::load(),
        "skipped": skipped.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(),
    });
    let document = report::json::document(&entries, machine::facts(), machine::versions(), run);
    fs::create_dir_all(&options.out)?;
    let results = options.out.join("results.json");
    fs::write(&results, format!("{document:#}\n"))?;
    let chart = options.out.join("chart.svg");
    report::chart::draw(&entries, &chart)?;

    report::table::print(&entries);
    println!("\nmachine: {}", in_a_line(&document["machine"]));
    println!("versions: {}", in_a_line(&document["versions"]));
    println!(
        "noise: {samples} samples; disturbed: {} taken again, {} kept",
        noise.repeated, noise.kept
    );
    println!("written: {}, {}", results.display(), chart.display());

    let verdicts: Vec<Verdict> = entries.iter().filter_map(Entry::verdict).collect();
    let met = verdicts.iter().filter(|verdict| **verdict == Verdict::Met).count();
    println!("bench: {} rows, {met} of {} goals met", entries.len(), verdicts.len());
    Ok(!options.enforce || met == verdicts.len())
}

/// Why a row cannot be measured on this machine.
fn obstacle(row: &Row) -> Option<String> {
    if row.processors > processors::count() {
        return Some(format!("which takes {} processors", row.processors));
    }
    (row.scans && !PageMap::answers())
        .then(|| "whose floor is PAGEMAP_SCAN of Linux 6.7".to_owned())
}

/// Figures that cannot be true are a defect of the bench, whatever the goals say.
fn check(row: &Row, measured: &measure::Measured) -> Result<()> {
    if measured.of(Who::Ours).is_none() || measured.of(Who::Floor).is_none() {
        return Err(format!("{}: lacks our column or the floor's", row.name).into());
    }
    for (who, figures) in &measured.columns {
        let ordered = figures.minimum <= figures.median && figures.median <= figures.p90;
        // No machine does anything in a hundredth of a nanosecond: the optimiser took the step away.
        if !ordered || figures.median < 0.01 || !figures.p90.is_finite() {
            let name = who.name();
            return Err(
                format!("{}: the figures of {name} make no sense: {figures:?}", row.name).into()
            );
        }
    }
    Ok(())
}

/// What is being done now, on standard error: a terminal shows it in one line, a log in many.
fn progress(text: &str) {
    let mut errors = std::io::stderr();
    // A lost line of progress is no reason to stop.
    let _ = match (errors.is_terminal(), text) {
        (true, _) => write!(errors, "\r\x1b[K{text}").and_then(|()| errors.flush()),
        (false, "") => Ok(()),
        (false, _) => writeln!(errors, "{text}"),
    };
}

/// `name value, name value`, for people.
fn in_a_line(facts: &serde_json::Value) -> String {
    let Some(facts) = facts.as_object() else { return facts.to_string() };
    let each = facts.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name} {text}"),
        None => format!("{name} {value}"),
    });
    each.collect::<Vec<_>>().join(", ")
}

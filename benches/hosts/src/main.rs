//! Runs real programs in real hosts, on the host's own memories and on ours, in pairs, and says what
//! that costs end to end. `benches/hosts/run` builds the programs and the hosts and starts this.

mod chart;
mod figures;
mod host;
mod input;
mod json;
mod machine;
mod options;
mod programs;
mod rates;
mod row;
mod table;

use std::error::Error;
use std::process::ExitCode;
use std::{fmt, fs, io};

use options::Options;

/// A sentence for the user.
#[derive(Debug)]
pub struct Failure(String);

pub type Result<T> = std::result::Result<T, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl Error for Failure {}

impl From<String> for Failure {
    fn from(sentence: String) -> Self {
        Self(sentence)
    }
}

impl From<&str> for Failure {
    fn from(sentence: &str) -> Self {
        Self(sentence.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    match Options::from_arguments(std::env::args().skip(1)).and_then(|options| work(&options)) {
        Ok(all_met) => ExitCode::from(u8::from(!all_met)),
        Err(failure) => {
            eprintln!("bench of hosts: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Measures and reports. False if a goal was missed and the caller wants to know.
fn work(options: &Options) -> Result<bool> {
    fs::create_dir_all(&options.out)?;
    let load = machine::load();
    let mut rows = programs::measure(options)?;
    rows.extend(rates::measure(options)?);
    if rows.is_empty() {
        return Err("no row has such a name".into());
    }
    if options.smoke {
        println!("{} rows work; their figures would be rough, and are not shown", rows.len());
        return Ok(true);
    }
    table::print(&rows);
    fs::write(
        options.out.join("results.json"),
        format!("{:#}\n", json::document(&rows, options, load)),
    )?;
    fs::write(options.out.join("hosts.svg"), chart::draw(&rows))?;
    println!("\nwritten: {0}/results.json, {0}/hosts.svg", options.out.display());
    let with_goal = rows.iter().filter(|row| row.has_goal).count();
    let missed = rows.iter().filter(|row| !row.is_met()).count();
    println!("{} of {with_goal} goals met", with_goal - missed);
    Ok(missed == 0 || !options.enforce)
}

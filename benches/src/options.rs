//! The command line.

use std::path::PathBuf;

use crate::row::Result;

pub const HELP: &str = "\
usage: wasm_memory_bench [--smoke] [--filter TEXT]... [--list] [--enforce] [--out FOLDER]
                         [--memories COUNT]
  --smoke           each row a few times, to see that it works; the figures are rough
  --filter TEXT     only rows whose name contains TEXT; may be repeated
  --list            print the rows instead of measuring them
  --enforce         exit with 1 unless every goal is met
  --out FOLDER      where results.json and chart.svg go (default: target/bench)
  --memories COUNT  live memories of the rows of density and traps/classify (default: 100000)";

#[derive(Debug)]
pub struct Options {
    pub smoke: bool,
    pub list: bool,
    pub enforce: bool,
    pub out: PathBuf,
    pub memories: u32,
    filters: Vec<String>,
}

impl Options {
    pub fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter))
    }
}

/// What the command line asks for.
pub enum Wish {
    Run(Options),
    Help,
}

pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wish> {
    let mut options = Options {
        smoke: false,
        list: false,
        enforce: false,
        out: PathBuf::from("target/bench"),
        memories: 100_000,
        filters: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--smoke" => options.smoke = true,
            "--list" => options.list = true,
            "--enforce" => options.enforce = true,
            "--filter" => options.filters.push(value()?),
            "--memories" => options.memories = positive(&value()?)?,
            "--out" => options.out = value()?.into(),
            "--help" | "-h" => return Ok(Wish::Help),
            _ => return Err(format!("{argument} is no option").into()),
        }
    }
    Ok(Wish::Run(options))
}

fn positive(text: &str) -> Result<u32> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(format!("{text} is no number of memories").into()),
    }
}

//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::runner::{Engine, Ways};
use crate::suite;

pub const HELP: &str = "\
usage: wasm_memory_spec convert FOLDER
       wasm_memory_spec run [OPTION]... --engine NAME COMMAND...
convert writes the scripts into FOLDER and prints a line for each.
run converts, and runs the scripts on each engine, on its own memories and on ours.
  --engine NAME COMMAND   an engine; COMMAND is for a shell; may be repeated
  --makes-shared NAME     that engine makes shared memories itself, even on ours; may be repeated
  --only TEXT             only files whose name contains TEXT; may be repeated
  --short                 some representative files only
  --report FILE           write the report into FILE; not with --short or --only
  --scripts FOLDER        where scripts go (default: target/spec/scripts)
  --logs FOLDER           where the words of runners go (default: target/spec/logs)
  --jobs COUNT            how many runners at once (default: 2)
  --timeout SECONDS       how long a runner may take for a file (default: 300)
exit status: 0 all is well, 1 something is worse on ours or broken, 2 the command line is wrong";

/// What the command line asks for.
#[derive(Debug)]
pub enum Wish {
    Help,
    Convert(PathBuf),
    Run(Options),
}

#[derive(Debug)]
pub struct Options {
    pub engines: Vec<Engine>,
    pub short: bool,
    pub report: Option<PathBuf>,
    pub ways: Ways,
    only: Vec<String>,
}

impl Options {
    pub fn wants(&self, name: &str) -> bool {
        (!self.short || suite::is_short(name))
            && (self.only.is_empty() || self.only.iter().any(|text| name.contains(text)))
    }

    /// Whether every file is run.
    pub fn whole(&self) -> bool {
        !self.short && self.only.is_empty()
    }
}

pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    match arguments.next().as_deref() {
        Some("convert") => match (arguments.next(), arguments.next()) {
            (Some(folder), None) => Ok(Wish::Convert(folder.into())),
            _ => Err("convert needs one folder".into()),
        },
        Some("run") => run(arguments).map(Wish::Run),
        Some("--help" | "-h") => Ok(Wish::Help),
        Some(other) => Err(format!("{other} is no command")),
        None => Err("there is no command".into()),
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        engines: Vec::new(),
        short: false,
        report: None,
        ways: Ways {
            scripts: "target/spec/scripts".into(),
            logs: "target/spec/logs".into(),
            timeout: Duration::from_secs(300),
            jobs: 2,
        },
        only: Vec::new(),
    };
    let mut makers = Vec::new();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--engine" => {
                let (name, command) = (value()?, value()?);
                if options.engines.iter().any(|engine| engine.name == name) {
                    return Err(format!("the engine {name} is named twice"));
                }
                options.engines.push(Engine { name, command, shared: true });
            }
            "--makes-shared" => makers.push(value()?),
            "--only" => options.only.push(value()?),
            "--short" => options.short = true,
            "--report" => options.report = Some(value()?.into()),
            "--scripts" => options.ways.scripts = value()?.into(),
            "--logs" => options.ways.logs = value()?.into(),
            "--jobs" => options.ways.jobs = positive(&value()?)? as usize,
            "--timeout" => options.ways.timeout = Duration::from_secs(positive(&value()?)?.into()),
            _ => return Err(format!("{argument} is no option")),
        }
    }
    for maker in makers {
        let engine = options.engines.iter_mut().find(|engine| engine.name == maker);
        engine.ok_or(format!("--makes-shared {maker}: there is no such engine"))?.shared = false;
    }
    if options.engines.is_empty() {
        return Err("there is no engine".into());
    }
    if options.report.is_some() && !options.whole() {
        return Err("a report is about all files: not with --short or --only".into());
    }
    Ok(options)
}

fn positive(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(format!("{text} is no number above 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Result<Options, String> {
        match parse(line.split_whitespace().map(String::from))? {
            Wish::Run(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn engines_are_read() {
        let options = options("run --engine a x --engine b y --makes-shared a --short").unwrap();
        assert_eq!(options.engines[0].command, "x");
        assert!(!options.engines[0].shared && options.engines[1].shared);
        assert!(options.short && !options.whole());
    }

    #[test]
    fn wrong_ones_are_refused() {
        for (line, why) in [
            ("", "no command"),
            ("walk", "walk is no command"),
            ("convert", "one folder"),
            ("convert a b", "one folder"),
            ("run", "no engine"),
            ("run --engine a", "--engine needs a value"),
            ("run --engine a x --engine a y", "twice"),
            ("run --engine a x --makes-shared b", "no such engine"),
            ("run --engine a x --jobs 0", "0 is no number"),
            ("run --engine a x --timeout -1", "-1 is no number"),
            ("run --engine a x --short --report r", "about all files"),
            ("run --engine a x --only t --report r", "about all files"),
            ("run --engine a x --fast", "--fast is no option"),
        ] {
            let error = options(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}

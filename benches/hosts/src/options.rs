//! What the caller wants.

use std::path::PathBuf;

use crate::Result;

pub struct Options {
    /// Where the Makefile has put programs and hosts.
    pub build: PathBuf,
    /// Where the report goes, and what the programs read and write.
    pub out: PathBuf,
    /// Everything once, small, and no figures.
    pub smoke: bool,
    /// Whether a missed goal is a failure.
    pub enforce: bool,
    /// Only rows whose name contains this.
    pub filter: String,
    /// Pairs of each program on each host.
    pub pairs: usize,
    /// Whose figures they are: (name, version).
    pub versions: Vec<(String, String)>,
}

const USAGE: &str = "usage: BUILD_DIR OUT_DIR [--smoke] [--enforce] [--filter TEXT] [--pairs N] \
                     [--version NAME=VERSION]...";

impl Options {
    pub fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut folders = Vec::new();
        let mut options = Self {
            build: PathBuf::new(),
            out: PathBuf::new(),
            smoke: false,
            enforce: false,
            filter: String::new(),
            pairs: 16,
            versions: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} lacks a value"));
            match argument.as_str() {
                "--smoke" => options.smoke = true,
                "--enforce" => options.enforce = true,
                "--filter" => options.filter = value()?,
                "--pairs" => {
                    let text = value()?;
                    options.pairs = text.parse().map_err(|_| format!("{text} is no number"))?;
                    if options.pairs == 0 {
                        return Err("--pairs wants one at least".into());
                    }
                }
                "--version" => {
                    let text = value()?;
                    let (name, version) =
                        text.split_once('=').ok_or_else(|| format!("{text} has no ="))?;
                    options.versions.push((name.into(), version.into()));
                }
                folder if !folder.starts_with("--") => folders.push(PathBuf::from(folder)),
                other => return Err(format!("{other} is not known; {USAGE}").into()),
            }
        }
        let [build, out] = <[PathBuf; 2]>::try_from(folders).map_err(|_| USAGE)?;
        Ok(Self { build, out, ..options })
    }

    /// Whether rows whose names begin with `name` may be wanted.
    pub fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }
}

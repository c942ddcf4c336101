//! What is known of failures that an engine has on its own memories as well.
//!
//! The text has one line for each: `ENGINE FILE LINES: what it is`. ENGINE and FILE may end in `*`;
//! LINES are numbers and ranges with commas between, or `*`. A `#` begins a comment line.

use std::cell::Cell;

/// What is known, in the order in which it is asked: the first that fits answers.
#[derive(Debug)]
pub struct Known(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    text: String,
    engine: String,
    file: String,
    /// Both ends belong to a range. None is all lines.
    lines: Option<Vec<(usize, usize)>>,
    words: String,
    used: Cell<bool>,
}

impl Known {
    pub fn parse(text: &str) -> Result<Known, String> {
        let mut entries = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let entry = entry(line);
            entries.push(entry.ok_or(format!("no `ENGINE FILE LINES: what it is`: {line}"))?);
        }
        Ok(Known(entries))
    }

    /// What a failure is, if somebody looked into it.
    pub fn words(&self, engine: &str, file: &str, line: usize) -> Option<&str> {
        let entry = self.0.iter().find(|entry| {
            fits(&entry.engine, engine)
                && fits(&entry.file, file)
                && entry.lines.as_ref().is_none_or(|lines| {
                    lines.iter().any(|&(first, last)| (first..=last).contains(&line))
                })
        })?;
        entry.used.set(true);
        Some(&entry.words)
    }

    /// What no failure of these engines asked for: they have become better, or a line is wrong.
    pub fn unused(&self, engines: &[&str]) -> Vec<&str> {
        let unused = self.0.iter().filter(|entry| {
            !entry.used.get() && engines.iter().any(|engine| fits(&entry.engine, engine))
        });
        unused.map(|entry| entry.text.as_str()).collect()
    }
}

fn entry(text: &str) -> Option<Entry> {
    let (head, words) = text.split_once(": ")?;
    let [engine, file, lines] = head.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let lines = match lines {
        "*" => None,
        lines => Some(lines.split(',').map(range).collect::<Option<Vec<_>>>()?),
    };
    Some(Entry {
        text: text.into(),
        engine: engine.into(),
        file: file.into(),
        lines,
        words: words.into(),
        used: Cell::new(false),
    })
}

fn range(text: &str) -> Option<(usize, usize)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_answers() {
        let text = "# a comment\n\nwasm2c-* 3.0/align 3,7-9: first\nwazero * *: second\n";
        let known = Known::parse(text).unwrap();
        assert_eq!(known.words("wasm2c-1.0.39", "3.0/align", 8), Some("first"));
        assert_eq!(known.words("wasm2c-1.0.39", "3.0/align", 3), Some("first"));
        assert_eq!(known.words("wasm2c-1.0.39", "3.0/align", 4), None);
        assert_eq!(known.words("wasm2c-1.0.39", "3.0/align64", 8), None);
        assert_eq!(known.words("wasmtime", "3.0/align", 8), None);
        assert_eq!(known.unused(&["wasmtime", "wazero"]), ["wazero * *: second"]);
        assert!(known.unused(&["wasmtime"]).is_empty());
        assert_eq!(known.words("wazero", "2.0/bulk", 1), Some("second"));
        assert!(known.unused(&["wasm2c-1.0.39", "wazero"]).is_empty());
    }

    #[test]
    fn wrong_lines_are_refused() {
        for text in
            ["wazero 2.0/bulk 3", "wazero 2.0/bulk: x", "wazero 2.0/bulk a: x", "a b 1- : x"]
        {
            assert!(Known::parse(text).unwrap_err().contains(text), "{text}");
        }
    }

    #[test]
    fn what_the_package_carries_is_well_formed() {
        Known::parse(include_str!("../known-failures.txt")).unwrap();
    }
}
